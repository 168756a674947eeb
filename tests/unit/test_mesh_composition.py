"""Weight percent to volume fractions: against sums done by hand."""

from __future__ import annotations

import pytest

from ssbmech_mesh.composition import volume_fractions
from ssbmech_mesh.errors import MeshError

WEIGHTS = {"NCM811": 70.0, "Li6PS5Cl": 30.0}
DENSITIES = {"NCM811": 4.78, "Li6PS5Cl": 1.87}


def test_two_phases_by_hand() -> None:
    found = volume_fractions(WEIGHTS, DENSITIES)
    assert found["NCM811"] == pytest.approx(0.7 * 1.87 / (0.7 * 1.87 + 0.3 * 4.78), rel=1e-14)
    assert found["NCM811"] == pytest.approx(0.4772, abs=1e-4)
    assert sum(found.values()) == pytest.approx(1.0, rel=1e-14)


def test_equal_densities_give_the_weights() -> None:
    weights = {"a": 20.0, "b": 30.0, "c": 50.0}
    found = volume_fractions(weights, dict.fromkeys(weights, 3.3))
    assert found == pytest.approx({"a": 0.2, "b": 0.3, "c": 0.5}, rel=1e-14)


def test_pores_take_their_share_and_leave_the_ratio() -> None:
    dense, porous = volume_fractions(WEIGHTS, DENSITIES), volume_fractions(WEIGHTS, DENSITIES, porosity=0.15)
    assert sum(porous.values()) == pytest.approx(0.85, rel=1e-14)
    assert porous["NCM811"] == pytest.approx(0.85 * dense["NCM811"], rel=1e-14)


def test_unit_of_density_does_not_matter() -> None:
    kilograms = {phase: 1000.0 * value for phase, value in DENSITIES.items()}
    assert volume_fractions(WEIGHTS, kilograms) == pytest.approx(
        volume_fractions(WEIGHTS, DENSITIES), rel=1e-14
    )


@pytest.mark.parametrize(
    ("weights", "densities", "porosity", "says"),
    [
        ({"a": 70.0, "b": 20.0}, {"a": 1.0, "b": 1.0}, 0.0, "adds up to 90"),
        ({"a": 70.0, "b": 30.0}, {"a": 1.0}, 0.0, "density of b is missing"),
        ({"a": 100.0}, {"a": -1.0}, 0.0, "must be positive"),
        ({"a": 120.0, "b": -20.0}, {"a": 1.0, "b": 1.0}, 0.0, "weight_percent of b"),
        ({"a": 100.0}, {"a": 1.0}, 1.0, "porosity"),
        ({}, {}, 0.0, "empty"),
    ],
)
def test_refuses_with_a_reason(
    weights: dict[str, float], densities: dict[str, float], porosity: float, says: str
) -> None:
    with pytest.raises(MeshError, match=says):
        volume_fractions(weights, densities, porosity)
