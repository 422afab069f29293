from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.associated_invoice import AssociatedInvoice


T = TypeVar("T", bound="OrgAssociatedInvoiceResponse")


@_attrs_define
class OrgAssociatedInvoiceResponse:
    """The invoices of one month."""

    associated_invoices: list[AssociatedInvoice] | None | Unset = UNSET
    """ One entry for each invoice. """
    month: None | str | Unset = UNSET
    """ Month, two digits. """
    year: None | str | Unset = UNSET
    """ Year, four digits. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        associated_invoices: list[dict[str, Any]] | None | Unset
        if isinstance(self.associated_invoices, Unset):
            associated_invoices = UNSET
        elif isinstance(self.associated_invoices, list):
            associated_invoices = []
            for associated_invoices_type_0_item_data in self.associated_invoices:
                associated_invoices_type_0_item = associated_invoices_type_0_item_data.to_dict()
                associated_invoices.append(associated_invoices_type_0_item)

        else:
            associated_invoices = self.associated_invoices

        month: None | str | Unset
        if isinstance(self.month, Unset):
            month = UNSET
        else:
            month = self.month

        year: None | str | Unset
        if isinstance(self.year, Unset):
            year = UNSET
        else:
            year = self.year

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if associated_invoices is not UNSET:
            field_dict["associatedInvoices"] = associated_invoices
        if month is not UNSET:
            field_dict["month"] = month
        if year is not UNSET:
            field_dict["year"] = year

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.associated_invoice import AssociatedInvoice  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_associated_invoices(data: object) -> list[AssociatedInvoice] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                associated_invoices_type_0 = []
                _associated_invoices_type_0 = data
                for associated_invoices_type_0_item_data in _associated_invoices_type_0:
                    associated_invoices_type_0_item = AssociatedInvoice.from_dict(associated_invoices_type_0_item_data)

                    associated_invoices_type_0.append(associated_invoices_type_0_item)

                return associated_invoices_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[AssociatedInvoice] | None | Unset, data)

        associated_invoices = _parse_associated_invoices(d.pop("associatedInvoices", UNSET))

        def _parse_month(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        month = _parse_month(d.pop("month", UNSET))

        def _parse_year(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        year = _parse_year(d.pop("year", UNSET))

        org_associated_invoice_response = cls(
            associated_invoices=associated_invoices,
            month=month,
            year=year,
        )

        org_associated_invoice_response.additional_properties = d
        return org_associated_invoice_response

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
