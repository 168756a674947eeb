"""A mesh as read from a file, and reading any format that meshio knows, on one rank."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

CELL_SHAPES = {"tetra": ("tetrahedron", 3), "triangle": ("triangle", 2)}
FACET_SHAPES = {3: "triangle", 2: "line"}


class MeshReadError(ValueError):
    """A mesh file that cannot be used; the message says what is wrong and what is accepted."""


@dataclass(frozen=True, eq=False)
class RegionTable:
    """What the regions of a mesh are, in the order of their numbers; the same on all ranks.

    Attributes:
        names: of the regions.
        phases: name of the phase each is made of.
        particle: (n,) number of the particle it belongs to, -1 for what is no particle.
        grain: (n,) number of the grain within the particle, -1 without grains.
        center: (n, 3) of the particle [µm], nan for what is none.
        radius: (n,) of the sphere of the particle's volume [µm], nan for what is none.
        frame: (n, 3, 3) columns are the crystal axes a, c x a, c as unit vectors; nan without a crystal frame.
    """

    names: tuple[str, ...]
    phases: tuple[str, ...]
    particle: npt.NDArray[np.int64]
    grain: npt.NDArray[np.int64]
    center: Floats
    radius: Floats
    frame: Floats


def region_table(columns: dict[str, Any], regions: list[str], scale: float, origin: Path) -> RegionTable:
    """The table of a file as columns by the names of :class:`RegionTable`, put in the order of ``regions``.

    Raises:
        MeshReadError: a column is missing or has another shape, or a region is not in the table.
    """
    n = len(columns.get("names", ()))
    shapes = {"particle": (n,), "grain": (n,), "center": (n, 3), "radius": (n,), "frame": (n, 3, 3)}
    arrays: dict[str, npt.NDArray[Any]] = {}
    try:
        row = {str(name): k for k, name in enumerate(columns["names"])}
        phases = [str(phase) for phase in columns["phases"]]
        for key in shapes:
            arrays[key] = np.array(
                columns[key], dtype=np.int64 if key in ("particle", "grain") else np.float64
            )
    except (KeyError, TypeError, ValueError) as error:
        raise MeshReadError(
            f"{origin}: the table of bodies cannot be read: {error}; write the mesh again"
        ) from error
    wrong = [key for key, shape in shapes.items() if arrays[key].shape != shape]
    if wrong or len(phases) != n:
        raise MeshReadError(
            f"{origin}: the table of {n} bodies has another length in {', '.join(wrong) or 'phases'}; write the mesh again"
        )
    unknown = [name for name in regions if name not in row]
    if unknown:
        raise MeshReadError(f"{origin}: the table of bodies lacks '{unknown[0]}'; it is of another mesh")
    order = np.array([row[name] for name in regions], dtype=np.int64)
    arrays = {key: array[order] for key, array in arrays.items()}
    return RegionTable(
        tuple(regions),
        tuple(phases[k] for k in order),
        arrays["particle"],
        arrays["grain"],
        arrays["center"] * scale,
        arrays["radius"] * scale,
        arrays["frame"],
    )


@dataclass(frozen=True)
class RawMesh:
    """What one rank has read of a mesh: all of it or a slice. Slices of the ranks, one after the other, are the mesh.

    Attributes:
        points: (nodes, dim) coordinates [µm].
        cells: (cells, dim + 1) node numbers in the whole mesh.
        cell_region: (cells,) index into ``regions``.
        regions: physical names of the cells.
        facets: (facets, dim) node numbers of the facets of named surfaces.
        facet_surface: (facets,) index into ``surfaces``.
        surfaces: physical names of the facets.
        table: what the regions are, where the file says it.

    Of regions, facets, surfaces and table those of rank 0 count.
    """

    points: Floats
    cells: npt.NDArray[np.int64]
    cell_region: Ints
    regions: list[str]
    facets: npt.NDArray[np.int64]
    facet_surface: Ints
    surfaces: list[str]
    table: RegionTable | None = None


def _named(data: meshio.Mesh, dim: int, shape: str) -> tuple[npt.NDArray[np.int64], Ints, list[str]]:
    """Cells of one shape, their region numbers and the regions' names."""
    tags_key = next(
        (k for k in ("gmsh:physical", "medit:ref", "cell_tags", "region") if k in data.cell_data),
        None,
    )
    names = {int(tag): name for name, (tag, d) in data.field_data.items() if int(d) == dim}
    blocks, tags = [], []
    for number, block in enumerate(data.cells):
        if block.type != shape:
            continue
        blocks.append(np.asarray(block.data, dtype=np.int64))
        tags.append(
            np.asarray(data.cell_data[tags_key][number], dtype=np.int64)
            if tags_key
            else np.zeros(len(block.data), dtype=np.int64)
        )
    if not blocks:
        width = {"tetra": 4, "triangle": 3, "line": 2}[shape]
        return np.zeros((0, width), dtype=np.int64), np.zeros(0, dtype=np.int32), []
    all_tags = np.concatenate(tags)
    unique, inverse = np.unique(all_tags, return_inverse=True)
    return np.concatenate(blocks), inverse.astype(np.int32), [names.get(int(t), str(int(t))) for t in unique]


def read_raw(path: Path, scale: float = 1.0) -> RawMesh:
    """Read a mesh file (gmsh ``.msh`` or whatever meshio reads).

    Args:
        path: the file.
        scale: length of one unit of the file [µm].

    Raises:
        MeshReadError: unreadable file, no tetrahedra or triangles, or inverted/degenerate cells.
    """
    if not path.is_file():
        raise MeshReadError(f"mesh file {path} does not exist")
    try:
        data = meshio.read(path)
    except SystemExit as error:  # meshio exits on unknown formats
        raise MeshReadError(f"meshio cannot read {path}") from error
    except Exception as error:
        raise MeshReadError(f"meshio cannot read {path}: {error}") from error
    present = {block.type for block in data.cells}
    shape = next((s for s in CELL_SHAPES if s in present), None)
    if shape is None:
        raise MeshReadError(f"{path} holds {sorted(present)}; tetrahedra (3D) or triangles (2D) are needed")
    dim = CELL_SHAPES[shape][1]
    cells, cell_region, regions = _named(data, dim, shape)
    facets, facet_surface, surfaces = _named(data, dim - 1, FACET_SHAPES[dim])
    if not any(int(d) == dim - 1 for _, d in data.field_data.values()):
        facets, facet_surface, surfaces = facets[:0], facet_surface[:0], []
    points = np.asarray(data.points, dtype=np.float64)
    if dim == 2 and points.shape[1] == 3 and np.ptp(points[:, 2]) > 1e-9 * max(np.ptp(points[:, :2]), 1e-300):
        raise MeshReadError(f"{path} holds triangles that do not lie in the plane z = const")
    used = np.unique(cells)
    renumber = np.full(points.shape[0], -1, dtype=np.int64)
    renumber[used] = np.arange(used.size)
    facets = renumber[facets]
    keep = (facets >= 0).all(axis=1)
    raw = RawMesh(
        points[used, :dim] * scale,
        renumber[cells],
        cell_region,
        regions,
        facets[keep],
        facet_surface[keep],
        surfaces,
    )
    return replace(raw, table=_beside(path, regions, scale))


def _beside(path: Path, regions: list[str], scale: float) -> RegionTable | None:
    """The table that the mesh package writes beside a gmsh file, if it is there."""
    sidecar = path.with_suffix(".bodies.json")
    if path.suffix != ".msh" or not sidecar.is_file():
        return None
    try:
        columns = json.loads(sidecar.read_text(encoding="utf-8")).get("bodies")
    except (ValueError, AttributeError) as error:
        raise MeshReadError(f"{sidecar}: {error}; write the mesh again, or delete this file") from error
    return None if columns is None else region_table(columns, regions, scale, sidecar)
