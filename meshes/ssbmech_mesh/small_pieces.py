"""Bodies and pieces of bodies that are too small for a mesh go over to a neighbour, on the voxels. Lengths in µm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ssbmech_mesh.bodies import BodyTable
from ssbmech_mesh.simplex import Floats, Ints
from ssbmech_mesh.structure import Structure


@dataclass(frozen=True)
class Merged:
    """A structure without its small pieces; bodies that vanished, pieces that moved, and their volume (µm^3)."""

    structure: Structure
    vanished: tuple[str, ...]
    pieces: int
    volume: float


def merge_small(structure: Structure, least_volume: float, doomed: Ints | None = None) -> Merged:
    """Merge pieces (voxels that hang together by faces) under least_volume (µm^3), and all pieces of the doomed labels.

    A piece goes to what it touches most, where possible within its particle, else within its phase. Bodies without
    voxels leave the table.
    """
    from skimage.measure import label as connected  # takes half a second to import

    pieces = np.asarray(connected(structure.labels, background=0, connectivity=1), dtype=np.int64) - 1
    count = int(pieces.max()) + 1
    body = np.zeros(count, dtype=np.int64)
    body[pieces.ravel()] = structure.labels.ravel() - 1
    voxel = float(np.prod(structure.voxel_size))
    volume = np.asarray(np.bincount(pieces.ravel(), minlength=count) * voxel, dtype=np.float64)
    gone = np.isin(body + 1, [] if doomed is None else doomed)
    target = _targets(
        body, volume, gone, least_volume, structure.bodies, _contacts(pieces, structure.voxel_size)
    )
    moved = target != body
    if not moved.any():
        return Merged(structure, (), 0, 0.0)
    labels = (target + 1).astype(np.int32)[pieces]
    left = np.bincount(labels.ravel(), minlength=len(structure.bodies) + 1)[1:]
    vanished = tuple(structure.bodies.names[k] for k in np.flatnonzero(left == 0))
    smaller = replace(structure, labels=labels).compact()
    return Merged(smaller, vanished, int(moved.sum()), float(volume[moved].sum()))


def _contacts(pieces: Ints, voxel_size: tuple[float, float, float]) -> tuple[Ints, Ints, Floats]:
    """Pairs of pieces that share faces, both ways, and the area of these (µm^2)."""
    base = int(pieces.max()) + 1
    pairs, areas = [], []
    for axis in range(3):
        ahead = np.moveaxis(pieces, axis, 0)
        one, two = ahead[:-1].ravel(), ahead[1:].ravel()
        touch = np.flatnonzero(one != two)
        pairs += [one[touch] * base + two[touch], two[touch] * base + one[touch]]
        areas.append(np.full(2 * len(touch), float(np.prod(voxel_size)) / voxel_size[axis]))
    return _summed(np.concatenate(pairs), np.concatenate(areas), base)


def _summed(pairs: Ints, areas: Floats, base: int) -> tuple[Ints, Ints, Floats]:
    both, where = np.unique(pairs, return_inverse=True)
    total = np.bincount(where, areas, minlength=len(both)).astype(np.float64)
    return both // base, both % base, total


def _targets(
    body: Ints,
    volume: Floats,
    gone: NDArray[np.bool_],
    least_volume: float,
    table: BodyTable,
    contacts: tuple[Ints, Ints, Floats],
) -> Ints:
    """Body (pieces,) to which every piece belongs in the end; chains of small pieces become one."""
    phase = np.unique(np.array(table.phases), return_inverse=True)[1]
    group = np.arange(len(body))  # of each piece; a group has the body of its largest piece that stays
    one, two, area = contacts
    while True:
        small = gone | (volume < least_volume * (1.0 - 1e-12))
        ask = small[one]
        if not ask.any():
            return np.asarray(body[group])
        a, b = body[one[ask]], body[two[ask]]
        kin = (table.particle[a] >= 0) & (table.particle[a] == table.particle[b])
        strange = np.where(a == b, 0, np.where(kin, 1, np.where(phase[a] == phase[b], 2, 3)))
        order = np.lexsort((two[ask], -area[ask], strange, gone[two[ask]], one[ask]))
        piece, first = np.unique(one[ask][order], return_index=True)
        link = sparse.coo_matrix(
            (np.ones(len(piece)), (piece, two[ask][order][first])), shape=(len(body),) * 2
        )
        number, joined = sparse.csgraph.connected_components(link, directed=False)
        order = np.lexsort((np.arange(len(body)), -volume, gone, joined))
        head = order[np.unique(joined[order], return_index=True)[1]]
        body, gone = body[head], gone[head]
        volume = np.bincount(joined, volume, minlength=number).astype(np.float64)
        group = joined[group]
        pairs, keep = joined[one] * number + joined[two], joined[one] != joined[two]
        one, two, area = _summed(pairs[keep], area[keep], number)
