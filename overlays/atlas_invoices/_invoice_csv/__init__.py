"""The invoice CSV as data: typed lines, tables, sums and exports. Importing it needs none of the extras."""

from ._amount_column import missing_amount
from ._async_reader import AsyncInvoiceCsv, aread_csv
from ._columns import TAG_PREFIX
from ._export import write_csv, write_jsonl, write_parquet
from ._frames import iter_batches, to_arrow, to_pandas, to_polars
from ._line_item import CREDIT_SKU, LineItem
from ._preamble import InvoiceHeader
from ._reader import InvoiceCsv, read_csv
from ._summary import summarize
from ._summary_keys import missing_names, parse_by
from ._summary_result import Group, Summary

__all__ = [
    "CREDIT_SKU",
    "TAG_PREFIX",
    "AsyncInvoiceCsv",
    "Group",
    "InvoiceCsv",
    "InvoiceHeader",
    "LineItem",
    "Summary",
    "aread_csv",
    "iter_batches",
    "missing_amount",
    "missing_names",
    "parse_by",
    "read_csv",
    "summarize",
    "to_arrow",
    "to_pandas",
    "to_polars",
    "write_csv",
    "write_jsonl",
    "write_parquet",
]
