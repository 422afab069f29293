"""Get a document's bytes from a file or over https: decompressed, and never more than a document may have.

Nothing else in the scripts uses the network.
"""

from __future__ import annotations

import lzma
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from openapi_tools.errors import DocumentError

# Help for the commands' --upstream.
SOURCE_HELP: Final = "YAML or JSON, plain, .gz or .xz; a URL must be https"
MAX_BYTES: Final = 32 * 1024 * 1024
# An .xz file states how much memory its decoder needs; upstream's needs 9 MiB.
_XZ_MEMORY: Final = 128 * 1024 * 1024
_ATTEMPTS: Final = 3
_TIMEOUT: Final = httpx.Timeout(30.0, connect=10.0)
# A server that sends a byte now and then never runs into a read timeout.
_DEADLINE_SECONDS: Final = 180.0
_RETRYABLE: Final = frozenset({408, 429})


def display_name(source: str | Path) -> str:
    """How messages name a source: a URL without its user, password and query."""
    if not _is_url(source):
        return str(source)
    try:
        parts = urlsplit(str(source))
    except ValueError:
        return "the URL"
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def _is_url(source: str | Path) -> bool:
    return isinstance(source, str) and "://" in source


def read_bytes(source: str | Path, *, sleep: Callable[[float], None] = time.sleep) -> bytes:
    """The uncompressed bytes of a file or https URL; gzip and xz are recognized by their first bytes.

    Raises:
        DocumentError: no such file, not https, an error status, no complete response after three attempts, compressed
            data that is damaged or cut off, or too large.
    """
    name = display_name(source)
    if _is_url(source):
        if not str(source).startswith("https://"):
            raise DocumentError(f"{name}: only https URLs are fetched")
        data = _fetch(str(source), name, sleep)
    else:
        try:
            with Path(source).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise DocumentError(f"{name}: can't be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise _too_large(name)
    return _decompress(data, name)


def _decompress(data: bytes, name: str) -> bytes:
    try:
        if data.startswith(b"\x1f\x8b"):
            gzip = zlib.decompressobj(wbits=31)
            plain, complete, rest = gzip.decompress(data, MAX_BYTES + 1), gzip.eof, gzip.unused_data
        elif data.startswith(b"\xfd7zXZ\x00"):
            xz = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
            plain, complete, rest = xz.decompress(data, MAX_BYTES + 1), xz.eof, xz.unused_data
        else:
            return data
    except (zlib.error, lzma.LZMAError) as error:
        raise DocumentError(f"{name}: the compressed file is damaged: {error}") from None
    if len(plain) > MAX_BYTES:
        raise _too_large(name)
    if not complete:
        raise DocumentError(f"{name}: the compressed file is cut off")
    if rest:
        raise DocumentError(f"{name}: extra data after the compressed document")
    return plain


def _too_large(name: str) -> DocumentError:
    return DocumentError(f"{name}: larger than {MAX_BYTES // 1024 // 1024} MiB; upstream's document has 4 MB")


def _fetch(url: str, name: str, sleep: Callable[[float], None]) -> bytes:
    problem = ""
    for number in range(_ATTEMPTS):
        if number:
            sleep(2.0**number)
        try:
            with (
                httpx.Client(timeout=_TIMEOUT, follow_redirects=True, event_hooks={"request": [_https_only]}) as client,
                client.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as response,
            ):
                if response.is_server_error or response.status_code in _RETRYABLE:
                    problem = f"status {response.status_code}"
                    continue
                if not response.is_success:
                    raise DocumentError(f"{name}: the server returned status {response.status_code}")
                return _read_body(response, name)
        except (httpx.InvalidURL, httpx.TooManyRedirects, UnicodeError) as error:
            # UnicodeError: an invalid host name.
            raise DocumentError(f"{name}: {error}") from None
        except httpx.HTTPError as error:
            problem = str(error) or type(error).__name__
    raise DocumentError(f"{name}: no document after {_ATTEMPTS} attempts: {problem}; try again later or give a file")


def _read_body(response: httpx.Response, name: str) -> bytes:
    started = time.monotonic()
    body = bytearray()
    # Raw, because httpx yields nothing while an encoded body decodes to nothing; `_decompress` knows gzip.
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > MAX_BYTES:
            raise _too_large(name)
        if time.monotonic() - started > _DEADLINE_SECONDS:
            raise DocumentError(f"{name}: incomplete after {_DEADLINE_SECONDS:.0f} s; try again later or give a file")
    return bytes(body)


def _https_only(request: httpx.Request) -> None:
    if request.url.scheme != "https":
        raise DocumentError(f"{display_name(str(request.url))}: only https URLs are fetched")
