"""Judge a reply before anything parses it: a success of the right kind, or a typed error.

The generated parsers see only replies that have passed here. They would raise a ValueError for a status unknown to
`http.HTTPStatus`, and a decoding error for a web page.
"""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Literal

from attrs import evolve, field, frozen

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
from atlas_invoices._preamble import MAX_PREAMBLE_BYTES, PreambleReader
from atlas_invoices._secret import Mask
from atlas_invoices._utils import duration, json_or_none, single_line, text_or_none, warn
from atlas_invoices_client.models import ApiError, BadRequestDetail, FieldViolation

from ._retry import retry_after

# "file" is a CSV that isn't an invoice.
Kind = Literal["csv", "json", "file"]

# How much of an error's body is read: more than any documented one has.
MAX_ERROR_BYTES = 64 * 1024

REDIRECTS = frozenset({301, 302, 303, 307, 308})

_BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    406: NotAcceptableError,
    410: GoneError,
    429: RateLimitError,
}
_ADVICE: dict[int, str] = {
    400: "check the parameters",
    401: "check the key or service account, and that it belongs to this organization and server",
    # Roles: Atlas Admin API document, `x-rolesRequirements` and the operations' descriptions.
    403: "the credentials need one of the roles Organization Billing Viewer, Organization Billing Admin or "
    "Organization Owner (for linked invoices, one of the last two), and this machine's address must be on their "
    "access list",
    404: "check the base URL",
    406: "the server doesn't know this resource version; is the base URL an Atlas Admin API?",
    410: "this resource version has been removed; upgrade atlas-invoices",
    429: "too many requests; wait and try again",
}
# Atlas sends JSON with every error (its API document). Something else that is overloaded or failing passes too, so a
# 429 or 5xx keeps its advice; 511 is a network that wants a login.
NOT_FROM_ATLAS = "the reply isn't from Atlas: check the base URL, and any proxy or filter in between"
_ADDRESS = re.compile(r"[0-9a-fA-F.:]{3,}(?<![.:])")
# The three bytes of "{}," make a model. Real objects have a hundred bytes and more each, real lists are at least
# `"tag":["value"],`.
_ALWAYS_ALLOWED_PARTS, _BYTES_PER_OBJECT, _BYTES_PER_LIST = 10_000, 64, 8
# Text never has these control characters; compressed data has some of them in its first bytes.
_BINARY = frozenset(range(32)) - frozenset(b"\t\n\v\f\r")
_BINARY_WITHIN = 64
_IDS = re.compile(r"/orgs/([0-9a-f]{24})(?:/invoices/([0-9a-f]{24})(?:/reports/([0-9a-f]{24}))?)?")
_CSV_TYPES = frozenset({"text/csv", "application/csv", "text/plain", "application/octet-stream"})


@frozen
class ResponseHead:
    """The part of a reply that comes before its body, and the request it answers."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    """With lower-case names. A redirect's may have a presigned address, so a traceback's locals don't show them."""
    mask: Mask = field(factory=Mask, repr=False)
    """For the server's text in messages: it may send back the credentials that the request carried."""
    refusal_advice: str = ""
    """Advice for a 401; by default, that for keys and service accounts."""
    success: int = HTTPStatus.OK
    """The status of a success."""

    @property
    def endpoint(self) -> str:
        """Method and path, for messages."""
        return f"{self.method} {self.path}"

    @property
    def organization_id(self) -> str | None:
        """The organization in the requested path."""
        match = _IDS.search(self.path)
        return match and match[1]

    @property
    def invoice_id(self) -> str | None:
        """The invoice in the requested path."""
        match = _IDS.search(self.path)
        return match and match[2]


def is_success(head: ResponseHead) -> bool:
    """Whether the body is the requested document; each operation documents one status for it."""
    return head.status == head.success


def error_for(head: ResponseHead, body: bytes) -> AtlasError:
    """Return the error for a reply that isn't a success; `body` may be cut at `MAX_ERROR_BYTES`."""
    if head.status < HTTPStatus.BAD_REQUEST:
        if head.status in REDIRECTS:
            return UnexpectedResponseError(
                f"the server sent a redirect ({head.status}), which isn't followed because credentials go "
                f"only to the configured server; check the base URL ({head.endpoint})"
            )
        return UnexpectedResponseError(f"expected status {head.success:d}, got {head.status} ({head.endpoint})")
    return status_error(head, _api_error(head, json_or_none(body)))


def status_error(head: ResponseHead, model: ApiError | None) -> APIStatusError:
    """Return the typed error for a status of 400 or more, with the fields of Atlas's error body."""
    cls = _BY_STATUS.get(
        head.status, ServerError if head.status >= HTTPStatus.INTERNAL_SERVER_ERROR else APIStatusError
    )
    error_code = text_or_none(model and model.error_code)
    detail = text_or_none(model and model.detail)
    reason = text_or_none(model and model.reason)
    refused = _bad_request_detail(model)
    violations = "; ".join(f"{each.field} {each.description}" for each in (refused and refused.fields) or [])
    parameters = model.parameters if model and isinstance(model.parameters, list) else []
    wait = retry_after(head.headers)
    text = ": ".join(single_line(part) for part in (error_code, detail or reason, violations) if part)
    from_atlas = model is not None and (error_code is not None or isinstance(model.error, int))
    fact, advice = _explain(head, error_code, f"{detail} {parameters}", from_atlas=from_atlas)
    if fact:
        text = f"{head.status} {text}".rstrip()
    fact = fact or f"{head.status} {_phrase(head.status)}".rstrip()
    fact = f"{fact} ({text})" if text else fact
    wait_text = f"the server asks to wait {duration(wait)}" if wait else ""
    return cls(
        f"{'; '.join(part for part in (fact, advice, wait_text) if part)} ({head.endpoint})",
        status_code=head.status,
        error_code=error_code,
        detail=detail,
        reason=reason,
        parameters=parameters,
        bad_request_detail=refused,
        method=head.method,
        path=head.path,
        retry_after=wait,
    )


def check_type(head: ResponseHead, kind: Kind, *, enveloped: bool = False) -> None:
    """Raise `UnexpectedResponseError` if a success has the wrong Content-Type; it may have none."""
    if kind == "file":
        return  # storage sends whatever type a file was stored with
    sent = head.headers.get("content-type", "")
    media_type = sent.partition(";")[0].strip().lower()
    is_json = media_type.endswith(("+json", "/json"))
    is_csv = media_type.endswith("+csv") or media_type in _CSV_TYPES
    # The type of an enveloped CSV isn't documented.
    good = (is_json or is_csv) if enveloped else is_csv if kind == "csv" else is_json
    if media_type and not good:
        raise UnexpectedResponseError(_unexpected(head, kind, f"the type {single_line(head.mask.text(sent), 60)}"))


def check_start(head: ResponseHead, kind: Kind, start: bytes, *, enveloped: bool = False) -> None:
    """Raise `UnexpectedResponseError` if a document of this kind can't begin with these bytes."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise UnexpectedResponseError(_unexpected(head, kind, "an empty body"))
    first = text[:1]
    if first == b"<":
        raise UnexpectedResponseError(_unexpected(head, kind, "a web page"))
    if kind != "json" and not enveloped and first in b"{[":
        raise UnexpectedResponseError(_unexpected(head, kind, "JSON"))
    if kind != "json" and _BINARY.intersection(text[:_BINARY_WITHIN]):
        raise UnexpectedResponseError(_unexpected(head, kind, "binary data"))
    if kind == "json" and first != b"{":
        raise UnexpectedResponseError(_unexpected(head, kind, "something other than a JSON object"))


def check_invoice(head: ResponseHead, sent: str) -> None:
    """Raise `UnexpectedResponseError` if a document belongs to another invoice than the one requested."""
    _check_id(head, "invoice", head.invoice_id, sent)


def check_organizations(head: ResponseHead, sent: Iterable[str], *, linked: bool = False) -> None:
    """Raise `UnexpectedResponseError` if listed invoices belong to another organization than the one requested.

    With `linked`, one invoice of the organization is enough: those of linked organizations may be beside it.
    """
    found = list(sent)
    if not (linked and head.organization_id in found):
        for each in found:
            _check_id(head, "organization", head.organization_id, each)


def check_report(head: ResponseHead, sent: str) -> None:
    """Raise `UnexpectedResponseError` if a report is another than the one requested."""
    match = _IDS.search(head.path)
    _check_id(head, "report", match and match[3], sent)


def _check_id(head: ResponseHead, what: str, requested: str | None, sent: str) -> None:
    if requested is not None and sent.lower() != requested:
        raise UnexpectedResponseError(
            f"expected {what} {requested}, got {single_line(head.mask.text(sent), 60)}; a cache or proxy in between "
            f"may be mixing up replies ({head.endpoint})"
        )


class CsvStart:
    """Checks the beginning of a CSV as it arrives: is it an invoice, and the one requested?"""

    def __init__(self, head: ResponseHead) -> None:
        self._head = head
        self._preamble = PreambleReader()

    def feed(self, data: bytes, *, final: bool = False) -> bool:
        """Add bytes; returns whether they are enough. Raises `UnexpectedResponseError`.

        A preamble that doesn't name its invoice is a `UserWarning`.
        """
        try:
            if not self._preamble.feed(data, final=final):
                return False
        except ValueError as error:
            raise UnexpectedResponseError(_unexpected(self._head, "csv", str(error))) from None
        if sent := self._preamble.invoice_id:
            check_invoice(self._head, sent)
        elif requested := self._head.invoice_id:
            warn(
                f"the CSV sent for invoice {requested} doesn't name its invoice, so whether it's the right one "
                "couldn't be checked"
            )
        return True


class PartsCheck:
    """Counts the objects and lists in a JSON reply: they, not its bytes, decide how much memory it takes."""

    def __init__(self, head: ResponseHead) -> None:
        self._head = head
        self._size = self._objects = self._lists = 0

    def add(self, data: bytes) -> None:
        """Count what is in `data`; raises `UnexpectedResponseError` if a small reply becomes large in memory."""
        self._size += len(data)
        self._objects += data.count(b"{")
        self._lists += data.count(b"[")
        if (
            self._objects > _ALWAYS_ALLOWED_PARTS + self._size // _BYTES_PER_OBJECT
            or self._lists > _ALWAYS_ALLOWED_PARTS + self._size // _BYTES_PER_LIST
        ):
            raise UnexpectedResponseError(
                f"the reply can't be read: it has far more parts than Atlas sends ({self._head.endpoint})"
            )


def unreadable(head: ResponseHead, kind: Kind) -> UnexpectedResponseError:
    """Return the error for a success whose body can't be read after all."""
    return UnexpectedResponseError(_unexpected(head, kind, "a body that can't be read as such"))


def is_envelope(start: bytes) -> bool:
    """Whether the reply to a request for an enveloped CSV is JSON; some servers ignore the parameter."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def open_envelope(head: ResponseHead, body: bytes) -> bytes:
    """Return the CSV inside an enveloped reply; raises an enveloped error like any other.

    The API document: with `envelope`, the reply is JSON with `status` and the body under `content`. A server that
    ignores the parameter and sends the CSV itself is tolerated.
    """
    if not is_envelope(body):
        return body
    PartsCheck(head).add(body)
    envelope = json_or_none(body)
    if not isinstance(envelope, dict) or not isinstance(envelope.get("status"), int):
        raise UnexpectedResponseError(_unexpected(head, "csv", "JSON that isn't an envelope"))
    status, content = envelope["status"], envelope.get("content")
    if status != HTTPStatus.OK:
        inner = evolve(head, status=status)
        if status < HTTPStatus.BAD_REQUEST:
            raise error_for(inner, b"")
        raise status_error(inner, _api_error(head, content) or _api_error(head, envelope))
    if not isinstance(content, str):
        raise UnexpectedResponseError(_unexpected(head, "csv", "an envelope without text"))
    inside = content.encode("utf-8", "surrogatepass")
    check_start(head, "csv", inside)
    CsvStart(head).feed(inside[:MAX_PREAMBLE_BYTES], final=True)
    return inside


def _api_error(head: ResponseHead, document: Any) -> ApiError | None:  # noqa: ANN401 - any JSON that a server may send
    if not isinstance(document, dict) or not ({"error", "errorCode", "detail", "reason"} & document.keys()):
        return None
    try:
        return ApiError.from_dict(head.mask.json(document))
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        return None


def _explain(head: ResponseHead, error_code: str | None, details: str, *, from_atlas: bool) -> tuple[str, str]:
    """Return what wasn't found, if Atlas says so, and the advice."""
    failing = head.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    advice = _ADVICE.get(head.status, "try again later" if failing else "")
    if head.status == HTTPStatus.UNAUTHORIZED and head.refusal_advice:
        advice = head.refusal_advice
    elif not from_atlas and head.status != HTTPStatus.TOO_MANY_REQUESTS:
        if not failing or head.status == HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED:
            advice = NOT_FROM_ATLAS
    elif head.status == HTTPStatus.FORBIDDEN and error_code and "ACCESS_LIST" in error_code:
        advice = f"add {_address(details)} to the access list of the key or service account"
    elif head.status == HTTPStatus.NOT_FOUND and (match := _IDS.search(head.path)):
        organization, invoice, report = match.groups()
        if invoice is None:
            return f"organization {organization} not found", "run `atlas-invoices orgs` to see yours"
        if report is not None:
            return f"report {report} not found on invoice {invoice}", "Atlas keeps reports for 7 days; create a new one"
        fact = f"invoice {invoice} not found in organization {organization}"
        return fact, "run `atlas-invoices list` to see its invoices"
    return "", advice


def _address(text: str) -> str:
    """Return the first IP address in a text."""
    for word in _ADDRESS.findall(text):
        try:
            return str(ipaddress.ip_address(word))
        except ValueError:
            pass
    return "this machine's address"


def _bad_request_detail(model: ApiError | None) -> BadRequestDetail | None:
    """Return the refused fields; None where the generated parser left them unparsed, as it does with odd ones."""
    detail = model.bad_request_detail if model else None
    if not isinstance(detail, BadRequestDetail):
        return None
    fields: Any = detail.fields
    return detail if not fields or (isinstance(fields, list) and isinstance(fields[0], FieldViolation)) else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _unexpected(head: ResponseHead, kind: Kind, got: str) -> str:
    expected, places = ("CSV", "") if kind == "file" else (kind.upper(), "the base URL, and ")
    hint = f"check {places}any proxy or login page in between"
    return f"expected {expected}, got {got}; {hint} ({head.endpoint})"


class DeprecationWarner:
    """Warns that an operation's resource version will end; once per operation and client."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._warned: set[str] = set()

    def warn_once(self, operation: str, headers: Mapping[str, str]) -> None:
        """Warn if these headers announce an end, with a `FutureWarning`, which Python shows by default.

        A deprecated version answers with Deprecation and Sunset, HTTP dates (Atlas documentation, "versioning").
        """
        deprecated, sunset = headers.get("deprecation"), headers.get("sunset")
        if not (deprecated or sunset):
            return
        with self._lock:
            if operation in self._warned:
                return
            self._warned.add(operation)
        since = f" since {day}" if (day := _day(deprecated)) else ""
        until = f" and will be removed on {day}" if (day := _day(sunset)) else ""
        warn(
            f"{operation}: the resource version used by this release is deprecated{since}{until}; "
            "upgrade atlas-invoices",
            FutureWarning,
        )


def _day(value: str | None) -> str:
    """Return a header's date; "" without one, as in `Deprecation: true`."""
    if not value:
        return ""
    try:
        # RFC 9745 writes Deprecation as @ and the seconds of the epoch.
        when = datetime.fromtimestamp(int(value[1:]), UTC) if value.startswith("@") else parsedate_to_datetime(value)
    except (ValueError, OverflowError, OSError):
        return ""
    return when.date().isoformat()
