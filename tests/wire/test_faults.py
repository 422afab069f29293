"""The fault table, each fault against each operation, sync and async: the right bytes or the right error, no harm."""

from __future__ import annotations

import asyncio
import pickle
import traceback
from typing import TYPE_CHECKING

import pytest
from attrs import frozen

import atlas_invoices as ai
from atlas_invoices import _pace
from atlas_invoices._retry import RetryPolicy
from fault_kinds import Fault, Raises
from fault_scenes import CSV, PAGE, TOKEN, Scene
from fault_table import FAULTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from fault_scenes import Bench, Document

QUICK = RetryPolicy(max_retries=1, base=0.001)
BEFORE = b"what was there before"
SECRETS = (TOKEN, "canary-secret-of-the-fault-table")


@frozen
class Operation:
    """Something a user calls: sync and async, and what it brings when all is well."""

    name: str
    document: Document
    """What the fault strikes."""
    run: Callable[[ai.Client, Scene, Path], object]
    run_async: Callable[[ai.AsyncClient, Scene, Path], Awaitable[object]]
    expected: Callable[[Scene], object]


def download(client: ai.Client, scene: Scene, folder: Path) -> object:
    return client.download_invoice_csv(scene.org, scene.invoice, folder / "invoice.csv").path.read_bytes()


async def download_async(client: ai.AsyncClient, scene: Scene, folder: Path) -> object:
    saved = await client.download_invoice_csv(scene.org, scene.invoice, folder / "invoice.csv")
    return saved.path.read_bytes()


def list_(client: ai.Client, scene: Scene, _: Path) -> object:
    return [invoice.id for invoice in client.list_invoices(scene.org)]


async def list_async(client: ai.AsyncClient, scene: Scene, _: Path) -> object:
    return [invoice.id async for invoice in client.list_invoices(scene.org)]


OPERATIONS = (
    Operation("download", CSV, download, download_async, lambda scene: scene.csv),
    Operation("list", PAGE, list_, list_async, lambda scene: list(scene.invoices)),
)


def call(operation: Operation, scene: Scene, folder: Path) -> object:
    with ai.Client(scene.auth(), base_url=scene.base_url, verify=scene.verify, timeout=scene.timeout) as client:
        client._policy = QUICK
        return operation.run(client, scene, folder)


def call_async(operation: Operation, scene: Scene, folder: Path) -> object:
    async def main() -> object:
        async with ai.AsyncClient(
            scene.auth(), base_url=scene.base_url, verify=scene.verify, timeout=scene.timeout
        ) as client:
            client._policy = QUICK
            return await operation.run_async(client, scene, folder)

    return asyncio.run(main())


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


CASES = [
    pytest.param(fault, operation, id=f"{fault.name}-{operation.name}")
    for fault in FAULTS
    for operation in OPERATIONS
    if fault.outcome(operation.document) is not None
]


@pytest.mark.parametrize("caller", [call, call_async], ids=["sync", "async"])
@pytest.mark.parametrize(("fault", "operation"), CASES)
def test_a_fault_brings_the_right_bytes_or_the_right_error_and_no_harm(
    fault: Fault,
    operation: Operation,
    caller: Callable[[Operation, Scene, Path], object],
    fault_bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A client that met a 429 pauses so long before its next request.
    monkeypatch.setattr(_pace, "_MOMENT", 0.001)
    outcome = fault.outcome(operation.document)
    assert outcome is not None
    (tmp_path / "invoice.csv").write_bytes(BEFORE)
    with fault.stage(fault_bench, operation.document) as scene:
        if isinstance(outcome, Raises):
            with pytest.raises(ai.AtlasError) as caught:
                caller(operation, scene, tmp_path)
            check_error(caught.value, outcome)
            assert files(tmp_path) == {"invoice.csv": BEFORE}
        else:
            assert caller(operation, scene, tmp_path) == operation.expected(scene)
            assert list(files(tmp_path)) == ["invoice.csv"]
        assert scene.tries() == outcome.tries
    assert not fault_bench.elsewhere.requests


def check_error(error: ai.AtlasError, outcome: Raises) -> None:
    assert type(error) is outcome.error, error
    assert outcome.says in str(error)
    assert str(error).isprintable()
    assert len(str(error)) < 1000
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert not any(secret in shown for secret in SECRETS)
    assert "canary page" not in shown


def test_the_table_is_large_and_its_names_tell_its_rows_apart() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 150
