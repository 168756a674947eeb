"""The report of a run: pictures and a page of headline figures; and curves of several runs together."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ssbmech_post import cycling, figures, observables, render, style, view3d
from ssbmech_post.cracks import crack_history, write_cracks
from ssbmech_post.errors import RunFolderError
from ssbmech_post.readers import (
    Particles,
    Series,
    read_cycles,
    read_particles,
    read_series,
    read_steps,
    read_summary,
)

# Key of summary.json's headline -> (words, factor, unit)
_HEADLINE: dict[str, tuple[str, float, str]] = {
    "capacity_mAh_g": ("Specific capacity", 1.0, "mAh/g"),
    "areal_capacity_mAh_cm2": ("Areal capacity", 1.0, "mAh/cm²"),
    "end_voltage_V": ("Voltage at the end", 1.0, "V"),
    "end_potential_V": ("Cathode potential at the end", 1.0, "V vs Li⁺/Li"),
    "pressure_MPa": ("Stack pressure at the end", 1.0, "MPa"),
    "pressure_change_MPa": ("Change of stack pressure", 1.0, "MPa"),
    "delaminated_fraction": ("Delaminated CAM|SE area", 100.0, "%"),
    "open_fraction": ("Open CAM|SE area", 100.0, "%"),
    "active_fraction": ("Electrochemically active CAM|SE area", 100.0, "%"),
    "mean_volumetric_strain": ("Mean volumetric strain of the particles", 100.0, "%"),
    "mean_stoichiometry": ("Mean lithium content x", 1.0, ""),
    "first_charge_capacity_mAh_g": ("First charge", 1.0, "mAh/g"),
    "first_discharge_capacity_mAh_g": ("First discharge", 1.0, "mAh/g"),
    "first_coulombic_efficiency": ("Coulombic efficiency of the first cycle", 100.0, "%"),
    "last_discharge_capacity_mAh_g": ("Last discharge", 1.0, "mAh/g"),
    "last_coulombic_efficiency": ("Coulombic efficiency of the last cycle", 100.0, "%"),
    "retention": ("Retention of the discharge capacity", 100.0, "%"),
    "platen_displacement_um": ("Displacement of the platen", 1.0, "µm"),
    "crack_volume_um3": ("Volume of the open gaps", 1.0, "µm³"),
    "largest_penetration_um": ("Largest overlap of closed faces", 1e3, "nm"),
    "isolated_fraction": ("Active material cut off", 100.0, "%"),
    "open_circuit_potential_V": ("Open-circuit potential at the mean lithium content", 1.0, "V vs Li⁺/Li"),
    "polarisation_V": ("Cell voltage less open-circuit voltage", 1e3, "mV"),
    "counter_electrode_lithiation": ("Lithiation of the counter electrode", 1.0, ""),
    "grain_boundary_delaminated_fraction": ("Delaminated grain-boundary area", 100.0, "%"),
    "grain_boundary_open_fraction": ("Open grain-boundary area", 100.0, "%"),
    "grain_boundary_crack_volume_um3": ("Volume of cracks between grains", 1.0, "µm³"),
    "maximum_principal_stress_MPa": ("Largest principal stress", 1.0, "MPa"),
}
_COUNTS = ("unknowns", "cells", "bodies", "ranks", "steps", "rejected_steps", "newton_iterations",
           "krylov_iterations", "wall_time_s", "peak_memory_MB")  # fmt: skip


@dataclass(frozen=True)
class _Picture:
    file: str
    caption: str
    make: Callable[[Path], Path]


def _pictures(run: Path, series: Series, particles: Particles | RunFolderError) -> list[_Picture]:
    def curve(draw: Callable[[], Figure]) -> Callable[[Path], Path]:
        return lambda path: style.save(draw(), path)

    def strain() -> Figure:
        if isinstance(particles, RunFolderError):
            raise particles
        return figures.particle_strain(particles, series)

    known = None if isinstance(particles, RunFolderError) else particles
    return [
        _Picture("voltage.png", "Cell voltage and cathode potential", curve(lambda: figures.voltage(series))),
        *([_Picture("cycles.png", "Charges and discharges, and what each cycle gave (numbers in cycles.csv)",
                    curve(lambda: cycling.cycles(series, read_cycles(run))))]
          if cycling.has_cycles(run) else []),
        *([_Picture("pulses.png", "Pulses: voltage over time, before and after each rest (numbers in steps.csv)",
                    curve(lambda: cycling.pulses(series, read_steps(run))))]
          if cycling.has_pulses(run) else []),
        _Picture("pressure.png", "Change of the stack pressure and displacement of the platen",
                 curve(lambda: figures.pressure(series))),
        _Picture("pressiometry.png", "Operando pressiometry: voltage, change of the stack pressure and its slope",
                 curve(lambda: observables.pressiometry(series))),
        _Picture("voltage_parts.png", "What the voltage consists of: open-circuit voltage and overpotentials",
                 curve(lambda: observables.voltage_parts(series))),
        _Picture("current_distribution.png", "How the current is spread over the CAM|SE interfaces",
                 curve(lambda: observables.current_distribution(run, series))),
        _Picture("interfaces.png", "State of the CAM|SE interface",
                 curve(lambda: figures.interfaces(series))),
        _Picture("cracks.png", "Area fraction of cracks in the section through the middle (numbers in cracks.csv)",
                 lambda path: _cracks(run, series, path)),
        _Picture("particle_strain.png", "Volumetric strain of the particles", curve(strain)),
        _Picture("state_of_charge.png", "Lithium content: mean, range and spread between particles",
                 curve(lambda: figures.state_of_charge(series, known))),
        _Picture("energies.png", "Energies and closure of the balances",
                 curve(lambda: figures.energies(series))),
        _Picture("section.png", "Stress on a section through the middle, on the deformed shape "
                 "(magnified; the dashed rectangle is the box before loading)",
                 curve(lambda: render.section_figure(run))),
        _Picture("section_history.png", "The section at the beginning, half way and at the end",
                 curve(lambda: render.history_figure(run))),
        *([_Picture("plastic_strain.png", "Equivalent plastic strain on the same section",
                    curve(lambda: render.section_figure(run, name=render.PLASTIC_STRAIN)))]
          if render.has_field(run, render.PLASTIC_STRAIN) else []),
        _Picture("particles_3d.png", "Damage of the interfaces and stress of the particles",
                 lambda path: view3d.picture(run, path)),
    ]  # fmt: skip


def _cracks(run: Path, series: Series, path: Path) -> Path:
    """The picture, and beside it the numbers."""
    boundaries, every = crack_history(run), crack_history(run, everything=True)
    write_cracks(path.with_suffix(".csv"), boundaries, every)
    return style.save(figures.cracks(series, boundaries, every), path)


def make_report(out: Path) -> list[Path]:
    """Write `report/*.png`, `report/cracks.csv` and `report/index.md` into the run folder `out`; return the pictures and the page.

    What a picture needs and the run lacks (a field, a table, OpenGL) costs that picture only; the page says
    which was left out and why. Without `series.csv` there is no report: `RunFolderError`.
    """
    series = read_series(out)
    particles: Particles | RunFolderError
    try:
        particles = read_particles(out)
    except RunFolderError as error:
        particles = error
    folder = out / "report"
    folder.mkdir(exist_ok=True)
    written: list[tuple[Path, str]] = []
    left_out: list[tuple[str, str]] = []
    for item in _pictures(out, series, particles):
        target = folder / item.file
        target.unlink(missing_ok=True)  # an old picture must not pass for a new one
        try:
            written.append((item.make(target), item.caption))
        except RunFolderError as error:
            left_out.append((item.file, str(error)))
    try:
        summary = read_summary(out)
    except RunFolderError as error:
        summary = {}
        left_out.append(("headline figures", str(error)))
    page = folder / "index.md"
    page.write_text(_page(out, series, summary, written, left_out), encoding="utf-8")
    return [*(path for path, _ in written), page]


def _page(
    out: Path,
    series: Series,
    summary: dict[str, Any],
    written: Sequence[tuple[Path, str]],
    left_out: Sequence[tuple[str, str]],
) -> str:
    lines = [f"# {summary.get('title') or out.name}", ""]
    if "end_reason" in summary:
        lines += [
            f"Ended by: {summary['end_reason']}."
            + ("" if summary.get("finished", True) else " **Not finished.**"),
            "",
        ]
    lines += ["| Headline | |", "|---|---|", *_headline(series, summary), ""]
    lines += _cycle_table(summary.get("cycles"))
    balance = summary.get("balance")
    if isinstance(balance, dict) and balance:
        lines += ["| Balance | relative error |", "|---|---|"]
        lines += [f"| {name} | {_number(value)} |" for name, value in balance.items()]
        lines.append("")
    for path, caption in written:
        lines += [f"## {caption}", "", f"![{caption}]({path.name})", ""]
    if left_out:
        lines += ["## Left out", ""]
        lines += [f"- `{name}`: {reason}" for name, reason in left_out]
        lines.append("")
    counts = [(key, summary[key]) for key in _COUNTS if key in summary]
    if counts:
        lines += ["## The computation", "", "| | |", "|---|---|"]
        lines += [f"| {key.replace('_', ' ')} | {_number(value)} |" for key, value in counts]
        lines.append("")
    if summary.get("citations"):
        lines += ["## Sources", "", *(f"- {text}" for text in summary["citations"]), ""]
    return "\n".join(lines)


_CYCLE_COLUMNS = (
    ("charge_rate", "charge C-rate", 1.0), ("discharge_rate", "discharge C-rate", 1.0),
    ("charge_capacity", "charge mAh/g", 1.0), ("discharge_capacity", "discharge mAh/g", 1.0),
    ("held_charge_share", "of it at constant voltage %", 100.0), ("coulombic_efficiency", "coulombic efficiency %", 100.0),
    ("energy_efficiency", "energy efficiency %", 100.0), ("retention", "retention %", 100.0),
    ("mean_charge_voltage", "mean charge V", 1.0), ("mean_discharge_voltage", "mean discharge V", 1.0),
)  # fmt: skip


def _cycle_table(cycles: Any) -> list[str]:
    """Rows of the table of cycles; none where there was no discharge."""
    rows = cycles if isinstance(cycles, list) else []
    if not any(row.get("discharge_capacity") for row in rows):
        return []
    lines = ["| cycle | " + " | ".join(text for _, text, _ in _CYCLE_COLUMNS) + " |"]
    lines.append("|---" * (len(_CYCLE_COLUMNS) + 1) + "|")
    for row in rows:
        values = (
            "-" if row.get(key) is None else _number(row[key] * factor) for key, _, factor in _CYCLE_COLUMNS
        )
        lines.append(f"| {row['cycle']} | " + " | ".join(values) + " |")
    return [*lines, ""]


def _headline(series: Series, summary: dict[str, Any]) -> list[str]:
    """Rows of the headline table: from the summary, or the last row of the series where that is silent."""
    headline = summary.get("headline")
    if isinstance(headline, dict) and headline:
        rows = []
        for key, value in headline.items():
            words, factor, unit = _HEADLINE.get(key, (key.replace("_", " "), 1.0, ""))
            number = (
                value * factor if isinstance(value, int | float) and not isinstance(value, bool) else value
            )
            rows.append(
                f"| {words.replace('|', chr(92) + '|')} | {_number(number)} {unit} |".replace("  |", " |")
            )
        return rows
    last = ("specific_capacity", "voltage", "pressure_change", "delaminated_fraction", "active_fraction")
    return [
        f"| {name.replace('_', ' ')} at the last step "
        f"| {_number(float(series[name][-1]))} {style.pretty(series.units[name])} |"
        for name in last
        if series.has(name)
    ]


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return "-" if math.isnan(value) else f"{value:.4g}"


def compare(outs: Sequence[Path], labels: Sequence[str], target: Path | None = None) -> Path:
    """Curves of several runs on common axes, as a PNG.

    Args:
        outs: run folders.
        labels: one for each run, for the legend.
        target: file to write; `comparison.png` beside the first run folder by default.
    """
    if not outs or len(outs) != len(labels):
        raise ValueError(f"{len(outs)} runs and {len(labels)} labels: give one label for each run")
    runs = [(label, read_series(out)) for out, label in zip(outs, labels, strict=True)]
    path = target if target is not None else Path(os.path.abspath(outs[0])).parent / "comparison.png"
    return style.save(figures.comparison(runs), path)
