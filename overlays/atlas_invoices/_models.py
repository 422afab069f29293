"""The generated models that callers meet, as public names. Adding an operation adds its models here."""

import copyreg

from atlas_invoices_client.models import (
    ApiError,
    AtlasOrganization,
    BadRequestDetail,
    BillingInvoice,
    BillingInvoiceMetadata,
    BillingPayment,
    BillingRefund,
    FieldViolation,
    InvoiceLineItem,
)
from atlas_invoices_client.types import UNSET, Unset

__all__ = [
    "UNSET",
    "ApiError",
    "AtlasOrganization",
    "BadRequestDetail",
    "BillingInvoice",
    "BillingInvoiceMetadata",
    "BillingPayment",
    "BillingRefund",
    "FieldViolation",
    "InvoiceLineItem",
    "Unset",
]


def _unset_by_name(_: Unset) -> str:
    return "UNSET"


# By default a pickled copy of the generated class would be another object than the `UNSET` it's compared with.
copyreg.pickle(Unset, _unset_by_name)
