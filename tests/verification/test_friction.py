"""Coulomb friction of broken faces: stick, slip, reversal, and the passage from bond to friction.

Two blocks that meet in one plane, pressed together and sheared. Where all nodes of a level move alike every field is linear and the
closed forms hold to the tolerance of the Newton solver; the elastic bar that slips from its end has a slip zone of the
length F/(µ p).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ufl
from dolfinx import fem
from mpi4py import MPI
from support_mechanics import COMM, SE, Laminate, oedometric, shared_mesh
from support_tangent import EQUAL, FACE, GRAIN, MIXED, Bench

from ssbmech import compat
from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.materials.friction import CoulombFriction
from ssbmech.physics.cohesion import Cohesion
from ssbmech_mesh.primitives import layered_block

PAIR = ("low", "high")
HEIGHT, SIDE = 2.0, 6.0  # um, of each block, of its base
AREA = SIDE**2
STIFFNESS = 1e4  # MPa/um
OPEN = CohesiveLaw(STIFFNESS, STIFFNESS, residual_stiffness=0.0)
MU = 0.3
PRESS = 20.0  # MPa
SHEAR = 1 / (2 * HEIGHT / SE.shear_modulus + 1 / STIFFNESS)  # MPa/um, of the stack that sticks


# -- tangents --------------------------------------------------------------------------------------------------------


def rubbing(
    bench: Bench, pair: Any, law: CohesiveLaw, coefficient: float, stiffness: float = 2.5e3
) -> list[Any]:
    term = Cohesion(bench.setting, pair, law, bench.damage, CoulombFriction(coefficient, stiffness))
    assert term.slip is not None
    points = np.arange(term.slip.x.array.size)  # a history of slip that is no function of anything
    term.slip.x.array[:] = 0.01 * np.sin(1.7 * points)
    return [term]


TANGENTS = {  # coefficients that make nearly everything in contact stick, some of it, nearly nothing
    "stick": (FACE, OPEN, 50.0),
    "stick and slip": (FACE, OPEN, 0.6),
    "slip": (FACE, OPEN, 0.02),
    "of a breaking bond": (FACE, EQUAL, 0.6),
    "of a breaking bond, mixed mode": (FACE, MIXED, 0.6),
    "of a breaking bond, mixed mode, viscous": (FACE, replace(MIXED, viscosity=60.0), 0.6),
    "between bodies of one phase": (GRAIN, MIXED, 0.6),
}


@pytest.mark.parametrize("name", TANGENTS)
def test_tangent(shared_tmp_path: Path, name: str) -> None:
    pair, law, coefficient = TANGENTS[name]
    bench = Bench(shared_tmp_path)
    error = bench.mismatch(rubbing(bench, pair, law, coefficient), 1e-5)
    print(f"{name}: {error:.1e}")
    assert error < 1e-6


def test_tangent_at_finite_strain(shared_tmp_path: Path) -> None:
    """The normal and with it all of the sliding follow the deformed faces."""
    bench = Bench(shared_tmp_path)
    bench.setting.finite_strain = True
    error = bench.mismatch(rubbing(bench, FACE, EQUAL, 0.6), 1e-5)
    assert error < 1e-6


def test_states_stick_and_slip(shared_tmp_path: Path) -> None:
    """Otherwise the tangents above would show less than they claim: areas of what is broken, closed, and sticks or slips."""
    shares = {}
    for name, (pair, law, coefficient) in TANGENTS.items():
        bench = Bench(shared_tmp_path)
        (term,) = rubbing(bench, pair, law, coefficient)
        friction, step = term.friction, term._sliding(term.friction)
        pressure = term.contact_pressure()
        slipped = friction.slipped(step.trial, pressure)

        def area(what: Any, bench: Bench = bench, pair: Any = pair) -> float:
            interface = bench.setting.interface_mesh
            assert interface is not None
            mine = fem.assemble_scalar(compat.form(what * bench.setting.dS(pair), interface.entity_maps))
            return COMM.allreduce(float(mine))

        rubs = ufl.And(ufl.gt(pressure, 0), ufl.gt(step.broken, 0))
        slips = area(ufl.conditional(ufl.And(rubs, ufl.gt(slipped, 0)), 1.0, 0.0))
        shares[name] = (area(ufl.conditional(rubs, 1.0, 0.0)) - slips, slips)
    print(shares)
    assert shares["stick"][0] > 0.5 and shares["stick"][1] == 0.0
    assert shares["slip"][1] > 0.5 and shares["slip"][0] < 1e-12
    # One point has 1/6 um^2; which of them are broken depends on the numbering, and so on the number of ranks.
    assert all(min(shares[name]) > 0.1 for name in shares if name not in ("stick", "slip"))


# -- block on block --------------------------------------------------------------------------------------------------


class Free:
    """A tied level of nodes without a force of its own."""

    def weight(self) -> float:
        return 1.0

    def rest(self, value: float) -> tuple[float, float]:
        return 0.0, 0.0


class Blocks:
    """Two blocks, each level of nodes moving alike along x and z; the top is prescribed, the bottom held."""

    def __init__(
        self,
        folder: Path,
        law: CohesiveLaw,
        friction: CoulombFriction | None,
        tolerance: float | None = None,
    ) -> None:
        tagged = shared_mesh(
            folder / "blocks.msh",
            lambda path: layered_block(path, [SIDE, SIDE], [HEIGHT, HEIGHT], list(PAIR), [2, 2, 1]),
        )
        names = ("low_x", "low_z", "high_x", "high_z")
        rubs = {} if friction is None else {PAIR: friction}
        self.problem = p = Laminate(
            tagged, {"low": SE, "high": SE}, {PAIR: law}, scalars=names, friction=rubs, tolerance=tolerance
        )
        ties = {n: p.plane_dofs(0 if n[-1] == "x" else 2, HEIGHT, int(n.startswith("high"))) for n in names}
        self.top, self.lid = p.dofs("z+", 0), p.dofs("z+", 2)
        held = [p.all_dofs(1), self.top, self.lid, p.dofs("z-", 0), p.dofs("z-", 2)]
        p.constrain(held, ties, {name: Free() for name in names})
        self._stress = p.solids["low"].stress()
        self.work = 0.0
        self._before = np.zeros(4)

    def move(self, along: float, pressure: float) -> float:
        """Move the top to ``along`` and press with a closed interface; returns the shear stress. Work goes to ``work``."""
        p = self.problem
        down = -pressure * (2 * HEIGHT / oedometric(SE) + 1 / STIFFNESS)
        p.prescribe(self.top, along)
        p.prescribe(self.lid, down)
        self.iterations = p.solve()
        shear, normal = (p.mean(self._stress[k, 2], "low") for k in (0, 2))
        if p.tolerance is None:
            assert normal == pytest.approx(-pressure, abs=1e-7)
        now = np.array([along, down, shear, normal])
        self.work += AREA * float(0.5 * (now + self._before)[2:] @ (now - self._before)[:2])
        self._before = now
        return shear

    def broken(self) -> Blocks:
        self.problem.damage.x.array[:] = 1.0
        return self


LIMIT = MU * PRESS
PATH = [
    0.4,
    0.9,
    1.0,
    1.7,
    3.0,
    2.5,
    1.2,
    1.0,
    -0.5,
    -3.0,
    -2.0,
    -1.0,
    2.0,
    3.0,
]  # of the displacement at first slip


def elastic_plastic(path: list[float], stiffness: float, limit: float) -> list[tuple[float, float]]:
    """(shear stress, dissipation so far): a spring in series with a slider."""
    stress, spent, before, out = 0.0, 0.0, 0.0, []
    for place in path:
        trial = stress + stiffness * (place - before)
        stress = float(np.clip(trial, -limit, limit))
        spent += abs(stress) * abs(trial - stress) / stiffness
        before = place
        out.append((stress, spent))
    return out


def test_stick_below_and_slip_above(shared_tmp_path: Path) -> None:
    """Stress and dissipation (µ N times the slip) along a path with reversals, some of them within one step."""
    blocks = Blocks(shared_tmp_path, OPEN, CoulombFriction(MU, STIFFNESS)).broken()
    blocks.move(0.0, PRESS)
    path = [LIMIT / SHEAR * share for share in PATH]
    for place, (stress, spent) in zip(path, elastic_plastic(path, SHEAR, LIMIT), strict=True):
        assert blocks.move(place, PRESS) == pytest.approx(stress, rel=1e-8, abs=1e-8)
        # 1e-8: Newton's tolerance of 1e-11 of 100 MPa against a limit of 6 MPa
        assert blocks.problem.energy["friction_dissipation"] == pytest.approx(
            AREA * spent, rel=1e-8, abs=1e-9
        )
        assert blocks.iterations <= 4


def test_hysteresis_loop(shared_tmp_path: Path) -> None:
    """Area of the closed loop 4 µ p (A − µ p/k), its energy all friction; steps end where slip begins, so trapezoids are exact."""
    blocks = Blocks(shared_tmp_path, OPEN, CoulombFriction(MU, STIFFNESS)).broken()
    blocks.move(0.0, PRESS)
    yields, amplitude = LIMIT / SHEAR, 2.5 * LIMIT / SHEAR
    loop = [amplitude - 2 * yields, -amplitude, -amplitude + 2 * yields, amplitude]
    for place in (yields, amplitude):
        blocks.move(place, PRESS)
    start, stored, spent = (
        blocks.work,
        blocks.problem.energy["stored"],
        blocks.problem.energy["friction_dissipation"],
    )
    for place in loop:
        blocks.move(place, PRESS)
    area = 4 * LIMIT * (amplitude - yields) * AREA
    assert blocks.work - start == pytest.approx(area, rel=1e-8)
    assert blocks.problem.energy["friction_dissipation"] - spent == pytest.approx(area, rel=1e-8)
    assert blocks.problem.energy["stored"] == pytest.approx(stored, rel=1e-8)


def test_pressure_decides(shared_tmp_path: Path) -> None:
    """More pressure sticks without a change of stress; less of it lets the stress fall to the new limit; none leaves none."""
    blocks = Blocks(shared_tmp_path, OPEN, CoulombFriction(MU, STIFFNESS)).broken()
    blocks.move(0.0, PRESS)
    place = 2 * LIMIT / SHEAR
    assert blocks.move(place, PRESS) == pytest.approx(LIMIT, rel=1e-8)
    assert blocks.move(place, 2 * PRESS) == pytest.approx(LIMIT, rel=1e-8)
    before = blocks.problem.energy["friction_dissipation"]
    assert blocks.move(place, 0.5 * PRESS) == pytest.approx(0.5 * LIMIT, rel=1e-8)
    # From the limit 2 LIMIT to LIMIT/2 the slip is that of the stress drop; the step counts the mean of both limits.
    slip = 0.5 * LIMIT / SHEAR
    spent = blocks.problem.energy["friction_dissipation"] - before
    assert spent == pytest.approx(0.5 * (2 + 0.5) * LIMIT * slip * AREA, rel=1e-7)
    assert blocks.move(place, 0.0) == pytest.approx(0.0, abs=1e-8)
    assert blocks.move(-place, 0.0) == pytest.approx(0.0, abs=1e-8)


def test_limit_is_that_of_the_whole_pressure(shared_tmp_path: Path) -> None:
    """What multipliers of contact carry counts like the pressure of the penalty, in the limit and in the dissipation."""
    tolerance = 1e-5  # um; the penalty alone overlaps by 200 times that
    blocks = Blocks(shared_tmp_path, OPEN, CoulombFriction(MU, STIFFNESS), tolerance).broken()
    blocks.move(0.0, PRESS)
    overlap = -blocks.problem.mean_opening(PAIR)
    assert 0.0 < overlap <= tolerance
    pressure = (PRESS * (2 * HEIGHT / oedometric(SE) + 1 / STIFFNESS) - overlap) / (
        2 * HEIGHT / oedometric(SE)
    )
    yields = MU * pressure / SHEAR
    assert blocks.move(0.9 * yields, PRESS) == pytest.approx(0.9 * MU * pressure, rel=1e-8)
    # The overlap that is left moves within the tolerance while faces slip, and with it the pressure.
    assert blocks.move(3.0 * yields, PRESS) == pytest.approx(MU * pressure, rel=0.02)
    slip = 2.0 * yields
    spent = blocks.problem.energy["friction_dissipation"]
    assert spent == pytest.approx(MU * pressure * slip * AREA, rel=0.03)


# -- from bond to friction -------------------------------------------------------------------------------------------

BOND = CohesiveLaw(STIFFNESS, STIFFNESS, 10.0, 0.5, 10.0, 0.5, residual_stiffness=0.0)
ONSET, FINAL = 10.0 / STIFFNESS, 2 * 0.5 / 10.0


def test_whole_bond_has_no_friction(shared_tmp_path: Path) -> None:
    """Before the bond begins to break the solution is the same to the last bit as without friction."""
    solutions = []
    for friction in (None, CoulombFriction(MU, STIFFNESS)):
        blocks = Blocks(shared_tmp_path, BOND, friction)
        for share in (0.0, 0.5, 0.98):
            blocks.move(share * 10.0 / SHEAR, PRESS)
        solutions.append(blocks.problem.setting["displacement"].value.x.array.copy())
        assert blocks.problem.energy.get("friction_dissipation", 0.0) == 0.0
    assert np.abs(solutions[0]).max() > 1e-3
    assert np.array_equal(*solutions)


def test_bond_gives_way_to_friction(shared_tmp_path: Path) -> None:
    """Sheared under pressure: (1 − r) S_0 + r µ p on the way, µ p at the end; the work is stored, G_c and friction."""
    blocks = Blocks(shared_tmp_path, BOND, CoulombFriction(MU, STIFFNESS))
    blocks.move(0.0, PRESS)
    compliance = 2 * HEIGHT / SE.shear_modulus
    blocks.move(ONSET + compliance * 10.0, PRESS)
    start, spent = blocks.work - 10.0**2 / (2 * SHEAR) * AREA, 0.0
    for opening in [*np.linspace(ONSET, FINAL, 9)[1:], 1.3 * FINAL, 2 * FINAL]:
        r = min((opening - ONSET) / (FINAL - ONSET), 1.0)
        stress = (1 - r) * 10.0 + r * LIMIT
        assert blocks.move(opening + compliance * stress, PRESS) == pytest.approx(stress, rel=1e-8)
        assert blocks.problem.damage_range(PAIR)[1] <= 1.0
        spent = 0.5 * (FINAL - ONSET) * LIMIT + (opening - FINAL) * LIMIT
    energy = blocks.problem.energy
    assert energy["fracture_dissipation"] == pytest.approx(0.5 * AREA, rel=1e-9)
    # Beside the sliding, the elastic slip µ p/K_t is stored, and lost with every share of the face that has just broken.
    assert energy["friction_dissipation"] == pytest.approx(spent * AREA, rel=2 * LIMIT / STIFFNESS / FINAL)
    whole = energy["stored"] + energy["fracture_dissipation"] + energy["friction_dissipation"]
    # Everything is linear between the ends of the steps, so that the trapezoidal work is exact.
    assert blocks.work == pytest.approx(whole, rel=1e-8)
    assert start == pytest.approx(
        0.5 * PRESS**2 * (2 * HEIGHT / oedometric(SE) + 1 / STIFFNESS) * AREA, rel=1e-8
    )


# -- a bar that slips from its end -----------------------------------------------------------------------------------

LENGTH, THICK, GRIP = 24.0, 0.02, 2e3  # um, um, MPa/um


def bar_end(force: float, limit: float) -> float:
    """Displacement [µm] of the end of a long bar pulled by ``force`` [MPa µm] against friction of at most ``limit`` [MPa].

    EA u'' = limit over the slip zone l = F/limit − ℓ and EA u'' = K_t u beyond, ℓ² = EA/K_t; l → F/limit for K_t → ∞.
    """
    stretch = oedometric(SE) * THICK
    decay = np.sqrt(stretch / GRIP)
    zone = force / limit - decay
    return float(limit / GRIP + (limit * decay * zone + 0.5 * limit * zone**2) / stretch)


def test_bar_slips_from_its_end(shared_tmp_path: Path) -> None:
    """Slip zone, displacement of the end and dissipation; on unloading it slips back over half of it (Masing's rule)."""
    tagged = shared_mesh(
        shared_tmp_path / "bar.msh",
        lambda path: layered_block(path, [LENGTH], [0.2, THICK], list(PAIR), [240, 1]),
    )
    law = CohesiveLaw(GRIP, STIFFNESS, residual_stiffness=0.0)
    problem = Laminate(
        tagged,
        {"low": SE, "high": SE},
        {PAIR: law},
        pressed=["x-"],
        friction={PAIR: CoulombFriction(MU, GRIP)},
    )
    base = [problem.plane_dofs(axis, z, 0) for axis in (0, 1) for z in (0.0, 0.2)]
    bar = np.concatenate([problem.plane_dofs(1, z, 1) for z in (0.2, 0.2 + THICK)])
    problem.constrain([*base, bar])
    problem.damage.x.array[:] = 1.0
    problem.prescribe(bar, -PRESS / STIFFNESS)
    problem.solve()
    force, decay = 10.0 * LIMIT, np.sqrt(oedometric(SE) * THICK / GRIP)
    end = problem.plane_dofs(0, 0.2 + THICK, 1)
    x = problem.setting["displacement"].broken.space.tabulate_dof_coordinates()[end // 2, 0]
    displacement = problem.setting["displacement"].value.x.array

    def end_moves() -> float:
        here = displacement[end[x < 1e-9]]
        return -COMM.allreduce(float(here.min(initial=0.0)), MPI.MIN)

    for share in (0.6, 1.0):
        problem.pressure["x-"].value = -share * force / THICK
        problem.solve()
    # 2e-3: cells of 0.1 um against the decay length of 0.6 um, and the bar's own shear, G K_t/h ~ 0.2 % of K_t
    assert end_moves() == pytest.approx(bar_end(force, LIMIT), rel=2e-3)
    slip = problem.cohesion[PAIR].slip
    assert slip is not None
    zone = force / LIMIT - decay
    slid = problem.integral(abs(slip("+")[0]) * problem.setting.dS(PAIR))
    stretch = oedometric(SE) * THICK
    exact = LIMIT / stretch * (decay * zone**2 / 2 + zone**3 / 6)
    assert slid == pytest.approx(exact, rel=4e-3)
    # Every point that slides does so in both steps under the same limit: what friction takes is µ p times the slip.
    assert problem.energy["friction_dissipation"] == pytest.approx(LIMIT * slid, rel=1e-8)
    begun = ufl.conditional(ufl.gt(abs(slip("+")[0]), 1e-9), 1.0, 0.0)
    assert problem.integral(begun * problem.setting.dS(PAIR)) == pytest.approx(zone, abs=0.1)  # one cell
    problem.pressure["x-"].value = 0.0
    problem.solve()
    assert end_moves() == pytest.approx(bar_end(force, LIMIT) - bar_end(force, 2 * LIMIT), rel=4e-3)
