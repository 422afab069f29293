"""Pass lines on: as Arrow, pandas and polars tables, as CSV, JSON Lines and Parquet files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING

from atlas_invoices._errors import ConfigError
from atlas_invoices._utils import csv_row, plain_or_none

from ._columns import COLUMNS
from ._reader import InvoiceCsv, open_invoice

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from _typeshed import SupportsWrite

    from ._model import LineItem
    from ._sources import Source


def to_arrow(source: Source | InvoiceCsv) -> pa.Table:
    """Return the invoice as a `pyarrow.Table`, with a row for each line, in file order. Needs the extra `arrow`.

    `source` is what `read_csv` takes, or an invoice it has opened. The columns are LineItem's fields except the line
    number: days are `date32`; money and quantities are exact decimals with 20 digits before the point and 18 after it
    (a column that needs more becomes wider; nothing is rounded); text that repeats is dictionaries; `tags` and `extra`
    are maps. The schema's metadata has the header: invoice_id, period_start, period_end (exclusive),
    organization_name, organization_id, and all pairs as JSON under `header`. Anything that `read_csv` can't read is an
    InvoiceFormatError here, too.

    >>> table = to_arrow(b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Atlas M10 Instance - Azure,1.92\\n")
    >>> table.num_rows, str(table.schema.field("amount").type)
    (1, 'decimal128(38, 18)')
    """
    require("to_arrow", "arrow", "pyarrow")
    from . import _arrow  # noqa: PLC0415 - pyarrow is an extra

    return _arrow.read_table(open_invoice(source).start_pass(), wide=True)


def iter_batches(source: Source | InvoiceCsv) -> Iterator[pa.RecordBatch]:
    """Return the invoice as record batches of a few thousand lines, in constant memory. Needs the extra `arrow`.

    There is at least one batch, and all have the same schema, that of `to_arrow`; so a number that doesn't fit its
    column is an InvoiceFormatError. Each batch has dictionaries of its own.

    >>> data = b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Atlas M10 Instance - Azure,1.92\\n"
    >>> [batch.num_rows for batch in iter_batches(data)]
    [1]
    """
    require("iter_batches", "arrow", "pyarrow")
    from . import _arrow  # noqa: PLC0415 - pyarrow is an extra

    return _arrow.read_batches(open_invoice(source).start_pass())


def to_pandas(source: Source | InvoiceCsv) -> pd.DataFrame:
    """Return the invoice as a `pandas.DataFrame`: Arrow-backed columns with exact decimals, and text that repeats as
    categories. Needs the extra `pandas`. See `to_arrow`.

    Sums and groups work directly. Arrow refuses other arithmetic on these decimals ("Decimal precision out of range"):
    convert them with `.astype(object)` to Python's Decimals (whose products have 28 digits, unless your decimal context
    has more), or with `.astype("float64")` for plots. To compare days with text or to resample them, convert them with
    `pd.to_datetime`.

    >>> frame = to_pandas(b"Date,Usage Date,SKU,Amount,Tag/team\\n07/01/2024,06/30/2024,Backup,1.92,search\\n")
    >>> frame["sku"].dtype.name, frame["amount"].sum().normalize()
    ('category', Decimal('1.92'))
    >>> from decimal import Decimal
    >>> price = frame["amount"].astype(object) * Decimal("1.2")
    >>> price.sum().normalize(), frame["amount"].astype("float64").tolist()
    (Decimal('2.304'), [1.92])
    >>> import pandas as pd
    >>> day = pd.to_datetime(frame["usage_date"])
    >>> june = frame.assign(day=day)[day < "2024-07-01"]
    >>> june.resample("MS", on="day")["amount"].sum().tolist()
    [Decimal('1.920000000000000000')]
    >>> team = frame["tags"].map(lambda pairs: dict(pairs).get("team"))
    >>> team.tolist()
    ['search']
    """
    require("to_pandas", "pandas", "pandas", "pyarrow")
    import pandas as pd
    import pyarrow as pa

    table = to_arrow(source)
    # A dictionary becomes pandas' own category; by default, pandas converts every other type to objects.
    return table.to_pandas(types_mapper=lambda kind: None if pa.types.is_dictionary(kind) else pd.ArrowDtype(kind))


def to_polars(source: Source | InvoiceCsv) -> pl.DataFrame:
    """Return the invoice as a `polars.DataFrame`: exact decimals, and text that repeats as categories.

    Needs the extra `polars`. See `to_arrow`. polars has no decimals of more than 38 digits: a number with more than 20
    digits before the point or 18 after it is an InvoiceFormatError. `frame["tags"]` has polars' own maps
    (`.map.get("team")`), or lists of structs in versions without them, such as 1.10.

    >>> frame = to_polars(b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Atlas M10 Instance - Azure,1.92\\n")
    >>> frame.shape, frame["amount"].sum().normalize()
    ((1, 21), Decimal('1.92'))
    """
    require("to_polars", "polars", "polars", "pyarrow")
    import polars as pl

    from . import _arrow  # noqa: PLC0415 - pyarrow is an extra

    frame = pl.from_arrow(_arrow.read_table(open_invoice(source).start_pass(), wide=False))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("polars converts a table to a DataFrame")
    return frame


def require(what: str, extra: str, *packages: str) -> None:
    """Check before reading that an extra's packages are installed; a ConfigError says how to install it."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise ConfigError(f"{what} needs {' and '.join(missing)}: pip install 'atlas-invoices[{extra}]'")


FIELDS = (*(column.field for column in COLUMNS), "tags", "extra")
_LINES_PER_WRITE = 1000
# json.dumps with options creates an encoder for every call, which takes longer than encoding a line.
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def write_csv(lines: Iterable[LineItem], file: SupportsWrite[bytes], *, raw: bool = False) -> None:
    """Write lines as UTF-8 CSV: LineItem's field names, ISO dates, plain numbers, `tags` and `extra` as JSON.

    A text cell that a spreadsheet would run as a formula gets an apostrophe before it, unless `raw`. `lines` may be an
    InvoiceCsv.
    """
    file.write((",".join(FIELDS) + "\n").encode())
    for batch in _batches(lines):
        file.write("".join([_line(line, raw=raw) for line in batch]).encode())


def write_jsonl(lines: Iterable[LineItem], file: SupportsWrite[bytes]) -> None:
    """Write lines as JSON, one object per line, with LineItem's fields except the line number.

    Numbers are strings, because most JSON readers would turn them into floats; days are ISO dates; empty is null.
    """
    for batch in _batches(lines):
        file.write("".join(_json(_plain(line)) + "\n" for line in batch).encode())


def write_parquet(source: Source | InvoiceCsv, file: SupportsWrite[bytes]) -> None:
    """Write an invoice as Parquet, with the schema of `iter_batches`. Needs the extra `arrow`.

    If that fails, the part that was written has no footer, so no reader takes it for the whole.
    """
    require("Parquet", "arrow", "pyarrow")
    from . import _arrow  # noqa: PLC0415 - pyarrow is an extra

    _arrow.write_tables(open_invoice(source).start_pass(), file)


def _batches(lines: Iterable[LineItem]) -> Iterator[list[LineItem]]:
    items = iter(lines)
    while batch := list(islice(items, _LINES_PER_WRITE)):
        yield batch


def _line(line: LineItem, *, raw: bool) -> str:
    return csv_row([*line[: len(COLUMNS)], _json(line.tags), _json(line.extra)], raw=raw)


def _plain(line: LineItem) -> dict[str, object]:
    cells = {name: plain_or_none(value) for name, value in zip(FIELDS, line[: len(COLUMNS)], strict=False)}
    return {**cells, "tags": line.tags, "extra": line.extra}
