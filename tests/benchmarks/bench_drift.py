"""How long vendoring, the drift check and generation take, as ratios to work that can't be avoided, in one run.

`python tests/benchmarks/bench_drift.py [UPSTREAM]` prints them and exits with 1 if one exceeds its limit. UPSTREAM is
upstream's document as plain YAML; without it, the run writes one of about the same size.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import check_drift  # noqa: E402 - the scripts are found by the line above
import regenerate  # noqa: E402 - the scripts are found by the line above
import vendor_spec  # noqa: E402 - the scripts are found by the line above
from openapi_tools import documents, lock, operations  # noqa: E402 - the scripts are found by the line above

ROUNDS = 5


def libyaml_parses(text: str) -> None:
    """The minimum: libyaml parses the document, and nothing is built from it."""
    for _ in yaml.parse(text, Loader=yaml.CSafeLoader):
        pass


def libyaml_loads(text: str) -> None:
    """PyYAML's C loader, the obvious choice."""
    yaml.load(text, Loader=yaml.CSafeLoader)


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")


def best(*works: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """The shortest time of each in seconds, measured in turns, so a busy machine is busy for all of them."""
    times = [float("inf")] * len(works)
    for _ in range(rounds):
        for number, work in enumerate(works):
            gc.collect()
            started = time.perf_counter()
            work()
            times[number] = min(times[number], time.perf_counter() - started)
    return times


def large_document(folder: Path) -> Path:
    """The committed fragment among 4 MB of other operations and schemas."""
    root = documents.read_document(operations.OPENAPI / lock.FRAGMENT).root
    words = "Words that describe what is here, about as long as they are in a document for people. " * 2
    size = 0
    number = 0
    while size < 4_000_000:
        name = f"Other{number}"
        properties = {f"field{index}": {"type": "string", "description": words, "example": "x"} for index in range(8)}
        schema: dict[str, Any] = {"type": "object", "description": words, "properties": properties}
        answer = {
            "description": "OK",
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}},
        }
        root["components"]["schemas"][name] = schema
        root["paths"][f"/other/{number}"] = {
            "get": {"operationId": name, "summary": words, "responses": {"200": answer}}
        }
        size += len(json.dumps([schema, answer])) + len(words)
        number += 1
    path = folder / "upstream.yaml"
    path.write_text(yaml.dump(root, Dumper=yaml.CSafeDumper, width=100))
    return path


def reading(upstream: Path, folder: Path) -> list[tuple[str, float, float]]:
    """The cost of reading the large document: name, ratio, limit."""
    text = upstream.read_text()
    parsing, loading, vendoring, checking = best(
        lambda: libyaml_parses(text),
        lambda: libyaml_loads(text),
        lambda: vendor_spec.main(["--upstream", str(upstream), "--output", str(folder / "fragment.json")]),
        lambda: check_drift.compare_upstream(documents.read_document(upstream)),
    )
    say(f"{len(text) / 1e6:.1f} MB of YAML; libyaml loads it in {loading:.2f} s, parses bare events in {parsing:.2f} s")
    say(f"against the bare events: vendor_spec.py {vendoring / parsing:.2f}, check_drift.py {checking / parsing:.2f}")
    return [
        ("vendor_spec.py / parsing with libyaml alone", vendoring / loading, 1.5),
        ("check_drift.py / parsing with libyaml alone", checking / loading, 1.5),
    ]


def generation(folder: Path) -> tuple[str, float, float]:
    """The cost of regenerate.py compared to the generator's own command on the same document."""
    mended, *_ = regenerate.transform_document(documents.read_document(operations.OPENAPI / lock.FRAGMENT).root)
    document = folder / "openapi.json"
    document.write_bytes(documents.to_json(mended))
    bare = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(document), "--overwrite"]
    bare += ["--config", str(operations.OPENAPI / "generator.yaml"), "--output-path", str(folder / "bare")]
    ours = [sys.executable, str(ROOT / "scripts" / "regenerate.py"), "--output", str(folder / "ours")]

    def run(command: list[str]) -> None:
        subprocess.run(command, check=True, capture_output=True)

    alone, whole = best(lambda: run(bare), lambda: run(ours), rounds=2)
    say(f"the bare generator takes {alone:.2f} s, scripts/regenerate.py {whole:.2f} s")
    return "regenerate.py / the bare generator", whole / alone, 3.0


def main(arguments: list[str]) -> int:
    """Print the ratios; returns 1 if one exceeds its limit."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        upstream = Path(arguments[0]) if arguments else large_document(folder)
        ratios = [*reading(upstream, folder), generation(folder)]
    for name, ratio, limit in ratios:
        say(f"{ratio:5.2f}  {name} (limit {limit})")
    return 1 if any(ratio > limit for _, ratio, limit in ratios) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
