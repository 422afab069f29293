"""Read a JSON object of any size in little memory: member by member, and its lists element by element."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

_PIECE = 256 * 1024
# One member or one element of a list; a line of an invoice has about 600 bytes.
_MAX_VALUE = 32 * 1024 * 1024
_AFTER_VALUE = frozenset(" \t\n\r,:]}")
_blanks = re.compile(r"[ \t\n\r]*+").match


class Member(NamedTuple):
    """A member of the object, or with `in_list` one element of a member that is a list."""

    name: str
    value: Any
    in_list: bool = False


def members(file: IO[bytes], on_read: Callable[[bytes], None]) -> Iterator[Member]:
    """Yield the members of the object in a file, in order.

    `on_read` gets all bytes as they are read. Raises `ValueError` or `RecursionError` if the file isn't one whole JSON
    object.
    """
    text = _Text(file, on_read)
    text.take("{")
    separator = text.take("}") if text.peek() == "}" else ","
    while separator == ",":
        name = text.value()
        if not isinstance(name, str):
            raise ValueError("a name that isn't text")  # noqa: TRY004 - json's own errors are ValueErrors
        text.take(":")
        if text.peek() == "[":
            for element in _elements(text):
                yield Member(name, element, in_list=True)
        else:
            yield Member(name, text.value())
        separator = text.take(",}")
    if text.peek():
        raise ValueError("something after the object")


def _elements(text: _Text) -> Iterator[Any]:
    text.take("[")
    separator = text.take("]") if text.peek() == "]" else ","
    while separator == ",":
        yield text.value()
        separator = text.take(",]")


class _Text:
    """The text of a file, of which as much is held as it takes to read the next value."""

    def __init__(self, file: IO[bytes], on_read: Callable[[bytes], None]) -> None:
        self._file = file
        self._on_read = on_read
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._parse = json.JSONDecoder(parse_constant=_refuse).raw_decode
        self._text = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """The next character that isn't blank; empty at the end."""
        while True:
            blanks = _blanks(self._text, self._at)
            self._at = blanks.end() if blanks else self._at
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._read_more()

    def take(self, allowed: str) -> str:
        """Go past the next character, which must be one of these."""
        found = self.peek()
        if not found or found not in allowed:
            raise ValueError(f"{found!r} where one of {allowed!r} should be")
        self._at += 1
        return found

    def value(self) -> Any:  # noqa: ANN401 - any JSON
        """Read the next value."""
        self.peek()
        while True:
            try:
                value, end = self._parse(self._text, self._at)
            except ValueError:
                if self._ended:
                    raise
            else:
                # A number may be cut in its middle.
                if self._ended or self._text[end : end + 1] in _AFTER_VALUE:
                    self._at = end
                    return value
            if len(self._text) - self._at > _MAX_VALUE:
                raise ValueError("a value that is too long, or has no end")
            self._read_more()

    def _read_more(self) -> None:
        # As much again as is held, or a long value would be parsed from its beginning very often.
        data = self._file.read(max(_PIECE, len(self._text) - self._at))
        self._on_read(data)
        self._ended = not data
        self._text = self._text[self._at :] + self._decoder.decode(data, final=self._ended)
        self._at = 0


def _refuse(name: str) -> None:
    raise ValueError(f"{name} isn't JSON")
