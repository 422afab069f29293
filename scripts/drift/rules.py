"""The table of the drift check: one row for each kind of difference, with what it means for a client.

The category depends on the direction of the data. What a client *sends* (parameters, request bodies) may become wider
without harm; what it *reads* (responses) may become narrower. The rest of the check finds differences and knows nothing
about categories.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from attrs import frozen

from openapi_tools.model import Location

Category = Literal["breaking", "additive", "renamed", "documentation"]
Direction = Literal["sent", "read"]

CATEGORIES: Final[tuple[Category, ...]] = ("breaking", "additive", "renamed", "documentation")
# These make the check fail, because a client, or what it can use, changes.
DRIFT_CATEGORIES: Final[frozenset[Category]] = frozenset({"breaking", "additive"})


@frozen
class Difference:
    """One difference: the name of its rule, its location within what was compared, and the values before and after.

    `subject` names it by component and property: `ApiError.detail`; empty where no schema of the components has it.
    """

    rule: str
    at: Location
    before: str = ""
    after: str = ""
    subject: str = ""


@frozen
class Change:
    """One classified difference."""

    category: Category
    operation: str
    at: Location
    fact: str
    effect: str = ""
    subject: str = ""
    words: tuple[str, str] | None = None  # before and after, of prose

    @property
    def text(self) -> str:
        """The fact and its consequence for a client."""
        return f"{self.fact}: {self.effect}" if self.effect else self.fact


@frozen
class Rule:
    """One kind of difference.

    `text` follows the name of the thing in a message and may contain {before} and {after}; `sent` and `read` are the
    categories by direction; `consequence` replaces the usual one, which follows from direction and category.
    """

    text: str
    sent: Category
    read: Category
    consequence: str = ""

    def classify(self, direction: Direction) -> Category:
        """The category of this difference in data that is sent, or read."""
        return self.sent if direction == "sent" else self.read

    def effect(self, direction: Direction) -> str:
        """The consequence for a client, or an empty string."""
        return self.consequence or _CONSEQUENCES.get((direction, self.classify(direction)), "")


_CONSEQUENCES: Final[Mapping[tuple[Direction, Category], str]] = {
    ("sent", "breaking"): "a request that works today may be refused",
    ("sent", "additive"): "requests that work today still do",
    ("read", "breaking"): "an existing client may fail to read it",
    ("read", "additive"): "an existing client still reads it",
}


def _always(text: str, category: Category, consequence: str = "") -> Rule:
    return Rule(text, category, category, consequence)


_NO_EFFECT: Final = "sending it has no effect or is refused"
_NO_CHANGE: Final = "nothing changes for a client"
_STILL_GOOD: Final = "requests without it still work"
_REFUSED: Final = "requests without it are refused"

RULES: Final[Mapping[str, Rule]] = {
    # The operation
    "operation-removed": _always("was removed{after}", "breaking", "every call fails"),
    "operation-added": _always("is new", "additive", _NO_CHANGE),
    "operation-renamed": _always("has the operationId {after}, was {before}", "renamed", "our name for it stays"),
    "deprecated": _always("is now deprecated", "additive", "nothing changes yet"),
    "no-longer-deprecated": _always("is no longer deprecated", "additive", _NO_CHANGE),
    "sunset": _always("has the sunset date {after}, was {before}", "additive", "nothing changes until then"),
    "role-removed": _always("no longer accepts the role {before}", "breaking", "credentials with only this role fail"),
    "role-added": _always("also accepts the role {after}", "additive", _NO_CHANGE),
    "roles-stated": _always("now has the role {after} in the document", "documentation", _NO_CHANGE),
    "server-removed": _always("is no longer served at {before}", "breaking", "calls to that URL may fail"),
    "server-added": _always("is also served at {after}", "additive", _NO_CHANGE),
    # Security
    "security-removed": _always("no longer accepts {before}", "breaking", "clients with only this are refused"),
    "security-added": _always("also accepts {after}", "additive", _NO_CHANGE),
    "security-url-changed": _always("was {before} and is now {after}", "breaking", "clients use the old URL"),
    "security-url-added": _always("is {after}, where there was none", "additive", _NO_CHANGE),
    "scope-added": _always("now needs the scope {after}", "breaking", "tokens without this scope are refused"),
    "scope-removed": _always("no longer needs the scope {before}", "additive", "tokens with this scope still work"),
    # Parameters and request bodies: always sent
    "parameter-removed": _always("was removed", "breaking", _NO_EFFECT),
    "parameter-moved": _always("moved from {before} to {after}", "breaking", "clients send it in the old place"),
    "parameter-renamed": _always("was called {before}", "renamed", "the URL is the same, and our name for it stays"),
    "parameter-added": _always("is new and optional", "additive", _STILL_GOOD),
    "required-parameter-added": _always("is new and required", "breaking", _REFUSED),
    "now-required": _always("is now required", "breaking", _REFUSED),
    "now-optional": _always("is no longer required", "additive", "requests with it still work"),
    "serialization-changed": _always("is serialized differently: {before} became {after}", "breaking"),
    "serialization-looser": _always("may be serialized more freely: {before} became {after}", "additive"),
    "body-removed": _always("was removed", "breaking", _NO_EFFECT),
    "body-added": _always("is new and optional", "additive", _STILL_GOOD),
    "required-body-added": _always("is new and required", "breaking", _REFUSED),
    # Responses, their headers and media types
    "response-removed": _always("was removed", "breaking", "a successful call gets a different response"),
    "error-removed": _always("was removed", "additive", "one failure less to expect"),
    "success-added": _always("is new", "breaking", "a client that expects another success may fail"),
    "response-added": _always("is new", "additive", "an existing client treats it as any other failure"),
    "header-removed": _always("was removed", "breaking", "a client that uses it finds nothing"),
    "header-added": _always("is new", "additive"),
    "header-now-required": _always("is now always present", "additive"),
    "header-now-optional": _always("is no longer always present", "breaking", "a client that relies on it fails"),
    "media-type-removed": _always("was removed", "breaking", "clients that use it fail"),
    "media-type-added": _always("is new", "additive", _NO_CHANGE),
    "media-type-newer": _always(
        "is newer than {before}, which we request",
        "additive",
        "to use it, change `accept` in openapi/operations.yaml",
    ),
    "column-removed": _always("was removed", "breaking", "code that reads it finds nothing"),
    "column-added": _always("is new", "additive", "read like any unknown column"),
    "column-repeated": _always("is listed {after} times, was {before}", "breaking", "code that reads it may fail"),
    "columns-stated": _always("now has its columns in the document", "documentation", _NO_CHANGE),
    "columns-gone": _always("no longer has its columns in the document", "breaking", "look at a real one"),
    # Schemas
    "type-changed": _always("was {before} and is now {after}", "breaking"),
    "type-wider": Rule("was {before} and is now {after}, which is wider", sent="additive", read="breaking"),
    "type-narrower": Rule("was {before} and is now {after}, which is narrower", sent="breaking", read="additive"),
    "null-allowed": Rule("may now be null", sent="additive", read="breaking"),
    "null-disallowed": Rule("may no longer be null", sent="breaking", read="additive"),
    "format-changed": _always("has the format {after}, was {before}", "breaking"),
    "format-added": Rule("now has the format {after}", sent="breaking", read="additive"),
    "format-removed": Rule("no longer has the format {before}", sent="additive", read="breaking"),
    "format-wider": Rule("has the wider format {after}, was {before}", sent="additive", read="breaking"),
    "format-narrower": Rule("has the narrower format {after}, was {before}", sent="breaking", read="additive"),
    # A client checks neither bounds nor patterns of what it reads.
    "pattern-changed": Rule("has the pattern {after}, was {before}", sent="breaking", read="additive"),
    "pattern-removed": _always("no longer has the pattern {before}", "additive"),
    "bound-tighter": Rule("has a tighter bound, {after} instead of {before}", sent="breaking", read="additive"),
    "bound-looser": _always("has a looser bound, {after} instead of {before}", "additive"),
    # Enumerations in responses are open: an unknown value is read like any other.
    "values-added": _always("may now also be {after}", "additive"),
    "values-removed": Rule("may no longer be {before}", sent="breaking", read="additive"),
    "enum-added": Rule("may now only be one of {after}", sent="breaking", read="additive"),
    "enum-removed": _always("no longer has a list of values, of which there were {before}", "additive"),
    # Nothing is refused, but the same request silently has a different effect.
    "default-changed": Rule(
        "has the default {after}, was {before}",
        sent="breaking",
        read="additive",
        consequence="leaving it out has a different effect",
    ),
    "default-added": _always("now has the default {after}", "additive"),
    "default-removed": _always("no longer has the default {before}", "additive"),
    "property-removed": _always("was removed", "breaking", "a client that uses it fails or finds nothing"),
    "property-added": _always("is new", "additive"),
    "required-property-added": Rule("is new and required", sent="breaking", read="additive"),
    "required-added": Rule("now has {after} in its required list", sent="breaking", read="additive"),
    "required-removed": Rule("no longer has {before} in its required list", sent="additive", read="breaking"),
    "additional-properties-disallowed": Rule("no longer takes other properties", sent="breaking", read="additive"),
    "additional-properties-allowed": _always("now takes other properties", "additive"),
    "additional-properties-removed": _always("is no longer a map with free names", "breaking"),
    "variant-added": Rule("is a new variant", sent="additive", read="breaking"),
    "variant-removed": Rule("was removed", sent="breaking", read="additive"),
    "choice-added": Rule("is now one of {after} variants", sent="breaking", read="additive"),
    "choice-removed": Rule("is no longer one of {before} variants", sent="additive", read="breaking"),
    "discriminator-changed": _always("is discriminated by {after}, was by {before}", "breaking"),
    "discriminator-added": _always("is now discriminated by {after}", "additive"),
    "not-changed": Rule("has a different `not`", sent="breaking", read="additive"),
    # A keyword that no rule knows, so that nothing changes silently.
    "unknown": _always("changed from {before} to {after}, which no rule here knows", "breaking", "look at it"),
}  # fmt: skip
