"""The command's work: mesh -> state -> networks -> numbers, table and fields."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpi4py import MPI

from ssbmech.case import Case, load_case
from ssbmech.domain.mesh import TaggedMesh, cell_count, read_mesh
from ssbmech.output.log import Log
from ssbmech.run import generated_mesh, get_mesh
from ssbmech.transport.fields_file import TransportFile
from ssbmech.transport.geometry import Geometry
from ssbmech.transport.network import Boundary, Network
from ssbmech.transport.report import as_dict, heading, remarks, table
from ssbmech.transport.results import NetworkResult, evaluate
from ssbmech.transport.state import SavedState, discretised, face_state, read_state
from ssbmech.transport.structure import (
    CARRIERS,
    PERFECT,
    Carrier,
    Structure,
    structure_of_case,
    structure_of_mesh,
)

RESULT, FIELDS, PICTURE = "transport.json", "transport.bp", "transport.png"


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        out: folder of the results.
        carriers: networks to be solved.
        boundary: what is held at the faces.
        degree: of the potential, 1 or 2.
        fields: whether ``transport.bp`` is written.
        picture: whether it is drawn.
    """

    out: Path
    carriers: tuple[Carrier, ...] = CARRIERS
    boundary: Boundary = "insulated"
    degree: int = 1
    fields: bool = True
    picture: bool = False


def of_case(case: Case, request: Request) -> dict[str, NetworkResult]:
    """Transport of the structure of a case as meshed; collective over ``MPI.COMM_WORLD``."""
    comm = MPI.COMM_WORLD
    _prepare(comm, request.out)
    log = Log(comm, None)
    tagged = get_mesh(case, request.out, comm, log)
    return solve(structure_of_case(case, tagged), request, log, case)


def of_mesh(
    mesh: Path,
    conductivities: dict[Carrier, dict[str, float]],
    contacts: dict[tuple[str, str], float],
    request: Request,
    everywhere: float = PERFECT,
) -> dict[str, NetworkResult]:
    """Transport of a mesh file; see :func:`structure_of_mesh`. Collective."""
    comm = MPI.COMM_WORLD
    tagged = read_mesh(comm, mesh)
    structure = structure_of_mesh(tagged, conductivities, contacts, everywhere)
    _prepare(comm, request.out)
    return solve(structure, request, Log(comm, None))


def of_image(
    block: dict[str, Any],
    conductivities: dict[Carrier, dict[str, float]],
    contacts: dict[tuple[str, str], float],
    request: Request,
    everywhere: float = PERFECT,
) -> dict[str, NetworkResult]:
    """Transport of a labelled image, which is meshed first; ``block`` as ``ssbmech_mesh.generate`` takes it. Collective."""
    comm = MPI.COMM_WORLD
    _prepare(comm, request.out)
    log = Log(comm, None)
    tagged = generated_mesh(block, request.out, comm, log)
    return solve(structure_of_mesh(tagged, conductivities, contacts, everywhere), request, log)


def of_run(
    folder: Path, request: Request, at: float | None = None, step: int | None = None
) -> dict[str, NetworkResult]:
    """Transport at a saved state of a run; collective."""
    comm = MPI.COMM_WORLD
    case = load_case(folder / "case.yaml")
    tagged = _mesh_of_run(comm, folder, case)
    saved = read_state(comm, folder, tagged.dim, at, step)
    _prepare(comm, request.out)
    return solve(structure_of_case(case, tagged), request, Log(comm, None), case, saved)


def _mesh_of_run(comm: MPI.Comm, folder: Path, case: Case) -> TaggedMesh:
    if case.mesh.file is not None:
        return read_mesh(comm, case.mesh.file, case.mesh.length_unit)
    return read_mesh(comm, folder / "mesh.xdmf")


def _prepare(comm: MPI.Comm, out: Path) -> None:
    if comm.rank == 0:
        out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(out / FIELDS, ignore_errors=True)
        for name in (RESULT, PICTURE):
            (out / name).unlink(missing_ok=True)
    comm.barrier()


def solve(
    structure: Structure,
    request: Request,
    log: Log,
    case: Case | None = None,
    saved: SavedState | None = None,
) -> dict[str, NetworkResult]:
    """Solve the networks of a structure, say what comes out, and write it; collective."""
    begin = time.perf_counter()
    tagged = structure.tagged
    setting, facets = discretised(structure, saved, request.degree)
    faces = face_state(structure, setting, facets, saved, case)
    geometry = Geometry(tagged, setting)
    log.say(
        f"{cell_count(tagged):,} cells, {len(structure.bodies.bodies)} bodies on {tagged.mesh.comm.size} rank(s); "
        f"{_state(saved)}; {_BOUNDARY[request.boundary]}"
    )
    for note in structure.notes:
        log.say(note)
    fields = TransportFile(structure, geometry) if request.fields else None
    results: dict[str, NetworkResult] = {}
    for carrier in request.carriers:
        if not structure.phases(carrier):
            continue
        network = Network(structure, setting, facets, faces, geometry, carrier, request.degree)
        directions = [network.solve(axis, request.boundary) for axis in range(tagged.dim)]
        results[carrier] = evaluate(network, directions, request.boundary)
        if fields is not None:
            for direction in directions:
                fields.add(network, direction)
    if fields is not None:
        fields.write(request.out / FIELDS, saved.time if saved is not None else 0.0)
    for result in results.values():
        log.say(heading(result))
        log.show(table(result))
        for line in remarks(result):
            log.say(line)
    facts = _facts(structure, request, geometry, case, saved) | {"wall_time_s": time.perf_counter() - begin}
    if log.first:
        text = json.dumps(as_dict(results, facts), indent=2, ensure_ascii=False) + "\n"
        (request.out / RESULT).write_text(text, encoding="utf-8")
    if request.picture and log.first:
        _draw(request.out, log)
    log.say(f"results in {request.out / RESULT}" + (f" and {FIELDS}" if request.fields else ""))
    log.close()
    return results


def _facts(
    structure: Structure, request: Request, geometry: Geometry, case: Case | None, saved: SavedState | None
) -> dict[str, Any]:
    """What was solved, for the file; collective."""
    return {
        "title": case.title if case is not None else "",
        "state": "as meshed" if saved is None else "saved by a run",
        "run": None if saved is None else str(saved.folder),
        "saved_state": None if saved is None else saved.number,
        "time_s": None if saved is None else saved.time,
        "boundary": _BOUNDARY[request.boundary],
        "degree": request.degree,
        "box_um": geometry.lengths.tolist(),
        "cells": cell_count(structure.tagged),
        "bodies": len(structure.bodies.bodies),
        "ranks": structure.tagged.mesh.comm.size,
        "notes": structure.notes,
    }


def _draw(out: Path, log: Log) -> None:
    """The picture of the fields; on rank 0, with nothing collective."""
    from ssbmech_post.errors import RunFolderError
    from ssbmech_post.transport_view import draw_transport

    try:
        log.say(str(draw_transport(out / FIELDS, out / PICTURE)))
    except RunFolderError as error:
        log.say(f"no picture: {error}")


_BOUNDARY = {
    "insulated": "two opposite faces held, sides insulated (apparent, diagonal: the structure continued by its mirror images)",
    "linear": "linear potential on all faces (apparent, from above)",
}


def _state(saved: SavedState | None) -> str:
    if saved is None:
        return "as meshed"
    return f"saved state {saved.number} of 0 to {saved.count - 1}, t = {saved.time:g} s, of {saved.folder}"
