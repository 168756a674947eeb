"""Bodies of an image: touching particles taken apart, and what an image says about areas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.spatial import SphericalVoronoi

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.image_phases import Ints, PhaseImage, face_areas
from ssbmech_mesh.images import Array, Floats, Triple
from ssbmech_mesh.specs import SplitSpec

Labels = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Bodies:
    """Bodies of an image; the arrays have one entry for each, body k having the label k + 1.

    labels[x, y, z] (int32): 1, 2, …. phase: index into phases. volume in µm³, diameter of the sphere of that volume (in
    a section: of the disc of that area) in µm, border: touches a face of the image, centroid (n, 3) in µm with the
    origin of the image. Numbers follow the phases, then the height of the centroid (z, then y, then x).
    """

    labels: Labels
    phases: tuple[str, ...]
    phase: Ints
    volume: Floats
    diameter: Floats
    border: NDArray[np.bool_]
    centroid: Floats

    @property
    def names(self) -> list[str]:
        """NMC_001, NMC_002, …; a phase of one body gives it its own name."""
        number = np.arange(len(self.phase)) - np.searchsorted(self.phase, self.phase) + 1
        many = np.bincount(self.phase, minlength=len(self.phases)) > 1
        return [
            f"{self.phases[p]}_{k:03d}" if many[p] else self.phases[p]
            for p, k in zip(self.phase, number, strict=True)
        ]


def split_bodies(
    image: PhaseImage,
    split: Mapping[str, SplitSpec],
    known: Mapping[str, Ints] | None = None,
) -> Bodies:
    """Take the particles of the phases in split apart; every other phase stays whole, as one body.

    Markers are the maxima of the distance to the surface that rise by least_depth (µm; one voxel if not given) above
    the saddle to any higher one (h-maxima: Soille, Morphological Image Analysis, 2nd ed., ch. 6), after
    smoothing the distance by a Gaussian of standard deviation `smoothing` (µm); watersheds of the distance
    part the phase at its necks. Particles under least_volume (µm³) go to the particle of their phase with which they
    share the largest area, those that touch none stay. known: numbers from 1 of the bodies of a phase, of the
    shape of the image, where they are known already.
    """
    known = known or {}
    for phase in (*split, *known):
        image.index(phase)
        if phase in split and phase in known:
            raise MeshError(f"{phase} is to be split and has known bodies; choose one")
    raw = np.zeros(image.values.shape, dtype=np.int64)
    for k, phase in enumerate(image.names):
        mask = image.values == k
        if not mask.any():
            continue
        if phase in split:
            found = _watershed(mask, image.voxel_size, split[phase])
            found = merge_small(found, image.voxel_size, split[phase].least_volume)
        elif phase in known:
            found = known[phase]
        else:
            found = mask.astype(np.int64)
        raw[mask] = found[mask] + raw.max()
    return _described(image, raw)


def _watershed(mask: NDArray[np.bool_], voxel_size: Triple, how: SplitSpec) -> Ints:
    """Numbers from 1 inside the mask, in every piece of it."""
    from skimage.morphology import local_maxima, reconstruction
    from skimage.segmentation import watershed

    distance = np.asarray(ndimage.distance_transform_edt(mask, sampling=voxel_size))
    # a section is one voxel thick: its thickness is no length of the structure
    steps = [step for step, n in zip(voxel_size, mask.shape, strict=True) if n > 1] or [max(voxel_size)]
    depth = max(steps) if how.least_depth is None else how.least_depth
    if how.smoothing > 0.0:
        sigma = [
            how.smoothing / step if n > 1 else 0.0 for step, n in zip(voxel_size, mask.shape, strict=True)
        ]
        distance = np.where(mask, ndimage.gaussian_filter(distance, sigma, mode="nearest"), 0.0)
    faces = ndimage.generate_binary_structure(
        3, 1
    )  # as the watershed, so that every body hangs together by faces
    flooded = reconstruction(np.maximum(distance - depth, 0.0), distance, footprint=faces)
    peaks = np.asarray(local_maxima(flooded, connectivity=1, allow_borders=True)) & mask & (flooded > 0.0)
    pieces, n = ndimage.label(mask)
    marked = np.zeros(int(n) + 1, dtype=bool)
    marked[pieces[peaks]] = True
    peaks |= mask & ~marked[pieces]  # flatter than the least depth: one body each
    markers = np.asarray(ndimage.label(peaks)[0], dtype=np.int32)
    return np.asarray(watershed(-distance, markers, mask=mask), dtype=np.int64)


def _touching_pairs(labels: Array, voxel_size: Triple) -> tuple[Ints, Ints, Floats]:
    """Pairs of different non-zero labels that share faces, both ways, and the area of these in µm²."""
    base = int(labels.max()) + 1
    pairs, areas = [], []
    for axis, area in enumerate(face_areas(voxel_size)):
        ahead = np.moveaxis(labels, axis, 0)
        one, two = ahead[:-1].ravel(), ahead[1:].ravel()
        touch = (one != two) & (one > 0) & (two > 0)
        pairs += [one[touch] * base + two[touch], two[touch] * base + one[touch]]
        areas.append(np.full(2 * int(touch.sum()), area))
    both, where = np.unique(np.concatenate(pairs), return_inverse=True)
    total = np.bincount(where, np.concatenate(areas), minlength=len(both)).astype(np.float64)
    return both // base, both % base, total


def merge_small(labels: Ints, voxel_size: Triple, least_volume: float) -> Ints:
    """Bodies (labels from 1) under least_volume (µm³) join their largest contact until none that has one is left.

    A chain of small ones ends in one body.
    """
    while True:
        volume = np.bincount(labels.ravel()) * float(np.prod(voxel_size))
        one, two, area = _touching_pairs(labels, voxel_size)
        small = volume[one] < least_volume * (1.0 - 1e-12)
        if not small.any():
            return labels
        one, two, area = one[small], two[small], area[small]
        order = np.lexsort(
            (two, -area, one)
        )  # the first row of each small body: largest area, then lowest number
        body, first = np.unique(one[order], return_index=True)
        links = sparse.coo_matrix((np.ones(len(body)), (body, two[order][first])), shape=(len(volume),) * 2)
        _, group = sparse.csgraph.connected_components(links, directed=False)
        present, number = np.unique(np.where(labels > 0, group[labels] + 1, 0), return_inverse=True)
        labels = number.reshape(labels.shape) + int(present[0] > 0)  # no background: numbers still start at 1


def _described(image: PhaseImage, raw: Ints) -> Bodies:
    """Bodies of consecutive numbers in their final order."""
    n = int(raw.max())
    flat = raw.ravel()
    counts = np.bincount(flat, minlength=n + 1)[1:]
    phase = np.zeros(n + 1, dtype=np.int64)
    phase[flat] = image.values.ravel()
    centroid = np.zeros((n, 3))
    border = np.zeros(n + 1, dtype=bool)
    for axis, length in enumerate(image.values.shape):
        shape = [length if k == axis else 1 for k in range(3)]
        position = np.broadcast_to(np.arange(length).reshape(shape) + 0.5, raw.shape)
        centroid[:, axis] = np.bincount(flat, position.ravel(), minlength=n + 1)[1:] / np.maximum(counts, 1)
        if length > 1:
            border[np.take(raw, [0, -1], axis=axis)] = True
    order = np.lexsort((*centroid.T, phase[1:]))  # the last key counts first: phase, z, y, x
    new = np.zeros(n + 1, dtype=np.int32)
    new[order + 1] = np.arange(1, n + 1)
    volume = counts[order] * image.voxel_volume
    thin = [step for step, length in zip(image.voxel_size, image.values.shape, strict=True) if length == 1]
    diameter = np.sqrt(4.0 * volume / (np.pi * thin[0])) if thin else np.cbrt(6.0 * volume / np.pi)
    return Bodies(
        labels=new[raw],
        phases=image.names,
        phase=phase[1:][order],
        volume=volume,
        diameter=diameter,
        border=border[1:][order],
        centroid=centroid[order] * image.voxel_size + np.asarray(image.origin),
    )


def interface_areas(
    image: PhaseImage, bodies: Array | None = None, reach: int = 2
) -> dict[tuple[str, str], float]:
    """Stereological area in µm² of the interface of every pair of phases that meet, by `crofton_areas`.

    With the labels of bodies, the pair of a phase with itself is the area between different bodies of this phase.
    """
    areas = crofton_areas(image.values, len(image.names), image.voxel_size, reach, bodies)
    return {
        (image.names[i], image.names[j]): float(areas[i, j])
        for i, j in combinations_with_replacement(range(len(image.names)), 2)
        if areas[i, j] > 0.0
    }


def crofton_areas(
    values: Array, count: int, voxel_size: Triple, reach: int = 2, bodies: Array | None = None
) -> Floats:
    """Areas (count, count), symmetric, in µm², of the surfaces between the values 0 … count - 1 of an image.

    bodies: an image of the same shape; surfaces then are where it changes, also within one value (the diagonal).

    Crofton: S = 4 ∫ N(u) du/4π over the half sphere of directions u, N du being the crossings of lines per
    area normal to them. Lines run through the voxel centres along the lattice directions with up to `reach` steps (13, 49,
    145 for 1, 2, 3), each with the solid angle of its Voronoi cell on the sphere as weight (Ohser and
    Mücklich, Statistical Analysis of Microstructures, 2000, ch. 5; Legland et al., Image Anal. Stereol. 26 (2007)
    83). The image is continued by reflection, so its own faces do not count. Counting faces of voxels
    overestimates a random smooth surface by one half. This, with two steps: 2 % low for spheres ten voxels across, 1 % for
    sixteen (chords shorter than a step are missed); planes of any direction within -2.1 % and +1.4 % (one step: -7.4 % and
    +2.3 %). Memory grows as count².
    """
    axis = np.arange(-reach, reach + 1)
    steps = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    steps = steps[np.gcd.reduce(steps, axis=1) == 1]
    lengths = np.linalg.norm(steps * np.asarray(voxel_size), axis=1)
    weights = SphericalVoronoi(steps * np.asarray(voxel_size) / lengths[:, None]).calculate_areas() / (
        4.0 * np.pi
    )
    half = len(steps) // 2  # in this order the second half holds the opposites of the first
    kind = np.pad(values.astype(np.int64), reach, mode="symmetric")
    body = kind if bodies is None else np.pad(bodies, reach, mode="symmetric")
    here = tuple(slice(reach, reach + n) for n in values.shape)
    total = np.zeros(count * count)
    for step, length, weight in zip(steps[half:], lengths[half:], weights[half:], strict=True):
        there = tuple(slice(reach + s, reach + s + n) for s, n in zip(step, values.shape, strict=True))
        crossed = body[here] != body[there]
        pair = kind[here][crossed] * count + kind[there][crossed]
        total += weight / length * np.bincount(pair, minlength=count * count)
    areas = (
        total.reshape(count, count) * 4.0 * float(np.prod(voxel_size))
    )  # two directions for each step, S = 2 N
    return np.asarray(areas + areas.T - np.diag(np.diag(areas)))  # the diagonal has both directions already
