"""Read the VTX files of a run (`fields.bp`, `interface.bp`) without ParaView and without DOLFINx.

A VTX file is an ADIOS2 file that DOLFINx writes with one block for each rank: `geometry` (nodes, 3),
`connectivity` (cells, 1 + nodes of a cell; the first entry is the count), `types` (VTK cell type), the
fields by name, `vtkOriginalPointIds` (number of a node across ranks) and `vtkGhostType` (1 where another
rank owns the node). The blocks are put together here into one mesh, in which nodes that ranks share are
one node again, cells that a rank writes as ghosts of another are dropped, and nodes on two sides of an
interface stay two: the jump is kept exactly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ssbmech_post.errors import RunFolderError

if TYPE_CHECKING:
    import pyvista

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_NOT_FIELDS = frozenset(
    {"geometry", "connectivity", "types", "step", "NumberOfNodes", "NumberOfEntities", "NumberOfCells",
     "vtkOriginalPointIds", "vtkGhostType"}
)  # fmt: skip

# (VTK type in the file, nodes of a cell) -> VTK type that means the same and that every VTK filter knows.
# Node orders agree: corners, then the edges 01 12 20 (03 13 23).
_PLAIN_TYPES = {(68, 2): 3, (68, 3): 21, (69, 3): 5, (69, 6): 22, (71, 4): 10, (71, 10): 24}

# Linear simplices that a quadratic one is divided into (for pictures only).
_DIVISION = {
    3: [(0, 1)], 5: [(0, 1, 2)], 10: [(0, 1, 2, 3)], 21: [(0, 2), (2, 1)],
    22: [(0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)],
    24: [(0, 4, 6, 7), (4, 1, 5, 8), (6, 5, 2, 9), (7, 8, 9, 3),
         (4, 6, 7, 8), (6, 7, 8, 9), (4, 5, 6, 8), (6, 5, 9, 8)],
}  # fmt: skip


@dataclass(frozen=True)
class VtxStep:
    """The mesh and all fields of a VTX file at one time.

    `points` (nodes, 3) in µm, `cells` (cells, nodes of a cell), `cell_type` the VTK number of all cells,
    `point_data` name -> (nodes,) or (nodes, 3), `cell_data` name -> (cells,) or (cells, 3), `time` in s.
    """

    points: FloatArray
    cells: IntArray
    cell_type: int
    time: float
    point_data: dict[str, FloatArray] = field(default_factory=dict)
    cell_data: dict[str, FloatArray] = field(default_factory=dict)

    @property
    def dimension(self) -> int:
        """Dimension of the space that the nodes span: 2 when all have the same z, else 3."""
        height = self.points[:, 2]
        return 3 if height.size and float(height.max() - height.min()) > 0.0 else 2

    def simplices(self) -> tuple[IntArray, IntArray]:
        """Linear simplices (n, dim + 1) that cover the cells, and the cell that each belongs to (n,)."""
        if self.cell_type not in _DIVISION:
            raise RunFolderError("fields", f"cells of VTK type {self.cell_type} cannot be drawn")
        parts: IntArray = np.array(_DIVISION[self.cell_type], dtype=np.int64)
        owner = np.repeat(np.arange(len(self.cells)), len(parts))
        return self.cells[:, parts].reshape(-1, parts.shape[1]), owner

    def on_cells(self, name: str) -> FloatArray:
        """A field as one value for each cell; a point field gives its value at the first node of the cell."""
        if name in self.cell_data:
            return self.cell_data[name]
        return self.point_data[name][self.cells[:, 0]]

    def with_point_field(self, name: str) -> VtxStep:
        """The same with `name` as a point field: the mean of the cells of the body around a node."""
        if name in self.point_data:
            return self
        nodes = self.cells.ravel()
        values = np.repeat(self.cell_data[name], self.cells.shape[1])
        total = np.bincount(nodes, values, len(self.points))
        count = np.maximum(np.bincount(nodes, minlength=len(self.points)), 1)
        return replace(self, point_data={**self.point_data, name: total / count})

    def to_pyvista(self) -> pyvista.UnstructuredGrid:
        """The same as a pyvista grid."""
        import pyvista

        width = self.cells.shape[1]
        cells = np.hstack([np.full((len(self.cells), 1), width, dtype=np.int64), self.cells]).ravel()
        grid = pyvista.UnstructuredGrid(
            cells, np.full(len(self.cells), self.cell_type, dtype=np.uint8), self.points
        )
        for name, values in self.point_data.items():
            grid.point_data[name] = values
        for name, values in self.cell_data.items():
            grid.cell_data[name] = values
        grid.field_data["TIME"] = np.array([self.time])
        return grid


class VtxFile:
    """An open VTX file; use as a context manager.

    Args:
        path: folder (BP4, BP5) that the writer made.

    `times` are the times of all its steps in s, `fields` the names of what it holds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise RunFolderError(path, "does not exist")
        try:
            import adios2
        except ImportError:
            raise RunFolderError(path, "cannot be read: the Python module adios2 is missing") from None
        if not hasattr(adios2, "FileReader"):
            raise RunFolderError(path, "cannot be read with this adios2", "adios2 2.10 or newer is needed")
        try:
            self._file = adios2.FileReader(str(path))
        except (RuntimeError, ValueError, OSError) as error:
            raise RunFolderError(path, f"is not an ADIOS2 file that can be read: {error}") from None
        self._variables: dict[str, dict[str, Any]] = dict(self._file.available_variables())
        missing = {"geometry", "connectivity", "types", "step"} - set(self._variables)
        if missing:
            self._file.close()
            raise RunFolderError(path, f"is not a VTX file: no variable {', '.join(sorted(missing))}")
        self.times: FloatArray = np.atleast_1d(
            np.asarray(self._file.read("step", step_selection=[0, self._count("step")]), dtype=np.float64)
        ).ravel()
        xml = (
            str(self._file.read_attribute("vtk.xml"))
            if "vtk.xml" in self._file.available_attributes()
            else ""
        )
        section = re.search(r"<CellData>(.*?)</CellData>", xml, re.S)
        self._on_cells = set(re.findall(r'Name="([^"]+)"', section[1])) if section else set()
        self.fields = tuple(sorted(set(self._variables) - _NOT_FIELDS))

    def __enter__(self) -> VtxFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, step: int = -1, fields: tuple[str, ...] | None = None) -> VtxStep:
        """One step (negative counts from the end) with the named fields (all of them by default)."""
        steps = len(self.times)
        if not -steps <= step < steps:
            raise RunFolderError(self.path, f"has no step {step}", f"it has {steps}")
        try:
            return self._read(step % steps, fields)
        except (RuntimeError, ValueError, IndexError) as error:  # what adios2 raises on a damaged file
            raise RunFolderError(
                self.path, f"step {step} cannot be read: {error}", "was the run cut off?"
            ) from None

    def _read(self, step: int, fields: tuple[str, ...] | None) -> VtxStep:
        wanted = self.fields if fields is None else tuple(f for f in fields if f in self.fields)
        geometry = self._blocks("geometry", step)
        counts = [len(block) for block in geometry]
        cells = self._connectivity(step, counts)
        data = {name: np.concatenate(self._blocks(name, step)) for name in wanted}
        cell_type = int(np.ravel(self._file.read("types", step_selection=[self._index("types", step), 1]))[0])
        keep, new = self._merge(step, np.concatenate(geometry), counts)
        points = np.concatenate(geometry)[keep]
        kept_cells = _first_of_each(new[cells]) if len(keep) < sum(counts) else np.arange(len(cells))
        width = cells.shape[1]
        for name, values in data.items():
            expected = len(cells) if name in self._on_cells else sum(counts)
            if len(values) != expected:
                raise RunFolderError(self.path, f"field {name!r} has {len(values)} values, not {expected}")
        squeezed = {name: _squeeze(values) for name, values in data.items()}
        return VtxStep(
            points,
            new[cells][kept_cells],
            _PLAIN_TYPES.get((cell_type, width), cell_type),
            float(self.times[step]),
            {name: values[keep] for name, values in squeezed.items() if name not in self._on_cells},
            {name: values[kept_cells] for name, values in squeezed.items() if name in self._on_cells},
        )

    def _count(self, name: str) -> int:
        return int(self._variables[name]["AvailableStepsCount"])

    def _index(self, name: str, step: int) -> int:
        """Index of `step` in the stored steps of a variable; a mesh that is reused is stored once."""
        return min(step, self._count(name) - 1)

    def _blocks(self, name: str, step: int) -> list[NDArray[Any]]:
        """The blocks of a variable as arrays of two dimensions, without those of ranks that hold no cell."""
        index = self._index(name, step)
        blocks = []
        for i in self._ranks(step):
            values = np.asarray(self._file.read(name, block_id=i, step_selection=[index, 1]))
            blocks.append(values if values.ndim > 1 else values[:, None])
        return blocks

    def _ranks(self, step: int) -> list[int]:
        """Numbers of the blocks that hold cells.

        Asked of the connectivity only: adios2 fails to describe an empty block of bytes (vtkGhostType).
        """
        index = self._index("connectivity", step)
        blocks = self._file.engine.blocks_info("connectivity", index)
        held = [i for i, block in enumerate(blocks) if "0" not in str(block["Count"]).split(",")]
        if not held:
            raise RunFolderError(self.path, f"has no cells at step {step}", "was the run cut off?")
        return held

    def _connectivity(self, step: int, counts: list[int]) -> IntArray:
        """Nodes of all cells (cells, nodes of a cell), numbered through all blocks."""
        offset = 0
        parts: list[IntArray] = []
        for block, count in zip(self._blocks("connectivity", step), counts, strict=True):
            parts.append(block[:, 1:].astype(np.int64) + offset)
            offset += count
        cells = np.concatenate(parts)
        if cells.min() < 0 or cells.max() >= offset:
            raise RunFolderError(self.path, "connectivity names nodes that do not exist")
        return cells

    def _merge(self, step: int, points: FloatArray, counts: list[int]) -> tuple[IntArray, IntArray]:
        """Nodes to keep, and the new number of every node, so that a node shared by ranks is kept once."""
        everything = np.arange(len(points))
        if len(counts) == 1 or "vtkOriginalPointIds" not in self._variables:
            return everything, everything
        ids = np.concatenate(self._blocks("vtkOriginalPointIds", step)).ravel().astype(np.int64)
        if len(ids) != len(points):
            return everything, everything
        ghost = np.zeros(len(ids), dtype=np.int64)
        if "vtkGhostType" in self._variables:
            ghost = np.concatenate(self._blocks("vtkGhostType", step)).ravel().astype(np.int64)
        order = np.lexsort((ghost, ids))  # the owner's copy comes first and is the one kept
        _, first, inverse = np.unique(ids[order], return_index=True, return_inverse=True)
        keep = order[first]
        new = np.empty(len(ids), dtype=np.int64)
        new[order] = inverse.ravel()
        # Ids that were not numbered across ranks would weld strangers: then nothing is merged.
        span = float(np.ptp(points, axis=0).max()) or 1.0
        if np.abs(points[keep][new] - points).max() > 1e-9 * span:
            return everything, everything
        return keep, new


def _first_of_each(cells: IntArray) -> IntArray:
    """Ascending indices of cells with distinct sets of nodes: a ghost cell has the nodes of its original."""
    _, first = np.unique(np.sort(cells, axis=1), axis=0, return_index=True)
    return np.sort(first)


def _squeeze(values: NDArray[Any]) -> FloatArray:
    array = np.ascontiguousarray(values, dtype=np.float64)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def read_vtx(path: Path, step: int = -1, fields: tuple[str, ...] | None = None) -> VtxStep:
    """One step of the VTX file at `path`; see `VtxFile.read`."""
    with VtxFile(path) as file:
        return file.read(step, fields)


def read_grid(path: Path, step: int = -1, fields: tuple[str, ...] | None = None) -> pyvista.UnstructuredGrid:
    """One step of the VTX file at `path` as a pyvista grid."""
    return read_vtx(path, step, fields).to_pyvista()
