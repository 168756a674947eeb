"""Cut the broken mesh by a plane, keeping the jumps, and choose how to show what the cut holds.

A general-purpose cutter welds points that lie at the same place and so closes every interface. Here a
point of the cut belongs to one edge of the mesh, and edges of two bodies are never the same edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbmech_post.errors import RunFolderError
from ssbmech_post.vtx import FloatArray, IntArray, VtxStep

_TETRAHEDRON_EDGES = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])


@dataclass(frozen=True)
class Section:
    """Triangles of a cut, or of a whole 2D mesh.

    `points` (n, 3) in µm before deformation, `triangles` (m, 3), `horizontal` and `vertical` the indices of
    the axes of the picture, `point_data` name -> (n,) or (n, 3), `body` (m,) number of the body,
    `position` coordinate of the plane along `normal` (both None for a 2D mesh).
    """

    points: FloatArray
    triangles: IntArray
    horizontal: int
    vertical: int
    point_data: dict[str, FloatArray]
    body: IntArray
    normal: int | None = None
    position: float | None = None

    def thin(self) -> NDArray[np.bool_]:
        """Which triangles (m,) are so thin that renderers draw their shading in stray colours."""
        plane = self.points[:, [self.horizontal, self.vertical]]
        a, b, c = (plane[self.triangles[:, i]] for i in range(3))
        doubled_area = np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
        longest = np.max([np.linalg.norm(side, axis=1) for side in (b - a, c - b, a - c)], axis=0)
        span = float(np.ptp(plane, axis=0).max())
        return np.asarray(doubled_area < 1.5e-3 * span * longest)

    def outline(self) -> IntArray:
        """Edges (k, 2) that belong to one triangle of their body only: rims of bodies and of the box.

        Also right where no two triangles have a node in common (a file of discontinuous fields).
        """
        span = float(np.ptp(self.points, axis=0).max())
        place = np.rint((self.points - self.points.min(axis=0)) / (1e-7 * span)).astype(np.int64)
        of_point = np.zeros(len(self.points), dtype=np.int64)
        of_point[self.triangles] = self.body[:, None]
        _, welded = np.unique(np.column_stack([of_point, place]), axis=0, return_inverse=True)
        edges = self.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
        key = np.sort(welded.ravel()[edges], axis=1)
        _, first, count = np.unique(key, axis=0, return_index=True, return_counts=True)
        rim = edges[first[count == 1]]
        same = np.diff(key[first[count == 1]], axis=1).ravel() == 0  # an edge without length
        return np.asarray(rim[~same])

    def warped(self, factor: float) -> FloatArray:
        """Points in the plane of the picture (n, 2) moved by `factor` times the displacement."""
        axes = [self.horizontal, self.vertical]
        return self.points[:, axes] + factor * self.point_data["displacement"][:, axes]


def cut(step: VtxStep, stack_axis: int) -> Section:
    """The section through the middle of the mesh that holds the stack axis (vertical in the picture).

    A 2D mesh is its own section.
    """
    simplices, owner = step.simplices()
    data = {n: v for n, v in step.point_data.items() if n not in ("body", "phase")}
    body = body_of_cells(step)[owner]
    horizontal = 0 if stack_axis != 0 else 1
    if step.dimension == 2:
        return Section(step.points, simplices, horizontal, stack_axis, data, body)
    normal = 3 - horizontal - stack_axis
    low, high = step.points[:, normal].min(), step.points[:, normal].max()
    # Slightly off the middle: a plane through nodes would give triangles without area.
    position = float(low + (0.5 + 1.2345e-6) * (high - low))
    pairs, share, triangles, source = marching_tetrahedra(simplices, step.points[:, normal] - position)
    if len(triangles) == 0:
        raise RunFolderError("fields", "the plane of the section meets no cell")

    def between(values: FloatArray) -> FloatArray:
        weight = share if values.ndim == 1 else share[:, None]
        return np.asarray((1.0 - weight) * values[pairs[:, 0]] + weight * values[pairs[:, 1]])

    return Section(
        between(step.points), triangles, horizontal, stack_axis, {n: between(v) for n, v in data.items()},
        body[source], normal, position,
    )  # fmt: skip


def body_of_cells(step: VtxStep) -> IntArray:
    """Number of the body of every cell: field `body`, or pieces that share no node where there is none."""
    if "body" in step.cell_data or "body" in step.point_data:
        return np.rint(step.on_cells("body")).astype(np.int64)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first = np.repeat(step.cells[:, 0], step.cells.shape[1] - 1)
    other = step.cells[:, 1:].ravel()
    n = len(step.points)
    _, piece = connected_components(
        coo_array((np.ones(len(first)), (first, other)), shape=(n, n)), directed=False
    )
    return np.asarray(piece[step.cells[:, 0]], dtype=np.int64)


def marching_tetrahedra(
    tets: IntArray, distance: FloatArray
) -> tuple[IntArray, FloatArray, IntArray, IntArray]:
    """Cut tetrahedra (n, 4) by the zero of `distance` at the nodes.

    Returns the edges cut (k, 2), where on them the cut lies (k,) in [0, 1], triangles (m, 3) of cut points
    and the tetrahedron each came from (m,).
    """
    above = distance[tets] > 0.0
    above_count = above.sum(axis=1)
    corners: list[IntArray] = []
    source: list[IntArray] = []
    for lone in (True, False):  # one corner on its own side: a triangle
        which = np.flatnonzero(above_count == (1 if lone else 3))
        apex = np.argmax(above[which] == lone, axis=1)
        others = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])[apex]
        top = tets[which, apex]
        corners.append(np.stack([np.stack([top, tets[which, others[:, i]]], -1) for i in range(3)], 1))
        source.append(which)
    which = np.flatnonzero(above_count == 2)  # two and two: a quadrilateral, as two triangles
    order = np.argsort(~above[which], axis=1, kind="stable")
    a, b, c, d = (tets[which, order[:, i]] for i in range(4))
    ac, ad, bc, bd = (np.stack(pair, -1) for pair in ((a, c), (a, d), (b, c), (b, d)))
    corners += [np.stack([ac, ad, bd], 1), np.stack([ac, bd, bc], 1)]
    source += [which, which]
    edges = np.sort(np.concatenate(corners).reshape(-1, 2), axis=1)
    pairs, number = np.unique(edges, axis=0, return_inverse=True)
    start, end = distance[pairs[:, 0]], distance[pairs[:, 1]]
    return pairs, start / (start - end), number.reshape(-1, 3), np.concatenate(source)


def largest_jump(step: VtxStep, percentile: float = 99.0) -> float:
    """Size of the displacement jump in µm between nodes at one place, at a percentile of all such nodes."""
    span = float(np.ptp(step.points, axis=0).max())
    grid = np.rint((step.points - step.points.min(axis=0)) / (1e-7 * span)).astype(np.int64)
    _, place, count = np.unique(grid, axis=0, return_inverse=True, return_counts=True)
    place = place.ravel()
    shared = np.flatnonzero(count[place] > 1)
    if shared.size == 0:
        return 0.0
    shared = shared[np.argsort(place[shared], kind="stable")]
    starts = np.flatnonzero(np.diff(place[shared], prepend=-1))
    u = step.point_data["displacement"][shared]
    spread = np.maximum.reduceat(u, starts) - np.minimum.reduceat(u, starts)
    return float(np.percentile(np.linalg.norm(spread, axis=1), percentile))


def magnification(step: VtxStep) -> float:
    """Factor for the displacement that makes gaps visible and leaves the shape: 1, 2 or 5 times 10ⁿ.

    The widest gaps become 3 % of the size of the box, unless points would then move by more than 15 % of it. Less than 5 is not worth
    it: movements are seen as they are, and magnified ones would let walls of closed pores pass each other.
    """
    span = float(np.ptp(step.points, axis=0).max())
    u = step.point_data["displacement"]
    relative = u - np.median(u, axis=0)
    motion = float(np.percentile(np.linalg.norm(relative, axis=1), 99.0))
    jump = largest_jump(step)
    limits = [0.03 * span / jump] if jump > 1e-9 * span else []
    limits += (
        [0.15 * span / motion if jump > 1e-9 * span else 0.05 * span / motion] if motion > 1e-9 * span else []
    )
    wanted = min(limits, default=1.0)
    if wanted < 5.0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(max(m * power for m in (1.0, 2.0, 5.0) if m * power <= wanted * (1 + 1e-12)))


def colour_range(values: FloatArray, percentile: float = 98.0) -> tuple[float, float]:
    """Range of a colour scale that a few hot spots do not stretch; starts at 0 for positive data."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(finite, [100.0 - percentile, percentile])
    if low >= 0.0:
        low = 0.0
    if high <= low:
        high = low + 1.0
    step = 10.0 ** np.floor(np.log10(high - low)) / 2.0
    return float(np.floor(low / step) * step), float(np.ceil(high / step) * step)
