"""The public names, and the two clients' equal methods."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import atlas_invoices as ai

PROMISED = """
APIConnectionError APIStatusError APITimeoutError AccessTokenAuth ApiError AssociatedInvoice AsyncClient AtlasError
AtlasOrganization AuthenticationError BadRequestDetail BadRequestError BillingInvoice BillingInvoiceMetadata
BillingPayment BillingRefund Client ConfigError DigestAuth FieldViolation GoneError Group IncompleteDownloadError
InvalidIdError InvoiceFormatError InvoiceLineItem InvoiceReportResponse LineItem LoadError LoadReport
NotAcceptableError NotFoundError Owed PaymentOwed PermissionDeniedError RateLimitError Reconciliation
ReportFailedError ServerError ServiceAccountAuth SkuResponse Summary TokenError UNSET UnexpectedResponseError
aread_csv load owed payment_owed read_csv reconcile summarize to_arrow to_pandas to_polars
"""


def test_every_promised_name_is_there() -> None:
    assert set(PROMISED.split()) <= set(ai.__all__)
    assert not [name for name in ai.__all__ if getattr(ai, name, None) is None]


def test_type_checkers_see_every_name_and_no_other() -> None:
    tree = ast.parse(Path(ai.__file__).read_text(encoding="utf-8"))
    stars = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
    seen = ["__version__", *(name for module in stars for name in import_module(f"atlas_invoices.{module}").__all__)]
    assert sorted(seen) == sorted(ai.__all__) == dir(ai)
    assert len(set(seen)) == len(seen)
    namespace: dict[str, object] = {}
    exec("from atlas_invoices import *", namespace)  # noqa: S102 - a star import stands only at the top of a module
    assert namespace.keys() - {"__builtins__"} == set(seen)


def test_a_name_for_other_modules_alone_is_not_public() -> None:
    assert not hasattr(ai, "write_parquet")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonesuch"):
        _ = ai.nonesuch  # type: ignore[attr-defined] # the name is missing on purpose


@pytest.mark.parametrize("use", ["atlas_invoices", "atlas_invoices.AtlasError", "atlas_invoices.read_csv"])
def test_a_name_imports_nothing_heavy_that_it_does_not_need(use: str) -> None:
    heavy = {"httpx", "click", "atlas_invoices_client", "duckdb", "pyarrow", "pandas", "polars", "rich"}
    code = f"import atlas_invoices, sys; {use}; print({heavy} & sys.modules.keys() or 'nothing')"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "nothing\n"


def methods(cls: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_")
    }


def test_the_clients_have_the_same_methods_with_the_same_parameters() -> None:
    sync, async_ = methods(ai.Client), methods(ai.AsyncClient)
    assert sync.keys() == async_.keys()
    for name, signature in sync.items():
        assert list(signature.parameters.values()) == list(async_[name].parameters.values()), name
    ours, theirs = inspect.signature(ai.Client.__init__), inspect.signature(ai.AsyncClient.__init__)
    assert list(ours.parameters) == list(theirs.parameters)


def test_async_methods_are_awaited_iterated_or_entered() -> None:
    for name, member in inspect.getmembers(ai.AsyncClient, inspect.isfunction):
        if name.startswith("_"):
            continue
        if name.startswith("list_") and name not in {"list_pending_invoices", "list_associated_invoices"}:
            assert "AsyncIterator" in str(inspect.signature(member).return_annotation), name
        elif name.startswith("stream_"):
            assert hasattr(ai.AsyncCsvStream, "__aenter__")
        else:
            assert inspect.iscoroutinefunction(member), name


def test_the_root_and_the_families_of_errors() -> None:
    for name in PROMISED.split():
        value = getattr(ai, name)
        if isinstance(value, type) and issubclass(value, Exception):
            assert issubclass(value, ai.AtlasError), name
    assert issubclass(ai.APITimeoutError, ai.APIConnectionError)
    assert issubclass(ai.InvalidIdError, ValueError)
    for cls in (
        ai.BadRequestError,
        ai.AuthenticationError,
        ai.PermissionDeniedError,
        ai.NotFoundError,
        ai.NotAcceptableError,
        ai.GoneError,
        ai.RateLimitError,
        ai.ServerError,
    ):
        assert issubclass(cls, ai.APIStatusError)
