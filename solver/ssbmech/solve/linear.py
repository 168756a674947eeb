"""Linear solvers of the coupled system: a direct one for small problems, a field-split multigrid one for large ones."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from petsc4py import PETSc

from ssbmech.domain.broken import BrokenSpace
from ssbmech.fields import PLATES
from ssbmech.solve.bordered import BorderedMultigrid

if TYPE_CHECKING:
    from ssbmech.solve.system import CoupledSystem

Kind = Literal["direct", "field_split"]

PREFIX = "ssbmech_"

_MAXIMUM_ITERATIONS = 80

_ALLOWED_GROWTH, _SMOOTH_CONTRACTION = 8, 0.1

_FIELD_SPLIT: dict[str, Any] = {
    "ksp_type": "fgmres",
    # Tight: the imbalances of charge are small numbers beside those of force, and Newton's method needs a third fewer iterations.
    "ksp_rtol": 1e-6,
    # A solve that a stale preconditioner leaves short is no failure: Newton goes on with what it gave, and a new one is built.
    "ksp_max_it": _MAXIMUM_ITERATIONS,
    "snes_max_linear_solve_fail": 1000,
    "ksp_gmres_restart": 100,
    "pc_type": "fieldsplit",
    "pc_fieldsplit_type": "multiplicative",
    "fieldsplit_mechanics_ksp_type": "preonly",
    "fieldsplit_mechanics_pc_type": "python",
    "fieldsplit_mechanics_bodies_pc_type": "gamg",
    "fieldsplit_mechanics_bodies_pc_gamg_threshold": 0.01,
    # PETSc would keep the prolongation of the first matrix, where every face is bonded.
    "fieldsplit_mechanics_bodies_pc_gamg_reuse_interpolation": False,
    "fieldsplit_mechanics_bodies_mg_levels_ksp_type": "chebyshev",
    "fieldsplit_mechanics_bodies_mg_levels_pc_type": "jacobi",
    "fieldsplit_mechanics_bodies_mg_levels_ksp_max_it": 3,
    # Lithium, charge and the collector potential belong together: apart, each open or closed face takes iterations of its own.
    # The block is scalar and decomposes by particle, so that factorising it stays cheap.
    "fieldsplit_electrochemistry_ksp_type": "preonly",
    "fieldsplit_electrochemistry_pc_type": "lu",
    "fieldsplit_electrochemistry_pc_factor_mat_solver_type": "mumps",
    "fieldsplit_electrochemistry_mat_mumps_icntl_14": 60,
}

_DIRECT: dict[str, Any] = {
    "ksp_type": "preonly",
    "pc_type": "lu",
    "pc_factor_mat_solver_type": "mumps",
    "mat_mumps_icntl_14": 60,
}

_SPLITS = {
    "mechanics": ("displacement", *PLATES),
    "electrochemistry": (
        "potential",
        "stoichiometry",
        "stress_potential",
        "collector_potential",
        "wire_potential",
    ),
}


class LinearSolver:
    """Sets up the Krylov method of the Newton solver, and decides when the preconditioner is renewed.

    Args:
        kind: ``direct`` or ``field_split``.
        options: PETSc options that have the last word (without prefix).
    """

    def __init__(self, kind: Kind, options: dict[str, Any] | None = None) -> None:
        self.kind = kind
        self._user = dict(options or {})
        self._system: CoupledSystem | None = None
        self._forget()

    def _forget(self) -> None:
        """No preconditioner has been built yet."""
        self._fresh_iterations = 0
        self._age = 0
        self._renew = False
        self._worst = 0.0
        self._context_missing = True

    def attach(self, snes: PETSc.SNES, system: CoupledSystem) -> None:
        """Choose options and, for the field split, tell PETSc the fields; a second solver takes the place of the first."""
        self._forget()
        self._system = system
        options = {
            # Full steps: contact and debonding make the residual rise for an iteration or two on the way to the solution, and a
            # line search that forbids it takes a quarter more iterations and fails twice as often.
            "snes_linesearch_type": "basic",
            **(_DIRECT if self.kind == "direct" else _FIELD_SPLIT),
            **self._user,
        }
        database = PETSc.Options()
        database["options_left"] = False  # a split without unknowns leaves its options unused
        for key, value in options.items():
            database[PREFIX + key] = "" if value is None else value
        ksp = snes.getKSP()
        if self.kind == "field_split":
            self._name_fields(ksp.getPC(), system)
        ksp.setFromOptions()
        ksp.setPreSolve(self._before_solve)

    def _name_fields(self, pc: PETSc.PC, system: CoupledSystem) -> None:
        pc.setType("fieldsplit")
        n = system.numbering
        for split, names in _SPLITS.items():
            present = [name for name in names if name in n.first]
            if not present:
                continue
            rows = np.concatenate([n.own_row[name] for name in present]).astype(PETSc.IntType)
            pc.setFieldSplitIS((split, PETSc.IS().createGeneral(np.sort(rows), comm=n.comm)))

    def _give_contexts(self, pc: PETSc.PC) -> None:
        """Hand the mechanics' preconditioner what PETSc options cannot say."""
        assert self._system is not None
        system = self._system
        if "displacement" not in system.unknowns or self.kind != "field_split":
            return
        inner = pc.getFieldSplitSubKSP()[0].getPC()
        if inner.getType() == "python":
            broken, n = system.unknowns["displacement"].broken, system.numbering
            modes = rigid_body_modes(broken, n.comm)
            plates = sum(name in PLATES for name in n.scalar_row) if n.comm.rank == n.scalar_owner else 0
            inner.setPythonContext(BorderedMultigrid(broken.block_size, modes, plates))

    def _before_solve(self, ksp: PETSc.KSP, rhs: PETSc.Vec, x: PETSc.Vec) -> None:
        """Set up the preconditioner, or keep the last one while it still serves well; the time is booked apart."""
        assert self._system is not None
        iterations = int(ksp.getIterationNumber())
        if self._age == 1:
            self._fresh_iterations = iterations
        renew = self.kind == "direct" or self._renew or self._age == 0 or self._is_stale(iterations)
        self._age = 1 if renew else self._age + 1
        self._renew = False
        ksp.getPC().setReusePreconditioner(not renew)
        begin = time.perf_counter()
        ksp.setUp()
        if self._context_missing:
            self._give_contexts(ksp.getPC())
            self._context_missing = False
        ksp.setUpOnBlocks()
        self._system.timings.preconditioner += time.perf_counter() - begin

    def _is_stale(self, iterations: int) -> bool:
        """Whether the tangent has changed so much since the preconditioner was built that a new one pays.

        Either the last solve took more iterations than the first one with it, or faces have opened or closed since: then Newton's
        method did not contract as it does on a smooth residual.
        """
        assert self._system is not None
        worst, before = max(self._system.field_norms.values()), self._worst
        self._worst = worst
        rough = self._system.snes.getIterationNumber() > 0 and worst > _SMOOTH_CONTRACTION * before
        return rough or iterations > self._fresh_iterations + _ALLOWED_GROWTH

    def renew(self) -> None:
        """Build the preconditioner anew at the next solve, for instance after a failed step."""
        self._renew = True


def rigid_body_modes(broken: BrokenSpace, comm: Any) -> PETSc.NullSpace:
    """Translations and rotations of all bodies together, the near-nullspace of elasticity."""
    space, bs = broken.space, broken.block_size
    x = space.tabulate_dof_coordinates()[: broken.owned]
    x = x - comm.allreduce(x.sum(axis=0)) / max(comm.allreduce(x.shape[0]), 1)
    modes = []
    for axis in range(bs):
        mode = np.zeros((broken.owned, bs))
        mode[:, axis] = 1.0
        modes.append(mode)
    for i, j in ((0, 1), (0, 2), (1, 2))[: 1 if bs == 2 else 3]:
        mode = np.zeros((broken.owned, bs))
        mode[:, i], mode[:, j] = -x[:, j], x[:, i]
        modes.append(mode)
    vectors: list[PETSc.Vec] = []
    for mode in modes:
        vector = PETSc.Vec().createMPI((mode.size, PETSc.DETERMINE), bsize=bs, comm=comm)
        vector.array[:] = mode.reshape(-1)
        for other in vectors:
            vector.axpy(-vector.dot(other), other)
        vector.normalize()
        vectors.append(vector)
    return PETSc.NullSpace().create(vectors=vectors, comm=comm)
