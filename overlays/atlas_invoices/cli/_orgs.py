"""`atlas-invoices orgs`."""

from __future__ import annotations

import click

from . import _tables
from ._session import Session, calls_atlas_for_no_organization

COLUMNS = [
    _tables.Column("ID", "id"),
    _tables.Column("Name", "name", whole=False),
    _tables.Column("Deleted", "isDeleted"),
]


@click.command(name="orgs")
@_tables.format_option
@calls_atlas_for_no_organization
def command(session: Session, form: str) -> None:
    """List the organizations that the credentials can see."""
    with session.client() as client:
        rows = [organization.to_dict() for organization in client.list_organizations()]
    _tables.show(rows, COLUMNS, form)
