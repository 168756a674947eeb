"""Pictures of meshes against meshes whose sections, colours and angles are known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.typing import NDArray

from ssbmech_mesh.primitives import concentric_octant, layered_block
from ssbmech_post.errors import RunFolderError
from ssbmech_post.mesh_colours import (
    AXIS_CORNERS,
    NEUTRAL,
    axis_colours,
    axis_key,
    body_colours,
    mapped,
    oklch,
    phase_colours,
    texture_angles,
)
from ssbmech_post.mesh_input import Bodies, TaggedMesh, read_mesh
from ssbmech_post.mesh_render import Photograph, projected, shaded
from ssbmech_post.mesh_scene import box_lines, cut_at, cutaway, edges_of, facets, is_box, plane, skin
from ssbmech_post.mesh_view import DPI, panel, preview

Array = NDArray[Any]
RADIUS, BOX = 3.0, 8.0  # of the fixtures sphere and crystal


def tagged(points: Any, cells: Any, body: Any, names: tuple[str, ...], phases: tuple[str, ...]) -> TaggedMesh:
    n = len(names)
    bodies = Bodies(
        names,
        phases,
        np.where([name != phase for name, phase in zip(names, phases, strict=True)], np.arange(n), -1),
        np.full(n, -1),
        np.full((n, 3), np.nan),
        np.full(n, np.nan),
        np.full((n, 3, 3), np.nan),
    )
    return TaggedMesh(
        Path("made.msh"), np.asarray(points, dtype=float), np.asarray(cells), np.asarray(body), bodies
    )


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    """Three layers one after another along y, so that the section at the middle meets the second alone."""
    mesh = layered_block(
        tmp_path / "upright.msh", (6.0, 4.0), (2.0, 3.0, 2.5), ("A_001", "A_002", "A_003"), (6, 4, [2, 3, 2])
    )
    mesh.nodes = mesh.nodes[:, [0, 2, 1]]
    mesh.orient()
    mesh.write(tmp_path / "layers.msh")
    return tmp_path / "layers.msh"


@pytest.fixture
def unphotographed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Green in place of what OpenGL draws, which takes seconds: for tests that look beside it."""
    green = Photograph(np.full((100, 100, 3), (0, 255, 0), dtype=np.uint8), (0.0, 1.0, 0.0, 1.0))
    monkeypatch.setattr("ssbmech_post.mesh_view.photographs", lambda path, scenes: [green] * len(scenes))


def share(picture: Array, colour: Array, tolerance: float = 2.5) -> float:
    """Share of the pixels of a picture (values 0 to 1) that have a colour, to `tolerance` of 255 steps."""
    return float((np.abs(picture[..., :3] - colour).max(axis=-1) < tolerance / 255.0).mean())


def areas(points: Array, triangles: Array) -> Array:
    corner = points[triangles]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    return np.asarray(0.5 * np.linalg.norm(normal, axis=1))


# --- what a mesh file says -----------------------------------------------------------------------------------------


def test_names_tell_particles_pieces_and_grains(tmp_path: Path) -> None:
    names = ("NCM811_007a_g02", "NCM811_007b_g01", "NCM811_002", "Li6PS5Cl")
    layered_block(tmp_path / "m.msh", (1.0, 1.0), (1.0,) * 4, names, (1, 1, 1))
    bodies = read_mesh(tmp_path / "m.msh").bodies
    assert bodies.names == names
    assert bodies.phases == ("NCM811",) * 3 + ("Li6PS5Cl",)
    assert bodies.particle.tolist() == [0, 0, 1, -1]
    assert bodies.grain.tolist() == [1, 0, -1, -1]
    assert np.isnan(bodies.frame).all()


def test_both_formats_are_the_same_mesh_and_table(crystal: Path) -> None:
    first, second = read_mesh(crystal), read_mesh(crystal.with_suffix(".xdmf"))
    assert first.bodies.names == second.bodies.names == ("NCM811_001", "Li6PS5Cl")
    assert first.bodies.phases == second.bodies.phases == ("NCM811", "Li6PS5Cl")
    for key in ("particle", "grain", "center", "radius", "frame"):
        np.testing.assert_array_equal(getattr(first.bodies, key), getattr(second.bodies, key))
    assert first.bodies.frame[0, :, 2] == pytest.approx([0.0, 0.0, 1.0])
    for mesh in (first, second):  # nodes may be numbered differently: the volumes of the bodies are not
        volume = np.bincount(mesh.body, mesh.volumes())
        assert volume[0] == pytest.approx(
            4.0 / 3.0 * np.pi * RADIUS**3, rel=1e-9
        )  # what the primitive promises
        assert volume.sum() == pytest.approx(BOX**3, rel=1e-12)


def test_table_is_matched_by_name(crystal: Path, tmp_path: Path) -> None:
    (tmp_path / "m.msh").write_bytes(crystal.read_bytes())
    table = json.loads(crystal.with_suffix(".bodies.json").read_text())["bodies"]
    turned = {key: values[::-1] for key, values in table.items()}
    (tmp_path / "m.bodies.json").write_text(json.dumps({"bodies": turned}))
    bodies = read_mesh(tmp_path / "m.msh").bodies
    assert bodies.names == ("NCM811_001", "Li6PS5Cl") and bodies.particle.tolist() == [0, -1]


def test_angles() -> None:
    regular = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
    corner = [(3, 0, 0), (4, 0, 0), (3, 1, 0), (3, 0, 1)]
    mesh = tagged([*regular, *corner], [[0, 1, 2, 3], [4, 6, 5, 7]], [0, 0], ("A",), ("A",))
    angles = np.sort(mesh.angles(), axis=1)
    assert angles[0] == pytest.approx([np.degrees(np.arccos(1 / 3))] * 6)
    assert angles[1] == pytest.approx([np.degrees(np.arccos(1 / np.sqrt(3)))] * 3 + [90.0] * 3)
    triangle = tagged([(0, 0, 0), (4, 0, 0), (0, 3, 0)], [[0, 1, 2]], [0], ("A",), ("A",))
    assert np.sort(triangle.angles())[0] == pytest.approx(
        [np.degrees(np.arctan2(3, 4)), np.degrees(np.arctan2(4, 3)), 90]
    )


# --- colours -------------------------------------------------------------------------------------------------------


def test_oklch_of_known_colours() -> None:
    # White, black and the red of sRGB: L, C, h from the reference implementation (css-color-4, "sample code").
    found = oklch(
        np.array([1.0, 0.0, 0.627955]), np.array([0.0, 0.0, 0.257683]), np.array([0.0, 0.0, 29.2339])
    )
    np.testing.assert_allclose(
        found, [[1, 1, 1], [0, 0, 0], [1, 0, 0]], atol=2e-3
    )  # of 1e-6 in L, amplified at 0


def test_bodies_have_their_own_colours_and_neighbours_differ() -> None:
    names = (*(f"A_{k:03d}" for k in range(60)), "B")
    mesh = tagged(np.zeros((4, 3)), [[0, 1, 2, 3]] * 61, np.arange(61), names, ("A",) * 60 + ("B",))
    mesh.points[1:] = np.eye(3)
    chain = np.array([(i, j) for i in range(60) for j in (i + 1, i + 2) if j < 60])  # each touches four
    colours = body_colours(mesh, chain)
    assert len(np.unique(np.rint(255 * colours), axis=0)) == 61
    luminance = colours @ [0.2126, 0.7152, 0.0722]
    assert np.abs(luminance[chain[:, 0]] - luminance[chain[:, 1]]).min() > 0.01
    blue = colours[:60]
    assert (blue[:, 2] > blue[:, 0]).all()  # one family of hues, and that of the matrix another
    assert colours[60, 0] > colours[60, 2]
    assert colours[60] == pytest.approx(phase_colours(mesh)[1])


def test_colours_of_axes() -> None:
    axes = np.array([[1, 0, 0], [0, -1, 0], [0, 0, 1], [0.6, 0, 0.8], [-0.6, 0, 0.8], [np.nan] * 3])
    colours = axis_colours(axes)
    np.testing.assert_allclose(colours[:3], AXIS_CORNERS, atol=1e-12)
    np.testing.assert_array_equal(colours[3], colours[4])
    np.testing.assert_array_equal(colours[5], NEUTRAL)
    image, corners = axis_key(201)
    middle = image[100, 100]
    np.testing.assert_allclose(middle[:3], axis_colours(np.ones((1, 3)) / np.sqrt(3))[0], atol=1e-12)
    assert middle[3] == 1.0 and image[0, 0, 3] == 0.0
    for corner, colour in zip(corners, AXIS_CORNERS, strict=True):  # a hair inside the corner
        row, column = np.rint(100 * (1.0 - 0.97 * corner[1])), np.rint(100 * (1.0 + 0.97 * corner[0]))
        np.testing.assert_allclose(image[int(row), int(column), :3], colour, atol=0.25)


def test_texture_is_the_angle_to_the_radius(crystal: Path) -> None:
    mesh = read_mesh(crystal)
    radial = mesh.points[mesh.cells].mean(axis=1) - BOX / 2
    expected = np.degrees(np.arccos(np.abs(radial[:, 2]) / np.linalg.norm(radial, axis=1)))
    angles, inside = texture_angles(mesh), mesh.body == 0
    np.testing.assert_allclose(angles[inside], expected[inside], atol=1e-9)
    assert np.isnan(angles[~inside]).all()
    assert angles[inside].min() < 15.0 and angles[inside].max() > 80.0
    ends = mapped(np.array([0.0, 90.0, np.nan]), "viridis", 0.0, 90.0)
    np.testing.assert_allclose(ends, [[0.267, 0.005, 0.329], [0.993, 0.906, 0.144], NEUTRAL], atol=1e-3)


# --- what is seen --------------------------------------------------------------------------------------------------


def test_facets_and_neighbours(sphere: Path) -> None:
    mesh = read_mesh(sphere)
    found = facets(mesh.cells)
    assert 2 * len(found.nodes) == 4 * len(mesh.cells) + np.sum(found.sides[:, 1] < 0)
    outside = found.sides[:, 1] < 0
    assert areas(mesh.points, found.nodes[outside]).sum() == pytest.approx(6.0 * BOX**2, rel=1e-12)
    assert found.neighbours(mesh).tolist() == [[0, 1]]


def test_section_has_the_area_of_the_bodies(sphere: Path) -> None:
    mesh = read_mesh(sphere)
    at = float(cut_at(mesh)[1])
    patch = plane(mesh, 1, at, np.array([True, True]), [[]])
    area = areas(patch.points, patch.triangles)
    body = mesh.body[patch.cells]
    assert area.sum() == pytest.approx(BOX**2, rel=1e-9)
    # A polyhedron of edges of 0.9 µm with the volume of the sphere: its sections are off by some (0.9 / 6)² = 2 %.
    assert area[body == 0].sum() == pytest.approx(np.pi * RADIUS**2, rel=0.02)
    rim = np.linalg.norm(patch.points[patch.rims] - BOX / 2, axis=2)
    inner = (rim < 0.97 * BOX / 2).all(axis=1)
    assert inner.any() and np.abs(rim[inner] - RADIUS).max() < 0.1 * RADIUS


def test_lines_of_a_section_are_those_of_the_cells() -> None:
    # The plane between two and two nodes of a tetrahedron cuts a quadrilateral: four lines, and no diagonal.
    mesh = tagged([(0, 0, 0), (1, 0, 0), (0, 0, 1), (1, 1, 1)], [[0, 1, 2, 3]], [0], ("A",), ("A",))
    patch = plane(mesh, 2, 0.5, np.array([True]), [[]])
    assert len(patch.triangles) == 2 and len(patch.edges) == 4 and len(patch.rims) == 4


def test_rims_are_where_bodies_end() -> None:
    strip = np.array([[0, 1, 2], [1, 3, 2], [2, 3, 4]])
    edges, owner, rim = edges_of(strip, np.array([0, 0, 1]))
    inside = {tuple(edge) for edge in edges[~rim].tolist()}
    assert inside == {(1, 2)} and len(edges) == 7 and (2, 3) in {tuple(e) for e in edges[rim].tolist()}
    assert all(set(edge) <= set(strip[k]) for edge, k in zip(edges.tolist(), owner, strict=True))


def test_particles_are_whole_where_the_matrix_is_gone(sphere: Path) -> None:
    mesh = read_mesh(sphere)
    found = facets(mesh.cells)
    particle = np.array([True, False])
    surface = skin(mesh, found, particle, ~particle, [[]])
    assert areas(surface.points, surface.triangles).sum() == pytest.approx(4 * np.pi * RADIUS**2, rel=0.03)
    assert (mesh.body[surface.cells] == 0).all() and len(surface.rims) == 0
    patches = cutaway(mesh, found, ~particle, np.array([False, False]), cut_at(mesh))
    assert len(patches) == 4 and [len(patch.clips) for patch in patches] == [3, 1, 1, 1]
    assert all((mesh.body[patch.cells] == 1).all() for patch in patches)
    inside = np.array([0.51, 0.49, 0.51]) * BOX  # behind the three planes
    for clip in patches[0].clips:
        assert not all(side * (inside[axis] - position) > 0 for axis, position, side in clip)


def test_lines_of_the_box(sphere: Path) -> None:
    mesh = read_mesh(sphere)
    assert is_box(mesh, facets(mesh.cells))
    for inner, length in ((False, 10.5), (True, 15.0)):  # of 12 edges 3 lose half; the cut makes 9 half ones
        solid, gone = box_lines(mesh, cut_at(mesh), inner)
        assert np.linalg.norm(solid[:, 1] - solid[:, 0], axis=1).sum() == pytest.approx(
            length * BOX, rel=1e-5
        )
        assert len(gone) == 3 and np.linalg.norm(gone[:, 1] - gone[:, 0], axis=1) == pytest.approx(
            BOX / 2, rel=1e-5
        )


def test_what_is_a_box(tmp_path: Path) -> None:
    round_one = tmp_path / "octant.msh"
    concentric_octant(round_one, 1.0, 2.0, (0.5, 0.5, 0.5))
    octant = read_mesh(round_one)
    assert not is_box(octant, facets(octant.cells))
    flat = tmp_path / "flat.msh"
    layered_block(flat, (4.0,), (4.0,), ("A",), (8, 8))
    whole = read_mesh(flat)
    corner = whole.points[whole.cells].max(axis=1)[:, :2].min(axis=1) > 3.1  # two by two squares less
    holed = replace(whole, cells=whole.cells[~corner], body=whole.body[~corner])
    assert corner.any() and is_box(holed, facets(holed.cells))


@pytest.mark.usefixtures("unphotographed")
def test_pores_are_in_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(
        "ssbmech_post.mesh_figure.Axes.legend",
        lambda axes, handles, **rest: said.extend(str(patch.get_label()) for patch in handles),
    )
    mesh = layered_block(tmp_path / "all.msh", (4.0, 4.0), (3.0, 1.0), ("A", "B"), (4, 4, [3, 1]))
    preview(tmp_path / "all.msh", tmp_path / "all.png")
    pore = (np.abs(mesh.nodes[mesh.cells].mean(axis=1) - [1.5, 1.5, 1.5]) < 0.5).all(
        axis=1
    )  # a cube of 1 µm³
    mesh.cells, mesh.body = mesh.cells[~pore], mesh.body[~pore]
    mesh.write(tmp_path / "pore.msh")
    preview(tmp_path / "pore.msh", tmp_path / "pore.png")
    assert said == ["A  75.0 vol%", "B  25.0 vol%", "A  73.4 vol%", "B  25.0 vol%", "pores  1.6 vol%"]


def test_light() -> None:
    box = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], dtype=float)
    faces = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3]])  # towards z, y and x
    top, front, right = shaded(box, faces, np.ones((3, 3)))[:, 0]
    assert 0.95 < top <= 1.0 and 0.8 < front < 0.86 and 0.7 < right < 0.76
    flat = shaded(box, faces, np.ones((3, 3)), 0.0)
    np.testing.assert_array_equal(flat, np.ones((3, 3)))
    assert projected(np.array([0.0, 0.0, 1.0]))[0] == pytest.approx(0.0)  # z is upright in the picture


# --- pictures ------------------------------------------------------------------------------------------------------


def test_picture_of_a_particle_in_a_matrix(sphere: Path, tmp_path: Path) -> None:
    picture = imread(preview(sphere, tmp_path / "new" / "sphere.png", colour="phase"))
    height, width = picture.shape[:2]
    assert width == pytest.approx(DPI * (2 * 4.7 + 3 * 0.2), abs=1) and 1200 < height < 1600
    ncm, lpscl = phase_colours(read_mesh(sphere))
    right = picture[:, width // 2 :]
    rows = np.flatnonzero(np.any(np.abs(right[..., :3] - lpscl).max(axis=-1) < 0.01, axis=1))
    section = right[rows[0] : rows[0] + round(4.6 * DPI)]
    # Lines take some pixels from both: the ratio of the rest is that of the areas, to a few per cent.
    expected = np.pi * RADIUS**2 / (BOX**2 - np.pi * RADIUS**2)
    assert share(section, ncm) / share(section, lpscl) == pytest.approx(expected, rel=0.08)
    assert share(section, ncm) + share(section, lpscl) > 0.7
    # On the left the particle bulges out of the corner, and the top of the matrix has its full colour.
    left = picture[:, : width // 2, :3]
    bluish = left[..., 2] - left[..., 0] > 0.15
    assert 0.05 < bluish.mean() < 0.4
    assert share(left, lpscl, 12.0) > 0.03
    assert np.mean(left.min(axis=-1) > 0.99) > 0.2  # white around the box


@pytest.mark.usefixtures("unphotographed")
def test_section_shows_the_bodies_that_it_meets(layers: Path, tmp_path: Path) -> None:
    picture = imread(preview(layers, tmp_path / "layers.png"))
    right = picture[:, picture.shape[1] // 2 :]
    mesh = read_mesh(layers)
    colours = body_colours(mesh, facets(mesh.cells).neighbours(mesh))
    shares = [share(right, colour) for colour in colours]
    assert shares[1] > 0.2 and max(shares[0], shares[2]) < 1e-4


@pytest.mark.usefixtures("unphotographed")
def test_pictures_of_crystals(crystal: Path, tmp_path: Path) -> None:
    picture = imread(preview(crystal, tmp_path / "orientation.png", colour="orientation"))
    right = picture[:, picture.shape[1] // 2 :]
    assert share(right, AXIS_CORNERS[2]) > 0.15 and share(right, NEUTRAL) > 0.15  # c along z, and the matrix
    one, two = (
        imread(preview(path, tmp_path / "texture.png", colour="texture"))
        for path in (crystal, crystal.with_suffix(".xdmf"))
    )
    assert one.shape == two.shape
    assert (
        np.mean(np.abs(one - two).max(axis=-1) > 0.02) < 0.01
    )  # nodes are numbered otherwise, lines cross otherwise


def test_triangles_are_one_picture(tmp_path: Path) -> None:
    mesh = tmp_path / "plane.msh"
    layered_block(mesh, (6.0,), (3.0, 1.0, 2.0), ("NCM811_001", "Li6PS5Cl", "NCM811_002"), (12, [6, 2, 4]))
    picture = imread(preview(mesh, tmp_path / "plane.png", colour="phase"))
    assert picture.shape[1] == pytest.approx(DPI * (4.7 + 2 * 0.2), abs=1)
    ncm, lpscl = phase_colours(read_mesh(mesh))
    # The key has equal patches of both, small against the picture: 5 to 1 in area.
    assert share(picture, ncm) / share(picture, lpscl) == pytest.approx(5.0, rel=0.1)
    bodies = imread(preview(mesh, tmp_path / "bodies.png"))
    tagged_mesh = read_mesh(mesh)
    colours = body_colours(tagged_mesh, facets(tagged_mesh.cells).neighbours(tagged_mesh))
    assert [share(bodies, colour) > 0.05 for colour in colours] == [True] * 3
    quality = imread(preview(mesh, tmp_path / "quality.png", colour="quality"))
    assert quality.shape[1] == pytest.approx(DPI * (2 * 4.7 + 3 * 0.2), abs=1)


def test_panel(tmp_path: Path) -> None:
    mesh = tmp_path / "plane.msh"
    layered_block(mesh, (6.0,), (3.0, 3.0), ("NCM811_001", "Li6PS5Cl"), (6, [3, 3]))
    row = imread(panel([(mesh, "One", "phase")] * 3, tmp_path / "row.png"))
    grid = imread(panel([(mesh, "One", "phase"), (mesh, "Two", "body")] * 2, tmp_path / "grid.png"))
    assert row.shape[1] / row.shape[0] > 1.8 and 0.6 < grid.shape[1] / grid.shape[0] < 1.2
    ncm = phase_colours(read_mesh(mesh))[0]
    for part in np.array_split(row, 3, axis=1):
        assert share(part, ncm) > 0.15
    for half in np.array_split(grid, 2, axis=0):
        for part in np.array_split(half, 2, axis=1):
            assert share(part, ncm) > 0.15
    with pytest.raises(RunFolderError, match="no mesh to draw"):
        panel([], tmp_path / "none.png")


@pytest.mark.usefixtures("unphotographed")
def test_panel_draws_solids_in_their_places(sphere: Path, tmp_path: Path) -> None:
    flat = tmp_path / "plane.msh"
    layered_block(flat, (6.0,), (3.0, 3.0), ("A", "B"), (6, [3, 3]))
    row = imread(
        panel([(flat, "", "phase"), (sphere, "", "body"), (flat, "", "phase")], tmp_path / "row.png")
    )
    shares = [share(part, np.array([0.0, 1.0, 0.0])) for part in np.array_split(row, 3, axis=1)]
    assert shares[0] < 0.01 and shares[1] > 0.3 and shares[2] < 0.01
