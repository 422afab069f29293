"""Every error this package raises, so that a caller can catch one, a family, or all of them.

    AtlasError
    ├── ConfigError                 settings or credentials that won't do; raised before anything is sent
    ├── InvalidIdError              an ID that isn't 24 hexadecimal digits (also a ValueError); before any request
    ├── APIConnectionError          no answer: DNS, TCP, TLS, proxy
    │   └── APITimeoutError         no answer in time
    ├── APIStatusError              an answer that says no; one class for each status below
    │   ├── BadRequestError         400
    │   ├── AuthenticationError     401
    │   ├── PermissionDeniedError   403
    │   ├── NotFoundError           404
    │   ├── NotAcceptableError      406
    │   ├── GoneError               410
    │   ├── RateLimitError          429
    │   └── ServerError             5xx
    ├── TokenError                  a service account could not get an access token
    ├── UnexpectedResponseError     a reply that isn't what was asked for
    ├── IncompleteDownloadError     a reply that ended before it was whole
    └── InvoiceFormatError          a CSV that can't be read as an invoice

No message or attribute carries a secret. All of them survive pickling, because pipelines pass errors between processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlas_invoices_client.models import BadRequestDetail


class AtlasError(Exception):
    """The root: `except AtlasError` catches all that this package raises on purpose."""


class ConfigError(AtlasError):
    """Credentials or settings are missing, half there, contradictory, or used against another server than theirs."""


class CredentialsError(ConfigError):
    """Credentials are missing, half there or malformed; not exported, since only the command tells the two apart."""


class InvalidIdError(AtlasError, ValueError):
    """An organization or invoice ID that isn't 24 hexadecimal digits. Nothing was sent."""


class APIConnectionError(AtlasError):
    """No usable answer came: name look-up, connection, TLS or proxy failed, or the peer hung up.

    `transient` is false where trying again can't help, as with a certificate that isn't trusted.
    """

    def __init__(self, message: str, *, transient: bool = True) -> None:
        """Keep whether another try may go better."""
        super().__init__(message)
        self.transient = transient


class APITimeoutError(APIConnectionError):
    """No answer came within the timeout."""


class APIStatusError(AtlasError):
    """Atlas answered with a status that isn't a success.

    The attributes after the status come from Atlas's error body where it sent one (fields of the `ApiError` schema),
    and are `None` where it did not; `parameters` is then empty.
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
        """Keep what was answered; `retry_after` is in seconds, `path` is without host and query."""
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
    """403: the credentials are good, but lack a role or call from an address that isn't on the access list."""


class NotFoundError(APIStatusError):
    """404: no such organization or invoice, or none that these credentials may see."""


class NotAcceptableError(APIStatusError):
    """406: the server doesn't know the resource version that was asked for."""


class GoneError(APIStatusError):
    """410: the resource version that was asked for has been removed."""


class RateLimitError(APIStatusError):
    """429: too many requests; `retry_after` says how long to wait, where Atlas said so."""


class ServerError(APIStatusError):
    """5xx, those of a proxy or load balancer included."""


class TokenError(AtlasError):
    """A service account could not get an access token.

    `status_code` is the token endpoint's, or `None` where it sent no usable answer; `retry_after` is in seconds.
    """

    def __init__(self, message: str, *, status_code: int | None = None, retry_after: float | None = None) -> None:
        """Keep the token endpoint's status and its Retry-After."""
        super().__init__(message)
        self.status_code = status_code
        self.retry_after = retry_after


class UnexpectedResponseError(AtlasError):
    """A reply that isn't what was asked for: a web page, JSON in place of CSV, an empty body, a redirect."""


class TooLargeError(UnexpectedResponseError):
    """A reply larger than was allowed; not exported, since only `sync` has another way to read it."""


class IncompleteDownloadError(AtlasError):
    """A reply that ended early or was damaged on its way; nothing of it was kept."""


class InvoiceFormatError(AtlasError):
    """A file that can't be read as an invoice CSV.

    `line_number` counts from 1 in the file (1 where the file as a whole is meant); `column` is the
    column's name, or `None`.
    """

    def __init__(self, message: str, *, line_number: int | None = None, column: str | None = None) -> None:
        """Keep the place."""
        super().__init__(message)
        self.line_number = line_number
        self.column = column


def is_transient(error: BaseException) -> bool:
    """Whether the same request may go better at another time: 429, 5xx, no connection, a reply that was cut short."""
    if isinstance(error, TokenError):
        status = error.status_code
        return status is not None and (
            status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        )
    if isinstance(error, APIConnectionError):
        return error.transient
    return isinstance(error, (RateLimitError, ServerError, IncompleteDownloadError))
