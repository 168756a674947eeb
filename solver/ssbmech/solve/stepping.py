"""Time stepping: the programme step by step, adaptive steps with rejection and rollback, limits located in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ssbmech.solve.system import CoupledSystem, SolveError

Floats = npt.NDArray[np.float64]

VOLTAGE_TOLERANCE = 1e-6
"""V to which a voltage limit is met."""

TIME_TOLERANCE = 1e-6
"""Share of a step to which a limit is located."""

_CAUTION, _FORGETTING = 0.6, 1.05
"""After a rejection steps stay below this share of the rejected one, a limit that rises by this factor with every step and goes when
a step as long as the rejected one has been taken."""


class StepFailedError(RuntimeError):
    """The smallest allowed time step failed; the message says which field, when and where."""


@dataclass(frozen=True)
class StepControl:
    """Limits of the time step [s] and how it changes."""

    initial: float
    minimum: float
    maximum: float
    growth: float
    shrink: float
    target_iterations: int


@dataclass(frozen=True)
class Segment:
    """One step of the programme in numbers.

    Attributes:
        number: index in the programme.
        kind: press, rest, charge or discharge.
        current: [pA], positive on charge.
        duration: it ends after this time [s] (infinite if other limits end it).
        limits: name of a monitored quantity -> value at which the segment ends.
        maximum_step: largest time step [s].
        enter: called at its beginning, sets the load.
        drive: called with the time since its beginning before every solve, moves the load.
    """

    number: int
    kind: str
    current: float
    duration: float
    limits: dict[str, float]
    maximum_step: float
    enter: Callable[[], None]
    drive: Callable[[float, float], None]


@dataclass(frozen=True)
class Accepted:
    """An accepted time step."""

    number: int
    segment: Segment
    time: float
    time_step: float
    newton: int
    krylov: int
    share: float
    ended: str | None


class Evolution(Protocol):
    """What the stepper moves through time."""

    system: CoupledSystem

    def set_time_step(self, seconds: float) -> None: ...

    def set_current(self, current: float) -> None: ...

    def monitored(self) -> dict[str, float]: ...

    def commit(self) -> None: ...


class TimeStepper:
    """Carries an evolution through a list of segments.

    Args:
        evolution: the model in time.
        control: step sizes.
        notice: receives a line for every rejected step.
    """

    def __init__(self, evolution: Evolution, control: StepControl, notice: Callable[[str], None]) -> None:
        self.evolution, self.control, self.notice = evolution, control, notice
        self.time, self.steps, self.rejected = 0.0, 0, 0
        self._growth: tuple[float, dict[str, Floats]] | None = None
        self._ceiling = self._rejected_step = np.inf

    def run(self, segments: list[Segment]) -> Iterator[Accepted]:
        """Yield every accepted step before its history is committed, then commit it."""
        for segment in segments:
            segment.enter()
            self._growth = None
            yield from self._segment(segment)

    def _segment(self, segment: Segment) -> Iterator[Accepted]:
        elapsed, dt = 0.0, min(self.control.initial, segment.maximum_step)
        self.evolution.set_current(segment.current)
        before = self.evolution.monitored()
        start: dict[str, float] | None = None
        ended: str | None = None
        while ended is None:
            remaining = segment.duration - elapsed
            dt = min(dt, segment.maximum_step)
            # Never leave a sliver for the last step.
            step = (
                remaining
                if dt >= remaining * (1 - 1e-9)
                else (0.5 * remaining if dt > 0.7 * remaining else dt)
            )
            step, iterations = self._attempt(segment, elapsed, step)
            after = self.evolution.monitored()
            while (reached := _reached(segment, after)) is not None:
                try:
                    step, after = self._locate(segment, elapsed, step, reached, before, after)
                except SolveError as error:
                    # A shorter step, which may end before the limit, like any other step that fails.
                    step, iterations = self._shorter(segment, elapsed, step, error)
                    after = self.evolution.monitored()
                else:
                    ended = reached
                    break
            elapsed += step
            self.time += step
            if ended is None and elapsed >= segment.duration * (1 - 1e-12):
                ended = "time"
            self.steps += 1
            start = start or after  # the potential jumps when the current sets in; progress counts from there
            share = _share(segment, elapsed, start, after)
            krylov = self.evolution.system.krylov
            yield Accepted(self.steps, segment, self.time, step, iterations, krylov, share, ended)
            self._remember(step)
            self.evolution.commit()
            before = after
            dt = self._next(step, dt, self.evolution.system.hardest)

    def _next(self, step: float, dt: float, iterations: int) -> float:
        """The next time step: longer after an easy step, shorter after a hard one, not soon again as long as a rejected one."""
        control = self.control
        if step >= self._rejected_step:
            self._ceiling = self._rejected_step = np.inf
        factor = control.target_iterations / max(iterations, 1)
        if factor < 1.0:
            return max(step * max(factor, control.shrink), control.minimum)
        self._ceiling *= _FORGETTING
        longer = max(step, min(dt, step * control.growth)) * min(factor, control.growth)
        return min(longer, max(self._ceiling, step))

    # -- one step ------------------------------------------------------------------------------------------------

    def _attempt(self, segment: Segment, elapsed: float, step: float) -> tuple[float, int]:
        """Solve a step, smaller and smaller until it converges; returns the step and its Newton iterations."""
        try:
            return step, self._solve(segment, elapsed, step)
        except SolveError as error:
            return self._shorter(segment, elapsed, step, error)

    def _shorter(self, segment: Segment, elapsed: float, step: float, error: SolveError) -> tuple[float, int]:
        """Reject a step because of ``error`` and attempt a shorter one."""
        self.rejected += 1
        self._ceiling, self._rejected_step = _CAUTION * step, step
        self.evolution.system.restore()
        self._growth = None
        smaller = step * self.control.shrink
        if smaller < self.control.minimum:
            raise StepFailedError(
                f"programme step {segment.number} ({segment.kind}), t = {self.time + step:.6g} s, time step {step:.3g} s: {error}"
            ) from error
        self.notice(f"t = {self.time:.6g} s: step of {step:.3g} s rejected, {error}")
        return self._attempt(segment, elapsed, smaller)

    def _solve(self, segment: Segment, elapsed: float, step: float) -> int:
        self.evolution.system.restore()
        self._predict(step)
        return self._solve_from_here(segment, elapsed, step)

    def _solve_from_here(self, segment: Segment, elapsed: float, step: float) -> int:
        segment.drive(elapsed + step, step)
        self.evolution.set_time_step(step)
        return self.evolution.system.solve()

    def _predict(self, step: float) -> None:
        """Start from the last step's rate of change."""
        if self._growth is None:
            return
        last, change = self._growth
        for name, unknown in self.evolution.system.unknowns.items():
            unknown.value.x.array[:] += change[name] * (step / last)

    def _interpolate(self, share: float) -> None:
        """Start from ``share`` of the change since the last accepted step."""
        for unknown in self.evolution.system.unknowns.values():
            old = unknown.previous.x.array
            unknown.value.x.array[:] = old + share * (unknown.value.x.array - old)

    def _remember(self, step: float) -> None:
        unknowns = self.evolution.system.unknowns
        self._growth = (step, {n: u.value.x.array - u.previous.x.array for n, u in unknowns.items()})

    # -- limits --------------------------------------------------------------------------------------------------

    def _locate(
        self,
        segment: Segment,
        elapsed: float,
        step: float,
        name: str,
        before: dict[str, float],
        after: dict[str, float],
    ) -> tuple[float, dict[str, float]]:
        """Find the step at whose end the monitored quantity meets its limit (Illinois variant of regula falsi)."""
        limit = segment.limits[name]
        low, f_low, high, f_high = 0.0, before[name] - limit, step, after[name] - limit
        if f_low * f_high >= 0:
            return step, after
        side = 0
        trial, value = step, f_high
        for _ in range(30):
            if abs(value) <= VOLTAGE_TOLERANCE or high - low <= TIME_TOLERANCE * step:
                break
            last, trial = trial, low + (high - low) * f_low / (f_low - f_high)
            self._interpolate(trial / last)
            self._solve_from_here(segment, elapsed, trial)
            after = self.evolution.monitored()
            value = after[name] - limit
            if value * f_high > 0:
                high, f_high = trial, value
                f_low = 0.5 * f_low if side == 1 else f_low
                side = 1
            else:
                low, f_low = trial, value
                f_high = 0.5 * f_high if side == -1 else f_high
                side = -1
        return trial, after


def _reached(segment: Segment, values: dict[str, Any]) -> str | None:
    """The limit that a state has passed, if any: from below on charge, from above on discharge."""
    sign = 1.0 if segment.current >= 0 else -1.0
    for name, limit in segment.limits.items():
        if sign * (values[name] - limit) > 0:
            return name
    return None


def _share(segment: Segment, elapsed: float, start: dict[str, float], now: dict[str, float]) -> float:
    """How far a segment is (0 to 1), by the limit that is nearest."""
    shares = [elapsed / segment.duration]
    for name, limit in segment.limits.items():
        way = limit - start[name]
        if way != 0.0:
            shares.append((now[name] - start[name]) / way)
    return float(np.clip(max(shares), 0.0, 1.0))
