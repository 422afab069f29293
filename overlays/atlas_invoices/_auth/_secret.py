"""Keep credentials out of sight: a holder that shows nothing, checks that quote nothing, text with secrets masked."""

from __future__ import annotations

import base64
from typing import NoReturn
from urllib.parse import quote, quote_plus

from atlas_invoices._utils import single_line

_MASK = "***"
_SHORT = 6
_LONG = 16


class Secret:
    """A string that repr, str, vars, pickle and a traceback that prints locals don't show."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep `value`."""
        self._value = value

    def reveal(self) -> str:
        """Return the string; use it in place, don't give it a name."""
        return self._value

    def __repr__(self) -> str:
        """Return a mask."""
        return f"Secret({_MASK})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickling and copying."""
        raise TypeError("a secret can't be pickled or copied")


def validate_credential(value: object, what: str) -> str | None:
    """Say what is wrong with a credential, without quoting it, or return None.

    The caller raises: a frame that raises must not have the value in its locals.
    """
    if not isinstance(value, str):
        return f"the {what} must be a string, not {type(value).__name__}"
    if not value.strip():
        return f"the {what} is empty"
    if value != value.strip():
        return f"the {what} has whitespace around it (a line break from a file, perhaps); remove it"
    if not (value.isascii() and value.isprintable()):
        return f"the {what} has characters that no Atlas credential has (control or non-ASCII characters)"
    return None


def mask_id(identifier: Secret) -> str:
    """Return enough of a public identifier to tell it from another, and no more."""
    text = str(identifier.reveal())  # A repr in the traceback of the fault that was found may see another type.
    if len(text) >= _LONG:
        return f"{text[:4]}…{text[-4:]}"
    return f"{text[:2]}…" if len(text) >= _SHORT else "…"


def masked(text: object, secrets: tuple[Secret, ...]) -> str:
    """Return a server's text as one short line in which none of the secrets appears, encoded or not."""
    shown = str(text)
    for secret in secrets:
        for form in _forms(secret):
            shown = shown.replace(form, _MASK)
    return single_line(shown)


def _forms(secret: Secret) -> tuple[str, ...]:
    value = secret.reveal()
    return (value, quote(value, safe=""), quote_plus(value), base64.b64encode(value.encode()).decode())
