"""Compare two schemas, one level of them: what differs here, and which schemas inside must be compared in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from drift.rules import Difference
from drift.schema import LOWER, UPPER, Nodes, Schema, tightest
from openapi_tools.model import Location, as_code, as_code_list, canonical_json

# Pairs the variants of a choice by index; None has no counterpart.
MatchVariants = Callable[[str], list[tuple[int | None, int | None]]]

# The first format is the narrower one: each of its numbers is valid in the second.
_WIDER_FORMATS: Final = frozenset({("int32", "int64"), ("float", "double")})
_BOUNDS: Final = ("minimum", "maximum", "multipleOf", "uniqueItems", *LOWER, *UPPER)


@frozen
class NestedPair:
    """Two schemas at the same location inside the two that were compared."""

    at: Location
    old: Nodes = field(repr=False)
    new: Nodes = field(repr=False)


def compare_schemas(
    old: Schema, new: Schema, match: MatchVariants, *, sent: bool
) -> tuple[list[Difference], list[NestedPair]]:
    """Return the differences between two schemas, and the pairs of schemas inside them.

    If the type changed, nothing else is compared, because it would be noise.
    """
    life = list(compare_lifetime(old.deprecated, new.deprecated, old.sunset, new.sunset))
    types = list(_types(old, new))
    if types:
        return life + types, []
    properties, in_properties = _properties(old, new, sent=sent)
    variants, in_variants = _variants(old, new, match)
    discriminators, in_mapping = _discriminator(old, new)
    found = [
        *life, *_null(old, new), *_format(old, new), *_pattern(old, new), *_bounds(old, new), *_enum(old, new),
        *_default(old, new), *properties, *_required(old, new), *_additional_properties(old, new), *variants,
        *discriminators, *compare_unknown(old.unknown, new.unknown),
    ]  # fmt: skip
    in_values = _nested("additionalProperties", old.additional_properties, new.additional_properties)
    in_items = _nested("items", old.items, new.items)
    return found, [*in_properties, *in_values, *in_items, *in_variants, *in_mapping]


def _nested(keyword: str, old: Nodes | None, new: Nodes | None) -> list[NestedPair]:
    return [NestedPair((keyword,), old, new)] if old is not None and new is not None and (old or new) else []


def compare_lifetime(was: object, now: object, ended: object, ends: object) -> Iterator[Difference]:
    """Deprecation and sunset, which operations, parameters, media types and schemas have."""
    if bool(was) != bool(now):
        yield Difference("deprecated" if now else "no-longer-deprecated", ("deprecated",))
    if ended != ends:
        yield Difference("sunset", ("x-sunset",), _code_or(ended, "none"), _code_or(ends, "none"))


def compare_unknown(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    """Keywords that nothing here knows, in canonical form, so that only a different meaning counts."""
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            before, after = (as_code(f"{key}: {side[key]}") if key in side else "nothing" for side in (old, new))
            yield Difference("unknown", (key,), before, after)


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
    yield Difference(rule, ("type",), as_code(old.type or "any type"), as_code(new.type or "any type"))


def _null(old: Schema, new: Schema) -> Iterator[Difference]:
    if old.nullable != new.nullable:
        yield Difference("null-allowed" if new.nullable else "null-disallowed", ("nullable",))


def _format(old: Schema, new: Schema) -> Iterator[Difference]:
    before, after = old.format, new.format
    if before == after:
        return
    if before is None or after is None:
        rule = "format-added" if before is None else "format-removed"
    elif (before, after) in _WIDER_FORMATS:
        rule = "format-wider"
    else:
        rule = "format-narrower" if (after, before) in _WIDER_FORMATS else "format-changed"
    yield Difference(rule, ("format",), as_code(before), as_code(after))


def _pattern(old: Schema, new: Schema) -> Iterator[Difference]:
    if old.pattern != new.pattern:
        rule = "pattern-removed" if new.pattern is None else "pattern-changed"
        yield Difference(rule, ("pattern",), _code_or(old.pattern, "none"), _code_or(new.pattern, "none"))


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
    return as_code(f"{name} {canonical_json(bound[0])}" + (", exclusive" if bound[1] else ""))


def _enum(old: Schema, new: Schema) -> Iterator[Difference]:
    before, after, at = old.enum, new.enum, ("enum",)
    if before is None or after is None:
        if after is not None:
            yield Difference("enum-added", at, after=_values(after))
        elif before is not None:
            yield Difference("enum-removed", at, before=str(len(before)))
        return
    if after - before:
        yield Difference("values-added", at, after=_values(after - before))
    if before - after:
        yield Difference("values-removed", at, before=_values(before - after))


def _values(values: frozenset[str]) -> str:
    return as_code_list([_unquoted(value) for value in sorted(values)])


def _unquoted(text: str) -> str:
    """A canonical value as people write it: a string without its quotes."""
    return text[1:-1] if text.startswith('"') else text


def _code_or(value: object, absent: str) -> str:
    return as_code(value) if value is not None else absent


def _default(old: Schema, new: Schema) -> Iterator[Difference]:
    if old.default == new.default:
        return
    if old.default is None or new.default is None:
        rule = "default-added" if old.default is None else "default-removed"
    else:
        rule = "default-changed"
    before, after = (_code_or(text and _unquoted(text), "none") for text in (old.default, new.default))
    yield Difference(rule, ("default",), before, after)


def _properties(old: Schema, new: Schema, *, sent: bool) -> tuple[list[Difference], list[NestedPair]]:
    found, nested = [], []
    for name in sorted(old.properties.keys() | new.properties.keys()):
        at = ("properties", name)
        if name not in new.properties:
            found.append(Difference("property-removed", at))
        elif name not in old.properties:
            rule = "required-property-added" if sent and name in new.required else "property-added"
            found.append(Difference(rule, at))
        else:
            nested.append(NestedPair(at, old.properties[name], new.properties[name]))
    return found, nested


def _required(old: Schema, new: Schema) -> Iterator[Difference]:
    """The required lists. Properties that only one side has are left out, because they are reported anyway."""
    both = {name for name in old.required | new.required if (name in old.properties) == (name in new.properties)}
    added, removed = sorted(both & (new.required - old.required)), sorted(both & (old.required - new.required))
    if added:
        yield Difference("required-added", ("required",), after=as_code_list(added))
    if removed:
        yield Difference("required-removed", ("required",), before=as_code_list(removed))


def _additional_properties(old: Schema, new: Schema) -> Iterator[Difference]:
    before, after = old.additional_properties, new.additional_properties
    if (before is None) != (after is None):
        rule = "additional-properties-removed" if before else "additional-properties-disallowed"
        yield Difference("additional-properties-allowed" if before is None else rule, ("additionalProperties",))


def _variants(old: Schema, new: Schema, match: MatchVariants) -> tuple[list[Difference], list[NestedPair]]:
    found, nested = [], []
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
                nested.append(NestedPair((keyword, str(other)), (before[one],), (after[other],)))
    return found, nested


def _discriminator(old: Schema, new: Schema) -> tuple[list[Difference], list[NestedPair]]:
    before, after = old.discriminator, new.discriminator
    if before is None or after is None or before[0] != after[0]:
        if before is after:
            return [], []
        rule = "discriminator-added" if before is None else "discriminator-changed"
        names = (f"the property {as_code(side[0])}" if side else "no property" for side in (before, after))
        return [Difference(rule, ("discriminator",), *names)], []
    if any((*old.variants.values(), *new.variants.values())):
        # The schemas in the mapping are the variants of the choice, which are reported as such.
        return [], []
    found, nested = [], []
    for value in sorted(before[1].keys() | after[1].keys()):
        at = ("discriminator", "mapping", value)
        if value not in after[1]:
            found.append(Difference("variant-removed", at))
        elif value not in before[1]:
            found.append(Difference("variant-added", at))
        else:
            nested.append(NestedPair(at, (before[1][value],), (after[1][value],)))
    return found, nested
