"""Keep a folder with every invoice of an organization: the command `sync`, for programs.

The folder is valid at every moment, even if a run is killed:

- Files and the manifest are written to a temporary file and renamed when complete (`_files`).
- The manifest never lists a file that may be out of date: an invoice is removed from it before it's fetched again, and
  added when its files are in place. A file that isn't in the manifest is fetched.
- A copy whose CSV differs from its JSON in lines or sums isn't final (`_compare`): the next run fetches it again.
- One run at a time works in a folder (`FolderLock`), and clears what a killed run left half written a day ago.
"""

from __future__ import annotations

from ._plan import DEFAULT_WORKERS as DEFAULT_WORKERS
from ._plan import SyncOptions as SyncOptions
from ._progress import SyncedInvoice, SyncReport
from ._run import run as run
from ._run import sync_invoices, sync_invoices_async

__all__ = ["SyncReport", "SyncedInvoice", "sync_invoices", "sync_invoices_async"]
