"""A body is judged by its beginning, its size and its speed."""

from __future__ import annotations

import gzip

import pytest

from atlas_invoices._errors import APITimeoutError, IncompleteDownloadError, UnexpectedResponseError
from atlas_invoices._http._body import BodyReader, ErrorBody
from atlas_invoices._http._responses import MAX_ERROR_BYTES, ResponseHead

HEAD = ResponseHead("GET", "/csv", 200, {"content-type": "text/csv"})


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def read(reader: BodyReader, *pieces: bytes) -> bytes:
    out = [out for piece in pieces for out in reader.feed(piece)]
    return b"".join([*out, *reader.finish()])


def test_blank_bytes_before_the_document_are_kept() -> None:
    assert read(BodyReader(HEAD, "csv"), b"\n", b" ", b"a,b\n") == b"\n a,b\n"


def test_nothing_is_handed_on_before_it_is_judged() -> None:
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
    reader = BodyReader(HEAD, "csv", patience=10.0, clock=clock)
    for _ in range(10):
        for _ in reader.feed(b"x" * 100):
            clock.now += 1000.0  # whoever reads takes their time
        clock.now += 1.0
    with pytest.raises(APITimeoutError, match="bytes came in"):
        for _ in range(100):
            list(reader.feed(b"x"))
            clock.now += 1.0


def test_an_excerpt_of_an_error_stays_small_and_ends_in_time() -> None:
    clock = Clock()
    excerpt = ErrorBody({"content-encoding": "gzip"}, clock)
    assert not excerpt.wants_more(gzip.compress(b"\0" * 10_000_000))
    assert len(excerpt.body) == MAX_ERROR_BYTES
    excerpt = ErrorBody({}, clock)
    assert excerpt.wants_more(b"a")
    clock.now = 60.0
    assert not excerpt.wants_more(b"b")
    assert excerpt.body == b"a"
    assert not ErrorBody({"content-encoding": "br"}).wants_more(b"a")
    assert not ErrorBody({"content-encoding": "gzip"}).wants_more(b"no gzip")
