"""Multipliers hold the overlap of faces in contact below its tolerance, where the penalty alone would not.

Two blocks of electrolyte on rollers (V10), broken, pressed by a platen through a distance w. Uniform stress, so that with the
overlap o = −δ left the pressure is exactly p = (w − o)/C, C = 2 h/M; that of rigid faces is w/C.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import basix
import numpy as np
import pytest
from support_mechanics import SE, Laminate, oedometric, shared_mesh
from test_pore_closure import GAP, MATCHING, Slit
from test_v10_cohesive_patch import MODE_I, pulled
from test_v10_cohesive_patch import PAIR as BLOCKS

from ssbmech.case.numerics import Numerics
from ssbmech.domain.mesh import cell_count
from ssbmech.materials.wall_contact import WallContactLaw
from ssbmech.physics.contact_multiplier import augmented
from ssbmech_mesh.primitives import layered_block

HEIGHT, SIDE, TOLERANCE = 10.0, 6.0, 1e-3
COMPLIANCE = 2 * HEIGHT / oedometric(SE)
SOFT = replace(MODE_I, contact_stiffness=1e4)
"""Overlaps by 1 nm under 10 MPa."""


def broken_blocks(folder: Path, tolerance: float | None) -> Laminate:
    tagged = shared_mesh(
        folder / "blocks.msh",
        lambda path: layered_block(path, [SIDE, SIDE], [HEIGHT, HEIGHT], ["low", "high"], [2, 2, 2]),
    )
    bodies = {"low": SE, "high": SE}
    problem = Laminate(tagged, bodies, {BLOCKS: SOFT}, scalars=["platen_displacement"], tolerance=tolerance)
    problem.damage.x.array[:] = 1.0
    return problem


def test_where_the_multiplier_takes_over() -> None:
    """Overlap and gap under pressure beyond the tolerance, within it, and open."""
    opening = np.array([-2e-3, 2e-3, -5e-4, 5e-4, 1e-2])
    multiplier = np.array([30.0, 30.0, 30.0, 30.0, 30.0])
    out = augmented(multiplier, opening, 1e4, TOLERANCE)
    assert out == pytest.approx([50.0, 10.0, 30.0, 30.0, 0.0], rel=1e-12)


def test_overlap_stays_within_its_tolerance(shared_tmp_path: Path) -> None:
    """Up to 500 MPa, where the penalty would let the faces overlap by 50 nm; part, and close again; energy is conserved throughout."""
    problem = broken_blocks(shared_tmp_path, TOLERANCE)
    platen = pulled(problem)
    work, before, deepest, unseen = 0.0, (0.0, 0.0), 0.0, 0.0
    for pressure in (5.0, 50.0, 500.0, 480.0, 50.0, 0.0, -10.0, 0.0, 100.0):
        top = -pressure * COMPLIANCE
        platen.locked_extent = top
        problem.solve()
        found = platen.stack_pressure(problem.system.tied_sum["platen_displacement"])
        overlap = -problem.mean_opening(BLOCKS)
        if pressure >= 0:  # pressed, or with the tolerance, on the way back, still
            assert abs(overlap) <= TOLERANCE * (1 + 1e-9)
            assert found == pytest.approx((-top - overlap) / COMPLIANCE, rel=1e-9, abs=1e-8)
            deepest = max(deepest, overlap)
        else:
            assert found == pytest.approx(0.0, abs=1e-8)
        before_step = before
        work += 0.5 * SIDE**2 * (-found + before[1]) * (top - before[0])
        before = (top, -found)
        kept = problem.energy["stored"] + problem.energy["multiplier_work"]
        if pressure < 0:
            assert problem.energy["stored"] == pytest.approx(0.0, abs=1e-8)
            # The faces part somewhere within this step; the trapezoid does not know where.
            unseen = work - kept
            assert abs(unseen) < -before_step[1] * top * SIDE**2
        else:  # all is linear between the ends of the steps
            assert work - unseen == pytest.approx(kept, rel=1e-9, abs=1e-9)
    assert deepest > 0.1 * TOLERANCE  # the penalty carries what it may
    assert abs(problem.energy["multiplier_work"]) < 1.1 * TOLERANCE * 500.0 * SIDE**2


def test_penalty_alone_overlaps(shared_tmp_path: Path) -> None:
    """What the multipliers are for."""
    problem = broken_blocks(shared_tmp_path, None)
    pulled(problem).locked_extent = -500.0 * COMPLIANCE
    problem.solve()
    assert -problem.mean_opening(BLOCKS) > 40 * TOLERANCE


def test_a_rejected_step_leaves_no_trace(shared_tmp_path: Path) -> None:
    """The same state whether or not a step to twenty times the pressure was tried in between."""
    states = []
    for tries in (False, True):
        problem = broken_blocks(shared_tmp_path, TOLERANCE)
        platen = pulled(problem)
        for pressure in (20.0, 25.0):
            if tries and pressure == 25.0:
                platen.locked_extent = -500.0 * COMPLIANCE
                problem.system.solve()
                problem.system.restore()
            platen.locked_extent = -pressure * COMPLIANCE
            problem.solve()
        states.append(problem.setting["displacement"].value.x.array.copy())
    assert cell_count(problem.tagged) == 96
    assert np.array_equal(*states)


def test_walls_of_a_pore(shared_tmp_path: Path) -> None:
    """The slit of V26 with a soft contact: pressed to 3 nm of overlap by the penalty, it keeps to 1 nm; the balance closes."""
    law = WallContactLaw(1e4)
    problem = Slit.make(shared_tmp_path, MATCHING, law=law, tolerance=TOLERANCE)
    alone = Slit.make(shared_tmp_path, MATCHING, law=law)
    for closing in (GAP, 0.03, 0.05, 0.1, 0.04, 0.01, 0.05):
        found, soft = problem.close(closing), alone.close(closing)
        overlap = problem.walls.figures().penetration
        assert overlap <= TOLERANCE * (1 + 1e-9)
        if closing > 0.05:
            assert alone.walls.figures().penetration > TOLERANCE
            assert found > soft
    assert problem.walls.figures().contact_fraction == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("shape", ["interval", "triangle"])
@pytest.mark.parametrize("degree", [1, 2])
def test_no_jump_goes_unseen(shape: str, degree: int) -> None:
    """A jump that vanishes at all points of a facet vanishes everywhere on it; with the points of a degree less it would not have to."""

    def unseen(points: int) -> int:
        """Dimension of the jumps that are zero at the points of a quadrature degree."""
        element = basix.create_element(basix.ElementFamily.P, cell, degree, basix.LagrangeVariant.equispaced)
        places, _ = basix.make_quadrature(cell, points)
        values = element.tabulate(0, places)[0, :, :, 0]
        return int(values.shape[1] - np.linalg.matrix_rank(values))

    cell = basix.CellType[shape]
    least = Numerics(displacement_degree=degree).least_interface_quadrature_degree
    assert unseen(least) == 0
    assert unseen(least - 1) > 0
