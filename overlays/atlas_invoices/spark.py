"""A data source for Spark 4.1 or newer: invoices from Atlas or a folder. Needs the extra `spark`.

    spark.dataSource.register(AtlasInvoices)
    lines = spark.read.format("atlas_invoices").options(org=org_id, since="2026-01").load()

Spark plans a read in a Python process beside its driver, and reads each partition in a process of an executor. Only the
first looks for invoices and gets a token; it reaches the executors within the reader, which Spark pickles.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import date
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pyarrow as pa
from attrs import frozen
from pyspark.sql import datasource as ds
from pyspark.sql.types import StructType

from ._auth import AccessTokenAuth, ServiceAccountAuth, cache_folder, parse_base_url, renew_half_an_hour_early
from ._client import Client
from ._credentials import ORG_ID, find_source
from ._csv import Decimals, NamedSource, checked_decimals, open_all, open_tables
from ._csv._arrow_tables import read_fixed
from ._errors import ConfigError, CredentialsError
from ._invoice_names import in_months, parse_month, similar_month
from ._load._rows import arrow_schema
from ._load._schema import LINES, PRECISION, SCALE, Type
from ._secret import Secret
from ._sync._listing import read_listing
from ._utils import closest, single_line

__all__ = ["AtlasInvoices"]

_USER_AGENT = "atlas-invoices-spark"
_SCHEMA = arrow_schema(LINES)
# Columns with one value for all lines of an invoice, known before it's read.
_PUSHED = ("invoice_id", "period_start", "period_end")
_OPTIONS = ("org", "since", "until", "path", "decimals")
_TYPES = {
    Type.TEXT: "string",
    Type.DAY: "date",
    Type.INTEGER: "bigint",
    Type.NUMBER: f"decimal({PRECISION},{SCALE})",
    Type.MAP: "map<string,string>",
}


class AtlasInvoices(ds.DataSource):
    """Invoice lines as a DataFrame: `spark.read.format("atlas_invoices")`, after `spark.dataSource.register`.

    The columns are those of `load`: the columns of `to_arrow`, with numbers as `decimal(38, 14)`, and `tags` and
    `extra` as maps. Each invoice is a partition, read when a task needs it.

    Options:
        path: an invoice CSV, or a folder of them, such as `sync` keeps, that driver and executors can read; instead of
            Atlas.
        org: the organization's ID; default `MONGODB_ATLAS_ORG_ID`, or the Atlas CLI profile's.
        since, until: only invoices whose period starts in these months, as in `2026-01`; both inclusive.
        decimals: `round` rounds numbers of more than 14 decimals half to even; by default they are an error.

    Credentials are found as by the command, in the environment of the driver. Executors get an access token; a service
    account's lasts half an hour at least. An API key isn't sent: executors look for it in their own environment.

    Filters on `invoice_id`, `period_start` and `period_end` choose partitions if
    `spark.sql.python.filterPushdown.enabled` is true.

    Spark shows our errors within its own, with the same message.
    """

    @classmethod
    def name(cls) -> str:
        """Return the name of the format."""
        return "atlas_invoices"

    def schema(self) -> str:
        """Return the columns, the same for every invoice."""
        return ", ".join(f"`{name}` {_TYPES[kind]}" for name, kind in LINES.items())

    def reader(self, schema: StructType) -> ds.DataSourceReader:  # noqa: ARG002 - Spark compares the schemas
        """Find the invoices and how to reach them; Spark calls this when it plans a read."""
        options = _checked(self.options)
        decimals = checked_decimals(options.get("decimals", "exact"))
        since, until = _month(options, "since"), _month(options, "until")
        if since and until and since > until:
            raise ConfigError(f"since ({since:%Y-%m}) is later than until ({until:%Y-%m}); swap them")
        invoices, access = _in_folder(options["path"]) if "path" in options else _in_atlas(options.get("org"))
        return _Reader([each for each in invoices if in_months(each.period_start, since, until)], access, decimals)


def _checked(options: Mapping[str, str]) -> dict[str, str]:
    for name in options:
        if name not in _OPTIONS:
            meant = closest(name, _OPTIONS)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(_OPTIONS)}"
            raise ConfigError(f"the format atlas_invoices has no option {single_line(repr(name), 60)}; {hint}")
    if "path" in options and "org" in options:
        raise ConfigError("the options path and org exclude each other: give a folder or an organization of Atlas")
    return dict(options)


def _month(options: Mapping[str, str], name: str) -> date | None:
    if name not in options:
        return None
    try:
        return parse_month(options[name])
    except ValueError:
        example = similar_month(options[name]) or "2026-07"
        shown = single_line(repr(options[name]), 60)
        raise ConfigError(f"the option {name} is {shown}, which isn't a month; write it as {example}") from None


class _Token:
    """An access token that can be pickled, because executors need it; otherwise hidden as a Secret is."""

    def __init__(self, value: str) -> None:
        self.secret = Secret(value)

    def __reduce__(self) -> tuple[type[_Token], tuple[str]]:
        return _Token, (self.secret.reveal(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Token) and other.secret.reveal() == self.secret.reveal()

    def __hash__(self) -> int:
        return hash(self.secret.reveal())


@frozen
class _Invoice:
    """An invoice: its path, or its ID in Atlas, and what is known of all its lines."""

    source: str
    invoice_id: str | None
    period_start: date | None
    period_end: date | None


@frozen
class _Access:
    """How executors reach Atlas; without a token, with credentials of their own environment."""

    base_url: str
    org_id: str
    token: _Token | None


def _in_folder(path: str) -> tuple[list[_Invoice], None]:
    found = open_tables((path,))
    headers = [(each.name, each.header) for each in found]
    return [_Invoice(name or path, each.invoice_id, each.period_start, each.period_end) for name, each in headers], None


def _in_atlas(org_id: str | None) -> tuple[list[_Invoice], _Access]:
    source = find_source()
    if org_id is None:
        setting = source.org_id()
        if setting is None:
            raise ConfigError(f"choose an organization with the option org or {ORG_ID}, or a folder with path")
        org_id = setting.value
    base_url = parse_base_url(source.base_url().value)
    try:
        auth = source.credentials(base_url).auth
    except CredentialsError as missing:
        hint = "Spark's processes see variables that were set before the first session started"
        raise CredentialsError(f"{missing}; {hint}") from None
    # Each action on a DataFrame plans a read, and an account has at most 100 tokens.
    folder = cache_folder(True)
    if isinstance(auth, ServiceAccountAuth) and folder is not None:
        renew_half_an_hour_early(auth, base_url, folder)
    with Client(auth, base_url=str(base_url), token_cache=folder, user_agent=_USER_AGENT) as atlas:
        listing = read_listing(atlas.list_invoices(org_id), linked=False)
    for _, error in listing.unusable:
        raise error
    invoices = [_Invoice(each.id, each.id, each.first_day, each.last_day_exclusive) for each in listing.invoices]
    return invoices, _Access(str(base_url), org_id, _token(auth, str(base_url)))


def _token(auth: httpx.Auth, base_url: str) -> _Token | None:
    """Return the token that signed the requests; None if something else did."""
    with closing(auth.sync_auth_flow(httpx.Request("GET", base_url))) as flow:
        kind, _, value = next(flow).headers.get("Authorization", "").partition(" ")
        return _Token(value) if kind == "Bearer" else None


@lru_cache(maxsize=1)
def _client(base_url: str, token: _Token | None) -> Client:
    """Return this process's client: connecting takes longer than reading a small invoice."""
    auth = AccessTokenAuth(token.secret.reveal(), base_url=base_url) if token else None
    return Client(auth, base_url=base_url, user_agent=_USER_AGENT)


_COMPARE: dict[type[ds.Filter], Callable[[Any, Any], bool]] = {
    ds.EqualTo: operator.eq,
    ds.EqualNullSafe: operator.eq,
    ds.GreaterThan: operator.gt,
    ds.GreaterThanOrEqual: operator.ge,
    ds.LessThan: operator.lt,
    ds.LessThanOrEqual: operator.le,
    ds.In: lambda value, values: value in values,
}


def _may_match(invoice: _Invoice, condition: Any) -> bool:  # noqa: ANN401 - the filters' base class has no fields
    """Whether lines of an invoice may match one of Spark's filters; False only if certainly none does."""
    compare = _COMPARE.get(type(condition))
    if compare is None or condition.attribute[0] not in _PUSHED:
        return True
    known = getattr(invoice, condition.attribute[0])
    return known is None or compare(known, condition.value)


class _PushFilters:
    """A reader's `pushFilters`, which looks like the one of Spark's base class.

    Spark refuses a reader with a method of its own while `spark.sql.python.filterPushdown.enabled` is false, which is
    the default. It never calls it then, and checks each line itself.
    """

    __func__ = staticmethod(ds.DataSourceReader.pushFilters)

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    def __call__(self, filters: list[ds.Filter]) -> list[ds.Filter]:
        self._reader.leave_out(filters)
        # Spark checks each line too.
        return filters


class _Reader(ds.DataSourceReader):
    """Reads invoices: pickled with all it needs, and copied to each executor."""

    def __init__(self, invoices: list[_Invoice], access: _Access | None, decimals: Decimals) -> None:
        self._invoices = invoices
        self._access = access
        self._decimals = decimals

    @property
    def pushFilters(self) -> Callable[[list[ds.Filter]], list[ds.Filter]]:  # noqa: N802 - Spark's name
        """Take filters, if Spark pushes them down."""
        return _PushFilters(self)

    def leave_out(self, filters: list[ds.Filter]) -> None:
        """Leave out invoices without a line that matches the filters."""
        self._invoices = [each for each in self._invoices if all(_may_match(each, one) for one in filters)]

    def partitions(self) -> list[ds.InputPartition]:
        """Return one partition for each invoice."""
        return [ds.InputPartition(each.source) for each in self._invoices]

    def read(self, partition: ds.InputPartition) -> Iterator[pa.RecordBatch]:
        """Yield an invoice's lines. One of Atlas is saved first, so that a slow job keeps no connection waiting."""
        # Spark reads one partition, None, if there are none.
        if partition.value is None:
            return
        with TemporaryDirectory(prefix="atlas-invoices-") as folder:
            source = NamedSource(partition.value, partition.value)
            if self._access is not None:
                path = Path(folder, "invoice.csv")
                atlas = _client(self._access.base_url, self._access.token)
                atlas.download_invoice_csv(self._access.org_id, partition.value, path)
                source = NamedSource(path, f"invoice {partition.value}")
            (opened,) = open_all((source,))
            yield from read_fixed(opened, _SCHEMA, self._decimals)
