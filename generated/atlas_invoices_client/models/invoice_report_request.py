from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.invoice_report_request_report_format import (
    InvoiceReportRequestReportFormat,
    check_invoice_report_request_report_format,
)
from ..models.invoice_report_request_report_type import (
    InvoiceReportRequestReportType,
    check_invoice_report_request_report_type,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="InvoiceReportRequest")


@_attrs_define
class InvoiceReportRequest:
    """The report to make."""

    report_format: InvoiceReportRequestReportFormat
    """ Format of the file. """
    report_type: InvoiceReportRequestReportType
    """ What the report is: FOCUS, the table that cost tools exchange. """
    format_spec_version: str | Unset = UNSET
    """ Version of the report type, such as 1.3. Unset in a request means the one that Atlas prefers. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        report_format: str = self.report_format

        report_type: str = self.report_type

        format_spec_version = self.format_spec_version

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "reportFormat": report_format,
                "reportType": report_type,
            }
        )
        if format_spec_version is not UNSET:
            field_dict["formatSpecVersion"] = format_spec_version

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        report_format = check_invoice_report_request_report_format(d.pop("reportFormat"))

        report_type = check_invoice_report_request_report_type(d.pop("reportType"))

        format_spec_version = d.pop("formatSpecVersion", UNSET)

        invoice_report_request = cls(
            report_format=report_format,
            report_type=report_type,
            format_spec_version=format_spec_version,
        )

        invoice_report_request.additional_properties = d
        return invoice_report_request

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
