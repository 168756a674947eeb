"""One gmsh model at a time, opened, filled and closed in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gmsh


@contextmanager
def gmsh_model(name: str) -> Iterator[None]:
    """A fresh, silent, single-threaded gmsh model (one thread: the same mesh on every machine).

    Works inside a program that uses gmsh itself: the open session is kept and its model made current again.
    """
    opened_here = not gmsh.isInitialized()
    if opened_here:
        gmsh.initialize(interruptible=False, readConfigFiles=False)
    previous = None if opened_here else gmsh.model.getCurrent()
    gmsh.option.setNumber("General.Terminal", 0)
    gmsh.option.setNumber("General.NumThreads", 1)
    gmsh.model.add(name)
    try:
        yield
    finally:
        gmsh.model.setCurrent(name)
        gmsh.model.remove()
        if previous is not None:
            gmsh.model.setCurrent(previous)
        if opened_here:
            gmsh.finalize()


def fill(dimension: int, size: str | None = None) -> None:
    """Mesh the current model, the same on every machine, with no other edge lengths than those it is given.

    Args:
        dimension: 2 or 3.
        size: edge length as a function of x, y, z in gmsh's expression language; None if a field or a callback gives it.
    """
    if size is not None:
        field = gmsh.model.mesh.field.add("MathEval")
        gmsh.model.mesh.field.setString(field, "F", size)
        gmsh.model.mesh.field.setAsBackgroundMesh(field)
    for option in ("MeshSizeExtendFromBoundary", "MeshSizeFromPoints", "MeshSizeFromCurvature"):
        gmsh.option.setNumber(f"Mesh.{option}", 0)
    gmsh.option.setNumber("Mesh.RandomSeed", 1)
    gmsh.model.mesh.generate(dimension)
