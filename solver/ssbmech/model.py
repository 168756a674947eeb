"""From a case and its mesh to the coupled model: bodies, spaces, terms, constraints and the system of equations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from dolfinx import fem
from mpi4py import MPI

from ssbmech.case import Case
from ssbmech.charge_terms import add_electrochemistry, conductors
from ssbmech.constants import thermal_voltage
from ssbmech.discretise import make_setting
from ssbmech.domain.bodies import Bodies, RegionError, assign_bodies
from ssbmech.domain.crystal import crystal_axis
from ssbmech.domain.interfaces import GRAIN_BOUNDARY, InterfaceFacets, Pair
from ssbmech.domain.measures import cell_volumes, squared_gradients
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.fields import PLATES, ROW_SCALE, SIDES
from ssbmech.interface_terms import add_interfaces
from ssbmech.physics.algebraic import AlgebraicTerm
from ssbmech.physics.charge import ChargeTransfer, ContactConductance, CounterElectrode
from ssbmech.physics.cohesion import Cohesion
from ssbmech.physics.collector_contact import CollectorContact
from ssbmech.physics.lithium import Lithium
from ssbmech.physics.lithium_transfer import LithiumTransfer
from ssbmech.physics.oxidation import Oxidation
from ssbmech.physics.setting import Setting, Solid, Term
from ssbmech.physics.wall_contact import WallContact
from ssbmech.solid_terms import add_solids
from ssbmech.solve.linear import Kind, LinearSolver
from ssbmech.solve.numbering import Constraints
from ssbmech.solve.system import CoupledSystem, NewtonOptions
from ssbmech.stack.boundary import BOX_FACES, displacement_constraints, potential_constraints, require_face
from ssbmech.stack.platen import Collector, Platen
from ssbmech.wall_terms import make_walls

REFERENCE_STRESS = 100.0
"""MPa; times the area of the box it is the force to which mechanical imbalances are compared."""

LEAST_C_RATE = 1e-3
"""Currents are compared to a tenth of the imposed one, but at least of this C-rate."""

RESOLVED_CONTENT = 1e-6
"""Share of all lithium; a current that moves this much in a step is compared to nothing smaller, because of rounding."""

RESOLVED_FLUX = 1e-7
"""Share of Σ D c_max/h² V; lithium is balanced to nothing smaller times the tolerance of Newton's method. The fluxes between the nodes
of a cell are differences of terms of this size, so at a tolerance of 1e-8 five roundings (1e-15) are left."""

RESOLVED_CONDUCTION = 2e-8
"""Share of Σ κ/h² V |φ| of the electronic conductors; currents are balanced to nothing smaller times the tolerance of Newton's method.
What hangs on the collector has φ of µV, and it is nothing; a body that cracks have cut off floats at tenths of a volt, and its
currents are differences of terms of this size: at a tolerance of 1e-8 one rounding (2e-16) is left."""


@dataclass
class Model:
    """Everything that a run works with.

    Attributes:
        case, tagged, bodies, setting, facets: what it was made from.
        solids, lithium: by phase; cohesion, transfer, oxidation, conductance, lithium_transfer: by pair of phases.
        other_terms: conduction, wiring, counter electrode.
        damage: d at the interface points at the beginning of the step, None without interfaces.
        crystal_axis: unit c axis of every cell, None where no law needs it.
        platen, collector: equations of the global unknowns.
        sides: equations of the plates that press the sides, by their unknown; empty where no step is isostatic.
        area: cross-section of the box normal to the stack axis [µm²].
        body_volume: (bodies,) [µm³].
        walls: contact between the walls of pores, None where they are free.
        separator_dofs: local dofs of the potential that the separator holds at zero.
        system: the equations; set by :func:`build_model`.
    """

    case: Case
    tagged: TaggedMesh
    bodies: Bodies
    setting: Setting
    facets: InterfaceFacets
    area: float
    platen: Platen | None
    collector: Collector
    damage: fem.Function | None
    crystal_axis: fem.Function | None
    body_volume: npt.NDArray[np.float64]
    solids: dict[str, Solid] = field(default_factory=dict)
    lithium: dict[str, Lithium] = field(default_factory=dict)
    cohesion: dict[Pair, Cohesion] = field(default_factory=dict)
    transfer: dict[Pair, ChargeTransfer] = field(default_factory=dict)
    oxidation: dict[Pair, Oxidation] = field(default_factory=dict)
    conductance: dict[Pair, ContactConductance] = field(default_factory=dict)
    lithium_transfer: dict[Pair, LithiumTransfer] = field(default_factory=dict)
    counter: CounterElectrode | None = None
    collector_contact: CollectorContact | None = None
    other_terms: list[Term] = field(default_factory=list)
    separator_dofs: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    walls: WallContact | None = None
    sides: dict[str, Platen] = field(default_factory=dict)
    system: CoupledSystem = field(init=False)

    @property
    def terms(self) -> list[Term]:
        groups: list[Any] = [self.solids, self.lithium, self.cohesion, self.transfer, self.conductance]
        groups += [self.lithium_transfer, self.oxidation]
        return [term for group in groups for term in group.values()] + self.other_terms

    @property
    def algebraic_terms(self) -> list[AlgebraicTerm]:
        """Terms that are no forms."""
        return [self.walls] if self.walls is not None else []

    @property
    def active_phases(self) -> list[str]:
        return [name for name, phase in self.case.phases.items() if phase.lithium is not None]

    @property
    def active_mass(self) -> float:
        """Mass of active material [g], 0 where a density is missing."""
        return sum(
            float(self.body_volume[body.number]) * (self.case.phases[body.phase].density or 0.0) * 1e-15
            for body in self.bodies.bodies
            if body.phase in self.active_phases
        )

    @property
    def lithium_sites(self) -> float:
        """Charge of all lithium that the active material can hold [pC]."""
        return sum(
            float(self.body_volume[b.number]) * self.lithium[b.phase].charge_density
            for b in self.bodies.bodies
            if b.phase in self.lithium
        )

    def current(self) -> float:
        """Current of the last evaluated state [pA], positive on charge."""
        return self.collector.flowing(self.system.tied_sum.get("collector_potential", 0.0))

    def one_c(self) -> float:
        """Current of 1C [pA]; from the nominal capacity, else from all sites of the active material."""
        nominal = self.case.cell.nominal_capacity
        if nominal is not None and self.active_mass > 0.0:
            return nominal * self.active_mass * 1e9
        return self.lithium_sites / 3600.0


def ordered_pairs(case: Case) -> list[Pair]:
    """Pairs with a law; the active material, and else the phase that comes first in the case, is the '+' side."""
    names = list(case.phases)
    pairs: list[Pair] = []
    for interface in case.interfaces:
        a, b = interface.between
        active = [case.phases[n].lithium is not None for n in (a, b)]
        swap = active[1] and not active[0] if active[0] != active[1] else names.index(b) < names.index(a)
        pair = (b, a) if swap else (a, b)
        pairs.append((*pair, GRAIN_BOUNDARY) if interface.grain_boundary else pair)
    return pairs


def _sides(case: Case, tagged: TaggedMesh) -> dict[str, Platen]:
    """Plates on the upper sides of the box, which stay where they are until a step is isostatic; none if no step is."""
    if not any(each.load is not None and each.load.isostatic for each in case.planned()):
        return {}
    lateral = [axis for axis in "xyz"[: tagged.dim] if axis != case.stack.axis]
    return {SIDES[a]: Platen(tagged.box_area("xyz".index(a)), 1, kind="fixed_gap") for a in lateral}


def _carriers(case: Case, sides: Iterable[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Field -> phases that carry it, and the global unknowns."""
    physics, phases = case.numerics.physics, case.phases
    carriers: dict[str, list[str]] = {}
    scalars = []
    if "mechanics" in physics:
        carriers["displacement"] = list(phases)
        scalars += ["platen_displacement", *sides]
    if "electrochemistry" in physics:
        carriers["potential"] = conductors(case, "electronic") + conductors(case, "ionic")
        active = [n for n, p in phases.items() if p.lithium is not None]
        carriers["stoichiometry"] = active
        carriers["stress_potential"] = active
        scalars.insert(0, "collector_potential")
        if case.stack.collector_contact is not None and case.electrons_wired:
            scalars.insert(0, "wire_potential")
    return carriers, scalars


def _body_volumes(tagged: TaggedMesh, bodies: Bodies) -> npt.NDArray[np.float64]:
    owned = tagged.mesh.topology.index_map(tagged.dim).size_local
    volumes = np.bincount(
        bodies.cell_body[:owned], weights=cell_volumes(tagged.mesh), minlength=len(bodies.bodies)
    )
    total: npt.NDArray[np.float64] = tagged.mesh.comm.allreduce(volumes)
    return total


def _crystal_axis(case: Case, tagged: TaggedMesh, bodies: Bodies) -> fem.Function | None:
    anisotropic = {name: phase.anisotropic for name, phase in case.phases.items() if phase.anisotropic}
    given = {n: phase.crystal_axis for n, phase in case.phases.items() if phase.crystal_axis is not None}
    return crystal_axis(tagged, bodies, anisotropic, given)


def build_model(case: Case, tagged: TaggedMesh) -> Model:
    """Assemble the model of a case on a mesh; the initial state is set, nothing is solved.

    Raises:
        RegionError, BoundaryError: mesh and case do not fit; on every rank alike.
    """
    bodies = assign_bodies(tagged, {name: phase.regions for name, phase in case.phases.items()})
    sides = _sides(case, tagged)
    carriers, scalars = _carriers(case, sides)
    numerics, stack = case.numerics, case.stack
    pairs = ordered_pairs(case)
    setting, facets = make_setting(
        tagged,
        bodies,
        pairs,
        carriers,
        scalars,
        numerics.displacement_degree or 1,
        numerics.quadrature_degree,
        numerics.interface_quadrature_degree or numerics.least_interface_quadrature_degree,
        case.cell.temperature,
    )
    setting.finite_strain = numerics.kinematics == "finite_strain"
    axis = "xyz".index(stack.axis)
    if axis >= tagged.dim:
        raise RegionError(f"stack.axis is {stack.axis}, but the mesh is two-dimensional (x, y)")
    area = tagged.box_area(axis)
    damage = (
        setting.interface_mesh.function("damage")
        if setting.interface_mesh and "displacement" in setting
        else None
    )
    side = -1 if stack.platen.endswith("-") else 1
    platen = Platen(area, side, stack.counter_electrode.compliance) if "displacement" in setting else None
    model = Model(
        case,
        tagged,
        bodies,
        setting,
        facets,
        area,
        platen,
        Collector(),
        damage,
        _crystal_axis(case, tagged, bodies),
        _body_volumes(tagged, bodies),
        sides=sides,
    )
    add_solids(model)
    if "potential" in setting:
        add_electrochemistry(model)
    add_interfaces(model, pairs)
    model.walls = make_walls(model)
    _set_initial_state(model)
    model.system = _make_system(model, axis)
    model.system.body_names = {body.number: body.name for body in bodies.bodies}
    return model


def _set_initial_state(model: Model) -> None:
    """Uniform stoichiometry in every phase, the collector at its open-circuit potential, no displacement."""
    setting, temperature = model.setting, model.case.cell.temperature
    if "stoichiometry" not in setting:
        return
    start = {}
    x = setting["stoichiometry"]
    x.value.x.array[:] = 0.5
    for name in model.lithium:
        lithium = model.case.phases[name].lithium
        assert lithium is not None
        start[name] = lithium.initial_x(temperature)
        potential = float(model.lithium[name].open_circuit(start[name]))
        mask = np.append(model.bodies.of_phases([name]), False)  # the last entry serves the void dof, body -1
        x.value.x.array[mask[x.broken.body_of_dof]] = start[name]
        setting["collector_potential"].value.x.array[:] = potential
    for unknown in setting.unknowns.values():
        unknown.accept()


def _diffusive_scale(model: Model) -> float:
    """Σ D c_max |∇φ_i|² V over shape functions and cells [pA], D the largest of each phase; collective."""
    mesh, x = model.setting.mesh, np.linspace(0.01, 0.99, 99)
    size = cell_volumes(mesh) * squared_gradients(mesh)
    body, total = model.bodies.cell_body[: size.size], 0.0
    for name, lithium in model.lithium.items():
        curves = [lithium.diffusivity, lithium.diffusivity_along_axis]
        largest = max(float(np.max(curve(x))) for curve in curves if curve is not None)
        total += largest * lithium.charge_density * float(size[model.bodies.of_phases([name])[body]].sum())
    return float(mesh.comm.allreduce(total))


def _conductive_rounding(model: Model) -> Callable[[], float]:
    """Gives RESOLVED_CONDUCTION Σ κ |∇φ_i|² V |φ| [pA] at the present potentials, |φ| the largest of each body; collective."""
    case, mesh = model.case, model.setting.mesh
    if "potential" not in model.setting or case.electrons_wired:
        return lambda: 0.0
    size = cell_volumes(mesh) * squared_gradients(mesh)
    kappa = np.zeros(len(model.bodies.bodies))
    for name in conductors(case, "electronic"):
        conduction = case.phases[name].conduction
        assert conduction is not None
        curve = conduction.conductivity.at(case.cell.temperature)
        kappa[model.bodies.of_phases([name])] = float(np.max(curve(np.linspace(0.01, 0.99, 99))))
    trace = kappa * np.bincount(model.bodies.cell_body[: size.size], size, len(kappa))
    trace = RESOLVED_CONDUCTION * mesh.comm.allreduce(trace)
    potential = model.setting["potential"]
    owned = potential.broken.owned
    body = potential.broken.body_of_dof[:owned]

    def rounding() -> float:
        largest = np.zeros(len(trace) + 1)  # the last entry serves the void dof, body -1
        np.maximum.at(largest, body, np.abs(potential.value.x.array[:owned]))
        mesh.comm.Allreduce(MPI.IN_PLACE, largest, MPI.MAX)
        return float(trace @ largest[:-1])

    return rounding


def _references(model: Model) -> dict[str, Any]:
    force = REFERENCE_STRESS * model.area
    active = sum(model.body_volume[b.number] for b in model.bodies.bodies if b.phase in model.lithium)
    least = LEAST_C_RATE * model.one_c() if model.lithium else 1.0

    content = model.lithium_sites
    flux = RESOLVED_FLUX * _diffusive_scale(model)
    conduction = _conductive_rounding(model)

    def current() -> float:
        rounding = RESOLVED_CONTENT * content / float(model.setting.time_step.value)
        return max(0.1 * abs(model.current()), 0.1 * least, rounding)

    return {
        "displacement": lambda: force,
        **dict.fromkeys(PLATES, lambda: force),
        "potential": lambda: max(current(), conduction()),
        "collector_potential": current,
        "wire_potential": current,
        "stoichiometry": lambda: max(current(), flux),
        "stress_potential": lambda: active,
    }


def _make_system(model: Model, axis: int) -> CoupledSystem:
    case, tagged, setting = model.case, model.tagged, model.setting
    constraints: dict[str, Constraints] = {}
    equations: dict[str, Any] = {}
    if model.platen is not None:
        stack = case.stack
        require_face(tagged, stack.platen, "stack.platen")
        ends = (stack.collector, stack.separator)
        held = [face for face in ends if face != stack.platen]
        for face in held:
            require_face(tagged, face, "stack.collector or stack.separator")
        rollers = (
            [f for f in BOX_FACES if f in tagged.faces and f not in ends] if stack.sides == "roller" else []
        )
        plates = {
            SIDES[face[0]]: face for face in rollers if face[1] == "+" and SIDES[face[0]] in model.sides
        }
        constraints["displacement"] = displacement_constraints(
            tagged,
            setting["displacement"].broken,
            axis,
            stack.platen,
            held,
            [face for face in rollers if face not in plates.values()],
            plates,
        )
        equations |= {"platen_displacement": model.platen, **model.sides}
    if "potential" in setting:
        grounded = case.stack.separator if model.counter is None else None
        require_face(tagged, case.stack.separator, "stack.separator")
        constraints["potential"], model.separator_dofs = potential_constraints(
            tagged,
            model.bodies,
            setting["potential"].broken,
            case.stack.collector if model.collector_contact is None else None,
            conductors(case, "electronic"),
            grounded,
            conductors(case, "ionic"),
        )
        model.collector.conductance = model.one_c() / thermal_voltage(case.cell.temperature)
        equations["collector_potential"] = model.collector
        if "wire_potential" in setting:
            equations["wire_potential"] = Collector()  # no current enters the carbon but that of the rows
    numerics = case.numerics
    size = setting.mesh.comm.allreduce(
        sum(u.broken.owned * u.broken.block_size for u in setting.unknowns.values())
    )
    kind: Kind = "direct" if size < numerics.direct_limit else "field_split"
    if numerics.linear_solver != "auto":
        kind = numerics.linear_solver
    bounds = {"stoichiometry": (0.0, 1.0)} if "stoichiometry" in setting else {}
    newton = numerics.newton
    options = NewtonOptions(newton.maximum_iterations, newton.tolerance, dict(ROW_SCALE), bounds)
    linear = LinearSolver(kind, dict(numerics.petsc_options))
    return CoupledSystem(
        setting,
        model.terms,
        constraints,
        equations,
        _references(model),
        linear,
        options,
        model.algebraic_terms,
    )
