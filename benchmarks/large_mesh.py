"""Writing, reading and partitioning large meshes: seconds, and memory of every rank stage by stage.

    python3 benchmarks/large_mesh.py [--cells 10000000] [--ranks 2] [--formats xdmf,msh] [--bodies 1000] [--folder /tmp]

A box of Kuhn tetrahedra whose bodies are blocks of bricks. Every step runs in processes of its own. Memory is what is resident, less
what was resident after the imports: at most during a stage ("peak", with the temporaries of DOLFINx), and after it once freed memory has
gone back to the system ("held"). Its unit is one copy of the topology: 32 bytes for a tetrahedron (4 nodes of 8 bytes). With `--ranks 1`
the table says what the whole mesh takes, of which each of n ranks should need one n-th. Stages:

    read         the rank's slice of nodes, cells and bodies (.msh: all of it on rank 0)
    create_mesh  partitioning and distribution by DOLFINx
    bodies       every cell, ghosts too, asks the rank that read it for its body
    facets       facets and their connectivities, faces of the box; the slice has gone
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("solver", "meshes", "postprocessing")
STAGES = ("read", "create_mesh", "bodies", "facets")


def resident(peak: bool = False) -> float:
    """Memory of this process in MiB, now or at most since :func:`forget_peak`."""
    key = "VmHWM:" if peak else "VmRSS:"
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def forget_peak() -> None:
    """Let the peak of memory count from now on (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def box(cells: int, bodies: int) -> Any:
    """Kuhn tetrahedra of a cube, six a brick; the bodies are cubes of bricks. About as many of both as asked."""
    from ssbmech_mesh.bodies import plain_table
    from ssbmech_mesh.simplex import SimplexMesh

    n, b = max(round((cells / 6) ** (1 / 3)), 1), max(round(bodies ** (1 / 3)), 1)
    stride = np.array([(n + 1) ** 2, n + 1, 1])
    brick = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    connectivity = np.empty((len(brick), 6, 4), dtype=np.int64)
    for k, axes in enumerate(permutations(range(3))):
        path = np.concatenate([[0], np.cumsum(stride[list(axes)])])
        if np.linalg.det(np.eye(3)[list(axes)]) < 0:
            path[:2] = path[1::-1]
        connectivity[:, k] = (brick @ stride)[:, None] + path
    nodes = np.stack(np.meshgrid(*[np.linspace(0.0, 100.0, n + 1)] * 3, indexing="ij"), axis=-1)
    body = np.repeat((brick * b // n) @ np.array([b * b, b, 1]), 6)
    names = [f"NCM811_{k:04d}" for k in range(b**3)]
    table = plain_table(names, ["NCM811"] * len(names))
    return SimplexMesh(nodes.reshape(-1, 3), connectivity.reshape(-1, 4), body, names, table=table)


def write_child(path: Path, cells: int, bodies: int) -> dict[str, Any]:
    """Make the mesh and write it, in this process."""
    from ssbmech_mesh.mesh_file import write_mesh

    mesh = box(cells, bodies)
    forget_peak()
    before, begin = resident(), time.perf_counter()
    write_mesh(mesh, path)
    took = time.perf_counter() - begin
    size = sum(file.stat().st_size for file in path.parent.glob(f"{path.stem}.*")) / 2**20
    return {
        "cells": len(mesh.cells),
        "bodies": len(mesh.names),
        "write_s": took,
        "write_MiB": resident(True) - before,
        "file_MiB": size,
    }


def read_child(path: Path) -> list[dict[str, Any]]:
    """Read the mesh on all ranks; what every rank measured, on rank 0."""
    from mpi4py import MPI

    from ssbmech.domain import mesh

    comm = MPI.COMM_WORLD
    base, found = resident(), dict[str, Any]()
    last = [time.perf_counter()]

    def note(stage: str) -> None:
        comm.barrier()
        seconds, peak = time.perf_counter() - last[0], resident(True) - base
        mesh._return_memory()
        found[stage] = {"peak": peak, "held": resident() - base, "s": seconds}
        forget_peak()
        last[0] = time.perf_counter()

    def noted(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:
            result = function(*arguments)
            note(stage)
            return result

        return wrapped

    mesh._read = noted("read", mesh._read)
    mesh.compat.create_mesh = noted("create_mesh", mesh.compat.create_mesh)
    mesh.look_up = noted("bodies", mesh.look_up)
    forget_peak()
    tagged = mesh.read_mesh(comm, path)
    note("facets")
    cells = tagged.mesh.topology.index_map(3)
    found["owned"], found["ghosts"] = cells.size_local, cells.num_ghosts
    return comm.gather(found) or []


def started(ranks: int, *arguments: str) -> Any:
    """What a child process prints, started on ``ranks`` ranks (0: without MPI)."""
    command = [sys.executable, str(Path(__file__).resolve()), *arguments]
    if ranks:
        command = ["mpirun", "-n", str(ranks), *command]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / source) for source in SOURCES)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)
    return json.loads(done.stdout.splitlines()[-1])


def show(name: str, written: dict[str, Any], ranks: list[dict[str, Any]]) -> None:
    """Print the table of one format."""
    unit = written["cells"] * 32 / 2**20
    title = (
        f"{name}: {written['cells']:,} tetrahedra, {written['bodies']:,} bodies, {len(ranks)} rank(s); one copy of the topology = "
        f"{unit:.0f} MiB. Written in {written['write_s']:.1f} s with {written['write_MiB'] / unit:.2f} copies beside the mesh, "
        f"{written['file_MiB']:.0f} MiB"
    )
    table = Table(title=title)
    for column in ("rank", "stage", "s", "peak MiB", "copies", "held MiB", "copies"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for number, found in enumerate(ranks):
        for stage in STAGES:
            peak, held, seconds = (found[stage][key] for key in ("peak", "held", "s"))
            figures = [
                f"{seconds:.1f}",
                f"{peak:.0f}",
                f"{peak / unit:.2f}",
                f"{held:.0f}",
                f"{held / unit:.2f}",
            ]
            table.add_row(str(number) if stage == STAGES[0] else "", stage, *figures)
        table.add_section()
    Console(width=130).print(table)


def main(
    cells: int = 10_000_000,
    ranks: int = 2,
    bodies: int = 1000,
    formats: Annotated[str, typer.Option(help="xdmf, msh or both with a comma")] = "xdmf",
    folder: Annotated[Path | None, typer.Option(help="for the files, 1 GB for 10 million cells")] = None,
    child: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Write, read and partition, and print a table for every format."""
    if child:
        step, _, name = child.partition(":")
        result: Any = write_child(Path(name), cells, bodies) if step == "write" else read_child(Path(name))
        if result:
            print(json.dumps(result))
        return
    with tempfile.TemporaryDirectory(dir=folder) as made:
        for name in formats.split(","):
            path = Path(made) / f"box.{name}"
            written = started(0, "--child", f"write:{path}", "--cells", str(cells), "--bodies", str(bodies))
            show(name, written, started(ranks, "--child", f"read:{path}"))


if __name__ == "__main__":
    typer.run(main)
