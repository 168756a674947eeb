"""Cycles added up from the rows of a series, and their pictures."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from ssbmech.output.cycles import CYCLES, STEPS, CycleBook, without_nan
from ssbmech.output.series import Table
from ssbmech.solve.stepping import Accepted, Segment
from ssbmech_post import read_cycles, read_series, read_steps
from ssbmech_post.cycling import cycles, has_cycles, has_pulses, pulses
from ssbmech_post.style import save

ONE_C = 10.0
"""A/m²; an hour of it is 1 mAh/cm²."""
PER_MASS = 100.0
"""mAh/g per mAh/cm²."""


@dataclass
class Cell:
    """Books steps of given current density, voltages and length, and writes the tables of a run."""

    book: CycleBook
    rows: list[dict[str, Any]]

    def __init__(self) -> None:
        self.book, self.rows = CycleBook(ONE_C), []
        start = {"time": 0.0, "time_step": 0.0, "voltage": 3.0, "areal_capacity": 0.0, "pressure": 5.0}
        self._note(
            None, {**start, "specific_capacity": 0.0, "delaminated_fraction": 0.0, "step": 0, "cycle": 0}
        )

    def _note(self, accepted: Accepted | None, row: dict[str, Any]) -> None:
        self.rows.append(row)
        self.book.add(accepted, row)

    def step(
        self, number: int, cycle: int, kind: str, current: float, volts: list[float], hours: float
    ) -> None:
        segment = Segment(
            number, kind, 0.0, (), 1.0, lambda: None, lambda elapsed: None, cycle=cycle, label=kind
        )
        for k, voltage in enumerate(volts):
            before, dt = self.rows[-1], 3600.0 * hours / len(volts)
            areal = before["areal_capacity"] + current * dt / 36_000.0
            row = {
                "step": before["step"] + 1, "time": before["time"] + dt, "time_step": dt, "voltage": voltage,
                "areal_capacity": areal, "specific_capacity": PER_MASS * areal, "pressure": 5.0 + voltage,
                "delaminated_fraction": 0.1 * cycle, "cycle": cycle,
            }  # fmt: skip
            ended = "time" if k == len(volts) - 1 else None
            self._note(Accepted(row["step"], segment, row["time"], dt, 1, 1, 1.0, ended, False), row)


def two_cycles() -> Cell:
    cell = Cell()
    cell.step(0, 0, "rest", 0.0, [3.0], 1.0)
    for cycle, discharge in ((1, -5.0), (2, -10.0)):
        first = 3 * cycle
        cell.step(first, cycle, "charge", 5.0, [3.5, 4.0], 2.0)
        cell.step(first + 1, cycle, "hold", 1.0, [4.0], 1.0)
        cell.step(
            first + 2, cycle, "discharge", discharge, [3.6, 3.2], 9.0 / abs(discharge) / (1 + (cycle == 2))
        )
    cell.book.close()
    return cell


def test_capacities_energies_and_rates_of_two_cycles() -> None:
    first, second = two_cycles().book.cycles
    assert (first["cycle"], second["cycle"]) == (1, 2)
    assert first["areal_charge_capacity"] == pytest.approx(1.1)  # 2 h at 5 A/m² and 1 h at 1 A/m²
    assert first["charge_capacity"] == pytest.approx(110.0)
    assert first["held_charge_share"] == pytest.approx(0.1 / 1.1)
    assert first["areal_discharge_capacity"] == pytest.approx(0.9)
    assert second["areal_discharge_capacity"] == pytest.approx(0.45)
    assert first["coulombic_efficiency"] == pytest.approx(0.9 / 1.1)
    assert (first["retention"], second["retention"]) == (1.0, pytest.approx(0.5))
    assert (first["charge_rate"], first["discharge_rate"], second["discharge_rate"]) == pytest.approx(
        (0.5, 0.5, 1.0)
    )
    # Trapezia: from 3.0 V over 3.5 to 4.0 V, then 4.0 V; from 4.0 V over 3.6 to 3.2 V.
    assert first["charge_energy"] == pytest.approx(0.5 * 3.25 + 0.5 * 3.75 + 0.1 * 4.0)
    assert first["discharge_energy"] == pytest.approx(0.45 * 3.8 + 0.45 * 3.4)
    assert first["mean_discharge_voltage"] == pytest.approx(3.6)
    assert first["energy_efficiency"] == pytest.approx(first["discharge_energy"] / first["charge_energy"])
    assert (first["end_charge_voltage"], first["end_discharge_voltage"]) == (4.0, 3.2)
    assert (first["minimum_pressure"], first["maximum_pressure"]) == pytest.approx((8.2, 9.0))
    assert first["duration"] == pytest.approx(3600.0 * (2.0 + 1.0 + 1.8))
    assert second["delaminated_fraction"] == pytest.approx(0.2)


def test_a_cycle_without_a_discharge_has_no_efficiency() -> None:
    cell = Cell()
    cell.step(0, 1, "charge", 5.0, [3.5], 1.0)
    (row,) = cell.book.close()
    assert all(math.isnan(row[name]) for name in ("coulombic_efficiency", "retention", "discharge_rate"))
    assert without_nan([row])[0]["retention"] is None
    assert cell.book.close() == []
    assert "-" in cell.book.table().splitlines()[1]


def test_steps_say_what_came_before_and_after() -> None:
    rest, charge, hold, *_ = two_cycles().book.steps
    assert (rest["kind"], charge["kind"], hold["kind"]) == ("rest", "charge", "hold")
    assert (charge["voltage_before"], charge["first_voltage"], charge["end_voltage"]) == (3.0, 3.5, 4.0)
    assert charge["areal_capacity"] == pytest.approx(1.0)
    assert (rest["mean_current_density"], charge["mean_current_density"]) == pytest.approx((0.0, 5.0))
    assert hold["start_time"] == pytest.approx(3 * 3600.0)


def written(cell: Cell, folder: Path) -> Path:
    for name, columns, rows in (("steps", STEPS, cell.book.steps), ("cycles", CYCLES, cell.book.cycles)):
        table = Table(folder / f"{name}.csv", columns)
        for row in rows:
            table.add(row)
        table.close()
    names = ("step", "cycle", "time", "voltage", "specific_capacity")
    with (folder / "series.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f"{name} [-]" for name in names])
        writer.writerows([[row[name] for name in names] for row in cell.rows])
    return folder


def test_pictures_of_cycles_and_pulses(tmp_path: Path) -> None:
    folder = written(two_cycles(), tmp_path)
    assert has_cycles(folder) and not has_pulses(folder)
    figure = cycles(read_series(folder), read_cycles(folder))
    assert len(figure.axes) == 4  # curves, capacities with the efficiencies, rates
    curves = figure.axes[0].get_lines()
    assert [line.get_xdata()[-1] for line in curves] == pytest.approx([110.0, 90.0, 110.0, 45.0])
    image = imread(save(figure, tmp_path / "cycles.png"))
    assert float((image[:, :, :3].min(axis=2) < 0.98).mean()) > 0.01


def test_pictures_of_pulses(tmp_path: Path) -> None:
    cell = Cell()
    for k in range(4):
        cell.step(2 * k, 1, "charge", 5.0, [3.5 + 0.1 * k], 0.5)
        cell.step(2 * k + 1, 1, "rest", 0.0, [3.4 + 0.1 * k], 1.0)
    cell.book.close()
    folder = written(cell, tmp_path)
    assert has_pulses(folder) and not has_cycles(folder)
    figure = pulses(read_series(folder), read_steps(folder))
    under, relaxed = figure.axes[1].get_lines()
    assert under.get_ydata() == pytest.approx([3.5, 3.6, 3.7, 3.8])
    assert relaxed.get_ydata() == pytest.approx([3.4, 3.5, 3.6, 3.7])
    assert np.asarray(relaxed.get_xdata()) == pytest.approx([25.0, 50.0, 75.0, 100.0])
    assert not has_cycles(tmp_path / "nothing") and not has_pulses(tmp_path / "nothing")
