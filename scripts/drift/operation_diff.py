"""Compare one operation in two documents: what differs in what a client calls, sends and reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import evolve, frozen

from drift import operation
from drift.operation import Scheme, Scopes
from drift.rules import RULES, Class, Difference, Direction
from drift.schema import Nodes, Side
from drift.schema_diff import lifetime, unknown_keywords
from drift.schema_pairs import Pairs
from openapi_tools import model, prose
from openapi_tools.errors import AssumptionError
from openapi_tools.model import Kind, Tokens, shown
from openapi_tools.operations import Found, Operation, find_operation

_DATED: Final = re.compile(r"(application/vnd\.atlas\.)([0-9]{4}-[0-9]{2}-[0-9]{2})(\+[a-z]+)")


@frozen
class Change:
    """One difference, judged."""

    judged: Class
    operation: str
    at: Tokens
    says: str


def compare(old: Side, new: Side, operations: Sequence[Operation]) -> list[Change]:
    """Every difference in the operations, in their order.

    Raises:
        DocumentError: a document refers to what is not there, or an object is not what it should be.
    """
    pairs = Pairs(old, new)
    return [change for operation in operations for change in _Comparison(old, new, pairs, operation).changes()]


class _Comparison:
    """One operation; each method yields what differs in one part of it, with its place in the operation."""

    def __init__(self, old: Side, new: Side, pairs: Pairs, operation: Operation) -> None:
        self._old, self._new, self._pairs, self._operation = old, new, pairs, operation

    def changes(self) -> list[Change]:
        """What differs, judged by the way the data goes."""
        old, new = (find_operation(side.root, self._operation) for side in (self._old, self._new))
        for side, found in ((self._old, old), (self._new, new)):
            if found is not None:
                operation.check_references(side, found)
        if old is None or new is None:
            return [self._judged(self._gone(old) if old is not None else self._new_or_nowhere(new))]
        differences = [
            *self._whole(old, new),
            *compare_security(self._old, old, self._new, new),
            *self._parameters(old, new),
            *self._body(old, new),
            *self._responses(old, new),
        ]
        return [self._judged(difference) for difference in sorted(differences, key=lambda difference: difference.at)]

    def _judged(self, difference: Difference) -> Change:
        direction: Direction = "read" if difference.at[:1] == ("responses",) else "sent"
        rule = RULES[difference.rule]
        says = rule.message(direction, before=difference.before, after=difference.after)
        return Change(rule.judge(direction), self._operation.title, difference.at, says)

    def _gone(self, old: Found) -> Difference:
        to = operation.moved_to(self._new, old.node.get("operationId"))
        return Difference("operation-gone", (), after=f", and {shown(to)} has its operationId" if to else "")

    def _new_or_nowhere(self, new: Found | None) -> Difference:
        if new is None:
            raise AssumptionError(f"{self._operation.title} is in neither document; are they of this API?")
        return Difference("operation-new", ())

    def _whole(self, old: Found, new: Found) -> Iterator[Difference]:
        before, after = old.node.get("operationId"), new.node.get("operationId")
        if before != after:
            yield Difference("operation-renamed", ("operationId",), shown(before), shown(after))
        yield from _around(old.node, new.node, "Operation", ())
        at = ("servers",)
        served, serves = operation.servers(self._old, old), operation.servers(self._new, new)
        yield from (Difference("server-gone", at, before=shown(url)) for url in served if url not in serves)
        yield from (Difference("server-new", at, after=shown(url)) for url in serves if url not in served)

    def _parameters(self, old: Found, new: Found) -> Iterator[Difference]:
        before, after = operation.parameters(self._old, old), operation.parameters(self._new, new)
        gone, added = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
        for place, name in list(gone):
            to = [key for key in added if key[0] != place and key[1].lower() == name.lower()]
            if to:
                added.remove(to[0])
                gone.remove((place, name))
                yield Difference("parameter-moved", _parameter_at((place, name)), shown(place), shown(to[0][0]))
        yield from (Difference("parameter-gone", _parameter_at(key)) for key in gone)
        for key in added:
            rule = "parameter-new-required" if after[key].get("required") is True else "parameter-new"
            yield Difference(rule, _parameter_at(key))
        for key in sorted(before.keys() & after.keys()):
            yield from self._parameter(before[key], after[key], _parameter_at(key))

    def _parameter(self, old: Mapping[str, Any], new: Mapping[str, Any], at: Tokens) -> Iterator[Difference]:
        yield from _around(old, new, "Parameter", at)
        yield from _required(old, new, at)
        before, after = operation.written(old), operation.written(new)
        for key in before:
            if before[key] != after[key]:
                # More may be written than before; what is written today still may.
                freer = key in {"allowReserved", "allowEmptyValue"} and after[key] is True
                rule = "parameter-freer" if freer else "parameter-written"
                yield Difference(rule, (*at, key), *(shown({key: side[key]}) for side in (before, after)))
        yield from self._value(old, new, at, sent=True)

    def _value(self, old: Mapping[str, Any], new: Mapping[str, Any], at: Tokens, *, sent: bool) -> Iterator[Difference]:
        """What a parameter or a header holds: a schema, or content of a media type."""
        before, after = ("content" if "content" in node else "schema" for node in (old, new))
        if before != after:
            # A value by itself became one within JSON, say, or the other way round.
            yield Difference("parameter-written", at, shown(before), shown(after))
            return
        yield from self._schema(old, new, at, sent=sent)
        yield from self._content(old, new, at, sent=sent)

    def _body(self, old: Found, new: Found) -> Iterator[Difference]:
        at = ("requestBody",)
        if "requestBody" not in old.node and "requestBody" not in new.node:
            return
        before = self._old.resolve(old.node.get("requestBody", {}), "RequestBody", at)
        after = self._new.resolve(new.node.get("requestBody", {}), "RequestBody", at)
        if "requestBody" not in old.node:
            yield Difference("body-new-required" if after.get("required") is True else "body-new", at)
        elif "requestBody" not in new.node:
            yield Difference("body-gone", at)
        else:
            yield from _around(before, after, "RequestBody", at)
            yield from _required(before, after, at)
            yield from self._content(before, after, at, sent=True)

    def _responses(self, old: Found, new: Found) -> Iterator[Difference]:
        before, after = operation.responses(self._old, old), operation.responses(self._new, new)
        for status in sorted(before.keys() | after.keys()):
            at = ("responses", status)
            if status not in after:
                yield Difference("response-gone" if status.startswith("2") else "error-gone", at)
            elif status not in before:
                yield Difference("response-new", at)
            else:
                yield from _around(before[status], after[status], "Response", at)
                yield from self._headers(before[status], after[status], at)
                yield from self._content(before[status], after[status], at, sent=False)

    def _headers(self, old: Mapping[str, Any], new: Mapping[str, Any], at: Tokens) -> Iterator[Difference]:
        before, after = operation.headers(self._old, old, at), operation.headers(self._new, new, at)
        for key in sorted(before.keys() | after.keys()):
            place = (*at, "headers", after.get(key, before.get(key, (key,)))[0])
            if key not in after:
                yield Difference("header-gone", place)
            elif key not in before:
                yield Difference("header-new", place)
            else:
                (_, was), (_, now) = before[key], after[key]
                yield from _around(was, now, "Header", place)
                if bool(was.get("required")) != bool(now.get("required")):
                    rule = "header-certain" if now.get("required") else "header-uncertain"
                    yield Difference(rule, (*place, "required"))
                yield from self._value(was, now, place, sent=False)

    def _content(
        self, old: Mapping[str, Any], new: Mapping[str, Any], at: Tokens, *, sent: bool
    ) -> Iterator[Difference]:
        before, after = operation.content(old, at), operation.content(new, at)
        for name in sorted(before.keys() | after.keys()):
            place = (*at, "content", name)
            if name not in after:
                yield Difference("media-type-gone", place)
            elif name not in before:
                newer = not sent and self._is_newer(name)
                yield Difference(
                    "media-type-newer" if newer else "media-type-new", place, before=shown(self._operation.accept)
                )
            else:
                yield from _around(before[name], after[name], "MediaType", place)
                yield from self._schema(before[name], after[name], place, sent=sent)

    def _is_newer(self, media_type: str) -> bool:
        ours, theirs = _DATED.fullmatch(self._operation.accept), _DATED.fullmatch(media_type)
        return ours is not None and theirs is not None and ours[3] == theirs[3] and theirs[2] > ours[2]

    def _schema(
        self, old: Mapping[str, Any], new: Mapping[str, Any], at: Tokens, *, sent: bool
    ) -> Iterator[Difference]:
        if "schema" in old or "schema" in new:
            yield from self._pairs.differences(_schema(old), _schema(new), (*at, "schema"), sent=sent)


def _schema(node: Mapping[str, Any]) -> Nodes:
    return (node["schema"],) if "schema" in node else ()


def _parameter_at(key: tuple[str, str]) -> Tokens:
    # As in the lock's prose: an index would move with its neighbours.
    return "parameters", f"{key[0]}:{key[1]}"


def _required(old: Mapping[str, Any], new: Mapping[str, Any], at: Tokens) -> Iterator[Difference]:
    if (old.get("required") is True) != (new.get("required") is True):
        yield Difference("now-required" if new.get("required") is True else "now-optional", (*at, "required"))


def _around(old: Mapping[str, Any], new: Mapping[str, Any], kind: Kind, at: Tokens) -> Iterator[Difference]:
    """What objects of every kind have: the end of their life, and keywords that nothing here knows."""
    ended, ends = old.get("x-sunset"), new.get("x-sunset")
    for difference in (
        *lifetime(old.get("deprecated"), new.get("deprecated"), ended, ends),
        *unknown_keywords(operation.unknown(old, kind), operation.unknown(new, kind)),
    ):
        yield evolve(difference, at=(*at, *difference.at))


def compare_security(old_side: Side, old: Found, new_side: Side, new: Found) -> Iterator[Difference]:
    """What differs in the ways to authenticate that one operation has in two documents."""
    before, after = operation.ways(old_side, old), operation.ways(new_side, new)
    for name in sorted(before.keys() | after.keys()):
        at = ("security", name)
        if name not in after:
            yield Difference("security-gone", at, before=shown(name))
        elif name not in before:
            yield Difference("security-new", at, after=shown(name))
        else:
            (old_schemes, old_scopes), (new_schemes, new_scopes) = before[name], after[name]
            for scheme in sorted(old_schemes):
                yield from _addresses(old_schemes[scheme], new_schemes[scheme], at)
            for scope in sorted(_not_covered(old_scopes, new_scopes)):
                yield Difference("scope-needed", at, after=shown(scope))
            for scope in sorted(_not_covered(new_scopes, old_scopes)):
                yield Difference("scope-not-needed", at, before=shown(scope))


def _addresses(old: Scheme, new: Scheme, at: Tokens) -> Iterator[Difference]:
    for key in sorted(old.addresses.keys() | new.addresses.keys()):
        was, now = old.addresses.get(key), new.addresses.get(key, "not there")
        if was is None:
            yield Difference("security-address-new", (*at, key), after=shown(now))
        elif was != now:
            yield Difference("security-address", (*at, key), shown(was), shown(now))


def _not_covered(these: Scopes, those: Scopes) -> frozenset[str]:
    """What each set of `these` lacks of the nearest of `those`."""
    return frozenset[str]().union(*(min((other - one for other in those), key=len) for one in these))


def compare_prose(
    locked: Mapping[str, Mapping[str, str]], new: Side, operations: Sequence[Operation], structural: Sequence[Change]
) -> list[Change]:
    """Every place whose words are others than when the fragment was cut.

    Words that came or went with the thing they describe are left out: `structural` has told of it already.
    """
    here = [operation for operation in operations if find_operation(new.root, operation) is not None]
    digests = prose.digests(new.root, here)
    told = {(change.operation, model.pointer(change.at)) for change in structural}
    return [
        Change("documentation", operation.title, model.tokens(place), says)
        for operation in here
        if operation.title in locked
        for place, says in _differences(locked[operation.title], digests[operation.title])
        if not any((operation.title, above) in told for above in _above(place))
    ]


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for place in sorted(old.keys() | new.keys()):
        if old.get(place) != new.get(place):
            yield place, "has other words" if place in old and place in new else "is new" if place in new else "is gone"


def _above(place: str) -> Iterator[str]:
    """The places that hold this one, the operation itself included."""
    while place:
        place = place.rpartition("/")[0]
        yield place
