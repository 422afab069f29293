"""`atlas-invoices pending`."""

from __future__ import annotations

import click

from . import _list, _tables
from ._session import Session, calls_atlas


@click.command(name="pending")
@_tables.format_option
@calls_atlas
def command(session: Session, form: str) -> None:
    """List the invoices of the open period, so far; in json with all their lines."""
    with session.client() as client:
        invoices = client.list_pending_invoices(session.org_id(client))
        rows = list(_list.with_linked(invoice.to_dict() for invoice in invoices))
    _list.show(rows, form)
