"""Which columns an invoice has: the known ones in one table, and where a file's header has put them."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Self

from attrs import frozen

from ._errors_text import format_error

if TYPE_CHECKING:
    from collections.abc import Sequence

TAG_PREFIX = "Tag/"


class Kind(Enum):
    """What a column's cells are."""

    TEXT = "text"
    DATE = "date"
    NUMBER = "number"


@frozen
class Column:
    """A known column: its name in the CSV and the `LineItem` field it fills."""

    name: str
    field: str
    kind: Kind


# The header of the example in the Atlas Admin API document, in its order. LineItem has its fields in this order too.
COLUMNS = (
    Column("Date", "date", Kind.DATE),
    Column("Usage Date", "usage_date", Kind.DATE),
    Column("Description", "description", Kind.TEXT),
    Column("Note", "note", Kind.TEXT),
    Column("Organization Name", "organization_name", Kind.TEXT),
    Column("Organization ID", "organization_id", Kind.TEXT),
    Column("Project", "project", Kind.TEXT),
    Column("Project ID", "project_id", Kind.TEXT),
    Column("SKU", "sku", Kind.TEXT),
    Column("Region", "region", Kind.TEXT),
    Column("Cluster", "cluster", Kind.TEXT),
    Column("Replica Set", "replica_set", Kind.TEXT),
    Column("Config Server", "config_server", Kind.TEXT),
    Column("Application", "application", Kind.TEXT),
    Column("Unit", "unit", Kind.TEXT),
    Column("Unit Price", "unit_price", Kind.NUMBER),
    Column("Quantity", "quantity", Kind.NUMBER),
    Column("Discount Percent", "discount_percent", Kind.NUMBER),
    Column("Amount", "amount", Kind.NUMBER),
)
BY_FIELD = {column.field: column for column in COLUMNS}
BY_NAME = {column.name: column for column in COLUMNS}
# The preamble's length isn't fixed, so the header is the first row with these (not documented: more than the example).
HEADER_MARKS = frozenset({"Date", "Usage Date", "SKU"})


@frozen
class Layout:
    """Where one file keeps what: positions of the known columns, of the tags, and of those we don't know.

    `line` is the one that the header row begins on.
    """

    line: int
    names: tuple[str, ...]
    known: tuple[int | None, ...]
    tags: tuple[tuple[str, int], ...]
    extra: tuple[tuple[str, int], ...]

    @property
    def width(self) -> int:
        """How many cells a row has."""
        return len(self.names)

    @property
    def date(self) -> int:
        """Position of the bill date."""
        return self.names.index("Date")

    @property
    def usage_date(self) -> int:
        """Position of the day of use."""
        return self.names.index("Usage Date")

    @classmethod
    def from_header(cls, names: Sequence[str], line: int) -> Self:
        """Read the header row; a name that comes twice is an InvoiceFormatError."""
        positions: dict[str, int] = {}
        for position, name in enumerate(names):
            if name in positions:
                what = "the header has this column twice, so its cells can't be told apart"
                raise format_error(what, line=line, column=name)
            positions[name] = position
        unknown = [(name, position) for name, position in positions.items() if name not in BY_NAME]
        return cls(
            line=line,
            names=tuple(names),
            known=tuple(positions.get(column.name) for column in COLUMNS),
            tags=tuple((n.removeprefix(TAG_PREFIX), p) for n, p in unknown if n.startswith(TAG_PREFIX)),
            extra=tuple((n, p) for n, p in unknown if not n.startswith(TAG_PREFIX)),
        )
