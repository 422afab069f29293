"""Run a sync: list, plan, fetch each invoice, report. Written once, in steps, for threads and for asyncio."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from datetime import date

from atlas_invoices import _operations
from atlas_invoices._client import AsyncClient, Client
from atlas_invoices._errors import AtlasError, UnexpectedResponseError
from atlas_invoices._files import AtomicFile
from atlas_invoices._http import _steps
from atlas_invoices._http._responses import ResponseHead
from atlas_invoices._http._steps import Blocking, Sleep, Steps
from atlas_invoices._utils import DEFAULT_LOCK_TIMEOUT

from . import _listing
from ._compare import find_difference
from ._folder import Folder, FolderError, FolderLock
from ._plan import DEFAULT_WORKERS, SyncOptions, Task
from ._progress import OnProgress, Result, SyncReport, SyncState, saved
from ._workers import WorkerPool

_POLL_SECONDS = 0.1

_log = logging.getLogger("atlas_invoices")


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
    lock_timeout: float = DEFAULT_LOCK_TIMEOUT,
) -> SyncReport:
    """Bring a folder up to date with an organization's invoices: each as CSV, exactly as sent, and as JSON.

    For each invoice, the folder then has `YYYY-MM-<invoice id>.csv` and `.json`, with the month its period starts in;
    and `manifest.json`, which lists them with sizes and SHA-256. The files of a folder from an earlier version, which
    have no month in their names, are renamed. An invoice is fetched if it's missing, if its status is PENDING or
    unknown, if its status, `updated` or amounts have changed since it was fetched, or if its CSV didn't agree with its
    JSON then (the report says how they differ). Nothing is ever deleted. A run that ends early for any reason leaves a
    valid folder, which the next run completes. Of two runs in one folder, the second waits for the first. Replaced
    files keep their mode.

    Args:
        atlas: the client.
        org_id: 24 hexadecimal digits.
        directory: the folder, created if it doesn't exist. It belongs to one organization of one server.
        since: only invoices whose period starts in this day's month (UTC) or later; the day itself doesn't matter.
        until: only invoices whose period starts in this day's month (UTC) or earlier. Invoices without a start are
            always included.
        linked: also the invoices of linked organizations, in the same folder.
        verify: compare the SHA-256 of files that are already there, not only their size.
        workers: how many invoices at a time.
        lock_timeout: how many seconds to wait for another run in the folder, before a `ConfigError`.

    Returns a `SyncReport`. An invoice that fails is listed in it, and the run goes on; refused credentials, a file
    system that refuses to write and a server that no longer answers stop it, because everything else would fail too,
    and the remaining invoices are `not_tried`. Raises `InvalidIdError` before any request, `ConfigError` for invalid
    settings or a folder that can't be used, any `AtlasError` of the listing, and `OSError` if the manifest can't be
    written.

    Example:
        >>> with ai.Client() as atlas:
        ...     report = ai.sync_invoices(atlas, org_id, "invoices")
        >>> report.ok, len(report.saved)
        (True, 14)
    """
    options = SyncOptions(atlas.base_url, org_id, directory, since, until, linked, verify, workers, lock_timeout)
    return run(atlas, options, _log.info)


async def sync_invoices_async(
    atlas: AsyncClient,
    org_id: str,
    directory: str | os.PathLike[str],
    *,
    since: date | None = None,
    until: date | None = None,
    linked: bool = False,
    verify: bool = False,
    workers: int = DEFAULT_WORKERS,
    lock_timeout: float = DEFAULT_LOCK_TIMEOUT,
) -> SyncReport:
    """`sync_invoices` for asyncio: the same arguments, report and errors, with an `AsyncClient` and `await`.

    Cancelling it stops at once and leaves a valid folder.

    Example:
        >>> async with ai.AsyncClient() as atlas:
        ...     report = await ai.sync_invoices_async(atlas, org_id, "invoices")
    """
    options = SyncOptions(atlas.base_url, org_id, directory, since, until, linked, verify, workers, lock_timeout)
    return await _steps.run_async(_sync(atlas, options, _log.info, lambda _state: None))


def run(
    atlas: Client,
    options: SyncOptions,
    on_progress: OnProgress,
    on_start: Callable[[SyncState], object] = lambda _state: None,
) -> SyncReport:
    """Sync in threads.

    `on_progress` gets a line for each saved invoice, in the caller's thread; `on_start` gets the state before the first
    is fetched.
    """
    return _steps.run(_sync(atlas, options, on_progress, on_start))


def _sync(
    atlas: Client | AsyncClient,
    options: SyncOptions,
    on_progress: OnProgress,
    on_start: Callable[[SyncState], object],
) -> Steps[SyncReport]:
    listing = yield from _list(atlas, options)
    folder = Folder(options.directory)
    folder.create()
    lock = FolderLock(folder.path)
    pool: WorkerPool[Task, Result] | None = None
    try:
        if not lock.acquire():
            yield from _wait_for(lock, options, on_progress)
            listing = yield from _list(atlas, options)
        # With `verify` it reads every file.
        state: SyncState = yield Blocking(
            lambda: SyncState(options, folder, listing, on_progress), abandon_on_cancel=True
        )
        folder.clear_leftovers()
        state.begin()
        on_start(state)

        def save_if_due() -> Steps[None]:
            if state.save_is_due:
                yield Blocking(state.save)

        pool = WorkerPool(
            state.plan.fetch,
            options.workers,
            work=lambda task: _fetch(atlas, options, folder, state, task),
            on_result=state.finished,
            checkpoint=save_if_due,
        )
        try:
            yield pool
        finally:
            if pool.busy:
                folder.abandon_files()
            state.end()
    finally:
        if pool is None:
            lock.release()
        else:
            pool.when_idle(lock.release)
    return state.report()


def _wait_for(lock: FolderLock, options: SyncOptions, on_progress: OnProgress) -> Steps[None]:
    timeout = options.lock_timeout
    on_progress(f"{lock.holder} is running in {options.directory}; waiting up to {timeout:g} s for it to end")
    end = time.monotonic() + timeout
    while not lock.acquire():
        left = end - time.monotonic()
        if left <= 0:
            raise FolderError(
                f"{lock.holder} is still running in {options.directory} after {timeout:g} s; try again later, or wait "
                "longer (lock_timeout, --lock-timeout)"
            )
        yield Sleep(min(_POLL_SECONDS, left))


def _list(atlas: Client | AsyncClient, options: SyncOptions) -> Steps[_listing.Listing]:
    pages = atlas._invoice_pages(options.org_id, linked=options.linked)  # noqa: SLF001 - the client's steps aren't public
    return _listing.read_listing((yield from pages.read_all()), linked=options.linked)


def _fetch(
    atlas: Client | AsyncClient, options: SyncOptions, folder: Folder, state: SyncState, task: Task
) -> Steps[Result]:
    """Fetch one invoice: the JSON first, then the CSV, put in place at once; the JSON is put in place last."""
    id_ = task.listed.id
    state.started(task)
    try:
        json = folder.replace(folder.json_path(task.listed))
        try:
            # A linked invoice, too, is requested under the organization that pays (Atlas Admin API document: linked
            # invoices take a role in the paying organization).
            response = yield from atlas._write(_operations.invoice(options.org_id, id_), json)  # noqa: SLF001 - the client's steps aren't public
            document = yield Blocking(lambda: _read_json(json, response.head))
            target = folder.replace(folder.csv_path(task.listed))
            csv = yield from atlas._download(options.org_id, id_, target)  # noqa: SLF001 - the client's steps aren't public
            yield Blocking(json.commit)
        finally:
            yield Blocking(json.discard)
        difference = None
        if task.listed.final:  # the lines of an open period grow between the two requests
            difference = yield Blocking(lambda: find_difference(csv.path, document.sums), abandon_on_cancel=True)
        return saved(task, document, csv, json.saved, difference)
    except Exception as error:  # noqa: BLE001 - one invoice's replies must not end the run for the others
        before = task.before
        kept = before is not None and (
            yield Blocking(lambda: folder.intact(before, verify=True), abandon_on_cancel=True)
        )
        return Result(task, error=_as_known_error(error), kept=kept)


def _read_json(file: AtomicFile, head: ResponseHead) -> _listing.RawInvoice:
    with file.reopen() as content:
        return _listing.read_raw_invoice(content, head)


def _as_known_error(error: Exception) -> AtlasError | OSError:
    if isinstance(error, (AtlasError, OSError)):
        return error
    unexpected = UnexpectedResponseError(
        f"unexpected {type(error).__name__} while reading the replies; please report it"
    )
    unexpected.__cause__ = error
    return unexpected
