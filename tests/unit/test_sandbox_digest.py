"""The sandbox's digest checker against values computed by hand from RFC 7616, and against clients that get it wrong."""

from __future__ import annotations

import ast
import hashlib
import re
from random import Random
from typing import TYPE_CHECKING

import pytest

from atlas_invoices.sandbox._auth import DigestGuard, Keys, Verdict

if TYPE_CHECKING:
    from pathlib import Path

KEYS = Keys.draw(Random(1))  # noqa: S311 - made-up keys
TARGET = "/api/atlas/v2/orgs?pageNum=1"


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def nonce_of(challenge: str) -> str:
    match = re.search(r'nonce="([^"]+)"', challenge)
    assert match
    return match[1]


def answer(
    nonce: str, count: str = "00000001", *, key: str = KEYS.private_key, uri: str = TARGET, user: str = KEYS.public_key
) -> str:
    secret = md5(f"{user}:MMS Public API:{key}")
    response = md5(f"{secret}:{nonce}:{count}:abc:auth:{md5(f'GET:{uri}')}")
    return (
        f'username="{user}", realm="MMS Public API", nonce="{nonce}", uri="{uri}", response="{response}", '
        f'algorithm=MD5, cnonce="abc", qop=auth, nc={count}'
    )


@pytest.fixture
def guard() -> DigestGuard:
    return DigestGuard(KEYS, nonce_uses=3)


def test_challenge_is_that_of_atlas(guard: DigestGuard) -> None:
    assert re.fullmatch(
        r'Digest realm="MMS Public API", domain="", nonce="[^"]+", algorithm=MD5, qop="auth", stale=false',
        guard.challenge(stale=False),
    )
    assert "stale=true" in guard.challenge(stale=True)


def test_counts_may_come_out_of_order_but_once(guard: DigestGuard) -> None:
    nonce = nonce_of(guard.challenge(stale=False))
    assert guard.check(answer(nonce, "00000002"), "GET", TARGET).accepted
    assert guard.check(answer(nonce, "00000001"), "GET", TARGET).accepted
    again = guard.check(answer(nonce, "00000002"), "GET", TARGET)
    assert again == Verdict(
        accepted=False,
        stale=True,
        username=KEYS.public_key,
        nonce=nonce,
        count="00000002",
        violation="nonce count used twice",
    )


def test_a_nonce_ages(guard: DigestGuard) -> None:
    nonce = nonce_of(guard.challenge(stale=False))
    verdicts = [guard.check(answer(nonce, f"{count:08x}"), "GET", TARGET) for count in range(1, 6)]
    assert [each.accepted for each in verdicts] == [True, True, True, False, False]
    assert [each.stale for each in verdicts[3:]] == [True, True]
    assert [each.violation for each in verdicts] == [None] * 5


def test_an_unknown_nonce_is_stale_only_for_the_right_key(guard: DigestGuard) -> None:
    right, wrong = (guard.check(answer("made-up", key=key), "GET", TARGET) for key in (KEYS.private_key, "wrong"))
    assert (right.accepted, right.stale) == (False, True)
    assert (wrong.accepted, wrong.stale) == (False, False)


def test_good_requests_are_refused_as_stale_on_demand(guard: DigestGuard) -> None:
    guard.refuse_next = 2
    verdicts = [guard.check(answer(nonce_of(guard.challenge(stale=True))), "GET", TARGET) for _ in range(3)]
    assert [(each.accepted, each.stale) for each in verdicts] == [(False, True), (False, True), (True, False)]


@pytest.mark.parametrize(
    ("old", "new", "violation"),
    [
        ("qop=auth, ", "", "digest credentials without qop"),
        ('cnonce="abc", ', "", "digest credentials without cnonce"),
        ('realm="MMS Public API"', 'realm="Other"', "digest credentials for another challenge"),
        ("algorithm=MD5", "algorithm=SHA-256", "digest credentials for another challenge"),
        ("nc=00000001", "nc=1", "nonce count is not eight hexadecimal digits from 00000001"),
        ("nc=00000001", "nc=00000000", "nonce count is not eight hexadecimal digits from 00000001"),
        ("?pageNum=1", "", "digest uri is not the request's"),
        ("qop=auth", "qop=auth, qop=auth", "malformed digest credentials"),
        ("username=", "username", "malformed digest credentials"),
        ('response="', 'response="0', None),
        (f'username="{KEYS.public_key}"', 'username="someone"', None),
    ],
)
def test_what_a_client_gets_wrong_is_named(guard: DigestGuard, old: str, new: str, violation: str | None) -> None:
    credentials = answer(nonce_of(guard.challenge(stale=False)))
    assert old in credentials
    verdict = guard.check(credentials.replace(old, new), "GET", TARGET)
    assert (verdict.accepted, verdict.stale, verdict.violation) == (False, False, violation)


def test_another_method_is_another_response(guard: DigestGuard) -> None:
    assert not guard.check(answer(nonce_of(guard.challenge(stale=False))), "POST", TARGET).accepted


def test_old_nonces_are_forgotten(guard: DigestGuard) -> None:
    first = nonce_of(guard.challenge(stale=False))
    for _ in range(5000):
        guard.challenge(stale=False)
    assert guard.check(answer(first), "GET", TARGET).stale


def test_the_server_shares_nothing_with_the_client(root: Path) -> None:
    imported: set[str] = set()
    for source in (root / "overlays" / "atlas_invoices" / "sandbox").glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level < 2
                imported.add(str(node.module) if node.level == 0 else "")
    assert {name for name in imported if name.startswith(("atlas_invoices", "httpx"))} == {"atlas_invoices._errors"}
