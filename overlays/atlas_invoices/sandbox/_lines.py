"""Generate an invoice's lines: daily usage first, then the organization's support plan and credits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from attrs import field, frozen

from ._catalogue import CREDIT_CODE, CREDIT_TEXT, SUPPORT, Resource
from ._data import Block, Line

_ONE = Decimal(1)
_HUNDRED = Decimal(100)
_NO_DISCOUNT = Decimal(0)
_DAY = timedelta(days=1)
_MILLIONTH = Decimal("0.000001")

_MIN_LINES_FOR_SPECIALS = 40
"""An invoice with fewer lines has daily usage only."""


@frozen
class LinesInMemory:
    """The lines of an ordinary invoice."""

    _lines: Sequence[Line]
    subtotal_cents: int
    credits_cents: int

    @classmethod
    def of(cls, lines: Sequence[Line]) -> LinesInMemory:
        """Add up the lines."""
        amounts = [line.amount_cents for line in lines]
        return cls(lines, sum(a for a in amounts if a > 0), sum(a for a in amounts if a < 0))

    def __len__(self) -> int:
        return len(self._lines)

    def blocks(self) -> Iterator[Block]:
        """Yield all lines in one block."""
        yield Block(self._lines)


@frozen
class RepeatedLines:
    """Any number of lines in constant memory: patterns in turn, each repetition on a later day of the period."""

    patterns: Sequence[Sequence[Line]]
    count: int
    start: date
    days: int
    subtotal_cents: int = field(init=False)
    credits_cents: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        full, rest = divmod(self.count, len(self.patterns[0]))
        repetitions, extra = divmod(full, len(self.patterns))
        sums = [
            (LinesInMemory.of(pattern), repetitions + (index < extra)) for index, pattern in enumerate(self.patterns)
        ]
        sums.append((LinesInMemory.of(self.patterns[extra][:rest]), 1))
        object.__setattr__(self, "subtotal_cents", sum(each.subtotal_cents * times for each, times in sums))
        object.__setattr__(self, "credits_cents", sum(each.credits_cents * times for each, times in sums))

    def __len__(self) -> int:
        return self.count

    def blocks(self) -> Iterator[Block]:
        """Yield one pattern at a time, the last one cut to length."""
        size = len(self.patterns[0])
        total = -(-self.count // size)
        for number in range(total):
            pattern = self.patterns[number % len(self.patterns)]
            left = self.count - number * size
            yield Block(pattern if left >= size else pattern[:left], self.start + _DAY * (number * self.days // total))


def make_lines(
    random: Random,
    resources: Sequence[Resource],
    start: date,
    days: int,
    count: int,
    discounts: bool,
    credit_notes: Sequence[str],
) -> list[Line]:
    """Make exactly `count` lines for `days` days from `start`, with late usage, support and credits if they fit."""
    if count < _MIN_LINES_FOR_SPECIALS:
        return _usage(random, resources, start, days, count, discounts)
    late = _usage(random, resources, start - 2 * _DAY, 2, 3, discounts)
    specials = 1 + len(credit_notes)
    lines = late + _usage(random, resources, start, days, count - len(late) - specials, discounts)
    last = start + (days - 1) * _DAY
    lines.append(_usage_line(Resource(SUPPORT, "", ""), last, Decimal(1), _NO_DISCOUNT))
    positive = sum(line.amount_cents for line in lines)
    return lines + [credit_line(last, positive * random.randint(1, 40) // 1000, note) for note in credit_notes]


def credit_line(day: date, cents: int, note: str) -> Line:
    """Make a credit of `cents`; its amount is negative (Atlas doesn't document the sign)."""
    return Line(
        bill_date=day + _DAY,
        usage_date=day,
        note=note,
        sku=CREDIT_TEXT,
        sku_code=CREDIT_CODE,
        provider="ATLAS",
        unit_price=Decimal(-cents).scaleb(-2),
        quantity=_ONE,
        discount_percent=_NO_DISCOUNT,
        gross_cents=-cents,
        amount_cents=-cents,
    )


def _usage(
    random: Random, resources: Sequence[Resource], start: date, days: int, count: int, discounts: bool
) -> list[Line]:
    lines = []
    for number in range(count):
        resource = resources[number % len(resources)]
        quantity = random.randint(resource.sku.low, resource.sku.high) * _MILLIONTH
        discount = resource.discount if discounts else _NO_DISCOUNT
        lines.append(_usage_line(resource, start + _DAY * (number * days // count), quantity.normalize(), discount))
    return lines


def _usage_line(resource: Resource, day: date, quantity: Decimal, discount: Decimal) -> Line:
    sku = resource.sku
    price = sku.unit_price * quantity
    return Line(
        bill_date=day + _DAY,
        usage_date=day,
        description=sku.description,
        project=resource.project,
        project_id=resource.project_id,
        sku=sku.text,
        sku_code=sku.code,
        provider=sku.provider,
        region=resource.region,
        cluster=resource.cluster,
        replica_set=resource.replica_set,
        config_server=resource.config_server,
        application=resource.application,
        unit=sku.unit,
        unit_price=sku.unit_price,
        quantity=quantity,
        discount_percent=discount,
        gross_cents=int((price * _HUNDRED).quantize(_ONE, ROUND_HALF_UP)),
        # The factors of 100 for cents and 1/100 for percent cancel out.
        amount_cents=int((price * (_HUNDRED - discount)).quantize(_ONE, ROUND_HALF_UP)),
        tags=resource.tags,
    )
