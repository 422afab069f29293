"""What is for sale and who buys it: SKUs with prices, projects, clusters and tags that the invoices are made of."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal

from attrs import evolve, field, frozen


@frozen
class Sku:
    """One thing for sale. `low` and `high` bound a day's quantity, in millionths of `unit`."""

    code: str
    text: str
    provider: str
    unit: str
    unit_price: Decimal
    low: int
    high: int
    description: str


@frozen
class Resource:
    """One source of daily usage: a cluster's (or an application's) use of one SKU."""

    sku: Sku
    project: str
    project_id: str
    region: str = ""
    cluster: str = ""
    replica_set: str = ""
    config_server: str = ""
    application: str = ""
    tags: Mapping[str, str] = field(factory=dict)


def never_free(resource: Resource) -> Resource:
    """The same, but with so much of it every day that no line comes to 0.00."""
    least = int((Decimal("0.01") / resource.sku.unit_price * _MILLION).to_integral_value(ROUND_CEILING))
    return evolve(resource, sku=evolve(resource.sku, low=max(resource.sku.low, least)))


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


# Names are traps for parsers on purpose: "Credit" inside a name, a comma, letters beyond ASCII, a spreadsheet formula.
PROJECTS = ("payments-prod", "CreditCheck", "Große Daten, Wien", "=SUM(A1:A9)", "数据平台")
_TEAMS = ("Zahlungen", "risk", "Plattform, Süd", "", "数据")
_OWNERS = ("li.na@example.com", "", 'Ida "I" Öst', "ops@example.com", "")

_CLUSTERS = (
    _Cluster("payments-main", 0, "AWS", "US_EAST_1", "M30", 3, "prod"),
    _Cluster("payments-sharded", 0, "AWS", "EU_WEST_1", "M40", 6, "prod", config_server="payments-sharded-config-0"),
    _Cluster("scoring", 1, "AZURE", "WESTERN_EUROPE", "M20", 3, "staging"),
    _Cluster("warehouse-vie", 2, "GCP", "EUROPE_WEST_3", "M50", 3, "prod"),
    _Cluster("Cluster0", 3, "AZURE", "US_EAST_2", "M10", 3, "dev"),
    _Cluster("shuju-1", 4, "AWS", "AP_NORTHEAST_1", "M10", 3, ""),
)

_LABELS = {"AWS": "AWS", "AZURE": "Azure", "GCP": "GCP"}
_HOURLY = {"M10": "0.08", "M20": "0.2", "M30": "0.54", "M40": "1.04", "M50": "2.0125"}
_MILLION = 1_000_000


def _cluster_skus(cluster: _Cluster) -> tuple[Sku, ...]:
    provider, label, tier = cluster.provider, _LABELS[cluster.provider], cluster.tier
    hours = 24 * cluster.nodes * _MILLION
    return (
        Sku(
            f"ATLAS_{provider}_INSTANCE_{tier}",
            f"Atlas {tier} Instance - {label}",
            provider,
            "server hours",
            Decimal(_HOURLY[tier]),
            hours - 400_000,
            hours,
            f"{tier} servers, {cluster.nodes} nodes",
        ),
        Sku(
            f"ATLAS_{provider}_STORAGE_PROVISIONED",
            f"Atlas Storage 32 GB - {label}",
            provider,
            "GB hours",
            Decimal("0.000173611111"),
            700 * _MILLION,
            2300 * _MILLION,
            "",
        ),
        Sku(
            f"ATLAS_{provider}_BACKUP_SNAPSHOT_STORAGE",
            f"Atlas Cloud Backup Storage - {label}",
            provider,
            "GB days",
            Decimal("0.0046666666667"),
            9 * _MILLION,
            640 * _MILLION,
            "snapshots, all",
        ),
        Sku(
            f"ATLAS_{provider}_DATA_TRANSFER",
            f"Atlas {label} Data Transfer",
            provider,
            "GB",
            Decimal("0.0125"),
            1,  # often less than half a cent: lines of 0.00
            90 * _MILLION,
            "",
        ),
    )


APP_REQUESTS = Sku(
    "REALM_APP_REQUESTS", "App Services Requests", "ATLAS", "requests", Decimal("0.000002"), 10**11, 10**12, ""
)
SUPPORT = Sku(
    "SUPPORT_DEVELOPER", "Developer Support", "ATLAS", "months", Decimal(49), _MILLION, _MILLION, "support plan"
)
CREDIT_TEXT = "Credit"
CREDIT_CODE = "CREDIT"
CREDIT_NOTES = (
    'Promotional credit "SPRING,26"\nsee contract 4711',
    "Credit for downtime of 99,95 %, Störung",
)


def resources(project_ids: tuple[str, ...], tag_keys: tuple[str, ...]) -> tuple[Resource, ...]:
    """Every source of daily usage, with those of its tags whose key is in `tag_keys`."""
    found = []
    for number, cluster in enumerate(_CLUSTERS):
        everything = {
            "environment": cluster.environment,
            "team": _TEAMS[cluster.project],
            "cost center": f"CC-{4100 + number}" if number % 2 else "",
            "owner": _OWNERS[cluster.project],
        }
        tags = {key: everything[key] for key in tag_keys if everything[key]}
        for position, sku in enumerate(_cluster_skus(cluster)):
            found.append(
                Resource(
                    sku,
                    PROJECTS[cluster.project],
                    project_ids[cluster.project],
                    region=cluster.region,
                    cluster=cluster.name,
                    replica_set=f"{cluster.name.lower()}-shard-{position % 2}",
                    config_server=cluster.config_server,
                    tags=tags,
                )
            )
    found.append(Resource(APP_REQUESTS, PROJECTS[0], project_ids[0], application="storefront, web"))
    return tuple(found)
