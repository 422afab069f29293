"""Every command as a person or a cron job runs it: what goes where, and with which exit status."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from atlas_invoices.sandbox import Sandbox, Settings
from command import COMMAND

if TYPE_CHECKING:
    from pathlib import Path

    from command import Run

UNKNOWN = "0" * 24


def a_paid_invoice(server: Sandbox) -> str:
    return next(i.id for i in server.invoices if i.status == "PAID")


def one_error_line(stderr: str) -> str:
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize("kind", ["service-account", "api-key"])
def test_orgs_and_list_under_both_kinds_of_credentials(run: Run, server: Sandbox, kind: str) -> None:
    env = server.environment("api-key" if kind == "api-key" else "service-account")
    orgs = run("orgs", "--format", "json", env=env)
    assert [org["id"] for org in json.loads(orgs.stdout)] == [server.org_id]
    listed = run("list", "--format", "json", env=env)
    assert listed.stderr == ""
    ours = {i.id for i in server.invoices if i.organization.id == server.org_id}
    assert {i["id"] for i in json.loads(listed.stdout)} == ours


def test_list_formats_agree(run: Run) -> None:
    rows = json.loads(run("list", "--format", "json").stdout)
    as_csv = list(csv.DictReader(io.StringIO(run("list", "--format", "csv").stdout)))
    assert [r["id"] for r in as_csv] == [r["id"] for r in rows]
    assert [r["amountBilledCents"] for r in as_csv] == [str(r["amountBilledCents"]) for r in rows]
    table = run("list").stdout
    assert all(r["id"] in table for r in rows)
    assert "\x1b" not in table


def test_a_name_that_a_spreadsheet_would_run_is_escaped_in_csv(run: Run, server: Sandbox) -> None:
    name, kind = "=HYPERLINK(1)", {"content-type": "application/vnd.atlas.2023-01-01+json"}
    body = json.dumps({"results": [{"id": UNKNOWN, "name": name}], "totalCount": 1}).encode()
    server.fail(200, times=2, path="/orgs", headers=kind, body=body)
    (row,) = csv.DictReader(io.StringIO(run("orgs", "--format", "csv").stdout))
    assert row == {"id": UNKNOWN, "name": f"'{name}", "isDeleted": ""}
    (org,) = json.loads(run("orgs", "--format", "json").stdout)
    assert org["name"] == name


def test_a_key_that_sees_no_linked_invoices_is_told_so(run: Run) -> None:
    with Sandbox(Settings(seed=7, months=2, role="ORG_BILLING_VIEWER")) as server:
        env = server.environment()
        listed = run("list", "--linked", "--format", "json", env=env)
        assert len(json.loads(listed.stdout)) == 2
        synced = run("sync", "--linked", "--dir", "all", "--format", "json", env=env)
        for done in (listed, synced):
            assert done.returncode == 0
            (line,) = [line for line in done.stderr.splitlines() if "linked" in line]
            assert "no linked invoices found" in line
            assert "Organization Billing Admin" in line
        assert json.loads(synced.stdout)["linked"] == 0
        for arguments in (("list", "--linked"), ("sync", "--linked", "--dir", "all")):
            assert run(*arguments, "-q", env=env).stderr == ""
        assert "linked" not in run("sync", "--dir", "own", env=env).stderr


def test_list_by_status_and_with_linked(run: Run) -> None:
    rows = json.loads(run("list", "--status", "paid", "--status", "CLOSED", "--format", "json").stdout)
    assert {r["statusName"] for r in rows} == {"PAID", "CLOSED"}
    plain = json.loads(run("list", "--format", "json").stdout)
    linked = json.loads(run("list", "--linked", "--format", "json").stdout)
    assert len({r["orgId"] for r in plain}) == 1
    assert len({r["orgId"] for r in linked}) == 2
    assert {r["id"] for r in plain} < {r["id"] for r in linked}


def test_pending(run: Run) -> None:
    rows = json.loads(run("pending", "--format", "json").stdout)
    assert {r["statusName"] for r in rows} == {"PENDING"}


def test_without_org_the_only_one_is_used_and_said(run: Run, server: Sandbox) -> None:
    env = server.environment("service-account")
    del env["MONGODB_ATLAS_ORG_ID"]
    done = run("list", "--format", "json", env=env)
    assert done.returncode == 0
    assert server.org_id in done.stderr
    assert json.loads(done.stdout)
    assert run("list", "--format", "json", "-q", env=env).stderr == ""


def test_download_saves_exactly_what_was_sent(run: Run, server: Sandbox, tmp_path: Path) -> None:
    invoice = a_paid_invoice(server)
    done = run("download", invoice)
    path = tmp_path / f"2026-10-{invoice}.csv"
    assert (done.returncode, done.stdout) == (0, "")
    assert path.read_bytes() == server.csv_bytes(invoice)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in done.stderr
    piped = run("download", invoice, "-o", "-")
    assert piped.stdout.encode() == server.csv_bytes(invoice)
    assert piped.stderr == ""


def test_invoices_are_downloaded_by_name_all_or_none(run: Run, server: Sandbox, tmp_path: Path) -> None:
    pending, latest, before, *_ = server.invoices
    linked = next(each for invoice in server.invoices for each in invoice.linked)
    done = run("download", "latest", "PENDING", "2026-09", linked.id)
    assert (done.returncode, done.stdout) == (0, "")
    names = {f"{each.start:%Y-%m}-{each.id}.csv": each.id for each in (latest, pending, before, linked)}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        name: server.csv_bytes(id_) for name, id_ in names.items()
    }
    # The last one exists, so the other isn't saved either.
    failed = run("download", "2026-08", "latest")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "--force" in one_error_line(failed.stderr)
    server.fail(404, path=f"/{server.invoices[4].id}/csv")
    failed = run("download", "2026-08", "2026-07")
    assert failed.returncode == 4
    assert server.invoices[4].id in failed.stderr
    assert {path.name for path in tmp_path.iterdir()} == names.keys()


@pytest.mark.parametrize(
    ("arguments", "status", "hint"),
    [
        (
            ["download", "2026-13"],
            2,
            "'2026-13' doesn't name an invoice (13 isn't a month): write its ID (24 hexadecimal digits)",
        ),
        (["owed", "june"], 2, "'june' doesn't name an invoice"),
        (["reconcile", "latest-one"], 2, "'latest-one' doesn't name an invoice"),
        (["download", "2024-01"], 4, "no invoice of 2024-01; its invoices are of 2025-10 to 2026-11"),
        (["download", "latest", "2026-10"], 2, "latest and 2026-10 are the same invoice"),
        (["download", "latest", "2026-09", "-o", "both.csv"], 2, "-o takes one invoice"),
        (["list", "--since", "2026-7"], 2, "'2026-7' isn't a month; write it as 2026-07"),
        (["list", "--since", "2026-07", "--until", "2026-06"], 2, "--since 2026-07 is later than --until 2026-06"),
    ],
)
def test_names_that_find_no_invoice(arguments: list[str], status: int, hint: str, run: Run, tmp_path: Path) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert hint in one_error_line(done.stderr)
    assert not list(tmp_path.iterdir())


def test_a_month_with_several_invoices_lists_them(run: Run, server: Sandbox) -> None:
    listed = json.loads(run("list", "--format", "json", "--limit", "3").stdout)
    twice = json.dumps({"links": [], "results": [*listed, {**listed[1], "id": "a" * 24}]}).encode()
    server.fail(
        200, path="/invoices", body=twice, headers={"Content-Type": "application/vnd.atlas.2023-01-01+json"}, times=1
    )
    done = run("owed", "2026-10")
    assert done.returncode == 2
    message = one_error_line(done.stderr)
    assert f"2026-10 fits 2 invoices, name one by its ID: {listed[1]['id']} (PAID, from 2026-10-01, " in message
    assert f"; {'a' * 24} (PAID, from 2026-10-01, " in message


def test_an_invoice_is_named_by_month_wherever_one_is_named(run: Run, server: Sandbox) -> None:
    latest = server.invoices[1].id
    for command in ("owed", "reconcile"):
        by_name, by_id = run(command, "latest"), run(command, latest)
        assert (by_name.returncode, by_name.stdout) == (0, by_id.stdout)


def test_list_by_months_and_up_to_a_limit(run: Run, server: Sandbox) -> None:
    def months(*arguments: str) -> list[str]:
        return [row["startDate"][:7] for row in json.loads(run("list", "--format", "json", *arguments).stdout)]

    assert months("--since", "2026-07", "--until", "2026-09") == ["2026-09", "2026-08", "2026-07"]
    assert months("--limit", "2") == ["2026-11", "2026-10"]
    assert months("--since", "2026-10", "--limit", "1") == ["2026-11"]
    linked = months("--linked", "--since", "2026-10")
    assert linked == sorted(linked, reverse=True)
    assert len(linked) == 2 + sum(len(each.linked) for each in server.invoices[:2])


def test_an_existing_file_is_replaced_only_with_force(run: Run, server: Sandbox, tmp_path: Path) -> None:
    invoice = a_paid_invoice(server)
    path = tmp_path / "june.csv"
    path.write_bytes(b"old")
    done = run("download", invoice, "-o", str(path))
    assert done.returncode == 1
    assert "--force" in one_error_line(done.stderr)
    assert path.read_bytes() == b"old"
    assert run("download", invoice, "-o", str(path), "--force").returncode == 0
    assert path.read_bytes() == server.csv_bytes(invoice)
    assert [p.name for p in tmp_path.iterdir()] == ["june.csv"]


@pytest.mark.parametrize(
    ("arguments", "status", "hint"),
    [
        (("download", "xyz"), 2, "24 hexadecimal digits"),
        (("list", "--org", "xyz"), 2, "24 hexadecimal digits"),
        (("owed",), 2, "`atlas-invoices owed latest`; `atlas-invoices list` shows"),
        (("reconcile", "xyz"), 2, "24 hexadecimal digits"),
        (("orgs", "--timeout", "inf"), 2, "--timeout"),
        (("list", "--base-url", "http://example.com"), 2, "https"),
        (("list", "--base-url", "nonsense"), 2, "https://host"),
        (("list", "--timeout", "0"), 2, "--help"),
        (("list", "--org", ""), 2, "'--org': it is empty"),
        (("list", "--base-url", ""), 2, "'--base-url': it is empty"),
        (("list", "--status", ""), 2, "'--status': it is empty"),
        (("download", UNKNOWN, "-o", ""), 2, "'-o' / '--output': it is empty"),
        (("export", UNKNOWN, "--format", "csv", "-o", ""), 2, "'-o' / '--output': it is empty"),
        (("show", ""), 2, "'SOURCE...': it is empty"),
        (("export", "", "--format", "csv"), 2, "'SOURCE...': it is empty"),
        (("login",), 2, "set MONGODB_ATLAS_CLIENT_ID and MONGODB_ATLAS_CLIENT_SECRET, or use a profile"),
        (("download", UNKNOWN, "-o", "."), 1, "`atlas-invoices sync --dir .`"),
        (("download",), 2, "`atlas-invoices sync --dir DIR` saves every invoice (see `atlas-invoices download --help`"),
        (("download", UNKNOWN), 4, "INVOICE_NOT_FOUND"),
        (("list", "--base-url", "http://127.0.0.1:9", "--max-retries", "0"), 5, "no connection"),
    ],
)
def test_failures_are_one_line_with_their_status(run: Run, arguments: tuple[str, ...], status: int, hint: str) -> None:
    done = run(*arguments)
    assert done.returncode == status, done.stderr
    assert hint in one_error_line(done.stderr)
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("env", "hint"),
    [
        ({}, "MONGODB_ATLAS_CLIENT_ID"),
        ({"MONGODB_ATLAS_CLIENT_ID": "mdb_sa_id_x"}, "MONGODB_ATLAS_CLIENT_SECRET"),
        ({"MONGODB_ATLAS_PRIVATE_API_KEY": "some-private"}, "MONGODB_ATLAS_PUBLIC_API_KEY"),
    ],
)
def test_missing_credentials_are_status_3(run: Run, env: dict[str, str], hint: str) -> None:
    done = run("list", env=env)
    assert done.returncode == 3
    assert hint in one_error_line(done.stderr)
    assert "some-private" not in done.stderr


@pytest.mark.parametrize(
    "name", ["MONGODB_ATLAS_CLIENT_SECRET", "MONGODB_ATLAS_PRIVATE_API_KEY", "MONGODB_ATLAS_ACCESS_TOKEN"]
)
def test_refused_credentials_are_status_3_and_never_shown(run: Run, server: Sandbox, name: str) -> None:
    env = server.environment("api-key" if "API_KEY" in name else "service-account")
    if name == "MONGODB_ATLAS_ACCESS_TOKEN":
        env = {k: v for k, v in env.items() if "CLIENT" not in k}
    env[name] = "canary-7f3b"
    for extra in ((), ("--debug",), ("-vv",)):
        done = run("list", *extra, env=env)
        assert done.returncode == 3, done.stderr
        assert "canary-7f3b" not in done.stdout + done.stderr


def test_several_credentials_are_a_warning(run: Run, server: Sandbox) -> None:
    env = {**server.environment("service-account"), **server.environment("api-key")}
    done = run("orgs", "--format", "json", env=env)
    assert done.returncode == 0
    assert "warning: " in done.stderr


def test_server_trouble_is_status_5_after_the_retries_and_1_line(run: Run, server: Sandbox) -> None:
    server.fail(status=503, times=2, path="/orgs")
    done = run("orgs", "--max-retries", "1")
    assert done.returncode == 5
    assert "503" in one_error_line(done.stderr)
    server.fail(status=503, times=1, path="/orgs")
    assert run("orgs", "--max-retries", "1").returncode == 0


@pytest.mark.parametrize("body", [b"<html>login</html>", b"", b'{"error": 404}'])
def test_what_is_no_csv_is_status_6_and_leaves_no_file(run: Run, server: Sandbox, tmp_path: Path, body: bytes) -> None:
    server.fail(status=200, times=1, path="/csv", body=body, headers={"content-type": "text/csv"})
    done = run("download", a_paid_invoice(server), "--max-retries", "0")
    assert done.returncode == 6, done.stderr
    one_error_line(done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_doctor_tells_each_step_and_no_secret(run: Run, server: Sandbox) -> None:
    done = run("doctor")
    assert done.returncode == 0
    for word in (server.base_url, "service account", server.org_id, "can be read"):
        assert word in done.stdout
    assert server.client_secret not in done.stdout + done.stderr
    refused = run("doctor", env={**server.environment("api-key"), "MONGODB_ATLAS_PRIVATE_API_KEY": "wrong"})
    assert refused.returncode == 3
    assert "API key" in refused.stdout
    one_error_line(refused.stderr)


def test_debug_shows_a_traceback_and_nothing_else_does(run: Run) -> None:
    assert "Traceback" in run("download", UNKNOWN, "--debug").stderr
    assert "Traceback" not in run("download", UNKNOWN, "-vv").stderr


def test_a_reader_that_stops_is_no_traceback(server: Sandbox) -> None:
    env = {**os.environ, **server.environment("service-account")}
    line = f"{COMMAND} download {a_paid_invoice(server)} -o - | head -n 1"
    done = subprocess.run(["sh", "-c", line], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Invoice Number,")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_download_leaves_nothing(server: Sandbox, tmp_path: Path, number: signal.Signals) -> None:
    invoice = a_paid_invoice(server)
    env = {**os.environ, **server.environment("service-account")}
    server.faults.delay(5.0, path="/csv")
    with subprocess.Popen(
        [COMMAND, "download", invoice], env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 20
        # A fault is planned until its request comes.
        while server.faults._planned and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == (130 if number == signal.SIGINT else 143)
    assert "Traceback" not in stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["cli._output", "cli._main"])
def test_ctrl_c_while_it_starts_is_no_traceback(module: str, tmp_path: Path) -> None:
    """It comes when the module is imported."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name == 'atlas_invoices.{module}':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([COMMAND, "list"], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr in {"", "error: interrupted\n"}


def test_sandbox_prints_variables_that_work(run: Run) -> None:
    with subprocess.Popen(
        [COMMAND, "sandbox", "--months", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(5)]
        try:
            assert lines.pop().startswith("unset MONGODB_ATLAS_ACCESS_TOKEN ")
            env = dict(line.removeprefix("export ").split("=", 1) for line in lines)
            env = {name: value.strip("'") for name, value in env.items()}
            assert len(json.loads(run("list", "--format", "json", env=env).stdout)) == 2
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
    assert process.returncode in {0, 130}


def test_the_lines_that_sandbox_s_help_shows_do_not_race(run: Run, tmp_path: Path) -> None:
    text = run("sandbox", "--help").stdout
    lines = [line.strip() for line in text.splitlines() if line.startswith(" " * 6) and "sandbox.env" in line]
    assert len(lines) == 2
    (tmp_path / "sandbox.env").write_text("exit 7 # what an earlier run left", encoding="utf-8")
    script = "\n".join([*lines, "atlas-invoices list --format json; status=$?; kill $!; exit $status"])
    path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", script],
        env={**os.environ, "PATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 14


def test_help_names_every_command(run: Run) -> None:
    text = run("--help").stdout
    for name in ("orgs", "list", "pending", "download", "doctor", "sandbox"):
        assert f"\n  {name}" in text
        assert run(name, "--help").returncode == 0
