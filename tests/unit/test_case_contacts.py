"""Contacts, films and oxidation in case files: defaults, units, and what they need beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ssbmech.case import CaseError
from ssbmech.case.load import case_from_data
from ssbmech.constants import FARADAY, MAH_PER_CM2
from ssbmech.interface_terms import contact_law

Data = dict[str, Any]
OXIDATION = {"onset_potential": "2.6 V", "tafel_slope": "0.3 V", "current_density": "1e-3 A/m^2"}


@pytest.fixture
def data() -> Data:
    elasticity = {"youngs_modulus": "22.1 GPa", "poisson_ratio": 0.37}
    return {
        "mesh": {"file": "mesh.msh"},
        "phases": {
            "CAM": {
                "regions": ["CAM*"],
                "elasticity": elasticity,
                "lithium": {
                    "maximum_concentration": "50000 mol/m^3",
                    "open_circuit_potential": "3.8 V",
                    "diffusivity": "1e-14 m^2/s",
                    "mobility": "dilute_solution",
                    "initial_stoichiometry": 0.5,
                },
                "conduction": {"carrier": "electronic", "conductivity": "1 S/m"},
            },
            "SE": {
                "regions": ["SE"],
                "elasticity": elasticity,
                "conduction": {"carrier": "ionic", "conductivity": "0.2 S/m"},
            },
        },
        "interfaces": [
            {
                "between": ["CAM", "SE"],
                "cohesion": {"stiffness": "1e17 Pa/m"},
                "charge_transfer": {"exchange_current_density": "1 A/m^2"},
            }
        ],
        "electrons": {"path": "wired", "conductance": "1e10 S/m^3"},
        "stack": {"load": {"pressure": "5 MPa"}, "counter_electrode": {"potential": "0 V"}},
        "programme": [{"rest": "60 s"}],
    }


def read(data: Data, folder: Path) -> Any:
    (folder / "mesh.msh").touch()
    return case_from_data(data, folder)


def refused(data: Data, folder: Path) -> str:
    with pytest.raises(CaseError) as error:
        read(data, folder)
    return str(error.value)


def test_contacts_and_films(data: Data, tmp_path: Path) -> None:
    transfer = data["interfaces"][0]["charge_transfer"]
    law = contact_law(read(data, tmp_path).interfaces[0].charge_transfer)
    assert (law.pressure_scale, law.exponent, law.unloading_exponent) == (1.0, 1.0, None)
    transfer |= {"contact_exponent": 0.5, "contact_unloading_exponent": 0.4, "film_resistance": "25 ohm*cm^2"}
    block = read(data, tmp_path).interfaces[0].charge_transfer
    assert contact_law(block).unloading_exponent == 0.4
    assert block.film_resistance == pytest.approx(2.5e-3)
    transfer["contact_exponent"] = 0.0
    assert "contact_exponent" in refused(data, tmp_path)


def test_units_of_oxidation(data: Data, tmp_path: Path) -> None:
    """5.6 cm³ per mol of electrons is 2.1 µm/(mAh/cm²)."""
    thickness = 5.6e-6 / FARADAY * 1e6 * MAH_PER_CM2
    assert thickness == pytest.approx(2.09, abs=0.01)
    data["interfaces"][0]["oxidation"] = OXIDATION | {
        "volume_deficit": "2.1 um/(mAh/cm^2)",
        "film_resistivity": "5000 ohm*cm^2/(mAh/cm^2)",
        "parabolic_constant": "36 (mAh/cm^2)^2/h",
    }
    block = read(data, tmp_path).interfaces[0].oxidation
    assert block.film_resistivity == pytest.approx(0.5)
    assert block.parabolic_constant == pytest.approx(0.01)


def test_oxidation_needs_charge_transfer(data: Data, tmp_path: Path) -> None:
    interface = data["interfaces"][0]
    interface["oxidation"] = OXIDATION
    del interface["charge_transfer"]
    assert "is no reaction of this interface" in refused(data, tmp_path)


def test_contact_of_wired_electrons(data: Data, tmp_path: Path) -> None:
    """The carbon that is not meshed touches the collector; carbon that is would be left without it."""
    data["stack"]["collector_contact"] = {"conductance": "500 S/m^2", "contact_pressure_scale": "10 MPa"}
    assert read(data, tmp_path).stack.collector_contact.conductance == 500.0
    data["phases"]["carbon"] = {
        "regions": ["carbon"],
        "elasticity": {"youngs_modulus": "10 GPa", "poisson_ratio": 0.3},
        "conduction": {"carrier": "electronic", "conductivity": "100 S/m"},
    }
    data["interfaces"].append({"between": ["CAM", "carbon"], "cohesion": {"stiffness": "1e17 Pa/m"}})
    data["interfaces"].append({"between": ["SE", "carbon"], "cohesion": {"stiffness": "1e17 Pa/m"}})
    assert "some conductor is" in refused(data, tmp_path)


@pytest.mark.parametrize(
    ("cohesion", "said"),
    [
        (
            {"strength": "50 MPa", "toughness": "1 J/m^2", "initially_open": True},
            "cohesion.strength: is without effect",
        ),
        ({"viscosity": "5 s"}, "cohesion.viscosity: is without effect"),
        ({"initially_open": True, "viscosity": "5 s"}, "cohesion.viscosity: is without effect"),
    ],
)
def test_what_an_interface_would_ignore(data: Data, tmp_path: Path, cohesion: Data, said: str) -> None:
    data["interfaces"][0]["cohesion"] |= cohesion
    assert said in refused(data, tmp_path)


def test_axis_of_an_isotropic_phase(data: Data, tmp_path: Path) -> None:
    data["phases"]["CAM"]["crystal_axis"] = [0.0, 0.0, 1.0]
    assert "phases.CAM.crystal_axis: is without effect" in refused(data, tmp_path)


def test_quadratic_displacements_need_their_points(data: Data, tmp_path: Path) -> None:
    data["numerics"] = {"displacement_degree": 2, "quadrature_degree": 1}
    assert "numerics.quadrature_degree: is too low for quadratic displacements" in refused(data, tmp_path)
    data["numerics"]["quadrature_degree"] = 2
    assert read(data, tmp_path).numerics.quadrature_degree == 2


def test_interfaces_need_as_many_points_as_their_jump_has_values(data: Data, tmp_path: Path) -> None:
    for degree, kind, least in ((1, "linear", 2), (2, "quadratic", 4)):
        data["numerics"] = {"displacement_degree": degree, "interface_quadrature_degree": least - 1}
        said = refused(data, tmp_path)
        assert f"numerics.interface_quadrature_degree: is too low for {kind} displacements" in said
        assert f"{least} or more" in said
        data["numerics"]["interface_quadrature_degree"] = least
        assert read(data, tmp_path).numerics.interface_quadrature_degree == least
