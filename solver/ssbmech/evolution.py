"""The model in time: programme steps as segments, load and current, and the history that a step leaves behind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ssbmech.case.programme import Step
from ssbmech.constants import MAH_PER_CM2
from ssbmech.model import Model
from ssbmech.output.interface_state import InterfaceProbe, InterfaceState
from ssbmech.output.ledger import Balance, Ledger
from ssbmech.solve.stepping import Segment, StepControl


class Evolution:
    """Drives a :class:`Model`; see :class:`ssbmech.solve.stepping.Evolution` for the role of each method."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.system = model.system
        self.probe = InterfaceProbe(model)
        self.ledger = Ledger(model)
        self.charge = 0.0
        """Charge passed up to the last committed step [pC], positive on charge."""
        self._time_step = 0.0
        self._elapsed = 0.0
        self._load_age = 0.0
        self._state: InterfaceState | None = None
        self._balance: Balance | None = None

    # -- what the stepper asks -------------------------------------------------------------------------------------

    def set_time_step(self, seconds: float) -> None:
        self._time_step = seconds
        self.model.setting.time_step.value = seconds

    def set_current(self, current: float) -> None:
        self.model.collector.current = current

    def monitored(self) -> dict[str, float]:
        """Voltage of the cell and potential of the cathode against lithium [V]."""
        setting = self.model.setting
        if "collector_potential" not in setting:
            return {}
        potential = float(setting["collector_potential"].value.x.array[0])
        return {
            "potential": potential,
            "voltage": potential - self.model.case.stack.counter_electrode.potential,
        }

    def charge_at_end(self) -> float:
        """Charge passed at the end of the current step [pC]."""
        return self.charge + self.model.collector.current * self._time_step

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
        self._state = self._balance = None

    # -- initial state ---------------------------------------------------------------------------------------------

    def equilibrate(self, before_commit: Callable[[], None] = lambda: None) -> int:
        """Compute the initial equilibrium: no current, the first load at t = 0, lithium where it is.

        Returns the Newton iterations. A time step of a millisecond leaves the lithium in place and makes potentials, chemical
        potentials and displacements consistent.

        Raises:
            SolveError: no equilibrium found.
        """
        self.set_current(0.0)
        self.set_time_step(1e-3)
        first = self.segments()[0]
        first.enter()
        first.drive(0.0, 0.0)
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
        return [self._segment(number, step) for number, step in enumerate(self.model.case.programme)]

    def _segment(self, number: int, step: Step) -> Segment:
        model = self.model
        current = 0.0
        if step.c_rate is not None:
            current = step.sign * step.c_rate * model.one_c()
        elif step.current_density is not None:
            current = step.sign * step.current_density * model.area
        durations = [np.inf if step.duration is None else step.duration]
        limits = {}
        for name, value in step.until.given().items():
            if name in ("voltage", "potential"):
                limits[name] = value
            elif name == "time":
                durations.append(value)
            elif name == "capacity":
                durations.append(value * MAH_PER_CM2 * model.area / abs(current))
            else:
                durations.append(value * model.active_mass * 3.6e12 / abs(current))
        largest = min(step.maximum_time_step or np.inf, model.case.numerics.time_step.maximum)
        whole = min(durations) if current == 0.0 else min(*durations, 3600.0 * model.one_c() / abs(current))

        def enter() -> None:
            model.setting.duration.value = whole
            self._enter_load(step, number)

        def drive(elapsed: float, dt: float) -> None:
            self._drive_load(step, elapsed, dt)

        return Segment(number, step.kind, current, min(durations), limits, largest, enter, drive)

    def _enter_load(self, step: Step, number: int) -> None:
        platen, load = self.model.platen, step.load
        self._load_age = 0.0 if step.load_from == number else self._load_age + self._elapsed
        if platen is None or load is None or step.load_from != number:
            return
        if load.kind == "pressure":
            platen.kind = "pressure"
            return
        value = float(self.model.setting["platen_displacement"].value.x.array[0])
        platen.lock(load.kind, load.stiffness, value, self.stack_pressure())

    def _drive_load(self, step: Step, elapsed: float, dt: float) -> None:
        """Load at ``elapsed`` seconds into the programme step, the end of a time step of ``dt``."""
        platen, load = self.model.platen, step.load
        self._elapsed = elapsed
        if platen is None:
            return
        if load is not None and load.pressure is not None:
            platen.pressure = float(load.pressure(self._load_age + elapsed))
        curve = self.model.case.stack.counter_electrode.thickness_curve
        charge = self.charge + self.model.collector.current * dt
        platen.rest_thickness_change = float(curve(charge / self.model.area / MAH_PER_CM2))

    def stack_pressure(self) -> float:
        """P [MPa] of the last evaluated state."""
        if self.model.platen is None:
            return 0.0
        return self.model.platen.stack_pressure(self.system.tied_sum.get("platen_displacement", 0.0))
