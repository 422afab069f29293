"""SKUs grouped into services. It's short because it is the table to extend when Atlas sells something new."""

from __future__ import annotations

import re

from atlas_invoices._csv import CREDIT_SKU

# The first that fits a SKU's text, so "Cloud Backup Storage" is Backup. The words are those of Atlas' SKUs as seen in
# invoices (`Atlas M10 Instance - Azure`, `Atlas AWS Data Transfer`) and of its products.
_SERVICES = {
    "Support": r"support",
    "Backup": r"backup|snapshot|restore",
    "Data transfer": r"data transfer|private ?link|private endpoint|peering",
    "Search": r"search",
    "Stream Processing": r"stream",
    "Data Federation and archive": r"federation|data lake|archive",
    "Serverless and Flex": r"serverless|flex",
    "App Services and Charts": r"app services|realm|charts|device sync|trigger",
    "Clusters": r"instance|\bserver|\bM\d+\b",
    "Storage": r"storage|iops|disk",
}
_RULES = [(service, re.compile(words, re.IGNORECASE).search) for service, words in _SERVICES.items()]
_PROVIDER = re.compile(r"^Atlas |( - | )(AWS|Azure|GCP)$", re.IGNORECASE)


def service(sku: str | None) -> str:
    """Return a SKU's service; a SKU that fits none is its own, without `Atlas` and the cloud provider."""
    if sku is None:
        return "(no SKU)"
    if sku == CREDIT_SKU:
        return "Credits"
    return next((name for name, fits in _RULES if fits(sku)), _PROVIDER.sub("", sku))
