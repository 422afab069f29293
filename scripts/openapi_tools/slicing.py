"""Cut the kept operations out of upstream's document, with all they refer to, without prose, in one canonical form.

The same structure gives the same bytes, whatever the order, style or format of the source: keys are sorted, and so are
the lists that are sets. What is kept is kept as sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from openapi_tools import model
from openapi_tools.errors import AssumptionError, DocumentError
from openapi_tools.model import Kind, Location, canonical_json, checked_object, normalize
from openapi_tools.operations import LocatedOperation, Operation, find_operation

# Upstream's words are licensed CC BY-NC-SA. `callbacks` is what a server calls, not a client.
_DROPPED: Final = model.PROSE | {"callbacks"}
# `x-xgen-version` dates a media type and `x-sunset` ends it: the drift report tells of both. The rest is for upstream.
_KEPT_EXTENSIONS: Final = frozenset({"x-sunset", "x-xgen-version"})
# Lists whose order means nothing: sorted, so that another order upstream is no change here.
_UNORDERED: Final = frozenset({"required", "enum"})
_GUIDANCE: Final = "look at upstream's change, then adapt openapi/operations.yaml or scripts/openapi_tools/slicing.py"


def slice_document(root: Mapping[str, Any], operations: Sequence[Operation]) -> dict[str, Any]:
    """The fragment of an upstream document: the operations, in their order, and every component they reach.

    Raises:
        AssumptionError: the document no longer is what this project builds on.
        DocumentError: it is no OpenAPI document, or refers to something that is not in it.
    """
    _check_top(root)
    fragment = slice_operations(root, operations)
    _check_security(fragment)
    for operation in operations:
        _check_operation(fragment, operation)
    return fragment


def slice_operations(root: Mapping[str, Any], operations: Sequence[Operation]) -> dict[str, Any]:
    """The same without a look at the assumptions: what any document has of the operations. A fragment's is itself.

    Raises:
        AssumptionError: the document lacks one of the operations.
        DocumentError: something stands where it can't, or refers to what is not in the document.
    """
    cutter = _Slicer(root)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        item = require_operation(root, operation).path_item
        kept = {key: value for key, value in item.items() if key not in model.METHODS or key == operation.method}
        paths.setdefault(operation.path, {}).update(cutter.cut(kept, "PathItem", ("paths", operation.path)))
    security = _security(root)
    for requirement in security:
        for name in requirement:
            cutter.need("SecurityScheme", model.reference_to("SecurityScheme", name), ("security",))
    info = checked_object(root.get("info", {}), ("info",))
    return {
        "openapi": root.get("openapi"),
        "info": {key: normalize(info[key]) for key in ("title", "version", "license") if key in info},
        "servers": _servers(root),
        "security": security,
        "paths": paths,
        "components": cutter.components(),
    }


def require_operation(root: Mapping[str, Any], operation: Operation) -> LocatedOperation:
    """The operation in a document that has to have it. Raises AssumptionError where upstream has none."""
    found = find_operation(root, operation)
    if found is None:
        raise AssumptionError(f"{operation.title} is not in the document any more: {_GUIDANCE}")
    return found


class _Slicer:
    """Copies objects without their prose, and components once each, as they are referred to: so cycles end."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._cut: dict[tuple[str, str], dict[str, Any]] = {}
        self._open: list[tuple[Kind, str, dict[str, Any]]] = []

    def components(self) -> dict[str, dict[str, Any]]:
        """Everything referred to so far and, in turn, by that."""
        while self._open:
            kind, name, content = self._open.pop()
            section = model.SECTIONS[kind]
            self._cut[section, name] = self.cut(content, kind, ("components", section, name))
        made: dict[str, dict[str, Any]] = {}
        for section, name in sorted(self._cut):
            made.setdefault(section, {})[name] = self._cut[section, name]
        return made

    def need(self, kind: Kind, reference: str, at: Location) -> str:
        """Note a reference; returns it in the form that the fragment has."""
        name, content = model.find_component(self._root, reference, kind, at)
        key = (model.SECTIONS[kind], name)
        if key not in self._cut:
            self._cut[key] = {}
            self._open.append((kind, name, content))
        return model.reference_to(kind, name)

    def cut(self, node: Mapping[str, Any], kind: Kind, at: Location) -> dict[str, Any]:
        """A canonical copy of one object, without prose."""
        if kind == "Scopes":
            # The names of scopes are structure, their texts are prose.
            return dict.fromkeys(sorted(node), "")
        inside: dict[Location, dict[str, Any]] = {
            place: self.cut(child, child_kind, place) for place, child, child_kind in model.children(node, kind, at)
        }
        made: dict[str, Any] = {}
        for key in sorted(node):
            if _is_dropped(key, kind):
                continue
            made[key] = self._value(key, node[key], kind, at, inside)
        reference = model.reference_of(node)
        if reference is not None:
            # A circle of nothing but references says nothing; other circles are kept.
            model.resolve(self._root, node, kind, at)
            made["$ref"] = self.need(kind, reference, at)
        elif kind == "Response":
            # OpenAPI requires one.
            made = dict(sorted({**made, "description": ""}.items()))
        if kind == "Discriminator":
            self._need_mapping(node, at)
        return made

    def _value(
        self, key: str, value: object, kind: Kind, at: Location, inside: Mapping[Location, dict[str, Any]]
    ) -> object:
        place = (*at, key)
        holds = model.FIELDS[kind].get(key, ("data",))[0]
        if holds == "one":
            return inside.get(place, value)
        if holds == "map":
            names = sorted(checked_object(value, place))
            return {name: inside[*place, name] for name in names if (*place, name) in inside}
        if holds == "list" and isinstance(value, list):
            items = [inside[*place, str(index)] for index in range(len(value))]
            return sorted(items, key=self._parameter_key) if key == "parameters" else items
        if kind == "Schema" and key in _UNORDERED and isinstance(value, list):
            return sorted((normalize(item) for item in value), key=canonical_json)
        return normalize(value)

    def _parameter_key(self, parameter: dict[str, Any]) -> tuple[str, str]:
        parameter = model.resolve(self._root, parameter, "Parameter", ())[0]
        return str(parameter.get("in")), str(parameter.get("name"))

    def _need_mapping(self, node: Mapping[str, Any], at: Location) -> None:
        for value in checked_object(node.get("mapping", {}), at).values():
            self.need("Schema", model.mapping_reference(value), (*at, "mapping"))


def _is_dropped(key: str, kind: Kind) -> bool:
    if key.startswith("x-"):
        return key not in _KEPT_EXTENSIONS
    return key in _DROPPED and kind != "Discriminator"


def _servers(root: Mapping[str, Any]) -> list[dict[str, Any]]:
    made = []
    for index, server in enumerate(model.checked_list(root.get("servers", []), ("servers",))):
        kept = checked_object(server, ("servers", str(index)))
        made.append({key: normalize(kept[key]) for key in sorted(kept) if key not in model.PROSE})
    return made


def _security(root: Mapping[str, Any]) -> list[dict[str, list[str]]]:
    made = []
    for index, requirement in enumerate(model.checked_list(root.get("security", []), ("security",))):
        at = ("security", str(index))
        scopes = {name: model.checked_list(value, at) for name, value in checked_object(requirement, at).items()}
        made.append({name: sorted(map(str, scopes[name])) for name in sorted(scopes)})
    return sorted(made, key=canonical_json)


def _check_top(root: Mapping[str, Any]) -> None:
    model.check_version(root)
    info = checked_object(root.get("info"), ("info",))
    if not isinstance(info.get("title"), str) or not isinstance(info.get("version"), str):
        raise DocumentError("/info: a title and a version must stand here")
    servers = [server.get("url") for server in _servers(root)]
    if len(servers) != 1 or not str(servers[0]).startswith("https://") or "{" in str(servers[0]):
        raise AssumptionError(f"one https server was expected, the document has {servers}: {_GUIDANCE}")


def _check_security(fragment: Mapping[str, Any]) -> None:
    schemes = fragment["components"].get("securitySchemes", {})
    kinds = [" and ".join(_security_kind(schemes[name]) for name in choice) for choice in fragment["security"]]
    if sorted(kinds) != ["digest", "service account"]:
        raise AssumptionError(
            f"digest or a service account was expected, the document has {' or '.join(kinds) or 'nothing'}: {_GUIDANCE}"
        )


def _security_kind(scheme: Mapping[str, Any]) -> str:
    if scheme.get("type") == "http" and str(scheme.get("scheme")).lower() == "digest":
        return "digest"
    flow = scheme.get("flows", {}).get("clientCredentials") if scheme.get("type") == "oauth2" else None
    return "service account" if flow and "tokenUrl" in flow else f"another scheme ({scheme.get('type')})"


def _check_operation(fragment: Mapping[str, Any], operation: Operation) -> None:
    item = fragment["paths"][operation.path]
    node = item[operation.method]
    if "servers" in item or "servers" in node:
        raise AssumptionError(f"{operation.title} has a server of its own: {_GUIDANCE}")
    if "security" in node:
        raise AssumptionError(f"{operation.title} has security of its own: {_GUIDANCE}")
    responses = node.get("responses", {})
    if "200" not in responses:
        raise AssumptionError(f"{operation.title} has no response 200 any more: {_GUIDANCE}")
    at = ("paths", operation.path, operation.method, "responses", "200")
    offered = model.resolve(fragment, responses["200"], "Response", at)[0].get("content", {})
    if operation.accept not in offered:
        names = ", ".join(offered) or "nothing"
        raise AssumptionError(f"{operation.title} does not offer {operation.accept} any more, but {names}: {_GUIDANCE}")
