"""Random packings of spheres that keep a gap: placed at random, then pushed apart. Lengths in µm.

The z axis is the stack axis: no sphere reaches the faces z = 0 and z = Lz. Across the lateral faces the
packing either continues periodically or ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.spatial import cKDTree
from scipy.stats import lognorm

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.simplex import Floats
from ssbmech_mesh.spec import Diameters, MicrostructureSpec

_ATTEMPTS = 12  # fresh random placements before giving up
_ROUNDS = 40  # shakes of the spheres that are still wrong, in each attempt
_SLACK = 1e-3  # aim at gaps larger by this share, so that those reached are never below what was asked
_DENSEST = 0.66  # random close packing of moderately polydisperse spheres; beyond it no attempt is made


@dataclass(frozen=True)
class Packing:
    """Spheres in the box [0, Lx] x [0, Ly] x [0, Lz]; centers (n, 3) and radii (n,) in µm."""

    box: tuple[float, float, float]
    periodic: bool
    centers: Floats
    radii: Floats

    @property
    def volume_fraction(self) -> float:
        """Share of the box inside spheres; parts across a periodic face re-enter at the opposite one."""
        return float(np.sum(4.0 / 3.0 * np.pi * self.radii**3) / np.prod(self.box))

    def smallest_gap(self) -> float:
        """Smallest distance between the surfaces of two spheres, images included; inf for a single sphere."""
        centers, radii, _ = self.with_images()
        first, second = np.triu_indices(len(radii), 1)
        if len(first) == 0:
            return float("inf")
        distance = np.linalg.norm(centers[first] - centers[second], axis=1)
        return float(np.min(distance - radii[first] - radii[second]))

    def with_images(self) -> tuple[Floats, Floats, np.typing.NDArray[np.int64]]:
        """Centers, radii and particle index of all spheres that reach into the box, images included."""
        shifts = [-1.0, 0.0, 1.0] if self.periodic else [0.0]
        parts = []
        for sx in shifts:
            for sy in shifts:
                moved = self.centers + np.array([sx * self.box[0], sy * self.box[1], 0.0])
                outside = np.maximum(np.maximum(-moved, moved - np.array(self.box)), 0.0)
                reach = np.flatnonzero(np.linalg.norm(outside, axis=1) < self.radii)
                parts.append((moved[reach], reach))
        owner = np.concatenate([reach for _, reach in parts])
        order = np.argsort(owner, kind="stable")
        return np.concatenate([c for c, _ in parts])[order], self.radii[owner[order]], owner[order]


def pack(spec: MicrostructureSpec) -> Packing:
    """A random packing with the asked volume fraction, sizes and gaps; the same one for the same seed."""
    random = np.random.default_rng(spec.seed)
    radii = 0.5 * sample_diameters(spec.diameter, spec.volume_fraction * float(np.prod(spec.box)), random)
    _check_room(spec, radii)
    overlap = _Overlap(spec, radii)
    for _ in range(_ATTEMPTS):
        centers = _attempt(overlap, random)
        if centers is not None:
            return Packing(spec.box, spec.boundary == "periodic", centers, radii)
    raise _cannot_pack(spec, radii, f"{_ATTEMPTS} random starts all ended with spheres too close")


def sample_diameters(law: Diameters, volume: float, random: np.random.Generator) -> Floats:
    """Diameters (µm) whose spheres add up to a volume (µm^3).

    One diameter is drawn from each of n equal slices of the distribution, so that even few particles follow
    it; then all are scaled a little, inside the limits, to hit the volume.
    """
    quantile = _quantile_function(law)
    mean = float(np.mean(np.pi / 6.0 * quantile(np.linspace(5e-4, 1.0 - 5e-4, 1000, dtype=np.float64)) ** 3))
    count = max(1, round(volume / mean))
    drawn = quantile((np.arange(count) + random.random(count)) / count)

    def excess(factor: float) -> float:
        return float(np.sum(np.pi / 6.0 * np.clip(factor * drawn, law.minimum, law.maximum) ** 3)) - volume

    low, high = law.minimum / law.maximum, law.maximum / law.minimum
    if excess(low) > 1e-6 * volume or excess(high) < -1e-6 * volume:
        raise MeshError(
            f"no whole number of spheres between {law.minimum:g} and {law.maximum:g} µm makes up "
            f"{volume:.4g} µm^3; use a larger box or a wider diameter range"
        )
    factor = (
        low if excess(low) >= 0.0 else high if excess(high) <= 0.0 else brentq(excess, low, high, xtol=1e-14)
    )
    diameters = np.clip(factor * drawn, law.minimum, law.maximum)
    return np.asarray(np.sort(diameters)[::-1], dtype=np.float64)


def _quantile_function(law: Diameters) -> Callable[[Floats], Floats]:
    if law.distribution == "uniform" or law.sigma == 0.0 or law.minimum == law.maximum:
        flat = law.distribution == "uniform"
        low, high = (law.minimum, law.maximum) if flat else (law.median, law.median)
        return lambda u: low + (high - low) * u
    shape = lognorm(s=law.sigma, scale=law.median)
    below, above = shape.cdf(law.minimum), shape.cdf(law.maximum)
    return lambda u: np.asarray(shape.ppf(below + (above - below) * u), dtype=np.float64)


class _Overlap:
    """Sum of squared violations (µm^2) of the distances to keep, and its gradient; zero when all are kept.

    Between spheres and at walls it is the missing distance. Where spheres may cross a periodic face, the face
    must pass through a sphere or clear of it, not graze it: grazing cuts leave slivers that cannot be meshed.
    The same holds for the edges along z.
    """

    def __init__(self, spec: MicrostructureSpec, radii: Floats) -> None:
        self.box = np.array(spec.box)
        self.radii = radii
        self.periodic = spec.boundary == "periodic"
        self.gap = spec.minimum_gap * (1.0 + _SLACK)
        self.reach = radii + spec.wall_clearance * (1.0 + _SLACK)
        self.margin = spec.face_margin * radii * (1.0 + _SLACK)
        self.tolerance = 0.5 * _SLACK * min(spec.minimum_gap, spec.wall_clearance, float(np.min(self.margin)))

    def violations(self, centers: Floats) -> tuple[Floats, Floats]:
        """Energy gradient (n, 3) and largest missing distance of each sphere (n,)."""
        self._gradient = np.zeros_like(centers)
        self._worst = np.zeros(len(centers))
        self._energy = 0.0
        self._spheres(centers)
        self._walls(centers)
        if self.periodic:
            self._faces(centers)
        return self._gradient, self._worst

    def __call__(self, flat: Floats) -> tuple[float, Floats]:
        gradient, _ = self.violations(flat.reshape(-1, 3))
        return self._energy, gradient.ravel()

    def wrapped(self, centers: Floats) -> Floats:
        """Centers moved by whole periods into the box."""
        inside = centers.copy()
        if self.periodic:
            inside[:, :2] = np.mod(inside[:, :2], self.box[:2])
        return inside

    def _spheres(self, centers: Floats) -> None:
        tree = cKDTree(self.wrapped(centers) if self.periodic else centers, boxsize=self._tree_box())
        pairs = tree.query_pairs(2.0 * float(self.radii.max()) + self.gap, output_type="ndarray")
        first, second = pairs[:, 0], pairs[:, 1]
        offset = centers[first] - centers[second]
        if self.periodic:
            offset[:, :2] -= self.box[:2] * np.round(offset[:, :2] / self.box[:2])
        distance = np.maximum(np.linalg.norm(offset, axis=1), 1e-12)
        missing = np.maximum(self.radii[first] + self.radii[second] + self.gap - distance, 0.0)
        push = -2.0 * (missing / distance)[:, None] * offset
        np.add.at(self._gradient, first, push)
        np.add.at(self._gradient, second, -push)
        np.maximum.at(self._worst, first, missing)
        np.maximum.at(self._worst, second, missing)
        self._energy += float(np.sum(missing**2))

    def _tree_box(self) -> list[float] | None:
        return [float(self.box[0]), float(self.box[1]), 0.0] if self.periodic else None

    def _walls(self, centers: Floats) -> None:
        for axis in [2] if self.periodic else [0, 1, 2]:
            self._add(axis, self.reach - centers[:, axis], -1.0)
            self._add(axis, centers[:, axis] + self.reach - self.box[axis], 1.0)

    def _add(self, axis: int, missing: Floats, sign: float) -> None:
        positive = np.maximum(missing, 0.0)
        self._gradient[:, axis] += 2.0 * sign * positive
        np.maximum(self._worst, positive, out=self._worst)
        self._energy += float(np.sum(positive**2))

    def _faces(self, centers: Floats) -> None:
        nearest = centers[:, :2] - self.box[:2] * np.round(centers[:, :2] / self.box[:2])
        self._graze(nearest * np.array([1.0, 0.0]))
        self._graze(nearest * np.array([0.0, 1.0]))
        self._graze(nearest)

    def _graze(self, offset: Floats) -> None:
        """Push the distance |offset| from a plane or line out of radius -+ margin, to the nearer side."""
        distance = np.maximum(np.linalg.norm(offset, axis=1), 1e-12)
        beyond = distance - self.radii
        missing = np.maximum(self.margin - np.abs(beyond), 0.0)
        side = np.where(beyond < 0.0, -1.0, 1.0)
        self._gradient[:, :2] -= 2.0 * (missing * side / distance)[:, None] * offset
        np.maximum(self._worst, missing, out=self._worst)
        self._energy += float(np.sum(missing**2))


def _attempt(overlap: _Overlap, random: np.random.Generator) -> Floats | None:
    """Relax a random placement; shake the spheres that stay wrong; None if they do not come free."""
    centers: Floats = random.random((len(overlap.radii), 3)) * overlap.box
    for _ in range(_ROUNDS):
        found = minimize(overlap, centers.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 2000})
        centers = overlap.wrapped(found.x.reshape(-1, 3))
        _, worst = overlap.violations(centers)
        if float(worst.max()) <= overlap.tolerance:
            return centers
        wrong = worst > overlap.tolerance
        centers[wrong] += 0.5 * overlap.radii[wrong, None] * random.standard_normal((int(wrong.sum()), 3))
    return None


def _check_room(spec: MicrostructureSpec, radii: Floats) -> None:
    thickest = 2.0 * float(radii.max())
    needs = [thickest + (spec.minimum_gap if spec.boundary == "periodic" else 2.0 * spec.wall_clearance)] * 2
    needs.append(thickest + 2.0 * spec.wall_clearance)
    for axis, side, need in zip("xyz", spec.box, needs, strict=True):
        if side <= need:
            raise MeshError(
                f"the box is {side:g} µm along {axis}, too small for a sphere of {thickest:.3g} µm with its "
                f"gaps; it needs more than {need:.3g} µm (use a larger box or smaller diameters)"
            )
    room = np.array(spec.box)
    walled = [2] if spec.boundary == "periodic" else [0, 1, 2]
    room[walled] -= 2.0 * spec.wall_clearance - spec.minimum_gap
    filled = float(np.sum(4.0 / 3.0 * np.pi * (radii + 0.5 * spec.minimum_gap) ** 3) / np.prod(room))
    if filled > _DENSEST:
        most = f"random packings reach {100 * _DENSEST:.0f} %"
        why = f"spheres with their gaps would fill {100 * filled:.1f} % of the box; {most}"
        raise _cannot_pack(spec, radii, why)


def _cannot_pack(spec: MicrostructureSpec, radii: Floats, why: str) -> MeshError:
    return MeshError(
        f"cannot pack {len(radii)} spheres to {100 * spec.volume_fraction:.1f} vol% with gaps of at least "
        f"{spec.minimum_gap:g} µm: {why}. Lower the volume fraction or minimum_gap, use a larger box, "
        "a wider range of diameters or another seed"
    )
