"""Dense packings of spheres that touch: overlaps up to a limit, flat facets where they meet. Lengths in µm.

z is the stack axis and is walled; spheres are flattened at walls as they are at each other. Across x and y the
packing continues periodically or ends at walls. See facets.py for what a body is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from scipy.spatial import cKDTree

from ssbmech_mesh.distribution import SizeLaw
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.facets import (
    CONTACT,
    ContactLimits,
    Measures,
    Planes,
    cut_planes,
    measures,
    near_pairs,
    nearest,
    wrapped,
)
from ssbmech_mesh.simplex import Floats, Ints

_STARTS = 3  # fresh random placements before giving up
_STAGES = (
    0.5,
    0.75,
    1.0,
)  # shares of the largest contact radius allowed in turn, so that overlaps stay small
_ROUNDS = 60  # minimisations, each with a new neighbour list, per stage
_STEPS = 100  # of one minimisation
_QUIET = 5  # rounds without a tenth of progress after which the packing counts as jammed
_SLACK = 1e-3  # aim at distances larger by this share, so that the limit holds after the last common scale
_SCALES = 8  # scales of the radii until the volume is right
_SEARCH = 12  # tries to find the largest fraction, for the message of a refusal
_ACCURACY = 1e-5  # of the volume fractions, absolute
_AROUND = 8  # spheres, nearest in power, among which a signed distance is sought


@dataclass(frozen=True)
class DensePacking:
    """Spheres in the box [0, Lx] x [0, Ly] x [0, Lz]; centers (n, 3) and radii (n,) in µm.

    Bodies are numbered from 1; 0 is the matrix. Of one particle, what the periodic faces separate are different
    bodies. scale is the common factor that the diameters drawn were multiplied with to meet the volume fraction.
    """

    box: tuple[float, float, float]
    periodic: bool
    centers: Floats
    radii: Floats
    limits: ContactLimits
    scale: float = 1.0

    def planes(self) -> Planes:
        """The cuts of all spheres."""
        return cut_planes(self.centers, self.radii, np.array(self.box), self.periodic, self.limits)

    def measures(self) -> Measures:
        """Volumes and areas of the particles."""
        return measures(self.radii, self.planes())

    @property
    def volume_fraction(self) -> float:
        """Share of the box inside particles, overlaps counted once."""
        return float(self.measures().volume.sum() / np.prod(self.box))

    def bodies(self) -> tuple[Ints, Floats]:
        """Particle (m,) and centre (m, 3) in µm of bodies 1 to m."""
        return DenseLabels(self).bodies()


class DenseLabels:
    """Which body a point belongs to, and how far it is from the surface; points (n, 3) inside the box."""

    def __init__(self, packing: DensePacking) -> None:
        self.packing = packing
        self.box = np.array(packing.box)
        planes = packing.planes()
        self.normal, self.offset = planes.padded(len(packing.radii))
        contact = replace(planes, offset=np.where(planes.kind == CONTACT, 1.0, 0.0))
        self.contact = contact.padded(len(packing.radii))[1] == 1.0
        self.rim = planes.rim
        # Power |x - c|^2 - r^2 is a squared distance in four dimensions: the owner is the nearest neighbour there.
        top = float(packing.radii.max())
        lift = np.sqrt(np.maximum(top**2 - packing.radii**2, 0.0))
        self.tree = cKDTree(
            np.column_stack([packing.centers, lift]),
            boxsize=[self.box[0], self.box[1], 0.0, 0.0] if packing.periodic else None,
        )
        self._number_bodies()

    def owner(self, points: Floats) -> Ints:
        """Particle (n,) in whose power cell each point lies."""
        _, index = self.tree.query(self._lifted(points))
        return np.asarray(index, dtype=np.int64)

    def label(self, points: Floats) -> Ints:
        """Body (n,) of each point, 0 in the matrix."""
        points = np.asarray(points, dtype=np.float64)
        owner = self.owner(points)
        vector = nearest(points - self.packing.centers[owner], self.box, self.packing.periodic)
        shift = np.zeros((len(points), 2), dtype=np.int64)
        if self.packing.periodic:
            image = (points - vector - self.packing.centers[owner])[:, :2] / self.box[:2]
            shift = np.clip(np.rint(image), -1, 1).astype(np.int64)
        body = self.number[owner, shift[:, 0] + 1, shift[:, 1] + 1]
        return np.where(self._depth(owner, vector) >= 0.0, body, 0)

    def signed_distance(self, points: Floats) -> Floats:
        """Distance (n,) in µm to the surface of the nearest particle, positive inside; 0 on contact facets too.

        Exact next to the smooth parts of the surfaces, at edges of facets a bound from below on the inside and from
        above (negative, smaller in size) on the outside; never of the wrong sign. At the rims of contacts the sign only.
        """
        points = np.asarray(points, dtype=np.float64)
        around = min(_AROUND, len(self.packing.radii))
        _, index = self.tree.query(self._lifted(points), k=around)
        owner = np.asarray(index, dtype=np.int64).reshape(len(points), around)
        vector = points[:, None, :] - self.packing.centers[owner]
        flat = nearest(vector.reshape(-1, 3), self.box, self.packing.periodic)
        depth = self._depth(owner.reshape(-1), flat).reshape(len(points), around)
        return np.asarray(depth.max(axis=1), dtype=np.float64)

    def bodies(self) -> tuple[Ints, Floats]:
        """Particle (m,) and centre (m, 3) in µm of bodies 1 to m."""
        return self.body_particle, self.body_center

    def _lifted(self, points: Floats) -> Floats:
        return np.column_stack([wrapped(points, self.box, self.packing.periodic), np.zeros(len(points))])

    def _depth(self, owner: Ints, vector: Floats) -> Floats:
        sphere = self.packing.radii[owner] - np.linalg.norm(vector, axis=1)
        along = np.einsum("nkj,nj->nk", self.normal[owner], vector)
        cut = self.offset[owner] - along
        if self.rim > 0.0:
            disc = (self.packing.radii**2)[owner][:, None] - self.offset[owner] ** 2
            outside = np.sum(vector**2, axis=1)[:, None] - along**2 > disc
            cut = np.where(self.contact[owner] & outside, cut - self.rim, cut)
        return np.asarray(np.minimum(sphere, cut.min(axis=1)), dtype=np.float64)

    def _number_bodies(self) -> None:
        """Bodies particle by particle: an image is one if the cut ball reaches through the faces it is shifted across."""
        packing, count = self.packing, len(self.packing.radii)
        self.number = np.zeros((count, 3, 3), dtype=np.int64)
        exists = np.zeros((count, 3, 3), dtype=bool)
        exists[:, 1, 1] = True
        if packing.periodic:
            c, r, gaze = packing.centers, packing.radii, packing.limits.grazing
            # How far the face lies, and whether the ball goes through; a shift of +1 shows what stuck out at 0.
            away = np.stack([self.box[:2] - c[:, :2], np.zeros((count, 2)), c[:, :2]], axis=2)
            through = r[:, None, None] ** 2 - away**2 >= (gaze * r[:, None, None]) ** 2
            # At a vertical edge too: what only grazes it is left to the matrix, for it would be a sliver.
            edge = r[:, None, None] ** 2 - away[:, 0, :, None] ** 2 - away[:, 1, None, :] ** 2
            deep = edge >= (gaze * r[:, None, None]) ** 2
            exists |= through[:, 0, :, None] & through[:, 1, None, :] & deep
        particle, sx, sy = np.nonzero(exists)
        self.number[particle, sx, sy] = np.arange(1, len(particle) + 1)
        self.body_particle = particle.astype(np.int64)
        shift = np.column_stack([sx - 1, sy - 1, np.zeros(len(particle))])
        self.body_center = packing.centers[particle] + shift * self.box


def pack_dense(
    box: tuple[float, float, float],
    volume_fraction: float,
    law: SizeLaw,
    *,
    periodic: bool = True,
    limits: ContactLimits | None = None,
    seed: int = 1,
) -> DensePacking:
    """Packing of spheres with sizes of a law and the asked volume fraction (overlaps counted once).

    Raises MeshError with the largest fraction found if the spheres do not go in within the limits on overlap.
    """
    if not (len(box) == 3 and all(np.isfinite(side) and side > 0.0 for side in box)):
        raise MeshError(f"the box is {box}; it needs three positive sides in µm")
    if not 0.0 < volume_fraction < 1.0:
        raise MeshError(f"the volume fraction is {volume_fraction}; it must lie between 0 and 1")
    whole = float(np.prod(box))
    count = max(1, round(volume_fraction * whole / law.mean_volume()))
    diameters = law.draw(count)
    diameters = diameters * np.cbrt(volume_fraction * whole / np.sum(np.pi / 6.0 * diameters**3))
    drawn = float(law.draw(count)[0] / diameters[0])
    packing = pack_spheres(box, volume_fraction, diameters, periodic=periodic, limits=limits, seed=seed)
    return replace(packing, scale=packing.scale / drawn)


def pack_spheres(
    box: tuple[float, float, float],
    volume_fraction: float | Sequence[float],
    diameters: Floats,
    *,
    group: Ints | None = None,
    periodic: bool = True,
    limits: ContactLimits | None = None,
    seed: int = 1,
) -> DensePacking:
    """Packing of spheres of given diameters (µm) times a common factor, as pack_dense.

    group (n,): with several volume fractions, to which of them a sphere counts; each group has a factor of its own.
    """
    limits = limits or ContactLimits()
    radii = 0.5 * np.asarray(diameters, dtype=np.float64)
    _check(box, radii, limits)
    asked = np.atleast_1d(np.asarray(volume_fraction, dtype=np.float64))
    group = np.zeros(len(radii), dtype=np.int64) if group is None else group
    random = np.random.default_rng(seed)
    best, total = 0.0, float(asked.sum())
    for _ in range(_STARTS):
        start = random.random((len(radii), 3)) * np.array(box)
        packed, found = _fill(DensePacking(box, periodic, start, radii, limits), asked, group, random)
        if packed is not None:
            factor = float(np.cbrt(np.sum(packed.radii**3) / np.sum(radii**3)))
            return replace(packed, scale=factor)
        best = max(best, found)
        if found < total - 0.05:  # far off: another random start would not change that
            break
    raise MeshError(
        f"{100 * total:.4g} vol% of these spheres do not fit with contact radii of at most "
        f"{limits.largest:g} of the smaller radius; the largest fraction found is {100 * best:.4g} vol%. Ask for less, "
        "allow larger contacts, take a wider size distribution or a box of more particle diameters"
    )


def _check(box: tuple[float, float, float], radii: Floats, limits: ContactLimits) -> None:
    if len(radii) == 0 or not (np.all(np.isfinite(radii)) and float(radii.min()) > 0.0):
        raise MeshError("the diameters must be positive, in µm, and at least one")
    # A sphere may be flattened at both walls, or at its own images, as it is at others.
    if 2.0 * float(radii.max()) * np.sqrt(1.0 - limits.largest**2) > min(box):
        raise MeshError(
            f"the largest sphere, {2 * radii.max():.4g} µm, is wider than the box {box}; enlarge the box"
        )
    if limits.smallest_gap > 0.5 * float(radii.min()):
        raise MeshError(
            f"the smallest gap of {limits.smallest_gap:g} µm exceeds half the smallest radius {radii.min():.4g} µm; "
            "take a smaller gap or larger particles"
        )


def _fill(
    packing: DensePacking, asked: Floats, group: Ints, random: np.random.Generator
) -> tuple[DensePacking | None, float]:
    """Positions and the scales that meet the fractions; else None and the largest sum of them that holds the limits."""
    best = 0.0
    stages: tuple[float, ...] = _STAGES
    for _ in range(_SCALES):
        for stage in stages:
            packing, fits = _relaxed(packing, stage * packing.limits.largest, random)
            if fits:
                stages = _STAGES[
                    _STAGES.index(stage) :
                ]  # what fitted nearly fits after a small scale, no less does
                break
        if not fits:
            return None, max(best, _largest(packing, random))
        best = max(best, packing.volume_fraction)
        packing, missing = scaled(packing, asked, group)
        if _room(packing) >= 1.0 and float(np.abs(missing).max()) < _ACCURACY:
            return packing, float(asked.sum())
    return None, best


def _largest(packing: DensePacking, random: np.random.Generator) -> float:
    """Largest volume fraction at which shrunk spheres hold the limits: smaller by steps, then halved towards it."""
    radii, low, high, best = packing.radii, 0.0, 1.0, 0.0
    for _ in range(_SEARCH):
        factor = 0.5 * (low + high) if low > 0.0 else 0.94 * high
        packing, fits = _relaxed(replace(packing, radii=factor * radii), packing.limits.largest, random)
        if fits:
            low, best = factor, max(best, packing.volume_fraction)
        else:
            high = factor
    return best


def scaled(packing: DensePacking, asked: Floats, group: Ints) -> tuple[DensePacking, Floats]:
    """The radii of every group times the factor at which it makes up its fraction, and what is missing of that then."""
    whole = float(np.prod(packing.box))
    for _ in range(12):
        measured = packing.measures()
        missing = asked - np.bincount(group, measured.volume, minlength=len(asked)) / whole
        if float(np.abs(missing).max()) < 0.5 * _ACCURACY:
            break
        # Growing radii move the free surfaces: dV = (free area x radius) dlog(factor).
        growth = np.bincount(group, measured.free_area * packing.radii, minlength=len(asked)) / whole
        packing = replace(packing, radii=packing.radii * (1.0 + missing / growth)[group])
    return packing, missing


def closest(first: Floats, second: Floats, share: float) -> Floats:
    """Distance of two centres whose contact radius is a share of the smaller radius."""
    contact = share * np.minimum(first, second)
    return np.asarray(np.sqrt(first**2 - contact**2) + np.sqrt(second**2 - contact**2), dtype=np.float64)


def _wall_axes(packing: DensePacking) -> list[int]:
    return [2] if packing.periodic else [0, 1, 2]


def _room(packing: DensePacking) -> float:
    """Factor by which the radii could grow until the first overlap is the largest allowed."""
    box, share = np.array(packing.box), packing.limits.largest
    i, j, vector = near_pairs(
        packing.centers, packing.radii, box, packing.periodic, packing.limits.smallest_gap
    )
    least = closest(packing.radii[i], packing.radii[j], share)
    ratios = [np.linalg.norm(vector, axis=1) / least]
    for axis in _wall_axes(packing):
        c = np.clip(packing.centers[:, axis], 0.0, box[axis])
        ratios.append(np.minimum(c, box[axis] - c) / (packing.radii * np.sqrt(1.0 - share**2)))
    return float(np.concatenate(ratios).min())


def _relaxed(packing: DensePacking, share: float, random: np.random.Generator) -> tuple[DensePacking, bool]:
    """Move the spheres until no contact radius exceeds a share of the smaller radius; whether that worked."""
    box, mean = np.array(packing.box), float(packing.radii.mean())
    centers, quiet, lowest = packing.centers, 0, np.inf
    for _ in range(_ROUNDS):
        moved, energy, worst = _minimise(replace(packing, centers=centers), share)
        if worst < 0.5 * _SLACK * float(packing.radii.min()):
            return replace(packing, centers=centers), True
        quiet = quiet + 1 if energy > 0.9 * lowest else 0
        lowest = min(lowest, energy)
        if quiet >= _QUIET:
            break
        centers = moved
        if quiet:
            centers = centers + 0.02 * mean * random.standard_normal(centers.shape)
            centers = np.where(
                np.arange(3) < (2 if packing.periodic else 0), centers, np.clip(centers, 0.0, box)
            )
            centers = wrapped(centers, box, packing.periodic)
    return replace(packing, centers=centers), False


def _minimise(packing: DensePacking, share: float) -> tuple[Floats, float, float]:
    """One L-BFGS minimisation with a fixed neighbour list.

    Gives the new centres, and the energy (µm^2) and the largest violation (µm) of the old ones: only these are known
    with a list that is right.
    """
    box, radii = np.array(packing.box), packing.radii
    skin = float(radii.mean())
    i, j, apart = near_pairs(packing.centers, radii, box, packing.periodic, skin)
    shift = apart - (packing.centers[j] - packing.centers[i])  # to the image; nothing is wrapped on the way
    least = closest(radii[i], radii[j], share) * (1.0 + _SLACK)
    wall = radii * np.sqrt(1.0 - share**2) * (1.0 + _SLACK)
    axes, count = _wall_axes(packing), len(radii)
    worst = 0.0

    def energy(flat: Floats) -> tuple[float, Floats]:
        nonlocal worst
        at = flat.reshape(-1, 3)
        vector = at[j] - at[i] + shift
        distance = np.maximum(np.linalg.norm(vector, axis=1), 1e-12)
        missing = np.maximum(least - distance, 0.0)
        push = (2.0 * missing / distance)[:, None] * vector
        gradient = np.empty((count, 3))
        for axis in range(3):
            gradient[:, axis] = np.bincount(i, push[:, axis], count) - np.bincount(j, push[:, axis], count)
        value, worst = float(missing @ missing), float(missing.max(initial=0.0))
        for axis in axes:
            low = np.maximum(wall - at[:, axis], 0.0)
            high = np.maximum(at[:, axis] + wall - box[axis], 0.0)
            value += float(low @ low + high @ high)
            gradient[:, axis] += 2.0 * (high - low)
            worst = max(worst, float(low.max()), float(high.max()))
        return value, gradient.ravel()

    start, _ = energy(packing.centers.ravel())
    violation = worst
    done = minimize(
        energy,
        packing.centers.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _STEPS, "maxfun": 2 * _STEPS, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 10},
    )
    return wrapped(done.x.reshape(-1, 3), box, packing.periodic), start, violation
