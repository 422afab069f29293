"""Contains all the data models used in inputs/outputs"""

from .api_error import ApiError
from .api_error_parameters_item import ApiErrorParametersItem
from .atlas_organization import AtlasOrganization
from .bad_request_detail import BadRequestDetail
from .billing_invoice import BillingInvoice
from .billing_invoice_metadata import BillingInvoiceMetadata
from .billing_payment import BillingPayment
from .billing_refund import BillingRefund
from .field_violation import FieldViolation
from .invoice_line_item import InvoiceLineItem
from .invoice_line_item_tags import InvoiceLineItemTags
from .link import Link
from .list_invoices_order_by import ListInvoicesOrderBy
from .list_invoices_sort_by import ListInvoicesSortBy
from .list_invoices_status_names_item import ListInvoicesStatusNamesItem
from .paginated_api_invoice_metadata_view import PaginatedApiInvoiceMetadataView
from .paginated_api_invoice_view import PaginatedApiInvoiceView
from .paginated_organization_view import PaginatedOrganizationView

__all__ = (
    "ApiError",
    "ApiErrorParametersItem",
    "AtlasOrganization",
    "BadRequestDetail",
    "BillingInvoice",
    "BillingInvoiceMetadata",
    "BillingPayment",
    "BillingRefund",
    "FieldViolation",
    "InvoiceLineItem",
    "InvoiceLineItemTags",
    "Link",
    "ListInvoicesOrderBy",
    "ListInvoicesSortBy",
    "ListInvoicesStatusNamesItem",
    "PaginatedApiInvoiceMetadataView",
    "PaginatedApiInvoiceView",
    "PaginatedOrganizationView",
)
