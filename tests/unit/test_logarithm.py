"""Logarithm, derivative and powers of symmetric tensors, against scipy, differences and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm, logm

from ssbmech.materials.logarithm import TWICE, components, logarithm, power, tensors


def turned(logarithms: tuple[float, float, float], seed: int) -> np.ndarray:
    """(3, 3) tensor with these logarithms of the eigenvalues."""
    frame = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return np.asarray(frame @ np.diag(np.exp(logarithms)) @ frame.T)


SPECTRA = [
    (0.0, 0.0, 0.0),
    (1e-9, 0.0, -1e-9),
    (0.3, 0.3, -0.6),
    (0.3, 0.3 + 1e-8, -0.6),
    (1.4, -0.2, -1.2),
    (3.0, 0.0, -3.0),  # stretches from a fifth to five
]


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_logarithm(spectrum: tuple[float, float, float]) -> None:
    """Value against scipy's to rounding, 1e-14 of the condition number; derivative against differences of fourth order, 1e-9."""
    tensor = turned(spectrum, 3)
    value, slope = logarithm(tensor[None])
    condition = np.exp(max(spectrum) - min(spectrum))
    assert np.abs(value[0] - components(np.asarray(logm(tensor))[None])[0]).max() < 1e-14 * condition
    change = 0.5 * (turned((0.4, 0.1, -0.7), 5) - np.eye(3))
    change *= np.exp(min(spectrum))  # smaller than the smallest eigenvalue
    h = 1e-4
    moved = np.stack([tensor + k * h * change for k in (-2, -1, 1, 2)])
    values = logarithm(moved)[0]
    difference = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
    found = slope[0] @ (TWICE * components(change[None])[0])
    assert np.abs(found - difference).max() < 1e-9
    assert slope[0] == pytest.approx(slope[0].T, abs=1e-15 * np.abs(slope).max())


def test_equal_eigenvalues() -> None:
    """At a multiple of unity the derivative is the inverse multiple."""
    _, slope = logarithm(4.0 * np.eye(3)[None])
    assert slope[0] == pytest.approx(np.diag(0.25 / TWICE), abs=1e-15)


def test_power() -> None:
    many = np.stack([turned(spectrum, 7) for spectrum in SPECTRA])
    exponents = np.linspace(-0.5, 1.0, len(many))
    expected = np.stack([expm(k * logm(a)) for a, k in zip(many, exponents, strict=True)])
    assert power(many, exponents) == pytest.approx(expected, rel=1e-11, abs=1e-11)
    assert power(many, np.ones(len(many))) == pytest.approx(many, rel=1e-13, abs=1e-13)
    assert tensors(components(many)) == pytest.approx(many, rel=1e-13, abs=1e-13)


def test_bad_points_do_not_spoil_others() -> None:
    """A tensor that is not finite or not positive has NaN, and only it."""
    many = np.stack([np.diag([1.0, 2.0, 3.0]), np.full((3, 3), np.nan), np.diag([1.0, -1.0, 1.0])])
    value, slope = logarithm(many)
    assert value[0, :3] == pytest.approx(np.log([1.0, 2.0, 3.0]), abs=1e-15)
    assert np.isfinite(slope[0]).all()
    assert np.isnan(value[1:]).any(axis=1).all()
