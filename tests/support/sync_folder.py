"""An independent look at a folder that sync keeps: plain files, `json` and `hashlib`, nothing of ours."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlas_invoices.sandbox import Sandbox

LOCK = ".atlas-invoices.lock"


def entries(folder: Path) -> dict[str, dict[str, Any]]:
    """The manifest's invoices by ID; empty if there is no manifest yet."""
    path = folder / "manifest.json"
    if not path.exists():
        return {}
    found = json.loads(path.read_bytes())["invoices"]
    assert len({each["id"] for each in found}) == len(found)
    return {each["id"]: each for each in found}


def age_leftovers(folder: Path) -> None:
    """Make the temporary files a day old: then sync cleans them up."""
    yesterday = time.time() - 25 * 3600
    for path in folder.glob(".*.part"):
        os.utime(path, (yesterday, yesterday))


def name_of(sandbox: Sandbox, id_: str) -> str:
    """The name of an invoice's files, without their ending."""
    listed = [each for invoice in sandbox.invoices for each in (invoice, *invoice.linked)]
    start = next(each.start for each in listed if each.id == id_)
    return f"{start.isoformat()[:7]}-{id_}"


def check_valid(folder: Path, sandbox: Sandbox) -> None:
    """Every invoice in the manifest is there, byte for byte; any other invoice file is complete."""
    for id_, entry in entries(folder).items():
        for kind in ("csv", "json"):
            facts = entry[kind]
            content = (folder / facts["name"]).read_bytes()
            assert content == sandbox.csv_bytes(id_) if kind == "csv" else json.loads(content)["id"] == id_
            assert (facts["size"], facts["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    for path in folder.glob("*"):
        if re.fullmatch(r"\d{4}-\d{2}-[0-9a-f]{24}\.csv", path.name):
            assert path.read_bytes() == sandbox.csv_bytes(path.stem[8:]), "a file is whole, listed or not"
        elif re.fullmatch(r"\d{4}-\d{2}-[0-9a-f]{24}\.json", path.name):
            assert json.loads(path.read_bytes())["id"] == path.stem[8:]


def check_complete(folder: Path, sandbox: Sandbox, ids: Iterable[str]) -> None:
    """The folder has exactly these invoices, named by month and ID, and no leftovers."""
    check_valid(folder, sandbox)
    wanted = set(ids)
    assert entries(folder).keys() == wanted
    names = {f"{name_of(sandbox, id_)}.{kind}" for id_ in wanted for kind in ("csv", "json")}
    assert {path.name for path in folder.iterdir()} == names | {"manifest.json", LOCK}


def change_manifest(folder: Path, id_: str | None, **fields: Any) -> None:
    """Change the fields of one invoice (of all, with None) as if Atlas had sent these values last time."""
    path = folder / "manifest.json"
    document = json.loads(path.read_bytes())
    for entry in document["invoices"]:
        if id_ in {entry["id"], None}:
            entry.update(fields)
    path.write_text(json.dumps(document))
