"""From local dofs of the fields to rows of the coupled system, with ties and prescribed values.

Rows lie rank by rank, and within a rank field by field, so that a block of three displacement components stays together for
the multigrid. A dof may be

* free: its row is its own;
* tied to a global unknown: its entries go to the row and column of that unknown (a platen moves as one, a collector has one
  potential), its own row is the identity;
* prescribed: its entries are dropped, its own row is the identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from dolfinx import la

from ssbmech.physics.setting import Unknown

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

DROPPED = -1


@dataclass
class Constraints:
    """Dofs of one field that are not free (local numbers with components unrolled; owned and ghost dofs).

    Attributes:
        prescribed: dofs with a given value.
        values: their values; update in place to move a boundary.
        tied: name of a global unknown -> dofs that follow it.
    """

    prescribed: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    values: Floats = field(default_factory=lambda: np.zeros(0))
    tied: dict[str, npt.NDArray[np.int32]] = field(default_factory=dict)


class Numbering:
    """Rows of all fields.

    Attributes:
        names: fields in the order of their rows.
        first: (fields,) first row of each field on this rank.
        count: (fields,) owned rows of each field on this rank.
        local_size, global_size: rows on this rank, and in all.
        row: name -> (owned + ghost dofs,) row that a dof's entries go to; ``DROPPED`` if prescribed or void.
        own_row: name -> (owned rows,) each dof's own row.
        idle: name -> (n,) owned dofs that are not free.
        scalar_row: name of a global unknown -> its row; all of them lie on ``scalar_owner``.
    """

    def __init__(self, unknowns: Mapping[str, Unknown], constraints: Mapping[str, Constraints]) -> None:
        self.names = list(unknowns)
        comm = next(iter(unknowns.values())).broken.space.mesh.comm
        self.comm = comm
        self.count = {n: u.broken.owned * u.broken.block_size for n, u in unknowns.items()}
        self.local_size = sum(self.count.values())
        start = comm.exscan(self.local_size) or 0
        self.start = start
        self.global_size = comm.allreduce(self.local_size)
        self.first: dict[str, int] = {}
        position = start
        for name in self.names:
            self.first[name] = position
            position += self.count[name]
        self.own_row = {n: self.first[n] + np.arange(self.count[n], dtype=np.int64) for n in self.names}
        natural = {n: self._natural(u, self.own_row[n]) for n, u in unknowns.items()}
        self.scalar_row = {n: int(natural[n][0]) for n, u in unknowns.items() if _is_global(u)}
        self.scalar_owner = 0
        self.row = {n: rows.copy() for n, rows in natural.items()}
        self.constraints = dict(constraints)
        for name, constraint in constraints.items():
            self.row[name][constraint.prescribed] = DROPPED
            for scalar, dofs in constraint.tied.items():
                self.row[name][dofs] = self.scalar_row[scalar]
        self.idle = {n: np.flatnonzero(self.row[n][: self.count[n]] != self.own_row[n]) for n in self.names}

    def _natural(self, unknown: Unknown, own: Ints) -> Ints:
        return _spread(own, unknown.broken.space.dofmap.index_map, unknown.broken.block_size)

    def rows_on(self, name: str, index_map: Any, block_size: int) -> Ints:
        """``row`` of a field on an index map that has the same owned dofs and other ghosts; collective."""
        return _spread(self.row[name][: self.count[name]], index_map, block_size)


def _spread(owned: Ints, index_map: Any, block_size: int) -> Ints:
    """Numbers of owned dofs, told to the ranks that have them as ghosts; ``DROPPED`` for dofs that have none."""
    vector = la.vector(index_map, block_size, dtype=np.float64)
    vector.array[:] = DROPPED
    vector.array[: owned.size] = owned
    vector.scatter_forward()
    rows: Ints = vector.array.astype(np.int64)
    return rows


def _is_global(unknown: Unknown) -> bool:
    return int(unknown.broken.space.dofmap.index_map.size_global) == 1
