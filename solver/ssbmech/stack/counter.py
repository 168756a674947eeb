"""The counter electrode as a lumped layer: lithiation, potential and thickness as functions of the charge passed.

With the charge q passed since assembly, per cross-section of the meshed piece and positive on charge,

    y  = y_0 + q / Q                    lithiation, Q the areal capacity; the same everywhere in the layer
    U_a = U_a(y)                        open-circuit potential, the cell voltage is V − U_a
    Δh = Δh(q)  or  h [r(y) − r(y_0)]   thickness change, r relative to the thickness h

Without a capacity y is not defined, U_a and the exchange current density are constants, and lithium never runs out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

FULL, EMPTY = "counter electrode full", "counter electrode empty"
LIMITS = {FULL: 1.0, EMPTY: 0.0}
"""Lithiation at which a step of the programme ends."""

_AT_LIMIT = 1e-6
"""Distance from a limit that counts as being there: that to which limits are located."""


class CounterExhaustedError(RuntimeError):
    """A step that takes lithium out of an empty counter electrode, or puts it into a full one."""


@dataclass(frozen=True)
class CounterLayer:
    """State of the counter electrode at a charge [pC] passed since assembly, positive on charge.

    Attributes:
        unit: charge of 1 mAh/cm² on the cross-section of the meshed piece [pC].
        potential_curve: U_a of y [V].
        exchange_curve: exchange current density of y [A/m²], None without kinetics.
        thickness_curve: Δh of q [µm of mAh/cm²].
        relative_curve: r of y instead, None if not.
        thickness: h [µm].
        capacity: Q [mAh/cm²], None where no lithiation is kept.
        initial: y_0.
        plated: whether lithium is plated, so that y may pass 1.
    """

    unit: float
    potential_curve: Any
    exchange_curve: Any | None
    thickness_curve: Any
    relative_curve: Any | None = None
    thickness: float = 0.0
    capacity: float | None = None
    initial: float = 0.0
    plated: bool = False

    def lithiation(self, charge: float) -> float:
        """y; nan where it is not kept."""
        if self.capacity is None:
            return math.nan
        return self.initial + charge / self.unit / self.capacity

    def _argument(self, charge: float) -> float:
        """y, or anything where nothing depends on it."""
        return self.initial if self.capacity is None else self.lithiation(charge)

    def potential(self, charge: float) -> float:
        """U_a [V] against lithium."""
        return float(self.potential_curve(self._argument(charge)))

    def exchange(self, charge: float) -> float:
        """Exchange current density [A/m²]; infinite without kinetics."""
        return math.inf if self.exchange_curve is None else float(self.exchange_curve(self._argument(charge)))

    def thickness_change(self, charge: float) -> float:
        """Δh [µm] since assembly."""
        if self.relative_curve is None:
            return float(self.thickness_curve(charge / self.unit))
        relative = self.relative_curve(self._argument(charge)) - self.relative_curve(self.initial)
        return self.thickness * float(relative)

    # -- limits --------------------------------------------------------------------------------------------------------

    def limits(self, current: float) -> dict[str, float]:
        """What ends a step at this current [pA]: name of a monitored quantity -> its value there."""
        if self.capacity is None or current == 0.0:
            return {}
        name = FULL if current > 0.0 else EMPTY
        return {} if name == FULL and self.plated else {name: LIMITS[name]}

    def monitored(self, charge: float) -> dict[str, float]:
        """The lithiation under the names of its limits."""
        return {} if self.capacity is None else dict.fromkeys(LIMITS, self.lithiation(charge))

    def require_room(self, charge: float, current: float) -> None:
        """Raise :class:`CounterExhaustedError` where a step would begin at the limit that it runs into."""
        y = self.lithiation(charge)
        for name, value in self.limits(current).items():
            if (y - value) * math.copysign(1.0, current) > -_AT_LIMIT:
                what = "no room for lithium" if name == FULL else "no lithium left"
                raise CounterExhaustedError(f"{name}: {what} at the beginning of this step (y = {y:.6g})")

    def describe(self, name: str) -> str:
        """A line for the log."""
        if self.capacity is None:
            return f"counter electrode: {name}, at constant potential, without limit"
        size = f", {self.thickness:.4g} um thick" if self.relative_curve is not None else ""
        room = "" if self.plated else f", full after {self.capacity * (1.0 - self.initial):.4g} mAh/cm^2"
        return f"counter electrode: {name}, {self.capacity:.4g} mAh/cm^2{size}, at y = {self.initial:g}{room}"


def counter_layer(block: Any, unit: float, cathode: float, temperature: float) -> CounterLayer:
    """The layer of a case.

    Args:
        block: ``stack.counter_electrode`` of the case.
        unit: charge of 1 mAh/cm² on the cross-section [pC].
        cathode: capacity of the meshed cathode [pC], which ``n_to_p_ratio`` refers to.
        temperature: of the cell [K].
    """
    capacity = block.capacity
    if block.n_to_p_ratio is not None:
        capacity = block.n_to_p_ratio * cathode / unit
    thickness = block.thickness or 0.0
    if block.thickness is None and capacity is not None and block.capacity_per_volume is not None:
        thickness = 1e4 * capacity / block.capacity_per_volume  # cm to um
    exchange, relative = block.exchange_current_density, block.relative_thickness_change
    return CounterLayer(
        unit,
        block.potential.at(temperature),
        None if exchange is None else exchange.at(temperature),
        block.thickness_curve,
        None if relative is None else relative.at(temperature),
        thickness,
        capacity,
        block.initial_lithiation or 0.0,
        block.plated,
    )
