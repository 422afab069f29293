"""Builds replies: JSON, CSV as a stream, errors, and the envelope around each of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from starlette.responses import Response, StreamingResponse

from ._documents import csv_chunks, invoice_json, invoice_without_lines, line_items
from ._ledger import LINES_AT_ONCE
from ._requests import media_type

if TYPE_CHECKING:
    from starlette.requests import Request

    from ._data import Invoice
    from ._requests import Problem


_PLAIN_JSON = "application/json"


def is_enveloped(request: Request) -> bool:
    """Whether the reply is to be wrapped."""
    return request.query_params.get("envelope", "").lower() == "true"


def json_reply(request: Request, content: dict[str, Any]) -> Response:
    """A success in JSON.

    In an envelope, a list keeps its form and gets a `status` beside `results`; anything else moves under `content`
    (Atlas Admin API document, parameter `envelope`).
    """
    if is_enveloped(request):
        content = {**content, "status": 200} if "results" in content else {"status": 200, "content": content}
    return Response(_dump(request, content), media_type=media_type("json"))


def invoice_reply(request: Request, invoice: Invoice, base_url: str, *, linked: bool, most_lines: int) -> Response:
    """An invoice in JSON, without `lineItems` if there are more than `most_lines`; in chunks when it is large."""
    if not LINES_AT_ONCE < invoice.line_count <= most_lines or is_enveloped(request):
        return json_reply(request, invoice_json(invoice, base_url, linked=linked, most_lines=most_lines))

    def pieces() -> Iterator[bytes]:
        without = invoice_without_lines(invoice, base_url, linked=linked, most_lines=most_lines)
        yield _dump(request, without)[:-1]
        before = b',"lineItems":['
        for block in line_items(invoice):
            yield before + _dump(request, block)[1:-1]
            before = b","
        yield b"]}"

    return StreamingResponse(_politely(pieces()), media_type=media_type("json"))


def csv_reply(request: Request, invoice: Invoice) -> Response:
    """An invoice's CSV: with Content-Length while it is small, in chunks when it is large.

    In an envelope it is text under `content`.
    """
    if is_enveloped(request):
        text = b"".join(csv_chunks(invoice)).decode()
        return Response(_dump(request, {"status": 200, "content": text}), media_type=_PLAIN_JSON)
    kind = f"{media_type('csv')};charset=utf-8"
    if invoice.line_count <= LINES_AT_ONCE:
        return Response(b"".join(csv_chunks(invoice)), headers={"Content-Type": kind})
    return StreamingResponse(_politely(csv_chunks(invoice)), headers={"Content-Type": kind})


def problem_reply(request: Request, problem: Problem) -> Response:
    """An error. In an envelope it is a 200 with the status inside; but a 401 is never in one: it is a challenge."""
    if is_enveloped(request) and problem.status != 401:  # noqa: PLR2004 - a status is its own name
        content = {"status": problem.status, "content": problem.body()}
        return Response(_dump(request, content), media_type=_PLAIN_JSON)
    return Response(
        _dump(request, problem.body()), problem.status, headers={"Content-Type": _PLAIN_JSON, **problem.headers}
    )


async def _politely(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
        await asyncio.sleep(0)  # others get their turn: making a chunk never waits


def _dump(request: Request, content: Any) -> bytes:  # noqa: ANN401 - any JSON
    pretty = request.query_params.get("pretty", "").lower() == "true"
    separators = None if pretty else (",", ":")
    return json.dumps(content, ensure_ascii=False, indent=2 if pretty else None, separators=separators).encode()
