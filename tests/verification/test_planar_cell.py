"""V17, V19: a planar cell of electrolyte and active material, in which everything is uniform across the layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc
from scipy.optimize import brentq

from ssbmech.domain.mesh import TaggedMesh
from ssbmech_mesh.primitives import layered_block

TEMPERATURE = 298.15
THERMAL = sc.GAS * TEMPERATURE / sc.FARADAY
LENGTH, SIGMA, CAM_SIGMA = 30.0, 0.19, 100.0  # um, S/m
CAM_LENGTH = 5.0
PRECISION = 1e-9  # V; P1 is exact here, what is left is the solver's tolerance


def planar_mesh(folder: Path) -> TaggedMesh:
    return sc.written_mesh(
        folder,
        "planar",
        lambda path: layered_block(path, [4.0, 4.0], [LENGTH, CAM_LENGTH], ["se", "cam"], [1, 1, [3, 2]]),
    )


def planar_case(**changes: Any) -> dict[str, Any]:
    case: dict[str, Any] = {
        "title": "planar cell",
        "phases": {
            "CAM": {
                "regions": ["cam"],
                "density": "4.78 g/cm^3",
                "elasticity": {"youngs_modulus": "140 GPa", "poisson_ratio": 0.3},
                "lithium": {
                    "maximum_concentration": "50000 mol/m^3",
                    "open_circuit_potential": "3.8 V",
                    "diffusivity": "1e-14 m^2/s",
                    "mobility": "dilute_solution",
                    "initial_stoichiometry": 0.5,
                },
                "conduction": {"carrier": "electronic", "conductivity": f"{CAM_SIGMA} S/m"},
            },
            "SE": {
                "regions": ["se"],
                "elasticity": {"youngs_modulus": "22.1 GPa", "poisson_ratio": 0.37},
                "conduction": {"carrier": "ionic", "conductivity": f"{SIGMA} S/m"},
            },
        },
        "interfaces": [
            {
                "between": ["CAM", "SE"],
                "cohesion": {"stiffness": "1e16 Pa/m"},
                "charge_transfer": {"exchange_current_density": "2 A/m^2"},
            }
        ],
        "electrons": {"path": "resolved"},
        "stack": {"load": {"pressure": "0 MPa"}, "counter_electrode": {"name": "Li", "potential": "0 V"}},
        "programme": [{"rest": "1 s"}],
        "cell": {"temperature": f"{TEMPERATURE} K"},
        "numerics": {"newton": {"tolerance": 1e-10}},
    }
    return case | changes


def overpotential(current: float, exchange: float, alpha: float) -> float:
    """η of Butler-Volmer kinetics by bisection [V]."""
    return float(
        brentq(
            lambda eta: (
                exchange * (np.exp(alpha * eta / THERMAL) - np.exp(-(1 - alpha) * eta / THERMAL)) - current
            ),
            -1.0,
            1.0,
            xtol=1e-14,
        )
    )


def test_overpotential_against_tables() -> None:
    assert overpotential(20.0, 2.0, 0.5) == pytest.approx(0.1188250100934518, abs=1e-12)
    assert overpotential(20.0, 2.0, 0.3) == pytest.approx(0.19723753157323778, abs=1e-12)
    assert overpotential(-20.0, 2.0, 0.3) == pytest.approx(-0.08583641185507951, abs=1e-12)
    # V - U of a discharge at 20 A/m^2 with 10 A/m^2 at the counter electrode.
    total = overpotential(20.0, 2.0, 0.5) + overpotential(20.0, 10.0, 0.5) + 20.0 * LENGTH * 1e-6 / SIGMA
    assert -total == pytest.approx(-0.1672724260704826, abs=1e-12)


@pytest.mark.parametrize(
    ("current", "alpha", "counter"),
    [(1.0, 0.5, True), (-1.0, 0.5, True), (-50.0, 0.5, True), (20.0, 0.3, False), (-20.0, 0.7, True)],
)
def test_v17_polarisation(shared_tmp_path: Path, current: float, alpha: float, counter: bool) -> None:
    """Potential of the collector on charge (> 0) and discharge, kinetics at one or both ends."""
    kind = "charge" if current > 0 else "discharge"
    case = planar_case(
        programme=[{kind: f"{abs(current)} A/m^2", "until": {"time": "1 s"}}],
    )
    case["interfaces"][0]["charge_transfer"]["anodic_transfer_coefficient"] = alpha
    if counter:
        case["stack"]["counter_electrode"]["exchange_current_density"] = "10 A/m^2"
    model = sc.model_of(shared_tmp_path, case, planar_mesh(shared_tmp_path), ["electrochemistry"])
    evolution = sc.run(model)
    drop = current * (LENGTH * 1e-6 / SIGMA + CAM_LENGTH * 1e-6 / CAM_SIGMA)
    expected = 3.8 + overpotential(current, 2.0, alpha) + drop
    if counter:
        expected += overpotential(current, 10.0, 0.5)
    assert evolution.monitored()["potential"] == pytest.approx(expected, abs=PRECISION)


@pytest.mark.parametrize(("omega", "pressure"), [(1.6e-6, 100.0), (-0.728e-6, 100.0), (3.5e-6, 10.0)])
def test_v19_shift_of_equilibrium(shared_tmp_path: Path, omega: float, pressure: float) -> None:
    """Open circuit: V = U + Ω σ_h/F, with the oedometric σ_h = −P (1 + ν)/(3 (1 − ν)) in both layers."""
    case = planar_case()
    case["phases"]["CAM"]["chemical_strain"] = {"partial_molar_volume": f"{omega} m^3/mol"}
    case["stack"]["load"] = {"pressure": f"{pressure} MPa"}
    model = sc.model_of(shared_tmp_path, case, planar_mesh(shared_tmp_path))
    evolution = sc.run(model)
    hydrostatic = -pressure * 1e6 * 1.3 / (3 * 0.7)
    shift = evolution.monitored()["potential"] - 3.8
    assert shift == pytest.approx(omega * hydrostatic / sc.FARADAY, abs=PRECISION)
    assert evolution.stack_pressure() == pytest.approx(pressure, abs=1e-6)
