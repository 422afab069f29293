"""The installed command and the type of the `run` fixture."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

COMMAND = Path(sys.executable).with_name("atlas-invoices")


class Run(Protocol):
    """Runs the command with these arguments and returns its result."""

    def __call__(
        self, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]: ...
