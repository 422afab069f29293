"""A file is complete or absent."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen

from atlas_invoices._files import AtomicFile, SavedFile
from atlas_invoices._files import save as write
from atlas_invoices._http._steps import Sleep, Steps, run, run_async


def save(path: Path, content: bytes = b"new", *, overwrite: bool = True) -> AtomicFile:
    file = AtomicFile(path, overwrite=overwrite)
    with file:
        file.write(content)
    return file


def test_what_was_written_is_there_with_its_size_and_hash(tmp_path: Path) -> None:
    saved = save(tmp_path / "a.csv", b"abc").saved
    assert (saved.path, saved.size) == (tmp_path / "a.csv", 3)
    assert saved.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_a_signal_between_the_file_and_the_block_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(descriptor: int, *_: object) -> None:
        os.close(descriptor)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fdopen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    file = AtomicFile(path, overwrite=True)
    with pytest.raises(error), file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_without_overwrite_an_existing_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        AtomicFile(path, overwrite=False)


def test_a_file_that_appears_meanwhile_stays_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    file = AtomicFile(path, overwrite=False)
    with pytest.raises(FileExistsError), file:
        file.write(b"new")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_a_link_is_replaced_never_written_through(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_bytes(b"theirs")
    link = tmp_path / "link"
    link.symlink_to(real)
    save(link)
    assert real.read_bytes() == b"theirs"
    assert not link.is_symlink()
    with pytest.raises(FileExistsError):
        AtomicFile(tmp_path / "link", overwrite=False)


def test_folders_and_devices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        AtomicFile(tmp_path, overwrite=True)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(OSError, match="not a regular file"):
        AtomicFile(fifo, overwrite=True)
    with pytest.raises(FileNotFoundError):
        AtomicFile(tmp_path / "no" / "folder.csv", overwrite=True)


def test_a_link_to_a_device_is_refused(tmp_path: Path) -> None:
    # /dev/stdout is such a link, and replacing it would break the system for all.
    link = tmp_path / "stdout"
    link.symlink_to("/dev/null")
    with pytest.raises(OSError, match="not a regular file"):
        AtomicFile(link, overwrite=True)
    assert link.is_symlink()


def test_a_name_that_ends_like_a_folders_is_no_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such folder"):
        AtomicFile(f"{tmp_path}/results/", overwrite=True)
    with pytest.raises(IsADirectoryError):
        AtomicFile(f"{tmp_path}/", overwrite=True)


def test_permissions_are_those_of_a_new_file(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        save(tmp_path / "a.csv")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o640


def test_one_object_can_be_used_for_another_try(tmp_path: Path) -> None:
    file = AtomicFile(tmp_path / "a.csv", overwrite=True)
    with pytest.raises(RuntimeError), file:
        file.write(b"half")
        raise RuntimeError
    with file:
        file.write(b"whole")
    assert file.saved.size == 5
    assert (tmp_path / "a.csv").read_bytes() == b"whole"


@frozen
class Document:
    """A document of these pieces, read by steps; an exception among them is raised."""

    pieces: Iterator[bytes | BaseException]

    def read(self) -> Steps[bytes | None]:
        yield Sleep(0)
        piece = next(self.pieces, None)
        if isinstance(piece, BaseException):
            raise piece
        return piece

    def close(self) -> Steps[None]:
        yield Sleep(0)


def opened(*pieces: bytes | BaseException) -> Callable[[], Steps[Document]]:
    def open_document() -> Steps[Document]:
        yield Sleep(0)
        return Document(iter(pieces))

    return open_document


def run_in_a_task(steps: Steps[SavedFile]) -> SavedFile:
    return asyncio.run(run_async(steps))


RUNNERS = pytest.mark.parametrize("runner", [run, run_in_a_task])


@RUNNERS
def test_a_document_is_saved_by_steps(runner: Callable[[Steps[SavedFile]], SavedFile], tmp_path: Path) -> None:
    piece = b"x" * 65536
    path = tmp_path / "a.csv"
    saved = runner(write(AtomicFile(path, overwrite=True), opened(*[piece] * 40, b"end")))
    assert path.read_bytes() == piece * 40 + b"end"
    assert (saved.path, saved.size) == (path, 40 * 65536 + 3)
    assert saved.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@RUNNERS
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_document_that_breaks_leaves_what_was_there(
    runner: Callable[[Steps[SavedFile]], SavedFile], error: type[BaseException], tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    with pytest.raises(error):
        runner(write(AtomicFile(path, overwrite=True), opened(b"x" * 2_000_000, error())))
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_under_asyncio_a_slow_disk_stops_no_other_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: time.sleep(0.3))

    async def main() -> int:
        ticks = 0
        saving = asyncio.create_task(run_async(write(AtomicFile(tmp_path / "a", overwrite=True), opened(b"abc"))))
        while not saving.done():
            await asyncio.sleep(0.01)
            ticks += 1
        assert saving.result().size == 3
        return ticks

    assert asyncio.run(main()) >= 5


@pytest.mark.parametrize("twice", [False, True])
def test_a_cancelled_task_leaves_nothing_even_while_the_disk_is_slow(
    twice: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = AtomicFile.write

    def slowly(self: AtomicFile, data: bytes) -> int:
        time.sleep(0.2)
        return at_once(self, data)

    monkeypatch.setattr(AtomicFile, "write", slowly)

    async def main() -> None:
        saving = asyncio.create_task(
            run_async(write(AtomicFile(tmp_path / "a", overwrite=True), opened(*[b"x" * 1024 * 1024] * 5)))
        )
        for _ in range(1 + twice):
            await asyncio.sleep(0.05)
            saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving

    asyncio.run(main())
    assert list(tmp_path.iterdir()) == []
