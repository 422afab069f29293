"""Several invoices as one: a source, a list of them, or a folder of CSVs; each named in errors, none read twice."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from attrs import frozen

from atlas_invoices._errors import ConfigError, InvoiceFormatError
from atlas_invoices._utils import single_line

from ._columns import quoted
from ._model import InvoiceHeader, LineItem
from ._reader import InvoiceCsv, open_invoice
from ._sources import Source

_MANIFEST = "manifest.json"
_MANIFEST_FORMAT = "atlas-invoices sync"
_MAX_NAME = 100


@frozen
class NamedSource:
    """One invoice CSV, and what errors and warnings call it; `None` if the caller knows which one it is."""

    source: Source | InvoiceCsv
    name: str | None = None


AnySource: TypeAlias = Source | InvoiceCsv | NamedSource
Decimals: TypeAlias = Literal["exact", "round"]
Sources: TypeAlias = AnySource | Sequence[AnySource]


def is_sequence(source: object) -> bool:
    """Whether it's a list, tuple or other sequence of values, rather than text or bytes."""
    return isinstance(source, Sequence) and not isinstance(source, (str, bytes, bytearray, memoryview))


def expand_sources(source: Sources) -> list[NamedSource]:
    """Return the single sources in one source, a sequence of them, or folders.

    A folder has its `*.csv`, in the order of their names; if `sync` keeps it, those in its manifest. An iterable of
    bytes that isn't a sequence is one source. A folder without a CSV, or one that lacks an invoice of its
    manifest, is a ConfigError.
    """
    several = is_sequence(source)
    sources: list[NamedSource] = []
    for number, each in enumerate(cast("Iterable[AnySource]", source) if several else [source], 1):
        if isinstance(each, NamedSource):
            sources.append(each)
        elif isinstance(each, (str, os.PathLike)):
            # Unlike Path.is_dir, this is False for what can't be a path, which reading reports.
            if os.path.isdir(each):  # noqa: PTH112 - see above
                sources += [NamedSource(csv, str(csv)) for csv in _csvs(Path(each))]
            else:
                sources.append(NamedSource(each, os.fspath(each) if several else None))
        else:
            sources.append(NamedSource(cast("Source | InvoiceCsv", each), f"source {number}" if several else None))
    return sources


def _csvs(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".csv" and path.name[0] != ".")
    shown = single_line(folder, _MAX_NAME)
    manifest = read_manifest(folder)
    if manifest is not None:
        by_name = {path.name: path for path in paths}
        found = {id_: [by_name[name] for name in _csv_names(each) if name in by_name] for id_, each in manifest.items()}
        if missing := [id_ for id_, some in found.items() if not some]:
            what = f"{shown} lacks the CSV of invoice {min(missing)}, which is in its manifest"
            raise ConfigError(f"{what}; run `atlas-invoices sync` to fetch it again")
        paths = sorted(some[0] for some in found.values())
    if not paths:
        raise ConfigError(f"no invoice CSV (*.csv) in the folder {shown}")
    return paths


def read_manifest(folder: Path) -> dict[str, dict[str, Any]] | None:
    """Return the entries of the manifest of a folder that `sync` keeps, by invoice; `None` for any other folder."""
    try:
        document = json.loads((folder / _MANIFEST).read_bytes())
        if document["format"] != _MANIFEST_FORMAT:
            return None
        return {invoice["id"]: invoice for invoice in document["invoices"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _csv_names(invoice: dict[str, Any]) -> list[str]:
    """Return what an invoice's CSV may be called.

    Format 1 of the manifest has no names: there it's the ID, or with the month if a sync was stopped while renaming.
    """
    if "name" in invoice["csv"]:
        return [invoice["csv"]["name"]]
    return [f"{invoice['id']}.csv", f"{str(invoice['startDate'])[:7]}-{invoice['id']}.csv"]


@frozen
class OpenInvoice:
    """An open invoice, and what errors call it."""

    invoice: InvoiceCsv
    name: str | None

    @property
    def header(self) -> InvoiceHeader:
        """The lines above the table."""
        return self.invoice.header

    def lines(self) -> Iterator[LineItem]:
        """Yield the lines; an error names the invoice."""
        with naming(self.name):
            yield from self.invoice


@contextmanager
def naming(name: str | None) -> Iterator[None]:
    """Begin the message of an InvoiceFormatError with the source's name."""
    try:
        yield
    except InvoiceFormatError as error:
        if name is None:
            raise
        message = f"{single_line(name, _MAX_NAME)}: {error}"
        raise InvoiceFormatError(message, line_number=error.line_number, column=error.column) from error


def open_all(source: Sources) -> list[OpenInvoice]:
    """Open every source as far as its header row; the same invoice twice is an InvoiceFormatError that names both.

    At most one file stays open if there are several: each is read again from its beginning when its turn comes.
    """
    sources = expand_sources(source)
    opened: list[OpenInvoice] = []
    names: dict[str, str] = {}
    for each in sources:
        with naming(each.name):
            invoice = open_invoice(each.source, each.name)
        if len(sources) > 1 and invoice is not each.source and invoice.rereadable:
            invoice.close()
        opened.append(OpenInvoice(invoice, each.name))
        invoice_id = invoice.header.invoice_id
        if invoice_id is None:
            continue
        name = single_line(each.name or f"source {len(opened)}", _MAX_NAME)
        if invoice_id in names:
            what = f"invoice {quoted(invoice_id)} twice: {names[invoice_id]} and {name}"
            raise InvoiceFormatError(f"{what}; leave one of them out")
        names[invoice_id] = name
    return opened


def open_tables(source: Sources) -> list[OpenInvoice]:
    """Open every source for a table; two without an Invoice Number are an InvoiceFormatError.

    The rows of such invoices have no key: sums can do without, tables can't.
    """
    opened = open_all(source)
    nameless = [str(each.name) for each in opened if each.header.invoice_id is None]
    if len(nameless) > 1:
        names = " and ".join(single_line(name, _MAX_NAME) for name in nameless[:2])
        what = "have no Invoice Number above their lines, so their rows can't be told apart"
        raise InvoiceFormatError(f"{names} {what}; make a table of each")
    return opened
