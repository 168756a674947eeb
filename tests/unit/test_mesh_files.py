"""Mesh files: what is written is read back bit for bit, other programs understand it, and damaged files are refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import meshio
import numpy as np
import pytest

from ssbmech_mesh.bodies import BodyTable, plain_table
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.mesh_file import read_mesh_file, read_report, sidecar, write_mesh
from ssbmech_mesh.primitives import layered_block
from ssbmech_mesh.simplex import SimplexMesh

ODD_NAMES = ["Ä & <b> 'c' %s #1;", "CAM 0:1/2", "日本 [*]", "SE"]
SUFFIXES = [".msh", ".xdmf"]


def block(folder: Path, dimension: int, names: list[str] | None = None, n: int = 4) -> SimplexMesh:
    """A block of bricks in whose cells the bodies lie scattered, with coordinates that no decimal number gives."""
    mesh = layered_block(folder / "plain.msh", [1.0] * (dimension - 1), [1.0], ["all"], [n] * dimension)
    random = np.random.default_rng(1)
    mesh.nodes[:, :dimension] += random.uniform(-0.01, 0.01, (len(mesh.nodes), dimension))
    mesh.names = list(names or ODD_NAMES)
    mesh.body = random.permutation(np.arange(len(mesh.cells)) % len(mesh.names))
    return mesh


def with_surfaces(mesh: SimplexMesh) -> SimplexMesh:
    facet, sides = mesh.facets()
    outer = facet[sides[:, 1] < 0]
    mesh.surfaces = {"out <er> & ü": outer[::3], "one facet": outer[1:2][:, ::-1].copy()}
    return mesh


def with_table(mesh: SimplexMesh) -> SimplexMesh:
    n = len(mesh.names)
    random = np.random.default_rng(2)
    center, radius, frame = random.random((n, 3)), random.random(n), random.random((n, 3, 3))
    center[-1], radius[-1], frame[1:] = np.nan, np.nan, np.nan
    particle, grain = np.arange(n) // 2, np.arange(n) % 2
    particle[-1] = grain[-1] = -1
    phases = ("NCM '811' & <more>",) * (n - 1) + ("SE",)
    mesh.table = BodyTable(tuple(mesh.names), phases, particle, grain, center, radius, frame)
    return mesh


def assert_same(first: SimplexMesh, second: SimplexMesh) -> None:
    """Raise unless all of two meshes is the same, to the bit."""
    for key in ("nodes", "cells", "body"):
        assert getattr(first, key).dtype == getattr(second, key).dtype
        assert np.array_equal(getattr(first, key), getattr(second, key)), key
    assert first.names == second.names
    assert list(first.surfaces) == list(second.surfaces)
    for name, facet in first.surfaces.items():
        assert np.array_equal(facet, second.surfaces[name])
    assert (first.table is None) == (second.table is None)
    if first.table is not None and second.table is not None:
        assert (first.table.names, first.table.phases) == (second.table.names, second.table.phases)
        for key in ("particle", "grain", "center", "radius", "frame"):
            ours, theirs = getattr(first.table, key), getattr(second.table, key)
            assert ours.dtype == theirs.dtype
            assert np.array_equal(ours, theirs, equal_nan=True), key


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("surfaces", [False, True])
@pytest.mark.parametrize("table", [False, True])
def test_read_back(tmp_path: Path, suffix: str, dimension: int, surfaces: bool, table: bool) -> None:
    mesh, path = block(tmp_path, dimension), tmp_path / "new folder" / f"a mesh.v2{suffix}"
    if surfaces:
        with_surfaces(mesh)
    if table:
        with_table(mesh)
    report = {"cells": 3, "quality": {"smallest": 0.1, "text": "ü"}} if surfaces else None
    write_mesh(mesh, path, report)
    assert_same(mesh, read_mesh_file(path))
    assert read_report(path) == report


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_of_an_earlier_mesh_stays(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mesh{suffix}"
    write_mesh(with_table(with_surfaces(block(tmp_path, 3))), path, {"any": 1})
    mesh = block(tmp_path, 3, ["A", "B"])
    write_mesh(mesh, path)
    assert_same(mesh, read_mesh_file(path))
    assert read_report(path) is None
    assert not sidecar(path).exists() and not (tmp_path / "mesh_surfaces.xdmf").exists()


def test_triangles_out_of_the_plane_keep_their_third_coordinate(tmp_path: Path) -> None:
    mesh = block(tmp_path, 2)
    mesh.nodes[:, 2] = 1.0 / 3.0
    for suffix in SUFFIXES:
        write_mesh(mesh, tmp_path / f"mesh{suffix}")
        assert_same(mesh, read_mesh_file(tmp_path / f"mesh{suffix}"))


def test_nodes_of_no_cell(tmp_path: Path) -> None:
    mesh = block(tmp_path, 3)
    with_extra = SimplexMesh(np.vstack([mesh.nodes, [[9.0, 9.0, 9.0]]]), mesh.cells, mesh.body, mesh.names)
    write_mesh(with_extra, tmp_path / "mesh.xdmf")
    assert_same(with_extra, read_mesh_file(tmp_path / "mesh.xdmf"))
    write_mesh(with_extra, tmp_path / "mesh.msh")
    assert_same(mesh, read_mesh_file(tmp_path / "mesh.msh"))


@pytest.mark.parametrize("dimension", [2, 3])
def test_meshio_reads_xdmf(tmp_path: Path, dimension: int) -> None:
    mesh = with_table(with_surfaces(block(tmp_path, dimension)))
    write_mesh(mesh, tmp_path / "mesh.xdmf")
    read = meshio.read(tmp_path / "mesh.xdmf")
    kinds = {2: ("line", "triangle"), 3: ("triangle", "tetra")}[dimension]
    assert [cells.type for cells in read.cells] == [kinds[1]]
    assert np.array_equal(read.cells[0].data, mesh.cells)
    assert np.array_equal(read.points, mesh.nodes[:, :dimension])
    table = mesh.table
    assert table is not None
    phase = np.array([0, 0, 0, 1])
    for key, of_body in (
        ("body", np.arange(4)),
        ("particle", table.particle),
        ("grain", table.grain),
        ("phase", phase),
    ):
        assert np.array_equal(read.cell_data[key][0], of_body[mesh.body]), key
    assert {name: tuple(entry) for name, entry in read.field_data.items()} == {
        name: (number, dimension) for number, name in enumerate(ODD_NAMES)
    }
    surfaces = meshio.read(tmp_path / "mesh_surfaces.xdmf")
    assert [cells.type for cells in surfaces.cells] == [kinds[0]]
    for number, (name, facet) in enumerate(mesh.surfaces.items()):
        assert tuple(surfaces.field_data[name]) == (number, dimension - 1)
        assert np.array_equal(surfaces.cells[0].data[surfaces.cell_data["surface"][0] == number], facet)


@pytest.mark.parametrize("dimension", [2, 3])
def test_meshio_reads_msh(tmp_path: Path, dimension: int) -> None:
    """A second reader of gmsh files, of which ours are not written by gmsh."""
    mesh = with_surfaces(block(tmp_path, dimension))
    write_mesh(mesh, tmp_path / "mesh.msh")
    read = meshio.read(tmp_path / "mesh.msh")
    kind = {2: "triangle", 3: "tetra"}[dimension]
    cells = np.concatenate([block.data for block in read.cells if block.type == kind])
    tags = np.concatenate(
        [
            tag
            for block, tag in zip(read.cells, read.cell_data["gmsh:physical"], strict=True)
            if block.type == kind
        ]
    )
    assert {name: int(tag) for name, (tag, d) in read.field_data.items() if d == dimension} == {
        name: number + 1 for number, name in enumerate(ODD_NAMES)
    }
    for number in range(4):  # cells come body by body, in order; nodes in an order of their own
        assert np.array_equal(
            read.points[cells[tags == number + 1]], mesh.nodes[mesh.cells[mesh.body == number]]
        )


def test_dolfinx_reads_xdmf(tmp_path: Path) -> None:
    io = pytest.importorskip("dolfinx.io")
    from mpi4py import MPI

    mesh = with_table(block(tmp_path, 3))
    write_mesh(mesh, tmp_path / "mesh.xdmf")
    with io.XDMFFile(MPI.COMM_SELF, str(tmp_path / "mesh.xdmf"), "r") as file:
        read = file.read_mesh(name="mesh")
        tags = file.read_meshtags(read, name="mesh")
    assert read.topology.index_map(3).size_local == len(mesh.cells)
    original = np.asarray(read.topology.original_cell_index)
    assert np.array_equal(tags.values, mesh.body[original][tags.indices])


def test_thousands_of_bodies_take_no_longer(tmp_path: Path) -> None:
    """Time goes as the cells, not as cells times bodies: that would be a factor of 400 here."""
    seconds = []
    for count in (5, 2000):
        mesh = block(tmp_path, 3, [f"B{k}" for k in range(count)], n=20)
        begin = time.process_time()
        write_mesh(mesh, tmp_path / "mesh.msh")
        seconds.append(time.process_time() - begin)
    assert seconds[1] < 20 * seconds[0] + 0.5


def test_files_are_small(tmp_path: Path) -> None:
    """16 bytes for a cell and 24 for a node; what repeats is packed."""
    mesh = with_table(block(tmp_path, 3, n=16))
    mesh.body = np.sort(mesh.body)
    write_mesh(mesh, tmp_path / "mesh.xdmf")
    size = (tmp_path / "mesh.h5").stat().st_size
    assert size < 16 * len(mesh.cells) + 24 * len(mesh.nodes) + 30_000


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", ["", " led by a space", 'a "quoted" name', "two\nlines", "nul\0", "x" * 121])
def test_names_that_no_file_can_hold_are_refused(tmp_path: Path, suffix: str, name: str) -> None:
    mesh = block(tmp_path, 2, ["A", name])
    with pytest.raises(MeshError, match="cannot be the name of a body"):
        write_mesh(mesh, tmp_path / f"mesh{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_meshes_that_would_lose_something_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mesh{suffix}"

    def refused(message: str, change: Callable[[SimplexMesh], Any]) -> None:
        mesh = block(tmp_path, 2, ["A", "B"])
        change(mesh)
        with pytest.raises(MeshError, match=message):
            write_mesh(mesh, path)

    refused("these bodies have no cell: C", lambda mesh: mesh.names.append("C"))
    refused("cells are of body 1, but there are 1 names", lambda mesh: mesh.names.pop())
    refused("twice: A", lambda mesh: mesh.surfaces.update(A=mesh.cells[:1, :2]))
    refused("no facet: none", lambda mesh: mesh.surfaces.update(none=mesh.cells[:0, :2]))
    refused("other bodies", lambda mesh: setattr(mesh, "table", plain_table(["A", "C"], ["a", "c"])))
    assert not path.exists()


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match=r"end in \.msh or \.xdmf"):
        write_mesh(block(tmp_path, 2), tmp_path / "mesh.vtk")
    with pytest.raises(MeshError, match=r"end in \.msh or \.xdmf"):
        read_mesh_file(tmp_path / "mesh.vtk")
    with pytest.raises(MeshError, match="colon"):
        write_mesh(block(tmp_path, 2), tmp_path / "a:b.xdmf")


def _lacking(key: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with h5py.File(folder / "mesh.h5", "r+") as file:
            del file[key]

    return damage


def _last(key: str, number: int) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with h5py.File(folder / "mesh.h5", "r+") as file:
            file[key][-1] = number

    return damage


def _of_another_program(folder: Path) -> None:
    with h5py.File(folder / "mesh.h5", "r+") as file:
        del file.attrs["format"]


DAMAGE: list[tuple[Callable[[Path], Any], str]] = [
    (lambda folder: (folder / "mesh.xdmf").unlink(), "no such file"),
    (lambda folder: (folder / "mesh.h5").unlink(), "not beside it"),
    (lambda folder: (folder / "mesh.h5").write_bytes(b"nothing"), "cannot be read"),
    (lambda folder: (folder / "mesh.xdmf").write_text("<Xdmf"), "no XDMF file"),
    (lambda folder: (folder / "mesh.xdmf").write_text("<Xdmf/>"), "holds no mesh"),
    (_lacking("mesh/geometry"), "cannot be read"),
    (_lacking("bodies/frame"), "cannot be read"),
    (_last("mesh/body", 4), "does not fit"),
    (_last("mesh/body", -1), "does not fit"),
    (_last("mesh/topology", 10_000), "nodes that are not there"),
    (_of_another_program, "was not written by write_mesh"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE)
def test_damaged_files_are_refused(tmp_path: Path, damage: Callable[[Path], Any], message: str) -> None:
    write_mesh(with_table(with_surfaces(block(tmp_path, 3))), tmp_path / "mesh.xdmf")
    damage(tmp_path)
    with pytest.raises(MeshError, match=message):
        read_mesh_file(tmp_path / "mesh.xdmf")


def test_a_damaged_sidecar_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mesh.msh"
    write_mesh(with_table(block(tmp_path, 3)), path)
    good = json.loads(sidecar(path).read_text(encoding="utf-8"))
    for text, message in (
        ("{", "write the mesh again"),
        ("[]", "write the mesh again"),
        (json.dumps({"bodies": {**good["bodies"], "radius": [1.0]}}), "write the mesh again"),
        (json.dumps({"bodies": {**good["bodies"], "names": ["A", "B", "C", "D"]}}), "is of another mesh"),
    ):
        sidecar(path).write_text(text, encoding="utf-8")
        with pytest.raises(MeshError, match=message):
            read_mesh_file(path)
