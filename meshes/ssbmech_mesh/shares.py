"""The smooth image of labels: the share of each among the voxels around a point, weighted by a cubic B-spline.

The weights reach as far as the mesh is coarse there, so that nodes find the interface and what is finer than the mesh
is smoothed away. Lengths in µm. Beyond the faces of the image its outermost voxels go on.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssbmech_mesh.levels import levels_of
from ssbmech_mesh.simplex import Floats, Ints

Singles = NDArray[np.float32]

_CHUNK = 4096  # points at a time: their stencils stay in the cache
_WIDTHS = (1.0, 1.4, 2.0, 2.8)  # of the weights, in voxels; their standard deviation is 0.58 of that
_FIRST = 1e3  # weight of a family's share against a label's: any difference of the former, rounded to 1e-6, decides
_MOST_BIAS = 0.8  # of a difference of shares: a shift by 0.6 widths


class LabelShares:
    """Shares of labels of an image (nx, ny, nz) or (nx, ny) with voxels of voxel_size (3,) or (2,).

    Points are asked with a scale (P,) in µm, the width of the weights: one to 2.8 times the shortest edge of a voxel, and at least
    one voxel along every axis. family (n + 1,): labels of one family (the grains of a particle) stand together against all
    others, so that where they meet their common surface has no groove; each its own if not given. shift (2, n + 1): distance in µm
    by which a label grows at plane interfaces, with other families and within its own. planes: faces of flat layers across the last
    axis.
    """

    def __init__(
        self,
        labels: NDArray[np.integer],
        voxel_size: Floats,
        family: Ints | None = None,
        planes: Floats | None = None,
    ) -> None:
        self.voxel_size = voxel_size
        self.levels = levels_of(labels, voxel_size, np.zeros(0) if planes is None else planes)
        self.shift = np.zeros((2, int(labels.max()) + 1))
        alone = np.arange(self.shift.shape[1])
        self.family = alone if family is None else family
        own = None if family is None or len(np.unique(family)) == len(family) else family
        least = float(voxel_size.min())
        self._levels = [_Level(labels, voxel_size, width * least, own) for width in _WIDTHS]
        self._borders = np.sqrt(np.array(_WIDTHS[1:]) * np.array(_WIDTHS[:-1])) * least

    def label(self, points: Floats, scale: Floats) -> Ints:
        """The label with the largest share in the family with the largest share at each point (P, d), without shift."""
        found = np.zeros(len(points), dtype=np.int64)
        for level, chosen in self._by_level(scale):
            found[chosen] = level.label(points[chosen])
        return self.levels.label(points, found)

    def differences(self, points: Floats, ask: Ints, scale: Floats) -> tuple[Floats, Floats]:
        """How far the shares of labels ask (P, A) exceed those of earlier ones, (P, A - 1), in units of their slope: µm.

        A label is compared with an earlier one of its family if there is one, else its family with that of the first. And the
        gradients, (P, A - 1, d), of size one at plane interfaces.
        """
        value = np.zeros((len(points), ask.shape[1] - 1))
        gradient = np.zeros((*value.shape, points.shape[1]))
        for level, chosen in self._by_level(scale):
            here = ask[chosen]
            other, within = self.partners(here)
            share, gradient[chosen] = level.differences(points[chosen], here[:, 1:], other, within)
            row = within.astype(np.int64)
            shift = self.shift[row, here[:, 1:]] - self.shift[row, other]
            most = _MOST_BIAS * level.distance
            value[chosen] = share + np.clip(shift, -most, most)
        return value, gradient

    def partners(self, ask: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """With which label each one but the first is compared (P, A - 1), and whether that is of its own family."""
        family = self.family[ask]
        other = np.repeat(ask[:, :1], ask.shape[1] - 1, axis=1)
        within = np.zeros(other.shape, dtype=bool)
        for a in range(1, ask.shape[1]):
            for b in range(a - 1, -1, -1):
                same = family[:, a] == family[:, b]
                other[same, a - 1] = ask[same, b]
                within[same, a - 1] = True
        return other, within

    def _by_level(self, scale: Floats) -> list[tuple[_Level, Ints]]:
        which = np.searchsorted(self._borders, scale)
        chosen = [np.flatnonzero(which == k) for k in range(len(self._levels))]
        return [(level, index) for level, index in zip(self._levels, chosen, strict=True) if len(index)]


class _Level:
    """Shares with one width of the weights (µm)."""

    def __init__(
        self, labels: NDArray[np.integer], voxel_size: Floats, width: float, family: Ints | None
    ) -> None:
        self.labels, self.voxel_size = labels, voxel_size
        self.family = None if family is None else family.astype(np.int32)
        self.kernel = np.maximum(width / voxel_size, 1.0)  # half the reach, in voxels
        self.distance = (
            0.75 * width
        )  # over which the difference of two shares rises by one at a plane interface

    @cached_property
    def _flat(self) -> NDArray[np.int32]:
        """The labels with a border, so that no stencil reaches out; one voxel more for points rounded beyond a face."""
        return np.pad(self.labels.astype(np.int32), [(p, p) for p in self._pad], mode="edge").ravel()

    @cached_property
    def _uniform(self) -> NDArray[np.bool_]:
        """Voxels around whose points all stencils hold one label, in the order of _flat."""
        image = self._flat.reshape(self.labels.shape + 2 * self._pad)
        window = 2 * self._pad - 1
        least, most = ndimage.minimum_filter(image, window), ndimage.maximum_filter(image, window)
        return np.asarray(least == most).ravel()

    @cached_property
    def _pad(self) -> Ints:
        return np.asarray(np.ceil(2.0 * self.kernel - 0.5) + 1.0, dtype=np.int64)

    @cached_property
    def _stride(self) -> Ints:
        shape = self.labels.shape + 2 * self._pad
        return np.asarray(np.append(np.cumprod(shape[:0:-1])[::-1], 1), dtype=np.int64)

    @cached_property
    def _points(self) -> tuple[int, ...]:
        """Of the stencil, along the axes."""
        return tuple(int(np.ceil(4.0 * k)) for k in self.kernel)

    def label(self, points: Floats) -> Ints:
        voxel = np.clip((points / self.voxel_size).astype(np.int64), 0, np.array(self.labels.shape) - 1)
        here = (voxel + self._pad) @ self._stride
        found = self._flat[here].astype(np.int64)
        mixed = np.flatnonzero(~self._uniform[here])
        for start in range(0, len(mixed), _CHUNK):
            part = mixed[start : start + _CHUNK]
            around, offset = self._stencil(points[part])
            weight = _products([_spline(t) for t in offset])
            found[part] = _largest(around, weight, found[part], self.family)
        return np.asarray(found, dtype=np.int64)

    def differences(
        self, points: Floats, ask: Ints, other: Ints, within: NDArray[np.bool_]
    ) -> tuple[Floats, Floats]:
        value = np.zeros(ask.shape)
        gradient = np.zeros((*value.shape, points.shape[1]))
        for start in range(0, len(points), _CHUNK):
            part = slice(start, start + _CHUNK)
            around, offset = self._stencil(points[part])
            weight = [_spline(t) / np.float32(k) for t, k in zip(offset, self.kernel, strict=True)]
            scale = (self.kernel**2 * self.voxel_size).astype(np.float32)
            slope = [-_slope(t) / s for t, s in zip(offset, scale, strict=True)]
            family = around if self.family is None else self.family[around]
            for a in range(ask.shape[1]):
                plus, minus = ask[part, a], other[part, a]
                seen = around
                if self.family is not None:
                    inside = within[part, a]
                    seen = np.where(inside, around, family)
                    plus = np.where(inside, plus, self.family[plus])
                    minus = np.where(inside, minus, self.family[minus])
                sign = (seen == plus).astype(np.float32) - (seen == minus)
                sign = sign.reshape(*self._points, -1)
                value[part, a], gradient[part, a] = _contracted(sign, weight, slope)
        return value * self.distance, gradient * self.distance

    def _stencil(self, points: Floats) -> tuple[NDArray[np.int32], list[Singles]]:
        """Labels (stencil, P) around the points and for each axis their offsets (points of the stencil, P) in kernels."""
        place = points / self.voxel_size - 0.5
        first = np.floor(place - 2.0 * self.kernel).astype(np.int64) + 1
        start = ((first - place) / self.kernel).T
        offset = [
            (begin + np.arange(n)[:, None] / k).astype(np.float32)
            for begin, n, k in zip(start, self._points, self.kernel, strict=True)
        ]
        corner = (first + self._pad) @ self._stride
        steps = np.indices(self._points).reshape(len(self._points), -1).T @ self._stride
        return self._flat[corner + steps[:, None]], offset


def _largest(
    around: NDArray[np.int32], weight: Singles, guess: Ints, family: NDArray[np.int32] | None
) -> Ints:
    """Label with the largest sum of weights (stencil, P): that guessed where it has more than half of all, else sought.

    Sought first among the families, then in the family that is found; the smallest label of equal ones.
    """
    best = guess.copy()
    share = np.einsum("sp,sp->p", around == guess.astype(np.int32), weight)
    doubt = np.flatnonzero(share <= 0.5 * weight.sum(axis=0))
    if len(doubt):
        around, weight = around[:, doubt], weight[:, doubt]
        base = int(around.max()) + 1
        slot, where = np.unique(np.arange(len(doubt)) * base + around, return_inverse=True)
        total: Floats = np.round(
            np.bincount(where.ravel(), weight.ravel()), 6
        )  # equal ones are equal on any machine
        if family is not None:
            total += _FIRST * _together(slot // base, family[slot % base], total)
        order = np.lexsort((slot, -total, slot // base))
        _, first = np.unique(slot[order] // base, return_index=True)
        best[doubt] = slot[order][first] % base
    return best


def _together(point: Ints, family: NDArray[np.int32], total: Floats) -> Floats:
    """Sum over the entries of the same point and family, for every entry."""
    key, where = np.unique(point * (int(family.max()) + 1) + family, return_inverse=True)
    return np.asarray(np.round(np.bincount(where.ravel(), total, minlength=len(key)), 6)[where.ravel()])


def _products(weight: list[Singles]) -> Singles:
    """Weights (stencil, P) from those along the axes, (points of the stencil, P) each."""
    result = weight[0]
    for along in weight[1:]:
        result = (result[:, None, :] * along).reshape(-1, along.shape[-1])
    return np.asarray(result)


def _contracted(values: Singles, weight: list[Singles], slope: list[Singles]) -> tuple[Singles, Singles]:
    """Sum of values (n0, …, P) with the product of weights (n0, P), …, and its gradient (P, d)."""
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
