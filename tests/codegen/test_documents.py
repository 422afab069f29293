"""Reading documents: YAML means the same as JSON, and hostile input ends in one line, soon, in little memory."""

from __future__ import annotations

import contextlib
import gzip
import lzma
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from attrs import define, field

import vendor_spec
from drift_documents import DATA
from environment import ROOT
from openapi_tools import documents, fetching
from openapi_tools.errors import DocumentError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2023-01-01", "2023-01-01"),
        ("2023-01-01T00:00:00Z", "2023-01-01T00:00:00Z"),
        ("on", "on"),
        ("no", "no"),
        ("y", "y"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("<<", "<<"),
        ("=", "="),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("''", ""),
        ("'1'", "1"),
        ('"true"', "true"),
        ("12", 12),
        ("-3", -3),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1.5", 1.5),
        ("3e+06", 3_000_000.0),
        (".5", 0.5),
        ("1.2.3", "1.2.3"),
        ("-", [None]),
        ("|-\n  a\n  b", "a\nb"),
        ("[a, {b: 1}]", ["a", {"b": 1}]),
    ],
)
def test_yaml_scalars_are_those_of_json(text: str, value: object) -> None:
    # A list in block style can't follow a key on the same line.
    separator = "\n" if text == "-" else " "
    read = documents.parse(f"key:{separator}{text}\n".encode(), "test")["key"]

    assert read == value
    assert type(read) is type(value)


def test_keys_are_strings_as_in_json() -> None:
    assert documents.parse(b"200: {on: 1, null: 2, 1.0: 3}", "test") == {"200": {"on": 1, "null": 2, "1.0": 3}}


def test_json_may_begin_with_white_space_or_a_byte_order_mark() -> None:
    assert documents.parse(b'\xef\xbb\xbf \n {"a": "\\u00e9"}', "test") == {"a": "é"}
    assert documents.parse(b"{a: [1, 2]}", "test") == {"a": [1, 2]}


PAIRS = zip("abcdefgh", "bcdefghi", strict=True)
BOMB = "\n".join(["a: &a [x, x]", *(f"{new}: &{new} [*{old}, *{old}]" for old, new in PAIRS)])
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the document is empty"),
    "blank": (b" \n\t\n", "the document is empty"),
    "a list": (b"- a\n- b\n", "its top level is not a mapping"),
    "text": (b"<!DOCTYPE html><p>hello", "its top level is not a mapping"),
    "not OpenAPI": (b"title: something else\n", "no `openapi` version"),
    "JSON, not OpenAPI": (b'{"swagger": "2.0"}', "no `openapi` version"),
    "cut JSON": (b'{"openapi": "3.0.1", "paths": {', "is the document cut off?"),
    "cut YAML": (b'openapi: "3.0.1\npaths:\n', "is the document cut off?"),
    "not UTF-8": (b"openapi: \xff\xfe", "not UTF-8 text"),
    "UTF-16": ("openapi: 3.0.1".encode("utf-16"), "not UTF-8 text"),
    "a control character": (b"openapi: \0", "not YAML"),
    "aliases that explode": (BOMB.encode(), "anchors, aliases and tags are not supported"),
    "an alias to itself": (b"openapi: &a [*a]", "anchors, aliases and tags are not supported"),
    "a tag": (b'!!python/object/apply:os.system ["true"]', "anchors, aliases and tags are not supported"),
    "tag directives": (b"".join(b"%%TAG !a%d! x\n" % number for number in range(200_000)), "tags are not supported"),
    "tag directives behind": (b"a: 1\n...\n" + b"%TAG !a! x\n" * 200_000, "tags are not supported"),
    "a key of many letters": (b'{"' + b"k" * 100_000 + b'": 1, "' + b"k" * 100_000 + b'": 2}', "duplicate key"),
    "brackets": (b"[" * 100_000, "nested more than 200 levels deep"),
    "closed brackets": (b"a: " + b"[" * 100_000 + b"]" * 100_000, "nested more than 200 levels deep"),
    "brackets in lines": (b"[\n" * 100_000, "nested more than 200 levels deep"),
    "braces": (b"{a: " * 100_000, "nested more than 200 levels deep"),
    "dashes": (b"- " * 100_000, "nested more than 200 levels deep"),
    "indentation": (b"".join(b" " * depth + b"a:\n" for depth in range(1000)), "nested more than 200 levels deep"),
    "JSON brackets": (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested more than 200 levels deep"),
    "JSON braces": (b'{"a":' * 100_000, "nested more than 200 levels deep"),
    "a key that is a list": (b"? [a]\n: b\n", "a mapping key that is not plain text"),
    "a key twice": (b"openapi: 3.0.1\nopenapi: 3.0.2\n", "duplicate key 'openapi'"),
    "a JSON key twice": (b'{"a": {"b": 1, "b": 2}}', "duplicate key 'b'"),
    "two documents": (b"a: 1\n---\nb: 2\n", "more than one document"),
    "NaN": (b'{"openapi": NaN}', "NaN is not a JSON value"),
    "a number too large": (b'{"openapi": 1e999}', "is too large"),
    "a number too large in YAML": (b"openapi: 1e999", "is too large"),
    "an endless integer": (b'{"openapi": ' + b"9" * 5000 + b"}", "not JSON"),
    "an endless integer in YAML": (b"openapi: " + b"9" * 5000, "digits"),
    "half a character": (b'{"openapi": "\\ud800"}', "not JSON"),
    "unclosed quotes": (b"{" + b'"\\' * 2_000_000, "is the document cut off?"),
    "too many values": (b"[" + b"0," * 1_000_000 + b"0]", "more than 1,000,000 values"),
    "too many JSON values": (b'{"a":[' + b"0," * 1_000_000 + b"0]}", "more than 1,000,000 values"),
    "too many quotation marks": (b"{" + b'"' * 6_000_000, "more than 1,000,000 values"),
    "too large": (b"#" * (32 * 1024 * 1024 + 1), "larger than 32 MiB"),
    "a gzip bomb": (gzip.compress(b"\0" * 100_000_000, 1), "larger than 32 MiB"),
    "an xz bomb": (lzma.compress(b"\0" * 100_000_000, preset=0), "larger than 32 MiB"),
    "an xz file that asks for memory": (
        lzma.compress(b"a: 1", filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 192 * 2**20}]),
        "the compressed file is damaged: Memory usage limit exceeded",
    ),
    "cut gzip": (gzip.compress(b"openapi: 3.0.1\n" * 1000)[:-12], "the compressed file is cut off"),
    "cut xz": (lzma.compress(b"openapi: 3.0.1\n" * 1000)[:-12], "the compressed file is cut off"),
    "damaged gzip": (b"\x1f\x8b\x08\x00" + b"x" * 100, "the compressed file is damaged"),
    "something behind gzip": (gzip.compress(b"a: 1") + b"more", "extra data after"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_gets_one_clear_line(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    content, message = HOSTILE[name]
    source, output = tmp_path / "upstream", tmp_path / "made.json"
    source.write_bytes(content)

    assert vendor_spec.main(["--upstream", str(source), "--output", str(output)]) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: {source}: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert len(printed.err) < 1100
    assert not output.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
@pytest.mark.parametrize("name", ["brackets", "aliases that explode", "an xz bomb", "tag directives"])
def test_the_real_command_refuses_it_within_bounded_memory(tmp_path: Path, name: str) -> None:
    source = tmp_path / "upstream"
    source.write_bytes(HOSTILE[name][0])
    limited = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_AS, (800 * 2**20,) * 2); "
        "sys.path.insert(0, sys.argv[1]); sys.argv = sys.argv[2:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    script = ROOT / "scripts" / "vendor_spec.py"

    done = subprocess.run(
        [sys.executable, "-c", limited, script.parent, script, "--upstream", source, "--output", tmp_path / "made"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vendor_spec.main(["--upstream", str(tmp_path / "none.yaml")]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'none.yaml'}: can't be read: No such file or directory\n"


@define
class Site:
    """An https server: each request gets the next answer (status, headers, body); the last one is repeated."""

    url: str
    answers: list[tuple[int, dict[str, str], bytes]] = field(factory=list)
    asked: list[str] = field(factory=list)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    bundle = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return context, bundle


@contextlib.contextmanager
def serving(context: ssl.SSLContext) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            status, headers, body = made.answers[0] if len(made.answers) == 1 else made.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        made = Site(f"https://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def site(certificates: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    context, bundle = certificates
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with serving(context) as running:
        yield running


def test_a_url_is_fetched_through_redirects(site: Site, small_upstream: Path, tmp_path: Path) -> None:
    site.answers = [(302, {"Location": "/real.yaml"}, b""), (200, {}, gzip.compress(small_upstream.read_bytes()))]
    output = tmp_path / "made.json"

    assert vendor_spec.main(["--upstream", f"{site.url}/v2.yaml", "--output", str(output)], DATA) == 0

    assert site.asked == ["/v2.yaml", "/real.yaml"]
    assert documents.read_document(output).root["info"]["title"] == "Atlas in small"


def test_transient_errors_are_retried_twice(site: Site) -> None:
    waited: list[float] = []
    site.answers = [(520, {}, b""), (429, {}, b""), (200, {}, b"a: 1")]
    assert fetching.read_bytes(f"{site.url}/v2.yaml", sleep=waited.append) == b"a: 1"
    assert (len(site.asked), waited) == (3, [2.0, 4.0])

    site.answers = [(503, {}, b"")]
    with pytest.raises(DocumentError, match="no document after 3 attempts: status 503"):
        fetching.read_bytes(f"{site.url}/v2.yaml", sleep=waited.append)


def test_a_truncated_body_is_requested_again(site: Site) -> None:
    site.answers = [(200, {"Content-Length": "100"}, b"a: 1"), (200, {"Content-Length": "4"}, b"b: 2")]

    assert fetching.read_bytes(f"{site.url}/v2.yaml", sleep=lambda _: None) == b"b: 2"


def test_a_refusal_is_final_and_shows_no_secret(site: Site) -> None:
    site.answers = [(404, {}, b"")]
    url = site.url.replace("https://", "https://user:secret@")

    with pytest.raises(DocumentError, match="the server returned status 404") as error:
        fetching.read_bytes(f"{url}/v2.yaml?token=secret")
    assert "secret" not in str(error.value)
    assert len(site.asked) == 1


def test_an_endless_body_stops_at_the_limit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_BYTES", 100_000)
    site.answers = [(200, {}, b"x" * 1_000_000)]

    with pytest.raises(DocumentError, match="larger than"):
        fetching.read_bytes(f"{site.url}/v2.yaml")


def test_an_encoded_body_is_decoded_once(site: Site) -> None:
    site.answers = [(200, {"Content-Encoding": "gzip"}, gzip.compress(b"a: 1"))]
    assert fetching.read_bytes(f"{site.url}/v2.yaml") == b"a: 1"


def test_an_encoded_body_that_decodes_to_nothing_stops_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_BYTES", 100_000)
    nothing = b"\x1f\x8b\x08\x00\0\0\0\0\0\0" + b"\0\0\0\xff\xff" * 100_000
    site.answers = [(200, {"Content-Encoding": "gzip"}, nothing)]

    with pytest.raises(DocumentError, match="larger than"):
        fetching.read_bytes(f"{site.url}/v2.yaml")


def test_a_trickling_body_times_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_DEADLINE_SECONDS", 0.0)
    site.answers = [(200, {}, b"a: 1")]

    with pytest.raises(DocumentError, match="incomplete after 0 s"):
        fetching.read_bytes(f"{site.url}/v2.yaml")


def test_only_https_is_fetched(site: Site) -> None:
    with pytest.raises(DocumentError, match="only https URLs are fetched"):
        fetching.read_bytes("http://127.0.0.1:9/v2.yaml")
    site.answers = [(302, {"Location": "http://127.0.0.1:9/v2.yaml"}, b"")]
    with pytest.raises(DocumentError, match="only https URLs are fetched"):
        fetching.read_bytes(f"{site.url}/v2.yaml")


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/v2.yaml", "://v2.yaml", "https://xn--/v2.yaml", "https://127.0.0.1:x/"]
)
def test_an_invalid_url_gets_one_clear_line(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert vendor_spec.main(["--upstream", url]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1


def test_an_unparsable_url_is_not_repeated() -> None:
    assert fetching.display_name("https://[user:secret@127.0.0.1/v2.yaml") == "the URL"


def test_an_unreachable_server_is_an_error_after_three_attempts() -> None:
    waited: list[float] = []

    with pytest.raises(DocumentError, match="no document after 3 attempts"):
        fetching.read_bytes("https://127.0.0.1:9/v2.yaml", sleep=waited.append)
    assert len(waited) == 2
