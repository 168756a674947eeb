"""Bodies of packings on the voxels of their box, particle by particle. Lengths in µm."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from ssbmech_mesh.dense import DenseLabels, DensePacking
from ssbmech_mesh.facets import CONTACT, OPEN
from ssbmech_mesh.irregular import Harmonic, IrregularPacking, Shape, harmonics
from ssbmech_mesh.simplex import Floats

Number = tuple[int, int, int]
Labels = NDArray[np.int32]
Level = Callable[[list[Floats]], Floats]  # of points whose coordinates from the centre broadcast to a block
Cut = tuple[
    Floats, float, float
]  # normal, offset, and the squared radius of the disc that stays, below 0 for none
_ANGLES = 91  # latitudes of the table of a rough shape: every second degree
_REACH = 1.15  # largest level that is followed, so that shapes may still grow by this factor


def sphere_labels(packing: DensePacking, number: Number) -> Labels:
    """Body of every voxel by its centre, 0 in the matrix; what DenseLabels.label gives there."""
    bodies = DenseLabels(packing)
    planes = packing.planes()
    canvas = _Canvas(packing.box, number, 0.0)
    for particle, sx, sy in np.ndindex(bodies.number.shape):
        if not packing.periodic and (sx, sy) != (1, 1):
            continue
        radius = float(packing.radii[particle])
        ends = planes.kind == OPEN if planes.rim == 0.0 else (planes.kind == OPEN) | (planes.kind == CONTACT)
        cuts = []
        for k in np.flatnonzero((planes.owner == particle) & ends):
            touching = planes.kind[k] == CONTACT
            disc = radius**2 - float(planes.offset[k]) ** 2 if touching else -1.0
            cuts.append((planes.normal[k], float(planes.offset[k]) - (planes.rim if touching else 0.0), disc))
        center = packing.centers[particle] + np.array([sx - 1, sy - 1, 0]) * packing.box
        body = int(bodies.number[particle, sx, sy])
        canvas.paint(body, center, radius, _power(radius), cuts)
    return canvas.body


def irregular_levels(packing: IrregularPacking, number: Number) -> tuple[NDArray[np.float32], Labels]:
    """Smallest level of every voxel (by its centre) and the body that has it, 0 far from all."""
    particle, center = packing.bodies()
    canvas = _Canvas(packing.box, number, _REACH)
    reach = _REACH * packing.reach()
    last = -1
    for body, k in enumerate((int(p) for p in particle), start=1):
        if k != last:  # images follow each other
            level, last = _shape_level(packing.shapes[k], float(packing.radii[k])), k
        canvas.paint(body, center[body - 1], float(reach[k]), level, [])
    return canvas.best, canvas.body


def irregular_labels(packing: IrregularPacking, number: Number) -> Labels:
    """Body of every voxel by its centre, 0 in the matrix; rough shapes from a table of two degrees."""
    level, body = irregular_levels(packing, number)
    return np.where(level <= 1.0, body, 0).astype(np.int32)


class _Canvas:
    """Voxels of a box, each with the body of the lowest level so far."""

    def __init__(self, box: tuple[float, float, float], number: Number, highest: float) -> None:
        self.step = [side / n for side, n in zip(box, number, strict=True)]
        self.body = np.zeros(number, dtype=np.int32)
        self.best = np.full(number, highest, dtype=np.float32)

    def paint(self, body: int, center: Floats, reach: float, level: Level, cuts: list[Cut]) -> None:
        """Take the voxels where the level is lower; beyond cuts they go to the matrix."""
        block, away = [], []
        for axis, (n, step) in enumerate(zip(self.body.shape, self.step, strict=True)):
            low = max(0, int(np.floor((center[axis] - reach) / step)))
            high = min(n, int(np.ceil((center[axis] + reach) / step)))
            if high <= low:
                return
            block.append(slice(low, high))
            shape = [1, 1, 1]
            shape[axis] = -1
            away.append(((np.arange(low, high) + 0.5) * step - center[axis]).reshape(shape))
        at = (block[0], block[1], block[2])
        found = level(away).astype(np.float32)
        mine = found < self.best[at]
        self.best[at][mine] = found[mine]
        self.body[at][mine] = body
        for normal, offset, disc in cuts:
            along = sum(n * a for n, a in zip(normal, away, strict=True))
            beyond = mine & (along > offset)
            if disc >= 0.0:
                beyond &= sum(a**2 for a in away) - along**2 > disc
            self.body[at][beyond] = 0


def _power(radius: float) -> Level:
    """Power of a point, |x|^2 - r^2: negative inside, and equal on the facet between two spheres."""

    def level(away: list[Floats]) -> Floats:
        x, y, z = away
        return np.asarray(x**2 + y**2 + (z**2 - radius**2), dtype=np.float64)

    return level


def _shape_level(shape: Shape, size: float) -> Level:
    """|x| / (size g): below one inside."""
    radius = _tabulated(shape) if isinstance(shape, Harmonic) else shape.radius

    def level(away: list[Floats]) -> Floats:
        block = np.broadcast_shapes(*[a.shape for a in away])
        vector = np.stack([np.broadcast_to(a, block).ravel() for a in away], axis=1)
        distance = np.linalg.norm(vector, axis=1)
        along = vector / np.maximum(distance, 1e-300)[:, None]
        along[distance == 0.0] = (0.0, 0.0, 1.0)
        return np.asarray((distance / (size * radius(along))).reshape(block), dtype=np.float64)

    return level


def _tabulated(shape: Harmonic) -> Callable[[Floats], Floats]:
    """Radius of a rough shape by linear interpolation in a table of two degrees."""
    table = _table(shape)

    def radius(directions: Floats) -> Floats:
        local = shape.rotation.inv().apply(directions)
        theta = np.arccos(np.clip(local[:, 2], -1.0, 1.0))
        phi = np.mod(np.arctan2(local[:, 1], local[:, 0]), 2.0 * np.pi)
        place = np.stack([theta, phi]) * ((_ANGLES - 1) / np.pi)
        return np.asarray(map_coordinates(table, place, order=1, mode="nearest"), dtype=np.float64)

    return radius


def _table(shape: Harmonic) -> Floats:
    return np.asarray(shape.factor * np.exp(_basis(shape.degree) @ shape.coefficients)).reshape(_ANGLES, -1)


@lru_cache(maxsize=2)
def _basis(degree: int) -> Floats:
    """Harmonics in the directions of the table."""
    theta = np.linspace(0.0, np.pi, _ANGLES)[:, None]
    phi = np.linspace(0.0, 2.0 * np.pi, 2 * _ANGLES - 1)[None, :]
    parts = [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta) + 0.0 * phi]
    return harmonics(np.stack(parts, axis=-1).reshape(-1, 3), degree)
