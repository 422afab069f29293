"""FOCUS from an invoice's lines: exact sums, the mapping, and warnings where FOCUS can't be met."""

from __future__ import annotations

import datetime as dt
import json
import warnings
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import atlas_invoices as ai
from invoice_lines import HEADER, PREAMBLE
from load_targets import assert_same_focus

INVOICE_ID = "666acb8787ba43606905dcae"


def focus_csv(*rows: dict[str, str], tags: tuple[str, ...] = (), more: str = "") -> bytes:
    """A CSV with a preamble, of rows by column name."""
    names = [*HEADER.decode().split(","), *(f"Tag/{tag}" for tag in tags), *filter(None, [more])]
    lines = [",".join('"' + row.get(name, "").replace('"', '""') + '"' for name in names) for row in rows]
    return PREAMBLE + "\n".join([",".join(names), *lines, ""]).encode()


USAGE = {
    "Date": "07/01/2024",
    "Usage Date": "06/30/2024",
    "Organization ID": "666acb8787ba43606905dcac",
    "Project": "=SUM(A1)",
    "Project ID": "64f0c0ffee0123456789ab01",
    "SKU": "Atlas M10 Instance - Azure",
    "Region": "US_EAST_2",
    "Cluster": "c0",
    "Unit": "server hours",
    "Unit Price": "0.08",
    "Quantity": "24",
    "Amount": "1.92",
}
CREDIT = {"Date": "07/01/2024", "Usage Date": "06/30/2024", "SKU": "Credit", "Note": "promo", "Amount": "-0.50"}


def invoice(**fields: Any) -> ai.BillingInvoice:
    return ai.BillingInvoice.from_dict({"id": INVOICE_ID, **fields})


def to_focus(data: bytes, version: str = "1.2", **fields: Any) -> pa.Table:
    return ai.to_focus(data, invoice=invoice(**fields), version=version)


def test_usage_credits_and_tax_add_up_to_the_amount_billed() -> None:
    table = to_focus(focus_csv(USAGE, CREDIT), salesTaxCents=14, amountBilledCents=156)

    assert table["ChargeCategory"].to_pylist() == ["Usage", "Credit", "Tax"]
    assert table["BilledCost"].to_pylist() == [Decimal("1.92"), Decimal("-0.50"), Decimal("0.14")]
    for name in ("EffectiveCost", "PricingCurrencyEffectiveCost", "ListCost", "ContractedCost"):
        assert table[name].to_pylist() == table["BilledCost"].to_pylist(), name


def test_a_line_of_usage_has_every_fact_in_the_columns_of_focus() -> None:
    row = to_focus(focus_csv(USAGE), "1.3").to_pylist()[0]

    assert {name: value for name, value in row.items() if value is not None} == {
        "BilledCost": Decimal("1.92"),
        "BillingAccountId": "666acb8787ba43606905dcac",
        "BillingAccountName": "Test 2",
        "BillingAccountType": "Organization",
        "BillingCurrency": "USD",
        "BillingPeriodEnd": dt.datetime(2024, 7, 1, tzinfo=dt.UTC),
        "BillingPeriodStart": dt.datetime(2024, 6, 1, tzinfo=dt.UTC),
        "ChargeCategory": "Usage",
        "ChargeDescription": "Atlas M10 Instance - Azure",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": dt.datetime(2024, 7, 1, tzinfo=dt.UTC),
        "ChargePeriodStart": dt.datetime(2024, 6, 30, tzinfo=dt.UTC),
        "ConsumedQuantity": Decimal(24),
        "ConsumedUnit": "Hours",
        "ContractedCost": Decimal("1.92"),
        "ContractedUnitPrice": Decimal("0.08"),
        "EffectiveCost": Decimal("1.92"),
        "HostProviderName": "Azure",
        "InvoiceId": INVOICE_ID,
        "InvoiceIssuerName": "MongoDB",
        "ListCost": Decimal("1.92"),
        "ListUnitPrice": Decimal("0.08"),
        "PricingCategory": "Standard",
        "PricingCurrency": "USD",
        "PricingCurrencyContractedUnitPrice": Decimal("0.08"),
        "PricingCurrencyEffectiveCost": Decimal("1.92"),
        "PricingCurrencyListUnitPrice": Decimal("0.08"),
        "PricingQuantity": Decimal(24),
        "PricingUnit": "Hours",
        "ProviderName": "MongoDB",
        "PublisherName": "MongoDB",
        "RegionId": "US_EAST_2",
        "RegionName": "US_EAST_2",
        "ResourceId": "64f0c0ffee0123456789ab01/c0",
        "ResourceName": "c0",
        "ResourceType": "Cluster",
        "ServiceCategory": "Databases",
        "ServiceName": "MongoDB Atlas",
        "ServiceProviderName": "MongoDB",
        "ServiceSubcategory": "NoSQL Databases",
        "SkuId": "Atlas M10 Instance - Azure",
        "SkuMeter": "Atlas M10 Instance - Azure",
        "SkuPriceId": "Atlas M10 Instance - Azure",
        "SubAccountId": "64f0c0ffee0123456789ab01",
        "SubAccountName": "=SUM(A1)",
        "SubAccountType": "Project",
        "x_AtlasSku": "Atlas M10 Instance - Azure",
        "x_BilledDateEnd": dt.datetime(2024, 7, 1, tzinfo=dt.UTC),
        "x_LineNumber": 7,
    }


def test_credits_and_tax_have_no_prices_units_or_skus() -> None:
    rows = to_focus(focus_csv(USAGE, CREDIT), salesTaxCents=14).to_pylist()[1:]

    for row in rows:
        usage = ("ListUnitPrice", "ContractedUnitPrice", "PricingQuantity", "PricingUnit", "PricingCategory", "SkuId")
        assert [row[name] for name in usage] == [None] * len(usage)
        assert (row["ChargeFrequency"], row["ResourceId"], row["ResourceType"]) == ("One-Time", None, None)
        assert row["BillingAccountId"] == "666acb8787ba43606905dcac"
    assert (rows[1]["ChargePeriodStart"], rows[1]["ChargePeriodEnd"]) == (
        dt.datetime(2024, 6, 1, tzinfo=dt.UTC),
        dt.datetime(2024, 7, 1, tzinfo=dt.UTC),
    )


def test_versions_have_their_columns() -> None:
    two, three = (to_focus(focus_csv(USAGE), version).column_names for version in ("1.2", "1.3"))

    assert [len([name for name in names if name[:2] != "x_"]) for names in (two, three)] == [57, 65]
    assert set(three) - set(two) >= {"HostProviderName", "AllocatedTags"}
    with pytest.raises(ai.ConfigError, match=r"1\.2' or '1\.3', not '1\.4'"):
        to_focus(focus_csv(USAGE), "1.4")


@pytest.mark.parametrize(("discount", "factor"), [("12.5", "0.875"), ("0.125", "0.875")])
def test_the_unit_of_a_discount_is_found_from_the_amounts(discount: str, factor: str) -> None:
    line = {**USAGE, "Unit Price": "0.54", "Quantity": "71.897507", "Discount Percent": discount, "Amount": "33.97"}

    row = to_focus(focus_csv(line, CREDIT)).to_pylist()[0]

    price = Decimal("0.54") * Decimal(factor)
    assert (row["ListCost"], row["ContractedUnitPrice"]) == (Decimal("38.82465378"), price)
    assert row["ContractedCost"] == price * Decimal("71.897507")
    assert row["BilledCost"] == Decimal("33.97")


def test_a_discount_of_an_unknown_unit_leaves_the_contracted_price_empty() -> None:
    line = {**USAGE, "Discount Percent": "50", "Amount": "1.23"}

    with pytest.warns(UserWarning, match="1 line has a discount, but the amounts don't show whether"):
        row = to_focus(focus_csv(line)).to_pylist()[0]

    assert (row["ContractedUnitPrice"], row["ContractedCost"], row["ListUnitPrice"]) == (
        None,
        Decimal("1.23"),
        Decimal("0.08"),
    )


def test_products_are_exact_or_rounded_with_a_warning() -> None:
    price, quantity = "0.00034722222222222224", "24.000000000000000001"
    exact = to_focus(focus_csv({**USAGE, "Unit Price": price, "Quantity": "24.000000000000001"}))
    assert exact["ListCost"].to_pylist() == [Context(prec=50).multiply(Decimal(price), Decimal("24.000000000000001"))]

    with pytest.warns(UserWarning, match="ContractedCost and ListCost: 2 numbers rounded to 38 digits"):
        rounded = to_focus(focus_csv({**USAGE, "Unit Price": price, "Quantity": quantity, "Amount": "123456.78"}))

    assert abs(rounded["ListCost"].to_pylist()[0] - Decimal(price) * Decimal(quantity)) < Decimal("1e-30")
    assert rounded["BilledCost"].to_pylist() == [Decimal("123456.78")]


def test_tags_are_a_json_object_of_texts() -> None:
    tagged = {**USAGE, "Tag/team": 'Ida "I" Öst', "Tag/cost center": "a,b\nc"}

    table = to_focus(focus_csv(tagged, USAGE, tags=("team", "cost center")))

    text, none = table["Tags"].to_pylist()
    assert json.loads(text) == {"team": 'Ida "I" Öst', "cost center": "a,b\nc"}
    assert none is None


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("GB hours", "GB-Hours"), ("GB days", "GB-Days"), ("requests", "Requests"), ("months", "Months"), ("GB", "GB")],
)
def test_units_are_in_the_format_of_focus(unit: str, expected: str) -> None:
    assert to_focus(focus_csv({**USAGE, "Unit": unit}))["PricingUnit"].to_pylist() == [expected]


def test_an_unknown_unit_is_kept_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="kept as sent: furlongs"):
        table = to_focus(focus_csv({**USAGE, "Unit": "furlongs"}))
    assert table["ConsumedUnit"].to_pylist() == ["furlongs"]


@pytest.mark.parametrize("discount", ["12.5", "0.125", "50", "12.500000345678"])
def test_the_view_of_a_database_has_the_same_rows(tmp_path: Path, discount: str) -> None:
    rows = [
        {**USAGE, "Unit": unit, "Tag/team": 'Ida "I" Öst, \n', "Discount Percent": discount, "Quantity": "71.8975"}
        for unit in ("GB hours", "server hours", "server", "Server-hours", "GB  days", "GB x", "%", "GB-hours ", "it's")
    ]
    rows[0] |= {"Unit Price": "0.54", "Quantity": "71.897507", "Amount": "33.97", "Currency": "EUR"}
    rows += [CREDIT, USAGE, {**USAGE, "Project ID": "", "Organization Name": "x"}]
    rows += [{**USAGE, "Usage Date": "", "Amount": ""}, {**USAGE, "Quantity": "", "SKU": "Search awsx"}]
    (tmp_path / "1.csv").write_bytes(focus_csv(*rows, tags=("team",), more="Currency"))
    fields = {"groupId": USAGE["Project ID"], "clusterName": "c0", "cloudProvider": "GCP"}
    (tmp_path / "1.json").write_text(json.dumps({"id": INVOICE_ID, "salesTaxCents": 14, "lineItems": [fields]}))
    ai.load(f"duckdb:{tmp_path / 'costs.db'}", tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = ai.to_focus(tmp_path, version="1.3")
    assert_same_focus(tmp_path / "costs.db", expected)


def test_without_the_json_there_is_no_tax_and_a_warning() -> None:
    with pytest.warns(UserWarning, match="no sales tax for 666acb8787ba43606905dcae: only the invoice's JSON has it"):
        assert ai.to_focus(focus_csv(USAGE)).num_rows == 1


def test_sums_that_differ_from_the_json_are_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"BilledCost adds up to 1\.92, the invoice's amountBilledCents to 2\.00"):
        to_focus(focus_csv(USAGE), amountBilledCents=200)


def test_a_prepaid_invoice_and_a_payment_in_another_currency_are_warned_of() -> None:
    payment = {"currency": "EUR", "unitPrice": "0.9"}
    with (
        pytest.warns(UserWarning, match="is prepaid: what was drawn"),
        pytest.warns(UserWarning, match="is paid in EUR; its lines and these costs are in USD"),
    ):
        to_focus(focus_csv(USAGE, CREDIT), statusName="PREPAID", payments=[payment], amountBilledCents=142)


def test_the_json_names_the_cloud_of_a_cluster_whose_skus_do_not() -> None:
    line = {**USAGE, "SKU": "Atlas Search"}
    item = {"groupId": USAGE["Project ID"], "clusterName": "c0", "cloudProvider": "GCP"}

    assert to_focus(focus_csv(line), "1.3", lineItems=[item])["HostProviderName"].to_pylist() == ["GCP"]
    assert to_focus(focus_csv(line), "1.3")["HostProviderName"].to_pylist() == [None]


def test_each_currency_has_its_own_lines_and_none_is_taken_for_another() -> None:
    rows = ({**USAGE, "Currency": "EUR"}, {**USAGE, "Currency": "USD"}, USAGE)

    table = to_focus(focus_csv(*rows, more="Currency"))

    assert table["BillingCurrency"].to_pylist() == ["EUR", "USD", "USD"]


def test_a_folder_takes_the_json_beside_each_csv(tmp_path: Path) -> None:
    for number, tax in ((1, 7), (2, 0)):
        identifier = f"{number:024x}"
        csv = focus_csv(USAGE).replace(INVOICE_ID.encode(), identifier.encode())
        (tmp_path / f"2024-0{number}.csv").write_bytes(csv)
        (tmp_path / f"2024-0{number}.json").write_text(json.dumps({"id": identifier, "salesTaxCents": tax}))

    table = ai.to_focus(tmp_path)

    assert table["ChargeCategory"].to_pylist() == ["Usage", "Tax", "Usage"]
    assert table["InvoiceId"].to_pylist() == [f"{1:024x}", f"{1:024x}", f"{2:024x}"]


def test_an_invoice_without_lines_may_have_tax() -> None:
    assert to_focus(focus_csv(), salesTaxCents=14)["BilledCost"].to_pylist() == [Decimal("0.14")]


def test_a_csv_without_a_period_is_an_error_that_says_so() -> None:
    data = b"Date,Usage Date,SKU,Amount\n07/01/2024,06/30/2024,Support,1.92\n"
    with pytest.raises(ai.InvoiceFormatError, match="no Billing Period above its header row"):
        ai.to_focus(data)


def test_the_json_has_the_period_of_a_csv_without_a_preamble() -> None:
    data = focus_csv(USAGE).removeprefix(PREAMBLE)
    facts = {"startDate": "2024-06-01T00:00:00Z", "endDate": "2024-07-01T00:00:00Z", "orgId": "0" * 24}

    row = to_focus(data, salesTaxCents=14, **facts).to_pylist()[1]

    assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == (
        dt.datetime(2024, 6, 1, tzinfo=dt.UTC),
        dt.datetime(2024, 7, 1, tzinfo=dt.UTC),
    )
    assert (row["InvoiceId"], row["BillingAccountId"]) == (INVOICE_ID, "0" * 24)


def test_a_csv_without_amounts_is_an_error() -> None:
    with pytest.raises(ai.InvoiceFormatError, match="Amount"):
        to_focus(PREAMBLE + b"Date,Usage Date,SKU\n07/01/2024,06/30/2024,Support\n")


def test_the_json_of_another_invoice_is_an_error() -> None:
    with pytest.raises(ai.ConfigError, match="don't include invoice 0000"):
        ai.to_focus(focus_csv(USAGE), invoice=ai.BillingInvoice.from_dict({"id": "0" * 24}))


def test_a_marketplace_can_be_the_issuer() -> None:
    table = ai.to_focus(focus_csv(USAGE), invoice=invoice(), issuer="AWS Marketplace")
    assert table.select(["InvoiceIssuerName", "ProviderName"]).to_pylist() == [
        {"InvoiceIssuerName": "AWS Marketplace", "ProviderName": "MongoDB"}
    ]
