"""A cohesive interface between blocks so tall that it snaps back does not end a run.

The two blocks of V10, 150 µm tall: 2 L T_0/M = 0.154 µm is more than the final opening of 0.05 µm, so that under a growing displacement
of the top the bond lets go at once and no equilibrium with a partly broken bond exists.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support_mechanics import SE, oedometric
from test_v10_cohesive_patch import MODE_I, PAIR, blocks, pulled

from ssbmech.solve.system import SolveError

HEIGHT, AREA = 150.0, 36.0
PEAK = 20.0 * (1 / 1e4 + 2 * HEIGHT / oedometric(SE))  # um, displacement of the top at the strength


def test_snap_back_is_carried_by_viscosity(shared_tmp_path: Path) -> None:
    law = replace(MODE_I, viscosity=5.0)
    problem = blocks(shared_tmp_path, law, [1, 1, 2], 1, ("platen_displacement",), height=HEIGHT)
    platen = pulled(problem)
    assert final_opening() < 2 * HEIGHT * 20.0 / oedometric(SE)
    problem.setting.time_step.value = 2.0
    work, before, damages = 0.0, (0.0, 0.0), []
    for top in np.concatenate([[PEAK], np.linspace(PEAK, 1.2 * PEAK, 16)[1:], np.full(40, 1.2 * PEAK)]):
        platen.locked_extent = float(top)
        problem.solve()
        force = AREA * -platen.stack_pressure(problem.system.tied_sum["platen_displacement"])
        work += 0.5 * (force + before[1]) * (top - before[0])
        before = (float(top), force)
        damages.append(problem.damage_range(PAIR)[1])
    assert np.count_nonzero([0 < d < 1 - 1e-5 for d in damages]) > 10, (
        "the bond gives way in time, not in one step"
    )
    assert damages[-1] == pytest.approx(1.0, abs=1e-5)  # the viscosity approaches it exponentially
    assert before[1] == pytest.approx(0.0, abs=1e-3 * AREA * 20.0)
    # Fracture takes G_c; what the blocks release beyond it goes into the viscosity, and the balance closes to a per cent.
    fracture, viscous = problem.energy["fracture_dissipation"], problem.energy["viscous_dissipation"]
    assert fracture == pytest.approx(0.5 * AREA, rel=1e-3)
    assert viscous > 0.5 * fracture
    assert fracture + viscous + problem.energy["stored"] == pytest.approx(work, rel=0.01)


def final_opening() -> float:
    assert MODE_I.toughness is not None and MODE_I.strength is not None
    return 2 * MODE_I.toughness / MODE_I.strength


def test_rejected_step_leaves_no_trace(shared_tmp_path: Path) -> None:
    """After a solve that is cut off, restoring the fields gives the same solution as if it had never been tried."""
    law = replace(MODE_I, viscosity=5.0)
    tops = [0.9 * PEAK, 1.01 * PEAK]
    problem = blocks(shared_tmp_path, law, [1, 1, 2], 1, ("platen_displacement",), height=HEIGHT)
    platen = pulled(problem)
    platen.locked_extent = tops[0]
    problem.solve()
    problem.system.snes.setTolerances(max_it=1)
    platen.locked_extent = 3.0 * PEAK
    with pytest.raises(SolveError, match="displacement"):
        problem.system.solve()
    for unknown in problem.setting.unknowns.values():
        unknown.restore()
    problem.system.snes.setTolerances(max_it=25)
    platen.locked_extent = tops[1]
    problem.solve()
    other = blocks(shared_tmp_path, law, [1, 1, 2], 1, ("platen_displacement",), height=HEIGHT)
    undisturbed = pulled(other)
    for top in tops:
        undisturbed.locked_extent = top
        other.solve()
    tied = "platen_displacement"
    assert problem.system.tied_sum[tied] == pytest.approx(other.system.tied_sum[tied], rel=1e-9)
    assert problem.damage_range(PAIR) == pytest.approx(other.damage_range(PAIR), rel=1e-9)
