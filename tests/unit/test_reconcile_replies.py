"""Replies that aren't what they should be: reconciling one gives a result or a typed error, nothing else."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from attrs import fields
from hypothesis import given
from hypothesis import strategies as st

from atlas_invoices import BillingInvoice, UnexpectedResponseError, reconcile
from atlas_invoices_client.models import InvoiceLineItem
from odd_values import ODD
from reconcile_cases import LINES, Line, as_csv, as_json, kinds, messages


def test_nulls_among_line_items_and_linked_invoices_are_left_out_and_noted() -> None:
    items = [item for line in LINES for item in (None, line.item)]
    result = reconcile(as_csv(LINES), as_json(LINES, lineItems=items, linkedInvoices=[None]))
    assert result.matches, messages(result)
    assert result.invoice.lines == 7
    assert "ignored 7 nulls in the invoice's lineItems" in result.notes
    assert "ignored 1 null in the invoice's linkedInvoices" in result.notes
    assert not reconcile(as_csv(LINES[1:]), as_json(LINES, lineItems=items)).matches
    only_null = BillingInvoice.from_dict({"lineItems": [None]})
    assert kinds(reconcile(as_csv(LINES), only_null))[0] == "count"


def test_nulls_in_the_line_items_of_a_linked_invoice() -> None:
    linked = {"lineItems": [None, Line(amount="3.00").item], "subtotalCents": 300, "creditsCents": None}
    result = reconcile(as_csv([*LINES, Line(amount="3.00")]), as_json(LINES, linkedInvoices=[None, linked]))
    assert kinds(result) == ["amount_billed"]


@pytest.mark.parametrize("value", ["x", 5, ["x"], [5], {"a": 1}, True])
@pytest.mark.parametrize("field", ["lineItems", "linkedInvoices"])
def test_a_list_that_is_no_list_of_objects_is_a_typed_error(field: str, value: object) -> None:
    with pytest.raises(UnexpectedResponseError, match=field):
        reconcile(as_csv(LINES), as_json(LINES, **{field: value}))


def odd_objects(*fields: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(fields), ODD, max_size=len(fields))


odd_items = odd_objects(*(field.name for field in fields(InvoiceLineItem)), *Line(amount="1.00").item, "tags")
odd_sums = odd_objects("id", "orgId", "startDate", "endDate", "subtotalCents", "creditsCents", "salesTaxCents")
odd_invoices = st.builds(
    lambda sums, more, items, linked: {
        **sums,
        **more,
        "lineItems": items,
        "linkedInvoices": [{**sums, "lineItems": items}] * linked,
    },
    odd_sums,
    odd_objects("amountBilledCents", "startingBalanceCents", "payments", "refunds", "links", "statusName"),
    st.lists(st.none() | odd_items, max_size=4),
    st.integers(0, 2),
)


@given(odd_invoices)
def test_any_reply_at_all_gives_a_result_or_a_typed_error(document: dict[str, Any]) -> None:
    invoice = BillingInvoice.from_dict(document)
    with suppress(UnexpectedResponseError):
        result = reconcile(as_csv(LINES), invoice)
        assert not result.matches
        assert all(len(text) < 3000 for text in (*result.notes, *messages(result).split("\n")))
