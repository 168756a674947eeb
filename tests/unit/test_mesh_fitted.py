"""Meshes fitted to touching spheres: closed forms of caps, facets and lattices, random packings, layers, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from ssbmech_mesh.arrangement import Arrangement
from ssbmech_mesh.dense import DensePacking
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.facets import CONTACT, OPEN, ContactLimits
from ssbmech_mesh.fitted import fitted_composite, mesh_fitted
from ssbmech_mesh.fitted_geometry import cut_balls
from ssbmech_mesh.fitted_packing import settled, well_placed
from ssbmech_mesh.quality import dihedral_angles
from ssbmech_mesh.report import MeshReport
from ssbmech_mesh.simplex import Floats, Ints, SimplexMesh
from ssbmech_mesh.specs import CompositeSpec, LayersSpec, MeshSizeSpec, read_spec

SIZE = MeshSizeSpec(interface=0.9)
RANDOM: dict[str, Any] = {
    "generator": "composite",
    "contact": {"smallest": 0.2},
    "box": [12.0, 12.0, 12.0],
    "particles": {"NCM811": {"diameter": {"median": 4.3, "sigma": 0.2, "minimum": 3.0, "maximum": 6.0}}},
    "matrix": "Li6PS5Cl",
    "volume_fraction": {"NCM811": 0.48},
    "mesh_size": {"interface": 1.0},
    "seed": 1,
}
# The CAD kernel keeps volumes and areas to about 1e-7 of themselves.
CAD = 1e-6


def pair(ratio: float = 0.3) -> tuple[Arrangement, float, float, float]:
    """Two spheres in a walled box, the contact radius a share of the smaller radius; radii and contact radius."""
    r1, r2 = 2.0, 1.5
    a = ratio * r2
    distance = float(np.sqrt(r1**2 - a**2) + np.sqrt(r2**2 - a**2))
    direction = np.array([2.0, 1.0, 2.0]) / 3.0
    first = np.array([2.7, 3.2, 2.7])
    centers = np.array([first, first + distance * direction])
    packing = DensePacking((8.0, 8.0, 8.0), False, centers, np.array([r1, r2]), ContactLimits(0.4, 0.2, 0.1))
    return Arrangement(("A",), np.zeros(2, dtype=np.int64), packing), r1, r2, a


def cap(radius: float, contact: float) -> float:
    """Volume of the cap beyond a facet of a contact radius."""
    h = radius - np.sqrt(radius**2 - contact**2)
    return float(np.pi * h**2 * (3.0 * radius - h) / 3.0)


def between(mesh: SimplexMesh, one: int, two: int) -> Ints:
    facet, pairs = mesh.interfaces()
    return facet[(pairs == (one, two)).all(axis=1)]


def check_quality(mesh: SimplexMesh) -> None:
    smallest = dihedral_angles(mesh).min(axis=1)
    assert mesh.volumes().min() > 0.0
    assert smallest.min() > 5.0
    assert np.count_nonzero(smallest < 10.0) < 1e-3 * len(smallest)


@pytest.fixture(scope="module")
def two() -> SimplexMesh:
    return mesh_fitted(pair()[0], "M", LayersSpec(), SIZE)[0]


def test_two_touching_spheres(two: SimplexMesh) -> None:
    made, r1, r2, a = pair()
    assert two.names == ["A_001", "A_002", "M"]
    volume = two.body_volumes()
    sphere = 4.0 / 3.0 * np.pi
    assert volume[0] == pytest.approx(sphere * r1**3 - cap(r1, a), rel=CAD)
    assert volume[1] == pytest.approx(sphere * r2**3 - cap(r2, a), rel=CAD)
    assert volume.sum() == pytest.approx(512.0, rel=1e-12)
    contact = between(two, 0, 1)
    assert two.facet_areas(contact).sum() == pytest.approx(np.pi * a**2, rel=CAD)
    normal = made.packing.centers[1] - made.packing.centers[0]
    normal /= np.linalg.norm(normal)
    height = (two.nodes[contact] - made.packing.centers[0]) @ normal
    assert height == pytest.approx(
        np.sqrt(r1**2 - a**2), abs=1e-6
    )  # flat: the tolerance of the CAD kernel is 1e-7
    check_quality(two)


def test_nodes_on_spheres(two: SimplexMesh) -> None:
    made, r1, _, _ = pair()
    surface = np.unique(between(two, 0, 2))
    distance = np.linalg.norm(two.nodes[surface] - made.packing.centers[0], axis=1)
    # Moves for the volume are h^2 / 8 r = 0.05 µm for edges of 0.9 µm, more where nodes of the ring stay.
    assert distance.min() > r1 - 1e-6
    assert distance.max() < r1 + 0.1


def test_small_contact_is_open() -> None:
    made, *_ = pair(0.15)
    mesh, notes = mesh_fitted(made, "M", LayersSpec(), SIZE)
    assert len(between(mesh, 0, 1)) == 0
    assert any(
        "contacts smaller than contact.smallest = 0.2" in note and note.endswith(": 1") for note in notes
    )
    check_quality(mesh)


def test_thin_gap_is_refused() -> None:
    made, *_ = pair(0.15)
    assert isinstance(made.packing, DensePacking)
    thin = replace(made.packing, limits=ContactLimits(0.4, 0.2, 0.01))
    with pytest.raises(MeshError, match=r"gaps of 0.01 µm .* contact.smallest_gap of at least 0.045 µm"):
        mesh_fitted(replace(made, packing=thin), "M", LayersSpec(), SIZE)


def test_same_twice(two: SimplexMesh) -> None:
    again, _ = mesh_fitted(pair()[0], "M", LayersSpec(), SIZE)
    assert np.array_equal(again.nodes, two.nodes)
    assert np.array_equal(again.cells, two.cells)


def test_simple_cubic_beyond_touching() -> None:
    given = RANDOM | {
        "contact": {},
        "box": [8.0, 8.0, 4.0],
        "particles": {"NCM811": {}},
        "volume_fraction": {"NCM811": 0.55},
        "arrangement": {"kind": "simple_cubic"},
        "mesh_size": {"interface": 1.2},
    }
    mesh, report = fitted_composite(read_spec(CompositeSpec, given))
    # One layer of four spheres: V = 4/3 pi r^3 - 6 caps in a cell of 4 µm; 8 contacts, 2 flat sides of each on walls.
    r = float(
        brentq(lambda x: 4.0 / 3.0 * np.pi * x**3 - 6.0 * cap(x, np.sqrt(x**2 - 4.0)) - 0.55 * 64.0, 2.0, 2.5)
    )
    disc = np.pi * (r**2 - 4.0)
    assert report.volume_fraction["NCM811"] == pytest.approx(0.55, abs=1e-6)
    assert report.interface_area["NCM811|NCM811"] == pytest.approx(8 * disc, rel=CAD)
    on_walls = sum(area_on(mesh, "NCM811", 2, z) for z in (0.0, 4.0))
    assert on_walls == pytest.approx(8 * disc, rel=0.2)  # octagons inside the circles
    check_quality(mesh)


def area_on(mesh: SimplexMesh, phase: str, axis: int, height: float) -> float:
    """Area of a phase on a face of the box."""
    assert mesh.table is not None
    facet, sides = mesh.facets()
    outer = (sides[:, 1] < 0) & (mesh.nodes[facet][:, :, axis] == height).all(axis=1)
    inside = mesh.table.of_phase(phase)[mesh.body[sides[:, 0]]]
    return float(mesh.facet_areas(facet[outer & inside]).sum())


@pytest.fixture(scope="module")
def packed() -> tuple[SimplexMesh, MeshReport]:
    return fitted_composite(read_spec(CompositeSpec, RANDOM))


def test_random_packing_volumes_and_areas(packed: tuple[SimplexMesh, MeshReport]) -> None:
    mesh, report = packed
    spheres = report.structure["spheres"]
    assert report.volume_fraction["NCM811"] == pytest.approx(0.48, abs=1e-3)
    assert mesh.volumes().sum() == pytest.approx(12.0**3, rel=1e-12)
    assert spheres["contacts"] > 20
    contact = spheres["contact_area"]["NCM811|NCM811"]
    # Slivers at edges of the box may be left out; the CAD areas are exact otherwise.
    assert report.interface_area["NCM811|NCM811"] == pytest.approx(contact, rel=1e-3)
    free = spheres["free_area"]["NCM811"]
    # A polyhedron of the volume of a ball has a larger surface: about 1 % with edges of half a radius.
    assert report.interface_area["NCM811|Li6PS5Cl"] == pytest.approx(free, rel=0.02)
    assert any("spheres were moved by up to" in note for note in report.notes)
    diameters = report.structure["diameters"]["NCM811"]
    assert diameters["scale"] == pytest.approx(1.0, abs=0.1)
    assert report.structure["percolation"]["Li6PS5Cl"]["spanning"] > 0.99
    check_quality(mesh)


def test_random_packing_meets_where_planes_say(packed: tuple[SimplexMesh, MeshReport]) -> None:
    mesh, _ = packed
    table = mesh.table
    assert table is not None
    _, pairs = mesh.interfaces()
    matrix = table.phases.index("Li6PS5Cl")
    met = np.unique(pairs[(pairs != matrix).all(axis=1)], axis=0)
    apart = np.linalg.norm(table.center[met[:, 0]] - table.center[met[:, 1]], axis=1)
    one, two = table.radius[met[:, 0]], table.radius[met[:, 1]]
    overlap = one + two - apart
    assert overlap.min() > 0.0
    height = 0.5 * (apart + (one**2 - two**2) / apart)
    assert np.sqrt(one**2 - height**2).min() > 0.2 * np.minimum(one, two).min()
    assert set(np.unique(mesh.body)) == set(range(len(table)))
    for axis in range(3):
        for end in (0.0, 12.0):
            total = sum(area_on(mesh, phase, axis, end) for phase in ("NCM811", "Li6PS5Cl"))
            assert total == pytest.approx(144.0, rel=1e-12)


def test_layers() -> None:
    made, *_ = pair()
    layers = LayersSpec.model_validate(
        {"separator": {"phase": "M", "thickness": 2.0}, "collector": {"phase": "Al", "thickness": 1.0}}
    )
    mesh, notes = mesh_fitted(made, "M", layers, SIZE)
    assert mesh.names == ["A_001", "A_002", "M", "Al"]
    assert mesh.nodes.min(axis=0).tolist() == [0.0, 0.0, 0.0]
    assert mesh.nodes.max(axis=0).tolist() == [8.0, 8.0, 11.0]
    volume = mesh.body_volumes()
    assert volume[3] == pytest.approx(64.0, rel=1e-9)
    assert volume.sum() == pytest.approx(64.0 * 11.0, rel=1e-12)
    assert mesh.facet_areas(between(mesh, 2, 3)).sum() == pytest.approx(64.0, rel=1e-9)
    assert mesh.table is not None
    assert mesh.table.center[0] == pytest.approx(made.packing.centers[0] + [0.0, 0.0, 2.0])
    assert "the separator of M and M in the composite are one body" in notes
    check_quality(mesh)


@pytest.mark.parametrize("phase", ["M", "Al"])
def test_flat_side_against_a_layer(phase: str) -> None:
    # A sphere of 2 µm whose centre lies 1.8 µm above the separator: flat there, pi (r^2 - h^2).
    centers, radii = np.array([[3.0, 3.0, 1.8]]), np.array([2.0])
    packing = DensePacking((6.0, 6.0, 6.0), False, centers, radii, ContactLimits())
    made = Arrangement(("A",), np.zeros(1, dtype=np.int64), packing)
    layers = LayersSpec.model_validate({"separator": {"phase": phase, "thickness": 1.0}})
    mesh, _ = mesh_fitted(made, "M", layers, SIZE)
    a = float(np.sqrt(4.0 - 1.8**2))
    assert mesh.body_volumes()[0] == pytest.approx(4.0 / 3.0 * np.pi * 8.0 - cap(2.0, a), rel=CAD)
    facet = between(mesh, 0, mesh.names.index(phase))
    flat = (np.abs(mesh.nodes[facet][:, :, 2] - 1.0) < 1e-6).all(axis=1)
    assert mesh.facet_areas(facet[flat]).sum() == pytest.approx(np.pi * a**2, rel=0.15)  # an octagon
    check_quality(mesh)


def test_number_of_cells() -> None:
    mesh, _ = mesh_fitted(pair()[0], "M", LayersSpec(), MeshSizeSpec(cells=6000))
    assert len(mesh.cells) == pytest.approx(6000, rel=0.15)


def settled_packing() -> tuple[DensePacking, DensePacking]:
    """Eight spheres on a jittered grid, before and after."""
    random = np.random.default_rng(3)
    grid = np.stack(np.meshgrid([2.0, 5.85], [2.0, 5.85], [2.2, 6.1], indexing="ij"), axis=-1).reshape(-1, 3)
    packing = DensePacking(
        (7.7, 7.7, 8.3),
        True,
        grid + 0.08 * random.standard_normal(grid.shape),
        np.full(8, 2.0),
        ContactLimits(0.35, 0.2, 0.2),
    )
    share = np.array([packing.volume_fraction])
    return packing, settled(packing, share, np.zeros(8, dtype=np.int64))


def test_settled_contacts_are_clear() -> None:
    before, after = settled_packing()
    assert after.volume_fraction == pytest.approx(before.volume_fraction, abs=1e-4)
    counts = [np.bincount(p.planes().kind[p.planes().other >= 0], minlength=3) for p in (before, after)]
    assert counts[0][OPEN] > 4
    assert counts[1][OPEN] <= 2
    assert counts[1][CONTACT] > counts[0][CONTACT]
    move = after.centers - before.centers
    move[:, :2] -= 7.7 * np.rint(move[:, :2] / 7.7)
    assert np.linalg.norm(move, axis=1).max() < 0.5


def test_well_placed_keeps_the_packing() -> None:
    _, packing = settled_packing()
    moved = well_placed(packing)
    shift = np.mod(moved.centers - packing.centers + 1e-9, [7.7, 7.7, 8.3])
    assert shift == pytest.approx(np.tile(shift[0], (8, 1)), abs=1e-7)
    assert shift[0, 2] == pytest.approx(0.0, abs=1e-7)
    away = np.minimum(moved.centers[:, :2], 7.7 - moved.centers[:, :2])
    assert np.abs(away / 2.0 - 1.0).min() > 0.1  # no face of the box grazes a sphere


def test_cut_balls_have_no_specks() -> None:
    balls = cut_balls(settled_packing()[0])
    cut_open = balls.planes.kind == OPEN
    disc: Floats = np.sqrt(4.0 - balls.planes.offset[cut_open] ** 2)
    assert disc.min(initial=np.inf) > 0.15 * 2.0


def test_overlapping_spheres_are_always_cut() -> None:
    # Contact radius 0.075 µm, cut 0.01 µm below: circles of 0.21 µm, a tenth of the radius, but without them spheres overlap.
    made, *_ = pair(0.05)
    assert isinstance(made.packing, DensePacking)
    balls = cut_balls(replace(made.packing, limits=ContactLimits(0.4, 0.2, 0.02)))
    assert balls.planes.kind.tolist() == [OPEN, OPEN]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"additives": {"C65": {"size": 0.5}}}, "microstructure.additives: a mesh fitted to spheres"),
        ({"section": {"normal": "y", "position": 3.0}}, "microstructure.section"),
        (
            {"particles": {"NCM811": RANDOM["particles"]["NCM811"] | {"grains": {"texture": "single"}}}},
            "microstructure.grains",
        ),
        (
            {
                "particles": {
                    "NCM811": RANDOM["particles"]["NCM811"]
                    | {"shape": {"kind": "ellipsoid", "aspect": [1, 2]}}
                }
            },
            "microstructure.shape",
        ),
    ],
)
def test_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(MeshError, match=said):
        fitted_composite(read_spec(CompositeSpec, RANDOM | change))


def test_listed_spheres_stay(tmp_path: Path) -> None:
    path = tmp_path / "two.txt"
    path.write_text("3 3 3 4\n3 3 6.8 4\n")
    given = RANDOM | {
        "box": [6.0, 6.0, 9.6],
        "particles": {"NCM811": {}},
        "volume_fraction": None,
        "arrangement": {"kind": "file", "file": str(path)},
        "boundary": "walls",
    }
    mesh, _ = fitted_composite(read_spec(CompositeSpec, given))
    assert mesh.table is not None
    assert mesh.table.center[:2].tolist() == [[3.0, 3.0, 3.0], [3.0, 3.0, 6.8]]
    assert mesh.facet_areas(between(mesh, 0, 1)).sum() == pytest.approx(np.pi * (4.0 - 1.9**2), rel=CAD)
