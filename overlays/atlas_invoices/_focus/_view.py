"""FOCUS as a view in DuckDB over the tables that `load` writes: in SQL what `_convert` computes in Arrow.

Of `invoices` it needs the period, the organization, the JSON's sales tax and cloud providers, and whether discounts are
percentages. Times are in UTC without a zone, so they're the same in every session.
"""

from __future__ import annotations

from collections.abc import Mapping

from atlas_invoices._csv import CREDIT_SKU, CURRENCY, DEFAULT_CURRENCY

from ._columns import (
    AMOUNTS,
    BY_CATEGORY,
    CONSTANTS,
    FIELDS,
    HOST_PATTERN,
    HOSTS,
    NUMBERS,
    TAX_DESCRIPTION,
    UNITS,
    USAGE_FIELDS,
    column_names,
)

# A cost has 28 decimals, as a product of two numbers of 14. A discount's factor has 16; as no type of DuckDB holds the
# product, it's the sum of two: of the factor's first 6 decimals with 22 of the list cost, and of the others with 12.
_NUMBER, _COST, _FACTOR = "DECIMAL(38,14)", "DECIMAL(38,28)", "DECIMAL(28,16)"
_LIST_COST, _FIRST, _LIST_COST_FOR_REST = "DECIMAL(38,22)", "DECIMAL(18,6)", "DECIMAL(38,12)"


def focus_view() -> str:
    """Return the view's query: a row for each line, and one for each invoice's sales tax, in FOCUS 1.3."""
    empty = {name: f"CAST(NULL AS {_NUMBER if name in NUMBERS else 'VARCHAR'})" for name in column_names("1.3")}
    lines, tax = (
        ", ".join(f"{value} AS {name}" for name, value in columns.items())
        for columns in (empty | _of_lines(), _of_tax())
    )
    unit = _units("unit")
    scale = _case("mode(discount_unit)", {"percent": "0.01", "fraction": "1.00"})
    return f"""
        SELECT {lines}
        FROM (SELECT *, coalesce(amount, 0) AS cost, sku IS DISTINCT FROM {_text(CREDIT_SKU)} AS is_usage,
                coalesce(project_id, '') || '/' || cluster AS resource, {unit} AS units FROM invoice_lines) l
        LEFT JOIN invoices i USING (invoice_id)
        CROSS JOIN (SELECT {scale} AS scale FROM invoices) d
        UNION ALL BY NAME
        SELECT {tax} FROM invoices i WHERE sales_tax_cents <> 0
    """  # noqa: S608 - our own names


def _of_lines() -> dict[str, str]:
    paid = "1 - l.discount_percent * CAST(d.scale AS DECIMAL(3,2))"
    paid = f"CAST(CASE WHEN coalesce(l.discount_percent, 0) = 0 THEN 1 ELSE {paid} END AS {_FACTOR})"
    list_cost = "l.unit_price * l.quantity"
    first = f"CAST({paid} AS {_FIRST})"
    rest = f"CAST({list_cost} AS {_LIST_COST_FOR_REST}) * ({paid} - {first})"
    costs = {"ListCost": list_cost, "ContractedCost": f"CAST({list_cost} AS {_LIST_COST}) * {first} + {rest}"}
    price = _usage(f"l.unit_price * {paid}")
    unit = _usage("CASE WHEN list_count(l.units) = len(l.units) THEN array_to_string(l.units, '-') ELSE l.unit END")
    host = _case(f"lower(regexp_extract(l.sku, {_text(HOST_PATTERN)}, 1, 'i'))", HOSTS)
    currency = f"coalesce(nullif(upper(trim(l.extra[{_text(CURRENCY)}])), ''), {_text(DEFAULT_CURRENCY)})"
    return {
        **_of_invoice(),
        **dict.fromkeys(AMOUNTS, "l.cost"),
        **{name: f"l.{field}" for name, field in FIELDS.items()},
        **{name: _usage(f"l.{field}") for name, field in USAGE_FIELDS.items()},
        **{name: _usage(_text(usage), _text(credit)) for name, (usage, credit, _) in BY_CATEGORY.items()},
        **{name: f"coalesce({_usage(cost)}, CAST(l.cost AS {_COST}))" for name, cost in costs.items()},
        "ContractedUnitPrice": price,
        "PricingCurrencyContractedUnitPrice": price,
        "PricingUnit": unit,
        "ConsumedUnit": unit,
        "BillingCurrency": currency,
        "PricingCurrency": currency,
        "BillingAccountId": "coalesce(l.organization_id, i.organization_id)",
        "BillingAccountName": "coalesce(l.organization_name, i.organization_name)",
        "ChargePeriodStart": _time("coalesce(l.usage_date, i.period_start)"),
        "ChargePeriodEnd": _time("coalesce(l.usage_date + 1, i.period_end)"),
        "ChargeDescription": "coalesce(l.description, l.sku)",
        "HostProviderName": f"coalesce(i.host_providers[l.resource], {host})",
        "ResourceId": "l.resource",
        "ResourceType": "CASE WHEN l.cluster IS NOT NULL THEN 'Cluster' END",
        "SubAccountName": "CASE WHEN l.project_id IS NOT NULL THEN l.project END",
        "SubAccountType": "CASE WHEN l.project_id IS NOT NULL THEN 'Project' END",
        "Tags": "nullif(CAST(to_json(l.tags) AS VARCHAR), '{}')",
        "x_BilledDateEnd": _time("l.date"),
    }


def _of_tax() -> dict[str, str]:
    start, end = _time("i.period_start"), _time("i.period_end")
    return {
        **_of_invoice(),
        **dict.fromkeys(AMOUNTS, f"CAST(i.sales_tax_cents * 0.01 AS {_NUMBER})"),
        **dict.fromkeys(("ListCost", "ContractedCost"), f"CAST(i.sales_tax_cents * 0.01 AS {_COST})"),
        **{name: _text(tax) for name, (_, _, tax) in BY_CATEGORY.items()},
        **dict.fromkeys(("BillingCurrency", "PricingCurrency"), _text(DEFAULT_CURRENCY)),
        "BillingAccountId": "i.organization_id",
        "BillingAccountName": "i.organization_name",
        "ChargePeriodStart": start,
        "ChargePeriodEnd": end,
        "ChargeDescription": _text(TAX_DESCRIPTION),
    }


def _of_invoice() -> dict[str, str]:
    """Return the columns that are the same in all rows of an invoice."""
    return {
        **{name: _text(value) for name, value in CONSTANTS.items()},
        "BillingPeriodStart": _time("i.period_start"),
        "BillingPeriodEnd": _time("i.period_end"),
        "InvoiceId": "invoice_id",
    }


def _usage(value: str, otherwise: str = "NULL") -> str:
    return f"CASE WHEN l.is_usage THEN {value} ELSE {otherwise} END"


def _text(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def _case(value: str, texts: Mapping[str, str]) -> str:
    return f"CASE {value} {' '.join(f'WHEN {_text(key)} THEN {_text(text)}' for key, text in texts.items())} END"


def _time(day: str) -> str:
    return f"CAST({day} AS TIMESTAMP)"


def _units(unit: str) -> str:
    """Return the words of a unit in FOCUS's format, null for an unknown one; see `focus_unit`."""
    words = rf"string_split_regex(trim(regexp_replace(lower({unit}), '^server[\s-]+|-', ' ', 'g')), '\s+')"
    known = ", ".join(f"{_text(word)}: {_text(name)}" for word, name in UNITS.items())
    return f"[MAP {{{known}}}[regexp_replace(word, 's$', '')] FOR word IN {words}]"
