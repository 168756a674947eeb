"""Meshes as the generators write them: gmsh `.msh` or XDMF/HDF5, and the table of their bodies.

The table is optional: entry `bodies` of `<stem>.bodies.json` beside a `.msh`, group `/bodies` of the HDF5 file. Without it
phases and particles are told from the names (`NCM811_007` is a particle of NCM811) and there are no crystal frames.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ssbmech_post.errors import RunFolderError
from ssbmech_post.vtx import FloatArray, IntArray

_SHAPES: dict[str, tuple[int, ...]] = {
    "particle": (), "grain": (), "center": (3,), "radius": (), "frame": (3, 3),
}  # fmt: skip
_SIMPLEX = {"tetra": 3, "triangle": 2}
_Parts = tuple[FloatArray, IntArray, IntArray, "Bodies"]  # nodes, cells, body of each, the bodies
_NUMBERED = re.compile(r"(.+?)_(\d+)[a-z]*(?:_g(\d+))?")  # phase, particle (and piece), grain
_WRITE_AGAIN = "write the mesh again with `ssbmech mesh`"


@dataclass(frozen=True, eq=False)
class Bodies:
    """What every body is, in the order of `names`.

    `particle`, `grain` (n,) numbers from 0, -1 for none; `center` (n, 3) and `radius` (n,) of the particle in
    µm, `frame` (n, 3, 3) with the crystal axes a, c x a, c as columns; nan where there is none.
    """

    names: tuple[str, ...]
    phases: tuple[str, ...]
    particle: IntArray
    grain: IntArray
    center: FloatArray
    radius: FloatArray
    frame: FloatArray

    @property
    def order(self) -> tuple[str, ...]:
        """Names of the phases: those of particles first, each group in the order of the bodies."""
        held = {p for p, k in zip(self.phases, self.particle, strict=True) if k >= 0}
        every = tuple(dict.fromkeys(self.phases))
        return tuple(p for p in every if p in held) + tuple(p for p in every if p not in held)

    def phase_numbers(self) -> IntArray:
        """Phase of every body (n,) as an index into `order`."""
        order = self.order
        return np.array([order.index(phase) for phase in self.phases], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class TaggedMesh:
    """Simplices with the body of each: `points` (N, 3) in µm, `cells` (M, 3) or (M, 4), `body` (M,)."""

    path: Path
    points: FloatArray
    cells: IntArray
    body: IntArray
    bodies: Bodies

    @property
    def dimension(self) -> int:
        """3 for tetrahedra, 2 for triangles."""
        return int(self.cells.shape[1]) - 1

    @property
    def box(self) -> FloatArray:
        """The lowest and the highest corner (2, 3) in µm."""
        return np.stack([self.points.min(axis=0), self.points.max(axis=0)])

    def volumes(self) -> FloatArray:
        """Volume of every cell in µm³ (area in µm² for triangles)."""
        corners = self.points[self.cells]
        edges = corners[:, 1:] - corners[:, :1]
        normal = np.cross(edges[:, 0], edges[:, 1])
        if self.dimension == 2:
            return np.asarray(0.5 * np.linalg.norm(normal, axis=1))
        return np.asarray(np.abs(np.einsum("ij,ij->i", normal, edges[:, 2])) / 6.0)

    def fractions(self) -> dict[str, float]:
        """Share of the meshed volume that every phase takes."""
        volume = np.bincount(self.bodies.phase_numbers()[self.body], self.volumes(), len(self.bodies.order))
        return dict(zip(self.bodies.order, (volume / volume.sum()).tolist(), strict=True))

    def angles(self) -> FloatArray:
        """The angles of every cell in degrees: six dihedral ones (M, 6), or the three of a triangle (M, 3)."""
        corners = self.points[self.cells]
        d = self.dimension
        pairs = [(a, b) for a in range(d + 1) for b in range(a + 1, d + 1)]
        normals = np.empty_like(corners)  # of the facet opposite to every corner, towards that corner
        for i in range(d + 1):
            base, *others = (corners[:, j] for j in range(d + 1) if j != i)
            inward = corners[:, i] - base
            for edge in _orthogonal([other - base for other in others]):
                inward = inward - np.einsum("ij,ij->i", inward, edge)[:, None] * edge
            normals[:, i] = inward / np.maximum(np.linalg.norm(inward, axis=1), 1e-300)[:, None]
        cosine = [-np.einsum("ij,ij->i", normals[:, a], normals[:, b]) for a, b in pairs]
        return np.asarray(np.degrees(np.arccos(np.clip(np.stack(cosine, axis=1), -1.0, 1.0))))


def _orthogonal(edges: list[FloatArray]) -> list[FloatArray]:
    """Gram and Schmidt: orthogonal unit vectors that span the one or two edges of a facet."""
    found: list[FloatArray] = []
    for edge in edges:
        for unit in found:
            edge = edge - np.einsum("ij,ij->i", edge, unit)[:, None] * unit
        found.append(edge / np.maximum(np.linalg.norm(edge, axis=1), 1e-300)[:, None])
    return found


def read_mesh(path: Path) -> TaggedMesh:
    """Read a mesh of tetrahedra or triangles with its bodies; `.msh`, or `.xdmf` with its `.h5` beside it.

    Raises:
        RunFolderError: the file is missing or unreadable, or its cells have no bodies.
    """
    path = Path(path)
    if not path.is_file():
        raise RunFolderError(path, "there is no such file")
    if path.suffix not in (".msh", ".xdmf"):
        raise RunFolderError(
            path, f"a mesh ends in .msh or .xdmf, not {path.suffix or 'without an ending'!r}"
        )
    points, cells, body, bodies = _read_msh(path) if path.suffix == ".msh" else _read_xdmf(path)
    if len(cells) == 0:
        raise RunFolderError(path, "holds no cells", _WRITE_AGAIN)
    nodes, cells = np.unique(cells, return_inverse=True)
    points = np.asarray(points[nodes], dtype=np.float64)
    if not np.all(np.isfinite(points)):
        raise RunFolderError(path, "has nodes whose coordinates are not numbers")
    return TaggedMesh(path, points, cells.reshape(len(body), -1), body, bodies)


def _meshio(path: Path) -> Any:
    import meshio

    try:
        return meshio.read(path)
    except SystemExit:  # meshio exits on what it does not know
        raise RunFolderError(path, "is no mesh that meshio can read", _WRITE_AGAIN) from None
    except Exception as error:  # every reader of meshio raises what it likes
        raise RunFolderError(
            path, f"meshio cannot read it: {error or type(error).__name__}", _WRITE_AGAIN
        ) from None


def _read_msh(path: Path) -> _Parts:
    data = _meshio(path)
    kind = next((k for k in _SIMPLEX if any(block.type == k for block in data.cells)), None)
    if kind is None:
        held = ", ".join(sorted({block.type for block in data.cells})) or "no cells"
        raise RunFolderError(path, f"holds {held}; only tetrahedra and triangles are drawn")
    if "gmsh:physical" not in data.cell_data:
        raise RunFolderError(path, "has no physical groups: which cell is of which body?", _WRITE_AGAIN)
    which = [i for i, block in enumerate(data.cells) if block.type == kind]
    cells = np.concatenate([data.cells[i].data for i in which]).astype(np.int64)
    tags = np.concatenate([data.cell_data["gmsh:physical"][i] for i in which]).astype(np.int64)
    if np.any(tags <= 0):
        raise RunFolderError(path, "has cells in no physical group: which body are they?", _WRITE_AGAIN)
    named = {int(tag): name for name, (tag, d) in data.field_data.items() if int(d) == _SIMPLEX[kind]}
    used, body = np.unique(tags, return_inverse=True)
    names = [named.get(int(tag), f"body_{int(tag)}") for tag in used]
    points = np.asarray(data.points, dtype=np.float64)
    return points, cells, body.ravel().astype(np.int64), _sidecar(path.with_suffix(".bodies.json"), names)


def _read_xdmf(path: Path) -> _Parts:
    import h5py  # late: on Debian it is built with MPI, which only those should start who need it

    try:
        item = ElementTree.parse(path).find("Domain/Grid/Topology/DataItem")
    except ElementTree.ParseError as error:
        raise RunFolderError(path, f"is no XDMF: {error}", _WRITE_AGAIN) from None
    heavy = path.parent / (item.text or "" if item is not None else "").strip().partition(":")[0]
    if not heavy.is_file():
        raise RunFolderError(
            path, f"its data {heavy.name} are not beside it", "keep the .xdmf and the .h5 together"
        )
    try:
        with h5py.File(heavy, "r") as file:
            geometry = file["mesh/geometry"][()]
            cells = file["mesh/topology"][()].astype(np.int64)
            body = file["mesh/body"][()].astype(np.int64)
            table = {key: file["bodies"][key][()] for key in file["bodies"]}
            for key in ("names", "phases"):
                if key in table:
                    table[key] = [str(text) for text in file["bodies"][key].asstr()[()]]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RunFolderError(heavy, f"cannot be read: {error}", _WRITE_AGAIN) from None
    points = np.zeros((len(geometry), 3))
    points[:, : geometry.shape[1]] = geometry
    names = table.get("names", [])
    fit = len(body) == len(cells) and (len(cells) == 0 or (body.min() >= 0 and body.max() < len(names)))
    if not fit or cells.min(initial=0) < 0 or cells.max(initial=0) >= len(points):
        raise RunFolderError(heavy, "its cells, nodes and bodies do not fit together", _WRITE_AGAIN)
    return points, cells, body, table_of(heavy, table, names) if "phases" in table else _plain(names)


def _plain(names: list[str]) -> Bodies:
    """Bodies told from their names: `PHASE_001` is a particle, `PHASE_001b` a piece, `PHASE_001_g01` a grain of one."""
    n = len(names)
    found = [_NUMBERED.fullmatch(name) for name in names]
    phases = tuple(name if m is None else m[1] for name, m in zip(names, found, strict=True))
    numbers: dict[tuple[str, str], int] = {}
    particle = [-1 if m is None else numbers.setdefault((m[1], m[2]), len(numbers)) for m in found]
    grain = [-1 if m is None or m[3] is None else int(m[3]) - 1 for m in found]
    return Bodies(
        tuple(names),
        phases,
        np.array(particle, dtype=np.int64),
        np.array(grain, dtype=np.int64),
        np.full((n, 3), np.nan),
        np.full(n, np.nan),
        np.full((n, 3, 3), np.nan),
    )


def _sidecar(path: Path, names: list[str]) -> Bodies:
    """The table in `path`, in the order of `names`; from the names alone if there is no such file."""
    if not path.is_file():
        return _plain(names)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise RunFolderError(path, f"is no JSON: {error}", _WRITE_AGAIN) from None
    if not isinstance(stored, dict):
        raise RunFolderError(path, "is no JSON object", _WRITE_AGAIN)
    return table_of(path, stored["bodies"], names) if "bodies" in stored else _plain(names)


def table_of(path: Path, table: Any, names: list[str]) -> Bodies:
    """Bodies `names` out of a table as it is stored: lists or arrays by key, null or nan for none."""
    if not isinstance(table, dict):
        raise RunFolderError(path, "is no table of bodies (a JSON object of lists)", _WRITE_AGAIN)
    missing = [key for key in ("names", "phases", *_SHAPES) if key not in table]
    if missing:
        raise RunFolderError(path, f"lacks {', '.join(missing)}", _WRITE_AGAIN)
    held = [str(name) for name in table["names"]]
    unknown = [name for name in names if name not in set(held)]
    if unknown:
        raise RunFolderError(path, f"has no entry for the body {unknown[0]!r} of the mesh", _WRITE_AGAIN)
    arrays: dict[str, NDArray[np.float64]] = {}
    for key, shape in _SHAPES.items():
        try:
            arrays[key] = np.array(table[key], dtype=np.float64)
        except (TypeError, ValueError):
            arrays[key] = np.empty(0)
        if arrays[key].shape != (len(held), *shape):
            wanted = " x ".join(str(k) for k in (len(held), *shape))
            raise RunFolderError(path, f"{key} is not {wanted} numbers", _WRITE_AGAIN)
    if len(table["phases"]) != len(held):
        raise RunFolderError(
            path, f"phases has {len(table['phases'])} entries for {len(held)} names", _WRITE_AGAIN
        )
    at = {name: k for k, name in enumerate(held)}
    row = np.array([at[name] for name in names], dtype=np.int64)
    return Bodies(
        tuple(names),
        tuple(str(table["phases"][k]) for k in row),
        np.nan_to_num(arrays["particle"][row], nan=-1.0).astype(np.int64),
        np.nan_to_num(arrays["grain"][row], nan=-1.0).astype(np.int64),
        arrays["center"][row],
        arrays["radius"][row],
        arrays["frame"][row],
    )
