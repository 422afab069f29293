"""Read a list page by page, each entry once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Generic, TypeVar

from attrs import frozen

from ._errors import TooLargeError, UnexpectedResponseError
from ._http._exchange import Operation
from ._http._steps import Steps, run, run_async

T = TypeVar("T")

# Entries to a page: the API document's maximum, since fewer requests count less against the limit. Smaller pages follow
# where one is too large, as with many linked invoices in each entry.
PAGE_SIZES = (500, 100, 20, 4, 1)
# Half a million invoices or organizations: a server that sends more is making them up.
_MAX_PAGES = 1000


@frozen
class Page(Generic[T]):
    """One page of a list; `more` is whether it links to another, `total` the whole list's length, if the server says.

    `endpoint` is for messages, `key` names the attribute that tells entries apart.
    """

    items: tuple[T, ...]
    more: bool
    total: int
    endpoint: str
    key: str = "id"

    def ids(self) -> list[Any]:
        """Return the attribute of each entry that tells it apart; models of lists share no base."""
        return [getattr(item, self.key) for item in self.items]


class Paginator(Generic[T]):
    """Reads a list page by page, each entry once, and stops at a server that repeats itself.

    Args:
        operation: makes the operation of one page, `operation(page=1, size=500)`; called at once, so that invalid
            arguments raise before anything is sent.
        fetch: makes the steps that run an operation.
    """

    def __init__(
        self,
        operation: Callable[..., Operation[Page[T]]],
        fetch: Callable[[Operation[Page[T]]], Steps[Page[T]]],
    ) -> None:
        self._operation = operation
        self._fetch = fetch
        self._size, *self._smaller_sizes = PAGE_SIZES
        self._next = operation(page=1, size=self._size)
        self._number = 1
        self._count = 0
        # Entries read, repeated ones included, and how many different ones.
        self._read = self._found = 0
        self._ids: set[str] = set()
        self._pages: set[int] = set()
        self._total = 0
        self._is_extra = False
        self.more = True

    def advance(self) -> Steps[tuple[T, ...]]:
        """Fetch the next page and return its new entries.

        Raises `UnexpectedResponseError` for a list without end, and for one that ends before its declared length.
        """
        page = yield from self._fetch_page()
        self._count += 1
        if self._count >= _MAX_PAGES:
            raise UnexpectedResponseError(f"the list has more than {self._count:,} pages ({page.endpoint})")
        mark = hash(tuple(map(str, page.ids())))
        if page.items and mark in self._pages:
            raise UnexpectedResponseError(
                f"page {self._number} is the same page as an earlier one, so the list would never end; a cache or "
                f"proxy in between may be dropping the query ({page.endpoint})"
            )
        self._pages.add(mark)
        new = tuple(item for item, id_ in zip(page.items, page.ids(), strict=True) if self._is_new(id_))
        self._read += len(page.items)
        self._found += len(new)
        # The first page's: entries that are added later move others to the next page, and aren't missed.
        self._total = self._total or page.total
        # A full page is followed without a link too: one request too many costs less than a missing invoice.
        self.more = bool(page.items) and (page.more or len(page.items) >= self._size)
        if self.more or self._found >= self._total:
            self._is_extra = False
        elif self._is_extra and not new:
            raise UnexpectedResponseError(
                f"the list ended after {self._found:,} of {self._total:,} entries; try again, and check any proxy in "
                f"between ({page.endpoint})"
            )
        else:
            self.more = self._is_extra = True
        self._number += 1
        if self.more:
            self._next = self._operation(page=self._number, size=self._size)
        return new

    def read_all(self) -> Steps[list[T]]:
        """Fetch all pages and return their entries."""
        entries: list[T] = []
        while self.more:
            entries += yield from self.advance()
        return entries

    def _fetch_page(self) -> Steps[Page[T]]:
        while True:
            try:
                return (yield from self._fetch(self._next))
            except TooLargeError:
                if not self._smaller_sizes:
                    raise
            self._size = self._smaller_sizes.pop(0)
            self._number = self._read // self._size + 1
            self._next = self._operation(page=self._number, size=self._size)

    def _is_new(self, id_: object) -> bool:
        """Whether an entry's ID hasn't been read yet; one without an ID counts as new."""
        if not isinstance(id_, str):
            return True
        known = id_.lower() in self._ids
        self._ids.add(id_.lower())
        return not known


def iterate(pages: Paginator[T]) -> Iterator[T]:
    """Yield the entries, each page fetched when it's needed."""
    while pages.more:
        yield from run(pages.advance())


async def iterate_async(pages: Paginator[T]) -> AsyncIterator[T]:
    """Yield the entries, each page fetched when it's needed."""
    while pages.more:
        for item in await run_async(pages.advance()):
            yield item
