"""`atlas-invoices download`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from atlas_invoices import _ids

from . import _talk
from ._session import Session, calls_atlas


@click.command(name="download")
@click.argument("invoice_id")
@click.option("-o", "--output", metavar="PATH|-", help="Where to; `-` is stdout. Default: INVOICE_ID.csv here.")
@click.option("--force", is_flag=True, help="Replace an existing file, once the new one is complete.")
@calls_atlas
def command(session: Session, invoice_id: str, output: str | None, force: bool) -> None:
    """Save one invoice as CSV, exactly as sent.

    The file is complete or absent: it's written beside its place and moved there when all of it has come.
    """
    invoice_id = _ids.invoice_id(invoice_id)
    path = Path(output or f"{invoice_id}.csv")
    if output != "-" and path.is_file() and not force:
        # Before credentials are asked for and anything is sent.
        raise FileExistsError(17, "File exists", str(path))
    with session.client() as client:
        org = session.org_id(client)
        if output == "-":
            with client.stream_invoice_csv(org, invoice_id) as body:
                for piece in body.iter_bytes():
                    sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
            return
        saved = client.download_invoice_csv(org, invoice_id, path, overwrite=force)
    _talk.note(f"saved {saved.path}: {saved.size:,} bytes, SHA-256 {saved.sha256}")
