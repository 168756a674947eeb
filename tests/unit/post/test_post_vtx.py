"""VTX files: exact fields and jumps from one block and from several, also as DOLFINx itself writes them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssbmech_post import RunFolderError, VtxFile, read_grid, read_vtx
from ssbmech_post.display import clean_environment
from ssbmech_post.section import cut, largest_jump, magnification

# Two bodies that meet at x = 1/2; each moves as a whole, the second away from the first.
WRITER = """
import sys
import numpy as np
from dolfinx import fem, io, mesh
from mpi4py import MPI

folder = sys.argv[1]
comm = MPI.COMM_WORLD
for kind, degree in (("tetrahedra", 1), ("tetrahedra", 2), ("triangles", 1), ("triangles", 2)):
    domain = mesh.create_unit_cube(comm, 4, 2, 2) if kind == "tetrahedra" else mesh.create_unit_square(comm, 4, 3)
    d = domain.topology.dim
    count = domain.topology.index_map(d).size_local + domain.topology.index_map(d).num_ghosts
    cells = np.arange(count, dtype=np.int32)
    right = cells[mesh.compute_midpoints(domain, d, cells)[:, 0] > 0.5]
    u = fem.Function(fem.functionspace(domain, ("DG", degree, (d,))), name="displacement")
    body = fem.Function(fem.functionspace(domain, ("DG", degree)), name="body")
    with io.VTXWriter(comm, f"{folder}/{kind}{degree}.bp", [u, body], engine="BP4") as writer:
        for time in (0.0, 1.0, 2.0):
            u.interpolate(lambda x: np.full((d, x.shape[1]), 0.125 * time))
            away = 0.25 * time * np.eye(d)[:, :1]
            u.interpolate(lambda x: np.full((d, x.shape[1]), 0.125 * time) + away, cells0=right)
            body.interpolate(lambda x: np.full(x.shape[1], 3.0))
            body.interpolate(lambda x: np.full(x.shape[1], 7.0), cells0=right)
            writer.write(time)

# a mesh of facets that the last rank has no part of
cube = mesh.create_unit_cube(comm, 4, 2, 2)
facets = mesh.locate_entities(cube, 2, lambda x: np.isclose(x[0], 0.0))
skin = mesh.create_submesh(cube, 2, facets)[0]
damage = fem.Function(fem.functionspace(skin, ("DG", 1)), name="damage")
damage.interpolate(lambda x: x[1])
with io.VTXWriter(comm, f"{folder}/interface.bp", [damage], engine="BP4") as writer:
    writer.write(0.0)
"""


@pytest.fixture(scope="module", params=[1, 2], ids=["1 rank", "2 ranks"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files as DOLFINx writes them on one and on two ranks."""
    folder = tmp_path_factory.mktemp("vtx")
    (folder / "writer.py").write_text(WRITER)
    launcher = shutil.which("mpirun") or shutil.which("mpiexec")
    assert launcher, "an MPI launcher comes with DOLFINx"
    command = [launcher, "-n", str(request.param), sys.executable, "writer.py", "."]
    environment = {**clean_environment(), **{k: v for k, v in os.environ.items() if k.startswith("OMPI_")}}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def jump_of(points: Any, displacement: Any, body: Any) -> Any:
    """Displacement of body 7 minus that of body 3 at the nodes they have in common at x = 1/2."""
    sides = []
    for number in (3.0, 7.0):
        nodes = np.flatnonzero((body == number) & (np.abs(points[:, 0] - 0.5) < 1e-12))
        keys, first = np.unique(np.round(points[nodes], 9), axis=0, return_index=True)
        sides.append((keys, displacement[nodes[first]]))
    np.testing.assert_array_equal(sides[0][0], sides[1][0])
    return sides[1][1] - sides[0][1]


@pytest.mark.parametrize(
    ("name", "cell_type", "cells"),
    [("tetrahedra1", 10, 96), ("tetrahedra2", 24, 96), ("triangles1", 5, 24), ("triangles2", 22, 24)],
)
def test_what_dolfinx_writes_is_read_back(written: Path, name: str, cell_type: int, cells: int) -> None:
    with VtxFile(written / f"{name}.bp") as file:
        np.testing.assert_array_equal(file.times, [0.0, 1.0, 2.0])
        assert file.fields == ("body", "displacement")
        step = file.read()
    assert (step.time, step.cell_type, len(step.cells)) == (2.0, cell_type, cells)
    assert step.dimension == (3 if "tetra" in name else 2)
    jump = jump_of(step.points, step.point_data["displacement"], step.point_data["body"])
    assert len(jump) >= 4
    np.testing.assert_array_equal(jump, np.broadcast_to([0.5, 0.0, 0.0], jump.shape))
    grid = step.to_pyvista()
    assert (grid.n_cells, grid.n_points) == (cells, len(step.points))
    size = grid.compute_cell_sizes()
    assert sum(size["Volume"] if step.dimension == 3 else size["Area"]) == pytest.approx(1.0, abs=1e-12)
    corners = step.points[step.simplices()[0]]
    edges = (corners[:, 1:] - corners[:, :1])[:, :, : step.dimension]
    factorial = 6.0 if step.dimension == 3 else 2.0
    assert np.abs(np.linalg.det(edges)).sum() / factorial == pytest.approx(1.0, abs=1e-12)


def test_a_rank_without_facets_is_no_obstacle(written: Path) -> None:
    step = read_vtx(written / "interface.bp")
    assert (step.cell_type, len(step.cells)) == (5, 8)
    np.testing.assert_array_equal(step.point_data["damage"], step.points[:, 1])


def test_the_section_keeps_the_jump(written: Path) -> None:
    for name in ("tetrahedra1", "tetrahedra2", "triangles2"):
        step = read_vtx(written / f"{name}.bp", 1)
        section = cut(step, stack_axis=step.dimension - 1)
        points, u = section.points, section.point_data["displacement"]
        number = np.zeros(len(points))
        number[section.triangles] = section.body[:, None]
        jump = jump_of(points, u, number)
        np.testing.assert_allclose(jump, np.broadcast_to([0.25, 0.0, 0.0], jump.shape), rtol=0, atol=1e-15)
        plane = section.warped(0.0)
        a, b, c = (plane[section.triangles[:, i]] for i in range(3))
        area = 0.5 * np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
        assert area.sum() == pytest.approx(1.0, abs=1e-9)
        assert area[section.body == 3].sum() == pytest.approx(0.5, abs=1e-9)
        # the rims of both bodies: two rectangles of 1/2 x 1
        rim = plane[section.outline()]
        assert np.linalg.norm(rim[:, 1] - rim[:, 0], axis=1).sum() == pytest.approx(6.0, abs=1e-4)


def test_jump_and_magnification(written: Path) -> None:
    step = read_vtx(written / "tetrahedra1.bp", 1)
    assert largest_jump(step) == pytest.approx(0.25)
    assert magnification(step) == 1.0
    small = read_vtx(written / "tetrahedra1.bp", 1)
    small.point_data["displacement"] *= 1e-2
    assert magnification(small) == 10.0  # 3 % of 1 over 0.0025 is 12
    still = read_vtx(written / "tetrahedra1.bp", 0)
    assert magnification(still) == 1.0


def test_blocks_are_merged_by_the_numbers_of_nodes(
    tmp_path: Path, builders: dict[str, Callable[..., Any]]
) -> None:
    """Two tetrahedra of two ranks; each also writes the other's cell as a ghost, with stale ghost values."""
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], dtype=float)
    block = type(builders["particle_in_box"](2)(0.0))
    first = block(
        points, np.array([[0, 1, 2, 3], [1, 2, 3, 4]]), np.array([10, 11, 12, 13, 14]),
        np.array([0, 0, 0, 0, 1]), {"value": np.array([1.0, 2.0, 3.0, 4.0, -99.0])},
    )  # fmt: skip
    second = block(
        points[[4, 1, 2, 3, 0]], np.array([[1, 2, 3, 0], [4, 1, 2, 3]]), np.array([14, 11, 12, 13, 10]),
        np.array([0, 1, 1, 1, 1]), {"value": np.array([5.0, -99.0, -99.0, -99.0, -99.0])},
    )  # fmt: skip
    empty = block(
        np.zeros((0, 3)), np.zeros((0, 4), dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint8),
        {"value": np.zeros(0)},
    )  # fmt: skip
    path = builders["write_vtx"](tmp_path / "two.bp", [(1.0, [first, second]), (2.0, [first, second])])
    grid = read_grid(path)
    assert (grid.n_points, grid.n_cells) == (5, 2)
    order = [int(np.flatnonzero((grid.points == p).all(axis=1))[0]) for p in points]
    np.testing.assert_array_equal(grid["value"][order], [1.0, 2.0, 3.0, 4.0, 5.0])
    alone = read_vtx(builders["write_vtx"](tmp_path / "alone.bp", [(1.0, [first])]))
    with_idle_rank = read_vtx(builders["write_vtx"](tmp_path / "idle.bp", [(1.0, [first, empty])]))
    np.testing.assert_array_equal(with_idle_rank.cells, alone.cells)
    np.testing.assert_array_equal(with_idle_rank.point_data["value"], alone.point_data["value"])


def test_local_numbers_of_nodes_weld_nothing(tmp_path: Path, builders: dict[str, Callable[..., Any]]) -> None:
    points, cells = builders["tetrahedra"](1)
    left = builders["one_block"](points, cells, {"value": np.zeros(8)})
    right = builders["one_block"](points + np.array([1.0, 0.0, 0.0]), cells, {"value": np.ones(8)})
    step = read_vtx(builders["write_vtx"](tmp_path / "x.bp", [(0.0, [left, right])]))
    assert (len(step.points), len(step.cells)) == (16, 12)
    np.testing.assert_array_equal(step.point_data["value"], np.repeat([0.0, 1.0], 8))


def test_cell_fields(tmp_path: Path, builders: dict[str, Callable[..., Any]]) -> None:
    points, cells = builders["tetrahedra"](1)
    block = builders["one_block"](points, cells, {"stress": np.arange(6.0)})
    step = read_vtx(builders["write_vtx"](tmp_path / "x.bp", [(0.0, [block])], cell_fields=["stress"]))
    np.testing.assert_array_equal(step.cell_data["stress"], np.arange(6.0))
    assert step.with_point_field("stress").point_data["stress"].mean() == pytest.approx(2.5)


def test_wrong_files_are_explained(tmp_path: Path, builders: dict[str, Callable[..., Any]]) -> None:
    with pytest.raises(RunFolderError, match="does not exist"):
        read_vtx(tmp_path / "none.bp")
    (tmp_path / "text.bp").write_text("not a file of fields")
    with pytest.raises(RunFolderError, match=r"text\.bp"):
        read_vtx(tmp_path / "text.bp")
    at = builders["particle_in_box"](2)
    path = builders["write_vtx"](tmp_path / "one.bp", [(0.0, [at(0.0)])])
    with pytest.raises(RunFolderError, match=r"no step 4 \(it has 1\)"):
        read_vtx(path, 4)
