"""Quantities with units: text in case files, plain floats in internal units everywhere else.

Internal units are µm, MPa, V, s and pC, so that forces come out in µN, energies in pJ and currents in pA.
Quantities that the laboratory states per gram or per cm² (mAh/g, mAh/cm², kg/m³, mol/m³) stay as they are.
Each kind of quantity is one entry of :data:`QUANTITIES`, and one ``Annotated`` type below, which is what the
schema is written with.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Annotated, Any, Literal

import pint
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from ssbmech.case.errors import nearest

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_TEXT = re.compile(rf"\s*({NUMBER})\s*(.*?)\s*", re.DOTALL)

Sign = Literal["any", "nonnegative", "positive"]


class UnitError(ValueError):
    """Text that is not the quantity it should be; ``allowed`` and ``suggestion`` help to mend it."""

    def __init__(self, message: str, allowed: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.allowed = allowed
        self.suggestion = suggestion


@dataclass(frozen=True)
class Quantity:
    """A kind of quantity: its name, its internal unit, an example, and the sign it must have.

    As metadata of an ``Annotated[float, ...]`` it reads "22.1 GPa" into 22100.0 and writes "22100.0 MPa".
    """

    name: str
    unit: str
    example: str
    sign: Sign = "any"

    @property
    def allowed(self) -> str:
        """What a value may look like, for messages and the reference."""
        if not self.unit:
            return f"a number, for example {self.example}"
        sign = {"any": "", "nonnegative": ", zero or more", "positive": ", greater than zero"}[self.sign]
        return f'a {self.name} with its unit{sign}, for example "{self.example}"'

    def read(self, value: Any) -> float:
        """A value of the case file in internal units; raises :class:`UnitError`."""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise UnitError(f"is not a {self.name}", self.allowed)
        if isinstance(value, str):
            match = _TEXT.fullmatch(value)
            if match is None:
                raise UnitError(f"is not a {self.name}: it must begin with a number", self.allowed)
            number = self._convert(float(match[1]), match[2])
        else:
            number = self._convert(float(value), "")
        if not math.isfinite(number):
            raise UnitError("is not finite", self.allowed)
        if (self.sign == "positive" and number <= 0) or (self.sign == "nonnegative" and number < 0):
            bound = "greater than zero" if self.sign == "positive" else "zero or more"
            raise UnitError(f"must be {bound}", self.allowed)
        return number

    def _convert(self, number: float, unit: str) -> float:
        if unit == self.unit:
            return number  # exact, so that a resolved case file reads back to the same floats
        if not unit:
            raise UnitError(f"has no unit: a {self.name} needs one", self.allowed)
        scale, offset = conversion(unit, self)
        return number * scale + offset

    def factor(self, unit: str) -> float:
        """Internal units per ``unit``; raises :class:`UnitError`, also for an offset such as that of degC."""
        if unit == self.unit:
            return 1.0
        if not unit:
            raise UnitError(f"has no unit: a {self.name} needs one", self.allowed)
        scale, offset = conversion(unit, self)
        if offset:
            raise UnitError(f"{unit!r} has an offset and cannot scale a curve", self.allowed)
        return scale

    def write(self, value: float) -> str:
        """Text that :meth:`read` turns back into exactly ``value``."""
        return f"{value!r} {self.unit}".strip()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        writer = core_schema.plain_serializer_function_ser_schema(self.write)
        return core_schema.no_info_plain_validator_function(self._validate, serialization=writer)

    def _validate(self, value: Any) -> float:
        try:
            return self.read(value)
        except UnitError as error:
            raise as_custom_error(error) from None

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return self.json_schema()

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of the text form."""
        pattern = rf"^\s*{NUMBER}" + (r"\s*[^\s\d.].*$" if self.unit else r"\s*%?\s*$")
        return {"type": "string", "pattern": pattern, "description": self.allowed, "examples": [self.example]}


def as_custom_error(error: UnitError, at: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """The error in the form that pydantic collects; ``at`` is a place below the field that is read."""
    context = {"reason": str(error), "allowed": error.allowed, "suggestion": error.suggestion, "at": at}
    return PydanticCustomError("quantity", "{reason}", context)


@cache
def registry() -> pint.UnitRegistry:
    """The one unit registry; built on first use because that takes half a second."""
    return pint.UnitRegistry(cache_folder=None)


@lru_cache(maxsize=512)
def conversion(unit: str, quantity: Quantity) -> tuple[float, float]:
    """``(scale, offset)`` with internal value = scale * number + offset."""
    units = registry()
    try:
        parsed = units.parse_units(unit)
    except Exception:  # pint raises a dozen unrelated types on malformed text
        raise UnitError(f"{unit!r} is not a unit", quantity.allowed, _nearest_unit(unit, quantity)) from None
    target = units.parse_units(quantity.unit) if quantity.unit else units.dimensionless
    if parsed.dimensionality != target.dimensionality:
        message = f"{unit!r} is not a unit of {quantity.name} but of {_dimension_name(parsed)}"
        raise UnitError(message, quantity.allowed)
    offset = float(units.Quantity(0.0, parsed).to(target).magnitude)
    scale = float(units.Quantity(1.0, parsed).to(target).magnitude) - offset
    # 1 GPa must be 1000 MPa and not 1000.0000000000001: pint multiplies prefixes in floating point.
    return float(f"{scale:.14g}"), float(f"{offset:.14g}")


_COMMON_UNITS = """
Pa kPa MPa GPa bar N/mm^2 m cm mm um nm angstrom s min h d ms V mV A/m^2 mA/cm^2 uA/cm^2 W/m^2 mW/cm^2 S/m S/cm mS/cm S/m^2
S/cm^2 ohm*cm^2 ohm*m^2 S/m^3 Pa/m MPa/um GPa/um J/m^2 N/m mJ/m^2 m^2/s cm^2/s um^2/s mol/m^3 mol/L m^3/mol cm^3/mol
g/cm^3 kg/m^3 mAh/g mAh/cm^2 mAh/cm^3 C/cm^2 um/(mAh/cm^2) m/Pa um/MPa K degC
"""
COMMON_UNITS = tuple(_COMMON_UNITS.split())


def _nearest_unit(unit: str, quantity: Quantity) -> str:
    """The common unit of this kind that looks most like ``unit``, else of any kind."""
    units = registry()
    wanted = units.parse_units(quantity.unit).dimensionality if quantity.unit else None
    fitting = [name for name in COMMON_UNITS if units.parse_units(name).dimensionality == wanted]
    return nearest(unit, fitting) or nearest(unit, COMMON_UNITS)


def _dimension_name(unit: Any) -> str:
    for quantity in QUANTITIES.values():
        if quantity.unit and registry().parse_units(quantity.unit).dimensionality == unit.dimensionality:
            return quantity.name
    return str(unit.dimensionality) if not unit.dimensionless else "a pure number"


QUANTITIES: dict[str, Quantity] = {
    quantity.name: quantity
    for quantity in (
        Quantity("pure number", "", "0.5"),
        Quantity("length", "um", "3.5 um"),
        Quantity("pressure", "MPa", "22.1 GPa"),
        Quantity("interface stiffness", "MPa/um", "1e16 Pa/m"),
        Quantity("toughness", "J/m^2", "1 J/m^2"),
        Quantity("time", "s", "600 s"),
        Quantity("potential", "V", "4.3 V"),
        Quantity("current density", "A/m^2", "1 A/m^2"),
        Quantity("areal power", "W/m^2", "10 W/m^2"),
        Quantity("conductivity", "uS/m", "0.2 S/m"),
        Quantity("areal conductance", "S/m^2", "1e4 S/m^2"),
        Quantity("volumetric conductance", "S/cm^3", "1e11 S/m^3"),
        Quantity("diffusivity", "um^2/s", "3.2e-14 m^2/s"),
        Quantity("concentration", "mol/m^3", "49137 mol/m^3"),
        Quantity("molar volume", "m^3/mol", "1.6e-6 m^3/mol"),
        Quantity("density", "kg/m^3", "4.78 g/cm^3"),
        Quantity("specific capacity", "mAh/g", "200 mAh/g"),
        Quantity("areal capacity", "mAh/cm^2", "3 mAh/cm^2"),
        Quantity("volumetric capacity", "mAh/cm^3", "840 mAh/cm^3"),
        Quantity("thickness per charge", "um/(mAh/cm^2)", "4.85 um/(mAh/cm^2)"),
        Quantity("areal resistance", "ohm*m^2", "10 ohm*cm^2"),
        Quantity("areal resistance per charge", "ohm*m^2/(mAh/cm^2)", "500 ohm*cm^2/(mAh/cm^2)"),
        Quantity("parabolic constant", "(mAh/cm^2)^2/s", "1e-9 (mAh/cm^2)^2/s"),
        Quantity("compliance", "um/MPa", "1e-14 m/Pa"),
        Quantity("stack stiffness", "MPa/um", "1e13 Pa/m"),
        Quantity("temperature", "K", "298.15 K"),
        Quantity("volume", "um^3", "5 um^3"),
        Quantity("angle", "deg", "10 deg"),
        Quantity("rate", "s^-1", "1e-4 s^-1"),
        Quantity("molar energy", "J/mol", "37 kJ/mol"),
        Quantity("lattice parameter", "angstrom", "2.87 angstrom"),
    )
}


def quantity(name: str, sign: Sign = "any") -> Quantity:
    """The kind of quantity called ``name``, with the sign it must have."""
    return replace(QUANTITIES[name], sign=sign)


Length = Annotated[float, quantity("length", "positive")]
Volume = Annotated[float, quantity("volume", "positive")]
AngleOrZero = Annotated[float, quantity("angle", "nonnegative")]
LengthOrZero = Annotated[float, quantity("length", "nonnegative")]
Pressure = Annotated[float, quantity("pressure", "positive")]
ElasticConstant = Annotated[float, quantity("pressure")]
PressureOrZero = Annotated[float, quantity("pressure", "nonnegative")]
InterfaceStiffness = Annotated[float, quantity("interface stiffness", "positive")]
Toughness = Annotated[float, quantity("toughness", "positive")]
Time = Annotated[float, quantity("time", "positive")]
TimeOrZero = Annotated[float, quantity("time", "nonnegative")]
Potential = Annotated[float, quantity("potential")]
CurrentDensity = Annotated[float, quantity("current density", "positive")]
TafelSlope = Annotated[float, quantity("potential", "positive")]
ThicknessPerChargeOrZero = Annotated[float, quantity("thickness per charge", "nonnegative")]
ArealResistanceOrZero = Annotated[float, quantity("areal resistance", "nonnegative")]
FilmResistivityOrZero = Annotated[float, quantity("areal resistance per charge", "nonnegative")]
ParabolicConstant = Annotated[float, quantity("parabolic constant", "positive")]
ArealConductance = Annotated[float, quantity("areal conductance", "positive")]
VolumetricConductance = Annotated[float, quantity("volumetric conductance", "positive")]
Concentration = Annotated[float, quantity("concentration", "positive")]
MolarVolume = Annotated[float, quantity("molar volume")]
Density = Annotated[float, quantity("density", "positive")]
SpecificCapacity = Annotated[float, quantity("specific capacity", "positive")]
ArealCapacity = Annotated[float, quantity("areal capacity", "positive")]
VolumetricCapacity = Annotated[float, quantity("volumetric capacity", "positive")]
Compliance = Annotated[float, quantity("compliance", "nonnegative")]
StackStiffness = Annotated[float, quantity("stack stiffness", "positive")]
Temperature = Annotated[float, quantity("temperature", "positive")]
Rate = Annotated[float, quantity("rate", "positive")]
MolarEnergyOrZero = Annotated[float, quantity("molar energy", "nonnegative")]
