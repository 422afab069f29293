"""What a document says of one operation, whatever the way it is written: references resolved, what is inherited put in.

Here: everything around schemas, ways to authenticate included. A schema's own meaning is schema.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urljoin

from attrs import frozen

from drift.schema import ANNOTATIONS, Resolver
from openapi_tools import documents, model
from openapi_tools.errors import DocumentError, error_context
from openapi_tools.model import Kind, Location, as_code, canonical_json, checked_list, checked_object, is_object
from openapi_tools.operations import LocatedOperation

# OpenAPI: header parameters of these names are ignored, and a response header Content-Type is.
_IGNORED_PARAMETERS: Final = frozenset({"accept", "content-type", "authorization"})
_IGNORED_HEADERS: Final = frozenset({"content-type"})
_STYLES: Final = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}
# Keywords that are compared by name, or that say nothing about requests and replies.
_OPERATION: Final = frozenset({
    "operationId", "tags", "parameters", "requestBody", "responses", "security", "servers", "deprecated", "callbacks",
})  # fmt: skip
_PARAMETER: Final = frozenset({
    "in", "name", "required", "deprecated", "schema", "content", "style", "explode", "allowReserved", "allowEmptyValue",
})  # fmt: skip
_RESPONSE: Final = frozenset({"headers", "content", "links"})
_CONTENT: Final = frozenset({"schema", "deprecated"})


def open_document(document: documents.Document) -> Resolver:
    """A document that has the parts a comparison needs.

    Raises:
        DocumentError: it is no OpenAPI document, or its end is missing.
        AssumptionError: it is of another version than this check is written for.
    """
    root = document.root
    with error_context(document.name):
        model.check_version(root)
        for part, kind in (("info", dict), ("paths", dict), ("servers", list)):
            if not isinstance(root.get(part), kind):
                raise DocumentError(f"not a whole OpenAPI document: it has no `{part}`; is it cut off?")
    return Resolver(root)


def check_references(resolver: Resolver, found: LocatedOperation) -> None:
    """Follow every reference of an operation, those in what is new included, which nothing is compared with.

    Raises DocumentError where one leads out of the document's components, or to nothing.
    """
    waiting: list[tuple[Mapping[str, Any], Kind, Location]] = [(found.node, "Operation", ())]
    if "parameters" in found.path_item:
        waiting.append(({"parameters": found.path_item["parameters"]}, "Operation", ()))
    seen: set[int] = set()
    while waiting:
        node, kind, at = waiting.pop()
        resolved = resolver.resolve(node, kind, at) if kind in model.SECTIONS else node
        if id(resolved) not in seen:
            seen.add(id(resolved))
            # A place that is itself far inside is cut, so that a chain of schemas costs no more than its length.
            waiting += [
                (child, child_kind, place[:40]) for place, child, child_kind in model.children(resolved, kind, at)
            ]


def find_by_operation_id(resolver: Resolver, operation_id: object) -> str | None:
    """Where an operationId is now, as `POST /path`, for the one who looks for an operation that is gone."""
    for path, item in resolver.root["paths"].items():
        for method in model.METHODS:
            node = item.get(method) if is_object(item) else None
            if operation_id is not None and is_object(node) and node.get("operationId") == operation_id:
                return f"{method.upper()} {path}"
    return None


def parameters(resolver: Resolver, found: LocatedOperation) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The operation's parameters by `in` and name, those of its path included; a header's name is in small letters."""
    made = {}
    for holder in (found.path_item, found.node):
        for index, node in enumerate(checked_list(holder.get("parameters", []), ("parameters",))):
            at = ("parameters", str(index))
            parameter = resolver.resolve(node, "Parameter", at)
            place, name = parameter.get("in"), parameter.get("name")
            if not isinstance(place, str) or place not in _STYLES or not isinstance(name, str):
                raise DocumentError(
                    f"{model.pointer(at)}: a parameter has a name and one of `in: {', '.join(_STYLES)}`"
                )
            if place == "header":
                name = name.lower()
                if name in _IGNORED_PARAMETERS:
                    continue
            made[place, name] = parameter
    return made


def serialization(parameter: Mapping[str, Any]) -> dict[str, object]:
    """How a parameter's value is put into the request, with OpenAPI's defaults filled in."""
    style = parameter.get("style", _STYLES[parameter["in"]])
    return {
        "style": style,
        "explode": parameter.get("explode", style == "form"),
        "allowReserved": parameter.get("allowReserved", False),
        "allowEmptyValue": parameter.get("allowEmptyValue", False),
    }


def content(node: Mapping[str, Any], at: Location) -> dict[str, Mapping[str, Any]]:
    """Media types by name; neither letters' case nor the order of a media type's parameters has a meaning."""
    made: dict[str, Mapping[str, Any]] = {}
    for name, media in checked_object(node.get("content", {}), (*at, "content")).items():
        first, *rest = (part.strip().lower() for part in name.split(";"))
        made["; ".join([first, *sorted(rest)])] = checked_object(media, (*at, "content", name))
    return made


def responses(resolver: Resolver, found: LocatedOperation) -> dict[str, Mapping[str, Any]]:
    """Responses by status; `4XX` and `default` are statuses too."""
    at = ("responses",)
    made: dict[str, Mapping[str, Any]] = {
        status.upper() if status != "default" else status: resolver.resolve(node, "Response", (*at, status))
        for status, node in checked_object(found.node.get("responses", {}), at).items()
        if not model.is_extension(status, "Response")
    }
    return made


def headers(resolver: Resolver, response: Mapping[str, Any], at: Location) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """A response's headers by their name in small letters: the name as it is written, and the header."""
    place = (*at, "headers")
    return {
        name.lower(): (name, resolver.resolve(node, "Header", (*place, name)))
        for name, node in checked_object(response.get("headers", {}), place).items()
        if name.lower() not in _IGNORED_HEADERS
    }


def servers(resolver: Resolver, found: LocatedOperation) -> list[str]:
    """The addresses an operation is served at: its own, or its path's, or the document's."""
    for holder in (found.node, found.path_item, resolver.root):
        if "servers" in holder:
            nodes = [checked_object(node, ("servers",)) for node in checked_list(holder["servers"], ("servers",))]
            return [_server(node) for node in nodes] or ["/"]
    return ["/"]


def _server(node: Mapping[str, Any]) -> str:
    url = node.get("url")
    if not isinstance(url, str):
        raise DocumentError("/servers: a server has a url")
    variables = {
        name: {key: value for key, value in checked_object(variable, ("servers",)).items() if key not in ANNOTATIONS}
        for name, variable in checked_object(node.get("variables", {}), ("servers",)).items()
    }
    return f"{url.rstrip('/')} with {canonical_json(variables)}" if variables else url.rstrip("/") or "/"


def unknown_keywords(node: Mapping[str, Any], kind: Kind) -> dict[str, str]:
    """Keywords that no comparison looks at, and that are neither prose nor a vendor's, in canonical form."""
    known = {
        "Operation": _OPERATION,
        "Parameter": _PARAMETER,
        "Header": _PARAMETER,
        "Response": _RESPONSE,
        "MediaType": _CONTENT,
    }
    return {
        key: canonical_json(value)
        for key, value in node.items()
        if key not in known.get(kind, frozenset({"required", "content"}))
        and key not in ANNOTATIONS
        and not key.startswith("x-")
    }


# Flows of a scheme multiply where a requirement names several schemes.
_MAX_METHODS: Final = 100
# Sets of scopes, any of which will do.
Scopes = set[frozenset[str]]


@frozen
class Scheme:
    """A way of authenticating: its addresses by what they are for."""

    urls: dict[str, str]


def auth_methods(resolver: Resolver, found: LocatedOperation) -> dict[str, tuple[dict[str, Scheme], Scopes]]:
    """The ways to authenticate that an operation accepts, by what they are, not by the scheme's name.

    Each has its schemes and the scopes it needs. `none` is a call without credentials. A scheme with several flows is
    several ways, and two ways that differ in their scopes alone are one.
    """
    requirements = checked_list(found.node.get("security", resolver.root.get("security", [])), ("security",))
    made: dict[str, tuple[dict[str, Scheme], Scopes]] = {}
    base = servers(resolver, found)[0]
    components = checked_object(resolver.root.get("components", {}), ("components",))
    defined = checked_object(components.get("securitySchemes", {}), ("components", "securitySchemes")).keys()
    for requirement in requirements or [{}]:
        choices: list[dict[str, Scheme]] = [{}]
        scopes: set[str] = set()
        if not checked_object(requirement, ("security",)).keys() <= defined:
            # Nobody can authenticate by a scheme that the document does not describe.
            continue
        for name, needed in requirement.items():
            reference = model.reference_to("SecurityScheme", name)
            node = resolver.resolve({"$ref": reference}, "SecurityScheme", ("security",))
            choices = [{**way, label: scheme} for way in choices for label, scheme in _schemes(node, base).items()]
            if len(choices) > _MAX_METHODS:
                raise DocumentError("/security: more ways to authenticate than any API has")
            scopes.update(str(scope) for scope in checked_list(needed, ("security", name)))
        for schemes in choices:
            made.setdefault(" with ".join(sorted(schemes)) or "none", (schemes, set()))[1].add(frozenset(scopes))
    return made


def _schemes(node: Mapping[str, Any], base: str) -> dict[str, Scheme]:
    """The ways that a scheme offers: a client takes one of them."""
    kind = node.get("type")
    if kind == "http":
        return {f"http {str(node.get('scheme')).lower()}": Scheme({})}
    if kind == "apiKey":
        return {f"API key in {node.get('in')} {node.get('name')}": Scheme({})}
    if kind == "openIdConnect":
        return {"OpenID Connect": Scheme({"openIdConnectUrl": _absolute_url(base, node.get("openIdConnectUrl"))})}
    flows = checked_object(node.get("flows", {}), ("security", "flows"))
    return {
        f"OAuth 2 {name}": Scheme({
            key: _absolute_url(base, value)
            for key, value in checked_object(flow, ("security", "flows", name)).items()
            if key.endswith("Url")
        })
        for name, flow in flows.items()
        if not name.startswith("x-")
    }  # fmt: skip


def _absolute_url(base: str, value: object) -> str:
    try:
        return urljoin(base, str(value))
    except ValueError:
        raise DocumentError(f"/security: {as_code(value)} is no address") from None
