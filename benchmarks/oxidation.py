"""Sulfide, halide, and an active material without strain: the cases of cases/oxidation, as one picture and one table.

    python3 benchmarks/oxidation.py PICTURE.png [--keep FOLDER]

With --keep the run folders stay, and those that are there already are drawn without running them again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ssbmech_post import read_series, style
from ssbmech_post.readers import Series

ROOT = Path(__file__).resolve().parent.parent
CASES = {
    "sulfide": "NCM811 | Li6PS5Cl",
    "halide": "NCM811 | Li3YCl6",
    "zero_strain": "zero strain | Li6PS5Cl",
}
PANELS = (
    ("pressure_change", 1.0, "Change of stack pressure (MPa)"),
    ("oxidation_capacity", 1.0, "Charge of oxidation (mAh/g)"),
    ("film_resistance", 1e4, "Film resistance (Ω cm²)"),
    ("delaminated_fraction", 1.0, "Delaminated fraction"),
)


def run(name: str, out: Path) -> Series:
    """Series of a run of one case."""
    if not (out / "summary.json").is_file():
        case = ROOT / "cases" / "oxidation" / f"{name}.yaml"
        command = [
            sys.executable,
            "-m",
            "ssbmech.cli",
            "run",
            str(case),
            "-n",
            "1",
            "-o",
            str(out),
            "--overwrite",
        ]
        paths = os.pathsep.join(str(ROOT / source) for source in ("solver", "meshes", "postprocessing"))
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([paths, os.environ.get("PYTHONPATH", "")])}
        command += ["--set", "output.report=false"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{name} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return read_series(out)


def draw(runs: dict[str, Series], picture: Path) -> None:
    """Four panels against the capacity."""
    with style.publication():
        figure = style.new_figure(8.4, 6.0)
        axes = figure.subplots(2, 2).ravel()
        for panel, (column, factor, title) in zip(axes, PANELS, strict=True):
            for colour, (name, series) in zip(style.CYCLE, runs.items(), strict=False):
                panel.plot(
                    series["specific_capacity"], factor * series[column], color=colour, label=CASES[name]
                )
            panel.set_xlabel("Charge passed (mAh/g)")
            panel.set_ylabel(title)
        axes[0].legend()
        style.save(figure, picture)


def main(
    picture: Annotated[Path, typer.Argument(help="PNG to write")],
    keep: Annotated[Path | None, typer.Option(help="folder in which the runs stay")] = None,
) -> None:
    """Run the three cases, draw them, and print where they end."""
    with tempfile.TemporaryDirectory() as scratch:
        runs = {name: run(name, (keep or Path(scratch)) / name) for name in CASES}
    draw(runs, picture)
    columns = ("specific_capacity", *(column for column, _, _ in PANELS), "oxidation_opening")
    print("case", *columns, sep="\t")
    for name, series in runs.items():
        print(name, *(f"{series[column][-1]:.4g}" for column in columns), sep="\t")


if __name__ == "__main__":
    typer.run(main)
