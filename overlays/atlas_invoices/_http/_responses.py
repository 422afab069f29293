"""Decide what a reply is before anything parses it: a success of the right kind, or a typed error.

The generated parsers see only what has passed here. They'd raise a ValueError for a status that `http.HTTPStatus`
doesn't know, and a decoding error for a web page.
"""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Literal

from attrs import frozen

from atlas_invoices._errors import (
    APIStatusError,
    AtlasError,
    AuthenticationError,
    BadRequestError,
    GoneError,
    NotAcceptableError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UnexpectedResponseError,
)
from atlas_invoices._utils import single_line, text_or_none
from atlas_invoices_client.models import ApiError, BadRequestDetail

from ._retry import retry_after

Kind = Literal["csv", "json"]

# Of an error's body this much is read: more than any documented one has, and nothing endless.
MAX_ERROR_BYTES = 64 * 1024

_BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    406: NotAcceptableError,
    410: GoneError,
    429: RateLimitError,
}
_WHAT_TO_DO: dict[int, str] = {
    400: "check the parameters",
    401: "check the key or service account, and that it belongs to this organization and server",
    # Roles: Atlas Admin API document, `x-rolesRequirements` and the operations' descriptions.
    403: "the credentials need one of the roles Organization Billing Viewer, Organization Billing Admin or "
    "Organization Owner (one of the last two for linked invoices), and this machine's address must be on their "
    "access list",
    404: "check the organization and invoice IDs; `atlas-invoices orgs` and `atlas-invoices list` show the right ones",
    406: "the server doesn't know the resource version asked for; is the base URL an Atlas Admin API?",
    410: "this resource version has been removed; upgrade atlas-invoices",
    429: "too many requests; wait and try again",
}
# No text has these control characters; compressed data has them at once.
_BINARY = frozenset(range(32)) - frozenset(b"\t\n\v\f\r")
_LOOKED_AT = 64
_CSV_TYPES = frozenset({"text/csv", "application/csv", "text/plain", "application/octet-stream"})


@frozen
class ResponseHead:
    """What of a reply is known before its body, and the request it answers."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]

    @property
    def where(self) -> str:
        """Method and path, as messages name the place."""
        return f"{self.method} {self.path}"


def is_success(head: ResponseHead) -> bool:
    """Whether the body is the document asked for; only 200 is documented."""
    return head.status == HTTPStatus.OK


def error_for(head: ResponseHead, body: bytes) -> AtlasError:
    """The error that a reply without success stands for; `body` may be cut at `MAX_ERROR_BYTES`."""
    if head.status < HTTPStatus.BAD_REQUEST:
        if head.status >= HTTPStatus.MULTIPLE_CHOICES:
            return UnexpectedResponseError(
                f"{head.where}: the server answered with a redirect ({head.status}), which isn't followed, because "
                "credentials go to the configured server only; check the base URL"
            )
        return UnexpectedResponseError(f"{head.where}: expected status 200, got {head.status}")
    return status_error(head, _api_error(_json_or_none(body)))


def status_error(head: ResponseHead, model: ApiError | None) -> APIStatusError:
    """The typed error for a status of 400 or more, with what Atlas's error body says."""
    cls = _BY_STATUS.get(
        head.status, ServerError if head.status >= HTTPStatus.INTERNAL_SERVER_ERROR else APIStatusError
    )
    error_code = text_or_none(model and model.error_code)
    detail = text_or_none(model and model.detail)
    reason = text_or_none(model and model.reason)
    bad_request_detail = model.bad_request_detail if model else None
    parameters = model.parameters if model else None
    wait = retry_after(head.headers)
    said = ": ".join(
        single_line(part) for part in (error_code, detail or reason, _violations(bad_request_detail)) if part
    )
    todo = _WHAT_TO_DO.get(head.status, "try again later" if cls is ServerError else "")
    if wait is not None:
        todo = f"{todo}; the server asks to wait {wait:g} s" if todo else f"the server asks to wait {wait:g} s"
    message = f"{head.where}: {head.status} {_phrase(head.status)}".rstrip()
    return cls(
        "; ".join(part for part in (f"{message} ({said})" if said else message, todo) if part),
        status_code=head.status,
        error_code=error_code,
        detail=detail,
        reason=reason,
        parameters=parameters if isinstance(parameters, list) else [],
        bad_request_detail=bad_request_detail if isinstance(bad_request_detail, BadRequestDetail) else None,
        method=head.method,
        path=head.path,
        retry_after=wait,
    )


def check_type(head: ResponseHead, kind: Kind, *, enveloped: bool = False) -> None:
    """Raise `UnexpectedResponseError` where a success has another Content-Type than asked for; none is tolerated."""
    sent = head.headers.get("content-type", "")
    media_type = sent.partition(";")[0].strip().lower()
    is_json = media_type.endswith(("+json", "/json"))
    is_csv = media_type.endswith("+csv") or media_type in _CSV_TYPES
    # Which type an enveloped CSV has isn't documented.
    good = (is_json or is_csv) if enveloped else is_csv if kind == "csv" else is_json
    if media_type and not good:
        raise UnexpectedResponseError(_not_what_was_asked(head, kind, f"the type {single_line(sent, 60)}"))


def check_start(head: ResponseHead, kind: Kind, start: bytes, *, enveloped: bool = False) -> None:
    """Raise `UnexpectedResponseError` where the first bytes of a success can't begin what was asked for."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise UnexpectedResponseError(_not_what_was_asked(head, kind, "an empty body"))
    first = text[:1]
    if first == b"<":
        raise UnexpectedResponseError(_not_what_was_asked(head, kind, "a web page"))
    if kind == "csv" and not enveloped and first in b"{[":
        raise UnexpectedResponseError(_not_what_was_asked(head, kind, "JSON"))
    if kind == "csv" and _BINARY.intersection(text[:_LOOKED_AT]):
        raise UnexpectedResponseError(_not_what_was_asked(head, kind, "binary data"))
    if kind == "json" and first != b"{":
        raise UnexpectedResponseError(_not_what_was_asked(head, kind, "something that is no JSON object"))


def unreadable(head: ResponseHead, kind: Kind) -> UnexpectedResponseError:
    """The error for a success whose body turned out not to be readable after all."""
    return UnexpectedResponseError(_not_what_was_asked(head, kind, "a body that can't be read as that"))


def open_envelope(head: ResponseHead, body: bytes) -> bytes:
    """The CSV inside an enveloped reply; an enveloped error is raised like any other.

    The API document: with `envelope`, the reply is JSON with `status` and the body under `content`. A server that
    ignores the parameter and sends the CSV itself is tolerated.
    """
    if not body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return body
    envelope = _json_or_none(body)
    if not isinstance(envelope, dict) or not isinstance(envelope.get("status"), int):
        raise UnexpectedResponseError(_not_what_was_asked(head, "csv", "JSON that is no envelope"))
    status, content = envelope["status"], envelope.get("content")
    if status != HTTPStatus.OK:
        inner = ResponseHead(method=head.method, path=head.path, status=status, headers=head.headers)
        if status < HTTPStatus.BAD_REQUEST:
            raise error_for(inner, b"")
        raise status_error(inner, _api_error(content) or _api_error(envelope))
    if not isinstance(content, str):
        raise UnexpectedResponseError(_not_what_was_asked(head, "csv", "an envelope without text in it"))
    inside = content.encode("utf-8", "surrogatepass")
    check_start(head, "csv", inside)
    return inside


def _api_error(document: Any) -> ApiError | None:  # noqa: ANN401 - whatever JSON a server sent
    if not isinstance(document, dict) or not ({"error", "errorCode", "detail", "reason"} & document.keys()):
        return None
    try:
        return ApiError.from_dict(document)
    except (TypeError, ValueError, KeyError, AttributeError):
        return None


def _violations(detail: object) -> str:
    """Which fields were refused, and why."""
    fields = detail.fields if isinstance(detail, BadRequestDetail) else None
    return "; ".join(f"{each.field} {each.description}" for each in fields or [])


def _json_or_none(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON a server sent
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _not_what_was_asked(head: ResponseHead, kind: Kind, got: str) -> str:
    hint = "is a proxy or a login page in between, or the base URL wrong?"
    return f"{head.where}: expected {kind.upper()}, got {got}; {hint}"


class DeprecationWarner:
    """What one client has been told and has passed on."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._lock = threading.Lock()
        self._said: set[str] = set()

    def warn_once(self, operation: str, headers: Mapping[str, str]) -> None:
        """Warn (`FutureWarning`, which is shown by default) if these headers announce an end; once for an operation.

        A deprecated version answers with Deprecation and Sunset, HTTP dates (Atlas documentation, "versioning").
        """
        deprecated, sunset = headers.get("deprecation"), headers.get("sunset")
        if not (deprecated or sunset):
            return
        with self._lock:
            if operation in self._said:
                return
            self._said.add(operation)
        since = f" since {_day(deprecated)}" if deprecated else ""
        until = f" and will be removed on {_day(sunset)}" if sunset else ""
        warnings.warn(
            f"{operation}: the resource version that this release asks for is deprecated{since}{until}; "
            "upgrade atlas-invoices",
            FutureWarning,
            stacklevel=2,
        )


def _day(value: str) -> str:
    try:
        # RFC 9745 writes Deprecation as @ and the seconds of the epoch.
        when = datetime.fromtimestamp(int(value[1:]), UTC) if value.startswith("@") else parsedate_to_datetime(value)
    except (ValueError, OverflowError, OSError):
        return single_line(value, 40)
    return when.date().isoformat()
