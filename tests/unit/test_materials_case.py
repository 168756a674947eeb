"""Case files that name materials: the same numbers as written out, with the phase's own keys on top."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import ufl
import yaml

from ssbmech.case import Case, CaseError, case_from_data, load_case
from ssbmech.case.curve_types import curve_of_x
from ssbmech.case.curves import ConstantCurve, VolumeStrainCurve
from ssbmech.case.material_library import material_names, read_material
from ssbmech.case.material_phase import phase_block
from ssbmech.case.phases import Phase
from ssbmech.constants import GAS_CONSTANT

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "cases" / "library"
LIBRARY = ROOT / "solver" / "ssbmech" / "library" / "materials"


def with_library(*overrides: str) -> Case:
    return load_case(FOLDER / "case.yaml", overrides)


def test_the_library_gives_what_the_written_out_case_has() -> None:
    by_name, in_full = with_library(), load_case(FOLDER / "written_out.yaml")
    assert by_name.hash() == in_full.hash()  # all numbers; sources and titles do not enter
    cam = by_name.phases["NCM811"]
    assert cam.lithium is not None and cam.density == 4780.0
    assert cam.lithium.maximum_concentration == 49137.0
    assert float(cam.lithium.diffusivity(0.5)) == 4e-3  # um^2/s


def test_the_resolved_case_reads_back_and_names_its_sources() -> None:
    case = with_library()
    text = case.dump()
    assert "material:" not in text
    again = case_from_data(yaml.safe_load(text))
    assert again == case and again.hash() == case.hash()
    sources = case.sources()
    for place in ("elasticity", "lithium", "chemical_strain.volume_of_lattice", "conduction"):
        assert sources[f"phases.NCM811.{place}"].startswith("NCM811 of the library")
    assert "diffusivity measured: C.-H. Chen" in sources["phases.NCM811.lithium"]
    assert "density measured: J. Song" in sources["phases.Li6PS5Cl"]


def test_the_phase_wins_and_its_source_says_so() -> None:
    case = with_library(
        "phases.NCM811.elasticity.youngs_modulus=180 GPa",
        "phases.NCM811.chemical_strain={partial_molar_volume: 2e-6 m^3/mol}",
        "phases.NCM811.lithium.initial_potential=3.8 V",
        "phases.NCM811.lithium.diffusivity={expression: '1e-14*x', unit: m^2/s}",
        "phases.Li6PS5Cl.conduction={conductivity: 0.3 S/m, carrier: ionic, source: mine}",
    )
    cam, electrolyte = case.phases["NCM811"], case.phases["Li6PS5Cl"]
    assert cam.elasticity.youngs_modulus == 180e3 and cam.elasticity.poisson_ratio == 0.3
    assert cam.chemical_strain is not None and cam.chemical_strain.volume_of_lattice is None
    assert cam.lithium is not None and cam.lithium.initial_stoichiometry is None
    assert cam.lithium.diffusivity.arrhenius is None  # another curve, another activation energy
    assert electrolyte.conduction is not None and electrolyte.conduction.source == "mine"
    assert cam.elasticity.source is not None
    assert cam.elasticity.source.endswith("| but youngs_modulus of the case")


def test_an_activation_energy_of_ones_own() -> None:
    """Given alone it goes with the value of the library, which has none for NCM622."""
    for name, value in (("NCM811", 4e-3), ("NCM622", 6e-3)):
        case = with_library(
            f"phases.NCM811.material={name}", "phases.NCM811.lithium.diffusivity.activation_energy=40 kJ/mol"
        )
        lithium = case.phases["NCM811"].lithium
        assert lithium is not None and lithium.diffusivity.arrhenius is not None
        assert lithium.diffusivity.arrhenius.activation_energy == 40e3
        assert float(lithium.diffusivity(0.5)) == pytest.approx(value, rel=1e-15)


def test_null_takes_a_block_away_and_crystals_take_the_place_of_the_volume() -> None:
    case = with_library(
        "phases.NCM811.conduction=null",
        "phases.Li6PS5Cl.conduction=null",
        "interfaces.0.charge_transfer=null",
        "programme=[{rest: 1 h}]",
    )
    assert case.phases["NCM811"].conduction is None and not case.electrochemistry
    crystal = with_library(
        "phases.NCM811.chemical_strain.lattice=NCM622", "phases.NCM811.crystal_axis=[0, 0, 1]"
    )
    strain = crystal.phases["NCM811"].chemical_strain
    assert strain is not None and strain.lattice is not None and strain.volume_of_lattice is None


def test_plasticity_only_where_it_is_asked_for() -> None:
    assert with_library().phases["Li6PS5Cl"].plasticity is None
    asked = with_library("phases.Li6PS5Cl.plasticity={}").phases["Li6PS5Cl"].plasticity
    assert asked is not None and asked.yield_strength == 100.0
    more = with_library("phases.Li6PS5Cl.plasticity={hardening_modulus: 200 MPa}")
    assert more.phases["Li6PS5Cl"].plasticity is not None
    assert more.phases["Li6PS5Cl"].plasticity.yield_strength == 100.0


@pytest.mark.parametrize("name", material_names())
def test_every_material_makes_a_phase(name: str) -> None:
    material, data = read_material(name)
    phase = Phase.model_validate(phase_block(name, material, data, True) | {"regions": ["A"]})
    assert (phase.plasticity is None) == (material.yield_strength is None)
    strain = phase.strain_curve(298.15)
    assert (strain is None) == (material.kind == "electrolyte")
    if strain is not None:  # and one that the solver can differentiate, also where it is zero
        x = ufl.variable(ufl.Constant(ufl.Mesh(_element())))
        ufl.diff(strain.ufl(x), x)


def _element() -> Any:
    import basix.ufl

    return basix.ufl.element("Lagrange", "triangle", 1, shape=(2,))


def test_temperature_acts_through_the_activation_energy() -> None:
    cold, warm = with_library(), load_case(FOLDER / "warm.yaml")
    for phase, curve, energy in (
        ("NCM811", lambda p: p.lithium.diffusivity, 25e3),
        ("Li6PS5Cl", lambda p: p.conduction.conductivity, 33.8e3),
    ):
        before, after = curve(cold.phases[phase]), curve(warm.phases[phase])
        expected = math.exp(-energy / GAS_CONSTANT * (1.0 / 333.15 - 1.0 / 298.15))
        assert float(after(0.5)) / float(before(0.5)) == pytest.approx(expected, rel=1e-14)
        assert float(before.at(333.15)(0.5)) == float(after(0.5))  # what the solver calls
        assert float(before.ufl(0.5)) == pytest.approx(float(before(0.5)), rel=1e-15)
        assert float(before.at(333.15).ufl(0.5)) == pytest.approx(float(after(0.5)), rel=1e-14)


def test_activation_energy_of_a_curve_of_the_case() -> None:
    """Of points with another reference temperature; values and slopes alike."""
    kind = curve_of_x("diffusivity", "positive", thermal=True)
    given = {
        "points": [[0.1, 1e-14], [0.5, 3e-14], [0.9, 2e-14]],
        "unit": "m^2/s",
        "activation_energy": "30 kJ/mol",
        "reference_temperature": "40 degC",
    }
    plain = kind.read({key: given[key] for key in ("points", "unit")})
    curve = kind.read(given, 273.15)
    factor = math.exp(-30e3 / GAS_CONSTANT * (1.0 / 273.15 - 1.0 / 313.15))
    assert factor < 0.2
    assert float(curve(0.3)) == pytest.approx(factor * float(plain(0.3)), rel=1e-14)
    assert float(curve.derivative(0.3)) == pytest.approx(factor * float(plain.derivative(0.3)), rel=1e-14)
    assert float(curve.integral(0.2, 0.8)) == pytest.approx(
        factor * float(plain.integral(0.2, 0.8)), rel=1e-13
    )
    assert kind.read(kind.write(curve), 273.15) == curve
    assert float(curve.at(313.15)(0.3)) == float(plain(0.3))


@pytest.mark.parametrize(
    ("override", "key", "words"),
    [
        ("phases.NCM811.lithium.open_circuit_potential={expression: '4 - x', unit: V, activation_energy: 1 kJ/mol}",
         "phases.NCM811.lithium.open_circuit_potential.activation_energy", "does not go with this curve"),
        ("phases.Li6PS5Cl.conduction.conductivity={value: 1 S/m, activation_energy: 0.3 eV}",
         "phases.Li6PS5Cl.conduction.conductivity.activation_energy", "is not a unit of molar energy"),
        ("phases.NCM811.lithium.diffusivity={value: 1e-14 m^2/s, reference_temperature: 298 K}",
         "phases.NCM811.lithium.diffusivity.reference_temperature", "goes with activation_energy only"),
        ("phases.NCM811.material=NMC811", "phases.NCM811.material", "is not in the library"),
        ("phases.NCM811.material=[NCM811]", "phases.NCM811.material", "is not the name of a material"),
        ("phases.NCM811.material=nowhere.yaml", "phases.NCM811.material", "does not exist"),
        ("phases.Li6PS5Cl.material=BaSnF4", "phases", "have different carriers"),
        ("phases.NCM811.material=LLZO", "interfaces[0].charge_transfer", "is not possible between these"),
    ],
)  # fmt: skip
def test_mistakes_are_told_at_their_place(override: str, key: str, words: str) -> None:
    with pytest.raises(CaseError) as caught:
        with_library(override)
    assert [p for p in caught.value.problems if p.key == key and words in p.message], str(caught.value)
    if "NMC811" in override:
        assert caught.value.problems[0].suggestion == "NCM811"


def test_a_material_of_ones_own(tmp_path: Path) -> None:
    """A file beside the case, found from wherever the case is read; what is wrong in it is told with its line."""
    text = (LIBRARY / "NCM811.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(text.replace("value: 4e-15", "value: 5e-15"), encoding="utf-8")
    shutil.copy(FOLDER / "case.yaml", tmp_path)
    case = load_case(tmp_path / "case.yaml", ["phases.NCM811.material=mine.yaml"])
    lithium = case.phases["NCM811"].lithium
    assert lithium is not None and float(lithium.diffusivity(0.5)) == pytest.approx(5e-3, rel=1e-15)
    assert lithium.source is not None and lithium.source.startswith("mine (mine.yaml)")
    (tmp_path / "wrong.yaml").write_text(text.replace("49137", "63104"), encoding="utf-8")
    with pytest.raises(CaseError, match=r"wrong.yaml:\d+: maximum_concentration.value: is more than"):
        load_case(tmp_path / "case.yaml", ["phases.NCM811.material=wrong.yaml"])


def test_no_strain_is_no_strain() -> None:
    curve = VolumeStrainCurve(volume_change=ConstantCurve(value=0.0), reference=0.1)
    assert float(curve(0.9)) == 0.0
