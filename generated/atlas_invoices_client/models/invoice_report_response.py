from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="InvoiceReportResponse")


@_attrs_define
class InvoiceReportResponse:
    """A report on an invoice: its state and, once it has succeeded, the address of its file."""

    download_url: None | str | Unset = _attrs_field(default=UNSET, repr=False)
    """ Address of the file on another host, there once the report has succeeded. A secret: anyone who has it can
    fetch the file. Send it no credentials. """
    expires_at: datetime.datetime | None | Unset = UNSET
    """ When `download_url` ends, UTC; a new request brings a new one. """
    failure_reason: None | str | Unset = UNSET
    """ Why the report failed, where it has. """
    format_spec_version: None | str | Unset = UNSET
    """ Version of the report type, such as 1.3. Unset in a request means the one that Atlas prefers. """
    invoice_id: None | str | Unset = UNSET
    """ The invoice: 24 hexadecimal digits. """
    report_format: None | str | Unset = UNSET
    """ Format of the file. """
    report_id: None | str | Unset = UNSET
    """ 24 hexadecimal digits. """
    report_type: None | str | Unset = UNSET
    """ What the report is: FOCUS, the table that cost tools exchange. """
    state: None | str | Unset = UNSET
    """ PENDING, RUNNING, SUCCEEDED or FAILED. New values can come. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        download_url: None | str | Unset
        if isinstance(self.download_url, Unset):
            download_url = UNSET
        else:
            download_url = self.download_url

        expires_at: None | str | Unset
        if isinstance(self.expires_at, Unset):
            expires_at = UNSET
        elif isinstance(self.expires_at, datetime.datetime):
            expires_at = self.expires_at.isoformat()
        else:
            expires_at = self.expires_at

        failure_reason: None | str | Unset
        if isinstance(self.failure_reason, Unset):
            failure_reason = UNSET
        else:
            failure_reason = self.failure_reason

        format_spec_version: None | str | Unset
        if isinstance(self.format_spec_version, Unset):
            format_spec_version = UNSET
        else:
            format_spec_version = self.format_spec_version

        invoice_id: None | str | Unset
        if isinstance(self.invoice_id, Unset):
            invoice_id = UNSET
        else:
            invoice_id = self.invoice_id

        report_format: None | str | Unset
        if isinstance(self.report_format, Unset):
            report_format = UNSET
        else:
            report_format = self.report_format

        report_id: None | str | Unset
        if isinstance(self.report_id, Unset):
            report_id = UNSET
        else:
            report_id = self.report_id

        report_type: None | str | Unset
        if isinstance(self.report_type, Unset):
            report_type = UNSET
        else:
            report_type = self.report_type

        state: None | str | Unset
        if isinstance(self.state, Unset):
            state = UNSET
        else:
            state = self.state

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if download_url is not UNSET:
            field_dict["downloadUrl"] = download_url
        if expires_at is not UNSET:
            field_dict["expiresAt"] = expires_at
        if failure_reason is not UNSET:
            field_dict["failureReason"] = failure_reason
        if format_spec_version is not UNSET:
            field_dict["formatSpecVersion"] = format_spec_version
        if invoice_id is not UNSET:
            field_dict["invoiceId"] = invoice_id
        if report_format is not UNSET:
            field_dict["reportFormat"] = report_format
        if report_id is not UNSET:
            field_dict["reportId"] = report_id
        if report_type is not UNSET:
            field_dict["reportType"] = report_type
        if state is not UNSET:
            field_dict["state"] = state

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_download_url(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        download_url = _parse_download_url(d.pop("downloadUrl", UNSET))

        def _parse_expires_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                expires_at_type_0 = datetime.datetime.fromisoformat(data)

                return expires_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        expires_at = _parse_expires_at(d.pop("expiresAt", UNSET))

        def _parse_failure_reason(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        failure_reason = _parse_failure_reason(d.pop("failureReason", UNSET))

        def _parse_format_spec_version(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        format_spec_version = _parse_format_spec_version(d.pop("formatSpecVersion", UNSET))

        def _parse_invoice_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        invoice_id = _parse_invoice_id(d.pop("invoiceId", UNSET))

        def _parse_report_format(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        report_format = _parse_report_format(d.pop("reportFormat", UNSET))

        def _parse_report_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        report_id = _parse_report_id(d.pop("reportId", UNSET))

        def _parse_report_type(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        report_type = _parse_report_type(d.pop("reportType", UNSET))

        def _parse_state(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        state = _parse_state(d.pop("state", UNSET))

        invoice_report_response = cls(
            download_url=download_url,
            expires_at=expires_at,
            failure_reason=failure_reason,
            format_spec_version=format_spec_version,
            invoice_id=invoice_id,
            report_format=report_format,
            report_id=report_id,
            report_type=report_type,
            state=state,
        )

        invoice_report_response.additional_properties = d
        return invoice_report_response

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
