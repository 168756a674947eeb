"""Small problems built directly from terms: what the tests of the core mechanics share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import ufl
from dolfinx import fem, la
from mpi4py import MPI

from ssbmech import compat
from ssbmech.case.curves import LinearCurve
from ssbmech.discretise import make_setting
from ssbmech.domain.bodies import assign_bodies
from ssbmech.domain.interfaces import InterfaceFacets
from ssbmech.domain.mesh import TaggedMesh, read_mesh
from ssbmech.materials.chemical_strain import IsotropicChemicalStrain
from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.materials.elastic import IsotropicElasticity
from ssbmech.materials.friction import CoulombFriction
from ssbmech.materials.plasticity import FlowLaw
from ssbmech.physics.cohesion import Cohesion
from ssbmech.physics.interface_points import InterfacePoints
from ssbmech.physics.setting import Energy, Setting
from ssbmech.physics.solid import SmallStrainSolid
from ssbmech.solve.linear import LinearSolver
from ssbmech.solve.numbering import Constraints
from ssbmech.solve.system import CoupledSystem, NewtonOptions

COMM = MPI.COMM_WORLD

CAM = IsotropicElasticity(140e3, 0.30)
SE = IsotropicElasticity(22.1e3, 0.37)


def oedometric(law: IsotropicElasticity) -> float:
    """Modulus in uniaxial strain [MPa]."""
    return law.lame + 2 * law.shear_modulus


def shared_mesh(path: Path, write: Callable[[Path], Any]) -> TaggedMesh:
    """Rank 0 writes the mesh, all read it."""
    if COMM.rank == 0:
        write(path)
    COMM.barrier()
    return read_mesh(COMM, path)


@dataclass
class GivenStoichiometry:
    """Row of x that says x = ``value``: a stoichiometry, and with it an eigenstrain, that the test prescribes."""

    setting: Setting
    phase: str
    value: fem.Constant

    def residual(self) -> dict[str, ufl.Form]:
        x = self.setting["stoichiometry"]
        return {"stoichiometry": (x.value - self.value) * x.test * self.setting.dx_nodal(self.phase)}

    def energies(self) -> list[Energy]:
        return []


@dataclass
class OuterPressure:
    """∫ P n·v ds over a face: a pressure that follows no platen; with three values, of the principal axes x, y, z: ∫ Σ P_i n_i v_i ds."""

    setting: Setting
    face: str
    value: fem.Constant

    def residual(self) -> dict[str, ufl.Form]:
        v, n = self.setting["displacement"].test, self.setting.normal
        pressure = ufl.elem_mult(self.value, n) if self.value.ufl_shape else self.value * n
        return {"displacement": ufl.dot(pressure, v) * self.setting.ds(self.face)}

    def energies(self) -> list[Energy]:
        return []


@dataclass
class Laminate:
    """Mechanics of some bodies with interfaces, and the dofs that a test holds, moves or ties.

    Attributes:
        eigenstrain: phase -> constant with its isotropic linear strain.
        pressure: face -> constant with its pressure [MPa].
    """

    tagged: TaggedMesh
    phases: Mapping[str, IsotropicElasticity]
    laws: Mapping[tuple[str, str], CohesiveLaw]
    degree: int = 1
    strained: Sequence[str] = ()
    pressed: Sequence[str] = ()
    scalars: Sequence[str] = ()
    friction: Mapping[tuple[str, str], CoulombFriction] = field(default_factory=dict)
    tolerance: float | None = None
    flow: Mapping[str, FlowLaw] = field(default_factory=dict)
    setting: Setting = field(init=False)
    facets: InterfaceFacets = field(init=False)
    damage: fem.Function = field(init=False)
    solids: dict[str, SmallStrainSolid] = field(init=False)
    cohesion: dict[tuple[str, str], Cohesion] = field(init=False)
    eigenstrain: dict[str, fem.Constant] = field(init=False)
    pressure: dict[str, fem.Constant] = field(init=False)
    system: CoupledSystem = field(init=False)
    energy: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mesh = self.tagged.mesh
        bodies = assign_bodies(self.tagged, {name: [name, name + "_*"] for name in self.phases})
        carriers = {"displacement": list(self.phases)}
        if self.strained:
            carriers["stoichiometry"] = list(self.strained)
        s, self.facets = make_setting(
            self.tagged,
            bodies,
            list(self.laws),
            carriers,
            self.scalars,
            self.degree,
            interface_degree=2 * self.degree,
        )
        self.setting = s
        assert s.interface_mesh is not None
        self.damage = s.interface_mesh.function("damage")
        unit = LinearCurve(slope=1.0)
        self.solids = {
            name: SmallStrainSolid(
                s,
                name,
                law,
                IsotropicChemicalStrain(unit) if name in self.strained else None,
                self.flow.get(name),
            )
            for name, law in self.phases.items()
        }
        self.cohesion = {
            pair: Cohesion(s, pair, law, self.damage, self.friction.get(pair), self.tolerance)
            for pair, law in self.laws.items()
        }
        self.eigenstrain = {name: fem.Constant(mesh, 0.0) for name in self.strained}
        self.pressure = {name: fem.Constant(mesh, 0.0) for name in self.pressed}
        self._compile_probes()

    # -- dofs ----------------------------------------------------------------------------------------------------

    def dofs(self, face: str, axis: int) -> np.ndarray:
        space = self.setting["displacement"].broken.space
        return (
            fem.locate_dofs_topological(space, self.tagged.dim - 1, self.tagged.faces[face]) * self.tagged.dim
            + axis
        )

    def all_dofs(self, axis: int) -> np.ndarray:
        broken = self.setting["displacement"].broken
        return np.flatnonzero(broken.body_of_dof >= 0) * self.tagged.dim + axis

    def plane_dofs(self, axis: int, z: float, body: int) -> np.ndarray:
        """Dofs of one component of one body on a plane normal to the last axis."""
        broken = self.setting["displacement"].broken
        x = broken.space.tabulate_dof_coordinates()[: broken.body_of_dof.size]
        here = (np.abs(x[:, self.tagged.dim - 1] - z) < 1e-9) & (broken.body_of_dof == body)
        return np.flatnonzero(here) * self.tagged.dim + axis

    def constrain(
        self,
        held: Sequence[np.ndarray],
        tied: Mapping[str, np.ndarray] | None = None,
        equations: Mapping[str, Any] | None = None,
        tolerance: float = 1e-11,
    ) -> None:
        """Make the system: ``held`` dofs do not move (until :meth:`prescribe`), ``tied`` ones follow a scalar."""
        dofs = np.unique(np.concatenate(held)).astype(np.int32)
        ties = {name: values.astype(np.int32) for name, values in (tied or {}).items()}
        s = self.setting
        terms: list[Any] = [*self.solids.values(), *self.cohesion.values()]
        terms += [GivenStoichiometry(s, name, value) for name, value in self.eigenstrain.items()]
        terms += [OuterPressure(s, face, value) for face, value in self.pressure.items()]
        extent = self.tagged.upper - self.tagged.lower
        force = 100.0 * float(np.prod(extent[:-1]))
        references = {
            name: (lambda: 1.0) if name == "stoichiometry" else (lambda: force) for name in s.unknowns
        }
        scale = {name: 1.0 if name == "stoichiometry" else 1e-5 for name in s.unknowns}
        self.system = CoupledSystem(
            s,
            terms,
            {"displacement": Constraints(dofs, np.zeros(dofs.size), ties)},
            equations or {},
            references,
            LinearSolver("direct"),
            NewtonOptions(tolerance=tolerance, scale=scale),
        )

    def prescribe(self, dofs: np.ndarray, value: float) -> None:
        constraint = self.system.constraints["displacement"]
        constraint.values[np.isin(constraint.prescribed, dofs)] = value

    # -- solving -------------------------------------------------------------------------------------------------

    def solve(self) -> int:
        """Solve the step, then make damage and fields history; energies of the step go to ``energy``."""
        iterations = self.system.solve()
        self.accept()
        return iterations

    def accept(self) -> None:
        """Make what was solved history."""
        self._account()
        damage = {
            pair: self._point_values(form)[self._rows[pair]] for pair, form in self._damage_forms.items()
        }
        self.system.accept()
        for pair, values in damage.items():
            self.damage.x.array[self._rows[pair]] = values

    def _compile_probes(self) -> None:
        interface = self.setting.interface_mesh
        assert interface is not None
        self._maps = interface.entity_maps
        q = ufl.TestFunction(interface.space)("+")
        self._damage_forms, self._weights, self._rows = {}, {}, {}
        for pair, term in self.cohesion.items():
            dS = self.setting.dS(pair)
            zero = 0.0 * self.setting.time_step
            self._damage_forms[pair] = compat.form((zero + term.new_damage()[0]) * q * dS, self._maps)
            weight = self._assembled(compat.form((zero + 1.0) * q * dS, self._maps))
            self._rows[pair] = np.flatnonzero(weight > 0)
            self._weights[pair] = weight
        self._all_weights = np.maximum(sum(self._weights.values()), 1e-300)
        self._energy_forms = [
            (e.name, e.kind, compat.form(e.form, self._maps))
            for term in [*self.solids.values(), *self.cohesion.values()]
            for e in term.energies()
        ]
        self._stored = 0.0

    def _assembled(self, form: Any) -> np.ndarray:
        vector = fem.assemble_vector(form)
        vector.scatter_reverse(la.InsertMode.add)
        return np.array(vector.array)

    def _point_values(self, form: Any) -> np.ndarray:
        return self._assembled(form) / self._all_weights

    def _account(self) -> None:
        stored = 0.0
        for name, kind, form in self._energy_forms:
            value = COMM.allreduce(float(fem.assemble_scalar(form)))
            if kind == "stored":
                stored += value
            else:
                self.energy[name] = self.energy.get(name, 0.0) + value
        self.energy["stored"] = stored

    # -- evaluation ----------------------------------------------------------------------------------------------

    def integral(self, expression: Any) -> float:
        """Value of a form over all ranks."""
        return COMM.allreduce(float(fem.assemble_scalar(compat.form(expression, self._maps))))

    def area(self, pair: tuple[str, str]) -> float:
        return self.integral((1.0 + 0.0 * self.setting.time_step) * self.setting.dS(pair))

    def mean_opening(self, pair: tuple[str, str]) -> float:
        term = self.cohesion[pair]
        return self.integral(ufl.dot(term.jump, term.normal) * self.setting.dS(pair)) / self.area(pair)

    def mean_traction(self, pair: tuple[str, str]) -> float:
        """Mean normal traction [MPa], of the current jump and the damage that history holds."""
        term = self.cohesion[pair]
        traction = ufl.dot(term.traction(), term.normal)
        return self.integral(traction * self.setting.dS(pair)) / self.area(pair)

    def volume(self, phase: str) -> float:
        return self.integral((1.0 + 0.0 * self.setting.time_step) * self.setting.dx(phase))

    def mean(self, expression: Any, phase: str) -> float:
        return self.integral(expression * self.setting.dx(phase)) / self.volume(phase)

    def deepest(self, pair: tuple[str, str]) -> float:
        """Largest overlap of the faces at any point [um]."""
        term, points = self.cohesion[pair], InterfacePoints(self.setting, pair)
        opening = points.values(points.compiled(ufl.dot(term.jump, term.normal)))
        return COMM.allreduce(float(max(0.0, -opening.min(initial=0.0))), MPI.MAX)

    def damage_range(self, pair: tuple[str, str]) -> tuple[float, float]:
        values = self.damage.x.array[self._rows[pair]]
        low = COMM.allreduce(float(values.min()) if values.size else np.inf, MPI.MIN)
        return low, COMM.allreduce(float(values.max()) if values.size else -np.inf, MPI.MAX)
