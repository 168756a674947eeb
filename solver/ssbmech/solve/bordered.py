"""Preconditioner of the mechanics: multigrid for the bodies, the platen exactly.

The platen's one displacement U is tied to a whole face of the stack. Multigrid works on the blocks of the bodies' displacements, and
U follows from its Schur complement: with the mechanics [[K, k], [kᵀ, κ]] and a multigrid cycle M ≈ K⁻¹,

    y = M r_u,   U = (r_U − kᵀ y)/(κ − kᵀ w),   u = y − w U,      w ≈ K⁻¹ k

One cycle per application. Left to a relaxation of its own, U would see the stiffness of one layer of elements instead of that of the
stack, and every change of the load would cost tens of iterations.
"""

from __future__ import annotations

import numpy as np
from petsc4py import PETSc

_BORDER_TOLERANCE, _BORDER_ITERATIONS = 1e-2, 20


class BorderedMultigrid:
    """Context of a PETSc ``python`` preconditioner.

    Args:
        block_size: components of the displacement; the rows of the matrix come in such blocks, but for the platen's, which is the
            last one of its owner.
        modes: near-nullspace of the bodies' rows.
        platen_here: whether this rank owns the platen's row.
    """

    def __init__(self, block_size: int, modes: PETSc.NullSpace, platen_here: bool) -> None:
        self._block_size, self._modes, self._platen_here = block_size, modes, platen_here
        self._cycle: PETSc.PC | None = None

    def setUp(self, pc: PETSc.PC) -> None:
        """Set up the multigrid of the bodies, and what the platen adds to it."""
        matrix = pc.getOperators()[1]
        first, last = matrix.getOwnershipRange()
        split = last - int(self._platen_here)
        bodies = PETSc.IS().createStride(split - first, first=first, step=1, comm=matrix.comm)
        platen = PETSc.IS().createStride(last - split, first=split, step=1, comm=matrix.comm)
        if self._cycle is None:
            self._create(matrix, bodies, platen, pc.getOptionsPrefix() or "")
        else:
            matrix.createSubMatrix(bodies, bodies, self._stiffness)
            matrix.createSubMatrix(bodies, platen, self._column)
            matrix.createSubMatrix(platen, bodies, self._row)
            self._cycle.setOperators(self._stiffness)
        assert self._cycle is not None
        self._cycle.setUp()
        self._solve_border(matrix, split)

    def _create(self, matrix: PETSc.Mat, bodies: PETSc.IS, platen: PETSc.IS, prefix: str) -> None:
        self._bodies = bodies
        self._stiffness = matrix.createSubMatrix(bodies, bodies)
        self._stiffness.setBlockSize(self._block_size)
        self._stiffness.setNearNullSpace(self._modes)
        self._column = matrix.createSubMatrix(bodies, platen)
        self._row = matrix.createSubMatrix(platen, bodies)
        self._cycle = PETSc.PC().create(matrix.comm)
        self._cycle.setOptionsPrefix(prefix + "bodies_")
        self._cycle.setOperators(self._stiffness)
        self._cycle.setFromOptions()
        self._u, self._border = self._stiffness.createVecs()
        self._unit = self._column.createVecRight()
        self._unit.set(1.0)
        self._sum = self._row.createVecLeft()

    def _solve_border(self, matrix: PETSc.Mat, row: int) -> None:
        """w and the Schur complement; a few Krylov iterations, for they are used in every application."""
        solver = PETSc.KSP().create(matrix.comm)
        solver.setOperators(self._stiffness)
        solver.setPC(self._cycle)
        solver.setType("fgmres")
        solver.setTolerances(rtol=_BORDER_TOLERANCE, max_it=_BORDER_ITERATIONS)
        self._column.mult(self._unit, self._u)
        solver.solve(self._u, self._border)
        diagonal = matrix.getValue(row, row) if self._platen_here else 0.0
        self._schur = matrix.comm.tompi4py().allreduce(diagonal) - self._dot_row(self._border)
        solver.destroy()

    def _dot_row(self, u: PETSc.Vec) -> float:
        """kᵀ u."""
        self._row.mult(u, self._sum)
        return float(self._sum.sum())

    def apply(self, pc: PETSc.PC, r: PETSc.Vec, y: PETSc.Vec) -> None:
        """y ≈ (matrix)⁻¹ r."""
        assert self._cycle is not None
        right = r.getSubVector(self._bodies)
        self._cycle.apply(right, self._u)
        r.restoreSubVector(self._bodies, right)
        mine = float(r.array_r[-1]) if self._platen_here else 0.0
        imbalance = pc.comm.tompi4py().allreduce(mine)
        platen = (imbalance - self._dot_row(self._u)) / self._schur
        self._u.axpy(-platen, self._border)
        inside = np.s_[: self._u.getLocalSize()]
        y.array[inside] = self._u.array_r
        if self._platen_here:
            y.array[-1] = platen
