"""The independent radial reference itself: closed forms, order of convergence, conservation."""

from __future__ import annotations

import numpy as np
import pytest
from support_radial import Diffusion, Layer, Material, RadialSphere

PARTICLE = Material(140e3, 0.3, swelling=lambda x: (1 + x) ** 3 - 1)  # x is the linear misfit
MATRIX = Material(22.1e3, 0.37, yield_strength=200.0)


def misfit(cells: int, path: np.ndarray, outer: float = 4.0) -> tuple[np.ndarray, RadialSphere]:
    """Pressure on a sphere of radius 1 (one uniform state) in a shell, along a path of misfits."""
    sphere = RadialSphere([Layer(1.0, 4, PARTICLE), Layer(outer, cells, MATRIX)], finite=False)
    pressures = []
    for value in path:
        sphere.step(1.0, given=np.where(np.arange(sphere.x.size) < 4, value, 0.0))
        pressures.append(-sphere.traction(1.0))
    return np.array(pressures), sphere


def test_plastic_matrix_with_a_cycle() -> None:
    """V07: R. Hill, The Mathematical Theory of Plasticity (1950), ch. V: loading exactly, the cycle by a separate computation."""
    path = np.concatenate([np.linspace(a, b, 41)[1:] for a, b in ((0, -0.02), (-0.02, 0), (0, -0.02))])
    errors = []
    for cells in (60, 240):
        p, sphere = misfit(cells, path)
        errors.append(p[39] / -309.57664614591795 - 1)
    assert (
        np.log(errors[0] / errors[1]) / np.log(4) > 1.8
    )  # 2, but for where the plastic front lies in its cell
    assert p[[39, 79]] == pytest.approx([-309.57664614591795, 147.544772], rel=3e-4)
    assert p[119] == pytest.approx(p[39], rel=1e-9)  # closed loop
    plastic = np.append(sphere.p[4:] > 0, False)
    assert sphere.R[4:][plastic].max() == pytest.approx(1.586290, abs=4 / 240)
    balance = sphere.energy() - sphere.chemical_work + sphere.dissipated
    assert abs(balance) < 1e-3 * sphere.dissipated  # trapezoidal rule over a kinked path
    assert misfit(240, np.array([-0.01]), 2.0)[0][0] == pytest.approx(
        -195.318792, rel=3e-4
    )  # one step is enough


def test_cavity_closes_plastically() -> None:
    """V08, V26: a cavity in an elastic-plastic shell under outer pressure."""
    sphere = RadialSphere([Layer(4.0, 400, MATRIX)], finite=False, inner=1.0)
    sphere.step(1.0, given=0.0, pressure=(0.0, 250.0))
    assert sphere.u[0] == pytest.approx(-0.014220382590161522, rel=3e-4)


@pytest.mark.parametrize(("finite", "strength"), [(False, np.inf), (True, np.inf), (True, 500.0)])
def test_uniform_swelling_is_free_of_stress(finite: bool, strength: float) -> None:
    """r/R = (1 + ΔV/V)^(1/3) to rounding, at ΔV/V = 2.9 too."""
    silicon = Material(90e3, 0.28, yield_strength=strength, swelling=lambda x: 2.9 * x)
    sphere = RadialSphere([Layer(1.0, 20, silicon)], finite)
    for x in np.linspace(0.1, 1.0, 10):
        sphere.step(1.0, given=x)
    assert 1 + sphere.u[-1] == pytest.approx(3.9 ** (1 / 3), abs=1e-13)
    assert np.abs(sphere.state()["tau_t"]).max() < 1e-9
    assert sphere.p.max() == 0.0


def test_parabolic_profile_and_small_strain_limit() -> None:
    """Chemical strain e s², s = r/R, in a free elastic sphere; finite strain approaches small strain with order 1 in e.

    σ_r = 2 E e (1 − s²)/(5 (1 − ν)) (S. P. Timoshenko and J. N. Goodier, Theory of Elasticity, § 152).
    """
    errors, differences = [], []
    for cells in (50, 100):
        sphere = RadialSphere([Layer(5.0, cells, PARTICLE)], finite=False)
        s = sphere.middle / 5
        sphere.step(1.0, given=1e-3 * s**2)
        exact = 2 * 140e3 / 0.7 * (1 - s**2) * 1e-3 / 5
        errors.append(np.abs(sphere.state()["tau_r"] - exact).max() / exact.max())
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1)
    assert errors[1] < 2e-4
    for size in (1e-3, 5e-4):
        stresses = []
        for finite in (True, False):
            sphere = RadialSphere([Layer(5.0, 50, PARTICLE)], finite)
            sphere.step(1.0, given=size * (sphere.middle / 5) ** 2)
            stresses.append(sphere.state()["tau_r"])
        differences.append(np.abs(stresses[0] - stresses[1]).max() / np.abs(stresses[1]).max())
    assert differences[0] / differences[1] == pytest.approx(2.0, rel=0.05)
    assert differences[0] < 3e-3


def lithiated(cells: int, steps: int) -> RadialSphere:
    """Silicon of 0.1 um radius, lithiated at constant current: stress and diffusion coupled, plastic."""
    silicon = Material(90e3, 0.28, yield_strength=500.0, swelling=lambda x: 2.9 * (x - 0.02))
    diffusion = Diffusion(30e3, lambda x: 1e-4 + 0 * x, lambda x: 1e-4 / 0.55 + 0 * x)
    sphere = RadialSphere([Layer(0.1, cells, silicon)], finite=True, start=0.02, diffusion=diffusion)
    current = 30e3 * 4 / 3 * np.pi * 0.1**3 * 0.8 / 60.0
    for _ in range(steps):
        sphere.step(60.0 / steps, current=current)
    return sphere


def test_coupled_lithiation_converges_and_conserves() -> None:
    """Convergence in space and, with order 1, in time; lithium exactly; energy up to the trapezoidal rule."""
    space = [lithiated(cells, 60) for cells in (15, 30, 60)]
    time = [lithiated(15, steps) for steps in (40, 80, 160)]
    centre = [float(sphere.x[:2].mean()) for sphere in time]
    assert (centre[0] - centre[1]) / (centre[1] - centre[2]) == pytest.approx(2.0, rel=0.25)
    # Value at R = 0, by the parabola through the two innermost cells (no linear part).
    centre = [float(1.125 * sphere.x[0] - 0.125 * sphere.x[1]) for sphere in space]
    # Order 1.5 (measured 1.47): 2 but for the cell in which the front of the plastic zone lies.
    assert (centre[0] - centre[1]) / (centre[1] - centre[2]) > 2.6
    for sphere in (*space, *time):
        assert sphere.content() / (4 / 3 * np.pi * 0.1**3) == pytest.approx(0.82, rel=1e-12)
    balance = [abs(s.energy() - s.chemical_work + s.dissipated) / s.dissipated for s in time]
    assert balance[2] < 0.01 and balance[2] < 0.6 * balance[0]
    assert space[-1].p.max() > 0.05 and (space[-1].p == 0).any()  # it flows outside, not inside


def test_wall_stops_the_sphere() -> None:
    """A rigid wall at a clearance: free until it is touched, then the mean stress of a sphere held at that radius."""
    silicon = Material(90e3, 0.28, swelling=lambda x: 2.9 * x)
    sphere = RadialSphere([Layer(1.0, 10, silicon)], finite=True, wall=0.1)
    sphere.step(1.0, given=0.1)
    assert not sphere.touching
    sphere.step(1.0, given=0.2)
    assert sphere.touching and sphere.u[-1] == pytest.approx(0.1, abs=1e-14)
    ratio = 1.1**3 / (1 + 2.9 * 0.2)
    cauchy = silicon.bulk / 2 * (ratio**2 - 1) / ratio
    assert sphere.traction(1.0) == pytest.approx(cauchy, rel=1e-10)
    sphere.step(1.0, given=0.1)
    assert not sphere.touching
    assert 1 + sphere.u[-1] == pytest.approx(1.29 ** (1 / 3), abs=1e-13)


def test_creep_of_a_pressurised_shell() -> None:
    """Norton creep, long after loading: σ_r − σ_θ = −C r^(−3/n), C from equilibrium."""
    n, a, b, pressure = 4.0, 1.0, 2.0, 10.0
    law = Material(10e3, 0.3, yield_strength=0.0, rate=1e-3, drag=10.0, exponent=n)
    sphere = RadialSphere([Layer(b, 100, law)], finite=False, inner=a)
    for dt in (1e-2, 1e-1, 1.0, *[5.0] * 40):
        sphere.step(dt, given=0.0, pressure=(pressure, 0.0))
    # dσ_r/dr = −2 (σ_r − σ_θ)/r, integrated from a to b, gives the pressure.
    constant = pressure * 3 / n / 2 / (a ** (-3 / n) - b ** (-3 / n))
    exact = -constant * sphere.middle ** (-3 / n)
    assert np.abs(sphere.state()["T"] / exact - 1).max() < 1e-3
