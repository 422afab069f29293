"""The report: one HTML file that shows where the money of one or more invoices went. Needs the extra `report`.

The page needs no network. The figures come from `summarize`, and the page shows them without scripts, too; its script
adds whole numbers for the filters, never floats. Charts are Vega-Lite's, drawn in the page by the runtime that
vl-convert ships. That takes 0.9 MB, and leaves the page of a usual invoice at about 1 MB. With Vega's expression
interpreter, it runs under a Content-Security-Policy without `unsafe-eval`. So charts follow the filters as tables do,
which SVGs made beforehand could not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from atlas_invoices._csv import Sources
from atlas_invoices._models import BillingInvoice

from ._data import read_report
from ._page import render

__all__ = ["build_report"]


def build_report(sources: Sources, *, documents: Mapping[str, BillingInvoice] | None = None) -> str:
    """Return the report as one HTML document.

    Args:
        sources: anything that `summarize` takes except LineItems: one invoice CSV, several, or a folder of them. Each
            is read several times; one that can be read only once is kept in memory.
        documents: invoices as `Client.get_invoice` returns them, by ID. They add sales tax, amounts billed, owed, paid
            and outstanding; an invoice without one has only what its CSV says.

    Raises what `summarize` and `owed` raise.

    Example:
        >>> data = b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Atlas M10 Instance - AWS,1.92\\n"
        >>> page = build_report(data)
        >>> page[:15], "1.92" in page
        ('<!doctype html>', True)
    """
    data = read_report(sources, documents or {})
    return render(data, dt.datetime.now(dt.UTC).date())
