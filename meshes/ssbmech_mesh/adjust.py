"""Small moves of nodes after meshing: exactly flat box faces, exact particle volumes. Lengths in µm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ssbmech_mesh.relocate import Held
from ssbmech_mesh.simplex import Floats, Ints, SimplexMesh


def flatten_faces(mesh: SimplexMesh, box: Sequence[float]) -> None:
    """Put nodes that lie on a face of the box within the CAD kernel's tolerance exactly on it."""
    tolerance = 1e-6 * max(box)
    for axis, side in enumerate(box):
        for wall in (0.0, float(side)):
            mesh.nodes[np.abs(mesh.nodes[:, axis] - wall) < tolerance, axis] = wall


def match_volumes(mesh: SimplexMesh, held: Held, center: Floats, radius: Floats, exact: Floats) -> None:
    """Move the nodes of each particle's surface outwards until its polyhedron has its exact volume.

    Flat triangles cut the corners of a sphere: with nodes on the sphere, a particle lacks volume in
    proportion to the squared edge length. Each node that is not pinned moves along the radius (within the planes
    it may lie in) in proportion to the squared length of the edges there, so that narrow, finely meshed necks are
    left as they are. Bodies 0 to len(center) - 1 are the particles, in the order of center (n, 3), radius
    (n,) and exact volume (n,).
    """
    facet, pair = mesh.interfaces()
    for k in range(len(center)):
        own = facet[(pair == k).any(axis=1)]
        direction = _outward(mesh, own, center[k], radius[k], held)
        cells = mesh.cells[mesh.body == k]
        _bring_to_volume(mesh, cells, direction, exact[k])


def _outward(mesh: SimplexMesh, facet: Ints, center: Floats, radius: float, held: Held) -> Floats:
    """Displacement of every node (N, 3) for a unit factor: h^2 / (8 r) along the radius."""
    length = np.zeros(len(mesh.nodes))
    count = np.zeros(len(mesh.nodes))
    for i, j in ((0, 1), (1, 2), (2, 0)):
        squared = np.sum((mesh.nodes[facet[:, i]] - mesh.nodes[facet[:, j]]) ** 2, axis=1)
        for end in (facet[:, i], facet[:, j]):
            np.add.at(length, end, squared)
            np.add.at(count, end, 1.0)
    move = np.zeros_like(mesh.nodes)
    on = (count > 0.0) & ~held.pinned
    radial = np.einsum("nij,nj->ni", held.free[on], (mesh.nodes[on] - center) / radius)
    move[on] = (length[on] / count[on] / (8.0 * radius))[:, None] * radial
    return move


def _bring_to_volume(mesh: SimplexMesh, cells: Ints, direction: Floats, exact: float) -> None:
    """Secant rounds for the factor of the moves; the volume is a cubic of it, so few are enough."""
    body = SimplexMesh(mesh.nodes.copy(), cells, np.zeros(len(cells), dtype=np.int64), ["body"])
    factor, step = 0.0, 0.5
    missing = exact - float(body.volumes().sum())
    for _ in range(20):
        body.nodes = mesh.nodes + (factor + step) * direction
        now = exact - float(body.volumes().sum())
        if now == missing:
            break
        factor, step, missing = factor + step, now * step / (missing - now), now
        if abs(now) < 1e-13 * exact:
            break
    mesh.nodes += factor * direction
