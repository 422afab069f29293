"""Cut our operations out of upstream's document, with everything they refer to, without prose, in one canonical form.

The same structure gives the same bytes, whatever the order, style or format of the source: keys are sorted, and so are
lists whose order means nothing. Everything else is kept as upstream has it.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, Final

from openapi_tools import dialect, model
from openapi_tools.errors import AssumptionError, DocumentError
from openapi_tools.model import Kind, Location, canonical_json, checked_list, checked_object, is_object, normalize
from openapi_tools.operations import GUIDANCE, Operation, present_operations, require_operation

# Upstream's prose is licensed CC BY-NC-SA. A server, not a client, calls `callbacks`.
_DROPPED: Final = model.PROSE | {"callbacks"}
# `x-xgen-version` dates a media type and `x-sunset` ends it; `x-columns` is ours, see csv_columns().
ROLES: Final = "x-rolesRequirements"
_COLUMNS: Final = "x-columns"
_KEPT_EXTENSIONS: Final = frozenset({"x-sunset", "x-xgen-version", ROLES, _COLUMNS})
# Lists whose order means nothing.
_UNORDERED: Final = frozenset({"required", "enum"})
# The variables of a server multiply.
_MAX_URLS: Final = 100
# The statuses that a success may have; a client must expect the one that is documented.
SUCCESSES: Final = ("200", "201", "202")


def slice_document(root: Mapping[str, Any], operations: Sequence[Operation]) -> dict[str, Any]:
    """The fragment of an upstream document: the operations, in their order, and every component they reach.

    An optional operation that the document lacks is left out.

    Raises:
        AssumptionError: the document no longer has what this project relies on.
        DocumentError: it is not OpenAPI, or refers to something that it doesn't contain.
    """
    _check_top(root)
    fragment = slice_operations(root, operations)
    for operation in present_operations(root, operations):
        _check_operation(fragment, operation)
    return fragment


def slice_operations(root: Mapping[str, Any], operations: Sequence[Operation]) -> dict[str, Any]:
    """The same for any document that has the operations; a fragment gives itself.

    Raises:
        AssumptionError: an operation is missing.
        DocumentError: a value has the wrong type, or a reference leads to nothing.
    """
    slicer = _Slicer(root)
    paths: dict[str, dict[str, Any]] = {}
    requirements: list[dict[str, list[str]]] = []
    for operation in present_operations(root, operations):
        found = require_operation(root, operation)
        dialect.rewrite(root, found)
        items = found.path_item.items()
        kept = {key: value for key, value in items if key not in model.METHODS or key == operation.method}
        paths.setdefault(found.path, {}).update(slicer.copy(kept, "PathItem", ("paths", found.path)))
        requirements += _security(found.node)
    security = _security(root)
    for requirement in [*security, *requirements]:
        for name in requirement:
            slicer.add("SecurityScheme", model.reference_to("SecurityScheme", name), ("security",))
    info = checked_object(root.get("info", {}), ("info",))
    return {
        "openapi": dialect.VERSION if str(root.get("openapi")).startswith("3.1.") else root.get("openapi"),
        "info": {key: normalize(info[key]) for key in ("title", "version") if key in info} | _licence(info),
        "servers": _servers(root),
        "security": security,
        "paths": paths,
        "components": slicer.components(),
    }


def csv_columns(root: Mapping[str, Any], name: str, media: Mapping[str, Any]) -> list[str]:
    """The columns of a CSV media type, which stand only in upstream's example; a fragment has them as `x-columns`.

    The example may be written in the media type, in its schema or as a component.

    The header is the first of the example's rows with the most cells, whatever its columns are called.
    """
    if _COLUMNS in media:
        return [str(column) for column in checked_list(media[_COLUMNS], (name, _COLUMNS))]
    # A request may have parameters after the media type.
    if not name.partition(";")[0].strip().lower().endswith(("+csv", "/csv")):
        return []
    schema = media.get("schema")
    holders = [media, *([model.resolve(root, schema, "Schema", (name,))[0]] if is_object(schema) else [])]
    values = [value for holder in holders for value in model.examples(root, holder, (name,))]
    text = next((value for value in values if isinstance(value, str)), "")
    try:
        rows = [[cell.strip() for cell in row if cell.strip()] for row in csv.reader(text.splitlines())]
    except csv.Error:
        return []
    widest = max(rows, key=len, default=[])
    # A preamble has names and values, two cells in a row.
    return widest if len(widest) > 2 else []  # noqa: PLR2004 - explained above


class _Slicer:
    """Copies objects without their prose. Each component is copied once, on the first reference, so cycles end."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._copied: dict[tuple[str, str], dict[str, Any]] = {}
        self._waiting: list[tuple[Kind, str, dict[str, Any]]] = []

    def components(self) -> dict[str, dict[str, Any]]:
        """Every component that the copied objects reach."""
        while self._waiting:
            kind, name, content = self._waiting.pop()
            section = model.SECTIONS[kind]
            self._copied[section, name] = self.copy(content, kind, ("components", section, name))
        made: dict[str, dict[str, Any]] = {}
        for section, name in sorted(self._copied):
            made.setdefault(section, {})[name] = self._copied[section, name]
        return made

    def add(self, kind: Kind, reference: str, at: Location) -> str:
        """Add the component that a reference points to; returns the reference as the fragment writes it."""
        name, content = model.find_component(self._root, reference, kind, at)
        key = (model.SECTIONS[kind], name)
        if key not in self._copied:
            self._copied[key] = {}
            self._waiting.append((kind, name, content))
        return model.reference_to(kind, name)

    def copy(self, node: Mapping[str, Any], kind: Kind, at: Location) -> dict[str, Any]:
        """A canonical copy of one object and everything inside it, without prose."""
        if kind == "Scopes":
            # The names of scopes are structure, their texts are prose.
            return dict.fromkeys(sorted(node), "")
        inside = {
            place: self.copy(child, child_kind, place) for child, child_kind, place in model.children(node, kind, at)
        }
        made = {
            key: self._copy_value(key, node[key], kind, at, inside)
            for key in sorted(node)
            if not _is_dropped(key, kind)
        }
        reference = model.reference_of(node)
        if reference is not None:
            # Refuse a circle that consists only of references; other circles are fine.
            model.resolve(self._root, node, kind, at)
            made["$ref"] = self.add(kind, reference, at)
        elif kind == "Response":
            # OpenAPI requires a description.
            made = dict(sorted({**made, "description": ""}.items()))
        if kind == "MediaType" and (columns := csv_columns(self._root, at[-1], node)):
            made = dict(sorted({**made, _COLUMNS: columns}.items()))
        if kind == "Discriminator":
            for value in checked_object(node.get("mapping", {}), at).values():
                self.add("Schema", model.mapping_reference(value), (*at, "mapping"))
        return made

    def _copy_value(
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
        if (key == ROLES or (kind == "Schema" and key in _UNORDERED)) and isinstance(value, list):
            return sorted((normalize(item) for item in value), key=canonical_json)
        return normalize(value)

    def _parameter_key(self, parameter: dict[str, Any]) -> tuple[str, str]:
        parameter = model.resolve(self._root, parameter, "Parameter", ())[0]
        return str(parameter.get("in")), str(parameter.get("name"))


def _is_dropped(key: str, kind: Kind) -> bool:
    if key.startswith("x-"):
        return key not in _KEPT_EXTENSIONS
    return key in _DROPPED and kind != "Discriminator"


def _licence(info: Mapping[str, Any]) -> dict[str, Any]:
    """The licence with the keys of 3.0; 3.1 may identify it by a code instead of a URL."""
    held = checked_object(info.get("license", {}), ("info", "license"))
    return {"license": {key: held[key] for key in ("name", "url") if key in held}} if held else {}


def _servers(root: Mapping[str, Any]) -> list[dict[str, Any]]:
    made = []
    for index, server in enumerate(checked_list(root.get("servers", []), ("servers",))):
        kept = checked_object(server, ("servers", str(index)))
        made.append({key: normalize(kept[key]) for key in sorted(kept) if key not in model.PROSE})
    return made


def _security(root: Mapping[str, Any]) -> list[dict[str, list[str]]]:
    made = []
    for index, requirement in enumerate(checked_list(root.get("security", []), ("security",))):
        at = ("security", str(index))
        scopes = {name: checked_list(value, at) for name, value in checked_object(requirement, at).items()}
        made.append({name: sorted(map(str, scopes[name])) for name in sorted(scopes)})
    return sorted(made, key=canonical_json)


def _check_top(root: Mapping[str, Any]) -> None:
    model.check_version(root)
    info = checked_object(root.get("info"), ("info",))
    if not isinstance(info.get("title"), str) or not isinstance(info.get("version"), str):
        raise DocumentError("/info: needs a title and a version")
    if not _urls(root):
        raise AssumptionError(f"an https server was expected, the document has {_servers(root)}: {GUIDANCE}")


def server_urls(holder: Mapping[str, Any]) -> list[str]:
    """The URLs of the servers of a document, a path or an operation, with every value that their variables may have."""
    made: list[str] = []
    for server in _servers(holder):
        url, at = server.get("url"), ("servers", "variables")
        if not isinstance(url, str):
            raise DocumentError("/servers: a server needs a url")
        choices = []
        for name, variable in checked_object(server.get("variables", {}), at).items():
            node, slot = checked_object(variable, (*at, name)), f"{{{name}}}"
            values = [node.get("default", slot), *checked_list(node.get("enum", []), (*at, name))]
            choices.append([(slot, value) for value in dict.fromkeys(map(str, values))])
        if math.prod(map(len, choices)) > _MAX_URLS:
            raise model.too_many_references(at)
        filled = (
            reduce(lambda text, value: text.replace(*value), values, url) for values in itertools.product(*choices)
        )
        made += (text.rstrip("/") or "/" for text in filled)
    return made


def _urls(holder: Mapping[str, Any]) -> set[str]:
    return {url for url in server_urls(holder) if url.startswith("https://") and "{" not in url}


def _security_kind(scheme: Mapping[str, Any]) -> str:
    if scheme.get("type") == "http" and str(scheme.get("scheme")).lower() == "digest":
        return "digest"
    flow = scheme.get("flows", {}).get("clientCredentials") if scheme.get("type") == "oauth2" else None
    return "service account" if flow and "tokenUrl" in flow else f"another scheme ({scheme.get('type')})"


def _check_operation(fragment: Mapping[str, Any], operation: Operation) -> None:
    found = require_operation(fragment, operation)
    node = found.node
    for holder in (found.path_item, node):
        if "servers" in holder and not _urls(holder) & _urls(fragment):
            raise AssumptionError(f"{operation.title} has only servers of its own: {GUIDANCE}")
    schemes = fragment["components"].get("securitySchemes", {})
    choices = _security(node if "security" in node else fragment)
    kinds = {" and ".join(_security_kind(schemes[name]) for name in choice) for choice in choices}
    if not kinds >= {"digest", "service account"}:
        raise AssumptionError(
            f"{operation.title}: digest and a service account were expected among the ways to authenticate, the "
            f"document has {' or '.join(sorted(kinds)) or 'nothing'}: {GUIDANCE}"
        )
    at = ("paths", found.path, operation.method)
    successes = success_responses(fragment, node, at)
    if not successes:
        raise AssumptionError(f"{operation.title} no longer has a response {' or '.join(SUCCESSES)}: {GUIDANCE}")
    for response, place in successes:
        _check_offer(operation, f"response {place[-1]}", operation.accept, response)
    if "requestBody" in node:
        body = model.resolve(fragment, node["requestBody"], "RequestBody", (*at, "requestBody"))[0]
        _check_offer(operation, "the request body", operation.body_type, body)


def _check_offer(operation: Operation, part: str, media_type: str, holder: Mapping[str, Any]) -> None:
    offered = holder.get("content", {})
    if media_type not in offered:
        names = ", ".join(offered) or "nothing"
        raise AssumptionError(f"{operation.title}: {part} has {names}, but not {media_type}: {GUIDANCE}")


def success_responses(
    root: Mapping[str, Any], node: Mapping[str, Any], at: Location
) -> list[tuple[dict[str, Any], Location]]:
    """An operation's responses that mean success, each with its location."""
    responses = node.get("responses", {})
    return [
        model.resolve(root, responses[status], "Response", (*at, "responses", status))
        for status in SUCCESSES
        if status in responses
    ]
