"""What is measured on a cell, and what it is made of: operando pressiometry, parts of the voltage, distribution of the current."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ssbmech_post import style
from ssbmech_post.errors import RunFolderError
from ssbmech_post.figures import abscissa
from ssbmech_post.readers import FloatArray, Series
from ssbmech_post.vtx import VtxStep, read_vtx

# Column of series.csv, words, colour; in the order in which they are stacked.
PARTS = (
    ("concentration_overpotential", "concentration", style.GREEN),
    ("stress_overpotential", "stress", style.YELLOW),
    ("kinetic_overpotential", "charge transfer", style.RED),
    ("film_overpotential", "film", style.GREY),
    ("ionic_overpotential", "ionic", style.SKY),
    ("electronic_overpotential", "electronic", style.BLUE),
    ("contact_overpotential", "contacts", style.PURPLE),
    ("counter_electrode_overpotential", "counter electrode", style.ORANGE),
)
LEAST_PART = 1e-6
"""V; what never reaches this is left out of the picture."""


def _need(series: Series, *names: str) -> None:
    missing = [name for name in names if not series.has(name)]
    if missing:
        raise RunFolderError(series.path, f"has no values of {', '.join(missing)}")


def pressiometry(series: Series) -> Figure:
    """Operando pressiometry: cell voltage, change of the stack pressure ΔP(Q), and its slope dP/dQ."""
    _need(series, "voltage", "pressure_change", "pressure_per_capacity")
    x, x_label = abscissa(series)
    panels = (
        ("voltage", "Cell voltage", style.BLACK),
        ("pressure_change", "ΔP", style.BLUE),
        ("pressure_per_capacity", "dP/dQ", style.RED),
    )
    with style.publication():
        figure = style.new_figure(4.8, 6.0)
        grid = figure.subplots(3, 1, sharex=True)
        for axes, (name, title, colour) in zip(grid, panels, strict=True):
            if name != "voltage":
                axes.axhline(0.0, color=style.GREY, linewidth=0.8)
            if name == "pressure_per_capacity":
                _slope(axes, x, series[name], colour)
            else:
                axes.plot(x, series[name], color=colour)
            axes.set_ylabel(style.label(title, series.units[name]))
            axes.margins(x=0.02)
        grid[-1].set_xlabel(x_label)
        figure.align_ylabels(grid)
    return figure


def _slope(axes: Axes, x: FloatArray, slope: FloatArray, colour: str) -> None:
    """A difference quotient: constant over each step."""
    axes.plot(x, slope, color=colour, drawstyle="steps-pre")


def voltage_parts(series: Series) -> Figure:
    """Cell voltage over open-circuit voltage, and the overpotentials between them, stacked; those below zero downwards."""
    _need(series, "voltage", "open_circuit_potential", "counter_electrode_potential")
    shown = [
        part
        for part in PARTS
        if series.has(part[0]) and np.nanmax(np.abs(series[part[0]]), initial=0.0) > LEAST_PART
    ]
    if not shown:
        raise RunFolderError(series.path, "has no overpotentials: no current flowed")
    x, x_label = abscissa(series)
    rest = series["open_circuit_potential"] - series["counter_electrode_potential"]
    with style.publication():
        figure = style.new_figure(6.4, 5.2)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.0, 1.2))
        upper.plot(x, series["voltage"], color=style.BLACK, label="cell voltage")
        upper.plot(x, rest, "--", color=style.GREEN, label="open circuit, at the mean lithium content")
        upper.set_ylabel(style.label("Voltage", series.units["voltage"]))
        upper.legend(loc="best")
        _stack(lower, x, [(1e3 * series[name], text, colour) for name, text, colour in shown])
        lower.plot(
            x, 1e3 * (series["voltage"] - rest), color=style.BLACK, linewidth=1.0, label="sum: polarisation"
        )
        lower.axhline(0.0, color=style.GREY, linewidth=0.8)
        lower.set_ylabel("Overpotential (mV)")
        lower.set_xlabel(x_label)
        lower.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        lower.margins(x=0.02)
    return figure


def _stack(axes: Axes, x: FloatArray, parts: list[tuple[FloatArray, str, str]]) -> None:
    """Areas on top of each other, positive ones upwards and negative ones downwards; gaps where there is no current."""
    top, bottom = np.zeros_like(x), np.zeros_like(x)
    for values, text, colour in parts:
        up, down = np.maximum(values, 0.0), np.minimum(values, 0.0)
        axes.fill_between(x, top, top + up, color=colour, linewidth=0, alpha=0.85, label=text)
        axes.fill_between(x, bottom, bottom + down, color=colour, linewidth=0, alpha=0.85)
        top, bottom = top + np.nan_to_num(up), bottom + np.nan_to_num(down)


def current_distribution(run: Path, series: Series) -> Figure:
    """Current density of the CAM | SE interfaces: mean and standard deviation, Gini coefficient; by area at the last saved state."""
    _need(series, "interface_current_mean", "interface_current_deviation", "interface_current_gini")
    x, x_label = abscissa(series)
    mean, spread = series["interface_current_mean"], series["interface_current_deviation"]
    step = read_vtx(run / "interface.bp", fields=("current_density", "charge_transfer"))
    density, area = facet_currents(step)
    with style.publication():
        figure = style.new_figure(7.2, 4.4)
        axes: dict[str, Axes] = figure.subplot_mosaic([["mean", "histogram"], ["gini", "histogram"]])
        upper, lower, right = axes["mean"], axes["gini"], axes["histogram"]
        upper.fill_between(
            x, np.maximum(mean - spread, 0.0), mean + spread, color=style.SKY, alpha=0.4, linewidth=0,
            label="± standard deviation",
        )  # fmt: skip
        upper.plot(x, mean, color=style.BLUE, label="mean by area")
        unit = series.units["interface_current_mean"]
        upper.set_ylabel(style.label("|i|", unit))
        upper.legend(loc="best")
        lower.plot(x, series["interface_current_gini"], color=style.RED)
        lower.set_ylabel("Gini coefficient of |i|")
        lower.set_ylim(0.0, 1.0)
        lower.set_xlabel(x_label)
        right.hist(
            density,
            bins=40,
            weights=100.0 * area / area.sum(),
            color=style.BLUE,
            alpha=0.75,
            edgecolor="white",
        )
        right.set_xlabel(style.label("i", unit))
        right.set_ylabel("Share of the interface area (%)")
        right.set_title(f"at {step.time / 3600.0:.3g} h")
    return figure


def facet_currents(step: VtxStep) -> tuple[FloatArray, FloatArray]:
    """Current density [A/m²] and size [µm², in a section µm] of every facet with charge transfer."""
    if "current_density" not in step.point_data and "current_density" not in step.cell_data:
        raise RunFolderError("interface.bp", "has no current density")
    facets, owner = step.simplices()
    density = step.on_cells("current_density")[owner]
    edges = step.points[facets][:, 1:] - step.points[facets][:, :1]
    if edges.shape[1] == 1:
        area = np.linalg.norm(edges[:, 0], axis=1)
    else:
        area = 0.5 * np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    known = np.isfinite(density)
    if "charge_transfer" in step.point_data or "charge_transfer" in step.cell_data:
        known &= step.on_cells("charge_transfer")[owner] > 0.5
    if not known.any() or not np.abs(density[known]).max() > 0.0:
        raise RunFolderError("interface.bp", "no current at the last saved state")
    return density[known], area[known]
