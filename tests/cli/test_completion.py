"""Completion, asked for as bash does: from the printed script, files and the cache, never from Atlas."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from atlas_invoices.sandbox import Sandbox
from command import COMMAND, Run

CSV = "Date,Usage Date,SKU,Project,Tag/team,Amount\n07/01/2024,06/30/2024,M10,Alpha,search,1.50\n"


def complete(line: str, folder: Path, **environment: str) -> list[str]:
    """Press Tab at the end of a command line in bash."""
    *words, last = line.split(" ")
    quoted = " ".join(shlex.quote(word) for word in [*words, last])
    script = f"""
        eval "$(atlas-invoices completion bash)"
        compopt() {{ :; }}
        COMP_WORDS=({quoted}); COMP_CWORD={len(words)}
        $(complete -p atlas-invoices | sed 's/.*-F \\([^ ]*\\) .*/\\1/') atlas-invoices
        printf '%s\\n' "$COMP_WORDBREAKS" | grep -q : && echo colon
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={**os.environ, "PATH": path, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return [found for found in done.stdout.split("\n") if found]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_choices_columns_and_tags(tmp_path: Path) -> None:
    # The second column of a name isn't a tag.
    (tmp_path / "june.csv").write_text(CSV.replace("Tag/team", "Tag/team,Tag/team"), encoding="utf-8")
    assert complete("atlas-invoices rec", tmp_path) == ["reconcile"]
    assert complete("atlas-invoices list --st", tmp_path) == ["--status"]
    assert complete("atlas-invoices list --status PA", tmp_path) == ["PAID"]
    assert complete("atlas-invoices show ju", tmp_path) == ["june.csv"]
    assert complete("atlas-invoices show june.csv --by tag:", tmp_path) == ["tag:team"]
    assert complete("atlas-invoices show june.csv --by project,sk", tmp_path) == ["project,sku"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_months_and_ids_come_from_the_last_listing(run: Run, server: Sandbox, tmp_path: Path) -> None:
    assert complete("atlas-invoices owed ", tmp_path) == ["latest", "pending"]
    assert run("list", "--limit", "2").returncode == 0
    pending, latest = server.invoices[:2]
    months = [f"{each.start:%Y-%m}" for each in (pending, latest)]
    # A server that nobody can reach: Tab never asks it.
    unreachable = {"MONGODB_ATLAS_BASE_URL": "http://127.0.0.1:9"}
    assert complete("atlas-invoices owed ", tmp_path, **unreachable) == ["latest", "pending", *months]
    assert complete(f"atlas-invoices owed {latest.id[:8]}", tmp_path, **unreachable) == [latest.id]
    assert complete("atlas-invoices list --since 20", tmp_path, **unreachable) == months
    assert complete("atlas-invoices list --since 20", tmp_path, MONGODB_ATLAS_ORG_ID="f" * 24) == months


def test_the_cache_is_only_a_help(run: Run, server: Sandbox) -> None:
    assert run("download", "latest").returncode == 0
    (cache,) = Path(os.environ["XDG_CACHE_HOME"]).rglob("invoices-for-completion")
    assert list(json.loads(cache.read_bytes())) == [server.org_id]
    for damage in (b"", b"[1]", b'{"x": 1}'):
        cache.write_bytes(damage)
        assert run("list", "--limit", "1").returncode == 0
    cache.unlink()
    cache.mkdir()
    done = run("list", "--limit", "1")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(shell: str, run: Run) -> None:
    done = run("completion", shell, env={})
    assert (done.returncode, done.stderr) == (0, "")
    assert "_ATLAS_INVOICES_COMPLETE" in done.stdout
