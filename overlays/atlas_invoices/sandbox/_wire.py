"""What goes wrong below HTTP: effects that cut, damage, delay or replace a reply on its connection."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

from attrs import define, field, frozen

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


Effect = Callable[["Exchange"], Awaitable[None]]


@frozen
class Exchange:
    """One request, the application that would answer it, and the connection underneath.

    `before_end` is called before the connection ends, so that the log has the request when the client notices.
    """

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    transport: asyncio.Transport
    before_end: Callable[[], None]

    async def collect(self) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Let the application answer into memory: status, headers, body."""
        reply = _Collected()
        await self.app(self.scope, self.receive, reply.send)
        return reply.status, reply.headers, bytes(reply.body)

    async def hang_up(self) -> None:
        """Send what is still on its way, then close."""
        self.before_end()
        self.transport.close()
        await self._gone()

    async def reset(self) -> None:
        """Close at once with a TCP reset: the peer sees an error, not an end."""
        self.before_end()
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
        await self._gone()

    async def _gone(self) -> None:
        # The server complains of an application that leaves a reply unfinished on an open connection.
        while (await self.receive())["type"] != "http.disconnect":
            pass


@define
class _Collected:
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(factory=list)
    body: bytearray = field(factory=bytearray)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", []))
        else:
            self.body += message.get("body", b"")


def partial(after_bytes: int, *, reset: bool) -> Effect:
    """Send headers and `after_bytes` bytes of the body, then close or reset the connection."""

    async def effect(exchange: Exchange) -> None:
        left = after_bytes
        gone = False

        async def send(message: Message) -> None:
            nonlocal left, gone
            if gone:
                return
            if message["type"] != "http.response.body":
                await exchange.send(message)
                return
            data = message.get("body", b"")[:left]
            left -= len(data)
            await exchange.send(_body(data))
            if left <= 0 or not message.get("more_body", False):
                gone = True
                await (exchange.reset() if reset else exchange.hang_up())

        await exchange.app(exchange.scope, exchange.receive, send)

    return effect


def no_reply() -> Effect:
    """Reset the connection in place of an answer."""

    async def effect(exchange: Exchange) -> None:
        await exchange.reset()

    return effect


def raw(data: bytes) -> Effect:
    """Write `data` to the connection in place of an HTTP reply, then close."""

    async def effect(exchange: Exchange) -> None:
        exchange.transport.write(data)
        await exchange.hang_up()

    return effect


def wrong_length(by: int) -> Effect:
    """Declare a Content-Length that is off by `by` bytes, send the whole body, then close."""

    async def effect(exchange: Exchange) -> None:
        status, headers, body = await exchange.collect()
        kept = [pair for pair in headers if pair[0].lower() != b"content-length"]
        kept.append((b"content-length", str(max(0, len(body) + by)).encode()))
        head = b"".join(name + b": " + value + b"\r\n" for name, value in kept)
        await raw(b"HTTP/1.1 %d Made Up\r\n%s\r\n%s" % (status, head, body))(exchange)

    return effect


def damaged_gzip(how: Literal["flip", "truncate"]) -> Effect:
    """Compress the body and damage it: one byte in its middle changed, or the second half left out.

    The HTTP framing is right in both cases, so that only a look at the compressed stream tells.
    """

    async def effect(exchange: Exchange) -> None:
        status, headers, body = await exchange.collect()
        data = bytearray(body if (b"content-encoding", b"gzip") in headers else gzip.compress(body, mtime=0))
        middle = len(data) // 2
        if how == "flip":
            data[middle] ^= 0xFF
        else:
            del data[middle:]
        replaced = {b"content-length": str(len(data)).encode(), b"content-encoding": b"gzip"}
        kept = [pair for pair in headers if pair[0].lower() not in replaced]
        await exchange.send({"type": "http.response.start", "status": status, "headers": [*kept, *replaced.items()]})
        await exchange.send({"type": "http.response.body", "body": bytes(data)})

    return effect


def drip(chunk_bytes: int, seconds: float) -> Effect:
    """Send the body `chunk_bytes` at a time with a pause before each."""

    async def effect(exchange: Exchange) -> None:
        async def send(message: Message) -> None:
            if message["type"] != "http.response.body":
                await exchange.send(message)
                return
            body: bytes = message.get("body", b"")
            for begin in range(0, len(body), chunk_bytes):
                await asyncio.sleep(seconds)
                await exchange.send(_body(body[begin : begin + chunk_bytes]))
            if not message.get("more_body", False):
                await exchange.send({"type": "http.response.body", "body": b""})

        await exchange.app(exchange.scope, exchange.receive, send)

    return effect


def _body(data: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": True}


def delay(seconds: float) -> Effect:
    """Answer as usual, `seconds` later."""

    async def effect(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await exchange.app(exchange.scope, exchange.receive, exchange.send)

    return effect
