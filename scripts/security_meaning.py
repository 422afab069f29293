"""The ways to authenticate that a document accepts for an operation, told by what they are: names mean nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

from attrs import frozen

import meaning
import references
from errors import DocumentError
from shape import checked_list, checked_object
from shown import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from operations import Found
    from schema_meaning import Side

# Flows of a scheme multiply where a requirement names several schemes.
_MOST_WAYS: Final = 100
# Sets of scopes, any of which will do.
Scopes = set[frozenset[str]]


@frozen
class Scheme:
    """A way of authenticating: its addresses by what they are for."""

    addresses: dict[str, str]


def ways(side: Side, found: Found) -> dict[str, tuple[dict[str, Scheme], Scopes]]:
    """The ways to authenticate that an operation accepts, by what they are, not by the scheme's name.

    Each has its schemes and the scopes it needs. `none` is a call without credentials. A scheme with several flows is
    several ways, and two ways that differ in their scopes alone are one.
    """
    requirements = checked_list(found.node.get("security", side.root.get("security", [])), ("security",))
    made: dict[str, tuple[dict[str, Scheme], Scopes]] = {}
    base = meaning.servers(side, found)[0]
    components = checked_object(side.root.get("components", {}), ("components",))
    defined = checked_object(components.get("securitySchemes", {}), ("components", "securitySchemes")).keys()
    for requirement in requirements or [{}]:
        choices: list[dict[str, Scheme]] = [{}]
        scopes: set[str] = set()
        if not checked_object(requirement, ("security",)).keys() <= defined:
            # Nobody can authenticate by a scheme that the document does not describe.
            continue
        for name, needed in requirement.items():
            reference = references.target("SecurityScheme", name)
            node = side.resolve({"$ref": reference}, "SecurityScheme", ("security",))
            choices = [{**way, label: scheme} for way in choices for label, scheme in _schemes(node, base).items()]
            if len(choices) > _MOST_WAYS:
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
        return {"OpenID Connect": Scheme({"openIdConnectUrl": _address(base, node.get("openIdConnectUrl"))})}
    flows = checked_object(node.get("flows", {}), ("security", "flows"))
    return {
        f"OAuth 2 {name}": Scheme({
            key: _address(base, value)
            for key, value in checked_object(flow, ("security", "flows", name)).items()
            if key.endswith("Url")
        })
        for name, flow in flows.items()
        if not name.startswith("x-")
    }  # fmt: skip


def _address(base: str, value: object) -> str:
    try:
        return urljoin(base, str(value))
    except ValueError:
        raise DocumentError(f"/security: {shown(value)} is no address") from None
