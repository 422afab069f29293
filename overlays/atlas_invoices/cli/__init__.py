"""The command `atlas-invoices`: starts at once and says what's missing; the rest is imported when it's needed."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from atlas_invoices._version import __version__

from . import _exit


def main() -> int:
    """Run the command with the process's arguments; returns its exit status."""
    _exit.prepare()
    return _exit.finish(_run())


def _run() -> int:
    if sys.argv[1:] == ["--version"]:
        print(f"atlas-invoices {__version__}")  # noqa: T201 - the one thing that works without the cli extra
        return _exit.DONE
    if find_spec("click") is None or find_spec("rich") is None:
        print('error: the command needs an extra: pip install "atlas-invoices[cli]"', file=sys.stderr)  # noqa: T201 - likewise
        return _exit.USAGE
    try:
        from ._main import run  # noqa: PLC0415 - needs the extra

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        # In the first moments, or while the last error is being said.
        print("error: interrupted", file=sys.stderr)  # noqa: T201 - likewise
        return _exit.INTERRUPTED
