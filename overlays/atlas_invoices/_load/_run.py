"""Load invoices into a target: which are there already, and what replaces what."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

from attrs import frozen

from atlas_invoices._csv import (
    Decimals,
    InvoiceCsv,
    NamedSource,
    OpenInvoice,
    Sources,
    checked_decimals,
    expand_sources,
    is_rereadable,
    naming,
    open_all,
    open_source,
    read_manifest,
    require,
)
from atlas_invoices._errors import AtlasError, ConfigError, InvoiceFormatError, LoadError
from atlas_invoices._focus._facts import InvoiceFacts, read_file
from atlas_invoices._utils import closest, pluralize, single_line, warn

from ._schema import FACTS

if TYPE_CHECKING:
    from datetime import date

    from . import _delta, _duckdb, _iceberg  # noqa: F401 - for tools that freeze a program (PyInstaller), which follow import statements only
    from ._rows import InvoiceRows

DEFAULT_LOCK_TIMEOUT = 60.0
_PENDING = "PENDING"
_COLOR = re.compile(r"\x1b\[[\d;]*m")


class Target(Protocol):
    """An open table, or tables, of invoices; `conflicts` are the errors when another writes the same at once."""

    conflicts: ClassVar[tuple[type[Exception], ...]]

    def stored(self) -> dict[str, dict[str, object]]:
        """Return the facts about each invoice that is there, by its ID: `source_sha256`, and some of FACTS."""

    def replace(self, invoice: InvoiceRows) -> None:
        """Write an invoice and remove its earlier lines, in one transaction."""

    def close(self) -> None:
        """Close it."""


@frozen
class LoadedInvoice:
    """The outcome for one invoice; `lines` and `amount` (dollars) are None if it was there already, unchanged."""

    id: str
    period_start: date | None
    outcome: Literal["added", "replaced", "unchanged"]
    lines: int | None = None
    amount: Decimal | None = None


@frozen
class LoadReport:
    """The outcome for each invoice, in the order of the sources."""

    target: str
    invoices: tuple[LoadedInvoice, ...]

    @property
    def added(self) -> list[LoadedInvoice]:
        """The invoices that were not there."""
        return self._with("added")

    @property
    def replaced(self) -> list[LoadedInvoice]:
        """The invoices that had changed, or were pending."""
        return self._with("replaced")

    @property
    def unchanged(self) -> list[LoadedInvoice]:
        """The invoices that were there already."""
        return self._with("unchanged")

    def _with(self, outcome: str) -> list[LoadedInvoice]:
        return [invoice for invoice in self.invoices if invoice.outcome == outcome]


def load(
    target: str,
    source: Sources,
    *,
    storage_options: Mapping[str, str] | None = None,
    decimals: Decimals = "exact",
    lock_timeout: float = DEFAULT_LOCK_TIMEOUT,
    on_progress: Callable[[str], None] = lambda _: None,
) -> LoadReport:
    """Load invoices into tables, each whole and once. Needs the extra `duckdb`, `delta` or `iceberg`.

    Each invoice is written in one transaction, which also removes its earlier lines. An invoice whose CSV has the
    SHA-256 of the one that is there is skipped, unless its JSON says something new or it's pending. So a run that was
    killed leaves whole invoices, and the next run completes them. An invoice that fails ends the run; those before it
    stay.

    The tables' schema is fixed: the columns of `to_arrow`, with numbers as `decimal(38, 14)`, and `tags` and `extra` as
    maps. A table from an earlier version gets the columns that it lacks.

    Args:
        target: `duckdb:PATH` writes the tables `invoice_lines` and `invoices` (header, `source_sha256`, sums in
            dollars, and the status and amounts in cents of its JSON), and a view `focus` of both in FOCUS 1.3, unless
            the database has something else of that name. `delta:URI` and `iceberg:CATALOG.NAMESPACE.TABLE`
            write one table of lines, with two more columns, `source_sha256` and `status`.
        source: what `to_arrow` takes, except a stream that `read_csv` has opened. A folder that `sync` keeps has each
            invoice's status in its manifest; beside another CSV, it's looked for in a file of the same name that ends
            in `.json`.
        storage_options: options for the engine: DuckDB's configuration, delta-rs's storage options, or the properties
            of an Iceberg catalog. Each engine also reads its usual environment variables.
        decimals: `"round"` rounds numbers of more than 14 decimals half to even, and warns of how many.
        lock_timeout: how many seconds to wait for another process that has the DuckDB database open.
        on_progress: called with a line of text for each invoice that was written.

    Raises ConfigError for an unknown target or a missing extra, InvoiceFormatError for a CSV that can't be read, lacks
    its invoice number, or has a number that doesn't fit, and LoadError where the target can't be used.

    Example:
        >>> lines = b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Atlas M10 Instance - Azure,1.92\\n"
        >>> data = b"Invoice Number,666acb8787ba43606905dcae,\\n" + lines
        >>> ai.load("duckdb:costs.db", data).added[0].amount
        Decimal('1.92000000000000')
        >>> len(ai.load("duckdb:costs.db", data).unchanged)
        1
    """
    decimals = checked_decimals(decimals)
    check_target(target)
    workers = min(4, os.cpu_count() or 1)
    with TemporaryDirectory(prefix="atlas-invoices-") as folder, ThreadPoolExecutor(workers) as pool:
        sources = [_rereadable(each, Path(folder) / str(number)) for number, each in enumerate(expand_sources(source))]
        # hashlib lets other threads run, so the engine is imported, and the first invoices are loaded, in the meantime.
        digests = pool.map(_digest, [each.source for each in sources])
        opened = open_all(tuple(sources))
        ids = [_invoice_id(each) for each in opened]
        known = _known([each.source for each in sources], ids)
        tables = _open_target(target, storage_options or {}, lock_timeout, on_progress)
        try:
            with _explaining(target):
                stored = tables.stored()
            done = []
            for each, id_, digest, new in zip(opened, ids, digests, known, strict=True):
                new.stored["source_sha256"] = digest
                loaded = _load_one(target, tables, each, id_, stored.get(id_), new, decimals)
                if loaded.lines is not None:
                    month = str(loaded.period_start)[:7] if loaded.period_start else "-"
                    on_progress(f"{month:<7} {id_} {loaded.outcome}, {pluralize(loaded.lines, 'line', 'lines')}")
                done.append(loaded)
        finally:
            tables.close()
    return LoadReport(target, tuple(done))


# By the beginning of a target: the engine's package, and the class that uses it, in a module imported only then.
_ENGINES = {
    "duckdb": ("duckdb", "DuckDBTarget"),
    "delta": ("deltalake", "DeltaTarget"),
    "iceberg": ("pyiceberg", "IcebergTarget"),
}


def check_target(target: str) -> None:
    """Check a target before anything is fetched; raises ConfigError if it isn't one, or its extra is missing."""
    engine, _ = parse_target(target)
    require(f"loading into {engine}", engine, _ENGINES[engine][0], "pyarrow")


def parse_target(target: str) -> tuple[str, str]:
    """Return a target's engine and place; raises ConfigError if it isn't one."""
    engine, _, place = target.partition(":")
    if engine in _ENGINES and place:
        return engine, place
    if target.endswith((".db", ".duckdb")) and not place:
        similar = f"duckdb:{target}"
    elif place.startswith("//"):
        similar = f"delta:{target}"
    else:
        similar = f"{meant}:{place}" if place and (meant := closest(engine, _ENGINES)) else ""
    hint = f" (did you mean {single_line(similar, 60)}?)" if similar else ""
    raise ConfigError(
        f"{single_line(repr(target), 60)} isn't a target{hint}: write duckdb:PATH, delta:URI or "
        "iceberg:CATALOG.NAMESPACE.TABLE"
    )


def _open_target(
    target: str, options: Mapping[str, str], lock_timeout: float, on_progress: Callable[[str], None]
) -> Target:
    engine, place = parse_target(target)
    make = getattr(import_module(f"._{engine}", __package__), _ENGINES[engine][1])
    with _explaining(target):
        opened: Target = make(place, options, lock_timeout, on_progress)
    return opened


@contextmanager
def _explaining(target: str, conflicts: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn an engine's error into a LoadError that names the target."""
    try:
        yield
    except AtlasError:
        raise
    except conflicts as error:
        raise LoadError(f"{target}: another run is writing the same table; run it again") from error
    except Exception as error:
        # delta-rs has colors in its messages.
        raise LoadError(f"{target}: {single_line(_COLOR.sub('', str(error)), 300)}") from error


def _rereadable(each: NamedSource, path: Path) -> NamedSource:
    """Return a source that can be read more than once; one that can't is saved as `path`, a temporary file."""
    source = each.source
    if isinstance(source, InvoiceCsv):
        if source.rereadable:
            return NamedSource(source.source, each.name)
        raise ConfigError("load takes no stream that read_csv has opened, because it needs all bytes: pass the stream")
    if is_rereadable(source):
        return each
    with path.open("wb") as file:
        for chunk in open_source(source):
            file.write(chunk)
    return NamedSource(path, each.name or "the CSV")


def _invoice_id(source: OpenInvoice) -> str:
    if source.header.invoice_id is None:
        with naming(source.name):
            what = "no Invoice Number above the table, so load can't tell which invoice this replaces"
            raise InvoiceFormatError(f"{what}; download the file again", line_number=1)
    return source.header.invoice_id


def _digest(source: Any) -> str:  # noqa: ANN401 - a path or bytes
    if isinstance(source, (str, os.PathLike)):
        with Path(source).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(source).hexdigest()


class _Known(NamedTuple):
    """An invoice's `source_sha256` and known FACTS, which show whether it has changed; `facts` reads its JSON."""

    stored: dict[str, object]
    facts: Callable[[], InvoiceFacts]


def _known(sources: Sequence[object], ids: Sequence[str]) -> Iterator[_Known]:
    manifests: dict[Path, dict[str, Any]] = {}
    for source, id_ in zip(sources, ids, strict=True):
        path = Path(source) if isinstance(source, (str, os.PathLike)) else None
        if path and path.parent not in manifests:
            manifests[path.parent] = read_manifest(path.parent) or {}
        entry = manifests[path.parent].get(id_) if path else None
        facts = cache(partial(_read_json, path and path.with_suffix(".json"), id_))
        document: Mapping[str, Any] = entry or facts().fields
        known = {name: document[api_name] for name, api_name in FACTS.items() if document.get(api_name) is not None}
        yield _Known(known, facts)


def _read_json(path: Path | None, invoice_id: str) -> InvoiceFacts:
    """Return the facts in an invoice's JSON; none if there is no such file."""
    if path and path.is_file():
        with suppress(ValueError, RecursionError):
            facts = read_file(path)
            if facts.id == invoice_id.lower() and all(
                isinstance(facts.fields.get(api_name), (str if name == "status" else int, NoneType))
                for name, api_name in FACTS.items()
            ):
                return facts
        warn(f"{path.name} isn't the JSON of invoice {invoice_id}, so it was ignored")
    return InvoiceFacts(invoice_id, {}, frozenset(), {})


def _load_one(
    target: str,
    tables: Target,
    source: OpenInvoice,
    invoice_id: str,
    old: Mapping[str, object] | None,
    new: _Known,
    decimals: Decimals,
) -> LoadedInvoice:
    start = source.header.period_start
    if (
        old is not None
        and old["status"] != _PENDING
        and all(old[name] == new.stored[name] for name in old.keys() & new.stored.keys())
    ):
        return LoadedInvoice(invoice_id, start, "unchanged")
    from ._rows import InvoiceRows  # noqa: PLC0415 - a run with nothing to load needs no pyarrow

    rows = InvoiceRows(source, new.stored, decimals, lambda: new.facts().providers)
    try:
        with _explaining(target, tables.conflicts):
            tables.replace(rows)
    except Exception:
        if rows.failure:
            raise rows.failure from None
        raise
    return LoadedInvoice(invoice_id, start, "added" if old is None else "replaced", rows.lines, rows.amount)
