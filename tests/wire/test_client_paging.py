"""Lists are read page by page, no sooner than needed, to their end and no further."""

from __future__ import annotations

import gzip
import itertools
import json
import tracemalloc
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox, Settings
from client_twin import Kind, twin
from raw_server import Connection, RawServer, http

ORG = "0" * 24
ROUTE = f"GET /api/atlas/v2/orgs/{ORG}/invoices"


def page(first: int, number: int, *, more: bool = False) -> dict[str, Any]:
    links = [{"rel": "self", "href": "x"}, *([{"rel": "next", "href": "http://203.0.113.1/evil"}] if more else [])]
    return {"links": links, "results": [{"id": f"{n:024x}"} for n in range(first, first + number)]}


def served(make: Callable[[int], dict[str, Any]]) -> Callable[[Connection], None]:
    """A script that sends the page that the query asks for."""

    def script(connection: Connection) -> None:
        query = parse_qs(urlsplit(connection.request.target).query)
        body = json.dumps(make(int(query["pageNum"][0]))).encode()
        connection.send(http(200, body=body, kind="application/json"))

    return script


def test_all_pages_of_a_long_list(kind: Kind) -> None:
    with (
        Sandbox(Settings(months=501, typical_lines=0, organizations=501)) as sandbox,
        twin(kind, ai.ServiceAccountAuth(sandbox.client_id, sandbox.client_secret), base_url=sandbox.base_url) as atlas,
    ):
        assert [o.id for o in atlas.call("list_organizations")] == [o.id for o in sandbox.organizations]
        pages = [r for r in sandbox.requests if r.path.endswith("/orgs")]
        assert ["pageNum=1" in pages[0].query, "pageNum=2" in pages[1].query, len(pages)] == [True, True, 2]
        assert all("itemsPerPage=500" in p.query for p in pages)
        sandbox.clear_requests()
        assert len(atlas.take("list_invoices", 500, sandbox.org_id)) == 500
        assert len(sandbox.requests) == 1
        assert len({i.id for i in atlas.call("list_invoices", sandbox.org_id)}) == 501


def test_nothing_is_asked_before_the_first_step(kind: Kind) -> None:
    with RawServer() as server, twin(kind, ai.AccessTokenAuth("t"), base_url=server.url) as atlas:
        atlas.client.list_invoices(ORG)
        assert not server.requests


def test_a_short_page_with_a_link_is_followed_by_number_never_by_link() -> None:
    def make(n: int) -> dict[str, Any]:
        return page(n * 10, 3, more=n < 4)

    with (
        RawServer({ROUTE: served(make)}) as server,
        twin("sync", ai.AccessTokenAuth("t"), base_url=server.url) as atlas,
    ):
        assert len(atlas.call("list_invoices", ORG)) == 12
        assert server.count(ROUTE) == 4


def test_a_full_page_without_a_link_is_followed() -> None:
    def make(n: int) -> dict[str, Any]:
        return page(n * 1000, 500 if n == 1 else 2)

    with (
        RawServer({ROUTE: served(make)}) as server,
        twin("sync", ai.AccessTokenAuth("t"), base_url=server.url) as atlas,
    ):
        assert len(atlas.call("list_invoices", ORG)) == 502


def test_an_empty_page_is_the_end_whatever_its_links_say() -> None:
    def make(n: int) -> dict[str, Any]:
        return page(0, 2 if n == 1 else 0, more=True)

    with (
        RawServer({ROUTE: served(make)}) as server,
        twin("sync", ai.AccessTokenAuth("t"), base_url=server.url) as atlas,
    ):
        assert len(atlas.call("list_invoices", ORG)) == 2
        assert server.count(ROUTE) == 2


@pytest.mark.parametrize("cycle", [1, 2, 3])
def test_a_list_that_repeats_itself_comes_to_an_end(cycle: int) -> None:
    def make(n: int) -> dict[str, Any]:
        return page(n % cycle, 1, more=True)

    with (
        RawServer({ROUTE: served(make)}) as server,
        twin("sync", ai.AccessTokenAuth("t"), base_url=server.url) as atlas,
    ):
        with pytest.raises(ai.UnexpectedResponseError, match="the same page"):
            atlas.call("list_invoices", ORG)
        assert server.count(ROUTE) == cycle + 1


def test_a_list_without_end_is_read_as_far_as_it_is_asked_for(kind: Kind) -> None:
    numbers = itertools.count()
    with (
        RawServer({ROUTE: served(lambda _: page(next(numbers), 1, more=True))}) as server,
        twin(kind, ai.AccessTokenAuth("t"), base_url=server.url) as atlas,
    ):
        assert len(atlas.take("list_invoices", 7, ORG)) == 7
        assert server.count(ROUTE) == 7


@pytest.mark.parametrize("part", [b"{}", b"[]"])
def test_a_page_of_millions_of_nothings_costs_little(part: bytes) -> None:
    # In gzip as long as a short letter; as models, gigabytes.
    body = gzip.compress(b'{"results":[' + b",".join([part] * 1_000_000) + b"]}")

    def script(connection: Connection) -> None:
        connection.send(http(200, [("Content-Encoding", "gzip")], body, kind="application/json"))

    with RawServer({ROUTE: script}) as server, twin("sync", ai.AccessTokenAuth("t"), base_url=server.url) as atlas:
        tracemalloc.start()
        try:
            with pytest.raises(ai.UnexpectedResponseError, match="far more parts"):
                atlas.call("list_invoices", ORG)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 20_000_000


def test_a_page_of_tens_of_megabytes_is_refused() -> None:
    body = gzip.compress(json.dumps({"results": [{"id": "x" * 9_000_000}]}).encode())

    def script(connection: Connection) -> None:
        connection.send(http(200, [("Content-Encoding", "gzip")], body, kind="application/json"))

    with (
        RawServer({ROUTE: script}) as server,
        twin("sync", ai.AccessTokenAuth("t"), base_url=server.url) as atlas,
        pytest.raises(ai.UnexpectedResponseError, match="larger than 8,388,608 bytes"),
    ):
        atlas.call("list_invoices", ORG)


@pytest.mark.parametrize("name", ["from_date", "to_date"])
def test_a_day_that_is_text_is_told(name: str) -> None:
    with (
        RawServer() as server,
        twin("sync", ai.AccessTokenAuth("t"), base_url=server.url) as atlas,
        pytest.raises(TypeError, match=f"{name} must be a datetime.date, not str"),
    ):
        atlas.call("list_invoices", ORG, **{name: "2026-07-01"})
