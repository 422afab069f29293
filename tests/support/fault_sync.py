"""The folder of a sync that meets a fault: its state before, and the checks of its state afterwards."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from fault_scenes import Scene

LOCK, MANIFEST = ".atlas-invoices.lock", "manifest.json"
EARLIER_CSV = b"Invoice Number,an earlier copy,\n"
EARLIER_JSON = b'{"note": "an earlier copy"}'
_AMOUNTS = (
    "amountBilledCents",
    "amountPaidCents",
    "creditsCents",
    "salesTaxCents",
    "startingBalanceCents",
    "subtotalCents",
)


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def leave_earlier_copy(folder: Path, scene: Scene) -> None:
    """Create the folder as an earlier run left it, before the struck invoice changed and the others were issued."""
    start = scene.starts.get(scene.invoice)
    csv, document = scene.name_of(scene.invoice, "csv"), scene.name_of(scene.invoice, "json")
    entry = {
        "id": scene.invoice,
        "orgId": scene.org,
        "linked": False,
        "startDate": start and f"{start}T00:00:00+00:00",
        "endDate": None,
        "statusName": "INVOICED",
        "updated": None,
        **dict.fromkeys(_AMOUNTS),
        "csv": _facts(csv, EARLIER_CSV),
        "json": _facts(document, EARLIER_JSON),
        "fetched": "2024-07-02T00:00:00+00:00",
        "settled": True,
    }
    manifest = {
        "format": "atlas-invoices sync",
        "version": 2,
        "server": scene.base_url,
        "orgId": scene.org,
        "invoices": [entry],
    }
    folder.mkdir()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    (folder / csv).write_bytes(EARLIER_CSV)
    (folder / document).write_bytes(EARLIER_JSON)


def check_complete(folder: Path, scene: Scene) -> None:
    """The folder has every invoice as the server has it, and nothing else."""
    _check(folder, scene, {invoice: scene.csv_of(invoice) for invoice in scene.invoices})


def check_all_but_struck(folder: Path, scene: Scene, *, also_without: set[str]) -> None:
    """The folder has the earlier copy of the struck invoice, the others as the server has them, except some."""
    others = set(scene.invoices) - also_without - {scene.invoice}
    _check(folder, scene, {scene.invoice: EARLIER_CSV, **{invoice: scene.csv_of(invoice) for invoice in others}})


def _check(folder: Path, scene: Scene, csvs: dict[str, bytes]) -> None:
    found = files(folder)
    assert found.keys() == {LOCK, MANIFEST} | {scene.name_of(id_, kind) for id_ in csvs for kind in ("csv", "json")}
    manifest = {entry["id"]: entry for entry in json.loads(found[MANIFEST])["invoices"]}
    assert manifest.keys() == csvs.keys()
    for id_, csv in csvs.items():
        csv_name, json_name = scene.name_of(id_, "csv"), scene.name_of(id_, "json")
        document = found[json_name]
        assert found[csv_name] == csv
        assert document == EARLIER_JSON if csv == EARLIER_CSV else json.loads(document)["id"] == id_
        assert manifest[id_]["csv"] == _facts(csv_name, csv)
        assert manifest[id_]["json"] == _facts(json_name, document)


def _facts(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
