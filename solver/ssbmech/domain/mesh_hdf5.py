"""Reading the XDMF/HDF5 files of the mesh package, every rank its slice.

Every rank opens the file for itself, read-only, and reads contiguous rows. MPI-IO would gain nothing for that (no two ranks read
the same rows), and would need an h5py built with the same MPI. `ssbmech_mesh/xdmf_file.py` says what the file holds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import h5py
import numpy as np
import numpy.typing as npt

from ssbmech.domain.raw_mesh import MeshReadError, RawMesh, RegionTable, region_table

FORMAT, VERSION = "ssbmech mesh", 1

_TABLE = ("phases", "particle", "grain", "center", "radius", "frame")


def heavy_file(path: Path) -> Path | None:
    """The HDF5 file of a mesh of the mesh package, given that or its XDMF file; None for files of another origin.

    Raises:
        MeshReadError: there is no such file, or it is an XDMF file that is damaged or whose HDF5 file is missing.
    """
    if not path.is_file():
        raise MeshReadError(f"mesh file {path} does not exist")
    if path.suffix == ".h5":
        return path
    if path.suffix != ".xdmf":
        return None
    try:
        grid = ElementTree.parse(path).find("Domain/Grid")
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise MeshReadError(f"{path} is no XDMF file: {error}") from error
    notes = [] if grid is None else grid.findall("Information")
    if grid is None or not any(note.get("Name", "").startswith(f"{FORMAT}: bodies") for note in notes):
        return None
    item = grid.find("Topology/DataItem")
    if item is None or not item.text:
        raise MeshReadError(f"{path} holds no mesh; write it again")
    heavy = path.parent / item.text.strip().partition(":")[0]
    if not heavy.is_file():
        raise MeshReadError(
            f"{path} refers to {heavy.name}, which is not beside it; keep the two files together"
        )
    return heavy


def read_slice(heavy: Path, rank: int, size: int, scale: float) -> RawMesh:
    """The slice of nodes and cells of rank ``rank`` of ``size``; on rank 0 the named surfaces too.

    Raises:
        MeshReadError: not a file of the mesh package, or one that is damaged (each rank checks its own slice).
    """
    try:
        # no lock: nobody writes, and not every cluster file system can lock
        with h5py.File(heavy, "r", locking=False) as file:
            _check(file, heavy)
            return _read(file, heavy, rank, size, scale)
    except (OSError, KeyError) as error:
        raise MeshReadError(f"{heavy} cannot be read: {error}; write the mesh again") from error


def _check(file: Any, heavy: Path) -> None:
    """That the file is of the mesh package, and that its data sets are there and fit together."""
    if file.attrs.get("format") != FORMAT or file.attrs.get("version") != VERSION:
        raise MeshReadError(
            f"{heavy} was not written by ssbmech_mesh (version {VERSION} of its format); give the .xdmf or .msh file that goes with it"
        )
    wanted = ["mesh/geometry", "mesh/topology", "mesh/body", "bodies/names"]
    if "bodies/phases" in file:
        wanted += [f"bodies/{key}" for key in _TABLE]
    if "surfaces" in file:
        wanted += [f"surfaces/{key}" for key in ("names", "topology", "surface")]
    missing = [key for key in wanted if key not in file]
    if missing:
        raise MeshReadError(f"{heavy} lacks /{missing[0]}; write the mesh again")
    points, cells, body = (file[f"mesh/{key}"].shape for key in ("geometry", "topology", "body"))
    if len(cells) != 2 or cells[1] not in (3, 4) or len(points) != 2 or points[1] not in (cells[1] - 1, 3):
        raise MeshReadError(
            f"{heavy}: /mesh/topology is {cells} and /mesh/geometry {points}; rows of 4 nodes (tetrahedra) with 3 "
            "coordinates, or of 3 nodes (triangles) with 2 or 3, are needed"
        )
    if 0 in (cells[0], points[0]) or body != cells[:1]:
        raise MeshReadError(
            f"{heavy}: {points[0]} nodes, {cells[0]} cells and {body[0] if body else 0} numbers of bodies do not make a mesh"
        )
    if "surfaces" in file:
        facets, number = file["surfaces/topology"].shape, file["surfaces/surface"].shape
        if len(facets) != 2 or facets[1] != cells[1] - 1 or number != facets[:1]:
            raise MeshReadError(
                f"{heavy}: /surfaces/topology is {facets} and /surfaces/surface {number}; write the mesh again"
            )


def _read(file: Any, heavy: Path, rank: int, size: int, scale: float) -> RawMesh:
    names = _texts(file["bodies/names"])
    nodes = len(file["mesh/geometry"])
    cells = _rows(file["mesh/topology"], rank, size, np.int64)
    dim = cells.shape[1] - 1
    points = _rows(file["mesh/geometry"], rank, size, np.float64)
    if points.shape[1] > dim:
        off_plane = np.abs(points[:, 2] - file["mesh/geometry"][0, 2])
        if off_plane.max(initial=0.0) > 1e-9 * np.abs(points[:, :2]).max(initial=0.0):
            raise MeshReadError(f"{heavy} holds triangles that do not lie in the plane z = const")
        points = np.ascontiguousarray(points[:, :dim])
    points *= scale
    body = _rows(file["mesh/body"], rank, size, np.int32)
    _in_range(cells, nodes, "/mesh/topology", "nodes", heavy)
    _in_range(body, len(names), "/mesh/body", "bodies", heavy)
    facets: npt.NDArray[np.int64] = np.zeros((0, dim), dtype=np.int64)
    surface: npt.NDArray[np.int32] = np.zeros(0, dtype=np.int32)
    surfaces: list[str] = []
    if rank == 0 and "surfaces" in file:
        surfaces = _texts(file["surfaces/names"])
        facets = _rows(file["surfaces/topology"], 0, 1, np.int64)
        surface = _rows(file["surfaces/surface"], 0, 1, np.int32)
        _in_range(facets, nodes, "/surfaces/topology", "nodes", heavy)
        _in_range(surface, len(surfaces), "/surfaces/surface", "surfaces", heavy)
    table = _table(file, names, heavy, scale) if rank == 0 else None
    return RawMesh(points, cells, body, names, facets, surface, surfaces, table)


def _rows(data: Any, rank: int, size: int, kind: Any) -> npt.NDArray[Any]:
    """The share of one rank of the rows, converted while they are read."""
    first, last = (len(data) * r // size for r in (rank, rank + 1))
    out = np.empty((last - first, *data.shape[1:]), dtype=kind)
    if last > first:
        data.read_direct(out, np.s_[first:last])
    return out


def _in_range(numbers: npt.NDArray[Any], count: int, key: str, what: str, heavy: Path) -> None:
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < count):
        wrong = numbers.min() if numbers.min() < 0 else numbers.max()
        raise MeshReadError(
            f"{heavy}: {key} has the number {wrong}, but there are {count} {what} (from 0); write the mesh again"
        )


def _table(file: Any, names: list[str], heavy: Path, scale: float) -> RegionTable | None:
    if "bodies/phases" not in file:
        return None
    columns = {key: file[f"bodies/{key}"][()] for key in _TABLE[1:]}
    return region_table(
        {"names": names, "phases": _texts(file["bodies/phases"]), **columns}, names, scale, heavy
    )


def _texts(data: Any) -> list[str]:
    return [str(text) for text in data.asstr()[()]]
