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
    entry = {
        "id": scene.invoice,
        "orgId": scene.org,
        "linked": False,
        "startDate": None,
        "endDate": None,
        "statusName": "INVOICED",
        "updated": None,
        **dict.fromkeys(_AMOUNTS),
        "csv": _facts(EARLIER_CSV),
        "json": _facts(EARLIER_JSON),
        "fetched": "2024-07-02T00:00:00+00:00",
        "settled": True,
    }
    manifest = {
        "format": "atlas-invoices sync",
        "version": 1,
        "server": scene.base_url,
        "orgId": scene.org,
        "invoices": [entry],
    }
    folder.mkdir()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    (folder / f"{scene.invoice}.csv").write_bytes(EARLIER_CSV)
    (folder / f"{scene.invoice}.json").write_bytes(EARLIER_JSON)


def check_complete(folder: Path, scene: Scene) -> None:
    """The folder has every invoice as the server has it, and nothing else."""
    _check(folder, {invoice: scene.csv_of(invoice) for invoice in scene.invoices})


def check_all_but_struck(folder: Path, scene: Scene, *, also_without: set[str]) -> None:
    """The folder has the earlier copy of the struck invoice, the others as the server has them, except some."""
    others = set(scene.invoices) - also_without - {scene.invoice}
    _check(folder, {scene.invoice: EARLIER_CSV, **{invoice: scene.csv_of(invoice) for invoice in others}})


def _check(folder: Path, csvs: dict[str, bytes]) -> None:
    found = files(folder)
    assert found.keys() == {LOCK, MANIFEST} | {f"{id_}.{kind}" for id_ in csvs for kind in ("csv", "json")}
    manifest = {entry["id"]: entry for entry in json.loads(found[MANIFEST])["invoices"]}
    assert manifest.keys() == csvs.keys()
    for id_, csv in csvs.items():
        document = found[f"{id_}.json"]
        assert found[f"{id_}.csv"] == csv
        assert document == EARLIER_JSON if csv == EARLIER_CSV else json.loads(document)["id"] == id_
        assert (manifest[id_]["csv"], manifest[id_]["json"]) == (_facts(csv), _facts(document))


def _facts(content: bytes) -> dict[str, Any]:
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
