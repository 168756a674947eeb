"""Diffusion along and across the c axis of a crystal, at any orientation, in space and in the plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import support_coupled as sc
import ufl
from dolfinx import fem
from support_crystals import Crystals, about, grid, rotation

from ssbmech import compat
from ssbmech.case.curves import ConstantCurve, Curve, LinearCurve
from ssbmech.materials.mobility import Mobility
from ssbmech.physics.lithium import Lithium
from ssbmech.physics.setting import Setting
from ssbmech.solve.numbering import Constraints

CHARGE, VOLTAGE, SLOPE = 4741.0, 0.0257, 0.8
FAST, SLOW = 4e-3, 2e-4  # um2/s, in the plane and along c
GRADIENT, STRESS_GRADIENT = np.array([0.2, -0.1, 0.15]), np.array([-0.03, 0.04, 0.02])
FRAME = rotation(21)


def lithium(
    n: int,
    dim: int,
    fast: Curve,
    slow: Curve | None,
    kind: Mobility = "from_open_circuit_potential",
    degree: int = 2,
) -> tuple[Setting, Lithium]:
    crystals = Crystals(grid(n, [FRAME], dim))
    setting = sc.one_body(crystals.tagged, ["stoichiometry", "stress_potential"], degree=degree)
    potential = LinearCurve(slope=-SLOPE, zero=4.0)
    term = Lithium(
        setting,
        "solid",
        CHARGE,
        potential,
        fast,
        kind,
        VOLTAGE,
        None,
        slow,
        crystals.axis() if slow else None,
    )
    return setting, term


def put(setting: Setting, name: str, function: Callable[[np.ndarray], np.ndarray]) -> None:
    setting[name].value.x.array[:] = sc.everywhere(setting, name, function)


def linear(gradient: np.ndarray, start: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda p: start + p[:, : gradient.size] @ gradient


def boundary(setting: Setting, name: str) -> np.ndarray:
    """Local dofs on the faces of the unit cube or square."""
    dim = setting.mesh.geometry.dim
    p = setting[name].broken.space.tabulate_dof_coordinates()[:, :dim]
    return np.flatnonzero((np.abs(p - 0.5) > 0.5 - 1e-12).any(axis=1)).astype(np.int32)


@pytest.mark.parametrize("kind", ["from_open_circuit_potential", "ideal_solution", "dilute_solution"])
def test_flux_of_given_gradients(kind: Mobility) -> None:
    """J = −q D(x) (∇x + m(x) ∇s), D = D_ab (I − cc) + D_c cc, m = 1/(−U'), x(1 − x)/V_T, x/V_T, integrated over a cube.

    D_ab and D_c are lines of x; along the linear x(r), the integrand is a polynomial of third degree at most.
    """
    fast, slow = LinearCurve(slope=FAST, zero=-0.5), LinearCurve(slope=-SLOW, zero=2.0)
    setting, term = lithium(1, 3, fast, slow, kind, degree=4)
    put(setting, "stoichiometry", linear(GRADIENT, 0.4))
    put(setting, "stress_potential", linear(STRESS_GRADIENT, 0.0))
    pick = fem.Constant(setting.mesh, np.zeros(3))
    form = compat.form(ufl.dot(term.flux(), pick) * sc.volume_measure(setting, 4), [])
    found = np.zeros(3)
    for k in range(3):
        pick.value[:] = np.eye(3)[k]
        found[k] = setting.mesh.comm.allreduce(float(fem.assemble_scalar(form)))
    nodes, weights = np.polynomial.legendre.leggauss(4)
    expected = np.zeros(3)
    for i, j, k in np.ndindex(4, 4, 4):
        at = 0.5 + 0.5 * nodes[[i, j, k]]
        x = float(linear(GRADIENT, 0.4)(at[None])[0])
        m = {
            "from_open_circuit_potential": 1 / SLOPE,
            "ideal_solution": x * (1 - x) / VOLTAGE,
            "dilute_solution": x / VOLTAGE,
        }[kind]
        tensor = about(FRAME, float(fast(x)), float(slow(x)))
        force = GRADIENT + m * STRESS_GRADIENT
        expected -= np.prod(0.5 * weights[[i, j, k]]) * CHARGE * tensor @ force
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dim", [2, 3])
def test_steady_flux(dim: int) -> None:
    """Held at a linear x(r) on the surface, a crystal carries J = −q D g everywhere; in the plane D is the block of the tensor."""
    setting, term = lithium(3, dim, ConstantCurve(value=FAST), ConstantCurve(value=SLOW))
    exact = sc.everywhere(setting, "stoichiometry", linear(GRADIENT[:dim], 0.5))
    dofs = boundary(setting, "stoichiometry")
    setting["stoichiometry"].value.x.array[:] = 0.5
    setting.time_step.value = 1e9  # steady: the time of diffusion is 1e4 s
    problem = sc.solver_of(
        setting,
        [term],
        {"stoichiometry": Constraints(dofs, exact[dofs])},
        {"stoichiometry": 1.0, "stress_potential": 1.0},
    )
    problem.solve()
    expected = -CHARGE * about(FRAME, FAST, SLOW)[:dim, :dim] @ GRADIENT[:dim]
    flux = term.flux()
    error = flux - ufl.as_vector(list(expected))
    # The storage that is left is 1e4 s over the step, 1e-5, squared.
    assert sc.integral(setting, ufl.dot(error, error) * setting.dx("solid")) < 1e-9 * float(
        expected @ expected
    )
    isotropic = -CHARGE * FAST * GRADIENT[:dim]
    assert np.linalg.norm(expected - isotropic) > 0.2 * np.linalg.norm(isotropic)


def decayed(n: int, dim: int, wave: np.ndarray, steps: int = 2) -> float:
    """Root mean square error after some steps of x = 1/2 + A cos(k·r), held on the surface at the exact values in time."""
    setting, term = lithium(n, dim, ConstantCurve(value=FAST), ConstantCurve(value=SLOW))
    rate = float(wave @ about(FRAME, FAST, SLOW)[:dim, :dim] @ wave)
    shape = sc.everywhere(setting, "stoichiometry", lambda p: 0.3 * np.cos(p[:, :dim] @ wave))
    dofs = boundary(setting, "stoichiometry")
    held = Constraints(dofs, np.zeros(dofs.size))
    x = setting["stoichiometry"]
    x.value.x.array[:] = 0.5 + shape
    x.accept()
    setting.time_step.value = 0.5 / rate
    problem = sc.solver_of(
        setting, [term], {"stoichiometry": held}, {"stoichiometry": 1.0, "stress_potential": 1.0}
    )
    for step in range(1, steps + 1):
        amplitude = 1.5**-step  # backward Euler: 1/(1 + k·D k Δt) a step
        held.values[:] = 0.5 + amplitude * shape[dofs]
        problem.solve()
        x.accept()
    x.value.x.array[:] -= 0.5 + amplitude * shape
    return float(np.sqrt(sc.integral(setting, x.value**2 * setting.dx("solid"))))


@pytest.mark.parametrize("dim", [2, 3])
def test_fourier_mode(dim: int) -> None:
    """x = 1/2 + A cos(k·r) decays as 1/(1 + k·D k Δt) a step, for a wave vector that is no axis of the crystal: second order in space."""
    wave = np.array([2.0, -1.5, 1.0])[:dim]
    coarse, fine = (decayed(n, dim, wave) for n in (8, 16))
    print(f"{dim} dimensions: {coarse:.2e}, {fine:.2e}")
    assert fine < 1e-4
    assert sc.orders([coarse, fine])[0] > 1.8


def test_equal_diffusivities_are_isotropic() -> None:
    """D_c = D_ab is the isotropic law to rounding."""
    same = ConstantCurve(value=FAST)
    rows = []
    for slow in (same, None):
        setting, term = lithium(2, 3, same, slow)
        put(setting, "stoichiometry", lambda p: 0.5 + 0.3 * np.sin(p @ GRADIENT * 9))
        put(setting, "stress_potential", lambda p: 0.1 * np.cos(p @ STRESS_GRADIENT * 60))
        row = fem.assemble_vector(compat.form(term.residual()["stoichiometry"], []))
        rows.append(row.array.copy())
    assert rows[0] == pytest.approx(rows[1], abs=1e-13 * np.abs(rows[1]).max())


def test_dissipation() -> None:
    """−J·∇(µ/F) = q ∇(µ/F)·D ∇(µ/F)/(−U') with ∇(µ/F) = −U' ∇x + ∇s: positive in any direction, least along c."""
    setting, term = lithium(1, 3, ConstantCurve(value=FAST), ConstantCurve(value=SLOW))
    power = compat.form(next(e for e in term.energies() if e.name == "diffusion_dissipation").form, [])
    found = {}
    random = np.random.default_rng(3)
    directions = [FRAME[:, 2], FRAME[:, 0], *random.normal(size=(4, 3))]
    for number, direction in enumerate(directions):
        x, s = 0.2 * direction, random.normal(size=3) * 0.1 if number > 1 else np.zeros(3)
        put(setting, "stoichiometry", linear(x, 0.5))
        put(setting, "stress_potential", linear(s, 0.0))
        force = SLOPE * x + s
        expected = CHARGE / SLOPE * float(force @ about(FRAME, FAST, SLOW) @ force)
        found[number] = setting.mesh.comm.allreduce(float(fem.assemble_scalar(power)))
        assert found[number] == pytest.approx(expected, rel=1e-11)
        assert expected > 0
    assert found[0] / found[1] == pytest.approx(SLOW / FAST, rel=1e-10)


def test_given_axis_is_normalised() -> None:
    """The length of a direction in the case says nothing."""
    crystals = Crystals(grid(1, [np.full((3, 3), np.nan)]))
    axis: Any = crystals.axis({"solid": list(7.0 * FRAME[:, 2])})
    assert axis.x.array.reshape(-1, 3) == pytest.approx(np.tile(FRAME[:, 2], (axis.x.array.size // 3, 1)))
