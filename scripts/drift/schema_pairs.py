"""Compare whole schemas, cycles and all: each pair of schemas once, however many places refer to it.

The pairs are a graph. It is built first, with what differs in each pair; then the places are walked, along those edges
only that lead to a difference, and not again into a pair that the place is already inside. So a document in which
twenty schemas each hold the next one twice costs twenty comparisons and not a million.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from attrs import define, evolve, field

from drift import schema
from drift.rules import Difference
from drift.schema import Nodes, Resolver, Schema
from drift.schema_diff import compare_schemas
from openapi_tools import model
from openapi_tools.model import Location

# Upstream's five operations have 120 pairs of schemas.
MAX_PAIRS: Final = 50_000
# Tokens of a place; upstream's longest has 20. It also bounds what the places of all pairs take in memory.
MAX_LENGTH: Final = 300
# Forms of one choice, and choices within choices.
MAX_VARIANTS: Final = 100
MAX_CHOICES: Final = 20

Key = tuple[tuple[int, ...], tuple[int, ...], bool]


@define
class _Pair:
    """Two schemas, where they were met first, what differs in them and, once `open`, the pairs inside by place."""

    old: Schema = field(repr=False)
    new: Schema = field(repr=False)
    at: Location
    sent: bool
    open: bool = False
    found: list[Difference] = field(factory=list)
    inside: list[tuple[Location, Key]] = field(factory=list)


class PairGraph:
    """All pairs of schemas met so far. The documents must live as long: objects are known by their identity."""

    def __init__(self, old: Resolver, new: Resolver) -> None:
        self._old, self._new = old, new
        self._pairs: dict[Key, _Pair] = {}
        self._choices_open = 0
        self._places = 0

    def differences(self, old: Nodes, new: Nodes, at: Location, *, sent: bool) -> Iterator[Difference]:
        """Every difference between two schemas, with its place, which begins with `at`."""
        start = self._meet(old, new, at, sent=sent)
        leading = self._leading(self._reach(start))
        waiting: list[tuple[Location, Key, frozenset[Key]]] = [(at, start, frozenset())] if start in leading else []
        while waiting:
            self._places += 1
            place, key, above = waiting.pop()
            if self._places > model.MAX_LOCATIONS or len(place) > MAX_LENGTH:
                raise model.too_many_references(at)
            pair = self._pairs[key]
            for difference in pair.found:
                yield evolve(difference, at=(*place, *difference.at))
            within = above | {key}
            waiting += [
                ((*place, *token), inner, within)
                for token, inner in pair.inside
                if inner in leading and inner not in within
            ]

    def _meet(self, old: Nodes, new: Nodes, at: Location, *, sent: bool) -> Key:
        befores = tuple(self._old.resolve(node, "Schema", at) for node in old)
        afters = tuple(self._new.resolve(node, "Schema", at) for node in new)
        key = (tuple(map(id, befores)), tuple(map(id, afters)), sent)
        if key not in self._pairs:
            if len(self._pairs) >= MAX_PAIRS or len(at) > MAX_LENGTH:
                raise model.too_many_references(at)
            meanings = schema.read_schema(self._old, befores, at), schema.read_schema(self._new, afters, at)
            self._pairs[key] = _Pair(*meanings, at, sent)
        return key

    def _reach(self, start: Key) -> set[Key]:
        """The pair and all pairs inside it, each compared."""
        waiting, reached = [start], {start}
        while waiting:
            pair = self._pairs[waiting.pop()]
            if not pair.open:
                pair.open = True
                self._compare(pair)
            inner = {key for _, key in pair.inside} - reached
            waiting += inner
            reached |= inner
        return reached

    def _compare(self, pair: _Pair) -> None:
        pair.found, insides = compare_schemas(pair.old, pair.new, partial(self._match, pair), sent=pair.sent)
        for inside in insides:
            inner = self._meet(inside.old, inside.new, (*pair.at, *inside.at), sent=pair.sent)
            pair.inside.append((inside.at, inner))
        negated = pair.old.negated, pair.new.negated
        if any(negated) and not self._same(*negated, (*pair.at, "not"), sent=pair.sent):
            pair.found.append(Difference("not-changed", ("not",)))

    def _leading(self, reached: Iterable[Key]) -> set[Key]:
        """Those of some pairs with a difference in them or somewhere inside."""
        outer: dict[Key, list[Key]] = {}
        leading = set()
        for key in reached:
            pair = self._pairs[key]
            if pair.found:
                leading.add(key)
            for _, inner in pair.inside:
                outer.setdefault(inner, []).append(key)
        waiting = list(leading)
        while waiting:
            new = set(outer.get(waiting.pop(), ())) - leading
            waiting += new
            leading |= new
        return leading

    def _same(self, old: Nodes, new: Nodes, at: Location, *, sent: bool) -> bool:
        """Whether two schemas mean the same. A pair that is still being compared further out counts as the same."""
        if self._choices_open >= MAX_CHOICES:
            raise model.too_many_references(at)
        self._choices_open += 1
        try:
            return not any(self._pairs[key].found for key in self._reach(self._meet(old, new, at, sent=sent)))
        finally:
            self._choices_open -= 1

    def _match(self, pair: _Pair, keyword: str) -> list[tuple[int | None, int | None]]:
        """Find for each form of a `oneOf` or `anyOf` its counterpart: neither order nor schemas' names say which it is.

        The same discriminator value counts first, then the same meaning, then likeness.
        """
        before, after = pair.old.variants[keyword], pair.new.variants[keyword]
        at = (*pair.at, keyword)
        if max(len(before), len(after)) > MAX_VARIANTS:
            raise model.too_many_references(at)
        called = [_variant_names(pair.old, keyword), _variant_names(pair.new, keyword)]
        fits: tuple[Callable[[int, int], bool], ...] = (
            lambda one, other: bool(called[0][one] & called[1][other]),
            lambda one, other: self._same((before[one],), (after[other],), (*at, str(other)), sent=pair.sent),
            lambda one, other: _are_similar(
                schema.read_schema(self._old, (before[one],), at), schema.read_schema(self._new, (after[other],), at)
            ),
        )
        old, new = list(range(len(before))), list(range(len(after)))
        made: list[tuple[int | None, int | None]] = []
        for fit in fits:
            for one in list(old):
                other = next((index for index in new if fit(one, index)), None)
                if other is not None:
                    made.append((one, other))
                    old.remove(one)
                    new.remove(other)
        return [*made, *((one, None) for one in old), *((None, other) for other in new)]


def _variant_names(schema: Schema, keyword: str) -> list[set[str]]:
    """The discriminator values of each form."""
    mapping = schema.discriminator[1].items() if schema.discriminator else ()
    return [{value for value, node in mapping if node is form} for form in schema.variants[keyword]]


def _are_similar(old: Schema, new: Schema) -> bool:
    """Whether one may have become the other: of one type and, if objects, with half of the old one's properties."""
    return old.type == new.type and 2 * len(old.properties.keys() & new.properties.keys()) >= len(old.properties)
