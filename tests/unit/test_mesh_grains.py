"""Primary grains: power diagrams with known cells, crystal frames, particles split on voxels."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ssbmech_mesh.bodies import BodyTable
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.grains import split_grains
from ssbmech_mesh.laguerre import Seeds, cell_of, costs, fitted
from ssbmech_mesh.meshing import mesh_structure
from ssbmech_mesh.specs import GrainSpec, MeshSizeSpec
from ssbmech_mesh.structure import Structure
from ssbmech_mesh.texture import radial_frames, random_frames

Floats = NDArray[np.float64]


def _voxels(*shape: int) -> Floats:
    """Centres of voxels of edge 1."""
    return np.stack(np.indices(shape), axis=-1).reshape(-1, 3) + 0.5


def _ball(radius: float) -> Floats:
    """Centres of the voxels of edge 1 in a ball about the origin."""
    n = int(np.ceil(radius))
    points = _voxels(2 * n, 2 * n, 2 * n) - n
    return points[np.linalg.norm(points, axis=1) < radius]


def _structure(
    shape: tuple[int, int, int], balls: list[tuple[Floats, float, int]], voxel: float = 1.0
) -> Structure:
    """Balls (centre, radius in µm, particle) in a matrix, later ones over earlier ones."""
    points = _voxels(*shape) * voxel
    labels = np.ones(len(points), dtype=np.int32)
    for k, (center, radius, _) in enumerate(balls):
        labels[np.linalg.norm(points - center, axis=1) < radius] = k + 2
    n = len(balls) + 1
    table = BodyTable(
        ("SE", *(f"NCM_{k + 1:03d}" for k in range(len(balls)))),
        ("SE", *["NCM"] * len(balls)),
        np.array([-1, *(particle for _, _, particle in balls)]),
        np.full(n, -1),
        np.array([np.full(3, np.nan), *(center for center, _, _ in balls)]),
        np.array([np.nan, *(radius for _, radius, _ in balls)]),
        np.full((n, 3, 3), np.nan),
    )
    return Structure(labels.reshape(shape), (voxel,) * 3, table)


@pytest.fixture(scope="module")
def ball() -> Structure:
    """One ball of 20 voxels radius."""
    return _structure((44, 44, 44), [(np.full(3, 22.0), 20.0, 0)])


def _moments(structure: Structure) -> tuple[Floats, Floats, Floats]:
    """Per grain: centroid from the particle's centre, its radial over its tangential spread, |cos(c, radial)|."""
    points = _voxels(*structure.labels.shape) * structure.voxel_size
    order = np.argsort(structure.labels, axis=None, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(structure.labels.ravel())[1:])[:-1])
    middle, ratio, cosine = [], [], []
    for row in np.flatnonzero(structure.bodies.grain >= 0):
        own = points[groups[row]] - structure.bodies.center[row]
        centroid = own.mean(axis=0)
        radial = centroid / np.linalg.norm(centroid)
        spread = np.cov(own.T)
        along = radial @ spread @ radial
        middle.append(centroid)
        ratio.append(np.sqrt(along / (0.5 * (np.trace(spread) - along))))
        cosine.append(abs(radial @ structure.bodies.frame[row][:, 2]))
    return np.array(middle), np.array(ratio), np.array(cosine)


def test_seeds_of_a_cubic_lattice_give_cubes() -> None:
    points = _voxels(36, 36, 36)
    seeds = Seeds(np.array(list(product((6.0, 18.0, 30.0), repeat=3))), np.zeros(27))
    expected = (points // 12).astype(int) @ [9, 3, 1]
    assert np.array_equal(cell_of(points, seeds), expected)  # no voxel lies on a boundary


def test_seeds_of_a_body_centred_lattice_give_truncated_octahedra() -> None:
    a = 16.0
    corners = np.array(list(product(range(5), repeat=3))) * a
    inner = np.array(list(product(range(4), repeat=3))) * a + a / 2
    seeds = Seeds(np.concatenate([corners, inner]), np.zeros(len(corners) + len(inner)))
    middle = int(np.flatnonzero(np.all(seeds.place == 2 * a, axis=1))[0])
    points = _voxels(64, 64, 64)
    own = np.abs(points[cell_of(points, seeds) == middle] - 2 * a)
    octahedron = np.all(own <= a / 2, axis=1) & (own.sum(axis=1) <= 0.75 * a)
    assert octahedron.all()
    # Half a cube. On the hexagons a sixteenth of the voxels has ties, which all go one way: under 2 % of the volume.
    assert len(own) == pytest.approx(a**3 / 2, rel=0.03)


@pytest.mark.parametrize("weight", [0.0, 30.0, -50.0])
def test_a_difference_of_weights_moves_the_plane(weight: float) -> None:
    seeds = Seeds(np.array([[5.0, 4.0, 4.0], [15.0, 4.0, 4.0]]), np.array([weight, 0.0]))
    points = np.random.default_rng(0).random((20000, 3)) * [20.0, 8.0, 8.0]
    plane = 10.0 + weight / (2.0 * 10.0)  # |x - p|^2 - w equal on both sides
    assert np.array_equal(cell_of(points, seeds) == 0, points[:, 0] < plane)


def test_costs_of_rods_are_squared_distances_on_the_cone() -> None:
    a, scale = 4.0, 4.0 ** (2.0 / 3.0)
    seeds = Seeds(np.array([[6.0, 0.0, 0.0]]), np.zeros(1), a)
    small = np.array([np.cos(0.01), np.sin(0.01), 0.0])
    points = np.array([[9.0, 0.0, 0.0], [-5.0, 0.0, 0.0], [0.0, 5.0, 0.0], 6.0 * small, [6.0, 0.0, 0.0]])
    found = costs(points, seeds, np.zeros((5, 1), dtype=np.int64))[:, 0]
    through = scale * (11.0 / a) ** 2  # by way of the apex, as 4 * 90 degrees are over 180
    across = scale * (2.0 * 6.0 / a * np.sin(a * 0.01 / 2.0)) ** 2
    assert found == pytest.approx(
        [scale * (3.0 / a) ** 2, through, through, across, 0.0], rel=1e-9, abs=1e-13
    )


@pytest.mark.parametrize("aspect", [1.0, 3.0, 5.0])
def test_volumes_are_met_and_no_seed_is_overlooked(aspect: float) -> None:
    random = np.random.default_rng(5)
    points = _ball(20.0)
    share = random.lognormal(0.0, 0.6, 200)
    share /= share.sum()
    first = random.choice(points, 200, replace=False)
    seeds = fitted(points[::3], points, first, aspect, share)
    found = cell_of(points, seeds)
    error = np.abs(np.bincount(found, minlength=200) / len(points) / share - 1.0)
    smallest = share.min() * len(points)  # voxels; one voxel more or less is what cannot be avoided
    assert error.max() < 0.01 + 2.0 / smallest
    some = points[::10]
    every = costs(some, seeds, np.tile(np.arange(200), (len(some), 1)))
    assert np.array_equal(found[::10], np.argmin(every - seeds.weight, axis=1))


def test_random_frames_are_even_and_right_handed() -> None:
    n = 20000
    frames = random_frames(n, np.random.default_rng(1))
    assert np.allclose(np.swapaxes(frames, 1, 2) @ frames, np.eye(3), atol=1e-13)
    assert np.allclose(np.linalg.det(frames), 1.0, atol=1e-13)
    for axis in np.moveaxis(frames, 2, 0):
        second = np.einsum("ni,nj->ij", axis, axis) / n
        # var(x^2) = 4/45 and var(x y) = 1/15 on the sphere: four standard deviations
        assert np.abs(second - np.eye(3) / 3.0).max() < 4.0 * np.sqrt(4.0 / 45.0 / n)
        assert np.abs(axis.mean(axis=0)).max() < 4.0 * np.sqrt(1.0 / 3.0 / n)
    turned = random_frames(n, np.random.default_rng(2))
    angle = Rotation.from_matrix(np.swapaxes(frames, 1, 2) @ turned).magnitude()
    # density (1 - cos t) / pi of the angle between random orientations: mean pi / 2 + 2 / pi
    assert angle.mean() == pytest.approx(np.pi / 2 + 2 / np.pi, abs=4.0 * angle.std() / np.sqrt(n))


def test_radial_frames_have_a_along_the_radius_and_c_around_it() -> None:
    n = 20000
    radial = np.random.default_rng(3).normal(size=(n, 3)) * 7.0
    radial[:3] = 2.0 * np.eye(3)
    frames = radial_frames(radial, 0.0, np.random.default_rng(4))
    unit = radial / np.linalg.norm(radial, axis=1)[:, None]
    assert np.abs(np.einsum("ni,ni->n", frames[:, :, 2], unit)).max() < 1e-12
    assert np.allclose(frames[:, :, 0], unit, atol=1e-13)
    assert np.allclose(np.swapaxes(frames, 1, 2) @ frames, np.eye(3), atol=1e-13)
    assert np.allclose(np.linalg.det(frames), 1.0, atol=1e-13)
    one = radial_frames(np.tile([0.0, 0.0, 1.0], (n, 1)), 0.0, np.random.default_rng(4))[:, :, 2]
    second = np.einsum("ni,nj->ij", one, one) / n  # c runs evenly around: var(cos^2) = 1/8
    assert np.abs(second - np.diag([0.5, 0.5, 0.0])).max() < 4.0 * np.sqrt(1.0 / 8.0 / n)


def test_misorientation_is_a_normal_angle_about_a_random_axis() -> None:
    n = 20000
    radial = np.random.default_rng(3).normal(size=(n, 3))
    ideal = radial_frames(radial, 0.0, np.random.default_rng(4))
    off = radial_frames(radial, 10.0, np.random.default_rng(4))  # the same frames, then turned
    turn = Rotation.from_matrix(off @ np.swapaxes(ideal, 1, 2)).as_rotvec()
    angle = np.degrees(np.linalg.norm(turn, axis=1))
    assert np.sqrt(np.mean(angle**2)) == pytest.approx(10.0, rel=4.0 / np.sqrt(2.0 * n))
    assert np.mean(angle) == pytest.approx(
        10.0 * np.sqrt(2.0 / np.pi), rel=0.03
    )  # half a normal distribution
    second = np.degrees(np.degrees(turn.T @ turn / n))
    assert np.abs(second / 100.0 - np.eye(3) / 3.0).max() < 0.03
    assert np.allclose(np.swapaxes(off, 1, 2) @ off, np.eye(3), atol=1e-13)


@pytest.mark.parametrize("texture", ["random", "radial"])
def test_grains_fill_the_particle_and_nothing_else_changes(ball: Structure, texture: str) -> None:
    spec = GrainSpec.model_validate({"texture": texture, "count": 40})
    split = split_grains(ball, {"NCM": spec}, seed=1)
    assert np.array_equal(split.labels == 1, ball.labels == 1)
    assert split.volumes()[1:].sum() == ball.volumes()[1]
    assert np.array_equal(np.unique(split.labels), np.arange(1, 42))
    assert split.bodies.names[:3] == ("SE", "NCM_001_g01", "NCM_001_g02")
    assert list(split.bodies.grain) == [-1, *range(40)]
    assert list(split.bodies.particle) == [-1] + [0] * 40
    assert np.all(split.bodies.center[1:] == 22.0) and np.all(split.bodies.radius[1:] == 20.0)
    frames = split.bodies.frame[1:]
    assert np.allclose(np.swapaxes(frames, 1, 2) @ frames, np.eye(3), atol=1e-13)
    assert np.isnan(split.bodies.frame[0]).all()
    facts = split.facts["grains"]["NCM"]
    assert json.loads(json.dumps(facts)) == facts
    assert facts["grains"] == 40 and facts["grains_per_particle"] == [40]
    assert facts["volume_error"]["mean"] < 0.02
    again = split_grains(ball, {"NCM": spec}, seed=1)
    assert np.array_equal(again.labels, split.labels) and np.array_equal(again.bodies.frame[1:], frames)
    other = split_grains(ball, {"NCM": spec}, seed=2)
    assert not np.array_equal(other.labels, split.labels)


def test_grain_sizes_follow_the_lognormal(ball: Structure) -> None:
    spec = GrainSpec(texture="random", diameter=9.0, spread=0.3)
    facts = split_grains(ball, {"NCM": spec}, seed=3).facts["grains"]["NCM"]
    assert facts["grains"] == round(40.0**3 / 9.0**3)
    assert facts["reached"]["diameter"] == pytest.approx(9.0, rel=0.01)  # a whole number of grains
    # By volume the median of ln d is 1.5 s^2 above ln of the diameter of the mean volume (Hatch and Choate).
    median = 9.0 * np.exp(1.5 * 0.3**2)
    for name, z in (("D10", -1.2816), ("D50", 0.0), ("D90", 1.2816)):
        # 88 grains: the quantiles of so few, and the cut of the tails, leave some percent
        assert facts["asked"][name] == pytest.approx(median * np.exp(0.3 * z), rel=0.05)
        assert facts["reached"][name] == pytest.approx(facts["asked"][name], rel=0.02)


def test_two_equal_grains_meet_in_the_great_circle(ball: Structure) -> None:
    spec = GrainSpec(texture="random", count=2, spread=0.0)
    split = split_grains(ball, {"NCM": spec}, seed=1)
    assert split.volumes()[1] == pytest.approx(split.volumes()[2], rel=0.015)
    area = split.facts["grains"]["NCM"]["boundary_area"]
    assert area == pytest.approx(
        np.pi * 20.0**2, rel=0.05
    )  # chords that leave the ball within two steps are missed


def test_rods_are_long_along_the_radius_and_c_is_tangential(ball: Structure) -> None:
    rods = split_grains(ball, {"NCM": GrainSpec(texture="radial", count=80, aspect=3.0)}, seed=1)
    round_ = split_grains(ball, {"NCM": GrainSpec(texture="random", count=80)}, seed=1)
    _, long, cosine = _moments(rods)
    assert np.abs(cosine).max() < 1e-12
    _, equal, any_angle = _moments(round_)
    # Most grains lie at the surface, which flattens them; rods of few grains across the radius taper.
    assert np.median(equal) == pytest.approx(1.0, abs=0.2)
    assert np.median(long) > 2.0 * np.median(equal)
    assert rods.facts["grains"]["NCM"]["rods"]["aspect"] == pytest.approx(np.median(long), rel=0.02)
    assert np.mean(any_angle) == pytest.approx(0.5, abs=4.0 / np.sqrt(12.0 * 80))
    assert rods.facts["grains"]["NCM"]["mean_cosine_c_radial"] < 1e-12
    assert round_.facts["grains"]["NCM"]["mean_cosine_c_radial"] == pytest.approx(
        np.mean(any_angle), rel=1e-12
    )


def test_rods_are_no_longer_than_the_radius(ball: Structure) -> None:
    spec = {"texture": "radial", "count": 60}
    most = (20.0 / (40.0 / 60 ** (1 / 3))) ** 1.5  # the length d a^(2/3) is the radius
    long, longest, fitting = (
        split_grains(ball, {"NCM": GrainSpec.model_validate(spec | {"aspect": aspect})}, seed=1)
        for aspect in (6.0, 9.0, 0.95 * most)
    )
    assert np.array_equal(long.labels, longest.labels)
    assert any("longer than the way to the centre" in note for note in long.notes)
    assert not any("longer than the way to the centre" in note for note in fitting.notes)


def test_the_core_is_equiaxed_and_random() -> None:
    large = _structure((52, 52, 52), [(np.full(3, 26.0), 25.0, 0)])
    spec = GrainSpec(texture="radial", count=200, aspect=4.0, core=0.5)
    middle, ratio, cosine = _moments(split_grains(large, {"NCM": spec}, seed=1))
    rod = cosine < 1e-12
    away = np.linalg.norm(middle, axis=1) / 25.0
    assert np.all(rod[away > 0.6]) and not np.any(rod[away < 0.4])
    assert np.count_nonzero(~rod) == pytest.approx(200 * 0.5**3, rel=0.3)
    assert np.median(ratio[~rod]) == pytest.approx(1.0, abs=0.15)
    assert np.median(ratio[rod]) > 1.4 * np.median(ratio[~rod])


def test_pieces_of_one_particle_are_split_alike() -> None:
    left, right = np.array([0.0, 20.0, 20.0]), np.array([60.0, 20.0, 20.0])
    pieces = _structure((60, 40, 40), [(left, 18.0, 7), (right, 18.0, 7)])
    split = split_grains(pieces, {"NCM": GrainSpec(texture="radial", diameter=9.0)}, seed=1)
    half = round(0.5 * 36.0**3 / 9.0**3)
    assert list(split.bodies.grain[1:]) == list(range(2 * half))
    assert split.bodies.names[1 + half] == f"NCM_002_g{half + 1:02d}"
    assert split.facts["grains"]["NCM"]["grains_per_particle"] == [2 * half]
    _, _, cosine = _moments(split)  # about the centre of each piece
    assert cosine.max() < 1e-12
    single = split_grains(pieces, {"NCM": GrainSpec(texture="single")}, seed=1)
    assert single.bodies.names == pieces.bodies.names and np.array_equal(single.labels, pieces.labels)
    assert np.array_equal(single.bodies.frame[1], single.bodies.frame[2])
    assert list(single.bodies.grain) == [-1, 0, 0]


def test_small_grains_join_their_neighbours_and_islands_the_nearest() -> None:
    made = _structure((40, 40, 40), [(np.full(3, 18.0), 15.0, 0)])
    made.labels[37:39, 20, 20] = 2  # two voxels of the particle that hang nowhere
    spec = GrainSpec(texture="random", count=30, spread=0.5)
    kept = split_grains(made, {"NCM": spec}, seed=1, least_volume=200.0)
    assert kept.volumes().min() >= 200.0
    assert kept.volumes()[1:].sum() == made.volumes()[1]
    facts = kept.facts["grains"]["NCM"]
    assert facts["cells"] == 30 and facts["grains"] == len(kept.bodies) - 1 < 30
    assert any("joined" in note for note in kept.notes)
    island = np.unique(kept.labels[37:39, 20, 20])
    assert len(island) == 1 and island[0] == kept.labels[32, 20, 20]


def test_few_grains_where_there_is_no_room() -> None:
    made = _structure((60, 40, 40), [(np.full(3, 20.0), 18.0, 0), (np.array([50.0, 20, 20]), 6.0, 1)])
    split = split_grains(made, {"NCM": GrainSpec(texture="random", count=40)}, seed=1)
    assert split.facts["grains"]["NCM"]["grains_per_particle"][1] <= 4 / 3 * np.pi * 6**3 / 54
    assert any("1 particles have fewer grains than asked" in note for note in split.notes)
    split = split_grains(made, {"NCM": GrainSpec(texture="random", diameter=12.0)}, seed=1)
    assert split.facts["grains"]["NCM"]["grains_per_particle"] == [27, 1]
    assert any("stay single crystals" in note for note in split.notes)


def test_a_section_gets_grains_in_its_plane() -> None:
    points = _voxels(80, 80, 1)[:, :2]
    labels = np.where(np.linalg.norm(points - 40.0, axis=1) < 36.0, 2, 1).astype(np.int32).reshape(80, 80, 1)
    whole = _structure((1, 1, 2), [(np.array([40.0, 40.0, 0.0]), 36.0, 0)])
    section = Structure(labels, (1.0, 1.0, 0.5), whole.bodies)
    split = split_grains(section, {"NCM": GrainSpec(texture="radial", diameter=12.0)}, seed=1)
    facts = split.facts["grains"]["NCM"]
    assert facts["grains"] == 36  # (72 / 12)^2 discs
    assert facts["reached"]["diameter"] == pytest.approx(12.0, rel=0.01)
    assert facts["mean_cosine_c_radial"] < 1e-12


@pytest.mark.parametrize(
    ("phase", "spec", "message"),
    [
        ("SE", {"texture": "random", "count": 5}, "no particles of SE; there are of NCM"),
        ("LCO", {"texture": "single"}, "no particles of LCO"),
        ("NCM", {"texture": "random", "diameter": 45.0}, "do not fit into particles"),
        ("NCM", {"texture": "random", "diameter": 3.0}, "or the voxels"),
        ("NCM", {"texture": "random", "count": 5000}, "or the voxels"),
        ("NCM", {"texture": "radial"}, "either diameter or count"),
        ("NCM", {"texture": "random", "diameter": 9.0, "count": 5}, "either diameter or count"),
        ("NCM", {"texture": "single", "count": 5}, "neither diameter nor count"),
    ],
)
def test_what_cannot_be_is_refused(
    ball: Structure, phase: str, spec: dict[str, object], message: str
) -> None:
    with pytest.raises(MeshError, match=message):
        split_grains(ball, {phase: GrainSpec.model_validate(spec)}, seed=1)


def test_grains_are_made_once(ball: Structure) -> None:
    spec = {"NCM": GrainSpec(texture="random", count=4)}
    with pytest.raises(MeshError, match="already"):
        split_grains(split_grains(ball, spec, seed=1), spec, seed=1)


def test_a_polycrystal_is_meshed_and_its_grains_sum_to_the_particle() -> None:
    made = _structure((28, 28, 28), [(np.full(3, 1.4), 1.2, 0)], voxel=0.1)
    spec = GrainSpec(texture="radial", count=12, aspect=2.0)
    split = split_grains(made, {"NCM": spec}, seed=1)
    mesh, _ = mesh_structure(split, MeshSizeSpec(interface=0.25))
    volumes = mesh.body_volumes()
    assert mesh.table is not None and mesh.table.names == split.bodies.names
    assert np.array_equal(mesh.table.frame[1:], split.bodies.frame[1:])
    # The mesher fits volumes to the image, and its facets of a quarter µm to the ball.
    assert volumes[1:].sum() == pytest.approx(made.volumes()[1], rel=0.005)
    assert volumes[1:] == pytest.approx(split.volumes()[1:], rel=0.05)
    assert volumes.sum() == pytest.approx(2.8**3, rel=1e-12)
