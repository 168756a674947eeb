"""How fine a mesh of touching spheres is where: edge lengths on a regular grid. Lengths in µm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssbmech_mesh.facets import CONTACT, WALL
from ssbmech_mesh.fitted_geometry import CutBalls, Stack
from ssbmech_mesh.simplex import Floats
from ssbmech_mesh.sizing import SizeGrid

_STEP = 0.25  # of the grid, in interface sizes
_GRID_POINTS = 1.0e6  # at most, for memory and time
_RING = 1.0  # edge length at a ring in units of its radius: six edges around
_FINEST = 0.25  # of the interface size, in gaps
_APART = 1.0  # edge length between two rings on a sphere in units of their distance
_STEEP = 1.2  # growth away from rings
_SAME = 1e-9  # µm
_ROUND = 0.6  # of the radius, at most, on a sphere


@dataclass(frozen=True)
class Sizes:
    """Edge lengths at interfaces and far from them (µm), growth (µm per µm), and neck (in units of the width)."""

    interface: float
    bulk: float
    growth: float
    neck: float


@dataclass(frozen=True, eq=False)
class Ring:
    """A circle (µm) where a plane cuts a ball; other: the particle that it touches there, -1 for none."""

    center: Floats
    normal: Floats
    radius: float

    def distance(self, points: list[Floats]) -> Floats:
        """From points given by three coordinates that broadcast."""
        offset = [p - c for p, c in zip(points, self.center, strict=True)]
        along = sum(o * n for o, n in zip(offset, self.normal, strict=True))
        squared = sum(o**2 for o in offset)
        across = np.sqrt(np.maximum(squared - along**2, 0.0))
        return np.asarray(np.hypot(across - self.radius, along))


class SizeField:
    """Edge lengths that every feature lowers around itself."""

    def __init__(self, balls: CutBalls, stack: Stack, sizes: Sizes) -> None:
        self.balls, self.stack, self.sizes = balls, stack, sizes
        low, high = stack.heights[0], stack.heights[-1]
        self.low = np.array([0.0, 0.0, low])
        extent = np.array([*balls.packing.box[:2], high - low])
        step = max(_STEP * sizes.interface, float(np.cbrt(np.prod(extent) / _GRID_POINTS)))
        shape = np.ceil(extent / step).astype(int) + 1
        self.spacing = extent / (shape - 1)
        self.axes = [a + np.arange(n) * h for a, n, h in zip(self.low, shape, self.spacing, strict=True)]
        self.size = np.full(shape, sizes.bulk)
        self._surfaces()
        rings = [self._rings(k) for k in range(len(balls.particle))]
        for own in rings:
            self._around_rings(own)
        self._gaps()

    def grid(self) -> SizeGrid:
        """For gmsh."""
        return SizeGrid(self.spacing, self.size, self.low)

    def cells(self) -> float:
        """Tetrahedra that fit, up to a factor near one."""
        return float(np.mean(self.size**-3) * np.prod(self.spacing * (np.array(self.size.shape) - 1)))

    def _window(self, center: Floats, reach: float) -> tuple[tuple[slice, ...], list[Floats]]:
        window = tuple(
            slice(*np.searchsorted(axis, [c - reach, c + reach]))
            for axis, c in zip(self.axes, center, strict=True)
        )
        return window, list(np.ix_(*[axis[part] for axis, part in zip(self.axes, window, strict=True)]))

    def _lower(self, window: tuple[slice, ...], size: Floats) -> None:
        self.size[window] = np.minimum(self.size[window], size)

    def _depth(self, body: int, points: list[Floats]) -> Floats:
        """Distance to the surface of a body, positive outside."""
        offset = [p - c for p, c in zip(points, self.balls.center[body], strict=True)]
        found = np.sqrt(sum(o**2 for o in offset)) - self.balls.radius[body]
        normals, heights, kinds = self.balls.cuts(body)
        for k in np.flatnonzero(kinds != WALL):
            along = sum(o * n for o, n in zip(offset, normals[k].tolist(), strict=True))
            found = np.maximum(found, along - heights[k])
        return np.asarray(found)

    def _surfaces(self) -> None:
        s = self.sizes
        reach = (s.bulk - s.interface) / s.growth
        for k, radius in enumerate(self.balls.radius):
            window, points = self._window(self.balls.center[k], radius + reach)
            start = min(s.interface, _ROUND * radius)
            self._lower(window, start + s.growth * np.abs(self._depth(k, points)))
        for slab in self.stack.slabs:
            for height in slab:
                if self.stack.bottom <= height <= self.stack.top:
                    away = np.abs(self.axes[2] - height)
                    self.size[:] = np.minimum(self.size, s.interface + s.growth * away)

    def _rings(self, body: int) -> list[Ring]:
        """Where planes and lateral faces of the box cut a ball."""
        balls = self.balls
        center, radius = balls.center[body], float(balls.radius[body])
        normal, offset, _ = balls.cuts(body)
        box = np.array(balls.packing.box)
        lateral = np.eye(3)[:2]
        normal = np.concatenate([normal, -lateral, lateral])
        offset = np.concatenate([offset, center[:2], (box - center)[:2]])
        return [
            Ring(center + offset[k] * normal[k], normal[k], float(np.sqrt(radius**2 - offset[k] ** 2)))
            for k in np.flatnonzero(np.abs(offset) < radius)
        ]

    def _around_rings(self, rings: list[Ring]) -> None:
        s, steep = self.sizes, max(_STEEP, self.sizes.growth)
        for ring in rings:
            start = min(s.interface, _RING * ring.radius)
            window, points = self._window(ring.center, ring.radius + (s.interface - start) / steep)
            self._lower(window, start + steep * ring.distance(points))
        for i, one in enumerate(rings):
            for two in rings[:i]:
                reach = 0.5 * (one.radius + two.radius) + s.interface
                if np.linalg.norm(one.center - two.center) > one.radius + two.radius + s.interface:
                    continue
                window, points = self._window(0.5 * (one.center + two.center), reach)
                between = _APART * (one.distance(points) + two.distance(points))
                self._lower(
                    window,
                    np.maximum(
                        between, max(_FINEST * s.interface, 0.5 * _RING * min(one.radius, two.radius))
                    ),
                )

    def _gaps(self) -> None:
        """Between two bodies, and between a body and a face that it does not cut."""
        balls, s = self.balls, self.sizes
        width = s.interface / s.neck
        for i in range(len(balls.particle)):
            for j in range(i):
                apart = balls.center[j] - balls.center[i]
                distance = float(np.linalg.norm(apart))
                if distance > balls.radius[i] + balls.radius[j] + width:
                    continue
                middle = 0.5 * (distance + (balls.radius[i] ** 2 - balls.radius[j] ** 2) / distance)
                least = _FINEST * s.interface
                if self._touch(i, apart):
                    least = min(
                        s.interface, _RING * float(np.sqrt(max(balls.radius[i] ** 2 - middle**2, 0.0)))
                    )
                reach = s.interface + float(np.sqrt(width * min(balls.radius[i], balls.radius[j])))
                window, points = self._window(balls.center[i] + middle / distance * apart, reach)
                across = np.abs(self._depth(i, points)) + np.abs(self._depth(j, points))
                self._lower(window, np.maximum(s.neck * across, least))
            self._gaps_to_faces(i)

    def _touch(self, body: int, apart: Floats) -> bool:
        normal, _, kind = self.balls.cuts(body)
        direction = apart / np.linalg.norm(apart)
        return bool(np.any((kind == CONTACT) & (normal @ direction > 1.0 - 1e-9)))

    def _gaps_to_faces(self, body: int) -> None:
        balls, s = self.balls, self.sizes
        center, radius = balls.center[body], float(balls.radius[body])
        faces = [(axis, end) for axis in range(2) for end in (0.0, balls.packing.box[axis])]
        faces += [(2, end) for end in self.stack.heights]
        for axis, end in faces:
            away = abs(center[axis] - end)
            highest = self._extent(body, axis, np.sign(end - center[axis]))
            if away < highest + _SAME or away > radius + s.interface / s.neck:
                continue
            foot = center.copy()
            foot[axis] = end
            window, points = self._window(foot, s.interface + float(np.sqrt(radius * s.interface)))
            across = np.abs(self._depth(body, points)) + np.abs(points[axis] - end)
            self._lower(window, np.maximum(s.neck * across, _FINEST * s.interface))

    def _extent(self, body: int, axis: int, side: float) -> float:
        """How far a ball reaches along an axis after its cuts."""
        normal, offset, _ = self.balls.cuts(body)
        along = normal[:, axis] * side > 1.0 - 1e-9
        return float(min(self.balls.radius[body], offset[along].min(initial=np.inf)))
