"""Exact tangents: the assembled Jacobian times a direction against central differences of the residual.

Every term alone, on a stack of two cathode layers and an electrolyte layer, at a state that is rough on purpose: jumps that press,
slide, soften and break the interfaces at once; in space and in the plane, at small and at finite strain. The states are functions of
place and body, and so the same on any number of ranks. The step is chosen per field so that the truncation error of the
differences, third derivative times step squared, and their rounding error both stay below the tolerance of 1e-6. Plastic history:
``test_finite_strain.py``; friction, crystals, walls of pores: with their laws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from petsc4py import PETSc
from support_mechanics import COMM, SE
from support_tangent import (
    CONTACT,
    EQUAL,
    FACE,
    GRAIN,
    LATTICE,
    MIXED,
    VOLTAGE,
    Bench,
    collector_contact,
    elasticity,
    lithium,
    oxidising,
    pressed,
    remembering,
    transfer,
)

from ssbmech.case.curves import ConstantCurve, LinearCurve, PointsCurve
from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.materials.contact_law import ContactLaw
from ssbmech.physics.charge import Conduction, ContactConductance, CounterElectrode, Wiring
from ssbmech.physics.cohesion import Cohesion
from ssbmech.physics.lithium_transfer import LithiumTransfer
from ssbmech.physics.solid import SmallStrainSolid
from ssbmech.solve.numbering import Constraints
from ssbmech.solve.system import CoupledSystem

VISCOUS = replace(MIXED, viscosity=60.0)
SLOW = PointsCurve(x=(0.2, 0.6, 1.0), y=(1e-5, 4e-5, 2e-5))  # D_c, um2/s


Terms = list[Any]


def bond(bench: Bench, law: CohesiveLaw, pair: tuple[str, str] = FACE) -> Cohesion:
    return Cohesion(bench.setting, pair, law, bench.damage)


def diffusion(bench: Bench, mobility: str, solid: Any = None, along_axis: Any = None) -> Terms:
    return [lithium(bench.setting, mobility, solid or elasticity(bench.setting), along_axis)]


def crystal(bench: Bench, mobility: str) -> Terms:
    """Lattice strain, and D_c along an axis."""
    return diffusion(bench, mobility, elasticity(bench.setting, LATTICE), SLOW)


def conduction(bench: Bench) -> Terms:
    active = Conduction(bench.setting, "CAM", LinearCurve(slope=3.0, zero=-0.5), True)
    return [active, Conduction(bench.setting, "SE", ConstantCurve(value=0.2), False)]


def conductance(bench: Bench) -> Terms:
    return [ContactConductance(bench.setting, GRAIN, 50.0, CONTACT, bond(bench, EQUAL, GRAIN))]


def exchange_of_lithium(bench: Bench) -> Terms:
    s, sides = bench.setting, (lithium(bench.setting, "from_open_circuit_potential"),) * 2
    return [LithiumTransfer(s, GRAIN, sides, 50.0, ContactLaw(0.5, 1 / 3), bond(bench, EQUAL, GRAIN))]


TERMS: dict[str, tuple[Callable[[Bench], Terms], float]] = {
    "elasticity, chemical strain": (lambda b: [elasticity(b.setting)], 1e-3),
    "elasticity, lattice strain": (lambda b: [elasticity(b.setting, LATTICE)], 1e-3),
    "cohesion, unbreakable": (lambda b: [bond(b, CohesiveLaw(1e4, 2e4))], 1e-3),
    "cohesion": (lambda b: [bond(b, EQUAL)], 1e-5),
    "cohesion, mixed mode": (lambda b: [bond(b, MIXED)], 1e-5),
    "cohesion, viscous": (lambda b: [bond(b, replace(EQUAL, viscosity=60.0))], 1e-5),
    "cohesion, mixed mode, viscous": (lambda b: [bond(b, VISCOUS)], 1e-5),
    "cohesion of one phase with itself": (lambda b: [bond(b, MIXED, GRAIN)], 1e-5),
    "cohesion, multipliers of contact": (lambda b: [pressed(b)], 1e-5),
    "cohesion, everything": (lambda b: [pressed(b, VISCOUS)], 1e-5),
    "charge transfer": (lambda b: [transfer(b, None)], 1e-3),
    "charge transfer, contact": (lambda b: [transfer(b, EQUAL)], 1e-5),
    "charge transfer, multipliers of contact": (lambda b: [transfer(b, EQUAL, pressed(b))], 1e-5),
    "charge transfer, mixed mode, viscous": (lambda b: [transfer(b, VISCOUS)], 1e-5),
    "charge transfer, contact with hysteresis": (lambda b: remembering(b, CONTACT), 1e-7),
    "charge transfer through a film": (lambda b: [transfer(b, EQUAL, film=2e-2)], 1e-5),
    "charge transfer through a thick film": (lambda b: [transfer(b, EQUAL, film=50.0)], 1e-5),
    "oxidation": (lambda b: oxidising(b, None), 1e-7),
    "oxidation, limited by the film": (lambda b: oxidising(b, 3.0), 1e-7),
    "contact with the collector": (lambda b: [collector_contact(b, None)], 1e-3),
    "contact of wired electrons": (lambda b: [collector_contact(b, 8.0)], 1e-3),
    "lithium, from the potential": (lambda b: diffusion(b, "from_open_circuit_potential"), 1e-4),
    "lithium, ideal solution": (lambda b: diffusion(b, "ideal_solution"), 1e-4),
    "lithium, dilute solution": (lambda b: diffusion(b, "dilute_solution"), 1e-4),
    "lithium in a crystal, from the potential": (lambda b: crystal(b, "from_open_circuit_potential"), 1e-4),
    "lithium in a crystal, ideal solution": (lambda b: crystal(b, "ideal_solution"), 1e-4),
    "lithium in a crystal, dilute solution": (lambda b: crystal(b, "dilute_solution"), 1e-4),
    "lithium without stress": (lambda b: [lithium(b.setting, "from_open_circuit_potential")], 1e-4),
    "conduction": (conduction, 1e-3),
    "contact conductance": (conductance, 1e-5),
    "lithium transfer": (exchange_of_lithium, 1e-5),
    "counter electrode": (lambda b: [CounterElectrode(b.setting, "z+", 8.0, 0.4, VOLTAGE)], 1e-3),
    "wiring": (lambda b: [Wiring(b.setting, "CAM", 11.0)], 1e-3),
}

FINITE = [  # what follows the deformed body; in test_finite_strain.py lithium and conduction with plastic flow
    "elasticity, lattice strain",
    "cohesion, unbreakable",
    "cohesion, mixed mode",
    "cohesion, everything",
    "charge transfer",
    "charge transfer, multipliers of contact",
    "charge transfer through a film",
    "lithium, dilute solution",
    "contact conductance",
    "lithium transfer",
]
PLANE = [
    "elasticity, chemical strain",
    "elasticity, lattice strain",
    "cohesion, everything",
    "charge transfer, multipliers of contact",
    "lithium, from the potential",
    "lithium in a crystal, ideal solution",
    "lithium in a crystal, dilute solution",
]
FINITE_PLANE = ["elasticity, chemical strain", "cohesion, everything", "lithium transfer"]


@pytest.mark.parametrize(
    ("name", "dim", "finite"),
    [
        pytest.param(name, dim, finite, id=f"{name}, {dim}D" + ", finite strain" * finite)
        for names, dim, finite in ((TERMS, 3, False), (FINITE, 3, True), (PLANE, 2, False), (FINITE_PLANE, 2, True))
        for name in names
    ],
)  # fmt: skip
def test_tangent_of_term(shared_tmp_path: Path, name: str, dim: int, finite: bool) -> None:
    bench = Bench(shared_tmp_path, dim=dim, finite=finite)
    make, step = TERMS[name]
    error = bench.mismatch(make(bench), step)
    print(f"{name}, {dim}D, finite {finite}: {error:.1e}")
    assert error < 1e-6


def regimes(bench: Bench, law: CohesiveLaw) -> list[int]:
    """Number of interface nodes pressed together, intact, softening, gone: what the states above exercise."""
    s = bench.setting
    u, broken = s["displacement"].value.x.array, s["displacement"].broken
    u, up = u.reshape(-1, broken.block_size), broken.block_size - 1
    x = broken.space.tabulate_dof_coordinates()[: broken.body_of_dof.size]
    here = {
        tuple(np.round(c, 6)): k
        for k, c in enumerate(x)
        if abs(c[up] - 2) < 1e-9 and broken.body_of_dof[k] == 1
    }
    counts = np.zeros(3, dtype=int)
    for k, c in enumerate(x):
        other = here.get(tuple(np.round(c, 6)))
        if abs(c[up] - 2) > 1e-9 or broken.body_of_dof[k] != 2 or other is None:
            continue
        jump = u[k] - u[other]
        opening = np.hypot(max(jump[up], 0.0), np.linalg.norm(jump[:up]))
        assert law.strength is not None and law.toughness is not None
        counts += np.array([jump[up] < 0, jump[up] > 0, opening > law.strength / law.stiffness])
    return [int(v) for v in COMM.allreduce(counts)]


@pytest.mark.parametrize("dim", [2, 3])
def test_states_exercise_all_regimes(shared_tmp_path: Path, dim: int) -> None:
    """Otherwise the tangents above would show less than they claim."""
    pressed, opened, softening = regimes(Bench(shared_tmp_path, dim=dim), EQUAL)
    assert min(pressed, opened, softening) >= 2


@pytest.mark.parametrize("degree", [1, 2])
def test_tangent_of_everything_with_ties(shared_tmp_path: Path, degree: int) -> None:
    """All terms together, with a platen, rollers, a grounded face, and both global equations."""
    bench = Bench(shared_tmp_path, degree)
    s = bench.setting
    terms: Terms = [elasticity(s), SmallStrainSolid(s, "SE", SE), transfer(bench, MIXED)]
    terms += [bond(bench, EQUAL, GRAIN), bond(bench, MIXED)]
    terms += [Wiring(s, "CAM", 11.0), CounterElectrode(s, "z+", 8.0, 0.4, VOLTAGE)]
    terms += [*diffusion(bench, "from_open_circuit_potential"), *conduction(bench)]
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
