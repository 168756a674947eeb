"""Random packings: sizes, gaps, walls and faces as asked; the same for the same seed; refusals that say why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.packing import pack, sample_diameters
from ssbmech_mesh.spec import Diameters, MicrostructureSpec


def spec(**changes: Any) -> MicrostructureSpec:
    given: dict[str, Any] = {
        "generator": "spheres",
        "box": [14.0, 14.0, 16.0],
        "particles": "NCM811",
        "matrix": "Li6PS5Cl",
        "composition": {
            "weight_percent": {"NCM811": 70.0, "Li6PS5Cl": 30.0},
            "density": {"NCM811": 4780.0, "Li6PS5Cl": 1870.0},
        },
        "diameter": {
            "distribution": "lognormal",
            "minimum": 3.0,
            "maximum": 6.0,
            "median": 4.3,
            "sigma": 0.2,
        },
        "minimum_gap": 0.15,
        "seed": 1,
        "mesh_size": {"interface": 0.8, "bulk": 1.6},
    }
    return MicrostructureSpec.from_dict(given | changes)


def walled(fraction: float, **changes: Any) -> MicrostructureSpec:
    return spec(composition=None, volume_fraction=fraction, boundary="inside", **changes)


def test_asked_fraction_sizes_and_gap() -> None:
    asked = spec()
    packing = pack(asked)
    assert len(packing.radii) >= 20
    assert packing.volume_fraction == pytest.approx(0.4772, abs=1e-4)
    assert packing.volume_fraction == pytest.approx(asked.volume_fraction, rel=1e-9)
    assert 2.0 * packing.radii.min() >= 3.0
    assert 2.0 * packing.radii.max() <= 6.0
    assert 0.15 <= packing.smallest_gap() < 0.2


def test_gap_against_all_pairs_of_images() -> None:
    """The gap as reported, and once more from all 27 neighbours, without the code under test."""
    packing = pack(spec())
    box = np.array(packing.box)
    smallest = np.inf
    for i in range(len(packing.radii)):
        for sx in (-1, 0, 1):
            for sy in (-1, 0, 1):
                distance = np.linalg.norm(packing.centers + box * [sx, sy, 0] - packing.centers[i], axis=1)
                gap = distance - packing.radii - packing.radii[i]
                if sx == sy == 0:
                    gap[i] = np.inf
                smallest = min(smallest, float(gap.min()))
    assert smallest >= 0.15


def test_no_sphere_reaches_the_ends_of_the_stack_or_grazes_a_side() -> None:
    asked = spec(wall_clearance=0.3, minimum_gap=0.15, face_margin=0.15)
    packing = pack(asked)
    z, r = packing.centers[:, 2], packing.radii
    assert np.all(z - r >= 0.3)
    assert np.all(packing.box[2] - z - r >= 0.3)
    nearest = packing.centers[:, :2] - np.array([14.0, 14.0]) * np.round(packing.centers[:, :2] / 14.0)
    for distance in (np.abs(nearest[:, 0]), np.abs(nearest[:, 1]), np.hypot(*nearest.T)):
        assert np.all(np.abs(distance - r) >= 0.15 * r)


def test_walled_packing_stays_inside() -> None:
    packing = pack(walled(0.35, box=[14.0, 14.0, 14.0]))
    low = (packing.centers - packing.radii[:, None]).min()
    high = (packing.centers + packing.radii[:, None]).max()
    assert low >= 0.15
    assert high <= 14.0 - 0.15
    assert len(packing.with_images()[1]) == len(packing.radii)


def test_same_seed_same_packing() -> None:
    first, again, other = pack(spec()), pack(spec()), pack(spec(seed=2))
    assert np.array_equal(first.centers, again.centers)
    assert np.array_equal(first.radii, again.radii)
    assert not np.allclose(first.centers, other.centers)


def test_diameters_follow_the_distribution() -> None:
    law = Diameters("lognormal", 2.0, 9.0, 4.3, 0.25)
    drawn = sample_diameters(law, 4.0e5, np.random.default_rng(3))
    assert np.sum(np.pi / 6.0 * drawn**3) == pytest.approx(4.0e5, rel=1e-9)
    assert np.median(drawn) == pytest.approx(4.3, rel=0.01)
    assert np.quantile(drawn, 0.8413) == pytest.approx(4.3 * np.exp(0.25), rel=0.02)
    flat = sample_diameters(Diameters("uniform", 3.0, 6.0, 4.0, 0.0), 5.0e4, np.random.default_rng(3))
    assert np.quantile(flat, [0.1, 0.5, 0.9]) == pytest.approx([3.3, 4.5, 5.7], rel=0.01)


def test_one_size_only() -> None:
    same = {"distribution": "lognormal", "minimum": 4.0, "maximum": 4.0}
    count = 12
    volume = count * np.pi / 6.0 * 64.0
    packing = pack(spec(composition=None, volume_fraction=volume / (14.0 * 14.0 * 16.0), diameter=same))
    assert packing.radii == pytest.approx(np.full(count, 2.0))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"composition": None, "volume_fraction": 0.75}, "random packings reach"),
        ({"minimum_gap": 1.0}, "Lower the volume fraction or minimum_gap"),
        ({"box": [5.0, 14.0, 16.0]}, "too small for a sphere"),
        ({"composition": None, "volume_fraction": 0.001}, "no whole number of spheres"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(MeshError, match=says):
        pack(spec(**changes))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"bondary": "inside"}, "did you mean boundary"),
        ({"boundary": "perodic"}, "did you mean periodic"),
        ({"volume_fraction": 0.4}, "exactly one of composition and volume_fraction"),
        ({"matrix": "NCM811"}, "name two phases"),
        ({"box": [1.0, 2.0]}, "three lengths"),
        ({"seed": -1}, "seed"),
        ({"mesh_size": {"interface": 1.0, "bulk": 0.5}}, "below the size at the interface"),
        ({"diameter": {"minimum": 6.0, "maximum": 3.0}}, "above the maximum"),
        ({"diameter": {"minimum": 3.0, "maximum": 6.0, "median": 7.0}}, "must lie between"),
    ],
)
def test_malformed_blocks_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(MeshError, match=says):
        spec(**changes)
