"""Irregular particles in place of the spheres of a packing. Lengths in µm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from ssbmech_mesh.dense import DensePacking
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.facets import near_pairs, wrapped
from ssbmech_mesh.irregular import IrregularPacking, Shape
from ssbmech_mesh.simplex import Floats, Ints
from ssbmech_mesh.voxels import Number, irregular_levels

_ORIENTATIONS = 24  # tried for every particle, to keep overlaps small
_SAMPLES = 96  # voxels along the longest side of the box that measure volume fractions
_ROUNDS = 12  # scales of the groups until their volumes are right
_ACCURACY = 2e-4  # of the volume fractions, absolute; the voxels that measure them are no better


def replace_spheres(
    packing: DensePacking,
    shapes: Sequence[Shape],
    volume_fraction: float | Sequence[float],
    *,
    group: Ints | None = None,
    deepest: float = 0.6,
    seed: int = 1,
) -> IrregularPacking:
    """Put shapes at the spheres of a packing, turned so that they overlap least, scaled to the volume fraction.

    group (n,): with several volume fractions, to which of them a particle counts; each group has a factor of its own. The
    fractions are those of the voxels of a grid, to its resolution. Refused if on a line between two centres the level
    at the contact is below deepest: there the particles would no longer be recognisable.
    """
    if len(shapes) != len(packing.radii):
        raise MeshError(f"{len(shapes)} shapes for {len(packing.radii)} spheres; give one for each")
    asked = np.atleast_1d(np.asarray(volume_fraction, dtype=np.float64))
    if not (np.all(asked > 0.0) and float(asked.sum()) < 1.0):
        raise MeshError(f"the volume fraction is {volume_fraction}; it must lie between 0 and 1")
    group = np.zeros(len(shapes), dtype=np.int64) if group is None else group
    turned = _least_overlap(packing, list(shapes), np.random.default_rng(seed))
    made = IrregularPacking(packing.box, packing.periodic, packing.centers, packing.radii, tuple(turned))
    made, missing = _scaled(made, asked, group)
    worst = float(contact_levels(made).min(initial=np.inf))
    if missing > 10.0 * _ACCURACY or worst < deepest:
        raise MeshError(
            f"at {100 * asked.sum():.4g} vol% two particles overlap down to a level of {worst:.3g}, below "
            f"{deepest:g}; take rounder particles, a smaller fraction or another seed"
        )
    return replace(made, scale=float(np.cbrt(np.sum(made.radii**3) / np.sum(packing.radii**3))))


def _scaled(packing: IrregularPacking, asked: Floats, group: Ints) -> tuple[IrregularPacking, float]:
    """The radii of every group times the factor at which it makes up its fraction, and the largest miss then."""
    box = packing.box
    sides = [max(1, round(_SAMPLES * side / max(box))) for side in box]
    number: Number = (sides[0], sides[1], sides[2])
    for _ in range(_ROUNDS):
        level, body = irregular_levels(packing, number)
        owner = np.concatenate([[len(asked)], group[packing.bodies()[0]]])[body]
        factor = np.ones(len(asked))
        missing = 0.0
        for g, share in enumerate(asked):
            mine = np.sort(level[owner == g])
            missing = max(missing, abs(float(np.count_nonzero(mine <= 1.0)) / level.size - share))
            # Owners do not depend on a common scale: with one group the level at the asked share is exact.
            if len(mine):
                factor[g] = mine[min(len(mine), max(1, round(share * level.size))) - 1]
        if missing < _ACCURACY:
            break
        packing = replace(packing, radii=packing.radii * factor[group])
    return packing, missing


def contact_levels(packing: IrregularPacking) -> Floats:
    """Levels below one where the lines between the centres of touching particles cross their contacts."""
    box = np.array(packing.box)
    i, j, vector = near_pairs(packing.centers, packing.radii, box, packing.periodic, 0.0)
    distance = np.linalg.norm(vector, axis=1)
    along = vector / distance[:, None]
    size = np.zeros(len(i))
    for k, shape in enumerate(packing.shapes):
        for mine, sign in ((i == k, 1.0), (j == k, -1.0)):
            size[mine] += packing.radii[k] * shape.radius(sign * along[mine])
    level = distance / size
    return np.asarray(level[level < 1.0])


def _least_overlap(packing: DensePacking, shapes: list[Shape], random: np.random.Generator) -> list[Shape]:
    """One sweep over the particles: of some random orientations, take that with the least squared overlap."""
    centers = wrapped(packing.centers, np.array(packing.box), packing.periodic)
    margin = 0.5 * float(packing.radii.min())
    i, j, vector = near_pairs(centers, packing.radii, np.array(packing.box), packing.periodic, margin)
    for k in range(len(shapes)):
        near = np.concatenate([j[i == k], i[j == k]])
        away = np.concatenate([vector[i == k], -vector[j == k]])
        if len(near) == 0:
            continue
        distance = np.linalg.norm(away, axis=1)
        along = away / distance[:, None]
        theirs = np.array(
            [packing.radii[n] * shapes[n].radius(-along[m : m + 1])[0] for m, n in enumerate(near)]
        )
        turns = Rotation.concatenate(
            [Rotation.identity(1), Rotation.random(_ORIENTATIONS, random_state=random)]
        )
        seen = np.concatenate([turn.inv().apply(along) for turn in turns])  # a turned shape, seen from itself
        mine = packing.radii[k] * shapes[k].radius(seen).reshape(len(turns), len(near))
        overlap = np.sum(np.maximum(mine + theirs - distance, 0.0) ** 2, axis=1)
        shapes[k] = shapes[k].turned(turns[int(np.argmin(overlap))])
    return shapes
