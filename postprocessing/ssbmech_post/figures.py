"""Curves of one run: voltage, pressure, interfaces, strain and state of charge of particles, energies.

Every function takes what `readers` read and returns a matplotlib figure; it raises `RunFolderError` when
the run lacks what the picture shows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ssbmech_post import style
from ssbmech_post.cracks import CrackSection, fractions
from ssbmech_post.errors import RunFolderError
from ssbmech_post.readers import FloatArray, Particles, Series

_ABSCISSAE = (
    ("specific_capacity", "Specific capacity", 1.0, ""),
    ("areal_capacity", "Areal capacity", 1.0, ""),
    ("time", "Time", 1.0 / 3600.0, "h"),
)
_FRACTIONS = (
    ("damaged_fraction", "damaged", style.ORANGE, "-"),
    ("delaminated_fraction", "delaminated", style.RED, "-"),
    ("open_fraction", "open", style.PURPLE, "--"),
    ("closed_debonded_fraction", "closed again", style.SKY, "--"),
    ("active_fraction", "electrochemically active", style.BLUE, "-"),
)
_MECHANICAL = (
    ("elastic_energy", "elastic energy", style.BLUE, "-"),
    ("interface_energy", "interface energy", style.SKY, "-"),
    ("contact_energy", "energy of walls in contact", style.GREEN, ":"),
    ("multiplier_work", "work of contact multipliers", style.SKY, ":"),
    ("pairing_work", "work of changing pairs of walls", style.PURPLE, ":"),
    ("fracture_dissipation", "fracture dissipation", style.RED, "-"),
    ("viscous_dissipation", "viscous dissipation", style.PURPLE, "-"),
    ("friction_dissipation", "friction dissipation", style.GREY, "-"),
    ("plastic_dissipation", "plastic dissipation", style.BLACK, "-"),
    ("external_work", "work of the stack load", style.ORANGE, "--"),
    ("chemical_work", "work of chemical strain", style.GREEN, "--"),
)
_ELECTRICAL = (
    ("electrical_work", "electrical work", style.BLACK, "-"),
    ("chemical_energy", "chemical energy", style.BLUE, "--"),
)
_LOSSES = (
    ("ohmic_dissipation", "ohmic dissipation", style.ORANGE, "-"),
    ("kinetic_dissipation", "kinetic dissipation", style.RED, "-"),
    ("film_dissipation", "dissipation in films", style.PURPLE, "-"),
    ("diffusion_dissipation", "diffusion dissipation", style.GREEN, "-"),
    ("oxidation_energy", "energy taken up by oxidation", style.SKY, "--"),
)
_ERRORS = (
    ("energy_balance_error", "energy", style.RED),
    ("mechanical_balance_error", "mechanical energy", style.ORANGE),
    ("lithium_balance_error", "lithium", style.BLUE),
    ("charge_balance_error", "charge", style.GREEN),
)
_ENERGY_SCALES = ((1.0, "pJ"), (1e3, "nJ"), (1e6, "µJ"), (1e9, "mJ"), (1e12, "J"))


def abscissa(series: Series) -> tuple[FloatArray, str]:
    """What the curves are drawn against (values, axis label): the first capacity, or time, that varies."""
    for name, title, factor, unit in _ABSCISSAE:
        if series.has(name):
            values = series[name] * factor
            if float(np.nanmax(values) - np.nanmin(values)) > 0.0:
                return values, style.label(title, unit or series.units[name])
    return series["time"], style.label("Time", series.units["time"])


def _need(series: Series, names: Sequence[str]) -> None:
    missing = [n for n in names if not series.has(n)]
    if missing:
        raise RunFolderError(series.path, f"has no values of {', '.join(missing)}")


def _lines(
    axes: Axes, series: Series, curves: Sequence[tuple[str, str, str, str]], factor: float
) -> list[str]:
    """Draw the curves (column, label, colour, line style) that the series has; return their columns."""
    x, _ = abscissa(series)
    drawn = [curve for curve in curves if series.has(curve[0])]
    for name, text, colour, dashes in drawn:
        axes.plot(x, series[name] * factor, dashes, color=colour, label=text)
    return [curve[0] for curve in drawn]


def _finish(axes: Axes, x_label: str, y_label: str, legend: bool = True) -> None:
    axes.set_ylabel(y_label)
    if x_label:
        axes.set_xlabel(x_label)
    axes.margins(x=0.02)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best")


def voltage(series: Series) -> Figure:
    """Cell voltage and cathode potential against lithium, over capacity."""
    curves = (
        ("potential", "cathode potential vs Li⁺/Li", style.RED, "--"),
        ("voltage", "cell voltage", style.BLUE, "-"),
    )
    if not any(series.has(c[0]) for c in curves):
        _need(series, ["voltage"])
    with style.publication():
        figure = style.new_figure()
        axes = figure.subplots()
        drawn = _lines(axes, series, curves, 1.0)
        _finish(axes, abscissa(series)[1], style.label("Voltage", series.units[drawn[0]]))
    return figure


def pressure(series: Series) -> Figure:
    """Change of stack pressure and displacement of the platen, over capacity."""
    _need(series, ["pressure_change"])
    x, x_label = abscissa(series)
    below = series.has("platen_displacement")
    with style.publication():
        figure = style.new_figure(4.8, 4.8 if below else 3.5)
        upper, *rest = figure.subplots(2 if below else 1, 1, sharex=True, squeeze=False).ravel()
        upper.axhline(0.0, color=style.GREY, linewidth=0.8)
        upper.plot(x, series["pressure_change"], color=style.BLUE)
        unit = series.units["pressure_change"]
        _finish(upper, "" if below else x_label, style.label("Change of pressure ΔP", unit), legend=False)
        _at_least(upper, 1e-3)
        for axes in rest:
            axes.plot(x, series["platen_displacement"], color=style.GREEN)
            unit = series.units["platen_displacement"]
            _finish(axes, x_label, style.label("Platen displacement", unit), legend=False)
            _at_least(axes, 1e-4)
    return figure


def _at_least(axes: Axes, span: float) -> None:
    """Open the y axis to `span` so that round-off of a constant quantity does not look like a result."""
    low, high = axes.get_ylim()
    if high - low < span:
        middle = 0.5 * (low + high)
        axes.set_ylim(middle - span / 2, middle + span / 2)


def interfaces(series: Series) -> Figure:
    """Area fractions of the CAM|SE interface, over capacity."""
    if not any(series.has(curve[0]) for curve in _FRACTIONS):
        _need(series, ["delaminated_fraction"])
    with style.publication():
        figure = style.new_figure(4.8, 3.7)
        axes = figure.subplots()
        _lines(axes, series, _FRACTIONS, 100.0)
        axes.set_ylim(-3, 103)
        _finish(axes, abscissa(series)[1], "Fraction of CAM|SE area (%)")
        figure.legends.clear()
        axes.legend(
            loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=3, columnspacing=1.0, handlelength=1.5
        )
    return figure


def cracks(series: Series, boundaries: Sequence[CrackSection], every: Sequence[CrackSection]) -> Figure:
    """Area fraction of cracks in a section, between grains and in all, at the saved states, over capacity."""
    x, label = abscissa(series)
    with style.publication():
        figure = style.new_figure()
        axes = figure.subplots()
        curves = (("grain boundaries", boundaries, style.RED), ("all interfaces", every, style.BLUE))
        for text, sections, colour in curves:
            if sections is boundaries and not np.any(fractions(sections) > 0.0):
                continue  # no grains, or none that part
            at = np.interp([section.time for section in sections], series["time"], x)
            axes.plot(at, 100.0 * fractions(sections), "o-", color=colour, label=text, markersize=3)
        _finish(axes, label, "Crack area of the active material (%)")
        _at_least(axes, 1e-3)
    return figure


def _weights(particles: Particles) -> FloatArray:
    """Share of each particle in the volume of all, in the order of the first step."""
    first = particles.at(int(particles.steps[0]))
    volume = first["volume"] if "volume" in first else np.ones(len(first))
    return np.asarray(volume / volume.sum(), dtype=np.float64)


def _particle_abscissa(particles: Particles, series: Series) -> tuple[FloatArray, str]:
    """The abscissa of the steps at which particles were reported."""
    x, label = abscissa(series)
    row = {int(step): i for i, step in enumerate(series["step"])}
    unknown = [int(s) for s in particles.steps if int(s) not in row]
    if unknown:
        raise RunFolderError(particles.path, f"step {unknown[0]} is not in {series.path.name}")
    return x[[row[int(s)] for s in particles.steps]], label


def _band(axes: Axes, x: FloatArray, values: FloatArray, weights: FloatArray, colour: str) -> None:
    """Mean weighted by volume, 10-90 % and full range of the particles; `values` (steps, particles)."""
    axes.fill_between(
        x, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.16, linewidth=0, label="all"
    )
    low, high = np.percentile(values, [10, 90], axis=1)
    axes.fill_between(x, low, high, color=colour, alpha=0.34, linewidth=0, label="10–90 %")
    axes.plot(x, values @ weights, color=colour, label="mean (by volume)")


def particle_strain(particles: Particles, series: Series) -> Figure:
    """Volumetric strain of the particles: band over capacity and histogram at the end."""
    values = 100.0 * particles.matrix("volumetric_strain")
    x, x_label = _particle_abscissa(particles, series)
    weights = _weights(particles)
    with style.publication():
        figure = style.new_figure(7.2, 3.5)
        left, right = figure.subplots(1, 2, width_ratios=(1.7, 1.0), sharey=True)
        left.axhline(0.0, color=style.GREY, linewidth=0.8)
        _band(left, x, values, weights, style.BLUE)
        _finish(left, x_label, "Particle volumetric strain (%)")
        end = values[-1]
        spread = max(float(np.ptp(end)), 0.05 * float(np.ptp(values)), 1e-6)
        bins = np.linspace(end.mean() - 0.6 * spread, end.mean() + 0.6 * spread, 11 if len(end) < 60 else 21)
        right.hist(
            end, bins=list(bins), orientation="horizontal", color=style.BLUE, alpha=0.75, edgecolor="white"
        )
        right.axhline(
            float(end @ weights), color=style.BLACK, linewidth=1.0, linestyle="--", label="mean (by volume)"
        )
        right.xaxis.get_major_locator().set_params(integer=True)
        right.set_title(f"at the end, {len(end)} particle{'s' if len(end) > 1 else ''}")
        right.set_xlabel("Particles")
        right.legend(loc="best")
    return figure


def state_of_charge(series: Series, particles: Particles | None = None) -> Figure:
    """Stoichiometry: mean, range over all points of the active material, and spread of particle means."""
    _need(series, ["mean_stoichiometry"])
    x, x_label = abscissa(series)
    with style.publication():
        figure = style.new_figure()
        axes = figure.subplots()
        if series.has("minimum_stoichiometry", "maximum_stoichiometry"):
            axes.fill_between(
                x, series["minimum_stoichiometry"], series["maximum_stoichiometry"],
                color=style.SKY, alpha=0.3, linewidth=0, label="every point",
            )  # fmt: skip
        if particles is not None and "mean_stoichiometry" in particles:
            values = particles.matrix("mean_stoichiometry")
            at = _particle_abscissa(particles, series)[0]
            axes.fill_between(
                at, values.min(axis=1), values.max(axis=1), color=style.BLUE, alpha=0.35, linewidth=0,
                label="particle means",
            )  # fmt: skip
        axes.plot(x, series["mean_stoichiometry"], color=style.BLUE, label="mean")
        _finish(axes, x_label, "Lithium content x of the active material")
    return figure


def _energy_scale(series: Series, names: Sequence[str]) -> tuple[float, str]:
    """Factor from pJ and unit in which the largest of the columns is a number between 1 and 1000."""
    largest = max((float(np.nanmax(np.abs(series[n]))) for n in names if series.has(n)), default=0.0)
    divisor, unit = _ENERGY_SCALES[0]
    for candidate in _ENERGY_SCALES:
        if largest >= candidate[0]:
            divisor, unit = candidate
    return 1.0 / divisor, unit


def energies(series: Series) -> Figure:
    """Mechanical and electrochemical energies, those that there are, and the closure errors of the balances, over capacity."""
    x, x_label = abscissa(series)
    known = [[c for c in g if series.has(c[0])] for g in (_MECHANICAL, _ELECTRICAL, _LOSSES)]
    groups = [[c for c in g if np.any(series[c[0]] != 0.0)] for g in known]
    groups = [g for g in groups if g] or [g for g in known if g][:1]
    errors = [e for e in _ERRORS if series.has(e[0]) and np.any(series[e[0]] != 0.0)]
    if not groups and not errors:
        _need(series, ["elastic_energy"])
    panels = len(groups) + bool(errors)
    with style.publication():
        figure = style.new_figure(6.4, 2.2 * panels)
        all_axes = list(figure.subplots(panels, 1, sharex=True, squeeze=False).ravel())
        for axes, group in zip(all_axes, groups, strict=False):
            factor, unit = _energy_scale(series, [c[0] for c in group])
            _lines(axes, series, group, factor)
            _finish(axes, "", f"Energy ({unit})")
        if errors:
            axes = all_axes[-1]
            for name, text, colour in errors:
                size = np.abs(series[name])
                axes.semilogy(x, np.where(size > 0.0, size, np.nan), color=colour, label=text)
            _finish(axes, "", "Relative error of balance")
        for axes in all_axes:
            if axes.get_legend() is not None:
                axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        all_axes[-1].set_xlabel(x_label)
    return figure


def comparison(runs: Sequence[tuple[str, Series]]) -> Figure:
    """Curves of several runs (label, series) on common axes: voltage, ΔP, delamination, particle strain."""
    panels = (
        ("potential", "Cathode potential vs Li⁺/Li", 1.0, None),
        ("pressure_change", "Stack pressure change ΔP", 1.0, None),
        ("delaminated_fraction", "Delaminated CAM|SE area", 100.0, "%"),
        ("mean_volumetric_strain", "Mean particle volumetric strain", 100.0, "%"),
    )
    with style.publication():
        figure = style.new_figure(8.0, 6.2)
        grid = figure.subplots(2, 2, sharex=len({abscissa(s)[1] for _, s in runs}) == 1).ravel()
        for axes, (name, title, factor, unit) in zip(grid, panels, strict=True):
            for (text, series), colour in zip(runs, style.CYCLE * len(runs), strict=False):
                if series.has(name):
                    x, x_label = abscissa(series)
                    axes.plot(x, series[name] * factor, color=colour, label=text)
                    axes.set_ylabel(style.label(title, unit or series.units[name]))
                    axes.set_xlabel(x_label)
            if name in ("pressure_change", "mean_volumetric_strain"):
                axes.axhline(0.0, color=style.GREY, linewidth=0.8, zorder=0)
            _at_least(axes, 1e-3)
        handles, labels = max((a.get_legend_handles_labels() for a in grid), key=lambda pair: len(pair[0]))
        figure.legend(handles, labels, loc="outside upper center", ncols=min(4, max(1, len(runs))))
    return figure
