"""The arguments INVOICE and SOURCE: invoices by name, and invoice CSVs wherever they are."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from atlas_invoices import _ids
from atlas_invoices._errors import AtlasError, ConfigError, InvalidIdError, NotFoundError
from atlas_invoices._invoice_names import find_invoice, first_day, invoice_name, name_hint
from atlas_invoices._utils import closest, text_or_none

from . import _output
from ._completion import complete_invoices, complete_sources, remember
from ._output import short_path
from ._progress import Measure, bar
from ._session import NOT_EMPTY

if TYPE_CHECKING:
    from atlas_invoices import Client, InvoiceCsv
    from atlas_invoices._csv import NamedSource
    from atlas_invoices._files import AtomicFile, SavedFile
    from atlas_invoices._http._steps import Steps

    from ._session import Session

_STDIN = "-"
# The end of a path, which says most, must not be lost in an error of a column.
_MAX_NAME = 100
# Invoices fetched at a time, as in a sync of as many.
_WORKERS = 20


class _Invoice(click.types.StringParamType):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's signature
        text = NOT_EMPTY.convert(value, param, ctx)
        try:
            return invoice_name(text)
        except InvalidIdError:
            if ctx and (instead := _instead_of(text, str(ctx.info_name))):
                raise click.UsageError(f"{short_path(text)!r} doesn't name an invoice; {instead}", ctx) from None
            raise


def _instead_of(text: str, command: str) -> str | None:
    """Return how to write a file, a year or `all`, which aren't invoices."""
    is_file = os.path.lexists(text) or re.search(r"\.[a-zA-Z]\w*$", text)
    if command == "reconcile" and is_file:
        return f"name the invoice as well, as in `reconcile latest --csv {short_path(text)}`"
    if command != "download":
        return None
    if is_file:
        return f"write -o {short_path(text)} to save an invoice there"
    if re.fullmatch("20[0-9]{2}", text):
        return f"`atlas-invoices sync --dir DIR --since {text}-01 --until {text}-12` saves those of the year"
    return "`atlas-invoices sync --dir DIR` saves every invoice" if text.lower() == "all" else None


invoice_argument = click.argument("invoice", type=_Invoice(), metavar="INVOICE", shell_complete=complete_invoices)
invoices_argument = click.argument(
    "invoices", type=_Invoice(), nargs=-1, required=True, metavar="INVOICE...", shell_complete=complete_invoices
)
sources_argument = click.argument(
    "sources", type=NOT_EMPTY, nargs=-1, required=True, metavar="SOURCE...", shell_complete=complete_sources
)
optional_sources_argument = click.argument(
    "sources", type=NOT_EMPTY, nargs=-1, metavar="[SOURCE...]", shell_complete=complete_sources
)


class FoundInvoice(NamedTuple):
    """An invoice that was named: its ID; the first day of its period and its status, if looked up and known."""

    id: str
    first_day: date | None = None
    status: str | None = None


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
        remember(org, ((str(each.id), first_day(each)) for each in listed))
    found: dict[str, FoundInvoice] = {}
    named: dict[str, str] = {}
    for name in names:
        invoice = FoundInvoice(name)
        if listed is not None:
            try:
                model = find_invoice(listed, name)
                invoice = FoundInvoice(str(model.id).lower(), first_day(model), text_or_none(model.status_name))
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
        with bar(f"{len(files)} invoices" if len(files) > 1 else "download", lambda: _measure(files.values())):
            fetch_all(list(files), save)
        for file in files.values():
            file.commit()
    finally:
        for file in files.values():
            # Threads that an interrupt has left at work must not bring it back.
            file.abandon()
            file.discard()
    return [file.saved for file in files.values()]


def _measure(files: Collection[AtomicFile]) -> Measure:
    progress = [file.progress for file in files]
    totals = [total for _, total in progress if total is not None]
    return Measure(sum(size for size, _ in progress), sum(totals) if len(totals) == len(progress) else None)


def fetch_all(invoice_ids: Sequence[str], fetch: Callable[[str], Steps[Any]]) -> None:
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


class OpenSources(NamedTuple):
    """Invoice CSVs that are open, and the same as arguments for functions that take several sources.

    `jsons` are the JSON files beside them, where there are any.
    """

    invoices: list[InvoiceCsv]
    sources: tuple[NamedSource, ...]
    jsons: list[Path]


@contextmanager
def open_sources(
    session: Session, arguments: Sequence[str], *, to_stdout: bool = False, with_json: bool = False
) -> Iterator[OpenSources]:
    """Open the invoice CSVs that the arguments mean; see `find_sources`. Warns at the end if a file may be cut.

    A bar shows how much is read, unless the block writes `to_stdout` at the same time.
    """
    from atlas_invoices._csv import NamedSource, open_all

    with find_sources(session, arguments, with_json=with_json) as found:
        opened = open_all(found)
        invoices = [(each.invoice, each.name) for each in opened]
        beside = [each.source.with_suffix(".json") for each in found if isinstance(each.source, Path)]
        jsons = [path for path in beside if path.is_file()]
        sizes = [invoice.size for invoice, _ in invoices]
        total = sum(size for size in sizes if size is not None) if None not in sizes else None

        def measure() -> Measure:
            return Measure(sum(invoice.bytes_read for invoice, _ in invoices), total)

        try:
            with bar("read", measure, to_stdout=to_stdout):
                yield OpenSources(
                    [invoice for invoice, _ in invoices], tuple(NamedSource(*each) for each in invoices), jsons
                )
        finally:
            for invoice, _ in invoices:
                invoice.close()
    for invoice, name in invoices:
        if not invoice.ends_line:
            _output.warning(f"{name}: the last line has no line end, so the file may be cut off; download it again")


@contextmanager
def find_sources(
    session: Session, arguments: Sequence[str], *, with_json: bool = False
) -> Iterator[tuple[NamedSource, ...]]:
    """Find the invoice CSVs that the arguments mean, in their order; those of Atlas come through a temporary folder.

    Where a path exists, it's read, even if it could also be the name of an invoice. `with_json` fetches the JSON of
    Atlas' invoices, too.
    """
    from atlas_invoices._csv import NamedSource, expand_sources

    if twice := [argument for argument in arguments if arguments.count(argument) > 1]:
        raise click.UsageError(f"{short_path(twice[0])} is given twice; name it once")
    parts = [_read_argument(argument) for argument in arguments]
    names = [part for part in parts if isinstance(part, str)]
    try:
        on_disk = [[] if isinstance(part, str) else expand_sources((part,)) for part in parts]
    except ConfigError as error:  # a folder without invoices
        raise click.UsageError(str(error)) from None
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="atlas-invoices-", ignore_cleanup_errors=True) as folder:
        fetched = iter(_fetch_sources(session, names, Path(folder), with_json=with_json) if names else [])
        found = (source for sources in on_disk for source in sources or [next(fetched)])
        yield tuple(NamedSource(each.source, short_path(each.name, _MAX_NAME)) for each in found)


def _read_argument(argument: str) -> NamedSource | Path | str:
    """Return stdin, a path, or an invoice's name."""
    from atlas_invoices._csv import NamedSource

    if argument == _STDIN:
        if sys.stdin is None:
            raise click.UsageError("stdin is closed")
        return NamedSource(sys.stdin.buffer, "stdin")
    if os.path.lexists(argument):
        return Path(argument)
    try:
        return invoice_name(argument)
    except InvalidIdError:
        file = _similar_file(Path(argument))
        hint = name_hint(argument, short_path(file) if file else None)
        raise click.UsageError(
            f"{short_path(argument)!r} is neither an existing file or folder nor an invoice{hint}: write its ID, "
            "its month as in 2026-06, latest or pending; run `atlas-invoices list` to see all invoices"
        ) from None


def _similar_file(path: Path) -> Path | None:
    with suppress(OSError, ValueError):
        if name := closest(path.name, (each.name for each in path.parent.iterdir())):
            return path.parent / name
    return None


def _fetch_sources(session: Session, names: Sequence[str], folder: Path, *, with_json: bool) -> list[NamedSource]:
    from atlas_invoices import _operations
    from atlas_invoices._csv import NamedSource
    from atlas_invoices._files import AtomicFile

    with session.client() as client:
        org = session.org_id(client)
        found = find_invoices(client, org, names)
        if len(found) > 1:
            _output.note(f"fetching {len(found)} invoices")
        files = {each.id: AtomicFile(folder / f"{each.id}.csv", overwrite=True) for each in found}

        def fetch(id_: str) -> Steps[None]:
            yield from client._download(org, id_, files[id_])  # noqa: SLF001 - the client's steps aren't public
            if with_json:
                json = AtomicFile(folder / f"{id_}.json", overwrite=True)
                yield from client._write(_operations.invoice(org, id_), json)  # noqa: SLF001 - the client's steps aren't public
                json.commit()

        with bar("fetch", lambda: _measure(files.values())):
            fetch_all(list(files), fetch)
    return [NamedSource(folder / f"{id_}.csv", f"invoice {id_}") for id_ in files]


def is_same_file(source: object, target: os.stat_result) -> bool:
    """Whether a source is this very file, also through a link or as stdin."""
    with suppress(OSError, ValueError, AttributeError):
        status = os.fstat(sys.stdin.fileno()) if source == _STDIN else Path(str(source)).stat()
        return os.path.samestat(status, target)
    return False


def refuse_source(sources: Sequence[str], output: str) -> None:
    """Refuse to overwrite an invoice that is being read."""
    with suppress(OSError, ValueError, AttributeError):
        target = os.fstat(sys.stdout.fileno()) if output == "-" else Path(output).stat()
        # Both may be the same terminal or socket.
        if not stat.S_ISREG(target.st_mode):
            return
        for source in sources:
            for file in Path(source).glob("*.csv") if Path(source).is_dir() else [source]:
                if is_same_file(file, target):
                    raise click.UsageError(f"{short_path(file)} is the invoice itself; choose another output file")
