"""Turn httpx's failures into this package's errors, at the one place where requests leave."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from atlas_invoices._errors import APIConnectionError, APITimeoutError, AtlasError, ConfigError, IncompleteDownloadError
from atlas_invoices._utils import single_line


@contextmanager
def while_connecting(where: str) -> Iterator[None]:
    """Around sending a request and reading the head of its reply; `where` is method and path, for the message."""
    try:
        yield
    except httpx.HTTPError as error:
        raise _as_connection_error(error, where) from _without_headers(error)
    except httpx.InvalidURL as error:
        raise ConfigError(f"the URL for {where} can't be used: {single_line(error)}") from None


@contextmanager
def while_reading(where: str) -> Iterator[None]:
    """Around reading the body: what breaks here leaves a reply that isn't whole."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise APITimeoutError(f"{where}: the reply stalled; try again, or raise the timeout") from _without_headers(
            error
        )
    except httpx.HTTPError as error:
        raise IncompleteDownloadError(
            f"{where}: the connection broke before the reply was whole ({_reason(error)}); try again"
        ) from _without_headers(error)


def _as_connection_error(error: httpx.HTTPError, where: str) -> AtlasError:
    reason = _reason(error)
    if isinstance(error, httpx.TimeoutException):
        return APITimeoutError(f"{where}: no answer in time ({reason}); try again, or raise the timeout")
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
        return ConfigError(f"{where} can't be sent: {reason}")
    if isinstance(error, httpx.ProxyError):
        return APIConnectionError(f"{where}: the proxy refused: {reason}; check the proxy settings", transient=False)
    if _is_certificate_failure(error):
        return APIConnectionError(
            f"{where}: the server's certificate isn't trusted ({reason}); where a company proxy signs its own, "
            "name its CA bundle with verify= or SSL_CERT_FILE",
            transient=False,
        )
    if isinstance(error, httpx.RemoteProtocolError):
        return APIConnectionError(
            f"{where}: no proper HTTP answer ({reason}); try again, or check the base URL and any proxy in between"
        )
    return APIConnectionError(f"{where}: no connection ({reason}); check the network, the proxy and the base URL")


def _is_certificate_failure(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def _reason(error: httpx.HTTPError) -> str:
    return single_line(error) or type(error).__name__


def _without_headers(error: httpx.HTTPError) -> httpx.HTTPError:
    """The same failure, without what would carry an Authorization header to whoever logs the chain.

    That is its request, and the frames of httpx and httpcore, which some tools show with their locals.
    """
    forget_frames(error)
    try:
        request = error.request
    except RuntimeError:
        return error
    error.request = httpx.Request(request.method, request.url.copy_with(query=None))
    return error


def forget_frames(error: BaseException) -> None:
    """Take the tracebacks off an error and its chain: httpx's frames hold credentials and pieces of tokens."""
    seen: BaseException | None = error
    while seen is not None:
        seen.__traceback__ = None
        seen = seen.__cause__ or seen.__context__
