"""Put the page together: one HTML file with its data, style, scripts and a strict Content-Security-Policy."""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from importlib.resources import files

import jinja2
from markupsafe import Markup

from atlas_invoices._csv import EXACT, InvoiceHeader
from atlas_invoices._models import BillingInvoice
from atlas_invoices._money import cents_or_none, money, owed, round_cents
from atlas_invoices._utils import text_or_none

from . import _charts
from ._data import Invoice, ReportData, Totals
from ._payload import make_payload, shorten
from ._tables import Tables

_TITLES = {
    "project": "By project",
    "service": "By service",
    "cluster": "By cluster",
    "sku": "By SKU",
    "tag": "By tag",
}
_HELP = {
    "service": "SKUs grouped by what they are for: backup, storage, data transfer and so on.",
    "cluster": "Support, credits and other lines without a cluster are under (no cluster).",
}


def render(data: ReportData, today: dt.date) -> str:
    """Return the whole document."""
    payload = make_payload(data)
    tables = Tables(payload)
    weekly = len(payload["kinds"]["day"]["keys"]) > _charts.MAX_DAYS
    charts = _charts.specifications(months=bool(tables.months), tags=bool(data.tags), weekly=weekly)
    # "<", ">" and "&" can't end a script or begin a comment in it.
    data_json = json.dumps({**payload, "charts": charts}, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        data_json = data_json.replace(character, f"\\u{ord(character):04x}")
    heading = _heading(data)
    style, script = _resource("page.css"), _resource("page.js")
    scripts = [_charts.runtime(), script]
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja").render(
        policy=_policy(style, scripts),
        style=Markup(style),  # noqa: S704 - our own file
        scripts=[Markup(each) for each in scripts],  # noqa: S704 - our own file, and vl-convert's
        data=Markup(data_json),  # noqa: S704 - escaped above
        title=", ".join(filter(None, heading)),
        heading=heading,
        today=today.isoformat(),
        currency=payload["currencies"][0],
        currencies=payload["currencies"],
        projects=payload["projects"],
        tags=payload["tags"],
        figures=tables.figures(),
        titles=[(name, _TITLES[name], _HELP.get(name, "")) for name in _TITLES if name != "tag" or data.tags],
        tables={
            "project": tables.by_project(),
            "tag": tables.by_tag(0) if data.tags else None,
            **{kind: tables.by_kind(kind) for kind in payload["kinds"]},
            "largest": tables.lines("largest"),
            "credits": tables.lines("credits"),
            **({"month": tables.by_month(), "change": tables.changes()} if tables.months else {}),
        },
        weekly=weekly,
        months=[payload["kinds"]["period"]["keys"][month] for month in tables.months],
        invoices=[_invoice_row(each, tables) for each in data.invoices],
        still_open=[_month(each.header) for each in data.invoices if each.is_open],
        documents=_document_figures(data.invoices),
        warnings=_warnings(data.invoices),
    )


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _policy(style: str, scripts: list[str]) -> str:
    def hashes(*texts: str) -> str:
        return " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in texts)

    return (
        f"default-src 'none'; script-src {hashes(*scripts)}; style-src {hashes(style)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _heading(data: ReportData) -> tuple[str, str]:
    """Return whose invoices they are, and of which months."""
    headers = [invoice.header for invoice in data.invoices]
    names = list(dict.fromkeys(h.organization_name or h.organization_id or "unknown organization" for h in headers))
    organization = names[0] if len(names) == 1 else f"{len(names)} organizations"
    months = sorted({_month(header) for header in headers if header.period_start})
    return shorten(organization), " to ".join(dict.fromkeys(months[:1] + months[-1:]))


def _month(header: InvoiceHeader) -> str:
    return f"{header.period_start:%Y-%m}" if header.period_start else ""


def _invoice_row(invoice: Invoice, tables: Tables) -> list[str]:
    document = invoice.document
    row = [
        _month(invoice.header) or "unknown",
        invoice.header.invoice_id or "no ID",
        f"{invoice.lines:,}",
        _listed([(_amount(total, tables), currency) for currency, total in invoice.totals.items()]) or "0.00",
    ]
    if document is None:
        return [*row, *[""] * 6]
    return [
        *row,
        text_or_none(document.status_name) or "",
        *("" if cents is None else money(cents) for cents in _cents_of(document).values()),
        *(_listed(_in_currencies(by_currency)) for by_currency in _owed(document).values()),
    ]


def _listed(amounts: list[tuple[str, str]]) -> str:
    """Return amounts with their currencies; US dollars alone need no name."""
    if [currency for _, currency in amounts] == ["USD"]:
        return amounts[0][0]
    return ", ".join(f"{amount} {currency}" for amount, currency in amounts)


def _amount(total: Decimal, tables: Tables) -> str:
    return tables.money(int(EXACT.scaleb(total, tables.places)))


def _in_currencies(by_currency: Mapping[str, Decimal]) -> list[tuple[str, str]]:
    """Return the amounts with their currencies, without zeros beside others."""
    shown = [(currency, cents) for currency, cents in by_currency.items() if cents] or list(by_currency.items())[:1]
    return [(money(cents), shorten(currency, 10)) for currency, cents in shown]


def _document_figures(invoices: list[Invoice]) -> list[tuple[str, list[tuple[str, str]], str]]:
    """Return name, amounts with currencies, and a remark for the figures that only the JSON has, added up."""
    sums: dict[str, Totals] = defaultdict(Totals)
    counts: Counter[str] = Counter()
    for invoice in invoices:
        if invoice.document is None:
            continue
        for name, cents in _cents_of(invoice.document).items():
            if cents is not None and name != "Paid":
                sums[name].add("USD", Decimal(cents))
                counts[name] += 1
        for name, by_currency in _owed(invoice.document).items():
            for currency, amount in by_currency.items():
                sums[name].add(currency, amount)
            counts[name] += bool(by_currency)
    remarks = {"Billed": "with tax", "Outstanding": "left to pay", "Owed": "including what is paid"}
    found = []
    for name, by_currency in sums.items():
        some = "" if counts[name] == len(invoices) else f"{counts[name]} of {len(invoices)} invoices"
        found.append((name, _in_currencies(by_currency), ", ".join(filter(None, (remarks.get(name), some)))))
    return found


def _cents_of(document: BillingInvoice) -> dict[str, int | None]:
    """Return the amounts of an invoice in US cents, None where Atlas sent none."""
    return {
        "Sales tax": cents_or_none(document.sales_tax_cents),
        "Billed": cents_or_none(document.amount_billed_cents),
        "Paid": cents_or_none(document.amount_paid_cents),
    }


def _owed(document: BillingInvoice) -> dict[str, dict[str, Decimal]]:
    """Return what is left to pay and what is owed, in cents by currency."""
    result = owed(document)
    return {"Outstanding": round_cents(result.outstanding), "Owed": result.rounded()}


def _warnings(invoices: list[Invoice]) -> list[str]:
    found: list[str] = []
    for invoice in invoices:
        if invoice.document is not None:
            found += [f"{_month(invoice.header)}: {warning}" for warning in owed(invoice.document).warnings]
    return list(map(shorten, found))
