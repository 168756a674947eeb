"""Faces that have come off close again, do not run into each other, and open again in the next half cycle.

Two blocks of electrolyte (V10), uniform, so that the closed forms hold to the tolerance of the Newton solver; and the
sphere that shrinks off its matrix (V08), whose gap R (|ε| − P_0 C_2) closes at |ε| = P_0 C_2.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import test_v08_debonding as v08
from support_mechanics import SE, oedometric
from test_v10_cohesive_patch import MODE_I, blocks, pulled
from test_v10_cohesive_patch import PAIR as BLOCKS

from ssbmech.case.interfaces import Cohesion
from ssbmech.domain.mesh import cell_count

HEIGHT = 10.0  # um, of each block
COMPLIANCE = 2 * HEIGHT / oedometric(SE)
ONSET, FINAL = 20.0 / MODE_I.stiffness, 2 * 0.5 / 20.0


def test_two_cycles_of_blocks(shared_tmp_path: Path) -> None:
    """Open, close under pressure, open again, twice: the second cycle is the first without fracture, and energy is conserved.

    Every step ends where the law has a kink (onset, separation, contact), between which everything is linear, so that the
    trapezoidal work is exact and the balance closes to the tolerance of the Newton solver.
    """
    problem = blocks(shared_tmp_path, MODE_I, [2, 2, 3], 1, ("platen_displacement",))
    platen = pulled(problem)
    work, before = 0.0, (0.0, 0.0)
    seen: list[tuple[float, float]] = []
    opened, pressed = 0.06, -0.04  # um, of the top
    cycle = [opened, 0.0, pressed, 0.0]
    for top in [ONSET + 20.0 * COMPLIANCE, FINAL, *cycle, *cycle, opened]:
        platen.locked_extent = top
        problem.solve()
        stress = -platen.stack_pressure(problem.system.tied_sum["platen_displacement"])
        work += 0.5 * 36.0 * (stress + before[1]) * (top - before[0])
        before = (top, stress)
        seen.append((problem.mean_opening(BLOCKS), stress))
    first, second = seen[2:6], seen[6:10]
    contact = pressed / (1 + COMPLIANCE * MODE_I.contact_stiffness)
    closed = (contact, MODE_I.contact_stiffness * contact)
    for half in (first, second):
        assert half[0] == pytest.approx((opened, 0.0), rel=1e-9, abs=1e-8)
        assert half[2] == pytest.approx(closed, rel=1e-9)
    assert seen[10] == pytest.approx(seen[2], rel=1e-9, abs=1e-8)
    assert problem.energy["fracture_dissipation"] == pytest.approx(0.5 * 36.0, rel=1e-9)
    stored = problem.energy["stored"]
    assert work == pytest.approx(stored + problem.energy["fracture_dissipation"], rel=1e-8)


def test_default_contact_stiffness_keeps_faces_apart(shared_tmp_path: Path) -> None:
    """Pressed with 1 GPa, faces with the default stiffness overlap by the tolerance of 1 nm, and no more."""
    block = Cohesion.model_validate(
        {"stiffness": "1e15 Pa/m", "strength": "20 MPa", "toughness": "0.5 J/m^2"}
    )
    assert block.stiffness == 1e3
    law = replace(MODE_I, stiffness=block.stiffness, contact_stiffness=block.contact_stiffness)
    problem = blocks(shared_tmp_path, law, [2, 2, 2], 1, ("platen_displacement",))
    platen = pulled(problem)
    problem.damage.x.array[:] = 1.0
    platen.locked_extent = -1000.0 * (COMPLIANCE + 1 / law.contact_stiffness)
    problem.solve()
    assert -problem.mean_opening(BLOCKS) == pytest.approx(block.penetration_tolerance, rel=1e-9)
    assert problem.mean_traction(BLOCKS) == pytest.approx(-1000.0, rel=1e-9)


# -- the sphere ------------------------------------------------------------------------------------------------------


def closing_strain(folder: Path, h: float) -> tuple[float, int]:
    """Strain at which the gap of a broken sphere closes, in P_0 C_2, and the number of cells."""
    problem = v08.shrinking(folder, [2 * h, h, 3 * h])
    problem.damage.x.array[:] = 1.0
    gaps = []
    for share in (3.0, 2.0, 0.5, 2.0):
        problem.eigenstrain["core"].value = -share * v08.P0 * v08.C2
        problem.solve()
        gaps.append(problem.mean_opening(v08.PAIR))
        if share == 0.5:
            opening, traction = v08.exact(-share * v08.P0 * v08.C2, 1.0)
            assert gaps[-1] == pytest.approx(opening, rel=2e-2)  # the polyhedron, as in V08
            assert problem.mean_traction(v08.PAIR) == pytest.approx(traction, rel=2e-2)
            assert -gaps[-1] < 1e-5
    assert gaps[3] == pytest.approx(gaps[1], rel=1e-9)
    # A free core and a cavity under P_0 are linear in the strain: the gap is zero where the line through two of them is.
    return 2.0 - gaps[1] / (gaps[0] - gaps[1]), cell_count(problem.tagged)


def test_gap_closes_at_its_strain(shared_tmp_path: Path) -> None:
    """|ε| = P_0 C_2, to second order in the edge length of the polyhedron; it opens there again too."""
    (coarse, few), (fine, many) = (closing_strain(shared_tmp_path, h) for h in (2.0, 1.0))
    order = np.log((coarse - 1) / (fine - 1)) / np.log((many / few) ** (1 / 3))
    print(f"closes at {coarse:.6f}, {fine:.6f} of P0 C2, order {order:.2f}")
    assert fine == pytest.approx(1.0, abs=2e-3)
    assert order > 1.7


def test_two_cycles_of_the_sphere(shared_tmp_path: Path) -> None:
    """Shrink off, swell back onto the matrix, twice: the same gaps, the same contact, and no energy lost on the way."""
    problem = v08.shrinking(shared_tmp_path, [2.5, 1.1, 4.0])
    area = problem.area(v08.PAIR)
    closing, apart = -v08.P0 * v08.C2, 1.1 * v08.SEPARATES
    problem.eigenstrain["core"].value = closing
    problem.solve()
    for strain in np.linspace(v08.SOFTENS, apart, 6):
        problem.eigenstrain["core"].value = strain
        problem.solve()
    assert problem.damage_range(v08.PAIR) == (1.0, 1.0)
    gaps = [problem.mean_opening(v08.PAIR)]
    start, outer = problem.energy["stored"], v08.outer_displacement(problem)
    spent = problem.energy["fracture_dissipation"]
    problem.energy["chemical_work"] = 0.0
    tractions = []
    for strain in [closing, 0.3 * closing, closing, apart] * 2:
        problem.eigenstrain["core"].value = strain
        problem.solve()
        if strain == apart:
            gaps.append(problem.mean_opening(v08.PAIR))
        if strain == 0.3 * closing:
            tractions.append(problem.mean_traction(v08.PAIR))
    assert gaps[1:] == pytest.approx(gaps[:2], rel=1e-9)
    assert tractions[1] == pytest.approx(tractions[0], rel=1e-9)
    assert tractions[0] < -1.0
    assert problem.energy["fracture_dissipation"] == pytest.approx(spent, rel=1e-11)
    pressing = -v08.P0 * (v08.outer_displacement(problem) - outer)
    change = problem.energy["stored"] - start
    balance = problem.energy["chemical_work"] + pressing - change
    print(f"balance {balance / (0.5 * area):.1e} of the fracture energy, change {change:.1e}")
    # The way back passes the same states, so that trapezoids cancel, and only a hysteresis would be left: Newton's tolerance.
    assert abs(balance) < 1e-10 * 0.5 * area
