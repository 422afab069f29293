"""Read openapi/operations.yaml: the operations that are kept, and what each is called in Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import fields, frozen

import documents
from errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

OPENAPI: Final = Path(__file__).resolve().parent.parent / "openapi"


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


def load(folder: Path = OPENAPI) -> tuple[Operation, ...]:
    """The kept operations, in their order. Raises DocumentError where the file is not as it should be."""
    path = folder / "operations.yaml"
    entries = documents.read_document(path).root.get("operations")
    if not isinstance(entries, list) or not entries:
        raise DocumentError(f"{path.name}: `operations` must be a list")
    return tuple(_operation(entry, path.name) for entry in entries)


def _operation(entry: Mapping[str, str], name: str) -> Operation:
    wanted = {attribute.name for attribute in fields(Operation)}
    if (
        not isinstance(entry, dict)
        or set(entry) != wanted
        or not all(isinstance(value, str) for value in entry.values())
    ):
        raise DocumentError(f"{name}: each operation has exactly the texts {', '.join(sorted(wanted))}")
    return Operation(**entry)
