"""Read an OpenAPI document from an untrusted source: any size, nesting or trick ends in one clear error.

YAML is built from libyaml's events instead of with its loader. Events can be counted, so excessive depth, size, aliases
and duplicate keys are refused as they appear, where the loader would crash the interpreter (100,000 nested brackets) or
fill the memory. It is also several times faster. Scalars follow YAML 1.2's core schema, so YAML and JSON mean the same
here: `2023-01-01`, `on` and `no` stay strings, and the key `200` is the string that it is in JSON.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml
from attrs import field, frozen
from yaml._yaml import CParser

from openapi_tools import fetching
from openapi_tools.errors import DocumentError

# Upstream's document has 4 MB, 170,000 events and 20 levels; these limits leave room for years of growth.
MAX_NODES: Final = 1_000_000
MAX_DEPTH: Final = 200

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]{1,21}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_CONSTANTS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# A plain scalar that starts with anything else is a string. Most are, so most are never matched.
_MAY_BE_NUMBER: Final = frozenset("-+.0123456789")
# libyaml compares each %TAG directive with all earlier ones: two million of them would take hours.
_TAG_DIRECTIVE = re.compile(r"^%TAG", re.MULTILINE)
# JSON can contain half of a surrogate pair, which is not valid text.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
# An unterminated string matches up to the end, so each byte is read only once.
_JSON_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


@frozen
class Document:
    """A parsed document: its name in messages, the SHA-256 of its uncompressed bytes, and its content."""

    name: str
    sha256: str
    root: dict[str, Any] = field(repr=False)


def read_document(source: str | Path) -> Document:
    """Read YAML or JSON, plain or compressed (.gz, .xz), from a file or an https URL.

    Raises:
        DocumentError: it can't be fetched, is not YAML or JSON, is not a mapping, or exceeds the limits above.
    """
    name = fetching.display_name(source)
    data = fetching.read_bytes(source)
    return Document(name, hashlib.sha256(data).hexdigest(), parse(data, name))


def parse(data: bytes, name: str) -> dict[str, Any]:
    """Parse YAML or JSON that holds a mapping; `name` identifies it in errors. Raises DocumentError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{name}: not UTF-8 text (byte {error.start}); is it a YAML or JSON document?") from None
    if not text.strip():
        raise DocumentError(f"{name}: the document is empty")
    root = _parse_json(text, data, name) if text.lstrip().startswith("{") else _Builder(name).build(text)
    if not isinstance(root, dict):
        raise DocumentError(f"{name}: its top level is not a mapping; is it the right file?")
    return root


def to_json(value: object) -> bytes:
    """Serialize as the JSON that this project writes; key order is the caller's."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def _parse_json(text: str, data: bytes, name: str) -> object:
    # Every value except the first follows one of the first three characters; each of the others costs a step below.
    before, others = sum(map(data.count, (b",", b"[", b"{"))), sum(map(data.count, (b'"', b"]", b"}")))
    if before > MAX_NODES or others > 5 * MAX_NODES:
        raise DocumentError(f"{name}: more than {MAX_NODES:,} values; no OpenAPI document is that large")
    depth = 0
    for match in _JSON_BRACKETS.finditer(data):
        token = match[0]
        if token in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise DocumentError(f"{name}: nested more than {MAX_DEPTH} levels deep")
        elif token in b"]}":
            depth -= 1

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
            raise DocumentError(f"{name}: duplicate key {twice!r} in an object")
        return made

    def refuse_constant(constant: str) -> NoReturn:
        raise DocumentError(f"{name}: {constant} is not a JSON value")

    try:
        value = json.loads(text.lstrip(), object_pairs_hook=unique, parse_constant=refuse_constant, parse_float=_finite)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        # A YAML document may start with a brace too.
        json_says = f"{error.msg} at line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{name}: not JSON: {' '.join(str(error).split())}") from None
    else:
        return value
    try:
        return _Builder(name).build(text)
    except DocumentError as error:
        raise DocumentError(f"{error} (and it is not JSON: {json_says})") from None


class _Builder:
    """Builds the content in one pass over libyaml's events, without recursion, so depth can't exhaust the stack."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._root: object = None
        # Where the next value goes: the innermost open container and, in a mapping, its key.
        self._container: dict[str, Any] | list[Any] | None = None
        self._key: str | None = None
        self._outer: list[dict[str, Any] | list[Any] | None] = []

    def build(self, text: str) -> object:
        """The document's content. Raises DocumentError."""
        if _TAG_DIRECTIVE.search(text):
            raise DocumentError(f"{self._name}: YAML anchors, aliases and tags are not supported")
        try:
            return self._build(CParser(text))
        except yaml.MarkedYAMLError as error:
            where = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
            raise DocumentError(f"{self._name}: not YAML: {error.problem}{where}; is the document cut off?") from None
        except yaml.YAMLError as error:
            raise DocumentError(f"{self._name}: not YAML: {' '.join(str(error).split())}") from None

    def _build(self, parser: CParser) -> object:
        started = False
        for _ in range(MAX_NODES):
            event = parser.get_event()
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._open(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
            elif isinstance(event, yaml.CollectionEndEvent):
                self._container = self._outer.pop()
            elif isinstance(event, yaml.AliasEvent):
                self._refuse(event)
            elif isinstance(event, yaml.StreamEndEvent):
                return self._root
            elif isinstance(event, yaml.DocumentStartEvent):
                if started:
                    self._stop(event, "more than one document in the file")
                started = True
        raise DocumentError(f"{self._name}: more than {MAX_NODES:,} values; no OpenAPI document is that large")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if event.tag is not None or event.anchor is not None:
            self._refuse(event)
        text: str = event.value
        if self._key is None and isinstance(self._container, dict):
            if text in self._container:
                self._stop(event, f"duplicate key {text!r} in a mapping")
            self._key = text
        else:
            self._put(self._plain(event, text) if event.implicit[0] else text)

    def _open(self, event: yaml.CollectionStartEvent, value: dict[str, Any] | list[Any]) -> None:
        if event.tag is not None or event.anchor is not None:
            self._refuse(event)
        if self._key is None and isinstance(self._container, dict):
            self._stop(event, "a mapping key that is not plain text")
        if len(self._outer) >= MAX_DEPTH:
            self._stop(event, f"nested more than {MAX_DEPTH} levels deep")
        self._put(value)
        self._outer.append(self._container)
        self._container = value

    def _put(self, value: object) -> None:
        if self._container is None:
            self._root = value
        elif isinstance(self._container, list):
            self._container.append(value)
        elif self._key is not None:
            self._container[self._key] = value
            self._key = None

    def _plain(self, event: yaml.ScalarEvent, text: str) -> object:
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if text[0] in _MAY_BE_NUMBER:
            try:
                if _INTEGER.fullmatch(text):
                    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
                if _FLOAT.fullmatch(text):
                    return _finite(text)
            except ValueError as error:
                self._stop(event, str(error))
        return text

    def _refuse(self, event: yaml.Event) -> NoReturn:
        # An alias can multiply its target without limit, and a tag can request any type. OpenAPI needs neither.
        self._stop(event, "YAML anchors, aliases and tags are not supported")

    def _stop(self, event: yaml.Event, problem: str) -> NoReturn:
        where = f" (line {event.start_mark.line + 1})" if event.start_mark else ""
        raise DocumentError(f"{self._name}: {problem}{where}")
