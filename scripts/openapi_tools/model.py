"""The objects of an OpenAPI document: where each kind stands, references between them, and values in messages.

Only an object's location tells whether a key is a keyword, a name or plain data: a property may be *named*
`description`, an `enum` may hold the text "example", and a `default` may be an object with any keys. Everything that
walks a document (slicing, prose, transforms, drift) uses the table here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, TypeGuard
from urllib.parse import unquote

from openapi_tools.errors import AssumptionError, DocumentError, escape_unprintable

Kind = Literal[
    "PathItem", "Operation", "Parameter", "RequestBody", "Response", "Header", "Link", "MediaType", "Encoding",
    "Example", "Schema", "Discriminator", "SecurityScheme", "OAuthFlows", "OAuthFlow", "Scopes",
]  # fmt: skip
Holds = Literal["one", "list", "map"]
# The tokens of a JSON pointer.
Location = tuple[str, ...]

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

# Kind → keyword → how many objects it holds, and of which kind. Any other keyword holds data.
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
    "Example": {},
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

# The section of `components` that a reference to an object of this kind may point to.
SECTIONS: Final[Mapping[Kind, str]] = {
    "Schema": "schemas",
    "Response": "responses",
    "Parameter": "parameters",
    "RequestBody": "requestBodies",
    "Header": "headers",
    "Link": "links",
    "Example": "examples",
    "SecurityScheme": "securitySchemes",
}

# Keywords whose values are text for people; examples count as such.
PROSE: Final = frozenset({"description", "summary", "example", "examples", "externalDocs", "$comment"})

# The longest chain of references in upstream's document has three members.
_MAX_CHAIN: Final = 100
# Resolved references can multiply without end: twenty schemas that each hold the next one twice make a million
# locations. Upstream's five operations have 600 with prose and, between two revisions, 150 with a difference.
MAX_LOCATIONS: Final = 50_000
# The longest value in a message, and the most values in one.
_MAX_CODE: Final = 100
_MAX_VALUES: Final = 30


def check_version(root: Mapping[str, Any]) -> None:
    """Raise DocumentError unless a document is OpenAPI, and AssumptionError unless its version is 3.0 or 3.1."""
    version = root.get("openapi")
    if not isinstance(version, str):
        raise DocumentError("not an OpenAPI document: no `openapi` version at its top level; is it cut off?")
    if not version.startswith(("3.0.", "3.1.")):
        raise AssumptionError(
            f"OpenAPI 3.0 or 3.1 was expected, the document is {version[:20]!r}: look at upstream's change, then adapt "
            "scripts/openapi_tools/dialect.py"
        )


# ── Locations and checked access ──


def pointer(at: Location) -> str:
    """The JSON pointer of a location: `("paths", "/a")` is `/paths/~1a`."""
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in at)


def parse_pointer(text: str) -> Location:
    """The tokens of a JSON pointer."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a value is a mapping; a document's keys are always strings."""
    return isinstance(value, dict)


def checked_object(value: object, at: Location) -> dict[str, Any]:
    """`value`, if it is a mapping; otherwise raises DocumentError with its location."""
    if not is_object(value):
        raise DocumentError(f"{pointer(at) or '/'}: must be an object")
    return value


def checked_list(value: object, at: Location) -> list[Any]:
    """`value`, if it is a list; otherwise raises DocumentError with its location."""
    if not isinstance(value, list):
        raise DocumentError(f"{pointer(at)}: must be a list")
    return value


def extend_subject(subject: str, tokens: Location) -> str:
    """A subject with what is inside it: `A` and ("properties", "b", "items") make `A.b[]`."""
    steps = iter(tokens if subject else ())
    for step in steps:
        if step == "properties":
            subject += f".{next(steps, '')}"
        elif step in ("oneOf", "anyOf", "mapping"):
            subject += f" variant {next(steps, '')}"
        else:
            subject += {"items": "[]", "additionalProperties": ".*"}.get(step, "")
    return subject


# ── Walking ──


def children(node: Mapping[str, Any], kind: Kind, at: Location) -> Iterator[tuple[dict[str, Any], Kind, Location]]:
    """The objects directly inside `node`, each with its kind and location, in document order.

    Raises DocumentError if a value has the wrong type.
    """
    if kind in SECTIONS and not isinstance(node.get("$ref", ""), str):
        raise DocumentError(f"{pointer((*at, '$ref'))}: must be a string")
    for keyword, (holds, child_kind) in FIELDS[kind].items():
        if keyword not in node:
            continue
        value, place = node[keyword], (*at, keyword)
        if holds == "one":
            if keyword == "additionalProperties" and isinstance(value, bool):
                continue
            yield checked_object(value, place), child_kind, place
        elif holds == "list":
            for index, item in enumerate(checked_list(value, place)):
                yield checked_object(item, (*place, str(index))), child_kind, (*place, str(index))
        else:
            for name, item in checked_object(value, place).items():
                if not is_extension(name, child_kind):
                    yield checked_object(item, (*place, name)), child_kind, (*place, name)


def is_extension(name: str, kind: Kind) -> bool:
    """Whether a key in a map is a vendor extension: `responses` may have some, a header may just look like one."""
    return kind == "Response" and name.startswith("x-")


def walk(
    root: Mapping[str, Any], starts: Iterable[tuple[dict[str, Any], Kind, Location]]
) -> Iterator[tuple[dict[str, Any], Kind, Location]]:
    """The start objects and everything below them, references followed, each object once, in document order."""
    waiting = list(starts)[::-1]
    seen: set[int] = set()
    while waiting:
        node, kind, at = waiting.pop()
        if kind in SECTIONS:
            node, at = resolve(root, node, kind, at)
        if id(node) not in seen:
            seen.add(id(node))
            yield node, kind, at
            waiting += reversed([*children(node, kind, at)])


# ── References ──
# A `$ref` is a URI; the JSON pointer after its `#` is percent-encoded (RFC 6901, section 6). Only references to the
# document's own components are followed.


def reference_to(kind: Kind, name: str) -> str:
    """The reference to a component, in the only form that this project writes.

    Only `%` is percent-encoded, because the generator decodes nothing: `#/components/schemas/A B`.
    """
    return f"#{pointer(('components', SECTIONS[kind], name))}".replace("%", "%25")


def mapping_reference(value: object) -> str:
    """The reference that a value in a discriminator's mapping means: a reference, or the bare name of a schema."""
    text = str(value)
    return text if {"/", "#", "."} & set(text) else reference_to("Schema", text)


def reference_of(node: Mapping[str, Any]) -> str | None:
    """The target of a `$ref` object, or None for any other object."""
    value = node.get("$ref")
    return value if isinstance(value, str) else None


def find_component(root: Mapping[str, Any], reference: str, kind: Kind, at: Location) -> tuple[str, dict[str, Any]]:
    """The name and content of the component that a reference points to.

    Raises:
        DocumentError: it points to a file or URL, outside the components of this kind, or to nothing.
    """
    start = f"{pointer(at)}: refers to"
    if not reference.startswith("#"):
        raise DocumentError(f"{start} a file or URL ({reference[:80]}); only #/components is followed")
    # Invalid UTF-8 becomes something that no document can contain.
    place, section = unquote(reference[1:], errors="surrogateescape"), SECTIONS.get(kind, "?")
    prefix = f"/components/{section}/"
    if not place.startswith(prefix) or "/" in place.removeprefix(prefix):
        raise DocumentError(f"{start} {reference[:80]}, but a {kind} must be in #{prefix}")
    components = checked_object(checked_object(root.get("components", {}), ("components",)).get(section, {}), at)
    name = parse_pointer(place)[-1]
    if name not in components:
        raise DocumentError(f"{start} {reference[:80]}, which is not in the document")
    return name, checked_object(components[name], ("components", section, name))


def resolve(root: Mapping[str, Any], node: object, kind: Kind, at: Location) -> tuple[dict[str, Any], Location]:
    """The object that `node` is or refers to, and that object's location.

    Raises:
        DocumentError: a reference leads to nothing, in a circle, or through an absurd number of others.
    """
    here = checked_object(node, at)
    for _ in range(_MAX_CHAIN):
        reference = reference_of(here)
        if reference is None:
            return here, at
        name, here = find_component(root, reference, kind, at)
        at = ("components", SECTIONS[kind], name)
    raise DocumentError(f"{pointer(at)}: its references form a circle or a chain of more than {_MAX_CHAIN}")


def examples(root: Mapping[str, Any], node: Mapping[str, Any], at: Location) -> list[object]:
    """The values of `example` and of `examples`: an object by name or, in a schema of OpenAPI 3.1, a list."""
    several = node.get("examples", [])
    if is_object(several):
        named = [resolve(root, entry, "Example", (*at, "examples", name))[0] for name, entry in several.items()]
        several = [entry.get("value", entry) for entry in named]
    return [*([node["example"]] if "example" in node else []), *checked_list(several, (*at, "examples"))]


def too_many_references(at: Location) -> DocumentError:
    """The error to raise beyond MAX_LOCATIONS or a similar limit; `at` is one of the locations."""
    return DocumentError(f"{pointer(at[:20])}: references multiply beyond reason")


# ── Values ──


def normalize(value: object) -> object:
    """The same data with sorted keys and one form for each number: in JSON 1.0 and 1 are equal."""
    if isinstance(value, dict):
        return {key: normalize(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [normalize(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def canonical_json(value: object) -> str:
    """A value as text that is equal for equal values, so it can be compared, sorted and digested."""
    return json.dumps(normalize(value), ensure_ascii=False)


def as_code(value: object, limit: int = _MAX_CODE) -> str:
    """A value as code in a message: `` `text` ``, anything else as JSON; long values lose their middle."""
    text = value if isinstance(value, str) else canonical_json(value)
    # A backtick would end the code.
    safe = escape_unprintable(text[:10_000]).replace("`", "'")
    if len(safe) > limit:
        safe = f"{safe[: limit // 2]}…{safe[-limit // 2 :]}"
    return f"`{safe}`"


def as_code_list(values: list[str]) -> str:
    """Several values as code, the first thirty by name."""
    named = ", ".join(as_code(value) for value in values[:_MAX_VALUES])
    left = len(values) - _MAX_VALUES
    return f"{named} and {left} more" if left > 0 else named
