"""The layout of overlays/README.md: imports run one way, and few modules know httpx or the generated package."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

from environment import ROOT

PACKAGE = ROOT / "overlays" / "atlas_invoices"
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
BY_NAME = {
    f"atlas_invoices/{module}".removesuffix(".py").removesuffix("/__init__").replace("/", "."): module
    for module in MODULES
}
README = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")

# At run time; what is imported for types alone costs nothing and binds nothing.
KNOW_HTTPX = {
    "_async_client.py",
    "_async_stream.py",
    "_client.py",
    "_operations.py",
    "_patience.py",
    "_settings.py",
    "_stream.py",
    "_transport.py",
}
KNOW_THE_GENERATED_PACKAGE = {
    "_money/_fields.py",
    "_money/_given.py",
    "_operations.py",
    "_replies.py",
    "_sync/_listing.py",
    "_unset.py",
}
# From the edge to the middle; what isn't named here is what they share, and lies before the last. The package's own
# `__init__` leads to everything, so what it leads to must not import it.
LAYERS = ("__main__.py", "cli/"), ("__init__.py",), ("_sync/",), ("_client.py", "_async_client.py"), (), ("_errors.py",)
SHARED = LAYERS.index(())


def imports(module: str) -> set[str]:
    """The full names a module imports when it is imported, or in a function; not under TYPE_CHECKING."""
    found: set[str] = set()
    package = ".".join(("atlas_invoices", *Path(module).parent.parts))

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            found.update(f"{source}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse((PACKAGE / module).read_text(encoding="utf-8")))
    return found


def knows(module: str, package: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for name in imports(module))


def ours(module: str) -> set[str]:
    """The modules of the package that a module imports."""
    found = {BY_NAME.get(name) or BY_NAME.get(name.rpartition(".")[0]) for name in imports(module)}
    return {name for name in found if name is not None}


def layer(module: str) -> int:
    return next((number for number, names in enumerate(LAYERS) if module.startswith(names)), SHARED)


def test_imports_have_no_circle() -> None:
    TopologicalSorter({module: ours(module) for module in MODULES}).prepare()


def test_imports_run_one_way() -> None:
    wrong = [(module, name) for module in MODULES for name in ours(module) if layer(name) < layer(module)]
    assert wrong == []


def test_few_modules_know_httpx() -> None:
    seen = {module for module in MODULES if knows(module, "httpx")}
    assert {module for module in seen if not module.startswith("_auth/")} == KNOW_HTTPX


def test_few_modules_know_the_generated_package() -> None:
    assert {module for module in MODULES if knows(module, "atlas_invoices_client")} == KNOW_THE_GENERATED_PACKAGE


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("sandbox/")])
def test_the_sandbox_is_independent_of_the_client(module: str) -> None:
    assert not knows(module, "httpx")
    assert not knows(module, "atlas_invoices_client")
    assert {name for name in ours(module) if not name.startswith("sandbox/")} <= {"_errors.py"}


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith("cli/")])
def test_only_the_command_knows_its_libraries(module: str) -> None:
    assert not knows(module, "click")
    assert not knows(module, "rich")


def test_the_readme_names_every_module() -> None:
    tops = {module.split("/")[0] + "/" if "/" in module else module.removesuffix(".py") for module in MODULES}
    missing = {top for top in tops - {"__init__", "__main__"} if f"`{top}`" not in README}
    assert not missing
