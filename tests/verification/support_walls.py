"""Problems with free walls that meet: meshes with absent cells, and a system of solids and wall contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from dolfinx import fem
from support_mechanics import COMM, OuterPressure

from ssbmech import compat
from ssbmech.discretise import make_setting
from ssbmech.domain.bodies import assign_bodies
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.domain.wall_search import WallSearch
from ssbmech.materials.elastic import IsotropicElasticity
from ssbmech.materials.wall_contact import WallContactLaw
from ssbmech.physics.finite_solid import FiniteStrainSolid
from ssbmech.physics.setting import Setting
from ssbmech.physics.solid import SmallStrainSolid
from ssbmech.physics.wall_contact import WallContact
from ssbmech.solve.linear import LinearSolver
from ssbmech.solve.numbering import Constraints
from ssbmech.solve.system import CoupledSystem, NewtonOptions
from ssbmech_mesh.primitives import layered_block
from ssbmech_mesh.simplex import SimplexMesh


def joined(path: Path, *meshes: SimplexMesh) -> SimplexMesh:
    """Meshes side by side in one file, without common nodes."""
    first = np.cumsum([0, *(len(mesh.nodes) for mesh in meshes)])
    names = list(dict.fromkeys(name for mesh in meshes for name in mesh.names))
    mesh = SimplexMesh(
        np.concatenate([mesh.nodes for mesh in meshes]),
        np.concatenate([mesh.cells + start for mesh, start in zip(meshes, first[:-1], strict=True)]),
        np.concatenate([np.array([names.index(n) for n in mesh.names])[mesh.body] for mesh in meshes]),
        names,
    )
    mesh.write(path)
    return mesh


def slit(
    path: Path, size: Sequence[float], heights: tuple[float, float], gap: float, n: Sequence[Sequence[Any]]
) -> SimplexMesh:
    """Blocks CAM (below) and SE (above) with an empty slab between them; n: cells along the axes of each block."""
    lower = layered_block(path, size, heights[:1], ["CAM"], n[0])
    upper = layered_block(path, size, heights[1:], ["SE"], n[1])
    upper.nodes[:, len(size)] += heights[0] + gap
    return joined(path, lower, upper)


@dataclass
class WallProblem:
    """Elastic bodies whose walls may meet.

    Attributes:
        phases: elastic law of each phase; its bodies are the regions of its name.
        law: contact of the walls; None leaves them free.
        planes: faces of the box that walls may meet.
        pressed: faces with a pressure, for which there is a constant [MPa].
        scalars: global unknowns.
        finite: at finite strain.
    """

    tagged: TaggedMesh
    phases: Mapping[str, IsotropicElasticity]
    law: WallContactLaw | None
    reach: float
    degree: int = 1
    quadrature_degree: int = 4
    pressed: Sequence[str] = ()
    planes: Sequence[str] = ()
    scalars: Sequence[str] = ()
    tolerance: float | None = None
    finite: bool = False
    setting: Setting = field(init=False)
    search: WallSearch = field(init=False)
    walls: WallContact = field(init=False)
    system: CoupledSystem = field(init=False)

    def __post_init__(self) -> None:
        bodies = assign_bodies(self.tagged, {name: [name, name + "_*"] for name in self.phases})
        self.setting, _ = make_setting(
            self.tagged, bodies, [], {"displacement": list(self.phases)}, self.scalars, self.degree
        )
        broken = self.setting["displacement"].broken
        self.search = WallSearch(self.tagged, broken, self.quadrature_degree, self.planes)
        self.setting.finite_strain = self.finite
        kind: Any = FiniteStrainSolid if self.finite else SmallStrainSolid
        self.solids = {name: kind(self.setting, name, law) for name, law in self.phases.items()}
        self.pressure = {face: fem.Constant(self.tagged.mesh, 0.0) for face in self.pressed}
        self.work, self._force = 0.0, np.zeros(0)
        self.spent: dict[str, float] = {}

    @property
    def wall_area(self) -> float:
        """Of all walls [µm²]."""
        return float(self.search.surface.areas.sum())

    def pressures(self) -> np.ndarray:
        """(points,) of contact at this rank's wall points [MPa]."""
        return self.walls.pairs.at_points(self.walls.pressure, self.search.facet.size)

    def dofs(self, face: str, axis: int) -> np.ndarray:
        space = self.setting["displacement"].broken.space
        here = fem.locate_dofs_topological(space, self.tagged.dim - 1, self.tagged.faces[face])
        return np.asarray(here) * self.tagged.dim + axis

    def constrain(
        self,
        held: Sequence[np.ndarray],
        tolerance: float = 1e-11,
        tied: Mapping[str, np.ndarray] | None = None,
        equations: Mapping[str, Any] | None = None,
    ) -> None:
        """Make the system; ``held`` dofs do not move until :meth:`prescribe` says so, ``tied`` ones follow a global unknown."""
        ties = {name: values.astype(np.int32) for name, values in (tied or {}).items()}
        dofs = np.unique(np.concatenate(held)).astype(np.int32)
        terms: list[Any] = list(self.solids.values())
        terms += [OuterPressure(self.setting, face, value) for face, value in self.pressure.items()]
        algebraic = []
        if self.law is not None:
            self.walls = WallContact(self.setting, self.search, self.law, self.tolerance, self.reach)
            algebraic.append(self.walls)
        force = 100.0 * float(np.prod((self.tagged.upper - self.tagged.lower)[:-1]))
        self.system = CoupledSystem(
            self.setting,
            terms,
            {"displacement": Constraints(dofs, np.zeros(dofs.size), ties)},
            equations or {},
            {name: lambda: force for name in self.setting.unknowns},
            LinearSolver("direct"),
            NewtonOptions(tolerance=tolerance, scale=dict.fromkeys(self.setting.unknowns, 1e-5)),
            algebraic,
        )

    def prescribe(self, dofs: np.ndarray, value: float) -> None:
        constraint = self.system.constraints["displacement"]
        constraint.values[np.isin(constraint.prescribed, dofs)] = value

    def solve(self) -> int:
        """Solve a step and accept it; the work of the supports and what is spent are summed up."""
        iterations = self.system.solve()
        unknown, idle = self.setting["displacement"], self.system.numbering.idle["displacement"]
        force = self.system.reactions["displacement"]
        before = self._force if self._force.size else np.zeros_like(force)
        moved = unknown.value.x.array[idle] - unknown.previous.x.array[idle]
        self.work += COMM.allreduce(float(0.5 * (force + before) @ moved))
        self._force = force.copy()
        if self.law is not None:
            for energy in self.walls.energies():
                if energy.kind == "increment":
                    total = self.spent.get(energy.name, 0.0) + COMM.allreduce(energy.value)
                    self.spent[energy.name] = total
        self.system.accept()
        return iterations

    def reaction(self, dofs: np.ndarray) -> float:
        """Sum of the support forces on some held dofs [µN]."""
        idle = self.system.numbering.idle["displacement"]
        return COMM.allreduce(float(self.system.reactions["displacement"][np.isin(idle, dofs)].sum()))

    def integral(self, form: Any) -> float:
        return COMM.allreduce(float(fem.assemble_scalar(compat.form(form, []))))

    def stored(self) -> dict[str, float]:
        """Elastic energy and that of the contacts [pJ]."""
        elastic = sum(self.integral(solid.energies()[0].form) for solid in self.solids.values())
        contact = sum(COMM.allreduce(e.value) for e in self.walls.energies() if e.kind == "stored")
        return {"elastic": elastic, "contact": contact}
