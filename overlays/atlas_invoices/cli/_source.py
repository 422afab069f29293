"""`FILE|INVOICE_ID`: an invoice CSV from disk or stdin, or straight from Atlas."""

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

from ._session import NOT_EMPTY
from ._table import short_path

if TYPE_CHECKING:
    from atlas_invoices import InvoiceCsv

    from ._session import Session


_STDIN = "-"
# An InvoiceFormatError with its file's name before it stays shorter than this.
_LONGEST = 390
_SHORTEST_PATH = 60


def _one(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> str:
    # `show invoices/*.csv`, as the shell has it.
    if len(given) > 1:
        raise click.BadParameter(
            f"one invoice at a time, and these are {len(given)}: {short_path(', '.join(given))}; the library's "
            "`summarize` adds up several",
            ctx,
            param,
        )
    return given[0]


argument = click.argument(
    "file_or_id", type=NOT_EMPTY, nargs=-1, required=True, metavar="FILE|INVOICE_ID", callback=_one
)


@contextmanager
def open_invoice(session: Session, file_or_id: str) -> Iterator[InvoiceCsv]:
    """Open what the argument names: stdin, or an existing file, else the invoice with that ID, read as it arrives."""
    from atlas_invoices import read_csv  # noqa: PLC0415 - not at the start

    path = Path(file_or_id)
    if file_or_id == _STDIN:
        if sys.stdin is None:
            raise click.UsageError("stdin is closed: there's nothing to read")
        with _named("stdin"), read_csv(sys.stdin.buffer) as invoice:
            yield invoice
        return
    if path.is_dir():
        raise click.UsageError(f"{short_path(path)} is a folder: name one CSV in it{_such_as(path)}")
    if path.exists():
        with _named(file_or_id), read_csv(path) as invoice:
            yield invoice
        return
    try:
        invoice_id = _ids.invoice_id(file_or_id)
    except InvalidIdError:
        raise click.UsageError(
            f"{short_path(file_or_id)!r} is neither a file that exists nor an invoice's ID, which `list` shows"
        ) from None
    with session.client() as client:
        org = session.org_id(client)
        with client.stream_invoice_csv(org, invoice_id) as body, read_csv(body) as invoice:
            yield invoice


def is_same(file_or_id: str, target: os.stat_result) -> bool:
    """Whether the argument names this very file, be it through a link or as stdin."""
    with suppress(OSError, ValueError, AttributeError):
        source = os.fstat(sys.stdin.fileno()) if file_or_id == _STDIN else Path(file_or_id).stat()
        return os.path.samestat(source, target)
    return False


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Put the file's name before what is wrong with it."""
    try:
        yield
    except InvoiceFormatError as error:
        what = str(error)
        said = f"{short_path(name, max(_SHORTEST_PATH, _LONGEST - 2 - len(what)))}: {what}"
        raise InvoiceFormatError(said, line_number=error.line_number, column=error.column) from error


def _such_as(folder: Path) -> str:
    with suppress(OSError):
        if found := min((path.name for path in folder.glob("*.csv")), default=None):
            return f", such as {short_path(folder / found)}"
    return ""
