"""The installed command, and the type of the fixture that runs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

COMMAND = Path(sys.executable).with_name("atlas-invoices")


class Run(Protocol):
    """Runs the command with these arguments and returns what came of it."""

    def __call__(
        self, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]: ...
