"""What the command's exit status says; without imports, since it's needed where an extra is missing."""

from __future__ import annotations

DONE = 0
OTHER = 1
USAGE = 2
CREDENTIALS = 3
NOT_FOUND = 4
TRY_LATER = 5
WRONG_DATA = 6
INTERRUPTED = 130
