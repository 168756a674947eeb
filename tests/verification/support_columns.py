"""Plane meshes for tests whose solution varies along one axis: a grid of given lines, with a body for every cell of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import support_coupled as sc

from ssbmech.domain.mesh import RawMesh, TaggedMesh, distribute

Floats = npt.NDArray[np.float64]


def plane_grid(x: Floats, y: Floats, names: Sequence[str], region: Callable[[Floats], Floats]) -> TaggedMesh:
    """Rectangles between the lines ``x`` and ``y`` [µm], each cut into two triangles.

    region: number of the body in ``names`` at the middles of the rectangles, (n, 2) -> (n,).
    """
    raw = None
    if sc.COMM.rank == 0:
        nodes = np.stack([g.ravel() for g in np.meshgrid(x, y, indexing="ij")], axis=1)
        corner = (np.arange(x.size - 1)[:, None] * y.size + np.arange(y.size - 1)).ravel()
        halves = np.array([[0, y.size, y.size + 1], [0, y.size + 1, 1]])
        middle = 0.5 * (nodes[corner] + nodes[corner + y.size + 1])
        cells = (corner[:, None, None] + halves).reshape(-1, 3).astype(np.int64)
        bodies = np.repeat(np.asarray(region(middle), np.int32), 2)
        none = np.zeros((0, 2), np.int64), np.zeros(0, np.int32)
        raw = RawMesh(nodes, cells, bodies, list(names), *none, [])
    return distribute(sc.COMM, raw)
