"""The argument `FILE|INVOICE_ID`: an invoice CSV from a file, from stdin, or straight from Atlas."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atlas_invoices import _ids
from atlas_invoices._errors import InvalidIdError, InvoiceFormatError

from . import _output
from ._output import short_path
from ._session import NOT_EMPTY

if TYPE_CHECKING:
    from atlas_invoices import InvoiceCsv

    from ._session import Session


_STDIN = "-"
# The error line stays shorter than this with the file's name before it.
_MAX_MESSAGE = 390
_MIN_PATH = 60


def _only_one(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> str:
    # The shell expands `show invoices/*.csv` to several.
    if len(values) > 1:
        raise click.BadParameter(
            f"expected one invoice, got {len(values)} ({short_path(', '.join(values))}); to add up several, use "
            "`summarize` in the library",
            ctx,
            param,
        )
    return values[0]


argument = click.argument(
    "file_or_id", type=NOT_EMPTY, nargs=-1, required=True, metavar="FILE|INVOICE_ID", callback=_only_one
)


@contextmanager
def open_invoice(session: Session, file_or_id: str) -> Iterator[InvoiceCsv]:
    """Open stdin or an existing file; otherwise stream the invoice with that ID. Warns at the end if it may be cut."""
    with _open(session, file_or_id) as invoice:
        yield invoice
        if not invoice.ends_line:
            _output.warning("the last line has no line end, so the file may be cut off; download it again")


@contextmanager
def _open(session: Session, file_or_id: str) -> Iterator[InvoiceCsv]:
    from atlas_invoices import read_csv

    path = Path(file_or_id)
    if file_or_id == _STDIN:
        if sys.stdin is None:
            raise click.UsageError("stdin is closed")
        with _named("stdin"), read_csv(sys.stdin.buffer) as invoice:
            yield invoice
        return
    if path.is_dir():
        raise click.UsageError(f"{short_path(path)} is a folder; choose one CSV in it{_example(path)}")
    if path.exists():
        with _named(file_or_id), read_csv(path) as invoice:
            yield invoice
        return
    try:
        invoice_id = _ids.invoice_id(file_or_id)
    except InvalidIdError:
        raise click.UsageError(
            f"{short_path(file_or_id)!r} is neither an existing file nor an invoice ID; run `atlas-invoices list` to "
            "see the IDs"
        ) from None
    with session.client() as client:
        org = session.org_id(client)
        with client.stream_invoice_csv(org, invoice_id) as body, read_csv(body) as invoice:
            yield invoice


def is_same_file(file_or_id: str, target: os.stat_result) -> bool:
    """Whether the argument is this very file, also through a link or as stdin."""
    with suppress(OSError, ValueError, AttributeError):
        source = os.fstat(sys.stdin.fileno()) if file_or_id == _STDIN else Path(file_or_id).stat()
        return os.path.samestat(source, target)
    return False


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Add the file's name to the error message."""
    try:
        yield
    except InvoiceFormatError as error:
        message = f"{short_path(name, max(_MIN_PATH, _MAX_MESSAGE - 2 - len(str(error))))}: {error}"
        raise InvoiceFormatError(message, line_number=error.line_number, column=error.column) from error


def _example(folder: Path) -> str:
    with suppress(OSError):
        if name := min((path.name for path in folder.glob("*.csv")), default=None):
            return f", such as {short_path(folder / name)}"
    return ""
