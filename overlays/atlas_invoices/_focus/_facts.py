"""Read the facts for FOCUS from an invoice's JSON, in little memory: tax, totals, currencies, cloud providers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from attrs import field, frozen

from atlas_invoices._json_stream import members
from atlas_invoices._utils import text_or_none, warn

if TYPE_CHECKING:
    from atlas_invoices_client.models import BillingInvoice

_PROVIDERS = {"AWS": "AWS", "GCP": "GCP", "AZURE": "Azure"}


@frozen
class InvoiceFacts:
    """Facts of one invoice's JSON; money in whole US cents, `None` where the JSON has no value.

    `providers` has the cloud provider of each cluster that has one only, by ResourceId.
    """

    id: str
    fields: Mapping[str, Any]
    currencies: frozenset[str]
    providers: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, fields: Iterable[tuple[str, Any]]) -> Self:
        """Take what is needed of the fields of an invoice; a list comes element by element."""
        kept: dict[str, Any] = {}
        currencies: set[str] = set()
        providers: dict[str, str] = {}
        for name, value in fields:
            if name == "lineItems" and isinstance(value, dict):
                provider = _PROVIDERS.get(str(value.get("cloudProvider")))
                if provider and (cluster := text_or_none(value.get("clusterName"))):
                    resource = f"{text_or_none(value.get('groupId')) or ''}/{cluster}"
                    # A cluster in several clouds has no single host.
                    providers[resource] = provider if providers.get(resource, provider) == provider else ""
            elif name == "payments" and isinstance(value, dict):
                currencies.update(filter(None, [text_or_none(value.get("currency"))]))
            elif not isinstance(value, (dict, list)):
                kept[name] = value
        identifier = text_or_none(kept.get("id"))
        if identifier is None:
            raise ValueError("no id")
        return cls(
            identifier.lower(), kept, frozenset(currencies), {key: host for key, host in providers.items() if host}
        )

    def cents(self, name: str) -> int | None:
        """Return one of the sums, in whole cents."""
        from atlas_invoices._money import cents_or_none  # noqa: PLC0415 - slow to import, and only for JSON

        return cents_or_none(self.fields.get(name))

    def text(self, name: str) -> str | None:
        """Return one of the texts."""
        return text_or_none(self.fields.get(name))

    def day(self, name: str) -> dt.date | None:
        """Return the day of one of the timestamps."""
        try:
            return dt.date.fromisoformat((self.text(name) or "")[:10])
        except ValueError:
            return None


def facts_of(invoice: BillingInvoice) -> InvoiceFacts:
    """Return the facts of an invoice as `Client.get_invoice` returns it."""
    return InvoiceFacts.of(_elements(invoice.to_dict()))


def _elements(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        yield from ((name, element) for element in value) if isinstance(value, list) else [(name, value)]


def read_file(path: Path) -> InvoiceFacts:
    """Read the facts of an invoice's JSON file; ValueError or RecursionError if it isn't one."""
    with path.open("rb") as file:
        return InvoiceFacts.of((member.name, member.value) for member in members(file, lambda _: None))


def read_facts(paths: Iterable[Path]) -> dict[str, InvoiceFacts]:
    """Read the JSON files of invoices; one that isn't an invoice is left out with a warning. Returns them by ID."""
    found = {}
    for path in paths:
        try:
            facts = read_file(path)
        except (ValueError, RecursionError):
            warn(f"{path.name} isn't the JSON of an invoice, so it was ignored")
            continue
        found[facts.id] = facts
    return found
