"""A server that gives every request the response that the test sets, and records the requests."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

from attrs import frozen

from raw_server import RawServer, Received, http


@frozen
class Asked:
    """One request: path, query pairs in order, headers by lower-case name, method and body."""

    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    method: str
    body: bytes

    @classmethod
    def of(cls, request: Received) -> Asked:
        """Split the request's target."""
        url = urlsplit(request.target)
        return cls(url.path, parse_qsl(url.query), request.headers, request.method, request.body)


class Recorder(RawServer):
    """The server; `body` is the body of the next responses."""

    def __init__(self) -> None:
        super().__init__(default=lambda connection: connection.send(self._response))
        self.answer(200, {})

    def answer(self, status: int, body: object, content_type: str = "application/json") -> None:
        """Set the response to all requests from now on; a body that isn't text is sent as JSON."""
        self.body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self._response = http(status, body=self.body, kind=content_type)

    @property
    def asked(self) -> list[Asked]:
        """The requests so far."""
        return [Asked.of(request) for request in self.requests]
