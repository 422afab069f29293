"""The dlt source against a local Atlas, into DuckDB and a real PostgreSQL: what arrives, and what a second run does."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from attrs import evolve, frozen

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox, Settings
from atlas_invoices.sandbox._data import Invoice
from atlas_invoices.sandbox._lines import LinesInMemory
from environment import ROOT
from postgres import postgres
from scripted_atlas import (
    HEADER,
    INVOICE,
    ORG,
    OTHER,
    TOKEN,
    csv_reply,
    invoice_csv,
    json_reply,
    listed,
    page,
    preamble,
    row,
    scripted_atlas,
)

dlt = pytest.importorskip("dlt", reason="the extra dlt isn't installed")

from atlas_invoices.dlt import AtlasCredentials, atlas_invoices  # noqa: E402 - needs the extra

pytestmark = pytest.mark.warehouse

PAGE = (ROOT / "overlays" / "docs" / "dlt.md").read_text("utf-8")
VICTIM = ROOT / "tests" / "support" / "dlt_victim.py"


@frozen
class Warehouse:
    """A dataset of the test's own in a database, written by dlt, read back without it."""

    url: str
    folder: Path
    dataset: str

    def pipeline(self, name: str = "test") -> Any:
        """A pipeline that keeps its state in the test's folder."""
        engine = dlt.destinations.postgres if "://" in self.url else dlt.destinations.duckdb
        return dlt.pipeline(
            name, pipelines_dir=str(self.folder / "pipelines"), destination=engine(self.url), dataset_name=self.dataset
        )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query, in which the dataset is the default."""
        if "://" not in self.url:
            with duckdb.connect(self.url, read_only=True) as connection:
                if connection.execute(f"FROM duckdb_schemas() WHERE schema_name = '{self.dataset}'").fetchall():
                    connection.execute(f"USE {self.dataset}")
                return connection.execute(sql).fetchall()
        psycopg2 = pytest.importorskip("psycopg2")
        connection = psycopg2.connect(self.url, options=f"-c search_path={self.dataset}")
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def columns(self, table: str) -> dict[str, tuple[Any, ...]]:
        """The columns of a table with their types; none if there is no such table."""
        if "://" not in self.url and not Path(self.url).exists():
            return {}
        facts = "column_name, data_type, numeric_precision, numeric_scale"
        where = f"table_name = '{table}' AND table_schema = '{self.dataset}'"
        rows = self.query(f"SELECT {facts} FROM information_schema.columns WHERE {where} ORDER BY ordinal_position")
        return {name: rest for name, *rest in rows}

    def state(self) -> dict[str, tuple[int, Decimal]]:
        """The number of lines of each invoice, and their sum."""
        rows = self.query("SELECT invoice_id, count(*), sum(amount) FROM invoice_lines GROUP BY invoice_id")
        return {id_: (lines, amount) for id_, lines, amount in rows}


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else str(tmp_path / "costs.db")
    return Warehouse(url, tmp_path, f"d{abs(hash(tmp_path))}")


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """dlt without telemetry and anybody's settings, in a folder of the test."""
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def atlas() -> Iterator[Sandbox]:
    """An Atlas with a pending invoice and three others."""
    with Sandbox(Settings(months=4, typical_lines=30)) as running:
        yield running


def source(atlas: Sandbox, **options: Any) -> Any:
    return atlas_invoices(options.pop("org_id", atlas.org_id), credentials=account(atlas), **options)


def account(atlas: Sandbox) -> AtlasCredentials:
    return AtlasCredentials(client_id=atlas.client_id, client_secret=atlas.client_secret, base_url=atlas.base_url)


def change(atlas: Sandbox, position: int, *, lines: int | None = None, **facts: Any) -> str:
    """Change an invoice of Atlas, and return its ID; `lines` keeps so many of them."""
    invoice = atlas.invoices[position]
    if lines is not None:
        (block,) = invoice.lines.blocks()
        facts["lines"] = LinesInMemory.of(block.lines[:lines])
    atlas._ledger._cache[invoice.id] = evolve(invoice, **facts)
    return invoice.id


def expected(atlas: Sandbox, *invoices: Invoice) -> dict[str, tuple[int, Decimal]]:
    """What Atlas has, as `Warehouse.state` says it; invoices without lines are left out."""
    found = {}
    for invoice in invoices or atlas.invoices:
        summary = ai.summarize(atlas.csv_bytes(invoice.id), by=["invoice_id"])
        if invoice.line_count:
            found[invoice.id] = (invoice.line_count, summary.total)
    return found


def fetched(atlas: Sandbox) -> list[str]:
    """The invoices whose CSV was requested since this was called last."""
    paths = [record.path.split("/") for record in atlas.requests if record.path.endswith("/csv")]
    atlas.clear_requests()
    return sorted(parts[-2] for parts in paths)


def test_everything_arrives_to_the_last_cent_and_with_its_type(warehouse: Warehouse, atlas: Sandbox) -> None:
    warehouse.pipeline().run(source(atlas))
    assert warehouse.state() == expected(atlas)
    names = [name for name in ai.to_arrow(atlas.csv_bytes(atlas.invoices[0].id)).column_names if name != "tags"]
    (line,) = warehouse.query(
        f"SELECT {', '.join(names)} FROM invoice_lines WHERE invoice_id = '{atlas.invoices[0].id}' "
        "ORDER BY line_number LIMIT 1"
    )
    ours = ai.to_arrow(atlas.csv_bytes(atlas.invoices[0].id)).to_pylist()[0]
    assert dict(zip(names, line, strict=True)) | {"extra": []} == {name: ours[name] for name in names}
    key = next(iter(dict(ours["tags"])))
    found = warehouse.query(f"SELECT tags ->> '{key}', count(*), sum(amount) FROM invoice_lines GROUP BY 1")
    summary = ai.summarize([atlas.csv_bytes(each.id) for each in atlas.invoices], by=[f"tag:{key}"])
    assert {(value or None, amount) for value, _, amount in found} == {
        (g.key[0] or None, g.amount) for g in summary.groups
    }
    types = warehouse.columns("invoice_lines")
    numbers = [types[name] for name in ("unit_price", "quantity", "discount_percent", "amount")]
    assert [rest for _, *rest in numbers] == [[38, 14]] * 4
    assert {types["date"][0].lower(), types["usage_date"][0].lower()} == {"date"}
    assert types["tags"][0].lower().startswith("json")


def test_invoices_say_what_the_list_says(warehouse: Warehouse, atlas: Sandbox) -> None:
    warehouse.pipeline().run(source(atlas))
    rows = warehouse.query(
        "SELECT id, organization_id, status, period_start, period_end, subtotal_cents, sales_tax_cents, "
        "amount_billed_cents, amount_paid_cents FROM invoices ORDER BY period_start DESC"
    )
    assert rows == [
        (
            i.id, i.organization.id, i.status, i.start, i.end, i.subtotal_cents, i.sales_tax_cents,
            i.amount_billed_cents, i.amount_paid_cents,
        )
        for i in atlas.invoices
    ]  # fmt: skip


def test_a_second_run_loads_nothing_even_with_another_working_folder(warehouse: Warehouse, atlas: Sandbox) -> None:
    change(atlas, 0, status="CLOSED")
    assert len(warehouse.pipeline().run(source(atlas)).loads_ids) == 1
    before = warehouse.query("SELECT count(*), min(_dlt_load_id), max(_dlt_load_id) FROM invoice_lines")
    assert len(fetched(atlas)) == 4
    assert warehouse.pipeline().run(source(atlas)).loads_ids == []
    # On another machine, dlt takes its state from the destination.
    warehouse.pipeline().drop()
    assert warehouse.pipeline().run(source(atlas)).loads_ids == []
    assert fetched(atlas) == []
    assert warehouse.query("SELECT count(*), min(_dlt_load_id), max(_dlt_load_id) FROM invoice_lines") == before
    assert warehouse.query("SELECT count(*) FROM _dlt_loads") == [(1,)]


def test_pending_invoices_are_replaced_always_and_others_if_they_changed(warehouse: Warehouse, atlas: Sandbox) -> None:
    pipeline = warehouse.pipeline()
    pipeline.run(source(atlas))
    fetched(atlas)
    pending = change(atlas, 0, lines=5)
    pipeline.run(source(atlas))
    assert fetched(atlas) == [pending]
    assert warehouse.state() == expected(atlas)
    # Its lines are gone where it has none anymore, and come back.
    change(atlas, 0, lines=0)
    paid = change(atlas, 2, lines=3, amount_billed_cents=1)
    pipeline.run(source(atlas))
    assert fetched(atlas) == sorted([pending, paid])
    assert warehouse.state() == expected(atlas)
    assert pending not in warehouse.state()
    assert warehouse.query(f"SELECT amount_billed_cents FROM invoices WHERE id = '{paid}'") == [(1,)]
    closed = change(atlas, 0, status="CLOSED")
    pipeline.run(source(atlas))
    assert fetched(atlas) == [closed]
    assert warehouse.query(f"SELECT status FROM invoices WHERE id = '{closed}'") == [("CLOSED",)]
    assert warehouse.query("SELECT count(*) FROM invoice_lines WHERE removed") == [(0,)]
    assert pipeline.run(source(atlas)).loads_ids == []


def test_new_tags_and_columns_need_no_new_columns(warehouse: Warehouse) -> None:
    text = preamble() + HEADER.replace("\n", ",Tag/team,Future Column\n") + row().replace("\n", ',"a ""b""",new\n')
    replies = [csv_reply(invoice_csv()), csv_reply(text.encode())]
    changed = [listed(), listed(amountBilledCents=1)]
    # Both resources list the invoices.
    lists = [json_reply(page(each, total=1)) for each in changed for _ in range(2)]
    with scripted_atlas(invoices=(INVOICE,), list=lists, csv=replies) as server:
        credentials = {"access_token": TOKEN, "base_url": server.url}
        columns = []
        for _ in changed:
            warehouse.pipeline().run(atlas_invoices(ORG, credentials=credentials))
            columns.append(warehouse.columns("invoice_lines"))
    assert columns[0] == columns[1]
    ((tags, extra),) = warehouse.query("SELECT tags::text, extra::text FROM invoice_lines")
    assert (json.loads(tags), json.loads(extra)) == ({"team": 'a "b"'}, {"Future Column": "new"})


def test_a_number_arrives_with_fourteen_decimals_and_a_longer_one_is_an_error(warehouse: Warehouse) -> None:
    usage = [("web", 1, "0.00000000000001"), ("web", 1, "-12345678901234567890.5")]
    longer = [*usage, ("web", 1, "0.000000000000015")]
    with scripted_atlas(
        csv=csv_reply(invoice_csv(usage=usage)), csv_other=csv_reply(invoice_csv(OTHER, usage=longer))
    ) as server:
        options: dict[str, Any] = {"org_id": ORG, "credentials": {"access_token": TOKEN, "base_url": server.url}}
        with pytest.raises(Exception, match=r"invoice \w+dd: line 9, column 'Amount': more than 14 decimals") as failed:
            warehouse.pipeline().run(atlas_invoices(**options))
        assert isinstance(root_cause(failed.value), ai.InvoiceFormatError)
        with pytest.warns(UserWarning, match="1 number rounded"):
            warehouse.pipeline().run(atlas_invoices(**options, decimals="round"))
    assert warehouse.state() == {
        INVOICE: (2, Decimal("-12345678901234567890.49999999999999")),
        OTHER: (3, Decimal("-12345678901234567890.49999999999997")),
    }


def root_cause(error: BaseException) -> BaseException:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment] # one of them is there
    return error


def test_a_run_that_fails_leaves_what_was_there_and_the_next_completes(warehouse: Warehouse, atlas: Sandbox) -> None:
    pipeline = warehouse.pipeline()
    pipeline.run(source(atlas, until=atlas.invoices[2].start))
    before = warehouse.state()
    assert before == expected(atlas, *atlas.invoices[2:])
    atlas.fail(404, path=f"{atlas.invoices[1].id}/csv")
    with pytest.raises(Exception, match="404"):
        pipeline.run(source(atlas))
    assert warehouse.state() == before
    pipeline.run(source(atlas))
    assert warehouse.state() == expected(atlas)


def test_two_sources_in_one_run(warehouse: Warehouse, atlas: Sandbox) -> None:
    with Sandbox(Settings(seed=2, months=3, typical_lines=20)) as other:
        warehouse.pipeline().run([source(atlas), source(other), source(other, linked=True)])
        linked = [linked for invoice in other.invoices for linked in invoice.linked]
        everything = {**expected(atlas), **expected(other), **expected(other, *linked)}
        assert warehouse.state() == everything
        assert warehouse.query("SELECT count(*) FROM invoices") == [(4 + 3 + 3,)]
        fetched(atlas)
        warehouse.pipeline().run([source(atlas), source(other)])
        assert (len(fetched(atlas)), warehouse.state()) == (1, everything)


def test_each_resource_can_be_loaded_alone(warehouse: Warehouse, atlas: Sandbox) -> None:
    warehouse.pipeline().run(source(atlas).with_resources("invoices"))
    assert fetched(atlas) == []
    assert warehouse.query("SELECT count(*) FROM invoices") == [(4,)]
    warehouse.pipeline().run(source(atlas))
    assert warehouse.state() == expected(atlas)


@pytest.mark.parametrize("options", [{"write_disposition": "replace"}, {"refresh": "drop_sources"}])
def test_on_request_everything_is_loaded_again(warehouse: Warehouse, atlas: Sandbox, options: dict[str, str]) -> None:
    warehouse.pipeline().run(source(atlas))
    change(atlas, 3, lines=2)
    warehouse.pipeline().run(source(atlas), **options)
    assert warehouse.state() == expected(atlas)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the victims are forked")
def test_killed_at_any_step_it_leaves_whole_invoices_and_the_next_runs_complete(
    warehouse: Warehouse, atlas: Sandbox
) -> None:
    everything = [next(iter(invoice.lines.blocks())).lines for invoice in atlas.invoices]
    environment = {**os.environ, **atlas.environment(), "LOAD__WORKERS": "1"}
    states: list[dict[str, tuple[int, Decimal]]] = []
    ends = []
    with subprocess.Popen(
        [sys.executable, VICTIM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as victim:
        assert victim.stdin
        assert victim.stdout
        # The first of two whole runs may only load what was extracted before.
        for number, step in enumerate([2, 5, 6, 8, 3, 7, 10, 10_000, 13, 16, 10_000, 10_000]):
            if step < 10_000:
                for position, lines in enumerate(everything):
                    some = LinesInMemory.of(lines[: 3 + (number + position) % 5])
                    id_ = atlas.invoices[position].id
                    facts = {"lines": some, "amount_billed_cents": number}
                    atlas._ledger._cache[id_] = evolve(atlas.invoices[position], **facts)
                states.append(expected(atlas))
            command = [warehouse.url, str(warehouse.folder / "pipelines"), warehouse.dataset, step]
            print(json.dumps(command), file=victim.stdin, flush=True)
            ends.append(victim.stdout.readline().strip())
            if warehouse.columns("invoice_lines"):
                found = warehouse.state().items()
                assert not [id_ for id_, lines in found if lines not in [state[id_] for state in states]], step
        victim.communicate()
    assert warehouse.state() == states[-1]
    assert ends[-2:] == ["done", "done"]
    assert ends.count("killed") >= 7


class TestCredentials:
    def test_of_dlts_configuration(self, warehouse: Warehouse, atlas: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        section = "SOURCES__ATLAS_INVOICES__"
        monkeypatch.setenv(f"{section}ORG_ID", atlas.org_id)
        monkeypatch.setenv(f"{section}CREDENTIALS__BASE_URL", atlas.base_url)
        monkeypatch.setenv(f"{section}CREDENTIALS__PUBLIC_API_KEY", atlas.public_key)
        with pytest.raises(ai.ConfigError, match="public_api_key is set, but private_api_key isn't"):
            atlas_invoices()
        monkeypatch.setenv(f"{section}CREDENTIALS__PRIVATE_API_KEY", atlas.private_key)
        # Another program's.
        monkeypatch.setenv("BASE_URL", "https://example.org")
        monkeypatch.setenv("CLIENT_SECRET", "x")
        warehouse.pipeline().run(atlas_invoices())
        assert warehouse.state() == expected(atlas)

    def test_of_the_environment(self, warehouse: Warehouse, atlas: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ai.ConfigError, match=r"sources\.atlas_invoices\.org_id .*MONGODB_ATLAS_ORG_ID"):
            atlas_invoices()
        for name, value in atlas.environment().items():
            monkeypatch.setenv(name, value)
        warehouse.pipeline().run(atlas_invoices())
        assert warehouse.state() == expected(atlas)

    def test_secrets_stay_out_of_files_logs_and_traces(
        self, warehouse: Warehouse, atlas: Sandbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")
        monkeypatch.setenv("SOURCES__ATLAS_INVOICES__CREDENTIALS__BASE_URL", atlas.base_url)
        monkeypatch.setenv("SOURCES__ATLAS_INVOICES__CREDENTIALS__CLIENT_ID", atlas.client_id)
        monkeypatch.setenv("SOURCES__ATLAS_INVOICES__CREDENTIALS__CLIENT_SECRET", atlas.client_secret)
        log = io.StringIO()
        handler = logging.StreamHandler(log)
        logging.getLogger().addHandler(handler)
        monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
        pipeline = warehouse.pipeline()
        try:
            pipeline.run(atlas_invoices(atlas.org_id))
            atlas.fail(403, path="/invoices")
            with pytest.raises(Exception, match="403") as failed:
                pipeline.run(atlas_invoices(atlas.org_id))
        finally:
            logging.getLogger().removeHandler(handler)
        made = atlas_invoices(atlas.org_id)
        shown = [
            log.getvalue(), *capfd.readouterr(), str(failed.value), str(pipeline.last_trace), repr(pipeline.last_trace),
            json.dumps(pipeline.last_trace.asdict(), default=repr), repr(made), str(made.resources["invoices"]),
            repr(account(atlas)), str(account(atlas)),
        ]  # fmt: skip
        files = [path.read_bytes() for path in warehouse.folder.rglob("*") if path.is_file()]
        assert len(files) > 5
        for secret in (atlas.client_secret, *atlas._tokens._expiry):
            assert not [text for text in shown if secret in text]
            assert not [data for data in files if secret.encode() in data]


def test_a_destination_that_cannot_replace_rows_is_refused_before_any_request(atlas: Sandbox, tmp_path: Path) -> None:
    files = dlt.pipeline(
        "files",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.filesystem(str(tmp_path / "files")),
    )
    with pytest.raises(
        Exception, match='lacks the merge strategy delete-insert; use another, or write_disposition="rep'
    ):
        files.run(source(atlas))
    assert not atlas.requests
    files.run(source(atlas), write_disposition="replace", loader_file_format="jsonl")
    assert len(fetched(atlas)) == 4


def test_without_a_pipeline_the_rows_can_be_looked_at() -> None:
    with Sandbox(Settings(seed=3, months=2, typical_lines=5)) as atlas:
        rows = list(source(atlas).resources["invoice_lines"])
        assert sum(row["amount"] for row in rows) == sum(total for _, total in expected(atlas).values())


def test_our_module_does_not_hide_dlt_where_it_is_installed(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        tmp_path,
        ROOT,
    ]
    subprocess.run([*command, "--disable-pip-version-check"], check=True)
    code = "import dlt, atlas_invoices.dlt as ours; print(dlt.pipeline.__module__, ours.__file__, ours.dlt is dlt)"
    shown = subprocess.check_output(
        [sys.executable, "-c", code], text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}
    )
    assert shown.split() == ["dlt.pipeline", f"{tmp_path}/atlas_invoices/dlt.py", "True"]


class TestPage:
    """What the page for users says."""

    @pytest.fixture(autouse=True)
    def _here(self, atlas: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in atlas.environment().items():
            monkeypatch.setenv(name, value)

    def snippets(self, language: str) -> list[str]:
        return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)

    def test_has_snippets_of_these_kinds(self) -> None:
        assert [len(self.snippets(language)) for language in ("sh", "python", "sql", "toml")] == [1, 2, 1, 1]
        assert PAGE.count("```") == 10
        (line,) = self.snippets("sh")
        assert line == 'pip install "atlas-invoices[dlt]" "dlt[postgres]"\n'

    def test_its_pipelines_load_and_its_query_sums(self, atlas: Sandbox, tmp_path: Path) -> None:
        for text in self.snippets("python"):
            code = re.sub(r'"5f3d0c1e9ccf641fbed9a6d[78]"', f'"{atlas.org_id}"', text)
            subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
        warehouse = Warehouse(str(tmp_path / "atlas_billing.duckdb"), tmp_path, "billing")
        assert warehouse.state() == expected(atlas)
        (sql,) = self.snippets("sql")
        sums = {(f"{month:%Y-%m}", team or ""): amount for month, team, amount in warehouse.query(sql)}
        summary = ai.summarize([atlas.csv_bytes(each.id) for each in atlas.invoices], by=["month", "tag:team"])
        assert sums == {(group.key[0], group.key[1] or ""): group.amount for group in summary.groups}

    def test_its_settings_are_read_in_any_section(
        self, atlas: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in atlas.environment():
            monkeypatch.delenv(name)
        (text,) = self.snippets("toml")
        for old, new in {
            "5f3d0c1e9ccf641fbed9a6d7": atlas.org_id, "mdb_sa_id_…": atlas.client_id,
            "mdb_sa_sk_…": atlas.client_secret, "https://cloud.mongodbgov.com": atlas.base_url,
            "2026-01-01": f"{atlas.invoices[1].start}",
            "# linked": "linked", "# since": "since", "# base_url": "base_url",
            "sources.atlas_invoices": "sources.emea",
        }.items():  # fmt: skip
            assert old in text
            text = text.replace(old, new)
        (tmp_path / ".dlt").mkdir()
        (tmp_path / ".dlt" / "secrets.toml").write_text(text)
        code = self.snippets("python")[0].replace("atlas_invoices()", "atlas_invoices.clone(section='emea')()")
        subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
        newest = atlas.invoices[:2]
        state = Warehouse(str(tmp_path / "atlas_billing.duckdb"), tmp_path, "billing").state()
        assert state == expected(atlas, *newest, *(linked for each in newest for linked in each.linked))
