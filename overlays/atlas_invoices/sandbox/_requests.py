"""Read requests: media types, parameters, and the problems to answer with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from attrs import define, field

if TYPE_CHECKING:
    from starlette.requests import Request


class Problem(Exception):  # noqa: N818 - it is an answer, not a failure of this program
    """Raised by a handler to answer with an error body (the `ApiError` schema of the Atlas Admin API document).

    `fields` maps parameters to what is wrong with them. Where there is no detail, it is null, as upstream sends it
    since 2026-07.
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
        self.code = code
        self.detail = detail
        self.fields = fields or {}
        self.parameters = parameters
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        found: dict[str, Any] = {
            "error": self.status,
            "errorCode": self.code,
            "detail": self.detail,
            "reason": _phrase(self.status),
            "badRequestDetail": None,
        }
        if self.parameters:
            found["parameters"] = [{"value": value} for value in self.parameters]
        if self.fields:
            found["badRequestDetail"] = {
                "fields": [{"field": name, "description": text} for name, text in self.fields.items()]
            }
        return found


def _phrase(status: int) -> str | None:
    """The reason phrase, or `None` for a status of no standard, as proxies send."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return None


Format = Literal["json", "csv"]

VERSION = "2023-01-01"
"""The version of all five operations (Atlas Admin API document)."""

REMOVED_VERSION = "2022-06-01"
"""Stands for a version that was there once; asking for it is a 410. The sandbox's own: none is removed upstream."""

_MEDIA_TYPE = re.compile(r"application/vnd\.atlas\.(\d{4}-\d{2}-\d{2})\+(json|csv)")


def choose(accept: str, offered: tuple[Format, ...]) -> Format:
    """The offered format that `accept` prefers.

    Raises:
        Problem: 406 where no known version is asked for (none, `*/*` and later versions included: which of them Atlas
            would map to an older version is not documented), 410 where only a removed one is.
    """
    removed = False
    for media_range in _by_preference(accept):
        match = _MEDIA_TYPE.fullmatch(media_range)
        if match and match[2] in offered:
            if match[1] == VERSION:
                return "csv" if match[2] == "csv" else "json"
            removed = removed or match[1] == REMOVED_VERSION
    if removed:
        raise Problem(410, "VERSION_GONE", f"Version {REMOVED_VERSION} of this resource has been removed.")
    wanted = " or ".join(media_type(kind) for kind in offered)
    raise Problem(406, "INVALID_VERSION", f"Accept names no version of this resource; it has {wanted}.")


def media_type(kind: Format) -> str:
    """The media type of a reply."""
    return f"application/vnd.atlas.{VERSION}+{kind}"


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


_EVERYWHERE = frozenset({"envelope", "pretty"})
_PAGING = frozenset({"pageNum", "itemsPerPage", "includeCount"})
_MOST_ITEMS = 500  # Atlas Admin API document


@define
class Query:
    """One request's parameters. Mistakes are collected, and `done` answers them all together with a 400."""

    request: Request
    allowed: frozenset[str]
    _wrong: dict[str, str] = field(init=False, factory=dict)

    @classmethod
    def of(cls, request: Request, *names: str, paging: bool = False) -> Query:
        """The parameters of an operation that knows `names`, besides those that all have."""
        query = cls(request, _EVERYWHERE.union(names, _PAGING if paging else ()))
        for name in request.query_params:
            if name not in query.allowed:
                raise Problem(
                    400, "INVALID_QUERY_PARAMETER", f"Invalid query parameter {name} specified.", parameters=(name,)
                )
        return query

    def done(self) -> None:
        """Answer 400 if any parameter was wrong."""
        if self._wrong:
            raise Problem(400, "VALIDATION_ERROR", "A query parameter is not valid.", fields=self._wrong)

    def flag(self, name: str, *, default: bool) -> bool:
        """A boolean."""
        text = self.request.query_params.get(name)
        if text is None or text.lower() in {"true", "false"}:
            return default if text is None else text.lower() == "true"
        self._wrong[name] = "must be true or false"
        return default

    def number(self, name: str, *, default: int, most: int | None = None) -> int:
        """An integer from 1 to `most`."""
        text = self.request.query_params.get(name)
        if text is None:
            return default
        if text.isascii() and text.isdigit() and int(text) >= 1 and (most is None or int(text) <= most):
            return int(text)
        self._wrong[name] = f"must be an integer from 1{f' to {most}' if most else ''}"
        return default

    def choice(self, name: str, values: Sequence[str]) -> str:
        """One of `values`, the first by default."""
        text = self.request.query_params.get(name, values[0])
        if text not in values:
            self._wrong[name] = f"must be one of {', '.join(values)}"
        return text

    def choices(self, name: str, values: Iterable[str]) -> list[str]:
        """Any number of `values`."""
        texts = self.request.query_params.getlist(name)
        if any(text not in values for text in texts):
            self._wrong[name] = f"must be of {', '.join(values)}"
        return texts

    def day(self, name: str) -> date | None:
        """A date, YYYY-MM-DD."""
        text = self.request.query_params.get(name)
        if text is None:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            self._wrong[name] = "must be a date, YYYY-MM-DD"
            return None

    def page(self, results: Sequence[Any], base_url: str) -> tuple[Sequence[Any], dict[str, Any]]:
        """The page's items, and the list's other fields: `links` and, if wanted, `totalCount`."""
        number = self.number("pageNum", default=1)
        size = self.number("itemsPerPage", default=100, most=_MOST_ITEMS)
        with_count = self.flag("includeCount", default=True)
        self.done()
        begin = (number - 1) * size
        links = [{"href": self._href(base_url, number, size), "rel": "self"}]
        if number > 1:
            links.append({"href": self._href(base_url, number - 1, size), "rel": "previous"})
        if begin + size < len(results):
            links.append({"href": self._href(base_url, number + 1, size), "rel": "next"})
        rest: dict[str, Any] = {"links": links}
        if with_count:
            rest["totalCount"] = len(results)
        return results[begin : begin + size], rest

    def _href(self, base_url: str, number: int, size: int) -> str:
        url = self.request.url.include_query_params(pageNum=number, itemsPerPage=size)
        return f"{base_url}{url.path}?{url.query}"
