"""The generated models that callers meet, as public names. Adding an operation adds its models here."""

import copyreg

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
