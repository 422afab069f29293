"""Imports run down, without a circle; ruff's banned imports (pyproject.toml) say who may import what."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from importlib.util import resolve_name

import pytest

from environment import ROOT

PACKAGE = ROOT / "overlays" / "atlas_invoices"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
README = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")


def imports(name: str) -> set[str]:
    """The modules of the package that a module imports at run time, in functions too."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                found.add(f"{source}.{alias.name}" if f"{source}.{alias.name}" in MODULES else source)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(MODULES[name].read_text(encoding="utf-8")))
    return found & MODULES.keys()


def test_imports_have_no_circle() -> None:
    TopologicalSorter({name: imports(name) for name in MODULES}).prepare()


@pytest.mark.parametrize("name", sorted(name for name in MODULES if ".sandbox" in name))
def test_the_sandbox_shares_only_errors_with_the_client(name: str) -> None:
    assert {found for found in imports(name) if ".sandbox" not in found} <= {"atlas_invoices._errors"}


def test_the_readme_names_every_module() -> None:
    tops = {path.relative_to(PACKAGE).parts[0] for path in MODULES.values()}
    names = {f"{top}/" if not top.endswith(".py") else top.removesuffix(".py") for top in tops}
    assert not {name for name in names - {"__init__", "__main__"} if f"`{name}`" not in README}
