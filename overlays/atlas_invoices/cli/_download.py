"""`atlas-invoices download`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from atlas_invoices import _ids
from atlas_invoices._files import AtomicFile

from . import _talk, _visible
from ._session import Session, calls_atlas
from ._text_option import NOT_EMPTY

if TYPE_CHECKING:
    from atlas_invoices import Client


@click.command(name="download")
@click.argument("invoice_id")
@click.option(
    "-o", "--output", type=NOT_EMPTY, metavar="PATH|-", help="Where to; `-` is stdout. Default: INVOICE_ID.csv here."
)
@click.option("--force", is_flag=True, help="Replace an existing file, once the new one is complete.")
@calls_atlas
def command(session: Session, invoice_id: str, output: str | None, force: bool) -> None:
    """Save one invoice as CSV, exactly as sent.

    The file is complete or absent: it's written beside its place and moved there when all of it has come.
    """
    invoice_id = _ids.invoice_id(invoice_id)
    if output == "-":
        with session.client() as client:
            _to_stdout(client, session.org_id(client), invoice_id)
        return
    path = Path(output or f"{invoice_id}.csv")
    # Before credentials are asked for and anything is sent.
    AtomicFile(path, overwrite=force)
    with session.client() as client:
        saved = client.download_invoice_csv(session.org_id(client), invoice_id, path, overwrite=force)
    _talk.saved(saved)


def _to_stdout(client: Client, org_id: str, invoice_id: str) -> None:
    with client.stream_invoice_csv(org_id, invoice_id) as body, _visible.data_bytes() as out:
        for piece in body.iter_bytes():
            out.write(piece)
