"""The snippets of a Markdown page, run in its order in a folder of their own, with nothing but what the page says.

`sh` and `python` run as they are; so do the steps of a GitHub workflow (`yaml`) and the commands of a crontab (`cron`);
`sql` runs in DuckDB. A block of `text` must be part of what the commands print at 80 columns. A file name in the fence
(```python title="test_costs.py") saves the snippet under that name; a test file isn't run, since pytest runs it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from attrs import frozen

from command import COMMAND
from environment import ROOT

PAGES = sorted((ROOT / "overlays" / "docs").glob("*.md"))
README = ROOT / "README.md"
LANGUAGES = {"cron", "python", "sh", "sql", "text", "toml", "yaml"}
# What a page shows for another machine or another moment; `check_setup` reads it instead.
_SETUP = re.compile(
    r"(pip install|pipx install|uv tool install|scripts/\w|\.venv/bin/python|export MONGODB_ATLAS_\w+=)"
)
_EXTRAS = re.compile(r'(?:atlas-invoices|"\.)\[([\w,]+)\]')
_SQL = "import duckdb, sys; duckdb.connect().execute(open(sys.argv[1], encoding='utf-8').read())"
# A stand-in for Airflow, which is far too large for one snippet: it calls each task where the DAG orders it.
_AIRFLOW = "task = lambda function: function\ndag = lambda **_: task\n"


@frozen
class Snippet:
    """One fenced block."""

    language: str
    title: str | None
    text: str

    def lines(self) -> list[str]:
        """The lines that run, of a block of shell."""
        return [line for line in self.text.splitlines() if not _SETUP.match(line)]


def read_snippets(page: Path) -> list[Snippet]:
    """Return a page's fenced blocks, in order."""
    found = re.findall(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [Snippet(language, title or None, text) for language, title, text in found]


def run_page(page: Path, folder: Path, environment: Mapping[str, str]) -> str:
    """Run a page's snippets in an empty folder; returns what they print.

    `environment` has the sandbox's variables, unless the page starts one itself.
    """
    snippets = read_snippets(page)
    script = "\n".join(_script(snippets, folder))
    home = folder.parent / f"{folder.name}-home"
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    private = {"HOME": str(home), "XDG_CACHE_HOME": str(home), "PATH": path, "COLUMNS": "80"}
    done = subprocess.run(
        ["sh", "-euc", script],
        env={**os.environ, **environment, **private},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    stderr = folder / "python-stderr"
    assert not stderr.exists() or stderr.read_text("utf-8") == ""
    for snippet in snippets:
        if snippet.language == "text":
            assert snippet.text in done.stdout, f"{page.name}: this isn't what the commands print:\n{snippet.text}"
    return done.stdout


def _script(snippets: list[Snippet], folder: Path) -> Iterator[str]:
    (folder / "airflow").mkdir()
    (folder / "airflow" / "sdk.py").write_text(_AIRFLOW, "utf-8")
    for number, snippet in enumerate(snippets):
        path = folder / (snippet.title or f"{number}.{snippet.language}")
        path.parent.mkdir(exist_ok=True)
        path.write_text(snippet.text, "utf-8")
        match snippet.language:
            case "python" if not path.name.startswith("test_"):
                yield f"PYTHONPATH=. '{sys.executable}' '{path}' 2>> python-stderr || {{ cat python-stderr; false; }}"
            case "sh":
                yield from snippet.lines()
                if "sandbox > sandbox.env" in snippet.text:
                    yield "trap 'kill $!' EXIT"
            case "sql":
                yield f"'{sys.executable}' -c \"{_SQL}\" '{path}'"
            case "cron":
                for line in snippet.text.splitlines():
                    entry = re.fullmatch(r"(?:[\d*/,-]+ ){5}(.+)", line)
                    assert entry or re.fullmatch(r"[A-Z]+=\S+", line), line
                    yield entry[1] if entry else f"export {line}"
            case "yaml":
                for job in yaml.safe_load(snippet.text)["jobs"].values():
                    for step in job["steps"]:
                        yield from Snippet("sh", None, step.get("run", "")).lines()


def check_setup(page: Path) -> None:
    """Assert that what a page installs, runs or sets, but that doesn't run here, exists."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for extras in _EXTRAS.findall(page.read_text("utf-8")):
        assert set(extras.split(",")) <= project["optional-dependencies"].keys(), extras
    shell = [line for each in read_snippets(page) if each.language == "sh" for line in each.text.splitlines()]
    for line in filter(_SETUP.match, shell):
        if "install " in line:
            assert _EXTRAS.search(line), line
        elif line.startswith("export "):
            assert all(name.startswith("MONGODB_ATLAS_") for name in re.findall(r"(\w+)=", line)), line
        else:
            assert all((ROOT / name).exists() for name in re.findall(r"(?:scripts|tests)/[\w/.]+", line)), line


def check_types(pages: list[Path], folder: Path) -> None:
    """Assert that mypy accepts the Python of pages; with the cache of `scripts/check`, which has run it just before."""
    paths = []
    for page in pages:
        for number, snippet in enumerate(read_snippets(page)):
            if snippet.language == "python" and "airflow" not in snippet.text:
                path = folder / f"{page.stem.replace('-', '_').lower()}_{number}.py"
                path.write_text(snippet.text, "utf-8")
                paths.append(path)
    command = [sys.executable, "-m", "mypy", "--strict", *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
