"""Overlapping spheres as bodies: each one is its ball cut by planes. Lengths in µm.

Two spheres that overlap meet in a flat facet in their radical plane (the face of the power diagram). A contact that
is too small, or a gap that is too thin, is opened: both balls are cut half a gap before that plane. The wedge around a
facet is opened too, to a rim, where that is asked for. The faces of
the box cut in the same way, where a sphere only grazes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.simplex import Floats, Ints

CONTACT, WALL, OPEN = 0, 1, 2  # what a plane is: a contact facet, a facet on a wall, a cut that leaves a gap
_DIRECTIONS = (
    20000  # quadrature of the parts that two cuts of one sphere share; such parts are rare and small
)


@dataclass(frozen=True)
class ContactLimits:
    """largest, smallest: contact radius over the smaller radius; smallest_gap in µm.

    grazing: a lateral periodic face that cuts a circle smaller than this share of the radius out of a sphere
    would leave a sliver, so the sphere ends a smallest gap before it. rim (µm): the wedge around a contact facet, in which
    the gap goes to nothing, is opened to this; 0 leaves it. Voxels and meshes that cannot resolve the wedge would close it
    and so make contacts of a few voxels two or three times as large.
    """

    largest: float = 0.35
    smallest: float = 0.1
    smallest_gap: float = 0.1
    grazing: float = 0.3
    rim: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 < self.smallest < self.largest <= 0.6:
            raise MeshError(
                f"contact radii between {self.smallest:g} and {self.largest:g} of the smaller radius were asked "
                "for; they must be positive, in this order, and at most 0.6"
            )
        if not self.smallest_gap > 0.0:
            raise MeshError(f"the smallest gap is {self.smallest_gap:g} µm; it must be positive")
        if not 0.0 <= self.rim < np.inf:
            raise MeshError(f"the rim of contacts is {self.rim:g} µm; it must be at least 0")
        if not 0.0 <= self.grazing < 1.0:
            raise MeshError(
                f"grazing is {self.grazing:g}; it is a share of the radius, at least 0 and below 1"
            )


@dataclass(frozen=True)
class Planes:
    """Cuts of the balls: a point at x from the centre of ball owner (m,) is kept where normal (m, 3) . x <= offset (m,).

    other (m,) is the ball at the other side, -1 for a face of the box; kind (m,) is CONTACT, WALL or OPEN. Outside
    the disc of a contact, the ball ends rim (µm) before the plane.
    """

    owner: Ints
    other: Ints
    normal: Floats
    offset: Floats
    kind: Ints
    rim: float = 0.0

    def padded(self, count: int) -> tuple[Floats, Floats]:
        """Normals (count, k, 3) and offsets (count, k) of every ball; rows without a plane have offset inf."""
        order = np.argsort(self.owner, kind="stable")
        owner = self.owner[order]
        number = np.bincount(owner, minlength=count)
        slot = np.arange(len(owner)) - np.repeat(np.cumsum(number) - number, number)
        width = max(1, int(number.max(initial=0)))
        normal, offset = np.zeros((count, width, 3)), np.full((count, width), np.inf)
        normal[owner, slot], offset[owner, slot] = self.normal[order], self.offset[order]
        return normal, offset


def near_pairs(
    centers: Floats, radii: Floats, box: Floats, periodic: bool, margin: float
) -> tuple[Ints, Ints, Floats]:
    """Pairs (m,) of spheres closer than margin (µm) and the vectors (m, 3) from i to j or to an image of it.

    i < j, once for every image of j that is close; i = j for a sphere and an image of its own, one of two opposite ones.
    """
    reach = 2.0 * float(radii.max()) + margin
    at = wrapped(centers, box, periodic)
    number, shift = _images(at, box, reach if periodic else -1.0)
    images = at[number] + shift * box
    found = cKDTree(at).sparse_distance_matrix(cKDTree(images), reach, output_type="ndarray")
    i, j, turn = found["i"].astype(np.int64), number[found["j"]], shift[found["j"]]
    forward = (turn[:, 0] > 0) | ((turn[:, 0] == 0) & (turn[:, 1] > 0))
    once = (i < j) | ((i == j) & forward)
    i, j, vector = i[once], j[once], (images[found["j"]] - at[found["i"]])[once]
    close = np.linalg.norm(vector, axis=1) < radii[i] + radii[j] + margin
    i, j, vector, turn = i[close], j[close], vector[close], turn[once][close]
    order = np.lexsort((turn[:, 1], turn[:, 0], j, i))
    return i[order], j[order], vector[order]


def _images(at: Floats, box: Floats, reach: float) -> tuple[Ints, Ints]:
    """Sphere (m,) and shift (m, 3) in periods of the spheres and of all images within reach of the box."""
    far = [int(np.ceil(reach / side)) if reach > 0.0 else 0 for side in box[:2]]
    turns = np.array([[x, y, 0] for x in range(-far[0], far[0] + 1) for y in range(-far[1], far[1] + 1)])
    images = at[:, None, :] + turns * box
    outside = np.maximum(np.maximum(-images, images - box)[..., :2], 0.0).max(axis=2)
    number, turn = np.nonzero((outside < reach) | (turns == 0).all(axis=1))
    return number.astype(np.int64), turns[turn]


def wrapped(points: Floats, box: Floats, periodic: bool) -> Floats:
    """The points (n, 3) moved by whole periods into [0, L) of a periodic box."""
    moved = np.array(points, dtype=np.float64)
    if periodic:
        moved[:, :2] = np.mod(moved[:, :2], box[:2])
        moved[:, :2][moved[:, :2] >= box[:2]] = 0.0  # np.mod of a tiny negative number is the period itself
    return moved


def nearest(vector: Floats, box: Floats, periodic: bool) -> Floats:
    """The vectors (n, 3) to the nearest periodic image."""
    if not periodic:
        return vector
    shift = np.zeros_like(vector)
    shift[:, :2] = box[:2] * np.rint(vector[:, :2] / box[:2])
    return vector - shift


def cut_planes(centers: Floats, radii: Floats, box: Floats, periodic: bool, limits: ContactLimits) -> Planes:
    """All cuts of spheres whose centres (n, 3) lie in the box."""
    gap = limits.smallest_gap
    i, j, vector = near_pairs(centers, radii, box, periodic, gap)
    distance = np.linalg.norm(vector, axis=1)
    normal = vector / distance[:, None]
    to_plane = 0.5 * (distance**2 + radii[i] ** 2 - radii[j] ** 2) / distance
    squared = radii[i] ** 2 - to_plane**2  # of the contact radius; negative across a gap
    touching = squared >= (limits.smallest * np.minimum(radii[i], radii[j])) ** 2
    back = np.where(touching, 0.0, 0.5 * gap)
    kind = np.where(touching, CONTACT, OPEN)
    parts = [(i, j, normal, to_plane - back, kind), (j, i, -normal, distance - to_plane - back, kind)]
    everyone = np.arange(len(radii))
    for axis in range(3):
        lateral = periodic and axis < 2
        least = limits.grazing if lateral else limits.smallest
        for side, height in ((-1.0, centers[:, axis]), (1.0, box[axis] - centers[:, axis])):
            deep = radii**2 - height**2 >= (least * radii) ** 2
            near = (height < radii + gap) & ~(deep & lateral)
            outward = np.zeros((int(near.sum()), 3))
            outward[:, axis] = side
            offset = np.where(deep, height, height - gap)[near]
            parts.append(
                (everyone[near], np.full(len(outward), -1), outward, offset, np.where(deep, WALL, OPEN)[near])
            )
    owner, other, normals, offsets, kinds = (np.concatenate(column) for column in zip(*parts, strict=True))
    used = offsets < radii[owner]
    return Planes(owner[used], other[used], normals[used], offsets[used], kinds[used], 0.5 * limits.rim)


@dataclass(frozen=True)
class Measures:
    """volume (n,) of the cut balls (µm^3), free area (n,) of sphere and open cuts (µm^2), facet area (m,) of every plane."""

    volume: Floats
    free_area: Floats
    facet_area: Floats


def measures(radii: Floats, planes: Planes) -> Measures:
    """Volumes and areas of the cut balls.

    Closed form (spherical caps) where the cuts of a ball do not meet; what two or more cuts share is counted once, by a
    quadrature over directions of that shared part alone: the ball is cut along a ray by the nearest plane.
    """
    r, h = radii[planes.owner], planes.offset
    count = len(radii)
    caps = np.bincount(planes.owner, np.pi / 3.0 * (r - h) ** 2 * (2.0 * r + h), minlength=count)
    zones = np.bincount(planes.owner, 2.0 * np.pi * r * (r - h), minlength=count)
    volume, sphere = 4.0 / 3.0 * np.pi * radii**3 - caps, 4.0 * np.pi * radii**2 - zones
    facet = np.pi * (r**2 - h**2)
    for ball in _meeting(radii, planes):
        own = np.flatnonzero(planes.owner == ball)
        shared, zone, kept = _shared(float(radii[ball]), planes.normal[own], planes.offset[own])
        volume[ball] += shared
        sphere[ball] += zone
        facet[own] = kept
    ring, side = _rims(r, planes)
    volume -= np.bincount(planes.owner, ring, minlength=count)
    sphere += np.bincount(planes.owner, side, minlength=count)
    cut_open = planes.kind == OPEN
    free = sphere + np.bincount(planes.owner[cut_open], facet[cut_open], minlength=count)
    return Measures(volume, free, facet)


def _rims(r: Floats, planes: Planes) -> tuple[Floats, Floats]:
    """Volume (m,) that the rims of contacts take from the balls, and free area (m,) that they add; closed form.

    The ring between the planes at h - rim and h, inside the ball and outside the disc of the contact.
    """
    h, rim = planes.offset, np.where(planes.kind == CONTACT, planes.rim, 0.0)
    disc = r**2 - h**2
    ring = np.pi * (h * rim**2 - rim**3 / 3.0)
    floor = np.pi * (r**2 - (h - rim) ** 2 - disc)
    wall = 2.0 * np.pi * np.sqrt(np.maximum(disc, 0.0)) * rim
    return ring, floor + wall - 2.0 * np.pi * r * rim


def _meeting(radii: Floats, planes: Planes) -> Ints:
    """Balls two of whose cuts overlap."""
    normal, offset = planes.padded(len(radii))
    angle = np.arccos(
        np.clip(np.where(np.isfinite(offset), offset, radii[:, None]) / radii[:, None], -1.0, 1.0)
    )
    between = np.arccos(np.clip(np.einsum("nik,njk->nij", normal, normal), -1.0, 1.0))
    overlap = between < angle[:, :, None] + angle[:, None, :]
    overlap &= np.isfinite(offset)[:, :, None] & np.isfinite(offset)[:, None, :]
    overlap[:, np.arange(offset.shape[1]), np.arange(offset.shape[1])] = False
    return np.flatnonzero(overlap.any(axis=(1, 2)))


def _shared(radius: float, normal: Floats, offset: Floats) -> tuple[float, float, Floats]:
    """Volume and sphere area that the caps of one ball count more than once, and the facet areas that are left."""
    along = fibonacci(_DIRECTIONS) @ normal.T
    hit = along * radius > np.maximum(offset, 0.0)
    times = hit.sum(axis=1)
    along, hit, times = along[times > 1], hit[times > 1], times[times > 1]
    reach = np.where(hit, offset / np.where(hit, along, 1.0), radius)
    depth = radius**3 - reach**3
    share = 4.0 * np.pi / _DIRECTIONS
    volume = share / 3.0 * float(np.sum(depth) - np.sum(depth.max(axis=1)))
    area = share * radius**2 * float(np.sum(times - 1))
    # A facet seen from the centre, dA = reach^2 / cos dOmega, is hidden where another plane is nearer.
    hidden = hit & (depth < depth.max(axis=1, keepdims=True))
    lost = share * np.sum(np.where(hidden, reach**2 / np.where(hit, along, 1.0), 0.0), axis=0)
    return volume, area, np.maximum(np.pi * (radius**2 - offset**2) - lost, 0.0)


@lru_cache(maxsize=4)
def fibonacci(count: int) -> Floats:
    """Directions (count, 3) spread evenly over the sphere (golden spiral)."""
    k = np.arange(count) + 0.5
    z = 1.0 - 2.0 * k / count
    turn = np.pi * (1.0 + np.sqrt(5.0)) * k
    rho = np.sqrt(1.0 - z**2)
    return np.stack([rho * np.cos(turn), rho * np.sin(turn), z], axis=1)
