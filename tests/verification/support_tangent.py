"""What the tests of exact tangents share: a stack with all fields in a rough state, differences of the residual, and terms to try."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import ufl
from support_mechanics import CAM, COMM, shared_mesh

from ssbmech.case.curves import ExpressionCurve, PointsCurve
from ssbmech.constants import thermal_voltage
from ssbmech.discretise import make_setting
from ssbmech.domain.bodies import assign_bodies
from ssbmech.materials.chemical_strain import IsotropicChemicalStrain, LatticeChemicalStrain
from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.materials.contact_law import ContactLaw
from ssbmech.materials.oxidation import OxidationLaw
from ssbmech.physics.charge import ChargeTransfer
from ssbmech.physics.cohesion import Cohesion
from ssbmech.physics.collector_contact import CollectorContact
from ssbmech.physics.finite_solid import FiniteStrainSolid
from ssbmech.physics.lithium import Lithium
from ssbmech.physics.oxidation import Oxidation, OxidationCharge
from ssbmech.physics.setting import Setting
from ssbmech.physics.solid import SmallStrainSolid
from ssbmech.solve.linear import LinearSolver
from ssbmech.solve.numbering import Constraints
from ssbmech.solve.system import CoupledSystem, NewtonOptions
from ssbmech.stack.platen import Collector, Platen
from ssbmech_mesh.primitives import layered_block

GRAIN, FACE = ("CAM", "CAM"), ("CAM", "SE")
VOLTAGE = thermal_voltage(298.15)
CHARGE_DENSITY = 4741.0  # pC/um3
OCP = ExpressionCurve(expression="4.4 - 0.9*x - 0.05*tanh(15*(x - 0.55))")
STRAIN = PointsCurve(x=(0.2, 0.4, 0.7, 1.0), y=(-0.02, -0.008, -0.002, 0.0))
ISOTROPIC = IsotropicChemicalStrain(STRAIN)
AXIS = ufl.as_vector([1 / 3, -2 / 3, 2 / 3])  # of a crystal
LATTICE = LatticeChemicalStrain(STRAIN, PointsCurve(x=(0.2, 0.4, 0.7, 1.0), y=(-0.05, 0.01, 0.02, 0.0)), AXIS)
DIFFUSIVITY = ExpressionCurve(expression="4e-3*(0.2 + x**2)")
EXCHANGE = ExpressionCurve(expression="4*sqrt(x*(1 - x))", clip=(1e-6, 1 - 1e-6))
EQUAL = CohesiveLaw(2e3, 3e3, 20.0, 0.5, 20.0, 0.5)  # comparable stiffness in all regimes: none hides another
CONTACT = ContactLaw(2.0, 0.7, 0.4)
MIXED = CohesiveLaw(2e3, 3e3, 20.0, 0.5, 30.0, 1.5, 1.45)

GLOBAL = ("collector_potential", "platen_displacement", "wire_potential")

AMPLITUDE = {  # of the state, and of the direction of the difference
    "displacement": (0.02, 1e-2),
    "potential": (0.03, 1e-2),
    "stoichiometry": (0.3, 1e-1),
    "stress_potential": (0.03, 1e-2),
    "collector_potential": (0.0, 1e-2),
    "platen_displacement": (0.0, 1e-2),
    "wire_potential": (0.01, 1e-2),
}


def rough(unknown: Any, seed: float) -> np.ndarray:
    """Numbers in (−1, 1), a function of place, body and component."""
    broken = unknown.broken
    if unknown.name in GLOBAL:
        return np.full(unknown.value.x.array.size, np.sin(seed))
    x = broken.space.tabulate_dof_coordinates()[: broken.body_of_dof.size]
    phase = x @ np.array([1.31, 2.17, 0.73]) + 5.3 * broken.body_of_dof + seed
    return np.stack([np.sin(phase * (k + 1.7) + k) for k in range(broken.block_size)], axis=1).reshape(-1)


class Bench:
    """Two cathode layers and an electrolyte layer with all fields."""

    def __init__(self, folder: Path, degree: int = 1, dim: int = 3, finite: bool = False) -> None:
        sides, cells = ([2.0, 2.0], [2, 2]) if dim == 3 else ([4.0], [6])
        tagged = shared_mesh(
            folder / f"stack{dim}.msh",
            lambda path: layered_block(
                path, sides, [1.0, 1.0, 1.5], ["CAM_1", "CAM_2", "SE"], [*cells, [1, 1, 2]]
            ),
        )
        bodies = assign_bodies(tagged, {"CAM": ["CAM*"], "SE": ["SE"]})
        carriers = {
            "displacement": ["CAM", "SE"],
            "potential": ["CAM", "SE"],
            "stoichiometry": ["CAM"],
            "stress_potential": ["CAM"],
        }
        self.tagged = tagged
        self.setting, _ = make_setting(tagged, bodies, [GRAIN, FACE], carriers, list(GLOBAL), degree, 2, 2 * degree)
        s = self.setting
        s.finite_strain = finite
        s.time_step.value = 7.0
        assert s.interface_mesh is not None
        self.damage = s.interface_mesh.function("damage")
        for name, unknown in s.unknowns.items():
            state = AMPLITUDE[name][0]
            unknown.value.x.array[:] = state * rough(unknown, 0.3)
            unknown.previous.x.array[:] = 0.9 * state * rough(unknown, 0.35)
        middle = {
            "stoichiometry": 0.6,
            "collector_potential": 3.82,
            "platen_displacement": 0.01,
        }
        for name, value in middle.items():
            s[name].value.x.array[:] += value
            s[name].previous.x.array[:] += value
        points = np.arange(self.damage.x.array.size)  # the damage history: none, and nearly all
        self.damage.x.array[:] = np.where(points % 3 == 0, 0.97, 0.0)

    def system(self, terms: list[Any], constraints: dict[str, Constraints] | None = None) -> CoupledSystem:
        platen = Platen(4.0, 1, 2e-3)
        platen.lock("stiffness", 5.0, 0.0, 3.0)
        equations = {
            "collector_potential": Collector(0.7),
            "platen_displacement": platen,
            "wire_potential": Collector(),
        }
        references = {name: lambda: 1.0 for name in self.setting.unknowns}
        return CoupledSystem(
            self.setting,
            terms,
            constraints or {},
            equations,
            references,
            LinearSolver("direct"),
            NewtonOptions(),
        )

    def mismatch(
        self, terms: list[Any], relative_step: float, constraints: dict[str, Constraints] | None = None
    ) -> float:
        """Largest over the rows' fields of |J d − ΔR/2h| / |J d|."""
        system = self.system(terms, constraints)
        n, s = system.numbering, self.setting
        x, d = system.state.duplicate(), system.state.duplicate()
        system.write_state(x)
        for name, unknown in s.unknowns.items():
            here = slice(n.first[name] - n.start, n.first[name] - n.start + n.count[name])
            d.array[here] = AMPLITUDE[name][1] * rough(unknown, 1.1)[: n.count[name]]
            if unknown.broken.block_size * unknown.broken.owned and n.idle[name].size:
                d.array[np.arange(here.start, here.stop)[n.idle[name]]] = 0.0

        def residual(step: float) -> dict[str, np.ndarray]:
            moved = x.copy()
            moved.axpy(step, d)
            system.read_state(moved)
            rows, _ = system.evaluate()
            return {name: values.copy() for name, values in rows.items()}

        plus, minus = residual(relative_step), residual(-relative_step)
        system.read_state(x)
        system.assemble_jacobian()
        product = x.duplicate()
        system.jacobian.matrix.mult(d, product)
        worst = 0.0
        for name in plus:
            here = slice(n.first[name] - n.start, n.first[name] - n.start + n.count[name])
            exact = product.array_r[here]
            found = (plus[name] - minus[name]) / (2 * relative_step)
            sums = COMM.allreduce(np.array([((exact - found) ** 2).sum(), (exact**2).sum()]))
            if name in GLOBAL and sums[1] == 0.0:
                assert sums[0] == 0.0  # no term or tie reaches this global equation
                continue
            assert sums[1] > 0, f"{name}: the row does not change in this direction, the test is empty"
            worst = max(worst, float(np.sqrt(sums[0] / sums[1])))
        return worst


def elasticity(s: Setting, strain: Any = ISOTROPIC, flow: Any = None) -> Any:
    kind: Any = FiniteStrainSolid if s.finite_strain else SmallStrainSolid
    return kind(s, "CAM", CAM, strain, flow)


def lithium(s: Setting, mobility: Any, solid: Any = None, along_axis: Any = None) -> Lithium:
    law = (CHARGE_DENSITY, OCP, DIFFUSIVITY, mobility, VOLTAGE)
    return Lithium(s, "CAM", *law, solid, along_axis, None if along_axis is None else AXIS)


def pressed(bench: Bench, law: CohesiveLaw = EQUAL) -> Cohesion:
    """With multipliers, of which some keep faces pressed together that overlap, and some across a gap."""
    cohesion = Cohesion(bench.setting, FACE, law, bench.damage, None, 1e-3)
    assert cohesion.contact is not None
    cohesion.contact.value.x.array[:] = np.linspace(0.0, 30.0, cohesion.contact.value.x.array.size)
    cohesion.contact.previous.x.array[:] = 0.7 * cohesion.contact.value.x.array
    return cohesion


def transfer(
    bench: Bench,
    law: CohesiveLaw | None,
    cohesion: Cohesion | None = None,
    contact: ContactLaw = ContactLaw(),  # noqa: B008
    film: float = 0.0,
    oxidation: OxidationCharge | None = None,
) -> ChargeTransfer:
    if cohesion is None and law is not None:
        cohesion = Cohesion(bench.setting, FACE, law, bench.damage)
    args = (bench.setting, FACE, OCP, EXCHANGE, 0.4, contact, VOLTAGE, cohesion, film, oxidation)
    return ChargeTransfer(*args)


def remembering(bench: Bench, contact: ContactLaw) -> list[Any]:
    """Charge transfer with hysteresis: some points above, some below the largest pressure before, some without any."""
    term = transfer(bench, EQUAL, contact=contact)
    assert term.cohesion is not None and term.cohesion.largest is not None
    values = term.cohesion.largest.value.x.array
    values[:] = np.where(np.arange(values.size) % 4 == 0, 0.0, np.linspace(0.0, 60.0, values.size))
    return [term]


def oxidising(bench: Bench, constant: float | None) -> list[Any]:
    """Film, opening and oxidation together, with a history."""
    law = OxidationLaw(3.7, 0.15, 0.8, 3e-4, 2e-2, constant)
    charge = OxidationCharge(bench.setting, FACE, law)
    charge.charge.x.array[:] = np.linspace(0.0, 12.0, charge.charge.x.array.size)
    charge.previous.x.array[:] = 0.8 * charge.charge.x.array
    cohesion = Cohesion(bench.setting, FACE, EQUAL, bench.damage, oxidation=charge)
    reaction = Oxidation(bench.setting, FACE, charge, CONTACT, cohesion)
    return [cohesion, transfer(bench, None, cohesion, CONTACT, 1e-3, charge), reaction]


def collector_contact(bench: Bench, active_volume: float | None) -> CollectorContact:
    return CollectorContact(bench.setting, "z-", 4.0, ["CAM"], active_volume, 30.0, ContactLaw())
