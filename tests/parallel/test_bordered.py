"""The mechanics' preconditioner inverts a bordered matrix exactly when the cycle inside it does."""

from __future__ import annotations

import numpy as np
import pytest
from mpi4py import MPI
from petsc4py import PETSc

from ssbmech.solve.bordered import BorderedMultigrid

COMM = MPI.COMM_WORLD
BLOCKS_PER_RANK, BLOCK = 20, 3


def bordered(stiffer: float) -> PETSc.Mat:
    """A chain of blocks with a border row and column, the last row of rank 0; ``stiffer`` scales the chain."""
    mine = BLOCKS_PER_RANK * BLOCK
    first = COMM.rank * mine + (1 if COMM.rank > 0 else 0)
    local, size = mine + (COMM.rank == 0), COMM.size * mine + 1
    border = mine
    matrix = PETSc.Mat().createAIJ([(local, size), (local, size)], nnz=(local, 4 * BLOCK + 1), comm=COMM)
    matrix.setOption(PETSc.Mat.Option.NEW_NONZERO_ALLOCATION_ERR, False)
    for row in range(first, first + mine):
        matrix.setValue(row, row, stiffer * (2.5 + 0.1 * np.sin(row)))
        for neighbour in (row - BLOCK, row + BLOCK):
            # Across the border's row the chain has a gap, which does not matter here.
            if 0 <= neighbour < size and neighbour != border:
                matrix.setValue(row, neighbour, -stiffer)
        matrix.setValue(row, border, 0.1 * np.cos(row))
        matrix.setValue(border, row, 0.1 * np.cos(row), addv=PETSc.InsertMode.INSERT_VALUES)
    if COMM.rank == 0:
        matrix.setValue(border, border, 50.0)
    matrix.assemble()
    return matrix


def modes(local: int) -> PETSc.NullSpace:
    ones = PETSc.Vec().createMPI((local, PETSc.DETERMINE), bsize=BLOCK, comm=COMM)
    ones.set(1.0)
    ones.normalize()
    return PETSc.NullSpace().create(vectors=[ones], comm=COMM)


@pytest.mark.parametrize("rebuilt", [False, True])
def test_exact_with_an_exact_cycle(rebuilt: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssbmech.solve.bordered._BORDER_TOLERANCE", 1e-13)
    options = PETSc.Options()
    options["bordered_bodies_pc_type"] = "lu"
    options["bordered_bodies_pc_factor_mat_solver_type"] = "mumps"
    matrix = bordered(1.0)
    ksp = PETSc.KSP().create(COMM)
    ksp.setOptionsPrefix("bordered_")
    ksp.setOperators(matrix)
    ksp.setType("fgmres")
    ksp.setTolerances(rtol=1e-10, max_it=1)
    pc = ksp.getPC()
    pc.setType("python")
    pc.setPythonContext(BorderedMultigrid(BLOCK, modes(BLOCKS_PER_RANK * BLOCK), int(COMM.rank == 0)))
    solution, right = matrix.createVecs()
    solution.set(1.0)
    matrix.mult(solution, right)
    ksp.solve(right, solution)
    if rebuilt:
        bordered(3.0).copy(matrix, PETSc.Mat.Structure.SAME_NONZERO_PATTERN)
        matrix.mult(solution, right)
        ksp.solve(right, solution)
    assert ksp.getConvergedReason() > 0, "one iteration is enough"
    # Condition of a few hundred times rounding.
    assert np.abs(solution.array_r - 1.0).max() < 1e-9 if solution.getLocalSize() else True
