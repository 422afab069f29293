"""The fixture that users' tests have, with this package's clients and without any set-up."""

from __future__ import annotations

import subprocess
import sys

import pytest

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox


@pytest.fixture
def _real_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_ATLAS_ACCESS_TOKEN", "a real one")


@pytest.mark.usefixtures("_real_credentials")
def test_a_client_finds_it_whatever_the_environment_has(atlas_sandbox: Sandbox) -> None:
    with ai.Client() as atlas:
        assert [org.id for org in atlas.list_organizations()] == [atlas_sandbox.org_id]
    assert {record.auth for record in atlas_sandbox.requests} <= {"basic", "bearer"}
    assert atlas_sandbox.requests[-1].status == 200


@pytest.mark.atlas_sandbox(months=2, role="ORG_READ_ONLY")
def test_a_marker_sets_its_options(atlas_sandbox: Sandbox) -> None:
    assert len(atlas_sandbox.invoices) == 2
    with ai.Client() as atlas, pytest.raises(ai.PermissionDeniedError):
        next(atlas.list_invoices(atlas_sandbox.org_id))


def test_a_run_that_does_not_use_it_imports_nothing_for_it() -> None:
    code = (
        "import pytest, sys; old = {*sys.modules}; import atlas_invoices._pytest_plugin; print(*{*sys.modules} - old)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name.startswith("atlas_invoices")}
    assert ours == {"atlas_invoices", "atlas_invoices._version", "atlas_invoices._pytest_plugin"}
    assert not {"httpx", "starlette", "uvicorn", "attrs"} & set(done.stdout.split())
