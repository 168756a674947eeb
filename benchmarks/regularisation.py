"""What the viscosity of the interfaces changes: one case at several viscosities, as one table.

    python3 benchmarks/regularisation.py [CASE] [--tau 0,3.75,7.5,15,30,60,default] [--ranks 2] [--at 100,130,150,165]
        [--set KEY=VALUE] [--keep FOLDER]

Every interface that can break gets the viscosity, in seconds; "default" leaves it out of the case. Delaminated and open fraction and the
pressure are read at equal charges [mAh/g], linear between the time steps, and at the end. The limit without viscosity is that of the
straight line through all runs; the last columns are the largest differences from it and from the smallest viscosity over all charges
between the first and the last of --at, of the delaminated fraction and of the change of pressure, in per cent of its largest value.
With --keep the run folders stay, and those that are complete are read instead of run again, so that a long table can be made piece
by piece. Timings are noisy: compare within one table only.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table
from runner import ROOT, run_case

QUANTITIES = ("delaminated_fraction", "open_fraction", "pressure")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """A finished run: its summary and its series by column name without unit."""

    tau: str
    summary: dict[str, Any]
    series: dict[str, Floats]

    @property
    def seconds(self) -> float:
        """The viscosity; not a number for the default of the case file."""
        return float("nan") if self.tau == "default" else float(self.tau)

    def at(self, name: str, charge: Floats) -> Floats:
        """A column at given charges [mAh/g], linear between the steps."""
        found: Floats = np.interp(charge, self.series["specific_capacity"], self.series[name])
        return found

    @property
    def viscous_share(self) -> float:
        """Viscous dissipation over all mechanical energy that was turned over."""
        names = ("elastic_energy", "interface_energy", "fracture_dissipation", "viscous_dissipation")
        total = sum(abs(self.series[name][-1]) for name in names)
        return float(self.series["viscous_dissipation"][-1] / total)


def run(case: Path, tau: str, ranks: int, settings: list[str], folder: Path) -> Outcome:
    """Run a case at a viscosity in ``folder``, unless a complete run is there."""
    if not (folder / "summary.json").exists():
        overrides = ["output.report=false", "output.fields_every=0", *settings]
        overrides += [f"interfaces.{n}.cohesion.viscosity={_value(tau)}" for n in _breakable(case)]
        run_case(case, folder, ranks, overrides)
    with (folder / "series.csv").open(encoding="utf-8") as file:
        names = [column.split(" [")[0] for column in file.readline().strip().split(",")]
        values = np.genfromtxt(file, delimiter=",", ndmin=2)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return Outcome(tau, summary, {name: values[:, k] for k, name in enumerate(names)})


def _value(tau: str) -> str:
    return "null" if tau == "default" else f"{tau} s"


def _breakable(case: Path) -> list[int]:
    from ssbmech.case import load_case

    return [n for n, interface in enumerate(load_case(case).interfaces) if interface.cohesion.breakable]


def limit(outcomes: list[Outcome], name: str, charge: Floats) -> Floats:
    """The value without viscosity: that of the straight line in τ through all runs, so that their time steps' noise averages out."""
    timed = [o for o in outcomes if o.tau != "default"]
    values = np.array([o.at(name, charge) for o in timed])
    found: Floats = np.polynomial.polynomial.polyfit([o.seconds for o in timed], values, 1)[0]
    return found


def largest(difference: Floats, reference: Floats) -> str:
    """Largest difference, in per cent of the largest value of the reference; a dash where that is nothing."""
    size = float(np.abs(reference).max())
    return f"{100 * float(np.abs(difference).max()) / size:.2f}" if size > 1e-6 else "-"


def row(outcome: Outcome, outcomes: list[Outcome], charges: list[float]) -> list[str]:
    """One line of the table."""
    summary, series = outcome.summary, outcome.series
    cells = [outcome.tau]
    for name in QUANTITIES:
        values = [*outcome.at(name, np.array(charges)), series[name][-1]]
        cells.append(" ".join(f"{value:.4f}" for value in values))
    cells += [str(summary[key]) for key in ("steps", "rejected_steps", "newton_iterations")]
    cells += [f"{summary['wall_time_s']:.0f}", f"{100 * outcome.viscous_share:.2f}"]
    course = np.linspace(charges[0], charges[-1], 201)
    timed = sorted((o for o in outcomes if o.tau != "default"), key=lambda o: o.seconds)
    for name in ("delaminated_fraction", "pressure_change"):
        found = outcome.at(name, course)
        limits = limit(outcomes, name, course)
        smallest = timed[0].at(name, course)
        cells.append(f"{largest(found - limits, limits)} {largest(found - smallest, smallest)}")
    return cells


def main(
    case: Annotated[Path, typer.Argument(help="case file")] = ROOT / "cases/ncm811_lpscl/quick.yaml",
    tau: Annotated[
        str, typer.Option(help="viscosities [s], separated by commas; 'default' as one of them")
    ] = ("0,3.75,7.5,15,30,60,120"),
    ranks: int = 2,
    at: Annotated[
        str, typer.Option(help="charges [mAh/g] to compare at, separated by commas")
    ] = "100,130,150,165",
    setting: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE of the case")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="folder for the runs; complete ones are not run again")
    ] = None,
) -> None:
    """Run and print the table."""
    values, charges = tau.split(","), sorted(float(value) for value in at.split(","))
    if len(set(values) - {"default"}) < 2:
        raise typer.BadParameter("the limit needs two viscosities", param_hint="--tau")
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        outcomes = [run(case, value, ranks, setting or [], folder / f"tau_{value}") for value in values]
    table = Table(title=f"{case}: at {', '.join(f'{c:g}' for c in charges)} mAh/g and at the end")
    columns = (
        "τ s", "delaminated", "open", "pressure MPa", "steps", "rejected", "Newton", "wall s", "viscous %",
        "Δ delaminated %", "Δ(ΔP) %",
    )  # fmt: skip
    for column in columns:
        table.add_column(column, justify="right")
    for outcome in outcomes:
        table.add_row(*row(outcome, outcomes, charges))
    Console(width=max(220, Console().width)).print(table)
    sys.stdout.write("Δ: from the limit τ → 0, and from the smallest τ; in per cent of the largest value.\n")


if __name__ == "__main__":
    typer.run(main)
