"""HTTP digest as RFC 7616 has it, without I/O: read a challenge, build the header that answers it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator

from attrs import frozen

from atlas_invoices._errors import ConfigError
from atlas_invoices._utils import single_line


def _md5(data: bytes) -> str:
    # Not for security: the protocol names it, and a FIPS build of Python must still allow it here.
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
    """What a server asks a digest to be made of."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    algorithm_sent: bool = False
    """Whether the server named the algorithm, so that the answer names it too."""
    opaque: str | None = None
    qop: bool = True
    """True for qop=auth; false where the server sent none (RFC 2069), and no nonce count either."""
    stale: bool = False

    @property
    def session(self) -> bool:
        """Whether the algorithm is one of the -sess variants."""
        return self.algorithm.lower().endswith("-sess")


def find_challenge(headers: Iterable[bytes]) -> Challenge | None:
    """Return the first digest challenge this client can answer, or None if there is none at all.

    Args:
        headers: the values of all WWW-Authenticate headers; each may hold several challenges.

    Raises:
        ConfigError: there are digest challenges, but each asks for something this client doesn't know.
    """
    refused = ""
    for header in headers:
        # Bytes that aren't UTF-8 survive the way through str, so the digest is made of exactly what was sent.
        for scheme, parameters in split_challenges(header.decode("utf-8", "surrogateescape")):
            if scheme != "digest":
                continue
            challenge = _as_challenge(parameters)
            if isinstance(challenge, Challenge):
                return challenge
            refused = refused or challenge
    if refused:
        raise ConfigError(
            f"the server asks for a digest that Atlas doesn't use ({single_line(refused, 60)}); check the base URL"
        )
    return None


def split_challenges(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (scheme, parameters) for each challenge in a WWW-Authenticate value, names in lower case.

    Where the text breaks the grammar, the challenge it is in is left out.
    """
    scheme, parameters, sound = "", dict[str, str](), False
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
        if sound:
            yield scheme, parameters
        scheme, parameters, sound = name[0].lower(), {}, True
        position = _end(_TOKEN68, text, name.end())
    if sound and position == len(text):
        yield scheme, parameters


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return position if match is None else match.end()


def _as_challenge(parameters: dict[str, str]) -> Challenge | str:
    """Return the challenge, or the thing in it that this client can't do; "" if it is no digest challenge."""
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
        challenge: what the server asked.
        username: the public key.
        password: the private key.
        method: of the request.
        uri: the request target exactly as it is sent: path and query.
        count: how many requests, this one included, have used the nonce; never the same twice.
        cnonce: the client's own nonce; the same for all requests on one server nonce, because a -sess algorithm
            makes its key of the first.
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
