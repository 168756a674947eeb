"""Plastic flow and finite strain in case files: defaults, units, and laws that cannot work together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ssbmech.case import CaseError
from ssbmech.case.load import case_from_data

Data = dict[str, Any]


@pytest.fixture
def data() -> Data:
    """A case of mechanics alone: a plastic electrolyte around particles."""
    return {
        "mesh": {"file": "mesh.msh"},
        "phases": {
            "CAM": {"regions": ["CAM*"], "elasticity": {"youngs_modulus": "140 GPa", "poisson_ratio": 0.3}},
            "SE": {
                "regions": ["SE"],
                "elasticity": {"youngs_modulus": "22.1 GPa", "poisson_ratio": 0.37},
                "plasticity": {"yield_strength": "200 MPa", "hardening_modulus": "0.5 GPa"},
            },
        },
        "interfaces": [{"between": ["CAM", "SE"], "cohesion": {"stiffness": "1e17 Pa/m"}}],
        "programme": [{"press": "60 s", "load": {"pressure": "5 MPa"}}],
    }


def messages(data: Data, folder: Path) -> str:
    (folder / "mesh.msh").touch()
    with pytest.raises(CaseError) as refused:
        case_from_data(data, folder)
    return str(refused.value)


def accepted(data: Data, folder: Path) -> Any:
    (folder / "mesh.msh").touch()
    return case_from_data(data, folder)


def test_displacements_are_quadratic_where_something_flows(data: Data, tmp_path: Path) -> None:
    case = accepted(data, tmp_path)
    assert case.numerics.displacement_degree == 2
    assert case.numerics.interface_quadrature_degree == 4
    assert case.phases["SE"].plasticity.hardening_modulus == 500.0
    data["numerics"] = {"displacement_degree": 1}
    assert accepted(data, tmp_path).numerics.displacement_degree == 1
    assert accepted(data, tmp_path).numerics.interface_quadrature_degree == 2
    del data["numerics"], data["phases"]["SE"]["plasticity"]
    assert accepted(data, tmp_path).numerics.displacement_degree == 1


def test_case_with_flow_reads_back(data: Data, tmp_path: Path) -> None:
    viscous = {
        "reference_stress": "1 MPa",
        "reference_rate": "1e-4 s^-1",
        "exponent": 6.6,
        "activation_energy": "37 kJ/mol",
    }
    data["phases"]["SE"]["plasticity"] |= {
        "saturation": {"strength": "50 MPa", "strain": 0.02},
        "viscous": viscous,
    }
    case = accepted(data, tmp_path)
    assert case_from_data(case.data(), tmp_path) == case


def test_rate_follows_arrhenius(data: Data, tmp_path: Path) -> None:
    """37 kJ/mol from 25 to 60 °C: exp(Q/R (1/298.15 - 1/333.15)) = 4.80 by hand."""
    data["phases"]["SE"]["plasticity"] = {
        "viscous": {
            "reference_stress": "1 MPa",
            "reference_rate": "2e-4 s^-1",
            "exponent": 6.6,
            "activation_energy": "37 kJ/mol",
        }
    }
    viscous = accepted(data, tmp_path).phases["SE"].plasticity.viscous
    assert viscous.rate_at(298.15) == 2e-4
    assert viscous.rate_at(333.15) / 2e-4 == pytest.approx(4.80, rel=1e-3)


def test_flow_needs_a_law(data: Data, tmp_path: Path) -> None:
    data["phases"]["SE"]["plasticity"] = {}
    assert "phases.SE.plasticity: does not say when it flows" in messages(data, tmp_path)
    data["phases"]["SE"]["plasticity"] = {
        "hardening_modulus": "1 GPa",
        "viscous": {"reference_stress": "1 MPa", "reference_rate": "1e-4 s^-1", "exponent": 3},
    }
    assert "phases.SE.plasticity.hardening_modulus: hardens what has no yield strength" in messages(
        data, tmp_path
    )


def test_misspelt_key_is_named(data: Data, tmp_path: Path) -> None:
    data["phases"]["SE"]["plasticity"] = {"yield_strenght": "200 MPa"}
    text = messages(data, tmp_path)
    assert "yield_strenght" in text and "did you mean: yield_strength" in text


HEXAGONAL = {
    "hexagonal": {"c11": "240 GPa", "c12": "75 GPa", "c13": "55 GPa", "c33": "180 GPa", "c44": "50 GPa"}
}


def test_crystal_does_not_flow(data: Data, tmp_path: Path) -> None:
    data["phases"]["SE"] |= {"elasticity": HEXAGONAL, "crystal_axis": [0.0, 0.0, 1.0]}
    assert "phases.SE.plasticity: does not go with elasticity.hexagonal" in messages(data, tmp_path)
