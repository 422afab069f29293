"""A scripted Atlas: two invoices of one organization, where every route replies well unless a test scripts it."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from attrs import evolve, field, frozen

import atlas_invoices as ai
from client_twin import Kind, Twin, twin
from command import COMMAND
from command_server import run_command
from raw_server import Connection, RawServer, Script, http

if TYPE_CHECKING:
    import httpx

ORG, OTHER_ORG = "64f0c0ffee0123456789abce", "64f0c0ffee0123456789ffff"
INVOICE, OTHER = "64f0c0ffee0123456789abcd", "64f0c0ffee0123456789abdd"
TOKEN = "canary-token-of-scripted-atlas"
CSV_TYPE, JSON_TYPE = "application/vnd.atlas.2023-01-01+csv", "application/vnd.atlas.2023-01-01+json"
HEADER = (
    "Date,Usage Date,Description,Note,Organization Name,Organization ID,Project,Project ID,SKU,Region,Cluster,"
    "Replica Set,Config Server,Application,Unit,Unit Price,Quantity,Discount Percent,Amount\n"
)
PROJECTS = {"web": "64f0c0ffee0123456789ab01", "api": "64f0c0ffee0123456789ab02"}
USAGE = (("web", 24, "1.92"), ("api", 126, "10.08"))
"""Project, quantity and amount of each line."""

# Reading the system's certificates takes longer than most tests, and plain HTTP needs none.
_UNUSED_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

NO_RETRIES = ai.RetryPolicy(max_retries=0)

both = pytest.mark.parametrize("kind", ["sync", "async"])
"""Runs a test with each client."""

Reply = bytes | Script
Replies = Reply | list[Reply]


def preamble(invoice: str = INVOICE, org: str = ORG) -> str:
    return (
        f'Invoice Number,{invoice},\nBilling Period,"June 1, 2024 - July 1, 2024",\n'
        f"Organization Name,Acme Test,\nOrganization ID,{org},\n\n"
    )


def row(project: str = "web", quantity: int = 24, amount: str = "1.92") -> str:
    return (
        f"07/01/2024,06/15/2024,Atlas M10 Instance - AWS c0,,Acme Test,{ORG},{project},{PROJECTS[project]},"
        f"Atlas M10 Instance - AWS,US_EAST_1,c0,,,,server hours,0.08,{quantity},0,{amount}\n"
    )


def invoice_csv(
    invoice: str = INVOICE, *, org: str = ORG, usage: Iterable[tuple[str, int, str]] = USAGE, head: str | None = None
) -> bytes:
    """An invoice's CSV; `head` replaces its preamble."""
    return (
        (preamble(invoice, org) if head is None else head) + HEADER + "".join(row(*each) for each in usage)
    ).encode()


def line_item(project: str = "web", quantity: int = 24, amount: str = "1.92") -> dict[str, Any]:
    return {
        "startDate": "2024-06-15T00:00:00Z",
        "endDate": "2024-06-15T23:59:59Z",
        "created": "2024-07-01T00:00:00Z",
        "sku": "NDS_AWS_INSTANCE_M10",
        "totalPriceCents": round(Decimal(amount) * 100),
        "quantity": float(quantity),
        "unit": "server hours",
        "unitPriceDollars": 0.08,
        "groupId": PROJECTS[project],
        "groupName": project,
        "clusterName": "c0",
    }


def listed(invoice: str = INVOICE, *, org: str = ORG, **fields: Any) -> dict[str, Any]:
    """An invoice as a list has it."""
    return {
        "id": invoice,
        "orgId": org,
        "statusName": "PAID",
        "startDate": "2024-06-01T00:00:00Z",
        "endDate": "2024-07-01T00:00:00Z",
        "updated": "2024-07-02T00:00:00Z",
        "subtotalCents": 1200,
        "creditsCents": 0,
        "salesTaxCents": 58,
        "startingBalanceCents": 0,
        "amountBilledCents": 1258,
        "amountPaidCents": 1258,
        **fields,
    }


def payment(**fields: Any) -> dict[str, Any]:
    return {
        "id": "64f0c0ffee01234567890001",
        "statusName": "PAID",
        "amountBilledCents": 1200,
        "amountPaidCents": 1258,
        "salesTaxCents": 58,
        "subtotalCents": 1200,
        "unitPrice": "1",
        "currency": "USD",
        **fields,
    }


def invoice_json(
    invoice: str = INVOICE, *, org: str = ORG, usage: Iterable[tuple[str, int, str]] = USAGE, **fields: Any
) -> dict[str, Any]:
    """An invoice's JSON; `lineItems=...` and the like replace its fields."""
    lists = {"lineItems": [line_item(*each) for each in usage], "payments": [payment()], "refunds": []}
    return {**listed(invoice, org=org), **lists, "linkedInvoices": [], **fields}


def page(*results: Any, total: Any = None, following: bool = False, **fields: Any) -> dict[str, Any]:
    """A page of a list; `total` is its `totalCount`, `following` adds a link to the next page."""
    links = [{"rel": "next", "href": "https://cloud.mongodb.com/next"}] if following else []
    counted = {} if total is None else {"totalCount": total}
    return {"results": list(results), "links": links, **counted, **fields}


def csv_reply(body: bytes, *headers: tuple[str, str], kind: str | None = CSV_TYPE, length: int | None = -1) -> bytes:
    return http(200, headers, body, kind=kind, length=length)


def json_reply(document: object, *headers: tuple[str, str], status: int = 200) -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return http(status, headers, body, kind=JSON_TYPE if status == 200 else "application/json")


def error_reply(status: int, *headers: tuple[str, str], **fields: Any) -> bytes:
    """An error as Atlas sends it."""
    return json_reply({"error": status, "errorCode": "SOME_CODE", **fields}, *headers, status=status)


def web_page(status: int, *headers: tuple[str, str]) -> bytes:
    """An error as a proxy sends it."""
    return http(status, headers, b"<html><h1>Blocked</h1></html>", kind="text/html")


def unframed(body: bytes, *headers: tuple[str, str], kind: str = CSV_TYPE) -> Script:
    """A reply that ends with the connection, and doesn't say how long it is."""
    reply = http(200, headers, body, kind=kind, length=None)

    def script(connection: Connection) -> None:
        connection.send(reply)
        connection.close()

    return script


def chunked(body: bytes, *headers: tuple[str, str], kind: str = CSV_TYPE) -> bytes:
    """The whole reply in one chunk."""
    head = http(200, [("Transfer-Encoding", "chunked"), *headers], kind=kind, length=None)
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def scripted_atlas(
    *,
    default: Replies | None = None,
    invoices: Iterable[str] = (INVOICE, OTHER),
    tls: ssl.SSLContext | None = None,
    **replies: Replies,
) -> RawServer:
    """A server with the routes orgs, list, pending, token, csv and json; the last two also as csv_other, json_other.

    Each keyword replaces what a route replies: bytes, a script, or a list of them for its first, second, … request.
    """
    invoices = tuple(invoices)
    organization = {"id": ORG, "name": "Acme Test", "isDeleted": False, "links": []}
    token = {"access_token": "canary-made-token", "expires_in": 3600, "token_type": "Bearer"}
    base = f"/api/atlas/v2/orgs/{ORG}/invoices"
    routes: dict[str, tuple[str, Replies]] = {
        "orgs": ("GET /api/atlas/v2/orgs", json_reply(page(organization, total=1))),
        "list": (f"GET {base}", json_reply(page(*(listed(each) for each in invoices), total=len(invoices)))),
        "pending": (f"GET {base}/pending", json_reply(page())),
        "token": ("POST /api/oauth/token", json_reply(token)),
    }
    for each in invoices:
        suffix = {INVOICE: "", OTHER: "_other"}.get(each, f"_{each}")
        routes[f"csv{suffix}"] = (f"GET {base}/{each}/csv", csv_reply(invoice_csv(each)))
        routes[f"json{suffix}"] = (f"GET {base}/{each}", json_reply(invoice_json(each)))
    unknown = replies.keys() - routes.keys()
    assert not unknown, f"no such routes: {unknown}"
    return RawServer(
        {path: _scripts(replies.get(name, reply)) for name, (path, reply) in routes.items()},
        default=None if default is None else _scripts(default)[0],
        tls=tls,
    )


def _scripts(replies: Replies) -> list[Script]:
    return [_script(reply) for reply in (replies if isinstance(replies, list) else [replies])]


def _script(reply: Reply) -> Script:
    if isinstance(reply, bytes):
        return lambda connection: connection.send(reply)
    return reply


@contextmanager
def client(kind: Kind, server: RawServer, auth: httpx.Auth | None = None, **settings: Any) -> Iterator[Twin]:
    """One of the two clients, with an access token and without retries unless it is said otherwise."""
    settings = {"base_url": server.url, "max_retries": 0, **settings}
    if "retry_policy" in settings:
        del settings["max_retries"]
    with twin(kind, auth or ai.AccessTokenAuth(TOKEN), **settings) as atlas:
        yield atlas


def sync(
    kind: Kind, server: RawServer, folder: Path, *, retry_policy: ai.RetryPolicy = NO_RETRIES, **options: Any
) -> ai.SyncReport:
    """Sync the organization into a folder, with threads or with tasks."""
    settings: dict[str, Any] = {"base_url": server.url, "retry_policy": retry_policy, "verify": _UNUSED_TLS}
    if kind == "sync":
        with ai.Client(ai.AccessTokenAuth(TOKEN), **settings) as atlas:
            return ai.sync_invoices(atlas, ORG, folder, **options)

    async def main() -> ai.SyncReport:
        async with ai.AsyncClient(ai.AccessTokenAuth(TOKEN), **settings) as atlas:
            return await ai.sync_invoices_async(atlas, ORG, folder, **options)

    return asyncio.run(main())


def files_of(folder: Path, invoice: str = INVOICE) -> list[Path]:
    """An invoice's files in a folder of sync, whatever its naming is."""
    return sorted(path for path in folder.glob(f"*{invoice}*") if not path.name.startswith("."))


def csv_of(folder: Path, invoice: str = INVOICE) -> bytes | None:
    """An invoice's CSV in a folder of sync, if there is one."""
    return next((path.read_bytes() for path in files_of(folder, invoice) if path.suffix == ".csv"), None)


_CLEARED = {
    "ssl_cert_file",
    "ssl_cert_dir",
    "pythonwarnings",
    "columns",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
}


@frozen
class Shell:
    """Runs the real command in a folder, with a home of its own and an environment without anybody's settings."""

    folder: Path
    env: dict[str, str] = field(repr=False)

    def with_env(self, **variables: str) -> Shell:
        """The same with other variables."""
        return evolve(self, env={**self.env, **variables})

    def without(self, *names: str) -> Shell:
        """The same without some variables."""
        return evolve(self, env={name: value for name, value in self.env.items() if name not in names})

    def popen(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start the command."""
        return subprocess.Popen(
            [COMMAND, *arguments],
            env=self.env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def run(self, *arguments: str | Path, stdin: bytes = b"", seconds: float = 60) -> Ended:
        """Run the command to its end."""
        if not stdin and seconds == 60:
            done = run_command([str(argument) for argument in arguments], self.env, self.folder)
            return Ended(done.returncode, done.stdout, done.stderr)
        return self.execute([str(COMMAND), *map(str, arguments)], stdin, seconds)

    def execute(self, command: list[str], stdin: bytes = b"", seconds: float = 60) -> Ended:
        """Run a program to its end."""
        done = subprocess.run(
            command, env=self.env, cwd=self.folder, input=stdin, capture_output=True, check=False, timeout=seconds
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@frozen
class Ended:
    """What came of a command."""

    status: int
    out: str
    err: str

    @property
    def warnings(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("warning: ")]

    @property
    def error(self) -> str:
        """Its last line on stderr, which must be the error."""
        last = self.err.splitlines()[-1] if self.err else ""
        assert last.startswith("error: "), self
        assert "Traceback" not in self.err, self
        return last


def shell(tmp_path: Path, server: RawServer | None = None, **variables: str) -> Shell:
    """A shell in an empty folder below `tmp_path`; with a server, its commands use it with an access token."""
    folder, home = tmp_path / "work", tmp_path / "home"
    folder.mkdir(exist_ok=True)
    home.mkdir(exist_ok=True)
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MONGODB_ATLAS_") and name.lower() not in _CLEARED
    }
    homes = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "XDG_CONFIG_HOME": str(home / "config")}
    account = {
        "MONGODB_ATLAS_BASE_URL": server.url if server else "https://cloud.mongodb.com",
        "MONGODB_ATLAS_ACCESS_TOKEN": TOKEN,
        "MONGODB_ATLAS_ORG_ID": ORG,
    }
    return Shell(folder, {**env, **homes, **account, **variables})


def service_account(shell: Shell) -> Shell:
    """The same with a service account instead of the access token."""
    return shell.without("MONGODB_ATLAS_ACCESS_TOKEN").with_env(
        MONGODB_ATLAS_CLIENT_ID="mdb_sa_id_scripted", MONGODB_ATLAS_CLIENT_SECRET="mdb_sa_sk_canary"
    )


def query(target: str) -> dict[str, list[str]]:
    """The query of a request's target."""
    return parse_qs(urlsplit(target).query)
