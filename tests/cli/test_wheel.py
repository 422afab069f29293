"""What is published: the wheel, installed alone."""

from __future__ import annotations

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
