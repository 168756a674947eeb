"""Assembly of the coupled Jacobian: DOLFINx fills one CSR matrix per pair of fields, one index map puts all of them into one.

Inserting element matrices into PETSc costs more than computing them. Here every block is assembled into DOLFINx's own CSR
storage, and its entries are added into the rows of the coupled matrix through positions computed once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from dolfinx import fem, la
from petsc4py import PETSc

from ssbmech.solve.numbering import DROPPED, Numbering

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class _Block:
    """One pair of fields: its form, its CSR storage, and where the entries go."""

    def __init__(self, form: Any, rows: Ints, cols: Ints, owned_blocks: int) -> None:
        self.form = form
        self.storage = fem.create_matrix(form)
        bs_row, bs_col = self.storage.block_size
        cols = _on_columns(self.storage, cols)
        indptr, indices = self.storage.indptr, self.storage.indices
        self.used = int(indptr[owned_blocks])
        block_row = np.repeat(np.arange(owned_blocks, dtype=np.int64), np.diff(indptr[: owned_blocks + 1]))
        block_col = indices[: self.used].astype(np.int64)
        i, j = np.divmod(np.arange(bs_row * bs_col), bs_col)
        self.row = rows[(block_row[:, None] * bs_row + i).reshape(-1)]
        self.col = cols[(block_col[:, None] * bs_col + j).reshape(-1)]
        self.entries = self.row.size

    def assemble(self) -> Floats:
        self.storage.set_value(0.0)
        fem.assemble_matrix(self.storage, self.form)
        self.storage.scatter_reverse()
        data: Floats = self.storage.data[: self.entries]
        return data


def _on_columns(storage: Any, target: Ints) -> Ints:
    """``target`` of the owned dofs on the storage's own column map, which has ghosts that the space has not."""
    columns, bs = storage.index_map(1), storage.block_size[1]
    vector = la.vector(columns, bs, dtype=np.float64)
    vector.array[: columns.size_local * bs] = target[: columns.size_local * bs]
    vector.scatter_forward()
    rows: Ints = vector.array.astype(np.int64)
    return rows


class CoupledMatrix:
    """The Jacobian of all fields as one PETSc AIJ matrix.

    Args:
        forms: (row field, column field) -> compiled bilinear form.
        numbering: rows of the fields.
        scale: field -> factor on its rows.
        spare: entries (row, column) that callers add by :meth:`add_to_scalar`.
    """

    def __init__(
        self,
        forms: Mapping[tuple[str, str], Any],
        numbering: Numbering,
        scale: Mapping[str, float],
        spare: list[tuple[int, int]],
    ) -> None:
        self.numbering = numbering
        self._scalars = np.array(sorted(numbering.scalar_row.values()), dtype=np.int64)
        self.blocks: list[_Block] = []
        self._factors: list[float] = []
        self._map: list[tuple[Ints, Ints, Ints, Ints]] = []
        for (i, j), form in forms.items():
            space = form.function_spaces[0]
            owned = space.dofmap.index_map.size_local
            self.blocks.append(_Block(form, numbering.row[i], numbering.row[j], owned))
            self._factors.append(scale[i])
        self._build(scale, spare)

    def _build(self, scale: Mapping[str, float], spare: list[tuple[int, int]]) -> None:
        n, size = self.numbering, self.numbering.global_size
        idle = np.concatenate([n.own_row[name][n.idle[name]] for name in n.names] or [np.zeros(0, np.int64)])
        keys, tail = [idle * size + idle], []
        kept_local, kept_scalar = [], []
        for block in self.blocks:
            alive = (block.row != DROPPED) & (block.col != DROPPED)
            in_scalar = alive & np.isin(block.row, self._scalars)
            local = np.flatnonzero(alive & ~in_scalar)
            remote = np.flatnonzero(in_scalar)
            keys.append(block.row[local] * size + block.col[local])
            tail.append(block.row[remote] * size + block.col[remote])
            kept_local.append(local)
            kept_scalar.append(remote)
            del block.row, block.col
        unique, inverse = np.unique(np.concatenate(keys), return_inverse=True)
        self._positions = np.split(inverse, np.cumsum([k.size for k in keys])[:-1])
        self._kept_local, self._kept_scalar = kept_local, kept_scalar
        self._identity = self._positions.pop(0)
        diagonal = np.array([row * size + row for row in self._scalars] + [r * size + c for r, c in spare])
        everything = np.concatenate([*tail, diagonal.astype(np.int64)])
        self._scalar_keys, scalar_inverse = np.unique(everything, return_inverse=True)
        self._scalar_positions = np.split(scalar_inverse, np.cumsum([k.size for k in tail]))[:-1]
        self._rows, self._cols = unique // size, unique % size
        self._create(unique, size)

    def _create(self, unique: Ints, size: int) -> None:
        n = self.numbering
        gathered = n.comm.gather(self._scalar_keys)
        if n.comm.rank == n.scalar_owner and gathered is not None:
            unique = np.union1d(unique, np.concatenate(gathered))
        rows, cols = unique // size - n.start, unique % size
        inside = (cols >= n.start) & (cols < n.start + n.local_size)
        diagonal = np.bincount(rows[inside], minlength=n.local_size).astype(PETSc.IntType)
        outside = np.bincount(rows[~inside], minlength=n.local_size).astype(PETSc.IntType)
        shape = (n.local_size, n.global_size)
        self.matrix = PETSc.Mat().createAIJ([shape, shape], nnz=(diagonal, outside), comm=n.comm)
        self.matrix.setOption(PETSc.Mat.Option.NEW_NONZERO_ALLOCATION_ERR, True)
        self.matrix.setOption(PETSc.Mat.Option.KEEP_NONZERO_PATTERN, True)
        counts = np.bincount(self._rows - n.start, minlength=n.local_size)
        self._indptr = np.concatenate([[0], np.cumsum(counts)]).astype(PETSc.IntType)
        self._indices = self._cols.astype(PETSc.IntType)

    def assemble(self, weights: Mapping[str, float], scalar_entries: list[tuple[int, int, float]]) -> None:
        """Fill the matrix at the current state.

        Args:
            weights: global unknown -> factor on the sum of its tied rows.
            scalar_entries: (row, column, value) to add in the rows of global unknowns, the same on every rank.
        """
        n = self.numbering
        values = np.zeros(self._rows.size)
        scalar_values = np.zeros(self._scalar_keys.size)
        values[self._identity] = 1.0
        for block, factor, local, remote, position, scalar_position in zip(
            self.blocks,
            self._factors,
            self._kept_local,
            self._kept_scalar,
            self._positions,
            self._scalar_positions,
            strict=True,
        ):
            data = block.assemble()
            values += np.bincount(position, weights=data[local], minlength=values.size) * factor
            scalar_values += np.bincount(scalar_position, weights=data[remote], minlength=scalar_values.size)
        rows, cols = self._scalar_keys // n.global_size, self._scalar_keys % n.global_size
        for name, row in n.scalar_row.items():
            scalar_values[rows == row] *= weights.get(name, 1.0)
        self.matrix.zeroEntries()
        add = PETSc.InsertMode.ADD_VALUES
        self.matrix.setValuesCSR(self._indptr, self._indices, values, addv=add)
        for row in np.unique(rows):
            here = rows == row
            self.matrix.setValues([int(row)], cols[here].astype(PETSc.IntType), scalar_values[here], addv=add)
        if n.comm.rank == n.scalar_owner:
            for i, j, value in scalar_entries:
                self.matrix.setValue(i, j, value, addv=add)
        self.matrix.assemble()
