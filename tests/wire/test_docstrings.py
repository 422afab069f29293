"""The examples in the docstrings of the clients and streams run, against a local Atlas."""

from __future__ import annotations

import ast
import asyncio
import doctest
import inspect
from typing import TYPE_CHECKING, Any

import pytest

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = (ai.Client, ai.AsyncClient)
DOCUMENTED = [
    (cls, thing)
    for cls in CLASSES
    for thing in (cls, *vars(cls).values())
    if callable(thing) and ">>>" in (inspect.getdoc(thing) or "")
]


def source(thing: object) -> str:
    return "".join(example.source for example in doctest.DocTestParser().get_examples(inspect.getdoc(thing) or ""))


@pytest.mark.parametrize(("cls", "thing"), DOCUMENTED, ids=[f"{c.__name__}.{t.__name__}" for c, t in DOCUMENTED])
def test_examples_run(
    cls: type, thing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with Sandbox() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        names = {
            "ai": ai,
            "org_id": server.org_id,
            "invoice_id": next(i.id for i in server.invoices if i.status == "PAID"),
            "total": 0,
        }
        code = compile(source(thing), "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

        async def run() -> None:
            # The clients are made here, since an asynchronous one belongs to its loop.
            async with ai.AsyncClient() as asynchronous:
                with ai.Client() as synchronous:
                    names["atlas"] = synchronous if cls is ai.Client else asynchronous
                    result = eval(code, names)  # noqa: S307 - our own docstrings
                    if inspect.isawaitable(result):
                        await result

        asyncio.run(run())
    assert "Traceback" not in capsys.readouterr().err


def test_there_are_examples_for_both_clients() -> None:
    assert {cls for cls, _ in DOCUMENTED} == set(CLASSES)
