"""Imports do not run backwards, and the source roots are not packages."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROOTS = {"ssbmech": "solver", "ssbmech_mesh": "meshes", "ssbmech_post": "postprocessing"}

# (package or module, what nothing in it may import)
FORBIDDEN = [
    (
        "ssbmech.case",
        (
            "dolfinx",
            "petsc4py",
            "mpi4py",
            "ssbmech.physics",
            "ssbmech.solve",
            "ssbmech.output",
            "ssbmech.run",
        ),
    ),
    (
        "ssbmech.materials",
        ("ssbmech.case", "ssbmech.physics", "ssbmech.solve", "ssbmech.output", "ssbmech.run"),
    ),
    ("ssbmech.domain", ("ssbmech.physics", "ssbmech.solve", "ssbmech.output", "ssbmech.run")),
    ("ssbmech.physics", ("ssbmech.case", "ssbmech.output", "ssbmech.solve", "ssbmech.run")),
    ("ssbmech.output", ("ssbmech.run",)),
    ("ssbmech_mesh", ("ssbmech", "ssbmech_post", "dolfinx", "petsc4py")),
    ("ssbmech_post", ("ssbmech", "ssbmech_mesh", "dolfinx", "petsc4py")),
]


def sources(package: str) -> list[Path]:
    """All source files of a package."""
    top, *rest = package.split(".")
    return sorted(REPOSITORY.joinpath(ROOTS[top], top, *rest).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Absolute names of the modules that a file imports at run time, also inside functions."""
    root = (
        REPOSITORY
        / ROOTS[next(name for name, folder in ROOTS.items() if path.is_relative_to(REPOSITORY / folder))]
    )
    package = list(path.relative_to(root).parent.parts)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    only_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if node in only_types:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.add(module)
            found.update(f"{module}.{alias.name}" for alias in node.names)
    return found


@pytest.mark.parametrize(("package", "banned"), FORBIDDEN, ids=[package for package, _ in FORBIDDEN])
def test_imports_do_not_run_backwards(package: str, banned: tuple[str, ...]) -> None:
    wrong = [
        f"{path.relative_to(REPOSITORY)} imports {name}"
        for path in sources(package)
        for name in sorted(imports(path))
        if any(name == ban or name.startswith(ban + ".") for ban in banned)
    ]
    assert not wrong, "\n".join(wrong)


def test_only_compat_names_dolfinx_versions() -> None:
    named = [
        path.name for path in sources("ssbmech") if "dolfinx.__version__" in path.read_text(encoding="utf-8")
    ]
    assert set(named) <= {"compat.py", "summary.py"}  # the summary prints it


@pytest.mark.parametrize("root", sorted(ROOTS.values()))
def test_source_roots_are_not_packages(root: str) -> None:
    assert not (REPOSITORY / root / "__init__.py").exists()


@pytest.mark.parametrize("package", sorted(ROOTS))
def test_packages_come_from_this_clone(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None
    assert Path(module.__file__).is_relative_to(REPOSITORY / ROOTS[package])
    assert package in sys.modules
    assert (REPOSITORY / ROOTS[package] / package / "py.typed").exists()
