"""Compare whole schemas, cycles included: each pair of schemas once, however many places refer to it.

The pairs form a graph, which is built first, with the differences of each pair. Then the locations are walked, only
along edges that lead to a difference, and never into a pair that the location is already inside. So a document in which
twenty schemas each hold the next one twice costs twenty comparisons instead of a million.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from attrs import define, evolve, field

from drift.rules import Difference
from drift.schema import Nodes, Resolver, Schema, read_schema
from drift.schema_diff import compare_schemas
from openapi_tools import model
from openapi_tools.model import Location

# Upstream's five operations have 120 pairs of schemas.
MAX_PAIRS: Final = 50_000
# Tokens of a location; upstream's longest has 20. This also limits the memory for the locations of all pairs.
MAX_LENGTH: Final = 300
# Variants of one choice, and choices within choices.
MAX_VARIANTS: Final = 100
MAX_CHOICES: Final = 20

Key = tuple[tuple[int, ...], tuple[int, ...], bool]


@define
class _Pair:
    """Two schemas, where they were first met, their names, and, once `compared`, differences and the pairs inside."""

    old: Schema = field(repr=False)
    new: Schema = field(repr=False)
    at: Location
    sent: bool
    names: tuple[str | None, str | None]
    compared: bool = False
    found: list[Difference] = field(factory=list)
    inside: list[tuple[Location, Key]] = field(factory=list)


class PairGraph:
    """All pairs of schemas so far. Both documents must outlive it, because objects are known by their identity."""

    def __init__(self, old: Resolver, new: Resolver) -> None:
        self._old, self._new = old, new
        self._pairs: dict[Key, _Pair] = {}
        self._open_choices = 0
        self._locations = 0

    def differences(self, old: Nodes, new: Nodes, at: Location, *, sent: bool) -> Iterator[Difference]:
        """Every difference between two schemas, with its location, which starts with `at`."""
        start = self._add_pair(old, new, at, sent=sent)
        leading = self._leading_to_differences(self._expand(start))
        waiting: list[tuple[Location, Key, frozenset[Key], str]] = []
        if start in leading:
            waiting.append((at, start, frozenset(), ""))
        while waiting:
            self._locations += 1
            place, key, above, holder = waiting.pop()
            if self._locations > model.MAX_LOCATIONS or len(place) > MAX_LENGTH:
                raise model.too_many_references(at)
            pair = self._pairs[key]
            subject = pair.names[0] or holder or pair.names[1] or ""
            for difference in pair.found:
                # The keyword itself is about the object, not about its values.
                inside = () if difference.at == ("additionalProperties",) else difference.at
                yield evolve(difference, at=(*place, *difference.at), subject=model.extend_subject(subject, inside))
            within = above | {key}
            waiting += [
                ((*place, *token), inner, within, model.extend_subject(subject, token))
                for token, inner in pair.inside
                if inner in leading and inner not in within
            ]

    def _add_pair(self, old: Nodes, new: Nodes, at: Location, *, sent: bool) -> Key:
        befores = tuple(self._old.resolve(node, "Schema", at) for node in old)
        afters = tuple(self._new.resolve(node, "Schema", at) for node in new)
        key = (tuple(map(id, befores)), tuple(map(id, afters)), sent)
        if key not in self._pairs:
            if len(self._pairs) >= MAX_PAIRS or len(at) > MAX_LENGTH:
                raise model.too_many_references(at)
            names = self._old.name_of(befores), self._new.name_of(afters)
            schemas = read_schema(self._old, befores, at), read_schema(self._new, afters, at)
            self._pairs[key] = _Pair(*schemas, at, sent, names)
        return key

    def names(self) -> Iterator[tuple[str, str, Location]]:
        """The name of each compared component before and after, with where it was first met."""
        for pair in self._pairs.values():
            before, after = pair.names
            if before is not None and after is not None:
                yield before, after, pair.at

    def _expand(self, start: Key) -> set[Key]:
        """A pair and all pairs inside it, all compared."""
        waiting, reached = [start], {start}
        while waiting:
            pair = self._pairs[waiting.pop()]
            if not pair.compared:
                pair.compared = True
                self._compare(pair)
            inner = {key for _, key in pair.inside} - reached
            waiting += inner
            reached |= inner
        return reached

    def _compare(self, pair: _Pair) -> None:
        pair.found, nested = compare_schemas(pair.old, pair.new, partial(self._match_variants, pair), sent=pair.sent)
        for inside in nested:
            inner = self._add_pair(inside.old, inside.new, (*pair.at, *inside.at), sent=pair.sent)
            pair.inside.append((inside.at, inner))
        negated = pair.old.negated, pair.new.negated
        if any(negated) and not self._are_equal(*negated, (*pair.at, "not"), sent=pair.sent):
            pair.found.append(Difference("not-changed", ("not",)))

    def _leading_to_differences(self, reached: Iterable[Key]) -> set[Key]:
        """The pairs that have a difference, or contain one somewhere inside."""
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

    def _are_equal(self, old: Nodes, new: Nodes, at: Location, *, sent: bool) -> bool:
        """Whether two schemas mean the same. A pair whose comparison is still in progress counts as equal."""
        if self._open_choices >= MAX_CHOICES:
            raise model.too_many_references(at)
        self._open_choices += 1
        try:
            return not any(self._pairs[key].found for key in self._expand(self._add_pair(old, new, at, sent=sent)))
        finally:
            self._open_choices -= 1

    def _match_variants(self, pair: _Pair, keyword: str) -> list[tuple[int | None, int | None]]:
        """Pair the variants of a `oneOf` or `anyOf`, which neither their order nor schema names identify.

        An equal discriminator value counts first, then equal meaning, then similarity.
        """
        before, after = pair.old.variants[keyword], pair.new.variants[keyword]
        at = (*pair.at, keyword)
        if max(len(before), len(after)) > MAX_VARIANTS:
            raise model.too_many_references(at)
        names = [_variant_names(pair.old, keyword), _variant_names(pair.new, keyword)]
        tests: tuple[Callable[[int, int], bool], ...] = (
            lambda one, other: bool(names[0][one] & names[1][other]),
            lambda one, other: self._are_equal((before[one],), (after[other],), (*at, str(other)), sent=pair.sent),
            lambda one, other: _are_similar(
                read_schema(self._old, (before[one],), at), read_schema(self._new, (after[other],), at)
            ),
        )
        old, new = list(range(len(before))), list(range(len(after)))
        made: list[tuple[int | None, int | None]] = []
        for matches in tests:
            for one in list(old):
                other = next((index for index in new if matches(one, index)), None)
                if other is not None:
                    made.append((one, other))
                    old.remove(one)
                    new.remove(other)
        return [*made, *((one, None) for one in old), *((None, other) for other in new)]


def _variant_names(schema: Schema, keyword: str) -> list[set[str]]:
    """The discriminator values of each variant."""
    mapping = schema.discriminator[1].items() if schema.discriminator else ()
    return [{value for value, node in mapping if node is variant} for variant in schema.variants[keyword]]


def _are_similar(old: Schema, new: Schema) -> bool:
    """Whether one may have become the other: the same type and, for objects, half of the old one's properties."""
    return old.type == new.type and 2 * len(old.properties.keys() & new.properties.keys()) >= len(old.properties)
