"""The platens: stack pressure by a constant pressure, a fixed gap or a jig, with the unmeshed rest of the cell in series.

The moving platen has one unknown, its displacement along the stack axis. With the outward displacement U, the thickness change
Δh of what is not meshed and the compliance c of the rest of the cell and the jig together:

    constant pressure   P = P_0(t)
    fixed gap           c (P − P_lock) = U + Δh − (U + Δh)_lock
    jig of stiffness k  the same with c + 1/k

"lock" is the moment at which the gap was fixed, so that pressing and cycling are one programme. Compression is positive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

LoadKind = Literal["pressure", "fixed_gap", "stiffness"]

LEAST_VOLTAGE = 1e-3
"""V; see :class:`Collector`."""


@dataclass
class Platen:
    """Equation of the platen's unknown; its value is the displacement along +axis [µm].

    Attributes:
        area: of the platen [µm²].
        side: +1 if the platen is at the upper end of the axis, else −1; outward displacement is side · value.
        rest_compliance: of the rest of the cell [µm/MPa].
        thickness: gives the thickness change of the rest of the cell at the current iterate [µm]; where the current follows from
            the solution, so does the charge that has plated. The tangent leaves this out: a Newton iteration or two more.
        constraint_stiffness: scales the equation of a rigid gap [MPa/µm]; no influence on the result.
    """

    area: float
    side: int
    rest_compliance: float = 0.0
    constraint_stiffness: float = 1e3
    kind: LoadKind = "pressure"
    pressure: float = 0.0
    stiffness: float | None = None
    rest_thickness_change: float = 0.0
    locked_pressure: float = 0.0
    locked_extent: float = 0.0
    thickness: Callable[[], float] | None = None

    def lock(self, kind: LoadKind, stiffness: float | None, value: float, pressure: float) -> None:
        """Fix the gap (or clamp the jig) at the present displacement ``value`` and stack pressure."""
        self.kind, self.stiffness = kind, stiffness
        self.locked_pressure = pressure
        self.locked_extent = self.side * value + self.rest_thickness_change

    @property
    def compliance(self) -> float:
        """c of jig and rest of the cell [µm/MPa]."""
        return self.rest_compliance + (1.0 / self.stiffness if self.stiffness else 0.0)

    def weight(self) -> float:
        rigid = self.kind != "pressure" and self.compliance == 0.0
        return 0.0 if rigid else 1.0

    def rest(self, value: float) -> tuple[float, float]:
        """Force [µN] on the platen besides the sum of the nodal forces, and its derivative by ``value``."""
        if self.thickness is not None:
            self.rest_thickness_change = self.thickness()
        if self.kind == "pressure":
            return self.side * self.pressure * self.area, 0.0
        closing = self.side * value + self.rest_thickness_change - self.locked_extent
        if self.compliance == 0.0:
            stiffness = self.constraint_stiffness * self.area
            return self.side * stiffness * closing, stiffness
        force = self.area * (self.locked_pressure + closing / self.compliance)
        return self.side * force, self.area / self.compliance

    def stack_pressure(self, tied_sum: float) -> float:
        """Mean normal pressure [MPa] from the sum of the nodal forces on the platen."""
        return -self.side * tied_sum / self.area


@dataclass
class Collector:
    """Equation of the collector potential V: the current S that enters the electrode, or what it obeys, is imposed.

        constant current    S = I
        constant potential  V = V_0                (S is what flows)
        constant voltage    V − U_a = V_0
        constant power      S = P/(V − U_a)        (U_a: potential of the counter electrode)

    Attributes:
        current: imposed current I [pA], positive on charge.
        potential: imposed V_0 [V], against lithium or the counter electrode.
        power: imposed power P [pW], positive on charge.
        counter_potential: gives U_a at the current iterate [V]; where it moves with the charge, the tangent leaves that out.
        conductance: scales the equation of a constant potential [pA/V]; no influence on the result.
    """

    kind: Literal["current", "potential", "voltage", "power"] = "current"
    current: float = 0.0
    potential: float = 0.0
    power: float = 0.0
    counter_potential: Callable[[], float] = lambda: 0.0
    conductance: float = 1.0

    def impose_current(self, current: float) -> None:
        self.kind, self.current = "current", current

    def impose_potential(self, potential: float) -> None:
        self.kind, self.potential = "potential", potential

    def impose_voltage(self, voltage: float) -> None:
        self.kind, self.potential = "voltage", voltage

    def impose_power(self, power: float) -> None:
        self.kind, self.power = "power", power

    def weight(self) -> float:
        return 0.0 if self.kind in ("potential", "voltage") else 1.0

    def rest(self, value: float) -> tuple[float, float]:
        if self.kind == "potential":
            return self.conductance * (value - self.potential), self.conductance
        if self.kind == "voltage":
            return self.conductance * (value - self.counter_potential() - self.potential), self.conductance
        if self.kind == "power":
            # A cell without voltage delivers no power at any current: the floor keeps such a Newton iterate finite.
            voltage = max(value - self.counter_potential(), LEAST_VOLTAGE)
            return -self.power / voltage, self.power / voltage**2
        return -self.current, 0.0

    def flowing(self, entering: float) -> float:
        """The current [pA]; ``entering`` is the sum S of the last evaluated state."""
        return self.current if self.kind == "current" else entering
