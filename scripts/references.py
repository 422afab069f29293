"""Follow references and write them: the one place that knows what the text of a `$ref` means.

It is a URI, and the JSON pointer behind its `#` is percent-encoded (RFC 6901, section 6). Only the document's own
components are followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from errors import DocumentError
from shape import SECTIONS, checked_object, pointer, tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shape import Kind, Tokens

# A chain of references in upstream's document has three members.
_LONGEST_CHAIN: Final = 100
# References resolved can multiply without end: twenty schemas that each hold the next one twice make a million places.
# Upstream's five operations have 600 places with words and, between two revisions, 150 with a difference.
MAX_PLACES: Final = 50_000


def target(kind: Kind, name: str) -> str:
    """The reference to a component, in the one form that this project writes.

    Only what must be is percent-encoded, as the generator decodes nothing: `#/components/schemas/A B`.
    """
    return f"#{pointer(('components', SECTIONS[kind], name))}".replace("%", "%25")


def mapped(value: object) -> str:
    """The reference that a value of a discriminator's mapping stands for: it is one, or the bare name of a schema."""
    text = str(value)
    return text if {"/", "#", "."} & set(text) else target("Schema", text)


def of(node: Mapping[str, Any]) -> str | None:
    """The target of a `$ref` object, None for any other object."""
    value = node.get("$ref")
    return value if isinstance(value, str) else None


def component(root: Mapping[str, Any], reference: str, kind: Kind, at: Tokens) -> tuple[str, dict[str, Any]]:
    """The name and content of the component a reference points at.

    Raises:
        DocumentError: it points to a file or URL, outside the components of this kind, or at nothing.
    """
    told = f"{pointer(at)}: refers to"
    if not reference.startswith("#"):
        raise DocumentError(f"{told} a file or an address ({reference[:80]}); only #/components is followed")
    # What is no UTF-8 becomes what no document can hold.
    place, section = unquote(reference[1:], errors="surrogateescape"), SECTIONS.get(kind, "?")
    prefix = f"/components/{section}/"
    if not place.startswith(prefix) or "/" in place.removeprefix(prefix):
        raise DocumentError(f"{told} {reference[:80]}; a {kind} is looked for in #{prefix} only")
    there = checked_object(checked_object(root.get("components", {}), ("components",)).get(section, {}), at)
    name = tokens(place)[-1]
    if name not in there:
        raise DocumentError(f"{told} {reference[:80]}, which is not in the document")
    return name, checked_object(there[name], ("components", section, name))


def resolve(root: Mapping[str, Any], node: object, kind: Kind, at: Tokens) -> tuple[dict[str, Any], Tokens]:
    """What an object is once its references are followed, and the place where that stands.

    Raises:
        DocumentError: a reference leads nowhere, back to itself, or through more others than any document needs.
    """
    here = checked_object(node, at)
    for _ in range(_LONGEST_CHAIN):
        reference = of(here)
        if reference is None:
            return here, at
        name, here = component(root, reference, kind, at)
        at = ("components", SECTIONS[kind], name)
    raise DocumentError(f"{pointer(at)}: a reference leads in a circle, or over more than {_LONGEST_CHAIN} others")


def too_many(at: Tokens) -> DocumentError:
    """What to raise beyond MAX_PLACES, or any such limit; `at` is one of the places."""
    return DocumentError(f"{pointer(at[:20])}: references multiply beyond any document's need")
