"""The command shares its token between runs, and `logout` revokes it."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import atlas_invoices as ai
from atlas_invoices.sandbox import Settings
from command_server import run_command
from wire_sandbox import WireSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN, REVOKE = "/api/oauth/token", "/api/oauth/revoke"


class Home:
    """A user of the command: a home, and credentials for a server of their own."""

    def __init__(self, server: WireSandbox, folder: Path) -> None:
        self.server = server
        self.cache = folder / "xdg" / "atlas-invoices"
        self.env = {
            **os.environ,
            **server.environment("service-account"),
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "xdg"),
        }

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the command, whose output never shows a secret."""
        done = run_command(arguments, {**self.env, **env}, Path(self.env["HOME"]))
        assert self.server.client_secret not in done.stdout + done.stderr
        assert "sandbox." not in done.stdout + done.stderr, "the sandbox's tokens begin with this"
        return done

    def log_in(self) -> str:
        """Put a token into the cache, as a run of the command would, and return it."""
        auth = ai.ServiceAccountAuth(self.server.client_id, self.server.client_secret)
        with ai.Client(auth, base_url=self.server.base_url, token_cache=self.cache) as client:
            assert len(list(client.list_organizations())) == 1
        return self.token()

    def token(self) -> str:
        document = httpx.Response(200, content=self.file().read_bytes()).json()
        return str(document["access_token"])

    def file(self) -> Path:
        (path,) = self.cache.glob("*.json")
        return path

    def count(self, path: str) -> int:
        return sum(request.path == path for request in self.server.requests)

    def status_with(self, token: str) -> int:
        """The server's status for a request with this token."""
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.atlas.2023-01-01+json"}
        return httpx.get(f"{self.server.base_url}/api/atlas/v2/orgs", headers=headers).status_code


@pytest.fixture(scope="module")
def atlas() -> Iterator[WireSandbox]:
    with WireSandbox(Settings(seed=13, months=2)) as sandbox:
        yield sandbox


@pytest.fixture
def home(atlas: WireSandbox, tmp_path: Path) -> Home:
    atlas.clear_requests()
    atlas.clear_faults()
    return Home(atlas, tmp_path)


def test_one_token_for_several_runs(home: Home) -> None:
    for _ in range(2):
        done = home.run("orgs", "-q")
        assert (done.returncode, done.stderr) == (0, "")
    home.log_in()
    assert home.count(TOKEN) == 1
    assert stat.S_IMODE(home.cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.file().stat().st_mode) == 0o600


def test_logout_revokes_and_forgets(home: Home) -> None:
    token = home.log_in()
    assert home.status_with(token) == 200
    done = home.run("logout")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        f"token revoked at {home.server.base_url}",
        "cached token deleted",
    ]
    assert home.status_with(token) == 401
    assert not list(home.cache.glob("*.json"))
    assert home.count(REVOKE) == 1
    again = home.run("logout")
    assert again.returncode == 0
    assert "no token is cached" in again.stderr
    assert home.count(REVOKE) == 1
    assert home.log_in() != token


def test_nothing_cached_yet_makes_nothing(home: Home) -> None:
    done = home.run("logout")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no token is cached" in done.stderr
    assert not home.cache.exists()
    assert home.run("logout", "-q").stderr == ""


def test_another_account_s_token_stays(home: Home) -> None:
    token = home.log_in()
    done = home.run("logout", MONGODB_ATLAS_CLIENT_ID="mdb_sa_id_of_another")
    assert (done.returncode, home.token()) == (0, token)
    assert home.status_with(token) == 200
    assert home.count(REVOKE) == 0


@pytest.mark.parametrize(("status", "expected"), [(401, 3), (403, 3), (503, 5), (429, 5)])
def test_after_a_failed_revocation_logout_can_be_tried_again(home: Home, status: int, expected: int) -> None:
    token = home.log_in()
    home.server.fail(status, path=REVOKE, times=2, body=b'{"error": "no", "error_description": "%s"}' % token.encode())
    done = home.run("logout", "--max-retries", "1")
    assert done.returncode == expected
    note, error = done.stderr.splitlines()
    assert "stays in the cache" in note
    assert "logout" in note
    assert error.startswith("error: the token wasn't revoked: ")
    assert home.token() == token
    assert home.count(REVOKE) == (2 if expected == 5 else 1)
    home.server.faults.clear()
    assert home.run("logout").returncode == 0
    assert home.status_with(token) == 401
    assert not list(home.cache.glob("*.json"))


def test_without_an_answer_logout_can_be_tried_again(home: Home) -> None:
    token = home.log_in()
    home.server.reset(path=REVOKE)
    done = home.run("logout", "--max-retries", "0", "--debug")
    assert done.returncode == 5
    assert "(POST /api/oauth/revoke)" in done.stderr
    assert home.token() == token


def test_a_wrong_secret_cannot_revoke(home: Home) -> None:
    token = home.log_in()
    done = home.run("logout", MONGODB_ATLAS_CLIENT_SECRET="wrong")
    assert done.returncode == 3
    assert "ID or secret was refused" in done.stderr
    assert home.status_with(token) == 200


def test_doctor_tests_the_secret_itself_and_not_a_cached_token(home: Home) -> None:
    token = home.log_in()
    assert home.run("orgs", MONGODB_ATLAS_CLIENT_SECRET="wrong").returncode == 0, "the cached token is used"
    refused = home.run("doctor", MONGODB_ATLAS_CLIENT_SECRET="wrong")
    assert refused.returncode == 3
    assert "ID or secret was refused" in refused.stderr
    assert "token:" not in refused.stdout
    good = home.run("doctor")
    assert good.returncode == 0
    assert "token:         OK (new token issued)\n" in good.stdout
    assert home.count(TOKEN) == 3
    assert home.token() == token, "the cached one stays as it was"


def test_a_token_that_others_could_read_is_revoked(home: Home) -> None:
    token = home.log_in()
    home.file().chmod(0o644)
    assert home.run("logout").returncode == 0
    assert home.status_with(token) == 401


def test_a_file_that_cannot_be_read_is_deleted(home: Home) -> None:
    home.log_in()
    home.file().write_text("{")
    done = home.run("logout")
    assert done.returncode == 0
    assert "nothing to revoke" in done.stderr
    assert not list(home.cache.glob("*.json"))
    assert home.count(REVOKE) == 0


def test_other_credentials_have_nothing_cached(home: Home) -> None:
    key = home.server.environment("api-key")
    done = home.run("logout", **key, MONGODB_ATLAS_CLIENT_ID="", MONGODB_ATLAS_CLIENT_SECRET="")
    assert (done.returncode, done.stdout) == (0, "")
    assert "an API key" in done.stderr
    assert home.server.requests == ()


def test_without_credentials_it_says_what_is_missing(home: Home) -> None:
    done = home.run("logout", MONGODB_ATLAS_CLIENT_ID="", MONGODB_ATLAS_CLIENT_SECRET="")
    assert done.returncode == 3
    assert "error: no credentials" in done.stderr


def test_an_unusable_cache_is_one_line_on_stderr(home: Home) -> None:
    home.log_in()
    home.file().chmod(0o644)
    done = home.run("orgs", "--format", "json")
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("warning: the token cache ")
    assert "others can read or write it (mode 0644)" in line
    assert home.run("orgs").stderr == "", "it has been replaced"
