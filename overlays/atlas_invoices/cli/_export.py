"""The command export: typed lines for other tools."""

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

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from atlas_invoices import InvoiceCsv


@click.command(name="export")
@_source.argument
@click.option("--format", "output_format", type=click.Choice(["csv", "jsonl", "parquet"]), required=True)
@click.option(
    "-o", "--output", type=NOT_EMPTY, default="-", metavar="PATH|-", help="Output file. Default: `-`, stdout."
)
@click.option("--force", is_flag=True, help="Replace an existing file once the new one is complete.")
@click.option("--raw", is_flag=True, help="csv: don't escape text that a spreadsheet would run as a formula.")
@atlas_options
def export_command(session: Session, file_or_id: str, output_format: str, output: str, force: bool, raw: bool) -> None:
    """Write an invoice's lines with types, from a saved CSV (`-` is stdin) or straight from Atlas.

    csv has ISO dates, and tags as JSON; jsonl has exact numbers as strings; parquet has exact decimals, dates, and tags
    as a map.
    """
    if raw and output_format != "csv":
        raise click.UsageError("--raw only works with --format csv")
    if output_format == "parquet" and find_spec("pyarrow") is None:
        raise click.UsageError('parquet needs an extra: pip install "atlas-invoices[arrow]"')
    _refuse_source(file_or_id, output)
    if output == "-":
        if output_format == "parquet" and sys.stdout.isatty():
            raise click.UsageError("refusing to write Parquet to a terminal; choose a file with -o")
        with _source.open_invoice(session, file_or_id) as invoice, _output.binary_stdout() as out:
            _write(invoice, output_format, out, raw=raw)
        return
    target = AtomicFile(output, overwrite=force)
    with _source.open_invoice(session, file_or_id) as invoice, target:
        _write(invoice, output_format, target, raw=raw)
    _output.saved(target.saved)


def _refuse_source(file_or_id: str, output: str) -> None:
    """Refuse to overwrite the invoice that is being read."""
    with suppress(OSError, ValueError, AttributeError):
        target = os.fstat(sys.stdout.fileno()) if output == "-" else Path(output).stat()
        # Both may be the same terminal or socket.
        if stat.S_ISREG(target.st_mode) and _source.is_same_file(file_or_id, target):
            raise click.UsageError(
                f"{_output.short_path(file_or_id)} is the invoice itself; choose another output file"
            )


def _write(invoice: InvoiceCsv, output_format: str, file: SupportsWrite[bytes], *, raw: bool) -> None:
    from atlas_invoices._csv import write_csv, write_jsonl, write_parquet

    if output_format == "csv":
        write_csv(invoice, file, raw=raw)
    elif output_format == "jsonl":
        write_jsonl(invoice, file)
    else:
        _tune_pyarrow()
        write_parquet(invoice, file)
    if "Amount" not in invoice.columns:
        _output.warning("this file has no Amount column, so every amount is empty")


def _tune_pyarrow() -> None:
    """Choose jemalloc, a sixth faster here than pyarrow's default and smaller (tests/benchmarks), and no BLAS threads.

    numpy, which pyarrow imports, would start threads that only spin. Both settings affect the whole process, so the
    command makes them and the library doesn't.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import pyarrow as pa

    # Not every build of pyarrow has it.
    with suppress(NotImplementedError):
        pa.set_memory_pool(pa.jemalloc_memory_pool())
