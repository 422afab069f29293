"""The sandbox's authentication and limits, called by plain httpx."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from atlas_invoices.sandbox import RateLimit, Sandbox, Settings
from sandbox_http import CSV, JSON, ORGS, basic, digest_client, invoice_path, request_token

SMALL: dict[str, Any] = {"typical_lines": 5, "months": 3}


def bearer(token: str) -> dict[str, str]:
    return {**JSON, "Authorization": f"Bearer {token}"}


def test_a_request_without_credentials_gets_a_challenge() -> None:
    with Sandbox(Settings(**SMALL)) as sandbox:
        reply = httpx.get(sandbox.base_url + ORGS, headers=JSON)
        assert reply.status_code == 401
        assert reply.headers["WWW-Authenticate"].startswith('Digest realm="MMS Public API", domain="", nonce="')
        assert reply.headers["Content-Type"] == "application/json"
        assert reply.json()["error"] == 401
        # Inside an envelope, a challenge wouldn't work.
        assert httpx.get(sandbox.base_url + ORGS, params={"envelope": "true"}, headers=JSON).status_code == 401


def test_a_wrong_key_is_not_stale() -> None:
    with Sandbox(Settings(**SMALL)) as sandbox:
        auth = httpx.DigestAuth(sandbox.public_key, "wrong")
        reply = httpx.get(sandbox.base_url + ORGS, auth=auth, headers=JSON)
        assert reply.status_code == 401
        assert "stale=false" in reply.headers["WWW-Authenticate"]


def test_a_nonce_is_reused_until_it_is_stale() -> None:
    with Sandbox(Settings(nonce_uses=5, **SMALL)) as sandbox, digest_client(sandbox) as client:
        assert [client.get(ORGS).status_code for _ in range(12)] == [200] * 12
        statuses = [record.status for record in sandbox.requests]
        assert statuses == [401, *[200] * 5, 401, *[200] * 5, 401, 200, 200]
        good = [(record.nonce, record.nonce_count) for record in sandbox.requests if record.status == 200]
        assert len(set(good)) == 12
        assert {record.username for record in sandbox.requests[1:]} == {sandbox.public_key}
        assert {record.violation for record in sandbox.requests} == {None}
        sandbox.age_nonces()
        sandbox.clear_requests()
        assert client.get(ORGS).status_code == 200
        assert [record.status for record in sandbox.requests] == [401, 200]


def test_a_nonce_count_used_twice_is_recorded() -> None:
    with Sandbox(Settings(**SMALL)) as sandbox, digest_client(sandbox) as client:
        credentials = client.get(ORGS).request.headers["Authorization"]
        reply = httpx.get(sandbox.base_url + ORGS, headers={**JSON, "Authorization": credentials})
        assert reply.status_code == 401
        assert "stale=true" in reply.headers["WWW-Authenticate"]
        assert sandbox.requests[-1].violation == "nonce count used twice"


def test_a_token_is_valid_until_it_is_revoked() -> None:
    with Sandbox(Settings(**SMALL)) as sandbox:
        granted = request_token(sandbox)
        assert granted.status_code == 200
        assert granted.json().keys() == {"access_token", "expires_in", "token_type"}
        assert (granted.json()["expires_in"], granted.json()["token_type"]) == (3600, "Bearer")
        token = granted.json()["access_token"]
        assert httpx.get(sandbox.base_url + ORGS, headers=bearer(token)).status_code == 200
        assert httpx.get(sandbox.base_url + invoice_path(sandbox, 1, csv=True), headers=bearer(token) | CSV).is_success
        for wanted in (401, 200):  # first with a wrong secret
            revoked = httpx.post(
                f"{sandbox.base_url}/api/oauth/revoke",
                data={"token": token, "token_type_hint": "access_token"},
                headers=basic(sandbox.client_id, sandbox.client_secret if wanted == 200 else "wrong"),
            )
            assert revoked.status_code == wanted
        reply = httpx.get(sandbox.base_url + ORGS, headers=bearer(token))
        assert reply.status_code == 401
        assert reply.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert sandbox.requests[0].username == sandbox.client_id


def test_tokens_expire() -> None:
    with Sandbox(Settings(token_seconds=30.5, **SMALL)) as sandbox:
        issued = request_token(sandbox).json()
        token = issued["access_token"]
        assert issued["expires_in"] == 30
        assert httpx.get(sandbox.base_url + ORGS, headers=bearer(token)).status_code == 200
        sandbox._tokens.clock = lambda: time.monotonic() + 30.5
        assert httpx.get(sandbox.base_url + ORGS, headers=bearer(token)).status_code == 401
        other = request_token(sandbox).json()["access_token"]
        sandbox.expire_tokens()
        assert httpx.get(sandbox.base_url + ORGS, headers=bearer(other)).status_code == 401


def test_the_token_endpoint_sends_oauth_errors() -> None:
    with Sandbox(Settings(**SMALL)) as sandbox:
        url = f"{sandbox.base_url}/api/oauth/token"
        right = basic(sandbox.client_id, sandbox.client_secret)
        form = {"grant_type": "client_credentials"}
        replies = [
            request_token(sandbox, client_secret="wrong"),
            httpx.post(url, data=form),
            httpx.post(url, data=form, headers={"Authorization": "Basic %%%"}),
            # Not form-urlencoded, so the secret's "+" is read as a space.
            httpx.post(url, data=form, auth=httpx.BasicAuth(sandbox.client_id, sandbox.client_secret)),
            httpx.post(url, data={"grant_type": "password"}, headers=right),
            httpx.post(url, json=form, headers=right),
        ]
        assert [(reply.status_code, reply.json()["error"]) for reply in replies] == [
            *[(401, "invalid_client")] * 4,
            (400, "unsupported_grant_type"),
            (400, "invalid_request"),
        ]
        assert all(reply.json()["error_description"] for reply in replies)
        assert httpx.post(f"{sandbox.base_url}/api/oauth/revoke", data={}, headers=right).status_code == 400


def test_active_tokens_are_limited() -> None:
    with Sandbox(Settings(token_limit=3, **SMALL)) as sandbox:
        replies = [request_token(sandbox) for _ in range(4)]
        assert [reply.status_code for reply in replies] == [200, 200, 200, 403]
        assert replies[-1].json() == {"error": "access_denied", "error_description": "Access Token limit reached"}


def test_the_token_endpoint_has_its_own_rate_limit() -> None:
    with Sandbox(Settings(token_requests_per_minute=2, **SMALL)) as sandbox:
        replies = [request_token(sandbox) for _ in range(3)]
        assert [reply.status_code for reply in replies] == [200, 200, 429]
        assert 50 <= int(replies[-1].headers["Retry-After"]) <= 61


def test_an_address_outside_the_access_list_is_forbidden() -> None:
    with Sandbox(Settings(access_list_refuses=True, **SMALL)) as sandbox:
        granted = request_token(sandbox)
        assert granted.status_code == 200
        reply = httpx.get(sandbox.base_url + ORGS, headers=bearer(granted.json()["access_token"]))
        assert (reply.status_code, reply.json()["errorCode"]) == (403, "IP_ADDRESS_NOT_ON_ACCESS_LIST")


def test_each_organization_has_a_rate_limit() -> None:
    settings = Settings(rate_limit=RateLimit(capacity=3, refill=20), organizations=2, **SMALL)
    with Sandbox(settings) as sandbox, digest_client(sandbox) as client:
        one, other = (f"{ORGS}/{each.id}/invoices" for each in sandbox.organizations)
        replies = [client.get(one) for _ in range(3)]
        assert [reply.headers["RateLimit-Limit"] for reply in replies] == ["3"] * 3
        assert next(reply.headers["RateLimit-Remaining"] for reply in replies) == "2"
        with ThreadPoolExecutor(16) as pool:
            burst = list(pool.map(lambda _: client.get(one), range(40)))
        refused = [reply for reply in burst if reply.status_code == 429]
        assert refused
        assert {reply.json()["errorCode"] for reply in refused} == {"RATE_LIMITED_TOKEN_BUCKET"}
        assert {reply.json()["detail"] for reply in refused} == {None}
        assert {reply.headers["Retry-After"] for reply in refused} == {"1"}
        assert client.get(other).status_code == 200
        time.sleep(0.2)
        assert client.get(one).status_code == 200


@pytest.mark.parametrize("limit", [RateLimit(capacity=5, refill=0.5), None])
def test_rate_limit_headers_need_a_limit(limit: RateLimit | None) -> None:
    with Sandbox(Settings(rate_limit=limit, **SMALL)) as sandbox, digest_client(sandbox) as client:
        assert ("RateLimit-Remaining" in client.get(ORGS).headers) == (limit is not None)
