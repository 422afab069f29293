"""The invoice CSV as data: typed lines, tables, sums and exports. Importing it needs none of the extras."""

from ._async_reader import AsyncInvoiceCsv, aread_csv
from ._export import write_csv, write_jsonl, write_parquet
from ._frames import iter_batches, to_arrow, to_pandas, to_polars
from ._line_item import LineItem
from ._preamble import InvoiceHeader
from ._reader import InvoiceCsv, read_csv
from ._summary import Group, Summary, summarize

__all__ = [
    "AsyncInvoiceCsv",
    "Group",
    "InvoiceCsv",
    "InvoiceHeader",
    "LineItem",
    "Summary",
    "aread_csv",
    "iter_batches",
    "read_csv",
    "summarize",
    "to_arrow",
    "to_pandas",
    "to_polars",
    "write_csv",
    "write_jsonl",
    "write_parquet",
]
