"""Size distributions by volume against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from ssbmech_mesh.distribution import (
    from_quantiles,
    from_table,
    lognormal,
    size_law,
    uniform,
    volume_quantiles,
)
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.specs import SizeSpec

Z90 = float(norm.ppf(0.9))


def test_one_lognormal_where_it_fits() -> None:
    law = from_quantiles(4.0 * np.exp(-0.3 * Z90), 4.0, 4.0 * np.exp(0.3 * Z90))
    assert law.description == "lognormal by volume, sigma 0.3"
    shares = np.array([0.1, 0.3, 0.5, 0.9])
    np.testing.assert_allclose(law.quantile(shares), 4.0 * np.exp(0.3 * norm.ppf(shares)), rtol=1e-12)


def test_two_halves_are_said_and_exact() -> None:
    law = from_quantiles(2.0, 4.0, 6.0)
    assert "two half lognormals" in law.description
    np.testing.assert_allclose(law.quantile(np.array([0.1, 0.5, 0.9])), [2.0, 4.0, 6.0], rtol=1e-12)


def test_mean_volume_of_a_lognormal() -> None:
    # E3[d^-3] = median^-3 exp(4.5 sigma^2); the tails beyond 1 % at each end are cut, 0.3 % at this sigma.
    expected = np.pi / 6.0 * 4.0**3 * np.exp(-4.5 * 0.1**2)
    assert lognormal(4.0, 0.1).mean_volume() == pytest.approx(expected, rel=3e-3)


@pytest.mark.parametrize("law", [from_quantiles(3.0, 4.5, 6.5), lognormal(4.0, 0.3), uniform(2.0, 6.0)])
def test_thirty_particles_follow_the_quantiles(law: object) -> None:
    found = volume_quantiles(law.draw(30))  # type: ignore[attr-defined]
    asked = law.quantile(np.array([0.1, 0.5, 0.9]))  # type: ignore[attr-defined]
    # Thirty steps by number: the coarsest, at D90, is some 5 % of the volume wide.
    np.testing.assert_allclose([found["D10"], found["D50"], found["D90"]], asked, rtol=0.04)


def test_many_particles_follow_the_law_by_volume() -> None:
    law = uniform(2.0, 6.0)
    for drawn in (law.draw(5000), law.draw(5000, np.random.default_rng(1))):
        found = volume_quantiles(drawn)
        np.testing.assert_allclose([found["D10"], found["D50"], found["D90"]], [2.4, 4.0, 5.6], rtol=2e-3)


def test_slices_keep_the_volume() -> None:
    law = uniform(2.0, 6.0)
    assert np.sum(np.pi / 6.0 * law.draw(17) ** 3) == pytest.approx(17 * law.mean_volume(), rel=1e-12)


def test_draws_repeat_with_the_seed() -> None:
    law = lognormal(4.0, 0.3)
    first, again, other = (law.draw(50, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_table_in_percent_with_empty_ends() -> None:
    law = from_table([1.0, 2.0, 4.0, 8.0, 9.0], [0.0, 0.0, 50.0, 100.0, 100.0])
    assert (law.minimum, law.maximum) == (2.0, 8.0)
    np.testing.assert_allclose(law.quantile(np.array([0.0, 0.25, 0.5, 0.75, 1.0])), [2.0, 3.0, 4.0, 6.0, 8.0])


def test_quantiles_of_equal_spheres() -> None:
    assert volume_quantiles(np.full(9, 3.0)) == {"D10": 3.0, "D50": 3.0, "D90": 3.0}


def test_quantiles_count_discs_by_area() -> None:
    """Of two, each at the middle of its share: areas 1 : 3 put the median at 1/8 + 3/8 / (1/2) of the way between the middles."""
    small, large = 1.0, float(np.sqrt(3.0))
    expected = small + (0.5 - 0.125) / 0.5 * (large - small)
    assert volume_quantiles(np.array([large, small]), 2)["D50"] == pytest.approx(expected, rel=1e-12)


def test_bad_input_is_refused() -> None:
    with pytest.raises(MeshError, match="must increase"):
        from_quantiles(5.0, 4.0, 6.0)
    with pytest.raises(MeshError, match="must be positive"):
        lognormal(-1.0, 0.3)
    with pytest.raises(MeshError, match="at least 0"):
        lognormal(1.0, -0.3)
    with pytest.raises(MeshError, match="swap"):
        uniform(3.0, 2.0)
    with pytest.raises(MeshError, match="start at 0"):
        from_table([1.0, 2.0], [10.0, 100.0])
    with pytest.raises(MeshError, match="last cumulative"):
        from_table([1.0, 2.0], [0.0, 90.0])
    with pytest.raises(MeshError, match="outside the limits"):
        lognormal(4.0, 0.3, minimum=5.0, maximum=6.0)


def test_laws_of_blocks() -> None:
    three = size_law(SizeSpec(D10=3.0, D50=4.5, D90=6.5))
    assert float(three.quantile(np.array([0.5]))[0]) == pytest.approx(4.5, rel=1e-9)
    assert float(size_law(SizeSpec(median=4.0, sigma=0.2)).quantile(np.array([0.9]))[0]) == pytest.approx(
        4.0 * np.exp(0.2 * 1.2815515655446004), rel=1e-9
    )
    even = size_law(SizeSpec(distribution="uniform", minimum=2.0, maximum=6.0))
    np.testing.assert_allclose(even.quantile(np.array([0.25, 0.75])), [3.0, 5.0])
    table = size_law(SizeSpec(distribution="table", table=((2.0, 0.0), (4.0, 50.0), (5.0, 100.0))))
    assert float(table.quantile(np.array([0.75]))[0]) == pytest.approx(4.5)
    with pytest.raises(MeshError, match="a uniform diameter needs maximum, minimum; maximum is missing"):
        size_law(SizeSpec(distribution="uniform", minimum=2.0))
    with pytest.raises(MeshError, match="D10, D50, D90 cannot take median too"):
        size_law(SizeSpec(D10=3.0, D50=4.5, D90=6.5, median=4.0))
