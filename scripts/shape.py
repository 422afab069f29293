"""Which object stands where in an OpenAPI 3.0 document, so that a walk knows a keyword from a name and from plain data.

A property may be *named* `description`, an `enum` may hold the text "example", a `default` may be an object with any
keys: only the place tells. Everything that walks a document (slicing, prose, mends, drift) walks by this table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeGuard

from errors import AssumptionError, DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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

Tokens = tuple[str, ...]


def check_version(root: Mapping[str, Any]) -> None:
    """Raise DocumentError where a document is not OpenAPI at all, AssumptionError where it is of another version."""
    version = root.get("openapi")
    if not isinstance(version, str):
        raise DocumentError("not an OpenAPI document: it has no `openapi` version at its top level; is it cut off?")
    if not version.startswith("3.0."):
        raise AssumptionError(
            f"OpenAPI 3.0 was expected, the document is {version[:20]!r}: look at upstream's change, then adapt "
            "scripts/shape.py"
        )


def pointer(at: Tokens) -> str:
    """The JSON pointer of a place: `("paths", "/a")` is `/paths/~1a`."""
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in at)


def tokens(place: str) -> Tokens:
    """The tokens of a JSON pointer."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in place.split("/")[1:])


def children(node: Mapping[str, Any], kind: Kind, at: Tokens) -> Iterator[tuple[Tokens, dict[str, Any], Kind]]:
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


def checked_object(value: object, at: Tokens) -> dict[str, Any]:
    """`value`, which must be a mapping; DocumentError names the place where it is none."""
    if not is_object(value):
        raise DocumentError(f"{pointer(at) or '/'}: an object must stand here")
    return value


def checked_list(value: object, at: Tokens) -> list[Any]:
    """`value`, which must be a list; DocumentError names the place where it is none."""
    if not isinstance(value, list):
        raise DocumentError(f"{pointer(at)}: a list must stand here")
    return value


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a value is a mapping; documents' keys are always strings."""
    return isinstance(value, dict)
