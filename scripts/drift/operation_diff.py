"""Compare one operation in two documents: what differs in what a client calls, sends and reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve

from drift import operation
from drift.rules import RULES, Change, Difference, Direction
from drift.schema import Nodes, Resolver
from drift.schema_diff import compare_lifetime, compare_unknown
from drift.schema_pairs import PairGraph
from drift.versions import is_newer, successor
from openapi_tools import dialect, slicing
from openapi_tools.errors import AssumptionError
from openapi_tools.model import Kind, Location, as_code
from openapi_tools.operations import LocatedOperation, Operation, find_operation, placeholders


def compare_operations(
    old: Resolver, new: Resolver, operations: Sequence[Operation], pairs: PairGraph | None = None
) -> list[Change]:
    """Every structural difference in the operations, in their order; `pairs` collects the compared schemas.

    Raises:
        DocumentError: a document refers to something that it doesn't contain, or a value has the wrong type.
    """
    pairs = pairs or PairGraph(old, new)
    return [change for ours in operations for change in _Comparison(old, new, pairs, ours).changes()]


class _Comparison:
    """One operation; each method yields the differences in one part of it, with locations within the operation."""

    def __init__(self, old: Resolver, new: Resolver, pairs: PairGraph, ours: Operation) -> None:
        self._old, self._new, self._pairs, self._ours = old, new, pairs, ours

    def changes(self) -> list[Change]:
        """Return the differences, classified by the direction of the data."""
        old, new = (find_operation(resolver.root, self._ours) for resolver in (self._old, self._new))
        for resolver, found in ((self._old, old), (self._new, new)):
            if found is not None:
                # Follows every reference, also in new parts, which have nothing to be compared with.
                dialect.rewrite(resolver.root, found)
        if old is None and new is None and self._ours.optional:
            return []
        if old is None or new is None:
            return [self._classify(self._removed(old) if old is not None else self._added(new))]
        differences = [
            *self._operation(old, new),
            *self._roles(old, new),
            *self._security(old, new),
            *self._parameters(old, new),
            *self._body(old, new),
            *self._responses(old, new),
        ]
        return [self._classify(difference) for difference in sorted(differences, key=lambda difference: difference.at)]

    def _classify(self, difference: Difference) -> Change:
        direction: Direction = "read" if difference.at[:1] == ("responses",) else "sent"
        rule = RULES[difference.rule]
        fact = rule.text.format(before=difference.before, after=difference.after)
        if difference.rule in ("deprecated", "sunset") and (heir := successor(self._new, self._ours, difference.at)):
            fact += f", and upstream offers {as_code(heir)}"
        category, effect = rule.classify(direction), rule.effect(direction)
        return Change(category, self._ours.title, difference.at, fact, effect, difference.subject)

    def _removed(self, old: LocatedOperation) -> Difference:
        heir = operation.find_by_operation_id(self._new, old.node.get("operationId"))
        return Difference("operation-removed", (), after=f", and {as_code(heir)} has its operationId" if heir else "")

    def _added(self, new: LocatedOperation | None) -> Difference:
        if new is None:
            raise AssumptionError(f"{self._ours.title} is in neither document; are they documents of this API?")
        return Difference("operation-added", ())

    def _operation(self, old: LocatedOperation, new: LocatedOperation) -> Iterator[Difference]:
        before, after = old.node.get("operationId"), new.node.get("operationId")
        if before != after:
            yield Difference("operation-renamed", ("operationId",), as_code(before), as_code(after))
        yield from _common(old.node, new.node, "Operation", ())
        at = ("servers",)
        served, serves = operation.servers(self._old, old), operation.servers(self._new, new)
        yield from (Difference("server-removed", at, before=as_code(url)) for url in served if url not in serves)
        yield from (Difference("server-added", at, after=as_code(url)) for url in serves if url not in served)

    def _roles(self, old: LocatedOperation, new: LocatedOperation) -> Iterator[Difference]:
        before, after, at = operation.roles(old), operation.roles(new), (slicing.ROLES,)
        if not before and after:
            # The first statement of what was so all along.
            yield Difference("roles-stated", at, after=" or ".join(map(as_code, sorted(after))))
            return
        yield from (Difference("role-removed", at, before=as_code(role)) for role in sorted(before - after))
        yield from (Difference("role-added", at, after=as_code(role)) for role in sorted(after - before))

    def _security(self, old: LocatedOperation, new: LocatedOperation) -> Iterator[Difference]:
        before, after = operation.auth_methods(self._old, old), operation.auth_methods(self._new, new)
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

    def _parameters(self, old: LocatedOperation, new: LocatedOperation) -> Iterator[Difference]:
        before, after = operation.parameters(self._old, old), operation.parameters(self._new, new)
        for was, now in zip(placeholders(old.path), placeholders(new.path), strict=True):
            if was != now and ("path", was) in before:
                before["path", now] = before.pop(("path", was))
                yield Difference("parameter-renamed", _parameter_at(("path", now)), as_code(was), as_code(now))
        removed, added = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
        for place, name in list(removed):
            to = [key for key in added if key[0] != place and key[1].lower() == name.lower()]
            if to:
                added.remove(to[0])
                removed.remove((place, name))
                yield Difference("parameter-moved", _parameter_at((place, name)), as_code(place), as_code(to[0][0]))
        yield from (Difference("parameter-removed", _parameter_at(key)) for key in removed)
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
                # More is allowed than before; what is sent today still is.
                looser = key in {"allowReserved", "allowEmptyValue"} and after[key] is True
                rule = "serialization-looser" if looser else "serialization-changed"
                yield Difference(rule, (*at, key), as_code({key: before[key]}), as_code({key: after[key]}))
        yield from self._value(old, new, at, sent=True)

    def _value(
        self, old: Mapping[str, Any], new: Mapping[str, Any], at: Location, *, sent: bool
    ) -> Iterator[Difference]:
        """Return what a parameter or a header contains: a schema, or content of a media type."""
        before, after = ("content" if "content" in node else "schema" for node in (old, new))
        if before != after:
            # A plain value became JSON, for example, or the other way round.
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
                yield Difference("success-added" if status.startswith("2") else "response-added", at)
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
                rule = "media-type-newer" if is_newer(name, self._ours) else "media-type-added"
                yield Difference(rule, place, before=as_code(self._ours.accept))
            else:
                yield from _common(before[name], after[name], "MediaType", place)
                yield from self._schema(before[name], after[name], place, sent=sent)
                if name == self._ours.accept:
                    columns = slicing.csv_columns
                    was, now = columns(self._old.root, name, before[name]), columns(self._new.root, name, after[name])
                    yield from _columns(was, now, place)

    def _schema(
        self, old: Mapping[str, Any], new: Mapping[str, Any], at: Location, *, sent: bool
    ) -> Iterator[Difference]:
        if "schema" in old or "schema" in new:
            yield from self._pairs.differences(_schema_nodes(old), _schema_nodes(new), (*at, "schema"), sent=sent)


def _columns(old: list[str], new: list[str], at: Location) -> Iterator[Difference]:
    """Columns of a CSV by name; their order means nothing to code that reads by name."""
    if not old or not new:
        if old or new:
            yield Difference("columns-stated" if new else "columns-gone", at)
        return
    for column in sorted({*old, *new}):
        before, after = old.count(column), new.count(column)
        if before != after:
            rule = "column-added" if not before else "column-removed" if not after else "column-repeated"
            yield Difference(rule, (*at, "columns", column), str(before), str(after))


def _schema_nodes(node: Mapping[str, Any]) -> Nodes:
    return (node["schema"],) if "schema" in node else ()


def _parameter_at(key: tuple[str, str]) -> Location:
    # As in the lock's prose: an index would shift with its neighbours.
    return "parameters", f"{key[0]}:{key[1]}"


def _required(old: Mapping[str, Any], new: Mapping[str, Any], at: Location) -> Iterator[Difference]:
    if (old.get("required") is True) != (new.get("required") is True):
        yield Difference("now-required" if new.get("required") is True else "now-optional", (*at, "required"))


def _common(old: Mapping[str, Any], new: Mapping[str, Any], kind: Kind, at: Location) -> Iterator[Difference]:
    """Compare what objects of every kind have: deprecation and sunset, and keywords that nothing here knows."""
    for difference in (
        *compare_lifetime(old.get("deprecated"), new.get("deprecated"), old.get("x-sunset"), new.get("x-sunset")),
        *compare_unknown(operation.unknown_keywords(old, kind), operation.unknown_keywords(new, kind)),
    ):
        yield evolve(difference, at=(*at, *difference.at))


def _urls(old: operation.Urls, new: operation.Urls, at: Location) -> Iterator[Difference]:
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key, "missing")
        if was is None:
            yield Difference("security-url-added", (*at, key), after=as_code(now))
        elif was != now:
            yield Difference("security-url-changed", (*at, key), as_code(was), as_code(now))


def _not_covered(these: operation.Scopes, those: operation.Scopes) -> frozenset[str]:
    """Return what each set of `these` lacks of the closest of `those`."""
    return frozenset[str]().union(*(min((other - one for other in those), key=len) for one in these))
