"""`atlas-invoices export`: typed lines for the next tool."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atlas_invoices._files import AtomicFile

from . import _output, _source
from ._session import NOT_EMPTY, Session, atlas_options
from ._table import short_path

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from atlas_invoices import InvoiceCsv


@click.command(name="export")
@_source.argument
@click.option("--format", "form", type=click.Choice(["csv", "jsonl", "parquet"]), required=True)
@click.option(
    "-o", "--output", type=NOT_EMPTY, default="-", metavar="PATH|-", help="Where to; `-`, the default, is stdout."
)
@click.option("--force", is_flag=True, help="Replace an existing file, once the new one is complete.")
@click.option("--raw", is_flag=True, help="csv: leave text that a spreadsheet would run as a formula as it is.")
@atlas_options
def export_command(session: Session, file_or_id: str, form: str, output: str, force: bool, raw: bool) -> None:
    """Write an invoice's lines with types, from a saved CSV (`-` is stdin) or straight from Atlas.

    csv has ISO dates, and tags as JSON; jsonl has exact numbers as strings; parquet has exact decimals, days as
    dates and tags as a map.
    """
    if raw and form != "csv":
        raise click.UsageError("--raw is for --format csv: the other formats are no spreadsheets")
    if form == "parquet" and find_spec("pyarrow") is None:
        raise click.UsageError('parquet needs an extra: pip install "atlas-invoices[arrow]"')
    _refuse_itself(file_or_id, output)
    if output == "-":
        if form == "parquet" and sys.stdout.isatty():
            raise click.UsageError("parquet is no text for a terminal: name a file with -o")
        with _source.open_invoice(session, file_or_id) as invoice, _output.data_bytes() as out:
            _write(invoice, form, out, raw=raw)
        return
    target = AtomicFile(output, overwrite=force)
    with _source.open_invoice(session, file_or_id) as invoice, target:
        _write(invoice, form, target, raw=raw)
    _output.saved(target.saved)


def _refuse_itself(file_or_id: str, output: str) -> None:
    """Refuse to write over the invoice that is read: it would be gone."""
    with suppress(OSError, ValueError, AttributeError):
        target = os.fstat(sys.stdout.fileno()) if output == "-" else Path(output).stat()
        # Both can be one terminal, or one socket.
        if stat.S_ISREG(target.st_mode) and _source.is_same(file_or_id, target):
            raise click.UsageError(f"{short_path(file_or_id)} is the invoice itself: name another file for the output")


def _write(invoice: InvoiceCsv, form: str, file: SupportsWrite[bytes], *, raw: bool) -> None:
    from atlas_invoices._csv import write_csv, write_jsonl, write_parquet  # noqa: PLC0415 - not at the start

    if form == "csv":
        write_csv(invoice, file, raw=raw)
    elif form == "jsonl":
        write_jsonl(invoice, file)
    else:
        _tune_pyarrow()
        write_parquet(invoice, file)
    if "Amount" not in invoice.columns:
        _output.warning("no column Amount in this file, so every line's amount is empty")


def _tune_pyarrow() -> None:
    """Have pyarrow use jemalloc in this process: a sixth faster here, and smaller, than its default (tests/benchmarks).

    And have numpy, which pyarrow imports, start no threads for its linear algebra: they only spin. Both are choices
    for the whole process, so they're the command's to make and not the library's.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import pyarrow as pa  # noqa: PLC0415 - an extra

    # Not built into every pyarrow.
    with suppress(NotImplementedError):
        pa.set_memory_pool(pa.jemalloc_memory_pool())
