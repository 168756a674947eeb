"""Cells of one body of voxels: shares of its volume that follow a lognormal, equiaxed or rods along the radius."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbmech_mesh.distribution import lognormal
from ssbmech_mesh.laguerre import cell_of, fitted
from ssbmech_mesh.simplex import Floats, Ints
from ssbmech_mesh.specs import GrainSpec

_COARSE, _FINE = 60, 250  # points per grain, where there are that many voxels: to place seeds, to fit volumes


@dataclass(frozen=True, eq=False)
class BodyVoxels:
    """Voxels of a piece: index (m, 3), place (m, 3) from the centre of the particle (µm), which has the given
    radius. diameter: of its mean grain (µm)."""

    index: Ints
    place: Floats
    radius: float
    diameter: float
    flat: bool


def grain_cells(
    body: BodyVoxels, count: int, spec: GrainSpec, aspect: float, random: np.random.Generator
) -> tuple[Ints, Floats, NDArray[np.bool_]]:
    """Cell (m,) of every voxel, and for every cell its share asked for and whether it is a rod."""
    rod = np.full(count, spec.texture == "radial")
    if count == 1:
        return np.zeros(len(body.index), dtype=np.int64), np.ones(1), rod
    # Areas of a section spread as the squares of the diameters, volumes as the cubes.
    spread = spec.spread * (2.0 / 3.0 if body.flat else 1.0)
    share = random.permutation(lognormal(1.0, spread).draw(count) ** 3)
    share /= share.sum()
    if spec.texture == "random" or spec.core == 0.0:
        return _tessellated(body.place, body.index, share, aspect, random)[0], share, rod
    # The core is those grains of an equiaxed tessellation that lie in it, so that grains and rods meet as grains do.
    away = np.linalg.norm(body.place, axis=1)
    near = np.flatnonzero(away < spec.core * body.radius + body.diameter)
    part = min(int(np.rint(count * len(near) / len(away))), count)
    if part == count:
        near = np.arange(len(away))
    if part == 0:
        return _tessellated(body.place, body.index, share, aspect, random)[0], share, rod
    goal = share[:part] / share[:part].sum()
    found, seeds = _tessellated(body.place[near], body.index[near], goal, 1.0, random)
    kept = np.linalg.norm(seeds, axis=1) < spec.core * body.radius
    core = near[kept[found]]
    cell = np.full(len(away), -1)
    cell[core] = (np.cumsum(kept) - 1)[found[kept[found]]]
    rest = np.append(share[:part][~kept], share[part:])
    shell = np.flatnonzero(cell < 0)
    if len(rest):
        rest /= rest.sum()
        outer = _tessellated(body.place[shell], body.index[shell], rest, aspect, random)[0]
        cell[shell] = outer + np.count_nonzero(kept)
    inside = goal[kept] * len(near) / len(away)
    return cell, np.append(inside, rest * len(shell) / len(away)), np.arange(count) >= np.count_nonzero(kept)


def _tessellated(
    place: Floats, index: Ints, share: Floats, aspect: float, random: np.random.Generator
) -> tuple[Ints, Floats]:
    """Cell (m,) of every voxel, and the places (n, 3) of the seeds."""
    coarse = _sublattice(place, index, _COARSE * len(share))
    fine = _sublattice(place, index, _FINE * len(share))
    first = random.choice(coarse, len(share), replace=False)
    seeds = fitted(coarse, fine, first, aspect, share)
    return cell_of(place, seeds), seeds.place


def _sublattice(points: Floats, index: Ints, wanted: int) -> Floats:
    """The coarsest even choice of the points with at least `wanted`: every 2nd (face-centred), 4th (body-centred), 8th …"""
    chosen = np.ones(len(points), dtype=bool)
    step = 1
    while True:
        on = np.all(index % step == 0, axis=1)
        near = index // step
        for finer in (
            on & (near.sum(axis=1) % 2 == 0),
            on & np.all(near % 2 == near[:, :1] % 2, axis=1),
            on & np.all(near % 2 == 0, axis=1),
        ):
            if np.count_nonzero(finer) < wanted:
                return np.asarray(points[chosen], dtype=np.float64)
            chosen = finer
        step *= 2
