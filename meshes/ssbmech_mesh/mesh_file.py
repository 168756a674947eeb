"""Mesh files by suffix: gmsh `.msh` with a sidecar for what the bodies are, or `.xdmf` with its `.h5`. Lengths in µm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ssbmech_mesh.bodies import BodyTable, Floats
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.simplex import SimplexMesh, read_msh
from ssbmech_mesh.xdmf_file import read_xdmf, read_xdmf_report, write_xdmf

SUFFIXES = (".msh", ".xdmf")


def write_mesh(mesh: SimplexMesh, path: Path, report: Mapping[str, Any] | None = None) -> None:
    """Write a mesh, what its bodies are, and a report of plain numbers and texts.

    `.msh`: gmsh 4.1 binary; table and report, where there are any, in `<stem>.bodies.json` beside it.
    `.xdmf`: see `xdmf_file`. MeshError for another suffix, names that cannot be written or bodies without a cell.
    """
    _check_suffix(path)
    if mesh.table is not None and list(mesh.table.names) != list(mesh.names):
        raise MeshError("the table of the mesh has other bodies than the mesh")
    if path.suffix == ".xdmf":
        write_xdmf(mesh, path, report)
        return
    mesh.write(path)
    beside: dict[str, Any] = {}
    if mesh.table is not None:
        beside["bodies"] = _as_dict(mesh.table)
    if report is not None:
        beside["report"] = report
    if beside:
        sidecar(path).write_text(json.dumps(beside, ensure_ascii=False) + "\n", encoding="utf-8")
    else:  # one left by an earlier mesh would speak of other bodies
        sidecar(path).unlink(missing_ok=True)


def read_mesh_file(path: Path) -> SimplexMesh:
    """Read back what `write_mesh` wrote: the same arrays, bit for bit (in `.msh` without nodes that no cell uses)."""
    _check_suffix(path)
    if path.suffix == ".xdmf":
        return read_xdmf(path)
    mesh = read_msh(path)
    entry = _sidecar_entry(path, "bodies")
    if entry is not None:
        try:
            mesh.table = _from_dict(entry)
        except (KeyError, TypeError, ValueError) as error:
            raise MeshError(f"{sidecar(path)}: {error}; write the mesh again, or delete this file") from error
        if list(mesh.table.names) != mesh.names:
            raise MeshError(f"{sidecar(path)} is of another mesh than {path.name}; delete it")
    return mesh


def read_report(path: Path) -> dict[str, Any] | None:
    """The report that was written with a mesh; None where there was none."""
    _check_suffix(path)
    found = read_xdmf_report(path) if path.suffix == ".xdmf" else _sidecar_entry(path, "report")
    return None if found is None else dict(found)


def sidecar(path: Path) -> Path:
    """The file beside a `.msh` file that says what its bodies are."""
    return path.with_suffix(".bodies.json")


def _check_suffix(path: Path) -> None:
    if path.suffix not in SUFFIXES:
        raise MeshError(f"{path}: mesh files end in {' or '.join(SUFFIXES)}")


def _sidecar_entry(path: Path, key: str) -> Any:
    if not sidecar(path).is_file():
        return None
    try:
        return json.loads(sidecar(path).read_text(encoding="utf-8")).get(key)
    except (ValueError, AttributeError) as error:
        raise MeshError(f"{sidecar(path)}: {error}; write the mesh again, or delete this file") from error


def _as_dict(table: BodyTable) -> dict[str, Any]:
    def plain(values: Floats) -> Any:
        exact = values.astype(object)
        exact[np.isnan(values)] = None  # JSON has no nan
        return exact.tolist()

    return {
        "names": list(table.names),
        "phases": list(table.phases),
        "particle": table.particle.tolist(),
        "grain": table.grain.tolist(),
        "center": plain(table.center),
        "radius": plain(table.radius),
        "frame": plain(table.frame),
    }


def _from_dict(entry: Mapping[str, Any]) -> BodyTable:
    return BodyTable(
        tuple(entry["names"]),
        tuple(entry["phases"]),
        np.array(entry["particle"], dtype=np.int64),
        np.array(entry["grain"], dtype=np.int64),
        np.array(entry["center"], dtype=np.float64),
        np.array(entry["radius"], dtype=np.float64),
        np.array(entry["frame"], dtype=np.float64),
    )
