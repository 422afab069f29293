"""Read what a document says about one operation, however it is written: references resolved, inherited parts included.

This covers everything around schemas, ways to authenticate included; schema.py covers the schemas themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urljoin

from drift.schema import ANNOTATIONS, Resolver
from openapi_tools import dialect, documents, model, slicing
from openapi_tools.errors import DocumentError, error_context
from openapi_tools.model import Kind, Location, as_code, canonical_json, checked_list, checked_object, is_object
from openapi_tools.operations import LocatedOperation

# OpenAPI ignores header parameters with these names, and a response header Content-Type.
_IGNORED_PARAMETERS: Final = frozenset({"accept", "content-type", "authorization"})
_IGNORED_HEADERS: Final = frozenset({"content-type"})
_STYLES: Final = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}
# Keywords that are compared by name, or that don't affect requests and responses.
_PARAMETER: Final = frozenset({
    "in", "name", "required", "deprecated", "schema", "content", "style", "explode", "allowReserved", "allowEmptyValue",
})  # fmt: skip
_KNOWN: Final[Mapping[Kind, frozenset[str]]] = {
    "Operation": frozenset({
        "operationId", "tags", "parameters", "requestBody", "responses", "security", "servers", "deprecated",
        "callbacks",
    }),
    "Parameter": _PARAMETER,
    "RequestBody": frozenset({"required", "content"}),
    "Header": _PARAMETER,
    "Response": frozenset({"headers", "content", "links"}),
    "MediaType": frozenset({"schema", "deprecated"}),
}  # fmt: skip
# The flows of schemes multiply if a requirement names several schemes.
_MAX_METHODS: Final = 100
# The URLs of a security scheme, by keyword.
Urls = dict[str, str]
# Sets of scopes, one of which is enough.
Scopes = set[frozenset[str]]


def open_document(document: documents.Document) -> Resolver:
    """Check that a document has the parts a comparison needs.

    Raises:
        DocumentError: it is not OpenAPI, or its end is missing.
        AssumptionError: it has a version that this check doesn't support.
    """
    root = document.root
    with error_context(document.name):
        model.check_version(root)
        for part, kind in (("info", dict), ("paths", dict), ("servers", list)):
            if not isinstance(root.get(part), kind):
                raise DocumentError(f"not a complete OpenAPI document: no `{part}`; is it cut off?")
    return Resolver(root)


def find_by_operation_id(resolver: Resolver, operation_id: object) -> str | None:
    """Where an operationId is now, as `POST /path`."""
    for path, item in resolver.root["paths"].items():
        for method in model.METHODS:
            node = item.get(method) if is_object(item) else None
            if operation_id is not None and is_object(node) and node.get("operationId") == operation_id:
                return f"{method.upper()} {path}"
    return None


def parameters(resolver: Resolver, found: LocatedOperation) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The operation's parameters by `in` and name, including those of its path; header names are in lower case."""
    made = {}
    for holder in (found.path_item, found.node):
        for index, node in enumerate(checked_list(holder.get("parameters", []), ("parameters",))):
            at = ("parameters", str(index))
            parameter = resolver.resolve(node, "Parameter", at)
            place, name = parameter.get("in"), parameter.get("name")
            if not isinstance(place, str) or place not in _STYLES or not isinstance(name, str):
                raise DocumentError(f"{model.pointer(at)}: needs a name and one of `in: {', '.join(_STYLES)}`")
            if place == "header":
                name = name.lower()
                if name in _IGNORED_PARAMETERS:
                    continue
            made[place, name] = parameter
    return made


def serialization(parameter: Mapping[str, Any]) -> dict[str, object]:
    """How a parameter's value is written in the request, with OpenAPI's defaults filled in."""
    style = parameter.get("style", _STYLES[parameter["in"]])
    return {
        "style": style,
        "explode": parameter.get("explode", style == "form"),
        "allowReserved": parameter.get("allowReserved", False),
        "allowEmptyValue": parameter.get("allowEmptyValue", False),
    }


def content(node: Mapping[str, Any], at: Location) -> dict[str, Mapping[str, Any]]:
    """Media types by name."""
    place = (*at, "content")
    named = dialect.by_media_type(checked_object(node.get("content", {}), place))
    return {name: checked_object(media, (*place, name)) for name, media in named.items()}


def responses(resolver: Resolver, found: LocatedOperation) -> dict[str, Mapping[str, Any]]:
    """Responses by status; `4XX` and `default` count as statuses."""
    at = ("responses",)
    return {
        status.upper() if status != "default" else status: resolver.resolve(node, "Response", (*at, status))
        for status, node in checked_object(found.node.get("responses", {}), at).items()
        if not model.is_extension(status, "Response")
    }


def roles(found: LocatedOperation) -> frozenset[str]:
    """The roles of which one is needed; none where the document doesn't say."""
    return frozenset(map(str, checked_list(found.node.get(slicing.ROLES, []), (slicing.ROLES,))))


def headers(resolver: Resolver, response: Mapping[str, Any], at: Location) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """A response's headers by name in lower case, each with the name as written."""
    place = (*at, "headers")
    return {
        name.lower(): (name, resolver.resolve(node, "Header", (*place, name)))
        for name, node in checked_object(response.get("headers", {}), place).items()
        if name.lower() not in _IGNORED_HEADERS
    }


def servers(resolver: Resolver, found: LocatedOperation) -> list[str]:
    """The URLs that an operation is served at: its own, its path's, or the document's."""
    for holder in (found.node, found.path_item, resolver.root):
        if "servers" in holder:
            return slicing.server_urls(holder) or ["/"]
    return ["/"]


def unknown_keywords(node: Mapping[str, Any], kind: Kind) -> dict[str, str]:
    """Keywords that nothing compares and that are neither prose nor vendor extensions, in canonical form."""
    return {
        key: canonical_json(value)
        for key, value in node.items()
        if key not in _KNOWN[kind] and key not in ANNOTATIONS and not key.startswith("x-")
    }


def auth_methods(resolver: Resolver, found: LocatedOperation) -> dict[str, tuple[dict[str, Urls], Scopes]]:
    """The ways to authenticate that an operation accepts, by what they are, because the names of schemes mean nothing.

    Each has its schemes and the scopes it needs. `none` is a call without credentials. A scheme with several flows
    gives several ways, and two ways that differ only in their scopes are one.
    """
    requirements = checked_list(found.node.get("security", resolver.root.get("security", [])), ("security",))
    made: dict[str, tuple[dict[str, Urls], Scopes]] = {}
    base = servers(resolver, found)[0]
    components = checked_object(resolver.root.get("components", {}), ("components",))
    defined = checked_object(components.get("securitySchemes", {}), ("components", "securitySchemes")).keys()
    for requirement in requirements or [{}]:
        choices: list[dict[str, Urls]] = [{}]
        scopes: set[str] = set()
        if not checked_object(requirement, ("security",)).keys() <= defined:
            # Nobody can use a scheme that the document doesn't describe.
            continue
        for name, needed in requirement.items():
            reference = model.reference_to("SecurityScheme", name)
            node = resolver.resolve({"$ref": reference}, "SecurityScheme", ("security",))
            choices = [{**choice, label: urls} for choice in choices for label, urls in _schemes(node, base).items()]
            if len(choices) > _MAX_METHODS:
                raise DocumentError("/security: more ways to authenticate than any API has")
            scopes.update(str(scope) for scope in checked_list(needed, ("security", name)))
        for schemes in choices:
            made.setdefault(" with ".join(sorted(schemes)) or "none", (schemes, set()))[1].add(frozenset(scopes))
    return made


def _schemes(node: Mapping[str, Any], base: str) -> dict[str, Urls]:
    """The alternatives that a scheme offers, each with its URLs."""
    kind = node.get("type")
    if kind == "http":
        return {f"http {str(node.get('scheme')).lower()}": {}}
    if kind == "apiKey":
        return {f"API key in {node.get('in')} {node.get('name')}": {}}
    if kind == "openIdConnect":
        return {"OpenID Connect": {"openIdConnectUrl": _absolute_url(base, node.get("openIdConnectUrl"))}}
    if kind != "oauth2":
        return {str(kind): {}}
    flows = checked_object(node.get("flows", {}), ("security", "flows"))
    return {
        f"OAuth 2 {name}": {
            key: _absolute_url(base, value)
            for key, value in checked_object(flow, ("security", "flows", name)).items()
            if key.endswith("Url")
        }
        for name, flow in flows.items()
        if not name.startswith("x-")
    }


def _absolute_url(base: str, value: object) -> str:
    try:
        return urljoin(base, str(value))
    except ValueError:
        raise DocumentError(f"/security: {as_code(value)} is not a URL") from None
