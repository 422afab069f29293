"""The manifest as a document."""

from __future__ import annotations

import json
from typing import Any

import pytest

from atlas_invoices import ConfigError
from atlas_invoices._sync._folder import Entry, FileFacts, Manifest
from atlas_invoices._sync._listing import AMOUNTS, ListedInvoice

ORG = "0" * 23 + "1"


def entry(number: int, **changes: Any) -> Entry:
    fields: dict[str, Any] = {
        "id": f"{number:024x}",
        "organization_id": ORG,
        "start": f"2026-{number:02}-01T00:00:00+00:00",
        "end": f"2026-{number + 1:02}-01T00:00:00+00:00",
        "status": "PAID",
        "updated": "2026-12-04T06:30:00+00:00",
        "amounts": dict.fromkeys(AMOUNTS, 7),
        "linked": False,
    }
    facts = FileFacts(3, "ab" * 32)
    return Entry(ListedInvoice(**fields | changes), facts, facts, fetched="2026-12-05T00:00:00+00:00", settled=True)


FULL = Manifest(
    "https://cloud.mongodb.com",
    ORG,
    {
        each.listed.id: each
        for each in (entry(1), entry(3, start=None, end=None, status=None, updated=None), entry(2, linked=True))
    },
)


def with_entry(**changes: Any) -> bytes:
    document = json.loads(FULL.to_bytes())
    document["invoices"][0].update(changes)
    return json.dumps(document).encode()


def test_what_is_written_is_read_again() -> None:
    assert Manifest.parse(FULL.to_bytes(), "m") == FULL


def test_it_is_ascii_with_the_names_of_the_api_and_newest_first() -> None:
    content = FULL.to_bytes()
    assert content.isascii()
    document = json.loads(content)
    assert [each["id"][-1] for each in document["invoices"]] == ["2", "1", "3"]
    assert document["invoices"][0] == {
        "id": "000000000000000000000002",
        "orgId": ORG,
        "linked": True,
        "startDate": "2026-02-01T00:00:00+00:00",
        "endDate": "2026-03-01T00:00:00+00:00",
        "statusName": "PAID",
        "updated": "2026-12-04T06:30:00+00:00",
        "amountBilledCents": 7,
        "amountPaidCents": 7,
        "creditsCents": 7,
        "salesTaxCents": 7,
        "startingBalanceCents": 7,
        "subtotalCents": 7,
        "csv": {"name": "2026-02-000000000000000000000002.csv", "size": 3, "sha256": "ab" * 32},
        "json": {"name": "2026-02-000000000000000000000002.json", "size": 3, "sha256": "ab" * 32},
        "fetched": "2026-12-05T00:00:00+00:00",
        "settled": True,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "../../etc/passwd"},
        {"id": "a" * 24 + "\n"},
        {"id": None},
        {"orgId": "x"},
        {"startDate": "soon"},
        {"endDate": 7},
        {"statusName": 7},
        {"updated": []},
        {"csv": None},
        {"csv": {"size": "3", "sha256": "ab" * 32}},
        {"json": {"size": 3, "sha256": "AB" * 32}},
        {"json": {"size": 3}},
        {"fetched": None},
        {"linked": "no"},
        {"settled": "no"},
        {"settled": None},
    ],
)
def test_a_wrong_field_is_damage_not_a_traceback_nor_a_file_name(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"^m is damaged \(fields are missing or invalid\)"):
        Manifest.parse(with_entry(**changes), "m")


@pytest.mark.parametrize("content", [b"", b"\xff", FULL.to_bytes()[:-9], b"{" * 2000])
def test_what_is_no_json_is_damage(content: bytes) -> None:
    with pytest.raises(ConfigError, match=r"^m is damaged \(it isn't JSON\); restore a good copy, or move it away"):
        Manifest.parse(content, "m")


@pytest.mark.parametrize("content", [b"null", b"[]", b'{"name": "a web app"}', b'{"format": 1}'])
def test_what_is_not_ours_is_told_from_damage(content: bytes) -> None:
    with pytest.raises(ConfigError, match="isn't a manifest of `atlas-invoices sync`; choose another folder"):
        Manifest.parse(content, "m")


def test_a_newer_one_asks_for_an_upgrade() -> None:
    document = json.loads(FULL.to_bytes()) | {"version": 3}
    with pytest.raises(ConfigError, match="newer atlas-invoices"):
        Manifest.parse(json.dumps(document).encode(), "m")


@pytest.mark.parametrize("version", [None, "2", 0, True, 1.5])
def test_a_version_that_nobody_wrote_is_damage(version: object) -> None:
    document = json.loads(FULL.to_bytes()) | {"version": version}
    with pytest.raises(ConfigError, match=r"^m is damaged \(fields are missing or invalid\)"):
        Manifest.parse(json.dumps(document).encode(), "m")
