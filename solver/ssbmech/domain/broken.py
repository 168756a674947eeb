"""Broken Lagrange spaces: continuous inside a body, discontinuous between bodies.

A broken space is a dof map of our own on the unbroken, conforming mesh. Its dofs are the distinct pairs (dof of the ordinary
Lagrange space, body) over the cells of the bodies that carry the field. Cells of bodies that do not carry it all refer to
one *void* dof per rank, which is the last owned dof, holds a constant, and never enters the system of equations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from dolfinx import fem
from dolfinx import mesh as dmesh
from mpi4py import MPI

from ssbmech import compat
from ssbmech.domain.exchange import answer, exchange

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BrokenSpace:
    """A function space with the facts about its dofs that the ordinary interface does not give.

    Attributes:
        space: the DOLFINx space.
        body_of_dof: (owned + ghost dofs,) body of every dof block; -1 for the void dof.
        owned: number of owned dof blocks that are unknowns (without the void dof).
    """

    space: fem.FunctionSpace
    body_of_dof: npt.NDArray[np.int32]
    owned: int

    @property
    def block_size(self) -> int:
        return int(self.space.dofmap.index_map_bs)

    @cached_property
    def unrolled(self) -> fem.FunctionSpace:
        """The same space with every component a dof of its own.

        DOLFINx assembles rectangular blocks (a vector field against a scalar one) into its own matrices only when both
        sides have the same block size; as an argument of such a block this space takes the place of the blocked one.
        """
        bs, imap = self.block_size, self.space.dofmap.index_map
        if bs == 1:
            return self.space
        component = np.arange(bs)
        ghosts = (np.asarray(imap.ghosts)[:, None] * bs + component).reshape(-1)
        owners = np.repeat(np.asarray(imap.owners), bs).astype(np.int32)
        fine = compat.index_map(self.space.mesh.comm, imap.size_local * bs, ghosts, owners)
        dofs = self.space.dofmap.list
        table = (dofs[:, :, None] * bs + component.astype(np.int32)).reshape(dofs.shape[0], -1)
        return compat.function_space(self.space.mesh, self.space, np.ascontiguousarray(table), fine, 1)


def _pair_owners(
    comm: MPI.Comm, keys: Ints, home: npt.NDArray[np.int32], has_cell: npt.NDArray[np.bool_]
) -> Ints:
    """Owner of every pair: its home rank if that has a cell of the pair, else the lowest rank that has one."""
    questions = np.stack([keys, has_cell.astype(np.int64)], axis=1)
    rows, received, order = exchange(comm, home, questions)
    sender = np.repeat(np.arange(comm.size, dtype=np.int64), received)
    unique, inverse = np.unique(rows[:, 0], return_inverse=True)
    preference = np.where(sender == comm.rank, -1, sender)
    preference[rows[:, 1] == 0] = comm.size
    best = np.full(unique.size, comm.size, dtype=np.int64)
    np.minimum.at(best, inverse, preference)
    best[best == -1] = comm.rank
    return answer(comm, best[inverse], received, order)


def _pair_numbers(
    comm: MPI.Comm, keys: Ints, home: npt.NDArray[np.int32], numbers: Ints, has_number: npt.NDArray[np.bool_]
) -> Ints:
    """Global number of every pair, told by its owner to the pair's home rank and by that to everyone who sees the pair."""
    told, _, _ = exchange(comm, home[has_number], np.stack([keys[has_number], numbers[has_number]], axis=1))
    by_key = told[np.argsort(told[:, 0])]
    rows, received, order = exchange(comm, home, keys[:, None])
    position = np.searchsorted(by_key[:, 0], rows[:, 0])
    return answer(comm, by_key[position, 1], received, order)


def broken_space(
    mesh: dmesh.Mesh, element: Any, cell_body: npt.NDArray[np.int32], carries: npt.NDArray[np.bool_]
) -> BrokenSpace:
    """Lagrange space that is continuous inside a body only.

    Args:
        mesh: conforming mesh with ``GhostMode.shared_facet``.
        element: Lagrange element (family, degree[, shape]) or a basix element.
        cell_body: (owned + ghost cells,) body id of every cell.
        carries: (bodies,) whether a body carries the field.
    """
    ordinary = fem.functionspace(mesh, element)
    dofs = ordinary.dofmap.list
    imap, bs = ordinary.dofmap.index_map, int(ordinary.dofmap.index_map_bs)
    comm = mesh.comm
    cells = dofs.shape[0]
    owned_cells = mesh.topology.index_map(mesh.topology.dim).size_local
    bodies = carries.size
    active = carries[cell_body[:cells]]

    # One key per pair; keys with the local dof number keep the cache-friendly order of the ordinary space.
    keys = dofs[active].astype(np.int64) * bodies + cell_body[:cells][active].astype(np.int64)[:, None]
    local, inverse = np.unique(keys, return_inverse=True)
    inverse = inverse.reshape(keys.shape)
    ordinary_dof, body = (local // bodies).astype(np.int32), (local % bodies).astype(np.int32)
    has_cell = np.zeros(local.size, dtype=bool)
    has_cell[np.unique(inverse[: int(np.count_nonzero(active[:owned_cells]))])] = True

    home = np.full(ordinary_dof.size, comm.rank, dtype=np.int32)
    ghost = ordinary_dof >= imap.size_local
    home[ghost] = np.asarray(imap.owners)[ordinary_dof[ghost] - imap.size_local]
    global_key = imap.local_to_global(ordinary_dof) * bodies + body
    owner = _pair_owners(comm, global_key, home, has_cell)

    mine = owner == comm.rank
    owned = int(np.count_nonzero(mine))
    void = 0 if bool(carries.all()) else 1
    start = comm.exscan(owned + void) or 0
    numbers = np.full(local.size, -1, dtype=np.int64)
    numbers[mine] = start + np.arange(owned)
    numbers = _pair_numbers(comm, global_key, home, numbers, mine)

    # Local order: owned, void, ghosts.
    local_number = np.empty(local.size, dtype=np.int32)
    local_number[mine] = np.arange(owned, dtype=np.int32)
    local_number[~mine] = owned + void + np.arange(local.size - owned, dtype=np.int32)
    table = np.full(dofs.shape, owned, dtype=np.int32)
    table[active] = local_number[inverse]
    pairs = compat.index_map(comm, owned + void, numbers[~mine], owner[~mine].astype(np.int32))
    space = compat.function_space(mesh, ordinary, table, pairs, bs)
    body_of_dof = np.full(local.size + void, -1, dtype=np.int32)
    body_of_dof[local_number] = body
    return BrokenSpace(space, body_of_dof, owned)


def global_scalar_space(mesh: dmesh.Mesh) -> BrokenSpace:
    """The space of one global unknown (a platen displacement, a collector potential), owned by rank 0."""
    ordinary = fem.functionspace(mesh, ("DG", 0))
    comm = mesh.comm
    first = comm.rank == 0
    imap = compat.index_map(
        comm,
        1 if first else 0,
        np.zeros(0 if first else 1, dtype=np.int64),
        np.zeros(0 if first else 1, dtype=np.int32),
    )
    table = np.zeros((ordinary.dofmap.list.shape[0], 1), dtype=np.int32)
    space = compat.function_space(mesh, ordinary, table, imap, 1)
    return BrokenSpace(space, np.zeros(1, dtype=np.int32), 1 if first else 0)
