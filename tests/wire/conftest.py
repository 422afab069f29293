"""What several wire tests share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from client_twin import Kind
from fault_scenes import Bench, bench


@pytest.fixture(scope="session")
def fault_bench() -> Iterator[Bench]:
    """What the scenes of the fault table share."""
    with bench() as ready:
        yield ready


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Which of the two clients."""
    return cast("Kind", request.param)
