"""Digest without I/O: published examples, and valid and invalid challenges."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_invoices import ConfigError
from atlas_invoices._auth._challenge import Challenge, build_authorization, find_challenge, split_challenges

RFC7616: dict[str, Any] = {
    "realm": "http-auth@example.org",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
}


def answer(challenge: Challenge, *, password: str, cnonce: str, count: int = 1) -> dict[str, str]:
    value = build_authorization(
        challenge,
        username="Mufasa",
        password=password,
        method="GET",
        uri="/dir/index.html",
        count=count,
        cnonce=cnonce,
    )
    ((scheme, parameters),) = split_challenges(value.decode())
    assert scheme == "digest"
    return parameters


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    challenge = Challenge(**RFC7616, algorithm=algorithm, algorithm_sent=True)
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    assert answer(challenge, password="Circle of Life", cnonce=cnonce) == {
        **RFC7616,
        "username": "Mufasa",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nc": "00000001",
        "cnonce": cnonce,
        "qop": "auth",
        "response": response,
    }


def test_the_example_of_rfc_2617() -> None:
    challenge = Challenge(realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093")
    sent = answer(challenge, password="Circle Of Life", cnonce="0a4f113b")
    assert sent["response"] == "6629fae49393a05397450978507c4ef1"
    assert "algorithm" not in sent
    assert "opaque" not in sent


def test_without_qop_the_example_of_rfc_2069() -> None:
    challenge = Challenge(realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", qop=False)
    sent = answer(challenge, password="CircleOfLife", cnonce="0a4f113b")
    assert sent["response"] == "1949323746fe6a43ef61f9606e7febea"
    assert sent.keys().isdisjoint({"qop", "nc", "cnonce"})


def test_a_session_key_is_derived_from_the_nonces() -> None:
    challenge = Challenge(**RFC7616, algorithm="MD5-sess", algorithm_sent=True)
    first = answer(challenge, password="Circle of Life", cnonce="c")
    # md5(md5("Mufasa:http-auth@example.org:Circle of Life"):nonce:c) is the key; computed with md5sum.
    assert first["response"] == "8968d58584637f57b263c17e9504fd5d"


ATLAS = b'Digest realm="MMS Public API", domain="", nonce="abc=", algorithm=MD5, qop="auth", stale=false'


@pytest.mark.parametrize(
    "headers",
    [
        [ATLAS],
        [b'Bearer realm="x, Digest realm=\\"y\\"", error="z"', ATLAS],
        [b'Bearer realm="x", ' + ATLAS],
        [b"Negotiate, " + ATLAS],
        [b"Negotiate dGVzdA==, " + ATLAS],
        [b"Negotiate", b"", b",,", ATLAS],
        [b'Digest realm="r", nonce="n", algorithm=SHA-512-256, qop="auth"', ATLAS],
        [b'Digest realm="r", nonce="n", qop="auth-int", ' + ATLAS],
        [b"DIGEST QOP=auth,REALM='unquoted'", ATLAS],
        [ATLAS.replace(b", ", b" ,\t").replace(b"realm=", b"REALM = ")],
        [ATLAS.replace(b'"auth"', b'"auth-int, AUTH"').replace(b"stale=false", b"stale=no, future=1")],
        [ATLAS.replace(b"MD5", b'"MD5"')],
        [ATLAS + b", Basic"],
        [ATLAS + b', Basic realm="x", charset="UTF-8"'],
    ],
)
def test_the_digest_challenge_is_found(headers: list[bytes]) -> None:
    assert find_challenge(headers) == Challenge("MMS Public API", "abc=", algorithm_sent=True)


def test_quotes_and_bytes_go_back_as_they_came() -> None:
    challenge = find_challenge(
        [b'digest realm="a \\"b\\" \\\\, c \xe9\xc3\xa9", nonce="n", qop=auth, stale=TRUE, opaque=""']
    )
    assert challenge is not None
    assert challenge.realm.encode("utf-8", "surrogateescape") == b'a "b" \\, c \xe9\xc3\xa9'
    assert challenge.stale
    value = build_authorization(challenge, username='u"', password="p", method="GET", uri="/", count=255, cnonce="c")
    assert value.startswith(b'Digest username="u\\"", realm="a \\"b\\" \\\\, c \xe9\xc3\xa9", nonce="n", uri="/"')
    assert b", nc=000000ff," in value
    assert value.endswith(b', opaque=""')


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Basic",
        b"Digest",
        b'Digest realm="r"',
        b'Digest nonce="n"',
        b'Digest realm="r, nonce="n"',
        b'Digest realm="r", nonce="n',
        b'Digest realm="r", nonce="a\x01b"',
        b'Basic realm="Digest realm=\\"r\\", nonce=\\"n\\""',
        b'realm="r", nonce="n", qop="auth"',
    ],
)
def test_anything_else_is_not_a_digest_challenge(header: bytes) -> None:
    assert find_challenge([header]) is None


@pytest.mark.parametrize("part", [b'qop="auth-int"', b'algorithm="SHA-512-256"', b"algorithm=\x1bNOPE" + b"x" * 500])
def test_an_unsupported_digest_is_an_error(part: bytes) -> None:
    header = b'Digest realm="r", nonce="n", ' + part.replace(b"\x1b", b"")
    with pytest.raises(ConfigError, match="a digest that Atlas doesn't use") as caught:
        find_challenge([header])
    assert len(str(caught.value)) < 200


@settings(deadline=None)  # The machine may be busy.
@given(st.lists(st.binary() | st.text('"\\=, \tDigest=realm"nonce"qop"auth').map(str.encode), max_size=3))
def test_no_header_breaks_the_parser(headers: list[bytes]) -> None:
    try:
        challenge = find_challenge(headers)
    except ConfigError:
        return
    if challenge is not None:
        build_authorization(challenge, username="u", password="p", method="GET", uri="/", count=1, cnonce="c")


@settings(deadline=None)  # The machine may be busy.
@given(st.text(max_size=20), st.text(max_size=20))
def test_every_quoted_value_survives(realm: str, nonce: str) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    parsed = list(split_challenges(f"Basic, Digest realm={quoted(realm)},nonce={quoted(nonce)}, Bearer"))
    assert parsed == [("basic", {}), ("digest", {"realm": realm, "nonce": nonce}), ("bearer", {})]


@pytest.mark.parametrize("piece", ['a="', 'a="\\', "a=", " a", "a ", "=", '"', "\\", " \t", "a=\t"])
def test_a_long_hostile_header_takes_no_time(piece: str) -> None:
    header = ("Digest " + piece * (100_000 // len(piece))).encode()
    assert find_challenge([header]) is None  # Quadratic work would take minutes.
