"""The first facet that rays meet: straight facets (segments in the plane, triangles in space), vectorised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_EDGE = 1e-9
"""Barycentric coordinates down to minus this count as inside, so that no ray slips through between two facets."""

_PIECE, _PIECES = 4.0, 50
"""Length of the pieces in which rays are followed, over the radius of the smaller facets; and most pieces of a ray."""

_BATCH = 1_000_000
"""Pairs of a ray and a facet that are looked at together."""


@dataclass(frozen=True)
class Facets:
    """Straight facets with an orientation.

    Attributes:
        corners: (n, dim, dim) coordinates of the corners [µm].
        normals: (n, dim) unit normals; the side they point to is the front.
    """

    corners: Floats
    normals: Floats

    @property
    def centres(self) -> Floats:
        mean: Floats = self.corners.mean(axis=1)
        return mean

    @property
    def radii(self) -> Floats:
        """Distance from the centre to the farthest corner."""
        radius: Floats = np.linalg.norm(self.corners - self.centres[:, None], axis=2).max(axis=1, initial=0.0)
        return radius


@dataclass(frozen=True)
class Hits:
    """What rays meet first.

    Attributes:
        facet: (rays,) number of the facet, -1 where there is none.
        distance: (rays,) from the origin [µm].
        barycentric: (rays, dim) coordinates of the point on the facet.
    """

    facet: Ints
    distance: Floats
    barycentric: Floats


def first_hits(origins: Floats, directions: Floats, facets: Facets, reach: float) -> Hits:
    """The nearest facet within ``reach`` that each ray meets from the front.

    Args:
        origins, directions: (rays, dim), the directions of unit length.
        facets: what they may meet.
        reach: largest distance [µm].
    """
    rays, dim = origins.shape
    hits = Hits(np.full(rays, -1, dtype=np.int64), np.full(rays, np.inf), np.zeros((rays, dim)))
    if rays == 0 or len(facets.corners) == 0:
        return hits
    radii, centres = facets.radii, facets.centres
    classes = _size_classes(radii)
    trees = [(numbers, cKDTree(centres[numbers]), float(radii[numbers].max())) for numbers in classes]
    # Piece by piece along the rays, which keeps the number of facets to look at in proportion to their length.
    piece = min(reach, max(_PIECE * trees[0][2], reach / _PIECES))
    begin, pending = 0.0, np.arange(rays)
    while True:
        end = min(begin + piece, reach)
        middle = origins[pending] + 0.5 * (begin + end) * directions[pending]
        for numbers, tree, widest in trees:
            for part, found in _candidates(tree, middle, 0.5 * (end - begin) + widest):
                ray, candidate = pending[part], numbers[found]
                offset = centres[candidate] - origins[ray]
                along = np.einsum("ij,ij->i", offset, directions[ray])
                aside = np.linalg.norm(offset - along[:, None] * directions[ray], axis=1)
                facing = np.einsum("ij,ij->i", facets.normals[candidate], directions[ray]) < -_EDGE
                near = facing & (aside <= radii[candidate] * (1 + 1e-6))
                _keep_nearest(hits, ray[near], candidate[near], origins, directions, facets.corners, end)
        pending = pending[hits.facet[pending] < 0]
        if end >= reach or pending.size == 0:
            return hits
        begin = end


def _size_classes(radii: Floats) -> list[Ints]:
    """Numbers of the facets of like size, the small ones first: a search among them need not reach as far as the largest one."""
    octave = np.floor(np.log2(radii)).astype(np.int64)
    return [np.flatnonzero(octave == each) for each in np.unique(octave)]


def _candidates(tree: cKDTree, points: Floats, radius: float) -> Iterator[tuple[Ints, Ints]]:
    """Pairs (point, tree point within the radius), in batches."""
    counts = tree.query_ball_point(points, radius, return_length=True)
    batch = np.cumsum(counts) // _BATCH
    for start, stop in zip(*_runs(batch), strict=True):
        if counts[start:stop].sum() > 0:
            near = cKDTree(points[start:stop]).sparse_distance_matrix(tree, radius, output_type="ndarray")
            yield start + near["i"], near["j"]


def _runs(values: Ints) -> tuple[Ints, Ints]:
    """Beginning and end of every run of equal values."""
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    return starts, np.append(starts[1:], values.size)


def _keep_nearest(
    hits: Hits,
    ray: Ints,
    facet: Ints,
    origins: Floats,
    directions: Floats,
    corners: Floats,
    length: float,
) -> None:
    """Intersect pairs of rays and facets; of every ray keep the nearest hit so far, up to ``length``.

    The intersection solves t d − Σ s_k (v_k − v_0) = v_0 − o; the barycentric coordinates are 1 − Σ s and the s_k.
    """
    first = corners[facet, 0]
    edges = np.swapaxes(corners[facet, 1:] - first[:, None], 1, 2)
    matrix = np.concatenate([directions[ray][:, :, None], -edges], axis=2)
    solution = np.linalg.solve(matrix, (first - origins[ray])[:, :, None])[:, :, 0]
    distance, slack = solution[:, 0], _EDGE * np.abs(edges).max(axis=(1, 2), initial=0.0)
    barycentric = np.concatenate([1 - solution[:, 1:].sum(axis=1, keepdims=True), solution[:, 1:]], axis=1)
    inside = (barycentric >= -_EDGE).all(axis=1) & (distance >= -slack) & (distance <= length)
    ray, facet, distance, barycentric = ray[inside], facet[inside], distance[inside], barycentric[inside]
    order = np.lexsort((facet, distance, ray))
    once = order[np.unique(ray[order], return_index=True)[1]]
    once = once[distance[once] < hits.distance[ray[once]]]
    hits.facet[ray[once]] = facet[once]
    hits.distance[ray[once]] = distance[once]
    hits.barycentric[ray[once]] = barycentric[once]
