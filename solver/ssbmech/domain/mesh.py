"""Reading a tagged mesh and distributing it: cells with their region, named surfaces, faces of the bounding box."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from pathlib import Path

import basix.ufl
import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import mesh as dmesh
from mpi4py import MPI

from ssbmech import compat
from ssbmech.domain.exchange import look_up
from ssbmech.domain.mesh_hdf5 import heavy_file, read_slice
from ssbmech.domain.raw_mesh import MeshReadError, RawMesh, RegionTable, read_raw

__all__ = ["MeshReadError", "RawMesh", "RegionTable", "TaggedMesh", "cell_count", "distribute", "read_mesh"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class TaggedMesh:
    """A distributed mesh whose cells know their region.

    Attributes:
        mesh: DOLFINx mesh, coordinates in µm, ghosted by shared facets.
        cell_region: (owned + ghost cells,) index into ``regions``.
        regions: names of the regions.
        faces: name -> owned exterior facets on this rank, for x-, x+, ... of the bounding box and for named surfaces.
        lower, upper: (dim,) corners of the bounding box [µm].
        table: what the regions are, where the file says it; all of it on every rank.
    """

    mesh: dmesh.Mesh
    cell_region: Ints
    regions: list[str]
    faces: dict[str, Ints] = field(default_factory=dict)
    lower: Floats = field(default_factory=lambda: np.zeros(3))
    upper: Floats = field(default_factory=lambda: np.zeros(3))
    table: RegionTable | None = None

    @property
    def dim(self) -> int:
        return int(self.mesh.topology.dim)

    def box_area(self, axis: int) -> float:
        """Area [µm²] of the bounding box normal to ``axis``; per µm of depth in 2D (then in µm² for 1 µm of depth)."""
        extent = self.upper - self.lower
        return float(np.prod(np.delete(extent, axis)))


def _exterior_facets(mesh: dmesh.Mesh) -> Ints:
    dim = mesh.topology.dim
    mesh.topology.create_connectivity(dim - 1, dim)
    return np.asarray(dmesh.exterior_facet_indices(mesh.topology), dtype=np.int32)


def _box_faces(mesh: dmesh.Mesh, exterior: Ints, lower: Floats, upper: Floats) -> dict[str, Ints]:
    dim = mesh.topology.dim
    nodes = dmesh.entities_to_geometry(mesh, dim - 1, exterior)
    corners = mesh.geometry.x[nodes.reshape(-1)].reshape(*nodes.shape, 3)
    tolerance = 1e-6 * float(np.max(upper - lower))
    faces = {}
    for axis in range(dim):
        for sign, plane in (("-", lower[axis]), ("+", upper[axis])):
            on_plane = np.all(np.abs(corners[:, :, axis] - plane) < tolerance, axis=1)
            faces["xyz"[axis] + sign] = exterior[on_plane]
    return faces


def _named_surfaces(
    mesh: dmesh.Mesh, exterior: Ints, surfaces: list[str], facets: npt.NDArray[np.int64], tags: Ints
) -> dict[str, Ints]:
    """Exterior facets of the named surfaces, matched by the original numbers of their nodes.

    Every rank has the surfaces as a whole: they are small beside the mesh.
    """
    if not surfaces:
        return {}
    dim = mesh.topology.dim
    original = np.asarray(mesh.geometry.input_global_indices, dtype=np.int64)
    here = np.sort(original[dmesh.entities_to_geometry(mesh, dim - 1, exterior)].reshape(-1, dim), axis=1)
    wanted = np.sort(facets, axis=1)
    both, inverse = np.unique(np.concatenate([wanted, here]), axis=0, return_inverse=True)
    tag_of = np.full(both.shape[0], -1, dtype=np.int32)
    tag_of[inverse.reshape(-1)[: wanted.shape[0]]] = tags
    tag_here = tag_of[inverse.reshape(-1)[wanted.shape[0] :]]
    return {name: exterior[tag_here == number] for number, name in enumerate(surfaces)}


def _return_memory() -> None:
    """Give freed memory back to the system, where the C library can (glibc).

    It would keep most of it: making a mesh takes several times the memory that the mesh needs.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def distribute(comm: MPI.Comm, raw: RawMesh | None) -> TaggedMesh:
    """Partition a mesh, of which every rank holds a slice (or None), over all ranks of ``comm``; rank 0 holds some of it."""
    dim, regions, table = comm.bcast(
        (raw.points.shape[1], raw.regions, raw.table) if raw is not None else None
    )
    if raw is None:
        none = np.zeros(0, dtype=np.int32)
        no_cells, no_facets = (np.zeros((0, nodes), dtype=np.int64) for nodes in (dim + 1, dim))
        raw = RawMesh(np.zeros((0, dim)), no_cells, none, [], no_facets, none, [])
    shape = {3: "tetrahedron", 2: "triangle"}[dim]
    element = basix.ufl.element("Lagrange", shape, 1, shape=(dim,))
    mesh = compat.create_mesh(comm, raw.cells, raw.points, ufl.Mesh(element))
    original = np.asarray(mesh.topology.original_cell_index, dtype=np.int64)
    cell_region = look_up(comm, raw.cell_region, original)
    surfaces = comm.bcast((raw.surfaces, raw.facets, raw.facet_surface))
    del raw  # before the facets take their memory
    _return_memory()
    mesh.topology.create_connectivity(dim - 1, 0)
    mesh.topology.create_connectivity(dim, dim - 1)
    lower = np.array(
        [comm.allreduce(v, MPI.MIN) for v in mesh.geometry.x[:, :dim].min(axis=0, initial=np.inf)]
    )
    upper = np.array(
        [comm.allreduce(v, MPI.MAX) for v in mesh.geometry.x[:, :dim].max(axis=0, initial=-np.inf)]
    )
    exterior = _exterior_facets(mesh)
    faces = _box_faces(mesh, exterior, lower, upper) | _named_surfaces(mesh, exterior, *surfaces)
    _return_memory()
    return TaggedMesh(mesh, cell_region, regions, faces, lower, upper, table)


def read_mesh(comm: MPI.Comm, path: Path, scale: float = 1.0) -> TaggedMesh:
    """Read a mesh file and distribute it.

    Every rank reads its slice of ``.xdmf`` and ``.h5`` files of the mesh package; other formats are read by rank 0 as a whole.

    Args:
        comm: the ranks.
        path: the file.
        scale: length of one unit of the file [µm].

    Raises:
        MeshReadError: on every rank alike.
    """
    return distribute(comm, _read(comm, path, scale))


def _read(comm: MPI.Comm, path: Path, scale: float) -> RawMesh | None:
    raw: RawMesh | None = None
    problem: str | None = None
    try:
        heavy = heavy_file(path)
        if heavy is not None:
            raw = read_slice(heavy, comm.rank, comm.size, scale)
        elif comm.rank == 0:
            raw = read_raw(path, scale)
    except MeshReadError as error:
        problem = str(error)
    problems = [text for text in comm.allgather(problem) if text is not None]
    if problems:
        raise MeshReadError(problems[0])
    return raw


def cell_count(tagged: TaggedMesh) -> int:
    return int(tagged.mesh.topology.index_map(tagged.dim).size_global)
