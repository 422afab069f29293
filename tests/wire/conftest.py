"""What several wire tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from fault_scenes import Bench, bench

if TYPE_CHECKING:
    from collections.abc import Iterator

    from client_twin import Kind


@pytest.fixture(scope="session")
def fault_bench() -> Iterator[Bench]:
    """What the scenes of the fault table share."""
    with bench() as ready:
        yield ready


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Which of the two clients."""
    return cast("Kind", request.param)
