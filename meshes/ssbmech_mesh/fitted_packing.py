"""A packing of spheres made ready for a mesh that fits it: clear contacts or clear gaps, faces that cut well. Lengths in µm.

Spheres that almost touch, or barely do, need tiny cells. Moves bring them together or apart: of a third of a radius for
most, of more than a radius for a few where chains of contacts close up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ssbmech_mesh.dense import DensePacking, closest, scaled
from ssbmech_mesh.facets import near_pairs, wrapped
from ssbmech_mesh.simplex import Floats, Ints

_ROUNDS = 12
_STEPS = 300  # of one minimisation
_TOUCH = 0.85  # aim of a contact radius in units of the largest allowed
_WALL = 0.4  # radius of a flat side on a wall, in radii
_FAR = 0.6  # of the gap, that pairs must be apart to be left apart
_PLACES = 240  # of the faces, tried along each axis


@dataclass(frozen=True, eq=False)
class _Aims:
    """Pairs i, j with the shift to the image of j; touch (m,): the distance (µm) is aimed at, else it is the least."""

    i: Ints
    j: Ints
    shift: Floats
    distance: Floats
    touch: NDArray[np.bool_]


def settled(packing: DensePacking, asked: Floats, group: Ints) -> DensePacking:
    """Spheres moved so that near ones touch clearly or keep the smallest gap; volume fractions as asked.

    What cannot be had at once for all pairs stays as it comes: contacts that are too small are cut open then.
    """
    for k in range(_ROUNDS):
        centers = _moved(packing, _aims(packing, k))
        packing, _ = scaled(replace(packing, centers=centers), asked, group)
    return packing


def _aims(packing: DensePacking, turn: int) -> _Aims:
    """All pairs that may come near: at first all near ones are to touch, later what resists that is left apart."""
    box, radii, limits = np.array(packing.box), packing.radii, packing.limits
    i, j, vector = near_pairs(packing.centers, radii, box, packing.periodic, float(radii.mean()))
    together = closest(radii[i], radii[j], _TOUCH * limits.largest)
    apart = radii[i] + radii[j]
    reach = apart + _FAR * limits.smallest_gap if turn == 0 else apart
    if turn > _ROUNDS // 2:
        reach = closest(radii[i], radii[j], limits.smallest)
    touch = np.linalg.norm(vector, axis=1) < reach
    shift = vector - (packing.centers[j] - packing.centers[i])
    return _Aims(i, j, shift, np.where(touch, together, apart + limits.smallest_gap), touch)


def _moved(packing: DensePacking, aims: _Aims) -> Floats:
    """Centres of least squares: pairs at their distances, spheres at walls flat by a fixed share or a gap away."""
    box, radii = np.array(packing.box), packing.radii
    i, j, count = aims.i, aims.j, len(radii)
    gap = packing.limits.smallest_gap
    walls = [2] if packing.periodic else [0, 1, 2]
    flat, clear = radii * np.sqrt(1.0 - _WALL**2), radii + gap
    sides = []
    for axis in walls:
        for low in (True, False):
            height = packing.centers[:, axis] if low else box[axis] - packing.centers[:, axis]
            sides.append((axis, low, height < radii))

    def energy(flat_centers: Floats) -> tuple[float, Floats]:
        at = flat_centers.reshape(-1, 3)
        vector = at[j] - at[i] + aims.shift
        distance = np.linalg.norm(vector, axis=1)
        missing = aims.distance - distance
        missing = np.where(aims.touch, missing, np.maximum(missing, 0.0))
        value = float(np.sum(missing**2))
        push = (2.0 * missing / distance)[:, None] * vector
        gradient = np.empty((count, 3))
        for axis in range(3):
            gradient[:, axis] = np.bincount(i, push[:, axis], count) - np.bincount(j, push[:, axis], count)
        for axis, low, touch in sides:
            height = at[:, axis] if low else box[axis] - at[:, axis]
            off = np.where(touch, height - flat, np.minimum(height - clear, 0.0))
            value += float(np.sum(off**2))
            gradient[:, axis] += (2.0 if low else -2.0) * off
        return value, gradient.ravel()

    done = minimize(
        energy,
        packing.centers.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _STEPS, "ftol": 1e-14, "gtol": 1e-9},
    )
    return wrapped(done.x.reshape(-1, 3), box, packing.periodic)


def well_placed(packing: DensePacking) -> DensePacking:
    """The same periodic packing, moved across x and y to where the faces of the box cut it best.

    A face that grazes a sphere or a flat side of one, or cuts a flat side at a small angle, leaves slivers.
    """
    if not packing.periodic:
        return packing
    box = np.array(packing.box)
    planes = packing.planes()
    stays = (planes.other >= 0) | (np.abs(planes.normal[:, 2]) > 0.5)  # cuts at lateral faces do not
    owner, normal, height = planes.owner[stays], planes.normal[stays], planes.offset[stays]
    disc = np.sqrt(packing.radii[owner] ** 2 - height**2)
    centers = packing.centers.copy()
    away = np.full((len(packing.radii), 2), np.inf)
    for axis in range(2):
        best = np.inf, centers[:, axis], away[:, axis]
        for place in np.arange(_PLACES) / _PLACES * box[axis]:
            moved = np.mod(centers[:, axis] + place, box[axis])
            ball = np.minimum(moved, box[axis] - moved)
            middle = np.mod(moved[owner] + height * normal[:, axis], box[axis])
            cost = _grazing(ball / packing.radii, 0.15)
            if axis == 1:  # edges of the box
                cost += _grazing(np.hypot(ball, away[:, 0]) / packing.radii, 0.15)
            cost += _badly_cut(np.minimum(middle, box[axis] - middle) / disc, np.abs(normal[:, axis]))
            if cost < best[0]:
                best = cost, moved, ball
        centers[:, axis], away[:, axis] = best[1:]
    return replace(packing, centers=centers)


def _grazing(ratio: Floats, width: float) -> float:
    """Cost of distances near one radius."""
    return float(np.sum(np.maximum(0.0, 1.0 - np.abs(ratio - 1.0) / width) ** 2))


def _badly_cut(ratio: Floats, along: Floats) -> float:
    """Cost of flat sides whose middle lies at a distance of a face, in radii; along: |cosine| of the normals of the two."""
    reach = np.sqrt(np.maximum(1.0 - along**2, 1e-12))
    rim = np.maximum(0.0, 1.0 - np.abs(ratio - reach) / 0.3)
    parallel = np.where(ratio < reach, np.maximum(0.0, (along - 0.85) / 0.15), 0.0)
    return float(np.sum(rim**2) + 4.0 * np.sum(parallel**2))
