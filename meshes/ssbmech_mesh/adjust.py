"""Small moves of nodes after meshing: exactly flat box faces, exact particle volumes. Lengths in µm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

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


def match_area(mesh: SimplexMesh, held: Held, facet: Ints, center: Floats, exact: float) -> None:
    """Move the nodes at the round edge of a flat facet outwards in its plane until its triangles have its exact area.

    facet: the triangles. center (3,): of the circle. As with volumes, but in proportion to the squared edges of a
    polygon instead of a sphere.
    """
    direction = _outward(mesh, facet, center, 1.0, replace(held, pinned=np.isnan(held.center[:, 0])))
    trial = replace(mesh, nodes=mesh.nodes)

    def missing(factor: float) -> float:
        trial.nodes = mesh.nodes + factor * direction
        return exact - float(trial.facet_areas(facet).sum())

    mesh.nodes += _root(missing, exact) * direction


def _bring_to_volume(mesh: SimplexMesh, cells: Ints, direction: Floats, exact: float) -> None:
    body = SimplexMesh(mesh.nodes, cells, np.zeros(len(cells), dtype=np.int64), ["body"])

    def missing(factor: float) -> float:
        body.nodes = mesh.nodes + factor * direction
        return exact - float(body.volumes().sum())

    mesh.nodes += _root(missing, exact) * direction


def _root(missing: Callable[[float], float], exact: float) -> float:
    """Secant rounds for the factor of the moves; what is missing is a low polynomial of it, so few are enough."""
    factor, step = 0.0, 0.5
    before = missing(factor)
    for _ in range(20):
        now = missing(factor + step)
        if now == before:
            break
        factor, step, before = factor + step, now * step / (before - now), now
        if abs(now) < 1e-13 * exact:
            break
    return factor
