"""Every invoice of the sandbox, fetched over the wire both ways: they reconcile, and damaged files don't."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from decimal import Decimal
from itertools import pairwise
from random import Random
from subprocess import run
from typing import TYPE_CHECKING

import pytest
from attrs import frozen

from atlas_invoices import BillingInvoice, Client, DigestAuth, owed, read_csv, reconcile
from atlas_invoices.sandbox import Sandbox, Settings
from reconcile_cases import messages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MONTHS = 14
SAMPLES = 6


@frozen
class Pair:
    """One invoice as JSON, and its CSV as sent."""

    invoice: BillingInvoice
    csv: bytes


@pytest.fixture(scope="module")
def pairs() -> Iterator[list[Pair]]:
    with Sandbox(Settings(months=MONTHS, typical_lines=60)) as sandbox:
        auth = DigestAuth(sandbox.public_key, sandbox.private_key)
        with Client(auth=auth, base_url=sandbox.base_url) as atlas:
            [organization] = atlas.list_organizations()
            org_id = str(organization.id)
            yield [
                Pair(atlas.get_invoice(org_id, str(found.id)), atlas.get_invoice_csv(org_id, str(found.id)))
                for found in atlas.list_invoices(org_id)
            ]


@pytest.fixture(params=range(MONTHS))
def pair(pairs: list[Pair], request: pytest.FixtureRequest) -> Pair:
    position: int = request.param
    return pairs[position]


def rows(pair: Pair) -> tuple[list[list[str]], int]:
    """All rows of the CSV, and the place of its header among them."""
    found = list(csv.reader(io.StringIO(pair.csv.decode(), newline="")))
    return found, next(place for place, row in enumerate(found) if row[:1] == ["Date"])


def written(found: list[list[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(found)
    return out.getvalue().encode()


def some(begin: int, end: int) -> list[int]:
    """A few places in the range: its ends, and others that are the same in every run."""
    places = range(begin, end)
    inner = Random(1).sample(places, min(SAMPLES, len(places)))  # noqa: S311 - a sample for a test
    return sorted({*inner, *places[:1], *places[-1:]})


def test_every_invoice_matches_its_csv(pair: Pair) -> None:
    result = reconcile(pair.csv, pair.invoice)
    assert result.matches, messages(result)
    assert result.rounding == ()
    assert result.csv.lines == result.invoice.lines
    assert result.csv.total_cents == sum((line.amount or 0) for line in read_csv(pair.csv)) * 100


def test_a_dropped_line_is_missed(pair: Pair) -> None:
    found, header = rows(pair)
    amount = found[header].index("Amount")
    for place in some(header + 1, len(found)):
        result = reconcile(written(found[:place] + found[place + 1 :]), pair.invoice)
        assert not result.matches
        assert result.differences[0].kind == "incomplete"
        assert (
            f"lacks 1 of the invoice's {len(found) - header - 1} line items, {Decimal(found[place][amount]):,} in total"
            in messages(result)
        )


def test_a_line_changed_by_a_cent_is_found(pair: Pair) -> None:
    found, header = rows(pair)
    amount = found[header].index("Amount")
    for place in some(header + 1, len(found)):
        changed = [list(row) for row in found]
        changed[place][amount] = str(Decimal(changed[place][amount]) + Decimal("0.01"))
        result = reconcile(written(changed), pair.invoice)
        assert not result.matches
        assert {"total", "line"} <= {difference.kind for difference in result.differences}
        assert f"has {Decimal(changed[place][amount]):,};" in messages(result)


def test_a_file_cut_anywhere_is_seen(pair: Pair) -> None:
    last_row, end = pair.csv[:-1].rfind(b"\n") + 1, len(pair.csv)
    for length in sorted({*some(0, last_row), *range(last_row, end, 7), *range(end - 12, end)}):
        result = reconcile(pair.csv[:length], pair.invoice)
        assert not result.matches, pair.csv[:length][-60:]
        assert result.differences[0].kind in {"unreadable", "incomplete"}, messages(result)


def test_amounts_swapped_between_projects_are_found(pair: Pair) -> None:
    found, header = rows(pair)
    amount, project = found[header].index("Amount"), found[header].index("Project ID")
    random = Random(2)  # noqa: S311 - a sample for a test
    for _ in range(4 * SAMPLES):
        one, other = random.sample(range(header + 1, len(found)), 2) if len(found) > header + 2 else (-1, -1)
        if found[one][amount] == found[other][amount] or found[one][project] == found[other][project]:
            continue
        changed = [list(row) for row in found]
        changed[one][amount], changed[other][amount] = found[other][amount], found[one][amount]
        result = reconcile(written(changed), pair.invoice)
        assert "project" in {difference.kind for difference in result.differences}


@pytest.mark.parametrize("seed", range(3, 9))
def test_invoices_of_other_seeds_match_without_a_warning(seed: int) -> None:
    with Sandbox(Settings(seed=seed, months=14, typical_lines=20)) as sandbox:
        auth = DigestAuth(sandbox.public_key, sandbox.private_key)
        with Client(auth=auth, base_url=sandbox.base_url) as atlas:
            for found in atlas.list_invoices(sandbox.org_id):
                invoice = atlas.get_invoice(sandbox.org_id, str(found.id))
                result = reconcile(atlas.get_invoice_csv(sandbox.org_id, str(found.id)), invoice)
                assert result.matches, messages(result)
                assert result.warnings == ()


def test_the_command_says_what_it_forgave_unless_quiet(tmp_path: Path) -> None:
    with Sandbox(Settings(months=3, typical_lines=30)) as sandbox:
        auth = DigestAuth(sandbox.public_key, sandbox.private_key)
        with Client(auth=auth, base_url=sandbox.base_url) as atlas:
            invoice_id = next(str(found.id) for found in atlas.list_invoices(sandbox.org_id, statuses=["PAID"]))
            data = atlas.get_invoice_csv(sandbox.org_id, invoice_id)
        lines, header = rows(Pair(BillingInvoice(), data))
        day = lines[header].index("Usage Date")
        lines[-1][day] = "12/31/2199"
        path = tmp_path / "moved.csv"
        path.write_bytes(written(lines))
        command = [sys.executable, "-m", "atlas_invoices", "reconcile", invoice_id, "--csv", str(path)]
        environment = {**os.environ, **sandbox.environment()}
        said, quiet, as_json = (
            run([*command, *more], env=environment, capture_output=True, text=True, check=True)
            for more in ((), ("-q",), ("--format", "json"))
        )
    assert said.stdout.startswith("matches: ")
    assert said.stderr == "note: 1 line has a different day in the CSV than in the invoice, with the same amount\n"
    assert quiet.stderr == ""
    assert as_json.stderr == said.stderr
    assert json.loads(as_json.stdout)["warnings"] == [said.stderr.removeprefix("note: ").rstrip()]


def test_the_csv_of_another_month_does_not_match(pairs: list[Pair]) -> None:
    result = reconcile(pairs[2].csv, pairs[1].invoice)
    assert [difference.kind for difference in result.differences][:2] == ["invoice_id", "period"]


def test_discounts_are_percentages(pairs: list[Pair]) -> None:
    units = [reconcile(pair.csv, pair.invoice).discount_unit for pair in pairs]
    assert "percent" in units
    assert set(units) <= {"percent", None}


def test_an_invoice_too_long_for_line_items_is_compared_by_its_sums() -> None:
    with Sandbox(Settings(months=2, lines=12_000)) as sandbox:
        auth = DigestAuth(sandbox.public_key, sandbox.private_key)
        with Client(auth=auth, base_url=sandbox.base_url) as atlas:
            org_id = sandbox.org_id
            invoice_id = [str(found.id) for found in atlas.list_invoices(org_id)][1]
            invoice = atlas.get_invoice(org_id, invoice_id)
            with atlas.stream_invoice_csv(org_id, invoice_id) as body:
                result = reconcile(body, invoice)
            assert result.matches, messages(result)
            assert (result.csv.lines, result.invoice.lines) == (12_000, None)
            data = atlas.get_invoice_csv(org_id, invoice_id)
    # Each line has money, so that no sum stays the same without it.
    assert all(line.amount for line in read_csv(data))
    header = data.index(b"\nDate,") + 1
    ends = [at + 1 for at in range(header, len(data)) if data[at : at + 1] == b"\n"]
    for begin, end in list(pairwise(ends))[:: len(ends) // SAMPLES]:
        dropped = reconcile(data[:begin] + data[end:], invoice)
        assert not dropped.matches
        assert dropped.differences[0].message
    cut = reconcile(data[: data.rfind(b"\n", 0, -1) + 1], invoice)
    assert not cut.matches
    assert " short" in messages(cut)


def test_what_each_invoice_owes(pairs: list[Pair]) -> None:
    """The sandbox has an invoice in euros, one in two currencies, one with a balance, and some without payments."""
    results = [owed(pair.invoice) for pair in pairs]
    assert {tuple(result.by_currency) for result in results} == {(), ("USD",), ("EUR",), ("USD", "EUR")}
    assert any(result.starting_balance_applied and result.starting_balance_cents for result in results)
    for pair, result in zip(pairs, results, strict=True):
        for currency, total in result.by_currency.items():
            payments = [payment for payment in pair.invoice.payments or [] if payment.currency == currency]
            expected = sum(
                (payment.amount_billed_cents or 0) * Decimal(str(payment.unit_price)) + (payment.sales_tax_cents or 0)
                for payment in payments
            )
            balance = pair.invoice.starting_balance_cents or 0
            assert total == expected - (balance if len(result.by_currency) == 1 else 0)
