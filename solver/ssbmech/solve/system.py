"""The coupled nonlinear system: residual and Jacobian of all fields together, solved by one Newton method (PETSc SNES)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import fem, la
from mpi4py import MPI
from petsc4py import PETSc

from ssbmech import compat
from ssbmech.physics.algebraic import AlgebraicTerm
from ssbmech.physics.setting import LocalState, Setting, Stateful, Unknown, UnsettledError, add_forms
from ssbmech.physics.setting import Term as Term
from ssbmech.solve.failure import describe_failure
from ssbmech.solve.linear import LinearSolver
from ssbmech.solve.matrix import CoupledMatrix
from ssbmech.solve.numbering import Constraints, Numbering

Floats = npt.NDArray[np.float64]


_BOLDNESS = 0.9
"""Share of its distance from a bound by which a value may change in one Newton iteration."""

_AUGMENTATIONS = 20
"""Repetitions of a solve for the sake of the local states, at most; what then still exceeds its tolerance is reported as it is."""


class SolveError(RuntimeError):
    """A nonlinear solve that did not converge; the message names the field."""


class GlobalEquation(Protocol):
    """The equation of a global unknown s: weight · S + rest(s) = 0, S being the sum of the rows tied to s."""

    def weight(self) -> float:
        """Factor on the tied sum; 0 turns the equation into a constraint."""

    def rest(self, value: float) -> tuple[float, float]:
        """The remaining part and its derivative."""


@dataclass
class Timings:
    """Seconds spent, and counts."""

    assembly: float = 0.0
    preconditioner: float = 0.0
    solve: float = 0.0
    newton: int = 0
    krylov: int = 0


@dataclass
class NewtonOptions:
    """Limits of the nonlinear solve.

    Attributes:
        maximum_iterations: then the step is rejected.
        tolerance: allowed sum of absolute nodal imbalances of a field, relative to its reference.
        scale: field -> factor on its rows, brings the diagonal blocks to one order of magnitude.
        bounds: field -> open interval that no iterate leaves.
    """

    maximum_iterations: int = 25
    tolerance: float = 1e-8
    scale: dict[str, float] = field(default_factory=dict)
    bounds: dict[str, tuple[float, float]] = field(default_factory=dict)


class CoupledSystem:
    """All unknowns, their residual, their Jacobian, and the Newton solver.

    Args:
        setting: discrete setting with the unknowns.
        terms: weak-form terms.
        constraints: field -> prescribed and tied dofs.
        equations: global unknown -> its equation.
        references: field -> callable that gives the reference of its residual (see :class:`NewtonOptions`).
        linear: linear solver.
        options: limits.
        algebraic: terms that are no forms.
    """

    def __init__(
        self,
        setting: Setting,
        terms: list[Term],
        constraints: Mapping[str, Constraints],
        equations: Mapping[str, GlobalEquation],
        references: Mapping[str, Callable[[], float]],
        linear: LinearSolver,
        options: NewtonOptions,
        algebraic: Sequence[AlgebraicTerm] = (),
    ) -> None:
        self.setting, self.terms, self.options = setting, terms, options
        self.algebraic = list(algebraic)
        self.unknowns: dict[str, Unknown] = setting.unknowns
        self.comm = setting.mesh.comm
        self.constraints, self.equations, self.references = constraints, equations, references
        self.numbering = Numbering(self.unknowns, constraints)
        self.scale = {name: options.scale.get(name, 1.0) for name in self.unknowns}
        self.timings = Timings()
        self.krylov = 0
        """Krylov iterations of the last :meth:`solve`."""
        self.hardest = 0
        """Most Newton iterations that one solve of the last :meth:`solve` took."""
        self.tied_sum: dict[str, float] = {}
        self.reactions: dict[str, Floats] = {}
        self.field_norms: dict[str, float] = {}
        self.body_names: dict[int, str] = {}
        """Names of the bodies, for messages."""
        stateful = [t for t in [*terms, *self.algebraic] if isinstance(t, Stateful)]
        self.states: list[LocalState] = [s for t in stateful for s in t.states()]
        self._compile()
        self.linear = linear
        self._set_up_solver()

    # -- forms ---------------------------------------------------------------------------------------------------

    def _compile(self) -> None:
        maps = self.setting.interface_mesh.entity_maps if self.setting.interface_mesh else []
        rows: dict[str, ufl.Form] = {}
        for term in self.terms:
            add_forms(rows, term.residual())
        self._residual_forms = {name: compat.form(form, maps) for name, form in rows.items()}
        self._vectors = {name: compat.vector(form) for name, form in self._residual_forms.items()}
        jacobian = {}
        for i, form in rows.items():
            for j in self.unknowns:
                derivative = self._derivative(form, i, j)
                if not derivative.empty():
                    jacobian[i, j] = derivative
        self.jacobian = CoupledMatrix(jacobian, maps, self.numbering, self.scale, self.algebraic)

    def _derivative(self, form: ufl.Form, i: str, j: str) -> ufl.Form:
        """Derivative of row i by field j; where their block sizes differ, on the unrolled spaces."""
        row, column = self.unknowns[i], self.unknowns[j]
        trial = column.trial
        if row.broken.block_size != column.broken.block_size:
            trial = ufl.TrialFunction(column.broken.unrolled)
            form = ufl.replace(form, {row.test: ufl.TestFunction(row.broken.unrolled)})
        return ufl.algorithms.expand_derivatives(ufl.derivative(form, column.value, trial))

    def _set_up_solver(self) -> None:
        n = self.numbering
        self.state = PETSc.Vec().createMPI((n.local_size, n.global_size), comm=self.comm)
        self._function = self.state.duplicate()
        snes = PETSc.SNES().create(self.comm)
        snes.setOptionsPrefix("ssbmech_")
        snes.setFunction(self._residual_callback, self._function)
        snes.setJacobian(self._jacobian_callback, self.jacobian.matrix)
        snes.setTolerances(max_it=self.options.maximum_iterations)
        snes.setConvergenceTest(self._converged)
        if self.options.bounds:
            snes.setLineSearchPreCheck(self._keep_admissible)
        self.linear.attach(snes, self)
        snes.setFromOptions()
        self.snes = snes

    def _renew_solver(self) -> None:
        """A new solver, of a new matrix, or after an error: MUMPS then fails on regular matrices too, and PETSc leaves vectors locked."""
        for part in (self.snes, self.state, self._function):
            part.destroy()
        self._set_up_solver()

    # -- state ---------------------------------------------------------------------------------------------------

    def read_state(self, x: PETSc.Vec) -> None:
        """Put a solution vector into the fields (ghosts, ties and prescribed values included)."""
        n, values = self.numbering, x.array_r
        scalars = self._scalars(values)
        for name, unknown in self.unknowns.items():
            array, offset = unknown.value.x.array, n.first[name] - n.start
            array[: n.count[name]] = values[offset : offset + n.count[name]]
            unknown.value.x.scatter_forward()
            constraint = self.constraints.get(name)
            if constraint is not None:
                array[constraint.prescribed] = constraint.values
                for scalar, dofs in constraint.tied.items():
                    array[dofs] = scalars[scalar]

    def write_state(self, x: PETSc.Vec) -> None:
        """Collect the fields into a solution vector."""
        n = self.numbering
        for name, unknown in self.unknowns.items():
            offset = n.first[name] - n.start
            x.array[offset : offset + n.count[name]] = unknown.value.x.array[: n.count[name]]

    def _scalars(self, values: Floats) -> dict[str, float]:
        n = self.numbering
        mine = (
            [float(values[row - n.start]) for row in n.scalar_row.values()] if self.comm.rank == 0 else None
        )
        return dict(zip(n.scalar_row, self.comm.bcast(mine), strict=True))

    def accept(self) -> None:
        """Accept the step: local states and fields become history."""
        for state in self.states:
            state.conclude()
        for state in self.states:
            state.accept()
        for unknown in self.unknowns.values():
            unknown.accept()

    def restore(self) -> None:
        """Back to the beginning of the step."""
        for unknown in self.unknowns.values():
            unknown.restore()
        for state in self.states:
            state.restore()

    # -- callbacks -----------------------------------------------------------------------------------------------

    def _assemble_rows(self) -> dict[str, Floats]:
        """Residual of every field at the owned dofs, unscaled, ties not yet applied."""
        out = {}
        for name, form in self._residual_forms.items():
            vector = self._vectors[name]
            vector.array[:] = 0.0
            fem.assemble_vector(vector.array, form)
            vector.scatter_reverse(la.InsertMode.add)
            out[name] = vector.array[: self.numbering.count[name]].copy()
        for term in self.algebraic:
            out[term.field] += term.residual()
        return out

    def evaluate(self) -> tuple[dict[str, Floats], dict[str, float]]:
        """Residual rows by field at the current fields, and the sums tied to the global unknowns."""
        n = self.numbering
        for state in self.states:
            state.update()
        rows = self._assemble_rows()
        self.reactions = {}
        sums = dict.fromkeys(n.scalar_row, 0.0)
        for name, values in rows.items():
            idle = n.idle[name]
            self.reactions[name] = values[idle]
            target = n.row[name][idle]
            for scalar, row in n.scalar_row.items():
                sums[scalar] += float(values[idle][target == row].sum())
                if name == scalar and values.size:
                    sums[scalar] += float(values[0])
            if name not in n.scalar_row:
                values[idle] = 0.0
        total = self.comm.allreduce(np.array([sums[s] for s in n.scalar_row]))
        self.tied_sum = {s: float(v) for s, v in zip(n.scalar_row, total, strict=True)}
        for name in n.scalar_row:
            value = self._own_scalar(name)
            rest, _ = self.equations[name].rest(value)
            residual = self.equations[name].weight() * self.tied_sum[name] + rest
            rows[name] = np.full(n.count[name], residual)
        return rows, self.tied_sum

    def _own_scalar(self, name: str) -> float:
        return float(self.unknowns[name].value.x.array[0])

    def _residual_callback(self, snes: PETSc.SNES, x: PETSc.Vec, f: PETSc.Vec) -> None:
        begin = time.perf_counter()
        self.read_state(x)
        rows, _ = self.evaluate()
        n = self.numbering
        for name in self.unknowns:
            offset = n.first[name] - n.start
            f.array[offset : offset + n.count[name]] = rows[name] * self.scale[name]
        self.timings.assembly += time.perf_counter() - begin

    def _jacobian_callback(self, snes: PETSc.SNES, x: PETSc.Vec, a: PETSc.Mat, p: PETSc.Mat) -> None:
        begin = time.perf_counter()
        self.read_state(x)
        self.assemble_jacobian()
        self.timings.assembly += time.perf_counter() - begin

    def _keep_admissible(self, x: PETSc.Vec, update: PETSc.Vec) -> bool:
        """Cut a Newton update (x becomes x − update) that would leave the bounds of a field; True if it changed.

        A bad iterate, for instance where a face has just closed, may ask a node for more lithium than there is, and kinetics and
        potentials exist for 0 < x < 1 only.
        """
        n, changed = self.numbering, False
        for name, (low, high) in self.options.bounds.items():
            offset = n.first[name] - n.start
            part = slice(offset, offset + n.count[name])
            old, change = x.array_r[part], update.array_r[part]
            cut = np.clip(change, -_BOLDNESS * (high - old), _BOLDNESS * (old - low))
            if (cut != change).any():
                changed = True
                update.array[part] = cut
        return bool(self.comm.allreduce(changed, MPI.LOR))

    def assemble_jacobian(self) -> None:
        """Fill the coupled matrix at the current fields."""
        for state in self.states:
            state.update()
        weights, diagonal = {}, {}
        for name in self.numbering.scalar_row:
            weights[name] = self.equations[name].weight()
            _, diagonal[name] = self.equations[name].rest(self._own_scalar(name))
        self.jacobian.assemble(weights, diagonal)

    # -- convergence ---------------------------------------------------------------------------------------------

    def _norms(self, f: PETSc.Vec) -> dict[str, float]:
        n = self.numbering
        local = []
        for name in self.unknowns:
            offset = n.first[name] - n.start
            local.append(np.abs(f.array_r[offset : offset + n.count[name]]).sum() / self.scale[name])
        total = self.comm.allreduce(np.array(local), MPI.SUM)
        return dict(zip(self.unknowns, map(float, total), strict=True))

    def _converged(self, snes: PETSc.SNES, iteration: int, norms: tuple[float, float, float]) -> int:
        reason = PETSc.SNES.ConvergedReason
        self.field_norms = {
            name: value / max(self.references[name](), 1e-300)
            for name, value in self._norms(snes.getFunction()[0]).items()
        }
        if not np.isfinite(list(self.field_norms.values())).all():
            return int(reason.DIVERGED_FNORM_NAN)
        if all(value <= self.options.tolerance for value in self.field_norms.values()):
            return int(reason.CONVERGED_FNORM_RELATIVE)
        if iteration > 0 and max(self.field_norms.values()) > 1e12:
            return int(reason.DIVERGED_DTOL)
        return 0

    def solve(self) -> int:
        """Solve at the current time step, from the current fields, again where local states ask for it; returns the number of Newton
        iterations of all solves together.

        Raises:
            SolveError: not converged; the fields then hold the last iterate.
        """
        self.krylov = 0
        self.hardest = iterations = self._newton()
        for _ in range(_AUGMENTATIONS):
            if not self._augment():
                break
            more = self._newton()
            iterations, self.hardest = iterations + more, max(self.hardest, more)
        try:
            for state in self.states:
                state.settle()
        except UnsettledError as error:
            raise SolveError(str(error)) from error
        return iterations

    def _augment(self) -> bool:
        """Whether any local state asks for another solve."""
        begin = time.perf_counter()
        again = [state.augment() for state in self.states]  # every one is asked: the call is collective
        self.timings.assembly += time.perf_counter() - begin
        return any(again)

    def _newton(self) -> int:
        """One nonlinear solve from the current fields; returns the number of Newton iterations."""
        begin, assembly, setup = time.perf_counter(), self.timings.assembly, self.timings.preconditioner
        if self.jacobian.renew():
            self._renew_solver()
        self.write_state(self.state)
        try:
            self.snes.solve(None, self.state)
        except PETSc.Error as error:
            # Such as a factorisation that ran into a singular matrix: a step to be tried shorter.
            self._renew_solver()
            raise SolveError(f"the linear solver failed (PETSc error {error.ierr})") from error
        self.read_state(self.state)
        iterations, krylov = int(self.snes.getIterationNumber()), int(self.snes.getLinearSolveIterations())
        self.timings.newton += iterations
        self.timings.krylov += krylov
        self.krylov += krylov
        spent = time.perf_counter() - begin
        self.timings.solve += (
            spent - (self.timings.assembly - assembly) - (self.timings.preconditioner - setup)
        )
        if self.snes.getConvergedReason() <= 0:
            failure, reason = describe_failure(self), PETSc.SNES.ConvergedReason
            if self.snes.getConvergedReason() in (reason.DIVERGED_LINEAR_SOLVE, reason.DIVERGED_FNORM_NAN):
                self._renew_solver()
            self.linear.renew()
            raise SolveError(failure)
        return iterations
