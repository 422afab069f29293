"""Compare two folders file by file in both directions, and put a new folder in the place of an old one in one step."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from openapi_tools.errors import ScriptError


@frozen
class Differences:
    """What a folder has otherwise than it should: paths within it, sorted."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    def lines(self) -> list[str]:
        """One line for each, for people."""
        labelled = (("changed", self.changed), ("missing", self.missing), ("extra", self.extra))
        return [f"{what}: {path}" for what, paths in labelled for path in paths]


def compare_folders(actual: Path, expected: Path) -> Differences:
    """How `actual` differs from `expected`; Python's caches are no part of either."""
    has, should = _files(actual), _files(expected)
    return Differences(
        changed=tuple(sorted(name for name in has.keys() & should.keys() if has[name] != should[name])),
        missing=tuple(sorted(should.keys() - has.keys())),
        extra=tuple(sorted(has.keys() - should.keys())),
    )


def _files(root: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name != "__pycache__"]
        links = [name for name in names if (Path(folder) / name).is_symlink()]
        for name in files + links:
            path = Path(folder) / name
            content = b"link to " + os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            found[path.relative_to(root).as_posix()] = content
    return found


@contextlib.contextmanager
def temporary_sibling(target: Path) -> Iterator[Path]:
    """A new empty folder on the file system of `target`, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
        yield Path(folder)


def replace_folder(new: Path, target: Path, aside: Path) -> None:
    """Put the folder `new` where `target` is, and what was there into the folder `aside`; or leave all as is."""
    old = aside / "old"
    if target.exists():
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise


def write_all(contents: dict[Path, bytes]) -> None:
    """Write several files, each whole or not at all; none is replaced before all are on the disk.

    Where replacing one fails, those replaced before it are put back. A link stays one: what it leads to is replaced.

    Raises:
        ScriptError: a folder, a device or a pipe stands where a file should go (/dev/null must stay what it is).
        OSError: the file system does not let it happen.
    """
    with contextlib.ExitStack() as stack:
        ready: dict[Path, Path] = {}
        for given, content in contents.items():
            path = given.resolve()
            if path.exists() and not path.is_file():
                raise ScriptError(f"{given} is no file, and nothing else is replaced")
            if not path.parent.is_dir():
                raise ScriptError(f"{given}: there is no folder {path.parent}; make it first")
            folder = stack.enter_context(temporary_sibling(path))
            ready[path] = folder / "new"
            ready[path].write_bytes(content)
            if path.exists():
                shutil.copy2(path, folder / "old")
        done: list[Path] = []
        try:
            for path, new in ready.items():
                new.replace(path)
                done.append(path)
        except OSError:
            for path in done:
                old = ready[path].with_name("old")
                if old.exists():
                    old.replace(path)
                else:
                    path.unlink()
            raise
