"""Meshes of packings: volumes, faces, names, quality, and the report about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssbmech_mesh import MeshError, MeshReport, SimplexMesh, generate, read_msh
from ssbmech_mesh.cuts import seam_rotation
from ssbmech_mesh.packing import Packing
from ssbmech_mesh.spec import MicrostructureSpec
from ssbmech_mesh.spheres import mesh_packing

QUICK: dict[str, Any] = {
    "generator": "spheres",
    "box": [12.0, 12.0, 14.0],
    "particles": "NCM811",
    "matrix": "Li6PS5Cl",
    "composition": {
        "weight_percent": {"NCM811": 70.0, "Li6PS5Cl": 30.0},
        "density": {"NCM811": 4780.0, "Li6PS5Cl": 1870.0},
    },
    "diameter": {"distribution": "lognormal", "minimum": 3.0, "maximum": 6.0, "median": 4.3, "sigma": 0.2},
    "minimum_gap": 0.2,
    "seed": 1,
    "mesh_size": {"interface": 1.2, "bulk": 1.6, "neck": 3.0},
    "boundary": "periodic",
}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[MeshReport, SimplexMesh]:
    path = tmp_path_factory.mktemp("mesh") / "quick.msh"
    return generate(QUICK, path), read_msh(path)


def test_volume_fractions_as_asked(quick: tuple[MeshReport, SimplexMesh]) -> None:
    report, mesh = quick
    asked = report.asked
    assert asked["NCM811"] == pytest.approx(0.4772, abs=1e-4)
    assert report.volume_fraction["NCM811"] == pytest.approx(asked["NCM811"], abs=1e-4)
    assert sum(report.volume_fraction.values()) == pytest.approx(1.0, rel=1e-12)
    assert mesh.volumes().sum() == pytest.approx(12.0 * 12.0 * 14.0, rel=1e-12)


def test_names_and_bodies(quick: tuple[MeshReport, SimplexMesh]) -> None:
    report, mesh = quick
    pieces = report.bodies - 1
    assert mesh.names == [f"NCM811_{k:03d}" for k in range(1, pieces + 1)] + ["Li6PS5Cl"]
    assert pieces > report.particles >= 20
    _, pair = mesh.interfaces()
    assert np.all(pair[:, 1] == pieces)  # particles meet the matrix only
    assert set(np.unique(pair[:, 0])) == set(range(pieces))


def test_box_is_exact(quick: tuple[MeshReport, SimplexMesh]) -> None:
    _, mesh = quick
    assert np.array_equal(mesh.nodes.min(axis=0), [0.0, 0.0, 0.0])
    assert np.array_equal(mesh.nodes.max(axis=0), [12.0, 12.0, 14.0])
    facet, sides = mesh.facets()
    skin = facet[sides[:, 1] < 0]
    areas = mesh.facet_areas(skin)
    for axis, face in ((0, 168.0), (1, 168.0), (2, 144.0)):
        for wall in (0.0, QUICK["box"][axis]):
            on = np.all(mesh.nodes[skin][:, :, axis] == wall, axis=1)
            assert areas[on].sum() == pytest.approx(face, rel=1e-12)


def test_quality(quick: tuple[MeshReport, SimplexMesh]) -> None:
    report, mesh = quick
    assert mesh.volumes().min() > 0.0
    assert report.quality.minimum_angle > 5.0
    assert report.quality.cells_below_10_degrees <= 0.001 * report.cells
    assert report.quality.maximum_angle < 175.0


def test_report_is_plain_data(quick: tuple[MeshReport, SimplexMesh]) -> None:
    report, mesh = quick
    again = json.loads(json.dumps(report.as_dict()))
    assert again["cells"] == len(mesh.cells)
    assert again["structure"]["smallest_gap"] >= 0.2
    assert sum(again["body_nodes"].values()) == mesh.body_nodes()
    sizes = again["structure"]["diameters"]["NCM811"]["achieved"]
    assert 3.0 <= sizes["D10"] <= sizes["D50"] <= sizes["D90"] <= 6.0
    assert "asked 47.72" in report.table()


def test_same_seed_same_mesh(quick: tuple[MeshReport, SimplexMesh], tmp_path: Path) -> None:
    _, mesh = quick
    generate(QUICK, tmp_path / "again.msh")
    again = read_msh(tmp_path / "again.msh")
    assert np.array_equal(mesh.nodes, again.nodes)
    assert np.array_equal(mesh.cells, again.cells)


def meshed(interface: float, centers: list[list[float]], radii: list[float]) -> SimplexMesh:
    spec = MicrostructureSpec.from_dict(QUICK | {"mesh_size": {"interface": interface}})
    packing = Packing((6.0, 6.0, 6.0), True, np.array(centers), np.array(radii))
    return mesh_packing(packing, spec)


def test_pieces_of_a_cut_sphere_have_their_exact_volumes() -> None:
    """A sphere across a face: two caps of pi h^2 (3 r - h) / 3; one on a vertical edge: four equal quarters."""
    mesh = meshed(0.5, [[0.6, 3.0, 1.7], [6.0, 6.0, 4.4]], [1.5, 1.2])
    volume = np.sort(mesh.body_volumes()[:-1])
    quarter = 4.0 / 3.0 * np.pi * 1.2**3 / 4.0
    small, large = (np.pi * h**2 * (4.5 - h) / 3.0 for h in (0.9, 2.1))
    assert volume == pytest.approx(sorted([quarter] * 4 + [small, large]), rel=1e-5)


def test_interface_area_converges() -> None:
    exact = 4.0 * np.pi * 2.0**2
    missing = []
    for h in (1.0, 0.5):
        mesh = meshed(h, [[3.0, 3.0, 3.0]], [2.0])
        missing.append(abs(float(mesh.facet_areas(mesh.interfaces()[0]).sum()) / exact - 1.0))
    assert missing[0] < 0.03
    assert missing[1] < 0.4 * missing[0]


def test_seam_is_left_alone_where_no_face_cuts() -> None:
    box = np.array([10.0, 10.0, 10.0])
    random = np.random.default_rng(1)
    assert seam_rotation(np.array([5.0, 5.0, 5.0]), 2.0, box, random) is None
    assert seam_rotation(np.array([0.5, 5.0, 5.0]), 2.0, box, random) is not None


def test_unknown_generator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match="did you mean spheres"):
        generate(QUICK | {"generator": "sphere"}, tmp_path / "x.msh")
