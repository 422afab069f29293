"""The threads of a sync, when several of them fail in ways nobody expected."""

from __future__ import annotations

import threading

import pytest

from atlas_invoices._sync._run import WorkerPool


def test_those_still_at_work_are_waited_for_though_more_than_one_fails() -> None:
    failed = threading.Barrier(2)

    def work(item: str) -> str:
        if item == "slow":
            failed.wait(10)
            return item
        raise ZeroDivisionError

    crew = WorkerPool(work, ["slow", "a", "b"], 3)
    crew.start()
    with pytest.raises(ZeroDivisionError):
        list(crew.results())
    crew.stop()
    failed.wait(10)
    assert list(crew.results(10, raising=False)) == ["slow"]
    assert not crew.at_work
