"""The length of the next time step, without a model behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from ssbmech.solve.stepping import Segment, StepControl, StepFailedError, TimeStepper
from ssbmech.solve.system import SolveError


@dataclass
class Scripted:
    """An evolution whose solves need the given iterations, or fail (None) above a given time step."""

    iterations: int = 2
    longest: float = float("inf")
    unknowns: dict[str, Any] = field(default_factory=dict)
    step: float = 0.0
    tried: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.system = self
        self.snes = self

    def getLinearSolveIterations(self) -> int:
        return 0

    def solve(self) -> int:
        self.tried.append(self.step)
        if self.step > self.longest:
            raise SolveError("too long")
        return self.iterations

    def set_time_step(self, seconds: float) -> None:
        self.step = seconds

    def monitored(self) -> dict[str, float]:
        return {}

    def commit(self) -> None:
        pass


def steps(evolution: Scripted, duration: float, minimum: float = 1.0) -> list[float]:
    control = StepControl(10.0, minimum, 1000.0, 1.6, 0.5, 8)
    segment = Segment(0, "rest", duration, (), 1000.0, lambda: None, lambda elapsed: None)
    stepper = TimeStepper(evolution, control, lambda line: None)  # type: ignore[arg-type]
    return [accepted.time_step for accepted in stepper.run([segment])]


def test_easy_steps_grow_by_the_growth_factor_to_the_maximum() -> None:
    taken = steps(Scripted(), 20_000.0)
    assert taken[:5] == pytest.approx([10.0, 16.0, 25.6, 40.96, 65.536])
    assert max(taken) == 1000.0
    assert sum(taken) == pytest.approx(20_000.0)


def test_steps_that_hit_the_target_keep_their_length() -> None:
    assert steps(Scripted(iterations=8), 50.0) == pytest.approx([10.0] * 5)


def test_hard_steps_shrink_with_their_iterations_but_not_below_the_shrink_factor() -> None:
    assert steps(Scripted(iterations=10), 100.0)[:3] == pytest.approx([10.0, 8.0, 6.4])
    assert steps(Scripted(iterations=100), 100.0)[:6] == pytest.approx([10.0, 5.0, 2.5, 1.25, 1.0, 1.0])


def test_a_length_that_failed_is_not_soon_tried_again() -> None:
    evolution = Scripted(longest=100.0)
    taken = steps(evolution, 5000.0)
    assert sum(taken) == pytest.approx(5000.0)
    rejected = [step for step in evolution.tried if step > 100.0]
    # 10, 16, ... 65.5, then 104.9 fails; from 60 % of that, 5 % a step: ten steps until the next try.
    assert rejected[0] == pytest.approx(104.8576)
    assert len(rejected) <= 1 + len(taken) / 10


def test_a_length_that_failed_is_forgotten_once_it_succeeds() -> None:
    """An obstacle at one time, passed in short steps: the steps grow by the growth factor as soon as one is as long as the rejected one."""
    evolution = Scripted(longest=40.0)
    control = StepControl(10.0, 1.0, 1000.0, 1.6, 0.5, 8)
    segment = Segment(0, "rest", 20_000.0, (), 1000.0, lambda: None, lambda elapsed: None)
    stepper = TimeStepper(evolution, control, lambda line: None)  # type: ignore[arg-type]
    taken = []
    for accepted in stepper.run([segment]):
        taken.append(accepted.time_step)
        if stepper.rejected == 1:
            evolution.longest = float("inf")
    failed = next(step for step in evolution.tried if step > 40.0)
    passed = next(n for n, step in enumerate(taken) if step >= failed)
    assert stepper.rejected == 1
    assert taken[passed + 1] == pytest.approx(1.6 * taken[passed])
    assert max(taken) == 1000.0


def test_a_step_that_fails_at_the_minimum_ends_the_run() -> None:
    with pytest.raises(StepFailedError, match=r"programme step 0 .*time step 1\.25 s: too long"):
        steps(Scripted(longest=0.5), 100.0)
