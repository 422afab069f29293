"""What the command says when something isn't right: the status of the contract, and a way on."""

from __future__ import annotations

import json
import modulefinder
import pkgutil
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import atlas_invoices as ai
import atlas_invoices.cli
import atlas_invoices_client
from atlas_invoices_client.models.list_invoices_status_names_item import LIST_INVOICES_STATUS_NAMES_ITEM_VALUES
from scripted_atlas import (
    INVOICE,
    ORG,
    Shell,
    both,
    client,
    invoice_csv,
    json_reply,
    page,
    query,
    scripted_atlas,
    shell,
)

if TYPE_CHECKING:
    from client_twin import Kind


# Item 18: a file that is no invoice may be full of secrets

SECRETS = {
    ".env": "MONGODB_ATLAS_PRIVATE_API_KEY=canary-key\nMONGODB_ATLAS_PUBLIC_API_KEY=canary-public\n",
    "token.json": '{"access_token": "canary-token"}\n',
    "pgpass": "host:5432:db:user:canary-word\n",
    "key.pem": "-----BEGIN PRIVATE KEY-----\ncanarycanary\n",
    "export.csv": "user,password\nroot,canary-word\n",
    "one line": "canary" * 20,
}


@pytest.fixture
def secrets(tmp_path: Path) -> Shell:
    """A shell in a folder with files that are no invoices."""
    made = shell(tmp_path)
    for name, content in SECRETS.items():
        (made.folder / name).write_text(content)
    return made


def test_show_says_of_no_other_file_what_is_in_it(secrets: Shell) -> None:
    for name in SECRETS:
        ended = secrets.run("show", name)
        assert ended.status == 6, name
        assert "invoice CSV" in ended.error
        assert "canary" not in ended.out + ended.err, name


def test_nor_do_other_commands(secrets: Shell) -> None:
    document = secrets.folder / "out"
    for arguments in (
        ["export", ".env", "--format", "csv"],
        ["export", ".env", "--format", "parquet", "-o", str(document)],
        ["show", "-"],
        ["show", ".env", "--debug"],
    ):
        ended = secrets.run(*arguments, stdin=SECRETS[".env"].encode())
        assert ended.status == 6, arguments
        assert "canary" not in ended.out + ended.err, arguments
    assert not document.exists()


@pytest.mark.parametrize("name", SECRETS)
def test_nor_does_the_library(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(SECRETS[name])
    for read in (lambda: ai.read_csv(path).header, lambda: ai.summarize(path, by=["sku"]), lambda: ai.to_arrow(path)):
        with pytest.raises(ai.InvoiceFormatError, match="invoice CSV") as caught:
            read()
        assert "canary" not in str(caught.value) + repr(vars(caught.value))


# Item 23: exit statuses


def test_a_status_nobody_knows_is_a_usage_error_with_a_suggestion(tmp_path: Path) -> None:
    with scripted_atlas() as server:
        sh = shell(tmp_path, server)
        for given, suggested in (
            ("payed", "paid"),
            ("PENDNG", "pending"),
            ("invoice", "invoiced"),
            ("xyz", "forgiven"),
        ):
            ended = sh.run("list", "--status", given)
            assert ended.status == 2, given
            assert given in ended.error
            assert suggested in ended.error.lower()
        assert server.requests == []


def test_a_status_may_be_written_in_any_case(tmp_path: Path) -> None:
    with scripted_atlas() as server:
        assert shell(tmp_path, server).run("list", "--status", "paid,Free", "--status", "Invoiced").status == 0
        assert query(server.requests[-1].target)["statusNames"] == ["PAID", "FREE", "INVOICED"]


def test_every_status_of_the_generated_client_is_known(tmp_path: Path) -> None:
    with scripted_atlas() as server:
        names = sorted(LIST_INVOICES_STATUS_NAMES_ITEM_VALUES)
        assert shell(tmp_path, server).run("list", *(f"--status={name}" for name in names)).status == 0
        assert query(server.requests[-1].target)["statusNames"] == names


@pytest.mark.parametrize("statuses", ["paid", ["paid"], ("Paid",), ["PAID"]])
@both
def test_the_library_takes_a_status_as_the_command_does(kind: Kind, statuses: str | list[str]) -> None:
    with scripted_atlas() as server, client(kind, server) as atlas:
        atlas.call("list_invoices", ORG, statuses=statuses)
        assert query(server.requests[-1].target)["statusNames"] == ["PAID"]


def test_every_status_is_that_of_the_contract(tmp_path: Path) -> None:
    nothing = json_reply(page(total=0))
    with scripted_atlas(orgs=nothing) as server:
        sh = shell(tmp_path, server)
        (sh.folder / "there.csv").write_bytes(invoice_csv())
        (sh.folder / "bad.csv").write_bytes(invoice_csv()[:-8] + b"abc\n")
        for status, arguments, variables in (
            (2, ["owed", "123"], {}),
            (2, ["show", "nowhere.csv"], {}),
            (2, ["orgs"], {"MONGODB_ATLAS_BASE_URL": "ftp://x"}),
            (2, ["shwo"], {}),
            (2, ["list"], {"MONGODB_ATLAS_ORG_ID": ""}),
            (3, ["orgs"], {"MONGODB_ATLAS_ACCESS_TOKEN": ""}),
            (3, ["orgs"], {"MONGODB_ATLAS_ACCESS_TOKEN": "", "MONGODB_ATLAS_CLIENT_ID": "mdb_sa_id_1"}),
            (6, ["show", "bad.csv"], {}),
            (1, ["download", INVOICE, "-o", "there.csv"], {}),
        ):
            ended = sh.with_env(**variables).run(*arguments)
            assert ended.status == status, (arguments, variables, ended)
            assert ended.error


# Item 25: a frozen command


def test_a_frozen_command_finds_its_subcommands() -> None:
    """PyInstaller and its kind follow imports that can be read in the code, and no others."""
    package = Path(atlas_invoices.cli.__path__[0])
    names = {f"atlas_invoices.cli.{each.name}" for each in pkgutil.iter_modules([str(package)])}
    finder = modulefinder.ModuleFinder(
        path=[str(package.parent.parent)], excludes=["httpx", "pyarrow", "rich", "click", "pandas", "polars"]
    )
    finder.import_hook("atlas_invoices.cli")
    assert names <= finder.modules.keys(), names - finder.modules.keys()


FROZEN = (
    "import importlib, sys\n"
    "class Archive:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name.startswith('atlas_invoices') and name not in FOUND:\n"
    "            raise ModuleNotFoundError(f'{name} was not frozen', name=name)\n"
    "FOUND = set(sys.stdin.read().split())\n"
    "sys.meta_path.insert(0, Archive())\n"
    "from atlas_invoices.cli import main\n"
    "sys.exit(main())\n"
)


@pytest.mark.slow
def test_every_subcommand_starts_from_what_was_frozen(tmp_path: Path) -> None:
    """With exactly the modules that such a tool would have found."""
    # Only our own packages: what others import doesn't matter.
    folders = [str(Path(package.__path__[0]).parent) for package in (atlas_invoices, atlas_invoices_client)]
    finder = modulefinder.ModuleFinder(path=folders)
    finder.import_hook("atlas_invoices.cli")
    found = " ".join(name for name in finder.modules if name.startswith("atlas_invoices")).encode()
    sh = shell(tmp_path)
    (sh.folder / "june.csv").write_bytes(invoice_csv())
    for arguments in (
        ["show", "june.csv", "--format", "json"],
        ["sync", "--help"],
        ["export", "june.csv", "--format", "csv"],
    ):
        ended = sh.execute([sys.executable, "-c", FROZEN, *arguments], stdin=found)
        assert ended.status == 0, (arguments, ended)
        if arguments[0] == "show":
            assert json.loads(ended.out)["total"] == "12"


def test_the_notices_of_the_command_read_well(tmp_path: Path) -> None:
    deprecated = json_reply(page({"id": ORG, "name": "Acme Test", "links": []}, total=1), ("Deprecation", "true"))
    waiting = json_reply({"error": 429, "errorCode": "RATE_LIMITED"}, ("Retry-After", "2592000"), status=429)
    with scripted_atlas(orgs=[deprecated, waiting]) as server:
        sh = shell(tmp_path, server)
        first, second = sh.run("orgs"), sh.run("orgs")
    assert first.status == 0
    (warning,) = first.warnings
    assert "deprecated" in warning
    assert "true" not in warning
    assert second.status == 5
    assert re.search(r"\b30 days\b", second.error)
