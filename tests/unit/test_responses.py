"""Replies are judged before anything parses them; announced ends are warned of once."""

from __future__ import annotations

import json
import pickle
import warnings
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_invoices import _errors as errors
from atlas_invoices._http import _responses
from atlas_invoices._http._responses import DeprecationWarner, ResponseHead
from atlas_invoices._http._retry import retry_after


def head(status: int = 200, **headers: str) -> ResponseHead:
    return ResponseHead("GET", "/api/atlas/v2/orgs", status, {k.replace("_", "-"): v for k, v in headers.items()})


FULL = {
    "error": 403,
    "errorCode": "NOT_ORG_BILLING_ADMIN",
    "detail": "may not\nread",
    "reason": "Forbidden",
    "parameters": [{"a": 1}],
    "badRequestDetail": {"fields": [{"field": "pageNum", "description": "too small"}]},
}


def test_an_error_has_all_fields_of_the_error_body() -> None:
    error = _responses.error_for(head(403), json.dumps(FULL).encode())
    assert isinstance(error, errors.PermissionDeniedError)
    assert (error.status_code, error.error_code, error.detail) == (403, "NOT_ORG_BILLING_ADMIN", "may not\nread")
    assert (error.reason, error.method, error.path) == ("Forbidden", "GET", "/api/atlas/v2/orgs")
    assert len(error.parameters) == 1
    assert error.bad_request_detail is not None
    for role in ("Organization Billing Viewer", "Organization Billing Admin", "Organization Owner"):
        assert role in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (400, errors.BadRequestError),
        (401, errors.AuthenticationError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (406, errors.NotAcceptableError),
        (409, errors.APIStatusError),
        (410, errors.GoneError),
        (418, errors.APIStatusError),
        (429, errors.RateLimitError),
        (500, errors.ServerError),
        (520, errors.ServerError),
        (599, errors.ServerError),
        (204, errors.UnexpectedResponseError),
        (302, errors.UnexpectedResponseError),
    ],
)
def test_every_status_is_its_typed_error(status: int, cls: type[Exception]) -> None:
    error = _responses.error_for(head(status), b"")
    assert type(error) is cls
    assert str(status) in str(error)


@pytest.mark.parametrize("body", [b"<html>no</html>", b'{"error": 1', b"[]", b"null", b'{"errorCode": 5}', b"\xff"])
@pytest.mark.parametrize("status", [403, 500, 302])
def test_an_unreadable_body_leaves_the_error_of_its_status(status: int, body: bytes) -> None:
    error, plain = _responses.error_for(head(status), body), _responses.error_for(head(status), b"")
    assert (type(error), str(error)) == (type(plain), str(plain))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (
            f"/api/atlas/v2/orgs/{'a' * 24}/invoices/{'b' * 24}/csv",
            f"^invoice {'b' * 24} not found in organization {'a' * 24} ",
        ),
        (f"/api/atlas/v2/orgs/{'a' * 24}/invoices", f"^organization {'a' * 24} not found .*`atlas-invoices orgs`"),
        ("/api/atlas/v2/orgs", r"^404 Not Found \(NOT_FOUND\); check the base URL"),
    ],
)
def test_a_404_names_what_was_not_found(path: str, says: str) -> None:
    with pytest.raises(errors.NotFoundError, match=says):
        raise _responses.error_for(ResponseHead("GET", path, 404, {}), b'{"errorCode": "NOT_FOUND"}')


@pytest.mark.parametrize(
    ("status", "says"),
    [(407, "isn't from Atlas"), (511, "isn't from Atlas"), (429, "wait and try again"), (502, "try again later")],
)
def test_without_atlas_json_the_advice_is_about_what_is_in_between(status: int, says: str) -> None:
    assert says in str(_responses.error_for(head(status), b"<html>"))
    assert "isn't from Atlas" not in str(_responses.error_for(head(status), json.dumps(FULL).encode()))


@pytest.mark.parametrize(
    ("detail", "says"),
    [
        ("IP address 203.0.113.9 is not allowed.", "add 203.0.113.9 to"),
        ("Not allowed: 2001:db8::7.", "add 2001:db8::7 to"),
        ("add 300.1.2.3 or beef", "add this machine's address to"),
        (None, "add this machine's address to"),
    ],
)
def test_a_refused_address_is_named(detail: str | None, says: str) -> None:
    body = {"error": 403, "errorCode": "IP_ADDRESS_NOT_ON_ACCESS_LIST", "detail": detail}
    assert says in str(_responses.error_for(head(403), json.dumps(body).encode()))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.sampled_from(list(FULL)), s),
    )
)
def test_no_error_body_is_a_traceback(body: Any) -> None:
    error = _responses.error_for(head(500), json.dumps(body).encode())
    assert isinstance(error, errors.ServerError)
    assert str(error).isprintable()


def test_errors_survive_pickling() -> None:
    error = _responses.error_for(head(429, retry_after="7"), json.dumps(FULL).encode())
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is errors.RateLimitError
    assert vars(again) == vars(error)
    assert str(again) == str(error)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("٣", None),
        ("9" * 400, 999_999_999_999.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert retry_after({"retry-after": value}, now) == seconds


@pytest.mark.parametrize("sent", ["application/vnd.atlas.2023-01-01+csv", "text/csv; charset=utf-8", "", "text/plain"])
def test_csv_types_are_accepted(sent: str) -> None:
    _responses.check_type(head(content_type=sent), "csv")


@pytest.mark.parametrize(
    "sent", ["text/html", "application/json", "application/vnd.atlas.2023-01-01+json", "image/png"]
)
def test_other_types_are_not_csv(sent: str) -> None:
    with pytest.raises(errors.UnexpectedResponseError, match="expected CSV"):
        _responses.check_type(head(content_type=sent), "csv")


@pytest.mark.parametrize("start", [b"", b" \n", b"<!doctype html>", b'{"error": 404}', b"\xef\xbb\xbf  [1]"])
def test_bytes_that_cannot_begin_a_csv(start: bytes) -> None:
    with pytest.raises(errors.UnexpectedResponseError):
        _responses.check_start(head(), "csv", start)


CSV = b"Invoice Number,1,\nDate,Usage Date,SKU\n"


@pytest.mark.parametrize("body", [json.dumps({"status": 200, "content": CSV.decode()}).encode(), CSV])
def test_an_envelope_is_opened_and_a_missing_one_tolerated(body: bytes) -> None:
    assert _responses.open_envelope(head(), body) == CSV


@pytest.mark.parametrize(
    "body",
    [
        {"status": 404, "content": {"error": 404, "errorCode": "INVOICE_NOT_FOUND"}},
        {"status": 404, "error": 404, "errorCode": "INVOICE_NOT_FOUND"},
    ],
)
def test_an_enveloped_error_is_the_same_typed_error(body: dict[str, Any]) -> None:
    with pytest.raises(errors.NotFoundError) as caught:
        _responses.open_envelope(head(), json.dumps(body).encode())
    assert caught.value.error_code == "INVOICE_NOT_FOUND"
    assert caught.value.status_code == 404


@pytest.mark.parametrize(
    "body",
    [{"status": 200}, {"status": 200, "content": {}}, {"status": "x"}, {"status": 302}, {"status": 200, "content": ""}],
)
def test_an_envelope_without_the_csv_is_unexpected(body: dict[str, Any]) -> None:
    with pytest.raises(errors.UnexpectedResponseError):
        _responses.open_envelope(head(), json.dumps(body).encode())


DEPRECATION = {"deprecation": "Thu, 01 Jan 2026 00:00:00 GMT", "sunset": "Fri, 01 Jan 2027 00:00:00 GMT"}


def test_an_announced_end_is_one_warning_with_its_date() -> None:
    warner = DeprecationWarner()
    with pytest.warns(FutureWarning, match="deprecated since 2026-01-01 and will be removed on 2027-01-01"):
        warner.warn_once("get_invoice_csv", DEPRECATION)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warner.warn_once("get_invoice_csv", DEPRECATION)
        warner.warn_once("get_invoice", {})
    with pytest.warns(FutureWarning, match="get_invoice:"):
        warner.warn_once("get_invoice", DEPRECATION)


@pytest.mark.parametrize(
    ("value", "shown"),
    [("@1767225600", "deprecated and will be removed on 2026-01-01;"), ("soon", "deprecated;"), ("@x", "deprecated;")],
)
def test_dates_in_other_formats(value: str, shown: str) -> None:
    with pytest.warns(FutureWarning, match=shown):
        DeprecationWarner().warn_once("get_invoice", {"sunset": value})
