from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.invoice_line_item_tags import InvoiceLineItemTags


T = TypeVar("T", bound="InvoiceLineItem")


@_attrs_define
class InvoiceLineItem:
    """One item of an invoice: a service, for a time, in a place."""

    cloud_provider: None | str | Unset = UNSET
    """ Whose cloud: AWS, AZURE or GCP; ATLAS for what belongs to none. New values can come. """
    cluster_name: None | str | Unset = UNSET
    """ Name of the cluster. """
    created: datetime.datetime | None | Unset = UNSET
    """ When the item was made, UTC. """
    discount_cents: int | None | Unset = UNSET
    """ Discount on the item, in cents; there only where there is one. """
    end_date: datetime.datetime | None | Unset = UNSET
    """ Until when it is charged, UTC. """
    group_id: None | str | Unset = UNSET
    """ The project (Atlas calls it a group too); 24 hexadecimal digits. """
    group_name: None | str | Unset = UNSET
    """ Name of the project. """
    note: None | str | Unset = UNSET
    """ Remark on the item; of a credit it says which kind. """
    percent_discount: float | None | Unset = UNSET
    """ Discount on the item, in percent; there only where there is one. """
    quantity: float | None | Unset = UNSET
    """ How much, in `unit`. """
    sku: None | str | Unset = UNSET
    """ What was used, as a code (the CSV has text for people). New values can come. """
    start_date: datetime.datetime | None | Unset = UNSET
    """ From when it is charged, UTC. """
    stitch_app_name: None | str | Unset = UNSET
    """ Name of the App Services application. """
    tags: InvoiceLineItemTags | None | Unset = UNSET
    """ Tags of the resource, as of the download: values by key. """
    tier_lower_bound: float | None | Unset = UNSET
    """ Usage from which this price holds, where the price has tiers. """
    tier_upper_bound: float | None | Unset = UNSET
    """ Usage up to which this price holds, where the price has tiers. """
    total_price_cents: int | None | Unset = UNSET
    """ What the item costs, in cents. """
    unit: None | str | Unset = UNSET
    """ What `quantity` counts: hours, gigabytes and others. """
    unit_price_dollars: float | None | Unset = UNSET
    """ Price of one unit, in dollars, as a float: exact amounts are in cents. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.invoice_line_item_tags import InvoiceLineItemTags  # noqa: PLC0415

        cloud_provider: None | str | Unset
        if isinstance(self.cloud_provider, Unset):
            cloud_provider = UNSET
        else:
            cloud_provider = self.cloud_provider

        cluster_name: None | str | Unset
        if isinstance(self.cluster_name, Unset):
            cluster_name = UNSET
        else:
            cluster_name = self.cluster_name

        created: None | str | Unset
        if isinstance(self.created, Unset):
            created = UNSET
        elif isinstance(self.created, datetime.datetime):
            created = self.created.isoformat()
        else:
            created = self.created

        discount_cents: int | None | Unset
        if isinstance(self.discount_cents, Unset):
            discount_cents = UNSET
        else:
            discount_cents = self.discount_cents

        end_date: None | str | Unset
        if isinstance(self.end_date, Unset):
            end_date = UNSET
        elif isinstance(self.end_date, datetime.datetime):
            end_date = self.end_date.isoformat()
        else:
            end_date = self.end_date

        group_id: None | str | Unset
        if isinstance(self.group_id, Unset):
            group_id = UNSET
        else:
            group_id = self.group_id

        group_name: None | str | Unset
        if isinstance(self.group_name, Unset):
            group_name = UNSET
        else:
            group_name = self.group_name

        note: None | str | Unset
        if isinstance(self.note, Unset):
            note = UNSET
        else:
            note = self.note

        percent_discount: float | None | Unset
        if isinstance(self.percent_discount, Unset):
            percent_discount = UNSET
        else:
            percent_discount = self.percent_discount

        quantity: float | None | Unset
        if isinstance(self.quantity, Unset):
            quantity = UNSET
        else:
            quantity = self.quantity

        sku: None | str | Unset
        if isinstance(self.sku, Unset):
            sku = UNSET
        else:
            sku = self.sku

        start_date: None | str | Unset
        if isinstance(self.start_date, Unset):
            start_date = UNSET
        elif isinstance(self.start_date, datetime.datetime):
            start_date = self.start_date.isoformat()
        else:
            start_date = self.start_date

        stitch_app_name: None | str | Unset
        if isinstance(self.stitch_app_name, Unset):
            stitch_app_name = UNSET
        else:
            stitch_app_name = self.stitch_app_name

        tags: dict[str, Any] | None | Unset
        if isinstance(self.tags, Unset):
            tags = UNSET
        elif isinstance(self.tags, InvoiceLineItemTags):
            tags = self.tags.to_dict()
        else:
            tags = self.tags

        tier_lower_bound: float | None | Unset
        if isinstance(self.tier_lower_bound, Unset):
            tier_lower_bound = UNSET
        else:
            tier_lower_bound = self.tier_lower_bound

        tier_upper_bound: float | None | Unset
        if isinstance(self.tier_upper_bound, Unset):
            tier_upper_bound = UNSET
        else:
            tier_upper_bound = self.tier_upper_bound

        total_price_cents: int | None | Unset
        if isinstance(self.total_price_cents, Unset):
            total_price_cents = UNSET
        else:
            total_price_cents = self.total_price_cents

        unit: None | str | Unset
        if isinstance(self.unit, Unset):
            unit = UNSET
        else:
            unit = self.unit

        unit_price_dollars: float | None | Unset
        if isinstance(self.unit_price_dollars, Unset):
            unit_price_dollars = UNSET
        else:
            unit_price_dollars = self.unit_price_dollars

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if cloud_provider is not UNSET:
            field_dict["cloudProvider"] = cloud_provider
        if cluster_name is not UNSET:
            field_dict["clusterName"] = cluster_name
        if created is not UNSET:
            field_dict["created"] = created
        if discount_cents is not UNSET:
            field_dict["discountCents"] = discount_cents
        if end_date is not UNSET:
            field_dict["endDate"] = end_date
        if group_id is not UNSET:
            field_dict["groupId"] = group_id
        if group_name is not UNSET:
            field_dict["groupName"] = group_name
        if note is not UNSET:
            field_dict["note"] = note
        if percent_discount is not UNSET:
            field_dict["percentDiscount"] = percent_discount
        if quantity is not UNSET:
            field_dict["quantity"] = quantity
        if sku is not UNSET:
            field_dict["sku"] = sku
        if start_date is not UNSET:
            field_dict["startDate"] = start_date
        if stitch_app_name is not UNSET:
            field_dict["stitchAppName"] = stitch_app_name
        if tags is not UNSET:
            field_dict["tags"] = tags
        if tier_lower_bound is not UNSET:
            field_dict["tierLowerBound"] = tier_lower_bound
        if tier_upper_bound is not UNSET:
            field_dict["tierUpperBound"] = tier_upper_bound
        if total_price_cents is not UNSET:
            field_dict["totalPriceCents"] = total_price_cents
        if unit is not UNSET:
            field_dict["unit"] = unit
        if unit_price_dollars is not UNSET:
            field_dict["unitPriceDollars"] = unit_price_dollars

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.invoice_line_item_tags import InvoiceLineItemTags  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_cloud_provider(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        cloud_provider = _parse_cloud_provider(d.pop("cloudProvider", UNSET))

        def _parse_cluster_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        cluster_name = _parse_cluster_name(d.pop("clusterName", UNSET))

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

        def _parse_discount_cents(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        discount_cents = _parse_discount_cents(d.pop("discountCents", UNSET))

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

        def _parse_group_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        group_id = _parse_group_id(d.pop("groupId", UNSET))

        def _parse_group_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        group_name = _parse_group_name(d.pop("groupName", UNSET))

        def _parse_note(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        note = _parse_note(d.pop("note", UNSET))

        def _parse_percent_discount(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        percent_discount = _parse_percent_discount(d.pop("percentDiscount", UNSET))

        def _parse_quantity(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        quantity = _parse_quantity(d.pop("quantity", UNSET))

        def _parse_sku(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        sku = _parse_sku(d.pop("sku", UNSET))

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

        def _parse_stitch_app_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        stitch_app_name = _parse_stitch_app_name(d.pop("stitchAppName", UNSET))

        def _parse_tags(data: object) -> InvoiceLineItemTags | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                tags_type_1 = InvoiceLineItemTags.from_dict(data)

                return tags_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(InvoiceLineItemTags | None | Unset, data)

        tags = _parse_tags(d.pop("tags", UNSET))

        def _parse_tier_lower_bound(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        tier_lower_bound = _parse_tier_lower_bound(d.pop("tierLowerBound", UNSET))

        def _parse_tier_upper_bound(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        tier_upper_bound = _parse_tier_upper_bound(d.pop("tierUpperBound", UNSET))

        def _parse_total_price_cents(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        total_price_cents = _parse_total_price_cents(d.pop("totalPriceCents", UNSET))

        def _parse_unit(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        unit = _parse_unit(d.pop("unit", UNSET))

        def _parse_unit_price_dollars(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        unit_price_dollars = _parse_unit_price_dollars(d.pop("unitPriceDollars", UNSET))

        invoice_line_item = cls(
            cloud_provider=cloud_provider,
            cluster_name=cluster_name,
            created=created,
            discount_cents=discount_cents,
            end_date=end_date,
            group_id=group_id,
            group_name=group_name,
            note=note,
            percent_discount=percent_discount,
            quantity=quantity,
            sku=sku,
            start_date=start_date,
            stitch_app_name=stitch_app_name,
            tags=tags,
            tier_lower_bound=tier_lower_bound,
            tier_upper_bound=tier_upper_bound,
            total_price_cents=total_price_cents,
            unit=unit,
            unit_price_dollars=unit_price_dollars,
        )

        invoice_line_item.additional_properties = d
        return invoice_line_item

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
