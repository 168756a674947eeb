"""The programme laid out in time: every pass of every repeat one after the other, with loads and cycle numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from ssbmech.case.current import Current, with_rate
from ssbmech.case.programme import LoopEnd, Step
from ssbmech.case.stack import Load


@dataclass(eq=False)
class Loop:
    """A repeat that may end early.

    Attributes:
        until: what ends it.
        first, end: numbers of its first planned step, and of the first one after it.
    """

    until: LoopEnd
    first: int
    end: int = 0


@dataclass(frozen=True)
class PlannedStep:
    """A step as it is run.

    Attributes:
        number: in the plan; ``programme_step`` of the results.
        key: place in the case file.
        step: with its rate.
        load, load_from: load law that acts, and the number of the step that set it, at whose beginning the load's t is 0.
        cycle: to which the step counts, from 1; 0 before the first current.
        passes: how often the repeats around it run it.
        loops: repeats around it that may end early, the outermost first.
    """

    number: int
    key: str
    step: Step
    load: Load | None
    load_from: int
    cycle: int
    passes: int = 1
    loops: tuple[Loop, ...] = ()


@dataclass
class _Around:
    """What the repeats around a step bring."""

    passes: int = 1
    rate: Current | None = None
    loops: tuple[Loop, ...] = ()
    counts: bool = False


@dataclass
class _Planner:
    load: Load | None
    load_from: int = 0
    cycle: int = 0
    first_sign: int = 0
    turned: bool = False
    steps: list[PlannedStep] = field(default_factory=list)

    def add(self, steps: list[Step], at: str, around: _Around) -> None:
        for number, step in enumerate(steps):
            key = f"{at}[{number}]"
            if step.repeat is not None:
                self._repeat(step, key, around)
            else:
                self._step(step, key, around)

    def _repeat(self, step: Step, key: str, around: _Around) -> None:
        repeat = step.repeat
        assert repeat is not None
        rates: list[Current | None] = [*repeat.rates] or [around.rate]
        passes = repeat.times * len(rates)
        loops = around.loops
        if repeat.until.given():
            loops = (*loops, Loop(repeat.until, len(self.steps)))
        for rate in rates:
            for _ in range(repeat.times):
                if repeat.count_passes:
                    self.cycle += 1
                    self.first_sign, self.turned = 0, False
                counts = around.counts or repeat.count_passes
                inner = _Around(around.passes * passes, rate, loops, counts)
                self.add(repeat.steps, f"{key}.repeat.steps", inner)
        if len(loops) > len(around.loops):
            loops[-1].end = len(self.steps)

    def _step(self, step: Step, key: str, around: _Around) -> None:
        number = len(self.steps)
        if step.load is not None:
            self.load, self.load_from = step.load, number
        if not around.counts:
            self._count(step.sign)
        driven = step.model_copy(
            update={name: with_rate(getattr(step, name), around.rate) for name in ("charge", "discharge")}
        )
        planned = PlannedStep(
            number, key, driven, self.load, self.load_from, self.cycle, around.passes, around.loops
        )
        self.steps.append(planned)

    def _count(self, sign: int) -> None:
        """A cycle begins with the first current, and whenever its direction comes back after the opposite one."""
        if sign == 0:
            return
        if self.first_sign == 0:
            self.first_sign = sign
            self.cycle += 1
        elif sign != self.first_sign:
            self.turned = True
        elif self.turned:
            self.turned = False
            self.cycle += 1


def plan(steps: list[Step], first: Load | None) -> list[PlannedStep]:
    """The steps in the order in which they run; the load ``first`` holds until a step says otherwise."""
    planner = _Planner(first)
    planner.add(steps, "programme", _Around())
    return planner.steps
