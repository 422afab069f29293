"""`atlas-invoices sync` as a cron job runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atlas_invoices.sandbox import Sandbox, Settings
from command import COMMAND
from sync_folder import check_complete, check_valid, entries

if TYPE_CHECKING:
    from command import Run


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    """With smaller invoices than the shared one."""
    with Sandbox(Settings(seed=7, months=10, typical_lines=10)) as sandbox:
        yield sandbox


@pytest.fixture
def atlas(server: Sandbox) -> Iterator[Sandbox]:
    """The local Atlas, without planned faults."""
    yield server
    server.faults.clear()


def test_the_summary_is_data_and_the_rest_is_said(run: Run, atlas: Sandbox, tmp_path: Path) -> None:
    first = run("sync", "--dir", "invoices")
    assert (first.returncode, first.stdout) == (0, f"invoices: {len(atlas.invoices)} saved, 0 unchanged\n")
    said = first.stderr.splitlines()
    assert len(said) == len(atlas.invoices)
    assert {line.split()[1] for line in said} == {invoice.id for invoice in atlas.invoices}
    check_complete(tmp_path / "invoices", atlas, [invoice.id for invoice in atlas.invoices])
    again = run("sync", "--dir", "invoices", "-q")
    assert (again.returncode, again.stdout) == (0, f"invoices: 1 saved, {len(atlas.invoices) - 1} unchanged\n")
    assert again.stderr == ""


def test_json_says_what_became_of_each(run: Run, atlas: Sandbox, tmp_path: Path) -> None:
    chosen = ("--since", "2026-09", "--until", "2026-10", "--linked")
    ended = run("sync", "--dir", "invoices", *chosen, "--format", "json", "-q")
    assert (ended.returncode, ended.stderr) == (0, "")
    report = json.loads(ended.stdout)
    assert {name: value for name, value in report.items() if name not in {"directory", "invoices"}} == {
        "ok": True,
        "orgId": atlas.org_id,
        "saved": 4,
        "unchanged": 0,
        "failed": 0,
        "notTried": 0,
        "gone": 0,
        "linked": 2,
    }
    september = next(each for each in report["invoices"] if each["id"] == atlas.invoices[2].id)
    assert september == {
        "id": atlas.invoices[2].id,
        "orgId": atlas.org_id,
        "startDate": "2026-09-01",
        "endDate": "2026-10-01",
        "statusName": "PAID",
        "linked": False,
        "outcome": "saved",
        "reason": "new",
        "csv": f"2026-09-{atlas.invoices[2].id}.csv",
        "json": f"2026-09-{atlas.invoices[2].id}.json",
        "size": len(atlas.csv_bytes(atlas.invoices[2].id)),
        "difference": None,
        "error": None,
    }
    check_complete(tmp_path / "invoices", atlas, [each["id"] for each in report["invoices"]])


def test_the_status_is_that_of_the_most_serious_failure(run: Run, atlas: Sandbox, tmp_path: Path) -> None:
    missing, busy = atlas.invoices[2].id, atlas.invoices[3].id
    atlas.fail(404, path=f"/{missing}/csv")
    atlas.fail(503, path=f"/{busy}")
    ended = run("sync", "--dir", "d", "--max-retries", "0", "-q", "--format", "json")
    assert ended.returncode == 4
    *warned, last = ended.stderr.splitlines()
    assert [line[: len("warning: invoice ") + 24] for line in warned] == [
        f"warning: invoice {missing}",
        f"warning: invoice {busy}",
    ]
    assert last.startswith("error: 2 invoices failed; ")
    errors = {each["id"]: each["error"]["type"] for each in json.loads(ended.stdout)["invoices"] if each["error"]}
    assert errors == {missing: "NotFoundError", busy: "ServerError"}
    atlas.fail(503, path=f"/{busy}")
    assert run("sync", "--dir", "d", "--max-retries", "0").returncode == 5
    assert run("sync", "--dir", "d").returncode == 0
    check_complete(tmp_path / "d", atlas, [invoice.id for invoice in atlas.invoices])


def test_refused_credentials_are_told_apart_from_a_folder_that_will_not_do(
    run: Run, atlas: Sandbox, tmp_path: Path
) -> None:
    assert run("sync", "--dir", "d", "--since", "2026-10").returncode == 0
    atlas.fail(403, path="/csv", times=100)
    ended = run("sync", "--dir", "d")
    assert ended.returncode == 3
    assert ended.stderr.splitlines()[-1].startswith("error: ")
    atlas.faults.clear()
    check_valid(tmp_path / "d", atlas)
    (tmp_path / "d" / "manifest.json").write_text('{"name": "a web app"}')
    ended = run("sync", "--dir", "d")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("error: d/manifest.json isn't a manifest of `atlas-invoices sync`")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--dir"),
        (("--dir", "file"), "file"),
        (("--dir", ""), "it is empty"),
        (("--dir", "d", "--since", "2026-13"), "2026-13"),
        (("--dir", "d", "--until", "July"), "write it as 2026-07"),
        (("--dir", "d", "--since", "2026-08", "--until", "2026-07"), "is later than"),
    ],
)
def test_usage(run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "file").write_text("")
    ended = run("sync", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_no_folder_is_told_without_an_option_that_sync_lacks(run: Run, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    for place in ("link", os.devnull):
        ended = run("sync", "--dir", place)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr == f"error: {place}: Not a folder; choose another path\n"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_stopped_it_ends_soon_and_leaves_a_valid_folder(
    run: Run, atlas: Sandbox, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    atlas.faults.delay(30, path=f"/{atlas.invoices[5].id}/csv")
    folder = tmp_path / "d"
    with subprocess.Popen(
        [COMMAND, "sync", "--dir", folder],
        env={**os.environ, **atlas.environment("service-account")},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        for _ in range(len(atlas.invoices) - 1):
            process.stderr.readline()
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == status
        assert time.monotonic() - began < 10
    check_complete(folder, atlas, entries(folder))
    assert len(entries(folder)) == len(atlas.invoices) - 1
    atlas.faults.clear()
    assert run("sync", "--dir", "d", "-q").returncode == 0
    check_complete(folder, atlas, [invoice.id for invoice in atlas.invoices])
