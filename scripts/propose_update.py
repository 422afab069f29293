#!/usr/bin/env python3
"""Propose upstream's change for merging: what .github/workflows/drift.yml runs every week.

On drift the branch `upstream-drift` gets two commits on top of the one checked out here, the new fragment and the new
client, and one pull request is opened or updated with the report as its text. The working tree is not touched. It can
be tried on a laptop: with a local document, a local bare repository as the remote, and `--no-pull-request`.
"""

from __future__ import annotations

import environment

if __name__ == "__main__":
    environment.ensure()  # before the imports below, which need what it installs

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import check_drift
import proposal_branch
import regenerate
import vendor_spec
from drift.report import Report
from openapi_tools import documents, fetching, lock
from openapi_tools.errors import DocumentError, ScriptError, UnavailableError, report_error
from proposal_branch import BRANCH, Pushed


def main(arguments: Sequence[str] | None = None, repository: Path = environment.ROOT) -> int:
    """The command; returns its exit status: 0 proposed, nothing to propose or upstream out of reach, 2 cannot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--upstream", default=lock.UPSTREAM, metavar="FILE|URL", help="where upstream publishes, if not given"
    )
    parser.add_argument(
        "--remote", metavar="PATH|URL", help="the repository that gets the branch; origin, if not given"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report there too, as Markdown")
    parser.add_argument("--no-pull-request", action="store_true", help="push the branch, and leave it at that")
    options = parser.parse_args(arguments)
    try:
        data = fetching.read_bytes(options.upstream)
    except UnavailableError as error:
        # An outage is upstream's affair; the next run tries again.
        _say(f"upstream can't be had, nothing was checked: {error}")
        return 0
    except DocumentError as error:
        return report_error(error)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            _propose(data, options, repository, Path(scratch))
    except (ScriptError, OSError) as error:
        return report_error(error)
    return 0


def _propose(data: bytes, options: argparse.Namespace, repository: Path, scratch: Path) -> None:
    name = fetching.display_name(options.upstream)
    upstream = documents.Document(
        # A pull request's text is no place for a folder of this machine.
        name if fetching.is_url(options.upstream) else Path(name).name,
        hashlib.sha256(data).hexdigest(),
        documents.parse(data, name),
    )
    clone = proposal_branch.clone(repository, scratch / "clone")
    report = check_drift.compare_upstream(upstream, folder=clone.folder / "openapi")
    if options.report is not None:
        options.report.write_text(report.to_markdown(), encoding="utf-8", errors="backslashreplace")
    if not report.is_drift:
        _say(f"nothing to propose: {report.summary()}")
        return
    copy = scratch / "upstream"
    copy.write_bytes(data)
    remote = options.remote or proposal_branch.origin(repository)
    _take_over(clone, copy, report)
    pushed = clone.push(remote)
    _say(f"{BRANCH} is {pushed.outcome}: {report.summary()}")
    if pushed.is_ours and not options.no_pull_request:
        _pull_request(report, pushed, repository, scratch)


def _take_over(clone: proposal_branch.Clone, upstream: Path, report: Report) -> None:
    """Two commits: what is read, and what is made of it."""
    openapi, generated = clone.folder / "openapi", clone.folder / "generated"
    if vendor_spec.main(["--upstream", str(upstream)], openapi):
        raise ScriptError("upstream's document can't be vendored as it is; the line above says why")
    clone.commit(["openapi"], f"{_title(report)}\n\nThe fragment and its lock, made by scripts/vendor_spec.py.")
    if regenerate.main(["--output", str(generated)], openapi):
        raise ScriptError("no client can be made of upstream's document as it is; the line above says why")
    clone.commit(["generated"], "Make the client anew from upstream's document\n\nMade by scripts/regenerate.py.")


def _pull_request(report: Report, pushed: Pushed, repository: Path, scratch: Path) -> None:
    """Open the pull request, or bring the open one up to date; one that was closed stays so until there is more."""
    body = scratch / "body.md"
    body.write_text(report.to_markdown(), encoding="utf-8", errors="backslashreplace")
    told = ("--head", BRANCH, "--state", "all", "--json", "number,state,headRefOid")
    there = json.loads(_gh(repository, "pr", "list", *told))
    numbers = [request["number"] for request in there if request["state"] == "OPEN"]
    if numbers:
        # `gh pr edit` asks for more rights than a workflow's token has.
        change = ("--method", "PATCH", f"repos/{{owner}}/{{repo}}/pulls/{numbers[0]}")
        _gh(repository, "api", *change, "--raw-field", f"title={_title(report)}", "--field", f"body=@{body}")
    elif pushed.is_new or not any(request["headRefOid"] == pushed.commit for request in there):
        base = proposal_branch.current_branch(repository)
        opened = ("--title", _title(report), "--body-file", str(body))
        _gh(repository, "pr", "create", "--base", base, "--head", BRANCH, *opened)
    if pushed.is_new:
        # What a workflow's token pushes starts no workflow, and the gate has to judge this branch as any other.
        _gh(repository, "workflow", "run", "ci.yml", "--ref", BRANCH)


def _title(report: Report) -> str:
    return f"Take over upstream's change: {report.summary()}"


def _gh(repository: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["gh", *arguments], cwd=repository, capture_output=True, text=True, check=False)  # noqa: S603, S607 - GitHub's own command, as on its runners
    except FileNotFoundError:
        raise ScriptError("GitHub's command `gh` is not here; install it, or give --no-pull-request") from None
    if done.returncode:
        raise ScriptError(f"gh {' '.join(arguments[:2])} fails: {' '.join(done.stderr.split())[-400:]}")
    return done.stdout


def _say(text: str) -> None:
    print(text, file=sys.stderr)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        # Shown on the run's page. The percent sign is what GitHub escapes with.
        print(f"::notice title=Upstream drift::{text.replace('%', '%25')}")


if __name__ == "__main__":
    sys.exit(main())
