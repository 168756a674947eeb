"""V23: the charge of V22 with stress: a free elastic sphere whose stress drives lithium and shifts its potential.

    J = −D ∇c + (D c Ω/RT) ∇σ_h,     V = U(x) + Ω σ_h/F + (2RT/F) asinh(i/2 i_0)      (all at the surface, compression negative)

In a free sphere σ_h follows the concentration, so that this is diffusion with D (1 + θ c), θ = 2 E Ω²/(9 (1 − ν) RT) (X. Zhang, W. Shyy,
A. M. Sastry, J. Electrochem. Soc. 154 (2007) A910; the mobility ``dilute_solution``), and the hoop stress at the surface is
E Ω (c_mean − c_surface)/(3 (1 − ν)) (Y.-T. Cheng, M. W. Verbrugge, J. Power Sources 190 (2009) 453). Reference: finite volumes along
the radius, extrapolated in the grid, which differ by 2e-7 V.

The electrolyte around the sphere has a Young's modulus of 1 kPa and carries no stress.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc
import support_sphere as ss
import ufl

from ssbmech.evolution import Evolution

REFERENCE = {
    600.0: (3.660100615, 95.1916997),
    2400.0: (3.865856273, 115.8154887),
    4500.0: (4.209740841, 154.5773342),
}
"""s -> potential [V], hoop stress at the surface [MPa]."""

TIMES = list(REFERENCE)


def at_surface(evolution: Evolution) -> ss.Values:
    """Means of the hoop and of the radial stress [MPa] over the particle's surface, and p [MPa]."""
    setting = evolution.model.setting
    dS, normal = setting.dS(("CAM", "SE")), setting.normal("+")
    stress = evolution.model.solids["CAM"].stress()("+")
    radial = ufl.dot(normal, stress * normal)
    area = sc.integral(setting, (1.0 + 0.0 * setting.time_step) * dS)
    return {
        "hoop": sc.integral(setting, (ufl.tr(stress) - radial) / 2 * dS) / area,
        "radial": sc.integral(setting, radial * dS) / area,
        "pressure": ss.pressure_on_particle(evolution),
    }


def free_sphere(
    folder: Path, sizes: list[float], mobility: str = "dilute_solution", **numerics: Any
) -> list[ss.Values]:
    case = ss.strained_case(TIMES, mobility)
    case["phases"]["SE"]["elasticity"]["youngs_modulus"] = "1 kPa"
    case["numerics"] |= numerics
    if mobility != "dilute_solution":
        # A weaker coupling leaves steeper profiles that take longer to settle.
        case["programme"][0]["maximum_time_step"] = "50 s"
    tagged = ss.octant_in_box(folder, [ss.RADIUS], 5.5, sizes, ["cam", "se"])
    return ss.charged(folder, case, tagged, at_surface)


def test_references_agree() -> None:
    """A second computation along the radius, displacements and lithium together (measured 0.02 mV, 0.1 %: cells and time step)."""
    for (potential, hoop), found in zip(REFERENCE.values(), ss.radial_charge(TIMES), strict=True):
        assert found["potential"] == pytest.approx(potential, abs=0.05e-3)
        assert found["hoop"] == pytest.approx(hoop, rel=2e-3)


def test_v23(shared_tmp_path: Path) -> None:
    """Potential to 1 mV, hoop stress at the end to 1 %."""
    found = free_sphere(shared_tmp_path, [0.8, 0.68, 3.0])
    for (time, (potential, hoop)), values in zip(REFERENCE.items(), found, strict=True):
        print(time, values["potential"] - potential, values["hoop"] / hoop - 1, values)
        # Measured 0.45, 0.22, 0.16 mV; half of the first is the time step.
        assert values["potential"] == pytest.approx(potential, abs=1e-3)
        assert abs(values["pressure"]) < 1e-4
        # The surface of the polyhedron is not that of the sphere: measured 0.07 MPa.
        assert abs(values["radial"]) < 1e-3 * hoop
    # Measured 0.86 %: linear x lies 0.3 k h² above x = a − k r² at the nodes, so c_mean − c_surface is too small by O(h²).
    assert found[-1]["hoop"] == pytest.approx(REFERENCE[4500.0][1], rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("mobility", ["ideal_solution", "from_open_circuit_potential"])
def test_other_mobilities(shared_tmp_path: Path, mobility: str) -> None:
    """The other forms of the coupling against the radial computation."""
    steps = {"initial": "20 s", "maximum": "600 s", "growth": 2.0}
    found = free_sphere(shared_tmp_path, [0.8, 0.68, 3.0], mobility, time_step=steps)
    for expected, values in zip(ss.radial_charge(TIMES, mobility), found, strict=True):
        print(mobility, expected, values)
        # Measured at most 0.53 mV (ideal_solution) and 0.83 mV.
        assert values["potential"] == pytest.approx(expected["potential"], abs=1e-3)
    # Measured 0.7 % and 1.0 %, as in V23.
    assert found[-1]["hoop"] == pytest.approx(expected["hoop"], rel=0.015)


@pytest.mark.slow
@pytest.mark.parametrize(("degree", "low", "high"), [(1, 0.5, 1.3), (2, 1.6, 2.4)])
def test_order(shared_tmp_path: Path, degree: int, low: float, high: float) -> None:
    """Order of the hoop stress at 4500 s: 2 with quadratic displacements, 1 with linear ones, whose stress has no gradient in a cell.

    Measured 2.3 % and 0.6 % (order 1.9) with quadratic, 8.4 % and 4.8 % (0.8) with linear displacements at h = R/4 and R/8.
    """
    exact = REFERENCE[4500.0][1]
    errors = []
    for h in (1.2, 0.6):
        found = free_sphere(shared_tmp_path, [h, h, 3.0], displacement_degree=degree)
        errors.append(abs(found[-1]["hoop"] / exact - 1))
    print(degree, errors, np.log2(errors[0] / errors[1]))
    assert low < np.log2(errors[0] / errors[1]) < high
