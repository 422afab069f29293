"""Every example in a public docstring runs, against a local Atlas, and gives what it says."""

from __future__ import annotations

import ast
import asyncio
import doctest
import inspect
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import atlas_invoices as ai
from atlas_invoices import sandbox
from atlas_invoices.sandbox import Sandbox

PUBLIC = {name: getattr(module, name) for module in (ai, sandbox) for name in module.__all__}
METHODS = {
    f"{name}.{called}": method
    for name, thing in PUBLIC.items()
    if inspect.isclass(thing)
    for called, method in inspect.getmembers(thing, inspect.isfunction)
}
EXAMPLES = {
    name: examples
    for name, thing in (PUBLIC | METHODS).items()
    if (examples := doctest.DocTestParser().get_examples(inspect.getdoc(thing) or ""))
}


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with sandbox.Sandbox() as running:
        yield running


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_true(name: str, server: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for variable, value in server.environment().items():
        monkeypatch.setenv(variable, value)
    invoice = next(invoice for invoice in server.invoices if invoice.status == "PAID")
    names = {**PUBLIC, "ai": ai, "org_id": server.org_id, "invoice_id": invoice.id, "total": 0}

    async def run() -> None:
        # The clients are made here, since an asynchronous one belongs to its loop.
        with ai.Client() as synchronous:
            async with ai.AsyncClient() as asynchronous:
                names["atlas"] = asynchronous if name.startswith("AsyncClient") else synchronous
                for example in EXAMPLES[name]:
                    shown = await _shown(example.source, names)
                    if example.want:
                        assert shown == example.want

    asyncio.run(run())


# A server runs until it is stopped.
@pytest.mark.parametrize(
    "name", sorted({name for name, thing in PUBLIC.items() if inspect.isfunction(thing)} - {"serve"})
)
def test_every_function_has_an_example(name: str) -> None:
    assert name in EXAMPLES


@pytest.mark.parametrize(
    "name",
    [
        *("AccessTokenAuth", "AsyncClient", "Client", "DigestAuth", "ServiceAccountAuth", "Sandbox"),
        *("AsyncInvoiceCsv", "Group", "InvoiceCsv", "InvoiceHeader", "Summary"),
    ],
)
def test_every_class_that_one_starts_with_has_an_example(name: str) -> None:
    assert name in EXAMPLES


async def _shown(source: str, names: dict[str, Any]) -> str:
    code = compile(source, "example", "single", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    shown = StringIO()
    with redirect_stdout(shown):
        result = eval(code, names)  # noqa: S307 - our own docstrings
        if inspect.isawaitable(result):
            await result
    return shown.getvalue()
