"""Plane sections of a structure. Lengths in µm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ssbmech_mesh.bodies import BodyTable
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.facts import structure_facts
from ssbmech_mesh.specs import SectionSpec
from ssbmech_mesh.structure import Labels, Structure

# Rows turn coordinates into those of the section: its x, its y = z of the structure, and the normal, right-handed.
_TURNS = {
    "x": np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
    "y": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
}


def section(structure: Structure, spec: SectionSpec) -> Structure:
    """The layer of voxels at a position, as labels (n, nz, 1) with the axes (y, z) for normal x and (x, z) for normal y.

    Bodies that the plane misses are left out. Parts of a particle (or grain) that do not hang together in the plane are bodies of
    their own, with the same particle number, named <name>_1, _2, …. Centres and crystal frames are turned into the axes
    of the section; the third coordinate of a centre is its distance from the plane. Structure.composite, and so
    facts["section"]["composite"], is a range of the section's second axis; the other facts of a section are those of
    `structure_facts`, of the plane, next to those of the structure in space.
    """
    axis = "xy".index(spec.normal)
    length = structure.box[axis]
    if spec.position > length:
        raise MeshError(
            f"the section at {spec.normal} = {spec.position:g} µm lies outside the box, 0 to {length:g} µm"
        )
    index = min(int(spec.position / structure.voxel_size[axis]), structure.labels.shape[axis] - 1)
    labels, parts = _apart(np.take(structure.labels, index, axis=axis), structure.bodies)
    turn = _TURNS[spec.normal]
    plane = (index + 0.5) * structure.voxel_size[axis]
    origin = np.zeros(3)
    origin[axis] = plane
    turned = replace(
        parts, center=(parts.center - origin) @ turn.T, frame=np.einsum("ij,njk->nik", turn, parts.frame)
    )
    size = structure.voxel_size
    facts = {"normal": spec.normal, "position": plane, "composite": structure.composite}
    made = Structure(
        labels=labels[:, :, None],
        voxel_size=(size[1 - axis], size[2], size[axis]),
        bodies=turned,
        void=structure.void,
        notes=structure.notes,
        composite=structure.composite,
    )
    plane_facts = {**facts, **structure_facts(made)}
    return replace(made, facts={**structure.facts, "section": plane_facts})


def _apart(plane: Labels, bodies: BodyTable) -> tuple[Labels, BodyTable]:
    """New labels of the plane: one for each connected part of a particle, one for each other body."""
    from skimage.measure import label

    whole = bodies.particle[plane - 1] < 0
    part = np.asarray(label(plane, background=0, connectivity=1), dtype=np.int64)
    key = np.where(whole, plane.astype(np.int64), part + len(bodies))
    kept, first, new = np.unique(key, return_index=True, return_inverse=True)
    row = plane.ravel()[first].astype(np.int64) - 1
    order = np.lexsort((kept, row))
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(1, len(order) + 1)
    row = row[order]
    first_of_row = np.searchsorted(row, row)
    many = np.bincount(row, minlength=len(bodies))[row] > 1
    names = tuple(
        f"{bodies.names[r]}_{k - f + 1}" if m else bodies.names[r]
        for k, (r, f, m) in enumerate(zip(row, first_of_row, many, strict=True))
    )
    return place[new.reshape(plane.shape)], bodies.take(row).renamed(names)
