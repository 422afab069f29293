"""Compare two schemas, one level of them: what differs here, and which schemas inside are to be compared in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Final

from attrs import field, frozen

from drift.rules import Difference
from drift.schema import LOWER, UPPER, Nodes, Schema, tightest
from openapi_tools.model import Tokens, canonical, shown, shown_all

# Pairs the forms of a choice: (old index or None, new index or None).
Match = Callable[[str], list[tuple[int | None, int | None]]]

# Of two formats the first is the narrower; every number of it is one of the second.
_WIDER_FORMATS: Final = frozenset({("int32", "int64"), ("float", "double")})
_BOUNDS: Final = ("minimum", "maximum", "multipleOf", "uniqueItems", *LOWER, *UPPER)


@frozen
class Inside:
    """Two schemas inside the two that were compared, at the same place."""

    at: Tokens
    old: Nodes = field(repr=False)
    new: Nodes = field(repr=False)


def compare(old: Schema, new: Schema, match: Match, *, sent: bool) -> tuple[list[Difference], list[Inside]]:
    """What differs between two schemas, and the pairs of schemas inside them.

    Where the type is another one, nothing else of the two is compared: it would be noise.
    """
    life = list(lifetime(old.deprecated, new.deprecated, old.sunset, new.sunset))
    types = list(_types(old, new))
    if types:
        return life + types, []
    properties, inside = _properties(old, new, sent=sent)
    forms, inside_forms = _forms(old, new, match)
    told, inside_told = _discriminator(old, new)
    items = [Inside(("items",), old.items, new.items)] if old.items or new.items else []
    found = [
        *life, *_null(old, new), *_format(old, new), *_pattern(old, new), *_bounds(old, new), *_enum(old, new),
        *_default(old, new), *properties, *_required(old, new), *_others(old, new), *forms, *told,
        *unknown_keywords(old.unknown, new.unknown),
    ]  # fmt: skip
    return found, [*inside, *_others_inside(old, new), *items, *inside_forms, *inside_told]


def _types(old: Schema, new: Schema) -> Iterator[Difference]:
    if old.says_nothing != new.says_nothing and not (old.type is None and new.type is None):
        rule = "type-narrower" if old.says_nothing else "type-wider"
    elif old.type == new.type:
        return
    elif old.type is None or (old.type, new.type) == ("number", "integer"):
        rule = "type-narrower"
    elif new.type is None or (old.type, new.type) == ("integer", "number"):
        rule = "type-wider"
    else:
        rule = "type-changed"
    yield Difference(rule, ("type",), *(shown(side.type or "any type") for side in (old, new)))


def _null(old: Schema, new: Schema) -> Iterator[Difference]:
    if old.nullable != new.nullable:
        yield Difference("null-allowed" if new.nullable else "null-refused", ("nullable",))


def _format(old: Schema, new: Schema) -> Iterator[Difference]:
    before, after = old.format, new.format
    if before == after:
        return
    if before is None:
        rule = "format-given"
    elif after is None:
        rule = "format-dropped"
    elif (before, after) in _WIDER_FORMATS:
        rule = "format-wider"
    else:
        rule = "format-narrower" if (after, before) in _WIDER_FORMATS else "format-changed"
    yield Difference(rule, ("format",), shown(before), shown(after))


def _pattern(old: Schema, new: Schema) -> Iterator[Difference]:
    if old.pattern != new.pattern:
        before, after = (shown(text) if text is not None else "none" for text in (old.pattern, new.pattern))
        yield Difference("pattern-dropped" if new.pattern is None else "pattern-changed", ("pattern",), before, after)


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
    return shown(f"{name} {canonical(bound[0])}" + (", itself excluded" if bound[1] else ""))


def _enum(old: Schema, new: Schema) -> Iterator[Difference]:
    if old.enum == new.enum:
        return
    if old.enum is None or new.enum is None:
        if new.enum is not None:
            yield Difference("enum-given", ("enum",), after=_values(new.enum))
        elif old.enum is not None:
            yield Difference("enum-dropped", ("enum",), before=str(len(old.enum)))
        return
    if new.enum - old.enum:
        yield Difference("values-new", ("enum",), after=_values(new.enum - old.enum))
    if old.enum - new.enum:
        yield Difference("values-gone", ("enum",), before=_values(old.enum - new.enum))


def _values(values: frozenset[str]) -> str:
    return shown_all([_unquoted(value) for value in sorted(values)])


def _unquoted(text: str) -> str:
    """A value in canonical form as people write it: a text without its quotes."""
    return text[1:-1] if text.startswith('"') else text


def _default(old: Schema, new: Schema) -> Iterator[Difference]:
    before, after = old.default, new.default
    if before == after:
        return
    if before is None or after is None:
        rule = "default-given" if before is None else "default-dropped"
    else:
        rule = "default-changed"
    yield Difference(
        rule, ("default",), *(shown(_unquoted(text)) if text is not None else "none" for text in (before, after))
    )


def _properties(old: Schema, new: Schema, *, sent: bool) -> tuple[list[Difference], list[Inside]]:
    found, inside = [], []
    for name in sorted(old.properties.keys() | new.properties.keys()):
        at = ("properties", name)
        if name not in new.properties:
            found.append(Difference("property-gone", at))
        elif name not in old.properties:
            rule = "property-new-required" if sent and name in new.required else "property-new"
            found.append(Difference(rule, at))
        else:
            inside.append(Inside(at, old.properties[name], new.properties[name]))
    return found, inside


def _required(old: Schema, new: Schema) -> Iterator[Difference]:
    """The required lists, of properties that both have: a new or lost property is told of as such."""
    both = {name for name in old.required | new.required if (name in old.properties) == (name in new.properties)}
    added, dropped = sorted(both & (new.required - old.required)), sorted(both & (old.required - new.required))
    if added:
        yield Difference("required-added", ("required",), after=shown_all([*added]))
    if dropped:
        yield Difference("required-dropped", ("required",), before=shown_all([*dropped]))


def _others(old: Schema, new: Schema) -> Iterator[Difference]:
    if (old.others is None) != (new.others is None):
        rule = "others-allowed" if old.others is None else "others-gone" if old.others else "others-refused"
        yield Difference(rule, ("additionalProperties",))


def _others_inside(old: Schema, new: Schema) -> list[Inside]:
    if old.others is None or new.others is None or not (old.others or new.others):
        return []
    return [Inside(("additionalProperties",), old.others, new.others)]


def _forms(old: Schema, new: Schema, match: Match) -> tuple[list[Difference], list[Inside]]:
    found, inside = [], []
    for keyword in ("oneOf", "anyOf"):
        before, after = old.choices[keyword], new.choices[keyword]
        if bool(before) != bool(after):
            rule = "choice-given" if after else "choice-dropped"
            found.append(Difference(rule, (keyword,), str(len(before)), str(len(after))))
            continue
        for one, other in match(keyword):
            if other is None:
                found.append(Difference("form-gone", (keyword, str(one))))
            elif one is None:
                found.append(Difference("form-new", (keyword, str(other))))
            else:
                inside.append(Inside((keyword, str(other)), (before[one],), (after[other],)))
    return found, inside


def _discriminator(old: Schema, new: Schema) -> tuple[list[Difference], list[Inside]]:
    before, after = old.discriminator, new.discriminator
    if before is None or after is None or before[0] != after[0]:
        if before is after:
            return [], []
        rule = "discriminator-given" if before is None else "discriminator-changed"
        return [Difference(rule, ("discriminator",), *(_property(side and side[0]) for side in (before, after)))], []
    if any((*old.choices.values(), *new.choices.values())):
        # The schemas of the mapping are the forms of the choice, which are told of as such.
        return [], []
    found, inside = [], []
    for value in sorted(before[1].keys() | after[1].keys()):
        at = ("discriminator", "mapping", value)
        if value not in after[1]:
            found.append(Difference("form-gone", at))
        elif value not in before[1]:
            found.append(Difference("form-new", at))
        else:
            inside.append(Inside(at, (before[1][value],), (after[1][value],)))
    return found, inside


def _property(name: object) -> str:
    return "no property" if name is None else f"the property {shown(name)}"


def lifetime(was: object, now: object, ended: object, ends: object) -> Iterator[Difference]:
    """Deprecation and sunset, which operations, parameters, media types and schemas have."""
    if bool(was) != bool(now):
        yield Difference("deprecated" if now else "no-longer-deprecated", ("deprecated",))
    if ended != ends:
        yield Difference(
            "sunset", ("x-sunset",), *(shown(date) if date is not None else "none" for date in (ended, ends))
        )


def unknown_keywords(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    """Keywords that nothing here knows: in canonical form, so that only another meaning differs."""
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            before, after = (shown(f"{key}: {side[key]}") if key in side else "nothing" for side in (old, new))
            yield Difference("unknown", (key,), before, after)
