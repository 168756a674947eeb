"""Assembly of the coupled Jacobian: DOLFINx fills one CSR matrix per form, one index map puts all of them into one.

Inserting element matrices into PETSc costs more than computing them. Here every form is assembled into DOLFINx's own CSR
storage, and its entries are summed into the rows of the coupled matrix through positions computed once, ties and prescribed
values included. What does not depend on the state, such as the stiffness of the bodies, is computed once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import fem, la
from petsc4py import PETSc

from ssbmech import compat
from ssbmech.physics.algebraic import AlgebraicTerm
from ssbmech.solve.numbering import DROPPED, Numbering

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class _Block:
    """A form of one pair of fields: its CSR storage, and the rows and columns of the coupled system that its entries go to."""

    def __init__(self, form: Any, constant: bool, rows: Ints, cols: Ints) -> None:
        self.form, self.constant = form, constant
        self.storage = fem.create_matrix(form)
        self._assembled = False
        owned = form.function_spaces[0].dofmap.index_map.size_local
        bs_row, bs_col = self.storage.block_size
        cols = _on_columns(self.storage, cols)
        indptr, indices = self.storage.indptr, self.storage.indices
        used = int(indptr[owned])
        block_row = np.repeat(np.arange(owned, dtype=np.int64), np.diff(indptr[: owned + 1]))
        block_col = indices[:used].astype(np.int64)
        i, j = np.divmod(np.arange(bs_row * bs_col), bs_col)
        row = rows[(block_row[:, None] * bs_row + i).reshape(-1)]
        col = cols[(block_col[:, None] * bs_col + j).reshape(-1)]
        self.entries = np.flatnonzero((row != DROPPED) & (col != DROPPED))
        self.row, self.col = row[self.entries], col[self.entries]

    def values(self) -> Floats:
        """(entries,) values at the current state; collective."""
        if not (self.constant and self._assembled):
            self.storage.set_value(0.0)
            fem.assemble_matrix(self.storage, self.form)
            self.storage.scatter_reverse()
            self._assembled = True
        out: Floats = self.storage.data[self.entries]
        return out


class _AlgebraicBlock:
    """The entries of a term that is no form, with their rows and columns of the coupled system."""

    def __init__(self, term: AlgebraicTerm, numbering: Numbering) -> None:
        self._term, self._numbering = term, numbering
        self.renew()

    @property
    def outdated(self) -> bool:
        return self._version != self._term.version

    def renew(self) -> None:
        """Ask the term for its entries; collective."""
        term = self._term
        self._version = term.version
        number = self._numbering.rows_on(term.field, term.index_map, term.block_size)
        row, col = (number[dofs] for dofs in term.pattern())
        self.entries = np.flatnonzero((row != DROPPED) & (col != DROPPED))
        self.row, self.col = row[self.entries], col[self.entries]

    def values(self) -> Floats:
        """(entries,) values at the current state."""
        out: Floats = self._term.tangent()[self.entries]
        return out


def _on_columns(storage: Any, target: Ints) -> Ints:
    """``target`` of the owned dofs on the storage's own column map, which has ghosts that the space has not."""
    columns, bs = storage.index_map(1), storage.block_size[1]
    vector = la.vector(columns, bs, dtype=np.float64)
    vector.array[: columns.size_local * bs] = target[: columns.size_local * bs]
    vector.scatter_forward()
    rows: Ints = vector.array.astype(np.int64)
    return rows


def _parts(form: ufl.Form) -> list[tuple[ufl.Form, bool]]:
    """The integrals of a form that do not depend on the state, marked True, and the others."""
    groups: dict[bool, list[ufl.Integral]] = {}
    for integral in form.integrals():
        alone = ufl.Form([integral])
        groups.setdefault(not (alone.coefficients() or alone.constants()), []).append(integral)
    return [(ufl.Form(integrals), constant) for constant, integrals in groups.items()]


class _Share:
    """What a group of blocks adds to the matrix: its entries summed by row and column, those of tied rows apart.

    Args:
        blocks: the blocks; their ``row`` and ``col`` are used up.
        factors: (blocks,) on their rows.
        numbering: rows of the fields.
        scale: field -> factor on its rows.
        ones: rows with a one on the diagonal.
    """

    def __init__(
        self,
        blocks: Sequence[_Block | _AlgebraicBlock],
        factors: Sequence[float],
        numbering: Numbering,
        scale: Mapping[str, float],
        ones: Ints,
    ) -> None:
        self._blocks, self._factors, self._numbering, self._scale = blocks, factors, numbering, scale
        n, size = numbering, numbering.global_size
        rows = np.concatenate([block.row for block in blocks] + [ones])
        keys = rows * size + np.concatenate([block.col for block in blocks] + [ones])
        sizes = [block.entries.size for block in blocks]
        for block in blocks:
            del block.row, block.col
        self._entries = np.ones(rows.size)
        scalars = np.array(sorted(n.scalar_row.values()), dtype=np.int64)
        self._in_scalar = np.flatnonzero(np.isin(rows, scalars))
        # Tied rows are scaled as that of the global unknown, not as the row they come from.
        self._rescale = 1 / np.repeat([*factors, 1.0], [*sizes, ones.size])[self._in_scalar]
        diagonal = scalars * size + scalars
        self._scalar_keys, where = np.unique(
            np.concatenate([keys[self._in_scalar], diagonal]), return_inverse=True
        )
        self._scalar_position = where[: self._in_scalar.size]
        keys[self._in_scalar] = -1
        keys, self._position = np.unique(np.append(keys, -1), return_inverse=True)
        keys, self._position = keys[1:], self._position[:-1]  # the first, -1, collects what is not for them
        counts = np.bincount(keys // size - n.start, minlength=n.local_size)
        self._indptr = np.concatenate([[0], np.cumsum(counts)]).astype(PETSc.IntType)
        self._indices = (keys % size).astype(PETSc.IntType)

    def row_sizes(self) -> tuple[Ints, Ints]:
        """(rows,) entries in this rank's columns and in those of others, with what other ranks add to tied rows; collective."""
        n = self._numbering
        rows = np.repeat(np.arange(n.local_size), np.diff(self._indptr))
        columns = self._indices.astype(np.int64)
        gathered = n.comm.gather(self._scalar_keys)
        if n.comm.rank == n.scalar_owner and gathered is not None:
            keys = np.unique(np.concatenate(gathered))
            rows = np.append(rows, keys // n.global_size - n.start)
            columns = np.append(columns, keys % n.global_size)
        inside = (columns >= n.start) & (columns < n.start + n.local_size)
        return (
            np.bincount(rows[inside], minlength=n.local_size),
            np.bincount(rows[~inside], minlength=n.local_size),
        )

    def add(self, matrix: PETSc.Mat, weights: Mapping[str, float]) -> None:
        """Add the values at the current state; collective."""
        n, first = self._numbering, 0
        for block, factor in zip(self._blocks, self._factors, strict=True):
            last = first + block.entries.size
            np.multiply(block.values(), factor, out=self._entries[first:last])
            first = last
        values = np.bincount(self._position, weights=self._entries, minlength=self._indices.size + 1)[1:]
        tied = np.bincount(
            self._scalar_position,
            weights=self._entries[self._in_scalar] * self._rescale,
            minlength=self._scalar_keys.size,
        )
        matrix.setValuesCSR(self._indptr, self._indices, values, addv=PETSc.InsertMode.ADD_VALUES)
        rows, cols = self._scalar_keys // n.global_size, self._scalar_keys % n.global_size
        for name, row in n.scalar_row.items():
            here, factor = rows == row, weights.get(name, 1.0) * self._scale[name]
            columns = cols[here].astype(PETSc.IntType)
            matrix.setValues([row], columns, tied[here] * factor, addv=PETSc.InsertMode.ADD_VALUES)


class CoupledMatrix:
    """The Jacobian of all fields as one PETSc AIJ matrix.

    Args:
        forms: (row field, column field) -> bilinear form.
        maps: entity maps of the submeshes, see :func:`ssbmech.compat.form`.
        numbering: rows of the fields.
        scale: field -> factor on its rows.
        algebraic: terms that are no forms.
    """

    def __init__(
        self,
        forms: Mapping[tuple[str, str], ufl.Form],
        maps: list[Any],
        numbering: Numbering,
        scale: Mapping[str, float],
        algebraic: Sequence[AlgebraicTerm] = (),
    ) -> None:
        self.numbering = n = numbering
        self._scale = dict(scale)
        blocks: list[_Block] = []
        factors: list[float] = []
        for (i, j), form in forms.items():
            for part, constant in _parts(form):
                blocks.append(_Block(compat.form(part, maps), constant, n.row[i], n.row[j]))
                factors.append(scale[i])
        idle = np.concatenate([n.own_row[name][n.idle[name]] for name in n.names] or [np.zeros(0, np.int64)])
        self._forms = _Share(blocks, factors, n, self._scale, idle)
        self._algebraic = [_AlgebraicBlock(term, n) for term in algebraic]
        self._factors = [scale[term.field] for term in algebraic]
        self._sizes = self._forms.row_sizes()
        self._create()

    def renew(self) -> bool:
        """A new matrix, where terms have changed their pattern; whether any has. Collective."""
        if not any(block.outdated for block in self._algebraic):
            return False
        for block in self._algebraic:
            block.renew()
        self.matrix.destroy()
        self._create()
        return True

    def _create(self) -> None:
        """Make room for the rows of this rank and, on their owner, for those of the global unknowns from all ranks."""
        n, none = self.numbering, np.zeros(0, dtype=np.int64)
        self._shares = [self._forms]
        if self._algebraic:
            self._shares.append(_Share(self._algebraic, self._factors, n, self._scale, none))
        sizes = [self._sizes, *(share.row_sizes() for share in self._shares[1:])]
        diagonal, outside = (sum(parts).astype(PETSc.IntType) for parts in zip(*sizes, strict=True))
        limits = n.local_size, n.global_size - n.local_size
        room = tuple(np.minimum(size, limit) for size, limit in zip((diagonal, outside), limits, strict=True))
        shape = (n.local_size, n.global_size)
        self.matrix = PETSc.Mat().createAIJ([shape, shape], nnz=room, comm=n.comm)
        self.matrix.setOption(PETSc.Mat.Option.NEW_NONZERO_ALLOCATION_ERR, True)
        self.matrix.setOption(PETSc.Mat.Option.KEEP_NONZERO_PATTERN, True)

    def assemble(self, weights: Mapping[str, float], diagonal: Mapping[str, float]) -> None:
        """Fill the matrix at the current state.

        Args:
            weights: global unknown -> factor on the sum of its tied rows.
            diagonal: global unknown -> value to add on its diagonal, the same on every rank.
        """
        assert not any(block.outdated for block in self._algebraic)
        n = self.numbering
        self.matrix.zeroEntries()
        for share in self._shares:
            share.add(self.matrix, weights)
        if n.comm.rank == n.scalar_owner:
            for name, row in n.scalar_row.items():
                value = diagonal.get(name, 0.0) * self._scale[name]
                self.matrix.setValue(row, row, value, addv=PETSc.InsertMode.ADD_VALUES)
        self.matrix.assemble()
