"""What the library holds: formulas, capacities, and values that are known from elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from ssbmech.case.material_library import material_names, read_material
from ssbmech.materials.formula import atoms, molar_mass

WANTED = {
    "active": "NCM111 NCM622 NCM811 NCM88 NCA LCO LTVO LiVO2 LFP LMO graphite Si Sn LTO RuO2 MXene BiF3 PbF2",
    "electrolyte": "Li6PS5Cl Li6PS5Cl_glass_ceramic Li5.5PS4.5Cl1.5 Li3PS4 LGPS Li3YCl6 LLZO CsSnCl3 BaSnF4",
}


def test_the_library_holds_what_it_should() -> None:
    for kind, names in WANTED.items():
        found = {name for name in material_names() if read_material(name)[0].kind == kind}
        assert found == set(names.split())


@pytest.mark.parametrize(
    ("formula", "mass"),
    [
        ("H2O", 18.015),
        ("LiCoO2", 97.87),
        ("LiFePO4", 157.76),
        ("LiNi1/3Co1/3Mn1/3O2", 96.46),
        ("Li8/7Ti2/7V4/7O2", 82.72),
        ("Li10GeP2S12", 588.7),
        ("CsSn0.95Y0.05Cl3.05", 358.25),
    ],
)
def test_molar_mass(formula: str, mass: float) -> None:
    assert molar_mass(formula) == pytest.approx(mass, abs=0.02)  # g/mol, the last digit of handbooks


def test_atoms_of_a_formula() -> None:
    assert atoms("CsSn0.95Y0.05Cl3.05") == {"Cs": 1.0, "Sn": 0.95, "Y": 0.05, "Cl": 3.05}
    assert atoms("LiOLi") == {"Li": 2.0, "O": 1.0}
    for wrong in ("", "2Li", "LiX2", "Li 2", "Li1/0", "Li0"):
        with pytest.raises(ValueError, match=r"formula|element|atoms"):
            atoms(wrong)


@pytest.mark.parametrize(
    ("name", "capacity"),
    [
        ("LFP", 169.9),
        ("LCO", 273.8),
        ("graphite", 371.9),
        ("Si", 3579.0),
        ("Sn", 993.4),
        ("LTO", 175.1),
        ("LTVO", 370.3),
    ],
)
def test_theoretical_capacity(name: str, capacity: float) -> None:
    assert read_material(name)[0].capacity == pytest.approx(capacity, rel=1e-3)  # mAh/g, of handbooks


@pytest.mark.parametrize(
    ("name", "x0", "x1", "change", "tolerance"),
    [
        # Table 2 of Song et al. (2021); tolerance: the spread that it gives, or a percent of the value.
        ("graphite", 0.0, 1.0, 0.131, 0.001),
        ("Si", 0.0, 1.0, 2.9, 0.001),
        ("LCO", 1.0, 0.5, 0.019, 0.001),
        ("LFP", 1.0, 0.0, -0.0685, 0.004),
        ("LMO", 1.0, 0.0, -0.073, 0.001),
        ("NCM811", 1.0, 0.22, -0.051, 0.001),
        ("NCM111", 1.0, 0.42, -0.012, 0.001),
        ("LTO", 0.0, 1.0, 0.0, 0.0),
        # Cell constants of tin and Li22Sn5, 2.58; 2.6 is quoted as well.
        ("Sn", 0.0, 1.0, 2.59, 0.015),
    ],
)
def test_volume_changes_are_the_published_ones(
    name: str, x0: float, x1: float, change: float, tolerance: float
) -> None:
    volume = read_material(name)[0].volume_curve()
    assert volume is not None
    assert (1.0 + volume(x1)) / (1.0 + volume(x0)) - 1.0 == pytest.approx(change, abs=tolerance)


def test_potentials_stay_where_cells_work() -> None:
    for name, low, high in (
        ("NCM811", 2.7, 4.5),
        ("LCO", 3.5, 4.4),
        ("LFP", 2.9, 3.5),
        ("graphite", 0.0, 1.4),
        ("Sn", 0.0, 0.9),
    ):
        material, _ = read_material(name)
        assert material.stoichiometry is not None and material.open_circuit_potential is not None
        x = np.linspace(material.stoichiometry.low, material.stoichiometry.high, 51)
        values = material.open_circuit_potential.value(x)
        assert low < values.min() and values.max() < high


def test_everything_says_where_it_comes_from() -> None:
    """No measured value is without a reference, no assumed one poses as measured."""
    for name in material_names():
        material, _ = read_material(name)
        for key, entry in material.values():
            place = f"{name}.{key}"
            if "not measured" in entry.source or "assumed:" in entry.source:
                assert entry.confidence == "assumed", place
            if entry.confidence == "assumed" and key.startswith("interface_"):
                assert entry.range is not None, place
        if material.kind == "active":
            assert material.toughness is not None and material.toughness.range is not None, name
