"""Cut and damaged bodies are noticed at any byte."""

from __future__ import annotations

import contextlib
import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_invoices._errors import IncompleteDownloadError, UnexpectedResponseError
from atlas_invoices._http._body import LengthCheck, decoder

GZIP = {"content-encoding": "gzip"}


def decode(pieces: list[bytes], headers: dict[str, str]) -> bytes:
    under_test = decoder(headers)
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
    under_test = decoder(GZIP)
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
        decoder({"content-encoding": "br"})


@pytest.mark.parametrize(("length", "sent", "good"), [("3", b"abc", True), ("4", b"abc", False), ("2", b"abc", False)])
def test_content_length_is_held_against_what_came(length: str, sent: bytes, good: bool) -> None:
    meter = LengthCheck({"content-length": length})
    meter.add(sent)
    if good:
        meter.finish()
    else:
        with pytest.raises(IncompleteDownloadError, match=r"3 of \d bytes"):
            meter.finish()


@pytest.mark.parametrize("length", ["", "x", "-1", "٣"])
def test_a_length_that_is_none_counts_as_none(length: str) -> None:
    LengthCheck({"content-length": length}).finish()
