"""Contacts that conduct under pressure, films, and the contact of the collector, against series resistances in closed form.

A planar cell as in V17, with a second layer of active material behind the first; everything is uniform across the layers, so that the
contact pressure is that of the stack and the potential of the collector is a sum of drops.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc
from scipy.optimize import brentq
from test_planar_cell import (
    CAM_LENGTH,
    CAM_SIGMA,
    LENGTH,
    PRECISION,
    SIGMA,
    overpotential,
    planar_case,
    planar_mesh,
)

from ssbmech.constants import thermal_voltage
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.evolution import Evolution
from ssbmech.materials.contact_law import ContactLaw
from ssbmech.materials.kinetics import solve_with_film
from ssbmech_mesh.primitives import layered_block

CURRENT, BEHIND = 2.0, 3.0  # A/m^2; um, the second layer
FACE = {"contact_pressure_scale": "2 MPa", "contact_exponent": 0.95, "contact_unloading_exponent": 0.4}
JOINT = {"contact_pressure_scale": "30 MPa", "contact_exponent": 1 / 3, "contact_unloading_exponent": 0.5}
FILM, CONDUCTANCE = 1e-3, 2e3  # ohm m^2, S/m^2
PRESSURES = (2.0, 8.0, 4.0, 1.0, 8.0, 20.0)  # MPa: up, down, back to where it turned, up


def share(path: list[float], scale: float, exponent: float, unloading: float) -> float:
    """f at the end of a path of pressures, without the regularisation."""
    peak = max(path)
    x = (peak / scale) ** exponent
    return x / (1 + x) * (path[-1] / peak) ** unloading


# -- laws ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [1 / 3, 0.5, 0.95, 1.0, 1.2])
def test_exponent_from_loading(exponent: float) -> None:
    """d ln X/d ln p is n, X/p_0^n is 1, and nothing conducts without pressure."""
    law = ContactLaw(5.0, exponent)
    p = np.array([0.1, 1.0, 20.0, 300.0])
    f = law.pressed_share(p)
    found = np.diff(np.log(f / (1 - f))) / np.diff(np.log(p))
    assert found == pytest.approx(exponent, abs=2e-5)  # ε/y = 5e-5 at the lowest pressure
    assert f / (1 - f) == pytest.approx((p / 5.0) ** exponent, rel=5e-5)
    assert law.pressed_share(0.0) == 0.0
    assert law.transmissivity(1.0, 0.0) == 0.0
    assert law.transmissivity(0.0, 0.0) == 1.0


def test_hysteresis() -> None:
    law = ContactLaw(5.0, 0.95, 0.4)
    down = law.pressed_share(np.array([20.0, 2.0, 0.0]), 20.0)
    up = law.pressed_share(np.array([20.0, 2.0, 0.0]), 0.0)
    assert down[0] == up[0]
    assert down[1] / down[0] == pytest.approx(0.1**0.4, rel=1e-5)
    assert down[1] > up[1]
    assert down[2] == 0.0
    assert law.pressed_share(40.0, 20.0) == law.pressed_share(40.0, 0.0)


def test_film_root() -> None:
    """Against brentq for films from none to one that takes nearly all, on both sides, far from and near to equilibrium."""
    voltage, alpha = thermal_voltage(298.15), 0.35
    eta, resistance = (
        v.ravel() for v in np.meshgrid([-1.2, -0.3, -1e-4, 0.0, 1e-7, 0.1, 0.7, 1.5], [0.0, 1e-6, 1e-2, 1e3])
    )
    exchange = np.linspace(0.01, 30.0, eta.size)
    found = solve_with_film(eta, exchange, resistance, alpha, voltage)
    ours = (resistance == 0.0) & (
        np.abs(eta) > 0.3
    )  # beyond the guard of the exponential: no solution of a cell

    def excess(j: float, k: int) -> float:
        u = eta[k] - j * resistance[k]
        z = (alpha * u / voltage, -(1 - alpha) * u / voltage)
        return float(j - exchange[k] * (np.exp(z[0]) - np.exp(z[1])))

    for k in np.flatnonzero(~ours & (resistance > 0)):
        largest = abs(eta[k]) / resistance[k]
        j = brentq(excess, -largest, largest, args=(k,), xtol=1e-300, rtol=1e-14) if eta[k] else 0.0
        if abs(eta[k] - j * resistance[k]) < 15 * voltage:
            assert found[k] == pytest.approx(j, rel=1e-10)


# -- in the cell -----------------------------------------------------------------------------------------------------------


def cell_mesh(folder: Path) -> TaggedMesh:
    sizes = [LENGTH, CAM_LENGTH, BEHIND]
    return sc.written_mesh(
        folder,
        "cell",
        lambda path: layered_block(path, [4.0, 4.0], sizes, ["se", "cam_1", "cam_2"], [1, 1, [3, 2, 1]]),
    )


def cell_case() -> dict[str, Any]:
    """Faces that touch but do not stick; the pressure changes at the beginning of every step of the programme."""
    case = planar_case(
        programme=[
            {"charge": f"{CURRENT} A/m^2", "until": {"time": "1 s"}, "load": {"pressure": f"{p} MPa"}}
            for p in PRESSURES
        ]
    )
    case["phases"]["CAM"]["regions"] = ["cam_*"]
    # A contact of 1 MPa/pm turns the rounding of displacements into 1e-10 of the current.
    case["numerics"]["newton"]["tolerance"] = 1e-8
    face = case["interfaces"][0]
    face["cohesion"]["initially_open"] = True
    face["charge_transfer"] |= {"film_resistance": f"{FILM} ohm*m^2", **FACE}
    case["interfaces"].append(
        {
            "between": ["CAM", "CAM"],
            "cohesion": {"stiffness": "1e16 Pa/m", "initially_open": True},
            "contact_conductance": {"conductance": f"{CONDUCTANCE} S/m^2", **JOINT},
        }
    )
    case["stack"]["load"] = {"pressure": f"{PRESSURES[0]} MPa"}
    return case


def volts(model: Any) -> tuple[list[float], Evolution]:
    """Potential of the collector at the end of every step of the programme."""
    ends: dict[int, float] = {}
    evolution = sc.run(model, lambda e, a: ends.__setitem__(a.segment.number, e.monitored()["potential"]))
    return list(ends.values()), evolution


def touching(model: Any) -> None:
    """Start from layers that overlap a little: without pressure nothing conducts and nothing holds the layers."""
    u = model.setting["displacement"]
    u.value.x.array.reshape(-1, 3)[: u.broken.body_of_dof.size, 2] = -1e-5 * u.broken.body_of_dof
    model.setting["platen_displacement"].value.x.array[:] = -1e-5 * max(u.broken.body_of_dof)


def test_loop_of_pressure(shared_tmp_path: Path) -> None:
    """Charge transfer through a film and a joint behind it, each with its own law, up, down and up again."""
    model = sc.model_of(shared_tmp_path, cell_case(), cell_mesh(shared_tmp_path))
    touching(model)
    found, evolution = volts(model)
    thickness = CAM_LENGTH + BEHIND
    power = [0.0]
    for k in range(len(PRESSURES)):
        path = list(PRESSURES[: k + 1])
        j = CURRENT / share(path, 2.0, 0.95, 0.4)
        joint = CURRENT / (CONDUCTANCE * share(path, 30.0, 1 / 3, 0.5))
        drop = CURRENT * (LENGTH * 1e-6 / SIGMA + thickness * 1e-6 / CAM_SIGMA)
        # The regularisation changes f by 1e-6 p_0/p: 2e-5 of the drops at the joint (1 MPa against 30), of 10 mV at most.
        expected = 3.8 + overpotential(j, 2.0, 0.5) + j * FILM + joint + drop
        assert found[k] == pytest.approx(expected, abs=1e-6)
        power.append(CURRENT * j * FILM * 16.0)
    balance = evolution.ledger.measure(0.0)
    # One time step of 1 s for each step of the programme, and powers are integrated by the trapezoidal rule.
    spent = sum(0.5 * (a + b) for a, b in pairwise(power))
    assert balance.energy["film_dissipation"] == pytest.approx(spent, rel=1e-5)
    assert balance.lithium_error < 1e-9
    assert balance.charge_error < 1e-9
    assert found[1] == pytest.approx(found[4], abs=1e-8)
    assert found[2] < found[0]  # 4 MPa on the way down conduct better than 2 MPa on the way up


def test_thin_film_in_a_bonded_face(shared_tmp_path: Path) -> None:
    """a = 1: the potential rises by exactly i R, and the energy by i² R t."""
    case = planar_case(programme=[{"charge": "20 A/m^2", "until": {"time": "1 s"}}])
    bare, _ = volts(sc.model_of(shared_tmp_path, case, planar_mesh(shared_tmp_path)))
    case["interfaces"][0]["charge_transfer"]["film_resistance"] = "25 ohm*cm^2"
    coated, evolution = volts(sc.model_of(shared_tmp_path, case, planar_mesh(shared_tmp_path)))
    assert coated[0] - bare[0] == pytest.approx(20.0 * 2.5e-3, abs=PRECISION)
    energy = evolution.ledger.measure(0.0).energy
    # The trapezoidal rule takes the power of the first and only step to have grown from that of the rest before.
    assert energy["film_dissipation"] == pytest.approx(0.5 * 20.0**2 * 2.5e-3 * 16.0, rel=1e-6)


@pytest.mark.parametrize("path", ["resolved", "wired"])
def test_collector_contact(shared_tmp_path: Path, path: str) -> None:
    """V of the metal = V + I/(A g(P)), P that of the step before, through the conductors or in series with the wires."""
    metal = {"conductance": "500 S/m^2", "contact_pressure_scale": "10 MPa", "contact_exponent": 0.95}
    case = planar_case(
        programme=[
            {"rest": "1 s", "load": {"pressure": f"{p} MPa"}}
            if k % 2 == 0
            else {"charge": "20 A/m^2", "until": {"time": "1 s"}}
            for k, p in enumerate(np.repeat([3.0, 30.0, 3.0], 2))
        ]
    )
    case["numerics"]["newton"]["tolerance"] = 1e-8  # as above
    if path == "wired":
        case["electrons"] = {"path": "wired", "conductance": "1e9 S/m^3"}
        # Without a contact the collector also holds the particles that it cuts; with one all current takes the wires.
        case["stack"]["collector_contact"] = {
            "conductance": "1e10 S/m^2",
            "contact_pressure_scale": "1e-6 MPa",
        }
    perfect, ideal = volts(sc.model_of(shared_tmp_path, case, planar_mesh(shared_tmp_path)))
    case["stack"]["collector_contact"] = {**metal, "contact_unloading_exponent": 0.3}
    found, evolution = volts(sc.model_of(shared_tmp_path, case, planar_mesh(shared_tmp_path)))
    drops = []
    for k, pressures in ((1, [3.0]), (3, [3.0, 30.0]), (5, [3.0, 30.0, 3.0])):
        drop = 20.0 / (500.0 * share(pressures, 10.0, 0.95, 0.3))
        drops.append(drop)
        assert found[k] - perfect[k] == pytest.approx(drop, abs=1e-6)  # ε p_0/p of 0.2 V
        assert found[k - 1] == pytest.approx(perfect[k - 1], abs=1e-8)
    assert found[5] < found[1]
    balance = evolution.ledger.measure(0.0)
    assert balance.charge_error < 1e-9
    # 320 pA flow for 1 s, rest for 1 s, and so on; powers are integrated by the trapezoidal rule.
    spent = 320.0 * (drops[0] + drops[1] + 0.5 * drops[2])
    more = balance.energy["ohmic_dissipation"] - ideal.ledger.measure(0.0).energy["ohmic_dissipation"]
    assert more == pytest.approx(spent, rel=1e-5)


def test_collector_without_pressure_stops_the_current(shared_tmp_path: Path) -> None:
    """Contact lost is current lost: a ten-thousandth is left for the sake of a potential."""
    case = planar_case(programme=[{"charge": "1 A/m^2", "until": {"time": "1 s", "potential": "5 V"}}])
    case["stack"]["collector_contact"] = {"conductance": "500 S/m^2"}
    case["numerics"]["newton"]["tolerance"] = (
        1e-8  # 20 V across a contact leave no more digits to microvolts in the conductor
    )
    _, evolution = volts(sc.model_of(shared_tmp_path, case, planar_mesh(shared_tmp_path)))
    assert evolution.charge == 0.0 or evolution.monitored()["potential"] >= 5.0 - 1e-5
    contact = evolution.model.collector_contact
    assert contact is not None
    assert contact.resistance == pytest.approx(1e4 / 500.0)
