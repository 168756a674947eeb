"""Time stepping: the programme step by step, adaptive steps with rejection and rollback, limits located in time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ssbmech.solve.system import CoupledSystem, SolveError

Floats = npt.NDArray[np.float64]

TIME_TOLERANCE = 1e-6
"""Share of a step to which a limit is located in time."""

_TRIALS = 40

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


@dataclass
class Limit:
    """A value of a monitored quantity at which a segment ends.

    Attributes:
        name: of the limit, for the results.
        quantity: which of the monitored ones.
        value: at which it ends.
        side: +1 if it is reached from below, -1 from above; 0 until :meth:`aim` has been called.
        tolerance: to which the value is met; besides, its time to ``TIME_TOLERANCE``.
        leaves: number of the segment to go on with, None for the next.
    """

    name: str
    quantity: str
    value: float
    side: int
    tolerance: float
    leaves: int | None = None

    def aim(self, values: Mapping[str, float]) -> None:
        """Reach it from the side on which ``values`` lie."""
        self.side = 1 if values[self.quantity] < self.value else -1

    def excess(self, values: Mapping[str, float]) -> float:
        """How far ``values`` are beyond the limit; negative before it."""
        return self.side * (values[self.quantity] - self.value)


@dataclass(frozen=True)
class Segment:
    """One step of the programme in numbers.

    Attributes:
        number: index in the plan of the programme.
        kind: press, rest, charge, discharge or hold.
        duration: it ends after this time [s] (infinite if other limits end it).
        limits: what else ends it.
        maximum_step: largest time step [s].
        enter: called at its beginning, sets load and current.
        drive: called with the time since its beginning before every solve, moves the load.
        timed_by: name of the limit that ``duration`` stands for.
        cycle: to which it counts.
        label: what it does, in words.
    """

    number: int
    kind: str
    duration: float
    limits: Sequence[Limit]
    maximum_step: float
    enter: Callable[[], None]
    drive: Callable[[float], None]
    timed_by: str = "time"
    cycle: int = 0
    label: str = ""


@dataclass(frozen=True)
class Accepted:
    """An accepted time step; ``ended`` names what ended the segment with it, ``last`` says that no segment follows."""

    number: int
    segment: Segment
    time: float
    time_step: float
    newton: int
    krylov: int
    share: float
    ended: str | None
    last: bool


class Evolution(Protocol):
    """What the stepper moves through time."""

    system: CoupledSystem

    def set_time_step(self, seconds: float) -> None: ...

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

    def run(self, segments: Sequence[Segment]) -> Iterator[Accepted]:
        """Yield every accepted step before its history is committed, then commit it."""
        number = 0
        while number < len(segments):
            segments[number].enter()
            self._growth = None
            number = yield from self._segment(segments[number], number + 1, len(segments))

    def _segment(self, segment: Segment, following: int, count: int) -> Generator[Accepted, None, int]:
        """Run a segment; returns the number of the one to go on with, ``following`` unless a limit leaves a loop."""
        elapsed, dt = 0.0, min(self.control.initial, segment.maximum_step)
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
            step, iterations, after, limit = self._until(segment, elapsed, step, iterations, before)
            elapsed += step
            self.time += step
            if limit is not None:
                ended, following = limit.name, following if limit.leaves is None else limit.leaves
            elif elapsed >= segment.duration * (1 - 1e-12):
                ended = segment.timed_by
            self.steps += 1
            start = start or after  # the potential jumps when the current sets in; progress counts from there
            share = _share(segment, elapsed, start, after)
            krylov = self.evolution.system.krylov
            last = ended is not None and following >= count
            yield Accepted(self.steps, segment, self.time, step, iterations, krylov, share, ended, last)
            self._remember(step)
            self.evolution.commit()
            before = after
            dt = self._next(step, dt, self.evolution.system.hardest)
        return following

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
        segment.drive(elapsed + step)
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

    def _until(
        self, segment: Segment, elapsed: float, step: float, iterations: int, before: dict[str, float]
    ) -> tuple[float, int, dict[str, float], Limit | None]:
        """Shorten a solved step to where the first limit is reached; returns the step, its iterations, its end and that limit."""
        after, ended = self.evolution.monitored(), None
        while (limit := _reached(segment, after, ended)) is not None:
            try:
                step, after = self._locate(segment, elapsed, step, limit, before, after)
            except SolveError as error:
                # A shorter step, which may end before the limit, like any other step that fails.
                step, iterations = self._shorter(segment, elapsed, step, error)
                after, ended = self.evolution.monitored(), None
            else:
                ended = limit
        return step, iterations, after, ended

    def _locate(
        self,
        segment: Segment,
        elapsed: float,
        step: float,
        limit: Limit,
        before: dict[str, float],
        after: dict[str, float],
    ) -> tuple[float, dict[str, float]]:
        """Find the step at whose end the monitored quantity meets its limit (Illinois variant of regula falsi).

        The error in time is estimated by the slope between the last two trials. Where the quantity jumps as the segment begins, because
        its current does, there is no state before the limit to begin with; then shorter steps are tried for one.
        """
        least = min(self.control.minimum, step)
        last, f_last = step, limit.excess(after)
        low, f_low, high, f_high = 0.0, limit.excess(before), last, f_last
        side = 0
        for _ in range(_TRIALS):
            trial = 0.1 * high if f_low >= 0 else low + (high - low) * f_low / (f_low - f_high)
            trial = max(trial, least)
            self._interpolate(trial / last)
            self._solve_from_here(segment, elapsed, trial)
            after = self.evolution.monitored()
            value = limit.excess(after)
            error = abs(value) * abs(trial - last) / max(abs(value - f_last), 1e-300)
            last, f_last = trial, value
            if (value > 0 and trial <= least) or high - low <= 1e-3 * TIME_TOLERANCE * step:
                break
            if error <= TIME_TOLERANCE * step and abs(value) <= limit.tolerance:
                break
            if value > 0:
                high, f_high = trial, value
                f_low = 0.5 * f_low if side == 1 and f_low < 0 else f_low
                side = 1
            else:
                low, f_low = trial, value
                f_high = 0.5 * f_high if side == -1 else f_high
                side = -1
        return last, after


def _reached(segment: Segment, values: Mapping[str, float], but: Limit | None) -> Limit | None:
    """A limit that a state has passed, if any; with ``but``, at which the state lies, one that was passed before that."""
    for limit in segment.limits:
        if limit is not but and limit.excess(values) > (0.0 if but is None else limit.tolerance):
            return limit
    return None


def _share(segment: Segment, elapsed: float, start: dict[str, float], now: dict[str, float]) -> float:
    """How far a segment is (0 to 1), by the limit that is nearest."""
    shares = [elapsed / segment.duration]
    for limit in segment.limits:
        way = limit.value - start[limit.quantity]
        if way != 0.0:
            shares.append((now[limit.quantity] - start[limit.quantity]) / way)
    return float(np.clip(max(shares), 0.0, 1.0))
