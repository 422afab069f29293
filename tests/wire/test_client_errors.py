"""Refusals as typed errors with all that was said, and replies that are odd but fine."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Iterator
from typing import Any

import pytest

import atlas_invoices as ai
from atlas_invoices._http import _rate_limit
from atlas_invoices.sandbox import Sandbox, Settings
from client_twin import Kind, Twin, twin
from raw_server import RawServer, http, replies

ORG, INVOICE = "0" * 24, "1" * 24
BASE = f"/api/atlas/v2/orgs/{ORG}/invoices"
DOCUMENT = {
    "error": 403,
    "errorCode": "NOT_SO",
    "detail": "the\ndetail",
    "reason": "the reason",
    "parameters": [{"name": "value"}],
    "badRequestDetail": {"fields": [{"field": "fromDate", "description": "is no date"}]},
}
CLASSES: dict[int, type[ai.APIStatusError]] = {
    400: ai.BadRequestError,
    401: ai.AuthenticationError,
    403: ai.PermissionDeniedError,
    404: ai.NotFoundError,
    406: ai.NotAcceptableError,
    410: ai.GoneError,
    429: ai.RateLimitError,
    500: ai.ServerError,
    502: ai.ServerError,
    503: ai.ServerError,
    520: ai.ServerError,
    599: ai.ServerError,
}
QUICK = ai.RetryPolicy(max_retries=1, base=0.001)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rate_limit, "_DEFAULT_PAUSE", 0.001)


def raised(kind: Kind, reply: bytes, method: str = "get_invoice", **settings: Any) -> ai.AtlasError:
    """What the reply becomes."""
    with RawServer({f"GET {BASE}/{INVOICE}": replies(reply), f"GET {BASE}/{INVOICE}/csv": replies(reply)}) as server:
        with (
            twin(kind, ai.AccessTokenAuth("t"), base_url=server.url, retry_policy=QUICK) as atlas,
            pytest.raises(ai.AtlasError) as caught,
        ):
            atlas.call(method, ORG, INVOICE, **settings)
        return caught.value


def check(error: ai.AtlasError, status: int, path: str) -> None:
    assert type(error) is CLASSES[status]
    assert isinstance(error, ai.APIStatusError)
    assert (error.status_code, error.error_code, error.detail) == (status, "NOT_SO", "the\ndetail")
    assert (error.reason, error.method, error.path) == ("the reason", "GET", path)
    assert [dict(p.additional_properties) for p in error.parameters] == [{"name": "value"}]
    assert isinstance(error.bad_request_detail, ai.BadRequestDetail)
    fields = error.bad_request_detail.fields
    assert isinstance(fields, list)
    assert [(f.field, f.description) for f in fields] == [("fromDate", "is no date")]
    assert str(error).isprintable()
    assert f"{status}" in str(error)
    assert str(error).endswith(f"(GET {path})")
    assert "NOT_SO: the detail" in str(error)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert str(again) == str(error)


@pytest.mark.parametrize(("kind", "status"), [*[("sync", status) for status in CLASSES], ("async", 403)])
def test_a_refusal_is_a_typed_error_with_all_fields_of_its_body(kind: Kind, status: int) -> None:
    reply = http(status, body=json.dumps(DOCUMENT).encode(), kind="application/json")
    check(raised(kind, reply), status, f"{BASE}/{INVOICE}")


@pytest.mark.parametrize("status", CLASSES)
def test_a_refusal_in_an_envelope_is_the_same_error(status: int) -> None:
    body = json.dumps({"status": status, "content": DOCUMENT}).encode()
    error = raised("sync", http(200, body=body, kind="application/json"), "get_invoice_csv", envelope=True)
    check(error, status, f"{BASE}/{INVOICE}/csv")


@pytest.mark.parametrize("status", CLASSES)
def test_a_refusal_in_any_other_form_is_still_the_typed_error(status: int) -> None:
    bodies = [b"", b"<html>Bad\x1b[2J Gateway</html>", b'{"error"', b"null", b"[]", b'"x"', b"{}", b"\xff"]
    with (
        RawServer({f"GET {BASE}": replies(*(http(status, body=body, kind="text/html") for body in bodies))}) as server,
        twin("sync", ai.AccessTokenAuth("t"), base_url=server.url, max_retries=0) as atlas,
    ):
        for _ in bodies:
            with pytest.raises(ai.APIStatusError) as caught:
                atlas.call("list_invoices", ORG)
            error = caught.value
            assert type(error) is CLASSES[status]
            assert (error.status_code, error.error_code, error.detail, error.parameters) == (status, None, None, [])
            assert str(error).isprintable()
        assert len(server.requests) == len(bodies)


def test_an_error_body_with_nulls_and_odd_types_is_read_as_far_as_it_goes() -> None:
    document = dict.fromkeys(DOCUMENT) | {"errorCode": "X", "detail": 7, "parameters": [1], "new": {"field": []}}
    error = raised("sync", http(400, body=json.dumps(document).encode(), kind="application/json"))
    assert isinstance(error, ai.BadRequestError)
    assert (error.error_code, error.detail, error.bad_request_detail) == ("X", None, None)


def test_a_403_names_the_roles_and_the_access_list() -> None:
    with (
        Sandbox(Settings(months=2, typical_lines=5, role="ORG_MEMBER")) as sandbox,
        twin("sync", ai.DigestAuth(sandbox.public_key, sandbox.private_key), base_url=sandbox.base_url) as atlas,
        pytest.raises(ai.PermissionDeniedError) as caught,
    ):
        atlas.call("list_invoices", sandbox.org_id)
    for role in ("Organization Billing Viewer", "Organization Billing Admin", "Organization Owner", "access list"):
        assert role in str(caught.value)


@pytest.mark.parametrize("auth", ["digest", "service"])
def test_wrong_credentials_raise_after_one_attempt(kind: Kind, auth: str) -> None:
    with Sandbox(Settings(months=2, typical_lines=5)) as sandbox:
        wrong = (
            ai.DigestAuth(sandbox.public_key, "canary")
            if auth == "digest"
            else ai.ServiceAccountAuth(sandbox.client_id, "canary")
        )
        error = ai.AuthenticationError if auth == "digest" else ai.TokenError
        with twin(kind, wrong, base_url=sandbox.base_url) as atlas, pytest.raises(error) as caught:
            atlas.call("list_invoices", sandbox.org_id)
        assert "canary" not in str(caught.value)
        assert len(sandbox.requests) == (2 if auth == "digest" else 1)


@pytest.fixture
def odd(kind: Kind) -> Iterator[tuple[Twin, RawServer]]:
    """A client of a server with odd, but readable replies."""
    odd_invoice = {
        "id": INVOICE,
        "statusName": "A_NEW_STATUS",
        "created": None,
        "lineItems": [{"sku": "A_NEW_SKU", "units": None, "tags": None, "quantity": None}, {}],
        "payments": [{"statusName": "ERROR", "currency": "XTS", "unitPrice": None, "new": [1]}],
        "refunds": None,
        "links": None,
        "aNewField": {"deep": [1, {"er": None}]},
    }
    page = {"links": None, "results": [odd_invoice, {"id": None}], "totalCount": None, "new": 1}
    routes = {
        f"GET {BASE}/{INVOICE}": replies(http(200, body=json.dumps(odd_invoice).encode(), kind="application/json")),
        f"GET {BASE}": replies(http(200, body=json.dumps(page).encode(), kind="application/json")),
        f"GET {BASE}/pending": replies(http(200, body=json.dumps(page).encode(), kind="application/json")),
        "GET /api/atlas/v2/orgs": replies(http(200, body=json.dumps(page).encode(), kind="application/json")),
    }
    with RawServer(routes) as server, twin(kind, ai.AccessTokenAuth("t"), base_url=server.url) as atlas:
        yield atlas, server


def test_values_nobody_has_seen_nulls_and_new_fields_are_read(odd: tuple[Twin, RawServer]) -> None:
    atlas, _ = odd
    invoice = atlas.call("get_invoice", ORG, INVOICE)
    assert (invoice.status_name, invoice.created, invoice.refunds) == ("A_NEW_STATUS", None, None)
    assert invoice.line_items[0].sku == "A_NEW_SKU"
    assert isinstance(invoice.line_items[1], ai.InvoiceLineItem)
    assert invoice.line_items[1].sku is ai.UNSET
    assert (invoice.payments[0].status_name, invoice.payments[0].currency) == ("ERROR", "XTS")
    assert invoice.additional_properties["aNewField"] == {"deep": [1, {"er": None}]}
    assert [i.id for i in atlas.call("list_invoices", ORG)] == [INVOICE, None]
    assert [i.id for i in atlas.call("list_pending_invoices", ORG)] == [INVOICE, None]
    assert [o.id for o in atlas.call("list_organizations")] == [INVOICE, None]


@pytest.mark.parametrize("body", [b"{}", b'{"error": 404, "errorCode": "X"}', b'{"status": 200, "content": {}}'])
def test_an_object_that_is_not_an_invoice_is_unexpected(body: bytes) -> None:
    assert isinstance(raised("sync", http(200, body=body, kind="application/json")), ai.UnexpectedResponseError)


def test_a_byte_order_mark_is_no_trouble_in_any_pieces() -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"id": INVOICE}).encode()
    reply = http(200, body=body, kind="application/json")
    with (
        RawServer({f"GET {BASE}/{INVOICE}": lambda c: c.send(*(bytes([b]) for b in reply), pause=0.001)}) as server,
        twin("sync", ai.AccessTokenAuth("t"), base_url=server.url) as atlas,
    ):
        assert atlas.call("get_invoice", ORG, INVOICE).id == INVOICE


@pytest.mark.parametrize(("status", "wait", "tries"), [(429, "1", 2), (503, "1", 2), (429, "61", 1), (503, "61", 1)])
def test_retry_after_is_obeyed_or_raised_at_once(kind: Kind, status: int, wait: str, tries: int) -> None:
    good = http(200, body=json.dumps({"id": INVOICE}).encode(), kind="application/json")
    bad = http(status, [("Retry-After", wait)])
    with (
        RawServer({f"GET {BASE}/{INVOICE}": replies(bad, good)}) as server,
        twin(kind, ai.AccessTokenAuth("t"), base_url=server.url, retry_policy=QUICK) as atlas,
    ):
        began = time.monotonic()
        if tries == 1:
            with pytest.raises(ai.APIStatusError) as caught:
                atlas.call("get_invoice", ORG, INVOICE)
            assert caught.value.retry_after == 61
            assert time.monotonic() - began < 30
        else:
            assert atlas.call("get_invoice", ORG, INVOICE).id == INVOICE
            assert time.monotonic() - began >= 0.99
        assert len(server.requests) == tries


def test_max_retries() -> None:
    with RawServer({f"GET {BASE}/{INVOICE}": replies(http(502))}) as server:
        for number in (0, 2):
            server.requests.clear()
            policy = ai.RetryPolicy(max_retries=number, base=0.001)
            with (
                twin("sync", ai.AccessTokenAuth("t"), base_url=server.url, retry_policy=policy) as atlas,
                pytest.raises(ai.ServerError),
            ):
                atlas.call("get_invoice", ORG, INVOICE)
            assert len(server.requests) == number + 1
