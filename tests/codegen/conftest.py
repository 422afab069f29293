"""Shared by the tests of the pipeline: a client from the real generator, and our own small upstream document."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import openapi_package
import regenerate
import vendor_spec
from drift_documents import DATA, FIVE
from openapi_recorder import Recorder
from openapi_tools import documents, slicing
from tracked_copy import copy_tracked


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real generator's output for the committed fragment. Don't write to it."""
    output = tmp_path_factory.mktemp("committed") / "generated"
    assert regenerate.main(["--output", str(output)]) == 0
    return output


@pytest.fixture(scope="session")
def client(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """That client, imported from a copy, because an import leaves caches beside the files."""
    copy = Path(shutil.copytree(tree, tmp_path_factory.mktemp("client") / "generated"))
    return openapi_package.load(copy, "client_of_committed_fragment")


@pytest.fixture(scope="session")
def small_upstream() -> Path:
    """Our own upstream document, with every trap in it."""
    return DATA / "upstream.yaml"


@pytest.fixture(scope="session")
def small_tree(small_upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real generator's output for our own upstream document. Don't write to it."""
    folder = tmp_path_factory.mktemp("small")
    openapi = copy_small(folder / "openapi")
    fragment, output = str(folder / "fragment.json"), str(folder / "generated")
    assert vendor_spec.main(["--upstream", str(small_upstream), "--output", fragment], openapi) == 0
    assert regenerate.main(["--fragment", fragment, "--output", output], openapi) == 0
    return folder / "generated"


@pytest.fixture(scope="session")
def small_client(small_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """That client, imported from a copy."""
    copy = Path(shutil.copytree(small_tree, tmp_path_factory.mktemp("small_client") / "generated"))
    return openapi_package.load(copy, "client_of_small_upstream")


@pytest.fixture
def small_root(small_upstream: Path) -> dict[str, Any]:
    """Our own upstream document; tests may change it."""
    return documents.read_document(small_upstream).root


@pytest.fixture
def fragment(small_root: dict[str, Any]) -> dict[str, Any]:
    """Its fragment."""
    return slicing.slice_document(small_root, FIVE)


@pytest.fixture
def openapi_folder(tmp_path: Path) -> Path:
    """A copy of openapi/; tests may change it."""
    return copy_tracked("openapi", tmp_path / "openapi")


@pytest.fixture
def openapi(small_folder: Path, small_upstream: Path) -> Path:
    """A folder like openapi/ with the fragment and lock of our own upstream document."""
    assert vendor_spec.main(["--upstream", str(small_upstream)], small_folder) == 0
    return small_folder


@pytest.fixture
def changed(tmp_path: Path, small_root: dict[str, Any]) -> Callable[[Callable[[dict[str, Any]], object]], Path]:
    """Writes our own upstream document with a change."""

    def write(change: Callable[[dict[str, Any]], object]) -> Path:
        change(small_root)
        path = tmp_path / "upstream.json"
        path.write_bytes(documents.to_json(small_root))
        return path

    return write


@pytest.fixture
def small_folder(tmp_path: Path) -> Path:
    """A copy of openapi/ with the operations of our own upstream document; tests may change it."""
    return copy_small(tmp_path / "openapi")


def copy_small(folder: Path) -> Path:
    copy_tracked("openapi", folder)
    shutil.copy(DATA / "operations.yaml", folder)
    return folder


@pytest.fixture
def atlas() -> Iterator[Recorder]:
    """A server that answers what the test sets."""
    with Recorder() as running:
        yield running
