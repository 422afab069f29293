"""A source for dlt (dlthub.com): invoices and their lines into any destination that can replace rows. Extra `dlt`.

Two resources, each of them incremental by itself:

- `invoices`: a row for each invoice as Atlas lists it, merged by `id`; amounts in whole cents.
- `invoice_lines`: the columns of `to_arrow` with the fixed types of `load`: numbers as `decimal(38, 14)`, `tags` and
  `extra` as JSON. Merged by `invoice_id`: all lines of an invoice are replaced at once.

A run loads the invoices that are new, whose status, time of change or an amount in the list differs from what was
loaded, and those whose status isn't final, such as PENDING. What was loaded is in dlt's state, for each resource.

Lines are dictionaries, not Arrow tables, because dlt would write those to Parquet, in which BigQuery refuses JSON. dlt
writes them to files as they come, so memory stays flat.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import field, frozen

from . import _credentials
from ._client import Client
from ._csv import Decimals, NamedSource, checked_decimals, open_all, require
from ._errors import ConfigError
from ._load._schema import LINES, PRECISION, SCALE, Type
from ._sync import SyncOptions
from ._sync._listing import AMOUNTS, ListedInvoice, read_listing

# Before the imports that need it, so that a missing extra is an error that says how to install it.
require("atlas_invoices.dlt", "dlt", "dlt", "pyarrow")

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs import CredentialsConfiguration, configspec
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.exceptions import DestinationCapabilitiesException
from dlt.common.destination.utils import resolve_merge_strategy
from dlt.common.schema.typing import TColumnSchema, TMergeDispositionDict
from dlt.common.storages.load_package import LoadPackageStateInjectableContext
from dlt.extract import DltResource

from ._csv._arrow_tables import read_fixed
from ._load._rows import arrow_schema

__all__ = ["AtlasCredentials", "atlas_invoices"]

_REPLACE: TMergeDispositionDict = {"disposition": "merge", "strategy": "delete-insert"}
_TYPES: dict[Type, TColumnSchema] = {
    Type.TEXT: {"data_type": "text"},
    Type.DAY: {"data_type": "date"},
    Type.INTEGER: {"data_type": "bigint"},
    Type.NUMBER: {"data_type": "decimal", "precision": PRECISION, "scale": SCALE},
    Type.MAP: {"data_type": "json"},
}
_INVOICES: dict[str, TColumnSchema] = {
    "id": {"data_type": "text", "nullable": False},
    "organization_id": {"data_type": "text"},
    "period_start": {"data_type": "date"},
    "period_end": {"data_type": "date"},
    "status": {"data_type": "text"},
    "updated": {"data_type": "timestamp"},
    **{name: TColumnSchema(data_type="bigint") for name in AMOUNTS.values()},
}
# dlt replaces the lines of each invoice that has a line; one that has none comes with a line that dlt doesn't insert.
_LINES: dict[str, TColumnSchema] = {
    **{name: TColumnSchema(**_TYPES[kind], nullable=name != "invoice_id") for name, kind in LINES.items()},
    "removed": {"data_type": "bool", "hard_delete": True},
}


@configspec
class AtlasCredentials(CredentialsConfiguration):
    """A service account, an API key or an access token, and the server if it isn't the default of `Client`."""

    client_id: str | None = None
    client_secret: dlt.TSecretStrValue | None = None
    public_api_key: str | None = None
    private_api_key: dlt.TSecretStrValue | None = None
    access_token: dlt.TSecretStrValue | None = None
    # Not an argument of the source: dlt would also take it from BASE_URL, which may be another program's.
    base_url: str | None = None


@frozen
class _Request:
    """The invoices to load, and how to connect."""

    options: SyncOptions
    connect: partial[Client] = field(repr=False)


@dlt.source(name="atlas_invoices", section="atlas_invoices")
def atlas_invoices(
    org_id: str | None = None,
    *,
    since: date | None = None,
    until: date | None = None,
    linked: bool = False,
    credentials: AtlasCredentials | None = None,
    decimals: str = "exact",
) -> tuple[DltResource, DltResource]:
    """Return a source of the invoices of an organization, with the resources `invoices` and `invoice_lines`.

    dlt looks for each argument that isn't passed in its configuration, in the section `sources.atlas_invoices`, as in
    `secrets.toml` or `SOURCES__ATLAS_INVOICES__CREDENTIALS__CLIENT_SECRET`; then in the environment and the
    Atlas CLI's profile, as `Client` does.

    Args:
        org_id: 24 hexadecimal digits.
        since: only invoices whose period starts in the month of this day or later.
        until: only invoices whose period starts in the month of this day or earlier.
        linked: also the invoices of linked organizations.
        credentials: `client_id` and `client_secret`, `public_api_key` and `private_api_key`, or `access_token`; and
            `base_url`, the server.
        decimals: `"round"` rounds numbers of more than 14 decimals half to even, and warns of how many.

    Raises ConfigError or InvalidIdError for arguments that can't be used. A run fails with dlt's `PipelineStepFailed`,
    and its message ends with ours: a ConfigError before any request if the destination can't replace rows, and what
    `Client` and `read_csv` raise.

    Example:
        >>> pipeline = dlt.pipeline("atlas", destination="duckdb", dataset_name="billing")
        >>> pipeline.run(atlas_invoices("5f3d0c1e9ccf641fbed9a6d7"))
    """
    org = org_id or getattr(_credentials.find_source().org_id(), "value", None)
    if org is None:
        raise ConfigError(
            f"no organization: pass org_id, or set sources.atlas_invoices.org_id in dlt's configuration, or "
            f"{_credentials.ORG_ID}"
        )
    given = credentials or AtlasCredentials()
    connect = partial(Client, _credentials.from_mapping(given), base_url=given.base_url)
    request = _Request(SyncOptions("", org, Path(), since, until, linked), connect)
    return _invoices(request), _invoice_lines(request, checked_decimals(decimals))


@dlt.resource(name="invoices", primary_key="id", write_disposition=_REPLACE, columns=_INVOICES)
def _invoices(request: _Request) -> Iterator[dict[str, object]]:
    with request.connect() as atlas:
        for invoice in _changed(atlas, request.options):
            yield {
                "id": invoice.id,
                "organization_id": invoice.organization_id,
                "period_start": invoice.first_day,
                "period_end": invoice.last_day_exclusive,
                "status": invoice.status,
                "updated": invoice.updated,
                **{AMOUNTS[name]: cents for name, cents in invoice.amounts.items()},
            }


@dlt.resource(name="invoice_lines", merge_key="invoice_id", write_disposition=_REPLACE, columns=_LINES)
def _invoice_lines(request: _Request, decimals: Decimals) -> Iterator[list[dict[str, object]]]:
    schema = arrow_schema(LINES)
    with request.connect() as atlas, TemporaryDirectory(prefix="atlas-invoices-") as folder:
        for invoice in _changed(atlas, request.options):
            saved = atlas.download_invoice_csv(request.options.org_id, invoice.id, Path(folder) / "invoice.csv")
            (source,) = open_all(NamedSource(saved.path, f"invoice {invoice.id}"))
            lines = 0
            for batch in read_fixed(source, schema, decimals):
                lines += batch.num_rows
                yield [_line(invoice.id, row) for row in batch.to_pylist()]
            if not lines:
                yield [{"invoice_id": invoice.id, "removed": True}]


def _line(invoice_id: str, row: Mapping[str, Any]) -> dict[str, object]:
    return {**row, "invoice_id": invoice_id, "tags": dict(row["tags"]), "extra": dict(row["extra"])}


def _changed(atlas: Client, options: SyncOptions) -> Iterator[ListedInvoice]:
    """Yield the invoices to load; each counts as loaded once the next is requested."""
    package = Container().get(LoadPackageStateInjectableContext)
    if package:  # there's none when the rows are read without a pipeline
        _check_destination()
    # Two sources in one run may have the same invoice, such as those of two linked organizations.
    load = package.load_id if package else None
    state = dlt.current.resource_state()
    listing = read_listing(atlas.list_invoices(options.org_id, linked=options.linked), linked=options.linked)
    for _, error in listing.unusable:
        raise error
    for invoice in listing.invoices:
        seen = " ".join(map(str, (invoice.status, invoice.updated, *invoice.amounts.values())))
        before = state.get(invoice.id)
        is_loaded = before and (before["load"] == load or (invoice.final and before["seen"] == seen))
        if options.covers(invoice.first_day) and not is_loaded:
            yield invoice
            state[invoice.id] = {"seen": seen, "load": load}


def _check_destination() -> None:
    """Raise `ConfigError` if the resource would be merged, and the destination can't do that."""
    capabilities = Container()[DestinationCapabilitiesContext]
    if capabilities["supported_merge_strategies"] is None:  # extracted without a destination
        return
    resource = dlt.current.resource()
    table = resource.compute_table_schema()
    try:
        fits = resolve_merge_strategy({str(table["name"]): table}, table, capabilities)
    except DestinationCapabilitiesException:
        fits = None
    if table["write_disposition"] == "merge" and not fits:
        raise ConfigError(
            "dlt's destination can't replace the lines of an invoice: it lacks the merge strategy delete-insert; use "
            'another, or write_disposition="replace" to load everything each time, or `atlas-invoices load`'
        )
    if capabilities.sqlglot_dialect == "duckdb" and "file_format" not in table:
        # By default dlt writes INSERT statements, for which DuckDB needs 30 KB of memory a line.
        resource.apply_hints(file_format="parquet")
