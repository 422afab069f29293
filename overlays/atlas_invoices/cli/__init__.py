"""The command `atlas-invoices`. Without the `cli` extra it only knows its version and says what to install."""

from __future__ import annotations

import sys

try:
    import gc
    from importlib import import_module
    from importlib.util import find_spec
    from types import ModuleType
    from typing import Any

    from atlas_invoices._version import __version__

    from . import _exit, _output
    from ._commands import help_text
except KeyboardInterrupt:
    # Without a traceback; from here on, `_run` handles it.
    sys.exit(130)


class _LazyModule(ModuleType):
    """Imports its module when one of its names is used; importlib's LazyLoader does so at the next `import` of it."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module has
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def main() -> int:
    """Run the command with the process's arguments; returns the exit status."""
    # Imports make many objects that stay; looking through them for garbage takes a tenth of the time of `list`.
    gc.set_threshold(200_000)
    _output.protect_streams()
    status = _exit.finish(_run())
    # Otherwise Python would look through them once more before it ends.
    gc.freeze()
    return status


def _run() -> int:
    try:
        if sys.argv[1:] == ["--version"]:
            sys.stdout.write(f"atlas-invoices {__version__}\n")
            return _exit.OK
        if find_spec("click") is None or find_spec("rich") is None:
            _output.error('the command needs an extra: pip install "atlas-invoices[cli]"')
            return _exit.USAGE
        if sys.argv[1:] in (["--help"], ["-h"]):
            sys.stdout.write(help_text())
            return _exit.OK
        # httpx would import its own command, with rich and pygments, which takes as long as all the rest of it.
        sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # how Python marks what can't be imported
        # Only `AsyncClient` and the sandbox need it.
        sys.modules.setdefault("asyncio", _LazyModule("asyncio"))
        from ._main import run

        return run(sys.argv[1:])
    except KeyboardInterrupt as error:
        # Before the command has started, or while it prints its last error.
        return _exit.fail(error)
