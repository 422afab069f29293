"""Which column of a file is which: by its exact name, else by a name that differs in case and blanks only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Self

from attrs import frozen

from atlas_invoices._preamble import fold_name

from ._columns import BY_NAME, COLUMNS, TAG_PREFIX, Column, Kind, is_near, quoted, renamed

# Not in the API document. A file with a column of this name may have amounts in several currencies.
CURRENCY = "Currency"
_BY_FOLDED_NAME = {fold_name(name): name for name in (*BY_NAME, CURRENCY)}
_TAG = re.compile(r"\s*tags?\s*/\s*(\S.*?)\s*", re.IGNORECASE | re.DOTALL).fullmatch


@frozen
class Twin:
    """A column whose name the file has twice. Where its cell differs from the other column's, `extra` has it.

    With `must_agree`, a cell that differs is an error, because it's unclear which day or number counts.
    """

    position: int
    first: int
    must_agree: bool


@frozen
class Layout:
    """The columns of one file.

    `line` is the line on which the header row starts. `names` has a name for each column, all different: a known
    column's own, `Tag/<key>`, `Currency`, or the file's. `known` has positions in the order of COLUMNS, `tags` keys and
    positions, `extra` names and positions, `twins` the columns whose name the file has twice, and `nameless` the
    positions of columns without a name, whose cells must be empty. `warnings` are for the user.
    """

    line: int
    names: tuple[str, ...]
    known: tuple[int | None, ...]
    tags: tuple[tuple[str, int], ...]
    extra: tuple[tuple[str, int], ...]
    twins: tuple[Twin, ...]
    nameless: tuple[int, ...]
    warnings: tuple[str, ...]

    @property
    def width(self) -> int:
        """The number of cells in a row."""
        return len(self.names)

    @property
    def date(self) -> int:
        """Position of the bill date."""
        return self.names.index("Date")

    @property
    def usage_date(self) -> int:
        """Position of the day of use."""
        return self.names.index("Usage Date")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names without those of nameless columns."""
        return tuple(name for position, name in enumerate(self.names) if position not in self.nameless)

    @property
    def is_regular(self) -> bool:
        """Whether no cell of a row depends on another, so that columns can be read one by one."""
        return not self.twins and not self.nameless

    def position(self, name: str) -> int | None:
        """Return where a column is, by its name in `names`; `None` if the file lacks it."""
        return self.names.index(name) if name in self.columns else None

    @classmethod
    def from_header(cls, header: Sequence[str], line: int) -> Self:
        """Read the header row. A known column that only seems to have another name is an InvoiceFormatError."""
        meant = [_canonical(name) for name in header]
        # An exact name wins, wherever it stands.
        owners: dict[str, int] = {}
        for position in sorted(range(len(header)), key=lambda position: header[position] != meant[position]):
            owners.setdefault(meant[position], position)
        nameless = tuple(position for position, name in enumerate(meant) if not name)
        names = [name or f"column {position + 1}" for position, name in enumerate(meant)]
        twins, warnings = [], []
        for position, name in enumerate(meant):
            first = owners[name]
            if position == first or not name:
                continue
            names[position] = _unused(header[position], names)
            is_text = name not in BY_NAME or BY_NAME[name].kind is Kind.TEXT
            # Beside the exact name, another spelling doesn't make anything unclear.
            is_exact = header[first] == name != header[position]
            twins.append(Twin(position, first, must_agree=not is_text and not is_exact))
            place = f"line {line}: the header has {quoted(name)} twice; where the cells differ, the second is"
            warnings.append(f"{place} {quoted(names[position])} in `extra`")
        known = [owners.get(column.name) for column in COLUMNS]
        tags = [(name.removeprefix(TAG_PREFIX), at) for name, at in owners.items() if name.startswith(TAG_PREFIX)]
        taken = {*nameless, *known, *(position for _, position in tags)}
        extra = [(name, position) for position, name in enumerate(names) if position not in taken]
        _check_missing([column for column in COLUMNS if column.name not in owners], extra, line)
        return cls(
            line=line,
            names=tuple(names),
            known=tuple(known),
            tags=tuple(sorted(tags, key=lambda tag: tag[1])),
            extra=tuple(extra),
            twins=tuple(twins),
            nameless=nameless,
            warnings=tuple(warnings),
        )


def _canonical(name: str) -> str:
    """Return our spelling of a known name or a tag, the name itself if it's neither, and "" for blanks."""
    if tag := _TAG(name):
        return TAG_PREFIX + tag[1]
    folded = fold_name(name)
    return _BY_FOLDED_NAME.get(folded, name) if folded else ""


def _unused(name: str, names: Iterable[str]) -> str:
    number, free = 1, name
    while free in names:
        number += 1
        free = f"{name}#{number}"
    return free


def _check_missing(missing: Iterable[Column], extra: Sequence[tuple[str, int]], line: int) -> None:
    for column in missing:
        for name, _ in extra:
            if is_near(name, column):
                raise renamed(name, column, line)


def find_key(key: str, keys: Iterable[str]) -> str | None:
    """Return the key as spelled in `keys`: exactly, or else the only one that differs in case; `None` otherwise."""
    candidates = list(keys)
    if key in candidates:
        return key
    similar = [candidate for candidate in candidates if candidate.casefold() == key.casefold()]
    return similar[0] if len(similar) == 1 else None
