"""The operations that are kept: what each is called in Python (openapi/operations.yaml), where it is in a document."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import field, fields, frozen

from openapi_tools import documents
from openapi_tools.errors import DocumentError
from openapi_tools.model import checked_object, pointer

OPENAPI: Final = Path(__file__).resolve().parents[2] / "openapi"


@frozen
class Operation:
    """One kept operation: `method` and `path` find it upstream, `name` and `module` are its Python name and module,
    `accept` is the media type that is asked for."""

    name: str
    module: str
    method: str
    path: str
    accept: str

    @property
    def title(self) -> str:
        """How reports and errors call it: `GET /api/…`."""
        return f"{self.method.upper()} {self.path}"


@frozen
class LocatedOperation:
    """An operation as a document has it: `path_item` is its path's object, `node` its own."""

    path_item: dict[str, Any] = field(repr=False)
    node: dict[str, Any] = field(repr=False)


def load_operations(folder: Path = OPENAPI) -> tuple[Operation, ...]:
    """The kept operations, in their order. Raises DocumentError where the file is not as it should be."""
    path = folder / "operations.yaml"
    entries = documents.read_document(path).root.get("operations")
    if not isinstance(entries, list) or not entries:
        raise DocumentError(f"{path.name}: `operations` must be a list")
    return tuple(_operation(entry, path.name) for entry in entries)


def find_operation(root: Mapping[str, Any], operation: Operation) -> LocatedOperation | None:
    """The operation in a document, by method and path, whatever its operationId; None where it is not there.

    Raises DocumentError where something else stands in its place.
    """
    at = ("paths", operation.path)
    item = checked_object(checked_object(root.get("paths"), at[:1]).get(operation.path, {}), at)
    if "$ref" in item:
        raise DocumentError(f"{pointer(at)}: a path that is a reference is not followed")
    if operation.method not in item:
        return None
    return LocatedOperation(item, checked_object(item[operation.method], (*at, operation.method)))


def _operation(entry: Mapping[str, str], name: str) -> Operation:
    wanted = {attribute.name for attribute in fields(Operation)}
    if (
        not isinstance(entry, dict)
        or set(entry) != wanted
        or not all(isinstance(value, str) for value in entry.values())
    ):
        raise DocumentError(f"{name}: each operation has exactly the texts {', '.join(sorted(wanted))}")
    return Operation(**entry)
