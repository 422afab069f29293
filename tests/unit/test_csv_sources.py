"""Where an invoice can be read from, how often, and that no file stays open."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from atlas_invoices import ConfigError, InvoiceFormatError
from atlas_invoices._csv import aread_csv, read_csv, summarize, to_arrow
from invoice_lines import EXAMPLE, simple_invoice

DATA = simple_invoice({"Amount": "1"}, {"Amount": "2", "Note": "é\nü"}, {"Amount": "3"})


class Body:
    """The body of a response, a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def iter_bytes(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), 5):
            yield self.data[start : start + 5]


class AsyncBody(Body):
    """An asynchronous body, a few bytes at a time."""

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        for piece in self.iter_bytes():
            await asyncio.sleep(0)
            yield piece


class OnlyAsync:
    """A body without the synchronous half."""

    def __init__(self, data: bytes) -> None:
        self.aiter_bytes = AsyncBody(data).aiter_bytes


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for piece in AsyncBody(data).iter_bytes():
        yield piece


ONCE: list[Callable[[bytes], Any]] = [io.BytesIO, Body, lambda data: iter([data]), lambda data: [data, b""]]


def _closed() -> io.BytesIO:
    file = io.BytesIO(DATA)
    file.close()
    return file


def _amounts(source: Any) -> list[int]:
    return [int(line.amount or 0) for line in read_csv(source)]


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview, *ONCE, lambda data: httpx.Response(200, content=data)])
def test_every_kind_of_source_gives_the_same_lines(make: Callable[[bytes], Any]) -> None:
    assert _amounts(make(DATA)) == [1, 2, 3]


def test_a_path_gives_the_same_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(DATA)

    assert _amounts(tmp_path / "a.csv") == _amounts(str(tmp_path / "a.csv")) == [1, 2, 3]


@pytest.mark.parametrize("make", [*ONCE, AsyncBody, OnlyAsync, _chunks, bytes])
def test_the_asynchronous_reader_gives_the_same_lines(make: Callable[[bytes], Any]) -> None:
    async def read() -> list[Any]:
        async with await aread_csv(make(DATA)) as inv:
            return [line async for line in inv]

    assert asyncio.run(read()) == list(read_csv(DATA))


def test_the_asynchronous_reader_raises_the_same_errors() -> None:
    async def read(data: bytes) -> None:
        async for _ in (await aread_csv(AsyncBody(data))).lines():
            pass

    for data in (b"<html>", b"", simple_invoice({"Amount": "x"})):
        with pytest.raises(InvoiceFormatError) as sync_error:
            list(read_csv(data))
        with pytest.raises(InvoiceFormatError) as async_error:
            asyncio.run(read(data))
        assert str(async_error.value) == str(sync_error.value)


def test_the_asynchronous_reader_has_the_same_errors_and_trailing_rows() -> None:
    async def read() -> tuple[int, int, int]:
        inv = await aread_csv(simple_invoice({}, {"Amount": "x"}) + b"Total\n", on_error="collect")
        lines = [line async for line in inv]
        assert [line async for line in inv] == lines
        assert inv.header.organization_name == "Test 2"
        return len(lines), len(inv.errors), len(inv.trailing)

    with pytest.warns(UserWarning, match=r"^1 row after the last item isn't counted: line 9 \('Total'\)$"):
        assert asyncio.run(read()) == (1, 1, 1)


@pytest.mark.filterwarnings("ignore:.* after the last item:UserWarning")
def test_a_path_and_bytes_are_read_again_by_a_second_loop(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(DATA + b"Total\n")
    for source in (tmp_path / "a.csv", DATA + b"Total\n"):
        inv = read_csv(source)
        assert list(inv) == list(inv.lines()) == list(inv)
        assert inv.trailing == (("Total",),)


@pytest.mark.parametrize("make", ONCE)
def test_a_second_loop_over_anything_else_is_a_clear_error(make: Callable[[bytes], Any]) -> None:
    inv = read_csv(make(DATA))
    assert len(list(inv)) == 3

    with pytest.raises(ConfigError, match="can be read once"):
        iter(inv)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on Windows")
def test_a_pipe_has_a_path_but_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with ThreadPoolExecutor() as pool:
        pool.submit(path.write_bytes, LONG)
        assert summarize([path, EXAMPLE.replace(b"666ac", b"666ad")], by="sku").total == sum(range(20_000))
        pool.submit(path.write_bytes, DATA)
        inv = read_csv(path)
        assert len(list(inv)) == 3
    with pytest.raises(ConfigError, match="can be read once"):
        iter(inv)


def test_a_second_asynchronous_loop_is_a_clear_error() -> None:
    async def read() -> None:
        inv = await aread_csv(AsyncBody(DATA))
        async for _ in inv:
            pass
        inv.lines()

    with pytest.raises(ConfigError, match="can be read once"):
        asyncio.run(read())


LONG = simple_invoice(*({"Amount": str(number)} for number in range(20_000)))


def _open_csvs() -> list[str]:
    return [file.path for file in psutil.Process().open_files() if file.path.endswith(".csv")]


@pytest.mark.parametrize("first", ["outer", "inner"])
def test_two_loops_at_the_same_time_both_get_every_line(first: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(LONG)
    inv = read_csv(tmp_path / "a.csv")
    loops = {"outer": iter(inv), "inner": iter(inv)}
    order = sorted(loops, key=first.__ne__)
    starts = [next(loops[name]) for name in order]
    counts = [1 + sum(1 for _ in loops[name]) for name in order]

    assert starts[0] == starts[1]
    assert counts == [20_000, 20_000]
    assert _open_csvs() == []


@pytest.mark.parametrize("first", ["outer", "inner"])
def test_two_asynchronous_loops_at_the_same_time_both_get_every_line(first: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(LONG)

    async def read() -> tuple[list[Any], list[int]]:
        inv = await aread_csv(tmp_path / "a.csv")
        loops = {"outer": aiter(inv), "inner": aiter(inv)}
        order = sorted(loops, key=first.__ne__)
        starts = [await anext(loops[name]) for name in order]
        assert inv.header.organization_name == "Test 2"
        return starts, [1 + len([line async for line in loops[name]]) for name in order]

    starts, counts = asyncio.run(read())
    assert starts[0] == starts[1]
    assert counts == [20_000, 20_000]
    assert _open_csvs() == []


def test_an_asynchronous_loop_closes_only_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(LONG)

    async def read() -> None:
        inv = await aread_csv(tmp_path / "a.csv")
        outer, inner = inv.lines(), inv.lines()
        await anext(outer)
        await anext(inner)
        assert len(_open_csvs()) == 2
        await outer.aclose()
        assert len(_open_csvs()) == 1
        assert len([line async for line in inner]) == 19_999
        assert _open_csvs() == []

        held = inv.lines()
        await anext(held)
        await anext(aiter(inv))
        await inv.aclose()
        assert _open_csvs() == []

    asyncio.run(read())


def test_a_loop_whose_invoice_was_closed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(LONG)
    with read_csv(tmp_path / "a.csv") as inv:
        lines, others = iter(inv), iter(inv)
        next(lines)
        next(others)
    assert _open_csvs() == []
    for loop in (lines, others):
        with pytest.raises(ConfigError, match="closed before its end"):
            list(loop)
    assert len(list(inv)) == 20_000

    async def read() -> None:
        async with await aread_csv(tmp_path / "a.csv") as inv:
            lines = aiter(inv)
            await anext(lines)
        async for _ in lines:
            pass

    with pytest.raises(ConfigError, match="closed before its end"):
        asyncio.run(read())


@pytest.mark.parametrize("make", ONCE)
def test_a_closed_source_that_can_be_read_once_is_an_error(make: Callable[[bytes], Any]) -> None:
    inv = read_csv(make(DATA))
    inv.close()
    with pytest.raises(ConfigError, match="can be read once"):
        iter(inv)

    async def read() -> None:
        inv = await aread_csv(make(DATA))
        await inv.aclose()
        inv.lines()

    with pytest.raises(ConfigError, match="can be read once"):
        asyncio.run(read())


def test_repr_of_an_asynchronous_invoice_shows_whose_it_is() -> None:
    async def read() -> str:
        return repr(await aread_csv(AsyncBody(DATA)))

    assert asyncio.run(read()).startswith("<AsyncInvoiceCsv '666acb8787ba43606905dcae', 2024-06-01 to 2024-07-01")


def test_the_size_of_paths_and_bytes_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(DATA)
    wide = memoryview(DATA + b"\n" * (-len(DATA) % 4)).cast("I")

    for source in (DATA, bytearray(DATA), memoryview(DATA), tmp_path / "a.csv"):
        assert read_csv(source).size == len(DATA)
    assert read_csv(wide).size == wide.nbytes
    assert read_csv(io.BytesIO(DATA)).size is None


def test_bytes_one_at_a_time_take_time_in_proportion() -> None:
    def seconds(size: int) -> float:
        data = DATA.split(b"\n\n")[1] + b"07/01/2024," + b"x" * size
        start = time.process_time()
        with pytest.raises(InvoiceFormatError):
            list(read_csv(bytes([byte]) for byte in data))
        return time.process_time() - start

    # When the bytes held were moved for each byte, a line sixteen times as long took 256 times as long.
    assert seconds(160_000) < 64 * seconds(10_000) + 1


def test_no_file_stays_open(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_bytes(simple_invoice(*[{}] * 9000))
    bad.write_bytes(simple_invoice({"Amount": "x"}))
    list(read_csv(good))
    for line in read_csv(good):
        assert line
        break
    with read_csv(good) as inv:
        next(iter(inv))
    read_csv(good)
    with pytest.raises(InvoiceFormatError):
        list(read_csv(bad))
    bad.write_bytes(good.read_bytes().replace(b",Amount", b",Sum", 1))
    with pytest.raises(InvoiceFormatError):
        summarize(bad, by="sku")
    gc.collect()

    assert [file.path for file in psutil.Process().open_files() if file.path.endswith(".csv")] == []


def test_a_file_of_the_caller_is_left_open() -> None:
    file = io.BytesIO(EXAMPLE)
    list(read_csv(file))

    assert not file.closed


def test_reading_takes_no_more_of_a_stream_than_it_needs() -> None:
    taken = []

    def pieces() -> Iterator[bytes]:
        for number in range(1000):
            taken.append(number)
            yield simple_invoice({}) if not number else b"07/01/2024,06/30/2024" + b"," * 17 + b"\n" + b"\n" * 4000

    next(iter(read_csv(pieces())))
    assert len(taken) < 50


@pytest.mark.parametrize(
    ("source", "error", "says"),
    [
        ("Date,Usage Date\n", ConfigError, "path"),
        (io.StringIO(DATA.decode()), ConfigError, "'rb'"),
        (OnlyAsync(DATA), ConfigError, "aread_csv"),
        (["text"], TypeError, "chunks of bytes, not str; pass several invoices as a list"),
        ("a\0b", ConfigError, r"'a\\x00b' can't be the path"),
        ("a\udc41", ConfigError, r"can't be the path"),
        (_closed(), ConfigError, "the file is closed"),
        (5, TypeError, "not int"),
    ],
)
def test_an_impossible_source_is_named(source: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        read_csv(source)


@pytest.mark.parametrize("text", [DATA.decode(), "Date,Usage Date\n" * 1000, "a\0b"])
def test_text_for_a_path_is_named_however_it_is_read(text: str) -> None:
    for way in (read_csv, lambda source: summarize(source, by="sku"), to_arrow, lambda source: to_arrow([source])):
        with pytest.raises(ConfigError, match="path"):
            way(text)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_csv(tmp_path / "none.csv")


@pytest.mark.parametrize("buffering", [0, -1])
def test_a_non_blocking_file_is_an_error(buffering: int) -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    with os.fdopen(read_end, "rb", buffering) as file, os.fdopen(write_end, "wb", 0) as writer:
        writer.write(DATA)
        with pytest.raises(ConfigError, match="make it blocking"):
            list(read_csv(file))


def test_an_empty_text_file_is_an_error() -> None:
    with pytest.raises(ConfigError, match="open as text"):
        read_csv(io.StringIO(""))  # type: ignore[arg-type] # the test is that it is refused
