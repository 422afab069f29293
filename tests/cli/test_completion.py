"""Completion in the shells themselves: from the printed script, files and the cache, never from Atlas."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from atlas_invoices.sandbox import Sandbox
from command import COMMAND, Run

CSV = "Date,Usage Date,SKU,Project,Tag/team,Amount\n07/01/2024,06/30/2024,M10,Alpha,search,1.50\n"


# The shells, without anybody's settings, and how each learns the completion.
SHELLS = {
    "bash": (["bash", "--norc", "-i"], 'eval "$(atlas-invoices completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'eval "$(atlas-invoices completion zsh)"'),
}
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}", "TERM": "dumb", **more}


def press_tab(shell: str, lines: list[str], folder: Path) -> list[str]:
    """Type each line's beginning and Tab into a real shell on a terminal, and return what the line becomes."""
    arguments, load = SHELLS[shell]
    ours, theirs = pty.openpty()
    # The completed line runs this function, while the completion itself runs the command.
    done = "done"
    show = f"atlas-invoices() {{ echo '<'\"$*\"'>'; }}; echo '<'{done}'>'\n"
    started = subprocess.Popen(
        arguments, env=environment(), cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    try:
        screen = Screen(ours)
        screen.type(f"{load}; {show}")
        assert screen.printed() == done
        completed = []
        for line in lines:
            # What Tab adds comes before the shell reads on.
            screen.type(f"{line}\t\n")
            completed.append(screen.printed())
        return completed
    finally:
        started.kill()
        started.wait()
        os.close(ours)


class Screen:
    """What a shell writes to its terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._text = descriptor, ""

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def printed(self) -> str:
        """Wait for the next <…> on a line of its own."""
        while (found := re.search(r"[\r\n]<([^<>]*)>\r?\n", self._text)) is None:
            assert select.select([self._descriptor], [], [], 30)[0], self._text
            self._text += os.read(self._descriptor, 65536).decode()
        self._text = self._text[found.end() :]
        return found[1]


def complete(line: str, folder: Path, shell: str = "bash", **more: str) -> list[str]:
    """Ask bash or fish for everything that Tab would offer at the end of a line."""
    *words, last = line.split(" ")
    quoted = " ".join(shlex.quote(word) for word in [*words, last])
    scripts = {
        "bash": f"""
            eval "$(atlas-invoices completion bash)"
            compopt() {{ :; }}
            COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; COMP_LINE={shlex.quote(line)}; COMP_POINT=${{#COMP_LINE}}
            $(complete -p atlas-invoices | sed 's/.*-F \\([^ ]*\\) .*/\\1/') atlas-invoices
            printf '%s\\n' "${{COMPREPLY[@]-nothing}}"
        """,
        "fish": f"atlas-invoices completion fish | source; complete -C {shlex.quote(line)}",
    }
    done = subprocess.run(
        [shell, "--norc" if shell == "bash" else "--no-config", "-c", scripts[shell]],
        env=environment(**more),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return [found.split("\t")[0] for found in done.stdout.split("\n") if found]


@pytest.mark.parametrize(
    "shell",
    [
        pytest.param(each, marks=pytest.mark.skipif(shutil.which(each) is None, reason=f"needs {each}"))
        for each in ("bash", "zsh", "fish")
    ],
)
def test_every_shell_completes_commands_choices_columns_tags_and_files(shell: str, tmp_path: Path) -> None:
    # The second column of a name isn't a tag.
    (tmp_path / "june.csv").write_text(CSV.replace("Tag/team", "Tag/team,Tag/team"), encoding="utf-8")
    expected = {
        "rec": "reconcile",
        "list --st": "list --status",
        "list --status FREE,PA": "list --status FREE,PAID",
        "show ju": "show june.csv",
        "export june.csv -o ju": "export june.csv -o june.csv",
        "show june.csv --by tag:": "show june.csv --by tag:team",
        "show june.csv --by=tag:": "show june.csv --by=tag:team",
        "export june.csv --output=ju": "export june.csv --output=june.csv",
        "show june.csv --by sku,tag:te": "show june.csv --by sku,tag:team",
        "show june.csv --by project,sk": "show june.csv --by project,sku",
    }
    begun = [f"atlas-invoices {line}" for line in expected]
    if shell == "fish":
        completed = [f"{line.rpartition(' ')[0]} {' '.join(complete(line, tmp_path, 'fish'))}" for line in begun]
        assert completed == [f"atlas-invoices {line}" for line in expected.values()]
    else:
        assert press_tab(shell, begun, tmp_path) == list(expected.values())


@needs_bash
def test_bash_completes_at_colons_and_blanks_and_keeps_its_settings(tmp_path: Path) -> None:
    csv = CSV.replace("Tag/team", "Tag/cost center:eu,Tag/[x]")
    (tmp_path / "my june.csv").write_text(csv.replace("search", "search,y"), encoding="utf-8")
    expected = {
        "show my": r"show my june.csv",
        r"show my\ june.csv --by=tag:c": "show my june.csv --by=tag:cost center:eu",
        r"show my\ june.csv --by tag:cost\ center:": "show my june.csv --by tag:cost center:eu",
        "show 'my june.csv' --by 'tag:c": "show my june.csv --by tag:cost center:eu",
        "show 'my june.csv' --by tag:[": "show my june.csv --by tag:[x]",
        "${COMP_WORDBREAKS//[!:]} ": ":",
    }
    begun = [f"atlas-invoices {line}" for line in expected]
    assert press_tab("bash", begun, tmp_path) == list(expected.values())


@needs_bash
def test_months_and_ids_come_from_the_last_listing(run: Run, server: Sandbox, tmp_path: Path) -> None:
    assert complete("atlas-invoices owed ", tmp_path) == ["latest", "pending"]
    assert complete("atlas-invoices owed x", tmp_path) == ["nothing"]
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
