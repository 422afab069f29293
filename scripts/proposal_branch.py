"""The branch that proposes upstream's change: made in a clone, so that no working tree is touched, and pushed whole.

The branch belongs to the machine until a person adds a commit to it; from then on it is left alone.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from openapi_tools.errors import ScriptError

BRANCH: Final = "upstream-drift"
# The address GitHub shows its own bot for.
_AUTHOR: Final = ("github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com")
_REF: Final = f"refs/heads/{BRANCH}"
_THEIRS: Final = "refs/proposal/theirs"


class GitError(ScriptError):
    """git does not do what it is asked for."""


@frozen
class Clone:
    """A clone of a repository at its HEAD, uncommitted changes left out."""

    folder: Path

    def commit(self, paths: Sequence[str], message: str) -> bool:
        """Commit all changes below some paths; False where there are none."""
        _git(self.folder, "add", "--all", "--", *paths)
        if not _git(self.folder, "diff", "--cached", "--name-only"):
            return False
        name, address = _AUTHOR
        identity = ("-c", f"user.name={name}", "-c", f"user.email={address}", "-c", "commit.gpgSign=false")
        _git(self.folder, *identity, "commit", "--quiet", "--no-verify", "--message", message)
        return True

    def push(self, remote: str) -> Pushed:
        """Put the commits on the remote's branch, where they replace an earlier proposal.

        Nothing is pushed where the branch holds the same already, or a commit that is not this script's.
        """
        there = _git(self.folder, "ls-remote", remote, _REF).split("\t")[0]
        if there:
            _git(self.folder, "fetch", "--quiet", "--no-tags", remote, f"+{_REF}:{_THEIRS}")
            authors = set(_git(self.folder, "log", "--format=%ae", f"{self._base()}..{_THEIRS}").splitlines())
            if authors - {_AUTHOR[1]}:
                return Pushed("left to the people who work on it", there)
            if self._tree("HEAD") == self._tree(_THEIRS):
                return Pushed("unchanged", there)
        _git(self.folder, "push", "--quiet", f"--force-with-lease={_REF}:{there}", remote, f"HEAD:{_REF}")
        return Pushed("updated" if there else "new", _git(self.folder, "rev-parse", "HEAD"))

    def _base(self) -> str:
        return _git(self.folder, "rev-parse", "refs/proposal/base")

    def _tree(self, revision: str) -> str:
        return _git(self.folder, "rev-parse", f"{revision}^{{tree}}")


@frozen
class Pushed:
    """What became of the branch, in words, and the commit that it is at."""

    outcome: str
    commit: str

    @property
    def is_new(self) -> bool:
        """Whether something was pushed."""
        return self.outcome in {"new", "updated"}

    @property
    def is_ours(self) -> bool:
        """Whether the branch holds this proposal and nothing else."""
        return self.is_new or self.outcome == "unchanged"


def clone(repository: Path, folder: Path) -> Clone:
    """Clone a repository's HEAD. Raises GitError."""
    head = _git(repository, "rev-parse", "HEAD")
    _git(repository, "clone", "--quiet", "--no-checkout", "--shared", "--no-tags", str(repository), str(folder))
    _git(folder, "checkout", "--quiet", "--detach", head)
    _git(folder, "update-ref", "refs/proposal/base", head)
    return Clone(folder)


def current_branch(repository: Path) -> str:
    """The branch that is checked out. Raises GitError where there is none."""
    return _git(repository, "symbolic-ref", "--short", "HEAD")


def origin(repository: Path) -> str:
    """The address of the remote `origin`. Raises GitError where there is none."""
    return _git(repository, "remote", "get-url", "origin")


def _git(folder: Path, *arguments: str) -> str:
    # No question at a terminal, no hook and no repository but the one that is named.
    environment = {
        name: value for name, value in os.environ.items() if name not in {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}
    }
    environment["GIT_TERMINAL_PROMPT"] = "0"
    command = ["git", "-c", f"core.hooksPath={os.devnull}", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603 - our own words
    if done.returncode:
        said = " ".join(done.stderr.split())[-400:]
        raise GitError(f"git {arguments[0]} fails: {said or f'status {done.returncode}'}")
    return done.stdout.strip()
