"""An interface without a viscosity in the case file has one that follows the programme: the same delay in charge at every rate."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import support_coupled as sc
from support_mechanics import Laminate
from test_coupled_particle import CASE
from test_snap_back import AREA, HEIGHT, PEAK
from test_v10_cohesive_patch import MODE_I, PAIR, blocks, pulled

from ssbmech.evolution import Evolution
from ssbmech.materials.cohesive import RELATIVE_VISCOSITY
from ssbmech.solve.stepping import Segment, StepControl, StepFailedError, TimeStepper
from ssbmech.solve.system import CoupledSystem
from ssbmech.stack.platen import Platen


def test_default_is_a_share_of_the_programme_step(shared_tmp_path: Path) -> None:
    """Ten steps, in the bilinear law's softening: the damage is that of τ = 2e-4 T, T being 5000 or 50,000 times the time step."""
    found = {}
    for step, viscosity in ((1.0, 1.0), (1.0, None), (0.1, None)):
        problem = blocks(
            shared_tmp_path,
            replace(MODE_I, viscosity=viscosity),
            [1, 1, 1],
            scalars=("platen_displacement",),
        )
        platen = pulled(problem)
        problem.setting.time_step.value = step
        problem.setting.duration.value = 5000.0
        for number in range(10):
            platen.locked_extent = 0.012 + 0.002 * number
            problem.solve()
        found[step, viscosity] = problem.damage_range(PAIR)[1]
    assert RELATIVE_VISCOSITY * 5000.0 == 1.0
    assert found[1.0, None] == pytest.approx(found[1.0, 1.0], rel=1e-12)
    assert found[0.1, None] < 0.99 * found[1.0, 1.0]


@dataclass
class Pulling:
    """Blocks in time, as the stepper wants them."""

    problem: Laminate

    @property
    def system(self) -> CoupledSystem:
        return self.problem.system

    def set_time_step(self, seconds: float) -> None:
        self.problem.setting.time_step.value = seconds

    def monitored(self) -> dict[str, float]:
        return {}

    def commit(self) -> None:
        self.problem.accept()


def test_default_carries_a_snap_back(shared_tmp_path: Path) -> None:
    """Blocks of 150 µm, which snap back, pulled at a steady rate: steps of a tenth of the whole on both sides of it, and none is lost.

    Without viscosity no step beyond the peak has an equilibrium near the last one, however short it is.
    """
    duration = 100.0
    outcome = {}
    for viscosity in (None, 0.0):
        law = replace(MODE_I, viscosity=viscosity)
        problem = blocks(shared_tmp_path, law, [1, 1, 2], 1, ("platen_displacement",), height=HEIGHT)
        platen = pulled(problem)
        problem.setting.duration.value = duration

        def drive(elapsed: float, platen: Platen = platen) -> None:
            platen.locked_extent = 1.2 * PEAK * elapsed / duration

        segment = Segment(0, "press", duration, (), 10.0, lambda: None, drive)
        stepper = TimeStepper(Pulling(problem), StepControl(5.0, 1e-4, 10.0, 1.6, 0.5, 8), lambda line: None)
        if viscosity == 0.0:
            with pytest.raises(StepFailedError, match="displacement"):
                list(stepper.run([segment]))
        else:
            steps = [accepted.time_step for accepted in stepper.run([segment])]
            outcome = {"steps": len(steps), "rejected": stepper.rejected, **problem.energy}
            assert sum(steps) == pytest.approx(duration)
            assert problem.damage_range(PAIR)[0] == pytest.approx(1.0, abs=1e-9)
            assert problem.energy["fracture_dissipation"] == pytest.approx(0.5 * AREA, rel=1e-9)
            assert problem.energy["stored"] == pytest.approx(0.0, abs=1e-9)
    print(outcome)
    assert outcome["steps"] < 60


def test_duration_of_every_kind_of_step(shared_tmp_path: Path) -> None:
    """A rest has its own duration, a charge that of a full one at its current unless it ends earlier by time or capacity."""
    case = copy.deepcopy(CASE)
    case["programme"] = [
        {"rest": "600 s"},
        {"charge": "C/2", "until": {"potential": "4.3 V"}},
        {"charge": "C/2", "until": {"potential": "4.3 V", "time": "12 h"}},
        {"charge": "C/2", "until": {"time": "1 h"}},
        {"discharge": "2C", "until": {"specific_capacity": "50 mAh/g"}},
    ]
    model = sc.model_of(shared_tmp_path, case, sc.ball_in_box(8, 8.0, 2.6))
    durations = []
    for segment in Evolution(model).segments():
        segment.enter()
        durations.append(float(model.setting.duration.value))
    assert durations == pytest.approx([600.0, 7200.0, 7200.0, 3600.0, 450.0], rel=1e-12)
