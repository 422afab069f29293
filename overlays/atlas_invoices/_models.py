"""The generated models that callers meet, as public names. Adding an operation adds its models here."""

import copyreg

from attrs import fields

from atlas_invoices_client import models
from atlas_invoices_client.models import (
    ApiError,
    AssociatedInvoice,
    AtlasOrganization,
    BadRequestDetail,
    BillingInvoice,
    BillingInvoiceMetadata,
    BillingPayment,
    BillingRefund,
    FieldViolation,
    InvoiceLineItem,
    InvoiceReportResponse,
    SkuResponse,
)
from atlas_invoices_client.types import UNSET, Unset

__all__ = [
    "UNSET",
    "ApiError",
    "AssociatedInvoice",
    "AtlasOrganization",
    "BadRequestDetail",
    "BillingInvoice",
    "BillingInvoiceMetadata",
    "BillingPayment",
    "BillingRefund",
    "FieldViolation",
    "InvoiceLineItem",
    "InvoiceReportResponse",
    "SkuResponse",
    "Unset",
]


def _unset_by_name(_: Unset) -> str:
    return "UNSET"


# By default a pickled copy of the generated class would be another object than the `UNSET` it's compared with.
copyreg.pickle(Unset, _unset_by_name)


def _show_unset(_: Unset) -> str:
    return "UNSET"


# A longer list shows its first elements and how many there are.
_MAX_SHOWN = 2


def _show_set_fields(model: object) -> str:
    """Show a model by the fields that the server sent."""
    shown = []
    for field in fields(type(model)):  # type: ignore[arg-type] # every generated model is an attrs class
        value = getattr(model, field.name)
        # What is secret isn't shown.
        if not field.repr or value is UNSET or (field.name == "additional_properties" and not value):
            continue
        text = repr(value)
        if isinstance(value, list) and len(value) > _MAX_SHOWN:
            text = f"{repr(value[:_MAX_SHOWN])[:-1]}, … {len(value):,} in all]"
        shown.append(f"{field.name}={text}")
    return f"{type(model).__name__}({', '.join(shown)})"


Unset.__repr__ = _show_unset  # type: ignore[method-assign, assignment] # the generated class has none
for _name in models.__all__:
    _model = getattr(models, _name)
    if hasattr(_model, "__attrs_attrs__"):
        _model.__repr__ = _show_set_fields
