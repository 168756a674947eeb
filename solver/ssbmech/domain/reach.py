"""Which bodies electrons reach from the collector, or lithium from the electrolyte, through bodies in contact."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from mpi4py import MPI
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ints = npt.NDArray[np.int32]


def reached_bodies(
    comm: MPI.Comm, bodies: int, contacts: npt.NDArray[np.int64], seeds: Ints
) -> npt.NDArray[np.bool_]:
    """(bodies,) mask of the bodies joined to a seed.

    Args:
        comm: communicator; the mask is the same on every rank.
        bodies: number of bodies.
        contacts: (n, 2) pairs of bodies in conducting contact, this rank's.
        seeds: bodies that touch the collector, this rank's.
    """
    pairs = np.unique(
        np.concatenate(comm.allgather(np.unique(contacts.reshape(-1, 2), axis=0))), axis=0
    ).astype(int)
    start = np.unique(np.concatenate(comm.allgather(np.unique(seeds)))).astype(int)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(bodies, bodies))
    _, component = connected_components(graph, directed=False)
    return np.isin(component, component[start])
