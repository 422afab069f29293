"""Every error this package raises, so that a caller can catch one, a family, or all of them.

    AtlasError
    ├── ConfigError                 invalid settings or credentials; raised before anything is sent
    ├── InvalidIdError              an ID or invoice name that can't be used (also a ValueError); before any request
    ├── APIConnectionError          no response: DNS, TCP, TLS, proxy
    │   └── APITimeoutError         no response in time
    ├── APIStatusError              a response with an error status; one class for each status below
    │   ├── BadRequestError         400
    │   ├── AuthenticationError     401
    │   ├── PermissionDeniedError   403
    │   ├── NotFoundError           404
    │   ├── NotAcceptableError      406
    │   ├── GoneError               410
    │   ├── RateLimitError          429
    │   └── ServerError             5xx
    ├── TokenError                  a service account could not get an access token
    ├── UnexpectedResponseError     a response of the wrong kind, or of another invoice
    ├── ReportFailedError           Atlas couldn't make a report
    ├── IncompleteDownloadError     a response that ended early or is damaged
    ├── LoadError                   a table that can't be opened or written to
    └── InvoiceFormatError          a CSV that can't be read as an invoice

No message or attribute holds a secret. All of them can be pickled, because pipelines pass errors between processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlas_invoices_client.models import BadRequestDetail

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AtlasError",
    "AuthenticationError",
    "BadRequestError",
    "ConfigError",
    "GoneError",
    "IncompleteDownloadError",
    "InvalidIdError",
    "InvoiceFormatError",
    "LoadError",
    "NotAcceptableError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ReportFailedError",
    "ServerError",
    "TokenError",
    "UnexpectedResponseError",
]


class AtlasError(Exception):
    """The root: `except AtlasError` catches every error that this package raises on purpose."""


class ConfigError(AtlasError):
    """Credentials or settings are missing, incomplete, contradictory, or meant for another server."""


class CredentialsError(ConfigError):
    """Credentials are missing, incomplete or malformed. Not exported: only the command tells the two classes apart."""


class InvalidIdError(AtlasError, ValueError):
    """An organization or invoice ID that isn't 24 hexadecimal digits, or another name that isn't an invoice's.

    Nothing was sent, except where `find_invoice` finds that several invoices fit a name.
    """


class APIConnectionError(AtlasError):
    """No usable response came: name lookup, connection, TLS or proxy failed, or the peer hung up.

    `transient` is false if a retry can't help, as with a certificate that isn't trusted. `sent` is false if the request
    can't have reached the server, because there was no connection.
    """

    def __init__(self, message: str, *, transient: bool = True, sent: bool = True) -> None:
        super().__init__(message)
        self.transient = transient
        self.sent = sent


class APITimeoutError(APIConnectionError):
    """No response came within the timeout."""


class APIStatusError(AtlasError):
    """Atlas answered with an error status.

    The attributes from `error_code` to `bad_request_detail` are fields of Atlas's error body (`ApiError` schema). They
    are `None` if it sent none; `parameters` is then empty. `path` is without host and query; `retry_after` is in
    seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int = 0,
        error_code: str | None = None,
        detail: str | None = None,
        reason: str | None = None,
        parameters: Sequence[Any] = (),
        bad_request_detail: BadRequestDetail | None = None,
        method: str = "",
        path: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.error_code = error_code
        self.detail = detail
        self.reason = reason
        self.parameters = list(parameters)
        self.bad_request_detail = bad_request_detail
        self.method = method
        self.path = path
        self.retry_after = retry_after


class BadRequestError(APIStatusError):
    """400: a parameter was refused; `bad_request_detail` may say which."""


class AuthenticationError(APIStatusError):
    """401: the credentials were refused."""


class PermissionDeniedError(APIStatusError):
    """403: the credentials are valid, but lack a role, or the caller's address isn't on their access list."""


class NotFoundError(APIStatusError):
    """404: no such organization or invoice, or the credentials may not see it; also from `find_invoice`."""


class NotAcceptableError(APIStatusError):
    """406: the server doesn't know the requested resource version."""


class GoneError(APIStatusError):
    """410: the requested resource version has been removed."""


class RateLimitError(APIStatusError):
    """429: too many requests; `retry_after` says how long to wait, if Atlas did."""


class ServerError(APIStatusError):
    """5xx, including those of a proxy or load balancer."""


class TokenError(AtlasError):
    """A service account could not get an access token.

    `status_code` is the token endpoint's, or `None` without a usable response; `retry_after` is in seconds.
    """

    def __init__(self, message: str, *, status_code: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.retry_after = retry_after


class UnexpectedResponseError(AtlasError):
    """A response of the wrong kind: a web page, JSON instead of CSV, an empty body, a redirect, another invoice."""


class TooLargeError(UnexpectedResponseError):
    """A response larger than allowed. Not exported: lists then use smaller pages, and the command names its option."""


class ReportFailedError(AtlasError):
    """Atlas couldn't make a report; the message has its reason."""


class IncompleteDownloadError(AtlasError):
    """A response that ended early or is damaged; none of it was kept."""


class LoadError(AtlasError):
    """A table of `load` that can't be opened or written to; the invoices that it has are whole."""


class InvoiceFormatError(AtlasError):
    """A file that can't be read as an invoice CSV.

    `line_number` counts from 1 in the file, and is 1 for the file as a whole; `column` is the column's name, or
    `None`.
    """

    def __init__(self, message: str, *, line_number: int | None = None, column: str | None = None) -> None:
        super().__init__(message)
        self.line_number = line_number
        self.column = column


def is_transient(error: BaseException) -> bool:
    """Whether a retry may succeed: after 429, 5xx, no connection, or a response that was cut short."""
    if isinstance(error, TokenError):
        status = error.status_code
        return status is not None and (
            status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        )
    if isinstance(error, APIConnectionError):
        return error.transient
    return isinstance(error, (RateLimitError, ServerError, IncompleteDownloadError))


def is_unprocessed(error: BaseException) -> bool:
    """Whether the server did nothing: it wasn't reached, or says when to come back (429 or 503 with Retry-After).

    A request that makes something is sent again only then: after any other failure, it may have been made.
    """
    if isinstance(error, APIConnectionError):
        return error.transient and not error.sent
    if isinstance(error, TokenError):
        return is_transient(error)  # the token comes first
    return (
        isinstance(error, APIStatusError)
        and error.status_code in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
        and error.retry_after is not None
    )


# A traceback names an error as a program imports it.
for _name in __all__:
    globals()[_name].__module__ = "atlas_invoices"
