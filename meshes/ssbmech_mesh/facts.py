"""What a structure is, measured on its voxels, as plain numbers for a report. Lengths in µm."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbmech_mesh.connectivity import Percolation, voxel_percolation
from ssbmech_mesh.image_phases import PhaseImage
from ssbmech_mesh.segmentation import interface_areas
from ssbmech_mesh.simplex import Ints
from ssbmech_mesh.structure import Structure

_ISOLATED = 0.01  # of a phase, from which on it is said; of phases of particles every isolated cluster is
_OFF = 0.005  # of the box, from which on a volume fraction counts as missed


def structure_facts(structure: Structure, areas: bool = True) -> dict[str, Any]:
    """Facts of the composite (of the whole where there are no layers), ready for JSON; µm, µm², µm³.

    volume_fraction: of every phase. bodies, particles: their numbers by phase. coordination: by phase, mean number of other
    particles that a particle shares faces of voxels with, across periodic faces too. percolation: by phase, clusters of voxels
    joined by faces (by edges in a section) along z: shares of the phase in clusters that span the height, reach its low end, its
    high end or neither. interface_area (interface_length in a section) by "phase|phase": stereology (`crofton_areas`), of
    a phase with itself between different particles; left out with areas = False.
    """
    inner = _composite(structure)
    values, names = inner.phase_image()
    unit, phase_of_unit, is_particle = _units(inner)
    touching = _touching(unit[inner.labels], inner.periodic)
    facts: dict[str, Any] = {
        "box": [float(side) for side in inner.box],
        "voxels": [int(n) for n in inner.labels.shape],
        "voxel_size": [float(h) for h in inner.voxel_size],
        "volume_fraction": inner.fractions(),
        "bodies": {name: inner.bodies.phases.count(name) for name in names},
        "particles": {
            name: int(np.count_nonzero(is_particle & (phase_of_unit == k)))
            for k, name in enumerate(names)
            if np.any(is_particle & (phase_of_unit == k))
        },
        "percolation": {
            name: plain_percolation(voxel_percolation(values == k, inner.periodic))
            for k, name in enumerate(names)
        },
    }
    both = is_particle[touching].all(axis=1)
    others = np.bincount(touching[both].ravel(), minlength=len(unit) + 1)
    facts["coordination"] = {
        name: float(others[: len(is_particle)][is_particle & (phase_of_unit == names.index(name))].mean())
        for name in facts["particles"]
    }
    if areas:
        facts |= _areas(inner, values, names, unit)
    return facts


def described(
    structure: Structure, asked: Mapping[str, float] | None = None, scattered: Collection[str] = ()
) -> Structure:
    """The structure with its facts, and notes on what does not hang together or misses the volume fractions asked for.

    scattered: phases that need not hang together, such as binders; voids need not either.
    """
    facts = structure_facts(structure)
    notes = percolation_notes(facts, (*structure.void, *scattered))
    if asked is not None:
        facts["volume_fraction_asked"] = {phase: float(share) for phase, share in asked.items()}
        for phase, share in asked.items():
            got = facts["volume_fraction"].get(phase, 0.0)
            if abs(got - share) > _OFF:
                notes.append(
                    f"{phase} takes {100 * got:.4g} vol% on the voxels instead of {100 * share:.4g} vol%"
                )
    return replace(structure, facts={**structure.facts, **facts}, notes=(*structure.notes, *notes))


def percolation_notes(facts: Mapping[str, Any], scattered: Collection[str] = ()) -> list[str]:
    """Sentences on phases that do not join both ends of the stack, or of which a part reaches neither."""
    notes = []
    for name, found in facts["percolation"].items():
        if name in scattered:
            continue
        if found["spanning"] == 0.0:
            notes.append(
                f"{name} does not percolate: no cluster reaches from one end of the stack to the other"
            )
        if found["isolated"] > (0.0 if name in facts["particles"] else _ISOLATED):
            number = found["isolated_clusters"]
            notes.append(
                f"{100 * found['isolated']:.3g} % of {name} is isolated: {number} cluster{'s' if number > 1 else ''} reach"
                f"{'' if number > 1 else 'es'} neither end of the stack"
            )
    return notes


def _composite(structure: Structure) -> Structure:
    """Without the layers; the stack axis of a section is its second, and is put last here."""
    flat = structure.labels.shape[2] == 1
    labels = structure.labels.transpose(0, 2, 1) if flat else structure.labels
    x, y, z = structure.voxel_size
    size = (x, z, y) if flat else (x, y, z)
    if structure.composite is not None:
        low, high = (round(end / size[2]) for end in structure.composite)
        labels = labels[:, :, low:high]
    return replace(structure, labels=labels, voxel_size=size, composite=None).compact()


def _areas(
    structure: Structure, values: NDArray[np.uint8], names: tuple[str, ...], unit: Ints
) -> dict[str, Any]:
    """Areas; for a section lengths, with a depth at which the voxels are most nearly cubes."""
    x, y, z = structure.voxel_size
    flat = structure.labels.shape[1] == 1
    depth = float(np.sqrt(x * z)) if flat else y
    found = interface_areas(PhaseImage(values, (x, depth, z), names=names), unit[structure.labels])
    key, share = ("interface_length", depth) if flat else ("interface_area", 1.0)
    return {
        key: {f"{a}|{b}": area / share for (a, b), area in found.items()},
        f"{key}_by": "stereology on voxels",
    }


def _units(structure: Structure) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Number (n + 1,) of what a label is a part of, and of every number its phase and whether it is a particle.

    Pieces and grains of one particle are one; so are the bodies of a phase that are no particles.
    """
    bodies = structure.bodies
    names = tuple(dict.fromkeys(bodies.phases))
    phase = np.array([names.index(name) for name in bodies.phases], dtype=np.int64)
    key = phase * (int(bodies.particle.max(initial=-1)) + 2) + bodies.particle + 1
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    unit = np.concatenate([[0], number]).astype(np.int64)
    return unit, phase[first], bodies.particle[first] >= 0


def _touching(unit: Ints, periodic: bool) -> Ints:
    """Pairs (m, 2) of numbers whose voxels share faces, the smaller first."""
    base = int(unit.max()) + 1
    found = []
    for axis in range(3):
        ahead = np.moveaxis(unit, axis, 0)
        sides = [(ahead[:-1], ahead[1:])]
        if periodic and axis < 2:
            sides.append((ahead[-1:], ahead[:1]))
        for one, two in sides:
            differ = one != two
            low, high = np.minimum(one[differ], two[differ]), np.maximum(one[differ], two[differ])
            found.append(np.unique(low * base + high))
    pairs = np.unique(np.concatenate(found))
    return np.stack([pairs // base, pairs % base], axis=1)


def plain_percolation(found: Percolation) -> dict[str, float | int]:
    """As the facts have it: one_end is the share that reaches one end but not the other."""
    return {
        "clusters": found.clusters,
        "spanning": found.percolating,
        "low_end": found.low,
        "high_end": found.high,
        "one_end": max(0.0, found.low + found.high - 2.0 * found.percolating),
        "isolated": found.isolated,
        "isolated_clusters": found.isolated_clusters,
    }
