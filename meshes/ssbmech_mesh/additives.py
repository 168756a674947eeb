"""Carbon, binder and pores as random domains in another phase. Lengths in µm.

A domain is where a Gaussian random field of correlation exp(-r^2 / 2 l^2) exceeds a level. With the share p of the
volume above it, u = -Phi^-1(p), a line crosses the level upwards exp(-u^2 / 2) / (2 pi l) times per length (Rice), so
the mean chord of the domains is 2 pi l p exp(u^2 / 2).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import norm

from ssbmech_mesh.bodies import joined, plain_table
from ssbmech_mesh.connectivity import clusters
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.simplex import Floats
from ssbmech_mesh.specs import AdditiveSpec
from ssbmech_mesh.structure import Structure

Mask = NDArray[np.bool_]

_LEAST_VOXELS = 3.0  # across a domain: fewer cannot be told from noise
_LENGTHS = 4  # correlation lengths that are tried
_CHORD = 0.05  # of the mean chord, relative, that is good enough
_STRETCH = 2.0  # largest change of the correlation length
_SEEN = 3.0  # distance across periodic faces at which particles are seen, in sizes of the domains
_SPECK = 12  # voxels; smaller domains and smaller holes in domains are removed
_STEEPEST = 1e3  # fall of the field with the distance from surfaces at affinity 1, per half domain size
_TRUNCATE = 4.0  # standard deviations of the filter
_PASSES = 50  # layers of voxels added to or taken from the domains at most until their volume is exact


def add_domains(
    structure: Structure, host: str, phase: str, fraction_of_box: float, spec: AdditiveSpec, seed: int = 1
) -> Structure:
    """Turn a share of the box from the host phase into domains of another phase, one body of that name.

    The share is exact to one voxel. The correlation length of the field is changed until the mean chord of the domains is spec.size
    within 5 %, by at most a factor of two: surfaces of particles cut chords, and films along them have short ones
    (`mean_chord` measures what was achieved). spec.affinity a: the field falls by a / (1 - a) standard deviations for each half size beyond
    the first half size from the nearest particle, so that at 1 the domains stay within half a size of the particles as far as
    there is room. Periodic laterally where the structure is. Domains and holes of a few voxels are removed.
    """
    _check(structure, host, phase, fraction_of_box, spec)
    step = np.array(structure.voxel_size)
    row = structure.bodies.of_phase(host)
    mask = row[structure.labels - 1]
    count = round(fraction_of_box * mask.size)
    free = int(np.count_nonzero(mask))
    if count < _SPECK or count > free - _SPECK:
        raise MeshError(
            f"{phase} takes {100 * fraction_of_box:.4g} vol% of the box, and {host} has {100 * free / mask.size:.4g} vol% to give, "
            "in voxels; ask for a share between, or take smaller voxels"
        )
    away = None
    share = count / free
    if spec.affinity > 0.0:
        away = _distance(structure, spec.size) / (0.5 * spec.size)
        near = np.count_nonzero(mask & (away <= 1.0)) / free
        share = min(0.9, share / (near + (1.0 - spec.affinity) * (1.0 - near)))
    level = float(norm.isf(share))
    first = spec.size / (2.0 * np.pi * share * np.exp(0.5 * level**2))
    length = first
    for _ in range(_LENGTHS):
        field = gaussian_field(mask.shape, length / step, structure.periodic, seed)
        if away is not None:
            slope = min(_STEEPEST, spec.affinity / max(1.0 - spec.affinity, 1e-12))
            field -= slope * np.maximum(away - 1.0, 0.0)
        chosen = _exactly(field, mask, count, structure.periodic)
        ratio = spec.size / mean_chord(chosen, structure.voxel_size)
        if abs(ratio - 1.0) < _CHORD:
            break
        length = min(max(length * ratio, first / _STRETCH), first * _STRETCH)
    labels = structure.labels.copy()
    labels[chosen] = len(structure.bodies) + 1
    bodies = joined(structure.bodies, plain_table([phase], [phase]))
    return replace(structure, labels=labels, bodies=bodies).compact()


def gaussian_field(shape: tuple[int, ...], length: Floats, periodic: bool, seed: int) -> Floats:
    """Gaussian random field of unit variance and correlation exp(-r^2 / 2 l^2), l (3,) in voxels.

    White noise under a Gaussian filter of standard deviation l / sqrt 2; across faces that are not periodic there is noise
    beyond, so that the variance is the same everywhere.
    """
    sigma = np.asarray(length) / np.sqrt(2.0)
    wraps = (periodic, periodic, False)
    pad = [0 if wrap else int(np.ceil(_TRUNCATE * s)) + 1 for wrap, s in zip(wraps, sigma, strict=True)]
    noise = np.random.default_rng(seed).standard_normal([n + 2 * p for n, p in zip(shape, pad, strict=True)])
    ndimage.gaussian_filter(noise, sigma, output=noise, mode="wrap", truncate=_TRUNCATE)
    inside = tuple(slice(p, p + n) for n, p in zip(shape, pad, strict=True))
    # The sum of squares of the filter in three dimensions is 1 / (8 pi^1.5 s1 s2 s3).
    return np.asarray(noise[inside] * np.sqrt(8.0 * np.pi**1.5 * np.prod(sigma)), dtype=np.float64)


def mean_chord(mask: Mask, voxel_size: tuple[float, float, float]) -> float:
    """Mean chord (µm) of a phase along the axes: length inside over half the crossings of its surface in the box."""
    axes = [axis for axis, n in enumerate(mask.shape) if n > 1]
    ends = sum(np.count_nonzero(np.diff(mask, axis=axis)) / voxel_size[axis] for axis in axes)
    return float(2.0 * len(axes) * np.count_nonzero(mask) / max(ends, 1e-300))


def _check(structure: Structure, host: str, phase: str, share: float, spec: AdditiveSpec) -> None:
    if host not in structure.bodies.phases:
        raise MeshError(
            f"there is no phase {host!r} for {phase} to lie in; there are {', '.join(dict.fromkeys(structure.bodies.phases))}"
        )
    if phase in structure.bodies.phases:
        raise MeshError(f"{phase} is there already; an additive needs a name of its own")
    if structure.composite is not None:
        raise MeshError(f"{phase} would go into the layers too; add the layers after the additives")
    if not 0.0 < share < 1.0:
        raise MeshError(f"the share of {phase} is {share}; it must lie between 0 and 1")
    if spec.size < _LEAST_VOXELS * max(structure.voxel_size):
        raise MeshError(
            f"domains of {phase} of {spec.size:g} µm are less than {_LEAST_VOXELS:g} voxels of {max(structure.voxel_size):.3g} µm "
            "across; take smaller voxels (microstructure.voxel_size) or larger domains"
        )
    if spec.size > 0.5 * min(structure.box):
        raise MeshError(
            f"domains of {phase} of {spec.size:g} µm need a box of at least twice that, not {structure.box}"
        )
    if spec.affinity > 0.0 and not np.any(structure.bodies.particle >= 0):
        raise MeshError(f"{phase} has an affinity to particles, and there are none; leave it out")


def _distance(structure: Structure, size: float) -> Floats:
    """Distance (µm) of every voxel to the nearest particle, across periodic faces too."""
    outside = structure.bodies.particle[structure.labels - 1] < 0
    pad = [(0, 0)] * 3
    for axis in (0, 1) if structure.periodic else ():
        # What is farther away than this cannot hold a domain where there is a choice.
        most = min(outside.shape[axis] // 2, int(np.ceil(_SEEN * size / structure.voxel_size[axis])))
        pad[axis] = (most, most)
    far = ndimage.distance_transform_edt(np.pad(outside, pad, mode="wrap"), sampling=structure.voxel_size)
    inside = tuple(slice(low, low + n) for (low, _), n in zip(pad, outside.shape, strict=True))
    return np.asarray(far[inside], dtype=np.float64)


def _exactly(field: Floats, mask: Mask, count: int, periodic: bool) -> Mask:
    """The count voxels of the mask where the field is highest, but for specks, which other voxels replace."""
    value = np.where(mask, field, -np.inf)
    limit = np.partition(value.ravel(), mask.size - count)[mask.size - count]
    chosen = value >= limit
    chosen |= _small(mask & ~chosen, periodic)
    chosen &= ~_small(chosen, periodic)
    for _ in range(_PASSES):
        excess = int(np.count_nonzero(chosen)) - count
        if excess == 0:
            break
        # Layer by layer at the surface of the domains, so that no speck comes into being.
        if excess > 0:
            layer = chosen & _grown(mask & ~chosen, periodic)
            order = np.flatnonzero(layer)[np.argsort(value[layer], kind="stable")]
            chosen.ravel()[order[:excess]] = False
        else:
            layer = mask & ~chosen & _grown(chosen, periodic)
            order = np.flatnonzero(layer)[np.argsort(-value[layer], kind="stable")]
            chosen.ravel()[order[:-excess]] = True
    return np.asarray(chosen, dtype=np.bool_)


def _small(mask: Mask, periodic: bool) -> Mask:
    """Voxels of the mask in clusters of few voxels."""
    cluster, number = clusters(mask, periodic)
    few = np.bincount(cluster.ravel(), minlength=number + 1) < _SPECK
    few[0] = False
    return np.asarray(few[cluster], dtype=np.bool_)


def _grown(mask: Mask, periodic: bool) -> Mask:
    """The mask and all voxels that share a face with it."""
    grown = np.asarray(ndimage.binary_dilation(mask), dtype=np.bool_)
    for axis in (0, 1) if periodic else ():
        ahead, out = np.moveaxis(mask, axis, 0), np.moveaxis(grown, axis, 0)
        out[0] |= ahead[-1]
        out[-1] |= ahead[0]
    return grown
