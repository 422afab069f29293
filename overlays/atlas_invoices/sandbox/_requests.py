"""Read a request's Accept header and query parameters, as Atlas validates them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from starlette.requests import Request

from ._responses import ApiError, Format, media_type

_REMOVED_VERSION = "2022-06-01"
"""A version that gets 410, for tests; Atlas hasn't removed any so far."""

_MEDIA_TYPE = re.compile(r"application/vnd\.atlas\.(\d{4}-\d{2}-\d{2})\+(json|csv)")


def negotiate_format(request: Request, *offered: Format) -> Format:
    """Return the offered format that the Accept header prefers.

    Raises:
        ApiError: 406 without a known version, 410 for a removed one. No Accept header, `*/*` and later versions also
            get 406, because Atlas doesn't document which older version it would choose for them.
    """
    removed = False
    for media_range in _by_preference(",".join(request.headers.getlist("accept"))):
        match = _MEDIA_TYPE.fullmatch(media_range)
        for format_ in offered:
            if match and match[2] == format_:
                if match[1] == request.state.version:
                    return format_
                removed = removed or match[1] == _REMOVED_VERSION
    if removed:
        raise ApiError(410, "VERSION_GONE", f"Version {_REMOVED_VERSION} of this resource has been removed.")
    wanted = " or ".join(media_type(request, format_) for format_ in offered)
    raise ApiError(406, "INVALID_VERSION", f"Accept names no version of this resource; it has {wanted}.")


async def read_body(request: Request, **choices: Sequence[str]) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        ApiError: 415 for another media type than the operation's, 400 unless each field in `choices` has one of its
            values; one with an empty value may be missing.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != media_type(request, "json"):
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"The body must be {media_type(request, 'json')}.")
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ApiError(400, "INVALID_JSON", "The body is not a JSON object.")
    fields = {
        name: f"must be {' or '.join(filter(None, values))}"
        for name, values in choices.items()
        if body.get(name, "") not in values
    }
    if fields:
        raise ApiError(400, "VALIDATION_ERROR", "A field of the body is not valid.", fields=fields)
    return body


def _by_preference(accept: str) -> list[str]:
    ranges = []
    for part in accept.split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        if weight > 0:
            ranges.append((weight, name.lower()))
    return [name for _, name in sorted(ranges, key=lambda pair: -pair[0])]


_COMMON = frozenset({"envelope", "pretty"})
_PAGING = frozenset({"pageNum", "itemsPerPage", "includeCount"})
_MAX_ITEMS = 500  # Atlas Admin API document


class Query:
    """The query parameters of a request; `check` reports all invalid values at once.

    Raises:
        ApiError: 400 for a parameter that is neither in `names` nor common to all operations.
    """

    def __init__(self, request: Request, *names: str, paging: bool = False) -> None:
        self._request = request
        self._invalid: dict[str, str] = {}
        allowed = _COMMON.union(names, _PAGING if paging else ())
        for name in request.query_params:
            if name not in allowed:
                detail = f"Invalid query parameter {name} specified."
                raise ApiError(400, "INVALID_QUERY_PARAMETER", detail, parameters=(name,))

    def check(self) -> None:
        """Raise `ApiError` (400) if any value read so far was invalid."""
        if self._invalid:
            raise ApiError(400, "VALIDATION_ERROR", "A query parameter is not valid.", fields=self._invalid)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a boolean, `true` or `false` in any case."""
        text = self._get(name)
        if text is not None and text.lower() not in {"true", "false"}:
            self._invalid[name] = "must be true or false"
        return default if text is None else text.lower() == "true"

    def integer(self, name: str, *, default: int, maximum: int | None = None) -> int:
        """Return an integer from 1 to `maximum`, both inclusive; the default if it's missing or invalid."""
        text = self._get(name)
        if text is None:
            return default
        if text.isascii() and text.isdigit() and int(text) >= 1 and (maximum is None or int(text) <= maximum):
            return int(text)
        self._invalid[name] = f"must be an integer from 1{f' to {maximum}' if maximum else ''}"
        return default

    def choice(self, name: str, values: Sequence[str]) -> str:
        """Return one of `values`; the first if the parameter is missing."""
        text = self._request.query_params.get(name, values[0])
        if text not in values:
            self._invalid[name] = f"must be one of {', '.join(values)}"
        return text

    def choices(self, name: str, values: Iterable[str]) -> list[str]:
        """Return every value of a parameter that may be repeated; each must be one of `values`."""
        texts = self._request.query_params.getlist(name)
        if any(text not in values for text in texts):
            self._invalid[name] = f"must be of {', '.join(values)}"
        return texts

    def day(self, name: str) -> date | None:
        """Return a date written as YYYY-MM-DD; None if it's missing or invalid."""
        text = self._get(name)
        try:
            return None if text is None else date.fromisoformat(text)
        except ValueError:
            self._invalid[name] = "must be a date, YYYY-MM-DD"
            return None

    def paginate(self, results: Sequence[Any], base_url: str) -> tuple[Sequence[Any], dict[str, Any]]:
        """Return the page's items, and the list's other fields: `links` and, unless declined, `totalCount`."""
        number = self.integer("pageNum", default=1)
        size = self.integer("itemsPerPage", default=100, maximum=_MAX_ITEMS)
        with_count = self.flag("includeCount", default=True)
        self.check()
        pages = {"self": number}
        if number > 1:
            pages["previous"] = number - 1
        if number * size < len(results):
            pages["next"] = number + 1
        links = [{"href": self._href(base_url, page, size), "rel": rel} for rel, page in pages.items()]
        rest: dict[str, Any] = {"links": links, "totalCount": len(results)} if with_count else {"links": links}
        return results[(number - 1) * size : number * size], rest

    def _get(self, name: str) -> str | None:
        return self._request.query_params.get(name)

    def _href(self, base_url: str, number: int, size: int) -> str:
        url = self._request.url.include_query_params(pageNum=number, itemsPerPage=size)
        return f"{base_url}{url.path}?{url.query}"
