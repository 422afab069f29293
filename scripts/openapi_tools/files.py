"""Compare two folders in both directions, replace a folder in one step, and write several files all or none."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from openapi_tools.errors import ScriptError


def compare_folders(actual: Path, expected: Path) -> list[str]:
    """How `actual` differs from `expected`, one line per file; Python's caches don't count."""
    has, should = _read_files(actual), _read_files(expected)
    changed = sorted(name for name in has.keys() & should.keys() if has[name] != should[name])
    missing, extra = sorted(should.keys() - has.keys()), sorted(has.keys() - should.keys())
    labelled = (("changed", changed), ("missing", missing), ("extra", extra))
    return [f"{label}: {name}" for label, names in labelled for name in names]


def _read_files(root: Path) -> dict[str, bytes]:
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
    """A new empty folder on the same file system as `target`, deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
        yield Path(folder)


def replace_folder(new: Path, target: Path, aside: Path) -> None:
    """Move the folder `new` to `target`, and the old `target` into the folder `aside`; on failure nothing changes."""
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
    """Write several files, all or none: each is complete on disk before the first one is replaced.

    If replacing one fails, those already replaced are restored. A symbolic link is kept and its target replaced.

    Raises:
        ScriptError: a path is a folder, a device or a pipe (/dev/null must stay what it is), or its folder is missing.
        OSError: the file system refuses.
    """
    with contextlib.ExitStack() as stack:
        ready: dict[Path, Path] = {}
        for given, content in contents.items():
            path = given.resolve()
            if path.exists() and not path.is_file():
                raise ScriptError(f"{given} is not a regular file, so it isn't replaced")
            if not path.parent.is_dir():
                raise ScriptError(f"{given}: folder {path.parent} doesn't exist; create it first")
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
