"""From a structure to its mesh: sizes, small pieces, pores, what hangs on nothing, and what was not resolved.

Lengths in µm.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import NDArray

from ssbmech_mesh.cell_count import lattice_with_cells
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.gradation import FINEST, Gradation, LabelSizes
from ssbmech_mesh.labelled import check_sizes, connected, fitted, labelled_lattice, prepared
from ssbmech_mesh.lattice import refined_lattice
from ssbmech_mesh.shares import LabelShares
from ssbmech_mesh.simplex import Floats, Ints, SimplexMesh
from ssbmech_mesh.small_pieces import Merged, merge_small
from ssbmech_mesh.specs import MeshSizeSpec
from ssbmech_mesh.structure import Structure

_NAMED = 5  # bodies that a note names at most
_NOTED = 1e-3  # share of a phase under which nothing is said of its narrow places


def mesh_structure(
    structure: Structure, size: MeshSizeSpec, *, smallest_angle: float | None = None
) -> tuple[SimplexMesh, tuple[str, ...]]:
    """Tetrahedra of a structure, triangles of a section (one layer of voxels), and sentences on what was changed.

    size: edge lengths, or the number of cells of the solid. smallest_angle: degrees that angles keep from 0 and 180 (12 for
    dihedral angles, 20 for those of triangles if not given). Pieces smaller than about a cell go to their neighbours;
    pores and solid that hangs on nothing are left out; bodies without cells leave the table. Raises MeshError for sizes
    that make no mesh and for structures without solid.
    """
    _check(structure, size)
    merged, draft = _drafted(structure.compact(), size)
    merged, mesh, field = _labelled(merged, draft)
    mesh = fitted(mesh, field, merged.structure.labels, smallest_angle=smallest_angle)
    table = merged.structure.bodies
    mesh.names, mesh.table = list(table.names), table
    notes = [*_merged_notes(merged, draft), *_narrow_notes(merged.structure, draft)]
    keep, loose = _kept(mesh, merged.structure)
    notes += loose
    mesh = _cut(mesh, keep)
    return mesh, (*_count_notes(mesh, size, draft.sizes), *notes, *_piece_notes(mesh))


def _check(structure: Structure, size: MeshSizeSpec) -> None:
    if (size.interface is None) == (size.cells is None):
        raise MeshError("mesh_size needs either interface, an edge length, or cells, their number")
    if all(phase in structure.void for phase in structure.bodies.phases):
        raise MeshError("the structure has nothing but pores; nothing is left to mesh")


@dataclass(frozen=True, eq=False)
class _Draft:
    """The lattice before it knows bodies, the sizes it follows and where they come from."""

    nodes: Floats
    cells: Ints
    sizes: LabelSizes
    gradation: Gradation
    planes: Floats


def _drafted(structure: Structure, size: MeshSizeSpec) -> tuple[Merged, _Draft]:
    """Small pieces merged, and the lattice for what is left."""
    interface = size.interface if size.interface is not None else _lattice(structure, size).sizes.interface
    d = 2 if structure.labels.shape[2] == 1 else 3
    cell = interface**d / factorial(d)
    merged = merge_small(structure, cell * (structure.voxel_size[2] if d == 2 else 1.0))
    return merged, _lattice(merged.structure, size)


def _lattice(structure: Structure, size: MeshSizeSpec) -> _Draft:
    groups = _matrix_groups(structure)

    def sizes_of(interface: float) -> LabelSizes:
        bulk = size.bulk if size.bulk is not None else 2.0 * interface
        return LabelSizes(
            interface, max(bulk, interface) if size.cells else bulk, size.growth, size.neck, groups
        )

    _, gradation, box = prepared(structure.labels, structure.voxel_size)
    planes = _planes(structure)
    if size.cells is not None:
        solid = ~structure.bodies.of_phase(*structure.void)[gradation.labels - 1]
        sizes, nodes, cells = lattice_with_cells(gradation, box, sizes_of, size.cells, solid, planes)
    else:
        sizes = sizes_of(float(size.interface or 0.0))
        check_sizes(sizes)
        nodes, cells = refined_lattice(box, sizes.bulk, gradation.size_at(sizes), planes)
    return _Draft(nodes, cells, sizes, gradation, planes)


def _planes(structure: Structure) -> Floats:
    """Faces of the layers inside the box, at faces of voxels."""
    axis = 1 if structure.labels.shape[2] == 1 else 2
    edge, number = structure.voxel_size[axis], structure.labels.shape[axis]
    face = np.unique(np.rint(np.array(structure.composite or ()) / edge))
    return np.asarray(face[(face > 0) & (face < number)] * edge, dtype=np.float64)


def _matrix_groups(structure: Structure) -> tuple[tuple[int, ...], ...]:
    """Labels of every solid phase that is no particle, phase by phase."""
    table = structure.bodies
    phases = [phase for phase in dict.fromkeys(table.phases) if phase not in structure.void]
    chosen = [np.flatnonzero(table.of_phase(phase) & (table.particle < 0)) + 1 for phase in phases]
    return tuple(tuple(int(k) for k in labels) for labels in chosen if len(labels))


def _families(structure: Structure) -> Ints:
    """The bodies of one particle are one family, every other body its own."""
    particle = structure.bodies.particle
    number = np.arange(len(particle) + 1)
    for k in np.unique(particle[particle >= 0]):
        own = np.flatnonzero(particle == k) + 1
        number[own] = own[0]
    return number


def _labelled(merged: Merged, draft: _Draft) -> tuple[Merged, SimplexMesh, LabelShares]:
    """Cells with bodies; bodies that no cell represents are merged until every body has one."""
    while True:
        structure = merged.structure
        field, _, _ = prepared(structure.labels, structure.voxel_size, _families(structure), draft.planes)
        mesh = labelled_lattice(draft.nodes, draft.cells, field)
        missing = np.flatnonzero(np.bincount(mesh.body, minlength=len(mesh.names)) == 0) + 1
        if len(missing) == 0:
            return merged, mesh, field
        more = merge_small(merged.structure, 0.0, missing)
        merged = Merged(
            more.structure,
            merged.vanished + more.vanished,
            merged.pieces + more.pieces,
            merged.volume + more.volume,
        )


def _kept(mesh: SimplexMesh, structure: Structure) -> tuple[NDArray[np.bool_], list[str]]:
    """Cells of the largest solid that hangs together by facets, and sentences on the solid that is left out."""
    table = structure.bodies
    keep = ~table.of_phase(*structure.void)[mesh.body]
    if not keep.any():
        raise MeshError("no cell of the mesh is solid; use a smaller mesh_size.interface")
    _, sides = mesh.facets()
    inner = sides[(sides[:, 1] >= 0)]
    part = connected(len(mesh.cells), inner[keep[inner].all(axis=1)])
    volume = mesh.volumes()
    loose = keep & (part != np.bincount(part[keep], volume[keep]).argmax())
    if not loose.any():
        return keep, []
    lost = np.bincount(mesh.body[loose], volume[loose], minlength=len(table))
    whole = mesh.body_volumes()
    shares = []
    for phase in dict.fromkeys(table.phases):
        of = table.of_phase(phase)
        if lost[of].sum() > 0.0:
            shares.append(f"{100 * lost[of].sum() / whole[of].sum():.3g} % of {phase}")
    number = len(np.unique(part[loose]))
    return keep & ~loose, [
        f"{_plural(number, 'piece')} of solid that hang on nothing (no facet joins them to the rest) were left out: "
        f"{', '.join(shares)}."
    ]


def _cut(mesh: SimplexMesh, keep: NDArray[np.bool_]) -> SimplexMesh:
    """The cells to keep, without nodes and bodies that have none."""
    used, cells = np.unique(mesh.cells[keep], return_inverse=True)
    bodies, body = np.unique(mesh.body[keep], return_inverse=True)
    table = mesh.table.take(bodies) if mesh.table is not None else None
    names = [mesh.names[k] for k in bodies]
    return SimplexMesh(
        mesh.nodes[used], cells.reshape(-1, mesh.cells.shape[1]), body.ravel(), names, table=table
    )


def _merged_notes(merged: Merged, draft: _Draft) -> list[str]:
    if merged.pieces == 0:
        return []
    share = 100.0 * merged.volume / float(np.prod(merged.structure.box))
    gone = f"; {_named(merged.vanished)} vanished" if merged.vanished else ""
    return [
        f"{_plural(merged.pieces, 'piece')} smaller than about a cell of {draft.sizes.interface:.3g} µm went over to "
        f"neighbours, {share:.3g} % of the box{gone}."
    ]


def _narrow_notes(structure: Structure, draft: _Draft) -> list[str]:
    """Where solid that is no particle is narrower than the finest edges there."""
    sizes = draft.sizes
    finest = sizes.interface / FINEST if sizes.neck is not None and sizes.neck <= 1.0 else sizes.interface
    notes = []
    for group in _matrix_groups(structure):
        share = draft.gradation.narrow_share(group, finest)
        if share > _NOTED:
            phase = structure.bodies.phases[group[0] - 1]
            notes.append(
                f"{100 * share:.3g} % of the volume of {phase} is narrower than the edges there ({finest:.3g} µm): less than "
                "one cell across; mesh_size.neck of at most 1 or a smaller interface size refine it."
            )
    return notes


def _count_notes(mesh: SimplexMesh, size: MeshSizeSpec, sizes: LabelSizes) -> list[str]:
    if size.cells is None:
        return []
    return [
        f"{size.cells} cells were asked for: an edge length of {sizes.interface:.3g} µm at interfaces gave {len(mesh.cells)}."
    ]


def _piece_notes(mesh: SimplexMesh) -> list[str]:
    """Bodies that lie in several parts."""
    _, sides = mesh.facets()
    inner = sides[sides[:, 1] >= 0]
    part = connected(len(mesh.cells), inner[mesh.body[inner[:, 0]] == mesh.body[inner[:, 1]]])
    _, first = np.unique(part, return_index=True)
    number = np.bincount(mesh.body[first], minlength=len(mesh.names))
    several = np.flatnonzero(number > 1)
    if len(several) == 0:
        return []
    several = several[np.argsort(-number[several], kind="stable")]
    names = tuple(f"{mesh.names[k]} ({number[k]})" for k in several)
    return [f"Bodies in several pieces that share no facet: {_named(names)}."]


def _named(names: tuple[str, ...]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _plural(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
