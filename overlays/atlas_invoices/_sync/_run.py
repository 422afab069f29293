"""Run a sync, with threads or with asyncio."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack
from datetime import date
from typing import TYPE_CHECKING, Generic, TypeVar

from atlas_invoices._errors import AtlasError, TooLargeError

from . import _listing
from ._folder import POLL_SECONDS, Folder, FolderLock
from ._plan import DEFAULT_WORKERS, SyncOptions
from ._progress import Progress, Result, entry_for, tell_log

if TYPE_CHECKING:
    from atlas_invoices._client import AsyncClient, Client

    from ._listing import Listing
    from ._plan import Task
    from ._progress import SyncReport, Tell


T = TypeVar("T")
R = TypeVar("R")

# In steps: on Windows a wait without end is deaf to Ctrl-C.
_STEP_SECONDS = 0.5


class WorkerPool(Generic[T, R]):
    """Threads that call `work` with each item, in order, some at a time.

    They are daemons: an interrupted program needn't wait until the last server has answered.
    """

    def __init__(self, work: Callable[[T], R], items: Iterable[T], size: int) -> None:
        """Nothing runs yet."""
        self._work = work
        self._items = deque(items)
        self._stop = threading.Event()
        # A result, an exception that `work` should not have raised, or None for a thread that has ended.
        self._out: queue.SimpleQueue[tuple[R] | BaseException | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"atlas-invoices-sync-{n}", daemon=True)
            for n in range(min(size, len(self._items)))
        ]
        self._running = 0

    def start(self) -> None:
        """Let them begin."""
        for thread in self._threads:
            thread.start()
            self._running += 1

    def results(self, seconds: float | None = None, *, raising: bool = True) -> Iterator[R]:
        """Yield what `work` returned, as it comes, until all threads have ended or the time is up.

        What it should not have raised is raised here, but not without `raising`: where something has been already.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while self._running and (end is None or time.monotonic() < end):
            try:
                got = self._out.get(timeout=_STEP_SECONDS if end is None else max(0.0, end - time.monotonic()))
            except queue.Empty:
                continue
            if got is None:
                self._running -= 1
            elif isinstance(got, BaseException):
                if raising:
                    raise got
            else:
                yield got[0]

    def stop(self) -> None:
        """Begin nothing more; what is under way goes on to its end."""
        self._stop.set()

    @property
    def at_work(self) -> bool:
        """Whether a thread hasn't ended."""
        return self._running > 0

    def when_ended(self, then: Callable[[], object]) -> None:
        """Call `then` when the last thread has ended, without waiting for that."""

        def wait() -> None:
            for thread in self._threads:
                thread.join()
            then()

        threading.Thread(target=wait, name="atlas-invoices-sync-end", daemon=True).start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    item = self._items.popleft()
                except IndexError:
                    break
                self._out.put((self._work(item),))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for results
            self._out.put(error)
        finally:
            self._out.put(None)


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
    job = SyncOptions.checked(
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


def run(atlas: Client, job: SyncOptions, tell: Tell) -> SyncReport:
    """Do the job; `tell` gets a line for each invoice saved, in the thread of the caller."""
    listing = _list(atlas, job)
    folder = Folder(job.directory)
    folder.create()
    lock = FolderLock(folder.path)
    crew: WorkerPool[Task, Result] | None = None
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
            crew = WorkerPool(
                lambda task: _do(atlas, job, folder, progress, task, large), progress.plan.fetch, job.workers
            )
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


def _list(atlas: Client, job: SyncOptions) -> Listing:
    return _listing.read_listing(atlas.list_invoices(job.org_id, linked=job.linked), linked=job.linked)


def _collect(crew: WorkerPool[Task, Result], progress: Progress) -> None:
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


def _do(
    atlas: Client, job: SyncOptions, folder: Folder, progress: Progress, task: Task, large: threading.Lock
) -> Result:
    """Fetch one invoice; in a worker's thread. The JSON comes first, and is put in place last: then both are here."""
    id_ = task.listed.id
    progress.claim(task)
    try:
        # A linked invoice, too, is asked for under the organization that pays (Atlas Admin API document: linked
        # invoices take a role in the paying organization).
        call = _listing.call(job.org_id, id_)
        with ExitStack() as held:
            try:
                document = atlas._get(call, _listing.AT_ONCE)  # noqa: SLF001 - `get_invoice`, but as sent
            except TooLargeError:
                held.enter_context(large)
                document = atlas._get(call)  # noqa: SLF001 - likewise
            csv = atlas.download_invoice_csv(job.org_id, id_, folder.csv_path(id_))
            return Result(task, entry=entry_for(task, document, csv, folder.save_json(id_, document.content)))
    except (AtlasError, OSError) as error:
        kept = task.before is not None and folder.intact(task.before, verify=True)
        return Result(task, error=error, kept=kept)


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
) -> SyncReport:
    """`sync_invoices` for asyncio: the same arguments, report and errors, with an `AsyncClient` and `await`.

    Cancelling it stops at once and leaves a valid folder.

    Example:
        >>> async with ai.AsyncClient() as atlas:
        ...     report = await ai.sync_invoices_async(atlas, org_id, "invoices")
    """
    job = SyncOptions.checked(
        atlas.base_url,
        org_id,
        directory,
        since=since,
        until=until,
        linked=linked,
        verify=verify,
        workers=workers,
    )
    return await run_async(atlas, job, tell_log)


async def run_async(atlas: AsyncClient, job: SyncOptions, tell: Tell) -> SyncReport:
    """Do the job; `tell` gets a line for each invoice saved."""
    listing = await _list_async(atlas, job)
    folder = Folder(job.directory)
    folder.create()
    lock = FolderLock(folder.path)
    try:
        if not lock.acquire():
            tell(f"another sync is at work in {folder.path}; waiting for it to end")
            while not lock.acquire():  # noqa: ASYNC110 - what is waited for is another process
                await asyncio.sleep(POLL_SECONDS)
            listing = await _list_async(atlas, job)
        # It reads every file where they are to be verified.
        progress = await asyncio.to_thread(Progress, job, folder, listing, tell)
        if lock.held:
            folder.clear_leftovers()
        progress.start()
        try:
            await _work(atlas, job, folder, progress)
        finally:
            progress.finish()
        return progress.report()
    finally:
        lock.release()


async def _list_async(atlas: AsyncClient, job: SyncOptions) -> Listing:
    found = [each async for each in atlas.list_invoices(job.org_id, linked=job.linked)]
    return _listing.read_listing(found, linked=job.linked)


async def _work(atlas: AsyncClient, job: SyncOptions, folder: Folder, progress: Progress) -> None:
    items = deque(progress.plan.fetch)
    saving, large = asyncio.Lock(), asyncio.Lock()

    async def worker() -> None:
        while items and not progress.stopped:
            progress.settle(await _do_async(atlas, job, folder, progress, items.popleft(), large))
            async with saving:
                if progress.save_is_due:
                    await _to_its_end(progress.save)

    workers = [asyncio.create_task(worker()) for _ in range(min(job.workers, len(items)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for each in workers:
            # Once is enough: a second time would interrupt what the first one made it put in order.
            if not each.cancelling():
                each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _do_async(
    atlas: AsyncClient, job: SyncOptions, folder: Folder, progress: Progress, task: Task, large: asyncio.Lock
) -> Result:
    """Fetch one invoice. The JSON comes first, and is put in place last: then both are here."""
    id_ = task.listed.id
    progress.claim(task)
    try:
        # Under the organization that pays, as in `_run`.
        call = _listing.call(job.org_id, id_)
        async with AsyncExitStack() as held:
            try:
                document = await atlas._get(call, _listing.AT_ONCE)  # noqa: SLF001 - `get_invoice`, but as sent
            except TooLargeError:
                await held.enter_async_context(large)
                document = await atlas._get(call)  # noqa: SLF001 - likewise
            csv = await atlas.download_invoice_csv(job.org_id, id_, folder.csv_path(id_))
            json = await _to_its_end(lambda: folder.save_json(id_, document.content))
            return Result(task, entry=entry_for(task, document, csv, json))
    except (AtlasError, OSError) as error:
        before = task.before
        kept = before is not None and await asyncio.to_thread(lambda: folder.intact(before, verify=True))
        return Result(task, error=error, kept=kept)


async def _to_its_end(function: Callable[[], T]) -> T:
    """Run it in a thread, which can't be cancelled: a task that is waits for it, so that no write outlives the lock."""
    running = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # looked at, or asyncio logs it when nobody is left who could
        raise
