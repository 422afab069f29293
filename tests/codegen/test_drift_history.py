"""The drift check on upstream's real history, if copies of its documents are available."""

from __future__ import annotations

import copy
import json
import lzma
import random
from pathlib import Path
from typing import Any

import pytest

import check_drift
from drift_documents import FIVE, classified, inlined, renamed
from environment import ROOT
from openapi_tools import documents, slicing

HISTORY = ROOT.parent / "shared" / "upstream"
pytestmark = pytest.mark.skipif(not HISTORY.is_dir(), reason="no copies of upstream's documents here")

Json = dict[str, Any]
Entries = list[dict[str, str]]
_read: dict[str, documents.Document] = {}


def upstream(day: str) -> documents.Document:
    if day not in _read:
        _read[day] = documents.read_document(HISTORY / f"atlas-admin-api-{day}.yaml.xz")
    return _read[day]


def between(old: str, new: str) -> dict[str, Entries]:
    report = check_drift.compare(upstream(old), upstream(new), FIVE)
    made: dict[str, Entries] = json.loads(report.to_json())
    return made


def having(entries: Entries, *parts: str) -> Entries:
    return [entry for entry in entries if all(part in f"{entry['location']} {entry['message']}" for part in parts)]


def test_new_responses_and_enum_values_break_nobody() -> None:
    report = between("2025-03-18", "2025-08-26")
    assert (report["breaking"], report["renamed"], report["documentation"]) == ([], [], [])
    forbidden = [entry for entry in report["additive"] if entry["location"] == "/responses/403"]
    assert len({entry["operation"] for entry in forbidden}) == 5
    values = having(
        report["additive"], "/properties/sku/enum", "ATLAS_FLEX_AWS_LEGACY_100_USAGE_HOURS", "SNAPSHOT_EXPORT_UPLOAD"
    )
    assert len(values) == len(report["additive"]) - 5 > 0


def test_five_renamed_operations_are_no_drift() -> None:
    report = between("2025-08-26", "2025-10-07")
    assert [len(report[judged]) for judged in ("breaking", "additive", "renamed")] == [0, 0, 5]
    assert having(report["renamed"], "`getOrgInvoiceCsv`", "`downloadInvoiceCsv`")


def test_a_year_of_changes_is_reported_by_name() -> None:
    report = between("2025-10-07", "2026-08-21")
    breaking, additive = report["breaking"], report["additive"]
    for field in ("detail", "reason", "badRequestDetail"):
        assert having(breaking, f"/properties/{field}/nullable", f"property `{field}` may now be null")
    assert len(having(breaking, "may now be null")) == len(breaking)
    assert len([entry for entry in additive if entry["location"] == "/responses/429"]) == 5
    for header in ("RateLimit-Limit", "RateLimit-Remaining"):
        assert len(having(additive, f"/responses/200/headers/{header}")) == 5
    assert having(additive, "/properties/cloudProvider", "is new")
    assert having(additive, "/properties/sku/enum", "no longer has a list of values")
    assert len(having(additive, "/schema/required", "`results`", "required list")) == 3
    assert report["renamed"] == []


def test_a_person_reads_a_line_for_each_change() -> None:
    report = check_drift.compare(upstream("2025-10-07"), upstream("2026-08-21"), FIVE)
    assert report.to_text().count("may now be null") == 2
    assert "`ApiError.detail` and `ApiError.reason` may now be null" in report.to_text()
    assert "all 5 operations" in report.to_text()


def reached(root: Json) -> Json:
    """A copy of what our operations reach, with its prose: the whole document takes seconds to copy."""
    sections = slicing.slice_operations(root, FIVE)["components"].items()
    components = {section: {name: root["components"][section][name] for name in names} for section, names in sections}
    paths = {ours.path: root["paths"][ours.path] for ours in FIVE}
    return copy.deepcopy({**root, "paths": paths, "components": components})


def sku(root: Json) -> Json:
    made: Json = root["components"]["schemas"]["InvoiceLineItem"]["properties"]["sku"]
    return made


def test_the_months_between_in_steps() -> None:
    """What each month's report had to say, with that month's change taken from the later document."""
    month, now = (reached(upstream(day).root) for day in ("2025-10-07", "2026-08-21"))
    operations = [(month["paths"][ours.path]["get"], now["paths"][ours.path]["get"]) for ours in FIVE]
    schemas = (month["components"]["schemas"], now["components"]["schemas"])

    def grow() -> None:
        sku(month)["enum"].append("NEW_SKU")

    def open_skus() -> None:
        del sku(month)["enum"]

    def state_roles() -> None:
        for before, after in operations:
            if "x-rolesRequirements" in after:
                before["x-rolesRequirements"] = after["x-rolesRequirements"]

    def leave_roles_out_of_the_words() -> None:
        for before, after in operations:
            before["description"] = after["description"]

    def allow_null() -> None:
        for name in ("ApiError", "BadRequestDetail"):
            schemas[0][name] = schemas[1][name]

    for change, is_drift, title in (
        (grow, True, "`InvoiceLineItem.sku` may now also be `NEW_SKU`"),
        (open_skus, True, "`InvoiceLineItem.sku` no longer has a list of values, of which there were 427"),
        (
            state_roles,
            False,
            "4 operations now have the role `Organization Billing Viewer` in the document",
        ),
        (
            leave_roles_out_of_the_words,
            False,
            "the description of `GET /api/atlas/v2/orgs/{orgId}/invoices/{invoiceId}/csv`",
        ),
        (
            allow_null,
            True,
            "`BadRequestDetail` may now be null; `ApiError.detail` and `ApiError.reason` may now be null",
        ),
    ):
        before = documents.Document("before", "", copy.deepcopy(month))
        change()
        after = documents.Document("after", "", copy.deepcopy(month))
        report = check_drift.compare(before, after, FIVE, previous=before)
        assert (report.title()[: len(title)], report.is_drift) == (title, is_drift)
        assert bool(report.in_category("breaking")) == (change is allow_null)
        assert ("Organization Billing Viewer" in report.to_text()) == ("roles" in change.__name__)


def test_wherever_the_document_is_cut_off_it_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = lzma.decompress((HISTORY / "atlas-admin-api-2026-08-21.yaml.xz").read_bytes()).splitlines(keepends=True)
    end = lines.index(b"servers:\n")
    cuts = random.Random(3).sample(range(end), 4)  # noqa: S311 - the same places every time
    for cut, rest in [*((cut, b"") for cut in [end, *cuts[:2]]), *((cut, lines[cut][:9]) for cut in cuts[2:])]:
        (tmp_path / "upstream.yaml").write_bytes(b"".join(lines[:cut]) + rest)
        assert check_drift.main(["--upstream", str(tmp_path / "upstream.yaml")]) == 2
        printed = capsys.readouterr()
        assert (printed.out, printed.err.count("\n")) == ("", 1)


@pytest.mark.parametrize("day", ["2025-03-18", "2026-08-21"])
def test_the_whole_document_written_differently_is_no_drift(day: str) -> None:
    root: dict[str, Any] = upstream(day).root
    # Our operations only: other parts of the document aren't valid enough to be renamed.
    ours = {
        **root,
        "paths": {operation.path: root["paths"][operation.path] for operation in FIVE},
    }
    assert classified(root, inlined(ours), FIVE) == []
    small = documents.Document(day, "", ours)
    assert classified(ours, renamed(small.root), FIVE) == []
