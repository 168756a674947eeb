"""Better shapes for the worst tetrahedra, by moving their nodes where they may move. Lengths in µm.

A mesher's own optimisation leaves surface nodes alone, and the worst tetrahedra sit on poor triangles of the
spheres (near the poles of their parametrisation). Here a node in the bulk may move anywhere, one on a sphere
along it, one on a face of the box within it, one on the circle where both meet along that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ssbmech_mesh.quality import dihedral_angles
from ssbmech_mesh.simplex import Floats, Ints, SimplexMesh

_DIRECTIONS = np.array([d for d in product((-1.0, 0.0, 1.0), repeat=3) if any(d)])
_DIRECTIONS /= np.linalg.norm(_DIRECTIONS, axis=1)[:, None]
_STEPS = (0.3, 0.1, 0.03)  # of the mean edge length around the node
_PASSES = 6


@dataclass(frozen=True, eq=False)
class Held:
    """What the nodes of a mesh stay on; N nodes.

    free (N, 3, 3): projection onto the directions along all planes that a node lies in. center (N, 3): of the sphere that it lies on
    (µm), nan for none. pinned (N,): nodes that stay when volumes of spheres are adjusted, on flat facets that cut these.
    """

    free: Floats
    center: Floats
    pinned: NDArray[np.bool_]

    @property
    def freedom(self) -> Ints:
        """(N,) directions that a node may move in."""
        planar = np.rint(np.trace(self.free, axis1=1, axis2=2)).astype(np.int64)
        return np.asarray(np.maximum(planar - np.isfinite(self.center[:, 0]), 0), dtype=np.int64)


def held_by_spheres(mesh: SimplexMesh, box: Sequence[float], center: Floats) -> Held:
    """Nodes on the faces of the box stay on these, nodes of bodies 0 to len(center) - 1 on spheres around center (n, 3).

    The spheres do not touch, so that a node is on one of them at most.
    """
    facet, pair = mesh.interfaces()
    at = np.full((len(mesh.nodes), 3), np.nan)
    for column in (0, 1):
        known = pair[:, column] < len(center)
        at[facet[known].ravel()] = np.repeat(center[pair[known, column]], 3, axis=0)
    flat = (mesh.nodes == 0.0) | (mesh.nodes == np.array(box))
    free = np.where(flat, 0.0, 1.0)[:, :, None] * np.eye(3)
    return Held(free, at, np.zeros(len(mesh.nodes), dtype=bool))


def relocate(mesh: SimplexMesh, held: Held, poor: float = 12.0) -> None:
    """Bring dihedral angles between `poor` and 180 - `poor` degrees where moving a node can do it.

    Nodes on a sphere keep their distance from its centre.
    """
    movable = held.freedom > 0
    order = np.argsort(mesh.cells.ravel(), kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(mesh.cells.ravel(), minlength=len(mesh.nodes)))])
    for _ in range(_PASSES):
        smallest = worst_angles(mesh)
        worst_first = np.argsort(smallest)[: int(np.sum(smallest < poor))]
        moved = False
        for node in dict.fromkeys(mesh.cells[worst_first].ravel().tolist()):
            if movable[node]:
                star = mesh.cells[order[start[node] : start[node + 1]] // 4]
                moved |= _improve(mesh.nodes, node, star, held.free[node], held.center[node])
        if not moved:
            return


def _improve(nodes: Floats, node: int, star: Ints, free: Floats, center: Floats) -> bool:
    """Move one node to the best of the places around it; False if where it is now is best."""
    here = nodes[node].copy()
    reach = float(np.mean(np.linalg.norm(nodes[star.ravel()] - here, axis=1))) * 4.0 / 3.0
    best = _worst_angle(nodes, node, star, here[None])[0]
    moved = False
    for step in _STEPS:
        places = _allowed(nodes[node] + step * reach * _DIRECTIONS, nodes[node], free, center)
        angle = _worst_angle(nodes, node, star, places)
        choice = int(np.argmax(angle))
        if angle[choice] > best + 0.05:
            nodes[node], best, moved = places[choice], angle[choice], True
    return moved


def worst_angles(mesh: SimplexMesh) -> Floats:
    """How far the dihedral angles of each cell stay from 0 and from 180 degrees; -1 where it is turned over."""
    angle = dihedral_angles(mesh)
    return np.where(mesh.volumes() > 0.0, np.minimum(angle, 180.0 - angle).min(axis=1), -1.0)


def _allowed(places: Floats, here: Floats, free: Floats, center: Floats) -> Floats:
    """The nearest places in the same planes and on the same sphere."""
    places = here + (places - here) @ free
    if not np.isfinite(center[0]):
        return places
    across = (here - center) @ (np.eye(3) - free)  # from the centre of the sphere to that of the circle
    offset = places - center - across
    squared = float(np.sum((here - center) ** 2) - np.sum(across**2))
    scale = np.sqrt(max(squared, 0.0) / np.maximum(np.sum(offset**2, axis=1), 1e-300))
    return np.asarray(center + across + scale[:, None] * offset)


def _worst_angle(nodes: Floats, node: int, star: Ints, places: Floats) -> Floats:
    """The worst of `worst_angles` around a node, for each place it might be at."""
    count = len(places)
    corner = np.repeat(nodes[star][None], count, axis=0)
    corner = np.where((star == node)[None, :, :, None], places[:, None, None, :], corner).reshape(-1, 4, 3)
    trial = SimplexMesh(
        corner.reshape(-1, 3), np.arange(4 * len(corner)).reshape(-1, 4), np.zeros(0, int), []
    )
    return np.asarray(worst_angles(trial).reshape(count, -1).min(axis=1))
