"""Quantities: text with units in, plain floats in internal units out."""

from __future__ import annotations

import math

import pytest

from ssbmech.case.units import COMMON_UNITS, QUANTITIES, UnitError, quantity, registry

CONVERSIONS = [
    ("pressure", "22.1 GPa", 22100.0),
    ("pressure", "5MPa", 5.0),
    ("pressure", "1 bar", 0.1),
    ("length", "3.5 µm", 3.5),
    ("length", "350 nm", 0.35),
    ("interface stiffness", "1e16 Pa/m", 1e4),
    ("toughness", "1 J/m^2", 1.0),
    ("toughness", "1 MPa*um", 1.0),
    ("time", "2 h", 7200.0),
    ("time", "10 min", 600.0),
    ("potential", "620 mV", 0.62),
    ("current density", "1 A/m^2", 1.0),
    ("areal power", "1 mW/cm^2", 10.0),
    ("current density", "1 mA/cm^2", 10.0),
    ("conductivity", "1 S/m", 1e6),
    ("conductivity", "1.9e-3 S/cm", 1.9e5),
    ("areal conductance", "1e4 S/m^2", 1e4),
    ("volumetric conductance", "1e11 S/m^3", 1e5),
    ("diffusivity", "3.2e-14 m^2/s", 3.2e-2),
    ("diffusivity", "1e-10 cm^2/s", 1e-2),
    ("concentration", "49137 mol/m^3", 49137.0),
    ("concentration", "1 mol/L", 1000.0),
    ("molar volume", "1.6 cm^3/mol", 1.6e-6),
    ("density", "4.78 g/cm^3", 4780.0),
    ("specific capacity", "200 mAh/g", 200.0),
    ("areal capacity", "3 mAh/cm^2", 3.0),
    ("areal capacity", "3.6 C/cm^2", 1.0),
    ("volumetric capacity", "0.84 Ah/cm^3", 840.0),
    ("thickness per charge", "4.85 um/(mAh/cm^2)", 4.85),
    ("areal resistance", "25 ohm*cm^2", 2.5e-3),
    ("areal resistance per charge", "5000 ohm*cm^2/(mAh/cm^2)", 0.5),
    ("parabolic constant", "36 (mAh/cm^2)^2/h", 0.01),
    ("compliance", "1e-14 m/Pa", 1e-2),
    ("stack stiffness", "1e13 Pa/m", 10.0),
    ("temperature", "25 degC", 298.15),
    ("temperature", "298.15 K", 298.15),
    ("volume", "1e-18 m^3", 1.0),
    ("angle", "0.5 rad", 28.64788975654116),
    ("lattice parameter", "0.2872 nm", 2.872),
    ("rate", "6 min^-1", 0.1),
    ("molar energy", "37 kJ/mol", 37000.0),
]


@pytest.mark.parametrize(("name", "text", "value"), CONVERSIONS)
def test_internal_units(name: str, text: str, value: float) -> None:
    assert quantity(name).read(text) == pytest.approx(value, rel=1e-13)


def test_every_quantity_is_converted_somewhere() -> None:
    assert {name for name, _, _ in CONVERSIONS} == set(QUANTITIES) - {"pure number"}


@pytest.mark.parametrize("name", QUANTITIES)
def test_written_values_read_back_exactly(name: str) -> None:
    kind = quantity(name)
    for value in (1.0 / 3.0, 1e-300, 7.0, 123456.789e12, math.pi * 1e-9):
        assert kind.read(kind.write(value)) == value


@pytest.mark.parametrize("name", QUANTITIES)
def test_the_example_of_a_quantity_is_valid(name: str) -> None:
    assert math.isfinite(quantity(name, "positive").read(QUANTITIES[name].example))


def test_common_units_exist() -> None:
    for unit in COMMON_UNITS:
        assert registry().parse_units(unit) is not None


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("pressure", "5 um", "'um' is not a unit of pressure but of length"),
        ("pressure", "5 V", "but of potential"),
        ("length", "5 kg", "but of [mass]"),
        ("pressure", "5", "has no unit: a pressure needs one"),
        ("pressure", 5, "has no unit"),
        ("pressure", 0, "has no unit"),
        ("pressure", "five MPa", "must begin with a number"),
        ("pressure", "", "must begin with a number"),
        ("pressure", "1e400 MPa", "is not finite"),
        ("pressure", "nan MPa", "must begin with a number"),
        ("pressure", None, "is not a pressure"),
        ("pressure", True, "is not a pressure"),
        ("pressure", ["5 MPa"], "is not a pressure"),
        ("pressure", "5 MPa)", "is not a unit"),
        ("pressure", "5 MPa; import os", "is not a unit"),
    ],
)
def test_what_is_refused(name: str, given: object, says: str) -> None:
    with pytest.raises(UnitError) as caught:
        quantity(name).read(given)
    assert says in str(caught.value)
    assert "for example" in caught.value.allowed


@pytest.mark.parametrize(("unit", "hint"), [("Gpa", "GPa"), ("MPA", "MPa"), ("mpa", "MPa")])
def test_the_nearest_unit_is_suggested(unit: str, hint: str) -> None:
    with pytest.raises(UnitError) as caught:
        quantity("pressure").read(f"3 {unit}x")
    assert caught.value.suggestion in {hint, "Pa", "kPa", "GPa", "MPa"}


def test_signs() -> None:
    assert quantity("time", "nonnegative").read("0 s") == 0.0
    assert quantity("potential").read("-0.1 V") == -0.1
    with pytest.raises(UnitError, match="must be zero or more"):
        quantity("time", "nonnegative").read("-1 s")
    with pytest.raises(UnitError, match="must be greater than zero"):
        quantity("time", "positive").read("0 s")


def test_an_offset_cannot_scale_a_curve() -> None:
    with pytest.raises(UnitError, match="has an offset"):
        quantity("temperature").factor("degC")
