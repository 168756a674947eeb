"""Pictures of programmes: charges and discharges of every cycle, capacity over cycles and rates, pulses and their rests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ssbmech_post import style
from ssbmech_post.errors import RunFolderError
from ssbmech_post.readers import FloatArray, Series, Table, read_cycles, read_steps

_FEW = 3
"""Rests after a current from which a run counts as pulsed."""
_NAMED = 8
"""Cycles up to which each has its line in the legend."""


def has_cycles(run: Path) -> bool:
    """Whether a run has a discharge, or more than one charge."""
    try:
        table = read_cycles(run)
    except RunFolderError:
        return False
    return len(table) > 1 or bool((table["discharge_capacity"] > 0).any())


def has_pulses(run: Path) -> bool:
    """Whether a run has rests after several steps with current."""
    try:
        return _rests(read_steps(run)).size >= _FEW
    except RunFolderError:
        return False


def _rests(steps: Table) -> FloatArray:
    """Rows of rests that follow a current directly."""
    current = steps["mean_current_density"]
    kinds = np.array([kind == "rest" for kind in steps.text("kind")])
    after = np.concatenate([[False], current[:-1] != 0.0])
    rows: FloatArray = np.flatnonzero(kinds & after).astype(np.float64)
    return rows


def _halves(series: Series, cycle: int) -> list[tuple[FloatArray, FloatArray]]:
    """(charge passed since its beginning [mAh/g], voltage) of the charge and the discharge of a cycle."""
    name = "specific_capacity" if float(np.ptp(series["specific_capacity"])) > 0 else "areal_capacity"
    passed = np.diff(series[name], prepend=series[name][0])
    found = []
    for sign in (1.0, -1.0):
        rows = np.flatnonzero((series["cycle"] == cycle) & (sign * passed > 0.0))
        if rows.size:
            found.append((np.cumsum(np.abs(passed[rows])), series["voltage"][rows]))
    return found


def _colour(number: int, count: int) -> str:
    if count <= len(style.CYCLE):
        return style.CYCLE[number]
    return str(to_hex(colormaps["viridis"](0.9 * number / max(count - 1, 1))))


def cycles(series: Series, table: Table) -> Figure:
    """Voltage over the charge of each half cycle; capacities and efficiency over the cycles; discharge over its rate where that changes."""
    rates = np.unique(np.round(table["discharge_rate"][table["discharge_capacity"] > 0], 6))
    with style.publication():
        figure = style.new_figure(10.5 if rates.size > 1 else 7.6, 3.4)
        axes = list(figure.subplots(1, 3 if rates.size > 1 else 2))
        _curves(axes[0], series, table)
        _capacities(axes[1], table)
        if rates.size > 1:
            _rate_plot(axes[2], table)
    return figure


def _curves(axes: Axes, series: Series, table: Table) -> None:
    numbers = [int(n) for n in table["cycle"]]
    for k, number in enumerate(numbers):
        rate = table["discharge_rate"][k]
        text = f"{number}" + (f" ({_c_rate(rate)})" if np.isfinite(rate) else "")
        for charge, volts in _halves(series, number):
            axes.plot(
                charge, volts, color=_colour(k, len(numbers)), label=text if len(numbers) <= _NAMED else None
            )
            text = ""
    axes.set_xlabel("Charge passed (mAh/g)")
    axes.set_ylabel("Cell voltage (V)")
    handles, labels = axes.get_legend_handles_labels()
    named = [(h, t) for h, t in zip(handles, labels, strict=True) if t]
    if named:
        axes.legend(
            *zip(*named, strict=True),
            title="cycle (discharge)",
            loc="best",
            frameon=True,
            framealpha=0.8,
            edgecolor="none",
        )


def _c_rate(rate: float) -> str:
    if rate < 1.0 and abs(1 / rate - round(1 / rate)) < 1e-3 / rate:
        return f"C/{round(1 / rate)}"
    return f"{rate:.3g}C"


def _capacities(axes: Axes, table: Table) -> None:
    axes.plot(table["cycle"], table["charge_capacity"], "o", mfc="white", color=style.BLUE, label="charge")
    axes.plot(table["cycle"], table["discharge_capacity"], "o", color=style.BLUE, label="discharge")
    axes.set_xlabel("Cycle")
    axes.set_ylabel("Capacity (mAh/g)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(0.0, 1.12 * float(np.nanmax([table["charge_capacity"], table["discharge_capacity"]])))
    if table.has("coulombic_efficiency"):
        right = axes.twinx()
        right.plot(
            table["cycle"], 100 * table["coulombic_efficiency"], "s", color=style.RED, markersize=4,
            label="efficiency (right)",
        )  # fmt: skip
        right.set_ylabel("Coulombic efficiency (%)", color=style.RED)
        right.grid(False)
        low, high = right.get_ylim()
        right.set_ylim(min(low, 90.0), max(high, 101.0))
        axes.plot([], [], "s", color=style.RED, markersize=4, label="efficiency (right)")
    axes.legend(loc="lower left")


def _rate_plot(axes: Axes, table: Table) -> None:
    there = table["discharge_capacity"] > 0
    rate, capacity = table["discharge_rate"][there], table["discharge_capacity"][there]
    axes.semilogx(rate, capacity, "o", color=style.GREEN)
    ticks = np.unique(np.round(rate, 6))
    axes.set_xticks(ticks, [_c_rate(float(t)) for t in ticks])
    axes.minorticks_off()
    axes.set_ylim(0.0, 1.12 * float(capacity.max()))
    axes.set_xlabel("Discharge rate")
    axes.set_ylabel("Discharge capacity (mAh/g)")


def pulses(series: Series, steps: Table) -> Figure:
    """Voltage over time, and over the charge passed the voltages at the end of each pulse and of the rest after it."""
    rests = _rests(steps).astype(np.int64)
    charge = np.cumsum(steps["specific_capacity"])
    with style.publication():
        figure = style.new_figure(7.6, 3.4)
        left, right = figure.subplots(1, 2, sharey=True)
        left.plot(series["time"] / 3600.0, series["voltage"], color=style.BLUE)
        left.set_xlabel("Time (h)")
        left.set_ylabel("Cell voltage (V)")
        for column, colour, label in (
            ("voltage_before", style.RED, "end of the pulse"),
            ("end_voltage", style.BLUE, "end of the rest"),
        ):
            right.plot(charge[rests], steps[column][rests], "o-", color=colour, markersize=3, label=label)
        right.set_xlabel("Charge passed (mAh/g)")
        right.legend(loc="best")
    return figure
