"""The layout of overlays/README.md: few modules know httpx or the generated package, and the sandbox knows neither."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "overlays" / "atlas_invoices"
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
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
KNOW_THE_GENERATED_PACKAGE = {"_operations.py", "_replies.py", "_unset.py", "_money/_amounts.py", "_sync/_listing.py"}


def imports(module: str) -> set[str]:
    """What a module imports when it is imported, or in a function; not under TYPE_CHECKING."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add("." * node.level + node.module)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse((PACKAGE / module).read_text(encoding="utf-8")))
    return found


def knows(module: str, package: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for name in imports(module))


def test_few_modules_know_httpx() -> None:
    seen = {module for module in MODULES if knows(module, "httpx")}
    assert {module for module in seen if not module.startswith("_auth/")} == KNOW_HTTPX


def test_few_modules_know_the_generated_package() -> None:
    assert {module for module in MODULES if knows(module, "atlas_invoices_client")} == KNOW_THE_GENERATED_PACKAGE


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("sandbox/")])
def test_the_sandbox_is_independent_of_the_client(module: str) -> None:
    assert not knows(module, "httpx")
    assert not knows(module, "atlas_invoices_client")
    ours = {name for name in imports(module) if name.startswith((".._", "atlas_invoices._"))}
    assert ours <= {".._errors", "atlas_invoices._errors"}


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith("cli/")])
def test_only_the_command_knows_its_libraries(module: str) -> None:
    assert not knows(module, "click")
    assert not knows(module, "rich")


def test_the_readme_names_every_module() -> None:
    tops = {module.split("/")[0] + "/" if "/" in module else module.removesuffix(".py") for module in MODULES}
    missing = {top for top in tops - {"__init__", "__main__"} if f"`{top}`" not in README}
    assert not missing
