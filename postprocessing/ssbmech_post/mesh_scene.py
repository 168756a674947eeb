"""What is seen of a mesh: skins, cut faces and edges, each with its colour, ready to be drawn.

Only surfaces are kept, so a picture of a million cells is as light as its faces. The corner of the box that
points at the viewer is cut away exactly: faces and lines carry the half-spaces that they are clipped to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ssbmech_post.mesh_input import TaggedMesh
from ssbmech_post.section import marching_tetrahedra
from ssbmech_post.vtx import FloatArray, IntArray

Mask = NDArray[np.bool_]
HalfSpace = tuple[int, float, int]  # axis, position, side: kept where side * (coordinate - position) > 0
# The corner that points at the viewer, and so is cut away: large x, small y, large z.
CORNER = (1, -1, 1)
_OFF_MIDDLE = 1.2345e-6  # of the box: a plane through nodes would give polygons without area


@dataclass(frozen=True, eq=False)
class Facets:
    """Facets of the simplices: `nodes` (F, d) and the cells on their two sides (F, 2), -1 for none."""

    nodes: IntArray
    sides: IntArray

    def bodies(self, mesh: TaggedMesh) -> IntArray:
        """(F, 2) bodies on the two sides, -1 for none."""
        return np.where(self.sides >= 0, mesh.body[self.sides], -1)

    def neighbours(self, mesh: TaggedMesh) -> IntArray:
        """(k, 2) distinct pairs of bodies that share a facet."""
        pair = np.sort(self.bodies(mesh), axis=1)
        pair = pair[(pair[:, 0] >= 0) & (pair[:, 0] != pair[:, 1])]
        return np.asarray(np.unique(pair, axis=0), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Patch:
    """Triangles (t, 3) of `points` with their cells (t,), edges (e, 2) of the mesh on them and rims (r, 2).

    `edge_of` (e,) is the triangle that an edge takes its colour from; rims are where bodies or the mesh end. The patch is
    drawn once for every list of half-spaces in `clips`.
    """

    points: FloatArray
    triangles: IntArray
    cells: IntArray
    edges: IntArray
    edge_of: IntArray
    rims: IntArray
    clips: list[list[HalfSpace]] = field(default_factory=lambda: [[]])


def facets(cells: IntArray) -> Facets:
    """All distinct facets of simplices (M, d + 1)."""
    d = cells.shape[1] - 1
    local = np.array([[i for i in range(d + 1) if i != skip] for skip in range(d + 1)])
    every = np.sort(cells[:, local].reshape(-1, d), axis=1)
    _, first, inverse = np.unique(_keys(every), return_index=True, return_inverse=True)
    owner = np.repeat(np.arange(len(cells)), d + 1)
    sides = np.full((len(first), 2), -1, dtype=np.int64)
    sides[:, 0] = owner[first]
    second = np.ones(len(every), dtype=bool)
    second[first] = False
    sides[inverse.ravel()[second], 1] = owner[second]
    return Facets(every[first], sides)


def _keys(rows: IntArray) -> IntArray:
    """One integer for every row (n, k) of indices, the same for the same row."""
    radix = int(rows.max(initial=0)) + 1
    key = rows[:, 0].astype(np.int64)
    for column in rows.T[1:]:
        if (int(key.max(initial=0)) + 1) * radix >= 2**63:
            key = np.unique(key, return_inverse=True)[1].ravel().astype(np.int64)
        key = key * radix + column
    return key


def edges_of(triangles: IntArray, body: IntArray) -> tuple[IntArray, IntArray, Mask]:
    """Distinct edges (e, 2), a triangle that each belongs to (e,), and which are rims: of one body, or of the whole."""
    every = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, first, inverse, count = np.unique(
        _keys(every), return_index=True, return_inverse=True, return_counts=True
    )
    owner = np.repeat(np.arange(len(triangles)), 3)
    low, high = np.full(len(first), len(body) + body.max(initial=0)), np.full(len(first), -1)
    np.minimum.at(low, inverse.ravel(), body[owner])
    np.maximum.at(high, inverse.ravel(), body[owner])
    return every[first], owner[first], (low != high) | (count == 1)


def skin(mesh: TaggedMesh, found: Facets, shown: Mask, beside: Mask, clips: list[list[HalfSpace]]) -> Patch:
    """Facets of the bodies `shown` (n,) at the outside of the mesh and at the bodies `beside` (n,)."""
    body = found.bodies(mesh)
    one, other = (np.where(body[:, k] >= 0, shown[body[:, k]], False) for k in (0, 1))
    free_of_one = np.where(
        body[:, 1] >= 0, beside[body[:, 1]], True
    )  # every facet has a cell on its first side
    free_of_other = beside[body[:, 0]]
    which = np.flatnonzero((one & free_of_one) | (other & free_of_other))
    cell = np.where(one[which], found.sides[which, 0], found.sides[which, 1])
    triangles = found.nodes[which]
    edges, edge_of, rim = edges_of(triangles, mesh.body[cell])
    return Patch(mesh.points, triangles, cell, edges, edge_of, edges[rim], clips)


def plane(mesh: TaggedMesh, axis: int, position: float, shown: Mask, clips: list[list[HalfSpace]]) -> Patch:
    """The section of the tetrahedra of the bodies `shown` (n,) with a plane."""
    distance = mesh.points[:, axis] - position
    low, high = (pick(distance[mesh.cells], axis=1) for pick in (np.min, np.max))
    near = np.flatnonzero((low < 0.0) & (high > 0.0) & shown[mesh.body])
    pairs, share, triangles, source = marching_tetrahedra(mesh.cells[near], distance)
    points = (1.0 - share[:, None]) * mesh.points[pairs[:, 0]] + share[:, None] * mesh.points[pairs[:, 1]]
    points[:, axis] = position
    cell = near[source]
    edges, edge_of, rim = edges_of(triangles, mesh.body[cell])
    # Two points of the cut lie in one facet if their edges of the mesh have a node in common; else the line between
    # them only divides a quadrilateral.
    a, b = pairs[edges[:, 0]], pairs[edges[:, 1]]
    real = (a[:, :, None] == b[:, None, :]).any(axis=(1, 2))
    return Patch(points, triangles, cell, edges[real], edge_of[real], edges[real & rim], clips)


def flat(mesh: TaggedMesh) -> Patch:
    """A mesh of triangles as it is."""
    edges, edge_of, rim = edges_of(mesh.cells, mesh.body)
    return Patch(mesh.points, mesh.cells, np.arange(len(mesh.cells)), edges, edge_of, edges[rim])


def cut_at(mesh: TaggedMesh, share: float = 0.5) -> FloatArray:
    """(3,) planes that cut the corner at the viewer off: `share` of every edge of the box goes, slightly off nodes."""
    low, high = mesh.box
    gone = share + _OFF_MIDDLE
    return np.where(np.array(CORNER) > 0, high - gone * (high - low), low + gone * (high - low))


def cutaway(mesh: TaggedMesh, found: Facets, shown: Mask, beside: Mask, at: FloatArray) -> list[Patch]:
    """What is seen of the bodies `shown` (n,) without the corner behind the planes `at`.

    `beside` (n,): bodies that leave the surface they share with these free to be seen.
    """
    gone: list[HalfSpace] = [(axis, float(at[axis]), CORNER[axis]) for axis in range(3)]
    rest = [[*gone[:k], (gone[k][0], gone[k][1], -gone[k][2])] for k in range(3)]  # the other seven parts
    patches = [skin(mesh, found, shown, beside, rest)]
    for axis in range(3):
        patches.append(plane(mesh, axis, at[axis], shown, [[gone[k] for k in range(3) if k != axis]]))
    return [patch for patch in patches if len(patch.triangles)]


def is_box(mesh: TaggedMesh, found: Facets) -> bool:
    """Whether every face of the bounding box carries facets on a quarter of it or more: a box, maybe with pores."""
    d = mesh.dimension
    corner = mesh.points[found.nodes[found.sides[:, 1] < 0]]
    edge = corner[:, 1:] - corner[:, :1]
    size = (
        0.5 * np.linalg.norm(np.cross(edge[:, 0], edge[:, 1]), axis=1)
        if d == 3
        else np.linalg.norm(edge[:, 0], axis=1)
    )
    span = np.ptp(mesh.box, axis=0)[:d]
    for axis in range(d):
        for place in mesh.box[:, axis]:
            on = (np.abs(corner[:, :, axis] - place) < 1e-6 * span.max()).all(axis=1)
            if size[on].sum() < 0.25 * np.prod(np.delete(span, axis)):
                return False
    return True


def box_lines(mesh: TaggedMesh, at: FloatArray, inner: bool) -> tuple[FloatArray, FloatArray]:
    """Edges (k, 2, 3) of what is left of the box without the corner behind `at`, and those that are gone (l, 2, 3).

    inner: also the edges that the cut makes.
    """
    grid = np.stack([mesh.box[0], at, mesh.box[1]])
    held = np.zeros((4, 4, 4), dtype=int)  # the eight parts of the box, and nothing around them
    held[1:3, 1:3, 1:3] = 1
    held[tuple(2 if side > 0 else 1 for side in CORNER)] = 0
    solid, gone = [], []
    for axis, half, p, q in product(range(3), range(2), range(3), range(3)):
        others = [k for k in range(3) if k != axis]
        ends = np.empty((2, 3))
        ends[:, others] = [grid[p, others[0]], grid[q, others[1]]]
        ends[:, axis] = grid[half : half + 2, axis]
        around = int(np.moveaxis(held, axis, 0)[half + 1, p : p + 2, q : q + 2].sum())
        outer = p in (0, 2) and q in (0, 2)
        if around in (1, 3) and (outer or inner):  # two of the four parts around a line are one flat face
            solid.append(ends)
        elif around == 0 and outer:
            gone.append(ends)
    return np.array(solid), np.array(gone)
