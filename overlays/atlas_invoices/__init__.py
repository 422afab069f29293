"""Get MongoDB Atlas invoices out of Atlas and into the tools where people work on cost.

All public names are here. A name's module is imported when the name is first used, so that `import atlas_invoices` and
the command start quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from atlas_invoices_client.models import ApiError as ApiError
    from atlas_invoices_client.models import AssociatedInvoice as AssociatedInvoice
    from atlas_invoices_client.models import AtlasOrganization as AtlasOrganization
    from atlas_invoices_client.models import BadRequestDetail as BadRequestDetail
    from atlas_invoices_client.models import BillingInvoice as BillingInvoice
    from atlas_invoices_client.models import BillingInvoiceMetadata as BillingInvoiceMetadata
    from atlas_invoices_client.models import BillingPayment as BillingPayment
    from atlas_invoices_client.models import BillingRefund as BillingRefund
    from atlas_invoices_client.models import FieldViolation as FieldViolation
    from atlas_invoices_client.models import InvoiceLineItem as InvoiceLineItem
    from atlas_invoices_client.models import InvoiceReportResponse as InvoiceReportResponse
    from atlas_invoices_client.models import SkuResponse as SkuResponse
    from atlas_invoices_client.types import UNSET as UNSET
    from atlas_invoices_client.types import Unset as Unset

    from ._auth import AccessTokenAuth as AccessTokenAuth
    from ._auth import DigestAuth as DigestAuth
    from ._auth import ServiceAccountAuth as ServiceAccountAuth
    from ._client import AsyncClient as AsyncClient
    from ._client import Client as Client
    from ._csv import AsyncInvoiceCsv as AsyncInvoiceCsv
    from ._csv import Group as Group
    from ._csv import InvoiceCsv as InvoiceCsv
    from ._csv import InvoiceHeader as InvoiceHeader
    from ._csv import LineItem as LineItem
    from ._csv import Summary as Summary
    from ._csv import aread_csv as aread_csv
    from ._csv import iter_batches as iter_batches
    from ._csv import read_csv as read_csv
    from ._csv import summarize as summarize
    from ._csv import to_arrow as to_arrow
    from ._csv import to_pandas as to_pandas
    from ._csv import to_polars as to_polars
    from ._errors import APIConnectionError as APIConnectionError
    from ._errors import APIStatusError as APIStatusError
    from ._errors import APITimeoutError as APITimeoutError
    from ._errors import AtlasError as AtlasError
    from ._errors import AuthenticationError as AuthenticationError
    from ._errors import BadRequestError as BadRequestError
    from ._errors import ConfigError as ConfigError
    from ._errors import GoneError as GoneError
    from ._errors import IncompleteDownloadError as IncompleteDownloadError
    from ._errors import InvalidIdError as InvalidIdError
    from ._errors import InvoiceFormatError as InvoiceFormatError
    from ._errors import NotAcceptableError as NotAcceptableError
    from ._errors import NotFoundError as NotFoundError
    from ._errors import PermissionDeniedError as PermissionDeniedError
    from ._errors import RateLimitError as RateLimitError
    from ._errors import ReportFailedError as ReportFailedError
    from ._errors import ServerError as ServerError
    from ._errors import TokenError as TokenError
    from ._errors import UnexpectedResponseError as UnexpectedResponseError
    from ._files import SavedFile as SavedFile
    from ._http._exchange import AsyncCsvStream as AsyncCsvStream
    from ._http._exchange import CsvStream as CsvStream
    from ._http._retry import RetryPolicy as RetryPolicy
    from ._money import Difference as Difference
    from ._money import Owed as Owed
    from ._money import PaymentOwed as PaymentOwed
    from ._money import Reconciliation as Reconciliation
    from ._money import Totals as Totals
    from ._money import owed as owed
    from ._money import payment_owed as payment_owed
    from ._money import reconcile as reconcile
    from ._sync import SyncedInvoice as SyncedInvoice
    from ._sync import SyncReport as SyncReport
    from ._sync import sync_invoices as sync_invoices
    from ._sync import sync_invoices_async as sync_invoices_async


# The module of each name, so that none is imported before it's used; a test compares it with the imports above.
_MODULES = {
    name: module
    for module, names in {
        "._auth": "AccessTokenAuth DigestAuth ServiceAccountAuth",
        "._client": "AsyncClient Client",
        "._csv": (
            "AsyncInvoiceCsv Group InvoiceCsv InvoiceHeader LineItem Summary "
            "aread_csv iter_batches read_csv summarize to_arrow to_pandas to_polars"
        ),
        "._errors": (
            "APIConnectionError APIStatusError APITimeoutError AtlasError AuthenticationError BadRequestError "
            "ConfigError GoneError IncompleteDownloadError InvalidIdError InvoiceFormatError NotAcceptableError "
            "NotFoundError PermissionDeniedError RateLimitError ReportFailedError ServerError TokenError "
            "UnexpectedResponseError"
        ),
        "._files": "SavedFile",
        "._http._exchange": "AsyncCsvStream CsvStream",
        "._http._retry": "RetryPolicy",
        "._money": "Difference Owed PaymentOwed Reconciliation Totals owed payment_owed reconcile",
        "._sync": "SyncReport SyncedInvoice sync_invoices sync_invoices_async",
        "atlas_invoices_client.models": (
            "ApiError AssociatedInvoice AtlasOrganization BadRequestDetail BillingInvoice BillingInvoiceMetadata "
            "BillingPayment BillingRefund FieldViolation InvoiceLineItem InvoiceReportResponse SkuResponse"
        ),
        "atlas_invoices_client.types": "UNSET Unset",
    }.items()
    for name in names.split()
}

__all__ = ["__version__", *sorted(_MODULES)]  # noqa: PLE0604 - built from the table


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
