"""Generate the sandbox's invoices, with payments and refunds, from a seed."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from attrs import define, field
from dateutil.relativedelta import relativedelta

from ._auth import Credentials
from ._catalogue import FRIENDLY, ODD, Company, Resource
from ._data import Invoice, Lines, Organization, Payment, Refund
from ._lines import LinesInMemory, RepeatedLines, credit_line, make_lines
from ._settings import Settings

MAX_LINES_IN_MEMORY = 10_000
"""An invoice with more lines is streamed and repeats its lines."""

_PATTERN_LINES = 2048
_PATTERNS = 4

# The positions below count from the newest invoice, 0.
_BALANCE_AT = 10
_REFUND_AT = 3
# Each payment's share per mille, exchange rate and currency.
_SHARES = {
    2: ((1000, "0.9187", "EUR"),),
    3: ((600, "1", "USD"), (400, "0.91873", "EUR")),
    6: ((500, "1", "USD"), (300, "1", "USD"), (200, "1", "USD")),
}
_ONE_PAYMENT = ((1000, "1", "USD"),)
_PAYMENT_STATUS = {
    "PAID": "PAID",
    "FAILED": "ERROR",  # the document describes this value, but its enumeration lacks it
    "CLOSED": "NEW",
    "INVOICED": "INVOICED",
    "FORGIVEN": "FORGIVEN",
}
_LINKED_LINES = 45


@define
class Ledger:
    """All data of one sandbox, made when it's first needed; thread-safe."""

    settings: Settings
    credentials: Credentials = field(init=False)
    organizations: tuple[Organization, ...] = field(init=False)
    linked_organization: Organization = field(init=False)
    _company: Company = field(init=False)
    _project_ids: tuple[str, ...] = field(init=False)
    _linked_project_ids: tuple[str, ...] = field(init=False)
    _ids: tuple[str, ...] = field(init=False)
    _linked_ids: tuple[str, ...] = field(init=False)
    _positions: dict[str, int] = field(init=False)
    _cache: dict[str, Invoice] = field(init=False, factory=dict)
    _lock: threading.RLock = field(init=False, factory=threading.RLock, repr=False)

    def __attrs_post_init__(self) -> None:
        random = Random(self.settings.seed)  # noqa: S311 - made-up data, not secrets
        self.credentials = Credentials.generate(random)
        self._company = ODD if self.settings.odd else FRIENDLY
        first = Organization(_make_id(random), self._company.name)
        self.linked_organization = Organization(_make_id(random), self._company.linked_name)
        self._project_ids = tuple(_make_id(random) for _ in self._company.projects)
        self._linked_project_ids = tuple(_make_id(random) for _ in self._company.projects)
        others = (Organization(_make_id(random), f"Nordwind-{n}") for n in range(2, self.settings.organizations + 1))
        self.organizations = (first, *others)
        self._ids = tuple(_make_id(random) for _ in range(self.settings.months))
        self._linked_ids = tuple(_make_id(random) for _ in range(self.settings.months))
        self._positions = {id_: n for ids in (self._ids, self._linked_ids) for n, id_ in enumerate(ids)}

    @property
    def invoices(self) -> tuple[Invoice, ...]:
        """The first organization's invoices, newest first; the newest is pending."""
        return tuple(self._get(id_) for id_ in self._ids)

    def invoices_of(self, organization_id: str) -> tuple[Invoice, ...]:
        """Return an organization's invoices, newest first; only the first organization has any."""
        return self.invoices if organization_id == self.organizations[0].id else ()

    def find(self, invoice_id: str) -> Invoice | None:
        """Return the invoice with this ID, linked or not; None if there isn't one."""
        return self._get(invoice_id) if invoice_id in self._positions else None

    def _get(self, id_: str) -> Invoice:
        with self._lock:
            if id_ not in self._cache:
                self._cache[id_] = self._make(id_)
            return self._cache[id_]

    def _make(self, id_: str) -> Invoice:
        position = self._positions[id_]
        is_linked = id_ == self._linked_ids[position]
        # Each invoice has its own random source, so it depends neither on the others nor on the number of months.
        random = Random(f"{self.settings.seed}/{position}/{is_linked}")  # noqa: S311 - made-up data, not secrets
        end = self.settings.today.replace(day=1) + relativedelta(months=1 - position)
        start = end - relativedelta(months=1)
        statuses, tags = self._company.statuses, self._company.tags
        status = statuses[position] if position < len(statuses) else "PAID"
        tag_keys = () if is_linked else tags[position % len(tags)]
        lines = self._make_lines(random, position, is_linked, status, tag_keys, start)
        if not len(lines) and status != "PENDING":
            status = "FREE"
        subtotal, credit = lines.subtotal_cents, lines.credits_cents
        tax = _sales_tax(subtotal + credit) if position % 3 != 1 else 0
        created = datetime(end.year, end.month, end.day, 6, 30, tzinfo=UTC)
        payments = _make_payments(random, position, status, (subtotal, tax, subtotal + credit), created)
        return Invoice(
            id=id_,
            organization=self.linked_organization if is_linked else self.organizations[0],
            start=start,
            end=end,
            status=status,
            lines=lines,
            tag_keys=tag_keys,
            subtotal_cents=subtotal,
            credits_cents=credit,
            sales_tax_cents=tax,
            amount_billed_cents=subtotal + credit + tax,
            amount_paid_cents=sum(payment.amount_paid_cents for payment in payments),
            starting_balance_cents=12_500 if position == _BALANCE_AT else 0,
            payments=payments,
            refunds=_make_refunds(position, payments, created),
            linked=() if is_linked else (self._get(self._linked_ids[position]),),
            created=created,
            updated=created + timedelta(days=3, minutes=position),
        )

    def _make_lines(
        self, random: Random, position: int, is_linked: bool, status: str, tag_keys: tuple[str, ...], start: date
    ) -> Lines:
        days = self.settings.today.day if position == 0 else (start + relativedelta(months=1) - start).days
        company = self._company
        everything = company.resources(self._linked_project_ids if is_linked else self._project_ids, tag_keys, 0)
        usage = company.resources(self._linked_project_ids if is_linked else self._project_ids, tag_keys, position)
        exact = self.settings.lines if position == 1 and not is_linked else None
        if exact is not None and exact > MAX_LINES_IN_MEMORY:
            # By default its JSON has only sums, in which a missing line of 0.00 couldn't be noticed.
            usage = tuple(map(Resource.at_least_one_cent, usage))
            patterns = [
                make_lines(random, usage, start, days, _PATTERN_LINES, True, company.credit_notes)
                for _ in range(_PATTERNS)
            ]
            return RepeatedLines(patterns, exact, start, days)
        count = exact
        if count is None:
            typical = _LINKED_LINES if is_linked else self.settings.typical_lines
            if self.settings.odd:
                count = 0 if status == "FREE" else random.randint(typical // 2, typical * 3 // 2)
            else:
                # As many lines for each resource in every month; fewer in a month that isn't over.
                count = typical * len(usage) * days // (len(everything) * 30)
        lines = make_lines(
            random, usage, start, days, count, position % 2 == 1 or not self.settings.odd, company.credit_notes
        )
        if status == "PREPAID" and exact is None and lines:
            left = sum(line.amount_cents for line in lines)
            lines.append(credit_line(lines[-1].usage_date, left, "Prepaid plan"))
        return LinesInMemory.of(lines)


def _make_payments(
    random: Random, position: int, status: str, totals: tuple[int, int, int], created: datetime
) -> tuple[Payment, ...]:
    """Make payments that add up to `totals` (subtotal, tax, billed amount in cents); none if nothing is due.

    The billed amount excludes tax, because the documented formula for the amount owed adds the tax to it.
    """
    if status not in _PAYMENT_STATUS or totals[2] <= 0:
        return ()
    payments = []
    shares = _SHARES.get(position, _ONE_PAYMENT)
    left = list(totals)
    for number, (share, rate, currency) in enumerate(shares):
        # The last payment gets the remainder, so that no cent is lost.
        part = left if number == len(shares) - 1 else [amount * share // 1000 for amount in totals]
        left = [whole - taken for whole, taken in zip(left, part, strict=True)]
        payments.append(
            Payment(
                id=_make_id(random),
                status=_PAYMENT_STATUS[status],
                subtotal_cents=part[0],
                sales_tax_cents=part[1],
                amount_billed_cents=part[2],
                amount_paid_cents=part[2] + part[1] if status == "PAID" else 0,
                unit_price=rate,
                currency=currency,
                created=created + timedelta(hours=number),
                updated=created + timedelta(days=2, hours=number),
            )
        )
    return tuple(payments)


def _make_refunds(position: int, payments: tuple[Payment, ...], created: datetime) -> tuple[Refund, ...]:
    if position != _REFUND_AT or not payments:
        return ()
    payment = payments[0]
    amount = min(2599, payment.amount_paid_cents)
    return (Refund(payment.id, amount, "Outage on the 14th", created + timedelta(days=5)),)


def _make_id(random: Random) -> str:
    return f"{random.getrandbits(96):024x}"


def _sales_tax(cents: int) -> int:
    return int((Decimal(max(cents, 0)) * Decimal("0.0825")).quantize(Decimal(1), ROUND_HALF_UP))
