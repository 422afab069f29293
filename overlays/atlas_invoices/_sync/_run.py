"""Sync with threads: does the I/O for `_progress`; `_run_async` is its twin."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from atlas_invoices._errors import AtlasError, TooLargeError

from . import _document, _listing
from ._crew import Crew
from ._folder import Folder
from ._job import DEFAULT_WORKERS, Job
from ._lock import POLL_SECONDS, FolderLock
from ._progress import Progress, Result, entry_for, tell_log

if TYPE_CHECKING:
    import os
    from datetime import date

    from atlas_invoices._client import Client

    from ._listing import Listing
    from ._plan import Task
    from ._progress import Tell
    from ._report import SyncReport

# How long an interrupted run waits for what is under way, so that it isn't lost.
_GRACE_SECONDS = 2.0


def sync_invoices(
    atlas: Client,
    org_id: str,
    directory: str | os.PathLike[str],
    *,
    since: date | None = None,
    until: date | None = None,
    linked: bool = False,
    verify: bool = False,
    workers: int = DEFAULT_WORKERS,
) -> SyncReport:
    """Bring a folder up to date with an organization's invoices: each as CSV, exactly as sent, and as JSON.

    The folder then has `<invoice id>.csv` and `<invoice id>.json` for each invoice, and `manifest.json`, which says
    what they are, with sizes and SHA-256. An invoice is fetched when it's missing, when its status is PENDING or one
    that isn't known, or when its status, `updated` or amounts have changed since it was fetched. Nothing is ever
    deleted. A run that ends early, however it ends, leaves a valid folder, which the next one completes; of two at
    once in one folder, the second waits for the first.

    Args:
        atlas: the client.
        org_id: 24 hexadecimal digits.
        directory: the folder; made where it isn't there. It belongs to one organization of one server.
        since: only invoices whose period starts in this day's month (UTC) or later; the day itself doesn't matter.
        until: only invoices whose period starts in this day's month (UTC) or earlier. An invoice without a start
            is never left out.
        linked: also the invoices of linked organizations, in the same folder.
        verify: read the files of these invoices that are here already and compare the SHA-256, not just the size.
        workers: how many invoices at a time.

    Returns a `SyncReport`. An invoice that fails is in it, and doesn't stop the others; refused credentials, a
    file system that refuses and a server that has stopped answering do, since all would fail: the rest is then
    `not_tried`. Raises `InvalidIdError` before anything is sent, `ConfigError` for settings or a folder that won't do,
    any `AtlasError` of the listing, and `OSError` where the manifest can't be written.

    Example:
        >>> with ai.Client() as atlas:
        ...     report = ai.sync_invoices(atlas, org_id, "invoices")
        >>> report.ok, len(report.saved)
        (True, 14)
    """
    job = Job.checked(
        atlas.base_url,
        org_id,
        directory,
        since=since,
        until=until,
        linked=linked,
        verify=verify,
        workers=workers,
    )
    return run(atlas, job, tell_log)


def run(atlas: Client, job: Job, tell: Tell) -> SyncReport:
    """Do the job; `tell` gets a line for each invoice saved, in the thread of the caller."""
    listing = _list(atlas, job)
    folder = Folder(job.directory)
    folder.create()
    lock = FolderLock(folder.path)
    crew: Crew[Task, Result] | None = None
    try:
        if not lock.acquire():
            tell(f"another sync is at work in {folder.path}; waiting for it to end")
            while not lock.acquire():
                time.sleep(POLL_SECONDS)
            listing = _list(atlas, job)
        progress = Progress(job, folder, listing, tell)
        if lock.held:
            folder.clear_leftovers()
        progress.start()
        try:
            large = threading.Lock()
            crew = Crew(lambda task: _do(atlas, job, folder, progress, task, large), progress.plan.fetch, job.workers)
            _collect(crew, progress)
        finally:
            if crew is not None and crew.at_work and lock.held:
                # Who is still at work can't put in place any more what it has begun.
                folder.clear_leftovers()
            progress.finish()
    finally:
        if crew is not None and crew.at_work:
            crew.when_ended(lock.release)
        else:
            lock.release()
    return progress.report()


def _list(atlas: Client, job: Job) -> Listing:
    return _listing.read(atlas.list_invoices(job.org_id, linked=job.linked), linked=job.linked)


def _collect(crew: Crew[Task, Result], progress: Progress) -> None:
    try:
        crew.start()
        for result in crew.results():
            progress.settle(result)
            if progress.stopped:
                crew.stop()
            if progress.save_is_due:
                progress.save()
    except BaseException:
        crew.stop()
        for result in crew.results(_GRACE_SECONDS, raising=False):
            progress.settle(result)
        raise


def _do(atlas: Client, job: Job, folder: Folder, progress: Progress, task: Task, large: threading.Lock) -> Result:
    """Fetch one invoice; in a worker's thread. The JSON comes first, and is put in place last: then both are here."""
    id_ = task.listed.id
    progress.claim(task)
    try:
        # A linked invoice, too, is asked for under the organization that pays (Atlas Admin API document: linked
        # invoices take a role in the paying organization).
        call = _document.call(job.org_id, id_)
        with ExitStack() as held:
            try:
                document = atlas._get(call, _document.AT_ONCE)  # noqa: SLF001 - `get_invoice`, but as sent
            except TooLargeError:
                held.enter_context(large)
                document = atlas._get(call)  # noqa: SLF001 - likewise
            csv = atlas.download_invoice_csv(job.org_id, id_, folder.csv_path(id_))
            return Result(task, entry=entry_for(task, document, csv, folder.save_json(id_, document.content)))
    except (AtlasError, OSError) as error:
        kept = task.before is not None and folder.intact(task.before, verify=True)
        return Result(task, error=error, kept=kept)
