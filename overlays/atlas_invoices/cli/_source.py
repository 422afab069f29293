"""`FILE|INVOICE_ID`: an invoice CSV from disk, or straight from Atlas."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atlas_invoices import _ids
from atlas_invoices._errors import InvalidIdError, InvoiceFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_invoices import InvoiceCsv

    from ._session import Session


@contextmanager
def open_invoice(session: Session, file_or_id: str) -> Iterator[InvoiceCsv]:
    """Open what the argument names: an existing file first, else the invoice with that ID, read as it arrives."""
    from atlas_invoices import read_csv  # noqa: PLC0415 - not at the start

    path = Path(file_or_id)
    if path.exists():
        try:
            with read_csv(path) as invoice:
                yield invoice
        except InvoiceFormatError as error:
            raise InvoiceFormatError(f"{path}: {error}", line_number=error.line_number, column=error.column) from error
        return
    try:
        invoice_id = _ids.invoice_id(file_or_id)
    except InvalidIdError:
        raise click.UsageError(f"{file_or_id!r} is neither a file that exists nor an invoice ID") from None
    with session.client() as client:
        org = session.org_id(client)
        with client.stream_invoice_csv(org, invoice_id) as body, read_csv(body) as invoice:
            yield invoice
