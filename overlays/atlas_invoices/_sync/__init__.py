"""Keep a folder with every invoice of an organization: what the command `sync` does, for programs.

How it stays right, whatever ends a run:

- A file is written beside its place and moved there whole (`_files`); the manifest likewise.
- The manifest never lists what may not be so: an invoice that is about to be fetched again is taken out of it first,
  and comes in again once its files are in place. A file that isn't in the manifest is fetched.
- One run at a time works in a folder (`_lock`). What a killed run left half written, the next one clears away.
"""

from __future__ import annotations

from ._listing import NO_LINKED
from ._plan import DEFAULT_WORKERS, SyncOptions
from ._progress import SyncedInvoice, SyncReport
from ._run import run, sync_invoices, sync_invoices_async

__all__ = [
    "DEFAULT_WORKERS",
    "NO_LINKED",
    "SyncOptions",
    "SyncReport",
    "SyncedInvoice",
    "run",
    "sync_invoices",
    "sync_invoices_async",
]
