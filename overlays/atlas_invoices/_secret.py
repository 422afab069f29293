"""Keep credentials out of sight: a holder that shows nothing, checks that quote nothing, text with secrets masked."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

_MASK = "***"
_QUOTES = "\"'`\u2018\u2019\u201c\u201d"
_SHORT = 6
# Of a secret that was cut off, at least this much is masked; less may be an ordinary word.
_CUT_OFF = 8
_LONG = 16
# Request headers that prove nothing; whatever else an auth adds may be a secret.
_PUBLIC_HEADERS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"}
)
_DIGEST_RESPONSE = re.compile(r'response="?(\w+)')


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


class Mask:
    """Replaces secrets, plain, encoded or cut off, in a server's text."""

    __slots__ = ("_forms", "_secrets")

    def __init__(self, *secrets: Secret, sent: Mapping[str, str] | None = None) -> None:
        """Mask these secrets, and the credentials in the headers of a request that was sent."""
        # Read only when the forms are needed: most replies are good.
        self._secrets = chain(secrets, _sent_secrets(sent or {}))
        self._forms: list[tuple[str, str]] | None = None

    def _find_forms(self) -> list[tuple[str, str]]:
        """Return each form of a secret with the part to look for.

        It's a short beginning, but all of a header with parameters, such as digest's, which begins with ordinary words.
        """
        if self._forms is None:
            self._forms = [
                (form, form if " " in secret.reveal() else form[:_CUT_OFF])
                for secret in self._secrets
                for form in _forms(secret)
            ]
        return self._forms

    def text(self, text: str) -> str:
        """Return the text with `***` for each secret."""
        for form, beginning in self._find_forms():
            parts = text.split(beginning)
            if len(parts) > 1:
                rest = form[len(beginning) :]
                text = _MASK.join([parts[0], *(part[_common_length(part, rest) :] for part in parts[1:])])
        return text

    def json(self, document: Any) -> Any:  # noqa: ANN401 - any JSON
        """Return the JSON with `***` for each secret in its text and names; raises `RecursionError` if it is deep."""
        match document:
            case str():
                return self.text(document)
            case list():
                return [self.json(item) for item in document]
            case dict():
                return {self.text(name): self.json(value) for name, value in document.items()}
        return document


def _common_length(text: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), min(len(text), len(other)))


def _sent_secrets(headers: Mapping[str, str]) -> Iterator[Secret]:
    for name, value in headers.items():
        if name.lower() not in _PUBLIC_HEADERS:
            words = (value, value.partition(" ")[2], *_DIGEST_RESPONSE.findall(value))
            yield from (Secret(word) for word in words if len(word) >= _SHORT)


def _forms(secret: Secret) -> tuple[str, ...]:
    value = secret.reveal()
    encoded = value.encode("utf-8", "surrogateescape")
    return (value, quote(encoded, safe=""), quote_plus(encoded), base64.b64encode(encoded).decode())
