"""What a mesh is made from: an image of bodies, and what every body is. Lengths in µm.

Every generator but `spheres` ends in a Structure; grains, additives, layers and sections turn one Structure into
another, and the mesher takes any.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbmech_mesh.bodies import BodyTable
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.simplex import Floats

Labels = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Structure:
    """Bodies on voxels that fill the box [0, Lx] x [0, Ly] x [0, Lz].

    labels (nx, ny, nz): 1 to n, label k is row k - 1 of bodies. voxel_size: edges of a voxel (µm). void: phases that are pores
    and are not meshed. facts: what a generator reports, ready for JSON. notes: sentences on what was
    changed or could not be kept. composite: z from and to of the composite between layers (µm).
    periodic: the structure continues across the lateral faces.
    """

    labels: Labels
    voxel_size: tuple[float, float, float]
    bodies: BodyTable
    void: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    composite: tuple[float, float] | None = None
    periodic: bool = False

    @property
    def box(self) -> tuple[float, float, float]:
        """Edges of the box (µm)."""
        x, y, z = (n * h for n, h in zip(self.labels.shape, self.voxel_size, strict=True))
        return x, y, z

    def volumes(self) -> Floats:
        """Volume of every body on the voxels (µm^3), shape (n,)."""
        count = np.bincount(self.labels.ravel(), minlength=len(self.bodies) + 1)[1:]
        return np.asarray(count * float(np.prod(self.voxel_size)), dtype=np.float64)

    def fractions(self) -> dict[str, float]:
        """Share of the box that every phase takes on the voxels."""
        share = self.volumes() / float(np.prod(self.box))
        return {
            phase: float(share[self.bodies.of_phase(phase)].sum())
            for phase in dict.fromkeys(self.bodies.phases)
        }

    def phase_image(self) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
        """Phase of every voxel as an index into the names that come with it."""
        names = tuple(dict.fromkeys(self.bodies.phases))
        number = np.array([names.index(phase) for phase in self.bodies.phases], dtype=np.uint8)
        return number[self.labels - 1], names

    def compact(self) -> Structure:
        """Without bodies that have no voxel; raises if a voxel has no body."""
        present = np.unique(self.labels)
        if present[0] < 1 or present[-1] > len(self.bodies):
            raise MeshError(
                f"labels run from {present[0]} to {present[-1]}, but there are {len(self.bodies)} bodies"
            )
        if len(present) == len(self.bodies):
            return self
        new = np.zeros(len(self.bodies) + 1, dtype=np.int32)
        new[present] = np.arange(1, len(present) + 1)
        return replace(self, labels=new[self.labels], bodies=self.bodies.take(present.astype(np.int64) - 1))
