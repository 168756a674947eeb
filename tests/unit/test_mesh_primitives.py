"""Small meshes with exact answers, and the gmsh file format there and back."""

from __future__ import annotations

from math import pi
from pathlib import Path

import meshio
import numpy as np
import pytest

from ssbmech_mesh import MeshError, SimplexMesh, read_msh
from ssbmech_mesh.primitives import concentric_octant, layered_block, sphere_in_box
from ssbmech_mesh.quality import dihedral_angles, gamma


def test_octant_volumes_are_exact_when_asked(tmp_path: Path) -> None:
    mesh = concentric_octant(tmp_path / "o.msh", 1.0, 2.0, [0.3, 0.2, 0.5])
    assert mesh.names == ["core", "shell"]
    assert mesh.body_volumes() == pytest.approx([pi / 6.0, 7.0 * pi / 6.0], rel=1e-12)
    assert mesh.volumes().min() > 0.0


def test_octant_converges_at_second_order_with_nodes_on_the_spheres(tmp_path: Path) -> None:
    missing = []
    for h in (0.4, 0.2):
        mesh = concentric_octant(tmp_path / "o.msh", 1.0, None, [h, h], exact_volume=False)
        outer = mesh.nodes[np.unique(mesh.surfaces["outer"])]
        assert np.linalg.norm(outer, axis=1) == pytest.approx(1.0, rel=1e-9)
        missing.append(1.0 - float(mesh.volumes().sum()) / (pi / 6.0))
    assert missing[0] > missing[1] > 0.0
    assert missing[0] / missing[1] == pytest.approx(4.0, rel=0.3)


def test_octant_flat_faces_are_flat(tmp_path: Path) -> None:
    mesh = concentric_octant(tmp_path / "o.msh", 1.0, 2.0, [0.4, 0.3, 0.6])
    assert mesh.nodes.min() == 0.0
    facet, sides = mesh.facets()
    skin = facet[sides[:, 1] < 0]
    flat = np.zeros(len(skin), dtype=bool)
    for axis in range(3):
        flat |= np.all(mesh.nodes[skin][:, :, axis] == 0.0, axis=1)
    assert mesh.facet_areas(skin[flat]).sum() == pytest.approx(3.0 * pi * 4.0 / 4.0, rel=0.03)
    assert len(skin) - flat.sum() == len(mesh.surfaces["outer"])


def test_sphere_in_box(tmp_path: Path) -> None:
    mesh = sphere_in_box(tmp_path / "s.msh", 1.0, [3.0, 4.0, 5.0], [0.25, 0.8])
    assert mesh.volumes().sum() == pytest.approx(60.0, rel=1e-12)
    assert mesh.body_volumes()[0] == pytest.approx(4.0 * pi / 3.0, rel=1e-12)
    facet, pair = mesh.interfaces()
    assert np.all(pair == [0, 1])
    assert mesh.facet_areas(facet).sum() == pytest.approx(4.0 * pi, rel=0.02)


def test_layers_in_three_dimensions(tmp_path: Path) -> None:
    mesh = layered_block(tmp_path / "l.msh", (2.0, 3.0), (1.0, 2.0), ("lower", "upper"), (2, 3, [2, 4]))
    assert len(mesh.cells) == 2 * 3 * 6 * 6
    assert mesh.body_volumes() == pytest.approx([6.0, 12.0], rel=1e-14)
    facet, _ = mesh.interfaces()
    assert mesh.facet_areas(facet).sum() == pytest.approx(6.0, rel=1e-14)
    assert np.all(mesh.nodes[facet][:, :, 2] == 1.0)
    assert mesh.body_nodes() == 3 * 4 * (3 + 5)


def test_layers_in_two_dimensions(tmp_path: Path) -> None:
    mesh = layered_block(tmp_path / "l.msh", (2.0,), (1.0, 2.0, 1.0), ("a", "b", "a"), (2, 3))
    assert mesh.dimension == 2
    assert mesh.names == ["a", "b"]
    assert mesh.body_volumes() == pytest.approx([4.0, 4.0], rel=1e-14)
    facet, _ = mesh.interfaces()
    assert mesh.facet_areas(facet).sum() == pytest.approx(4.0, rel=1e-14)


def test_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "o.msh"
    mesh = concentric_octant(path, 1.0, 2.0, [0.5, 0.4, 0.7])
    again = read_msh(path)
    assert again.names == mesh.names
    assert again.body_volumes() == pytest.approx(mesh.body_volumes(), rel=1e-14)
    assert len(again.surfaces["outer"]) == len(mesh.surfaces["outer"])
    other = meshio.read(path)
    assert set(other.field_data) == {"core", "shell", "outer"}
    assert sum(len(block.data) for block in other.cells if block.type == "tetra") == len(mesh.cells)


def test_measures_of_known_tetrahedra() -> None:
    regular = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])
    corner = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    cells = np.arange(8).reshape(2, 4)
    mesh = SimplexMesh(np.concatenate([regular, corner]), cells, np.zeros(2, dtype=np.int64), ["body"])
    angles = np.sort(dihedral_angles(mesh), axis=1)
    assert angles[0] == pytest.approx(np.full(6, np.degrees(np.arccos(1.0 / 3.0))))
    assert angles[1] == pytest.approx([*[np.degrees(np.arctan(np.sqrt(2.0)))] * 3, 90.0, 90.0, 90.0])
    assert gamma(mesh)[0] == pytest.approx(1.0)
    assert gamma(mesh)[1] == pytest.approx(3.0 * (3.0 - np.sqrt(3.0)) / 6.0 / (np.sqrt(3.0) / 2.0))


def test_what_makes_no_mesh_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match="0 < a < b"):
        concentric_octant(tmp_path / "x.msh", 2.0, 1.0, [0.1, 0.1, 0.1])
    with pytest.raises(MeshError, match="does not fit"):
        sphere_in_box(tmp_path / "x.msh", 2.0, [3.0, 5.0, 5.0], [0.3, 0.6])
    with pytest.raises(MeshError, match="name, height and count"):
        layered_block(tmp_path / "x.msh", (1.0, 1.0), (1.0, 1.0), ("a",), (1, 1, 1))
    with pytest.raises(MeshError, match="no such file"):
        read_msh(tmp_path / "absent.msh")
