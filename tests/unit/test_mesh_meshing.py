"""Structures to meshes: known volumes and areas, pores, small pieces, necks, sections, the number of cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ssbmech_mesh.bodies import plain_table
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.meshing import mesh_structure
from ssbmech_mesh.quality import corner_angles, gamma, quality
from ssbmech_mesh.simplex import SimplexMesh
from ssbmech_mesh.small_pieces import merge_small
from ssbmech_mesh.specs import MeshSizeSpec
from ssbmech_mesh.structure import Structure

Triple = tuple[float, float, float]


def grid(shape: tuple[int, int, int], voxel: Triple) -> NDArray[np.float64]:
    """Centres of voxels, (3, nx, ny, nz)."""
    axes = [(np.arange(n) + 0.5) * h for n, h in zip(shape, voxel, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"))


def structure(
    labels: NDArray[np.integer], voxel: Triple, phases: list[str], void: tuple[str, ...] = ()
) -> Structure:
    """Bodies SE, NCM_1, …; NCM are particles."""
    names = [phase if phases.count(phase) == 1 else f"{phase}_{k}" for k, phase in enumerate(phases)]
    table = plain_table(names, phases)
    particle = np.array([k if phase == "NCM" else -1 for k, phase in enumerate(phases)])
    return Structure(labels.astype(np.int32), voxel, replace(table, particle=particle), void)


def ball(voxel: Triple, radius: float, side: float = 4.0) -> Structure:
    n = [round(side / h) for h in voxel]
    place = grid((n[0], n[1], n[2]), voxel) - side / 2.0
    return structure(1 + (np.sum(place**2, axis=0) < radius**2), voxel, ["SE", "NCM"])


def interface(mesh: SimplexMesh) -> float:
    return float(mesh.facet_areas(mesh.interfaces()[0]).sum())


def assert_fills(mesh: SimplexMesh, box: Triple) -> None:
    """Boundary facets lie on the faces of the box, to the last bit, and cover these."""
    facet, sides = mesh.facets()
    outer = facet[sides[:, 1] < 0]
    d = mesh.dimension
    corner = mesh.nodes[outer][..., :d]
    on_face = np.concatenate(
        [np.all(corner == 0.0, axis=1), np.all(corner == np.array(box[:d]), axis=1)], axis=1
    )
    assert np.all(on_face.sum(axis=1) == 1)
    assert mesh.volumes().min() > 0.0
    assert mesh.volumes().sum() == pytest.approx(np.prod(box[:d]), rel=1e-12)


@pytest.mark.parametrize("voxel", [(0.1, 0.1, 0.1), (0.1, 0.1, 0.25), (0.08, 0.2, 0.125)])
def test_ball_with_voxels_of_any_shape(voxel: Triple) -> None:
    given = ball(voxel, 1.4)
    mesh, _ = mesh_structure(given, MeshSizeSpec(interface=0.4))
    assert_fills(mesh, given.box)
    # the steering ends within 0.3 % of the image; the image itself is within 0.7 % of the ball: together 1.003 * 1.007
    assert mesh.body_volumes() == pytest.approx(given.volumes(), rel=0.003)
    assert mesh.body_volumes()[1] == pytest.approx(4.0 / 3.0 * np.pi * 1.4**3, rel=0.0101)
    # facets cut the corners off (-1 %) and stay bent where a cell would become flat (+4 %)
    assert interface(mesh) == pytest.approx(4.0 * np.pi * 1.4**2, rel=0.05)
    assert quality(mesh).minimum_angle >= 12.0 - 1e-6
    assert quality(mesh).maximum_angle <= 168.0 + 1e-6
    assert mesh.table is not None and mesh.table.names == ("SE", "NCM") and mesh.names == ["SE", "NCM"]


def test_halves_meet_in_the_plane() -> None:
    """The plane z = 2 is one of the lattice: nothing may move off it."""
    labels = np.ones((20, 20, 20), int)
    labels[:, :, 10:] = 2
    mesh, notes = mesh_structure(structure(labels, (0.2,) * 3, ["SE", "NCM"]), MeshSizeSpec(interface=0.5))
    assert mesh.body_volumes() == pytest.approx([32.0, 32.0], rel=1e-6)  # single precision of the weights
    assert interface(mesh) == pytest.approx(16.0, rel=1e-6)
    assert notes == ()


def test_polycrystal_of_cubes() -> None:
    """Nearest seeds on a cubic lattice: 27 cubes of 8 µm^3 that meet in planes, lines and points of eight."""
    side = np.arange(3) * 2.0 + 1.0
    seeds = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
    points = grid((48, 48, 48), (0.125,) * 3)
    labels = cKDTree(seeds).query(points.reshape(3, -1).T)[1].reshape(48, 48, 48) + 1
    mesh, notes = mesh_structure(structure(labels, (0.125,) * 3, ["NCM"] * 27), MeshSizeSpec(interface=0.5))
    assert_fills(mesh, (6.0, 6.0, 6.0))
    assert mesh.body_volumes() == pytest.approx(np.full(27, 8.0), rel=0.01)
    assert interface(mesh) == pytest.approx(6 * 36.0, rel=0.03)
    assert not any("pieces" in note for note in notes)


def test_pores_and_what_hangs_in_them() -> None:
    labels = np.ones((40, 40, 40), int)
    radius = np.linalg.norm(grid((40, 40, 40), (0.1,) * 3) - 2.0, axis=0)
    labels[radius < 1.5] = 2
    labels[radius < 0.8] = 3
    given = structure(labels, (0.1,) * 3, ["SE", "pore", "NCM"], void=("pore",))
    mesh, notes = mesh_structure(given, MeshSizeSpec(interface=0.3))
    assert mesh.names == ["SE"] and mesh.table is not None and mesh.table.names == ("SE",)
    assert mesh.body_volumes() == pytest.approx([64.0 - 4.0 / 3.0 * np.pi * 1.5**3], rel=0.01)
    assert len(np.unique(mesh.cells)) == len(mesh.nodes)
    assert any("1 piece of solid" in note and "100 % of NCM" in note for note in notes)


def test_solid_that_pores_cut_in_two() -> None:
    labels = np.ones((16, 16, 32), int)
    labels[:, :, 18:24] = 2
    given = structure(labels, (0.25,) * 3, ["SE", "pore"], void=("pore",))
    mesh, notes = mesh_structure(given, MeshSizeSpec(interface=0.5))
    assert mesh.volumes().sum() == pytest.approx(16 * 4.5, rel=0.01)  # the larger part stays
    assert any("30.8 % of SE" in note for note in notes)  # 8 of 26 layers


def test_small_pieces_go_to_their_kin() -> None:
    """A crumb of particle 1 in particle 2 goes to its own particle where it touches it, a crumb of SE to what is around."""
    labels = np.ones((24, 24, 24), int)
    labels[4:20, 4:20, 4:12] = 2
    labels[4:20, 4:20, 12:20] = 3
    labels[8, 8, 12] = 4  # touches 2 by one face and 3 by five
    labels[15, 15, 15] = 1
    given = structure(labels, (0.25,) * 3, ["SE", "NCM", "NCM", "NCM"])
    given = replace(given, bodies=replace(given.bodies, particle=np.array([-1, 1, 2, 1])))
    merged = merge_small(given, 0.02)
    assert merged.structure.labels[8, 8, 12] == 2 and merged.structure.labels[15, 15, 15] == 3
    assert (merged.pieces, merged.volume) == (2, 2 * 0.25**3) and merged.vanished == ("NCM_3",)
    assert len(merged.structure.bodies) == 3
    assert merge_small(given, 0.015).pieces == 0  # as large as a voxel is large enough
    mesh, notes = mesh_structure(given, MeshSizeSpec(interface=0.5))
    assert mesh.names == ["SE", "NCM_1", "NCM_2"]
    assert any("2 pieces" in note and "NCM_3 vanished" in note for note in notes)


def test_chains_of_small_pieces_end_in_one_body() -> None:
    labels = np.ones((4, 4, 12), int)
    labels[:, :, 6:] = np.arange(2, 8)  # slices, each smaller than asked
    merged = merge_small(structure(labels, (1.0,) * 3, ["SE"] * 7), 20.0)
    volumes = merged.structure.volumes()
    assert volumes.min() >= 20.0 and volumes.sum() == 192.0


def test_body_without_a_cell_is_merged() -> None:
    """A rod wide enough for its volume to count, and too thin for a centroid to lie in it."""
    labels = np.ones((32, 32, 32), int)
    labels[3, 3, :] = 2
    mesh, notes = mesh_structure(structure(labels, (0.1,) * 3, ["SE", "NCM"]), MeshSizeSpec(interface=0.5))
    assert mesh.names == ["SE"] and any("NCM vanished" in note for note in notes)


def test_necks_get_edges_in_proportion() -> None:
    """A gap of 0.3 µm between two particles, a third of the interface size: the finest edges that a neck gets."""
    labels = np.full((40, 40, 40), 2, int)
    labels[:, :, 20:] = 3
    labels[:, :, 18:21] = 1
    given = structure(labels, (0.1,) * 3, ["SE", "NCM", "NCM"])
    coarse, said = mesh_structure(given, MeshSizeSpec(interface=0.9))
    fine, notes = mesh_structure(given, MeshSizeSpec(interface=0.9, neck=1.0))
    assert any("100 % of the volume of SE is narrower" in note for note in said)
    assert not any("narrower" in note for note in notes)
    within = fine.body == fine.names.index("SE")
    longest = fine.nodes[fine.cells[within]]
    edge = np.linalg.norm(longest[:, :, None] - longest[:, None], axis=-1).max(axis=(1, 2))
    assert np.median(edge) < 1.5 * 0.3  # a longest edge is up to 1.25 times the wanted one before nodes move
    assert len(fine.cells) > 4 * len(coarse.cells)
    assert fine.body_volumes()[0] == pytest.approx(0.3 * 16.0, rel=0.01)


@pytest.mark.parametrize("asked", [20_000, 60_000])
def test_number_of_cells(asked: int) -> None:
    given = ball((0.1,) * 3, 1.4)
    mesh, notes = mesh_structure(given, MeshSizeSpec(cells=asked))
    assert len(mesh.cells) == pytest.approx(asked, rel=0.06)
    assert f"{asked} cells were asked for" in notes[0]


def test_section() -> None:
    """A disc: area and perimeter; triangles fill the rectangle."""
    n = 80
    x, y = grid((n, n, 1), (0.05, 0.05, 1.0))[:2, :, :, 0] - 2.0
    labels = (1 + (x**2 + y**2 < 1.3**2))[:, :, None]
    given = structure(labels, (0.05, 0.05, 1.0), ["SE", "NCM"])
    mesh, notes = mesh_structure(given, MeshSizeSpec(interface=0.2))
    assert mesh.dimension == 2 and mesh.nodes.shape[1] == 3 and np.all(mesh.nodes[:, 2] == 0.0)
    assert_fills(mesh, given.box)
    assert notes == ()
    assert mesh.body_volumes()[1] == pytest.approx(np.pi * 1.3**2, rel=0.005)
    assert interface(mesh) == pytest.approx(2.0 * np.pi * 1.3, rel=0.02)
    found = quality(mesh)
    assert found.minimum_angle >= 20.0 - 1e-6 and found.maximum_angle <= 140.0 + 1e-6
    mesh, _ = mesh_structure(given, MeshSizeSpec(cells=3000))
    assert len(mesh.cells) == pytest.approx(3000, rel=0.06)


def test_figures_of_triangles() -> None:
    nodes = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0.5, np.sqrt(0.75), 0]], dtype=float)
    mesh = SimplexMesh(nodes, np.array([[0, 1, 2], [0, 1, 3]]), np.zeros(2, np.int64), ["a"])
    assert np.sort(corner_angles(mesh)[0]) == pytest.approx([45.0, 45.0, 90.0])
    # of the right triangle: 2 r / R = 2 (1 - 1/√2) / (1/√2)
    assert gamma(mesh) == pytest.approx([2.0 * (np.sqrt(2.0) - 1.0), 1.0])


def test_same_structure_same_mesh() -> None:
    given = ball((0.2,) * 3, 1.4)
    first, second = (mesh_structure(given, MeshSizeSpec(cells=5000)) for _ in range(2))
    assert np.array_equal(first[0].nodes, second[0].nodes) and np.array_equal(first[0].cells, second[0].cells)
    assert first[1] == second[1]


@pytest.mark.parametrize(
    ("size", "void", "message"),
    [
        (MeshSizeSpec(), (), "interface.*or cells"),
        (MeshSizeSpec(interface=0.4, cells=1000), (), "interface.*or cells"),
        (MeshSizeSpec(interface=0.4, bulk=0.2), (), "no larger than bulk"),
        (MeshSizeSpec(interface=0.4), ("SE", "NCM"), "nothing but pores"),
    ],
)
def test_refusals(size: MeshSizeSpec, void: tuple[str, ...], message: str) -> None:
    with pytest.raises(MeshError, match=message):
        mesh_structure(replace(ball((0.4,) * 3, 1.4), void=void), size)
