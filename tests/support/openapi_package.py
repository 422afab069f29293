"""Import a generated package from any folder under another name, beside the installed one."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

FIVE_MODELS = {
    "ApiError", "ApiErrorParametersItem", "AtlasOrganization", "BadRequestDetail", "BillingInvoice",
    "BillingInvoiceMetadata", "BillingPayment", "BillingRefund", "FieldViolation", "InvoiceLineItem",
    "InvoiceLineItemTags", "Link", "ListInvoicesOrderBy", "ListInvoicesSortBy", "ListInvoicesStatusNamesItem",
    "PaginatedApiInvoiceMetadataView", "PaginatedApiInvoiceView", "PaginatedOrganizationView",
}  # fmt: skip
"""The models of the five operations that every revision of upstream's document has: upstream's names of schemas."""


def load(tree: Path, name: str) -> ModuleType:
    """The package `atlas_invoices_client` of a tree, imported as `name`: its own imports are relative."""
    folder = tree / "atlas_invoices_client"
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)
    importlib.import_module(f"{name}.models")
    return package


def function_module(package: ModuleType, module: str, name: str) -> ModuleType:
    """The generated module of one operation, which has `sync`, `asyncio` and the rest."""
    return importlib.import_module(f"{package.__name__}.api.{module}.{name}")
