"""Build responses: JSON, streamed CSV and errors, each in an envelope if requested."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from http.client import responses as reasons
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ._data import Invoice
from ._documents import csv_pieces, invoice_json, invoice_json_without_lines, line_items
from ._ledger import MAX_LINES_IN_MEMORY

Format = Literal["json", "csv"]

_PLAIN_JSON = "application/json"


def media_type(request: Request, format_: Format) -> str:
    """Return Atlas's media type for a format, in the version of the request's operation."""
    return f"application/vnd.atlas.{request.state.version}+{format_}"


class ApiError(Exception):
    """Raised by a handler to respond with the document's `ApiError`.

    `fields` maps parameters to descriptions of what is wrong. A missing detail is null, as in Atlas since 2026-07.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str | None = None,
        *,
        fields: dict[str, str] | None = None,
        parameters: tuple[str, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {
            "error": status,
            "errorCode": code,
            "detail": detail,
            "reason": reasons.get(status),  # None for a status without a name, as some proxies send
            "badRequestDetail": None,
        }
        if parameters:
            self.body["parameters"] = [{"value": value} for value in parameters]
        if fields:
            self.body["badRequestDetail"] = {
                "fields": [{"field": name, "description": text} for name, text in fields.items()]
            }


def json_response(request: Request, content: dict[str, Any], status: int = 200) -> Response:
    """Make a JSON response.

    In an envelope, a list gets a `status` next to its `results`; anything else moves under `content` (Atlas Admin API
    document, parameter `envelope`).
    """
    if _is_enveloped(request):
        content = {**content, "status": 200} if "results" in content else {"status": 200, "content": content}
    return Response(_dump(request, content), status, media_type=media_type(request, "json"))


def invoice_response(request: Request, invoice: Invoice, base_url: str, *, linked: bool, max_lines: int) -> Response:
    """Make a response with an invoice in JSON: streamed if large, without `lineItems` beyond `max_lines`."""
    if not MAX_LINES_IN_MEMORY < invoice.line_count <= max_lines or _is_enveloped(request):
        return json_response(request, invoice_json(invoice, base_url, linked=linked, max_lines=max_lines))

    def pieces() -> Iterator[bytes]:
        document = invoice_json_without_lines(invoice, base_url, linked=linked, max_lines=max_lines)
        yield _dump(request, document)[:-1]
        separator = b',"lineItems":['
        for block in line_items(invoice):
            yield separator + _dump(request, block)[1:-1]
            separator = b","
        yield b"]}"

    return StreamingResponse(cooperative(pieces()), media_type=media_type(request, "json"))


def csv_response(request: Request, invoice: Invoice) -> Response:
    """Make a response with an invoice's CSV, streamed if it is large; in an envelope it is text under `content`."""
    if _is_enveloped(request):
        text = b"".join(csv_pieces(invoice)).decode()
        return Response(_dump(request, {"status": 200, "content": text}), media_type=_PLAIN_JSON)
    headers = {"Content-Type": f"{media_type(request, 'csv')};charset=utf-8"}
    if invoice.line_count <= MAX_LINES_IN_MEMORY:
        return Response(b"".join(csv_pieces(invoice)), headers=headers)
    return StreamingResponse(cooperative(csv_pieces(invoice)), headers=headers)


def error_response(request: Request, error: ApiError) -> Response:
    """Make an error response. An envelope has status 200 and the error inside, except for a 401, a challenge."""
    if _is_enveloped(request) and error.status != 401:  # noqa: PLR2004 - a well-known status
        content = {"status": error.status, "content": error.body}
        return Response(_dump(request, content), media_type=_PLAIN_JSON)
    headers = {"Content-Type": _PLAIN_JSON, **error.headers}
    return Response(_dump(request, error.body), error.status, headers=headers)


def _is_enveloped(request: Request) -> bool:
    return request.query_params.get("envelope", "").lower() == "true"


async def cooperative(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, with room for other tasks between them."""
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)  # producing a piece never waits, so let other tasks run


def _dump(request: Request, content: Any) -> bytes:  # noqa: ANN401 - any JSON
    pretty = request.query_params.get("pretty", "").lower() == "true"
    separators = None if pretty else (",", ":")
    return json.dumps(content, ensure_ascii=False, indent=2 if pretty else None, separators=separators).encode()
