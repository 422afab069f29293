"""A server on a real socket that answers every request as the test sets, and records the requests."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator


@frozen
class Asked:
    """A request as received: path, query pairs in order, and headers by name in lower case."""

    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]


@define
class Recorder:
    """The next answer, and the requests so far."""

    url: str
    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    asked: list[Asked] = field(factory=list)

    def answer(self, status: int, body: object, content_type: str = "application/json") -> None:
        """Set the answer to all further requests; anything but text is sent as JSON."""
        self.status, self.content_type = status, content_type
        self.body = body.encode() if isinstance(body, str) else json.dumps(body).encode()


@contextmanager
def recorder() -> Iterator[Recorder]:
    """A running server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            kept.asked.append(Asked(url.path, parse_qsl(url.query), headers))
            self.send_response(kept.status)
            self.send_header("Content-Type", kept.content_type)
            self.send_header("Content-Length", str(len(kept.body)))
            self.end_headers()
            self.wfile.write(kept.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept = Recorder(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()
