"""Dense packings: lattices with closed forms, lens volumes, periodic faces, 70 vol%, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ssbmech_mesh.connectivity import matrix_percolation, packing_report
from ssbmech_mesh.dense import DenseLabels, DensePacking, pack_dense, pack_spheres
from ssbmech_mesh.distribution import from_quantiles
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.facets import CONTACT, OPEN, ContactLimits, Planes, measures
from ssbmech_mesh.voxels import sphere_labels

LIMITS = ContactLimits(largest=0.5, smallest=0.1, smallest_gap=0.02)


def lattice(cells: int, basis: list[tuple[float, float, float]], radius: float) -> DensePacking:
    """A cubic lattice of constant 1 whose faces z lie half a cell beyond the outer layers of a simple cubic one."""
    corner = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    centers = (corner + np.array(basis)).reshape(-1, 3)
    box = (float(cells),) * 3
    return DensePacking(box, True, centers, np.full(len(centers), radius), LIMITS)


def cap(radius: float, plane: float) -> float:
    return float(np.pi / 3.0 * (radius - plane) ** 2 * (2.0 * radius + plane))


def test_simple_cubic() -> None:
    r = 0.53
    packing = lattice(4, [(0.5, 0.5, 0.5)], r)  # every sphere has six facets, at walls as at neighbours
    assert packing.volume_fraction == pytest.approx(4.0 / 3.0 * np.pi * r**3 - 6.0 * cap(r, 0.5), rel=1e-12)
    planes = packing.planes()
    contact = np.sqrt(r**2 - planes.offset[planes.kind == CONTACT] ** 2)
    np.testing.assert_allclose(contact, np.sqrt(r**2 - 0.25), rtol=1e-12)
    report = packing_report(packing, voxels=32)
    assert report.contacts == 3 * 64 - 16 and report.coordination == 2 * report.contacts / 64
    assert report.contact_area == pytest.approx(report.contacts * np.pi * (r**2 - 0.25), rel=1e-12)
    free = 4.0 * np.pi * r**2 - 12.0 * np.pi * r * (r - 0.5)
    assert report.matrix_area == pytest.approx(64 * free, rel=1e-12)
    assert report.particle_clusters.through and report.particle_clusters.clusters == 1
    assert report.matrix_clusters.through and report.matrix_clusters.clusters == 1


def test_face_centred_cubic() -> None:
    # The layer at z = 0.25 is cut by the wall; the bulk layers have all twelve neighbours.
    r, half = 0.37, np.sqrt(0.125)
    basis = [(0.25, 0.25, 0.25), (0.75, 0.75, 0.25), (0.75, 0.25, 0.75), (0.25, 0.75, 0.75)]
    packing = lattice(3, basis, r)
    volume = packing.measures().volume
    bulk = np.abs(packing.centers[:, 2] - 1.5) < 1.2
    ball = 4.0 / 3.0 * np.pi * r**3
    np.testing.assert_allclose(volume[bulk], ball - 12.0 * cap(r, half), rtol=1e-12)
    planes = packing.planes()
    contact = planes.offset[planes.kind == CONTACT]
    np.testing.assert_allclose(np.sqrt(r**2 - contact**2), np.sqrt(r**2 - 0.125), rtol=1e-10)


@pytest.mark.parametrize(("r1", "r2", "d"), [(1.0, 1.0, 1.9), (1.0, 0.6, 1.5)])
def test_lens_of_two_spheres(r1: float, r2: float, d: float) -> None:
    packing = DensePacking(
        (8.0, 8.0, 8.0), True, np.array([[4.0, 4.0, 4.0], [4.0 + d, 4.0, 4.0]]), np.array([r1, r2]), LIMITS
    )
    lens = np.pi * (r1 + r2 - d) ** 2 * (d**2 + 2 * d * (r1 + r2) - 3 * (r1 - r2) ** 2) / (12 * d)
    whole = 4.0 / 3.0 * np.pi * (r1**3 + r2**3)
    assert packing.measures().volume.sum() == pytest.approx(whole - lens, rel=1e-12)


def test_cuts_that_meet_are_counted_once() -> None:
    # Two planes through one ball at right angles, at 0.3: the shared part by a fine sum over slices in x.
    normal, offset = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), np.array([0.3, 0.3])
    zero = np.zeros(2, dtype=np.int64)
    found = measures(np.array([1.0]), Planes(zero, zero, normal, offset, zero))
    x = 0.3 + (np.arange(4000) + 0.5) / 4000 * 0.7
    rho2 = np.maximum(1.0 - x**2, 0.0)
    rho = np.sqrt(np.maximum(rho2, 0.09))
    segment = np.where(
        rho2 > 0.09, rho2 * np.arccos(0.3 / rho) - 0.3 * np.sqrt(np.maximum(rho2 - 0.09, 0)), 0.0
    )
    shared = float(segment.sum() * 0.7 / 4000)
    expected = 4.0 / 3.0 * np.pi - 2.0 * cap(1.0, 0.3) + shared
    assert found.volume[0] == pytest.approx(expected, rel=1e-4)  # 20,000 directions
    # A facet loses the segment of its disc beyond the other plane.
    a2 = 1.0 - 0.09
    lost = a2 * np.arccos(0.3 / np.sqrt(a2)) - 0.3 * np.sqrt(a2 - 0.09)
    np.testing.assert_allclose(
        found.facet_area, np.pi * a2 - lost, rtol=6e-3
    )  # the facet spans a third of them


def test_small_contacts_are_opened() -> None:
    packing = DensePacking(
        (8.0, 8.0, 8.0), True, np.array([[4.0, 4.0, 4.0], [5.999, 4.0, 4.0]]), np.ones(2), LIMITS
    )
    planes = packing.planes()
    assert np.all(planes.kind == OPEN)
    np.testing.assert_allclose(planes.offset, 0.9995 - 0.01, rtol=1e-12)
    labels = DenseLabels(packing)
    assert labels.label(np.array([[4.9995, 4.0, 4.0], [4.98, 4.0, 4.0], [5.02, 4.0, 4.0]])).tolist() == [
        0,
        1,
        2,
    ]


def test_bodies_across_periodic_faces() -> None:
    packing = DensePacking((8.0, 8.0, 8.0), True, np.array([[0.3, 7.8, 4.0]]), np.ones(1), LIMITS)
    labels = DenseLabels(packing)
    particle, center = labels.bodies()
    assert particle.tolist() == [0, 0, 0, 0]
    points = np.array([[0.4, 7.9, 4.0], [7.9, 7.9, 4.0], [0.4, 0.1, 4.0], [7.9, 0.1, 4.0]])
    found = labels.label(points)
    assert sorted(found.tolist()) == [1, 2, 3, 4]
    np.testing.assert_array_less(np.linalg.norm(points - center[found - 1], axis=1), 1.0)
    moved = DensePacking((8.0, 8.0, 8.0), True, np.array([[4.0, 4.0, 4.0]]), np.ones(1), LIMITS)
    assert packing.volume_fraction == pytest.approx(moved.volume_fraction, rel=1e-12)


def test_signed_distance_of_one_sphere() -> None:
    labels = DenseLabels(DensePacking((8.0, 8.0, 8.0), True, np.array([[0.5, 4.0, 4.0]]), np.ones(1), LIMITS))
    points = np.array([[7.0, 4.0, 4.0], [7.7, 4.0, 4.0], [0.5, 4.0, 4.0]])
    np.testing.assert_allclose(labels.signed_distance(points), [-0.5, 0.2, 1.0], atol=1e-12)


@pytest.fixture(scope="module")
def dense() -> DensePacking:
    law = from_quantiles(3.0, 4.5, 6.5)
    side = float(np.cbrt(200 * law.mean_volume() / 0.7))
    return pack_dense((side, side, side), 0.7, law, seed=3)


def test_seventy_percent(dense: DensePacking) -> None:
    assert len(dense.radii) == 200
    report = packing_report(dense, voxels=48)
    assert report.volume_fraction == pytest.approx(0.7, abs=1e-4)
    assert 0.1 <= report.smallest_contact < report.largest_contact <= 0.35
    assert report.coordination > 5.0 and report.particle_clusters.percolating > 0.95
    assert report.matrix_clusters.percolating > 0.95
    assert abs(report.scale - 1.0) < 0.02
    for name, asked in (("D10", 3.0), ("D50", 4.5), ("D90", 6.5)):
        assert report.diameter_quantiles[name] == pytest.approx(asked, rel=0.04)


def test_labels_agree_with_the_volume(dense: DensePacking) -> None:
    labels = DenseLabels(dense)
    points = np.random.default_rng(1).random((200_000, 3)) * np.array(dense.box)
    found = labels.label(points)
    # Binomial spread of 200,000 points: 0.001; four of them.
    assert np.mean(found > 0) == pytest.approx(dense.volume_fraction, abs=0.004)
    sample = slice(0, 20_000)
    assert np.array_equal(labels.signed_distance(points[sample]) >= 0.0, found[sample] > 0)
    particle, center = labels.bodies()
    inside = found > 0
    away = np.linalg.norm(points[inside] - center[found[inside] - 1], axis=1)
    assert np.all(away <= dense.radii[particle[found[inside] - 1]])


def test_voxels_agree_with_the_labels_of_points(dense: DensePacking) -> None:
    number = (50, 52, 47)
    axes = [(np.arange(n) + 0.5) * side / n for n, side in zip(number, dense.box, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    grid = sphere_labels(dense, number)
    assert (
        np.mean(grid.ravel() != DenseLabels(dense).label(points)) < 1e-5
    )  # 32-bit powers: ties by round-off
    assert np.mean(grid > 0) == pytest.approx(0.7, abs=2e-3)


def test_rims_of_contacts() -> None:
    # Two balls of 1 and 0.8 µm, a contact of radius 0.3; around it the gap is nowhere thinner than the rim.
    limits = ContactLimits(largest=0.5, smallest=0.1, smallest_gap=0.02, rim=0.1)
    r, contact, rim = np.array([1.0, 0.8]), 0.3, 0.05
    h = np.sqrt(r**2 - contact**2)
    centers = np.array([[2.0, 2.0, 2.0], [2.0 + h.sum(), 2.0, 2.0]])
    packing = DensePacking((5.0, 4.0, 4.0), False, centers, r, limits)
    ring = [cap(a, b - rim) - cap(a, b) - np.pi * contact**2 * rim for a, b in zip(r, h, strict=True)]
    whole = [4.0 / 3.0 * np.pi * a**3 - cap(a, b) for a, b in zip(r, h, strict=True)]
    np.testing.assert_allclose(packing.measures().volume, np.array(whole) - ring, rtol=1e-12)
    zone = 4.0 * np.pi * r**2 - 2.0 * np.pi * r * (r - h + rim)
    floor = np.pi * (r**2 - (h - rim) ** 2 - contact**2)
    np.testing.assert_allclose(
        packing.measures().free_area, zone + floor + 2.0 * np.pi * contact * rim, rtol=1e-12
    )
    number = (200, 160, 160)
    grid = sphere_labels(packing, number)
    counted = np.bincount(grid.ravel())[1:] * 0.025**3
    np.testing.assert_allclose(counted, packing.measures().volume, rtol=3e-3)  # voxels of r / 40
    axes = [(np.arange(n) + 0.5) * 0.025 for n in number]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)[::7]
    assert np.array_equal(grid.ravel()[::7], DenseLabels(packing).label(points))
    bare = sphere_labels(replace(packing, limits=replace(limits, rim=0.0)), number)
    area, closed = (
        np.count_nonzero((image[:-1] == 1) & (image[1:] == 2)) * 0.025**2 for image in (grid, bare)
    )
    assert area == pytest.approx(np.pi * contact**2, rel=0.03)  # faces of voxels in a disc of 24 of them
    assert closed > 1.1 * np.pi * contact**2  # what the rim is for


def test_same_seed_same_packing() -> None:
    law = from_quantiles(3.0, 4.5, 6.5)
    first, again, other = (pack_dense((16.0, 17.0, 10.0), 0.5, law, seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.centers, again.centers) and np.array_equal(first.radii, again.radii)
    assert not np.allclose(first.centers, other.centers)


def test_a_large_sphere_touches_its_own_images() -> None:
    # One sphere of 2 x 1.03 in a square of 2 µm: a facet at each of four images, of radius sqrt(1.03^2 - 1).
    r = 1.03
    packing = DensePacking((2.0, 2.0, 4.0), True, np.array([[0.7, 1.1, 2.0]]), np.array([r]), LIMITS)
    planes = packing.planes()
    assert np.count_nonzero(planes.kind == CONTACT) == 4
    np.testing.assert_allclose(planes.offset, 1.0, rtol=1e-12)
    assert packing.measures().volume[0] == pytest.approx(
        4.0 / 3.0 * np.pi * r**3 - 4.0 * cap(r, 1.0), rel=1e-12
    )


def test_box_narrower_than_two_spheres() -> None:
    packing = pack_spheres((5.0, 5.0, 12.0), 0.5, np.full(5, 3.8), seed=2)
    assert packing.volume_fraction == pytest.approx(0.5, abs=1e-4)
    planes = packing.planes()
    contact = np.sqrt(packing.radii[planes.owner] ** 2 - planes.offset**2)[planes.kind == CONTACT]
    assert contact.max() <= 0.35 * packing.radii.max() * (1.0 + 1e-9)


def test_groups_meet_their_own_fractions() -> None:
    group = np.repeat([0, 1], [10, 80])
    packing = pack_spheres(
        (12.0, 12.0, 12.0), (0.35, 0.2), np.repeat([4.5, 2.2], [10, 80]), group=group, seed=1
    )
    share = np.bincount(group, packing.measures().volume) / 12.0**3
    np.testing.assert_allclose(share, [0.35, 0.2], atol=1e-5)  # the tolerance of the packing
    assert len(np.unique(packing.radii.round(12))) == 2


def test_walled_box() -> None:
    packing = pack_spheres((12.0, 12.0, 12.0), 0.5, np.full(25, 4.0), periodic=False)
    assert packing.volume_fraction == pytest.approx(0.5, abs=1e-4)
    room = np.minimum(packing.centers, np.array(packing.box) - packing.centers).min(axis=1)
    assert np.all(room >= packing.radii * np.sqrt(1.0 - 0.35**2) * (1.0 - 1e-12))
    assert len(packing.bodies()[0]) == 25


def test_what_does_not_pack_is_refused_with_the_largest_fraction() -> None:
    with pytest.raises(MeshError, match=r"largest fraction found is (6|7)\d") as refusal:
        pack_dense((16.0, 16.0, 16.0), 0.85, from_quantiles(3.0, 4.5, 6.5))
    assert "85 vol%" in str(refusal.value)


def test_bad_input_is_refused() -> None:
    law = from_quantiles(3.0, 4.5, 6.5)
    with pytest.raises(MeshError, match="between 0 and 1"):
        pack_dense((16.0, 16.0, 16.0), 70.0, law)
    with pytest.raises(MeshError, match="wider than the box"):
        pack_dense((4.0, 4.0, 16.0), 0.5, law)
    with pytest.raises(MeshError, match="smallest gap"):
        pack_dense((16.0, 16.0, 16.0), 0.5, law, limits=ContactLimits(smallest_gap=2.0))
    with pytest.raises(MeshError, match="in this order"):
        ContactLimits(largest=0.2, smallest=0.3)


def test_percolation_of_slabs() -> None:
    def slabs(points: np.ndarray) -> np.ndarray:
        return ((np.abs(points[:, 2] - 3.0) < 0.5) | (np.abs(points[:, 2] - 7.0) < 0.5)).astype(np.int64)

    found = matrix_percolation(slabs, (10.0, 10.0, 10.0), True, 40)
    assert not found.through and found.clusters == 3 and found.isolated_clusters == 1
    assert found.isolated == pytest.approx(3.0 / 8.0)

    def wall(points: np.ndarray) -> np.ndarray:
        return (np.abs(points[:, 0] - 5.0) < 1.0).astype(np.int64)

    assert matrix_percolation(wall, (10.0, 10.0, 10.0), True, 40).clusters == 1
    assert matrix_percolation(wall, (10.0, 10.0, 10.0), False, 40).clusters == 2
