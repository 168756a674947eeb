"""Exact tangents: the assembled Jacobian times a direction against central differences of the residual.

Every term alone, on a stack of two cathode layers and an electrolyte layer, at a state that is rough on purpose: jumps that press,
slide, soften and break the interfaces at once. The states are functions of place and body, and so the same on any number of
ranks. The step is chosen per field so that the truncation error of the differences, third derivative times step squared, and
their rounding error both stay below the tolerance of 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from petsc4py import PETSc
from support_mechanics import CAM, COMM, SE, shared_mesh

from ssbmech.case.curves import ConstantCurve, ExpressionCurve, LinearCurve, PointsCurve
from ssbmech.constants import thermal_voltage
from ssbmech.discretise import make_setting
from ssbmech.domain.bodies import assign_bodies
from ssbmech.materials.chemical_strain import IsotropicChemicalStrain
from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.materials.contact_law import ContactLaw
from ssbmech.materials.oxidation import OxidationLaw
from ssbmech.physics.charge import ChargeTransfer, Conduction, ContactConductance, CounterElectrode, Wiring
from ssbmech.physics.cohesion import Cohesion
from ssbmech.physics.collector_contact import CollectorContact
from ssbmech.physics.lithium import Lithium
from ssbmech.physics.lithium_transfer import LithiumTransfer
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

    def __init__(self, folder: Path, degree: int = 1) -> None:
        tagged = shared_mesh(
            folder / "stack.msh",
            lambda path: layered_block(
                path, [2.0, 2.0], [1.0, 1.0, 1.5], ["CAM_1", "CAM_2", "SE"], [2, 2, [1, 1, 2]]
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
        self.setting, _ = make_setting(tagged, bodies, [GRAIN, FACE], carriers, list(GLOBAL), degree)
        s = self.setting
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


def elasticity(s: Setting, strain: Any = STRAIN) -> SmallStrainSolid:
    return SmallStrainSolid(s, "CAM", CAM, IsotropicChemicalStrain(strain))


def lithium(s: Setting, mobility: Any, coupled: bool = True) -> Lithium:
    return Lithium(
        s, "CAM", CHARGE_DENSITY, OCP, DIFFUSIVITY, mobility, VOLTAGE, elasticity(s) if coupled else None
    )


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


TERMS: dict[str, tuple[Callable[[Bench], list[Any]], float]] = {
    "elasticity, chemical strain": (lambda b: [elasticity(b.setting)], 1e-3),
    "cohesion, unbreakable": (lambda b: [Cohesion(b.setting, FACE, CohesiveLaw(1e4, 2e4), b.damage)], 1e-3),
    "cohesion": (lambda b: [Cohesion(b.setting, FACE, EQUAL, b.damage)], 1e-5),
    "cohesion, mixed mode": (lambda b: [Cohesion(b.setting, FACE, MIXED, b.damage)], 1e-5),
    "cohesion, viscous": (
        lambda b: [Cohesion(b.setting, FACE, replace(EQUAL, viscosity=60.0), b.damage)],
        1e-5,
    ),
    "cohesion, mixed mode, viscous": (
        lambda b: [Cohesion(b.setting, FACE, replace(MIXED, viscosity=60.0), b.damage)],
        1e-5,
    ),
    "cohesion of one phase with itself": (lambda b: [Cohesion(b.setting, GRAIN, MIXED, b.damage)], 1e-5),
    "cohesion, multipliers of contact": (lambda b: [pressed(b)], 1e-5),
    "charge transfer": (lambda b: [transfer(b, None)], 1e-3),
    "charge transfer, contact": (lambda b: [transfer(b, EQUAL)], 1e-5),
    "charge transfer, multipliers of contact": (lambda b: [transfer(b, EQUAL, pressed(b))], 1e-5),
    "charge transfer, mixed mode, viscous": (lambda b: [transfer(b, replace(MIXED, viscosity=60.0))], 1e-5),
    "charge transfer, contact with hysteresis": (lambda b: remembering(b, CONTACT), 1e-7),
    "charge transfer through a film": (lambda b: [transfer(b, EQUAL, film=2e-2)], 1e-5),
    "charge transfer through a thick film": (lambda b: [transfer(b, EQUAL, film=50.0)], 1e-5),
    "oxidation": (lambda b: oxidising(b, None), 1e-7),
    "oxidation, limited by the film": (lambda b: oxidising(b, 3.0), 1e-7),
    "contact with the collector": (lambda b: [collector_contact(b, None)], 1e-3),
    "contact of wired electrons": (lambda b: [collector_contact(b, 8.0)], 1e-3),
    "lithium, from the potential": (lambda b: [lithium(b.setting, "from_open_circuit_potential")], 1e-4),
    "lithium, ideal solution": (lambda b: [lithium(b.setting, "ideal_solution")], 1e-4),
    "lithium, dilute solution": (lambda b: [lithium(b.setting, "dilute_solution")], 1e-4),
    "lithium without stress": (
        lambda b: [lithium(b.setting, "from_open_circuit_potential", coupled=False)],
        1e-4,
    ),
    "conduction": (
        lambda b: [
            Conduction(b.setting, "CAM", LinearCurve(slope=3.0, zero=-0.5), True),
            Conduction(b.setting, "SE", ConstantCurve(value=0.2), False),
        ],
        1e-3,
    ),
    "contact conductance": (
        lambda b: [
            ContactConductance(b.setting, GRAIN, 50.0, CONTACT, Cohesion(b.setting, GRAIN, EQUAL, b.damage))
        ],
        1e-5,
    ),
    "lithium transfer": (
        lambda b: [
            LithiumTransfer(
                b.setting,
                GRAIN,
                (lithium(b.setting, "from_open_circuit_potential"),) * 2,
                50.0,
                ContactLaw(0.5, 1 / 3),
                Cohesion(b.setting, GRAIN, EQUAL, b.damage),
            )
        ],
        1e-5,
    ),
    "counter electrode": (lambda b: [CounterElectrode(b.setting, "z+", 8.0, 0.4, VOLTAGE)], 1e-3),
    "wiring": (lambda b: [Wiring(b.setting, "CAM", 11.0)], 1e-3),
}


@pytest.mark.parametrize("name", TERMS)
def test_tangent_of_term(shared_tmp_path: Path, name: str) -> None:
    bench = Bench(shared_tmp_path)
    make, step = TERMS[name]
    error = bench.mismatch(make(bench), step)
    print(f"{name}: {error:.1e}")
    assert error < 1e-6


def regimes(bench: Bench, law: CohesiveLaw) -> list[int]:
    """Number of interface nodes pressed together, intact, softening, gone: what the states above exercise."""
    s = bench.setting
    u, broken = s["displacement"].value.x.array.reshape(-1, 3), s["displacement"].broken
    x = broken.space.tabulate_dof_coordinates()[: broken.body_of_dof.size]
    here = {
        tuple(np.round(c, 6)): k
        for k, c in enumerate(x)
        if abs(c[2] - 2) < 1e-9 and broken.body_of_dof[k] == 1
    }
    counts = np.zeros(3, dtype=int)
    for k, c in enumerate(x):
        other = here.get(tuple(np.round(c, 6)))
        if abs(c[2] - 2) > 1e-9 or broken.body_of_dof[k] != 2 or other is None:
            continue
        jump = u[k] - u[other]
        opening = np.hypot(max(jump[2], 0.0), np.hypot(*jump[:2]))
        assert law.strength is not None and law.toughness is not None
        counts += np.array([jump[2] < 0, jump[2] > 0, opening > law.strength / law.stiffness])
    return [int(v) for v in COMM.allreduce(counts)]


def test_states_exercise_all_regimes(shared_tmp_path: Path) -> None:
    """Otherwise the tangents above would show less than they claim."""
    pressed, opened, softening = regimes(Bench(shared_tmp_path), EQUAL)
    assert min(pressed, opened, softening) >= 2


@pytest.mark.parametrize("degree", [1, 2])
def test_tangent_of_everything_with_ties(shared_tmp_path: Path, degree: int) -> None:
    """All terms together, with a platen, rollers, a grounded face, and both global equations."""
    bench = Bench(shared_tmp_path, degree)
    s = bench.setting
    terms: list[Any] = [elasticity(s), SmallStrainSolid(s, "SE", SE), transfer(bench, MIXED)]
    terms += [Cohesion(s, pair, law, bench.damage) for pair, law in ((GRAIN, EQUAL), (FACE, MIXED))]
    terms += [
        lithium(s, "from_open_circuit_potential"),
        Wiring(s, "CAM", 11.0),
        CounterElectrode(s, "z+", 8.0, 0.4, VOLTAGE),
    ]
    terms += [
        Conduction(s, "CAM", LinearCurve(slope=3.0, zero=-0.5), True),
        Conduction(s, "SE", ConstantCurve(value=0.2), False),
    ]
    from ssbmech.stack.boundary import displacement_constraints, face_dofs

    u, phi = s["displacement"].broken, s["potential"].broken
    grounded = face_dofs(bench.tagged, phi, "z-")
    constraints = {
        "displacement": displacement_constraints(bench.tagged, u, 2, "z+", ["z-"], ["x-", "x+", "y-"]),
        "potential": Constraints(grounded, np.zeros(grounded.size)),
    }
    error = bench.mismatch(terms, 1e-5, constraints)
    print(f"everything, degree {degree}: {error:.1e}")
    assert error < 1e-6


def test_difference_notices_a_wrong_tangent(shared_tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The measure itself: a Jacobian that is off by 1e-5 is found."""
    bench = Bench(shared_tmp_path)
    original = CoupledSystem.assemble_jacobian

    def scaled(self: CoupledSystem) -> None:
        original(self)
        matrix: PETSc.Mat = self.jacobian.matrix
        matrix.scale(1 + 1e-5)

    monkeypatch.setattr(CoupledSystem, "assemble_jacobian", scaled)
    assert bench.mismatch([elasticity(bench.setting)], 1e-3) > 9e-6
