"""openapi/lock.json: which upstream document the fragment comes from, and which tools generate the client."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from openapi_tools import documents, files, operations
from openapi_tools.errors import DocumentError
from openapi_tools.model import canonical_json

FRAGMENT: Final = "fragment.json"
LOCK: Final = "lock.json"
# Where upstream publishes the document, whichever copy was read.
UPSTREAM: Final = "https://github.com/mongodb/openapi/raw/refs/heads/main/openapi/v2.yaml"
# The tools whose version affects the generated files.
TOOLS: Final = ("openapi-python-client", "ruff")
# The parts that only vendor_spec.py writes. Nothing else would show an edit of them, so the lock has a digest of these.
_VENDORED: Final = ("upstream", "fragment", "prose")


def make_lock(
    upstream: documents.Document, fragment: bytes, prose: Mapping[str, str], commit: str | None
) -> dict[str, Any]:
    """The content of the lock for a fragment of `upstream`, which `commit` of the public repository has, if known."""
    made: dict[str, Any] = {
        "upstream": {
            "url": UPSTREAM,
            **({"commit": commit} if commit else {}),
            "x-xgen-sha": upstream.root.get("info", {}).get("x-xgen-sha"),
            "sha256": upstream.sha256,
        },
        "fragment": {"file": FRAGMENT, "sha256": hashlib.sha256(fragment).hexdigest()},
        "tools": installed_tools(),
        "prose": prose,
    }
    return {"sha256": _digest(made), **made}


def read_lock(folder: Path = operations.OPENAPI) -> dict[str, Any]:
    """The content of the lock. Raises DocumentError if it can't be read or lacks a part."""
    content = documents.read_document(folder / LOCK).root
    for part in (*_VENDORED, "tools"):
        if not isinstance(content.get(part), dict):
            raise DocumentError(f"{LOCK}: no `{part}`; scripts/vendor_spec.py writes the file again")
    return content


def installed_tools() -> dict[str, str]:
    """The versions of the tools in this environment."""
    return {name: version(name) for name in TOOLS}


def commit_in(source: str) -> str | None:
    """The commit of the public repository that a URL names, if it does."""
    found = re.match(r"https://[^/]+/mongodb/openapi/(?:raw/|blob/)?([0-9a-f]{40})/", source)
    return found[1] if found else None


def record_tools(folder: Path) -> None:
    """Write the installed tools into the lock, because they made what is in generated/."""
    content = read_lock(folder)
    if content["tools"] != installed_tools():
        files.write_all({folder / LOCK: documents.to_json({**content, "tools": installed_tools()})})


def find_edits(folder: Path = operations.OPENAPI) -> list[str]:
    """Edits of files that only scripts/vendor_spec.py writes, one line each."""
    content = read_lock(folder)
    fragment = folder / FRAGMENT
    found = []
    if content.get("sha256") != _digest(content):
        found.append(f"changed: {LOCK} was edited; scripts/vendor_spec.py writes all of it except `tools`")
    if content["fragment"].get("sha256") != hashlib.sha256(fragment.read_bytes()).hexdigest():
        found.append(f"changed: {fragment.name} is not the one in the lock; only scripts/vendor_spec.py writes it")
    return found


def find_other_tools(folder: Path = operations.OPENAPI) -> list[str]:
    """Tools whose version differs from the lock's, one line each."""
    locked = read_lock(folder)["tools"]
    return [
        f"changed: {name} is {have} here and {locked.get(name)} in the lock"
        for name, have in installed_tools().items()
        if locked.get(name) != have
    ]


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json({part: content[part] for part in _VENDORED}).encode()).hexdigest()
