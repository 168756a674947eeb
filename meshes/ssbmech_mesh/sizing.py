"""How fine the mesh is where: edge lengths on a regular grid. Lengths in µm."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ssbmech_mesh.packing import Packing
from ssbmech_mesh.simplex import Floats
from ssbmech_mesh.spec import MeshSize

_GRADE = 0.6  # growth of the edge length per distance from an interface
_GRID_POINTS = 3.0e6  # at most, for memory: 24 MB


@dataclass(frozen=True)
class SizeGrid:
    """Edge lengths at the points of a regular grid that starts at low, by default the origin, and covers the box."""

    spacing: Floats
    sizes: Floats
    low: Floats = field(default_factory=lambda: np.zeros(3))

    def write(self, path: Path) -> None:
        """The binary form that gmsh's "Structured" field reads."""
        header = struct.pack("<6d3i", *self.low, *self.spacing, *self.sizes.shape)
        path.write_bytes(header + self.sizes.astype("<f8").tobytes())


def size_grid(packing: Packing, size: MeshSize, finest_gap: float) -> SizeGrid:
    """Edge lengths: `interface` on the spheres, growing to `bulk`; at most `neck` times the width of a neck.

    The width at a point is the sum of its distances to the two nearest surfaces that do not cut each other:
    two spheres, or a sphere and a face of the box that it does not cross.
    """
    box = np.array(packing.box)
    step = max(min(size.interface / 3.0, finest_gap), float(np.prod(box) / _GRID_POINTS) ** (1.0 / 3.0))
    shape = np.ceil(box / step).astype(int) + 1
    spacing = box / (shape - 1)
    axes = [np.arange(n) * h for n, h in zip(shape, spacing, strict=True)]
    far = np.full(shape, 1e9)
    nearest, second, width = far, far.copy(), far.copy()
    centers, radii, _ = packing.with_images()
    reach = max((size.bulk - size.interface) / _GRADE, size.interface)
    for k in range(len(radii)):
        center, radius = centers[k], float(radii[k])
        window = tuple(
            slice(*np.searchsorted(axis, [c - radius - reach, c + radius + reach]))
            for axis, c in zip(axes, center, strict=True)
        )
        grid = np.ix_(*[axis[part] for axis, part in zip(axes, window, strict=True)])
        along = [(g - c) ** 2 for g, c in zip(grid, center, strict=True)]
        distance = np.abs(np.sqrt(along[0] + along[1] + along[2]) - radius)
        second[window] = np.minimum(second[window], np.maximum(nearest[window], distance))
        nearest[window] = np.minimum(nearest[window], distance)
        for axis in range(3):
            for wall in (0.0, box[axis]):
                if abs(center[axis] - wall) > radius:
                    width[window] = np.minimum(width[window], distance + np.abs(grid[axis] - wall))
    width = np.minimum(width, nearest + second)
    sizes = np.minimum(size.interface + _GRADE * nearest, size.bulk)
    return SizeGrid(spacing, np.minimum(sizes, np.maximum(size.neck * width, size.neck * finest_gap)))
