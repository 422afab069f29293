"""Sync with asyncio tasks: the twin of `_run`, step by step."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, TypeVar

from atlas_invoices._errors import AtlasError, TooLargeError

from . import _document, _listing
from ._folder import Folder
from ._job import DEFAULT_WORKERS, Job
from ._lock import POLL_SECONDS, FolderLock
from ._progress import Progress, Result, entry_for, tell_log

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from datetime import date

    from atlas_invoices._async_client import AsyncClient

    from ._listing import Listing
    from ._plan import Task
    from ._progress import Tell
    from ._report import SyncReport

T = TypeVar("T")


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
    return await run(atlas, job, tell_log)


async def run(atlas: AsyncClient, job: Job, tell: Tell) -> SyncReport:
    """Do the job; `tell` gets a line for each invoice saved."""
    listing = await _list(atlas, job)
    folder = Folder(job.directory)
    folder.create()
    lock = FolderLock(folder.path)
    try:
        if not lock.acquire():
            tell(f"another sync is at work in {folder.path}; waiting for it to end")
            while not lock.acquire():  # noqa: ASYNC110 - what is waited for is another process
                await asyncio.sleep(POLL_SECONDS)
            listing = await _list(atlas, job)
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


async def _list(atlas: AsyncClient, job: Job) -> Listing:
    found = [each async for each in atlas.list_invoices(job.org_id, linked=job.linked)]
    return _listing.read(found, linked=job.linked)


async def _work(atlas: AsyncClient, job: Job, folder: Folder, progress: Progress) -> None:
    items = deque(progress.plan.fetch)
    saving, large = asyncio.Lock(), asyncio.Lock()

    async def worker() -> None:
        while items and not progress.stopped:
            progress.settle(await _do(atlas, job, folder, progress, items.popleft(), large))
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


async def _do(
    atlas: AsyncClient, job: Job, folder: Folder, progress: Progress, task: Task, large: asyncio.Lock
) -> Result:
    """Fetch one invoice. The JSON comes first, and is put in place last: then both are here."""
    id_ = task.listed.id
    progress.claim(task)
    try:
        # Under the organization that pays, as in `_run`.
        call = _document.call(job.org_id, id_)
        async with AsyncExitStack() as held:
            try:
                document = await atlas._get(call, _document.AT_ONCE)  # noqa: SLF001 - `get_invoice`, but as sent
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
