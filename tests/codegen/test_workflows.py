"""The workflows: pinned actions, few permissions, every supported Python, and steps that run on a laptop."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from openapi_tools import documents
from tracked_copy import copy_tracked

Json = dict[str, Any]
NAMES = ("ci.yml", "drift.yml")
# Write permissions that a job needs; the file gives the reason for each.
WRITES = {"contents: write", "pull-requests: write", "actions: write"}


def read(root: Path, name: str) -> Json:
    return documents.read_document(root / ".github" / "workflows" / name).root


def steps(workflow: Json) -> list[Json]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_there_are_these_two(root: Path) -> None:
    assert sorted(path.name for path in (root / ".github" / "workflows").iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_by_commit_with_their_version(name: str, root: Path) -> None:
    lines = (root / ".github" / "workflows" / name).read_text().splitlines()
    uses = [line.strip().removeprefix("- ") for line in lines if "uses:" in line]
    assert uses
    for line in uses:
        assert re.fullmatch(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)


@pytest.mark.parametrize("name", NAMES)
def test_permissions_are_few_and_credentials_are_not_left_behind(name: str, root: Path) -> None:
    workflow = read(root, name)
    assert workflow["permissions"] == ({"contents": "read"} if name == "ci.yml" else {})
    rights = {f"{what}: {how}" for job in workflow["jobs"].values() for what, how in job.get("permissions", {}).items()}
    assert rights == (set() if name == "ci.yml" else WRITES)
    checkouts = [step for step in steps(workflow) if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    assert len([step for step in steps(workflow) if "env" in step]) <= 1
    # An event's data would be code in a script's text.
    assert not any("${{" in step.get("run", "") for step in steps(workflow))


@pytest.mark.parametrize("name", NAMES)
def test_every_job_has_a_time_limit(name: str, root: Path) -> None:
    assert all(job["timeout-minutes"] <= 60 for job in read(root, name)["jobs"].values())


def test_ci_installs_and_checks_on_every_supported_python(root: Path) -> None:
    workflow = read(root, "ci.yml")
    assert {"push", "pull_request", "workflow_dispatch"} == set(workflow["on"])
    job = workflow["jobs"]["check"]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    supported = re.findall(r"Python :: (3\.\d+)'", str(project["classifiers"]))
    assert job["strategy"]["matrix"]["python"] == supported == ["3.11", "3.12", "3.13", "3.14"]
    assert job["strategy"]["fail-fast"] is False
    assert [step["run"] for step in job["steps"] if "run" in step] == [
        "python3 scripts/environment.py",
        "scripts/check",
    ]


def test_drift_is_checked_weekly_and_on_demand(root: Path) -> None:
    on = read(root, "drift.yml")["on"]
    assert set(on) == {"schedule", "workflow_dispatch"}
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", on["schedule"][0]["cron"])


def test_scripts_that_are_run_exist(root: Path) -> None:
    text = " ".join(step.get("run", "") for name in NAMES for step in steps(read(root, name)))
    scripts = {"check", "environment.py", "check_drift.py", "vendor_spec.py", "regenerate.py"}
    assert set(re.findall(r"scripts/(\w+(?:\.py)?)", text)) == scripts
    assert all(os.access(root / "scripts" / name, os.X_OK) for name in scripts - {"environment.py"})


def test_pre_commit_runs_every_step_of_the_check_but_the_tests(root: Path) -> None:
    (repository,) = documents.read_document(root / ".pre-commit-config.yaml").root["repos"]
    named = re.findall(r"^step (\w+) ", (root / "scripts" / "check").read_text(), flags=re.MULTILINE)
    assert [hook["entry"] for hook in repository["hooks"]] == [
        f"scripts/check {step}" for step in dict.fromkeys(named) if step != "tests"
    ]


def test_a_step_of_the_check_that_does_not_exist_is_an_error(root: Path) -> None:
    command = [root / "scripts" / "check", "nonsense"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: no such step: nonsense\n")


@define
class Runner:
    """Runs the steps of drift.yml in a repository of its own, as GitHub does: `bash -e`, with files for the outputs."""

    root: Path
    repository: Path
    temporary: Path
    outputs: dict[str, str] = field(factory=dict)
    printed: str = ""

    def step(self, name: str) -> int:
        """Run one step; returns its exit status, and adds to the outputs and to what was printed."""
        (run,) = (step["run"] for step in steps(read(self.root, "drift.yml")) if step.get("name") == name)
        files = {"GITHUB_OUTPUT": self.temporary / "output", "GITHUB_STEP_SUMMARY": self.temporary / "summary.md"}
        identity = read(self.root, "drift.yml")["jobs"]["propose"]["env"]
        path = os.pathsep.join([str(self.temporary / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        variables = {"PATH": path, "GITHUB_WORKSPACE": self.repository, "RUNNER_TEMP": self.temporary, **files}
        done = subprocess.run(
            ["bash", "-e", "-c", run],
            cwd=self.repository,
            env={**os.environ, **identity, **{name: str(value) for name, value in variables.items()}},
            capture_output=True,
            text=True,
            check=False,
        )
        if files["GITHUB_OUTPUT"].exists():
            self.outputs |= dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
        self.printed += done.stdout + done.stderr
        return done.returncode

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments]
        return subprocess.run(command, cwd=self.repository, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def runner(root: Path, tmp_path: Path) -> Runner:
    """A repository with our scripts, openapi/ and generated/."""
    repository, temporary = tmp_path / "repository", tmp_path / "temporary"
    for folder in ("scripts", "openapi", "generated"):
        copy_tracked(folder, repository / folder)
    # The steps run in the environment of this test.
    (repository / "scripts" / "environment.py").write_text(
        "from pathlib import Path\nROOT = Path(__file__).resolve().parent.parent\ndef ensure(): pass\n"
    )
    (repository / ".gitignore").write_text("__pycache__/\n")
    runner = Runner(root, repository, temporary)
    runner.git("init", "--quiet")
    runner.git("add", ".")
    runner.git("commit", "--quiet", "--message", "Start")
    (temporary / "bin").mkdir(parents=True)
    return runner


def publish(runner: Runner, change: Callable[[Json], object] = lambda _: None, status: str = "200") -> None:
    """Provide a `curl` that writes the committed fragment with a change and prints a status; 000 means no answer."""
    document = documents.read_document(runner.root / "openapi" / "fragment.json").root
    change(document)
    (runner.temporary / "published").write_bytes(documents.to_json(document))
    curl = runner.temporary / "bin" / "curl"
    curl.write_text(
        "#!/bin/sh\n"
        f'printf "%s\\n" "$@" > {runner.temporary}/asked\n'
        f'while [ "$1" != --output ]; do shift; done; cp {runner.temporary}/published "$2"\n'
        f"printf {status}; [ {status} != 000 ]\n"
    )
    curl.chmod(0o755)


def add_property(document: Json) -> None:
    document["components"]["schemas"]["BillingInvoice"]["properties"]["newField"] = {"type": "string"}


def test_drift_gives_two_commits_and_a_report(runner: Runner) -> None:
    publish(runner, add_property)

    names = ["Download upstream's document", "Check for drift", "Commit the new fragment", "Commit the new client"]
    assert [runner.step(name) for name in names] == [0, 0, 0, 0], runner.printed

    assert runner.outputs == {"done": "true", "drift": "true"}
    url = "https://github.com/mongodb/openapi/raw/refs/heads/main/openapi/v2.yaml"
    assert (runner.temporary / "asked").read_text().splitlines()[-1] == url
    log = runner.git("log", "--reverse", "--format=%x00%an: %s%n", "--name-only", "HEAD~2..")
    fragment, client = (commit.split("\n\n") for commit in log.split("\0")[1:])
    assert fragment[0] == "github-actions[bot]: Take over a new revision of the Atlas API"
    assert set(fragment[1].split()) == {"openapi/fragment.json", "openapi/lock.json"}
    assert client[0] == "github-actions[bot]: Regenerate the client"
    assert {name.split("/")[0] for name in client[1].split()} == {"generated"}
    assert "new_field" in runner.git("show", "HEAD:generated/atlas_invoices_client/models/billing_invoice.py")
    assert runner.git("status", "--porcelain") == ""
    report = (runner.temporary / "report.md").read_text()
    assert "property `newField` is new" in report
    assert str(runner.temporary) not in report
    assert (runner.temporary / "summary.md").read_text() == report


def test_no_drift_proposes_nothing(runner: Runner) -> None:
    publish(runner, lambda document: document["paths"]["/api/atlas/v2/orgs"]["get"].update(operationId="anotherName"))

    assert [runner.step(name) for name in ("Download upstream's document", "Check for drift")] == [0, 0]

    assert runner.outputs == {"done": "true"}
    assert "0 breaking, 0 additive, 1 renamed" in (runner.temporary / "summary.md").read_text()


@pytest.mark.parametrize("status", ["000", "429", "503"])
def test_an_outage_is_a_notice(runner: Runner, status: str) -> None:
    publish(runner, status=status)

    assert runner.step("Download upstream's document") == 0

    assert runner.outputs == {}
    assert f"::notice title=Upstream drift::not checked: no document (status {status})" in runner.printed


def test_a_document_that_is_gone_fails(runner: Runner) -> None:
    publish(runner, status="404")

    assert runner.step("Download upstream's document") == 1

    assert "::error title=Upstream drift::no document at https://" in runner.printed


def test_a_document_that_cannot_be_read_fails(runner: Runner) -> None:
    (runner.temporary / "v2.yaml").write_text("hello")

    assert runner.step("Check for drift") == 2

    assert "error: v2.yaml: not an OpenAPI document" in runner.printed


def test_an_operation_that_is_gone_is_reported_and_fails(runner: Runner) -> None:
    publish(runner, lambda document: document["paths"].pop("/api/atlas/v2/orgs"))

    names = ("Download upstream's document", "Check for drift", "Commit the new fragment")
    assert [runner.step(name) for name in names] == [0, 0, 2]

    assert "### Breaking" in (runner.temporary / "summary.md").read_text()
    assert "is no longer in the document" in runner.printed
    assert runner.git("log", "--format=%s") == "Start"


def test_only_drift_leads_to_commits_and_a_pull_request(root: Path) -> None:
    by_name = {step.get("name"): step for step in steps(read(root, "drift.yml"))}
    assert by_name["Check for drift"]["if"] == "steps.download.outputs.done == 'true'"
    for name in ("Commit the new fragment", "Commit the new client", "Open or update the pull request"):
        assert by_name[name]["if"] == "steps.check.outputs.drift == 'true'"
    request = by_name["Open or update the pull request"]
    assert request["uses"].startswith("peter-evans/create-pull-request@")
    # No push-to-fork: a pull request from a fork is a stranger's, whatever its branch is called.
    assert set(request["with"]) == {"branch", "title", "body-path"}
