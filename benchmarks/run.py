"""Speed of a whole run, as one table; a second checkout can be run in turn as the baseline.

    python3 benchmarks/run.py [CASE] [--ranks 2] [--hours 3] [--baseline OTHER_CHECKOUT] [--repeat 1]

Runs the demo case for the first hours of its charge (all of it with --hours 0) and prints what `summary.json` says of it.
Timings are noisy: compare within one table only.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from runner import ROOT, run_case


def run(checkout: Path, case: Path, ranks: int, hours: float) -> dict[str, Any]:
    """Run ``case`` of a checkout in a temporary folder; returns its summary."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        short = [f"programme.{_last_charge(checkout / case)}.until.time={hours} h"] if hours > 0 else []
        return run_case(checkout / case, out, ranks, short, checkout)


def _last_charge(case: Path) -> int:
    from ssbmech.case import load_case

    kinds = [step.kind for step in load_case(case).programme]
    return max(number for number, kind in enumerate(kinds) if kind in ("charge", "discharge"))


def row(name: str, s: dict[str, Any]) -> list[str]:
    """One line of the table."""
    newton, timings = s["newton_iterations"], s["timings"]
    per_newton = [f"{timings[key] / newton:.2f}" for key in ("assembly_s", "preconditioner_s", "solve_s")]
    return [
        name,
        f"{s['unknowns']:,}",
        str(s["ranks"]),
        str(s["steps"]),
        f"{newton / s['steps']:.1f}",
        f"{s['krylov_iterations'] / newton:.1f}",
        *per_newton,
        f"{timings['output_s'] / s['steps']:.2f}",
        f"{s['wall_time_s']:.0f}",
        f"{s['peak_memory_MB']:.0f}",
    ]


def main(
    case: Annotated[Path, typer.Argument(help="case file, relative to the checkout")] = Path(
        "cases/ncm811_lpscl/case.yaml"
    ),
    ranks: int = 2,
    hours: Annotated[float, typer.Option(help="length of the charge; 0 for all of it")] = 3.0,
    baseline: Annotated[Path | None, typer.Option(help="another checkout to run in turn")] = None,
    repeat: int = 1,
) -> None:
    """Run and print the table."""
    table = Table(title=f"{case}, {'whole charge' if hours <= 0 else f'first {hours:g} h of the charge'}")
    columns = (
        "run", "unknowns", "ranks", "steps", "Newton/step", "Krylov/Newton", "assembly s/N", "set-up s/N", "Krylov s/N",
        "output s/step", "wall s", "memory MB",
    )  # fmt: skip
    for column in columns:
        table.add_column(column, justify="right")
    checkouts = {"this": ROOT} | ({"baseline": baseline.resolve()} if baseline else {})
    for _ in range(repeat):
        for name, checkout in checkouts.items():
            table.add_row(*row(name, run(checkout, case, ranks, hours)))
    Console(width=160).print(table)


if __name__ == "__main__":
    typer.run(main)
