"""Flat layers below and above a composite. Lengths in µm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ssbmech_mesh.bodies import BodyTable, joined, plain_table
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.specs import LayerSpec, LayersSpec
from ssbmech_mesh.structure import Structure

_SPREAD = (
    0.8,
    1.25,
)  # voxels may be this much lower or higher than asked for, so that layers are whole voxels
_EXACT = 1e-9  # µm


def height_of_voxels(height: float, layers: LayersSpec, wanted: float) -> int:
    """Number of voxels along the height (µm) of a composite, near that for the wanted edge (µm).

    Chosen so that the layers are whole numbers of these voxels, exactly if possible, else as nearly as can be.
    """
    thickness = np.array(
        [layer.thickness for layer in (layers.separator, layers.collector) if layer is not None]
    )
    first = max(1, round(height / wanted))
    number = np.arange(max(1, int(np.ceil(first * _SPREAD[0]))), max(1, int(first * _SPREAD[1])) + 1)
    if len(thickness) == 0 or len(number) == 0:
        return first
    in_voxels = thickness[None, :] * number[:, None] / height
    off = np.abs(in_voxels - np.rint(in_voxels)).max(axis=1) * height / number
    off = np.where(off < _EXACT, 0.0, off)
    return int(number[np.lexsort((np.abs(number - first), off))[0]])


def add_layers(structure: Structure, layers: LayersSpec) -> Structure:
    """The structure between a separator below (z-) and a collector above (z+), either of which may be missing.

    A layer of the phase of a body that is the only one of its phase and no particle (the matrix) continues this body; else it
    is a new body. Layers are whole voxels; Structure.facts["layers"] has the thickness asked for and that achieved (µm).
    """
    if layers.separator is None and layers.collector is None:
        return structure
    height = structure.voxel_size[2]
    bodies, notes, facts, parts = structure.bodies, list(structure.notes), {}, [structure.labels]
    below = 0
    for key, layer in (("separator", layers.separator), ("collector", layers.collector)):
        if layer is None:
            continue
        number = _voxels(structure, key, layer)
        label = continued(structure.bodies, layer.phase)
        if label is None:
            name = layer.phase if layer.phase not in bodies.names else f"{layer.phase}_{key}"
            bodies = joined(bodies, plain_table([name], [layer.phase]))
            label = len(bodies)
        else:
            name = structure.bodies.names[label - 1]
            notes.append(f"the {key} of {layer.phase} and {name} in the composite are one body")
        slab = np.full((*structure.labels.shape[:2], number), label, dtype=np.int32)
        parts = [slab, *parts] if key == "separator" else [*parts, slab]
        below += number if key == "separator" else 0
        achieved = number * height
        facts[key] = {"body": name, "phase": layer.phase, "asked": layer.thickness, "achieved": achieved}
        if abs(achieved - layer.thickness) > _EXACT:
            notes.append(
                f"the {key} is {achieved:.6g} µm thick instead of {layer.thickness:g} µm: {number} voxels of {height:.6g} µm"
            )
    low, high = structure.composite or (0.0, structure.box[2])
    return replace(
        structure,
        labels=np.concatenate(parts, axis=2),
        bodies=replace(bodies, center=bodies.center + np.array([0.0, 0.0, below * height])),
        facts={**structure.facts, "layers": facts},
        notes=tuple(notes),
        composite=(low + below * height, high + below * height),
    )


def _voxels(structure: Structure, key: str, layer: LayerSpec) -> int:
    number = round(layer.thickness / structure.voxel_size[2])
    if layer.phase in structure.void:
        raise MeshError(
            f"layers.{key}: {layer.phase} is a void and is not meshed; a layer needs another phase"
        )
    if number < 1:
        raise MeshError(
            f"layers.{key}: {layer.thickness:g} µm is less than a voxel of {structure.voxel_size[2]:.4g} µm; take a thicker layer "
            "or smaller voxels"
        )
    return number


def continued(bodies: BodyTable, phase: str) -> int | None:
    """Label of the body that a layer of this phase belongs to: the only one of its phase, if it is no particle."""
    own = np.flatnonzero(bodies.of_phase(phase) & (bodies.particle < 0))
    if len(own) != 1 or bodies.phases.count(phase) != 1:
        return None
    return int(own[0]) + 1
