"""The invoice CSV as data: typed lines, tables, sums and exports. Importing it doesn't need any extra."""

from ._columns import TAG_PREFIX
from ._export import iter_batches, to_arrow, to_pandas, to_polars, write_csv, write_jsonl, write_parquet
from ._group_by import Group, Summary, missing_names, parse_by
from ._layout import CURRENCY
from ._model import CREDIT_SKU, InvoiceHeader, LineItem
from ._reader import AsyncInvoiceCsv, InvoiceCsv, aread_csv, read_csv
from ._summary import missing_amount, summarize

__all__ = [
    "CREDIT_SKU",
    "CURRENCY",
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
