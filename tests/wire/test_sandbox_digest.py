"""The sandbox's digest authentication: responses computed here from RFC 7616, and mistakes of clients."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import httpx
import pytest

from atlas_invoices.sandbox import RequestRecord, Sandbox, Settings
from sandbox_http import JSON, ORGS

TARGET = f"{ORGS}?pageNum=1"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Settings(months=1, typical_lines=1, nonce_uses=3)) as running:
        yield running


@pytest.fixture(scope="module")
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.base_url, headers=JSON) as opened:
        yield opened


@pytest.fixture
def nonce(client: httpx.Client) -> str:
    """A new nonce."""
    return nonce_of(client.get(TARGET))


def nonce_of(response: httpx.Response) -> str:
    match = re.search(r'nonce="([^"]+)"', response.headers["WWW-Authenticate"])
    assert match
    return match[1]


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def credentials(sandbox: Sandbox, nonce: str, count: str = "00000001", *, key: str | None = None) -> str:
    secret = md5(f"{sandbox.public_key}:MMS Public API:{key or sandbox.private_key}")
    response = md5(f"{secret}:{nonce}:{count}:abc:auth:{md5(f'GET:{TARGET}')}")
    return (
        f'Digest username="{sandbox.public_key}", realm="MMS Public API", nonce="{nonce}", uri="{TARGET}", '
        f'response="{response}", algorithm=MD5, cnonce="abc", qop=auth, nc={count}'
    )


class Try:
    """One request with the given credentials: its status, the next challenge, and the sandbox's record."""

    def __init__(self, sandbox: Sandbox, client: httpx.Client, authorization: str, method: str = "GET") -> None:
        self.response = client.request(method, TARGET, headers={"Authorization": authorization})
        self.record: RequestRecord = sandbox.requests[-1]

    @property
    def outcome(self) -> tuple[int, bool, str | None]:
        """Status, staleness, and the client's violation of the RFC."""
        stale = "stale=true" in self.response.headers.get("WWW-Authenticate", "")
        return self.response.status_code, stale, self.record.violation


def test_the_challenge_has_the_form_of_atlas(client: httpx.Client) -> None:
    assert re.fullmatch(
        r'Digest realm="MMS Public API", domain="", nonce="[^"]+", algorithm=MD5, qop="auth", stale=false',
        client.get(TARGET).headers["WWW-Authenticate"],
    )


def test_counts_may_arrive_out_of_order_but_only_once(sandbox: Sandbox, client: httpx.Client, nonce: str) -> None:
    for count in ("00000002", "00000001"):
        assert Try(sandbox, client, credentials(sandbox, nonce, count)).outcome == (200, False, None)
    again = Try(sandbox, client, credentials(sandbox, nonce, "00000002"))
    assert again.outcome == (401, True, "nonce count used twice")
    record = again.record
    assert (record.username, record.nonce, record.nonce_count) == (sandbox.public_key, nonce, "00000002")


def test_a_nonce_ages(sandbox: Sandbox, client: httpx.Client, nonce: str) -> None:
    outcomes = [Try(sandbox, client, credentials(sandbox, nonce, f"{n:08x}")).outcome for n in range(1, 6)]
    assert outcomes == [(200, False, None)] * 3 + [(401, True, None)] * 2


def test_an_unknown_nonce_is_stale_only_with_the_right_key(sandbox: Sandbox, client: httpx.Client) -> None:
    assert Try(sandbox, client, credentials(sandbox, "made-up")).outcome == (401, True, None)
    assert Try(sandbox, client, credentials(sandbox, "made-up", key="wrong")).outcome == (401, False, None)


def test_correct_requests_are_refused_as_stale_on_demand(sandbox: Sandbox, client: httpx.Client, nonce: str) -> None:
    sandbox.age_nonces(2)
    for _ in range(2):
        refused = Try(sandbox, client, credentials(sandbox, nonce))
        assert refused.outcome == (401, True, None)
        nonce = nonce_of(refused.response)
    assert Try(sandbox, client, credentials(sandbox, nonce)).outcome == (200, False, None)


@pytest.mark.parametrize(
    ("pattern", "new", "violation"),
    [
        ("qop=auth, ", "", "digest credentials without qop"),
        ('cnonce="abc", ', "", "digest credentials without cnonce"),
        ('realm="MMS Public API"', 'realm="Other"', "digest credentials for another challenge"),
        ("algorithm=MD5", "algorithm=SHA-256", "digest credentials for another challenge"),
        ("nc=00000001", "nc=1", "nonce count is not eight hexadecimal digits from 00000001"),
        ("nc=00000001", "nc=00000000", "nonce count is not eight hexadecimal digits from 00000001"),
        (r"\?pageNum=1", "", "digest uri is not the request's"),
        ("qop=auth", "qop=auth, qop=auth", "malformed digest credentials"),
        ("username=", "username", "malformed digest credentials"),
        ('response="', 'response="0', None),
        ('username="[^"]+"', 'username="someone"', None),
    ],
)
def test_a_clients_mistakes_are_named(
    sandbox: Sandbox, client: httpx.Client, nonce: str, pattern: str, new: str, violation: str | None
) -> None:
    authorization, changes = re.subn(pattern, new, credentials(sandbox, nonce))
    assert changes == 1
    assert Try(sandbox, client, authorization).outcome == (401, False, violation)


def test_another_method_needs_another_response(sandbox: Sandbox, client: httpx.Client, nonce: str) -> None:
    assert Try(sandbox, client, credentials(sandbox, nonce), "POST").outcome == (401, False, None)


def test_old_nonces_are_forgotten(sandbox: Sandbox, client: httpx.Client, nonce: str) -> None:
    for _ in range(5000):
        sandbox._digest.challenge(stale=False)
    assert Try(sandbox, client, credentials(sandbox, nonce)).outcome == (401, True, None)
