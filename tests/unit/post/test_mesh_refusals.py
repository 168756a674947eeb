"""Mesh files that cannot be pictured are refused, and say why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssbmech_post.errors import RunFolderError
from ssbmech_post.mesh_input import read_mesh
from ssbmech_post.mesh_view import preview


def _untagged(path: Path) -> None:
    import meshio

    points = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], dtype=float)
    meshio.write(path, meshio.Mesh(points, [("tetra", np.array([[0, 1, 2, 3]]))]), file_format="gmsh")


def _points(path: Path) -> None:
    import meshio

    meshio.write(path, meshio.Mesh(np.eye(3), [("vertex", np.array([[0]]))]), file_format="gmsh")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.write_text("no mesh"), "meshio"),
        (_untagged, "no physical groups"),
        (_points, "only tetrahedra and triangles"),
    ],
    ids=["missing", "text", "untagged", "points"],
)
def test_what_is_no_mesh_is_refused(make: Callable[[Path], None], problem: str, tmp_path: Path) -> None:
    make(tmp_path / "m.msh")
    with pytest.raises(RunFolderError, match=problem):
        preview(tmp_path / "m.msh", tmp_path / "m.png")
    assert not (tmp_path / "m.png").exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda table: "{", "is no JSON"),
        (lambda table: "[1]", "no JSON object"),
        (lambda table: {"bodies": [1, 2]}, "no table of bodies"),
        (lambda table: {"bodies": {k: v for k, v in table.items() if k != "frame"}}, "lacks frame"),
        (lambda table: {"bodies": {**table, "center": [[1, 2], [3, 4]]}}, "center is not 2 x 3 numbers"),
        (lambda table: {"bodies": {**table, "radius": [1.0, "wide"]}}, "radius is not 2 numbers"),
        (
            lambda table: {"bodies": {**table, "names": ["NCM811_001", "Other"]}},
            "no entry for the body 'Li6PS5Cl'",
        ),
        (lambda table: {"bodies": {**table, "phases": ["NCM811"]}}, "phases has 1 entries for 2 names"),
    ],
    ids=["no_json", "list", "no_table", "key", "shape", "text", "names", "phases"],
)
def test_malformed_tables_are_refused(
    change: Callable[[dict[str, Any]], Any], problem: str, crystal: Path, tmp_path: Path
) -> None:
    (tmp_path / "m.msh").write_bytes(crystal.read_bytes())
    table = json.loads(crystal.with_suffix(".bodies.json").read_text())["bodies"]
    changed = change(table)
    (tmp_path / "m.bodies.json").write_text(changed if isinstance(changed, str) else json.dumps(changed))
    with pytest.raises(RunFolderError, match=problem) as caught:
        preview(tmp_path / "m.msh", tmp_path / "m.png")
    assert "m.bodies.json" in str(caught.value) and "write the mesh again" in str(caught.value)


def test_xdmf_without_its_data_is_refused(crystal: Path, tmp_path: Path) -> None:
    lonely = tmp_path / "crystal.xdmf"
    lonely.write_bytes(crystal.with_suffix(".xdmf").read_bytes())
    with pytest.raises(RunFolderError, match=r"crystal\.h5 are not beside it"):
        read_mesh(lonely)
    lonely.with_suffix(".h5").write_text("no HDF5")
    with pytest.raises(RunFolderError, match="cannot be read"):
        read_mesh(lonely)
    lonely.write_text("<Xdmf>")
    with pytest.raises(RunFolderError, match="is no XDMF"):
        read_mesh(lonely)


def test_other_endings_and_colours_are_refused(sphere: Path, tmp_path: Path) -> None:
    (tmp_path / "m.vtk").write_text("")
    with pytest.raises(RunFolderError, match=r"ends in \.msh or \.xdmf"):
        preview(tmp_path / "m.vtk", tmp_path / "m.png")
    with pytest.raises(RunFolderError, match="body, phase, orientation, texture, quality"):
        preview(sphere, tmp_path / "m.png", colour="stress")  # type: ignore[arg-type]
    for colour in ("orientation", "texture"):
        with pytest.raises(RunFolderError, match="no body has a crystal frame"):
            preview(sphere, tmp_path / "m.png", colour=colour)  # type: ignore[arg-type]


def test_a_drawing_process_that_dies_is_reported(
    sphere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ssbmech_post.mesh_render.sys.executable", "/bin/false")
    with pytest.raises(RunFolderError, match="OpenGL could not draw: the drawing process ended with code 1"):
        preview(sphere, tmp_path / "m.png")
