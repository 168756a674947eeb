"""Reading a tagged mesh and distributing it: cells with their region, named surfaces, faces of the bounding box."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import basix.ufl
import meshio
import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import mesh as dmesh
from mpi4py import MPI

from ssbmech import compat

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

CELL_SHAPES = {"tetra": ("tetrahedron", 3), "triangle": ("triangle", 2)}
FACET_SHAPES = {3: "triangle", 2: "line"}


class MeshReadError(ValueError):
    """A mesh file that cannot be used; the message says what is wrong and what is accepted."""


@dataclass(frozen=True)
class RawMesh:
    """A mesh as read from a file, on one rank.

    Attributes:
        points: (nodes, dim) coordinates [µm].
        cells: (cells, dim + 1) node numbers.
        cell_region: (cells,) index into ``regions``.
        regions: physical names of the cells.
        facets: (facets, dim) node numbers of the facets of named surfaces.
        facet_surface: (facets,) index into ``surfaces``.
        surfaces: physical names of the facets.
    """

    points: Floats
    cells: npt.NDArray[np.int64]
    cell_region: Ints
    regions: list[str]
    facets: npt.NDArray[np.int64]
    facet_surface: Ints
    surfaces: list[str]


@dataclass(frozen=True)
class TaggedMesh:
    """A distributed mesh whose cells know their region.

    Attributes:
        mesh: DOLFINx mesh, coordinates in µm, ghosted by shared facets.
        cell_region: (owned + ghost cells,) index into ``regions``.
        regions: names of the regions.
        faces: name -> owned exterior facets on this rank, for x-, x+, ... of the bounding box and for named surfaces.
        lower, upper: (dim,) corners of the bounding box [µm].
    """

    mesh: dmesh.Mesh
    cell_region: Ints
    regions: list[str]
    faces: dict[str, Ints] = field(default_factory=dict)
    lower: Floats = field(default_factory=lambda: np.zeros(3))
    upper: Floats = field(default_factory=lambda: np.zeros(3))

    @property
    def dim(self) -> int:
        return int(self.mesh.topology.dim)

    def box_area(self, axis: int) -> float:
        """Area [µm²] of the bounding box normal to ``axis``; per µm of depth in 2D (then in µm² for 1 µm of depth)."""
        extent = self.upper - self.lower
        return float(np.prod(np.delete(extent, axis)))


def _named(data: meshio.Mesh, dim: int, shape: str) -> tuple[npt.NDArray[np.int64], Ints, list[str]]:
    """Cells of one shape, their region numbers and the regions' names."""
    tags_key = next(
        (k for k in ("gmsh:physical", "medit:ref", "cell_tags", "region") if k in data.cell_data),
        None,
    )
    names = {int(tag): name for name, (tag, d) in data.field_data.items() if int(d) == dim}
    blocks, tags = [], []
    for number, block in enumerate(data.cells):
        if block.type != shape:
            continue
        blocks.append(np.asarray(block.data, dtype=np.int64))
        tags.append(
            np.asarray(data.cell_data[tags_key][number], dtype=np.int64)
            if tags_key
            else np.zeros(len(block.data), dtype=np.int64)
        )
    if not blocks:
        width = {"tetra": 4, "triangle": 3, "line": 2}[shape]
        return np.zeros((0, width), dtype=np.int64), np.zeros(0, dtype=np.int32), []
    all_tags = np.concatenate(tags)
    unique, inverse = np.unique(all_tags, return_inverse=True)
    return np.concatenate(blocks), inverse.astype(np.int32), [names.get(int(t), str(int(t))) for t in unique]


def read_raw(path: Path, scale: float = 1.0) -> RawMesh:
    """Read a mesh file (gmsh ``.msh`` or whatever meshio reads).

    Args:
        path: the file.
        scale: length of one unit of the file [µm].

    Raises:
        MeshReadError: unreadable file, no tetrahedra or triangles, or inverted/degenerate cells.
    """
    if not path.is_file():
        raise MeshReadError(f"mesh file {path} does not exist")
    try:
        data = meshio.read(path)
    except SystemExit as error:  # meshio exits on unknown formats
        raise MeshReadError(f"meshio cannot read {path}") from error
    except Exception as error:
        raise MeshReadError(f"meshio cannot read {path}: {error}") from error
    present = {block.type for block in data.cells}
    shape = next((s for s in CELL_SHAPES if s in present), None)
    if shape is None:
        raise MeshReadError(f"{path} holds {sorted(present)}; tetrahedra (3D) or triangles (2D) are needed")
    dim = CELL_SHAPES[shape][1]
    cells, cell_region, regions = _named(data, dim, shape)
    facets, facet_surface, surfaces = _named(data, dim - 1, FACET_SHAPES[dim])
    if not any(int(d) == dim - 1 for _, d in data.field_data.values()):
        facets, facet_surface, surfaces = facets[:0], facet_surface[:0], []
    points = np.asarray(data.points, dtype=np.float64)
    if dim == 2 and points.shape[1] == 3 and np.ptp(points[:, 2]) > 1e-9 * max(np.ptp(points[:, :2]), 1e-300):
        raise MeshReadError(f"{path} holds triangles that do not lie in the plane z = const")
    used = np.unique(cells)
    renumber = np.full(points.shape[0], -1, dtype=np.int64)
    renumber[used] = np.arange(used.size)
    facets = renumber[facets]
    keep = (facets >= 0).all(axis=1)
    return RawMesh(
        points[used, :dim] * scale,
        renumber[cells],
        cell_region,
        regions,
        facets[keep],
        facet_surface[keep],
        surfaces,
    )


def _scatter_by_number(comm: MPI.Comm, values: Ints | None, numbers: npt.NDArray[np.int64]) -> Ints:
    """``values[numbers]`` on every rank, where ``values`` lies on rank 0 only."""
    counts = comm.gather(numbers.size)
    if comm.rank == 0:
        assert counts is not None and values is not None
        wanted = np.empty(sum(counts), dtype=np.int64)
        comm.Gatherv(numbers, [wanted, counts])
        replies = np.ascontiguousarray(values[wanted])
        out = np.empty(numbers.size, dtype=np.int32)
        comm.Scatterv([replies, counts], out)
        return out
    comm.Gatherv(numbers, None)
    out = np.empty(numbers.size, dtype=np.int32)
    comm.Scatterv(None, out)
    return out


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


def _named_surfaces(mesh: dmesh.Mesh, exterior: Ints, raw: RawMesh | None) -> dict[str, Ints]:
    """Exterior facets of the named surfaces, matched by the original numbers of their nodes."""
    comm, dim = mesh.comm, mesh.topology.dim
    surfaces, facets, tags = comm.bcast(
        (raw.surfaces, raw.facets, raw.facet_surface) if raw is not None else None
    )
    if not surfaces:
        return {}
    original = np.asarray(mesh.geometry.input_global_indices, dtype=np.int64)
    here = np.sort(original[dmesh.entities_to_geometry(mesh, dim - 1, exterior)].reshape(-1, dim), axis=1)
    wanted = np.sort(facets, axis=1)
    both, inverse = np.unique(np.concatenate([wanted, here]), axis=0, return_inverse=True)
    tag_of = np.full(both.shape[0], -1, dtype=np.int32)
    tag_of[inverse.reshape(-1)[: wanted.shape[0]]] = tags
    tag_here = tag_of[inverse.reshape(-1)[wanted.shape[0] :]]
    return {name: exterior[tag_here == number] for number, name in enumerate(surfaces)}


def distribute(comm: MPI.Comm, raw: RawMesh | None) -> TaggedMesh:
    """Partition a mesh that rank 0 holds over all ranks of ``comm``."""
    root = comm.rank == 0
    dim, regions = comm.bcast((raw.points.shape[1], raw.regions) if root and raw is not None else None)
    shape = {3: "tetrahedron", 2: "triangle"}[dim]
    element = basix.ufl.element("Lagrange", shape, 1, shape=(dim,))
    cells = raw.cells if root and raw is not None else np.zeros((0, dim + 1), dtype=np.int64)
    points = raw.points if root and raw is not None else np.zeros((0, dim))
    mesh = compat.create_mesh(comm, cells, points, ufl.Mesh(element))
    mesh.topology.create_connectivity(dim - 1, 0)
    mesh.topology.create_connectivity(dim, dim - 1)
    original = np.asarray(mesh.topology.original_cell_index, dtype=np.int64)
    cell_region = _scatter_by_number(comm, raw.cell_region if root and raw is not None else None, original)
    lower = np.array(
        [comm.allreduce(v, MPI.MIN) for v in mesh.geometry.x[:, :dim].min(axis=0, initial=np.inf)]
    )
    upper = np.array(
        [comm.allreduce(v, MPI.MAX) for v in mesh.geometry.x[:, :dim].max(axis=0, initial=-np.inf)]
    )
    exterior = _exterior_facets(mesh)
    faces = _box_faces(mesh, exterior, lower, upper) | _named_surfaces(mesh, exterior, raw if root else None)
    return TaggedMesh(mesh, cell_region, regions, faces, lower, upper)


def read_mesh(comm: MPI.Comm, path: Path, scale: float = 1.0) -> TaggedMesh:
    """Read ``path`` on rank 0 and distribute it; raises :class:`MeshReadError` on every rank alike."""
    raw: RawMesh | None = None
    problem: str | None = None
    if comm.rank == 0:
        try:
            raw = read_raw(path, scale)
        except MeshReadError as error:
            problem = str(error)
    problem = comm.bcast(problem)
    if problem is not None:
        raise MeshReadError(problem)
    return distribute(comm, raw)


def cell_count(tagged: TaggedMesh) -> int:
    return int(tagged.mesh.topology.index_map(tagged.dim).size_global)
