"""``ssbmech doctor``: what this environment has, and what it lacks."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's table."""

    what: str
    found: str
    ok: bool
    needed: bool = True
    advice: str = ""


def examine() -> list[Finding]:
    """All findings, in the order in which they are told."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        _dolfinx,
        _petsc,
        _mpi,
        _packages,
        _machine,
    )
    return [finding for check in checks for finding in check()]


def _version(module: Any, name: str) -> str:
    version = getattr(module, "__version__", None)
    if version is None:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = "present"
    return str(version)


def _imported(name: str) -> tuple[Any, str]:
    """The module, or None and why not. Any error counts: a broken shared library raises what it likes."""
    try:
        return importlib.import_module(name), ""
    except Exception as error:
        return None, f"{type(error).__name__}: {error}".splitlines()[0][:80]


def _python() -> Iterator[Finding]:
    ok = sys.version_info >= (3, 11)
    yield Finding("Python", platform.python_version(), ok, advice="Python 3.11 or later")


def _dolfinx() -> Iterator[Finding]:
    module, problem = _imported("dolfinx")
    if module is None:
        advice = "from conda-forge (fenics-dolfinx), Debian 13 (python3-dolfinx-real) or the Dockerfile"
        yield Finding("DOLFINx", problem, False, advice=advice)
        return
    version = _version(module, "fenics-dolfinx")
    ok = (0, 9) <= tuple(int(part) for part in version.split(".")[:2]) <= (0, 11)
    yield Finding("DOLFINx", version, ok, advice="a version from 0.9 to 0.11")
    adios = bool(getattr(module, "has_adios2", False))
    if not hasattr(module, "has_adios2"):
        adios = hasattr(importlib.import_module("dolfinx.io"), "VTXWriter")
    yield Finding(
        "DOLFINx with ADIOS2", "yes" if adios else "no", adios, advice="a build with ADIOS2 (field output)"
    )
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc")
    yield Finding(
        "C compiler",
        compiler or "none",
        compiler is not None,
        advice="gcc or clang: forms are compiled on first use",
    )


def _petsc() -> Iterator[Finding]:
    module, problem = _imported("petsc4py.PETSc")
    if module is None:
        yield Finding("petsc4py", problem, False, advice="petsc4py built against the PETSc of DOLFINx")
        return
    yield Finding("PETSc", ".".join(map(str, module.Sys.getVersion())), True)
    real = "float" in module.ScalarType.__name__
    yield Finding("PETSc numbers", module.ScalarType.__name__, real, advice="a build with real numbers")
    for package, use in (("mumps", "direct solver"), ("hypre", "preconditioner of the potential")):
        has = module.Sys.hasExternalPackage(package)
        advice = f"a PETSc with {package.upper()}"
        yield Finding(
            f"PETSc with {package.upper()}", f"{'yes' if has else 'no'} ({use})", has, advice=advice
        )


def _mpi() -> Iterator[Finding]:
    module, problem = _imported("mpi4py.MPI")
    if module is None:
        yield Finding("mpi4py", problem, False, advice="mpi4py built against the MPI of DOLFINx")
        return
    library = module.Get_library_version().split(",")[0].splitlines()[0].strip(" \0")
    yield Finding("MPI", library, True)
    launcher = shutil.which("mpirun") or shutil.which("mpiexec")
    yield Finding(
        "mpirun",
        launcher or "none",
        launcher is not None,
        needed=False,
        advice="needed for -n and more than one rank",
    )
    if launcher is None:
        return
    text = subprocess.run(
        [launcher, "--version"], capture_output=True, encoding="utf-8", check=False, timeout=20
    ).stdout
    same = any(
        name in text.lower() and name.replace(" ", "") in library.lower().replace(" ", "")
        for name in ("open mpi", "mpich")
    )
    same = same or ("open mpi" in text.lower() or "open-mpi" in text.lower()) == (
        "open mpi" in library.lower()
    )
    first = text.splitlines()[0] if text else "says nothing"
    yield Finding(
        "mpirun of the same MPI", first, same, needed=False, advice="an mpirun of the MPI that mpi4py uses"
    )


_PACKAGES = (
    ("numpy", True), ("scipy", True), ("pydantic", True), ("pint", True), ("yaml", True), ("typer", True),
    ("rich", True), ("psutil", True), ("meshio", True), ("gmsh", False), ("adios2", False),
    ("pyvista", False), ("matplotlib", False),
)  # fmt: skip
_WHY = {
    "gmsh": "generating microstructures",
    "adios2": "reading fields back for the report",
    "pyvista": "pictures of fields",
    "matplotlib": "curves of the report",
}


def _packages() -> Iterator[Finding]:
    for name, needed in _PACKAGES:
        module, problem = _imported(name)
        found = _version(module, name) if module is not None else problem
        why = f"needed for {_WHY[name]}" if name in _WHY else f"pip install {name}"
        yield Finding(name, found, module is not None, needed, why)


def _machine() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("cores", str(cores), True)
    memory = Path("/proc/meminfo")
    if memory.is_file():
        available = int(memory.read_text().split("MemAvailable:")[1].split()[0]) / 1e6
        yield Finding(
            "memory free",
            f"{available:.1f} GB",
            available > 2.0,
            needed=False,
            advice="the demo needs 2 GB, its full form 6 GB",
        )
