"""Flat layers in an image of labels: the planes between them stay planes in the mesh. Lengths in µm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbmech_mesh.simplex import Floats, Ints


@dataclass(frozen=True, eq=False)
class Levels:
    """Planes across the last axis of an image (nx, ny, nz) or (nx, nz), at the faces of voxels.

    planes (p,): their places, inside the box, in order. allowed (p + 1, n + 1): labels that the image has between them.
    """

    labels: NDArray[np.integer]
    voxel_size: Floats
    planes: Floats
    allowed: NDArray[np.bool_]

    def label(self, points: Floats, found: Ints) -> Ints:
        """The labels found at points (P, d), or where there is no such one between the planes there, those of the image."""
        slab = np.searchsorted(self.planes, points[:, -1])
        wrong = np.flatnonzero(~self.allowed[slab, found])
        if len(wrong) == 0:
            return found
        ends = np.concatenate([[0.0], self.planes, [np.inf]])
        voxel = (points[wrong] / self.voxel_size).astype(np.int64)
        faces = np.rint(ends / self.voxel_size[-1])
        low, high = faces[slab[wrong]], faces[slab[wrong] + 1] - 1
        voxel[:, -1] = np.clip(voxel[:, -1], low, np.minimum(high, self.labels.shape[-1] - 1))
        voxel = np.clip(voxel, 0, np.array(self.labels.shape) - 1)
        found = found.copy()
        found[wrong] = self.labels[tuple(voxel.T)]
        return found

    def on_plane(self, nodes: Floats) -> NDArray[np.bool_]:
        """Nodes (N, d) that lie on a plane, to the last bit."""
        return np.isin(nodes[:, -1], self.planes)

    @property
    def alone(self) -> NDArray[np.bool_]:
        """(n + 1,) labels that have a layer for themselves and lie nowhere else."""
        single = self.allowed.sum(axis=1) == 1
        return np.asarray((self.allowed.sum(axis=0) == 1) & self.allowed[single].any(axis=0))


def levels_of(labels: NDArray[np.integer], voxel_size: Floats, planes: Floats) -> Levels:
    """Planes (p,) inside the box of an image, moved to faces of voxels."""
    number = labels.shape[-1]
    face = np.unique(np.rint(np.asarray(planes) / voxel_size[-1]).astype(np.int64))
    face = face[(face > 0) & (face < number)]
    allowed = np.zeros((len(face) + 1, int(labels.max()) + 1), dtype=bool)
    for k, part in enumerate(np.split(labels, face, axis=-1)):
        allowed[k, np.unique(part)] = True
    return Levels(labels, voxel_size, face * voxel_size[-1], allowed)
