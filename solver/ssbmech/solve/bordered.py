"""Preconditioner of the mechanics: multigrid for the bodies, the plates exactly.

The platen's one displacement is tied to a whole face of the stack, and so are those of plates that press the sides. Multigrid works on
the blocks of the bodies' displacements, and the plates' U follow from their Schur complement: with the mechanics [[K, k], [kᵀ, κ]] and a
multigrid cycle M ≈ K⁻¹,

    y = M r_u,   U = (κ − kᵀ w)⁻¹ (r_U − kᵀ y),   u = y − w U,      w ≈ K⁻¹ k

One cycle per application. Left to a relaxation of its own, U would see the stiffness of one layer of elements instead of that of the
stack, and every change of the load would cost tens of iterations.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from petsc4py import PETSc

Floats = npt.NDArray[np.float64]

_BORDER_TOLERANCE, _BORDER_ITERATIONS = 1e-2, 20


class BorderedMultigrid:
    """Context of a PETSc ``python`` preconditioner.

    Args:
        block_size: components of the displacement; the rows of the matrix come in such blocks, but for the plates', which are the
            last ones of their owner.
        modes: near-nullspace of the bodies' rows.
        plates_here: how many of the plates' rows this rank owns: all or none.
    """

    def __init__(self, block_size: int, modes: PETSc.NullSpace, plates_here: int) -> None:
        self._block_size, self._modes, self._plates_here = block_size, modes, plates_here
        self._cycle: PETSc.PC | None = None

    def setUp(self, pc: PETSc.PC) -> None:
        """Set up the multigrid of the bodies, and what the platen adds to it."""
        matrix = pc.getOperators()[1]
        first, last = matrix.getOwnershipRange()
        split = last - self._plates_here
        bodies = PETSc.IS().createStride(split - first, first=first, step=1, comm=matrix.comm)
        plates = PETSc.IS().createStride(last - split, first=split, step=1, comm=matrix.comm)
        if self._cycle is None:
            self._create(matrix, bodies, plates, pc.getOptionsPrefix() or "")
        else:
            matrix.createSubMatrix(bodies, bodies, self._stiffness)
            matrix.createSubMatrix(bodies, plates, self._columns)
            matrix.createSubMatrix(plates, bodies, self._rows)
            self._cycle.setOperators(self._stiffness)
        assert self._cycle is not None
        self._cycle.setUp()
        self._solve_border(matrix, split)

    def _create(self, matrix: PETSc.Mat, bodies: PETSc.IS, plates: PETSc.IS, prefix: str) -> None:
        self._bodies = bodies
        self._stiffness = matrix.createSubMatrix(bodies, bodies)
        self._stiffness.setBlockSize(self._block_size)
        self._stiffness.setNearNullSpace(self._modes)
        self._columns = matrix.createSubMatrix(bodies, plates)
        self._rows = matrix.createSubMatrix(plates, bodies)
        self._cycle = PETSc.PC().create(matrix.comm)
        self._cycle.setOptionsPrefix(prefix + "bodies_")
        self._cycle.setOperators(self._stiffness)
        self._cycle.setFromOptions()
        self._u = self._stiffness.createVecRight()
        self._unit = self._columns.createVecRight()
        self._border = [self._stiffness.createVecRight() for _ in range(self._unit.getSize())]
        self._sums = self._rows.createVecLeft()

    def _solve_border(self, matrix: PETSc.Mat, first_row: int) -> None:
        """w and the Schur complement; a few Krylov iterations, for they are used in every application."""
        solver = PETSc.KSP().create(matrix.comm)
        solver.setOperators(self._stiffness)
        solver.setPC(self._cycle)
        solver.setType("fgmres")
        solver.setTolerances(rtol=_BORDER_TOLERANCE, max_it=_BORDER_ITERATIONS)
        count = len(self._border)
        diagonal = np.zeros((count, count))
        if self._plates_here:
            rows = np.arange(first_row, first_row + count, dtype=PETSc.IntType)
            diagonal[:] = matrix.getValues(rows, rows)
        self._schur = matrix.comm.tompi4py().allreduce(diagonal)
        for number, border in enumerate(self._border):
            if self._plates_here:
                self._unit.array[:] = np.arange(count) == number
            self._columns.mult(self._unit, self._u)
            solver.solve(self._u, border)
            self._schur[:, number] -= self._dot_rows(border)
        solver.destroy()

    def _dot_rows(self, u: PETSc.Vec) -> Floats:
        """kᵀ u."""
        self._rows.mult(u, self._sums)
        return self._everywhere(self._sums.array_r)

    def _everywhere(self, of_plates: Floats) -> Floats:
        """(plates,) values on all ranks of what their owner has."""
        values = of_plates if self._plates_here else np.zeros(len(self._border))
        total: Floats = self._stiffness.comm.tompi4py().allreduce(np.array(values))
        return total

    def apply(self, pc: PETSc.PC, r: PETSc.Vec, y: PETSc.Vec) -> None:
        """y ≈ (matrix)⁻¹ r."""
        assert self._cycle is not None
        right = r.getSubVector(self._bodies)
        self._cycle.apply(right, self._u)
        r.restoreSubVector(self._bodies, right)
        inside = self._u.getLocalSize()
        imbalance = self._everywhere(r.array_r[inside:])
        plates = np.linalg.solve(self._schur, imbalance - self._dot_rows(self._u))
        for displacement, border in zip(plates, self._border, strict=True):
            self._u.axpy(-displacement, border)
        y.array[:inside] = self._u.array_r
        if self._plates_here:
            y.array[inside:] = plates
