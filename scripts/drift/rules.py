"""What each kind of difference means for a client: the table of the drift check, one row a rule.

A difference is category by the way the data goes. What a client *sends* (parameters, request bodies) may become wider
without harm; what it *reads* (responses) may become narrower. The rest of the check finds differences and knows nothing
of classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from attrs import frozen

from openapi_tools.model import Location

Category = Literal["breaking", "additive", "renamed", "documentation"]
Direction = Literal["sent", "read"]

CATEGORIES: Final[tuple[Category, ...]] = ("breaking", "additive", "renamed", "documentation")
# Those that make the check fail: a client, or what a client could use, is another one.
DRIFT_CATEGORIES: Final[frozenset[Category]] = frozenset({"breaking", "additive"})


@frozen
class Rule:
    """One kind of difference.

    `text` follows the thing's name in a message and may hold {before} and {after}; `sent` and `read` are its classes by
    the way the data goes; `consequence` replaces the usual consequence, which follows from the class.
    """

    text: str
    sent: Category
    read: Category
    consequence: str = ""

    def classify(self, direction: Direction) -> Category:
        """The class of this difference in what is sent, or in what is read."""
        return self.sent if direction == "sent" else self.read

    def message(self, direction: Direction, *, before: str, after: str) -> str:
        """What happened, and what follows from it for a client."""
        text = self.text.format(before=before, after=after)
        consequence = self.consequence or _CONSEQUENCES.get((direction, self.classify(direction)), "")
        return f"{text}: {consequence}" if consequence else text


_CONSEQUENCES: Final[Mapping[tuple[Direction, Category], str]] = {
    ("sent", "breaking"): "what a client sends today may be refused",
    ("sent", "additive"): "what a client sends today is still good",
    ("read", "breaking"): "a client generated before may not be able to read it",
    ("read", "additive"): "a client generated before still reads it",
}


def _always(text: str, category: Category, consequence: str = "") -> Rule:
    return Rule(text, category, category, consequence)


_FINDS_NOTHING: Final = "a client that uses it finds nothing"

RULES: Final[Mapping[str, Rule]] = {
    # The operation
    "operation-removed": _always("is gone{after}", "breaking", "every call of it fails"),
    "operation-added": _always("is new", "additive", "nothing changes for a client"),
    "operation-renamed": _always("has the operationId {after}, had {before}", "renamed", "our name for it stays"),
    "deprecated": _always("is now marked deprecated", "additive", "it still works"),
    "no-longer-deprecated": _always("is no longer marked deprecated", "additive", "it stays"),
    "sunset": _always("has the sunset date {after}, had {before}", "additive", "it works until then"),
    "server-removed": _always("is no longer served at {before}", "breaking", "calls to that address may fail"),
    "server-added": _always("is also served at {after}", "additive", "nothing changes for a client"),
    # Security
    "security-removed": _always("no longer accepts {before}", "breaking", "clients that use it are refused"),
    "security-added": _always("also accepts {after}", "additive", "nothing changes for a client"),
    "security-url-changed": _always("was {before} and is {after}", "breaking", "clients ask at the old address"),
    "security-url-added": _always("is {after}, where there was none", "additive", "nothing changes for a client"),
    "scope-added": _always("needs the scope {after} now", "breaking", "tokens without it are refused"),
    "scope-removed": _always("no longer needs the scope {before}", "additive", "tokens with it are still good"),
    # Parameters and request bodies: always sent
    "parameter-removed": _always("is gone", "breaking", "sending it has no effect, or is refused"),
    "parameter-moved": _always("moved from {before} to {after}", "breaking", "it is sent where nobody reads it"),
    "parameter-added": _always("is new and optional", "additive", "requests without it are still good"),
    "required-parameter-added": _always("is new and required", "breaking", "requests without it are refused"),
    "now-required": _always("is now required", "breaking", "requests without it are refused"),
    "now-optional": _always("is no longer required", "additive", "requests with it are still good"),
    "serialization-changed": _always("is written otherwise: {before} became {after}", "breaking"),
    "serialization-looser": _always("may be written more freely: {before} became {after}", "additive"),
    "body-removed": _always("is gone", "breaking", "sending it has no effect, or is refused"),
    "body-added": _always("is new and optional", "additive", "requests without it are still good"),
    "required-body-added": _always("is new and required", "breaking", "requests without it are refused"),
    # Responses, their headers and media types
    "response-removed": _always("is gone", "breaking", "a call that succeeds is answered otherwise"),
    "error-removed": _always("is gone", "additive", "one failure less to expect"),
    "response-added": _always("is new", "additive", "a client generated before does not expect it"),
    "header-removed": _always("is gone", "breaking", _FINDS_NOTHING),
    "header-added": _always("is new", "additive"),
    "header-now-required": _always("is now always there", "additive"),
    "header-now-optional": _always("is no longer always there", "breaking", "a client that counts on it fails"),
    "media-type-removed": _always("is gone", "breaking", "a client that asks for it or sends it is refused"),
    "media-type-added": _always("is new", "additive", "nothing changes for a client"),
    "media-type-newer": _always(
        "is newer than {before}, which is asked for",
        "additive",
        "to take it over, change `accept` in openapi/operations.yaml",
    ),
    # Schemas
    "type-changed": _always("was {before} and is {after}", "breaking"),
    "type-wider": Rule("was {before} and is {after}, which is wider", sent="additive", read="breaking"),
    "type-narrower": Rule("was {before} and is {after}, which is narrower", sent="breaking", read="additive"),
    "null-allowed": Rule("may now be null", sent="additive", read="breaking"),
    "null-disallowed": Rule("may no longer be null", sent="breaking", read="additive"),
    "format-changed": _always("had the format {before} and has {after}", "breaking"),
    "format-added": Rule("has the format {after} now", sent="breaking", read="additive"),
    "format-removed": Rule("no longer has the format {before}", sent="additive", read="breaking"),
    "format-wider": Rule("has the wider format {after}, had {before}", sent="additive", read="breaking"),
    "format-narrower": Rule("has the narrower format {after}, had {before}", sent="breaking", read="additive"),
    # A client checks no bound and no pattern of what it reads.
    "pattern-changed": Rule("has the pattern {after}, had {before}", sent="breaking", read="additive"),
    "pattern-removed": _always("no longer has the pattern {before}", "additive"),
    "bound-tighter": Rule("is bound tighter, by {after} where it was {before}", sent="breaking", read="additive"),
    "bound-looser": _always("is bound looser, by {after} where it was {before}", "additive"),
    # Enumerations in responses are open: a value nobody has seen yet is read as any other.
    "values-added": _always("may now also be {after}", "additive"),
    "values-removed": Rule("may no longer be {before}", sent="breaking", read="additive"),
    "enum-added": Rule("may now be one of {after} only", sent="breaking", read="additive"),
    "enum-removed": _always("no longer has a list of values, of which there were {before}", "additive"),
    # Nothing is refused, and still the same request has another effect, which nobody is told of.
    "default-changed": Rule(
        "has the default {after}, had {before}",
        sent="breaking",
        read="additive",
        consequence="leaving it out means something else",
    ),
    "default-added": _always("has the default {after} now", "additive"),
    "default-removed": _always("no longer has the default {before}", "additive"),
    "property-removed": _always("is gone", "breaking", "a client that uses it fails or finds nothing"),
    "property-added": _always("is new", "additive"),
    "required-property-added": Rule("is new and required", sent="breaking", read="additive"),
    "required-added": Rule("has {after} in its required list now", sent="breaking", read="additive"),
    "required-removed": Rule(
        "no longer has {before} in its required list",
        sent="additive",
        read="breaking",
    ),
    "additional-properties-disallowed": Rule("takes no other properties any more", sent="breaking", read="additive"),
    "additional-properties-allowed": _always("takes other properties now", "additive"),
    "additional-properties-removed": _always("has no properties of free names any more", "breaking"),
    "variant-added": Rule("is a new form", sent="additive", read="breaking"),
    "variant-removed": Rule("is gone", sent="breaking", read="additive"),
    "choice-added": Rule("is now one of {after} forms", sent="breaking", read="additive"),
    "choice-removed": Rule("is no longer one of {before} forms", sent="additive", read="breaking"),
    "discriminator-changed": _always("is told by {after}, was by {before}", "breaking"),
    "discriminator-added": _always("is told by {after} now", "additive"),
    "not-changed": Rule("has another `not`", sent="breaking", read="additive"),
    # So that nothing passes in silence: what no rule knows is for a person to look at.
    "unknown": _always("changed from {before} to {after}, which no rule here knows", "breaking", "look at it"),
}  # fmt: skip


@frozen
class Difference:
    """One difference, by the name of its rule: its place within what was compared, and what stood and stands there."""

    rule: str
    at: Location
    before: str = ""
    after: str = ""
