"""Profiles of the Atlas CLI: the command finds credentials, organization and server in them, and in the keyring."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from atlas_invoices.sandbox import Sandbox
from command import Run

BY_KEYRING = {
    "PYTHON_KEYRING_BACKEND": "json_keyring.JsonKeyring",
    "PYTHONPATH": str(Path(__file__).parent.parent / "support"),
}
NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Atlas CLI's settings, not yet written."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    file = tmp_path / "config" / "atlascli" / "config.toml"
    file.parent.mkdir(parents=True)
    return file


def profile(name: str, **values: str) -> str:
    return f"[{name}]\n" + "".join(f'{key} = "{value}"\n' for key, value in values.items())


def account(server: Sandbox) -> dict[str, str]:
    return {"client_id": server.client_id, "client_secret": server.client_secret}


def api_key(server: Sandbox) -> dict[str, str]:
    return {"public_api_key": server.public_key, "private_api_key": server.private_key}


@pytest.mark.parametrize("credentials", [account, api_key])
@pytest.mark.parametrize("url", ["ops_manager_url", "base_url"])
def test_the_default_profile_is_enough(
    run: Run, server: Sandbox, config: Path, credentials: Callable[[Sandbox], dict[str, str]], url: str
) -> None:
    settings = {"org_id": server.org_id, url: server.base_url}
    config.write_text(f"version = 2\n{profile('default', **credentials(server), **settings)}")
    done = run("list", "--format", "json", env={})
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == len(server.invoices)
    assert done.stderr == ""


def test_profiles_by_option_and_variable(run: Run, server: Sandbox, config: Path) -> None:
    good = profile("prod", **account(server), org_id=server.org_id, base_url=server.base_url)
    config.write_text(
        profile("default", client_id="mdb_sa_id_x", client_secret="wrong", base_url=server.base_url) + good
    )
    assert run("list", env={}).returncode == 3
    assert run("list", "--profile", "prod", env={}).returncode == 0
    assert run("list", "--profile", "PROD", env={}).returncode == 0, "the Atlas CLI's names are in lower case"
    assert run("list", env={"MONGODB_ATLAS_PROFILE": "prod"}).returncode == 0
    missing = run("list", "--profile", "stage", env={})
    assert missing.returncode == 3
    assert f"no profile 'stage' in {config}; it has default, prod" in missing.stderr


def test_credentials_in_the_environment_hide_the_profile(run: Run, server: Sandbox, config: Path) -> None:
    config.write_text(profile("prod", **api_key(server), org_id="0" * 24, base_url="https://example.invalid"))
    done = run("list", "--profile", "prod")
    assert done.returncode == 0, done.stderr
    assert "warning: using the credentials in the environment, ignoring the profile prod" in done.stderr


def test_the_environment_s_organization_and_server_come_first(run: Run, server: Sandbox, config: Path) -> None:
    config.write_text(profile("default", **api_key(server), org_id="0" * 24, base_url="https://example.invalid"))
    env = {"MONGODB_ATLAS_ORG_ID": server.org_id, "MONGODB_ATLAS_BASE_URL": server.base_url}
    assert run("list", env=env).returncode == 0


@pytest.mark.parametrize("encoded", [False, True])
def test_secrets_from_the_keyring(run: Run, server: Sandbox, config: Path, tmp_path: Path, *, encoded: bool) -> None:
    config.write_text(profile("default", auth_type="api_keys", org_id=server.org_id, base_url=server.base_url))
    secrets = api_key(server)
    if encoded:  # as on macOS
        secrets = {
            key: f"go-keyring-base64:{base64.b64encode(value.encode()).decode()}" for key, value in secrets.items()
        }
    keyring = tmp_path / "keyring.json"
    keyring.write_text(json.dumps({"atlascli_default": secrets}))
    done = run("doctor", env={**BY_KEYRING, "KEYRING_FILE": str(keyring)})
    assert done.returncode == 0, done.stderr
    assert "API key (public_api_key, private_api_key in profile default of " in done.stdout
    assert "and the keyring)" in done.stdout
    assert server.private_key not in done.stdout + done.stderr


def test_a_secret_in_the_keyring_beside_its_public_half_in_the_file(
    run: Run, server: Sandbox, config: Path, tmp_path: Path
) -> None:
    config.write_text(profile("default", public_api_key=server.public_key, base_url=server.base_url))
    keyring = tmp_path / "keyring.json"
    keyring.write_text(json.dumps({"atlascli_default": {"private_api_key": server.private_key}}))
    assert run("orgs", env={**BY_KEYRING, "KEYRING_FILE": str(keyring)}).returncode == 0


def test_without_a_keyring_one_line_says_what_to_set(run: Run, config: Path) -> None:
    config.write_text(profile("default", auth_type="api_keys", org_id="0" * 24))
    done = run("list", env=NO_KEYRING)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert "this machine's keyring can't be read (NoKeyringError)" in line
    assert "MONGODB_ATLAS_CLIENT_ID" in line


@pytest.mark.parametrize("values", [{"auth_type": "user_account"}, {"access_token": "a.b.c", "refresh_token": "d.e.f"}])
def test_a_person_s_login_is_told_what_is_needed(
    run: Run, config: Path, tmp_path: Path, values: dict[str, str]
) -> None:
    config.write_text(profile("default", **values))
    (tmp_path / "keyring.json").write_text("{}")
    done = run("list", env={**BY_KEYRING, "KEYRING_FILE": str(tmp_path / "keyring.json")})
    assert done.returncode == 3
    assert "is a person's login" in done.stderr
    assert "Organization Billing Viewer" in done.stderr
    assert "a.b.c" not in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[default]\npublic_api_key = "abcdefgh"\n', "private_api_key isn't, and this machine's keyring can't be read"),
        ('[default]\nclient_secret = "s3cr3t-value\n', "aren't valid TOML"),
        ("[default]\n", "no credentials in profile default of"),
        ('default = "text"\n', "no credentials: set"),
        (b"\xff\xfe", "isn't UTF-8"),
    ],
)
def test_settings_that_do_not_help(run: Run, config: Path, text: str | bytes, words: str) -> None:
    config.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = run("list", env=NO_KEYRING)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert words in line
    assert "s3cr3t" not in line


def test_the_government_cloud(run: Run, server: Sandbox, config: Path) -> None:
    config.write_text(profile("default", **api_key(server), service="cloudgov"))
    done = run("doctor", "--max-retries", "0", "--timeout", "0.1", env={"HTTPS_PROXY": "http://127.0.0.1:9"})
    assert f"server:        https://cloud.mongodbgov.com (profile default of {config})\n" in done.stdout
    assert done.returncode == 5


def test_a_user_without_a_home_has_no_profile(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name)
    assert "HOME" not in os.environ
    assert "no credentials: set" in run("list", env={}).stderr
    assert "no home" in run("list", "--profile", "x", env={}).stderr
