"""Reports with both clients on real sockets: what goes where, when a POST is repeated, how a report is awaited."""

from __future__ import annotations

import json
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import atlas_invoices as ai
from atlas_invoices._http import _rate_limit
from atlas_invoices._http._steps import Sleep
from client_twin import Kind, Twin, twin
from raw_server import Connection, RawServer, Script, http, replies
from sandbox_http import ACCEPT
from scripted_atlas import INVOICE, OTHER, client, error_reply, page

ORG = "64f0c0ffee0123456789abce"
REPORT = "64f0c0ffee0123456789abc0"
VERSION = ACCEPT["get_invoice_report"]
REPORTS = f"/api/atlas/v2/orgs/{ORG}/invoices/{INVOICE}/reports"
CREATE, LIST, GET = f"POST {REPORTS}", f"GET {REPORTS}", f"GET {REPORTS}/{REPORT}"
FILE = "GET /canary-bucket/canary-key.csv"
FOCUS = b"BilledCost,ServiceName\n1.92,MongoDB Atlas\n"
GOOD = http(200, body=FOCUS, kind="binary/octet-stream")
RETRIES = ai.RetryPolicy(max_retries=3, base=0.001)
BACK_OFF = [5.0, 7.5, 11.25, 16.875, 25.3125, 37.96875, 56.953125, 60.0, 60.0]


def reply(document: dict[str, Any], status: int = 200) -> bytes:
    return http(status, body=json.dumps(document).encode(), kind=VERSION)


def report(state: str, **fields: Any) -> dict[str, Any]:
    kind = {"reportType": "FOCUS", "reportFormat": "CSV", "formatSpecVersion": "1.3"}
    return {"reportId": REPORT, "invoiceId": INVOICE, "state": state, **kind, **fields}


def succeeded(storage: RawServer, **fields: Any) -> dict[str, Any]:
    """A report whose file is on another server, at an address with a canary in each of its parts."""
    address = f"{storage.url}/canary-bucket/canary-key.csv?X-Amz-Signature=canary%2Fsign&X-Amz-Date=canary"
    return report("SUCCEEDED", downloadUrl=address, expiresAt="2026-11-15T12:15:00Z", **fields)


@pytest.fixture
def storage() -> Iterator[RawServer]:
    with RawServer({FILE: replies(GOOD)}) as running:
        yield running


def atlas(storage: RawServer, **routes: Any) -> RawServer:
    """An Atlas that makes a report at once; `create`, `listed` and `state` replace its replies."""
    return RawServer(
        {
            CREATE: routes.get("create", replies(reply(report("PENDING"), 201))),
            LIST: routes.get("listed", replies(reply(page()))),
            GET: routes.get("state") or replies(reply(succeeded(storage))),
        }
    )


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, in seconds; none of them is made."""
    pauses: list[float] = []

    async def note(step: Sleep) -> None:
        pauses.append(step.seconds)

    monkeypatch.setattr(Sleep, "run", lambda step: pauses.append(step.seconds))
    monkeypatch.setattr(Sleep, "run_async", note)
    return pauses


def download(made: Twin, folder: Path, **settings: Any) -> ai.SavedFile:
    saved: ai.SavedFile = made.call("download_invoice_report", ORG, INVOICE, folder / "focus.csv", **settings)
    return saved


def test_a_report_is_created_awaited_and_fetched(
    kind: Kind, storage: RawServer, slept: list[float], tmp_path: Path
) -> None:
    states = replies(reply(report("PENDING")), reply(report("RUNNING")), reply(succeeded(storage)))
    with atlas(storage, state=states) as server, client(kind, server) as made:
        saved = download(made, tmp_path)

    assert saved.path.read_bytes() == FOCUS
    assert slept == BACK_OFF[:3]
    assert [request.route for request in server.requests] == [LIST, CREATE, GET, GET, GET]
    created = server.requests[1]
    assert json.loads(created.body) == {"reportType": "FOCUS", "reportFormat": "CSV"}
    assert created.headers["content-type"] == created.headers["accept"] == VERSION
    assert [path.name for path in tmp_path.iterdir()] == ["focus.csv"]


def test_the_files_host_gets_no_credentials(kind: Kind, storage: RawServer, slept: list[float], tmp_path: Path) -> None:
    with atlas(storage) as server, client(kind, server) as made:
        download(made, tmp_path)

    (fetched,) = storage.requests
    assert fetched.target.endswith("?X-Amz-Signature=canary%2Fsign&X-Amz-Date=canary")
    assert set(fetched.headers) == {"host", "accept", "accept-encoding", "connection", "user-agent"}
    assert fetched.headers["host"] == storage.url.removeprefix("http://")
    assert all("authorization" in request.headers for request in server.requests)
    assert slept == [5.0]


@pytest.mark.parametrize(
    ("listed", "reused"),
    [
        ([report("SUCCEEDED")], True),
        ([report("RUNNING")], True),
        ([report("FAILED", reportId="0" * 24), report("PENDING")], True),
        ([report("FAILED")], False),
        ([report("DELETED")], False),
        ([report("SUCCEEDED", reportType="OTHER")], False),
        ([], False),
    ],
)
def test_a_usable_report_is_reused(
    kind: Kind, storage: RawServer, slept: list[float], tmp_path: Path, listed: list[dict[str, Any]], *, reused: bool
) -> None:
    with atlas(storage, listed=replies(reply(page(*listed)))) as server, client(kind, server) as made:
        assert download(made, tmp_path).path.read_bytes() == FOCUS

    assert server.count(CREATE) == (0 if reused else 1)
    at_once = reused and listed[-1]["state"] == "SUCCEEDED"
    assert slept == ([] if at_once else [5.0])


def test_a_report_of_another_version_is_not_reused_and_reuse_can_be_refused(
    storage: RawServer, slept: list[float], tmp_path: Path
) -> None:
    with atlas(storage, listed=replies(reply(page(report("SUCCEEDED"))))) as server, client("sync", server) as made:
        download(made, tmp_path, spec_version="1.3")
        assert server.count(CREATE) == 0
        download(made, tmp_path, spec_version="1.2")
        assert json.loads(server.requests[-2].body)["formatSpecVersion"] == "1.2"
        lists = server.count(LIST)
        download(made, tmp_path, reuse=False)
        assert (server.count(CREATE), server.count(LIST)) == (2, lists)
    assert slept == [5.0, 5.0]


def test_polls_back_off_and_end(kind: Kind, storage: RawServer, slept: list[float], tmp_path: Path) -> None:
    # The clock stands still while nothing sleeps, so the limit is that of one pause.
    unfinished = replies(*[reply(report("RUNNING"))] * 9, reply(succeeded(storage)))
    with atlas(storage, state=unfinished) as server, client(kind, server) as made:
        download(made, tmp_path)
        assert slept == [*BACK_OFF, 60.0]
        with pytest.raises(ai.APITimeoutError, match=f"report {REPORT} is still PENDING after 4 s; try again later"):
            download(made, tmp_path, max_wait=4.0)
    assert len(slept) == 10


def test_a_report_that_fails_says_why(kind: Kind, storage: RawServer, slept: list[float], tmp_path: Path) -> None:
    failed = report("FAILED", failureReason="The invoice is\nempty.")
    with (
        atlas(storage, state=replies(reply(failed))) as server,
        client(kind, server) as made,
        pytest.raises(
            ai.ReportFailedError, match=f"couldn't make report {REPORT}: The invoice is empty.; try again later"
        ),
    ):
        download(made, tmp_path)
    assert slept == [5.0]
    assert list(tmp_path.iterdir()) == []


def test_an_ended_address_is_replaced(kind: Kind, storage: RawServer, slept: list[float], tmp_path: Path) -> None:
    storage.mend(FILE, replies(http(403, body=b"<Error>canary has expired</Error>", kind="application/xml"))[0])

    def renew(connection: Connection) -> None:
        if server.count(GET) > 1:
            storage.mend(FILE, replies(GOOD)[0])
        connection.send(reply(succeeded(storage)))

    with atlas(storage, state=renew) as server, client(kind, server, retry_policy=RETRIES) as made:
        assert download(made, tmp_path).path.read_bytes() == FOCUS

    assert (server.count(GET), len(storage.requests)) == (2, 2)
    assert slept[0] == 5.0
    assert all(pause < 1 for pause in slept[1:])


CUT = http(200, body=FOCUS, kind="text/csv", length=len(FOCUS) + 9)


def cut(connection: Connection) -> None:
    connection.send(CUT)
    connection.close()


def silent(connection: Connection) -> None:
    connection.send(CUT)
    connection.hang()


STORAGE_FAULTS: dict[str, Script] = {
    "ended": replies(http(403, body=b"canary", kind="application/xml"))[0],
    "gone": replies(http(404, body=b"canary"))[0],
    "busy": replies(http(503, body=b"canary"))[0],
    "redirect": replies(http(307, [("Location", "/canary-bucket/canary-key.csv?X-Amz-Signature=canary%2Fsign")]))[0],
    "a web page": replies(http(200, body=b"<html>canary", kind="text/html"))[0],
    "JSON": replies(http(200, body=b'{"canary": 1}', kind="application/json"))[0],
    "binary": replies(http(200, body=bytes(range(64))))[0],
    "empty": replies(http(200))[0],
    "cut": cut,
    "silent": silent,
    "reset": Connection.reset,
    "rubbish": replies(b"rubbish\r\n\r\n")[0],
}


def shown(error: BaseException) -> str:
    """All that the error and its chain would show to somebody who looks, locals included, but those of the tests."""
    parts: list[str] = []
    chain: list[BaseException] = [error]
    while chain:
        link = chain.pop()
        parts += [str(link), repr(link), repr(vars(link)), repr(link.args)]
        for frame, _ in traceback.walk_tb(link.__traceback__):
            if "tests" not in Path(frame.f_code.co_filename).parts:
                parts += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
        request = vars(link).get("_request")
        if isinstance(request, httpx.Request):
            parts += [str(request.url), repr(list(request.headers.raw))]
        chain += [other for other in (link.__cause__, link.__context__) if other is not None]
    return "\n".join(parts)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    caplog.set_level(1)
    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection", "atlas_invoices", "asyncio"):
        caplog.set_level(1, logger=name)
    return lambda: "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)


def hold(text: str) -> None:
    assert "canary-bucket" not in text
    assert "canary%2Fsign" not in text
    assert "canary/sign" not in text
    assert "canary=" not in text


@pytest.mark.usefixtures("slept")
@pytest.mark.parametrize("fault", [*STORAGE_FAULTS, "good", "no server"])
def test_the_address_is_seen_nowhere(kind: Kind, logged: Callable[[], str], tmp_path: Path, fault: str) -> None:
    policy, texts = ai.RetryPolicy(max_retries=1, base=0.001), []
    (tmp_path / "focus.csv").write_bytes(b"old")
    with RawServer({FILE: STORAGE_FAULTS.get(fault, replies(GOOD)[0])}) as storage:
        where, state = storage.url, replies(reply(succeeded(storage)))
        if fault == "no server":
            storage.__exit__(None)
        with atlas(storage, state=state) as server, client(kind, server, retry_policy=policy, timeout=0.3) as made:
            try:
                download(made, tmp_path)
                assert fault == "good"
            except ai.AtlasError as error:
                assert fault != "good"
                hold(shown(error))
                hold(repr(pickle.dumps(error)))
                texts.append(str(error))
            hold(repr(vars(made.client)))
            got = made.call("get_invoice_report", ORG, INVOICE, REPORT)
            hold(repr(got))
            assert "canary%2Fsign" in got.download_url
    assert all("canary" not in text and f"{where}/…" in text for text in texts)
    log = logged()
    assert "httpcore" in log
    assert (f"GET {where}/ " in log) is (fault not in {"no server", "reset", "rubbish"})
    hold(log)
    assert (tmp_path / "focus.csv").read_bytes() == (FOCUS if fault == "good" else b"old")
    assert [path.name for path in tmp_path.iterdir()] == ["focus.csv"]


@pytest.mark.usefixtures("slept")
@pytest.mark.parametrize("raised", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_does_not_show_the_address_either(
    storage: RawServer, tmp_path: Path, raised: type[BaseException]
) -> None:
    class Interrupted(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.port == storage.port:
                interrupt(request, raised)
            return super().handle_request(request)

    with (
        atlas(storage) as server,
        ai.Client(ai.AccessTokenAuth("t"), base_url=server.url, transport=Interrupted()) as made,
        pytest.raises(raised) as caught,
    ):
        made.download_invoice_report(ORG, INVOICE, tmp_path / "focus.csv")
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    assert not [frame for frame in frames if frame.f_code is interrupt.__code__]
    hold(shown(caught.value))
    assert list(tmp_path.iterdir()) == []


def interrupt(request: httpx.Request, raised: type[BaseException]) -> None:
    raise raised(request.method)


@pytest.mark.usefixtures("slept")
@pytest.mark.parametrize(
    "address",
    [
        *("http://files.example/canary-bucket", "ftp://files.example/canary-bucket", "canary-bucket"),
        *("https://", "https://[host/canary-bucket", "//files.example/canary-bucket", "file:///canary-bucket"),
    ],
)
def test_an_address_that_is_not_https_is_refused(kind: Kind, tmp_path: Path, address: str, storage: RawServer) -> None:
    state = replies(reply(report("SUCCEEDED", downloadUrl=address)))
    with (
        atlas(storage, state=state) as server,
        client(kind, server) as made,
        pytest.raises(ai.UnexpectedResponseError, match="address isn't an https URL") as caught,
    ):
        download(made, tmp_path)
    hold(shown(caught.value))
    assert storage.requests == []


@pytest.mark.usefixtures("slept")
@pytest.mark.parametrize("address", [None, 5, ""])
def test_a_report_without_an_address_is_refused(
    kind: Kind, tmp_path: Path, address: object, storage: RawServer
) -> None:
    state = replies(reply(report("SUCCEEDED", downloadUrl=address)))
    with (
        atlas(storage, state=state) as server,
        client(kind, server) as made,
        pytest.raises(ai.UnexpectedResponseError, match=f"report {REPORT} has succeeded, but has no address"),
    ):
        download(made, tmp_path)


@pytest.mark.parametrize(
    "state",
    [
        {"reportId": "0" * 24, "state": "SUCCEEDED"},
        {"reportId": REPORT, "state": "SUCCEEDED", "invoiceId": OTHER},
        {"reportId": REPORT},
        {"state": "SUCCEEDED"},
        {"error": 1},
    ],
)
def test_another_report_is_refused(kind: Kind, storage: RawServer, state: dict[str, Any]) -> None:
    with (
        atlas(storage, state=replies(reply(state))) as server,
        client(kind, server) as made,
        pytest.raises(ai.UnexpectedResponseError, match=r"expected (report|invoice|JSON)"),
    ):
        made.call("get_invoice_report", ORG, INVOICE, REPORT)


def test_an_existing_file_is_kept_before_anything_is_sent(kind: Kind, storage: RawServer, tmp_path: Path) -> None:
    (tmp_path / "focus.csv").write_bytes(b"old")
    with atlas(storage) as server, client(kind, server) as made, pytest.raises(FileExistsError):
        download(made, tmp_path, overwrite=False)
    assert server.requests == []


def test_bad_ids_send_nothing(kind: Kind, storage: RawServer) -> None:
    with atlas(storage) as server, client(kind, server) as made:
        for method, ids in (("get_invoice_report", (ORG, INVOICE, "x")), ("create_invoice_report", (ORG, "x"))):
            with pytest.raises(ai.InvalidIdError, match="isn't 24 hexadecimal digits"):
                made.call(method, *ids)
        with pytest.raises(ai.InvalidIdError, match="list_invoice_reports"):
            made.call("get_invoice_report", ORG, INVOICE, ai.UNSET)
    assert server.requests == []


CREATED = reply(report("PENDING"), 201)


@pytest.mark.parametrize(
    ("fault", "again"),
    [
        (error_reply(429, ("Retry-After", "0")), True),
        (error_reply(503, ("Retry-After", "0")), True),
        (error_reply(429), False),
        (error_reply(503), False),
        (error_reply(500), False),
        (error_reply(502, ("Retry-After", "0")), False),
        (error_reply(400), False),
        (reply(report("PENDING"), 200), False),
        (Connection.reset, False),
        (Connection.close, False),
        (lambda connection: (connection.send(CREATED[:-9]), connection.close()), False),
        (Connection.hang, False),
    ],
)
def test_a_post_is_repeated_only_if_nothing_was_done(
    kind: Kind, storage: RawServer, monkeypatch: pytest.MonkeyPatch, fault: Any, *, again: bool
) -> None:
    monkeypatch.setattr(_rate_limit, "_DEFAULT_PAUSE", 0.001)
    first: Script = replies(fault)[0] if isinstance(fault, bytes) else fault
    with (
        atlas(storage, create=[first, *replies(CREATED)]) as server,
        client(kind, server, retry_policy=RETRIES, timeout=0.3) as made,
    ):
        if again:
            assert made.call("create_invoice_report", ORG, INVOICE).state == "PENDING"
        else:
            with pytest.raises(ai.AtlasError):
                made.call("create_invoice_report", ORG, INVOICE)
        assert server.count(CREATE) == (2 if again else 1)


def test_a_post_without_a_connection_is_repeated(kind: Kind, slept: list[float]) -> None:
    with RawServer() as server:
        url = server.url
    with (
        twin(kind, ai.AccessTokenAuth("t"), base_url=url, retry_policy=RETRIES) as closed,
        pytest.raises(ai.APIConnectionError) as caught,
    ):
        closed.call("create_invoice_report", ORG, INVOICE)
    assert len(slept) == 3
    assert caught.value.sent is False


def test_a_get_is_repeated_after_a_503_without_retry_after(kind: Kind, storage: RawServer) -> None:
    states = replies(error_reply(503), reply(succeeded(storage)))
    with atlas(storage, state=states) as server, client(kind, server, retry_policy=RETRIES) as made:
        assert made.call("get_invoice_report", ORG, INVOICE, REPORT).state == "SUCCEEDED"


def test_a_report_that_is_gone_is_not_found(kind: Kind, storage: RawServer) -> None:
    gone = replies(error_reply(404, errorCode="INVOICE_REPORT_NOT_FOUND"))
    with (
        atlas(storage, state=gone) as server,
        client(kind, server) as made,
        pytest.raises(ai.NotFoundError, match=f"report {REPORT} not found on invoice {INVOICE}"),
    ):
        made.call("get_invoice_report", ORG, INVOICE, REPORT)


@pytest.mark.usefixtures("slept")
def test_a_transport_of_your_own_carries_the_file_too_and_stays_open(storage: RawServer, tmp_path: Path) -> None:
    ports: list[int | None] = []

    class Counting(httpx.HTTPTransport):
        closed = False

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            ports.append(request.url.port)
            return super().handle_request(request)

        def close(self) -> None:
            self.closed = True
            super().close()

    transport = Counting()
    with atlas(storage) as server, ai.Client(ai.AccessTokenAuth("t"), base_url=server.url, transport=transport) as own:
        own.download_invoice_report(ORG, INVOICE, tmp_path / "focus.csv")
        assert not transport.closed
        assert list(own.list_invoice_reports(ORG, INVOICE)) == []
    assert storage.port in ports
