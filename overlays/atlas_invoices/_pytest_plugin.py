"""The pytest fixture `atlas_sandbox`, found by pytest through the entry point in pyproject.toml.

Every run of pytest in an environment with this package imports this module, so it's short and imports nothing else of
the package: `sandbox` is an extra, and slow to import.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .sandbox import Sandbox


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, for `--strict-markers`."""
    settings = "atlas_sandbox(**options): the sandbox of the fixture atlas_sandbox, as atlas_invoices.sandbox.Settings"
    config.addinivalue_line("markers", settings)


@pytest.fixture
def atlas_sandbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A local Atlas for one test. `Client()`, `AsyncClient()` and the command find it and its service account.

    Mark the test with `@pytest.mark.atlas_sandbox(months=2, odd=True)` for other options; see
    `atlas_invoices.sandbox.Settings`. It needs the `sandbox` extra.
    """
    from ._credentials import NAMES  # noqa: PLC0415 - see above
    from .sandbox import Sandbox, Settings  # noqa: PLC0415

    marker = request.node.get_closest_marker("atlas_sandbox")
    with Sandbox(Settings(**(marker.kwargs if marker else {}))) as sandbox:
        # Real credentials of another kind could take precedence and be sent to the sandbox.
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        yield sandbox
