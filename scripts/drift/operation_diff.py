"""Compare one operation in two documents: what differs in what a client calls, sends and reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import evolve, frozen

from drift import operation
from drift.operation import Scheme, Scopes
from drift.rules import RULES, Category, Difference, Direction
from drift.schema import Nodes, Resolver
from drift.schema_diff import compare_lifetime, compare_unknown
from drift.schema_pairs import PairGraph
from openapi_tools import model, prose
from openapi_tools.errors import AssumptionError
from openapi_tools.model import Kind, Location, as_code
from openapi_tools.operations import LocatedOperation, Operation, find_operation

_DATED: Final = re.compile(r"(application/vnd\.atlas\.)([0-9]{4}-[0-9]{2}-[0-9]{2})(\+[a-z]+)")


@frozen
class Change:
    """One difference, judged."""

    category: Category
    operation: str
    at: Location
    text: str


def compare_operations(old: Resolver, new: Resolver, operations: Sequence[Operation]) -> list[Change]:
    """Every difference in the operations, in their order.

    Raises:
        DocumentError: a document refers to what is not there, or an object is not what it should be.
    """
    pairs = PairGraph(old, new)
    return [change for operation in operations for change in _Comparison(old, new, pairs, operation).changes()]


class _Comparison:
    """One operation; each method yields what differs in one part of it, with its place in the operation."""

    def __init__(self, old: Resolver, new: Resolver, pairs: PairGraph, operation: Operation) -> None:
        self._old, self._new, self._pairs, self._operation = old, new, pairs, operation

    def changes(self) -> list[Change]:
        """What differs, judged by the way the data goes."""
        old, new = (find_operation(side.root, self._operation) for side in (self._old, self._new))
        for side, found in ((self._old, old), (self._new, new)):
            if found is not None:
                operation.check_references(side, found)
        if old is None or new is None:
            return [self._classified(self._gone(old) if old is not None else self._new_or_nowhere(new))]
        differences = [
            *self._whole(old, new),
            *compare_security(self._old, old, self._new, new),
            *self._parameters(old, new),
            *self._body(old, new),
            *self._responses(old, new),
        ]
        return [
            self._classified(difference) for difference in sorted(differences, key=lambda difference: difference.at)
        ]

    def _classified(self, difference: Difference) -> Change:
        direction: Direction = "read" if difference.at[:1] == ("responses",) else "sent"
        rule = RULES[difference.rule]
        text = rule.message(direction, before=difference.before, after=difference.after)
        return Change(rule.classify(direction), self._operation.title, difference.at, text)

    def _gone(self, old: LocatedOperation) -> Difference:
        to = operation.find_by_operation_id(self._new, old.node.get("operationId"))
        return Difference("operation-removed", (), after=f", and {as_code(to)} has its operationId" if to else "")

    def _new_or_nowhere(self, new: LocatedOperation | None) -> Difference:
        if new is None:
            raise AssumptionError(f"{self._operation.title} is in neither document; are they of this API?")
        return Difference("operation-added", ())

    def _whole(self, old: LocatedOperation, new: LocatedOperation) -> Iterator[Difference]:
        before, after = old.node.get("operationId"), new.node.get("operationId")
        if before != after:
            yield Difference("operation-renamed", ("operationId",), as_code(before), as_code(after))
        yield from _common(old.node, new.node, "Operation", ())
        at = ("servers",)
        served, serves = operation.servers(self._old, old), operation.servers(self._new, new)
        yield from (Difference("server-removed", at, before=as_code(url)) for url in served if url not in serves)
        yield from (Difference("server-added", at, after=as_code(url)) for url in serves if url not in served)

    def _parameters(self, old: LocatedOperation, new: LocatedOperation) -> Iterator[Difference]:
        before, after = operation.parameters(self._old, old), operation.parameters(self._new, new)
        gone, added = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
        for place, name in list(gone):
            to = [key for key in added if key[0] != place and key[1].lower() == name.lower()]
            if to:
                added.remove(to[0])
                gone.remove((place, name))
                yield Difference("parameter-moved", _parameter_at((place, name)), as_code(place), as_code(to[0][0]))
        yield from (Difference("parameter-removed", _parameter_at(key)) for key in gone)
        for key in added:
            rule = "required-parameter-added" if after[key].get("required") is True else "parameter-added"
            yield Difference(rule, _parameter_at(key))
        for key in sorted(before.keys() & after.keys()):
            yield from self._parameter(before[key], after[key], _parameter_at(key))

    def _parameter(self, old: Mapping[str, Any], new: Mapping[str, Any], at: Location) -> Iterator[Difference]:
        yield from _common(old, new, "Parameter", at)
        yield from _required(old, new, at)
        before, after = operation.serialization(old), operation.serialization(new)
        for key in before:
            if before[key] != after[key]:
                # More may be written than before; what is written today still may.
                freer = key in {"allowReserved", "allowEmptyValue"} and after[key] is True
                rule = "serialization-looser" if freer else "serialization-changed"
                yield Difference(rule, (*at, key), *(as_code({key: side[key]}) for side in (before, after)))
        yield from self._value(old, new, at, sent=True)

    def _value(
        self, old: Mapping[str, Any], new: Mapping[str, Any], at: Location, *, sent: bool
    ) -> Iterator[Difference]:
        """What a parameter or a header holds: a schema, or content of a media type."""
        before, after = ("content" if "content" in node else "schema" for node in (old, new))
        if before != after:
            # A value by itself became one within JSON, say, or the other way round.
            yield Difference("serialization-changed", at, as_code(before), as_code(after))
            return
        yield from self._schema(old, new, at, sent=sent)
        yield from self._content(old, new, at, sent=sent)

    def _body(self, old: LocatedOperation, new: LocatedOperation) -> Iterator[Difference]:
        at = ("requestBody",)
        if "requestBody" not in old.node and "requestBody" not in new.node:
            return
        before = self._old.resolve(old.node.get("requestBody", {}), "RequestBody", at)
        after = self._new.resolve(new.node.get("requestBody", {}), "RequestBody", at)
        if "requestBody" not in old.node:
            yield Difference("required-body-added" if after.get("required") is True else "body-added", at)
        elif "requestBody" not in new.node:
            yield Difference("body-removed", at)
        else:
            yield from _common(before, after, "RequestBody", at)
            yield from _required(before, after, at)
            yield from self._content(before, after, at, sent=True)

    def _responses(self, old: LocatedOperation, new: LocatedOperation) -> Iterator[Difference]:
        before, after = operation.responses(self._old, old), operation.responses(self._new, new)
        for status in sorted(before.keys() | after.keys()):
            at = ("responses", status)
            if status not in after:
                yield Difference("response-removed" if status.startswith("2") else "error-removed", at)
            elif status not in before:
                yield Difference("response-added", at)
            else:
                yield from _common(before[status], after[status], "Response", at)
                yield from self._headers(before[status], after[status], at)
                yield from self._content(before[status], after[status], at, sent=False)

    def _headers(self, old: Mapping[str, Any], new: Mapping[str, Any], at: Location) -> Iterator[Difference]:
        before, after = operation.headers(self._old, old, at), operation.headers(self._new, new, at)
        for key in sorted(before.keys() | after.keys()):
            place = (*at, "headers", after.get(key, before.get(key, (key,)))[0])
            if key not in after:
                yield Difference("header-removed", place)
            elif key not in before:
                yield Difference("header-added", place)
            else:
                (_, was), (_, now) = before[key], after[key]
                yield from _common(was, now, "Header", place)
                if bool(was.get("required")) != bool(now.get("required")):
                    rule = "header-now-required" if now.get("required") else "header-now-optional"
                    yield Difference(rule, (*place, "required"))
                yield from self._value(was, now, place, sent=False)

    def _content(
        self, old: Mapping[str, Any], new: Mapping[str, Any], at: Location, *, sent: bool
    ) -> Iterator[Difference]:
        before, after = operation.content(old, at), operation.content(new, at)
        for name in sorted(before.keys() | after.keys()):
            place = (*at, "content", name)
            if name not in after:
                yield Difference("media-type-removed", place)
            elif name not in before:
                newer = not sent and self._is_newer(name)
                yield Difference(
                    "media-type-newer" if newer else "media-type-added", place, before=as_code(self._operation.accept)
                )
            else:
                yield from _common(before[name], after[name], "MediaType", place)
                yield from self._schema(before[name], after[name], place, sent=sent)

    def _is_newer(self, media_type: str) -> bool:
        ours, theirs = _DATED.fullmatch(self._operation.accept), _DATED.fullmatch(media_type)
        return ours is not None and theirs is not None and ours[3] == theirs[3] and theirs[2] > ours[2]

    def _schema(
        self, old: Mapping[str, Any], new: Mapping[str, Any], at: Location, *, sent: bool
    ) -> Iterator[Difference]:
        if "schema" in old or "schema" in new:
            yield from self._pairs.differences(_schema(old), _schema(new), (*at, "schema"), sent=sent)


def _schema(node: Mapping[str, Any]) -> Nodes:
    return (node["schema"],) if "schema" in node else ()


def _parameter_at(key: tuple[str, str]) -> Location:
    # As in the lock's prose: an index would move with its neighbours.
    return "parameters", f"{key[0]}:{key[1]}"


def _required(old: Mapping[str, Any], new: Mapping[str, Any], at: Location) -> Iterator[Difference]:
    if (old.get("required") is True) != (new.get("required") is True):
        yield Difference("now-required" if new.get("required") is True else "now-optional", (*at, "required"))


def _common(old: Mapping[str, Any], new: Mapping[str, Any], kind: Kind, at: Location) -> Iterator[Difference]:
    """What objects of every kind have: the end of their life, and keywords that nothing here knows."""
    ended, ends = old.get("x-sunset"), new.get("x-sunset")
    for difference in (
        *compare_lifetime(old.get("deprecated"), new.get("deprecated"), ended, ends),
        *compare_unknown(operation.unknown_keywords(old, kind), operation.unknown_keywords(new, kind)),
    ):
        yield evolve(difference, at=(*at, *difference.at))


def compare_security(
    old_side: Resolver, old: LocatedOperation, new_side: Resolver, new: LocatedOperation
) -> Iterator[Difference]:
    """What differs in the ways to authenticate that one operation has in two documents."""
    before, after = operation.auth_methods(old_side, old), operation.auth_methods(new_side, new)
    for name in sorted(before.keys() | after.keys()):
        at = ("security", name)
        if name not in after:
            yield Difference("security-removed", at, before=as_code(name))
        elif name not in before:
            yield Difference("security-added", at, after=as_code(name))
        else:
            (old_schemes, old_scopes), (new_schemes, new_scopes) = before[name], after[name]
            for scheme in sorted(old_schemes):
                yield from _urls(old_schemes[scheme], new_schemes[scheme], at)
            for scope in sorted(_not_covered(old_scopes, new_scopes)):
                yield Difference("scope-added", at, after=as_code(scope))
            for scope in sorted(_not_covered(new_scopes, old_scopes)):
                yield Difference("scope-removed", at, before=as_code(scope))


def _urls(old: Scheme, new: Scheme, at: Location) -> Iterator[Difference]:
    for key in sorted(old.urls.keys() | new.urls.keys()):
        was, now = old.urls.get(key), new.urls.get(key, "not there")
        if was is None:
            yield Difference("security-url-added", (*at, key), after=as_code(now))
        elif was != now:
            yield Difference("security-url-changed", (*at, key), as_code(was), as_code(now))


def _not_covered(these: Scopes, those: Scopes) -> frozenset[str]:
    """What each set of `these` lacks of the nearest of `those`."""
    return frozenset[str]().union(*(min((other - one for other in those), key=len) for one in these))


def compare_prose(
    locked: Mapping[str, Mapping[str, str]],
    new: Resolver,
    operations: Sequence[Operation],
    structural: Sequence[Change],
) -> list[Change]:
    """Every place whose words are others than when the fragment was cut.

    Words that came or went with the thing they describe are left out: `structural` has told of it already.
    """
    here = [operation for operation in operations if find_operation(new.root, operation) is not None]
    digests = prose.digests(new.root, here)
    reported = {(change.operation, model.pointer(change.at)) for change in structural}
    return [
        Change("documentation", operation.title, model.parse_pointer(place), text)
        for operation in here
        if operation.title in locked
        for place, text in _differences(locked[operation.title], digests[operation.title])
        if not any((operation.title, above) in reported for above in _ancestors(place))
    ]


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for place in sorted(old.keys() | new.keys()):
        if old.get(place) != new.get(place):
            yield place, "has other words" if place in old and place in new else "is new" if place in new else "is gone"


def _ancestors(place: str) -> Iterator[str]:
    """The places that hold this one, the operation itself included."""
    while place:
        place = place.rpartition("/")[0]
        yield place
