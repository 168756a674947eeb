"""The model in time: programme steps as segments, load and current, and the history that a step leaves behind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ssbmech.case.current import Current
from ssbmech.case.plan import Loop, PlannedStep
from ssbmech.constants import MAH_PER_CM2
from ssbmech.model import Model
from ssbmech.output.interface_state import InterfaceProbe, InterfaceState
from ssbmech.output.ledger import Balance, Ledger
from ssbmech.solve.stepping import Limit, Segment, StepControl, StepFailedError
from ssbmech.stack.counter import CounterExhaustedError, CounterLayer, counter_layer
from ssbmech.stack.platen import Platen

_PRECISION = {"voltage": 1e-6, "potential": 1e-6, "state_of_charge": 1e-9, "stoichiometry": 1e-9}
"""To which limits are met [V, -]; currents and charges to 1e-6 and 1e-9 of their value."""


class Evolution:
    """Drives a :class:`Model`; see :class:`ssbmech.solve.stepping.Evolution` for the role of each method."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.system = model.system
        self.probe = InterfaceProbe(model)
        self.ledger = Ledger(model)
        self.charge = 0.0
        """Charge passed up to the last committed step [pC], positive on charge."""
        self.planned = model.case.planned()
        self.counter: CounterLayer = _counter(model)
        self._time_step = 0.0
        self._elapsed = 0.0
        self._load_age = 0.0
        self._ramp_from: dict[str, float] = {}
        self._whole: float | None = None
        self._charge_before = 0.0
        self._watched: set[str] = set()
        self._state: InterfaceState | None = None
        self._balance: Balance | None = None
        if model.platen is not None:
            model.platen.thickness = lambda: self.counter.thickness_change(self.charge_at_end())
        model.collector.counter_potential = lambda: self.counter.potential(self.charge_at_end())

    # -- what the stepper asks -------------------------------------------------------------------------------------

    def set_time_step(self, seconds: float) -> None:
        self._time_step = seconds
        self.model.setting.time_step.value = seconds
        if (
            self.model.counter is not None
        ):  # of the charge at the end of the step where its current is known, else by the last one
            self.model.counter.exchange.value = self.counter.exchange(self.charge_at_end())

    def monitored(self) -> dict[str, float]:
        """What limits are about: voltage of the cell and potential of the cathode against lithium [V], size of the current [pA], size of
        the charge passed in this programme step [pC], state of charge, and the stoichiometry where a limit asks for it."""
        model = self.model
        if "collector_potential" not in model.setting:
            return {}
        potential = self._global("collector_potential")
        charge = self.charge_at_end()
        values = {
            "potential": potential,
            "voltage": potential - self.counter.potential(charge),
            "current": abs(model.current()),
            "step_charge": abs(charge - self._charge_before),
            "state_of_charge": model.case.cell.initial_state_of_charge + charge / (3600.0 * model.one_c()),
        }
        values |= self.counter.monitored(charge)
        if "stoichiometry" in self._watched:
            values["stoichiometry"] = self.ledger.lithium_content() / model.lithium_sites
        return values

    def charge_at_end(self) -> float:
        """Charge passed at the end of the current step [pC]."""
        return self.charge + self.model.current() * self._time_step

    @property
    def step_charge(self) -> float:
        """Charge passed in this programme step [pC], positive on charge."""
        return self.charge_at_end() - self._charge_before

    def interface_state(self) -> InterfaceState:
        """Interface quantities at the end of the current step, evaluated once per step."""
        if self._state is None:
            self._state = self.probe.evaluate()
        return self._state

    def balance(self) -> Balance:
        """Balances at the end of the current step, computed once per step."""
        if self._balance is None:
            self._balance = self.ledger.measure(self._time_step)
        return self._balance

    def commit(self) -> None:
        """Accept the step: damage, charge, energies and fields become history."""
        state = self.interface_state()
        self.balance()
        self.charge = self.charge_at_end()
        if self.model.collector_contact is not None and self.model.platen is not None:
            self.model.collector_contact.follow(self.stack_pressure())
        self.system.accept()  # before the damage: local states follow from that at the beginning of the step
        if self.model.damage is not None:
            self.model.damage.x.array[: state.damage_dofs.size] = state.damage_dofs
        self._time_step = 0.0
        self._state = self._balance = None

    # -- initial state ---------------------------------------------------------------------------------------------

    def equilibrate(self, before_commit: Callable[[], None] = lambda: None) -> int:
        """Compute the initial equilibrium: no current, the first load at t = 0, lithium where it is.

        Returns the Newton iterations. A time step of a millisecond leaves the lithium in place and makes potentials, chemical
        potentials and displacements consistent.

        Raises:
            SolveError: no equilibrium found.
        """
        self.model.collector.impose_current(0.0)
        self.set_time_step(1e-3)
        self._enter_load(self.planned[0])
        self._drive_load(self.planned[0], 0.0)
        iterations = self.system.solve()
        self._time_step = 0.0
        before_commit()
        self.commit()
        return iterations

    # -- programme ---------------------------------------------------------------------------------------------------

    def control(self) -> StepControl:
        t = self.model.case.numerics.time_step
        return StepControl(t.initial, t.minimum, t.maximum, t.growth, t.shrink, t.target_iterations)

    def segments(self) -> list[Segment]:
        """The programme of the case in numbers."""
        leaving: dict[Loop, list[Limit]] = {}
        segments = []
        for planned in self.planned:
            segments.append(
                self._segment(planned, {loop: self._leaving(loop, leaving) for loop in planned.loops})
            )
        return segments

    def _leaving(self, loop: Loop, known: dict[Loop, list[Limit]]) -> list[Limit]:
        """What ends a repeat; the same limits for all its steps, which aim when it begins."""
        if loop not in known:
            known[loop] = [
                Limit(f"{name} of the repeat", name, value, 0, _PRECISION[name], loop.end)
                for name, value in loop.until.given().items()
            ]
        return known[loop]

    def _segment(self, planned: PlannedStep, leaving: dict[Loop, list[Limit]]) -> Segment:
        step = planned.step
        current = step.sign * self._amount(step.current)
        durations, limits = self._ends(planned, current)
        timed_by = min(durations, key=lambda name: durations[name])
        starting = [limit for limit in limits if limit.side == 0]
        starting += [k for loop, ends in leaving.items() if loop.first == planned.number for k in ends]
        if step.kind not in ("press", "rest"):
            limits += [limit for ends in leaving.values() for limit in ends]
            limits += self._counter_limits(step.sign)

        def enter() -> None:
            self._watched = {limit.quantity for limit in (*limits, *starting)}
            self._charge_before = self.charge
            self._require_counter(planned.number, step.kind, step.sign)
            self._enter_current(planned, current, durations[timed_by])
            values = self.monitored() if starting else {}
            for limit in starting:
                limit.aim(values)
            self._enter_load(planned)

        return Segment(
            planned.number,
            step.kind,
            durations[timed_by],
            limits,
            min(step.maximum_time_step or np.inf, self.model.case.numerics.time_step.maximum),
            enter,
            lambda elapsed: self._drive_load(planned, elapsed),
            timed_by,
            planned.cycle,
            step.describe(),
        )

    def _amount(self, current: Current) -> float:
        """Size of a current [pA]; 0 where it is a power."""
        if current.c_rate is not None:
            return current.c_rate * self.model.one_c()
        return (current.current_density or 0.0) * self.model.area

    def _ends(self, planned: PlannedStep, current: float) -> tuple[dict[str, float], list[Limit]]:
        """Times after which a step ends [s], by name, and what else ends it; at a known current, charges are times."""
        step, model = planned.step, self.model
        durations = {"time": np.inf if step.duration is None else step.duration}
        charges = {"capacity": MAH_PER_CM2 * model.area, "specific_capacity": 3.6e12 * model.active_mass}
        limits = []
        for name, value in step.until.given().items():
            if name == "time":
                durations[name] = value
            elif name in charges and current != 0.0:
                durations[name] = value * charges[name] / abs(current)
            elif name in charges:
                charge = value * charges[name]
                limits.append(Limit(name, "step_charge", charge, 1, 1e-9 * charge))
            elif name == "current":
                least = self._amount(value)
                limits.append(Limit(name, name, least, 1 if step.sign < 0 else -1, 1e-6 * least))
            else:
                side = -step.sign if name == "stoichiometry" else step.sign
                limits.append(Limit(name, name, value, side, _PRECISION[name]))
        return durations, limits

    def _enter_current(self, planned: PlannedStep, current: float, duration: float) -> None:
        """Impose what a step imposes on the collector, and set the duration that the default viscosity refers to.

        That is the time of a full charge at the step's current, or of all passes of the step together if that is shorter; a hold goes on
        with that of the step before, whose current it takes over.
        """
        step, model, collector = planned.step, self.model, self.model.collector
        whole = planned.passes * duration
        if step.kind in ("press", "rest"):
            collector.impose_current(0.0)
            model.setting.duration.value = duration
            return
        if step.kind == "hold":
            if step.hold_potential is not None:
                collector.impose_potential(step.hold_potential)
            elif step.hold is not None:
                collector.impose_voltage(step.hold)
            full = self._whole or 3600.0
        else:
            if step.power_density is not None:
                power = step.sign * step.power_density * model.area
                current = power / self.monitored()["voltage"]
                collector.impose_power(power)
            else:
                collector.impose_current(current)
            full = 3600.0 * model.one_c() / abs(current)
        self._whole = min(whole, full)
        model.setting.duration.value = self._whole

    def _enter_load(self, planned: PlannedStep) -> None:
        platen, load = self.model.platen, planned.load
        first = planned.load_from == planned.number
        self._load_age = 0.0 if first else self._load_age + self._elapsed
        if platen is None or load is None or not first:
            return
        pressures = {name: self._plate_pressure(name) for name in self._plates()}
        self._ramp_from = (
            pressures if self.system.tied_sum else dict.fromkeys(pressures, self._first_pressure())
        )
        for name, side in self.model.sides.items():
            if load.isostatic:
                side.kind = "pressure"
            elif side.kind == "pressure":
                side.lock("fixed_gap", None, self._global(name), pressures[name])
        if load.kind == "pressure":
            platen.kind = "pressure"
        else:
            value = self._global("platen_displacement")
            platen.lock(load.kind, load.stiffness, value, pressures["platen_displacement"])

    def _global(self, name: str) -> float:
        return float(self.model.setting[name].value.x.array[0])

    def _plates(self) -> dict[str, Platen]:
        """The platen, where there is mechanics, and the plates at the sides, by their unknown."""
        platen = self.model.platen
        return {"platen_displacement": platen, **self.model.sides} if platen is not None else {}

    def _plate_pressure(self, name: str) -> float:
        """Mean normal pressure on a plate [MPa] in the last evaluated state."""
        return self._plates()[name].stack_pressure(self.system.tied_sum.get(name, 0.0))

    def _first_pressure(self) -> float:
        """From which a ramp rises that is the first load of all: that of the stack, else none."""
        load = self.model.case.stack.load
        return float(load.pressure(0.0)) if load is not None and load.pressure is not None else 0.0

    def _drive_load(self, planned: PlannedStep, elapsed: float) -> None:
        """Load at ``elapsed`` seconds into the programme step."""
        platen, load = self.model.platen, planned.load
        self._elapsed = elapsed
        if platen is None or load is None:
            return
        pressed = {"platen_displacement": platen, **(self.model.sides if load.isostatic else {})}
        age = self._load_age + elapsed
        if load.pressure is not None:
            for plate in pressed.values():
                plate.pressure = float(load.pressure(age))
        elif load.ramp_to is not None:
            time = self.planned[planned.load_from].step.duration
            assert time is not None
            share = min(age / time, 1.0)
            for name, plate in pressed.items():
                plate.pressure = self._ramp_from[name] + share * (load.ramp_to - self._ramp_from[name])

    # -- counter electrode -----------------------------------------------------------------------------------------

    def _counter_limits(self, sign: int) -> list[Limit]:
        """Ends of a step that lie in the counter electrode; in both directions where that of the current is not known."""
        directions = (sign,) if sign else (1, -1)
        return [
            Limit(name, name, value, direction, 1e-9)
            for direction in directions
            for name, value in self.counter.limits(direction).items()
        ]

    def _require_counter(self, number: int, kind: str, sign: int) -> None:
        """End the run where the counter electrode has no room, or no lithium, for a step."""
        try:
            self.counter.require_room(self.charge, sign)
        except CounterExhaustedError as error:
            raise StepFailedError(f"programme step {number} ({kind}): {error}") from error

    def stack_pressure(self) -> float:
        """P [MPa] of the last evaluated state."""
        return self._plate_pressure("platen_displacement") if self.model.platen is not None else 0.0

    def side_pressure(self) -> float:
        """Mean pressure on the plates at the sides [MPa]; nan where there are none."""
        pressures = [self._plate_pressure(name) for name in self.model.sides]
        return float(np.mean(pressures)) if pressures else float("nan")


def _counter(model: Model) -> CounterLayer:
    """The counter electrode of a model."""
    block, cathode = model.case.stack.counter_electrode, 3600.0 * model.one_c()
    return counter_layer(block, MAH_PER_CM2 * model.area, cathode, model.case.cell.temperature)
