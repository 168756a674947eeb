"""From an image of a microstructure to bodies on voxels. Lengths in µm.

A section, an image of one pixel in some direction, becomes labels (nx, nz, 1): its second axis is that of the stack,
and volumes are per µm of depth, so that a number of µm^3 is that of µm^2 in the plane.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssbmech_mesh.bodies import BodyTable
from ssbmech_mesh.distribution import volume_quantiles
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.facts import described
from ssbmech_mesh.image_phases import (
    PhaseImage,
    crop,
    despeckle,
    fill_closed_pores,
    known_names,
    resample,
    to_phases,
    value_shares,
)
from ssbmech_mesh.images import Array, Image, read_image
from ssbmech_mesh.segmentation import Bodies, interface_areas, merge_small, split_bodies
from ssbmech_mesh.simplex import Ints
from ssbmech_mesh.specs import ImageSpec
from ssbmech_mesh.structure import Structure


def build_from_image(spec: ImageSpec) -> Structure:
    """Read, crop, resample, name phases, fill closed pores, despeckle, take particles apart: in this order.

    Particles are the bodies of the phases in split and bodies; every other phase is one body, also a void one. Raises
    MeshError for names that are no phases, values without a phase, and phases of which nothing is left.
    Facts beside those of `structure_facts`: `image`, as read and cropped; `touches_box`, how many particles reach a face, which
    may have cut them; `diameters` of the balls (discs) of the particles' volumes (areas), by volume, cut ones
    included; in a section `interface_length` by pair of phases (µm), by stereology.
    """
    _check_names(spec)
    image = read_image(spec.file, spec.voxel_size, spec.dataset, spec.axes)
    if spec.crop is not None:
        image = crop(image, *spec.crop)
    image = _upright(image, spec)
    labels = _label_map(image, spec)
    read = to_phases(image, labels, spec.thresholds)
    _check_present(read, image, spec, "in the image")
    if spec.resample is not None:
        image = resample(image, spec.resample, grey=labels is None)
    phases = to_phases(image, labels, spec.thresholds)
    phases, notes = _cleaned(phases, spec)
    _check_present(phases, image, spec, "left")
    bodies = split_bodies(phases, spec.split, _known(phases, image, spec))
    facts: dict[str, Any] = {
        "image": {
            "file": spec.file.name,
            "voxels": list(read.values.shape),
            "voxel_size": list(read.voxel_size),
            "volume_fraction": read.fractions(),
        }
    }
    if phases.values.shape[1] == 1:
        facts["interface_length"] = _lengths(phases, bodies)
        notes.append("in a section phases hang together less than in space")
    return described(_structure(phases, bodies, spec, facts, tuple(notes)))


def _check_names(spec: ImageSpec) -> None:
    """Every phase that a key names is one of the map; no phase has bodies in two ways."""
    names = _phase_names(spec)
    given: dict[str, Iterable[str]] = {
        "split": spec.split, "void": spec.void, "grains": spec.grains, "fill_closed": spec.fill_closed,
        "least_volume": spec.least_volume,
    }  # fmt: skip
    if not names:
        raise MeshError(
            "no phases are named; give labels {phase: [values]} or thresholds {phase: [low, high]}"
        )
    wrong = [
        f"{key} names the phase {phase!r}; the image has {known_names(phase, names)}"
        for key, phases in given.items()
        for phase in phases
        if phase not in names
    ]
    if wrong:
        raise MeshError(". ".join(wrong))
    if spec.bodies and spec.thresholds is not None:
        raise MeshError(
            "bodies are values of a segmented image; give labels, not thresholds, for the other phases"
        )
    for phase in spec.bodies:
        if phase in (spec.labels or {}) or phase in spec.split:
            raise MeshError(
                f"{phase} stands in bodies, so its values are particles; take it out of labels and split"
            )
    loose = [phase for phase in spec.grains if phase not in spec.split and phase not in spec.bodies]
    if loose:
        raise MeshError(
            f"grains are parts of particles, and {', '.join(loose)} is one body; add it to split, as in split: {{{loose[0]}: {{}}}}"
        )
    solid_void = [phase for phase in spec.void if phase in spec.split or phase in spec.bodies]
    if solid_void or set(names) == set(spec.void):
        raise MeshError(
            f"void has {', '.join(spec.void)}; a void has no particles, and some phase must be solid"
        )


def _phase_names(spec: ImageSpec) -> list[str]:
    return [*(spec.labels or {}), *spec.bodies, *(spec.thresholds or {})]


def _upright(image: Image, spec: ImageSpec) -> Image:
    """A section with its stack axis along z, one voxel of 1 µm thick along y; other images as they are."""
    thin = [axis for axis in range(3) if image.values.shape[axis] == 1]
    if not thin:
        return image
    if len(thin) > 1:
        raise MeshError(f"the image has {image.values.shape} voxels; a section needs several along two axes")
    if spec.section is not None:
        raise MeshError("the image is a section already; leave microstructure.section out")
    first, second = (axis for axis in range(3) if axis != thin[0])
    size = image.voxel_size
    values = np.ascontiguousarray(image.values.transpose(first, thin[0], second))
    return replace(image, values=values, voxel_size=(size[first], 1.0, size[second]), origin=(0.0, 0.0, 0.0))


def _label_map(image: Image, spec: ImageSpec) -> dict[str, tuple[float, ...]] | None:
    """The values of every phase; None for thresholds."""
    if spec.labels is None and not spec.bodies:
        return None
    present = np.unique(image.values).astype(np.float64)
    labels = dict(spec.labels or {})
    for phase, these in spec.bodies.items():
        last = present[-1] if these.last is None else these.last
        labels[phase] = tuple(float(v) for v in present[(present >= these.first) & (present <= last)])
        if not labels[phase]:
            raise MeshError(
                f"bodies.{phase}: no value of the image lies between {these.first:g} and {last:g}; it has "
                f"{value_shares(image.values)}"
            )
    return labels


def _check_present(phases: PhaseImage, image: Image, spec: ImageSpec, where: str) -> None:
    """Every phase but a void has voxels."""
    share = phases.fractions()
    gone = [phase for phase in phases.names if share[phase] == 0.0 and phase not in spec.void]
    if not gone:
        return
    if where == "left":
        raise MeshError(
            f"nothing is left of {', '.join(gone)}: all its clusters are below least_volume, or closed; lower "
            "least_volume, take it out of fill_closed, or leave the phase out"
        )
    raise MeshError(
        f"nothing of {', '.join(gone)} is {where}, which has {value_shares(image.values)}; correct labels, thresholds "
        "or crop, or leave the phase out"
    )


def _cleaned(phases: PhaseImage, spec: ImageSpec) -> tuple[PhaseImage, list[str]]:
    """Closed pores filled, specks removed; sentences on what that changed."""
    notes = []
    for phase in spec.fill_closed:
        filled = fill_closed_pores(phases, phase)
        notes += _changes(phases, filled, f"closed {phase} filled")
        phases = filled
    if spec.least_volume:
        clean = despeckle(phases, spec.least_volume)
        notes += _changes(phases, clean, "clusters below least_volume given to their surroundings")
        phases = clean
    return phases, notes


def _changes(before: PhaseImage, after: PhaseImage, what: str) -> list[str]:
    """One sentence on the volume that each phase lost, if any did."""
    unit = "µm²" if 1 in before.values.shape else "µm³"
    changed = before.values != after.values
    lost = np.bincount(before.values[changed], minlength=len(before.names)) * before.voxel_volume
    each = [
        f"{volume:.4g} {unit} of {name} ({100.0 * volume / (before.values.size * before.voxel_volume):.2g} % of the box)"
        for name, volume in zip(before.names, lost, strict=True)
        if volume > 0.0
    ]
    return [f"{what}: {', '.join(each)}"] if each else []


def _known(phases: PhaseImage, image: Image, spec: ImageSpec) -> dict[str, Ints]:
    """Numbers of the particles that the values of the image tell apart.

    Voxels that the phase gained on the way take the particle of the nearest that it had.
    """
    known = {}
    for phase, these in spec.bodies.items():
        mask = phases.values == phases.index(phase)
        had = mask & (image.values >= these.first)
        if these.last is not None:
            had &= image.values <= these.last
        values = image.values if np.array_equal(had, mask) else image.values[_nearest(had, phases.voxel_size)]
        numbers = np.zeros(mask.shape, dtype=np.int64)
        numbers[mask] = np.unique(values[mask], return_inverse=True)[1].ravel() + 1
        known[phase] = merge_small(numbers, phases.voxel_size, these.least_volume)
    return known


def _nearest(mask: NDArray[np.bool_], voxel_size: tuple[float, float, float]) -> tuple[Array, ...]:
    """Indices of the nearest marked voxel of every voxel."""
    found = ndimage.distance_transform_edt(
        ~mask, sampling=voxel_size, return_distances=False, return_indices=True
    )
    return tuple(found)


def _lengths(phases: PhaseImage, bodies: Bodies) -> dict[str, float]:
    """Outlines in a section; it gets the thickness of its pixels, for which the estimate of the area is most exact."""
    x, _, z = phases.voxel_size
    depth = float(np.sqrt(x * z))
    cubes = replace(phases, voxel_size=(x, depth, z))
    return {f"{a}|{b}": area / depth for (a, b), area in interface_areas(cubes, bodies.labels).items()}


def _sizes(bodies: Bodies, particles: NDArray[np.bool_], dimension: int) -> dict[str, Any]:
    """Particles cut by the box, and quantiles of the diameter by volume (area)."""
    facts: dict[str, Any] = {"touches_box": {}, "diameters": {}}
    for k in np.unique(bodies.phase[particles]):
        mine, name = bodies.phase == k, bodies.phases[k]
        diameter = bodies.diameter[mine]
        facts["touches_box"][name] = int(np.count_nonzero(bodies.border[mine]))
        facts["diameters"][name] = {
            "number": len(diameter),
            "achieved": volume_quantiles(diameter, dimension),
        }
    return facts


def _structure(
    phases: PhaseImage, bodies: Bodies, spec: ImageSpec, facts: dict[str, Any], notes: tuple[str, ...]
) -> Structure:
    names = [phases.names[k] for k in bodies.phase]
    table = BodyTable(
        names=tuple(bodies.names),
        phases=tuple(names),
        particle=np.full(len(names), -1, dtype=np.int64),
        grain=np.full(len(names), -1, dtype=np.int64),
        center=bodies.centroid - np.asarray(phases.origin),
        radius=0.5 * bodies.diameter,
        frame=np.full((len(names), 3, 3), np.nan),
    )
    particles = table.of_phase(*spec.split, *spec.bodies)
    table.particle[particles] = np.arange(np.count_nonzero(particles))
    table.center[~particles], table.radius[~particles] = np.nan, np.nan
    facts |= _sizes(bodies, particles, 2 if 1 in phases.values.shape else 3)
    labels, size = bodies.labels, phases.voxel_size
    if labels.shape[1] == 1:  # a section: first axis in the plane, then that of the stack
        labels, size = labels.transpose(0, 2, 1), (size[0], size[2], size[1])
        table.center[:] = table.center[:, [0, 2, 1]]
        table.center[particles, 2] = 0.0
    void = tuple(phase for phase in spec.void if phase in names)
    return Structure(np.ascontiguousarray(labels), size, table, void, facts, notes)
