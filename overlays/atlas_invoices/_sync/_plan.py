"""Decide which invoices to fetch, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attrs import Attribute, field, frozen
from attrs.converters import optional

from atlas_invoices import _ids
from atlas_invoices._errors import ConfigError
from atlas_invoices._invoice_names import in_months
from atlas_invoices._utils import DEFAULT_LOCK_TIMEOUT

if TYPE_CHECKING:
    from ._folder import Entry
    from ._listing import ListedInvoice

# Three years of monthly invoices then take two rounds. The client's rate limiter covers all workers.
DEFAULT_WORKERS = 20


def _first_of_month(day: date) -> date:
    """A plain date, even of a datetime."""
    return date(day.year, day.month, 1)


@frozen
class SyncOptions:
    """The arguments of one run, checked; `since` and `until` become first days of months, both inclusive.

    Raises `InvalidIdError` or `ConfigError`.
    """

    server: str
    org_id: str = field(converter=_ids.organization_id)
    directory: Path = field(converter=Path)
    since: date | None = field(default=None, converter=optional(_first_of_month))
    until: date | None = field(default=None, converter=optional(_first_of_month))
    linked: bool = False
    verify: bool = False
    workers: int = field(default=DEFAULT_WORKERS)
    lock_timeout: float = field(default=DEFAULT_LOCK_TIMEOUT)

    @until.validator
    def _check_months(self, _attribute: Attribute[date | None], until: date | None) -> None:
        if self.since and until and self.since > until:
            raise ConfigError(f"since ({self.since:%Y-%m}) is later than until ({until:%Y-%m}); swap them")

    @workers.validator
    def _check_workers(self, _attribute: Attribute[int], workers: int) -> None:
        if workers < 1:
            raise ConfigError(f"workers must be at least 1, not {workers!r}")

    @lock_timeout.validator
    def _check_lock_timeout(self, _attribute: Attribute[float], seconds: float) -> None:
        if not seconds >= 0:  # NaN, too
            raise ConfigError(f"lock_timeout must be a number of seconds, 0 or more, not {seconds!r}")

    def covers(self, start: date | None) -> bool:
        """Whether to include an invoice whose period starts on this day; always, if it has no start."""
        return in_months(start, self.since, self.until)


Reason = Literal["new", "not final", "changed", "file missing or damaged"]


@frozen
class Task:
    """An invoice to fetch, and why. `before` is its entry in the manifest, if the files still match it."""

    listed: ListedInvoice
    reason: Reason
    before: Entry | None


@frozen
class Plan:
    """The invoices to fetch, newest first, and those unchanged; `gone` are invoices no longer listed."""

    fetch: tuple[Task, ...]
    unchanged: tuple[Entry, ...]
    gone: tuple[Entry, ...]


def make_plan(
    listed: Sequence[ListedInvoice], entries: Mapping[str, Entry], intact: Callable[[Entry], bool], options: SyncOptions
) -> Plan:
    """Plan a run; `intact` returns whether an entry's files are there as they were saved."""
    fetch: list[Task] = []
    unchanged: list[Entry] = []
    for invoice in listed:
        if not options.covers(invoice.first_day):
            continue
        entry = entries.get(invoice.id)
        before = entry if entry and intact(entry) else None
        reason = _why(invoice, entry, before)
        if reason:
            fetch.append(Task(invoice, reason, before))
        elif before:
            unchanged.append(before)
    ids = {invoice.id for invoice in listed}
    gone = [
        entry
        for id_, entry in entries.items()
        # Without the option `linked`, linked invoices aren't listed.
        if id_ not in ids and options.covers(entry.listed.first_day) and (options.linked or not entry.listed.linked)
    ]
    return Plan(tuple(fetch), tuple(unchanged), tuple(gone))


def _why(invoice: ListedInvoice, entry: Entry | None, before: Entry | None) -> Reason | None:
    if entry is None:
        return "new"
    if before is None:
        return "file missing or damaged"
    if invoice.differs(before.listed):
        return "changed"
    if not (invoice.final and before.settled):
        return "not final"
    return None
