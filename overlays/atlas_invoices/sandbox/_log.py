"""Keeps what the server was asked, so that a test can say what a client did on the wire."""

from __future__ import annotations

import threading
from typing import Literal

from attrs import define, field, frozen

AuthKind = Literal["none", "basic", "bearer", "digest"]


@frozen
class RequestRecord:
    """One request. Secrets are left out: of credentials there is the public half alone.

    `status` is what was answered, or 0 where the connection was cut before a reply. `username`, `nonce` and
    `nonce_count` (eight hexadecimal digits) are those of digest credentials; for Basic, `username` is the client ID.
    `violation` says what the client did against RFC 7616, a nonce count used twice for one. `fault` is whether a
    planned fault struck it.
    """

    method: str
    path: str
    query: str
    status: int
    auth: AuthKind
    username: str | None
    nonce: str | None
    nonce_count: str | None
    violation: str | None
    accept: str
    user_agent: str
    peer: tuple[str, int]
    fault: bool


@define
class RequestLog:
    """Records in the order their replies began. Safe to use from several threads."""

    _records: list[RequestRecord] = field(init=False, factory=list)
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)

    def add(self, record: RequestRecord) -> None:
        """Keep one more."""
        with self._lock:
            self._records.append(record)

    def all(self) -> tuple[RequestRecord, ...]:
        """All of them so far."""
        with self._lock:
            return tuple(self._records)

    def clear(self) -> None:
        """Start anew."""
        with self._lock:
            self._records.clear()
