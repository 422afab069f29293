"""The command report: one HTML page to look at."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atlas_invoices._files import AtomicFile
from atlas_invoices._utils import DEFAULT_MAX_BYTES, json_or_none

from . import _output, _source
from ._session import Session, atlas_options, output_option

if TYPE_CHECKING:
    from atlas_invoices_client.models import BillingInvoice

_NEEDED = ("altair", "jinja2", "vl_convert")


@click.command(name="report")
@_source.sources_argument
@output_option("Output file. Default: report.html.", default="report.html", metavar="PATH")
@click.option("--force", is_flag=True, help="Replace an existing file once the new one is complete.")
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
@atlas_options
def report_command(session: Session, sources: tuple[str, ...], output: str, force: bool, show: bool) -> None:
    """Make one HTML page that shows where the money of one or more invoices went.

    It has the totals, and spend by day, project, cluster, service, SKU and tag, the largest lines and the credits;
    with several months, what changed from month to month. Filters by project and tag change figures, charts and
    tables. The page is one file, needs no network, and can be sent by mail or printed.

    SOURCE is an invoice CSV, a folder of them, such as `sync` keeps, `-` for stdin, or an invoice of Atlas: its ID, the
    month its period starts in (2026-06), `latest` (the newest that isn't pending) or `pending`. An existing file or
    folder takes precedence over an invoice of that name.

    Invoices of Atlas and of a folder that `sync` keeps come with their JSON, which adds sales tax and the amounts
    billed, owed, paid and outstanding.
    """
    if not all(map(find_spec, _NEEDED)):
        raise click.UsageError('report needs an extra: pip install "atlas-invoices[report]"')
    _source.refuse_source(sources, output)
    with (
        _output.if_interrupted("nothing was saved"),
        AtomicFile(output, overwrite=force) as file,
        _source.open_sources(session, sources, with_json=True) as opened,
    ):
        from atlas_invoices.report import build_report

        page = build_report(opened.sources, documents=_read_documents(opened.jsons))
        file.write(page.encode("utf-8", "replace"))
    _output.saved(file.saved)
    if show and not webbrowser.open(file.saved.path.absolute().as_uri()):
        _output.warning(f"no browser found; open {file.saved.path} yourself")


def _read_documents(paths: Iterable[Path]) -> dict[str, BillingInvoice]:
    """Read the invoices' JSON; a file that isn't one, or is too large, is left out with a warning."""
    from atlas_invoices_client.models import BillingInvoice

    found = {}
    for path in paths:
        if path.stat().st_size > DEFAULT_MAX_BYTES:
            _output.warning(f"{path.name} is too large to read, so the report lacks its tax and what is paid")
            continue
        document = json_or_none(path.read_bytes())
        if not isinstance(document, dict) or not isinstance(document.get("id"), str):
            _output.warning(f"{path.name} isn't the JSON of an invoice, so the report lacks its tax and what is paid")
            continue
        # The CSV has them, too.
        document.pop("lineItems", None)
        found[document["id"]] = BillingInvoice.from_dict(document)
    return found
