"""Connected parts of a conducting network, and which of them are joined to which faces of the box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from dolfinx import la
from mpi4py import MPI
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ssbmech.domain.broken import BrokenSpace
from ssbmech.domain.interfaces import InterfaceFacets
from ssbmech.domain.reach import reached_bodies

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

PASSING = 1e-2
"""Two parts count as in contact while the area-weighted mean transmissivity of the faces between them is above this, as in a run
(``isolated_fraction``)."""


def connected_parts(broken: BrokenSpace) -> tuple[Ints, int]:
    """Number of the connected part of every local dof block (-1 for the void one), and the number of parts.

    What is connected within a body shares dofs, so the parts are those of the graph of the matrix without contacts. Parts are
    found on every rank, and those of different ranks joined through the dofs that ranks share. Collective.
    """
    space = broken.space
    imap, comm = space.dofmap.index_map, space.mesh.comm
    size = imap.size_local + imap.num_ghosts
    dofs = np.asarray(space.dofmap.list)
    dofs = dofs[broken.body_of_dof[dofs[:, 0]] >= 0]
    count, label = _components(size, np.repeat(dofs[:, 0], dofs.shape[1] - 1), dofs[:, 1:].reshape(-1))
    label += int(comm.exscan(count) or 0)
    owners = la.vector(imap, 1)
    owners.array[:] = label
    owners.scatter_forward()
    shared = np.stack([label[imap.size_local :], owners.array[imap.size_local :].astype(np.int64)], axis=1)
    edges = np.concatenate(comm.allgather(np.unique(shared, axis=0)))
    _, joined = _components(int(comm.allreduce(count)), edges[:, 0], edges[:, 1])
    part = joined[label]
    part[broken.body_of_dof < 0] = -1
    used = np.unique(np.concatenate(comm.allgather(np.unique(part[part >= 0]))))
    return np.where(part >= 0, np.searchsorted(used, part), -1), int(used.size)


def _components(size: int, one: npt.NDArray[Any], other: npt.NDArray[Any]) -> tuple[int, Ints]:
    graph = coo_array((np.ones(one.size, dtype=np.int8), (one, other)), shape=(size, size))
    count, label = connected_components(graph, directed=False)
    return int(count), label.astype(np.int64)


@dataclass(frozen=True)
class Clusters:
    """Connected parts of a network and the contacts between them; all but ``of_dof`` the same on every rank.

    Attributes:
        comm: the ranks.
        of_dof: (owned + ghost dofs,) part of every dof, -1 for the void one.
        volume: (parts,) [µm³].
        sides: (contacts, 2) parts that meet.
        conductance: (contacts,) integrated over the faces [pA/V].
        transmissivity: (contacts,) mean over the faces.
    """

    comm: MPI.Comm
    of_dof: Ints
    volume: Floats
    sides: Ints
    conductance: Floats
    transmissivity: Floats

    def joined(self, seeds: npt.NDArray[np.int32], passing: bool) -> Mask:
        """(parts,) mask of those joined to some local dofs of any rank; collective.

        passing: through contacts with a mean transmissivity above PASSING only, else through all with any conductance.
        """
        open_way = self.conductance > 0.0
        if passing:
            open_way &= self.transmissivity > PASSING
        parts = np.unique(self.of_dof[seeds]).astype(np.int32)
        return reached_bodies(self.comm, self.volume.size, self.sides[open_way], parts[parts >= 0])


def find_clusters(
    broken: BrokenSpace,
    volume: Floats,
    facets: InterfaceFacets,
    weights: Sequence[Floats],
    chosen: Mask,
) -> Clusters:
    """Parts of the network and their contacts; collective.

    Args:
        broken: space of the potential.
        volume: (owned cells,) [µm³].
        facets: all interface facets of this rank.
        weights: three arrays (facets,): area [µm²], conductance [pA/V], and area times transmissivity.
        chosen: (facets,) those with a contact law of this network.
    """
    comm = broken.space.mesh.comm
    part, count = connected_parts(broken)
    of_cell = part[np.asarray(broken.space.dofmap.list)[:, 0]]
    owned = of_cell[: volume.size]
    volumes = np.bincount(owned[owned >= 0], weights=volume[owned >= 0], minlength=count).astype(np.float64)
    plus, minus = of_cell[facets.entities[chosen, 0]], of_cell[facets.entities[chosen, 2]]
    key = np.minimum(plus, minus) * count + np.maximum(plus, minus)
    keys = np.unique(np.concatenate(comm.allgather(np.unique(key))))
    row = np.searchsorted(keys, key)
    sums = np.array([np.bincount(row, w[chosen], keys.size) for w in weights], dtype=np.float64)
    area, conductance, through = comm.allreduce(sums)
    sides = np.stack([keys // max(count, 1), keys % max(count, 1)], axis=1)
    mean = np.divide(through, area, out=np.zeros_like(area), where=area > 0)
    return Clusters(comm, part, np.asarray(comm.allreduce(volumes)), sides, conductance, mean)
