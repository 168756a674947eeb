"""XDMF/HDF5: a light `<stem>.xdmf` for ParaView, meshio and DOLFINx, and the heavy `<stem>.h5`, read in slices by the solver.

The heavy file, version 1. Lengths in µm; M cells, N nodes, F facets, n bodies, d the dimension:

    attributes of the root     format "ssbmech mesh", version
    /mesh/geometry             (N, 3) float64; (N, 2) for triangles in the plane z = 0
    /mesh/topology             (M, d + 1) rows of geometry; int32 where they suffice, else int64
    /mesh/body                 (M,) int32, row of /bodies
    /mesh/{particle,phase,grain}  (M,) int32, of the cell's body, for colours; only with a table
    /bodies/names              (n,) UTF-8
    /bodies/{phases,particle,grain,center,radius,frame}  as in `BodyTable`; only where it is known
    /surfaces/{names,topology,surface}  names, (F, d) rows of geometry, (F,) index into names; only where there are any
    /report                    JSON; only where there is one

XDMF readers other than ParaView's take one grid a file, so the named surfaces have a light file `<stem>_surfaces.xdmf` of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ssbmech_mesh.bodies import BodyTable
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.simplex import Ints, SimplexMesh, check_names

FORMAT = "ssbmech mesh"
VERSION = 1

_TOPOLOGY = {1: "Polyline", 2: "Triangle", 3: "Tetrahedron"}  # dimension -> XDMF's name of the simplex
_SLAB = 1 << 20  # cells
_TABLE = ("particle", "grain", "center", "radius", "frame")


def write_xdmf(mesh: SimplexMesh, path: Path, report: Mapping[str, Any] | None = None) -> None:
    """Write `path` and the `.h5` beside it (and `<stem>_surfaces.xdmf`, where surfaces have names)."""
    import h5py  # after MPI, where there is MPI: on Debian this decides which build is taken

    check_names(mesh)
    if ":" in path.stem:
        raise MeshError(f"{path.name}: XDMF has no way to name a file with a colon; choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    heavy, surfaces = path.with_suffix(".h5"), path.with_name(f"{path.stem}_surfaces.xdmf")
    with h5py.File(heavy, "w") as file:
        file.attrs["format"], file.attrs["version"] = FORMAT, VERSION
        colours = _write_cells(file, mesh)
        _write_bodies(file, mesh)
        if mesh.surfaces:
            _write_surfaces(file, mesh)
        if report is not None:
            file["report"] = json.dumps(report, ensure_ascii=False)  # an attribute would end at 64 KiB
        _write_light(path, file, mesh.dimension, "mesh", colours, _legends(mesh))
        if mesh.surfaces:
            legend = {"surfaces": (mesh.dimension - 1, list(mesh.surfaces))}
            _write_light(surfaces, file, mesh.dimension - 1, "surfaces", ["surface"], legend)
    if not mesh.surfaces:
        surfaces.unlink(missing_ok=True)


def _write_cells(file: Any, mesh: SimplexMesh) -> list[str]:
    """Nodes, cells and numbers of the cells; returns the names of the latter. No copy larger than a slab is made."""
    planar = mesh.dimension == 2 and not mesh.nodes[:, 2].any()
    file.create_dataset("mesh/geometry", data=mesh.nodes[:, :2] if planar else mesh.nodes)
    topology = file.create_dataset("mesh/topology", mesh.cells.shape, _index_type(mesh))
    numbers: dict[str, NDArray[np.int32]] = {"body": np.arange(len(mesh.names), dtype=np.int32)}
    if mesh.table is not None:
        phases = list(dict.fromkeys(mesh.table.phases))
        numbers["particle"] = mesh.table.particle.astype(np.int32)
        numbers["phase"] = np.array([phases.index(phase) for phase in mesh.table.phases], dtype=np.int32)
        numbers["grain"] = mesh.table.grain.astype(np.int32)
    # Numbers repeat over long stretches: packed, they take next to nothing.
    packed = {"chunks": (min(len(mesh.cells), _SLAB // 4),), "compression": "gzip", "compression_opts": 1}
    columns = {
        key: file.create_dataset(f"mesh/{key}", (len(mesh.cells),), np.int32, shuffle=True, **packed)
        for key in numbers
    }
    for first in range(0, len(mesh.cells), _SLAB):
        slab = slice(first, min(first + _SLAB, len(mesh.cells)))
        topology[slab] = mesh.cells[slab]
        for key, of_body in numbers.items():
            columns[key][slab] = of_body[mesh.body[slab]]
    return list(numbers)


def _index_type(mesh: SimplexMesh) -> type:
    return np.int32 if len(mesh.nodes) < 2**31 else np.int64


def _write_bodies(file: Any, mesh: SimplexMesh) -> None:
    _write_texts(file, "bodies/names", mesh.names)
    if mesh.table is not None:
        _write_texts(file, "bodies/phases", mesh.table.phases)
        for key in _TABLE:
            file[f"bodies/{key}"] = getattr(mesh.table, key)


def _write_surfaces(file: Any, mesh: SimplexMesh) -> None:
    sizes = [len(facet) for facet in mesh.surfaces.values()]
    _write_texts(file, "surfaces/names", list(mesh.surfaces))
    file["surfaces/topology"] = np.concatenate(list(mesh.surfaces.values())).astype(_index_type(mesh))
    file["surfaces/surface"] = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)


def _write_texts(file: Any, key: str, texts: Sequence[str]) -> None:
    import h5py

    file.create_dataset(key, data=list(texts), dtype=h5py.string_dtype())


def _legends(mesh: SimplexMesh) -> dict[str, tuple[int, list[str]]]:
    legends = {"bodies": (mesh.dimension, list(mesh.names))}
    if mesh.table is None:
        return legends
    # meshio keeps the last legend it meets, which has to be that of the bodies.
    return {"phases": (mesh.dimension, list(dict.fromkeys(mesh.table.phases))), **legends}


def _write_light(
    path: Path,
    file: Any,
    dimension: int,
    group: str,
    numbers: list[str],
    legends: dict[str, tuple[int, list[str]]],
) -> None:
    """The XML that says where the heavy data are; legends: name -> dimension and what the numbers 0, 1, ... stand for."""
    root = ElementTree.Element("Xdmf", Version="3.0")
    grid = ElementTree.SubElement(
        ElementTree.SubElement(root, "Domain"), "Grid", Name=group, GridType="Uniform"
    )
    for name, (dim, entries) in legends.items():
        legend = ElementTree.Element("main")
        for number, entry in enumerate(entries):
            ElementTree.SubElement(legend, "map", key=entry, dim=str(dim)).text = str(number)
        text = ElementTree.tostring(legend, encoding="unicode")
        ElementTree.SubElement(grid, "Information", Name=f"{FORMAT}: {name}").text = text
    cells = file[f"{group}/topology"]
    topology = ElementTree.SubElement(
        grid,
        "Topology",
        TopologyType=_TOPOLOGY[dimension],
        NumberOfElements=str(len(cells)),
        NodesPerElement=str(cells.shape[1]),
    )
    _write_item(topology, cells)
    nodes = file["mesh/geometry"]
    geometry = ElementTree.SubElement(grid, "Geometry", GeometryType="XYZ"[: nodes.shape[1]])
    _write_item(geometry, nodes)
    for name in numbers:
        attribute = ElementTree.SubElement(
            grid, "Attribute", Name=name, AttributeType="Scalar", Center="Cell"
        )
        _write_item(attribute, file[f"{group}/{name}"])
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _write_item(parent: ElementTree.Element, data: Any) -> None:
    item = ElementTree.SubElement(
        parent,
        "DataItem",
        Dimensions=" ".join(map(str, data.shape)),
        NumberType="Float" if data.dtype.kind == "f" else "Int",
        Precision=str(data.dtype.itemsize),
        Format="HDF",
    )
    item.text = f"{Path(data.file.filename).name}:{data.name}"


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The heavy data of an XDMF file of ours, open for reading; errors of reading become MeshError."""
    import h5py

    if not path.is_file():
        raise MeshError(f"{path}: there is no such file")
    try:
        item = ElementTree.parse(path).find("Domain/Grid/Topology/DataItem")
    except ElementTree.ParseError as error:
        raise MeshError(f"{path} is no XDMF file: {error}") from error
    if item is None or not item.text:
        raise MeshError(f"{path} holds no mesh")
    heavy = path.parent / item.text.strip().partition(":")[0]
    if not heavy.is_file():
        raise MeshError(f"{path} refers to {heavy.name}, which is not beside it; keep the two files together")
    try:
        with h5py.File(heavy, "r") as file:
            if file.attrs.get("format") != FORMAT or file.attrs.get("version") != VERSION:
                raise MeshError(f"{heavy} was not written by write_mesh (version {VERSION} of the format)")
            yield file
    except (OSError, KeyError, ValueError) as error:
        if isinstance(error, MeshError):
            raise
        raise MeshError(f"{heavy} cannot be read: {error}; write the mesh again") from error


def read_xdmf(path: Path) -> SimplexMesh:
    """Read back what `write_xdmf` wrote."""
    with _opened(path) as file:
        geometry = file["mesh/geometry"]
        nodes = np.zeros((len(geometry), 3))
        nodes[:, : geometry.shape[1]] = geometry[()]
        cells: Ints = file["mesh/topology"][()].astype(np.int64)
        body: Ints = file["mesh/body"][()].astype(np.int64)
        names = _texts(file["bodies/names"])
        if len(body) != len(cells) or body.min() < 0 or body.max() >= len(names):
            raise MeshError(f"{path}: /mesh/body does not fit the cells or /bodies; write the mesh again")
        if cells.min() < 0 or cells.max() >= len(nodes):
            raise MeshError(
                f"{path}: /mesh/topology refers to nodes that are not there; write the mesh again"
            )
        table = None
        if "bodies/phases" in file:
            columns = (file[f"bodies/{key}"][()] for key in _TABLE)
            table = BodyTable(tuple(names), tuple(_texts(file["bodies/phases"])), *columns)
        surfaces: dict[str, Ints] = {}
        if "surfaces" in file:
            facets, number = file["surfaces/topology"][()].astype(np.int64), file["surfaces/surface"][()]
            surfaces = {name: facets[number == k] for k, name in enumerate(_texts(file["surfaces/names"]))}
        return SimplexMesh(nodes, cells, body, names, surfaces, table)


def read_xdmf_report(path: Path) -> Mapping[str, Any] | None:
    """The report that was written with the mesh, if any."""
    with _opened(path) as file:
        if "report" not in file:
            return None
        found: Mapping[str, Any] = json.loads(file["report"].asstr()[()])
        return found


def _texts(data: Any) -> list[str]:
    return [str(text) for text in data.asstr()[()]]
