from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="BillingPayment")


@_attrs_define
class BillingPayment:
    """A payment for an invoice."""

    amount_billed_cents: int | None | Unset = UNSET
    """ What is billed, in cents of the price currency; times `unitPrice` it is in `currency`. """
    amount_paid_cents: int | None | Unset = UNSET
    """ What was paid, in cents. """
    created: datetime.datetime | None | Unset = UNSET
    """ When the payment was tried, UTC. """
    currency: None | str | Unset = UNSET
    """ Currency of payment, ISO 4217 (three letters). """
    id: None | str | Unset = UNSET
    """ The payment; 24 hexadecimal digits. """
    sales_tax_cents: int | None | Unset = UNSET
    """ Sales tax, in cents. """
    status_name: None | str | Unset = UNSET
    """ How far it got: NEW, PAID, FAILED and others. New values can come; ERROR is documented and in no list. """
    subtotal_cents: int | None | Unset = UNSET
    """ Sum of the items that are charges, in cents. """
    unit_price: None | str | Unset = UNSET
    """ Rate from the price currency into `currency`, as decimal text; read it with `decimal.Decimal`. """
    updated: datetime.datetime | None | Unset = UNSET
    """ When it changed last, UTC. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        amount_billed_cents: int | None | Unset
        if isinstance(self.amount_billed_cents, Unset):
            amount_billed_cents = UNSET
        else:
            amount_billed_cents = self.amount_billed_cents

        amount_paid_cents: int | None | Unset
        if isinstance(self.amount_paid_cents, Unset):
            amount_paid_cents = UNSET
        else:
            amount_paid_cents = self.amount_paid_cents

        created: None | str | Unset
        if isinstance(self.created, Unset):
            created = UNSET
        elif isinstance(self.created, datetime.datetime):
            created = self.created.isoformat()
        else:
            created = self.created

        currency: None | str | Unset
        if isinstance(self.currency, Unset):
            currency = UNSET
        else:
            currency = self.currency

        id: None | str | Unset
        if isinstance(self.id, Unset):
            id = UNSET
        else:
            id = self.id

        sales_tax_cents: int | None | Unset
        if isinstance(self.sales_tax_cents, Unset):
            sales_tax_cents = UNSET
        else:
            sales_tax_cents = self.sales_tax_cents

        status_name: None | str | Unset
        if isinstance(self.status_name, Unset):
            status_name = UNSET
        else:
            status_name = self.status_name

        subtotal_cents: int | None | Unset
        if isinstance(self.subtotal_cents, Unset):
            subtotal_cents = UNSET
        else:
            subtotal_cents = self.subtotal_cents

        unit_price: None | str | Unset
        if isinstance(self.unit_price, Unset):
            unit_price = UNSET
        else:
            unit_price = self.unit_price

        updated: None | str | Unset
        if isinstance(self.updated, Unset):
            updated = UNSET
        elif isinstance(self.updated, datetime.datetime):
            updated = self.updated.isoformat()
        else:
            updated = self.updated

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if amount_billed_cents is not UNSET:
            field_dict["amountBilledCents"] = amount_billed_cents
        if amount_paid_cents is not UNSET:
            field_dict["amountPaidCents"] = amount_paid_cents
        if created is not UNSET:
            field_dict["created"] = created
        if currency is not UNSET:
            field_dict["currency"] = currency
        if id is not UNSET:
            field_dict["id"] = id
        if sales_tax_cents is not UNSET:
            field_dict["salesTaxCents"] = sales_tax_cents
        if status_name is not UNSET:
            field_dict["statusName"] = status_name
        if subtotal_cents is not UNSET:
            field_dict["subtotalCents"] = subtotal_cents
        if unit_price is not UNSET:
            field_dict["unitPrice"] = unit_price
        if updated is not UNSET:
            field_dict["updated"] = updated

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_amount_billed_cents(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        amount_billed_cents = _parse_amount_billed_cents(d.pop("amountBilledCents", UNSET))

        def _parse_amount_paid_cents(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        amount_paid_cents = _parse_amount_paid_cents(d.pop("amountPaidCents", UNSET))

        def _parse_created(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                created_type_0 = datetime.datetime.fromisoformat(data)

                return created_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        created = _parse_created(d.pop("created", UNSET))

        def _parse_currency(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        currency = _parse_currency(d.pop("currency", UNSET))

        def _parse_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        id = _parse_id(d.pop("id", UNSET))

        def _parse_sales_tax_cents(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        sales_tax_cents = _parse_sales_tax_cents(d.pop("salesTaxCents", UNSET))

        def _parse_status_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        status_name = _parse_status_name(d.pop("statusName", UNSET))

        def _parse_subtotal_cents(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        subtotal_cents = _parse_subtotal_cents(d.pop("subtotalCents", UNSET))

        def _parse_unit_price(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        unit_price = _parse_unit_price(d.pop("unitPrice", UNSET))

        def _parse_updated(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                updated_type_0 = datetime.datetime.fromisoformat(data)

                return updated_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        updated = _parse_updated(d.pop("updated", UNSET))

        billing_payment = cls(
            amount_billed_cents=amount_billed_cents,
            amount_paid_cents=amount_paid_cents,
            created=created,
            currency=currency,
            id=id,
            sales_tax_cents=sales_tax_cents,
            status_name=status_name,
            subtotal_cents=subtotal_cents,
            unit_price=unit_price,
            updated=updated,
        )

        billing_payment.additional_properties = d
        return billing_payment

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
