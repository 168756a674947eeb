"""What each mechanism costs: the cases of cases/mechanisms, one after the other, as one table.

    python3 benchmarks/mechanisms.py [--ranks 1] [--cases base,crystals,...] [--set KEY=VALUE] [--keep FOLDER]

Newton iterations, Krylov iterations and seconds are per accepted step; the seconds are those of assembly, preconditioner and linear
solves, without meshing and compiling. The last column is the cost of a step over that of the first row. "elements" is the base with
quadratic displacements, what a plastic phase brings with it besides its law. Timings are noisy: compare within one table only. With
--keep the run folders stay.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from runner import ROOT, run_case

CASES = "base,elements,crystals,cracks,plastic,viscous,finite,friction,walls,electrons,all,all_finite"


def run(name: str, ranks: int, settings: list[str], out: Path) -> dict[str, Any]:
    """Summary of a run of one mechanism."""
    case = ROOT / "cases" / "mechanisms" / f"{'base' if name == 'elements' else name}.yaml"
    own = ["numerics.displacement_degree=2"] if name == "elements" else []
    return run_case(case, out, ranks, ["output.report=false", *own, *settings])


def row(name: str, summary: dict[str, Any], reference: float) -> list[str]:
    """Cells of the table."""
    steps, newton = summary["steps"], summary["newton_iterations"]
    seconds = step_seconds(summary)
    return [
        name,
        f"{summary['unknowns']:,}",
        f"{steps} + {summary['rejected_steps']}",
        f"{newton / steps:.1f}",
        f"{summary['krylov_iterations'] / newton:.1f}",
        f"{seconds:.2f}",
        f"{seconds / reference:.1f}",
    ]


def step_seconds(summary: dict[str, Any]) -> float:
    """Seconds of the solver per accepted step."""
    times = summary["timings"]
    spent = times["assembly_s"] + times["preconditioner_s"] + times["solve_s"]
    return float(spent) / int(summary["steps"])


def main(
    cases: Annotated[str, typer.Option(help="names, separated by commas")] = CASES,
    ranks: Annotated[int, typer.Option()] = 1,
    settings: Annotated[list[str] | None, typer.Option("--set", help="changes to every case")] = None,
    keep: Annotated[Path | None, typer.Option(help="folder for the run folders")] = None,
) -> None:
    """Run the cases and print the table."""
    table = Table("case", "unknowns", "steps", "Newton / step", "Krylov / Newton", "s / step", "x base")
    reference = None
    with tempfile.TemporaryDirectory() as scratch:
        for name in cases.split(","):
            summary = run(name, ranks, settings or [], (keep or Path(scratch)) / name)
            reference = reference or step_seconds(summary)
            table.add_row(*row(name, summary, reference))
    Console(width=110).print(table)


if __name__ == "__main__":
    typer.run(main)
