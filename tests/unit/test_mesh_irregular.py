"""Rounded irregular particles: exact volumes, shared surfaces, asked fractions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ssbmech_mesh.dense import DensePacking, pack_dense
from ssbmech_mesh.distribution import from_quantiles
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.facets import ContactLimits, fibonacci
from ssbmech_mesh.irregular import (
    Ellipsoid,
    IrregularPacking,
    ellipsoids,
    harmonic_shapes,
    sample_grid,
    shape_volume,
    sphere_rule,
)
from ssbmech_mesh.reshaped import contact_levels, replace_spheres
from ssbmech_mesh.voxels import irregular_labels


def test_ellipsoid_axes_and_volume() -> None:
    shape = Ellipsoid((1.0, 1.2, 1.8), Rotation.from_euler("z", 90, degrees=True))
    mean = np.cbrt(1.2 * 1.8)
    # The first axis now points along y, the second along -x.
    np.testing.assert_allclose(shape.radius(np.eye(3)), np.array([1.2, 1.0, 1.8]) / mean, rtol=1e-12)
    # The rule converges as a geometric series in the aspect ratio; at 1.8 it has reached round-off.
    assert shape_volume(shape) == pytest.approx(4.0 / 3.0 * np.pi, rel=1e-10)


def test_harmonics_have_the_roughness_and_the_volume() -> None:
    directions, weights = sphere_rule(40)
    for shape in harmonic_shapes(3, 0.1, decay=1.5, degree=8):
        assert shape_volume(shape) == pytest.approx(4.0 / 3.0 * np.pi, rel=1e-12)
        log = np.log(shape.radius(directions) / shape.factor)
        assert np.sqrt(weights @ log**2 / (4.0 * np.pi)) == pytest.approx(0.1, rel=1e-12)
        assert weights @ log == pytest.approx(0.0, abs=1e-12)  # degrees 0 and 1 are absent


def test_decay_smooths() -> None:
    u = fibonacci(400)
    v = u + 0.05 * np.roll(u, 1, axis=1)
    v /= np.linalg.norm(v, axis=1)[:, None]

    def slope(decay: float) -> float:
        shapes = harmonic_shapes(20, 0.1, decay=decay, degree=8)
        return float(np.mean([np.abs(s.radius(u) - s.radius(v)).mean() for s in shapes]))

    assert slope(4.0) < 0.7 * slope(0.0)


def test_no_roughness_is_a_sphere() -> None:
    np.testing.assert_allclose(harmonic_shapes(1, 0.0)[0].radius(fibonacci(50)), 1.0, rtol=1e-12)


def test_touching_particles_share_the_surface_of_equal_level() -> None:
    packing = IrregularPacking(
        (8.0, 8.0, 8.0),
        True,
        np.array([[3.1, 4.0, 4.0], [4.9, 4.0, 4.0]]),
        np.ones(2),
        tuple(harmonic_shapes(2, 0.0)),
    )
    points = np.array([[3.99, 4.0, 4.0], [4.01, 4.0, 4.0], [4.0, 4.8, 4.0], [0.1, 0.1, 0.1]])
    assert packing.label(points).tolist() == [1, 2, 0, 0]
    np.testing.assert_allclose(contact_levels(packing), [0.9], rtol=1e-12)
    distance = packing.signed_distance(points)
    # Equal spheres: next to the contact the distance to it, outside that to the sphere, far away none.
    np.testing.assert_allclose(distance[:2], 0.01, rtol=0.02)
    assert distance[2] == pytest.approx(1.0 - np.hypot(0.9, 0.8), rel=1e-12) and distance[3] == -np.inf


def test_periodic_images_are_bodies() -> None:
    packing = IrregularPacking(
        (8.0, 8.0, 8.0), True, np.array([[0.2, 4.0, 4.0]]), np.ones(1), tuple(ellipsoids(1, (1.2, 1.5)))
    )
    found = packing.label(np.array([[0.3, 4.0, 4.0], [7.9, 4.0, 4.0]]))
    assert found.min() > 0 and found[0] != found[1]


@pytest.fixture(scope="module")
def spheres() -> DensePacking:
    law = from_quantiles(3.5, 4.5, 5.5)
    side = float(np.cbrt(50 * law.mean_volume() / 0.6))
    return pack_dense((side, side, side), 0.6, law, seed=1)


@pytest.mark.parametrize("kind", ["ellipsoids", "harmonics"])
def test_dense_packing_of_irregular_particles(spheres: DensePacking, kind: str) -> None:
    count = len(spheres.radii)
    shapes = ellipsoids(count, (1.2, 1.4)) if kind == "ellipsoids" else harmonic_shapes(count, 0.06, degree=4)
    made = replace_spheres(spheres, shapes, 0.6)
    points = np.random.default_rng(2).random((100_000, 3)) * np.array(spheres.box)
    found = made.label(points)
    assert np.mean(found > 0) == pytest.approx(0.6, abs=0.006)  # binomial spread 0.0015, four of them
    assert np.array_equal(made.signed_distance(points) >= 0.0, found > 0)
    grid = irregular_labels(made, (40, 40, 40))
    exact = made.label(sample_grid(made.box, 40)).reshape(grid.shape)
    assert np.mean(grid != exact) < 1e-3  # the table of the shapes: 0 for ellipsoids but for round-off
    assert abs(made.scale - 1.0) < 0.03
    assert 0.6 <= contact_levels(made).min() < 1.0


def test_too_deep_overlaps_are_refused(spheres: DensePacking) -> None:
    shapes = ellipsoids(len(spheres.radii), (1.2, 1.4))
    with pytest.raises(MeshError, match="overlap down to a level"):
        replace_spheres(spheres, shapes, 0.85, deepest=0.9)


def test_bad_input_is_refused() -> None:
    packing = DensePacking((8.0, 8.0, 8.0), True, np.full((1, 3), 4.0), np.ones(1), ContactLimits())
    with pytest.raises(MeshError, match="one for each"):
        replace_spheres(packing, ellipsoids(2, (1.0, 1.0)), 0.1)
    with pytest.raises(MeshError, match="longer than"):
        ellipsoids(1, (1.0, 4.0))
    with pytest.raises(MeshError, match="roughness"):
        harmonic_shapes(1, 0.5)
