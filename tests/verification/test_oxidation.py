"""Oxidation of the electrolyte: growth of its charge, film and opening in a planar cell, against closed forms.

The open-circuit potential is flat and the kinetics are fast, so that at rest the face stays at 3.8 V against lithium but for the
overpotential that brings back the lithium which oxidation takes the charge of.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc
from scipy.optimize import brentq
from support_mechanics import CAM, SE, oedometric
from test_conducting_contacts import touching
from test_planar_cell import CAM_LENGTH, LENGTH, THERMAL, overpotential, planar_case, planar_mesh

from ssbmech.constants import MAH_PER_CM2
from ssbmech.evolution import Evolution

ONSET, TAFEL, REFERENCE = 3.5, 0.2, 0.01  # V, V per decade, A/m^2
EXCHANGE = 2.0  # A/m^2
AREA = 16.0  # um^2
STIFFNESS = 1e4  # MPa/um, of the bond

Rows = list[dict[str, float]]


def oxidising_case(programme: list[dict[str, Any]], **oxidation: Any) -> dict[str, Any]:
    case = planar_case(programme=programme)
    case["interfaces"][0]["oxidation"] = {
        "onset_potential": f"{ONSET} V",
        "tafel_slope": f"{TAFEL} V",
        "current_density": f"{REFERENCE} A/m^2",
        **oxidation,
    }
    return case


def steps(case: dict[str, Any], length: float) -> dict[str, Any]:
    """The case with time steps of one length."""
    return case | {
        "numerics": case["numerics"] | {"time_step": {"initial": f"{length} s", "maximum": f"{length} s"}}
    }


def history(folder: Path, case: dict[str, Any], apart: bool = False) -> tuple[Rows, Evolution]:
    """What every step ends with: q, g and R are means over the face. ``apart``: the layers touch without a bond."""
    rows: Rows = []

    def note(evolution: Evolution, accepted: Any) -> None:
        state = evolution.interface_state()
        mean = {
            n: float((state[n] * state.area).sum())
            for n in ("oxidation_charge", "oxidation_opening", "film_resistance")
        }
        mean = {n: evolution.model.setting.mesh.comm.allreduce(v) / AREA for n, v in mean.items()}
        balance = evolution.balance()
        rows.append(
            {
                "time": accepted.time,
                "step": accepted.time_step,
                "potential": evolution.monitored()["potential"],
                "pressure": evolution.stack_pressure(),
                "energy": balance.energy_error,
                "mechanical": balance.mechanical_error,
                "lithium": balance.lithium_error,
                "charge": balance.charge_error,
                "content": evolution.ledger.lithium_content(),
                **mean,
            }
        )

    model = sc.model_of(folder, case, planar_mesh(folder))
    if apart:
        touching(model)
    return rows, sc.run(model, note)


def tafel(potential: float) -> float:
    return float(REFERENCE * 10 ** ((potential - ONSET) / TAFEL))


def at_rest(factor: float = 1.0) -> float:
    """φ_s − φ_e at which charge transfer takes back what oxidation gives [V]."""

    def balance(v: float) -> float:
        eta = v - 3.8
        return factor * tafel(v) + EXCHANGE * (np.exp(0.5 * eta / THERMAL) - np.exp(-0.5 * eta / THERMAL))

    return float(brentq(balance, 3.0, 3.9, xtol=1e-15))


def test_tafel_at_rest(shared_tmp_path: Path) -> None:
    """Self-discharge: no current flows, q = i_ox t at the mixed potential, and as much lithium goes back into the active material."""
    case = steps(oxidising_case([{"rest": "100 s"}]), 25.0)
    rows, evolution = history(shared_tmp_path, case)
    mixed = at_rest()
    for row in rows:
        assert row["potential"] == pytest.approx(mixed, abs=1e-8)
        # The millisecond of the initial equilibrium counts.
        assert row["oxidation_charge"] == pytest.approx(tafel(mixed) * (row["time"] + 1e-3), rel=1e-7)
    gained = rows[-1]["content"] - rows[0]["content"]
    assert gained == pytest.approx(AREA * tafel(mixed) * 75.0, rel=1e-6)
    assert evolution.charge == 0.0


def test_charge_passed_is_lithium_and_oxidation(shared_tmp_path: Path) -> None:
    """Charging: i = i_lithium + i_ox, at the potential where both add up, and every balance closes."""
    case = steps(oxidising_case([{"charge": "2 A/m^2", "until": {"time": "40 s"}}]), 10.0)
    rows, _ = history(shared_tmp_path, case)
    v = float(
        brentq(
            lambda v: 2.0 - tafel(v) - EXCHANGE * 2 * np.sinh(0.5 * (v - 3.8) / THERMAL), 3.5, 4.2, xtol=1e-15
        )
    )
    left = rows[0]["content"] - rows[-1]["content"]
    assert left == pytest.approx(AREA * (2.0 - tafel(v)) * 30.0, rel=1e-6)
    assert 0.1 < tafel(v) / 2.0 < 0.5  # of the current
    for row in rows:
        assert row["lithium"] < 1e-8
        assert row["charge"] < 1e-8
        assert row["potential"] == pytest.approx(
            v + 2.0 * (LENGTH * 1e-6 / 0.19 + CAM_LENGTH * 1e-6 / 100.0), abs=1e-7
        )
    # Power of the first step by the trapezoidal rule: half of its 10 s at rest, of 1 % of the energy turned over.
    assert rows[-1]["energy"] < 0.02


def test_parabolic_growth(shared_tmp_path: Path) -> None:
    """dq/dt = 1/(1/i_T + q/k): q/i_T + q²/2k = t at a held potential, with order 1 in the time step."""
    k = 0.02  # (C/m^2)^2/s
    case = oxidising_case([{"rest": "200 s"}], parabolic_constant=f"{k / MAH_PER_CM2**2} (mAh/cm^2)^2/s")
    kinetics = case["interfaces"][0]["charge_transfer"]
    kinetics["exchange_current_density"] = "1e4 A/m^2"  # holds 3.8 V to 1 uV
    case["numerics"]["newton"]["tolerance"] = (
        1e-6  # rounding of 3.8 V at such kinetics: 1e-8 of the reference
    )
    i = tafel(3.8)
    errors = []
    for length in (20.0, 10.0):
        rows, _ = history(shared_tmp_path, steps(case, length))
        before = 1e-3 * i  # C/m^2, of the millisecond of the initial equilibrium
        for row in rows:  # backward Euler, solved here by the quadratic formula of q itself
            b = k / i
            q = 0.5 * (-(b - before) + np.sqrt((b - before) ** 2 + 4 * (b * before + k * row["step"])))
            assert row["oxidation_charge"] == pytest.approx(q, rel=1e-4)
            before = q
        exact = k * (-1 / i + np.sqrt(1 / i**2 + 2 * 200.0 / k))
        errors.append(rows[-1]["oxidation_charge"] / exact - 1)
    assert abs(errors[1]) < 0.04
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.15)
    assert exact < 0.5 * i * 200.0  # far from the unlimited law


def test_film_raises_the_potential(shared_tmp_path: Path) -> None:
    """The face loses i_lithium (R_0 + ρ q), q that of the beginning of the step."""
    resistivity = 2e-3  # ohm m^2 per C/m^2
    case = oxidising_case(
        [{"charge": "2 A/m^2", "until": {"time": "40 s"}}],
        film_resistivity=f"{resistivity * MAH_PER_CM2} ohm*m^2/(mAh/cm^2)",
    )
    case["interfaces"][0]["charge_transfer"]["film_resistance"] = "1e-3 ohm*m^2"
    rows, _ = history(shared_tmp_path, steps(case, 10.0))
    drop = 2.0 * (LENGTH * 1e-6 / 0.19 + CAM_LENGTH * 1e-6 / 100.0)
    q = 0.0
    for row in rows:
        v = row["potential"] - drop
        j = 2.0 - tafel(v)
        if row is not rows[0]:
            assert row["film_resistance"] == pytest.approx(1e-3 + resistivity * q, rel=1e-9)
            assert v == pytest.approx(
                3.8 + overpotential(j, EXCHANGE, 0.5) + j * row["film_resistance"], abs=1e-8
            )
        q = row["oxidation_charge"]
        assert row["lithium"] < 1e-8
    assert rows[-1]["potential"] > rows[0]["potential"] + 0.01


def test_pressure_drops_in_a_fixed_gap(shared_tmp_path: Path) -> None:
    """Active material without strain: P = P_0 − v q/(Σ L/M + 1/K), and tension slows the reaction by 10^(−t_n v/b)."""
    deficit = 1e-3  # um per C/m^2: far more than real, so that the stress matters to the reaction
    case = oxidising_case(
        [{"rest": "60 s", "load": {"fixed_gap": True}}],
        volume_deficit=f"{deficit * MAH_PER_CM2} um/(mAh/cm^2)",
    )
    case["stack"]["load"] = {"pressure": "5 MPa"}
    case["programme"].insert(0, {"rest": "1 s", "load": {"pressure": "5 MPa"}})
    # As stiff under pressure as under tension; the tolerance leaves the overlap of 0.5 nm to the stiffness alone.
    case["interfaces"][0]["cohesion"] |= {
        "contact_stiffness": f"{STIFFNESS}e12 Pa/m",
        "penetration_tolerance": "10 nm",
    }
    case["numerics"]["newton"]["tolerance"] = 1e-9
    rows, _ = history(shared_tmp_path, steps(case, 10.0))
    compliance = LENGTH / oedometric(SE) + CAM_LENGTH / oedometric(CAM) + 1 / STIFFNESS
    locked = rows[0]
    for before, row in pairwise(rows):
        opened = row["oxidation_opening"] - locked["oxidation_opening"]
        assert row["oxidation_opening"] == pytest.approx(deficit * before["oxidation_charge"], rel=1e-9)
        assert row["pressure"] == pytest.approx(5.0 - opened / compliance, abs=1e-6)
        factor = 10 ** (before["pressure"] * deficit / TAFEL)
        grown = (row["oxidation_charge"] - before["oxidation_charge"]) / row["step"]
        assert grown == pytest.approx(factor * tafel(at_rest(factor)), rel=1e-6)
        assert row["mechanical"] < 1e-6
    assert rows[-1]["pressure"] < -5.0  # bonded: the pressure becomes tension


def test_oxidation_follows_the_contact(shared_tmp_path: Path) -> None:
    """Broken and pressed with p_0, a face oxidises at half the rate: i = a i_T, and lithium comes back through the same half."""
    case = steps(oxidising_case([{"rest": "20 s"}]), 10.0)
    case["interfaces"][0]["cohesion"]["initially_open"] = True
    case["stack"]["load"] = {"pressure": "1 MPa"}  # p_0
    case["numerics"]["newton"]["tolerance"] = 1e-8
    rows, _ = history(shared_tmp_path, case, apart=True)
    assert rows[-1]["oxidation_charge"] == pytest.approx(0.5 * tafel(at_rest()) * 20.001, rel=1e-5)
