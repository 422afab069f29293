"""How far a sync is, and its report."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from atlas_invoices._errors import (
    APIConnectionError,
    AuthenticationError,
    ConfigError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TokenError,
)

from ._folder import Entry, FileFacts, Folder, Manifest, csv_name, json_name
from ._listing import NO_LINKED
from ._plan import make_plan

if TYPE_CHECKING:
    from atlas_invoices._files import SavedFile

    from ._listing import ListedInvoice, Listing, RawInvoice
    from ._plan import Plan, SyncOptions, Task


Outcome = Literal["saved", "unchanged", "failed", "not tried", "gone"]


@frozen
class SyncedInvoice:
    """One invoice, and what became of it.

    Attributes:
        id: 24 hexadecimal digits; for a failure in the listing itself, what stood there, made printable.
        organization_id: whose invoice it is, where Atlas says so; a linked one has another than the report.
        period_start: first day of the billing period, in UTC; None where Atlas doesn't say.
        period_end: the day after its last.
        status: Atlas's, such as `PAID`, when it was listed.
        outcome: `saved` (fetched in this run), `unchanged`, `failed`, `not tried` (the run stopped early) or `gone`
            (in the folder, where it stays, but no longer listed).
        reason: why it was or would have been fetched: `new`, `not final`, `changed`, `file missing or damaged`.
            For one that is gone, the last of these where that is so, else None.
        csv_path: its CSV, where this run found or made it right, else None.
        json_path: its JSON, likewise.
        size: bytes of the CSV, likewise.
        error: why it failed: an `AtlasError`, or an `OSError` of the file system.
        linked: whether it's of an organization that this one pays for.
    """

    id: str
    organization_id: str | None
    period_start: date | None
    period_end: date | None
    status: str | None
    outcome: Outcome
    reason: str | None = None
    csv_path: Path | None = None
    json_path: Path | None = None
    size: int | None = None
    error: Exception | None = None
    linked: bool = False


@frozen
class SyncReport:
    """What a run did: every invoice that was asked for, newest first, then those that are gone.

    Example:
        >>> report = ai.sync_invoices(atlas, org_id, "invoices")
        >>> for invoice in report.failed:
        ...     print(invoice.id, invoice.error)
    """

    directory: Path
    organization_id: str
    invoices: tuple[SyncedInvoice, ...]

    @property
    def ok(self) -> bool:
        """Whether the folder now has everything that was asked for."""
        return not (self.failed or self.not_tried)

    @property
    def saved(self) -> tuple[SyncedInvoice, ...]:
        """Fetched in this run."""
        return self._with("saved")

    @property
    def unchanged(self) -> tuple[SyncedInvoice, ...]:
        """Here already."""
        return self._with("unchanged")

    @property
    def failed(self) -> tuple[SyncedInvoice, ...]:
        """Could not be fetched or saved; the next run tries them again."""
        return self._with("failed")

    @property
    def not_tried(self) -> tuple[SyncedInvoice, ...]:
        """Left for the next run: credentials were refused, the disk was full or the server down, as it'd be for all."""
        return self._with("not tried")

    @property
    def gone(self) -> tuple[SyncedInvoice, ...]:
        """In the folder, where they stay, but no longer listed."""
        return self._with("gone")

    def _with(self, outcome: Outcome) -> tuple[SyncedInvoice, ...]:
        return tuple(invoice for invoice in self.invoices if invoice.outcome == outcome)


Tell = Callable[[str], object]


log = logging.getLogger("atlas_invoices")

# A run that is killed has at most so much of its work to do again.
_SAVE_EVERY_SECONDS = 1.0

# So many in a row that nobody could answer: the server or the network is down, and the next run goes on from here.
_GIVE_UP_AFTER = 20

# What one file's place or size is to blame for; every other refusal of the file system is one of all files.
_OF_ONE_FILE = {errno.EISDIR, errno.EINVAL, errno.EFBIG}

_TRY_LATER = (APIConnectionError, RateLimitError, ServerError)


@frozen
class Result:
    """How one task ended: with an entry, or with an error; `kept` is whether the files of before are untouched."""

    task: Task
    entry: Entry | None = None
    error: Exception | None = None
    kept: bool = False


def tell_log(text: str) -> None:
    """Where a program's run tells how it goes."""
    log.info("%s", text)


def entry_for(task: Task, document: RawInvoice, csv: SavedFile, json: FileFacts) -> Entry:
    """The entry of an invoice whose files have just been saved."""
    return Entry(
        listed=task.listed,
        csv=FileFacts(csv.size, csv.sha256),
        json=json,
        fetched=datetime.now(UTC).isoformat(timespec="seconds"),
        settled=task.listed.final and not document.is_older_than(task.listed),
    )


class Progress:
    """Call `start`, then `settle` with each result, `save` when `save_is_due`, and `finish` whatever happens.

    Only `claim` is called from the workers' threads.
    """

    def __init__(self, job: SyncOptions, folder: Folder, listing: Listing, tell: Tell) -> None:
        """Read the manifest and plan; nothing is changed yet. Raises `FolderError` and `OSError`."""
        self._job = job
        self._folder = folder
        self._tell = tell
        self._unusable = listing.unusable
        self._no_linked = job.linked and not any(listed.linked for listed in listing.invoices)
        manifest = folder.load(job.server, job.org_id)
        self._entries: dict[str, Entry] = dict(manifest.entries) if manifest else {}
        self._unsaved = manifest is None
        self._saved_at = 0.0
        self.plan: Plan = make_plan(
            listing.invoices, self._entries, lambda entry: folder.intact(entry, verify=job.verify), job
        )
        self._gone = [(entry, folder.intact(entry, verify=job.verify)) for entry in self.plan.gone]
        self._results: dict[str, Result] = {}
        self._claimed: set[str] = set()
        self._unanswered = 0
        self.stopped = False

    def start(self) -> None:
        """Take what will be fetched again out of the manifest, so that it's true at every moment."""
        if self._no_linked:
            self._tell(NO_LINKED)
        for task in self.plan.fetch:
            if self._entries.pop(task.listed.id, None):
                self._unsaved = True
        self.save()

    def claim(self, task: Task) -> None:
        """A worker is about to touch this invoice's files."""
        self._claimed.add(task.listed.id)

    def settle(self, result: Result) -> None:
        """Take in how a task ended."""
        listed = result.task.listed
        self._results[listed.id] = result
        if result.entry:
            self._entries[listed.id] = result.entry
            self._unsaved = True
            self._tell(
                f"{listed.start[:7] if listed.start else '-':<7} {listed.id} saved, "
                f"{result.entry.csv.size:,} bytes ({result.task.reason})"
            )
        elif result.kept and result.task.before:
            self._entries[listed.id] = result.task.before
            self._unsaved = True
        self._unanswered = self._unanswered + 1 if isinstance(result.error, _TRY_LATER) else 0
        if self._unanswered >= _GIVE_UP_AFTER or (result.error and _concerns_all(result.error, listed)):
            self.stopped = True

    @property
    def save_is_due(self) -> bool:
        """Whether there is enough new to write the manifest."""
        return self._unsaved and time.monotonic() - self._saved_at >= _SAVE_EVERY_SECONDS

    def save(self) -> None:
        """Write the manifest, if there is anything new."""
        if self._unsaved:
            # Before it's written: what comes in meanwhile, from another task, is new again.
            self._unsaved = False
            try:
                self._folder.save(Manifest(self._job.server, self._job.org_id, dict(self._entries)))
            except BaseException:
                self._unsaved = True
                raise
            self._saved_at = time.monotonic()

    def finish(self) -> None:
        """At the end, whatever ended it: what nobody began on is as it was; write the manifest."""
        for task in self.plan.fetch:
            if task.before and task.listed.id not in self._claimed:
                self._entries[task.listed.id] = task.before
                self._unsaved = True
        self.save()

    def report(self) -> SyncReport:
        """What was done."""
        outcomes = {entry.listed.id: self._here(entry) for entry in self.plan.unchanged}
        outcomes |= {task.listed.id: self._tried(task) for task in self.plan.fetch}
        newest_first = sorted(outcomes.values(), key=lambda each: str(each.period_start or "9999"), reverse=True)
        unusable = [
            SyncedInvoice(shown, None, None, None, None, "failed", error=error) for shown, error in self._unusable
        ]
        gone = [
            self._invoice(
                entry.listed, "gone", None if whole else "file missing or damaged", entry=entry if whole else None
            )
            for entry, whole in self._gone
        ]
        return SyncReport(self._folder.path, self._job.org_id, (*newest_first, *unusable, *gone))

    def _here(self, entry: Entry) -> SyncedInvoice:
        return self._invoice(entry.listed, "unchanged", entry=entry)

    def _tried(self, task: Task) -> SyncedInvoice:
        result = self._results.get(task.listed.id)
        if result is None:
            return self._invoice(task.listed, "not tried", task.reason)
        if result.entry:
            return self._invoice(task.listed, "saved", task.reason, entry=result.entry)
        return self._invoice(task.listed, "failed", task.reason, error=result.error)

    def _invoice(
        self,
        listed: ListedInvoice,
        outcome: Outcome,
        reason: str | None = None,
        *,
        entry: Entry | None = None,
        error: Exception | None = None,
    ) -> SyncedInvoice:
        return SyncedInvoice(
            id=listed.id,
            organization_id=listed.organization_id,
            period_start=listed.first_day,
            period_end=listed.last_day_exclusive,
            status=listed.status,
            linked=listed.linked,
            outcome=outcome,
            reason=reason,
            csv_path=self._folder.path / csv_name(listed.id) if entry else None,
            json_path=self._folder.path / json_name(listed.id) if entry else None,
            size=entry.csv.size if entry else None,
            error=error,
        )


def _concerns_all(error: Exception, listed: ListedInvoice) -> bool:
    """Whether this failure would be that of every other invoice too, so that going on is of no use."""
    if isinstance(error, PermissionDeniedError):
        # A linked invoice takes a higher role (Atlas Admin API document); one of the organization's own doesn't.
        return not listed.linked
    if isinstance(error, OSError):
        return error.errno not in _OF_ONE_FILE
    return isinstance(error, (AuthenticationError, TokenError, ConfigError))
