"""Every check of a material catches a file that was tampered with, and says where and what."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from ssbmech.case import CaseError
from ssbmech.case.material_library import material_names, read_material


def tampered(name: str, folder: Path, changes: dict[str, Any]) -> Path:
    """A file with the material of the library, with values (or None: nothing) at the places a.b."""
    data = deepcopy(read_material(name)[1])
    for place, value in changes.items():
        *above, last = place.split(".")
        block = data
        for key in above:
            block = block.setdefault(key, {})
        if value is None:
            del block[last]
        else:
            block[last] = value
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return file


@pytest.mark.parametrize("name", material_names())
def test_materials_of_the_library_are_in_order(name: str, tmp_path: Path) -> None:
    material, _ = read_material(name)
    again, _ = read_material(str(tampered(name, tmp_path, {})))
    assert again == material


# material, what is changed, key of the problem, words of its message
IMPOSSIBLE: list[tuple[str, dict[str, Any], str, str]] = [
    ("NCM811", {"maximum_concentration.value": "63104 mol/m^3"}, "maximum_concentration.value", "more than the crystal holds"),
    ("Si", {"maximum_concentration.value": "83000 mol/m^3"}, "maximum_concentration.value", "less than the crystal holds"),
    ("NCM811", {"carrier.per_formula": 1.5}, "carrier.per_formula", "more than the formula"),
    ("NCM811", {"carrier.per_formula": None}, "carrier.per_formula", "is missing"),
    ("NCM811", {"formula": "LiNi0.8(CoMn)0.1O2"}, "formula", "is not a formula"),
    ("NCM811", {"formula": "LiNi0.8Xy0.1O2"}, "formula", "Xy is not an element"),
    ("NCM811", {"density.value": "4.2 g/cm^3"}, "density.value", "not that of the crystal"),
    ("Li6PS5Cl", {"density.value": "1.87 kg/m^3"}, "density.value", "out of any range"),
    # The volume: percent for fraction, more than lithium takes as a metal, other than the lattice parameters say.
    ("LFP", {"volume_change.value.expression": "6.85*(x - 1)"}, "volume_change.value", "5 % is 0.05"),
    ("LCO", {"partial_molar_volume.value": "1.6e-5 m^3/mol"}, "partial_molar_volume.value", "more than a mole can take"),
    ("LCO", {"partial_molar_volume.value": "7.28e-7 m^3/mol"}, "partial_molar_volume.value", "not that of the lattice"),
    ("NCM622", {"volume_change": {"value": {"expression": "0.09*(x - 1)"}, "source": "a slip of the pen", "confidence": "assumed"}},
     "volume_change.value", "not that of the lattice"),
    # The potential.
    ("NCM811", {"open_circuit_potential.value.expression": "3.0 + x"}, "open_circuit_potential.value", "rises by 710 mV"),
    ("LFP", {"open_circuit_potential.value.expression": "3.4 + 0.02*sin(12*x)"}, "open_circuit_potential.value", "would fall apart"),
    ("LFP", {"mobility": None, "open_circuit_potential.value.expression": "3.4 + 0*x"}, "open_circuit_potential.value", "does not fall"),
    ("Si", {"open_circuit_potential.value.expression": "6.2 - 5*x"}, "open_circuit_potential.value", "out of any range"),
    ("NCM111", {"stoichiometry.low": 0.05}, "stoichiometry", "leaves the potential behind"),
    ("NCM811", {"stoichiometry.assembled": 0.97}, "stoichiometry", "is not in order"),
    ("NCM811", {"stoichiometry.high": 95}, "stoichiometry.high", "should be less than 1"),
    # Elasticity and strength.
    ("NCM811", {"youngs_modulus.value": "140 MPa"}, "youngs_modulus.value", "out of any range"),
    ("NCM811", {"youngs_modulus.value": "-140 GPa"}, "youngs_modulus.value", "must be greater than zero"),
    ("NCM811", {"poisson_ratio.value": 0.6}, "poisson_ratio.value", "should be less than 0.5"),
    ("Li6PS5Cl", {"poisson_ratio.value": 0.495}, "poisson_ratio.value", "is not that of a battery material"),
    ("Li6PS5Cl", {"poisson_ratio.value": -0.2}, "poisson_ratio.value", "is not that of a battery material"),
    ("Li6PS5Cl", {"yield_strength.value": "3 GPa"}, "yield_strength.value", "a tenth of Young's modulus"),
    ("Li6PS5Cl", {"toughness.value": "2e5 J/m^2"}, "toughness.value", "out of any range"),
    # Transport and kinetics.
    ("NCM811", {"diffusivity.value": "4e-5 m^2/s"}, "diffusivity.value", "out of any range"),
    ("NCM811", {"diffusivity.value": "4e-25 m^2/s"}, "diffusivity.value", "out of any range"),
    ("NCM811", {"diffusivity.activation_energy": "0.26 J/mol"}, "diffusivity.activation_energy", "out of any range"),
    ("NCM811", {"diffusivity.temperature": "25 K"}, "diffusivity.temperature", "out of any range"),
    ("NCM811", {"exchange_current_density.value": "1e8 A/m^2"}, "exchange_current_density.value", "out of any range"),
    ("Li6PS5Cl", {"ionic_conductivity.value": "1.9 S/cm"}, "ionic_conductivity.value", "out of any range"),
    ("Li6PS5Cl", {"ionic_conductivity.value": {"expression": "0.2*x", "unit": "S/m"}}, "ionic_conductivity.value", "depends on x"),
    ("Li6PS5Cl", {"electronic_conductivity.value": "0.1 S/m", "electronic_conductivity.range": None},
     "electronic_conductivity.value", "is not that of an electrolyte"),
    # Ranges, keys and what every value must have.
    ("NCM811", {"toughness.range": ["11 J/m^2", "1 J/m^2"]}, "toughness.range", "is not a range"),
    ("NCM811", {"toughness.value": "20 J/m^2"}, "toughness.value", "outside its own range"),
    ("NCM811", {"diffusivity": None}, "diffusivity", "is missing"),
    ("NCM811", {"lattice": None}, "volume_change", "is missing"),
    ("NCM811", {"lattice": "NCM955"}, "lattice", "is not in the library"),
    ("Li6PS5Cl", {"diffusivity": {"value": "1e-14 m^2/s", "source": "a slip of the pen", "confidence": "assumed"}},
     "diffusivity", "does not belong"),
    ("NCM811", {"density.source": None}, "density.source", "is missing"),
    ("NCM811", {"density.confidence": "certain"}, "density.confidence", "is not one of the choices"),
    ("NCM811", {"density.value": 4.78}, "density.value", "has no unit"),
    ("NCM811", {"desnity": {"value": "4.78 g/cm^3"}}, "desnity", "is not a key"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "changes", "key", "words"), IMPOSSIBLE, ids=[f"{k}: {w}" for _, _, k, w in IMPOSSIBLE]
)
def test_what_cannot_be_is_refused(
    name: str, changes: dict[str, Any], key: str, words: str, tmp_path: Path
) -> None:
    file = tampered(name, tmp_path, changes)
    with pytest.raises(CaseError) as caught:
        read_material(str(file))
    found = [problem for problem in caught.value.problems if problem.key == key]
    assert found, str(caught.value)
    assert any(words in problem.message + problem.allowed for problem in found), str(caught.value)
    assert all(problem.file == str(file) for problem in found)


def test_a_problem_names_the_line_and_what_is_allowed(tmp_path: Path) -> None:
    file = tampered("NCM811", tmp_path, {"maximum_concentration.value": "63104 mol/m^3"})
    line = 1 + file.read_text(encoding="utf-8").splitlines().index("  value: 63104 mol/m^3")
    with pytest.raises(CaseError) as caught:
        read_material(str(file))
    (problem,) = caught.value.problems
    assert problem.line == line
    assert problem.allowed.startswith("49137 mol/m^3 within 2 %: 1 Li+ per formula, 4780 kg/m^3, 97.28 g/mol")
