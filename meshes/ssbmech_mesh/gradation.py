"""How fine a mesh of a label image is where: edge lengths on its voxels. Lengths in µm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssbmech_mesh.simplex import Floats

FINEST = 3.0  # edges in necks are not smaller than those at interfaces by more than this
_BORDER = 8  # voxels by which faces of the box are continued, so that they are no walls of a neck


@dataclass(frozen=True)
class LabelSizes:
    """Edge lengths in µm: at interfaces, far from them, growth per µm; neck: edge length in necks over their width.

    neck_labels: groups of labels, each of which is measured as one for its necks.
    """

    interface: float
    bulk: float
    growth: float = 0.4
    neck: float | None = None
    neck_labels: tuple[tuple[int, ...], ...] = ()


class Gradation:
    """Wanted edge lengths of one image at any sizes; what depends on the image alone is measured once."""

    def __init__(self, labels: NDArray[np.integer], voxel_size: Floats) -> None:
        """labels (nx, ny, nz) or (nx, ny), voxel_size (3,) or (2,)."""
        self.labels, self.voxel_size = labels, voxel_size
        edge = ndimage.maximum_filter(labels, 3) != ndimage.minimum_filter(labels, 3)
        self._distance = (
            ndimage.distance_transform_edt(~edge, sampling=voxel_size).astype(np.float32)
            if edge.any()
            else np.full(labels.shape, np.inf, np.float32)
        )
        self._widths: dict[tuple[int, ...], NDArray[np.float32]] = {}

    def size(self, sizes: LabelSizes) -> NDArray[np.float32]:
        """Edge length for every voxel."""
        size = np.minimum(np.float32(sizes.bulk), sizes.interface + np.float32(sizes.growth) * self._distance)
        if sizes.neck is not None:
            for group in sizes.neck_labels:
                self._narrow(size, sizes, group)
        return np.asarray(size, dtype=np.float32)

    def size_at(self, sizes: LabelSizes) -> Callable[[Floats], Floats]:
        """Edge length as a function of points (P, d): that of the voxel."""
        size, last = self.size(sizes), np.array(self.labels.shape) - 1
        stride = np.array(size.strides) // size.itemsize
        flat = size.ravel()

        def at(points: Floats) -> Floats:
            index = np.clip((points / self.voxel_size).astype(np.int64), 0, last)
            return np.asarray(flat[index @ stride])

        return at

    def widths(self, group: tuple[int, ...]) -> NDArray[np.float32]:
        """Width (µm) of a group of labels on its middle surface (ridges of the distance to its boundary), 0 elsewhere."""
        if group not in self._widths:
            depth = self.depth(group)
            ridge = (depth > 0.0) & (depth == ndimage.maximum_filter(depth, 3))
            # the boundary lies half a voxel before the nearest voxel outside
            width = np.maximum(2.0 * depth - float(self.voxel_size.min()), 0.0)
            self._widths[group] = np.where(ridge, width, 0.0).astype(np.float32)
        return self._widths[group]

    def depth(self, group: tuple[int, ...]) -> NDArray[np.float32]:
        """Distance (µm) of the voxels of some labels to the nearest voxel of others, 0 outside, inf if there is none."""
        chosen = np.zeros(int(self.labels.max()) + 1, dtype=bool)
        chosen[list(group)] = True
        inside = np.pad(chosen[self.labels], _BORDER, mode="edge")
        if inside.all():
            return np.full(self.labels.shape, np.inf, np.float32)
        depth = ndimage.distance_transform_edt(inside, sampling=self.voxel_size).astype(np.float32)
        return np.asarray(depth[(slice(_BORDER, -_BORDER),) * depth.ndim])

    def narrow_share(self, group: tuple[int, ...], width: float) -> float:
        """Share of the voxels of a group of labels that no ball (disc) of this diameter inside the group reaches.

        What is an even number of voxels wide counts as one voxel narrower.
        """
        depth = self.depth(group)
        if np.isinf(depth).any():
            return 0.0
        radius = 0.5 * (
            width + float(self.voxel_size.min())
        )  # to the nearest voxel outside, not to the boundary
        centre = depth >= radius * (1.0 - 1e-6)  # depth is in single precision
        if not centre.any():
            return 1.0
        covered = ndimage.distance_transform_edt(~centre, sampling=self.voxel_size) < radius
        inside = depth > 0.0
        return float(1.0 - np.sum(covered & inside) / np.sum(inside))

    def _narrow(self, size: NDArray[np.float32], sizes: LabelSizes, group: tuple[int, ...]) -> None:
        """Lower the size around necks in place; each place follows the nearest neck."""
        neck = float(sizes.neck or 0.0)
        width = self.widths(group)
        thin = (width > 0.0) & (neck * width < sizes.interface)
        if not thin.any():
            return
        distance, nearest = ndimage.distance_transform_edt(
            ~thin, sampling=self.voxel_size, return_indices=True
        )
        wanted = np.maximum(neck * width[tuple(nearest)], sizes.interface / FINEST)
        np.minimum(size, wanted + sizes.growth * distance, out=size, casting="same_kind")
