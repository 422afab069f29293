"""The invoice CSV as data: typed lines, tables, sums and exports. Importing it doesn't need any extra."""

from ._cells import EXACT as EXACT
from ._cells import MAX_DIGITS as MAX_DIGITS
from ._cells import parse_number as parse_number
from ._columns import COLUMNS as COLUMNS
from ._columns import TAG_PREFIX as TAG_PREFIX
from ._columns import Kind as Kind
from ._export import checked_decimals as checked_decimals
from ._export import iter_batches, to_arrow, to_pandas, to_polars
from ._export import require as require
from ._export import write_csv as write_csv
from ._export import write_jsonl as write_jsonl
from ._export import write_parquet as write_parquet
from ._group_by import DEFAULT_CURRENCY as DEFAULT_CURRENCY
from ._group_by import GROUP_NAMES as GROUP_NAMES
from ._group_by import Group, Summary
from ._group_by import currency_code as currency_code
from ._group_by import missing_names as missing_names
from ._group_by import month as month
from ._group_by import parse_by as parse_by
from ._invoices import Decimals as Decimals
from ._invoices import NamedSource as NamedSource
from ._invoices import OpenInvoice as OpenInvoice
from ._invoices import Sources as Sources
from ._invoices import expand_sources as expand_sources
from ._invoices import naming as naming
from ._invoices import open_all as open_all
from ._invoices import open_tables as open_tables
from ._invoices import read_manifest as read_manifest
from ._layout import CURRENCY as CURRENCY
from ._model import CREDIT_SKU as CREDIT_SKU
from ._model import InvoiceHeader, LineItem
from ._reader import AsyncInvoiceCsv, InvoiceCsv, aread_csv, read_csv
from ._reader import open_invoice as open_invoice
from ._sources import Source as Source
from ._sources import is_rereadable as is_rereadable
from ._sources import open_source as open_source
from ._summary import missing_amount as missing_amount
from ._summary import summarize

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
]
