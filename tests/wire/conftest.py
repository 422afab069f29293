"""Fixtures of several wire tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from client_twin import Kind
from fault_scenes import Bench, bench


@pytest.fixture(scope="session")
def fault_bench() -> Iterator[Bench]:
    """The bench of the fault table."""
    with bench() as ready:
        yield ready


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each of the two clients."""
    return cast("Kind", request.param)
