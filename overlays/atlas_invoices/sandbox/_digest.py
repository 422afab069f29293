"""The server's side of HTTP digest authentication, read from RFC 7616 by itself so that it can judge a client.

Strict where clients go wrong: a nonce count is accepted once for each nonce, in any order since requests overtake each
other; the `uri` must be the request's own; a nonce is stale after a number of uses.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from ._keys import Keys

REALM = "MMS Public API"
_REMEMBERED_NONCES = 4096
_PARAMETER = re.compile(r'\s*([A-Za-z*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)')
_COUNT = re.compile(r"[0-9a-f]{8}")
_NEEDED = ("username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce")


@frozen
class Verdict:
    """What came of checking one request's Authorization; `violation` names a client's mistake, not a wrong key."""

    accepted: bool
    stale: bool = False
    username: str | None = None
    nonce: str | None = None
    count: str | None = None
    violation: str | None = None


@define
class DigestGuard:
    """Checks digest credentials and hands out challenges. Used from one thread, the server's.

    The next `refuse_next` good requests are refused as stale all the same.
    """

    keys: Keys
    nonce_uses: int | None
    refuse_next: int = 0
    _used: OrderedDict[str, set[str]] = field(init=False, factory=OrderedDict)

    def challenge(self, *, stale: bool) -> str:
        """A `WWW-Authenticate` value with a new nonce."""
        nonce = secrets.token_urlsafe(24) + "=="
        self._used[nonce] = set()
        while len(self._used) > _REMEMBERED_NONCES:
            self._used.popitem(last=False)
        return (
            f'Digest realm="{REALM}", domain="", nonce="{nonce}", algorithm=MD5, qop="auth", '
            f"stale={'true' if stale else 'false'}"
        )

    def check(self, authorization: str, method: str, target: str) -> Verdict:  # noqa: PLR0911 - one for each rule
        """Judge the value of `Authorization` (after the word Digest) for a request of `target`, path and query."""
        given = _parameters(authorization)
        if given is None:
            return Verdict(accepted=False, violation="malformed digest credentials")
        username, nonce, count = given.get("username"), given.get("nonce"), given.get("nc")

        def refuse(violation: str | None = None, *, stale: bool = False) -> Verdict:
            return Verdict(
                accepted=False, stale=stale, username=username, nonce=nonce, count=count, violation=violation
            )

        missing = [name for name in _NEEDED if name not in given]
        if missing:
            return refuse(f"digest credentials without {', '.join(missing)}")
        if given["realm"] != REALM or given["qop"] != "auth" or given.get("algorithm", "MD5").upper() != "MD5":
            return refuse("digest credentials for another challenge")
        if given["uri"] != target:
            return refuse("digest uri is not the request's")
        if not _COUNT.fullmatch(given["nc"]) or int(given["nc"], 16) == 0:
            return refuse("nonce count is not eight hexadecimal digits from 00000001")
        if not self._is_response(given, method):
            return refuse()
        used = self._used.get(given["nonce"])
        if used is None:
            return refuse(stale=True)
        if self.refuse_next > 0:
            self.refuse_next -= 1
            return refuse(stale=True)
        if given["nc"] in used:
            return refuse("nonce count used twice", stale=True)
        if self.nonce_uses is not None and len(used) >= self.nonce_uses:
            return refuse(stale=True)
        used.add(given["nc"])
        return Verdict(accepted=True, username=username, nonce=nonce, count=count)

    def _is_response(self, given: dict[str, str], method: str) -> bool:
        secret = _md5(f"{self.keys.public_key}:{REALM}:{self.keys.private_key}")
        request = _md5(f"{method}:{given['uri']}")
        expected = _md5(f"{secret}:{given['nonce']}:{given['nc']}:{given['cnonce']}:{given['qop']}:{request}")
        is_user = hmac.compare_digest(given["username"].encode(), self.keys.public_key.encode())
        return hmac.compare_digest(given["response"].encode(), expected.encode()) and is_user


def _parameters(text: str) -> dict[str, str] | None:
    """Each parameter by its name in lower case; `None` if the text is no list of parameters, or one is doubled."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if not match or match[1].lower() in found:
            return None
        quoted, token = match[2], match[3]
        found[match[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else token
        position = match.end()
    return found


def _md5(text: str) -> str:
    # RFC 7616 keeps MD5 for old servers, and Atlas is one; nothing here is protected by it.
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
