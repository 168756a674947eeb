"""The smooth image of labels: the share of each among the voxels around a point, weighted by a cubic B-spline.

Lengths in µm. Beyond the faces of the image its outermost voxels go on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssbmech_mesh.simplex import Floats, Ints

Singles = NDArray[np.float32]

_CHUNK = 16_384  # points at a time: their stencils stay in the cache


class LabelShares:
    """Shares of labels of an image (nx, ny, nz) or (nx, ny) with voxels of voxel_size (3,) or (2,).

    kernel: half the reach of the weights, in voxels. bias (n + 1,): is added to the share of each label.
    """

    def __init__(self, labels: NDArray[np.integer], voxel_size: Floats, kernel: float) -> None:
        self.voxel_size, self.kernel = voxel_size, kernel
        self.bias = np.zeros(int(labels.max()) + 1)
        self._points = int(np.ceil(4.0 * kernel))  # of the stencil along an axis
        reach = int(np.ceil(2.0 * kernel - 0.5))  # of the stencils of all points of a voxel
        self._pad = reach + 1  # one more for points that rounding puts beyond a face
        padded = np.pad(labels.astype(np.int32), self._pad, mode="edge")
        window = 2 * reach + 1
        uniform = ndimage.maximum_filter(padded, window) == ndimage.minimum_filter(padded, window)
        self._flat, self._uniform = padded.ravel(), uniform.ravel()
        self._shape = np.array(labels.shape)
        self._stride = np.array(padded.strides) // padded.itemsize
        steps = np.indices((self._points,) * labels.ndim).reshape(labels.ndim, -1).T
        self._steps = steps @ self._stride

    def label(self, points: Floats) -> Ints:
        """The label with the largest share at each point (P, d), without bias; the smallest of equal ones."""
        voxel = np.clip((points / self.voxel_size).astype(np.int64), 0, self._shape - 1)
        here = (voxel + self._pad) @ self._stride
        found = self._flat[here].astype(np.int64)
        mixed = np.flatnonzero(~self._uniform[here])
        for start in range(0, len(mixed), _CHUNK):
            part = mixed[start : start + _CHUNK]
            around, offset = self._stencil(points[part])
            found[part] = _largest(around, _products(_spline(offset)), found[part])
        return np.asarray(found, dtype=np.int64)

    def differences(self, points: Floats, ask: Ints) -> tuple[Floats, Floats]:
        """How far the shares of labels ask (P, A) exceed that of the first, with bias, (P, A - 1), and gradients in 1/µm.

        The gradients have the shape (P, A - 1, d).
        """
        d = points.shape[1]
        value = np.zeros((len(points), ask.shape[1] - 1))
        gradient = np.zeros((len(points), ask.shape[1] - 1, d))
        for start in range(0, len(points), _CHUNK):
            part = slice(start, start + _CHUNK)
            around, offset = self._stencil(points[part])
            weight = (_spline(offset) / self.kernel).astype(np.float32)
            slope = (-_slope(offset) / (self.kernel**2 * self.voxel_size[:, None, None])).astype(np.float32)
            first = (around == ask[part, 0]).astype(np.int8)
            for a in range(1, ask.shape[1]):
                sign = ((around == ask[part, a]) - first).astype(np.float32)
                sign = sign.reshape((self._points,) * d + (-1,))
                value[part, a - 1], gradient[part, a - 1] = _contracted(sign, weight, slope)
        return value + self.bias[ask[:, 1:]] - self.bias[ask[:, :1]], gradient

    def _stencil(self, points: Floats) -> tuple[NDArray[np.int32], Singles]:
        """Labels (stencil, P) around the points and their offsets (d, points along an axis, P) in kernels."""
        place = points / self.voxel_size - 0.5
        first = np.floor(place - 2.0 * self.kernel).astype(np.int64) + 1
        offset = (first - place).T[:, None, :] + np.arange(self._points)[:, None]
        corner = (first + self._pad) @ self._stride
        around = self._flat[corner + self._steps[:, None]]
        return around, (offset / self.kernel).astype(np.float32)


def _largest(around: NDArray[np.int32], weight: Singles, guess: Ints) -> Ints:
    """Label with the largest sum of weights (stencil, P): that guessed where it has more than half of all, else sought."""
    best = guess.copy()
    share = np.einsum("sp,sp->p", around == guess.astype(np.int32), weight)
    doubt = np.flatnonzero(share <= 0.5 * weight.sum(axis=0))
    if len(doubt):
        around, weight = around[:, doubt], weight[:, doubt]
        base = int(around.max()) + 1
        slot, where = np.unique(np.arange(len(doubt)) * base + around, return_inverse=True)
        total = np.round(np.bincount(where.ravel(), weight.ravel()), 6)  # equal ones are equal on any machine
        order = np.lexsort((slot, -total, slot // base))
        _, first = np.unique(slot[order] // base, return_index=True)
        best[doubt] = slot[order][first] % base
    return best


def _products(weight: Singles) -> Singles:
    """Weights (stencil, P) from those along the axes (d, points, P)."""
    result = weight[0]
    for along in weight[1:]:
        result = (result[:, None, :] * along).reshape(-1, along.shape[-1])
    return np.asarray(result)


def _contracted(values: Singles, weight: Singles, slope: Singles) -> tuple[Singles, Singles]:
    """Sum of values (n, …, n, P) with the product of weights (d, n, P), and its gradient (P, d)."""
    gradient: list[Singles] = []
    for along, change in zip(weight[::-1], slope[::-1], strict=True):
        gradient = [np.einsum("...kp,kp->...p", g, along) for g in gradient]
        gradient.append(np.einsum("...kp,kp->...p", values, change))
        values = np.einsum("...kp,kp->...p", values, along)
    return values, np.stack(gradient[::-1], axis=1)


def _spline(t: Singles) -> Singles:
    t = np.abs(t)
    return np.asarray(np.where(t < 1.0, 2.0 / 3.0 - t**2 + t**3 / 2.0, np.maximum(2.0 - t, 0.0) ** 3 / 6.0))


def _slope(t: Singles) -> Singles:
    a = np.abs(t)
    size = np.where(a < 1.0, 1.5 * a**2 - 2.0 * a, -(np.maximum(2.0 - a, 0.0) ** 2) / 2.0)
    return np.asarray(np.sign(t) * size)
