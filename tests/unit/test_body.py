"""A body is checked by its beginning, its length, its size and its speed; cut and damaged ones are noticed."""

from __future__ import annotations

import contextlib
import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_invoices._errors import APITimeoutError, IncompleteDownloadError, UnexpectedResponseError
from atlas_invoices._http._body import BodyReader, ErrorBody, LengthCheck, decoder
from atlas_invoices._http._responses import MAX_ERROR_BYTES, ResponseHead

HEAD = ResponseHead("GET", "/csv", 200, {"content-type": "text/csv"})


CSV = b"Invoice Number,1,\n\nDate,Usage Date,SKU,Amount\n"
GZIP = {"content-encoding": "gzip"}


def head(headers: dict[str, str]) -> ResponseHead:
    return ResponseHead("GET", "/csv", 200, headers)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def read(reader: BodyReader, *pieces: bytes) -> bytes:
    out = [out for piece in pieces for out in reader.feed(piece)]
    return b"".join([*out, *reader.finish()])


def test_blank_bytes_before_the_document_are_kept() -> None:
    assert read(BodyReader(HEAD, "csv"), b"\n", b" ", b"\n", CSV) == b"\n \n" + CSV


def test_nothing_is_passed_on_before_it_is_checked() -> None:
    reader = BodyReader(HEAD, "csv")
    assert list(reader.feed(b"  ")) == []
    with pytest.raises(UnexpectedResponseError):
        list(reader.feed(b" <html>"))


def test_a_body_larger_than_allowed_is_refused_at_once() -> None:
    reader = BodyReader(HEAD, "csv", max_bytes=5)
    with pytest.raises(UnexpectedResponseError, match="larger than 5 bytes"):
        read(reader, b"abc", b"def")


def test_a_cut_body_is_incomplete_even_where_nothing_is_left_of_it() -> None:
    reader = BodyReader(ResponseHead("GET", "/csv", 200, {"content-length": "3"}), "csv")
    with pytest.raises(IncompleteDownloadError, match="0 of 3 bytes"):
        read(reader)


def test_a_trickle_is_a_timeout_but_a_slow_reader_is_not() -> None:
    clock = Clock()
    reader = BodyReader(HEAD, "csv", read_timeout=10.0, clock=clock)
    for _ in range(10):
        for _ in reader.feed(b"x" * 100):
            clock.now += 1000.0  # the consumer takes its time
        clock.now += 1.0
    with pytest.raises(APITimeoutError, match=r"too slow: [0-9,]+ bytes in"):
        for _ in range(100):
            list(reader.feed(b"x"))
            clock.now += 1.0


def test_the_body_of_an_error_stays_small_and_ends_in_time() -> None:
    clock = Clock()
    body = ErrorBody(head(GZIP), clock)
    assert not body.add(gzip.compress(b"\0" * 10_000_000))
    assert len(body.content) == MAX_ERROR_BYTES
    body = ErrorBody(head({}), clock)
    assert body.add(b"a")
    clock.now = 60.0
    assert not body.add(b"b")
    assert body.content == b"a"
    assert not ErrorBody(head({"content-encoding": "br"})).add(b"a")
    assert not ErrorBody(head(GZIP)).add(b"no gzip")


def decode(pieces: list[bytes], headers: dict[str, str]) -> bytes:
    under_test = decoder(head(headers))
    out = b"".join(out for piece in pieces for out in under_test.feed(piece))
    under_test.finish()
    return out


@given(st.lists(st.binary(max_size=200), max_size=5), st.integers(1, 50), st.integers(0, 3))
def test_gzip_members_in_any_pieces_decode_to_what_was_put_in(parts: list[bytes], step: int, padding: int) -> None:
    wire = b"".join(gzip.compress(part) for part in parts) + b"\0" * padding
    pieces = [wire[i : i + step] for i in range(0, len(wire), step)]
    if parts:
        assert decode(pieces, GZIP) == b"".join(parts)


@given(st.binary(min_size=1, max_size=300), st.data())
def test_gzip_cut_anywhere_is_noticed(content: bytes, data: st.DataObject) -> None:
    wire = gzip.compress(content)
    cut = data.draw(st.integers(1, len(wire) - 1))
    with pytest.raises(IncompleteDownloadError):
        decode([wire[:cut]], GZIP)


@given(st.binary(min_size=30, max_size=300), st.data())
def test_gzip_with_a_damaged_byte_is_noticed_or_harmless(content: bytes, data: st.DataObject) -> None:
    wire = bytearray(gzip.compress(content))
    place = data.draw(st.integers(10, len(wire) - 1))
    wire[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(IncompleteDownloadError):
        assert decode([bytes(wire)], GZIP) == content


def test_garbage_after_the_end_is_damage() -> None:
    with pytest.raises(IncompleteDownloadError):
        decode([gzip.compress(b"a") + b"garbage"], GZIP)


def test_a_bomb_costs_no_memory() -> None:
    wire = gzip.compress(b"\0" * 50_000_000)
    under_test = decoder(head(GZIP))
    tracemalloc.start()
    try:
        size = sum(len(piece) for piece in under_test.feed(wire))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == 50_000_000
    assert peak < 2_000_000


def test_another_coding_is_refused() -> None:
    with pytest.raises(UnexpectedResponseError, match="br"):
        decoder(head({"content-encoding": "br"}))


@pytest.mark.parametrize(("length", "sent", "good"), [("3", b"abc", True), ("4", b"abc", False), ("2", b"abc", False)])
def test_content_length_is_compared_with_the_bytes_received(length: str, sent: bytes, good: bool) -> None:
    length_check = LengthCheck(head({"content-length": length}))
    length_check.add(sent)
    if good:
        length_check.finish()
    else:
        with pytest.raises(IncompleteDownloadError, match=r"3 of \d bytes"):
            length_check.finish()


@pytest.mark.parametrize("length", ["", "x", "-1", "٣"])
def test_an_invalid_length_is_ignored(length: str) -> None:
    LengthCheck(head({"content-length": length})).finish()
