"""The length of the next time step, without a model behind it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from ssbmech.solve.stepping import Accepted, Limit, Segment, StepControl, StepFailedError, TimeStepper
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
        self.krylov, self.hardest = 0, self.iterations

    def restore(self) -> None:
        """There is nothing to go back to."""

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


# limits


@dataclass
class Curves(Scripted):
    """An evolution whose monitored quantities are functions of time."""

    curves: dict[str, Callable[[float], float]] = field(default_factory=dict)
    time: float = 0.0

    def monitored(self) -> dict[str, float]:
        return {name: curve(self.time + self.step) for name, curve in self.curves.items()}

    def commit(self) -> None:
        self.time += self.step
        self.step = 0.0


def segment(number: int, limits: list[Limit], duration: float = math.inf, longest: float = 50.0) -> Segment:
    return Segment(number, "charge", duration, limits, longest, lambda: None, lambda elapsed: None)


def accepted(evolution: Curves, segments: list[Segment]) -> list[Accepted]:
    control = StepControl(50.0, 1e-4, 1000.0, 1.6, 0.5, 8)
    return list(TimeStepper(evolution, control, lambda line: None).run(segments))  # type: ignore[arg-type]


CURVES: dict[str, Callable[[float], float]] = {
    "line": lambda t: 3.0 + 1e-3 * t,
    "plateau": lambda t: 3.0 + 1e-9 * t + 1e-12 * t**2,  # far below the tolerance in the value
    "knee": lambda t: 3.0 + math.exp((t - 400.0) / 3.0),
    "root": lambda t: 3.0 + 0.01 * math.sqrt(t),
    "decay": lambda t: 5.0 * math.exp(-t / 70.0),
}


@pytest.mark.parametrize("name", list(CURVES))
def test_a_limit_is_located_in_time_whatever_the_slope(name: str) -> None:
    curve, exact = CURVES[name], 333.3
    side = -1 if name == "decay" else 1
    evolution = Curves(curves={"v": curve})
    steps = accepted(evolution, [segment(0, [Limit("voltage", "v", curve(exact), side, 1e-6)])])
    assert steps[-1].ended == "voltage"
    assert steps[-1].time == pytest.approx(exact, abs=1e-6 * 50.0)
    assert len(evolution.tried) <= len(steps) + 20


def test_the_first_of_two_limits_in_one_step_ends_it() -> None:
    evolution = Curves(curves={"v": CURVES["line"], "i": CURVES["decay"]})
    limits = [
        Limit("voltage", "v", CURVES["line"](130.0), 1, 1e-6),
        Limit("current", "i", CURVES["decay"](120.0), -1, 1e-6),
    ]
    for order in (limits, limits[::-1]):
        (*_, last) = accepted(Curves(curves=evolution.curves), [segment(0, order)])
        assert last.ended == "current"
        assert last.time == pytest.approx(120.0, abs=5e-5)


def test_a_quantity_that_jumps_beyond_its_limit_ends_the_segment_at_the_least_step() -> None:
    evolution = Curves(curves={"v": lambda t: 3.0 if t == 0 else 4.0 + 1e-3 * t})
    (only,) = accepted(evolution, [segment(0, [Limit("voltage", "v", 3.9, 1, 1e-6)])])
    assert only.ended == "voltage"
    assert only.time == pytest.approx(1e-4)


def test_a_limit_in_the_first_step_after_a_jump_is_located() -> None:
    """The current of a hold from rest: nothing before, large at once, and through the limit within the first step."""
    evolution = Curves(curves={"i": lambda t: 0.0 if t == 0 else 5.0 * math.exp(-t / 7.0)})
    (only,) = accepted(evolution, [segment(0, [Limit("current", "i", 0.1, -1, 1e-7)])])
    assert only.time == pytest.approx(7.0 * math.log(50.0), abs=5e-5)


def test_a_limit_may_leave_a_loop() -> None:
    evolution = Curves(curves={"v": CURVES["line"]})
    out = Limit("voltage of the repeat", "v", 3.24, 0, 1e-6, leaves=6)
    out.aim({"v": 3.0})
    assert out.side == 1
    segments = [segment(number, [out], 100.0) for number in range(6)] + [segment(6, [], 10.0)]
    steps = accepted(evolution, segments)
    ends = [(s.segment.number, s.ended) for s in steps if s.ended is not None]
    assert ends == [(0, "time"), (1, "time"), (2, "voltage of the repeat"), (6, "time")]
    assert [s.last for s in steps] == [False] * (len(steps) - 1) + [True]
    assert steps[-1].time == pytest.approx(250.0, abs=5e-5)
    out.aim({"v": 3.6})
    assert out.side == -1
