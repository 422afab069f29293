"""The modules of scripts/: imports run down, from the commands through drift/ to openapi_tools/, without a circle."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter

from environment import ROOT

SCRIPTS = ROOT / "scripts"
MODULES = {".".join(path.relative_to(SCRIPTS).with_suffix("").parts): path for path in SCRIPTS.glob("**/*.py")}


def imports(module: str) -> set[str]:
    """The modules of scripts/ that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & MODULES.keys()


def test_there_is_no_circle() -> None:
    assert len(list(TopologicalSorter({module: imports(module) for module in MODULES}).static_order())) == len(MODULES)


def test_imports_run_down() -> None:
    for module in MODULES:
        allowed = {"openapi_tools": ("openapi_tools.",), "drift": ("drift.", "openapi_tools.")}.get(
            module.split(".")[0]
        )
        assert allowed is None or all(name.startswith(allowed) for name in imports(module)), module
