"""The workflows: pinned actions, few permissions, every supported Python, and steps that run on a laptop."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from atlas_invoices import __version__
from openapi_tools import documents
from tracked_copy import copy_tracked

Json = dict[str, Any]
NAMES = ("ci.yml", "docs.yml", "drift.yml", "generator.yml", "propose.yml", "release.yml")
# Write permissions that the job which proposes needs; the file gives the reason for each.
WRITES = {"contents: write", "pull-requests: write", "issues: write", "actions: write"}


def read(root: Path, name: str) -> Json:
    return documents.read_document(root / ".github" / "workflows" / name).root


def steps(workflow: Json) -> list[Json]:
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def test_there_are_these(root: Path) -> None:
    assert sorted(path.name for path in (root / ".github" / "workflows").iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_by_commit_with_their_version(name: str, root: Path) -> None:
    lines = (root / ".github" / "workflows" / name).read_text().splitlines()
    uses = [line.strip().removeprefix("- ") for line in lines if "uses:" in line]
    assert uses
    for line in uses:
        own = "uses: ./.github/workflows/propose.yml"
        assert line == own or re.fullmatch(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)


@pytest.mark.parametrize("name", NAMES)
def test_permissions_are_few_and_credentials_are_not_left_behind(name: str, root: Path) -> None:
    workflow = read(root, name)
    assert workflow["permissions"] == ({"contents": "read"} if name == "ci.yml" else {})
    checkouts = [step for step in steps(workflow) if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    # An event's data would be code in a script's text.
    assert not any("${{" in step.get("run", "") for step in steps(workflow))


def test_the_job_that_reads_what_others_wrote_can_write_nothing(root: Path) -> None:
    rights = {
        f"{name}/{key}": {f"{what}: {how}" for what, how in job.get("permissions", {}).items()}
        for name in NAMES
        for key, job in read(root, name)["jobs"].items()
    }
    assert rights == {
        "ci.yml/check": set(),
        "docs.yml/build": {"contents: read"},
        "docs.yml/publish": {"pages: write", "id-token: write"},
        "release.yml/build": {"contents: read"},
        "release.yml/publish": {"id-token: write"},
        "drift.yml/check": {"contents: read"},
        "generator.yml/upgrade": {"contents: read"},
        "drift.yml/heartbeat": {"actions: write"},
        **dict.fromkeys(("drift.yml/propose", "generator.yml/propose", "propose.yml/propose"), WRITES),
    }
    # The jobs with rights run git and gh, or actions, and none of our scripts.
    jobs = {"propose.yml": "propose", "drift.yml": "heartbeat", "docs.yml": "publish", "release.yml": "publish"}
    for name, job in jobs.items():
        text = " ".join(step.get("run", "") for step in read(root, name)["jobs"][job]["steps"])
        assert "scripts/" not in text
        assert "python" not in text


@pytest.mark.parametrize("name", NAMES)
def test_every_job_has_a_time_limit(name: str, root: Path) -> None:
    assert all(job["timeout-minutes"] <= 60 for job in read(root, name)["jobs"].values() if "uses" not in job)


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
        "scripts/test -m 'browser or slow or lakehouse or warehouse'",
        "scripts/test --warehouse",
    ]


def test_drift_is_checked_weekly_and_on_demand(root: Path) -> None:
    on = read(root, "drift.yml")["on"]
    assert set(on) == {"schedule", "workflow_dispatch"}
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", on["schedule"][0]["cron"])


def test_the_newest_generator_is_tried_monthly(root: Path) -> None:
    on = read(root, "generator.yml")["on"]
    assert set(on) == {"schedule", "workflow_dispatch"}
    assert re.fullmatch(r"\d+ \d+ \d+ \* \*", on["schedule"][0]["cron"])


def test_the_schedules_are_kept_alive(root: Path) -> None:
    (step,) = read(root, "drift.yml")["jobs"]["heartbeat"]["steps"]
    assert step["run"].split("\n")[:-1] == [
        f"gh workflow enable {name}" for name in NAMES if "schedule" in read(root, name)["on"]
    ]


def test_scripts_that_are_run_exist(root: Path) -> None:
    text = " ".join(step.get("run", "") for name in NAMES for step in steps(read(root, name)))
    scripts = {
        "check",
        "docs",
        "test",
        "environment.py",
        "check_drift.py",
        "vendor_spec.py",
        "regenerate.py",
        "upgrade_generator.py",
    }
    assert set(re.findall(r"scripts/(\w+(?:\.py)?)", text.replace("requirements.txt", ""))) - {""} == scripts
    assert all(os.access(root / "scripts" / name, os.X_OK) for name in scripts - {"environment.py"})


def test_only_main_and_tags_are_published(root: Path) -> None:
    docs, release = read(root, "docs.yml"), read(root, "release.yml")
    assert docs["jobs"]["publish"]["if"] == "github.ref == 'refs/heads/main'"
    assert release["on"] == {"push": {"tags": ["v*"]}}
    assert all(workflow["jobs"]["publish"]["needs"] == "build" for workflow in (docs, release))


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
    """Runs the steps of a workflow in a repository of its own, as GitHub does: `bash -e`, with files for the outputs.

    `gh` is a program that writes its arguments down, and knows the number of an open pull request and of an issue.
    """

    root: Path
    repository: Path
    temporary: Path
    outputs: dict[str, str] = field(factory=dict)
    printed: str = ""

    def step(self, name: str, workflow: str = "drift.yml", **variables: object) -> int:
        """Run one step; returns its exit status, and adds to the outputs and to what was printed."""
        (step,) = (step for step in steps(read(self.root, workflow)) if step.get("name") == name)
        files = {"GITHUB_OUTPUT": self.temporary / "output", "GITHUB_STEP_SUMMARY": self.temporary / "summary.md"}
        identity = read(self.root, "propose.yml")["jobs"]["propose"]["env"]
        path = os.pathsep.join([str(self.temporary / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        variables |= {"PATH": path, "GITHUB_WORKSPACE": self.repository, "RUNNER_TEMP": self.temporary, **files}
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
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

    def check(self) -> str:
        """Run the job that reads upstream's document; returns the state that it hands over."""
        assert [self.step("Download upstream's document"), self.step("Check for drift")] == [0, 0], self.printed
        assert self.step("Take it over", STATUS=self.outputs["status"], COMMIT=self.outputs["commit"]) == 0, (
            self.printed
        )
        return self.outputs["state"]

    def propose(self, request: str = "", issue: str = "") -> list[str]:
        """Run the job that proposes, in the repository as it was; returns what `gh` was asked, without long texts."""
        self.git("reset", "--quiet", "--hard")
        (self.temporary / "numbers").write_text(f"pr={request}\nissue={issue}\n")
        variables = {
            "BRANCH": "upstream-drift",
            "COMMITS": read(self.root, "drift.yml")["jobs"]["propose"]["with"]["commits"],
        }
        for name in ("Commit the changes", "Propose"):
            assert self.step(name, "propose.yml", **variables) == 0, self.printed
        asked = (self.temporary / "asked_gh").read_text().splitlines()
        return [line for line in asked if " list " not in line]

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
    runner.git("init", "--quiet", "--bare", str(tmp_path / "origin"))
    runner.git("remote", "add", "origin", str(tmp_path / "origin"))
    (temporary / "bin").mkdir(parents=True)
    program(
        runner,
        "gh",
        f'. {temporary}/numbers; case "$*" in\n"pr list "*) echo $pr ;;\n'
        f'"issue list --app github-actions "*) echo $issue ;;\nesac\n'
        f'for one; do printf "%s " "$(printf %s "$one" | head --lines=1)"; done >> {temporary}/asked_gh\n'
        f"echo >> {temporary}/asked_gh",
    )
    # What upstream's main branch is at.
    program(
        runner,
        "git",
        f'refs="{COMMIT} refs/heads/main 1 refs/heads/refs/heads/main"\n'
        '[ "$1" != ls-remote ] || { printf "%s\\t%s\\n" $refs; exit; }\nexec /usr/bin/git "$@"',
    )
    return runner


COMMIT = "0123456789abcdef0123456789abcdef01234567"
UPSTREAM = f"https://github.com/mongodb/openapi/raw/{COMMIT}/openapi/v2.yaml"


def program(runner: Runner, name: str, text: str) -> None:
    """Put a program before all others."""
    path = runner.temporary / "bin" / name
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def publish(runner: Runner, change: Callable[[Json], object] = lambda _: None, status: str = "200") -> None:
    """Provide a `curl` that writes the committed fragment with a change and prints a status; 000 means no answer."""
    document = documents.read_document(runner.root / "openapi" / "fragment.json").root
    change(document)
    (runner.temporary / "published").write_bytes(documents.to_json(document))
    program(
        runner,
        "curl",
        f'printf "%s\n" "$@" > {runner.temporary}/asked\n'
        f'while [ "$1" != --output ]; do shift; done; cp {runner.temporary}/published "$2"\n'
        f"printf {status}; [ {status} != 000 ]",
    )


def add_property(document: Json) -> None:
    document["components"]["schemas"]["BillingInvoice"]["properties"]["newField"] = {"type": "string"}


@pytest.mark.slow
def test_drift_becomes_a_pull_request_of_two_commits(runner: Runner) -> None:
    publish(runner, add_property)

    assert runner.check() == "ready"
    assert (runner.temporary / "asked").read_text().splitlines()[-1] == UPSTREAM
    assert runner.propose() == [
        "auth setup-git ",
        "pr create --head upstream-drift --title `BillingInvoice.newField` is new --body  ",
        "workflow run ci.yml --ref upstream-drift ",
    ]

    log = runner.git(
        "log", "--reverse", "--format=%x00%an: %s%n", "--name-only", "origin/upstream-drift~2..origin/upstream-drift"
    )
    fragment, client = (commit.split("\n\n") for commit in log.split("\0")[1:])
    assert fragment[0] == "github-actions[bot]: Take over a new revision of the Atlas API"
    assert set(fragment[1].split()) == {"openapi/fragment.json", "openapi/lock.json"}
    assert client[0] == "github-actions[bot]: Regenerate the client"
    assert {name.split("/")[0] for name in client[1].split()} == {"generated"}
    assert "new_field" in runner.git("show", "HEAD:generated/atlas_invoices_client/models/billing_invoice.py")
    assert COMMIT in runner.git("show", "HEAD:openapi/lock.json")
    assert runner.git("status", "--porcelain") == ""
    report = (runner.temporary / "proposal" / "report.md").read_text()
    assert "`BillingInvoice.newField` is new: " in report
    assert "- `BillingInvoice.new_field` is new" in report
    assert str(runner.temporary) not in report
    assert (runner.temporary / "summary.md").read_text() == report


@pytest.mark.slow
def test_a_later_run_updates_its_pull_request_and_closes_its_issue(runner: Runner) -> None:
    publish(runner, add_property)
    assert runner.check() == "ready"
    assert runner.propose(request="7", issue="9") == [
        "auth setup-git ",
        "pr edit 7 --title `BillingInvoice.newField` is new --body  ",
        "pr ready 7 ",
        "workflow run ci.yml --ref upstream-drift ",
        "issue close 9 --comment The latest run no longer found this problem. ",
    ]


@pytest.mark.slow
def test_a_proposal_that_upstream_took_back_is_closed(runner: Runner) -> None:
    publish(runner, lambda document: document["paths"]["/api/atlas/v2/orgs"]["get"].update(operationId="anotherName"))

    assert runner.check() == "none"

    assert "0 breaking, 0 additive, 1 renamed" in (runner.temporary / "summary.md").read_text()
    assert runner.propose(request="7") == [
        "pr close 7 --delete-branch --comment The latest run found nothing left to change. "
    ]
    assert runner.git("log", "--format=%s", "--all") == "Start"


@pytest.mark.slow
def test_a_client_that_cannot_be_generated_is_a_draft_with_the_error(runner: Runner) -> None:
    def clash(document: Json) -> None:
        document["components"]["schemas"]["BillingInvoice"]["properties"]["toDict"] = {"type": "string"}

    publish(runner, clash)

    assert runner.check() == "draft"
    asked = runner.propose()
    assert asked[1] == "pr create --head upstream-drift --title `BillingInvoice.toDict` is new --body  --draft "
    report = (runner.temporary / "proposal" / "report.md").read_text()
    assert "    error: /components/schemas/BillingInvoice: the field `toDict` would need a name" in report
    assert runner.git("log", "--format=%s") == "Take over a new revision of the Atlas API\nStart"


@pytest.mark.slow
def test_an_end_that_nothing_can_be_merged_against_is_an_issue(runner: Runner) -> None:
    """The first run takes it over; from then on only somebody who requests another version can mend it."""

    def end(document: Json) -> None:
        path = "/api/atlas/v2/orgs/{orgId}/invoices/{invoiceId}/csv"
        (media,) = document["paths"][path]["get"]["responses"]["200"]["content"].values()
        media["x-sunset"] = "2020-01-01"
        document["info"]["x-xgen-sha"] = "another revision"

    publish(runner, end)
    assert runner.check() == "ready"
    runner.git("commit", "--quiet", "--message", "Merged")
    shutil.rmtree(runner.temporary / "proposal")
    assert runner.check() == "issue"
    (title,) = runner.propose()
    assert re.match(
        r"issue create --title upstream-drift: media type `.*` of response `200` ended on 2020-01-01", title
    )


@pytest.mark.slow
def test_words_that_lost_their_place_are_listed(runner: Runner) -> None:
    publish(runner, lambda document: document["components"]["schemas"]["BillingRefund"]["properties"].pop("reason"))

    assert runner.check() == "ready"

    report = (runner.temporary / "proposal" / "report.md").read_text()
    assert "    warning: left out, because fragment.json has no place for it: $.components.schemas" in report
    assert "- `BillingRefund.reason` is gone" in report


@pytest.mark.slow
def test_an_optional_operation_that_is_gone_is_proposed(runner: Runner) -> None:
    """With its fix in the overlay, which has no place any more."""

    def remove(document: Json) -> None:
        for path in [path for path in document["paths"] if "/reports" in path]:
            del document["paths"][path]

    publish(runner, remove)

    assert runner.check() == "ready"
    report = (runner.temporary / "proposal" / "report.md").read_text()
    assert "3 operations were removed" in report
    assert "no place for it: $.components.schemas.InvoiceReportResponse.properties.downloadUrl" in report


@pytest.mark.slow
def test_an_operation_that_is_gone_is_an_issue_with_the_report_and_the_error(runner: Runner) -> None:
    publish(runner, lambda document: document["paths"].pop("/api/atlas/v2/orgs"))

    assert runner.check() == "issue"
    assert runner.propose() == ["issue create --title upstream-drift: `GET /api/atlas/v2/orgs` was removed --body  "]
    report = (runner.temporary / "proposal" / "report.md").read_text()
    assert "### Breaking" in report
    assert "    error: v2.yaml: GET /api/atlas/v2/orgs is no longer in the document" in report
    assert runner.git("log", "--format=%s") == "Start"


@pytest.mark.slow
def test_a_document_that_cannot_be_read_is_an_issue(runner: Runner) -> None:
    publish(runner)
    (runner.temporary / "published").write_text("hello")

    assert runner.check() == "issue"
    assert runner.propose(issue="9", request="7") == [
        "pr close 7 --delete-branch --comment The latest run couldn't make this change; an issue says why. ",
        "issue edit 9 --title upstream-drift: The document can't be compared --body  ",
    ]
    assert (
        "    error: v2.yaml: its top level is not a mapping"
        in (runner.temporary / "proposal" / "report.md").read_text()
    )


@pytest.mark.slow
def test_only_the_named_paths_of_a_patch_are_applied(runner: Runner) -> None:
    publish(runner, add_property)
    assert runner.check() == "ready"
    (runner.repository / "scripts" / "evil.py").write_text("x")
    (runner.repository / "openapi.py").write_text("x")
    runner.git("add", "scripts/evil.py", "openapi.py")
    patch = runner.temporary / "proposal" / "changes.patch"
    patch.write_text(runner.git("diff", "--cached", "--binary") + "\n")

    runner.propose()

    changed = runner.git("diff", "--name-only", "HEAD~2..HEAD").split()
    assert {name.split("/")[0] for name in changed} == {"openapi", "generated"}
    assert runner.git("status", "--porcelain") == ""


@pytest.mark.slow
@pytest.mark.parametrize("status", ["000", "429", "503"])
def test_an_outage_is_a_notice(runner: Runner, status: str) -> None:
    publish(runner, status=status)

    assert runner.step("Download upstream's document") == 0

    assert runner.outputs == {}
    assert f"::notice title=Upstream drift::not checked: no document (status {status})" in runner.printed


@pytest.mark.slow
def test_a_document_that_is_gone_fails(runner: Runner) -> None:
    publish(runner, status="404")

    assert runner.step("Download upstream's document") == 1

    assert "::error title=Upstream drift::no document at https://" in runner.printed


def test_nothing_is_proposed_unless_the_document_was_compared(root: Path) -> None:
    jobs = read(root, "drift.yml")["jobs"]
    by_name = {step.get("name"): step for step in jobs["check"]["steps"]}
    for name in ("Check for drift", "Take it over"):
        assert by_name[name]["if"] == "steps.download.outputs.done == 'true'"
    assert jobs["propose"]["if"] == "needs.check.outputs.state != ''"
    assert jobs["check"]["outputs"] == {"state": "${{ steps.take.outputs.state }}"}


def test_a_generator_that_cannot_even_be_looked_up_has_a_title(runner: Runner) -> None:
    script = runner.repository / "scripts" / "upgrade_generator.py"
    script.write_text("#!/bin/sh\necho 'error: uv not found' >&2\nexit 2\n")
    shutil.copy(runner.root / "pyproject.toml", runner.repository)
    assert runner.step("Upgrade the generator", "generator.yml") == 0
    report = (runner.temporary / "proposal" / "report.md").read_text()
    assert report == "## The generator can't be upgraded\n\n    error: uv not found\n"
    assert runner.outputs["state"] == "issue"


@pytest.fixture
def release(runner: Runner) -> Runner:
    """The repository of `runner`, with what a release needs."""
    for folder in ("overlays", ".github"):
        copy_tracked(folder, runner.repository / folder)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(runner.root / name, runner.repository)
    (runner.repository / ".venv").symlink_to(sys.prefix)
    changelog = runner.repository / ".github" / "CHANGELOG.md"
    changelog.write_text(
        re.sub(f"^## {__version__}, .*$", f"## {__version__}, 2026-12-01", changelog.read_text(), flags=re.MULTILINE)
    )
    return runner


def test_a_release_has_the_version_of_its_tag_and_a_day(release: Runner) -> None:
    name = "Compare the tag with the version"
    assert release.step(name, "release.yml", TAG=f"v{__version__}") == 0, release.printed
    assert release.step(name, "release.yml", TAG="v9.9.9") == 1
    assert f"the tag is v9.9.9, but the version is {__version__}" in release.printed
    (release.repository / ".github" / "CHANGELOG.md").write_text(f"## {__version__}, unreleased\n")
    assert release.step(name, "release.yml", TAG=f"v{__version__}") == 1
    assert f"CHANGELOG.md has no day for {__version__}" in release.printed


@pytest.mark.slow
def test_a_release_is_an_sdist_and_the_wheel_made_of_it(release: Runner) -> None:
    assert release.step("Build", "release.yml") == 0, release.printed
    sdist, wheel = sorted((release.repository / "dist").iterdir(), key=lambda path: path.suffix)
    assert sdist.name == f"atlas_invoices-{__version__}.tar.gz"
    assert wheel.name == f"atlas_invoices-{__version__}-py3-none-any.whl"
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if not name.startswith("atlas_invoices-")}
    folders = (
        release.repository / "overlays" / "atlas_invoices",
        release.repository / "generated" / "atlas_invoices_client",
    )
    files = {path.relative_to(each.parent).as_posix() for each in folders for path in each.rglob("*") if path.is_file()}
    assert packed == files
