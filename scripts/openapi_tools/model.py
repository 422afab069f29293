"""Which object stands where in an OpenAPI 3.0 document, so that a walk knows a keyword from a name and from plain data.

A property may be *named* `description`, an `enum` may hold the text "example", a `default` may be an object with any
keys: only the place tells. Everything that walks a document (slicing, prose, mends, drift) walks by this table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeGuard
from urllib.parse import unquote

from openapi_tools.errors import AssumptionError, DocumentError, escape_unprintable


def canonical_json(value: object) -> str:
    """A value as text that is equal for equal values: keys sorted, 1.0 as 1."""
    return json.dumps(normalize(value), ensure_ascii=False)


def normalize(value: object) -> object:
    """Data with its keys sorted and one form for a number: in JSON 1.0 and 1 are the same."""
    if isinstance(value, dict):
        return {key: normalize(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [normalize(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


_MAX_CODE: Final = 100
_MAX_VALUES: Final = 30


def as_code(value: object) -> str:
    """A value as code: `` `text` ``; what is no text as JSON; the middle of a long one left out."""
    text = value if isinstance(value, str) else canonical_json(value)
    # A backtick would end the code.
    safe = escape_unprintable(text[:10_000]).replace("`", "'")
    if len(safe) > _MAX_CODE:
        safe = f"{safe[: _MAX_CODE // 2]}…{safe[-_MAX_CODE // 2 :]}"
    return f"`{safe}`"


def as_code_list(values: list[object]) -> str:
    """Several values, the first thirty of them by name."""
    named = ", ".join(as_code(value) for value in values[:_MAX_VALUES])
    left = len(values) - _MAX_VALUES
    return f"{named} and {left} more" if left > 0 else named


Kind = Literal[
    "PathItem",
    "Operation",
    "Parameter",
    "RequestBody",
    "Response",
    "Header",
    "Link",
    "MediaType",
    "Encoding",
    "Schema",
    "Discriminator",
    "SecurityScheme",
    "OAuthFlows",
    "OAuthFlow",
    "Scopes",
]
Holds = Literal["one", "list", "map"]
METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

# Kind → keyword → how many objects it holds and of which kind. What is not named here is data.
FIELDS: Final[Mapping[Kind, Mapping[str, tuple[Holds, Kind]]]] = {
    "PathItem": {"parameters": ("list", "Parameter"), **dict.fromkeys(METHODS, ("one", "Operation"))},
    "Operation": {
        "parameters": ("list", "Parameter"),
        "requestBody": ("one", "RequestBody"),
        "responses": ("map", "Response"),
    },
    "Parameter": {"schema": ("one", "Schema"), "content": ("map", "MediaType")},
    "RequestBody": {"content": ("map", "MediaType")},
    "Response": {"headers": ("map", "Header"), "content": ("map", "MediaType"), "links": ("map", "Link")},
    "Header": {"schema": ("one", "Schema"), "content": ("map", "MediaType")},
    "Link": {},
    "MediaType": {"schema": ("one", "Schema"), "encoding": ("map", "Encoding")},
    "Encoding": {"headers": ("map", "Header")},
    "Schema": {
        "properties": ("map", "Schema"),
        "additionalProperties": ("one", "Schema"),
        "items": ("one", "Schema"),
        "allOf": ("list", "Schema"),
        "anyOf": ("list", "Schema"),
        "oneOf": ("list", "Schema"),
        "not": ("one", "Schema"),
        "discriminator": ("one", "Discriminator"),
    },
    "Discriminator": {},
    "SecurityScheme": {"flows": ("one", "OAuthFlows")},
    "OAuthFlows": dict.fromkeys(
        ("implicit", "password", "clientCredentials", "authorizationCode"), ("one", "OAuthFlow")
    ),
    "OAuthFlow": {"scopes": ("one", "Scopes")},
    "Scopes": {},
}

# Where a reference to an object of a kind may point.
SECTIONS: Final[Mapping[Kind, str]] = {
    "Schema": "schemas",
    "Response": "responses",
    "Parameter": "parameters",
    "RequestBody": "requestBodies",
    "Header": "headers",
    "Link": "links",
    "SecurityScheme": "securitySchemes",
}

# Keywords that hold words for people; an example is one of them.
PROSE: Final = frozenset({"description", "summary", "example", "examples", "externalDocs"})

Location = tuple[str, ...]


def check_version(root: Mapping[str, Any]) -> None:
    """Raise DocumentError where a document is not OpenAPI at all, AssumptionError where it is of another version."""
    version = root.get("openapi")
    if not isinstance(version, str):
        raise DocumentError("not an OpenAPI document: it has no `openapi` version at its top level; is it cut off?")
    if not version.startswith("3.0."):
        raise AssumptionError(
            f"OpenAPI 3.0 was expected, the document is {version[:20]!r}: look at upstream's change, then adapt "
            "scripts/openapi_tools/model.py"
        )


def pointer(at: Location) -> str:
    """The JSON pointer of a place: `("paths", "/a")` is `/paths/~1a`."""
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in at)


def parse_pointer(place: str) -> Location:
    """The tokens of a JSON pointer."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in place.split("/")[1:])


def children(node: Mapping[str, Any], kind: Kind, at: Location) -> Iterator[tuple[Location, dict[str, Any], Kind]]:
    """The objects directly inside `node`, each with its place and kind, in the order of the document.

    Raises DocumentError where a list, a mapping, an object or a reference is needed and something else stands.
    """
    if kind in SECTIONS and not isinstance(node.get("$ref", ""), str):
        raise DocumentError(f"{pointer((*at, '$ref'))}: a text must stand here")
    for keyword, (holds, child_kind) in FIELDS[kind].items():
        if keyword not in node:
            continue
        value, place = node[keyword], (*at, keyword)
        if holds == "one":
            if keyword == "additionalProperties" and isinstance(value, bool):
                continue
            yield place, checked_object(value, place), child_kind
        elif holds == "list":
            for index, item in enumerate(checked_list(value, place)):
                yield (*place, str(index)), checked_object(item, (*place, str(index))), child_kind
        else:
            for name, item in checked_object(value, place).items():
                if not is_extension(name, child_kind):
                    yield (*place, name), checked_object(item, (*place, name)), child_kind


def is_extension(name: str, kind: Kind) -> bool:
    """Whether a key in a map is a vendor extension: `responses` may hold them, names of headers may look like them."""
    return kind == "Response" and name.startswith("x-")


def checked_object(value: object, at: Location) -> dict[str, Any]:
    """`value`, which must be a mapping; DocumentError names the place where it is none."""
    if not is_object(value):
        raise DocumentError(f"{pointer(at) or '/'}: an object must stand here")
    return value


def checked_list(value: object, at: Location) -> list[Any]:
    """`value`, which must be a list; DocumentError names the place where it is none."""
    if not isinstance(value, list):
        raise DocumentError(f"{pointer(at)}: a list must stand here")
    return value


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a value is a mapping; documents' keys are always strings."""
    return isinstance(value, dict)


# A chain of references in upstream's document has three members.
_MAX_CHAIN: Final = 100
# References resolved can multiply without end: twenty schemas that each hold the next one twice make a million places.
# Upstream's five operations have 600 places with words and, between two revisions, 150 with a difference.
MAX_LOCATIONS: Final = 50_000


def reference_to(kind: Kind, name: str) -> str:
    """The reference to a component, in the one form that this project writes.

    Only what must be is percent-encoded, as the generator decodes nothing: `#/components/schemas/A B`.
    """
    return f"#{pointer(('components', SECTIONS[kind], name))}".replace("%", "%25")


def mapping_reference(value: object) -> str:
    """The reference that a value of a discriminator's mapping stands for: it is one, or the bare name of a schema."""
    text = str(value)
    return text if {"/", "#", "."} & set(text) else reference_to("Schema", text)


def reference_of(node: Mapping[str, Any]) -> str | None:
    """The target of a `$ref` object, None for any other object."""
    value = node.get("$ref")
    return value if isinstance(value, str) else None


def find_component(root: Mapping[str, Any], reference: str, kind: Kind, at: Location) -> tuple[str, dict[str, Any]]:
    """The name and content of the component a reference points at.

    Raises:
        DocumentError: it points to a file or URL, outside the components of this kind, or at nothing.
    """
    start = f"{pointer(at)}: refers to"
    if not reference.startswith("#"):
        raise DocumentError(f"{start} a file or an address ({reference[:80]}); only #/components is followed")
    # What is no UTF-8 becomes what no document can hold.
    place, section = unquote(reference[1:], errors="surrogateescape"), SECTIONS.get(kind, "?")
    prefix = f"/components/{section}/"
    if not place.startswith(prefix) or "/" in place.removeprefix(prefix):
        raise DocumentError(f"{start} {reference[:80]}; a {kind} is looked for in #{prefix} only")
    there = checked_object(checked_object(root.get("components", {}), ("components",)).get(section, {}), at)
    name = parse_pointer(place)[-1]
    if name not in there:
        raise DocumentError(f"{start} {reference[:80]}, which is not in the document")
    return name, checked_object(there[name], ("components", section, name))


def resolve(root: Mapping[str, Any], node: object, kind: Kind, at: Location) -> tuple[dict[str, Any], Location]:
    """What an object is once its references are followed, and the place where that stands.

    Raises:
        DocumentError: a reference leads nowhere, back to itself, or through more others than any document needs.
    """
    here = checked_object(node, at)
    for _ in range(_MAX_CHAIN):
        reference = reference_of(here)
        if reference is None:
            return here, at
        name, here = find_component(root, reference, kind, at)
        at = ("components", SECTIONS[kind], name)
    raise DocumentError(f"{pointer(at)}: a reference leads in a circle, or over more than {_MAX_CHAIN} others")


def too_many_references(at: Location) -> DocumentError:
    """What to raise beyond MAX_PLACES, or any such limit; `at` is one of the places."""
    return DocumentError(f"{pointer(at[:20])}: references multiply beyond any document's need")
