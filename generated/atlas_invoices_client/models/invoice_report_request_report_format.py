from typing import Literal

InvoiceReportRequestReportFormat = Literal["CSV"]

INVOICE_REPORT_REQUEST_REPORT_FORMAT_VALUES: set[InvoiceReportRequestReportFormat] = {
    "CSV",
}


def check_invoice_report_request_report_format(value: str) -> InvoiceReportRequestReportFormat:
    if value in INVOICE_REPORT_REQUEST_REPORT_FORMAT_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {INVOICE_REPORT_REQUEST_REPORT_FORMAT_VALUES!r}")
