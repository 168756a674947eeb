"""Crystals in case files: the library of lattice parameters, their strains, elastic constants, axes that must be there."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssbmech.case import Case, CaseError, case_from_data
from ssbmech.case.curves import CellVolumeCurve, ConstantCurve, LengthStrainCurve, PointsCurve, RatioCurve
from ssbmech.case.phases import Elasticity, Hexagonal
from ssbmech.case.yaml_reader import read_yaml
from ssbmech.materials.lattice import LatticeEntry, lattice_names, read_lattice

MINIMAL = Path(__file__).parents[1] / "data" / "minimal_case.yaml"
LIBRARY = ("LCO", "NCA", "NCM111", "NCM622", "NCM811")
LICRO2 = Hexagonal(
    c11="351 GPa", c12="106 GPa", c13="69 GPa", c33="203 GPa", c44="54 GPa"
)  # a layered oxide, without its C14


def curves(entry: LatticeEntry) -> tuple[PointsCurve, PointsCurve]:
    return PointsCurve(x=entry.x, y=entry.a, method="smooth"), PointsCurve(
        x=entry.x, y=entry.c, method="smooth"
    )


# -- library -----------------------------------------------------------------------------------------------------------


def test_library_holds_the_layered_oxides() -> None:
    assert lattice_names() == LIBRARY
    with pytest.raises(KeyError):
        read_lattice("NMC811")


@pytest.mark.parametrize("name", LIBRARY)
def test_entry_says_where_it_comes_from(name: str) -> None:
    entry = read_lattice(name)
    assert entry.confidence in ("measured", "read", "assumed")
    assert (entry.confidence == "assumed") == entry.method.startswith("constructed from end values")
    assert "doi:10." in entry.source or "100977" in entry.source
    assert entry.temperature == pytest.approx(298.0, abs=5.0)
    assert 0.0 < entry.error[0] < 0.02
    assert 0.0 < entry.error[1] < 0.1


@pytest.mark.parametrize("name", LIBRARY)
def test_entry_is_a_layered_oxide(name: str) -> None:
    """Rising x up to the full material, at least down to the usual end of charge; layers of 2.8 Å by 4.5 to 4.9 Å."""
    entry = read_lattice(name)
    x = np.array(entry.x)
    assert (np.diff(x) > 0).all()
    assert x[-1] == 1.0
    assert x[0] <= (0.3 if name == "LCO" else 0.15)
    a, c = (curve(np.linspace(x[0], 1.0, 500)) for curve in curves(entry))
    assert a.min() > 2.80
    assert a.max() < 2.88
    assert c.min() > 13.5
    assert c.max() < 14.55
    # The column of volumes has two decimals.
    assert entry.volume == pytest.approx(entry.cell_volume(), abs=0.0051)


@pytest.mark.parametrize("name", LIBRARY)
def test_volume_changes_are_the_published_ones(name: str) -> None:
    entry = read_lattice(name)
    a, c = curves(entry)
    volume = CellVolumeCurve(a=a, c=c)
    assert volume(1.0) == 0.0
    for x, change, tolerance in entry.published:
        assert float(volume(x)) == pytest.approx(change, abs=tolerance)


@pytest.mark.parametrize("name", [name for name in LIBRARY if name != "LCO"])
def test_nickel_oxides_collapse_along_c_at_the_end(name: str) -> None:
    """On charge a falls all the way, to -2 % at most; c rises by 1 to 2.5 % first and falls below x of about 0.4."""
    a, c = curves(read_lattice(name))
    x = np.linspace(0.1, 1.0, 451)
    # A spline swings by 4e-5 Å where the points are level; a is known to 5e-3 Å.
    assert float((np.maximum.accumulate(a(x)) - a(x)).max()) < 1e-4
    assert -0.021 <= float(a(0.1) / a(1.0)) - 1.0 <= -0.015
    top = x[np.argmax(c(x))]
    assert 0.38 <= top <= 0.45
    assert 0.01 <= float(c(x).max() / c(1.0)) - 1.0 <= 0.025
    assert (np.diff(c(x[x <= top])) >= 0).all()


def test_collapse_grows_with_nickel() -> None:
    fall = [
        float(c(0.1) / c(np.linspace(0.3, 0.5, 101)).max())
        for c in (curves(read_lattice(n))[1] for n in ("NCM111", "NCM622", "NCM811"))
    ]
    assert fall[0] > fall[1] > fall[2]
    # NCM811 at 4.3 V: from 14.467 to 14.030 Å (Kondrakov et al. 2017).
    _, c = curves(read_lattice("NCM811"))
    assert float(c(0.42)) == 14.467
    assert float(c(0.22)) == 14.030


def test_half_charged_lco_is_the_monoclinic_cell() -> None:
    """Of the same area and spacing of layers; Chem. Mater. 25 (2013) 3687."""
    a, c = curves(read_lattice("LCO"))
    assert np.sqrt(3) / 2 * float(a(0.5)) ** 2 == pytest.approx(4.865 * 2.809 / 2, rel=1e-4)
    assert float(c(0.5)) == pytest.approx(3 * 5.063 * np.sin(np.radians(108.68)), rel=1e-4)


# -- case file ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def data() -> dict[str, Any]:
    data = copy.deepcopy(read_yaml(MINIMAL).data)
    data["phases"]["CAM"]["crystal_axis"] = [0.0, 3.0, 4.0]
    return data


def with_strain(data: dict[str, Any], **strain: Any) -> Case:
    data["phases"]["CAM"]["chemical_strain"] = strain
    return case_from_data(data)


def messages(data: dict[str, Any]) -> str:
    with pytest.raises(CaseError) as caught:
        case_from_data(data)
    return str(caught.value)


def test_lattice_of_the_library(data: dict[str, Any]) -> None:
    """By name, and as the curves that the resolved case has in its place."""
    case = with_strain(data, lattice="NCM811")
    again = case_from_data(case.data())
    assert again == case
    assert "chemical_strain.lattice" in "".join(case.sources())
    for resolved in (case, again):
        phase = resolved.phases["CAM"]
        assert phase.anisotropic == ["chemical_strain.lattice"]
        assert phase.strain_curve() is None
        strains = phase.lattice_strain()
        assert strains is not None
        a, c = strains
        entry = read_lattice("NCM811")
        full = [float(curve(0.9)) for curve in curves(entry)]
        assert a(entry.x) == pytest.approx(np.array(entry.a) / full[0] - 1.0, abs=1e-14)
        assert c(entry.x) == pytest.approx(np.array(entry.c) / full[1] - 1.0, abs=1e-14)
        assert float(a(0.9)) == float(c(0.9)) == 0.0


def test_lengths_and_relative_changes_are_the_same_strain(data: dict[str, Any]) -> None:
    x, d_a, d_c = [0.2, 0.6, 1.0], [-0.02, -0.01, 0.0], [-0.01, 0.02, 0.0]
    changes = {
        key: {"points": [[x[k], d[k]] for k in range(3)]} for key, d in (("a_change", d_a), ("c_change", d_c))
    }
    lengths = {
        "a": {"points": [[x[k], 0.287 * (1 + d_a[k])] for k in range(3)], "unit": "nm"},
        "c": {"points": [[x[k], 14.2 * (1 + d_c[k])] for k in range(3)], "unit": "angstrom"},
    }
    strains = []
    for lattice in (changes, lengths):
        both = with_strain(data, lattice=lattice).phases["CAM"].lattice_strain(310.0)
        assert both is not None
        strains.append([curve(np.linspace(0.1, 1.0, 50)) for curve in both])
    assert np.array(strains[0]) == pytest.approx(np.array(strains[1]), abs=1e-14)


def test_volume_of_a_lattice_is_isotropic(data: dict[str, Any]) -> None:
    del data["phases"]["CAM"]["crystal_axis"]
    phase = with_strain(data, volume_of_lattice="LCO").phases["CAM"]
    assert phase.anisotropic == []
    assert phase.lattice_strain() is None
    strain = phase.strain_curve()
    assert strain is not None
    a, c = curves(read_lattice("LCO"))
    at = np.linspace(0.3, 1.0, 20)
    ratio = a(at) ** 2 * c(at) / (a(0.9) ** 2 * c(0.9))
    assert (1.0 + strain(at)) ** 3 == pytest.approx(ratio, rel=1e-13)


@pytest.mark.parametrize("kind", ["length", "change", "volume"])
def test_derivatives(kind: str) -> None:
    """Against differences; their error is 1e-10 (step squared over rounding)."""
    a, c = curves(read_lattice("NCM811"))
    made = {
        "length": LengthStrainCurve(length=a, reference=0.9),
        "change": RatioCurve(change=LengthStrainCurve(length=c, reference=0.9)),
        "volume": CellVolumeCurve(a=a, c=c),
    }[kind]
    x = np.linspace(0.111, 0.987, 23)  # not at the knots, where the second derivative jumps
    assert made.derivative(x) == pytest.approx((made(x + 1e-5) - made(x - 1e-5)) / 2e-5, abs=1e-7)
    assert set(made.knots()) == set(a.x)
    assert made.at(310.0)(x) == pytest.approx(made(x))


def test_crystal_axis_is_needed(data: dict[str, Any]) -> None:
    """Spheres have no frames; grains of a composite have; of a mesh file nobody knows yet."""
    del data["phases"]["CAM"]["crystal_axis"]
    anisotropic = {
        "chemical_strain": {"lattice": "NCM811"},
        "elasticity": {"hexagonal": LICRO2.model_dump()},
    }
    for key, block in anisotropic.items():
        told = copy.deepcopy(data)
        told["phases"]["CAM"][key] = block
        text = messages(told)
        assert f"phases.CAM.{key}" in text
        assert "needs a crystal axis" in text
        assert "phases.CAM.crystal_axis: [x, y, z]" in text
    along = copy.deepcopy(data)
    along["phases"]["CAM"]["lithium"]["diffusivity_along_c"] = "1e-16 m^2/s"
    assert "phases.CAM.lithium.diffusivity_along_c" in messages(along)
    along["mesh"]["microstructure"] = {
        "generator": "composite",
        "box": ["8 um"] * 3,
        "particles": {"CAM": {"diameter": {"D10": "2 um", "D50": "3 um", "D90": "4 um"}}},
        "matrix": "SE",
        "volume_fraction": {"CAM": 0.3},
        "mesh_size": {"interface": "1 um"},
    }
    along["interfaces"].append({"between": ["CAM", "CAM"], "cohesion": {"stiffness": "1e15 Pa/m"}})
    assert "diffusivity_along_c: needs a crystal axis" in messages(along)
    along["mesh"]["microstructure"]["particles"]["CAM"]["grains"] = {"texture": "single"}
    assert case_from_data(along).phases["CAM"].anisotropic == ["lithium.diffusivity_along_c"]


MISTAKES = [
    ("crystal_axis", [0.0, 0.0, 0.0], "is no direction"),
    ("crystal_axis", [1.0, 0.0], "at least 3"),
    ("chemical_strain", {"lattice": "NMC811"}, "did you mean: NCM811"),
    ("chemical_strain", {"lattice": "NCM811", "volume_of_lattice": "NCM811"}, "needs exactly one of"),
    ("chemical_strain", {"lattice": {"a": "2.8 angstrom"}}, "needs one pair of curves"),
    ("chemical_strain", {"lattice": {"a": "2.8 angstrom", "c_change": 0.1}}, "needs one pair of curves"),
    (
        "chemical_strain",
        {"lattice": {"a": "2.8 um^2", "c": "14 angstrom"}},
        "not a unit of lattice parameter",
    ),
    ("chemical_strain", {"lattice": {"a_change": -2.0, "c_change": 1.0}}, "leaves no length"),
    ("elasticity", {"youngs_modulus": "1 GPa"}, "goes with youngs_modulus"),
    ("elasticity", {"poisson_ratio": 0.3, "hexagonal": LICRO2.model_dump()}, "goes with youngs_modulus"),
    ("elasticity", {}, "needs exactly one of youngs_modulus | hexagonal"),
    ("elasticity", {"hexagonal": LICRO2.model_dump() | {"c13": "220 GPa"}}, "is not stable"),
    ("elasticity", {"hexagonal": LICRO2.model_dump() | {"c12": "-352 GPa"}}, "is not stable"),
    ("elasticity", {"hexagonal": LICRO2.model_dump() | {"c44": "0 GPa"}}, "greater than zero"),
]


@pytest.mark.parametrize(("key", "block", "said"), MISTAKES)
def test_mistakes(data: dict[str, Any], key: str, block: Any, said: str) -> None:
    data["phases"]["CAM"][key] = block
    assert said in messages(data)


def test_just_stable(data: dict[str, Any]) -> None:
    """(c11 + c12) c33 = 2 c13² at c13 = 215.4 GPa."""
    data["phases"]["CAM"]["elasticity"] = {"hexagonal": LICRO2.model_dump() | {"c13": "215 GPa"}}
    case_from_data(data)
    data["phases"]["CAM"]["elasticity"]["hexagonal"]["c13"] = "216 GPa"
    assert "is not stable" in messages(data)


# -- elastic constants of an aggregate ---------------------------------------------------------------------------------


def stiffness(h: Hexagonal) -> np.ndarray:
    c66 = 0.5 * (h.c11 - h.c12)
    c = np.diag([h.c11, h.c11, h.c33, h.c44, h.c44, c66])
    c[0, 1] = c[1, 0] = h.c12
    c[0, 2] = c[2, 0] = c[1, 2] = c[2, 1] = h.c13
    return c


def test_aggregate_of_an_isotropic_crystal() -> None:
    e, nu = 140e3, 0.3
    lame, shear = e * nu / ((1 + nu) * (1 - 2 * nu)), e / (2 * (1 + nu))
    crystal = Hexagonal(c11=f"{lame + 2 * shear} MPa", c12=f"{lame} MPa", c13=f"{lame} MPa",
                        c33=f"{lame + 2 * shear} MPa", c44=f"{shear} MPa")  # fmt: skip
    assert Elasticity(hexagonal=crystal).isotropic() == pytest.approx((e, nu), rel=1e-12)


def test_aggregate_is_between_the_bounds() -> None:
    """Voigt from the stiffnesses, Reuss from the compliances of any crystal (R. Hill 1952)."""
    c = stiffness(LICRO2)
    s = np.linalg.inv(c)
    normal, off = slice(0, 3), np.triu_indices(3, 1)
    bulk = np.mean([c[normal, normal].sum() / 9, 1 / s[normal, normal].sum()])
    voigt = (np.trace(c[:3, :3]) - c[off].sum() + 3 * np.trace(c[3:, 3:])) / 15
    reuss = 15 / (4 * np.trace(s[:3, :3]) - 4 * s[off].sum() + 3 * np.trace(s[3:, 3:]))
    shear = 0.5 * (voigt + reuss)
    nu = (3 * bulk - 2 * shear) / (6 * bulk + 2 * shear)
    assert LICRO2.aggregate() == pytest.approx((2 * shear * (1 + nu), nu), rel=1e-12)
    # The Voigt bulk modulus that the Materials Project gives for LiCrO2 (mp-18793) from these constants is 154.78 GPa.
    assert c[normal, normal].sum() / 9 == pytest.approx(154.78e3, rel=1e-4)


def test_constant_lattice_has_no_strain(data: dict[str, Any]) -> None:
    both = with_strain(data, lattice={"a": "2.8 angstrom", "c": "14 angstrom"}).phases["CAM"].lattice_strain()
    assert both is not None
    assert isinstance(both[0], LengthStrainCurve)
    assert isinstance(both[0].length, ConstantCurve)
    assert both[1]([0.2, 0.8]) == pytest.approx(0.0)
