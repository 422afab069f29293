"""The operations we use: openapi/operations.yaml, and how to find each of them in a document."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import field, fields, frozen

from openapi_tools import documents
from openapi_tools.errors import AssumptionError, DocumentError
from openapi_tools.model import checked_object, pointer

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
NAMES: Final = "names.yaml"
OPENAPI: Final = Path(__file__).resolve().parents[2] / "openapi"
GUIDANCE: Final = "look at upstream's change, then adapt openapi/operations.yaml or scripts/openapi_tools/slicing.py"


@frozen
class Operation:
    """One operation: `method` and `path` find it upstream, `name` and `module` name it in Python, and `accept` is the
    media type to request. A document may lack an `optional` one."""

    name: str
    module: str
    method: str
    path: str
    accept: str
    optional: bool = False

    @property
    def title(self) -> str:
        """Its name in reports and errors: `GET /api/…`."""
        return f"{self.method.upper()} {self.path}"

    @property
    def body_type(self) -> str:
        """The media type of a request body: JSON of the version to request."""
        return f"{self.accept.rpartition('+')[0]}+json"


@frozen
class LocatedOperation:
    """An operation found in a document: its path as written there, its path item and the operation itself."""

    path: str
    path_item: dict[str, Any] = field(repr=False)
    node: dict[str, Any] = field(repr=False)


def load_operations(folder: Path = OPENAPI) -> tuple[Operation, ...]:
    """The operations in operations.yaml, in file order. Raises DocumentError if the file is malformed."""
    path = folder / "operations.yaml"
    entries = documents.read_document(path).root.get("operations")
    if not isinstance(entries, list) or not entries:
        raise DocumentError(f"{path.name}: `operations` must be a list")
    return tuple(_operation(entry, path.name) for entry in entries)


def load_names(folder: Path = OPENAPI) -> dict[str, str]:
    """Our names of schemas that upstream calls otherwise. Raises DocumentError if the file is malformed."""
    path = folder / NAMES
    names = documents.read_document(path).root.get("names")
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise DocumentError(f"{path.name}: `names` must be a mapping of names")
    return names


def find_operation(root: Mapping[str, Any], operation: Operation) -> LocatedOperation | None:
    """Find an operation by method and path, whatever its operationId and the names in `{}`.

    Raises DocumentError if it is malformed.
    """
    paths = checked_object(root.get("paths"), ("paths",))
    url = _PLACEHOLDER.sub("{}", operation.path)
    same = (path for path in paths if _PLACEHOLDER.sub("{}", path) == url)
    path = operation.path if operation.path in paths else next(same, operation.path)
    at = ("paths", path)
    path_item = checked_object(paths.get(path, {}), at)
    if "$ref" in path_item:
        raise DocumentError(f"{pointer(at)}: a path that is a reference is not followed")
    if operation.method not in path_item:
        return None
    return LocatedOperation(path, path_item, checked_object(path_item[operation.method], (*at, operation.method)))


def placeholders(path: str) -> list[str]:
    """The names of the parameters in a path, in order."""
    return _PLACEHOLDER.findall(path)


def require_operation(root: Mapping[str, Any], operation: Operation) -> LocatedOperation:
    """Find an operation that a document must have. Raises AssumptionError if it is missing."""
    found = find_operation(root, operation)
    if found is None:
        raise AssumptionError(f"{operation.title} is no longer in the document: {GUIDANCE}")
    return found


def present_operations(root: Mapping[str, Any], operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """The operations without the optional ones that a document lacks."""
    return tuple(each for each in operations if not each.optional or find_operation(root, each) is not None)


def _operation(entry: Mapping[str, Any], name: str) -> Operation:
    texts = {attribute.name for attribute in fields(Operation)} - {"optional"}
    if (
        not isinstance(entry, dict)
        or set(entry) - {"optional"} != texts
        or not all(isinstance(entry[text], str) for text in texts)
        or not isinstance(entry.get("optional", False), bool)
    ):
        raise DocumentError(
            f"{name}: each operation needs exactly these texts: {', '.join(sorted(texts))}; `optional` may be true"
        )
    return Operation(**entry)
