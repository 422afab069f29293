"""The command focus: invoices in FOCUS, from their lines or as MongoDB's own report, and what differs."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

import click

from atlas_invoices._errors import InvalidIdError
from atlas_invoices._files import AtomicFile
from atlas_invoices._focus import MONGODB, is_folder
from atlas_invoices._invoice_names import invoice_name
from atlas_invoices._utils import pluralize

from . import _exit, _output, _source, _table
from ._export import tune_pyarrow
from ._session import NOT_EMPTY, Choice, Session, atlas_options, output_option

if TYPE_CHECKING:
    import pyarrow as pa

    from atlas_invoices._focus._report import ReportFile
    from atlas_invoices._focus._sums import FocusSums
    from atlas_invoices._http._steps import Steps

_ENDINGS = {".csv": "csv", ".parquet": "parquet"}


@click.command(name="focus")
@_source.sources_argument
@click.option(
    "--from",
    "origin",
    type=Choice(["lines", "atlas"]),
    default="lines",
    show_default=True,
    help="Convert the lines, or fetch MongoDB's own report.",
)
@click.option(
    "--focus-version",
    "version",
    type=Choice(["1.2", "1.3"]),
    help="Version of FOCUS. Default: 1.2 from lines, Atlas's choice from atlas.",
)
@click.option(
    "--format",
    "output_format",
    type=Choice(["csv", "parquet"]),
    help="Default: as PATH ends; parquet in a folder, csv on stdout.",
)
@output_option("Output file, or a folder (PATH/) with a file for each invoice. Default: `-`, stdout.", default="-")
@click.option("--force", is_flag=True, help="Replace existing files once the new ones are complete.")
@click.option("--compare", is_flag=True, help="Show what differs between the lines and MongoDB's report instead.")
@click.option(
    "--issuer",
    type=NOT_EMPTY,
    default=MONGODB,
    show_default=True,
    metavar="NAME",
    help="InvoiceIssuerName, if a marketplace bills you.",
)
@atlas_options
def focus_command(
    session: Session,
    sources: tuple[str, ...],
    origin: str,
    version: str | None,
    output_format: str | None,
    output: str,
    force: bool,
    compare: bool,
    issuer: str,
) -> None:
    """Write one or more invoices in FOCUS, the table that cost tools exchange.

    From lines, each line of the CSV is a row, and so is sales tax, which only an invoice's JSON has: invoices of Atlas
    and of a folder that `sync` keeps come with it. The sum of BilledCost is the amount billed. From atlas, it's
    MongoDB's own report: usage only, but with costs in the currency of payment, which only this report has.

    SOURCE is an invoice CSV, a folder of them, such as `sync` keeps, `-` for stdin, or an invoice of Atlas: its ID, the
    month its period starts in (2026-06), `latest` (the newest that isn't pending) or `pending`. With --from atlas it's
    an invoice of Atlas.

    In a folder, each invoice has a file of its own, billing_period=YYYY-MM/ID.parquet, which the next run with --force
    replaces.

    --compare joins lines and report by day, project, cluster and SKU, prints what differs, and exits with status 6 if
    anything but rounding does.
    """
    if find_spec("pyarrow") is None:
        raise click.UsageError('focus needs an extra: pip install "atlas-invoices[arrow]"')
    if issuer != MONGODB and (compare or origin == "atlas"):
        raise click.UsageError("--issuer only works with --from lines")
    if compare:
        if origin == "atlas" or output != "-" or output_format == "parquet":
            raise click.UsageError("--compare prints a table (--format csv for programs) of lines and report")
        _compare(session, sources, output_format or "table")
        return
    folder = Path(output) if is_folder(output) else None
    default = "parquet" if folder else "csv" if output == "-" else _ENDINGS.get(Path(output).suffix.lower())
    output_format = output_format or default
    if output_format is None:
        raise click.UsageError("choose --format csv or parquet, or an output file that ends in one of them")
    if output_format == "parquet" and output == "-" and sys.stdout.isatty():
        raise click.UsageError("refusing to write Parquet to a terminal; choose a file with -o")
    tune_pyarrow()
    if folder is None:
        _source.refuse_source(sources, output)
    target = None if folder or output == "-" else AtomicFile(output, overwrite=force)
    with ExitStack() as stack:
        if output != "-":
            stack.enter_context(_output.if_interrupted("nothing was saved"))
        if origin == "atlas":
            table: _Table = _ReportTable(session, sources, version, stack)
        else:
            table = _LinesTable(session, sources, version or "1.2", issuer, stack, to_stdout=output == "-")
        saved = _write(table, target, folder, output_format, force=force)
    for file in saved:
        _output.saved(file)
    table.finish()


class _Table(Protocol):
    """Rows of FOCUS to write: pieces with their invoice, its ID, and the first day of its period."""

    schema: pa.Schema

    def pieces(self) -> Iterator[tuple[object, str | None, dt.date, pa.RecordBatch]]: ...

    def finish(self) -> None: ...


def _write(table: _Table, target: AtomicFile | None, folder: Path | None, output_format: str, *, force: bool) -> Any:  # noqa: ANN401 - a list of SavedFile, which isn't imported here
    from atlas_invoices._focus._write import write_focus, write_folder

    if folder:
        return write_folder(table.pieces(), table.schema, folder, output_format, overwrite=force)
    with target or _output.binary_stdout() as file:
        write_focus((batch for *_, batch in table.pieces()), table.schema, file, output_format)
    return [target.saved] if target else []


class _LinesTable:
    def __init__(
        self,
        session: Session,
        sources: tuple[str, ...],
        version: str,
        issuer: str,
        stack: ExitStack,
        *,
        to_stdout: bool = False,
    ) -> None:
        from atlas_invoices._focus import open_focus
        from atlas_invoices._focus._facts import read_facts

        opened = stack.enter_context(_source.open_sources(session, sources, to_stdout=to_stdout, with_json=True))
        self._invoices = opened.invoices
        facts = read_facts(opened.jsons)
        self._converter = stack.enter_context(open_focus(opened.sources, facts, version=version, issuer=issuer))
        self.schema = self._converter.schema

    def pieces(self) -> Iterator[tuple[object, str | None, dt.date, pa.RecordBatch]]:
        for source, batch in self._converter.batches():
            yield source, source.header.invoice_id, self._converter.period(source)[0], batch

    def invoice_ids(self) -> list[str]:
        if not all(invoice.header.invoice_id for invoice in self._invoices):
            raise click.UsageError("a CSV doesn't name its invoice, so MongoDB's report on it can't be found")
        return [str(invoice.header.invoice_id) for invoice in self._invoices]

    def finish(self) -> None:
        sums = self._converter.sums
        for text in sums_as_text(sums):
            _output.note(text)
        for text in sums.warnings():
            _output.warning(text)


def sums_as_text(sums: FocusSums) -> Iterator[str]:
    """Yield a line for each currency: how many lines, and BilledCost by category."""
    count = f"{pluralize(sums.lines, 'line', 'lines')} of {pluralize(sums.invoices, 'invoice', 'invoices')}"
    for currency, amounts in sums.by_currency.items():
        kinds = [("usage", amounts.usage), ("credits", amounts.credits), ("tax", amounts.tax)]
        shown = ", ".join(f"{name} {_money(amount)}" for name, amount in kinds)
        yield f"{count}: {shown}; billed {_money(amounts.billed)} {currency}"


def _money(amount: Any) -> str:  # noqa: ANN401 - a Decimal
    """Return all decimals of an amount, two at least."""
    cents = _table.rounded(amount, 2)
    return f"{cents:,f}" if cents == amount else f"{amount:,f}".rstrip("0")


class _ReportTable:
    def __init__(self, session: Session, sources: tuple[str, ...], version: str | None, stack: ExitStack) -> None:
        from atlas_invoices._focus._report import report_schema

        self._reports = fetch_reports(session, sources, version, stack)
        self.schema = report_schema(self._reports)
        self._rows = 0

    def pieces(self) -> Iterator[tuple[object, str | None, dt.date, pa.RecordBatch]]:
        for report in self._reports:
            for batch in report.batches(self.schema):
                if batch.num_rows:
                    self._rows += batch.num_rows
                    yield report, report.invoice_id, batch["BillingPeriodStart"][0].as_py().date(), batch

    def finish(self) -> None:
        _output.note(
            f"{pluralize(self._rows, 'row', 'rows')} of usage in {pluralize(len(self._reports), 'report', 'reports')}; "
            "MongoDB's reports have no tax and no credits"
        )


def fetch_reports(session: Session, names: Iterable[str], version: str | None, stack: ExitStack) -> list[ReportFile]:
    """Fetch MongoDB's reports on invoices into a temporary folder; a pending invoice gets a new one."""
    from atlas_invoices._focus._report import ReportFile
    from atlas_invoices._reports import MAX_WAIT

    try:
        wanted = [invoice_name(name) for name in names]
    except InvalidIdError as error:
        raise click.UsageError(f"{error}; MongoDB's reports come from Atlas, so name an invoice, not a file") from None
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="atlas-invoices-", ignore_cleanup_errors=True)))
    with session.client() as client:
        org = session.org_id(client)
        found = {each.id: each for each in _source.find_invoices(client, org, wanted, with_days=True)}
        _output.note(f"waiting for {pluralize(len(found), 'report', 'reports')} of Atlas")
        paths = {id_: folder / f"{id_}.csv" for id_ in found}

        def fetch(id_: str) -> Steps[Any]:
            file, reuse = AtomicFile(paths[id_], overwrite=False), found[id_].status != "PENDING"
            return client._reports.download(org, id_, file, spec_version=version, reuse=reuse, max_wait=MAX_WAIT)  # noqa: SLF001 - the client's steps aren't public

        _source.fetch_all(list(paths), fetch)
    return [ReportFile(path, id_) for id_, path in paths.items()]


_COLUMNS = (
    _table.Column("DAY", "day"),
    _table.Column("PROJECT", "project_id", flexible=True, spare=2),
    _table.Column("CLUSTER", "cluster", flexible=True),
    _table.Column("SKU", "sku", flexible=True),
    _table.Column("LINES", "lines", number=True),
    _table.Column("REPORT", "report", number=True),
    _table.Column("DIFFERENCE", "difference", number=True, spare=1),
    _table.Column("WHY", "reason"),
)


def _compare(session: Session, sources: tuple[str, ...], output_format: str) -> None:
    from atlas_invoices._focus._compare import compare, sum_usage
    from atlas_invoices._focus._report import report_schema
    from atlas_invoices._utils import plain_or_none

    with ExitStack() as stack:
        ours = _LinesTable(session, sources, "1.3", MONGODB, stack)
        ids = ours.invoice_ids()
        lines = sum_usage((batch for *_, batch in ours.pieces()), "BilledCost")
        reports = fetch_reports(session, ids, None, stack)
        schema = report_schema(reports)
        theirs = (batch for report in reports for batch in report.batches(schema))
        result = compare(lines, sum_usage(theirs, "PricingCurrencyEffectiveCost"))
    ours.finish()
    rows = [
        {
            **each.key._asdict(),
            "day": plain_or_none(each.key.day),
            **{name: plain_or_none(getattr(each, name)) for name in ("lines", "report", "difference")},
            "reason": each.reason,
        }
        for each in result.mismatches
    ]
    if rows or output_format == "csv":
        _table.show(rows, _COLUMNS, output_format)
    if result.without_sku:
        _output.warning("no SKU of the lines is in the report, so both were joined without SKUs")
    _output.note(
        f"usage: lines {_money(result.lines)}, report {_money(result.report)} USD; {len(rows):,} of "
        f"{pluralize(result.keys, 'sum', 'sums')} by day, project, cluster and SKU differ"
    )
    if not result.matches:
        _output.error("the lines and MongoDB's report differ by more than rounding")
        raise SystemExit(_exit.WRONG_DATA)
