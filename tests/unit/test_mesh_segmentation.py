"""Bodies and statistics of images against closed forms: spheres, caps, planes, known clusters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.image_phases import PhaseImage, to_phases
from ssbmech_mesh.images import read_image
from ssbmech_mesh.segmentation import (
    crofton_areas,
    interface_areas,
    merge_small,
    split_bodies,
)
from ssbmech_mesh.specs import SplitSpec

REAL = Path(os.environ.get("SSBMECH_IMAGES", Path(__file__).parents[3] / "shared/data/images"))
UNIT = (1.0, 1.0, 1.0)


def spheres(shape: Any, voxel: Any, balls: Any, origin: Any = (0.0, 0.0, 0.0)) -> PhaseImage:
    """SE with NMC spheres (x, y, z, radius) in µm, measured from the lower corner."""
    centres = [(np.arange(n) + 0.5) * step for n, step in zip(shape, voxel, strict=True)]
    x, y, z = np.meshgrid(*centres, indexing="ij")
    values = np.zeros(shape, dtype=np.uint8)
    for a, b, c, r in balls:
        values[(x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 <= r**2] = 1
    return PhaseImage(values, voxel, origin, ("SE", "NMC"))


def test_sphere_volume_centroid_and_border() -> None:
    image = spheres((40, 44, 48), (0.5, 0.5, 0.4), [(9.1, 10.7, 9.3, 6.0)], origin=(1.0, 2.0, 3.0))
    bodies = split_bodies(image, {"NMC": SplitSpec()})
    assert bodies.names == ["SE", "NMC"] and bodies.labels.dtype == np.int32
    # counting voxel centres in a ball of 24 voxels across: the error of the volume is some 0.1 %
    assert bodies.volume[1] == pytest.approx(4 / 3 * np.pi * 6.0**3, rel=3e-3)
    assert bodies.diameter[1] == pytest.approx(12.0, rel=1e-3)
    np.testing.assert_allclose(bodies.centroid[1], [10.1, 12.7, 12.3], atol=0.02)
    assert bodies.border.tolist() == [True, False]
    assert bodies.volume.sum() == pytest.approx(np.prod(image.size), rel=1e-12)
    np.testing.assert_array_equal(bodies.labels == 2, image.values == 1)


@pytest.mark.parametrize("voxel", [(0.5, 0.5, 0.5), (0.5, 0.5, 0.8)])
def test_overlapping_spheres_part_at_the_neck(voxel: Any) -> None:
    """Equal spheres (R 8, distance 12) part at the plane in the middle, each with the volume of a truncated ball."""
    image = spheres((64, 40, int(20 / voxel[2])), voxel, [(10, 10, 10, 8), (22, 10, 10, 8)])
    bodies = split_bodies(image, {"NMC": SplitSpec(least_depth=0.5)})
    assert bodies.names == ["SE", "NMC_001", "NMC_002"]
    x = (np.arange(64) + 0.5) * 0.5
    left, right = (np.flatnonzero((bodies.labels == k).any(axis=(1, 2))) for k in (2, 3))
    assert x[left].max() <= 16.0 + 0.5 and x[right].min() >= 16.0 - 0.5  # one voxel
    cap = np.pi * 2.0**2 * (3 * 8.0 - 2.0) / 3
    # one voxel layer at the neck (radius √28) is 1.1 % of a ball
    np.testing.assert_allclose(bodies.volume[1:], 4 / 3 * np.pi * 8.0**3 - cap, rtol=0.02)
    whole = split_bodies(
        image, {"NMC": SplitSpec(least_depth=4.0)}
    )  # distance 8 in the middle, √28 = 5.3 at the neck
    assert whole.names == ["SE", "NMC"]
    assert split_bodies(image, {}).names == ["SE", "NMC"]


def test_unequal_spheres_part_at_their_circle_of_intersection() -> None:
    image = spheres((72, 48, 48), (0.5, 0.5, 0.5), [(12, 12, 12, 10), (25, 12, 12, 6)])
    bodies = split_bodies(image, {"NMC": SplitSpec(least_depth=0.4)})
    plane = 12 + (13**2 + 10**2 - 6**2) / (2 * 13)  # 20.96
    x = (np.arange(72) + 0.5) * 0.5
    assert len(bodies.volume) == 3
    assert x[(bodies.labels == 2).any(axis=(1, 2))].max() == pytest.approx(plane, abs=0.75)
    assert x[(bodies.labels == 3).any(axis=(1, 2))].min() == pytest.approx(plane, abs=0.75)


def test_small_bodies_join_their_largest_contact() -> None:
    balls = [
        (10, 10, 10, 8),
        (25, 10, 10, 8),
        (17.5, 17.0, 10, 2.5),
    ]  # the third sits in the groove, nearer none
    image = spheres((70, 44, 40), (0.5, 0.5, 0.5), [*balls, (33, 20.5, 18.5, 1.0)])
    apart = split_bodies(image, {"NMC": SplitSpec(least_depth=0.25)})
    merged = split_bodies(image, {"NMC": SplitSpec(least_depth=0.25, least_volume=120.0)})
    assert len(apart.volume) == 5 and len(merged.volume) == 4
    assert merged.volume.sum() == pytest.approx(apart.volume.sum(), rel=1e-12)
    assert merged.volume.min() < 120.0  # the fourth touches nothing and stays
    speck = apart.labels == 1 + int(np.flatnonzero((apart.volume < 120) & (apart.volume > 10))[0])
    assert len(np.unique(merged.labels[speck])) == 1
    big = merged.volume[np.unique(merged.labels[speck])[0] - 1]
    assert big > apart.volume.max(where=apart.phase == 1, initial=0.0)


def test_largest_contact_counts_by_area() -> None:
    """A rod beside a block (four faces normal to x) and under another (one normal to z, or 25 µm² if voxels are flat)."""
    labels = np.zeros((6, 6, 6), dtype=np.int64)
    labels[2, 1:5, 2], labels[:2, :, :], labels[2, 1, 3:] = 1, 2, 3
    labels[3:, 1:3, 3:] = 3
    flat, cubes = (
        merge_small(labels, voxel, 4.5 * float(np.prod(voxel))) for voxel in ((5.0, 5.0, 0.2), UNIT)
    )
    assert flat[2, 2, 2] == flat[3, 1, 3] != flat[0, 0, 0]
    assert cubes[2, 2, 2] == cubes[0, 0, 0] != cubes[3, 1, 3]


def test_small_bodies_that_fill_the_image_keep_numbers_from_one() -> None:
    """Without background the smallest number must not become that of the background."""
    labels = np.repeat([1, 2, 2, 2, 2, 3, 3, 3, 3, 3], 1).reshape(10, 1, 1)
    merged = merge_small(labels, UNIT, 2.0)
    assert merged.ravel().tolist() == [1] * 5 + [2] * 5


def test_particles_flatter_than_the_least_depth_stay() -> None:
    image = spheres((20, 20, 40), UNIT, [(10, 10, 10, 6), (10, 10, 28, 6)])
    assert split_bodies(image, {"NMC": SplitSpec(least_depth=100.0)}).names == ["SE", "NMC_001", "NMC_002"]
    plate = spheres((20, 20, 40), UNIT, [(10, 10, 10, 6)])
    plate.values[:, :, 30] = 1  # one voxel thick, beside a maximum that is deeper
    assert split_bodies(plate, {"NMC": SplitSpec(least_depth=2.0)}).names == ["SE", "NMC_001", "NMC_002"]


def test_smoothing_removes_false_maxima() -> None:
    """A dumbbell-free rod with a rough surface is one body once its distance is smooth."""
    random = np.random.default_rng(3)
    values = np.zeros((60, 30, 30), dtype=np.uint8)
    y, z = np.meshgrid(np.arange(30) - 14.5, np.arange(30) - 14.5, indexing="ij")
    values[5:55] = np.hypot(y, z) <= 8.0 + random.uniform(-1.5, 1.5, 50)[:, None, None]
    image = PhaseImage(values, UNIT, names=("SE", "NMC"))
    rough = split_bodies(image, {"NMC": SplitSpec(least_depth=0.2)})
    smooth = split_bodies(image, {"NMC": SplitSpec(least_depth=0.2, smoothing=4.0)})
    assert len(rough.volume) > 3 and len(smooth.volume) == 2


def test_numbers_follow_height_and_do_not_depend_on_the_run() -> None:
    balls = [(5, 5, 24, 4), (15, 5, 5, 4), (5, 5, 5, 4), (15, 15, 14, 4), (5, 15, 14, 4)]
    image = spheres((40, 40, 60), (0.5, 0.5, 0.5), balls)
    one, two = (split_bodies(image, {"NMC": SplitSpec()}) for _ in range(2))
    np.testing.assert_array_equal(one.labels, two.labels)
    expected = [(5, 5, 5), (15, 5, 5), (5, 15, 14), (15, 15, 14), (5, 5, 24)]
    np.testing.assert_allclose(one.centroid[1:], expected, atol=1e-9)  # symmetric about voxel corners
    assert one.names == ["SE", "NMC_001", "NMC_002", "NMC_003", "NMC_004", "NMC_005"]


def test_whole_phases_are_one_body_also_in_pieces() -> None:
    values = np.zeros((8, 8, 8), dtype=np.uint8)
    values[1:3, 1:3, 1:3] = 1
    values[5:7, 5:7, 5:7] = 1
    values[:, :, 7] = 2
    image = PhaseImage(values, UNIT, names=("SE", "CAM", "void"))
    assert split_bodies(image, {}).names == ["SE", "CAM", "void"]
    np.testing.assert_array_equal(split_bodies(image, {}).labels, values + 1)
    with pytest.raises(MeshError, match=r"'NMC'.*SE, CAM, void"):
        split_bodies(image, {"NMC": SplitSpec()})


@pytest.mark.parametrize(
    ("voxel", "radius", "tolerance"),
    [(UNIT, 8.0, 0.015), (UNIT, 15.0, 0.005), ((0.5, 0.5, 0.8), 7.0, 0.015)],
    ids=["coarse", "fine", "flat voxels"],
)
def test_crofton_area_of_spheres(voxel: Any, radius: float, tolerance: float) -> None:
    shape = [int(np.ceil((2 * radius + 3) / step)) for step in voxel]
    middle = np.array(shape) * voxel / 2 + 0.13
    image = spheres(shape, voxel, [(*middle, radius)])
    area = interface_areas(image)[("SE", "NMC")]
    exact = 4 * np.pi * radius**2
    assert area == pytest.approx(exact, rel=tolerance)
    faces = sum(
        np.count_nonzero(np.diff(image.values.astype(int), axis=k)) * np.prod(voxel) / voxel[k]
        for k in range(3)
    )
    assert faces > 1.4 * exact  # what the formula is there for


def test_crofton_of_planes_and_of_every_pair() -> None:
    """A stack of layers: planes normal to a lattice direction, the worst case; the faces of the image do not count."""
    values = np.zeros((20, 20, 30), dtype=np.uint8)
    values[:, :, 10:] = 1
    values[:, :, 20:] = 2
    areas = interface_areas(PhaseImage(values, (0.5, 0.5, 0.5), names=("a", "b", "c")), reach=3)
    assert set(areas) == {("a", "b"), ("b", "c")}
    # 2 Σ w |cos| of the 145 directions for this normal is 0.99115
    np.testing.assert_allclose(list(areas.values()), 0.99115 * 100.0, rtol=1e-4)
    table = crofton_areas(values, 3, (0.5, 0.5, 0.5), reach=3)
    np.testing.assert_allclose(table, table.T)
    assert np.diag(table).tolist() == [0.0, 0.0, 0.0]


def test_area_between_bodies_of_one_phase() -> None:
    """The plane of above within one phase, by the bodies on its sides; and the sum over phases is as before."""
    phases = PhaseImage(np.zeros((20, 20, 30), dtype=np.uint8), (0.5, 0.5, 0.5), names=("a",))
    bodies = np.ones((20, 20, 30), dtype=np.int32)
    bodies[:, :, 10:] = 2
    areas = interface_areas(phases, bodies, reach=3)
    assert areas == {("a", "a"): pytest.approx(0.99115 * 100.0, rel=1e-4)}
    assert interface_areas(phases, reach=3) == {}


def test_known_bodies_keep_their_numbers() -> None:
    values = np.zeros((6, 6, 6), dtype=np.uint8)
    values[1:5, 1:5, 1:5] = 1
    numbers = np.zeros((6, 6, 6), dtype=np.int64)
    numbers[1:3, 1:5, 1:5], numbers[3:5, 1:5, 1:5] = 1, 2
    bodies = split_bodies(PhaseImage(values, UNIT, names=("SE", "CAM")), {}, {"CAM": numbers})
    assert bodies.names == ["SE", "CAM_001", "CAM_002"]
    np.testing.assert_array_equal(bodies.labels, np.where(numbers > 0, numbers + 1, 1))
    with pytest.raises(MeshError, match="CAM is to be split and has known"):
        split_bodies(PhaseImage(values, UNIT, names=("SE", "CAM")), {"CAM": SplitSpec()}, {"CAM": numbers})


def test_crofton_of_a_section_is_outline_times_thickness() -> None:
    x, z = np.meshgrid(np.arange(64) + 0.5, np.arange(64) + 0.5, indexing="ij")
    disc = ((x - 32.1) ** 2 + (z - 31.8) ** 2 <= 24.0**2).astype(np.uint8)[:, None, :]
    area = interface_areas(PhaseImage(disc, (0.5, 0.5, 0.5), names=("SE", "NMC")), reach=3)[("SE", "NMC")]
    assert area == pytest.approx(2 * np.pi * 12.0 * 0.5, rel=0.01)


@pytest.mark.skipif(not (REAL / "nrel_nmc1cal_crop_a.npz").exists(), reason="the real images are not here")
def test_real_electrode() -> None:
    image = to_phases(read_image(REAL / "nrel_nmc1cal_crop_a.npz"), labels={"NMC": [1], "SE": [0, 2]})
    area = interface_areas(image)[("NMC", "SE")]
    assert area == pytest.approx(20560 / 1.5, rel=0.05)  # faces of voxels, of the README of the images
    bodies = split_bodies(image, {"NMC": SplitSpec(least_depth=0.4, smoothing=0.4, least_volume=5.0)})
    assert 60 < np.count_nonzero(bodies.phase == 0) < 120
    assert 5.0 < np.median(bodies.diameter[bodies.phase == 0]) < 11.0  # NMC111 of some 8 µm
    assert bodies.volume[bodies.phase == 0].sum() == pytest.approx(0.51060 * np.prod(image.size), rel=1e-4)
