"""The arguments INVOICE and SOURCE: invoices by name, and invoice CSVs wherever they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from atlas_invoices import _ids
from atlas_invoices._errors import AtlasError, InvalidIdError, InvoiceFormatError, NotFoundError
from atlas_invoices._files import AtomicFile
from atlas_invoices._invoice_names import find_invoice, first_day, invoice_name

from . import _output
from ._output import short_path
from ._session import NOT_EMPTY

if TYPE_CHECKING:
    from atlas_invoices import Client, InvoiceCsv
    from atlas_invoices._files import SavedFile
    from atlas_invoices._http._steps import Steps

    from ._session import Session

# Invoices fetched at a time, as in a sync of as many.
_WORKERS = 20


class _Invoice(click.types.StringParamType):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's signature
        return invoice_name(NOT_EMPTY.convert(value, param, ctx))


invoice_argument = click.argument("invoice", type=_Invoice(), metavar="INVOICE")
invoices_argument = click.argument("invoices", type=_Invoice(), nargs=-1, required=True, metavar="INVOICE...")


class FoundInvoice(NamedTuple):
    """An invoice that was named: its ID, and the first day of its period, if that was looked up and is known."""

    id: str
    first_day: date | None = None


def find_one(client: Client, org: str, name: str) -> str:
    """Return the ID of the invoice that a name means."""
    return find_invoices(client, org, [name])[0].id


def find_invoices(client: Client, org: str, names: Sequence[str], *, with_days: bool = False) -> list[FoundInvoice]:
    """Find the invoices that these names, from `invoice_name`, mean; IDs are only looked up `with_days`.

    An ID that isn't listed is passed on: Atlas knows best whether it exists. The same invoice twice is a usage error.
    """
    has_ids = any(map(_ids.is_id, names))
    listed = None
    if with_days or not all(map(_ids.is_id, names)):
        listed = list(client.list_invoices(org, linked=has_ids))
    found: dict[str, FoundInvoice] = {}
    named: dict[str, str] = {}
    for name in names:
        invoice = FoundInvoice(name)
        if listed is not None:
            try:
                model = find_invoice(listed, name)
                invoice = FoundInvoice(str(model.id).lower(), first_day(model))
            except NotFoundError:
                if not _ids.is_id(name):
                    raise
        if invoice.id in found:
            raise click.UsageError(f"{named[invoice.id]} and {name} are the same invoice, {invoice.id}; name it once")
        found[invoice.id], named[invoice.id] = invoice, name
    return list(found.values())


def save_all(client: Client, org: str, files: dict[str, AtomicFile]) -> list[SavedFile]:
    """Save invoices, by ID, into files that are put in place once all of them are complete."""
    from atlas_invoices import _operations

    def save(invoice_id: str) -> Steps[Any]:
        return client._write(_operations.invoice_csv(org, invoice_id), files[invoice_id])  # noqa: SLF001 - the client's steps aren't public

    try:
        _fetch_all(list(files), save)
        for file in files.values():
            file.commit()
    finally:
        for file in files.values():
            # Threads that an interrupt has left at work must not bring it back.
            file.abandon()
            file.discard()
    return [file.saved for file in files.values()]


def _fetch_all(invoice_ids: Sequence[str], fetch: Callable[[str], Steps[Any]]) -> None:
    """Fetch invoices, several at a time; the first error ends it, and names its invoice."""
    from atlas_invoices._http._steps import run
    from atlas_invoices._sync._workers import WorkerPool

    if len(invoice_ids) == 1:
        run(fetch(invoice_ids[0]))
        return
    failures: list[Exception] = []

    def work(invoice_id: str) -> Steps[Exception | None]:
        try:
            yield from fetch(invoice_id)
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            if isinstance(error, AtlasError) and invoice_id not in str(error):
                error.args = (f"invoice {invoice_id}: {error}",)
            return error
        return None

    def on_result(error: Exception | None) -> bool:
        failures.extend([error] if error else [])
        return not failures

    def checkpoint() -> Steps[None]:
        yield from ()

    WorkerPool(invoice_ids, _WORKERS, work=work, on_result=on_result, checkpoint=checkpoint).run()
    if failures:
        raise failures[0]


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
