"""What `summarize` gives: the groups and their sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from decimal import Decimal

    from ._summary_keys import KeyPart


@frozen
class Group:
    """The lines with one key.

    `key` has a part for each name in `by`: text, a `date` for days, `2024-06` for a month, a `Decimal` for numbers (one
    for all that are equal), and `None` where the lines have nothing there (no project, untagged). `amount` is in the
    price currency (USD), credits included with their sign; `share` is amount / total to 28 digits, or `None` where the
    total is 0. `quantity` adds hours to gigabytes: it only means something where all lines have one unit, so group by
    "unit", too.

    >>> data = b"Date,Usage Date,SKU,Unit,Quantity,Amount\\n07/01/2024,06/30/2024,M10,server hours,24.0,1.920\\n"
    >>> (group,) = summarize(data, by=["sku", "day", "unit"]).groups
    >>> group.key
    ('M10', datetime.date(2024, 6, 30), 'server hours')
    >>> group.amount, group.quantity, group.lines, group.share
    (Decimal('1.92'), Decimal('24'), 1, Decimal('1'))
    """

    key: tuple[KeyPart, ...]
    amount: Decimal
    quantity: Decimal
    lines: int
    share: Decimal | None


@frozen
class Summary:
    """Sums of an invoice's lines: `groups` by amount, the largest first; their `total`, and of that the `credits`.

    `by` has the names that were asked for, in LineItem's spelling. `credits` is the sum of the lines whose SKU is
    `Credit`, with their sign as sent; they are in `total` and in the groups, too.

    >>> data = b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Credit,-0.50\\n07/01/2024,06/30/2024,M10,1.50\\n"
    >>> summary = summarize(data, by="SKU")
    >>> summary.by, [(group.key, group.amount) for group in summary.groups]
    (('sku',), [(('M10',), Decimal('1.5')), (('Credit',), Decimal('-0.5'))])
    >>> summary.total, summary.credits
    (Decimal('1'), Decimal('-0.5'))
    """

    by: tuple[str, ...]
    groups: tuple[Group, ...]
    total: Decimal
    credits: Decimal
