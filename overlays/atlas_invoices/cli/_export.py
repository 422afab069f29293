"""The command export: typed lines for other tools."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import click

from atlas_invoices._files import AtomicFile

from . import _output, _source
from ._session import Choice, Session, atlas_options, output_option

_ENDINGS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


@click.command(name="export")
@_source.sources_argument
@click.option(
    "--format",
    "output_format",
    type=Choice(["csv", "jsonl", "parquet"]),
    help="Default: as PATH ends: .csv, .jsonl (or .ndjson), .parquet.",
)
@output_option("Output file. Default: `-`, stdout.", default="-")
@click.option("--force", is_flag=True, help="Replace an existing file once the new one is complete.")
@click.option("--raw", is_flag=True, help="csv: don't escape text that a spreadsheet would run as a formula.")
@click.option("--bom", is_flag=True, help="csv: begin with the mark by which Excel knows UTF-8.")
@click.option(
    "--decimals",
    type=Choice(["exact", "round"]),
    default="exact",
    show_default=True,
    help="parquet: what to do with numbers of too many digits for exact decimals; round says how many it rounded.",
)
@atlas_options
def export_command(
    session: Session,
    sources: tuple[str, ...],
    output_format: str | None,
    output: str,
    force: bool,
    raw: bool,
    bom: bool,
    decimals: Literal["exact", "round"],
) -> None:
    """Write the lines of one or more invoices with types, as one table.

    SOURCE is an invoice CSV, a folder of them, such as `sync` keeps, `-` for stdin, or an invoice of Atlas: its ID, the
    month its period starts in (2026-06), `latest` (the newest that isn't pending) or `pending`. An existing file or
    folder takes precedence over an invoice of that name.

    csv has ISO dates, and tags as JSON (in Spark, read it with header, multiLine, quote='"' and escape='"'); jsonl has
    exact numbers as strings; parquet has exact decimals, dates, and tags as a map.
    """
    output_format = output_format or _ENDINGS.get(Path(output).suffix.lower())
    if output_format is None:
        raise click.UsageError(
            "choose --format csv (for Excel, with --bom), jsonl or parquet, or an output file that ends in one of them"
        )
    for option, given, needed in (
        ("--raw", raw, "csv"),
        ("--bom", bom, "csv"),
        ("--decimals round", decimals == "round", "parquet"),
    ):
        if given and output_format != needed:
            raise click.UsageError(f"{option} only works with --format {needed}")
    if output_format == "parquet" and find_spec("pyarrow") is None:
        raise click.UsageError('parquet needs an extra: pip install "atlas-invoices[arrow]"')
    if output_format == "parquet" and output == "-" and sys.stdout.isatty():
        raise click.UsageError("refusing to write Parquet to a terminal; choose a file with -o")
    _source.refuse_source(sources, output)
    target = None if output == "-" else AtomicFile(output, overwrite=force)
    with (
        _output.if_interrupted("nothing was saved") if target else nullcontext(),
        _source.open_sources(session, sources, to_stdout=target is None) as opened,
        target or _output.binary_stdout() as file,
    ):
        from atlas_invoices._csv import missing_amount, write_csv, write_jsonl, write_parquet

        if output_format == "csv":
            write_csv(opened.sources, file, raw=raw, bom=bom)
        elif output_format == "jsonl":
            write_jsonl(opened.sources, file)
        else:
            tune_pyarrow()
            write_parquet(opened.sources, file, decimals=decimals)
        for invoice, source in zip(opened.invoices, opened.sources, strict=True):
            if missing_amount(invoice.layout):
                _output.warning(f"{source.name} has no Amount column, so every amount is empty")
    if target:
        _output.saved(target.saved)


def tune_pyarrow() -> None:
    """Choose jemalloc, a sixth faster here than pyarrow's default and smaller (tests/benchmarks), and no BLAS threads.

    numpy, which pyarrow imports, would start threads that only spin. Both settings affect the whole process, so the
    command makes them and the library doesn't.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import pyarrow as pa

    # Not every build of pyarrow has it.
    with suppress(NotImplementedError):
        pa.set_memory_pool(pa.jemalloc_memory_pool())
