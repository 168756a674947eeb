"""Speed and shape of meshes from structures, as one table; a second checkout can be run in turn as the baseline.

    python3 benchmarks/meshing.py [--scale 1] [--only spheres] [--baseline OTHER_CHECKOUT] [--json]

Every structure is meshed in a process of its own, so that the peak memory is its own; making it is not timed. Volume error: sum over
the bodies of |mesh - voxels| over the box. Worst body: largest relative error of bodies of more than 200 cells. Area error: all
interfaces between phases against a Crofton estimate on the voxels (49 directions). Timings are noisy: compare
within one table only.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

ROOT = Path(__file__).resolve().parent.parent
LABELS = tuple[NDArray[np.int32], float, list[str]]  # labels, edge of a voxel (µm), phase of every label


def spheres(scale: float) -> LABELS:
    """Touching polydisperse spheres, 55 vol%, periodic, in a box of 12 µm (scale 1)."""
    from ssbmech_mesh.dense import pack_dense
    from ssbmech_mesh.distribution import lognormal
    from ssbmech_mesh.voxels import sphere_labels

    side = 12.0 * scale
    n = round(side / 0.1)
    packing = pack_dense((side,) * 3, 0.55, lognormal(3.5, 0.25), seed=1)
    present, labels = np.unique(sphere_labels(packing, (n, n, n)), return_inverse=True)
    return labels.reshape(n, n, n).astype(np.int32) + 1, side / n, ["SE"] + ["NCM"] * (len(present) - 1)


def polycrystal(scale: float) -> LABELS:
    """Grains of 1.7 µm: nearest of random seeds, in a box of 8 µm (scale 1)."""
    n = round(80 * scale)
    seeds = np.random.default_rng(1).random((round(200 * scale**3), 3)) * n * 0.1
    labels = cKDTree(seeds).query(_points(n, 0.1))[1].reshape(n, n, n)
    return labels.astype(np.int32) + 1, 0.1, ["NCM"] * len(seeds)


def image(scale: float) -> LABELS:
    """Three phases from two random fields smoothed over 0.8 µm, as a tomogram looks; box of 12 µm (scale 1)."""
    n = round(120 * scale)
    random = np.random.default_rng(2)
    first, second = (gaussian_filter(random.standard_normal((n, n, n)), 8.0, mode="wrap") for _ in range(2))
    labels = np.where(first > 0.0, 1, np.where(second > np.quantile(second, 0.8), 3, 2))
    return labels.astype(np.int32), 0.1, ["NCM", "SE", "pore"]


def section(scale: float) -> LABELS:
    """A plane through the spheres: triangles."""
    labels, voxel, phases = spheres(scale)
    present, flat = np.unique(labels[:, :, labels.shape[2] // 2], return_inverse=True)
    flat = flat.reshape(*labels.shape[:2], 1).astype(np.int32) + 1
    return flat, voxel, [phases[k - 1] for k in present]


CASES: dict[str, tuple[Callable[[float], LABELS], float]] = {  # with the edge length at interfaces in µm
    "spheres": (spheres, 0.5),
    "polycrystal": (polycrystal, 0.4),
    "image": (image, 0.5),
    "section": (section, 0.2),
}


def _points(n: int, voxel: float) -> NDArray[np.float64]:
    axis = (np.arange(n) + 0.5) * voxel
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


def measure(name: str, scale: float) -> dict[str, Any]:
    """Mesh one structure and say what came out."""
    from ssbmech_mesh.bodies import plain_table
    from ssbmech_mesh.meshing import mesh_structure
    from ssbmech_mesh.quality import quality
    from ssbmech_mesh.specs import MeshSizeSpec
    from ssbmech_mesh.structure import Structure

    make, edge = CASES[name]
    labels, voxel, phases = make(scale)
    table = plain_table([f"{phase}_{k}" for k, phase in enumerate(phases)], phases)
    structure = Structure(labels, (voxel,) * 3, table)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, used = perf_counter(), process_time()
    mesh, notes = mesh_structure(structure, MeshSizeSpec(interface=edge))
    seconds, cpu = perf_counter() - start, process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    shape = quality(mesh)
    number = {body: k for k, body in enumerate(table.names)}
    index = np.array([number[body] for body in mesh.names])
    got = np.zeros(len(phases))
    got[index] = mesh.body_volumes()
    asked = structure.volumes() / (voxel if mesh.dimension == 2 else 1.0)
    large = np.bincount(index[mesh.body], minlength=len(phases)) > 200
    return {
        "structure": name,
        "bodies": len(mesh.names),
        "cells": len(mesh.cells),
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_memory_MB": peak / 1024.0,
        "memory_before_MB": before / 1024.0,
        "minimum_angle": shape.minimum_angle,
        "share_below_10_degrees": shape.cells_below_10_degrees / len(mesh.cells),
        "volume_error": float(np.abs(got - asked).sum() / asked.sum()),
        "worst_body": float(np.max(np.abs(got / asked - 1.0)[large], initial=0.0)),
        "area_error": _area_error(structure, mesh),
        "notes": notes,
    }


def _area_error(structure: Any, mesh: Any) -> float | None:
    """Of all interfaces between phases; between bodies where there is one phase; none for sections."""
    from ssbmech_mesh.segmentation import crofton_areas

    if mesh.dimension == 2:
        return None
    phases = np.array(structure.bodies.phases)
    kind = np.unique(phases, return_inverse=True)[1]
    if kind.max() == 0:
        kind = np.arange(len(phases))
    estimate = np.triu(
        crofton_areas(kind[structure.labels - 1], int(kind.max()) + 1, structure.voxel_size, 1)
    ).sum()
    number = {body: kind[k] for k, body in enumerate(structure.bodies.names)}
    of_body = np.array([number[name] for name in mesh.names])
    facet, pair = mesh.interfaces()
    differ = of_body[pair[:, 0]] != of_body[pair[:, 1]]
    return float(mesh.facet_areas(facet[differ]).sum() / estimate - 1.0)


def run(checkout: Path, name: str, scale: float) -> dict[str, Any]:
    """The measurement in a process of its own, with the package of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "meshes")}
    command = [sys.executable, str(Path(__file__).resolve()), "--child", name, "--scale", str(scale)]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, encoding="utf-8")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def row(name: str, found: dict[str, Any]) -> list[str]:
    """One line of the table."""
    area = found["area_error"]
    return [
        name,
        found["structure"],
        f"{found['bodies']:,}",
        f"{found['cells']:,}",
        f"{found['seconds']:.1f}",
        f"{found['cpu_seconds']:.1f}",
        f"{found['peak_memory_MB']:.0f}",
        f"{found['minimum_angle']:.1f}",
        f"{100 * found['share_below_10_degrees']:.3f}",
        f"{100 * found['volume_error']:.3f}",
        f"{100 * found['worst_body']:.2f}",
        "-" if area is None else f"{100 * area:+.1f}",
    ]


def main(
    scale: Annotated[float, typer.Option(help="side of the boxes in units of the usual one")] = 1.0,
    only: Annotated[str | None, typer.Option(help=f"one of {', '.join(CASES)}")] = None,
    baseline: Annotated[Path | None, typer.Option(help="another checkout to run in turn")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
    child: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run and print the table."""
    if child is not None:
        sys.stdout.write(json.dumps(measure(child, scale)) + "\n")
        return
    columns = (
        "run", "structure", "bodies", "cells", "s", "CPU s", "peak MB", "least angle", "< 10° %", "volume %",
        "worst body %", "area %",
    )  # fmt: skip
    table = Table(*columns, title=f"meshes of structures, scale {scale:g}")
    checkouts = {"this": ROOT} | ({"baseline": baseline.resolve()} if baseline else {})
    every = []
    for name in [only] if only else CASES:
        for which, checkout in checkouts.items():
            found = run(checkout, name, scale)
            every.append({"run": which, **found})
            table.add_row(*row(which, found))
    if as_json:
        sys.stdout.write(json.dumps(every, indent=1) + "\n")
    else:
        Console(width=max(120, Console().width)).print(table)  # as wide in a file as on a terminal


if __name__ == "__main__":
    typer.run(main)
