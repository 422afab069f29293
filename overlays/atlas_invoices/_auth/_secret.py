"""Keep credentials out of sight: a holder that shows nothing, checks that quote nothing, text with secrets masked."""

from __future__ import annotations

import base64
from typing import NoReturn
from urllib.parse import quote, quote_plus

from atlas_invoices._utils import single_line

_MASK = "***"
_QUOTES = "\"'`\u2018\u2019\u201c\u201d"
_SHORT = 6
_LONG = 16


class Secret:
    """A string that is hidden from repr, str, vars, pickle and tracebacks that print locals."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the string. Use it in place: a traceback may print a variable that holds it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({_MASK})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret can't be pickled or copied")


def validate_credential(value: object, what: str) -> str | None:
    """Return what is wrong with a credential, without quoting it, or None.

    The caller raises: a frame that raises must not have the value in its locals.
    """
    if not isinstance(value, str):
        return f"the {what} must be a string, not {type(value).__name__}"
    if not value.strip():
        return f"the {what} is empty"
    if value != value.strip():
        return f"the {what} has whitespace around it (a line break from a file, perhaps); remove it"
    if value[0] in _QUOTES or value[-1] in _QUOTES:
        return f"the {what} has quotes around it; remove them"
    if not (value.isascii() and value.isprintable()):
        return f"the {what} contains control or non-ASCII characters, which no Atlas credential does"
    return None


def mask_id(identifier: Secret) -> str:
    """Return enough of a public identifier to tell it from another, and no more."""
    text = str(identifier.reveal())  # Not yet a string where the traceback of a failed validation shows the repr.
    if len(text) >= _LONG:
        return f"{text[:4]}…{text[-4:]}"
    return f"{text[:2]}…" if len(text) >= _SHORT else "…"


def masked(text: object, secrets: tuple[Secret, ...]) -> str:
    """Return a server's text as one short line without any of the secrets, plain or encoded."""
    shown = str(text)
    for secret in secrets:
        for form in _forms(secret):
            shown = shown.replace(form, _MASK)
    return single_line(shown)


def _forms(secret: Secret) -> tuple[str, ...]:
    value = secret.reveal()
    return (value, quote(value, safe=""), quote_plus(value), base64.b64encode(value.encode()).decode())
