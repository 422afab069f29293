"""How far a sync has come, and its report."""

from __future__ import annotations

import errno
import math
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
from atlas_invoices._invoice_names import NO_LINKED

from ._folder import Entry, FileFacts, Folder, Manifest
from ._listing import ListedInvoice, Listing, RawInvoice
from ._plan import SyncOptions, Task, make_plan

if TYPE_CHECKING:
    from atlas_invoices._files import SavedFile

OnProgress = Callable[[str], object]

Outcome = Literal["saved", "unchanged", "failed", "not tried", "gone"]

# At most this much work is lost when a run is killed.
_SAVE_EVERY_SECONDS = 1.0

# After this many failures in a row the server or the network is down; the next run continues from here.
_GIVE_UP_AFTER = 20

# Caused by the path or size of one file; any other error of the file system would hit every file.
_OF_ONE_FILE = {errno.EISDIR, errno.EINVAL, errno.EFBIG}

_TRY_LATER = (APIConnectionError, RateLimitError, ServerError)


@frozen
class SyncedInvoice:
    """The outcome for one invoice.

    Attributes:
        id: 24 hexadecimal digits; for an unusable entry of the listing, its ID made printable.
        organization_id: whose invoice it is, if Atlas says so; differs from the report's for a linked invoice.
        period_start: first day of the billing period, in UTC; None if Atlas doesn't say.
        period_end: the day after its last.
        status: Atlas's status when it was listed, such as `PAID`.
        outcome: `saved` (fetched in this run), `unchanged`, `failed`, `not tried` (the run stopped early) or `gone`
            (no longer listed; its files stay).
        reason: why it was or would have been fetched: `new`, `not final`, `changed`, `file missing or damaged`.
            For a `gone` invoice, the last of these if it applies, else None.
        csv_path: its CSV, if this run saved or checked it, else None.
        json_path: its JSON, if this run saved or checked it, else None.
        size: bytes of the CSV, if this run saved or checked it, else None.
        error: why it failed: an `AtlasError`, or an `OSError` of the file system.
        linked: whether it belongs to an organization that this one pays for.
        difference: how its CSV differs from its JSON in lines or sums, if this run saved it and its status is final.
            Such a copy doesn't count as final: the next run fetches it again.
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
    difference: str | None = None


@frozen
class SyncReport:
    """The outcome of a run: every invoice in its range, newest first, then those no longer listed.

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
        """Whether the folder is complete: nothing failed, and nothing was left out."""
        return not (self.failed or self.not_tried)

    @property
    def saved(self) -> tuple[SyncedInvoice, ...]:
        """Fetched in this run."""
        return self._with("saved")

    @property
    def unchanged(self) -> tuple[SyncedInvoice, ...]:
        """Already in the folder."""
        return self._with("unchanged")

    @property
    def failed(self) -> tuple[SyncedInvoice, ...]:
        """Could not be fetched or saved; the next run tries them again."""
        return self._with("failed")

    @property
    def not_tried(self) -> tuple[SyncedInvoice, ...]:
        """Left for the next run, because refused credentials, a full disk or a server that is down stopped this one."""
        return self._with("not tried")

    @property
    def gone(self) -> tuple[SyncedInvoice, ...]:
        """No longer listed; their files stay in the folder."""
        return self._with("gone")

    def _with(self, outcome: Outcome) -> tuple[SyncedInvoice, ...]:
        return tuple(invoice for invoice in self.invoices if invoice.outcome == outcome)


@frozen
class Result:
    """How one task ended: with an entry or an error; `kept` is whether the earlier files are untouched."""

    task: Task
    entry: Entry | None = None
    error: Exception | None = None
    kept: bool = False
    difference: str | None = None


def saved(task: Task, document: RawInvoice, csv: SavedFile, json: SavedFile, difference: str | None) -> Result:
    """The result for an invoice whose files have just been saved."""
    entry = Entry(
        listed=task.listed,
        csv=FileFacts(csv.size, csv.sha256),
        json=FileFacts(json.size, json.sha256),
        fetched=datetime.now(UTC).isoformat(timespec="seconds"),
        settled=task.listed.final and not document.is_older_than(task.listed) and difference is None,
    )
    return Result(task, entry, difference=difference)


class SyncState:
    """The plan of a run and its results so far, mirrored in the manifest.

    Call `begin`, then `finished` with each result and `save` when `save_is_due`, and always `end`.
    Only `started` is called from the workers' threads.
    """

    def __init__(self, options: SyncOptions, folder: Folder, listing: Listing, on_progress: OnProgress) -> None:
        """Read the manifest and make the plan; no invoice changes. Raises `FolderError` and `OSError`."""
        self._options = options
        self._folder = folder
        self._on_progress = on_progress
        self._unusable = listing.unusable
        self._no_linked = options.linked and not any(listed.linked for listed in listing.invoices)
        manifest = folder.load(options.server, options.org_id)
        self._entries: dict[str, Entry] = dict(manifest.entries) if manifest else {}
        self._unsaved = manifest is None
        self._save_at = 0.0
        self.plan = make_plan(listing.invoices, self._entries, self._intact, options)
        self._gone = [(entry, self._intact(entry)) for entry in self.plan.gone]
        self._started: set[str] = set()
        self._results: dict[str, Result] = {}
        self._unanswered = 0

    def _intact(self, entry: Entry) -> bool:
        return self._folder.intact(entry, verify=self._options.verify)

    def begin(self) -> None:
        """Remove from the manifest what will be fetched again, so that it's true at every moment."""
        if self._no_linked:
            self._on_progress(NO_LINKED)
        for task in self.plan.fetch:
            if self._entries.pop(task.listed.id, None):
                self._unsaved = True
        self.save()

    def started(self, task: Task) -> None:
        """Note that a worker is about to touch this invoice's files."""
        self._started.add(task.listed.id)

    def finished(self, result: Result) -> bool:
        """Note a task's result; returns whether the run should go on."""
        listed = result.task.listed
        self._results[listed.id] = result
        entry = result.entry or (result.task.before if result.kept else None)
        if entry:
            self._entries[listed.id] = entry
            self._unsaved = True
        if result.entry:
            why = "" if result.task.reason == "new" else f" ({result.task.reason})"
            self._on_progress(
                f"{listed.start[:7] if listed.start else '-':<7} {listed.id} fetched, "
                f"{result.entry.csv.size:,} bytes{why}"
            )
        self._unanswered = self._unanswered + 1 if isinstance(result.error, _TRY_LATER) else 0
        return self._unanswered < _GIVE_UP_AFTER and not (result.error and _affects_all(result.error, listed))

    @property
    def progress(self) -> tuple[int, int, int]:
        """How many invoices are done, of how many to fetch, and the bytes saved."""
        entries = [result.entry for result in list(self._results.values()) if result.entry]
        return len(self._results), len(self.plan.fetch), sum(entry.csv.size + entry.json.size for entry in entries)

    @property
    def save_is_due(self) -> bool:
        """Whether to save the manifest now: something is new, and the last time is long enough ago."""
        return self._unsaved and time.monotonic() >= self._save_at

    def save(self) -> None:
        """Write the manifest, if anything is new."""
        if not self._unsaved:
            return
        # Set before writing: other tasks may add entries meanwhile, and must not write at the same time.
        self._unsaved, self._save_at = False, math.inf
        try:
            self._folder.save(Manifest(self._options.server, self._options.org_id, dict(self._entries)))
        except BaseException:
            self._unsaved = True
            raise
        self._save_at = time.monotonic() + _SAVE_EVERY_SECONDS

    def end(self) -> None:
        """Restore the entries of tasks that weren't started, and write the manifest."""
        for task in self.plan.fetch:
            if task.before and task.listed.id not in self._started:
                self._entries[task.listed.id] = task.before
                self._unsaved = True
        self.save()

    def report(self) -> SyncReport:
        """Return the outcome of every invoice, newest first, then unusable entries of the listing and invoices gone."""
        invoices = [self._invoice(entry.listed, "unchanged", entry=entry) for entry in self.plan.unchanged]
        invoices += [self._fetched(task) for task in self.plan.fetch]
        invoices.sort(key=lambda each: str(each.period_start or "9999"), reverse=True)
        for shown_id, error in self._unusable:
            invoices.append(SyncedInvoice(shown_id, None, None, None, None, "failed", error=error))
        for entry, intact in self._gone:
            reason = None if intact else "file missing or damaged"
            invoices.append(self._invoice(entry.listed, "gone", reason, entry=entry if intact else None))
        return SyncReport(self._folder.path, self._options.org_id, tuple(invoices))

    def _fetched(self, task: Task) -> SyncedInvoice:
        result = self._results.get(task.listed.id)
        if result is None:
            return self._invoice(task.listed, "not tried", task.reason)
        outcome: Outcome = "saved" if result.entry else "failed"
        return self._invoice(
            task.listed, outcome, task.reason, entry=result.entry, error=result.error, difference=result.difference
        )

    def _invoice(
        self,
        listed: ListedInvoice,
        outcome: Outcome,
        reason: str | None = None,
        *,
        entry: Entry | None = None,
        error: Exception | None = None,
        difference: str | None = None,
    ) -> SyncedInvoice:
        return SyncedInvoice(
            id=listed.id,
            organization_id=listed.organization_id,
            period_start=listed.first_day,
            period_end=listed.last_day_exclusive,
            status=listed.status,
            outcome=outcome,
            reason=reason,
            csv_path=self._folder.csv_path(listed) if entry else None,
            json_path=self._folder.json_path(listed) if entry else None,
            size=entry.csv.size if entry else None,
            error=error,
            linked=listed.linked,
            difference=difference,
        )


def _affects_all(error: Exception, listed: ListedInvoice) -> bool:
    """Whether every other invoice would fail the same way, so that the run should stop."""
    if isinstance(error, PermissionDeniedError):
        # A linked invoice takes a higher role (Atlas Admin API document) than one of the organization itself.
        return not listed.linked
    if isinstance(error, OSError):
        return error.errno not in _OF_ONE_FILE
    return isinstance(error, (AuthenticationError, TokenError, ConfigError))
