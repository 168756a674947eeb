"""Rounded irregular particles: star-shaped about their centres, volume kept exactly. Lengths in µm.

A shape is its radius g(u) in direction u for a particle whose sphere of equal volume has radius one. The level of a
point is F = |x - c| / (r g(u)): below one inside. Touching particles share the surface where their levels are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from math import factorial
from typing import Protocol

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from scipy.special import lpmv

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.simplex import Floats, Ints

_GAUSS = 48  # latitudes of the quadrature over the sphere
_SEEN = 1.3  # largest distance from a centre at which levels are found, in largest radii of the particle


class Shape(Protocol):
    """A particle of the volume of the unit ball."""

    def radius(self, directions: Floats) -> Floats:
        """g (n,) along unit directions (n, 3)."""
        ...

    def turned(self, rotation: Rotation) -> Shape:
        """The shape after another rotation."""
        ...


@dataclass(frozen=True)
class Ellipsoid:
    """Ellipsoid with semi-axes (3,), of which only the ratios matter, turned by a rotation."""

    axes: tuple[float, float, float]
    rotation: Rotation

    def radius(self, directions: Floats) -> Floats:
        """g (n,) along unit directions (n, 3); closed form."""
        unit = np.array(self.axes) / np.cbrt(np.prod(self.axes))
        return np.asarray(1.0 / np.linalg.norm(self.rotation.inv().apply(directions) / unit, axis=1))

    def turned(self, rotation: Rotation) -> Ellipsoid:
        """The ellipsoid after another rotation."""
        return replace(self, rotation=rotation * self.rotation)


@dataclass(frozen=True)
class Harmonic:
    """g = factor exp(h), h a sum of real spherical harmonics of degrees 2 to L with coefficients (L + 3) (L - 1)."""

    coefficients: Floats
    degree: int
    factor: float
    rotation: Rotation

    def radius(self, directions: Floats) -> Floats:
        """g (n,) along unit directions (n, 3)."""
        local = self.rotation.inv().apply(directions)
        return np.asarray(self.factor * np.exp(harmonics(local, self.degree) @ self.coefficients))

    def turned(self, rotation: Rotation) -> Harmonic:
        """The shape after another rotation."""
        return replace(self, rotation=rotation * self.rotation)


def ellipsoids(count: int, aspect: tuple[float, float], seed: int = 1) -> list[Ellipsoid]:
    """Ellipsoids at random orientations with semi-axes 1 : aspect[0] : aspect[1]."""
    if not all(np.isfinite(a) and 0.4 <= a <= 2.5 for a in aspect) or max(1.0, *aspect) > 2.5 * min(
        1.0, *aspect
    ):
        raise MeshError(f"the aspect ratios are {aspect}; no axis may be longer than 2.5 times another")
    turns = Rotation.random(count, random_state=np.random.default_rng(seed))
    return [Ellipsoid((1.0, float(aspect[0]), float(aspect[1])), turns[k]) for k in range(count)]


def harmonic_shapes(
    count: int, roughness: float, decay: float = 2.0, degree: int = 6, seed: int = 1
) -> list[Harmonic]:
    """Perturbed spheres: ln g has the root mean square roughness over the sphere, and amplitudes that go as l^-decay."""
    if not 0.0 <= roughness <= 0.3:
        raise MeshError(f"roughness is {roughness}; it is a share of the radius between 0 and 0.3")
    if not (np.isfinite(decay) and decay >= 0.0):
        raise MeshError(f"decay is {decay}; amplitudes go as l^-decay, so it must be at least 0")
    if not 2 <= degree <= 12:
        raise MeshError(f"degree is {degree}; spherical harmonics of degrees 2 to 12 can be used")
    random = np.random.default_rng(seed)
    turns = Rotation.random(count, random_state=random)
    scale = np.concatenate([np.full(2 * n + 1, float(n) ** -decay) for n in range(2, degree + 1)])
    directions, weights = sphere_rule(_GAUSS)
    basis = harmonics(directions, degree)
    shapes = []
    for k in range(count):
        drawn = scale * random.standard_normal(len(scale))
        drawn *= roughness * np.sqrt(4.0 * np.pi) / np.linalg.norm(drawn)  # the basis is orthonormal
        mean_cube = float(weights @ np.exp(3.0 * (basis @ drawn))) / (4.0 * np.pi)
        shapes.append(Harmonic(drawn, degree, float(mean_cube ** (-1.0 / 3.0)), turns[k]))
    return shapes


def shape_volume(shape: Shape) -> float:
    """Volume of a shape; 4 pi / 3 for those made here."""
    directions, weights = sphere_rule(2 * _GAUSS)
    return float(weights @ shape.radius(directions) ** 3) / 3.0


@cache
def sphere_rule(latitudes: int) -> tuple[Floats, Floats]:
    """Directions (m, 3) and weights (m,) of a Gauss product rule over the sphere, exact to degree 2 latitudes - 1."""
    z, w = np.polynomial.legendre.leggauss(latitudes)
    phi = 2.0 * np.pi * np.arange(2 * latitudes) / (2 * latitudes)
    rho = np.sqrt(1.0 - z**2)
    grid = np.stack(
        [np.outer(rho, np.cos(phi)), np.outer(rho, np.sin(phi)), np.outer(z, np.ones_like(phi))], axis=-1
    )
    return grid.reshape(-1, 3), np.repeat(w * np.pi / latitudes, 2 * latitudes)


def harmonics(directions: Floats, degree: int) -> Floats:
    """Orthonormal real spherical harmonics of degrees 2 to degree, in columns."""
    z, phi = np.clip(directions[:, 2], -1.0, 1.0), np.arctan2(directions[:, 1], directions[:, 0])
    columns = []
    for n in range(2, degree + 1):
        for m in range(n + 1):
            norm = np.sqrt((2 * n + 1) / (4.0 * np.pi) * factorial(n - m) / factorial(n + m))
            wave = norm * lpmv(m, n, z)
            columns += [wave] if m == 0 else [np.sqrt(2.0) * wave * f(m * phi) for f in (np.cos, np.sin)]
    return np.stack(columns, axis=1)


@dataclass(frozen=True)
class IrregularPacking:
    """Shapes in the box; radii (n,) in µm of the spheres of equal volume, centers (n, 3). Bodies as in DensePacking."""

    box: tuple[float, float, float]
    periodic: bool
    centers: Floats
    radii: Floats
    shapes: tuple[Shape, ...]
    scale: float = 1.0

    def bodies(self) -> tuple[Ints, Floats]:
        """Particle (m,) and centre (m, 3) in µm of bodies 1 to m: all images that could reach into the box."""
        box, periods = np.array(self.box), (-1.0, 0.0, 1.0) if self.periodic else (0.0,)
        reach = self.reach()
        shifts = np.array([[sx, sy, 0.0] for sx in periods for sy in periods]) * box
        images = self.centers[:, None, :] + shifts
        outside = np.linalg.norm(np.maximum(np.maximum(-images, images - box), 0.0), axis=2)
        particle, image = np.nonzero(outside < reach[:, None])
        return particle.astype(np.int64), images[particle, image]

    def reach(self) -> Floats:
        """Largest distance (n,) of the surface of each particle from its centre (µm)."""
        directions, _ = sphere_rule(24)
        largest = [float(shape.radius(directions).max()) for shape in self.shapes]
        return np.asarray(self.radii * np.array(largest), dtype=np.float64)

    def label(self, points: Floats) -> Ints:
        """Body (n,) of each point (n, 3) inside the box, 0 in the matrix."""
        level, body, _, _ = self._levels(points)
        return np.where(level <= 1.0, body, 0)

    def level(self, points: Floats) -> Floats:
        """Smallest level (n,) of any particle, below one inside; inf far from all."""
        return self._levels(points)[0]

    def signed_distance(self, points: Floats) -> Floats:
        """Approximate distance (n,) in µm to the particle surfaces, positive inside, 0 on contacts too; right sign.

        -inf at points farther from every centre than 1.3 times the largest radius of that particle.
        """
        level, _, size, between = self._levels(points)
        free = np.where(np.isfinite(level), 1.0 - level, -np.inf) * size
        return np.where(level <= 1.0, np.minimum(free, between), free)

    def _levels(self, points: Floats) -> tuple[Floats, Ints, Floats, Floats]:
        """Smallest level, its body, its size r g (µm), and the distance to where the second level is as small (µm)."""
        points = np.asarray(points, dtype=np.float64)
        tree = cKDTree(points)
        count = len(points)
        first, second = np.full(count, np.inf), np.full(count, np.inf)
        size, other, body = np.ones(count), np.ones(count), np.zeros(count, dtype=np.int64)
        particle, center = self.bodies()
        seen = _SEEN * self.reach()
        for k in range(len(particle)):
            shape, r = self.shapes[particle[k]], float(self.radii[particle[k]])
            near = np.array(tree.query_ball_point(center[k], seen[particle[k]]), dtype=np.int64)
            vector = points[near] - center[k]
            distance = np.linalg.norm(vector, axis=1)
            along = vector / np.maximum(distance, 1e-300)[:, None]
            along[distance == 0.0] = (0.0, 0.0, 1.0)
            own = r * shape.radius(along)
            level = distance / own
            best = level < first[near]
            runner = ~best & (level < second[near])
            at = near[best]
            second[at], other[at] = first[at], size[at]
            first[at], size[at], body[at] = level[best], own[best], k + 1
            second[near[runner]], other[near[runner]] = level[runner], own[runner]
        between = np.full(count, np.inf)
        two = np.isfinite(second)
        between[two] = (second[two] - first[two]) / (1.0 / size[two] + 1.0 / other[two])
        return first, body, size, between


def sample_grid(box: tuple[float, float, float], along: int) -> Floats:
    """Centres (m, 3) of nearly cubic voxels that fill the box, along voxels on its longest side."""
    number = [max(1, round(along * side / max(box))) for side in box]
    axes = [(np.arange(n) + 0.5) * side / n for n, side in zip(number, box, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
