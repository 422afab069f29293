"""Reads query parameters strictly, so that a client that sends nonsense hears of it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from attrs import define, field

from ._problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from starlette.requests import Request

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
