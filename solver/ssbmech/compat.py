"""Everything that depends on the version of DOLFINx (0.9 to 0.11) or petsc4py, in one place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import cpp, fem
from dolfinx import mesh as dmesh
from mpi4py import MPI

VERSION = tuple(int(part) for part in __import__("dolfinx").__version__.split(".")[:2])

if not (0, 9) <= VERSION <= (0, 11):
    raise ImportError(f"ssbmech supports DOLFINx 0.9 to 0.11; this is {'.'.join(map(str, VERSION))}")

_JIT = {"timeout": 120}
"""s to wait for another run that compiles the same form; the default of 10 s ends the second of two runs started together."""


def index_map(
    comm: MPI.Comm, owned: int, ghosts: npt.NDArray[np.int64], owners: npt.NDArray[np.int32]
) -> Any:
    """A C++ ``IndexMap`` with ``owned`` local indices and the given ghosts (global numbers and owning ranks)."""
    if VERSION >= (0, 10):  # the last argument is a message tag; index maps are made one after the other
        return cpp.common.IndexMap(comm, owned, ghosts, owners, 1203)
    return cpp.common.IndexMap(comm, owned, ghosts, owners)


def function_space(
    mesh: dmesh.Mesh, like: fem.FunctionSpace, dof_list: npt.NDArray[np.int32], imap: Any, bs: int
) -> Any:
    """A function space on ``mesh`` with the element of ``like`` and a dof list of our own.

    Args:
        mesh: the mesh.
        like: an ordinary space with the wanted element.
        dof_list: (cells, dofs per cell) local dof numbers.
        imap: index map of the dofs.
        bs: block size of the dofs.
    """
    adjacency = cpp.graph.AdjacencyList_int32(dof_list)
    dofmap = cpp.fem.DofMap(like.dofmap.dof_layout, imap, bs, adjacency, bs)
    element = getattr(like.element, "_cpp_object", like.element)
    arguments = [mesh._cpp_object, element, dofmap]
    if VERSION < (0, 10):
        arguments.append(like.value_shape)
    cpp_space = cpp.fem.FunctionSpace_float64(*arguments)
    return fem.FunctionSpace(mesh, like.ufl_element(), cpp_space)


def create_mesh(
    comm: MPI.Comm, cells: npt.NDArray[np.int64], points: npt.NDArray[np.float64], domain: ufl.Mesh
) -> dmesh.Mesh:
    """Distribute a conforming mesh, ghosted by shared facets; ``cells`` and ``points`` of all ranks count."""
    mode = dmesh.GhostMode.shared_facet
    if VERSION < (0, 10):
        # Without names, the binding first takes every row of `cells` for an array of its own, which is several times the memory of
        # the mesh: https://github.com/FEniCS/dolfinx/issues/4542. dmesh.create_mesh gives no names.
        element = fem.coordinate_element(domain.ufl_coordinate_element().basix_element)
        made = cpp.mesh.create_mesh(
            comm=comm,
            cells=np.ascontiguousarray(cells, dtype=np.int64),
            element=element._cpp_object,
            x=np.ascontiguousarray(points, dtype=np.float64),
            partitioner=dmesh.create_cell_partitioner(mode),
        )
        return dmesh.Mesh(made, domain)
    # The second argument, since 0.11 without a default, is the number of cells that may meet in a facet.
    links = (2,) if VERSION >= (0, 11) else ()
    partitioner = dmesh.create_cell_partitioner(mode, *links)
    # By name: 0.10 swapped the third and the fourth.
    return dmesh.create_mesh(comm, cells, x=points, e=domain, partitioner=partitioner)


def cell_nodes(mesh: dmesh.Mesh) -> npt.NDArray[np.int32]:
    """(cells, nodes) rows of ``mesh.geometry.x`` of the owned and ghost cells."""
    nodes = mesh.geometry.dofmaps[0] if VERSION >= (0, 11) else mesh.geometry.dofmap
    return np.asarray(nodes, dtype=np.int32)


def vector(compiled: Any) -> Any:
    """A vector that the compiled linear form is assembled into."""
    return fem.create_vector(compiled.function_spaces[0] if VERSION >= (0, 10) else compiled)


def form(ufl_form: Any, entity_maps: list[tuple[dmesh.Mesh, Any]]) -> Any:
    """Compile a form; ``entity_maps`` is what :func:`submesh` returned for every submesh in use."""
    maps: Any = [m for _, m in entity_maps] if VERSION >= (0, 10) else dict(entity_maps)
    try:
        return fem.form(ufl_form, entity_maps=maps or None, jit_options=_JIT)
    except (RuntimeError, TimeoutError) as error:
        if not _discard_unfinished(ufl_form.ufl_domain().ufl_cargo().comm, str(error)):
            raise
        return fem.form(ufl_form, entity_maps=maps or None, jit_options=_JIT)


def _discard_unfinished(comm: MPI.Comm, message: str) -> bool:
    """Remove from FFCx's cache a form that a run was compiling when it was killed; every later run waits for it in vain."""
    found = re.search(r"timed out.*remove (.+?\.c)\)", message, re.DOTALL)
    if found and comm.rank == 0:
        Path(found.group(1)).unlink(missing_ok=True)
    return bool(comm.bcast(found is not None))


def submesh(
    mesh: dmesh.Mesh, dim: int, entities: npt.NDArray[np.int32]
) -> tuple[dmesh.Mesh, Any, npt.NDArray[np.int32]]:
    """Submesh of ``entities``: the mesh, the object :func:`form` needs, and the parent entity of every cell of it."""
    sub, entity_map, *_ = dmesh.create_submesh(mesh, dim, entities)
    if VERSION >= (0, 10):
        cells = sub.topology.index_map(dim)
        local = np.arange(cells.size_local + cells.num_ghosts, dtype=np.int32)
        return (
            sub,
            entity_map,
            np.asarray(entity_map.sub_topology_to_topology(local, inverse=False), dtype=np.int32),
        )
    parents = np.asarray(entity_map, dtype=np.int32)
    imap = mesh.topology.index_map(dim)
    inverse = np.full(imap.size_local + imap.num_ghosts, -1, dtype=np.int32)
    inverse[parents] = np.arange(parents.size, dtype=np.int32)
    return sub, inverse, parents


def vtx_writer(comm: MPI.Comm, path: Path, functions: list[fem.Function]) -> Any:
    """A VTX (ADIOS2) writer of ``functions``; the mesh is written once."""
    from dolfinx.io import VTXWriter
    from dolfinx.io.utils import VTXMeshPolicy

    return VTXWriter(comm, str(path), functions, engine="BP4", mesh_policy=VTXMeshPolicy.reuse)
