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


def check_valid(folder: Path, sandbox: Sandbox) -> None:
    """Every invoice in the manifest is there, byte for byte; any other invoice file is complete."""
    for id_, entry in entries(folder).items():
        csv, document = (folder / f"{id_}.csv").read_bytes(), (folder / f"{id_}.json").read_bytes()
        assert csv == sandbox.csv_bytes(id_)
        assert json.loads(document)["id"] == id_
        for content, facts in ((csv, entry["csv"]), (document, entry["json"])):
            assert facts == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    for path in folder.glob("*"):
        if re.fullmatch(r"[0-9a-f]{24}\.csv", path.name):
            assert path.read_bytes() == sandbox.csv_bytes(path.stem), "a file is whole, listed or not"
        elif re.fullmatch(r"[0-9a-f]{24}\.json", path.name):
            assert json.loads(path.read_bytes())["id"] == path.stem


def check_complete(folder: Path, sandbox: Sandbox, ids: Iterable[str]) -> None:
    """The folder has exactly these invoices, and no leftovers."""
    check_valid(folder, sandbox)
    wanted = set(ids)
    assert entries(folder).keys() == wanted
    names = {f"{id_}.{kind}" for id_ in wanted for kind in ("csv", "json")}
    assert {path.name for path in folder.iterdir()} == names | {"manifest.json", LOCK}


def change_manifest(folder: Path, id_: str | None, **fields: Any) -> None:
    """Change the fields of one invoice (of all, with None) as if Atlas had sent these values last time."""
    path = folder / "manifest.json"
    document = json.loads(path.read_bytes())
    for entry in document["invoices"]:
        if id_ in {entry["id"], None}:
            entry.update(fields)
    path.write_text(json.dumps(document))
