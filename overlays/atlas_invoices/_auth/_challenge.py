"""HTTP digest (RFC 7616) without I/O: parse a challenge, build the Authorization header."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator

from attrs import frozen

from atlas_invoices._errors import ConfigError
from atlas_invoices._utils import single_line


def _md5(data: bytes) -> str:
    # Not for security: the protocol prescribes it, and a FIPS build of Python refuses MD5 otherwise.
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# Atlas uses MD5 (Atlas documentation); the others are what RFC 7616 adds.
_ALGORITHMS: dict[str, Callable[[bytes], str]] = {
    "md5": _md5,
    "md5-sess": _md5,
    "sha-256": _sha256,
    "sha-256-sess": _sha256,
}

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Possessive quantifiers (*+): one pass, whatever a server sends.
_VALUE = re.compile(r'[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]++))', re.DOTALL)
_TOKEN68 = re.compile(r"[ \t]++[A-Za-z0-9\-._~+/]++=*+(?=[ \t]*+(?:,|$))")
_SEPARATORS = re.compile(r"[\s,]*+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@frozen
class Challenge:
    """A server's digest challenge."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    algorithm_sent: bool = False
    """Whether the server named the algorithm; if so, the answer names it too."""
    opaque: str | None = None
    qop: bool = True
    """True for qop=auth; false if the server sent none (RFC 2069): then there is no nonce count either."""
    stale: bool = False

    @property
    def session(self) -> bool:
        """Whether the algorithm is one of the -sess variants."""
        return self.algorithm.lower().endswith("-sess")


def find_challenge(headers: Iterable[bytes]) -> Challenge | None:
    """Return the first digest challenge this client supports, or None if there is no digest challenge.

    Args:
        headers: the values of all WWW-Authenticate headers; each may hold several challenges.

    Raises:
        ConfigError: there are digest challenges, but none that this client supports.
    """
    unsupported = ""
    for header in headers:
        # Bytes that aren't UTF-8 survive the round trip through str, so the digest covers exactly the bytes sent.
        for scheme, parameters in split_challenges(header.decode("utf-8", "surrogateescape")):
            if scheme != "digest":
                continue
            challenge = _as_challenge(parameters)
            if isinstance(challenge, Challenge):
                return challenge
            unsupported = unsupported or challenge
    if unsupported:
        raise ConfigError(
            f"the server asks for a digest that Atlas doesn't use ({single_line(unsupported, 60)}); check the base URL"
        )
    return None


def split_challenges(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (scheme, parameters) for each challenge in a WWW-Authenticate value, names in lower case.

    A challenge that breaks the grammar is skipped.
    """
    scheme, parameters, valid = "", dict[str, str](), False
    position = 0
    while True:
        position = _end(_SEPARATORS, text, position)
        name = _TOKEN.match(text, position)
        if name is None:
            break
        value = _VALUE.match(text, name.end())
        if value is not None:
            quoted, plain = value.groups()
            parameters.setdefault(name[0].lower(), plain if quoted is None else _ESCAPED.sub(r"\1", quoted))
            position = value.end()
            continue
        if valid:
            yield scheme, parameters
        scheme, parameters, valid = name[0].lower(), {}, True
        position = _end(_TOKEN68, text, name.end())
    if valid and position == len(text):
        yield scheme, parameters


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return position if match is None else match.end()


def _as_challenge(parameters: dict[str, str]) -> Challenge | str:
    """Return the challenge, or the parameter that this client doesn't support; "" if it is invalid."""
    if "nonce" not in parameters or "realm" not in parameters:
        return ""
    if any(_CONTROL.search(value) for value in parameters.values()):
        return ""
    algorithm = parameters.get("algorithm", "MD5")
    if algorithm.lower() not in _ALGORITHMS:
        return f"algorithm={algorithm}"
    qops = {qop.strip().lower() for qop in parameters.get("qop", "").split(",")} - {""}
    if qops and "auth" not in qops:
        return f"qop={parameters['qop']}"
    return Challenge(
        realm=parameters["realm"],
        nonce=parameters["nonce"],
        algorithm=algorithm,
        algorithm_sent="algorithm" in parameters,
        opaque=parameters.get("opaque"),
        qop=bool(qops),
        stale=parameters.get("stale", "").lower() == "true",
    )


def build_authorization(
    challenge: Challenge, *, username: str, password: str, method: str, uri: str, count: int, cnonce: str
) -> bytes:
    """Return the value of the Authorization header that answers a challenge.

    Args:
        challenge: the server's.
        username: the public key.
        password: the private key.
        method: the request's.
        uri: the request target exactly as it is sent: path and query.
        count: the number of requests that have used the nonce, including this one; never the same twice.
        cnonce: the client's own nonce; the same for all requests with one server nonce, because a -sess algorithm
            derives its key from the first.
    """
    digest = _ALGORITHMS[challenge.algorithm.lower()]

    def hashed(*parts: str) -> str:
        return digest(":".join(parts).encode("utf-8", "surrogateescape"))

    key = hashed(username, challenge.realm, password)
    if challenge.session:
        key = hashed(key, challenge.nonce, cnonce)
    target = hashed(method, uri)
    nc = f"{count:08x}"
    fields = {
        "username": _quoted(username),
        "realm": _quoted(challenge.realm),
        "nonce": _quoted(challenge.nonce),
        "uri": _quoted(uri),
    }
    if challenge.qop:
        fields["response"] = _quoted(hashed(key, challenge.nonce, nc, cnonce, "auth", target))
        fields |= {"qop": "auth", "nc": nc}
    else:
        fields["response"] = _quoted(hashed(key, challenge.nonce, target))
    if challenge.qop or challenge.session:
        fields["cnonce"] = _quoted(cnonce)
    if challenge.algorithm_sent:
        fields["algorithm"] = challenge.algorithm
    if challenge.opaque is not None:
        fields["opaque"] = _quoted(challenge.opaque)
    value = ", ".join(f"{name}={field}" for name, field in fields.items())
    return f"Digest {value}".encode("utf-8", "surrogateescape")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
