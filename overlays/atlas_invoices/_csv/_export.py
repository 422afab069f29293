"""Pass lines on: as Arrow, pandas and polars tables, as CSV, JSON Lines and Parquet files."""

from __future__ import annotations

import datetime as dt
import json
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from atlas_invoices._errors import ConfigError
from atlas_invoices._utils import csv_row, plain_or_none

from ._columns import COLUMNS
from ._group_by import Summary
from ._invoices import Decimals, OpenInvoice, Sources, open_tables
from ._model import LineItem

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from _typeshed import SupportsWrite

MAX_BATCH = 64 * 1024


def to_arrow(source: Sources | Summary, *, decimals: Decimals = "exact") -> pa.Table:
    """Return invoices as a `pyarrow.Table`, with a row for each line, in file order. Needs the extra `arrow`.

    `source` is what `read_csv` takes, an invoice it has opened, a list or tuple of these, or a folder with invoice
    CSVs, such as `sync` keeps. The same invoice twice is an InvoiceFormatError, as are two without an ID, and anything
    that `read_csv` can't read; where there are several sources, the message begins with the name of the one that fails.

    The columns are `invoice_id`, `line_number`, `period_start`, `period_end` (exclusive), LineItem's fields, `tags` and
    `extra`; the first two are the key of a row. Text is `string`, days are `date32`, `tags` and `extra` are maps. A
    column of numbers has the narrowest decimal that holds it exactly: `decimal128(18, s)`, or `decimal128(38, s)` for
    numbers of more than 18 digits, `s` being the most decimals in that column (2 at least for `amount`). The narrow one
    can be multiplied. Numbers with too many digits for both are an InvoiceFormatError; `decimals="round"` rounds a
    column of more than 18 digits (38 where 17 digits before the point need them) half to even, and warns of how many
    numbers it changed. One invoice's header is in the schema's metadata, all its pairs as JSON under `header`.

    A Summary becomes a table of its `rows()`, with `share` as a float.

    >>> table = to_arrow(b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Atlas M10 Instance - Azure,1.92\\n")
    >>> table.num_rows, str(table.schema.field("amount").type)
    (1, 'decimal128(18, 2)')
    """
    require("to_arrow", "arrow", "pyarrow")
    from . import _arrow_tables  # noqa: PLC0415 - pyarrow is an extra

    if isinstance(source, Summary):
        return _arrow_tables.summary_table(source)
    return _arrow_tables.read_table(open_tables(source), checked_decimals(decimals))


def iter_batches(
    source: Sources, *, batch_size: int = MAX_BATCH, decimals: Decimals = "exact"
) -> Iterator[pa.RecordBatch]:
    """Return the rows of `to_arrow` as record batches of at most `batch_size` rows. Needs the extra `arrow`.

    There is at least one batch, and all have the same schema, that of `to_arrow`. Memory stays the same however large
    the invoices are: the types of the numbers depend on all of them, so every row is read, and waits compressed in a
    temporary file, before the first batch comes.

    >>> data = b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Atlas M10 Instance - Azure,1.92\\n"
    >>> [batch.num_rows for batch in iter_batches(data)]
    [1]
    """
    require("iter_batches", "arrow", "pyarrow")
    from . import _arrow_tables  # noqa: PLC0415 - pyarrow is an extra

    if batch_size < 1:
        raise ConfigError(f"batch_size is a number of rows from 1, not {batch_size}")
    batches = _arrow_tables.read_batches(open_tables(source), checked_decimals(decimals))
    return (
        batch.slice(start, batch_size) for batch in batches for start in range(0, max(batch.num_rows, 1), batch_size)
    )


def to_pandas(source: Sources | Summary, *, decimals: Decimals = "exact") -> pd.DataFrame:
    """Return invoices as a `pandas.DataFrame`. Needs the extra `pandas`. See `to_arrow`.

    Text is pandas' own string type, days are `datetime64`; numbers are exact decimals and `tags` are maps, both backed
    by Arrow. pandas' `describe` leaves such decimals out, or raises if asked for them alone: make them floats first.

    >>> data = b"Date,Usage Date,SKU,Quantity,Amount,Tag/team\\n07/01/2024,06/30/2024,Backup,2,1.92,search\\n"
    >>> frame = to_pandas(data)
    >>> frame["amount"].sum(), (frame["amount"] * frame["quantity"]).sum()
    (Decimal('1.92'), Decimal('3.84'))
    >>> frame[frame["usage_date"] < "2024-07-01"].resample("MS", on="usage_date")["amount"].sum().tolist()
    [Decimal('1.92')]
    >>> frame["tags"].map(lambda pairs: dict(pairs).get("team")).tolist()
    ['search']
    >>> float(frame.astype({"amount": float}).describe()["amount"]["max"])
    1.92
    """
    require("to_pandas", "pandas", "pandas", "pyarrow")
    import pandas as pd
    import pyarrow as pa

    def pandas_type(kind: pa.DataType) -> Any:  # noqa: ANN401 - pandas' name for a type of its own
        if pa.types.is_string(kind):
            return pd.StringDtype("pyarrow")
        return pd.ArrowDtype(kind) if pa.types.is_decimal(kind) or pa.types.is_map(kind) else None

    return to_arrow(source, decimals=decimals).to_pandas(types_mapper=pandas_type, date_as_object=False)


def to_polars(source: Sources | Summary, *, decimals: Decimals = "exact") -> pl.DataFrame:
    """Return invoices as a `polars.DataFrame`, with exact decimals. Needs the extra `polars`. See `to_arrow`.

    `frame["tags"]` has polars' own maps (`.map.get("team")`), or lists of structs in versions without them.

    polars rounds the product of two decimals to the decimals of the longer factor, silently. For an exact product, cast
    one of them to as many decimals as both have together.

    >>> import polars as pl
    >>> data = b"Date,Usage Date,SKU,Unit Price,Quantity,Amount\\n07/01/2024,06/30/2024,M10,0.015,0.125,0.001875\\n"
    >>> frame = to_polars(data)
    >>> frame.shape, frame["amount"].sum()
    ((1, 25), Decimal('0.001875'))
    >>> frame.select(pl.col("unit_price").cast(pl.Decimal(38, 6)) * pl.col("quantity")).item()
    Decimal('0.001875')
    """
    require("to_polars", "polars", "polars", "pyarrow")
    import polars as pl

    frame = pl.from_arrow(to_arrow(source, decimals=decimals))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("polars converts a table to a DataFrame")
    return frame


def checked_decimals(decimals: str) -> Decimals:
    """Return a valid `decimals`; a ConfigError for anything else."""
    if decimals not in {"exact", "round"}:
        raise ConfigError(f"decimals is 'exact' or 'round', not {decimals!r}")
    return cast("Decimals", decimals)


def require(what: str, extra: str, *packages: str) -> None:
    """Check before reading that an extra's packages are installed; a ConfigError says how to install it."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise ConfigError(f"{what} needs {' and '.join(missing)}: pip install 'atlas-invoices[{extra}]'")


_KEY = ("invoice_id", "line_number", "period_start", "period_end")
FIELDS = (*_KEY, *(column.field for column in COLUMNS), "tags", "extra")
_LINES_PER_WRITE = 1000
# json.dumps with options creates an encoder for every call, which takes longer than encoding a line.
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def write_csv(source: Sources, file: SupportsWrite[bytes], *, raw: bool = False, bom: bool = False) -> None:
    """Write lines as UTF-8 CSV: the columns of `to_arrow`, ISO dates, plain numbers, `tags` and `extra` as JSON.

    A text cell that a spreadsheet would run as a formula gets an apostrophe before it, unless `raw`. Excel needs `bom`
    to read UTF-8. Quotes are doubled in cells with quotes, commas or newlines, as RFC 4180 says; Spark reads such a
    file with the options `header`, `multiLine`, `quote='"'` and `escape='"'`.
    """
    file.write(BOM_UTF8 * bom + (",".join(FIELDS) + "\n").encode())
    for key, batch in _batches(open_tables(source)):
        rows = (
            [key.invoice_id, line.line_number, *key.period, *line[: len(COLUMNS)], _json(line.tags), _json(line.extra)]
            for line in batch
        )
        file.write("".join([csv_row(row, raw=raw) for row in rows]).encode())


def write_jsonl(source: Sources, file: SupportsWrite[bytes]) -> None:
    """Write lines as JSON, one object per line, with the columns of `to_arrow`.

    Numbers are strings, because most JSON readers would turn them into floats; days are ISO dates; empty is null. But
    each object in `tags` and `extra` has all keys of all sources, with "" for an empty cell: readers that look at the
    first lines only would miss a key that comes later.
    """
    sources = open_tables(source)
    layouts = [source.invoice.layout for source in sources]
    tags = dict.fromkeys((key for layout in layouts for key, _ in layout.tags), "")
    extra = dict.fromkeys((name for layout in layouts for name, _ in layout.extra), "")
    names = FIELDS[len(_KEY) : -2]
    for key, batch in _batches(sources):
        start, end = map(plain_or_none, key.period)
        objects = (
            {"invoice_id": key.invoice_id, "line_number": line.line_number, "period_start": start, "period_end": end}
            | {name: plain_or_none(value) for name, value in zip(names, line, strict=False)}
            | {"tags": {**tags, **line.tags}, "extra": {**extra, **line.extra}}
            for line in batch
        )
        file.write("".join([_json(each) + "\n" for each in objects]).encode())


def write_parquet(source: Sources, file: SupportsWrite[bytes], *, decimals: Decimals = "exact") -> None:
    """Write invoices as Parquet, with the schema of `to_arrow`. Needs the extra `arrow`. See `iter_batches`.

    If that fails, the part that was written has no footer, so no reader takes it for the whole.
    """
    require("Parquet", "arrow", "pyarrow")
    from . import _arrow_parquet  # noqa: PLC0415 - pyarrow is an extra

    _arrow_parquet.write_tables(open_tables(source), file, checked_decimals(decimals))


class _Key(NamedTuple):
    """The invoice of some rows: its ID and its period."""

    invoice_id: str | None
    period: tuple[dt.date | None, dt.date | None]


def _batches(sources: Iterable[OpenInvoice]) -> Iterator[tuple[_Key, list[LineItem]]]:
    for source in sources:
        header = source.header
        key = _Key(header.invoice_id, (header.period_start, header.period_end))
        items = source.lines()
        while batch := list(islice(items, _LINES_PER_WRITE)):
            yield key, batch
