"""Contains all the data models used in inputs/outputs"""

from .api_error import ApiError
from .api_error_parameters_item import ApiErrorParametersItem
from .associated_invoice import AssociatedInvoice
from .atlas_organization import AtlasOrganization
from .bad_request_detail import BadRequestDetail
from .billing_invoice import BillingInvoice
from .billing_invoice_metadata import BillingInvoiceMetadata
from .billing_payment import BillingPayment
from .billing_refund import BillingRefund
from .field_violation import FieldViolation
from .invoice_line_item import InvoiceLineItem
from .invoice_line_item_tags import InvoiceLineItemTags
from .invoice_report_request import InvoiceReportRequest
from .invoice_report_request_report_format import InvoiceReportRequestReportFormat
from .invoice_report_request_report_type import InvoiceReportRequestReportType
from .invoice_report_response import InvoiceReportResponse
from .link import Link
from .list_invoices_order_by import ListInvoicesOrderBy
from .list_invoices_sort_by import ListInvoicesSortBy
from .list_invoices_status_names_item import ListInvoicesStatusNamesItem
from .org_associated_invoice_response import OrgAssociatedInvoiceResponse
from .paginated_api_invoice_metadata_view import PaginatedApiInvoiceMetadataView
from .paginated_api_invoice_view import PaginatedApiInvoiceView
from .paginated_api_sku_view import PaginatedApiSKUView
from .paginated_invoice_report_view import PaginatedInvoiceReportView
from .paginated_organization_view import PaginatedOrganizationView
from .sku_response import SkuResponse

__all__ = (
    "ApiError",
    "ApiErrorParametersItem",
    "AssociatedInvoice",
    "AtlasOrganization",
    "BadRequestDetail",
    "BillingInvoice",
    "BillingInvoiceMetadata",
    "BillingPayment",
    "BillingRefund",
    "FieldViolation",
    "InvoiceLineItem",
    "InvoiceLineItemTags",
    "InvoiceReportRequest",
    "InvoiceReportRequestReportFormat",
    "InvoiceReportRequestReportType",
    "InvoiceReportResponse",
    "Link",
    "ListInvoicesOrderBy",
    "ListInvoicesSortBy",
    "ListInvoicesStatusNamesItem",
    "OrgAssociatedInvoiceResponse",
    "PaginatedApiInvoiceMetadataView",
    "PaginatedApiInvoiceView",
    "PaginatedApiSKUView",
    "PaginatedInvoiceReportView",
    "PaginatedOrganizationView",
    "SkuResponse",
)
