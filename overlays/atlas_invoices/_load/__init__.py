"""Invoices into tables where they stay: DuckDB, Delta Lake, Iceberg. Each invoice is in a table whole, and once."""

from __future__ import annotations

from ._run import LoadedInvoice, LoadReport, load
from ._run import check_target as check_target
from ._run import parse_target as parse_target

__all__ = ["LoadReport", "LoadedInvoice", "load"]
