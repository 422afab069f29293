"""The fault table, each fault against each operation: the right bytes or the right error, and no harm."""

from __future__ import annotations

import asyncio
import itertools
import os
import pickle
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

import atlas_invoices as ai
from atlas_invoices._http import _rate_limit
from fault_kinds import Fault, Raises
from fault_scenes import CSV, JSON, PAGE, TOKEN, Bench, Document, Scene
from fault_sync import check_all_but_struck, check_complete, files, leave_earlier_copy
from fault_table import FAULTS, TRANSFERS

QUICK = ai.RetryPolicy(max_retries=1, base=0.001)
BEFORE = b"what was there before"
SECRETS = (TOKEN, "canary-secret-of-the-fault-table")


@frozen
class Operation:
    """A call of each client, and its result when all is well."""

    name: str
    document: Document
    """The document that the fault strikes."""
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


def settings(scene: Scene) -> dict[str, Any]:
    return {
        "auth": scene.auth(),
        "base_url": scene.base_url,
        "verify": scene.verify,
        "timeout": scene.timeout,
        "proxy": scene.proxy,
        "retry_policy": QUICK,
    }


def call(operation: Operation, scene: Scene, folder: Path) -> object:
    with ai.Client(**settings(scene)) as client:
        return operation.run(client, scene, folder)


def call_async(operation: Operation, scene: Scene, folder: Path) -> object:
    async def main() -> object:
        async with ai.AsyncClient(**settings(scene)) as client:
            return await operation.run_async(client, scene, folder)

    return asyncio.run(main())


def sync(scene: Scene, folder: Path) -> ai.SyncReport:
    with ai.Client(**settings(scene)) as client:
        return ai.sync_invoices(client, scene.org, folder, workers=1)


def sync_async(scene: Scene, folder: Path) -> ai.SyncReport:
    async def main() -> ai.SyncReport:
        async with ai.AsyncClient(**settings(scene)) as client:
            return await ai.sync_invoices_async(client, scene.org, folder, workers=1)

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    # A client that met a 429 pauses so long before its next request.
    monkeypatch.setattr(_rate_limit, "_DEFAULT_PAUSE", 0.001)
    # No power is cut here, and a busy disk would take longer than all the rest.
    monkeypatch.setattr(os, "fsync", lambda _: None)


def call_cases() -> Iterator[Any]:
    """Every fault for one client; for the other, one fault of each outcome, since both run the same steps."""
    for operation in OPERATIONS:
        outcomes = set()
        for fault in FAULTS:
            outcome = fault.outcome(operation.document)
            if outcome is not None:
                yield pytest.param(fault, operation, call, id=f"{fault.name}-{operation.name}-sync")
            if outcome is not None and outcome not in outcomes:
                outcomes.add(outcome)
                yield pytest.param(fault, operation, call_async, id=f"{fault.name}-{operation.name}-async")


@pytest.mark.parametrize(("fault", "operation", "caller"), list(call_cases()))
def test_a_fault_brings_the_right_bytes_or_the_right_error_and_no_harm(
    fault: Fault,
    operation: Operation,
    caller: Callable[[Operation, Scene, Path], object],
    fault_bench: Bench,
    tmp_path: Path,
) -> None:
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


def sync_cases() -> Iterator[Any]:
    """One fault of each outcome of the listing, an invoice's CSV and its JSON, by threads and asyncio in turn.

    A sync meets faults only as outcomes of the client's operations, which the test above holds for every fault.
    """
    runs = itertools.cycle([sync, sync_async])
    for struck in (PAGE, CSV, JSON):
        outcomes = set()
        for fault in FAULTS if struck is not JSON else TRANSFERS:
            outcome = fault.outcome(struck)
            # What befalls a transfer, whatever is in it, befalls the JSON too.
            if outcome is not None and outcome not in outcomes and (struck is not JSON or fault.csv == fault.page):
                outcomes.add(outcome)
                yield pytest.param(fault, struck, next(runs), id=f"{fault.name}-{struck.name}")


# Would be refused for every other invoice too, so those not begun are not tried any more.
END_A_RUN = (ai.AuthenticationError, ai.PermissionDeniedError, ai.TokenError)


@pytest.mark.parametrize(("fault", "struck", "run"), list(sync_cases()))
def test_a_folder_is_right_after_any_outcome_and_completed_by_the_next_sync(
    fault: Fault,
    struck: Document,
    run: Callable[[Scene, Path], ai.SyncReport],
    fault_bench: Bench,
    tmp_path: Path,
) -> None:
    outcome = fault.outcome(struck)
    assert outcome is not None
    folder = tmp_path / "invoices"
    with fault.stage(fault_bench, struck) as scene:
        leave_earlier_copy(folder, scene)
        before = files(folder)
        if not isinstance(outcome, Raises):
            assert run(scene, folder).ok
            check_complete(folder, scene)
        elif struck is PAGE or scene.strikes_all:
            with pytest.raises(ai.AtlasError) as caught:
                run(scene, folder)
            check_error(caught.value, outcome)
            assert files(folder) == before
        else:
            report = run(scene, folder)
            (failed,) = report.failed
            assert failed.id == scene.invoice
            check_error(failed.error, outcome)
            left = {invoice.id for invoice in report.not_tried}
            assert not left or outcome.error in END_A_RUN
            check_all_but_struck(folder, scene, also_without=left)
        assert scene.tries() == outcome.tries
        if not scene.strikes_all:
            scene.mend()
            assert run(scene, folder).ok
            check_complete(folder, scene)
    assert not fault_bench.elsewhere.requests


def check_error(error: BaseException | None, outcome: Raises) -> None:
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
