"""A dict that can't be changed: many lines share one, and what a frozen result says must stay what was computed."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class FrozenDict(dict[str, T]):
    """Equal to a dict, hashable, shown like one, dumped as JSON like one, and pickled and copied whole."""

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError("these values can't be changed; make a dict() of them first")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override] # dict says that it has none
        """Equal ones hash alike, so that lines can be counted and put in sets."""
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle through a plain dict, because unpickling would set items one by one."""
        return FrozenDict, (dict(self),)
