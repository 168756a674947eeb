"""What the tests of plasticity and finite strain share: bodies under prescribed displacements, pressures and stoichiometries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI
from support_coupled import Added

from ssbmech import compat
from ssbmech.discretise import make_setting
from ssbmech.domain.bodies import assign_bodies
from ssbmech.domain.mesh import TaggedMesh, read_mesh
from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.physics.cohesion import Cohesion
from ssbmech.physics.finite_solid import FiniteStrainSolid
from ssbmech.physics.kinematics import cofactor, deformation_gradient
from ssbmech.physics.setting import Setting
from ssbmech.physics.solid import SmallStrainSolid
from ssbmech.solve.linear import LinearSolver
from ssbmech.solve.numbering import Constraints
from ssbmech.solve.system import CoupledSystem, NewtonOptions
from ssbmech.stack.boundary import face_dofs
from ssbmech_mesh.primitives import concentric_octant, layered_block
from ssbmech_mesh.simplex import SimplexMesh

COMM = MPI.COMM_WORLD
ROLLERS = (("x-", 0), ("y-", 1), ("z-", 2))

Floats = Any


def meshed(path: Path, write: Callable[[Path], Any]) -> TaggedMesh:
    """The mesh that rank 0 writes, read by all ranks."""
    if COMM.rank == 0:
        write(path)
    COMM.barrier()
    return read_mesh(COMM, path)


def block(folder: Path, cells: int = 1, name: str = "solid") -> TaggedMesh:
    """The unit cube."""
    return meshed(
        folder / f"block{cells}.msh",
        lambda path: layered_block(path, [1.0, 1.0], [1.0], [name], [cells, cells, [cells]]),
    )


def square(folder: Path) -> TaggedMesh:
    """The unit square, for plane strain."""
    return meshed(folder / "square.msh", lambda path: layered_block(path, [1.0], [1.0], ["solid"], [2, [2]]))


def octant(folder: Path, a: float, b: float | None, sizes: Sequence[float]) -> TaggedMesh:
    """The octant of a sphere ``core`` (of radius a), and of a ``shell`` to radius b."""
    return meshed(folder / f"octant{a}_{b}_{sizes[1]}.msh", lambda path: concentric_octant(path, a, b, sizes))


def hollow_octant(folder: Path, a: float, b: float, sizes: Sequence[float]) -> TaggedMesh:
    """The octant of a ``shell`` between a hole of radius a and the face ``outer``."""

    def write(path: Path) -> None:
        full = concentric_octant(path, a, b, sizes)
        cells = full.cells[full.body == full.names.index("shell")]
        used, index = np.unique(cells, return_inverse=True)
        number = np.full(len(full.nodes), -1)
        number[used] = np.arange(used.size)
        surfaces = {"outer": number[full.surfaces["outer"]]}
        body = np.zeros(len(cells), dtype=full.body.dtype)
        SimplexMesh(full.nodes[used], index.reshape(cells.shape), body, ["shell"], surfaces).write(path)

    return meshed(folder / f"hollow{a}_{b}_{sizes[1]}.msh", write)


@dataclass
class Specimen:
    """Bodies with the laws given, clamped, moved, pressed and swollen.

    Attributes:
        laws: phase -> keyword arguments of its solid (law, chemical_strain, flow).
        held: (face, axis) whose displacement :meth:`move` prescribes, 0 at first.
        pressed: outer faces with a pressure, which at finite strain acts on the deformed face.
        extra: further terms, made from the setting.
        force: scale of the nodal forces [pN]; a step has converged below ``tolerance`` times it.
    """

    tagged: TaggedMesh
    laws: Mapping[str, Mapping[str, Any]]
    held: Sequence[tuple[str, int]] = ROLLERS
    degree: int = 2
    finite: bool = False
    pressed: Sequence[str] = ()
    bonds: Mapping[tuple[str, str], float] = field(default_factory=dict)
    extra: Callable[[Setting], list[Any]] = lambda setting: []
    force: float = 100.0
    tolerance: float = 1e-10
    quadrature: int = 2
    setting: Setting = field(init=False)
    solids: dict[str, Any] = field(init=False)
    system: CoupledSystem = field(init=False)
    pressure: dict[str, fem.Constant] = field(init=False)
    energy: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bodies = assign_bodies(self.tagged, {name: [name] for name in self.laws})
        swelling = [name for name, law in self.laws.items() if law.get("chemical_strain") is not None]
        carriers = {"displacement": list(self.laws)}
        if swelling:
            carriers["stoichiometry"] = swelling
        self.setting, _ = make_setting(
            self.tagged, bodies, list(self.bonds), carriers, (), self.degree, self.quadrature, 2 * self.degree
        )
        self.setting.finite_strain = self.finite
        kind = FiniteStrainSolid if self.finite else SmallStrainSolid
        self.solids = {name: kind(self.setting, name, **law) for name, law in self.laws.items()}
        self.pressure = {face: fem.Constant(self.tagged.mesh, 0.0) for face in self.pressed}
        self._terms = [*self.solids.values(), *self._bonds(), *self._pressures(), *self.extra(self.setting)]
        self._constraints = self._held()
        if swelling:
            x = self.setting["stoichiometry"]
            size = x.value.x.array.size
            self._constraints["stoichiometry"] = Constraints(np.arange(size, dtype=np.int32), np.zeros(size))
            row = sum(x.value * x.test * self.setting.dx(name) for name in swelling)
            self._terms.append(Added({"stoichiometry": row}))  # of prescribed dofs: never used
        references = {"displacement": lambda: self.force, "stoichiometry": lambda: 1.0}
        options = NewtonOptions(30, self.tolerance, {"displacement": 1.0 / self.force})
        self.system = CoupledSystem(
            self.setting, self._terms, self._constraints, {}, references, LinearSolver("direct"), options
        )
        self._energy_forms: list[tuple[str, str, Any]] | None = None

    def _bonds(self) -> list[Any]:
        s = self.setting
        if not self.bonds:
            return []
        assert s.interface_mesh is not None
        damage = s.interface_mesh.function("damage")
        return [Cohesion(s, pair, CohesiveLaw(k, k), damage) for pair, k in self.bonds.items()]

    def _pressures(self) -> list[Any]:
        u, normal, out = self.setting["displacement"], self.setting.normal, []
        if self.finite:
            dim = self.tagged.dim
            padded = ufl.as_vector([*(normal[i] for i in range(dim)), *[0] * (3 - dim)])
            turned = cofactor(deformation_gradient(u.value)) * padded
            normal = ufl.as_vector([turned[i] for i in range(dim)])
        for face, value in self.pressure.items():
            out.append(Added({"displacement": value * ufl.dot(normal, u.test) * self.setting.ds(face)}))
        return out

    def _held(self) -> dict[str, Constraints]:
        broken = self.setting["displacement"].broken
        self._dofs = {
            (face, axis): self.tagged.dim * face_dofs(self.tagged, broken, face) + axis
            for face, axis in self.held
        }
        dofs = np.unique(np.concatenate(list(self._dofs.values()))).astype(np.int32)
        return {"displacement": Constraints(dofs, np.zeros(dofs.size))}

    # -- loading ---------------------------------------------------------------------------------------------------

    def move(self, face: str, axis: int, value: float) -> None:
        """Prescribe the displacement of a held face [um]."""
        constraint = self._constraints["displacement"]
        constraint.values[np.isin(constraint.prescribed, self._dofs[face, axis])] = value

    def move_all(self, function: Callable[[Floats], Floats]) -> None:
        """Prescribe all held components by a function of place, (n, 3) -> (n, 3)."""
        constraint = self._constraints["displacement"]
        points = self.setting["displacement"].broken.space.tabulate_dof_coordinates()
        dofs = constraint.prescribed
        dim = self.tagged.dim
        constraint.values[:] = function(points)[dofs // dim, dofs % dim]

    def swell(self, value: float | Callable[[Floats], Floats]) -> None:
        """Prescribe the stoichiometry, a number or a function of place, (n, 3) -> (n,)."""
        points = self.setting["stoichiometry"].broken.space.tabulate_dof_coordinates()
        values = self._constraints["stoichiometry"].values
        values[:] = value(points)[: values.size] if callable(value) else value

    def start(self, value: float) -> None:
        """Stoichiometry of the state in which everything is at rest."""
        self.swell(value)
        x = self.setting["stoichiometry"]
        x.value.x.array[:] = value
        x.accept()

    def step(self, dt: float = 1.0, account: bool = False) -> int:
        """Solve a step and make it history; ``account`` adds its energies to :attr:`energy`."""
        self.setting.time_step.value = dt
        iterations = self.system.solve()
        if account:
            self._account()
        self.system.accept()
        return iterations

    # -- evaluation --------------------------------------------------------------------------------------------------

    def integral(self, form: Any) -> float:
        """Value of a form over all ranks."""
        maps = self.setting.interface_mesh.entity_maps if self.setting.interface_mesh else []
        return float(COMM.allreduce(fem.assemble_scalar(compat.form(form, maps))))

    def mean(self, expression: Any, phase: str = "solid") -> float:
        """Mean over the undeformed phase."""
        dx = self.setting.dx(phase)
        one = 1.0 + 0.0 * self.setting.time_step
        return self.integral(expression * dx) / self.integral(one * dx)

    def probe(self, expression: Any, phase: str = "solid") -> Callable[[], float]:
        """Mean of an expression, compiled once."""
        maps = self.setting.interface_mesh.entity_maps if self.setting.interface_mesh else []
        dx = self.setting.dx(phase)
        form = compat.form(expression * dx, maps)
        volume = self.integral((1.0 + 0.0 * self.setting.time_step) * dx)
        return lambda: float(COMM.allreduce(fem.assemble_scalar(form))) / volume

    def reaction(self, face: str, axis: int) -> float:
        """Force [uN = MPa um²] that the body exerts along an axis on what holds a face, at the end of the last step."""
        constraint = self._constraints["displacement"]
        owned = constraint.prescribed < self.tagged.dim * self.setting["displacement"].broken.owned
        here = np.isin(constraint.prescribed[owned], self._dofs[face, axis])
        rows = self.system.numbering.idle["displacement"]
        values = np.zeros(self.system.numbering.count["displacement"])
        values[rows] = self.system.reactions["displacement"]
        return float(COMM.allreduce(values[constraint.prescribed[owned][here]].sum()))

    def nodal_forces(self) -> Floats:
        """(owned nodes, 3) forces of all terms at the current fields."""
        self.system.evaluate()
        values = self.system._assemble_rows()["displacement"]
        return values.reshape(-1, self.tagged.dim)

    def _account(self) -> None:
        if self._energy_forms is None:
            maps = self.setting.interface_mesh.entity_maps if self.setting.interface_mesh else []
            self._energy_forms = [
                (e.name, e.kind, compat.form(e.form, maps))
                for term in self.solids.values()
                for e in term.energies()
            ]
        stored: dict[str, float] = {}
        for name, kind, form in self._energy_forms:
            value = float(COMM.allreduce(fem.assemble_scalar(form)))
            if kind == "stored":
                stored[name] = stored.get(name, 0.0) + value
            else:
                self.energy[name] = self.energy.get(name, 0.0) + value
        self.energy.update(stored)
