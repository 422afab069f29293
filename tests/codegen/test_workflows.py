"""The workflows: pinned actions, few permissions, every Python that is supported, scripts that run on a laptop."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from openapi_tools import documents

Json = dict[str, Any]
NAMES = ("ci.yml", "drift.yml")
# Writing rights that a job needs, each with its reason in the file.
RIGHTS = {"contents: write", "pull-requests: write", "actions: write"}


@pytest.fixture
def workflows(root: Path) -> dict[str, Json]:
    folder = root / ".github" / "workflows"
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
    return {name: documents.read_document(folder / name).root for name in NAMES}


def steps(workflow: Json) -> list[Json]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_by_commit_with_their_version(name: str, root: Path) -> None:
    lines = (root / ".github" / "workflows" / name).read_text().splitlines()
    uses = [line.strip() for line in lines if "uses:" in line]
    assert uses
    for line in uses:
        assert re.fullmatch(r"- uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)


@pytest.mark.parametrize("name", NAMES)
def test_permissions_are_few_and_credentials_are_not_left_behind(name: str, workflows: dict[str, Json]) -> None:
    workflow = workflows[name]
    assert workflow["permissions"] == ({"contents": "read"} if name == "ci.yml" else {})
    rights = {f"{what}: {how}" for job in workflow["jobs"].values() for what, how in job.get("permissions", {}).items()}
    assert rights == (set() if name == "ci.yml" else RIGHTS)
    checkouts = [step for step in steps(workflow) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    assert len([step for step in steps(workflow) if "env" in step]) <= 1
    # What an event brings is data; in a script's text it would be code.
    assert not any("${{" in step.get("run", "") for step in steps(workflow))


@pytest.mark.parametrize("name", NAMES)
def test_a_job_ends(name: str, workflows: dict[str, Json]) -> None:
    assert all(job["timeout-minutes"] <= 60 for job in workflows[name]["jobs"].values())


def test_the_gate_runs_the_check_on_every_python_that_is_supported(root: Path, workflows: dict[str, Json]) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    supported = re.findall(r"Python :: (3\.\d+)'", str(project["classifiers"]))
    job = workflows["ci.yml"]["jobs"]["check"]
    assert job["strategy"]["matrix"]["python"] == supported == ["3.11", "3.12", "3.13", "3.14"]
    assert job["strategy"]["fail-fast"] is False
    run = job["steps"][-1]["run"]
    assert run.rstrip().endswith("scripts/check")
    assert "unshare --net" in run
    assert {"push", "pull_request", "workflow_dispatch"} == set(workflows["ci.yml"]["on"])


def test_drift_is_looked_for_weekly_and_by_hand(workflows: dict[str, Json]) -> None:
    on = workflows["drift.yml"]["on"]
    assert set(on) == {"schedule", "workflow_dispatch"}
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", on["schedule"][0]["cron"])


def test_what_they_run_is_here(root: Path, workflows: dict[str, Json]) -> None:
    words = " ".join(step.get("run", "") for workflow in workflows.values() for step in steps(workflow))
    scripts = set(re.findall(r"scripts/[\w.]+", words))
    assert scripts == {"scripts/check", "scripts/environment.py", "scripts/propose_update.py"}
    for name in scripts - {"scripts/environment.py"}:
        assert os.access(root / name, os.X_OK)
