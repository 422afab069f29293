"""Apply an OpenAPI Overlay, the standard for changing a document from outside: our own text and single fixes.

Written here because existing libraries ignore a target that matches nothing, so a fix could stop working unnoticed.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Mapping
from typing import Any

import jsonpath_rfc9535 as jsonpath
from jsonpath_rfc9535.node import JSONPathNode

from openapi_tools.errors import DocumentError


def apply(document: dict[str, Any], overlay: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A changed copy of the document, all actions applied in order, and the targets that matched nothing.

    Raises:
        DocumentError: the overlay is not version 1, or an action is malformed or can't be applied.
    """
    actions = overlay.get("actions")
    if not str(overlay.get("overlay", "")).startswith("1.") or not isinstance(actions, list) or not actions:
        raise DocumentError("not an OpenAPI Overlay: needs `overlay: 1.x` and a list of `actions`")
    changed = copy.deepcopy(document)
    return changed, [action["target"] for action in actions if not _apply_action(changed, action)]


def must_match(action: Mapping[str, Any], absent: Container[str]) -> bool:
    """Whether something breaks if an action matches nothing in a document that lacks the optional operations `absent`.

    Nothing does if the action only gives text, or is about an absent operation, which it names as `x-operation`.
    """
    is_text = set(action.get("update") or {"": ""}) <= {"summary", "description"}
    return not is_text and action.get("x-operation") not in absent


def _apply_action(document: dict[str, Any], action: Mapping[str, Any]) -> bool:
    if not isinstance(action, dict) or not isinstance(action.get("target"), str):
        raise DocumentError("an overlay action has no `target`")
    target = action["target"]
    if ("update" in action) == (action.get("remove") is True):
        raise DocumentError(f"overlay action {target}: needs either `update` or `remove: true`")
    try:
        nodes = list(jsonpath.find(target, document))
    except jsonpath.JSONPathError as error:
        raise DocumentError(f"overlay action {target}: not a JSONPath: {error}") from None
    # Last to first, so removing from a list moves no node that is still to come.
    for node in reversed(nodes):
        if action.get("remove") is True:
            _remove(node)
        elif isinstance(node.value, list):
            node.value.append(copy.deepcopy(action["update"]))
        elif isinstance(node.value, dict) and isinstance(action["update"], dict):
            _merge(node.value, action["update"])
        else:
            raise DocumentError(f"overlay action {target}: {node.path()} must be an object or a list to be updated")
    return bool(nodes)


def _remove(node: JSONPathNode) -> None:
    if node.parent is None:
        raise DocumentError("an overlay action can't remove the whole document")
    parent: Any = node.parent.value
    del parent[node.location[-1]]


def _merge(into: dict[str, Any], update: Mapping[str, Any]) -> None:
    for key, value in update.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        elif isinstance(value, list) and isinstance(into.get(key), list):
            into[key].extend(copy.deepcopy(value))
        else:
            into[key] = copy.deepcopy(value)
