"""From grey values or labels to phases, and what an image needs before it is meshed: crop, resample, despeckle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import combinations
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.images import Array, Floats, Image, Triple, numbers, triple

Ints = NDArray[np.int64]


def known_names(wrong: str, names: Sequence[str]) -> str:
    """The names there are, and which of them may have been meant."""
    small = [name.casefold() for name in names]
    near = get_close_matches(wrong.casefold(), small, n=1)
    return ", ".join(names) + (f"; did you mean {names[small.index(near[0])]}?" if near else "")


@dataclass(frozen=True, eq=False)
class PhaseImage(Image):
    """An image whose values (uint8) are indices into names."""

    names: tuple[str, ...] = ()

    def index(self, phase: str) -> int:
        """Value of a phase; MeshError if there is none of that name."""
        if phase not in self.names:
            raise MeshError(
                f"there is no phase {phase!r} in the image; it has {known_names(phase, self.names)}"
            )
        return self.names.index(phase)

    def fractions(self) -> dict[str, float]:
        """Share of the voxels that each phase takes."""
        counts = np.bincount(self.values.ravel(), minlength=len(self.names))
        return {name: float(n) / self.values.size for name, n in zip(self.names, counts, strict=True)}


AnyImage = TypeVar("AnyImage", bound=Image)


def crop(
    image: AnyImage, lower: Sequence[float], upper: Sequence[float], unit: Literal["um", "voxels"] = "um"
) -> AnyImage:
    """The box between two corners (x, y, z), counted from the lower corner of the image, to the nearest voxel face.

    An axis along which the image has one voxel stays as it is.
    """
    corners = numbers([lower, upper], "crop")
    if corners.shape != (2, 3) or not np.isfinite(corners).all():
        raise MeshError(f"crop needs two corners of three numbers (x, y, z), not {lower} and {upper}")
    step = np.asarray(image.voxel_size)
    first, last = np.rint(corners / (step if unit == "um" else 1.0)).astype(int)
    flat = np.array(image.values.shape) == 1
    first, last = np.where(flat, 0, first), np.where(flat, 1, last)
    if np.any(first < 0) or np.any(last > image.values.shape) or np.any(last <= first):
        limit = image.size.round(6).tolist() if unit == "um" else list(image.values.shape)
        raise MeshError(
            f"crop from {list(lower)} to {list(upper)} {unit} must lie in [0, 0, 0] to {limit} with some width"
        )
    origin = np.asarray(image.origin) + first * step
    values = image.values[first[0] : last[0], first[1] : last[1], first[2] : last[2]].copy()
    return replace(image, values=values, origin=triple(origin))


def resample(image: AnyImage, voxel_size: float | Sequence[float], grey: bool) -> AnyImage:
    """The same box with voxels near the size asked for (µm; one number or x, y, z), a whole number of them per edge.

    grey: smoothed against aliasing where voxels become larger, then interpolated linearly; otherwise, for labels and
    phases, the value at the nearest old centre. An axis along which the image has one voxel keeps it.
    """
    asked = numbers(voxel_size, "voxel size to resample to")
    if asked.shape not in ((), (3,)) or not np.all(np.isfinite(asked) & (asked > 0.0)):
        raise MeshError(f"voxel size to resample to is {voxel_size}; give one positive number or three in µm")
    old = np.array(image.values.shape)
    new = np.where(old == 1, 1, np.maximum(np.rint(image.size / asked), 1)).astype(int)
    if grey:
        from skimage.transform import resize

        smooth = resize(
            image.values.astype(float),
            tuple(new),
            order=1,
            mode="edge",
            preserve_range=True,
            anti_aliasing=True,
        )
        values = np.asarray(smooth)
    else:
        nearest = [((2 * np.arange(n) + 1) * m) // (2 * n) for n, m in zip(new, old, strict=True)]
        values = np.ascontiguousarray(image.values[np.ix_(*nearest)])
    return replace(image, values=values, voxel_size=triple(image.size / new))


def to_phases(
    image: Image,
    labels: Mapping[str, Sequence[float]] | None = None,
    thresholds: Mapping[str, Sequence[float]] | None = None,
) -> PhaseImage:
    """Phases by a label map {phase: [values]} or thresholds {phase: [low, high]}, numbered in that order.

    A voxel belongs to a phase if low <= value < high; the highest threshold of all belongs to its phase as well.
    MeshError if two phases claim a value, or if a value belongs to none: it is named with its share of the voxels.
    """
    if (labels is None) == (thresholds is None):
        raise MeshError("give either labels {phase: [values]} or thresholds {phase: [low, high]}")
    chosen = labels if labels is not None else thresholds or {}
    if not 0 < len(chosen) < 255:
        raise MeshError(f"{len(chosen)} phases are named; name 1 to 254")
    if labels is not None:
        masks = [np.isin(image.values, list(_label_values(labels, phase))) for phase in labels]
    else:
        masks = _between(image.values, chosen)
    values = np.full(image.values.shape, 255, dtype=np.uint8)
    for k, mask in enumerate(masks):
        values[mask] = k
    if np.any(values == 255):
        raise MeshError(
            f"{value_shares(image.values, values == 255)} belong to no phase; add to one of {', '.join(chosen)}, or "
            "name a phase of its own for it (and list that in void if it is empty)"
        )
    return PhaseImage(values, image.voxel_size, image.origin, tuple(chosen))


def _label_values(labels: Mapping[str, Sequence[float]], phase: str) -> Sequence[float]:
    """The values of a phase, once it is sure that no other phase has them."""
    for other in labels:
        twice = set(labels[other]) & set(labels[phase])
        if other != phase and twice:
            raise MeshError(f"labels {sorted(twice)} belong to {phase} and to {other}; a label has one phase")
    if not labels[phase]:
        raise MeshError(f"phase {phase} has no labels; give at least one or leave it out")
    return labels[phase]


def _between(values: Array, thresholds: Mapping[str, Sequence[float]]) -> list[NDArray[np.bool_]]:
    for phase, limits in thresholds.items():
        if len(limits) != 2 or not limits[0] < limits[1]:
            raise MeshError(f"thresholds of {phase} are {list(limits)}; give [low, high] with low < high")
    for (one, a), (two, b) in combinations(thresholds.items(), 2):
        if max(a[0], b[0]) < min(a[1], b[1]):
            raise MeshError(
                f"thresholds of {one} {list(a)} and {two} {list(b)} overlap; a value has one phase"
            )
    top = max(limits[1] for limits in thresholds.values())
    return [
        (values >= low) & ((values < high) | ((values == high) & (high == top)))
        for low, high in thresholds.values()
    ]


def value_shares(values: Array, marked: NDArray[np.bool_] | None = None) -> str:
    """What values the voxels (or the marked ones) have, and how many voxels they are, in words."""
    found, counts = np.unique(values if marked is None else values[marked], return_counts=True)
    if len(found) > 8:
        share = 100.0 * counts.sum() / values.size
        return f"{len(found)} values between {found[0]:g} and {found[-1]:g} ({share:.3g} % of the voxels)"
    each = [
        f"{value:g} ({100.0 * n / values.size:.3g} % of the voxels)"
        for value, n in zip(found, counts, strict=True)
    ]
    return f"value{'s' * (len(each) > 1)} {', '.join(each)}"


def despeckle(image: PhaseImage, least_volume: Mapping[str, float]) -> PhaseImage:
    """Clusters (voxels joined by faces) of a phase under its least volume (µm³) go to the majority around them."""
    clusters, owner = label_clusters(image)
    least = np.zeros(len(image.names))
    for phase, volume in least_volume.items():
        least[image.index(phase)] = volume
    volumes = np.bincount(clusters.ravel(), minlength=len(owner)) * image.voxel_volume
    return _give_away(image, clusters, owner, volumes < least[owner] * (1.0 - 1e-12))


def fill_closed_pores(image: PhaseImage, phase: str) -> PhaseImage:
    """Clusters of a phase that touch no face of the image go to the majority of the phases around them."""
    clusters, owner = label_clusters(image)
    opened = np.zeros(len(owner), dtype=bool)
    for axis in range(3):
        if image.values.shape[axis] == 1:  # a section is closed by its outline
            continue
        opened[np.take(clusters, [0, -1], axis=axis)] = True
    return _give_away(image, clusters, owner, ~opened & (owner == image.index(phase)))


def label_clusters(image: PhaseImage) -> tuple[Ints, Ints]:
    """Clusters of all phases, joined by faces: number of the cluster of every voxel (from 0), phase of every cluster."""
    clusters = np.zeros(image.values.shape, dtype=np.int64)
    owner: list[int] = []
    for k in range(len(image.names)):
        mask = image.values == k
        found, n = ndimage.label(mask)
        clusters[mask] = found[mask] + len(owner) - 1
        owner += [k] * int(n)
    return clusters, np.array(owner, dtype=np.int64)


def face_areas(voxel_size: Triple) -> Floats:
    """Area in µm² of the faces of a voxel normal to x, y, z."""
    return float(np.prod(voxel_size)) / np.asarray(voxel_size)


def _give_away(image: PhaseImage, clusters: Ints, owner: Ints, small: NDArray[np.bool_]) -> PhaseImage:
    """Marked clusters take the phase with which they share the largest area; specks inside specks come later."""
    n = len(image.names)
    owner, small = owner.copy(), small.copy()
    ones, twos, weights = [], [], []
    for axis, area in enumerate(face_areas(image.voxel_size)):
        ahead = np.moveaxis(clusters, axis, 0)
        one, two = ahead[:-1].ravel(), ahead[1:].ravel()
        touch = (one != two) & (small[one] | small[two])
        ones += [one[touch], two[touch]]
        twos += [two[touch], one[touch]]
        weights.append(np.full(2 * int(touch.sum()), area))
    here, there, weight = np.concatenate(ones), np.concatenate(twos), np.concatenate(weights)
    while small.any():
        seen = small[here] & ~small[there]
        votes = np.bincount(here[seen] * n + owner[there[seen]], weight[seen], minlength=len(owner) * n)
        votes = votes.reshape(len(owner), n)
        settled = votes.any(axis=1)
        if not settled.any():
            raise MeshError(
                "nothing is left: every cluster of the image is to be removed; lower the least volumes or crop less"
            )
        owner[settled] = votes[settled].argmax(axis=1)
        small[settled] = False
    return replace(image, values=owner[clusters].astype(np.uint8))
