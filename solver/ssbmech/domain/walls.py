"""Walls of pores, and which point of a wall faces which point of another.

Pores are absent cells, and their walls the free boundary facets: those on no face of the bounding box and on no named surface. Walls
that may meet share no element and no node, so that contact between them needs a pairing. From every quadrature point X of a wall a
ray goes along the outward normal n, into the pore; the first wall that it meets within ``reach`` is the opposite one, and Y the point
there. A ray rather than the closest point, because the closest wall of a point near a corner is its own neighbour, while a ray that
leaves the body crosses the pore. Walls that stand more obliquely than 60 degrees to the ray are not paired.

The pairing is made once, in the undeformed configuration, and kept (small displacements): the gap of a pair is

    g = g_0 + n · (u(Y) − u(X)),      g_0 = |Y − X|

and its error is of second order in sliding against the curvature of the walls. Every wall has its own points, so that each pore is
seen from both sides; a pair therefore weighs half its area. All ranks know all walls (a surface quantity), and hold the pairs whose
dofs they own.

Where a pore is cut by a face of the box that moves as a plane, a plane of symmetry or a platen, a wall may meet that plane instead.
Then n is the normal of the plane, u(Y) the displacement of the face along it, and the pair has no counterpart: it weighs its whole
area, and is smooth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import basix
import basix.ufl
import numpy as np
import numpy.typing as npt
from dolfinx import fem
from dolfinx import mesh as dmesh
from mpi4py import MPI
from scipy.sparse import csr_array

from ssbmech import compat
from ssbmech.domain.broken import BrokenSpace
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.domain.rays import Facets, Hits, first_hits

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STEEPEST = 0.5
"""Least cosine between the ray and the normal of the wall that it meets."""


@dataclass(frozen=True)
class WallSurface:
    """Wall facets of all ranks.

    Attributes:
        facets: corners and outward normals (out of the solid, into the pore).
        local_facet: (n,) number of the facet in its cell.
        dofs: (n, dofs per facet) global numbers of the displacement blocks.
        mine: those that this rank owns.
    """

    facets: Facets
    local_facet: npt.NDArray[np.int32]
    dofs: Ints
    mine: slice

    @property
    def areas(self) -> Floats:
        """(n,) [µm²]; lengths in 2D, per µm of depth."""
        edges = self.facets.corners[:, 1:] - self.facets.corners[:, :1]
        gram = np.einsum("nik,njk->nij", edges, edges)
        area: Floats = np.sqrt(np.linalg.det(gram)) / (2.0 if edges.shape[1] == 2 else 1.0)
        return area


@dataclass(frozen=True)
class WallPairs:
    """Pairs of wall points of which this rank owns a dof or the wall that the ray starts from.

    Attributes:
        index_map: displacement blocks: those that the rank owns, then those that its pairs need of others.
        block_size: components of a block.
        jump: (dim · pairs, dofs) matrix; its product with the displacement is u(Y) − u(X), pair by pair.
        normal: (pairs, dim) from X into the pore.
        gap: (pairs,) g_0 [µm].
        area: (pairs,) that the pair stands for on the wall of X [µm²].
        on_plane: (pairs,) whether Y is on a face of the box.
        here: (pairs,) whether the wall of X is this rank's: sums count each pair once.
        point: (pairs, dim) X [µm].
        wall_area: of all walls, paired or not, over all ranks [µm²].
        wall_count: wall facets of all ranks.
    """

    index_map: Any
    block_size: int
    jump: csr_array
    normal: Floats
    gap: Floats
    area: Floats
    on_plane: npt.NDArray[np.bool_]
    here: npt.NDArray[np.bool_]
    point: Floats
    wall_area: float
    wall_count: int

    @property
    def weight(self) -> Floats:
        """(pairs,) area [µm²] by which a pair counts: half of it where its opposite is the point of a pair, too."""
        weight: Floats = np.where(self.on_plane, 1.0, 0.5) * self.area
        return weight

    @property
    def owned(self) -> int:
        """Dofs that this rank owns, components unrolled."""
        return int(self.index_map.size_local) * self.block_size


def wall_facets(tagged: TaggedMesh) -> npt.NDArray[np.int32]:
    """Owned exterior facets that lie on no face of the box and on no named surface."""
    dim, topology = tagged.dim, tagged.mesh.topology
    topology.create_connectivity(dim - 1, dim)
    exterior = np.asarray(dmesh.exterior_facet_indices(topology), dtype=np.int32)
    named = [np.zeros(0, dtype=np.int32), *tagged.faces.values()]
    walls: npt.NDArray[np.int32] = np.setdiff1d(exterior, np.concatenate(named)).astype(np.int32)
    return walls


def wall_surface(tagged: TaggedMesh, broken: BrokenSpace) -> WallSurface:
    """The walls of all ranks; collective."""
    mesh, dim, space = tagged.mesh, tagged.dim, broken.space
    facets = wall_facets(tagged)
    to_cells = mesh.topology.connectivity(dim - 1, dim)
    cells = to_cells.array[to_cells.offsets[facets]]
    to_facets = mesh.topology.connectivity(dim, dim - 1).array.reshape(-1, dim + 1)
    local = np.argmax(to_facets[cells] == facets[:, None], axis=1).astype(np.int32)
    nodes = mesh.geometry.x[compat.cell_nodes(mesh)[cells]][:, :, :dim]
    of_facet = np.array(_facet_vertices(dim), dtype=np.int64)[local]
    closure = np.array(_element(dim, _degree(broken)).entity_closure_dofs[dim - 1])[local]
    corners = np.take_along_axis(nodes, of_facet[:, :, None], axis=1)
    blocks = np.take_along_axis(space.dofmap.list[cells], closure, axis=1)
    numbers = space.dofmap.index_map.local_to_global(blocks.reshape(-1).astype(np.int32)).reshape(
        blocks.shape
    )
    normals = _outward(corners, nodes.mean(axis=1))
    parts = mesh.comm.allgather((corners, normals, local, numbers))
    joined = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    begin = sum(len(part[2]) for part in parts[: mesh.comm.rank])
    return WallSurface(
        Facets(joined[0], joined[1]), joined[2], joined[3].astype(np.int64), slice(begin, begin + facets.size)
    )


def _degree(broken: BrokenSpace) -> int:
    return int(broken.space.ufl_element().degree)


def _cell(dim: int) -> Any:
    return basix.CellType.tetrahedron if dim == 3 else basix.CellType.triangle


def _element(dim: int, degree: int) -> Any:
    """The scalar element of one component of the displacement."""
    return basix.ufl.element("Lagrange", _cell(dim).name, degree).basix_element


def _facet_vertices(dim: int) -> list[list[int]]:
    """Vertices of every facet of a cell, by the numbers that they have in the cell."""
    vertices: list[list[int]] = basix.topology(_cell(dim))[dim - 1]
    return vertices


def _outward(corners: Floats, inside: Floats) -> Floats:
    """(n, dim) unit normals of facets, away from a point inside their cell."""
    edges = corners[:, 1:] - corners[:, :1]
    if edges.shape[1] == 2:
        normal = np.cross(edges[:, 0], edges[:, 1])
    else:
        normal = np.stack([edges[:, 0, 1], -edges[:, 0, 0]], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    away = np.einsum("ij,ij->i", normal, corners.mean(axis=1) - inside)
    out: Floats = normal * np.sign(away)[:, None]
    return out


def _shapes(degree: int, local_facet: npt.NDArray[np.int32], barycentric: Floats) -> Floats:
    """(points, dofs per facet) shape functions of a facet's dofs at points given by barycentric coordinates of the facet."""
    dim = barycentric.shape[1]
    element, vertices = _element(dim, degree), basix.geometry(_cell(dim))
    closures = element.entity_closure_dofs[dim - 1]
    out = np.zeros((local_facet.size, len(closures[0])))
    for number, of_facet in enumerate(_facet_vertices(dim)):
        here = local_facet == number
        if here.any():
            values = element.tabulate(0, barycentric[here] @ vertices[of_facet])[0, :, :, 0]
            out[here] = values[:, closures[number]]
    return out


def pair_walls(
    tagged: TaggedMesh, broken: BrokenSpace, reach: float, degree: int, planes: Sequence[str] = ()
) -> WallPairs:
    """Find the opposite point of every quadrature point of the walls; collective.

    Args:
        tagged: the mesh.
        broken: space of the displacement.
        reach: largest distance at which walls see each other [µm].
        degree: quadrature degree on the facets of the walls.
        planes: faces of the box (x-, x+, ...) whose dofs all have the same displacement along their normal.
    """
    comm = tagged.mesh.comm
    surface = wall_surface(tagged, broken)
    facet, own, point, area = _wall_points(surface, degree)
    normal, shapes = surface.facets.normals[facet], _degree(broken)
    keep, hits, shared = _opposite(surface.facets, point, normal, reach)
    near = _shapes(shapes, surface.local_facet[facet], own)
    far = _shapes(shapes, surface.local_facet[hits.facet], hits.barycentric)
    parts = [
        (
            np.concatenate([surface.dofs[facet[keep]], surface.dofs[hits.facet]], axis=1),
            np.concatenate([-near[keep], far], axis=1),
            shared, hits.distance, area[keep], point[keep], np.zeros(keep.size, dtype=bool),
        )
    ]  # fmt: skip
    lonely = np.setdiff1d(np.arange(point.shape[0]), keep)
    for face in planes:
        dof = _dof_on_face(tagged, broken, face)
        if dof < 0:
            continue
        here, direction, distance = _on_plane(
            tagged, surface.facets, face, point[lonely], normal[lonely], reach
        )
        here = lonely[here]
        blocks, coefficients = surface.dofs[facet[here]], np.zeros((here.size, near.shape[1]))
        coefficients[:, 0] = 1.0
        parts.append(
            (
                np.concatenate([blocks, np.full_like(blocks, dof)], axis=1),
                np.concatenate([-near[here], coefficients], axis=1),
                np.broadcast_to(direction, (here.size, tagged.dim)), distance, area[here], point[here],
                np.ones(here.size, dtype=bool),
            )
        )  # fmt: skip
    mine = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    gathered = comm.allgather([*mine, np.full(len(mine[0]), comm.rank)])
    return _local_pairs(
        comm, broken, surface, [np.concatenate(arrays) for arrays in zip(*gathered, strict=True)]
    )


def _wall_points(surface: WallSurface, degree: int) -> tuple[Ints, Floats, Floats, Floats]:
    """Facet, barycentric coordinates, place and area of the quadrature points of this rank's walls."""
    shape = basix.CellType.triangle if surface.facets.corners.shape[1] == 3 else basix.CellType.interval
    reference, weights = basix.make_quadrature(shape, degree)
    weights = weights / weights.sum()
    own = np.concatenate([1 - reference.sum(axis=1, keepdims=True), reference], axis=1)
    count = surface.mine.stop - surface.mine.start
    facet = np.repeat(np.arange(surface.mine.start, surface.mine.stop), len(weights))
    own = np.tile(own, (count, 1))
    point = np.einsum("pk,pki->pi", own, surface.facets.corners[facet])
    return facet, own, point, surface.areas[facet] * np.tile(weights, count)


def _dof_on_face(tagged: TaggedMesh, broken: BrokenSpace, face: str) -> int:
    """Global number of a displacement block on a face, the same on every rank; -1 where there is none. Collective."""
    comm, imap = tagged.mesh.comm, broken.space.dofmap.index_map
    facets = tagged.faces.get(face, np.zeros(0, dtype=np.int32))
    blocks = fem.locate_dofs_topological(broken.space, tagged.dim - 1, facets)
    blocks = blocks[broken.body_of_dof[blocks] >= 0]
    mine = int(imap.local_to_global(blocks.astype(np.int32)).max(initial=-1))
    return int(comm.allreduce(mine, MPI.MAX))


def _on_plane(
    tagged: TaggedMesh, walls: Facets, face: str, point: Floats, normal: Floats, reach: float
) -> tuple[Ints, Floats, Floats]:
    """Of points that face a plane of the box within reach, with no wall between: numbers, normal out of the box, distances."""
    axis, sign = "xyz".index(face[0]), 1.0 if face[1] == "+" else -1.0
    plane = tagged.upper[axis] if sign > 0 else tagged.lower[axis]
    direction = np.zeros(tagged.dim)
    direction[axis] = sign
    distance = sign * (plane - point[:, axis])
    # cos 2α of the angle α to the plane's normal is that to the mirror image of the wall, which counts for steepness.
    cosine = normal @ direction
    keep = np.flatnonzero((distance <= reach) & (cosine > 0) & (2 * cosine**2 - 1 > STEEPEST))
    hits = first_hits(point[keep], np.broadcast_to(direction, (keep.size, tagged.dim)), walls, reach)
    keep = keep[hits.distance >= distance[keep]]
    return keep, direction, distance[keep]


def _opposite(walls: Facets, point: Floats, normal: Floats, reach: float) -> tuple[Ints, Hits, Floats]:
    """Of points with an opposite wall: their numbers, where their rays meet it, and the normals of the pairs."""
    keep, hits, normal = _shoot(walls, point, normal, normal, reach)
    both = normal - walls.normals[hits.facet]
    both /= np.linalg.norm(both, axis=1, keepdims=True)
    again, hits, _ = _shoot(walls, point[keep], both, normal, reach)
    return keep[again], hits, both[again]


def _shoot(
    walls: Facets, point: Floats, direction: Floats, normal: Floats, reach: float
) -> tuple[Ints, Hits, Floats]:
    """Rays that meet a wall which is not steep to their own: their numbers, the hits, and their own normals."""
    hits = first_hits(point, direction, walls, reach)
    met = np.einsum("ij,ij->i", normal, walls.normals[hits.facet]) < -STEEPEST
    keep = np.flatnonzero((hits.facet >= 0) & met)
    return keep, Hits(hits.facet[keep], hits.distance[keep], hits.barycentric[keep]), normal[keep]


def _local_pairs(comm: MPI.Comm, broken: BrokenSpace, surface: WallSurface, gathered: list[Any]) -> WallPairs:
    """Of the pairs of all ranks those that this rank needs, on an index map with all their dofs."""
    imap, bs = broken.space.dofmap.index_map, broken.block_size
    start, stop = imap.local_range
    dofs, home = gathered[0], gathered[7]
    owned = (dofs >= start) & (dofs < stop)
    needed = np.flatnonzero(owned.any(axis=1) | (home == comm.rank))
    dofs, coefficients, normal, gap, area, point, on_plane, home = (array[needed] for array in gathered)
    ghosts = np.unique(dofs[~owned[needed]])
    ends = np.cumsum(comm.allgather(stop - start))
    owners = np.searchsorted(ends, ghosts, side="right").astype(np.int32)
    index_map = compat.index_map(comm, int(imap.size_local), ghosts.astype(np.int64), owners)
    blocks = np.where(owned[needed], dofs - start, imap.size_local + np.searchsorted(ghosts, dofs))
    pairs, width = blocks.shape
    component = np.arange(bs)
    rows = np.broadcast_to(np.arange(pairs)[:, None, None] * bs + component, (pairs, width, bs))
    columns = blocks[:, :, None] * bs + component
    values = np.broadcast_to(coefficients[:, :, None], columns.shape)
    size = (pairs * bs, (int(imap.size_local) + ghosts.size) * bs)
    jump = csr_array((values.reshape(-1), (rows.reshape(-1), columns.reshape(-1))), shape=size)
    return WallPairs(
        index_map,
        bs,
        jump,
        normal,
        gap,
        area,
        on_plane,
        home == comm.rank,
        point,
        float(surface.areas.sum()),
        len(surface.dofs),
    )
