"""V24: the charge of V23 with the particle in a shell of electrolyte, b/a = 2.5: bonded, in a plastic shell, and coming off.

Spherical symmetry: the shell puts an even pressure p on the particle, which shifts its potential and leaves the flux as it is,

    V = V_23 − Ω p/F + i R²/κ (1/R − 1/b)

with p from the mean misfit ε = Ω c_max (x_mean − x_0)/3 and f = (a/b)³, a_1 = f/((1 − f) 3 K_m) + 1/(4 G_m (1 − f)),
C_1 = a_1 + 1/(3 K_p), C_2 = a_1 + 1/(3 K_m) (compression positive):

    bonded, elastic     p = (ε + P_0 C_2)/C_1                              (V06)
    plastic, P_0 = 0    p = s (2Y/3)(1 + 3 ln ρ − f ρ³), s = sign ε,       (R. Hill, The Mathematical Theory of Plasticity, 1950, ch. V;
                        where the shell has yielded to the radius ρ a       V07)
    bilinear bond       δ + t(δ) C_1 R = −R (ε + P_0 C_2), p = −t;         (V08)
                        the bond is gone at ε = −(δ_f/R + P_0 C_2)

V_23 and the numbers of the bonded shells are of finite volumes along the radius that differ by 2e-7 V between grids.

The shell lies in a box of plane plates that press isostatically, filled with a conductor that is nearly a fluid (G = 0.3 MPa, K = 1.7 GPa).
"""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc
import support_radial as radial
import support_sphere as ss
import ufl
from scipy.optimize import brentq
from support_mechanics import CAM, SE

from ssbmech.evolution import Evolution

R, B, YIELD, KAPPA = ss.RADIUS, 2.5 * ss.RADIUS, 200.0, 0.19  # um, um, MPa, S/m
F = (R / B) ** 3
A1 = F / ((1 - F) * 3 * SE.bulk_modulus) + 1 / (4 * SE.shear_modulus * (1 - F))
C1, C2 = A1 + 1 / (3 * CAM.bulk_modulus), A1 + 1 / (3 * SE.bulk_modulus)
OHMIC = 1e-6 * R**2 / KAPPA * (1 / R - 1 / B)  # V
PER_STRESS = ss.OMEGA * 1e6 / sc.FARADAY  # V/MPa

TIMES = [600.0, 2400.0, 4500.0]
FREE = {600.0: 3.660100615, 2400.0: 3.865856273, 4500.0: 4.209740841}
"""s -> potential [V], V23."""
BONDED = {
    600.0: (3.661013687, -54.109164),
    2400.0: (3.869461195, -216.436656),
    4500.0: (4.216486254, -405.818730),
}
PRESSED = {
    600.0: (3.658953754, 70.111709),
    2400.0: (3.867401261, -92.215783),
    4500.0: (4.214426320, -281.597857),
}
PLASTIC = {
    600.0: (3.661013687, -54.109164),
    2400.0: (3.869005741, -188.971263),
    4500.0: (4.213981599, -254.779650),
}
"""s -> potential [V], p [MPa]."""
FRONT = {2400.0: 1.191457, 4500.0: 1.444773}
"""s -> ρ."""

STRENGTH, TOUGHNESS, STIFFNESS, LOAD = 20.0, 0.5, 1e6, 5.0  # MPa, J/m^2, MPa/um, MPa: the bond of V08
ONSET, FINAL = STRENGTH / STIFFNESS, 2 * TOUGHNESS / STRENGTH  # um
RATE = ss.OMEGA / (sc.FARADAY * R * 1e-6)  # 1/s, of the misfit


def shell_case(times: list[float], pressure: float = 0.0) -> dict[str, Any]:
    case = ss.strained_case(times)
    case["phases"]["SE"]["conduction"]["conductivity"] = f"{KAPPA} S/m"
    case["phases"]["Fluid"] = {
        "regions": ["fluid"],
        "elasticity": {"youngs_modulus": "1 MPa", "poisson_ratio": 0.4999},
        "conduction": {"carrier": "ionic", "conductivity": "1e6 S/m"},
    }
    # Stiff enough that its compliance is 5e-5 of that of the bodies.
    case["interfaces"][0]["cohesion"] = {"stiffness": "1e20 Pa/m"}
    case["interfaces"].append(
        {
            "between": ["SE", "Fluid"],
            "cohesion": {"stiffness": "1e18 Pa/m"},
            "contact_conductance": {"conductance": "1e12 S/m^2"},
        }
    )
    case["stack"]["load"]["pressure"] = f"{pressure} MPa"
    return case


def state(evolution: Evolution) -> ss.Values:
    """p [MPa], and the radius over R of a ball with the volume of the particle and of all that has flowed around it."""
    setting, solid = evolution.model.setting, evolution.model.solids["SE"]
    values = {"pressure": ss.pressure_on_particle(evolution), "load": evolution.stack_pressure()}
    if solid.points is not None:
        flowed = ufl.conditional(ufl.gt(solid.plastic_strain(), 1e-9), 1.0, 0.0)
        volume = sc.integral(setting, flowed * setting.dx("SE"))
        values["front"] = float((1 + volume / (np.pi / 6 * R**3)) ** (1 / 3))
    return values


def charged(folder: Path, case: dict[str, Any]) -> list[ss.Values]:
    tagged = ss.octant_in_box(folder, [R, B], 13.5, [1.5, 1.3, 5.0, 6.0], ["cam", "se", "fluid"])
    return ss.charged(folder, case, tagged, state)


def check(found: list[ss.Values], reference: dict[float, tuple[float, float]]) -> None:
    """Potentials to 2 mV, pressures to 1 % of the misfit's."""
    for values, (time, (potential, pressure)) in zip(found, reference.items(), strict=True):
        print(time, values["potential"] - potential, values["pressure"] - pressure, values)
        # Measured at most 1.23 mV, at 2400 s on the steep part of U(x); it is the size of the cells (V23 at h = 0.9 um: 0.42 mV).
        assert values["potential"] == pytest.approx(potential, abs=2e-3)
        # The polyhedron, O(h²): measured 0.54 % at h = 1.3 um, 0.23 % at h = 0.65 um.
        assert values["pressure"] == pytest.approx(pressure, abs=0.01 * abs(BONDED[time][1]))


def test_closed_forms() -> None:
    """The numbers are V23 and the pressures of V06 and V07; a second computation along the radius, all coupled, has them too."""
    for time in TIMES:
        strain = -RATE * time
        for load, reference in ((0.0, BONDED), (100.0, PRESSED)):
            pressure = (strain + load * C2) / C1
            assert reference[time][1] == pytest.approx(pressure, rel=1e-6)
            shifted = FREE[time] - PER_STRESS * pressure + OHMIC
            assert reference[time][0] == pytest.approx(shifted, abs=1e-8)
        potential, pressure = PLASTIC[time]
        assert potential == pytest.approx(FREE[time] - PER_STRESS * pressure + OHMIC, abs=1e-8)
        if time in FRONT:
            hill = -2 * YIELD / 3 * (1 + 3 * log(FRONT[time]) - F * FRONT[time] ** 3)
            assert pressure == pytest.approx(hill, rel=1e-6)
    elastic, plastic = radial.Material(22.1e3, 0.37), radial.Material(22.1e3, 0.37, yield_strength=YIELD)
    for material, load, reference in (
        (elastic, 0.0, BONDED),
        (elastic, 100.0, PRESSED),
        (plastic, 0.0, PLASTIC),
    ):
        found = ss.radial_charge(TIMES, shell=radial.Layer(B, 50, material), pressure=load)
        for values, (potential, pressure) in zip(found, reference.values(), strict=True):
            assert values["potential"] + OHMIC == pytest.approx(potential, abs=0.06e-3)
            assert values["pressure"] == pytest.approx(pressure, abs=0.2)


def test_bonded(shared_tmp_path: Path) -> None:
    """(a) Without a load and under 100 MPa, which shift the potential by −2.06 mV."""
    free, pressed = (charged(shared_tmp_path, shell_case(TIMES, load)) for load in (0.0, 100.0))
    check(free, BONDED)
    check(pressed, PRESSED)
    for one, other, time in zip(free, pressed, TIMES, strict=True):
        assert (one["load"], other["load"]) == pytest.approx((0.0, 100.0), abs=1e-6)
        shift = PRESSED[time][0] - BONDED[time][0]
        print(time, (other["potential"] - one["potential"]) / shift - 1)
    # Measured −0.71 % (h = 0.65 um: −0.24 %), and −3.1 % (−1.0 %) at 2400 s: the stress at the edges of the polyhedron is not even, and
    # so draws some lithium to them, which counts most where U(x) is steep.
    assert other["potential"] - one["potential"] == pytest.approx(shift, rel=0.01)
    # Measured 0.15 %.
    assert other["pressure"] - one["pressure"] == pytest.approx(100.0 * C2 / C1, rel=3e-3)


def test_plastic_shell(shared_tmp_path: Path) -> None:
    """(b) The shell yields from 1380 s on; the front to a few per cent of the radius, on cells of a fourth to all of it."""
    case = shell_case(TIMES)
    case["phases"]["SE"]["plasticity"] = {"yield_strength": f"{YIELD} MPa"}
    found = charged(shared_tmp_path, case)
    check(found, PLASTIC)
    for values in found:
        # Measured −0.5 % and −0.4 %.
        front = FRONT.get(values["time"], 1.0)
        assert values["front"] == pytest.approx(front, rel=0.03)


def damage_path(time: float) -> tuple[float, float]:
    """Traction [MPa] and bonded share 1 − r of the bilinear bond at a time while it softens."""

    def excess(opening: float) -> float:
        share = (FINAL - opening) / (FINAL - ONSET)
        return opening + STRENGTH * share * C1 * R - R * (RATE * time - LOAD * C2)

    opening = float(brentq(excess, ONSET, FINAL))
    share = (FINAL - opening) / (FINAL - ONSET)
    return STRENGTH * share, share


@pytest.mark.slow
def test_debonding(shared_tmp_path: Path) -> None:
    """A bond that softens under 5 MPa: potential at 600 and 2400 s to 2 mV, and the time when the last of it is gone, to 1 %.

    The current passes through what is left of the bond; when its share is 1e-4, the potential has risen by 0.5 V and ends the charge.
    """
    gone = (FINAL / R + LOAD * C2) / RATE
    assert gone == pytest.approx(3084.04, abs=0.01)
    case = shell_case([600.0, 2400.0, 2 * gone], LOAD)
    case["interfaces"][0]["cohesion"] = {
        "stiffness": f"{STIFFNESS} MPa/um",
        "strength": f"{STRENGTH} MPa",
        "toughness": f"{TOUGHNESS} J/m^2",
        "viscosity": "0 s",
    }
    case["programme"][-1]["until"]["voltage"] = "4.4 V"
    found = charged(shared_tmp_path, case)
    for values, x in zip(found[:2], (0.807528815, 0.579793630), strict=True):  # x at the surface, V23
        traction, share = damage_path(values["time"])
        kinetic = ss.overpotential(x, share) - ss.overpotential(x)
        expected = FREE[values["time"]] + PER_STRESS * traction + OHMIC + kinetic
        print(values, values["potential"] - expected, values["pressure"] + traction)
        assert values["potential"] == pytest.approx(expected, abs=2e-3)
        assert values["pressure"] == pytest.approx(-traction, abs=0.02 * STRENGTH)
    print(found[-1], found[-1]["time"] / gone - 1)
    assert found[-1]["potential"] == pytest.approx(4.4, abs=1e-5)
    assert found[-1]["time"] == pytest.approx(gone, rel=0.01)
