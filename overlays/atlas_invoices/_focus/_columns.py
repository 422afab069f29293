"""The columns of FOCUS by version, in its order; which of an invoice's fields are in them; its format of units.

Read in 2026 in the specification (focus.finops.org): 57 columns in 1.2, 8 more in 1.3. `_convert` computes the columns
that aren't simply a field, in Arrow, and `_view` in SQL. Needs no pyarrow, so that `load` starts quickly.
"""

from __future__ import annotations

import re

from atlas_invoices._errors import ConfigError

MONGODB = "MongoDB"

NUMBERS = (
    "BilledCost", "CommitmentDiscountQuantity", "ConsumedQuantity", "ContractedCost", "ContractedUnitPrice",
    "EffectiveCost", "ListCost", "ListUnitPrice", "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "PricingQuantity", "x_DiscountPercent",
)  # fmt: skip
TIMES = ("BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart", "x_BilledDateEnd")
_FOCUS_1_2 = (
    "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType",
    "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "CapacityReservationId", "CapacityReservationStatus",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart",
    "CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus", "CommitmentDiscountType", "CommitmentDiscountUnit", "ConsumedQuantity",
    "ConsumedUnit", "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "InvoiceId", "InvoiceIssuerName",
    "ListCost", "ListUnitPrice", "PricingCategory", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "PricingQuantity", "PricingUnit", "ProviderName",
    "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory",
    "ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId", "SubAccountId",
    "SubAccountName", "SubAccountType", "Tags",
)  # fmt: skip
_ADDED_IN_1_3 = (
    "AllocatedMethodDetails", "AllocatedMethodId", "AllocatedResourceId", "AllocatedResourceName", "AllocatedTags",
    "ContractApplied", "HostProviderName", "ServiceProviderName",
)  # fmt: skip
# What the invoice has and FOCUS hasn't; the first two have the names of MongoDB's own report.
_OWN = (
    "x_AtlasSku", "x_BilledDateEnd", "x_Application", "x_ConfigServer", "x_DiscountPercent", "x_LineNumber", "x_Note",
    "x_ReplicaSet",
)  # fmt: skip


def column_names(version: str) -> tuple[str, ...]:
    """Return the columns of a version, FOCUS's in alphabetical order, then our own; a ConfigError for another one."""
    if version == "1.2":
        return _FOCUS_1_2 + _OWN
    if version == "1.3":
        return (*sorted(_FOCUS_1_2 + _ADDED_IN_1_3), *_OWN)
    raise ConfigError(f"the version of FOCUS is '1.2' or '1.3', not {version!r}")


# Columns with one text in every row.
CONSTANTS = {
    "BillingAccountType": "Organization",
    "InvoiceIssuerName": MONGODB,
    "ProviderName": MONGODB,
    "PublisherName": MONGODB,
    "ServiceCategory": "Databases",
    "ServiceName": "MongoDB Atlas",
    "ServiceProviderName": MONGODB,
    "ServiceSubcategory": "NoSQL Databases",
}
# The texts of columns that differ by category: usage, credits and tax.
BY_CATEGORY = {
    "ChargeCategory": ("Usage", "Credit", "Tax"),
    "ChargeFrequency": ("Usage-Based", "One-Time", "One-Time"),
    "PricingCategory": ("Standard", None, None),
}
# The fields of a line that are columns of FOCUS, in all rows or in usage only.
FIELDS = {
    "RegionId": "region",
    "RegionName": "region",
    "ResourceName": "cluster",
    "SubAccountId": "project_id",
    "x_Application": "application",
    "x_AtlasSku": "sku",
    "x_ConfigServer": "config_server",
    "x_DiscountPercent": "discount_percent",
    "x_LineNumber": "line_number",
    "x_Note": "note",
    "x_ReplicaSet": "replica_set",
}
USAGE_FIELDS = {
    "ConsumedQuantity": "quantity",
    "ListUnitPrice": "unit_price",
    "PricingCurrencyListUnitPrice": "unit_price",
    "PricingQuantity": "quantity",
    "SkuId": "sku",
    "SkuMeter": "sku",
    "SkuPriceId": "sku",
}
# The columns that are a row's amount.
AMOUNTS = ("BilledCost", "EffectiveCost", "PricingCurrencyEffectiveCost")
TAX_DESCRIPTION = "Sales tax"

HOSTS = {"aws": "AWS", "gcp": "GCP", "azure": "Azure"}
HOST_PATTERN = rf"\b({'|'.join(HOSTS)})\b"
_host = re.compile(HOST_PATTERN, re.IGNORECASE).search


def host_of(sku: str) -> str | None:
    """Return the cloud provider that a SKU names.

    >>> host_of("Atlas M10 Instance - Azure"), host_of("Atlas Search")
    ('Azure', None)
    """
    found = _host(sku)
    return HOSTS[found[0].lower()] if found else None


# The specification's units that Atlas may use; a count of one thing, such as requests, is a unit of its own.
UNITS = {
    unit.lower().removesuffix("s"): unit
    for unit in ("Seconds", "Minutes", "Hours", "Days", "Months", "Years", "Requests", "Units", "Connections", "Tokens")
} | {size: size.upper() for size in ("kb", "mb", "gb", "tb", "pb")}


def focus_unit(unit: str) -> str | None:
    """Return a unit in FOCUS's format; `None` if it isn't known.

    >>> focus_unit("server hours"), focus_unit("GB days"), focus_unit("furlongs")
    ('Hours', 'GB-Days', None)
    """
    words = unit.lower().replace("-", " ").split()
    if len(words) > 1 and words[0] == "server":
        del words[0]
    found = [UNITS.get(word.removesuffix("s")) for word in words]
    return "-".join(filter(None, found)) if found and all(found) else None
