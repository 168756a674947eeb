"""``steps.csv`` and ``cycles.csv``: what every step of the programme and every cycle came to.

A cycle is a charge and a discharge one after the other, holds included, or a pass of a repeat with ``count_passes``; see
:mod:`ssbmech.case.plan`. Charges are sums of current times time step, as the implicit time steps take them, so that they agree with the
lithium that moved; energies weigh them with the mean of the voltages at both ends of a step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ssbmech.solve.stepping import Accepted

STEPS: dict[str, str] = {
    "programme_step": "-", "cycle": "-", "kind": "", "ended": "", "start_time": "s", "duration": "s",
    "voltage_before": "V", "first_voltage": "V", "end_voltage": "V", "areal_capacity": "mAh/cm^2",
    "specific_capacity": "mAh/g", "mean_current_density": "A/m^2", "pressure_before": "MPa", "end_pressure": "MPa",
}  # fmt: skip

CYCLES: dict[str, str] = {
    "cycle": "-", "charge_rate": "1/h", "discharge_rate": "1/h", "charge_capacity": "mAh/g", "discharge_capacity": "mAh/g",
    "areal_charge_capacity": "mAh/cm^2", "areal_discharge_capacity": "mAh/cm^2", "held_charge_share": "-",
    "held_discharge_share": "-", "coulombic_efficiency": "-", "retention": "-", "charge_energy": "mWh/cm^2",
    "discharge_energy": "mWh/cm^2", "energy_efficiency": "-", "mean_charge_voltage": "V", "mean_discharge_voltage": "V",
    "end_charge_voltage": "V", "end_discharge_voltage": "V", "duration": "s", "minimum_pressure": "MPa",
    "maximum_pressure": "MPa", "delaminated_fraction": "-",
}  # fmt: skip

Row = dict[str, Any]


@dataclass
class _Half:
    """All charge, or all discharge, of a cycle; per cross-section."""

    capacity: float = 0.0
    specific: float = 0.0
    energy: float = 0.0
    held: float = 0.0
    driven: float = 0.0
    driving_time: float = 0.0
    end_voltage: float = math.nan


@dataclass
class CycleBook:
    """Adds up the rows of ``series.csv``.

    Args:
        one_c: current density of 1C [A/m²].
    """

    one_c: float
    steps: list[Row] = field(default_factory=list)
    cycles: list[Row] = field(default_factory=list)
    _before: Row = field(default_factory=dict)
    _step: Row = field(default_factory=dict)
    _number: int = 0
    _halves: dict[str, _Half] = field(default_factory=dict)
    _duration: float = 0.0
    _pressures: tuple[float, float] = (math.inf, -math.inf)
    _first_discharge: float = math.nan

    def add(self, accepted: Accepted | None, row: Row) -> tuple[list[Row], list[Row]]:
        """Take note of an accepted step (None: the initial state); returns the rows that it completes, of steps and of cycles."""
        done: tuple[list[Row], list[Row]] = ([], [])
        if accepted is not None:
            segment = accepted.segment
            if segment.cycle != self._number:
                done[1].extend(self.close())
                self._number = segment.cycle
            self._count_cycle(segment.kind == "hold", row)
            self._count_step(accepted, row)
            if accepted.ended is not None:
                done[0].append(self._finish_step(accepted.ended))
        self._before = row
        return done

    def _passed(self, row: Row, name: str) -> float:
        return float(row[name]) - float(self._before[name])

    def _count_step(self, accepted: Accepted, row: Row) -> None:
        before, segment = self._before, accepted.segment
        if not self._step:
            self._step = {
                "programme_step": segment.number, "cycle": segment.cycle, "kind": segment.label,
                "start_time": before["time"], "voltage_before": before["voltage"], "first_voltage": row["voltage"],
                "areal_capacity": 0.0, "specific_capacity": 0.0, "pressure_before": before["pressure"],
            }  # fmt: skip
        step = self._step
        for name in ("areal_capacity", "specific_capacity"):
            step[name] += self._passed(row, name)
        step["duration"] = row["time"] - step["start_time"]
        step["mean_current_density"] = step["areal_capacity"] * 36_000.0 / step["duration"]
        step["end_voltage"], step["end_pressure"] = row["voltage"], row["pressure"]

    def _finish_step(self, ended: str) -> Row:
        finished = {**self._step, "ended": ended}
        self._step = {}
        self.steps.append(finished)
        return finished

    def _count_cycle(self, held: bool, row: Row) -> None:
        passed, time = self._passed(row, "areal_capacity"), float(row["time_step"])
        self._duration += time
        low, high = self._pressures
        self._pressures = (min(low, row["pressure"]), max(high, row["pressure"]))
        if passed == 0.0 or not math.isfinite(row["voltage"]):
            return
        half = self._halves.setdefault("charge" if passed > 0 else "discharge", _Half())
        half.capacity += abs(passed)
        half.specific += abs(self._passed(row, "specific_capacity"))
        half.energy += 0.5 * (row["voltage"] + self._before["voltage"]) * abs(passed)
        half.end_voltage = row["voltage"]
        if held:
            half.held += abs(passed)
        else:
            half.driven += abs(passed)
            half.driving_time += time

    def close(self) -> list[Row]:
        """The row of the cycle that goes on, if anything has flowed in it, and an end to it."""
        charge, discharge = (self._halves.get(name, _Half()) for name in ("charge", "discharge"))
        rows = []
        if self._halves and self._number > 0:
            if math.isnan(self._first_discharge) and discharge.capacity > 0:
                self._first_discharge = discharge.capacity
            rows.append(self._cycle(charge, discharge))
        self.cycles += rows
        self._halves, self._duration, self._pressures = {}, 0.0, (math.inf, -math.inf)
        return rows

    def _cycle(self, charge: _Half, discharge: _Half) -> Row:
        row: Row = {"cycle": self._number}
        for name, half in (("charge", charge), ("discharge", discharge)):
            density = _ratio(half.driven * 36_000.0, half.driving_time)
            row |= {
                f"{name}_rate": density / self.one_c,
                f"{name}_capacity": half.specific,
                f"areal_{name}_capacity": half.capacity,
                f"held_{name}_share": _ratio(half.held, half.capacity),
                f"{name}_energy": half.energy,
                f"mean_{name}_voltage": _ratio(half.energy, half.capacity),
                f"end_{name}_voltage": half.end_voltage,
            }
        both = charge.capacity > 0 and discharge.capacity > 0
        return row | {
            "coulombic_efficiency": discharge.capacity / charge.capacity if both else math.nan,
            "energy_efficiency": discharge.energy / charge.energy if both else math.nan,
            "retention": discharge.capacity / self._first_discharge if discharge.capacity > 0 else math.nan,
            "duration": self._duration,
            "minimum_pressure": self._pressures[0],
            "maximum_pressure": self._pressures[1],
            "delaminated_fraction": self._before["delaminated_fraction"],
        }

    def table(self) -> str:
        """The cycles as lines of text."""
        head = (
            "cycle   C-rate charge/discharge   capacity charge/discharge mAh/g   efficiency %   retention %   "
            "mean voltage charge/discharge V"
        )
        lines = [head]
        for row in self.cycles:
            rates = f"{_text(row['charge_rate'], '.3g')} / {_text(row['discharge_rate'], '.3g')}"
            capacities = f"{row['charge_capacity']:.2f} / {row['discharge_capacity']:.2f}"
            volts = (
                f"{_text(row['mean_charge_voltage'], '.4f')} / {_text(row['mean_discharge_voltage'], '.4f')}"
            )
            efficiency, retention = (100 * row[name] for name in ("coulombic_efficiency", "retention"))
            lines.append(
                f"{row['cycle']:5d}   {rates:>23}   {capacities:>31}   {_text(efficiency, '.3f'):>12}   "
                f"{_text(retention, '.3f'):>11}   {volts:>31}"
            )
        return "\n".join(lines)


def _ratio(a: float, b: float) -> float:
    return a / b if b > 0 else math.nan


def _text(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def without_nan(rows: list[Row]) -> list[Row]:
    """Rows as JSON can hold them."""
    return [
        {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        for row in rows
    ]
