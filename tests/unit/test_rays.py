"""Rays against facets: the same as trying every facet, whatever their sizes."""

from __future__ import annotations

import numpy as np
import pytest

from ssbmech.domain.rays import Facets, first_hits


def scattered(dim: int, seed: int) -> tuple[Facets, np.ndarray, np.ndarray]:
    """Facets of sizes from 0.02 to 2 in a box of 4, and rays between them."""
    random = np.random.default_rng(seed)
    size = 10 ** random.uniform(-1.7, 0.3, 300)
    corners = random.uniform(0, 4, (300, 1, dim)) + size[:, None, None] * random.normal(size=(300, dim, dim))
    edges = corners[:, 1:] - corners[:, :1]
    normals = np.cross(edges[:, 0], edges[:, 1]) if dim == 3 else edges[:, 0] @ [[0, -1], [1, 0]]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    directions = random.normal(size=(200, dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return Facets(corners, normals), random.uniform(0, 4, (200, dim)), directions


@pytest.mark.parametrize("dim", [2, 3])
def test_nearest_facet_from_the_front(dim: int) -> None:
    facets, origins, directions = scattered(dim, 5)
    hits = first_hits(origins, directions, facets, 3.0)
    met = 0
    for k, (origin, direction) in enumerate(zip(origins, directions, strict=True)):
        edges = np.swapaxes(facets.corners[:, 1:] - facets.corners[:, :1], 1, 2)
        matrix = np.concatenate([np.broadcast_to(direction[:, None], (300, dim, 1)), -edges], axis=2)
        t, *s = np.linalg.solve(matrix, (facets.corners[:, 0] - origin)[:, :, None])[:, :, 0].T
        inside = (np.array(s) >= 0).all(axis=0) & (np.sum(s, axis=0) <= 1) & (t >= 0) & (t <= 3.0)
        inside &= facets.normals @ direction < 0
        if not inside.any():
            assert hits.facet[k] == -1
            continue
        met += 1
        nearest = int(np.argmin(np.where(inside, t, np.inf)))
        assert hits.facet[k] == nearest
        assert hits.distance[k] == pytest.approx(t[nearest], rel=1e-12)
        place = hits.barycentric[k] @ facets.corners[nearest]
        assert place == pytest.approx(origin + t[nearest] * direction, abs=1e-10)
    assert 50 < met < 200


def test_nothing_to_meet() -> None:
    facets, origins, directions = scattered(3, 6)
    none = Facets(facets.corners[:0], facets.normals[:0])
    assert (first_hits(origins, directions, none, 1.0).facet == -1).all()
    assert first_hits(origins[:0], directions[:0], facets, 1.0).facet.size == 0
