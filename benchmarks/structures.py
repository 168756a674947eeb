"""From a block to a mesh file: time, memory and shape of whole microstructures, as one table.

    python3 benchmarks/structures.py [--only "500 spheres"] [--baseline OTHER_CHECKOUT]

Packing, grains, meshing and writing together, each structure in a process of its own. Timings are noisy: compare within one table only.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"D10": 3.3, "D50": 4.3, "D90": 5.6}  # µm


def _composite(side: float, share: float, edge: float, **more: Any) -> dict[str, Any]:
    """Particles of one phase in a cube; shape, grains and diameter go to the particles."""
    own = {key: more.pop(key) for key in ("shape", "grains", "diameter") if key in more}
    return {
        "generator": "composite", "box": [side] * 3, "particles": {"CAM": {"diameter": SIZES, **own}}, "matrix": "SE",
        "volume_fraction": {"CAM": share}, "mesh_size": {"interface": edge, "bulk": 2.0 * edge}, **more,
    }  # fmt: skip


BLOCKS: dict[str, dict[str, Any]] = {
    "demo, fitted": _composite(15.0, 0.477, 0.7, mesher="fitted"),
    "demo, lattice": _composite(15.0, 0.477, 0.7),
    "500 spheres": _composite(29.2, 0.7, 1.2),
    "500 irregular": _composite(29.2, 0.7, 1.2, shape={"kind": "irregular", "roughness": 0.1}),
    "500 ellipsoids": _composite(29.2, 0.7, 1.2, shape={"kind": "ellipsoid", "aspect": [1.2, 1.4]}),
    "1000 grains": _composite(
        16.0, 0.5, 0.6, diameter={"median": 6.0, "sigma": 0.1}, grains={"texture": "radial", "count": 100}
    ),
    "image": {
        "generator": "image", "file": str(ROOT / "cases/tomography/electrode.npz"), "voxel_size": 0.25,
        "labels": {"SE": [0], "CAM": [1], "pore": [2]}, "void": ["pore"], "split": {"CAM": {"smoothing": 0.25}},
        "least_volume": {"SE": 1.0, "CAM": 1.0, "pore": 1.0}, "mesh_size": {"interface": 0.8},
    },
}  # fmt: skip


def measure(name: str) -> dict[str, Any]:
    """Generate one structure and say what came out."""
    from ssbmech_mesh import generate

    start = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = generate(BLOCKS[name], Path(folder) / "mesh.xdmf")
    found = report.as_dict()
    return found | {
        "seconds": perf_counter() - start,
        "peak_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
    }


def run(checkout: Path, name: str) -> dict[str, Any]:
    """The measurement in a process of its own, with the package of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "meshes")}
    command = [sys.executable, str(Path(__file__).resolve()), "--child", name]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, encoding="utf-8")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def row(which: str, name: str, found: dict[str, Any]) -> list[str]:
    """One line of the table."""
    shape, asked = found["quality"], found["asked"].get("CAM")
    got = 100 * found["volume_fraction"]["CAM"]
    return [
        which,
        name,
        f"{found['particles']:,}",
        f"{found['bodies']:,}",
        f"{found['cells']:,}",
        f"{found['seconds']:.0f}",
        f"{found['peak_MB']:.0f}",
        f"{shape['minimum_angle']:.1f}",
        f"{100 * shape['cells_below_10_degrees'] / found['cells']:.3f}",
        f"{got:.2f}" + (f" ({100 * asked:.2f})" if asked else ""),
    ]


def main(
    only: Annotated[str | None, typer.Option(help=f"one of {', '.join(BLOCKS)}")] = None,
    baseline: Annotated[Path | None, typer.Option(help="another checkout to run in turn")] = None,
    child: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run and print the table."""
    if child is not None:
        sys.stdout.write(json.dumps(measure(child)) + "\n")
        return
    columns = (
        "run", "structure", "particles", "bodies", "cells", "s", "peak MB", "least angle", "< 10° %", "CAM vol% (asked)",
    )  # fmt: skip
    table = Table(*columns, title="structures, from the block to the file")
    checkouts = {"this": ROOT} | ({"baseline": baseline.resolve()} if baseline else {})
    for name in [only] if only else BLOCKS:
        for which, checkout in checkouts.items():
            table.add_row(*row(which, name, run(checkout, name)))
    Console(width=max(120, Console().width)).print(table)  # as wide in a file as on a terminal


if __name__ == "__main__":
    typer.run(main)
