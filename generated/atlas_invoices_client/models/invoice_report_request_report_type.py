from typing import Literal

InvoiceReportRequestReportType = Literal["FOCUS"]

INVOICE_REPORT_REQUEST_REPORT_TYPE_VALUES: set[InvoiceReportRequestReportType] = {
    "FOCUS",
}


def check_invoice_report_request_report_type(value: str) -> InvoiceReportRequestReportType:
    if value in INVOICE_REPORT_REQUEST_REPORT_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {INVOICE_REPORT_REQUEST_REPORT_TYPE_VALUES!r}")
