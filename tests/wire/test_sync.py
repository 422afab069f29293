"""What sync does with a folder, against a local Atlas: each case with threads, each outcome also with asyncio."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox, Settings
from sync_folder import age_leftovers, change_manifest, check_complete, check_valid, entries, name_of
from wire_sandbox import WireSandbox


def sync(sandbox: Sandbox, folder: Path, **options: Any) -> ai.SyncReport:
    org_id = options.pop("org_id", sandbox.org_id)
    auth = ai.DigestAuth(sandbox.public_key, sandbox.private_key)
    with ai.Client(auth=auth, base_url=sandbox.base_url, max_retries=0) as atlas:
        return ai.sync_invoices(atlas, org_id, folder, **options)


def sync_in_tasks(sandbox: Sandbox, folder: Path, **options: Any) -> ai.SyncReport:
    async def main() -> ai.SyncReport:
        auth = ai.DigestAuth(sandbox.public_key, sandbox.private_key)
        async with ai.AsyncClient(auth=auth, base_url=sandbox.base_url, max_retries=0) as atlas:
            return await ai.sync_invoices_async(atlas, sandbox.org_id, folder, **options)

    return asyncio.run(main())


Form = Callable[..., ai.SyncReport]
FORMS = pytest.mark.parametrize("form", [sync, sync_in_tasks], ids=["threads", "tasks"])


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(Settings(seed=3, months=8, typical_lines=8)) as running:
        yield running


@pytest.fixture
def sandbox(shared: Sandbox) -> Iterator[Sandbox]:
    """Without planned faults or recorded requests."""
    shared.clear_requests()
    yield shared
    shared.faults.clear()


@pytest.fixture(scope="module")
def full(shared: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full") / "invoices"
    assert sync(shared, folder).ok
    return folder


@pytest.fixture
def folder(full: Path, tmp_path: Path, sandbox: Sandbox) -> Path:  # noqa: ARG001 - clears the recorded requests
    """A complete folder."""
    return shutil.copytree(full, tmp_path / "invoices")


def ids(sandbox: Sandbox, *, linked: bool = False) -> list[str]:
    own = [invoice.id for invoice in sandbox.invoices]
    return own + [each.id for invoice in sandbox.invoices for each in invoice.linked if linked]


def fetched(sandbox: Sandbox) -> Counter[str]:
    """How often each document was sent."""
    paths = (record.path for record in sandbox.requests if record.status == 200)
    return Counter(path.split("/invoices/")[1] for path in paths if "/invoices/" in path)


def listing_of(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The invoices as the server lists them, to plan a different reply."""
    with ai.Client(
        auth=ai.DigestAuth(sandbox.public_key, sandbox.private_key), base_url=sandbox.base_url, max_retries=0
    ) as atlas:
        found = [each.to_dict() for each in atlas.list_invoices(sandbox.org_id, linked=True)]
    sandbox.clear_requests()
    return found


def plan_listing(sandbox: Sandbox, results: list[Any]) -> None:
    sandbox.fail(
        200,
        path="/invoices",
        body=json.dumps({"results": results, "links": []}).encode(),
        headers={"Content-Type": "application/vnd.atlas.2023-01-01+json"},
    )


def test_the_first_run_saves_everything(sandbox: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    report = sync(sandbox, folder)
    check_complete(folder, sandbox, ids(sandbox))
    assert report.ok
    assert [each.id for each in report.invoices] == ids(sandbox)
    assert {each.reason for each in report.saved} == {"new"}
    newest = report.invoices[0]
    assert (newest.status, newest.period_start) == ("PENDING", sandbox.invoices[0].start)
    assert newest.csv_path == folder / f"{name_of(sandbox, newest.id)}.csv"
    assert newest.size == len(sandbox.csv_bytes(newest.id))
    assert set(fetched(sandbox).values()) == {1}


def test_the_second_run_fetches_only_what_is_not_final(sandbox: Sandbox, folder: Path) -> None:
    report = sync(sandbox, folder)
    assert [(each.id, each.reason) for each in report.saved] == [(sandbox.invoices[0].id, "not final")]
    assert len(report.unchanged) == len(sandbox.invoices) - 1
    assert fetched(sandbox).keys() == {sandbox.invoices[0].id, f"{sandbox.invoices[0].id}/csv"}
    check_complete(folder, sandbox, ids(sandbox))


@pytest.mark.parametrize(
    "before",
    [{"statusName": "PENDING", "settled": False}, {"updated": "2020-01-01T00:00:00+00:00"}, {"amountPaidCents": 1}],
)
def test_what_has_changed_is_fetched_again(sandbox: Sandbox, folder: Path, before: dict[str, Any]) -> None:
    changed = sandbox.invoices[3].id
    change_manifest(folder, changed, **before)
    report = sync(sandbox, folder)
    assert [(each.id, each.reason) for each in report.saved][1:] == [(changed, "changed")]
    check_complete(folder, sandbox, ids(sandbox))
    assert len(sync(sandbox, folder).saved) == 1


def test_a_status_nobody_knows_is_not_final(sandbox: Sandbox, folder: Path) -> None:
    changed = sandbox.invoices[2].id
    for reason in ("changed", "not final", "not final"):
        listing = listing_of(sandbox)
        listing[2]["statusName"] = "UNDER_REVIEW"
        plan_listing(sandbox, listing)
        report = sync(sandbox, folder)
        assert {each.id: each.reason for each in report.saved}[changed] == reason
    assert {each.id: each.reason for each in sync(sandbox, folder).saved}[changed] == "changed"


def test_what_was_sent_older_than_listed_is_not_settled(sandbox: Sandbox, folder: Path) -> None:
    lagging = sandbox.invoices[2].id
    listing = listing_of(sandbox)
    listing[2]["updated"] = "2030-01-01T00:00:00Z"
    for reason in ("changed", "not final"):
        plan_listing(sandbox, listing)
        assert {each.id: each.reason for each in sync(sandbox, folder).saved}[lagging] == reason


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize("damage", ["missing", "short", "link", "folder"])
def test_a_file_that_is_not_there_as_saved_is_fetched_again(
    sandbox: Sandbox, folder: Path, kind: str, damage: str
) -> None:
    path = folder / f"{name_of(sandbox, sandbox.invoices[4].id)}.{kind}"
    content = path.read_bytes()
    path.unlink()
    if damage == "short":
        path.write_bytes(content[:-1])
    elif damage == "link":
        elsewhere = folder.parent / "elsewhere"
        elsewhere.write_bytes(content)
        path.symlink_to(elsewhere)
    elif damage == "folder":
        path.mkdir()
        report = sync(sandbox, folder)
        assert [type(each.error) for each in report.failed] == [IsADirectoryError]
        assert not report.not_tried, "one file's place is no reason to stop"
        path.rmdir()
    report = sync(sandbox, folder)
    assert {each.id for each in report.saved if each.reason == "file missing or damaged" or damage == "folder"} >= {
        sandbox.invoices[4].id
    }
    check_complete(folder, sandbox, ids(sandbox))
    if damage == "link":
        assert elsewhere.read_bytes() == content


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_verify_finds_what_sizes_do_not_show(sandbox: Sandbox, folder: Path, kind: str) -> None:
    path = folder / f"{name_of(sandbox, sandbox.invoices[4].id)}.{kind}"
    content = path.read_bytes()
    path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    assert len(sync(sandbox, folder).saved) == 1
    report = sync(sandbox, folder, verify=True)
    assert [(each.id, each.reason) for each in report.saved][1:] == [
        (sandbox.invoices[4].id, "file missing or damaged")
    ]
    check_complete(folder, sandbox, ids(sandbox))


def test_months_are_inclusive_and_days_do_not_matter(sandbox: Sandbox, tmp_path: Path) -> None:
    # The pending invoice is November 2026's.
    report = sync(sandbox, tmp_path, since=date(2026, 7, 31), until=date(2026, 9, 1))
    assert [each.period_start for each in report.invoices] == [date(2026, 9, 1), date(2026, 8, 1), date(2026, 7, 1)]
    check_complete(tmp_path, sandbox, ids(sandbox)[2:5])
    assert len(sync(sandbox, tmp_path, since=date(2026, 10, 15)).saved) == 2
    assert len(sync(sandbox, tmp_path, until=date(2026, 4, 30)).saved) == 1
    report = sync(sandbox, tmp_path)
    assert not report.gone
    check_complete(tmp_path, sandbox, ids(sandbox))
    with pytest.raises(ai.ConfigError, match=r"2026-08.*2026-07"):
        sync(sandbox, tmp_path, since=date(2026, 8, 1), until=date(2026, 7, 31))


def test_linked_invoices_lie_beside_the_others(sandbox: Sandbox, tmp_path: Path) -> None:
    report = sync(sandbox, tmp_path, linked=True)
    check_complete(tmp_path, sandbox, ids(sandbox, linked=True))
    other = {each.organization_id for each in report.invoices} - {sandbox.org_id}
    assert other == {sandbox.invoices[0].linked[0].organization.id}
    assert {entry["orgId"] for entry in entries(tmp_path).values() if entry["linked"]} == other
    without = sync(sandbox, tmp_path)
    assert not without.gone
    assert len(without.invoices) == len(sandbox.invoices)
    check_complete(tmp_path, sandbox, ids(sandbox, linked=True))


def test_a_linked_invoice_that_is_refused_does_not_stop_the_others(sandbox: Sandbox, tmp_path: Path) -> None:
    refused = sandbox.invoices[1].linked[0].id
    sandbox.fail(403, path=f"/{refused}")
    report = sync(sandbox, tmp_path, linked=True)
    assert [(each.id, type(each.error)) for each in report.failed] == [(refused, ai.PermissionDeniedError)]
    assert not report.not_tried
    check_complete(tmp_path, sandbox, set(ids(sandbox, linked=True)) - {refused})
    assert sync(sandbox, tmp_path, linked=True).ok


@pytest.mark.parametrize("id_", ["../../etc/passwd", "g" * 24, None, f"{'a' * 24}\n"])
def test_an_id_that_could_not_be_a_file_name_is_never_used(sandbox: Sandbox, tmp_path: Path, id_: object) -> None:
    folder = tmp_path / "invoices"
    listing = listing_of(sandbox)
    plan_listing(sandbox, [{**listing[1], "id": id_}, *listing[2:4]])
    report = sync(sandbox, folder)
    (failed,) = report.failed
    assert isinstance(failed.error, ai.UnexpectedResponseError)
    assert failed.id.isprintable()
    check_complete(folder, sandbox, ids(sandbox)[2:4])
    assert [path.name for path in tmp_path.iterdir()] == ["invoices"]


@pytest.mark.parametrize("odd", [None, "text", {"startDate": "soon", "endDate": 7, "orgId": "../x", "updated": []}])
def test_odd_listings_cost_one_invoice_at_most(sandbox: Sandbox, tmp_path: Path, odd: Any) -> None:
    listing = listing_of(sandbox)
    if isinstance(odd, dict):
        plan_listing(sandbox, [listing[1] | odd, listing[2]])
        report = sync(sandbox, tmp_path, since=date(2026, 11, 1))
        assert [each.id for each in report.saved] == [listing[1]["id"]], "without a start it's in every period"
        check_valid(tmp_path, sandbox)
        assert report.saved[0].csv_path == tmp_path / f"{listing[1]['id']}.csv", "nor is there a month in its name"
        assert report.saved[0].organization_id is None
    else:
        plan_listing(sandbox, [{**listing[1], "linkedInvoices": [odd]}])
        report = sync(sandbox, tmp_path, linked=True)
        assert [each.id for each in report.saved] == [listing[1]["id"]]
        assert len(report.failed) == 1


def test_an_invoice_listed_twice_is_fetched_once(sandbox: Sandbox, tmp_path: Path) -> None:
    listing = listing_of(sandbox)
    plan_listing(sandbox, [listing[1], {**listing[1], "id": listing[1]["id"].upper()}])
    assert len(sync(sandbox, tmp_path).invoices) == 1
    assert set(fetched(sandbox).values()) == {1}


def test_what_is_no_longer_listed_stays_and_is_told(sandbox: Sandbox, folder: Path) -> None:
    plan_listing(sandbox, listing_of(sandbox)[:-2])
    (folder / f"{name_of(sandbox, sandbox.invoices[-1].id)}.csv").unlink()
    report = sync(sandbox, folder)
    assert report.ok
    assert [(each.id, each.reason) for each in report.gone] == [
        (sandbox.invoices[-2].id, None),
        (sandbox.invoices[-1].id, "file missing or damaged"),
    ]
    assert set(ids(sandbox)) == entries(folder).keys()


@pytest.mark.parametrize(("path", "status"), [("", 404), ("/csv", 500)])
def test_one_that_fails_does_not_stop_the_others(sandbox: Sandbox, tmp_path: Path, path: str, status: int) -> None:
    id_ = sandbox.invoices[1].id
    sandbox.fail(status, path=f"/{id_}{path}")
    report = sync(sandbox, tmp_path)
    assert [each.id for each in report.failed] == [id_]
    assert isinstance(report.failed[0].error, ai.APIStatusError)
    assert not report.ok
    check_complete(tmp_path, sandbox, set(ids(sandbox)) - {id_})
    assert sync(sandbox, tmp_path).ok
    check_complete(tmp_path, sandbox, ids(sandbox))


def test_a_failure_keeps_the_files_of_before_and_their_entry(sandbox: Sandbox, folder: Path) -> None:
    pending = sandbox.invoices[0].id
    before = entries(folder)[pending]
    sandbox.fail(404, path=f"/{pending}/csv")
    assert [each.id for each in sync(sandbox, folder).failed] == [pending]
    assert entries(folder)[pending] == before
    check_complete(folder, sandbox, ids(sandbox))


@pytest.mark.parametrize(("form", "status"), [(sync, 401), (sync_in_tasks, 403)], ids=["threads-401", "tasks-403"])
def test_refused_credentials_stop_the_run_and_lose_nothing(
    form: Form, sandbox: Sandbox, folder: Path, status: int
) -> None:
    change_manifest(folder, None, updated="2020-01-01T00:00:00+00:00")
    before = entries(folder)
    sandbox.fail(status, path="/csv", times=1000, after=1)
    report = form(sandbox, folder, workers=2)
    assert len(report.saved) == 1
    assert report.failed
    assert report.not_tried
    after = entries(folder)
    assert after.keys() == before.keys()
    assert sum(after[id_] != before[id_] for id_ in before) == 1
    check_valid(folder, sandbox)
    sandbox.faults.clear()
    assert form(sandbox, folder).ok
    check_complete(folder, sandbox, ids(sandbox))


def test_a_server_that_has_stopped_answering_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas_invoices._sync._progress._GIVE_UP_AFTER", 3)
    with WireSandbox(Settings(months=8, typical_lines=8)) as sandbox:
        sandbox.reset(path="/csv", times=100, after=1)
        report = sync(sandbox, tmp_path, workers=1)
        assert len(report.saved) == 1
        assert len(report.failed) >= 3
        assert report.not_tried
        assert {type(each.error) for each in report.failed} == {ai.APIConnectionError}
        check_complete(tmp_path, sandbox, ids(sandbox)[:1])


def test_another_invoice_than_asked_for_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    asked = sandbox.invoices[2].id
    sandbox.fail(200, path=f"/{asked}", body=json.dumps({"id": "b" * 24}).encode(), headers={"Content-Type": "json"})
    report = sync(sandbox, tmp_path)
    assert [type(each.error) for each in report.failed] == [ai.UnexpectedResponseError]
    check_complete(tmp_path, sandbox, set(ids(sandbox)) - {asked})


def test_a_listing_that_fails_makes_no_folder(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.fail(404, path="/invoices")
    with pytest.raises(ai.NotFoundError):
        sync(sandbox, tmp_path / "invoices")
    with pytest.raises(ai.InvalidIdError):
        sync(sandbox, tmp_path / "invoices", org_id="acme")
    with pytest.raises(ai.ConfigError, match="workers"):
        sync(sandbox, tmp_path / "invoices", workers=0)
    assert not list(tmp_path.iterdir())


@FORMS
@pytest.mark.parametrize(("manifest", "said"), [(b"", "damaged"), (b'{"name": "a web app"}', "isn't a manifest")])
def test_a_manifest_that_cannot_be_used_stops_the_run_before_anything_changes(
    form: Form, sandbox: Sandbox, folder: Path, manifest: bytes, said: str
) -> None:
    (folder / "manifest.json").write_bytes(manifest)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ai.ConfigError, match=said) as caught:
        form(sandbox, folder)
    assert str(folder / "manifest.json") in str(caught.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not fetched(sandbox)


def test_a_folder_of_another_organization_or_server_is_refused(sandbox: Sandbox, folder: Path) -> None:
    with Sandbox(Settings(seed=4, months=2, typical_lines=1)) as other:
        with pytest.raises(ai.ConfigError, match="use a folder for each") as caught:
            sync(other, folder)
        for part in (sandbox.org_id, sandbox.base_url, other.org_id, other.base_url):
            assert part in str(caught.value)
    check_complete(folder, sandbox, ids(sandbox))


def test_what_a_killed_run_left_is_cleared_and_nothing_else(sandbox: Sandbox, folder: Path) -> None:
    ours = [f".{'a' * 24}.csv.{'0' * 16}.part", f".{'a' * 24}.json.{'0' * 16}.part", f".manifest.json.{'f' * 16}.part"]
    others = [
        ".other.csv.0000000000000000.part",
        f"{'a' * 24}.csv.{'0' * 16}.part",
        f".{'a' * 24}.csv.part",
        "notes.md",
    ]
    for name in ours + others:
        (folder / name).write_text(name)
    age_leftovers(folder)
    assert sync(sandbox, folder).ok
    assert {name for name in ours + others if (folder / name).exists()} == set(others)


def test_a_file_that_is_not_in_the_manifest_is_fetched(sandbox: Sandbox, folder: Path) -> None:
    path = folder / "manifest.json"
    document = json.loads(path.read_bytes())
    document["invoices"] = document["invoices"][3:]
    path.write_text(json.dumps(document))
    (folder / f"{name_of(sandbox, sandbox.invoices[1].id)}.csv").write_text("something else")
    report = sync(sandbox, folder)
    assert [each.reason for each in report.saved] == ["new"] * 3
    check_complete(folder, sandbox, ids(sandbox))


@FORMS
def test_an_unexpected_error_is_the_failure_of_one_invoice(
    form: Form, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a text that may be secret")

    monkeypatch.setattr("atlas_invoices._sync._listing.check_invoice", broken)
    report = form(sandbox, tmp_path)
    monkeypatch.undo()
    assert [each.id for each in report.failed] == ids(sandbox)
    for each in report.failed:
        assert isinstance(each.error, ai.UnexpectedResponseError)
        assert isinstance(each.error.__cause__, ZeroDivisionError)
        assert str(each.error) == "unexpected ZeroDivisionError while reading the replies; please report it"
    check_valid(tmp_path, sandbox)
    assert sync(sandbox, tmp_path).ok
    check_complete(tmp_path, sandbox, ids(sandbox))


def test_tasks_bring_about_the_same_as_threads(sandbox: Sandbox, folder: Path, tmp_path: Path) -> None:
    listing = listing_of(sandbox)
    change_manifest(folder, sandbox.invoices[1].id, updated="2020-01-01T00:00:00+00:00")
    (folder / f"{name_of(sandbox, sandbox.invoices[2].id)}.csv").unlink()
    reports, manifests = [], []
    for form in (sync, sync_in_tasks):
        copy = shutil.copytree(folder, tmp_path / form.__name__)
        plan_listing(sandbox, listing[:-1])
        sandbox.fail(404, path=f"/{sandbox.invoices[1].id}/csv")
        report = form(sandbox, copy, linked=True)
        check_valid(copy, sandbox)
        outcomes = [(each.id, each.outcome, each.reason, type(each.error), each.size) for each in report.invoices]
        reports.append((report.ok, report.organization_id, outcomes))
        manifests.append({id_: entry | {"fetched": None} for id_, entry in entries(copy).items()})
    assert reports[0] == reports[1]
    assert manifests[0] == manifests[1]
    assert {outcome for _, outcome, *_ in reports[0][2]} == {"saved", "unchanged", "failed", "gone"}


def test_a_folder_of_an_earlier_version_is_taken_over(sandbox: Sandbox, full: Path, tmp_path: Path) -> None:
    def facts(path: Path) -> dict[str, Any]:
        return {"size": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}

    amounts = [
        "amountBilledCents",
        "amountPaidCents",
        "creditsCents",
        "salesTaxCents",
        "startingBalanceCents",
        "subtotalCents",
    ]
    manifest = {
        "format": "atlas-invoices sync",
        "version": 1,
        "server": sandbox.base_url,
        "orgId": sandbox.org_id,
        "invoices": [
            {
                "id": listed["id"],
                "orgId": sandbox.org_id,
                "linked": False,
                "startDate": listed["startDate"].replace("Z", "+00:00"),
                "endDate": listed["endDate"].replace("Z", "+00:00"),
                "statusName": listed["statusName"],
                "updated": listed["updated"].replace("Z", "+00:00"),
                **{name: listed[name] for name in amounts},
                "csv": facts(full / f"{name_of(sandbox, listed['id'])}.csv"),
                "json": facts(full / f"{name_of(sandbox, listed['id'])}.json"),
                "fetched": "2026-11-05T00:00:00+00:00",
                "settled": listed["statusName"] != "PENDING",
            }
            for listed in listing_of(sandbox)
        ],
    }
    folder = shutil.copytree(full, tmp_path / "earlier")
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    for path in [*folder.glob("*-*.csv"), *folder.glob("*-*.json")]:
        path.rename(folder / path.name[8:])
    # A run that was killed while it renamed has left one with its new name.
    id_ = sandbox.invoices[2].id
    (folder / f"{id_}.csv").rename(folder / f"{name_of(sandbox, id_)}.csv")
    report = sync(sandbox, folder, verify=True)
    assert [each.id for each in report.saved] == [sandbox.invoices[0].id], "only the one that isn't final"
    assert report.ok
    check_complete(folder, sandbox, ids(sandbox))
