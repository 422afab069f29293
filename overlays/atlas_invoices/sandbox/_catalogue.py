"""SKUs with prices, and the projects, clusters and tags that use them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal

from attrs import evolve, field, frozen


@frozen
class Sku:
    """Something that Atlas sells. `low` and `high` limit a day's quantity, in millionths of `unit`."""

    code: str
    text: str
    provider: str
    unit: str
    unit_price: Decimal
    low: int
    high: int
    description: str = ""


@frozen
class Resource:
    """A cluster's (or an application's) daily use of one SKU."""

    sku: Sku
    project: str
    project_id: str
    discount: Decimal = Decimal(0)
    region: str = ""
    cluster: str = ""
    replica_set: str = ""
    config_server: str = ""
    application: str = ""
    tags: Mapping[str, str] = field(factory=dict)

    def at_least_one_cent(self) -> Resource:
        """Return the same resource with a minimum quantity that costs 0.01."""
        minimum = int((Decimal("0.01") / self.sku.unit_price * _MILLION).to_integral_value(ROUND_CEILING))
        return evolve(self, sku=evolve(self.sku, low=max(self.sku.low, minimum)))


@frozen
class _Cluster:
    name: str
    project: int
    provider: str
    region: str
    tier: str
    nodes: int
    environment: str
    config_server: str = ""
    months: int | None = None
    """How many months ago it started; `None` means that it's older than the first invoice."""


@frozen
class Company:
    """An organization's names, and what it uses."""

    name: str
    linked_name: str
    projects: tuple[str, ...]
    teams: tuple[str, ...]
    owners: tuple[str, ...]
    clusters: tuple[_Cluster, ...]
    tags: tuple[tuple[str, ...], ...]
    """The tags' keys, in turn from the newest invoice on."""
    statuses: tuple[str, ...]
    """Of the newest invoices; older ones are PAID."""
    credit_notes: tuple[str, str]
    cost_center: str

    def resources(self, project_ids: tuple[str, ...], tag_keys: tuple[str, ...], position: int) -> tuple[Resource, ...]:
        """Return the resources of the invoice at `position`, 0 for the newest, with tags whose key is in `tag_keys`."""
        found = []
        for number, cluster in enumerate(self.clusters):
            if cluster.months is not None and cluster.months < position:
                continue
            all_tags = {
                "environment": cluster.environment,
                "team": self.teams[cluster.project],
                self.cost_center: f"CC-{4100 + number}" if number % 2 else "",
                "owner": self.owners[cluster.project],
            }
            tags = {key: all_tags[key] for key in tag_keys if all_tags[key]}
            for place, sku in enumerate(_cluster_skus(cluster)):
                # Contracts have a discount on instances, and a larger one for the first project.
                discount = Decimal(0) if "Instance" not in sku.text else Decimal(5 if cluster.project else "12.5")
                found.append(
                    Resource(
                        sku,
                        self.projects[cluster.project],
                        project_ids[cluster.project],
                        discount,
                        region=cluster.region,
                        cluster=cluster.name,
                        replica_set=f"{cluster.name.lower()}-shard-{place % 2}",
                        config_server=cluster.config_server,
                        tags=tags,
                    )
                )
        found.append(Resource(_APP_REQUESTS, self.projects[0], project_ids[0], application="storefront, web"))
        return tuple(found)


FRIENDLY = Company(
    name="Northwind",
    linked_name="Northwind-Labs",
    projects=("storefront", "payments", "analytics", "mobile-app", "staging"),
    teams=("web", "payments", "data", "mobile", ""),
    owners=("web@example.com", "pay@example.com", "data@example.com", "mobile@example.com", ""),
    clusters=(
        _Cluster("storefront-main", 0, "AWS", "US_EAST_1", "M30", 3, "production"),
        _Cluster("storefront-eu", 0, "AWS", "EU_WEST_1", "M40", 6, "production", "storefront-eu-config-0", months=5),
        _Cluster("payments-main", 1, "AZURE", "WESTERN_EUROPE", "M20", 3, "production"),
        _Cluster("warehouse", 2, "GCP", "EUROPE_WEST_3", "M50", 3, "production", months=9),
        _Cluster("mobile-main", 3, "AZURE", "US_EAST_2", "M10", 3, "production", months=2),
        _Cluster("staging", 4, "AWS", "AP_NORTHEAST_1", "M10", 3, "staging"),
    ),
    tags=(("environment", "team", "cost-center", "owner"),),
    statuses=("PENDING", "INVOICED"),
    credit_notes=("Promotional credit", "Credit for downtime"),
    cost_center="cost-center",
)
# Names that break careless parsers: "Credit" in a name, a comma, letters beyond ASCII, a spreadsheet formula. Every
# documented status appears.
ODD = Company(
    name="Müller,Söhne&Co.",
    linked_name="Zażółć-Analytics(EU)",
    projects=("payments-prod", "CreditCheck", "Große Daten, Wien", "=SUM(A1:A9)", "数据平台"),
    teams=("Zahlungen", "risk", "Plattform, Süd", "", "数据"),
    owners=("li.na@example.com", "", 'Ida "I" Öst', "ops@example.com", ""),
    clusters=(
        _Cluster("payments-main", 0, "AWS", "US_EAST_1", "M30", 3, "prod"),
        _Cluster("payments-sharded", 0, "AWS", "EU_WEST_1", "M40", 6, "prod", "payments-sharded-config-0"),
        _Cluster("scoring", 1, "AZURE", "WESTERN_EUROPE", "M20", 3, "staging"),
        _Cluster("warehouse-vie", 2, "GCP", "EUROPE_WEST_3", "M50", 3, "prod"),
        _Cluster("Cluster0", 3, "AZURE", "US_EAST_2", "M10", 3, "dev"),
        _Cluster("shuju-1", 4, "AWS", "AP_NORTHEAST_1", "M10", 3, ""),
    ),
    tags=(
        ("environment", "team", "cost center"),
        ("environment", "team"),
        (),
        ("team", "owner"),
        ("owner", "cost center"),
    ),
    statuses=("PENDING", "PAID", "PAID", "PAID", "FAILED", "CLOSED", "INVOICED", "FREE", "PREPAID", "FORGIVEN"),
    credit_notes=('Promotional credit "SPRING,26"\nsee contract 4711', "Credit for downtime of 99,95 %, Störung"),
    cost_center="cost center",
)

_LABELS = {"AWS": "AWS", "AZURE": "Azure", "GCP": "GCP"}
_HOURLY = {"M10": "0.08", "M20": "0.2", "M30": "0.54", "M40": "1.04", "M50": "2.0125"}
_MILLION = 1_000_000

_APP_REQUESTS = Sku(
    "REALM_APP_REQUESTS", "App Services Requests", "ATLAS", "requests", Decimal("0.000002"), 10**11, 10**12
)
SUPPORT = Sku(
    "SUPPORT_DEVELOPER", "Developer Support", "ATLAS", "months", Decimal(49), _MILLION, _MILLION, "support plan"
)
CREDIT_TEXT = "Credit"
CREDIT_CODE = "CREDIT"


def _cluster_skus(cluster: _Cluster) -> tuple[Sku, ...]:
    label, tier = _LABELS[cluster.provider], cluster.tier
    full = 24 * cluster.nodes * _MILLION
    nodes = f"{tier} servers, {cluster.nodes} nodes"

    def sku(code: str, text: str, unit: str, price: str, low: int, high: int, description: str = "") -> Sku:
        provider = cluster.provider
        return Sku(f"ATLAS_{provider}_{code}", f"Atlas {text}", provider, unit, Decimal(price), low, high, description)

    return (
        sku(
            f"INSTANCE_{tier}", f"{tier} Instance - {label}", "server hours", _HOURLY[tier], full - 400_000, full, nodes
        ),
        sku("STORAGE_PROVISIONED", f"Storage 32 GB - {label}", "GB hours", "0.000173611111", 7 * 10**8, 23 * 10**8),
        sku(
            "BACKUP_SNAPSHOT_STORAGE",
            f"Cloud Backup Storage - {label}",
            "GB days",
            "0.0046666666667",
            9_000_000,
            64 * 10**7,
            "snapshots, all",
        ),
        # Often less than half a cent: lines of 0.00.
        sku("DATA_TRANSFER", f"{label} Data Transfer", "GB", "0.0125", 1, 9 * 10**7),
    )


def skus() -> list[Sku]:
    """Everything that can be on an invoice, by code; a credit too."""
    credit = evolve(SUPPORT, code=CREDIT_CODE, text=CREDIT_TEXT)
    found = [sku for company in (FRIENDLY, ODD) for cluster in company.clusters for sku in _cluster_skus(cluster)] + [
        _APP_REQUESTS,
        SUPPORT,
        credit,
    ]
    return sorted({sku.code: sku for sku in found}.values(), key=lambda sku: sku.code)
