"""A canary in every secret of the command, seen nowhere: not in what it says at most, writes, or is called with."""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import stat
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import httpx
import pytest
import trustme

from atlas_invoices.cli._main import COMMANDS
from atlas_invoices.sandbox import Settings
from command import COMMAND
from command_server import run_command
from raw_server import Connection, RawServer, http, replies, tunnel
from wire_sandbox import WireSandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from raw_server import Script

TALKATIVE = ("-vv", "--debug", "--max-retries", "0")
# What each command is called with; an I is an invoice's ID. `sandbox` shows its credentials, as is its purpose, and
# `completion` has none.
ARGUMENTS = {
    "orgs": ("--format", "json"),
    "list": ("--format", "json"),
    "pending": (),
    "download": ("I",),
    "sync": ("--dir", "invoices", "--format", "json"),
    "show": ("I",),
    "export": ("I", "--format", "jsonl", "-o", "lines.jsonl"),
    "owed": ("I",),
    "reconcile": ("I",),
    "report": ("I", "-o", "report.html"),
    "focus": ("I", "-o", "focus.csv"),
    "load": ("duckdb:costs.db", "I"),
    "doctor": (),
    "logout": (),
}
SUCCESSES = [
    *(("service-account", command) for command in COMMANDS if command not in {"sandbox", "completion"}),
    *((kind, command) for kind in ("api-key", "access-token") for command in ("list", "doctor")),
]
FAULTS: dict[str, Callable[[WireSandbox], object]] = {
    "refused": lambda server: server.fail(401, times=9, path="/csv"),
    "forbidden": lambda server: server.fail(403, path="/csv"),
    "down": lambda server: server.fail(503, path="/csv"),
    "broken": lambda server: server.reset(50, path="/csv"),
    "redirected": lambda server: server.fail(302, path="/csv", headers={"location": "http://127.0.0.1:9/"}),
    "a challenge that is reset": lambda server: server.reset(path="/csv", before_auth=True),
    "the token endpoint is down": lambda server: server.fail(503, path="/api/oauth/token"),
    "the token is cut": lambda server: server.cut(40, path="/api/oauth/token"),
    "no token": lambda server: server.fail(403, path="/api/oauth/token"),
}
FAILURES = [
    *(("service-account", fault) for fault in FAULTS if "challenge" not in fault),
    *(("api-key", fault) for fault in ("refused", "broken", "redirected", "a challenge that is reset")),
    *(("access-token", fault) for fault in ("refused", "broken")),
]


@pytest.fixture(scope="module")
def atlas() -> Iterator[WireSandbox]:
    with WireSandbox(Settings(seed=11, months=3, typical_lines=20)) as running:
        yield running


@pytest.fixture(scope="module")
def given(atlas: WireSandbox) -> str:
    """An access token that somebody else asked for."""
    reply = httpx.post(
        f"{atlas.base_url}/api/oauth/token",
        auth=(quote_plus(atlas.client_id), quote_plus(atlas.client_secret)),
        data={"grant_type": "client_credentials"},
        verify=False,  # noqa: S501 - plain HTTP; reading the system's certificates takes long
    )
    return str(reply.json()["access_token"])


class Watched:
    """Runs the command in a home of its own, and looks for secrets wherever they could be seen."""

    def __init__(self, folder: Path, *secrets: str, as_installed: bool = False) -> None:
        """Begin with an empty home; `secrets` are hidden, and whatever the sandbox issues.

        With `as_installed`, its processes' arguments are looked at, too.
        """
        self._as_installed = as_installed
        self.work, self.cache = folder / "work", folder / "cache"
        self.work.mkdir()
        self._folder = folder
        self._hidden = re.compile(
            "|".join([*map(re.escape, secrets), r"sandbox\.[\w-]{20}", "canary", "Bearer ", "nc=0"])
        )

    def run(self, *arguments: str, env: Mapping[str, str]) -> int:
        """Run it and return its exit status; no secret was seen."""
        environment = {
            **os.environ,
            **env,
            "NO_PROXY": "",
            "HOME": str(self._folder),
            "XDG_CACHE_HOME": str(self.cache),
        }
        if not self._as_installed:
            done = run_command(arguments, environment, self.work)
            self._check(arguments[0], done.stdout, done.stderr)
            return done.returncode
        seen: set[str] = set()
        with subprocess.Popen(
            [COMMAND, *arguments],
            env=environment,
            cwd=self.work,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            said = Path(f"/proc/{process.pid}/cmdline")
            for _ in range(3):
                if said.exists():
                    seen.add(said.read_text())
                time.sleep(0.05)
            output, _ = process.communicate(timeout=60)
        self._check(arguments[0], output.decode(), *seen)
        return process.returncode

    def _check(self, command: str, *texts: str) -> None:
        # It did say all it can; only to log out takes no request that is logged.
        assert any("D atlas_invoices" in text or "Traceback" in text for text in texts) or command == "logout"
        for text in texts:
            assert not self._hidden.search(text), text
        for path in self._folder.rglob("*"):
            if not path.is_file():
                continue
            content = path.read_bytes().decode("latin-1")
            if path.parent == self.cache / "atlas-invoices" and path.suffix == ".json":
                # The one place for the one secret that is kept.
                assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]
                content = content.replace(json.loads(content)["access_token"], "")
            assert not self._hidden.search(content), path


@pytest.fixture
def watched(atlas: WireSandbox, tmp_path: Path) -> Watched:
    name, secret = quote_plus(atlas.client_id), quote_plus(atlas.client_secret)
    basic = base64.b64encode(f"{name}:{secret}".encode()).decode()
    return Watched(tmp_path, atlas.client_secret, secret, basic, atlas.private_key)


def credentials(atlas: WireSandbox, kind: str, given: str) -> dict[str, str]:
    env = atlas.environment("api-key" if kind == "api-key" else "service-account")
    if kind == "access-token":
        env = {name: value for name, value in env.items() if "CLIENT" not in name}
        env["MONGODB_ATLAS_ACCESS_TOKEN"] = given
    return env


@pytest.mark.parametrize(("kind", "command"), SUCCESSES)
def test_no_secret_is_seen_when_all_is_well(
    kind: str, command: str, atlas: WireSandbox, given: str, watched: Watched
) -> None:
    env = credentials(atlas, kind, given)
    if command == "logout" and kind == "service-account":
        assert watched.run("orgs", *TALKATIVE, env=env) == 0
        assert list(watched.cache.rglob("*.json"))
    arguments = (atlas.invoices[1].id if each == "I" else each for each in ARGUMENTS[command])
    assert watched.run(command, *arguments, *TALKATIVE, env=env) == 0
    caches = kind == "service-account" and command not in {"logout", "doctor"}
    assert bool(list(watched.cache.rglob("*.json"))) == caches


@pytest.mark.parametrize(("kind", "fault"), FAILURES)
def test_no_secret_is_seen_whatever_fails(
    kind: str, fault: str, atlas: WireSandbox, given: str, watched: Watched
) -> None:
    FAULTS[fault](atlas)
    try:
        status = watched.run("download", atlas.invoices[1].id, *TALKATIVE, env=credentials(atlas, kind, given))
        assert status in {3, 5, 6}
    finally:
        atlas.clear_faults()


PROXIES: dict[str, Script] = {
    "refused": replies(http(407, [("Proxy-Authenticate", "Basic")]))[0],
    "reset": Connection.reset,
}


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxys_password_is_not_seen_when_it_fails(name: str, tmp_path: Path) -> None:
    with RawServer({"CONNECT cloud.mongodb.com:443": PROXIES[name]}) as proxy:
        env = {
            "HTTPS_PROXY": proxy.url.replace("//", "//user:canary-proxy@"),
            "MONGODB_ATLAS_CLIENT_ID": "mdb_sa_id_1234567890",
            "MONGODB_ATLAS_CLIENT_SECRET": "canary-secret",
        }
        assert Watched(tmp_path, as_installed=True).run("orgs", *TALKATIVE, env=env) == 5
        (request,) = proxy.requests
    assert request.headers["proxy-authorization"] == f"Basic {base64.b64encode(b'user:canary-proxy').decode()}"
    assert "authorization" not in request.headers


def test_a_proxys_password_is_not_seen_when_all_is_well(tmp_path: Path) -> None:
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("atlas.example").configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    body = json.dumps({"results": [{"id": "0" * 24, "name": "ours"}], "links": [], "totalCount": 1}).encode()
    good = replies(http(200, body=body, kind="application/vnd.atlas.2023-01-01+json"))[0]
    with (
        RawServer({"GET /api/atlas/v2/orgs": good}, tls=tls) as server,
        RawServer({"CONNECT atlas.example:443": tunnel(server.port)}) as proxy,
    ):
        env = {
            "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
            "HTTPS_PROXY": proxy.url.replace("//", "//user:canary-proxy@"),
            "MONGODB_ATLAS_BASE_URL": "https://atlas.example",
            "MONGODB_ATLAS_ACCESS_TOKEN": "canary-given",
        }
        assert Watched(tmp_path, as_installed=True).run("orgs", *TALKATIVE, env=env) == 0
        (connect,) = proxy.requests
        (request,) = server.requests
    assert connect.headers["proxy-authorization"].startswith("Basic ")
    assert "authorization" not in connect.headers
    assert request.headers["authorization"] == "Bearer canary-given"
