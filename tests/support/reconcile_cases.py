"""An invoice's two sides, its CSV and its JSON, written from the same lines; and what reconciling them said."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from attrs import frozen

from atlas_invoices_client.models import BillingInvoice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlas_invoices import Reconciliation

INVOICE_ID = "666acb8787ba43606905dcae"
ORG_ID = "666acb8787ba43606905dcac"
ALPHA, BETA = "a" * 24, "b" * 24
COLUMNS = (
    *("Date", "Usage Date", "Description", "Note", "Organization Name", "Organization ID", "Project", "Project ID"),
    *("SKU", "Region", "Cluster", "Replica Set", "Config Server", "Application"),
    *("Unit", "Unit Price", "Quantity", "Discount Percent", "Amount"),
)


@frozen(kw_only=True)
class Line:
    """One line as both sides have it; `amount` is dollars as the CSV writes them, `cents` what the JSON has."""

    project: str | None = ALPHA
    day: int = 1
    cluster: str = ""
    text: str = "Atlas M10 Instance"
    code: str = "NDS_AWS_INSTANCE_M10"
    amount: str
    cents: int | None = None
    discount_cents: int | None = None
    price: str = ""
    quantity: str = ""
    discount: str = ""
    tags: Mapping[str, str] = {}

    @property
    def item(self) -> dict[str, Any]:
        """The line item of the JSON."""
        cents = int(Decimal(self.amount or "0") * 100) if self.cents is None else self.cents
        item: dict[str, Any] = {"startDate": f"2024-06-{self.day:02d}T00:00:00Z", "sku": self.code}
        item |= {"totalPriceCents": cents}
        if self.project:
            item |= {"groupId": self.project, "groupName": self.project[:1].upper()}
        if self.cluster:
            item["clusterName"] = self.cluster
        if self.quantity:
            item["quantity"] = float(self.quantity)
        if self.price:
            item["unitPriceDollars"] = float(self.price)
        if self.discount_cents is not None:
            item["discountCents"] = self.discount_cents
        if self.tags:
            item["tags"] = {key: [value] for key, value in self.tags.items()}
        return item


def as_csv(lines: Iterable[Line], *, preamble: bool = True) -> bytes:
    lines = list(lines)
    tags = sorted({key for line in lines for key in line.tags})
    out = io.StringIO()
    if preamble:
        out.write(f'Invoice Number,{INVOICE_ID},\nBilling Period,"June 1, 2024 - July 1, 2024",\n')
        out.write(f"Organization Name,Test 2,\nOrganization ID,{ORG_ID},\n\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"Tag/{key}" for key in tags)])
    for line in lines:
        cells = dict.fromkeys(COLUMNS, "") | {
            "Date": f"06/{line.day + 1:02d}/2024",
            "Usage Date": f"06/{line.day:02d}/2024",
            "Organization ID": ORG_ID,
            "Project": (line.project or "")[:1].upper(),
            "Project ID": line.project or "",
            "SKU": line.text,
            "Cluster": line.cluster,
            "Unit Price": line.price,
            "Quantity": line.quantity,
            "Discount Percent": line.discount,
            "Amount": line.amount,
        }
        writer.writerow([*cells.values(), *(line.tags.get(key, "") for key in tags)])
    return out.getvalue().encode()


def as_json(lines: Iterable[Line], **fields: object) -> BillingInvoice:
    """The invoice with those line items, whose sums agree with them; a field changed to `...` is left out."""
    items = [line.item for line in lines]
    net = [item["totalPriceCents"] - item.get("discountCents", 0) for item in items]
    subtotal, credits_ = sum(n for n in net if n > 0), sum(n for n in net if n < 0)
    whole: dict[str, object] = {
        "id": INVOICE_ID,
        "orgId": ORG_ID,
        "startDate": "2024-06-01T00:00:00Z",
        "endDate": "2024-07-01T00:00:00Z",
        "lineItems": items,
        "subtotalCents": subtotal,
        "creditsCents": credits_,
        "salesTaxCents": 777,
        "amountBilledCents": subtotal + credits_ + 777,
        **fields,
    }
    return BillingInvoice.from_dict({name: value for name, value in whole.items() if value is not ...})


CREDIT = Line(project=None, text="Credit", code="CREDIT", amount="-1.50", day=3)
LINES = [
    Line(amount="19.20"),
    Line(amount="0.05", day=2, text="Atlas Azure Data Transfer", code="NDS_AZURE_DATA_TRANSFER"),
    Line(amount="0.05", day=2, text="Atlas Azure Data Transfer", code="NDS_AZURE_DATA_TRANSFER", project=BETA),
    Line(amount="19.20"),
    Line(amount="149.00", project=None, text="Atlas Support", code="SUPPORT", day=3),
    CREDIT,
    Line(amount="7.31", project=BETA, day=4, text="Atlas Storage", code="NDS_STORAGE"),
]


def kinds(result: Reconciliation) -> list[str]:
    return [difference.kind for difference in result.differences]


def messages(result: Reconciliation) -> str:
    return "\n".join(difference.message for difference in result.differences)
