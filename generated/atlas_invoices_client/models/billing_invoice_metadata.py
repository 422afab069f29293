from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.link import Link


T = TypeVar("T", bound="BillingInvoiceMetadata")


@_attrs_define
class BillingInvoiceMetadata:
    """An invoice without its items. Amounts are whole cents."""

    amount_billed_cents: int | None | Unset = UNSET
    """ What the period cost, in cents. """
    amount_paid_cents: int | None | Unset = UNSET
    """ What has been paid, in cents. """
    created: datetime.datetime | None | Unset = UNSET
    """ When the invoice was made, UTC. """
    credits_cents: int | None | Unset = UNSET
    """ Credits taken into account, in cents. """
    end_date: datetime.datetime | None | Unset = UNSET
    """ End of the billing period, UTC, exclusive. """
    id: None | str | Unset = UNSET
    """ The invoice; 24 hexadecimal digits. """
    linked_invoices: list[BillingInvoiceMetadata] | None | Unset = UNSET
    """ Invoices of the organizations that this one pays for. """
    links: list[Link] | None | Unset = UNSET
    """ Related resources. """
    org_id: None | str | Unset = UNSET
    """ The organization that is charged; 24 hexadecimal digits. """
    sales_tax_cents: int | None | Unset = UNSET
    """ Sales tax, in cents. """
    start_date: datetime.datetime | None | Unset = UNSET
    """ Start of the billing period, UTC, inclusive. """
    starting_balance_cents: int | None | Unset = UNSET
    """ Balance before this invoice, in cents. (The Atlas Admin API document speaks of dollars here, but its formula
    for what is owed takes this off an amount in cents.) """
    status_name: None | str | Unset = UNSET
    """ Where payment stands: PENDING while the period is open, then CLOSED, and PAID, FAILED, INVOICED, PREPAID,
    FREE or FORGIVEN. New values can come. """
    subtotal_cents: int | None | Unset = UNSET
    """ Sum of the items that are charges, in cents. """
    updated: datetime.datetime | None | Unset = UNSET
    """ When the invoice changed last, UTC. """
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

        credits_cents: int | None | Unset
        if isinstance(self.credits_cents, Unset):
            credits_cents = UNSET
        else:
            credits_cents = self.credits_cents

        end_date: None | str | Unset
        if isinstance(self.end_date, Unset):
            end_date = UNSET
        elif isinstance(self.end_date, datetime.datetime):
            end_date = self.end_date.isoformat()
        else:
            end_date = self.end_date

        id: None | str | Unset
        if isinstance(self.id, Unset):
            id = UNSET
        else:
            id = self.id

        linked_invoices: list[dict[str, Any]] | None | Unset
        if isinstance(self.linked_invoices, Unset):
            linked_invoices = UNSET
        elif isinstance(self.linked_invoices, list):
            linked_invoices = []
            for linked_invoices_type_0_item_data in self.linked_invoices:
                linked_invoices_type_0_item = linked_invoices_type_0_item_data.to_dict()
                linked_invoices.append(linked_invoices_type_0_item)

        else:
            linked_invoices = self.linked_invoices

        links: list[dict[str, Any]] | None | Unset
        if isinstance(self.links, Unset):
            links = UNSET
        elif isinstance(self.links, list):
            links = []
            for links_type_0_item_data in self.links:
                links_type_0_item = links_type_0_item_data.to_dict()
                links.append(links_type_0_item)

        else:
            links = self.links

        org_id: None | str | Unset
        if isinstance(self.org_id, Unset):
            org_id = UNSET
        else:
            org_id = self.org_id

        sales_tax_cents: int | None | Unset
        if isinstance(self.sales_tax_cents, Unset):
            sales_tax_cents = UNSET
        else:
            sales_tax_cents = self.sales_tax_cents

        start_date: None | str | Unset
        if isinstance(self.start_date, Unset):
            start_date = UNSET
        elif isinstance(self.start_date, datetime.datetime):
            start_date = self.start_date.isoformat()
        else:
            start_date = self.start_date

        starting_balance_cents: int | None | Unset
        if isinstance(self.starting_balance_cents, Unset):
            starting_balance_cents = UNSET
        else:
            starting_balance_cents = self.starting_balance_cents

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
        if credits_cents is not UNSET:
            field_dict["creditsCents"] = credits_cents
        if end_date is not UNSET:
            field_dict["endDate"] = end_date
        if id is not UNSET:
            field_dict["id"] = id
        if linked_invoices is not UNSET:
            field_dict["linkedInvoices"] = linked_invoices
        if links is not UNSET:
            field_dict["links"] = links
        if org_id is not UNSET:
            field_dict["orgId"] = org_id
        if sales_tax_cents is not UNSET:
            field_dict["salesTaxCents"] = sales_tax_cents
        if start_date is not UNSET:
            field_dict["startDate"] = start_date
        if starting_balance_cents is not UNSET:
            field_dict["startingBalanceCents"] = starting_balance_cents
        if status_name is not UNSET:
            field_dict["statusName"] = status_name
        if subtotal_cents is not UNSET:
            field_dict["subtotalCents"] = subtotal_cents
        if updated is not UNSET:
            field_dict["updated"] = updated

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.link import Link  # noqa: PLC0415

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

        def _parse_credits_cents(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        credits_cents = _parse_credits_cents(d.pop("creditsCents", UNSET))

        def _parse_end_date(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                end_date_type_0 = datetime.datetime.fromisoformat(data)

                return end_date_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        end_date = _parse_end_date(d.pop("endDate", UNSET))

        def _parse_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        id = _parse_id(d.pop("id", UNSET))

        def _parse_linked_invoices(data: object) -> list[BillingInvoiceMetadata] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                linked_invoices_type_0 = []
                _linked_invoices_type_0 = data
                for linked_invoices_type_0_item_data in _linked_invoices_type_0:
                    linked_invoices_type_0_item = BillingInvoiceMetadata.from_dict(linked_invoices_type_0_item_data)

                    linked_invoices_type_0.append(linked_invoices_type_0_item)

                return linked_invoices_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[BillingInvoiceMetadata] | None | Unset, data)

        linked_invoices = _parse_linked_invoices(d.pop("linkedInvoices", UNSET))

        def _parse_links(data: object) -> list[Link] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                links_type_0 = []
                _links_type_0 = data
                for links_type_0_item_data in _links_type_0:
                    links_type_0_item = Link.from_dict(links_type_0_item_data)

                    links_type_0.append(links_type_0_item)

                return links_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[Link] | None | Unset, data)

        links = _parse_links(d.pop("links", UNSET))

        def _parse_org_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        org_id = _parse_org_id(d.pop("orgId", UNSET))

        def _parse_sales_tax_cents(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        sales_tax_cents = _parse_sales_tax_cents(d.pop("salesTaxCents", UNSET))

        def _parse_start_date(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                start_date_type_0 = datetime.datetime.fromisoformat(data)

                return start_date_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        start_date = _parse_start_date(d.pop("startDate", UNSET))

        def _parse_starting_balance_cents(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        starting_balance_cents = _parse_starting_balance_cents(d.pop("startingBalanceCents", UNSET))

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

        billing_invoice_metadata = cls(
            amount_billed_cents=amount_billed_cents,
            amount_paid_cents=amount_paid_cents,
            created=created,
            credits_cents=credits_cents,
            end_date=end_date,
            id=id,
            linked_invoices=linked_invoices,
            links=links,
            org_id=org_id,
            sales_tax_cents=sales_tax_cents,
            start_date=start_date,
            starting_balance_cents=starting_balance_cents,
            status_name=status_name,
            subtotal_cents=subtotal_cents,
            updated=updated,
        )

        billing_invoice_metadata.additional_properties = d
        return billing_invoice_metadata

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
