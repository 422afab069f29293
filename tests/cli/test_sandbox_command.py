"""The sandbox for other machines: only on request, on both sides, and said loudly."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from command import COMMAND, Run


def test_other_machines_are_let_in_only_on_request(run: Run) -> None:
    done = run("sandbox", "--host", "0.0.0.0")  # noqa: S104 - which is what is refused
    assert (done.returncode, done.stdout) == (2, "")
    assert "0.0.0.0 lets other machines in, without encryption; add --allow-remote" in done.stderr


def test_a_sandbox_for_containers_says_so_and_has_odd_names(run: Run) -> None:
    arguments = [COMMAND, "sandbox", "--host", "0.0.0.0", "--allow-remote", "--odd", "--months", "2"]  # noqa: S104 - on request
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(5)]
        try:
            variables = dict(line.removeprefix("export ").split("=", 1) for line in lines[:-1])
            env = {name: value.strip("'") for name, value in variables.items()}
            env["MONGODB_ATLAS_BASE_URL"] = env["MONGODB_ATLAS_BASE_URL"].replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - as above
            assert json.loads(run("orgs", "--format", "json", env=env).stdout)[0]["name"] == "Müller,Söhne&Co."
        finally:
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=20)
    assert "warning: other machines can reach it, unencrypted; there, use --insecure-http" in stderr


@pytest.mark.parametrize("url", ["http://atlas:9", "http://nowhere.invalid:9"])
def test_http_elsewhere_is_refused_without_the_option_and_loud_with_it(url: str, run: Run) -> None:
    env = {"MONGODB_ATLAS_ACCESS_TOKEN": "made-up", "MONGODB_ATLAS_BASE_URL": url}
    refused = run("orgs", env=env)
    assert refused.returncode == 2
    assert "must be https" in refused.stderr
    assert "a sandbox elsewhere takes --insecure-http" in refused.stderr
    accepted = run("orgs", "--insecure-http", "--max-retries", "0", env=env)
    assert accepted.returncode == 5, accepted.stderr
    warning, error = accepted.stderr.splitlines()
    assert warning == f"warning: --insecure-http: the credentials and all data go to {url} unencrypted"
    assert error.startswith("error: ")
