"""scripts/propose_update.py on a laptop: a local document, a repository of its own, a bare one as the remote."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import propose_update
from openapi_tools import documents, fetching
from tracked_copy import copy_tracked

Json = dict[str, Any]
BRANCH = "refs/heads/upstream-drift"


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A person", "-c", "user.email=person@example.com", "-c", "init.defaultBranch=main")
    command = ["git", *identity, "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def start(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with what the project's own has in openapi/ and generated/, and a bare remote beside it."""
    folder = tmp_path_factory.mktemp("start")
    repository = folder / "repository"
    copy_tracked("openapi", repository / "openapi")
    shutil.copytree(tree, repository / "generated")
    git(folder, "init", "--quiet", "--bare", "remote.git")
    git(repository, "init", "--quiet")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "Start")
    return folder


@pytest.fixture
def repository(start: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it, whose working tree nobody may touch."""
    shutil.copytree(start, tmp_path / "here", symlinks=True)
    folder = tmp_path / "here" / "repository"
    git(folder, "remote", "add", "origin", str(folder.parent / "remote.git"))
    (folder / "mine.txt").write_text("work in progress")
    (folder / "openapi" / "generator.yaml").write_text("work: in progress\n")
    before = git(folder, "status", "--porcelain"), git(folder, "rev-parse", "HEAD"), git(folder, "branch", "--list")
    yield folder
    assert (
        git(folder, "status", "--porcelain"),
        git(folder, "rev-parse", "HEAD"),
        git(folder, "branch", "--list"),
    ) == before


@pytest.fixture
def upstream(root: Path, tmp_path: Path) -> Callable[..., Path]:
    """Writes an upstream document: the committed fragment with a change in it."""

    def write(change: Callable[[Json], object] = lambda _: None) -> Path:
        document = documents.read_document(root / "openapi" / "fragment.json").root
        change(document)
        path = tmp_path / "upstream.json"
        path.write_bytes(documents.to_json(document))
        return path

    return write


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for GitHub's command: it writes down what it is asked and answers `pr list` with `prs.json`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "gh"
    command.write_text(
        "#!/bin/sh\n"
        f'printf "%s\\n" "$*" >> {folder}/calls\n'
        f'case "$*" in "pr list"*) cat {folder}/prs.json;; *"pr create"*) shift 9; cp "$1" {folder}/body.md;; esac\n'
    )
    command.chmod(0o755)
    (folder / "prs.json").write_text("[]")
    (folder / "calls").touch()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def new_property(name: str) -> Callable[[Json], object]:
    def change(document: Json) -> None:
        document["components"]["schemas"]["BillingInvoice"]["properties"][name] = {"type": "string"}

    return change


def branch(repository: Path) -> str:
    """The commit at the remote's branch, empty where there is none."""
    return git(repository, "ls-remote", "origin", BRANCH).split("\t")[0]


def run(repository: Path, upstream: Path, *more: str) -> int:
    return propose_update.main(["--upstream", str(upstream), *more], repository)


def calls(gh: Path) -> list[str]:
    return (gh / "calls").read_text().splitlines()


def test_drift_gives_a_branch_with_two_commits(
    repository: Path, upstream: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remote, report = str(repository.parent / "remote.git"), tmp_path / "report.md"
    more = ("--remote", remote, "--report", str(report), "--no-pull-request")
    assert run(repository, upstream(new_property("first")), *more) == 0
    git(repository, "fetch", "--quiet", "origin", BRANCH)
    log = git(repository, "log", "--reverse", "--format=commit %s", "--name-only", "HEAD..FETCH_HEAD")
    fragment, client = log.removeprefix("commit ").split("\ncommit ")
    assert fragment.splitlines()[0].startswith("Take over upstream's change: 0 breaking, ")
    assert set(fragment.split()[-2:]) == {"openapi/fragment.json", "openapi/lock.json"}
    assert {path.split("/")[0] for path in client.split("\n\n")[1].split()} == {"generated"}
    assert "first" in git(repository, "show", "FETCH_HEAD:generated/atlas_invoices_client/models/billing_invoice.py")
    assert git(repository, "rev-parse", "FETCH_HEAD~2") == git(repository, "rev-parse", "HEAD")
    assert "property `first` is new" in report.read_text()
    assert str(tmp_path) not in report.read_text()
    # The same document again changes nothing, and a newer one updates the branch.
    first = branch(repository)
    assert run(repository, upstream(new_property("first")), "--no-pull-request") == 0
    assert branch(repository) == first
    assert "upstream-drift is unchanged" in capsys.readouterr().err
    assert run(repository, upstream(new_property("second")), "--no-pull-request") == 0
    assert branch(repository) != first
    git(repository, "fetch", "--quiet", "origin", BRANCH)
    assert len(git(repository, "log", "--format=%h", "HEAD..FETCH_HEAD").split()) == 2
    assert "upstream-drift is updated" in capsys.readouterr().err


def test_no_drift_pushes_nothing(
    repository: Path, upstream: Callable[..., Path], gh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def rename(document: Json) -> None:
        document["paths"]["/api/atlas/v2/orgs"]["get"]["operationId"] = "anotherName"

    for change in (lambda _: None, rename):
        assert run(repository, upstream(change), "--report", str(tmp_path / "report.md")) == 0
        assert branch(repository) == ""
    assert "nothing to propose: 0 breaking, 0 additive, 1 renamed" in capsys.readouterr().err
    assert "`anotherName`" in (tmp_path / "report.md").read_text()
    assert calls(gh) == []


def test_a_commit_of_a_person_on_the_branch_is_never_overwritten(
    repository: Path, upstream: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    git(tmp_path, "clone", "--quiet", str(repository), str(work))
    git(work, "commit", "--quiet", "--allow-empty", "--message", "By hand")
    git(work, "push", "--quiet", str(repository.parent / "remote.git"), f"HEAD:{BRANCH}")
    by_hand = branch(repository)
    assert run(repository, upstream(new_property("second")), "--no-pull-request") == 0
    assert branch(repository) == by_hand
    assert "left to the people who work on it" in capsys.readouterr().err


def test_one_pull_request_is_opened_then_updated_and_left_closed(
    repository: Path, upstream: Callable[..., Path], gh: Path
) -> None:
    def asked(state: str, document: Path) -> list[str]:
        """What GitHub is asked on a run while the pull request is in a state."""
        (gh / "prs.json").write_text(json.dumps([{"number": 7, "state": state, "headRefOid": branch(repository)}]))
        (gh / "calls").write_text("")
        assert run(repository, document) == 0
        return calls(gh)

    assert run(repository, upstream(new_property("first"))) == 0
    listed, created, started = calls(gh)
    assert listed.startswith("pr list --head upstream-drift")
    assert created.startswith("pr create --base main --head upstream-drift --title Take over upstream's change: ")
    assert "property `first` is new" in (gh / "body.md").read_text()
    assert started == "workflow run ci.yml --ref upstream-drift"
    assert len(asked("CLOSED", upstream(new_property("first")))) == 1
    listed, updated, started = asked("OPEN", upstream(new_property("second")))
    assert "--method PATCH repos/{owner}/{repo}/pulls/7 " in updated
    assert started == "workflow run ci.yml --ref upstream-drift"


def test_an_outage_is_a_notice_and_no_failure(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetching.read_bytes, "__kwdefaults__", {"sleep": lambda _: None})
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert propose_update.main(["--upstream", f"https://127.0.0.1:{port}/v2.yaml"], repository) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("upstream can't be had, nothing was checked: https://127.0.0.1/v2.yaml")
    assert printed.out.startswith("::notice title=Upstream drift::upstream can't be had")
    assert branch(repository) == ""


def test_an_address_that_is_not_fetched_is_no_outage(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert propose_update.main(["--upstream", "http://127.0.0.1:1/v2.yaml"], repository) == 2
    assert "only https is fetched" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"openapi: 3.0.1\n", b"hello: [", b"openapi: 3.1.0\npaths: {}\n"])
def test_a_document_that_is_none_fails(
    content: bytes, repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "upstream.yaml").write_bytes(content)
    assert run(repository, tmp_path / "upstream.yaml") == 2
    assert capsys.readouterr().err.count("error: ") == 1
    assert branch(repository) == ""


def test_a_change_that_a_person_has_to_look_at_fails_and_the_report_is_there(
    repository: Path, upstream: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = upstream(lambda document: document["paths"].pop("/api/atlas/v2/orgs"))
    assert run(repository, path, "--report", str(tmp_path / "report.md"), "--no-pull-request") == 2
    assert "is not in the document any more" in capsys.readouterr().err
    assert "### Breaking" in (tmp_path / "report.md").read_text()
    assert branch(repository) == ""


def test_a_remote_that_is_not_there_fails(
    repository: Path, upstream: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(repository, upstream(new_property("first")), "--remote", str(tmp_path / "nowhere.git")) == 2
    assert "error: git ls-remote fails: " in capsys.readouterr().err
