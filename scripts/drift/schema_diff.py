"""Compare two schemas, one level of them: what differs here, and which schemas inside are to be compared in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from drift.rules import Difference
from drift.schema import LOWER, UPPER, Nodes, Schema, tightest
from openapi_tools.model import Location, as_code, as_code_list, canonical_json

# Pairs the forms of a choice: (old index or None, new index or None).
Match = Callable[[str], list[tuple[int | None, int | None]]]

# Of two formats the first is the narrower; every number of it is one of the second.
_WIDER_FORMATS: Final = frozenset({("int32", "int64"), ("float", "double")})
_BOUNDS: Final = ("minimum", "maximum", "multipleOf", "uniqueItems", *LOWER, *UPPER)


@frozen
class NestedPair:
    """Two schemas inside the two that were compared, at the same place."""

    at: Location
    old: Nodes = field(repr=False)
    new: Nodes = field(repr=False)


def compare_schemas(old: Schema, new: Schema, match: Match, *, sent: bool) -> tuple[list[Difference], list[NestedPair]]:
    """What differs between two schemas, and the pairs of schemas inside them.

    Where the type is another one, nothing else of the two is compared: it would be noise.
    """
    life = list(compare_lifetime(old.deprecated, new.deprecated, old.sunset, new.sunset))
    types = list(_types(old, new))
    if types:
        return life + types, []
    properties, inside = _properties(old, new, sent=sent)
    variants, inside_variants = _variants(old, new, match)
    discriminators, inside_discriminators = _discriminator(old, new)
    items = [NestedPair(("items",), old.items, new.items)] if old.items or new.items else []
    found = [
        *life, *_null(old, new), *_format(old, new), *_pattern(old, new), *_bounds(old, new), *_enum(old, new),
        *_default(old, new), *properties, *_required(old, new), *_additional_properties(old, new), *variants,
        *discriminators, *compare_unknown(old.unknown, new.unknown),
    ]  # fmt: skip
    return found, [*inside, *_nested_additional_properties(old, new), *items, *inside_variants, *inside_discriminators]


def _types(old: Schema, new: Schema) -> Iterator[Difference]:
    if old.is_unconstrained != new.is_unconstrained and not (old.type is None and new.type is None):
        rule = "type-narrower" if old.is_unconstrained else "type-wider"
    elif old.type == new.type:
        return
    elif old.type is None or (old.type, new.type) == ("number", "integer"):
        rule = "type-narrower"
    elif new.type is None or (old.type, new.type) == ("integer", "number"):
        rule = "type-wider"
    else:
        rule = "type-changed"
    yield Difference(rule, ("type",), *(as_code(side.type or "any type") for side in (old, new)))


def _null(old: Schema, new: Schema) -> Iterator[Difference]:
    if old.nullable != new.nullable:
        yield Difference("null-allowed" if new.nullable else "null-disallowed", ("nullable",))


def _format(old: Schema, new: Schema) -> Iterator[Difference]:
    before, after = old.format, new.format
    if before == after:
        return
    if before is None:
        rule = "format-added"
    elif after is None:
        rule = "format-removed"
    elif (before, after) in _WIDER_FORMATS:
        rule = "format-wider"
    else:
        rule = "format-narrower" if (after, before) in _WIDER_FORMATS else "format-changed"
    yield Difference(rule, ("format",), as_code(before), as_code(after))


def _pattern(old: Schema, new: Schema) -> Iterator[Difference]:
    if old.pattern != new.pattern:
        before, after = (as_code(text) if text is not None else "none" for text in (old.pattern, new.pattern))
        yield Difference("pattern-removed" if new.pattern is None else "pattern-changed", ("pattern",), before, after)


def _bounds(old: Schema, new: Schema) -> Iterator[Difference]:
    for name in _BOUNDS:
        before, after = old.bounds.get(name), new.bounds.get(name)
        if before != after:
            rule = "bound-looser" if _is_looser(name, before, after) else "bound-tighter"
            yield Difference(rule, (name,), _bound(name, before), _bound(name, after))


def _is_looser(name: str, before: tuple[float, bool] | None, after: tuple[float, bool] | None) -> bool:
    if before is None or after is None:
        return after is None
    if name == "multipleOf":
        one, other = Fraction(str(before[0])), Fraction(str(after[0]))
        return other != 0 and one % other == 0
    return tightest(name, before, after) == before


def _bound(name: str, bound: tuple[float, bool] | None) -> str:
    if bound is None:
        return "nothing"
    return as_code(f"{name} {canonical_json(bound[0])}" + (", itself excluded" if bound[1] else ""))


def _enum(old: Schema, new: Schema) -> Iterator[Difference]:
    if old.enum == new.enum:
        return
    if old.enum is None or new.enum is None:
        if new.enum is not None:
            yield Difference("enum-added", ("enum",), after=_values(new.enum))
        elif old.enum is not None:
            yield Difference("enum-removed", ("enum",), before=str(len(old.enum)))
        return
    if new.enum - old.enum:
        yield Difference("values-added", ("enum",), after=_values(new.enum - old.enum))
    if old.enum - new.enum:
        yield Difference("values-removed", ("enum",), before=_values(old.enum - new.enum))


def _values(values: frozenset[str]) -> str:
    return as_code_list([_unquoted(value) for value in sorted(values)])


def _unquoted(text: str) -> str:
    """A value in canonical form as people write it: a text without its quotes."""
    return text[1:-1] if text.startswith('"') else text


def _default(old: Schema, new: Schema) -> Iterator[Difference]:
    before, after = old.default, new.default
    if before == after:
        return
    if before is None or after is None:
        rule = "default-added" if before is None else "default-removed"
    else:
        rule = "default-changed"
    yield Difference(
        rule, ("default",), *(as_code(_unquoted(text)) if text is not None else "none" for text in (before, after))
    )


def _properties(old: Schema, new: Schema, *, sent: bool) -> tuple[list[Difference], list[NestedPair]]:
    found, inside = [], []
    for name in sorted(old.properties.keys() | new.properties.keys()):
        at = ("properties", name)
        if name not in new.properties:
            found.append(Difference("property-removed", at))
        elif name not in old.properties:
            rule = "required-property-added" if sent and name in new.required else "property-added"
            found.append(Difference(rule, at))
        else:
            inside.append(NestedPair(at, old.properties[name], new.properties[name]))
    return found, inside


def _required(old: Schema, new: Schema) -> Iterator[Difference]:
    """The required lists, of properties that both have: a new or lost property is told of as such."""
    both = {name for name in old.required | new.required if (name in old.properties) == (name in new.properties)}
    added, dropped = sorted(both & (new.required - old.required)), sorted(both & (old.required - new.required))
    if added:
        yield Difference("required-added", ("required",), after=as_code_list([*added]))
    if dropped:
        yield Difference("required-removed", ("required",), before=as_code_list([*dropped]))


def _additional_properties(old: Schema, new: Schema) -> Iterator[Difference]:
    if (old.additional_properties is None) != (new.additional_properties is None):
        rule = (
            "additional-properties-allowed"
            if old.additional_properties is None
            else "additional-properties-removed"
            if old.additional_properties
            else "additional-properties-disallowed"
        )
        yield Difference(rule, ("additionalProperties",))


def _nested_additional_properties(old: Schema, new: Schema) -> list[NestedPair]:
    if (
        old.additional_properties is None
        or new.additional_properties is None
        or not (old.additional_properties or new.additional_properties)
    ):
        return []
    return [NestedPair(("additionalProperties",), old.additional_properties, new.additional_properties)]


def _variants(old: Schema, new: Schema, match: Match) -> tuple[list[Difference], list[NestedPair]]:
    found, inside = [], []
    for keyword in ("oneOf", "anyOf"):
        before, after = old.variants[keyword], new.variants[keyword]
        if bool(before) != bool(after):
            rule = "choice-added" if after else "choice-removed"
            found.append(Difference(rule, (keyword,), str(len(before)), str(len(after))))
            continue
        for one, other in match(keyword):
            if other is None:
                found.append(Difference("variant-removed", (keyword, str(one))))
            elif one is None:
                found.append(Difference("variant-added", (keyword, str(other))))
            else:
                inside.append(NestedPair((keyword, str(other)), (before[one],), (after[other],)))
    return found, inside


def _discriminator(old: Schema, new: Schema) -> tuple[list[Difference], list[NestedPair]]:
    before, after = old.discriminator, new.discriminator
    if before is None or after is None or before[0] != after[0]:
        if before is after:
            return [], []
        rule = "discriminator-added" if before is None else "discriminator-changed"
        return [Difference(rule, ("discriminator",), *(_property(side and side[0]) for side in (before, after)))], []
    if any((*old.variants.values(), *new.variants.values())):
        # The schemas of the mapping are the forms of the choice, which are told of as such.
        return [], []
    found, inside = [], []
    for value in sorted(before[1].keys() | after[1].keys()):
        at = ("discriminator", "mapping", value)
        if value not in after[1]:
            found.append(Difference("variant-removed", at))
        elif value not in before[1]:
            found.append(Difference("variant-added", at))
        else:
            inside.append(NestedPair(at, (before[1][value],), (after[1][value],)))
    return found, inside


def _property(name: object) -> str:
    return "no property" if name is None else f"the property {as_code(name)}"


def compare_lifetime(was: object, now: object, ended: object, ends: object) -> Iterator[Difference]:
    """Deprecation and sunset, which operations, parameters, media types and schemas have."""
    if bool(was) != bool(now):
        yield Difference("deprecated" if now else "no-longer-deprecated", ("deprecated",))
    if ended != ends:
        yield Difference(
            "sunset", ("x-sunset",), *(as_code(date) if date is not None else "none" for date in (ended, ends))
        )


def compare_unknown(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    """Keywords that nothing here knows: in canonical form, so that only another meaning differs."""
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            before, after = (as_code(f"{key}: {side[key]}") if key in side else "nothing" for side in (old, new))
            yield Difference("unknown", (key,), before, after)
