"""What is published: the wheel, installed alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from environment import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the locked hatchling."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the wheel and what it depends on, and nothing else; made without the network."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    command = [
        python,
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
        "--no-index",
        "--no-deps",
        str(wheel),
    ]
    subprocess.run(command, check=True)
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    for name in dependencies("atlas-invoices", set()):
        distribution = metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            (Path(where.stdout.strip()) / top).symlink_to(str(distribution.locate_file(top)))
    return python


def dependencies(name: str, seen: set[str]) -> set[str]:
    """What a distribution needs without any extra, and what that needs."""
    for line in metadata.requires(name) or ():
        requirement = Requirement(line)
        if requirement.name not in seen and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            seen.add(requirement.name)
            dependencies(requirement.name, seen)
    return seen


def test_it_holds_both_packages_typed_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"atlas_invoices", "atlas_invoices_client"}
    assert {"atlas_invoices/py.typed", "atlas_invoices_client/py.typed"} <= set(names)
    assert {f"atlas_invoices/report/page.{ending}" for ending in ("css", "html.jinja", "js")} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    (points,) = [zipfile.ZipFile(wheel).read(name).decode() for name in names if name.endswith("/entry_points.txt")]
    assert "[pytest11]\natlas_invoices = atlas_invoices._pytest_plugin\n" in points


def test_the_base_install_needs_three_libraries(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    metadata = archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))).decode()
    required = [
        line.split()[1] for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra" not in line
    ]
    assert sorted(name.split("<")[0].split(">")[0] for name in required) == ["attrs", "httpx", "python-dateutil"]
    assert "License-Expression: Apache-2.0" in metadata


def test_both_packages_import_without_any_extra(python: Path) -> None:
    code = "import atlas_invoices as ai, atlas_invoices_client; [getattr(ai, name) for name in ai.__all__]"
    done = subprocess.run([python, "-W", "error", "-c", code], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr


def test_the_dlt_source_says_which_extra_it_needs(python: Path) -> None:
    done = subprocess.run(
        [python, "-c", "import atlas_invoices.dlt"], capture_output=True, text=True, check=False, cwd="/"
    )
    assert "ConfigError: atlas_invoices.dlt needs dlt and pyarrow: pip install 'atlas-invoices[dlt]'" in done.stderr


def test_without_the_cli_extra_only_the_version_works(python: Path) -> None:
    command = python.with_name("atlas-invoices")
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    assert version.returncode == 0
    assert version.stdout.startswith("atlas-invoices ")
    for arguments in (["list"], ["--help"], []):
        done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "atlas-invoices[cli]" in done.stderr
        assert done.stdout == ""


def pins(lock: str) -> set[str]:
    return set(re.findall(r"^[\w-]+==\S+", (ROOT / lock).read_text("utf-8"), flags=re.MULTILINE))


@pytest.mark.parametrize("lock", [".github/container/requirements.txt", "scripts/requirements-docs.txt"])
def test_other_locks_have_the_versions_of_the_first(lock: str) -> None:
    """Otherwise, lock again: scripts/README.md."""
    versions = dict(pin.split("==") for pin in pins("scripts/requirements.txt"))
    assert [
        pin for pin in pins(lock) if pin.split("==")[1] != versions.get(pin.split("==")[0], pin.split("==")[1])
    ] == []


@pytest.mark.slow
def test_the_container_runs_the_command_as_a_user_without_rights(wheel: Path, tmp_path: Path) -> None:
    """Its build stage, without Docker: in folders of this test, and the command in them."""
    text = (ROOT / ".github" / "container" / "Dockerfile").read_text("utf-8")
    lines = [line.split(None, 1) for line in text.splitlines() if re.match(r"[A-Z]+ ", line)]
    build, opt = tmp_path / "build", tmp_path / "opt" / "atlas-invoices"
    build.mkdir()
    assert ["COPY", "dist/*.whl .github/container/requirements.txt /build/"] in lines
    shutil.copy(wheel, build)
    shutil.copy(ROOT / ".github" / "container" / "requirements.txt", build)
    path = f"{Path(sys.base_prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}"
    for command in [words for name, words in lines if name == "RUN" and "useradd" not in words]:
        here = command.replace("/opt/atlas-invoices", str(opt)).replace("/build", str(build))
        subprocess.run(["sh", "-euc", here], check=True, env={**os.environ, "PATH": path})
    (entry,) = (json.loads(words) for name, words in lines if name == "ENTRYPOINT")
    command = [opt / "bin" / Path(entry[0]).name, "--version"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.startswith("atlas-invoices ")
    (user,) = (words for name, words in lines if name == "USER")
    assert int(user) >= 1000
