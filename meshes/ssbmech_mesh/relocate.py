"""Better shapes for the worst tetrahedra, by moving their nodes where they may move. Lengths in µm.

A mesher's own optimisation leaves surface nodes alone, and the worst tetrahedra sit on poor triangles of the
spheres (near the poles of their parametrisation). Here a node in the bulk may move anywhere, one on a sphere
along it, one on a face of the box within it, one on the circle where both meet along that.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ssbmech_mesh.quality import dihedral_angles
from ssbmech_mesh.simplex import Floats, Ints, SimplexMesh

_DIRECTIONS = np.array([d for d in product((-1.0, 0.0, 1.0), repeat=3) if any(d)])
_DIRECTIONS /= np.linalg.norm(_DIRECTIONS, axis=1)[:, None]
_STEPS = (0.3, 0.1, 0.03)  # of the mean edge length around the node
_PASSES = 6


def relocate(mesh: SimplexMesh, box: Sequence[float], center: Floats, poor: float = 12.0) -> None:
    """Bring dihedral angles between `poor` and 180 - `poor` degrees where moving a node can do it.

    Bodies 0 to len(center) - 1 are spheres or pieces of them, with given centres (n, 3); their surface nodes
    keep their distance from it.
    """
    sphere = _sphere_of_node(mesh, len(center))
    fixed = (mesh.nodes == 0.0) | (mesh.nodes == np.array(box))
    order = np.argsort(mesh.cells.ravel(), kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(mesh.cells.ravel(), minlength=len(mesh.nodes)))])
    for _ in range(_PASSES):
        smallest = worst_angles(mesh)
        worst_first = np.argsort(smallest)[: int(np.sum(smallest < poor))]
        moved = False
        for node in dict.fromkeys(mesh.cells[worst_first].ravel().tolist()):
            star = mesh.cells[order[start[node] : start[node + 1]] // 4]
            ball = None if sphere[node] < 0 else _ball(mesh.nodes[node], center[sphere[node]])
            moved |= _improve(mesh.nodes, node, star, fixed[node], ball)
        if not moved:
            return


def _sphere_of_node(mesh: SimplexMesh, spheres: int) -> Ints:
    """Which sphere a node lies on, -1 for none. Spheres do not touch, so there is at most one."""
    facet, pair = mesh.interfaces()
    sphere = np.full(len(mesh.nodes), -1, dtype=np.int64)
    for column in (0, 1):
        known = pair[:, column] < spheres
        sphere[facet[known].ravel()] = np.repeat(pair[known, column], 3)
    return sphere


def _ball(place: Floats, center: Floats) -> tuple[Floats, float]:
    return center, float(np.linalg.norm(place - center))


def _improve(
    nodes: Floats, node: int, star: Ints, fixed: NDArray[np.bool_], ball: tuple[Floats, float] | None
) -> bool:
    """Move one node to the best of the places around it; False if where it is now is best."""
    if int(fixed.sum()) + (ball is not None) >= 3:
        return False
    here = nodes[node].copy()
    reach = float(np.mean(np.linalg.norm(nodes[star.ravel()] - here, axis=1))) * 4.0 / 3.0
    best = _worst_angle(nodes, node, star, here[None])[0]
    moved = False
    for step in _STEPS:
        places = _allowed(nodes[node] + step * reach * _DIRECTIONS, nodes[node], fixed, ball)
        angle = _worst_angle(nodes, node, star, places)
        choice = int(np.argmax(angle))
        if angle[choice] > best + 0.05:
            nodes[node], best, moved = places[choice], angle[choice], True
    return moved


def worst_angles(mesh: SimplexMesh) -> Floats:
    """How far the dihedral angles of each cell stay from 0 and from 180 degrees; -1 where it is turned over."""
    angle = dihedral_angles(mesh)
    return np.where(mesh.volumes() > 0.0, np.minimum(angle, 180.0 - angle).min(axis=1), -1.0)


def _allowed(
    places: Floats, here: Floats, fixed: NDArray[np.bool_], ball: tuple[Floats, float] | None
) -> Floats:
    """The nearest places on the same faces of the box and on the same sphere."""
    places = np.where(fixed, here, places)
    if ball is None:
        return places
    offset = places - ball[0]
    held = np.sum(offset[:, fixed] ** 2, axis=1)
    free = np.maximum(np.sum(offset[:, ~fixed] ** 2, axis=1), 1e-300)
    scale = np.sqrt(np.maximum(ball[1] ** 2 - held, 0.0) / free)
    return np.where(fixed, here, ball[0] + scale[:, None] * offset)


def _worst_angle(nodes: Floats, node: int, star: Ints, places: Floats) -> Floats:
    """The worst of `worst_angles` around a node, for each place it might be at."""
    count = len(places)
    corner = np.repeat(nodes[star][None], count, axis=0)
    corner = np.where((star == node)[None, :, :, None], places[:, None, None, :], corner).reshape(-1, 4, 3)
    trial = SimplexMesh(
        corner.reshape(-1, 3), np.arange(4 * len(corner)).reshape(-1, 4), np.zeros(0, int), []
    )
    return np.asarray(worst_angles(trial).reshape(count, -1).min(axis=1))
