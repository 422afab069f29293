"""The doctor: each situation gets its cause and the next step."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from atlas_invoices.sandbox import Sandbox, Settings
from command import Run
from raw_server import RawServer, http
from scripted_atlas import JSON_TYPE, ORG, TOKEN, scripted_atlas

ORGANIZATIONS = json.dumps({"results": [{"id": ORG, "name": "Acme"}], "totalCount": 1}).encode()


@pytest.fixture
def server() -> Iterator[Sandbox]:
    """A sandbox for one test, because faults are planned in it."""
    with Sandbox(Settings(seed=3)) as sandbox:
        yield sandbox


def atlas_error(status: int, code: str, detail: str) -> dict[str, Any]:
    body = {"error": status, "errorCode": code, "detail": detail, "reason": "Forbidden", "parameters": []}
    return {
        "status": status,
        "body": json.dumps(body).encode(),
        "headers": {"content-type": "application/vnd.atlas.2023-01-01+json"},
    }


def test_all_is_well(run: Run, server: Sandbox) -> None:
    done = run("doctor")
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(":", 1) for line in done.stdout.splitlines())
    assert lines["server"].strip() == f"{server.base_url} (MONGODB_ATLAS_BASE_URL)"
    assert lines["organization"].strip() == f"{server.org_id} (MONGODB_ATLAS_ORG_ID)"
    assert lines["clock"].strip() == "OK"
    assert lines["next"].strip() == "atlas-invoices list"


def test_without_an_organization_the_next_command_names_one(run: Run, server: Sandbox) -> None:
    env = {**server.environment(), "MONGODB_ATLAS_ORG_ID": ""}
    assert f"next:          atlas-invoices list --org {server.org_id}\n" in run("doctor", env=env).stdout


def test_the_wrong_secret(run: Run, server: Sandbox) -> None:
    done = run("doctor", env={**server.environment(), "MONGODB_ATLAS_CLIENT_SECRET": "wrong"})
    assert done.returncode == 3
    assert "ID or secret was refused" in done.stderr
    assert "if they are for Atlas for Government, add --base-url https://cloud.mongodbgov.com" in done.stdout


def test_an_address_that_is_not_on_the_access_list(run: Run, server: Sandbox) -> None:
    detail = "IP address 203.0.113.7 is not allowed to access this resource."
    server.fail(path="/orgs", **atlas_error(403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", detail))
    done = run("doctor", env=server.environment("service-account"))
    assert done.returncode == 3
    assert "add 203.0.113.7 to the access list" in done.stderr
    assert done.stdout.endswith("next:          atlas-invoices doctor, once that is fixed\n")


def test_the_token_endpoint_is_down(run: Run, server: Sandbox) -> None:
    server.fail(503, path="/api/oauth/token")
    done = run("doctor", "--max-retries", "0", env=server.environment("service-account"))
    assert done.returncode == 5
    assert "the token endpoint failed (503" in done.stderr
    assert done.stdout.endswith("next:          atlas-invoices doctor, later\n")


def test_the_organization_of_somebody_else(run: Run, server: Sandbox) -> None:
    done = run("doctor", "--org", "f" * 24)
    assert done.returncode == 4
    assert "organization ffffffffffffffffffffffff not found" in done.stderr
    assert done.stdout.endswith(f"next:          atlas-invoices doctor --org {server.org_id}\n")


def test_a_missing_role(run: Run, server: Sandbox) -> None:
    server.fail(path="/invoices", times=1, **atlas_error(403, "USER_UNAUTHORIZED", "no"))
    done = run("doctor")
    assert done.returncode == 3
    assert "can't be read" in done.stdout
    assert "Organization Billing Viewer" in done.stderr


@pytest.mark.parametrize(("year", "direction"), [(2024, "ahead of"), (2099, "behind")])
def test_a_clock_that_is_wrong(run: Run, year: int, direction: str) -> None:
    refused = http(401, [("Date", f"Mon, 01 Jan {year} 00:00:00 GMT")], b"{}", kind="application/json")
    with scripted_atlas(orgs=[refused, *[http(body=ORGANIZATIONS, kind=JSON_TYPE)] * 3]) as server:
        done = run("doctor", env={"MONGODB_ATLAS_BASE_URL": server.url, "MONGODB_ATLAS_ACCESS_TOKEN": TOKEN})
    assert f"s {direction} the server's; set it" in done.stdout
    assert done.returncode == 0, done.stderr


def test_a_login_page_in_between(run: Run, server: Sandbox) -> None:
    page = {"content-type": "text/html"}
    server.fail(path="/orgs", times=2, before_auth=True, status=200, body=b"<html>Sign in", headers=page)
    done = run("doctor")
    assert "response:      status 200, text/html; Atlas answers 401" in done.stdout
    assert done.returncode == 6


def test_nothing_is_configured(run: Run) -> None:
    done = run("doctor", env={})
    assert done.returncode == 3
    assert "server:        https://cloud.mongodb.com (default)\n" in done.stdout
    assert "no credentials: set MONGODB_ATLAS_CLIENT_ID" in done.stderr
    assert "next:          set credentials, then atlas-invoices doctor" in done.stdout


@pytest.mark.parametrize("text", ["", "[default", '[finance]\nservice = "cloud"'])
def test_a_profile_that_is_missing_or_broken(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "atlascli").mkdir()
    (tmp_path / "atlascli/config.toml").write_text(text, encoding="utf-8")
    done = run("doctor", "--profile", "fin", env={"XDG_CONFIG_HOME": str(tmp_path)})
    assert done.returncode == 3
    assert "config.toml" in done.stderr
    assert done.stdout == "next:          atlas-invoices doctor, once the profile's name or file is corrected\n"


def test_a_certificate_that_is_not_trusted(run: Run, server: Sandbox) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with RawServer(tls=tls) as untrusted:
        done = run("doctor", env={**server.environment(), "MONGODB_ATLAS_BASE_URL": untrusted.url})
    assert done.returncode == 5
    assert "its issuer is unknown" in done.stderr
    assert "next:          SSL_CERT_FILE=FILE atlas-invoices doctor; FILE has" in done.stdout


def test_a_proxy_that_is_not_there(run: Run, server: Sandbox) -> None:
    proxied = {"MONGODB_ATLAS_BASE_URL": "https://atlas.example", "HTTPS_PROXY": "http://me:hidden@127.0.0.1:9"}
    done = run("doctor", "--max-retries", "0", env={**server.environment(), **proxied})
    assert "no connection to atlas.example through the proxy http://127.0.0.1:9: " in done.stderr


def test_a_server_that_is_not_there(run: Run, server: Sandbox) -> None:
    env = {**server.environment(), "MONGODB_ATLAS_BASE_URL": "http://127.0.0.1:9"}
    done = run("doctor", "--max-retries", "0", env=env)
    assert done.returncode == 5
    assert (
        "no connection to 127.0.0.1:9: [Errno 111] Connection refused; check the network, the proxy and the base URL"
        in done.stderr
    )
    assert "response:" not in done.stdout
    assert "next:          curl -v http://127.0.0.1:9," in done.stdout
