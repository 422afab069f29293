"""The generated models that callers meet, as public names. Adding an operation adds its models here."""

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
