"""Frame indifference at finite strain: a step on top of which everything is turned has the same energies, and forces that turn.

Interfaces: what belongs to the beginning of a step (traction, opening, slip) is seen in the faces as they lay then. Crystals: the
axis, in which the lattice strains, turns with the body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc
import ufl
from support_inelastic import COMM
from support_mechanics import CAM
from support_tangent import CONTACT, EQUAL, FACE, MIXED, Bench, pressed, rough, transfer
from test_finite_strain import rotation

from ssbmech.case.curves import ExpressionCurve, LinearCurve
from ssbmech.materials.chemical_strain import LatticeChemicalStrain
from ssbmech.materials.friction import CoulombFriction
from ssbmech.physics.cohesion import Cohesion
from ssbmech.physics.finite_solid import FiniteStrainSolid

VISCOUS = replace(EQUAL, viscosity=60.0)
NOT, ONE, TWO = np.eye(3), rotation((1, 2, 3), 2.0), rotation((-1, 0.4, 0.7), 0.8)


def rubbing(bench: Bench) -> list[Any]:
    """With a slip in the faces as they lay, turned with them."""
    term = Cohesion(bench.setting, FACE, VISCOUS, bench.damage, CoulombFriction(0.6, 2.5e3))
    assert term.slip is not None
    slip = bench.turn @ [0.005, -0.003, 0.0015]  # type: ignore[attr-defined]
    term.slip.x.array[:] = np.tile(slip, term.slip.x.array.size // 3)
    return [term]


def reacting(bench: Bench) -> list[Any]:
    cohesion = pressed(bench)
    return [cohesion, transfer(bench, None, cohesion, CONTACT)]


def crystal(bench: Bench) -> list[Any]:
    a, c = ExpressionCurve(expression="0.1*(x - 1)"), LinearCurve(slope=-0.2, zero=0.2)
    axis = ufl.as_vector([1 / 3, -2 / 3, 2 / 3])
    return [FiniteStrainSolid(bench.setting, "CAM", CAM, LatticeChemicalStrain(a, c, axis))]


TERMS: dict[str, Callable[[Bench], list[Any]]] = {
    "softening": lambda b: [Cohesion(b.setting, FACE, replace(MIXED, viscosity=60.0), b.damage)],
    "multipliers of contact": lambda b: [pressed(b, VISCOUS)],
    "friction": rubbing,
    "charge transfer": reacting,
    "crystal": crystal,
}


def respond(folder: Path, make: Any, turns: tuple[np.ndarray, np.ndarray], finite: bool = True) -> Any:
    """Energies of a rough step, and (3, 3) moments of the nodal forces, with the body turned at its beginning and its end."""
    bench = Bench(folder, 2, finite=finite)
    s = bench.setting
    u = s["displacement"]
    bench.turn = turns[0]  # type: ignore[attr-defined]
    points = u.broken.space.tabulate_dof_coordinates()[: u.broken.body_of_dof.size]
    for function, turn in ((u.previous, turns[0]), (u.value, turns[1])):
        moved = points + function.x.array.reshape(-1, 3)[: len(points)]
        function.x.array[: moved.size] = (moved @ turn.T - points).reshape(-1)
        function.x.scatter_forward()
    terms = make(bench)
    system = bench.system(terms)
    rows, _ = system.evaluate()
    energies = [(e.name, sc.integral(s, e.form)) for term in terms for e in term.energies()]
    weights = np.stack([rough(u, k).reshape(-1, 3)[: u.broken.owned, 0] for k in (0.1, 1.2, 2.3)])
    forces = rows["displacement"][: 3 * u.broken.owned].reshape(-1, 3)
    return energies, np.asarray(COMM.allreduce(weights @ forces))


@pytest.mark.parametrize("name", TERMS)
def test_turning_changes_nothing(shared_tmp_path: Path, name: str) -> None:
    """Turned by any angle at the beginning and by another at the end: every energy the same and forces that turn, to 1e-9."""
    still, force = respond(shared_tmp_path, TERMS[name], (NOT, NOT))
    turned, turned_force = respond(shared_tmp_path, TERMS[name], (ONE, TWO))
    print(name, still, turned)
    for (label, one), (_, two) in zip(still, turned, strict=True):
        assert one != 0.0 or label == "viscous_dissipation", f"{label} is nothing: an empty test"
        assert two == pytest.approx(one, rel=1e-9, abs=1e-12), label  # single points may cancel
    assert np.abs(turned_force - force @ TWO.T).max() <= 1e-9 * np.abs(force).max()


@pytest.mark.parametrize("name", ["softening", "multipliers of contact", "crystal"])
def test_forces_exert_no_couple(shared_tmp_path: Path, name: str) -> None:
    """Sum and moment of the nodal forces of a term vanish, whatever has slid and turned, to 1e-11 of those of their sizes."""
    bench = Bench(shared_tmp_path, 2, finite=True)
    u = bench.setting["displacement"]
    rows, _ = bench.system(TERMS[name](bench)).evaluate()
    owned = u.broken.owned
    force = rows["displacement"][: 3 * owned].reshape(-1, 3)
    place = u.broken.space.tabulate_dof_coordinates()[:owned] + u.value.x.array.reshape(-1, 3)[:owned]
    total = COMM.allreduce(np.array([force.sum(axis=0), np.cross(place, force).sum(axis=0)]))
    size = COMM.allreduce(np.array([np.abs(force).sum(), np.abs(np.cross(place, force)).sum()]))
    assert size[0] > 0.0
    assert np.abs(total).max(axis=1) == pytest.approx([0.0, 0.0], abs=1e-11 * size.max())


def test_small_strain_is_not_indifferent(shared_tmp_path: Path) -> None:
    """The measure itself."""
    make = TERMS["multipliers of contact"]
    (still, _), (turned, _) = (respond(shared_tmp_path, make, (NOT, turn), False) for turn in (NOT, ONE))
    assert any(abs(two - one) > 0.1 * abs(one) for (_, one), (_, two) in zip(still, turned, strict=True))
