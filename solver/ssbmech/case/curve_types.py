"""Reading curves from a case file and writing them back.

A curve is a quantity (the same everywhere), a mapping with an ``expression``, with ``points``, or with a
``table`` file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from ssbmech.case.curve_schema import curve_schema
from ssbmech.case.curves import (
    ROOM_TEMPERATURE,
    Arrhenius,
    ConstantCurve,
    Curve,
    ExpressionCurve,
    LinearCurve,
    PointsCurve,
)
from ssbmech.case.errors import nearest
from ssbmech.case.expressions import allowed_in_expressions
from ssbmech.case.tables import BelowError, read_table
from ssbmech.case.units import Quantity, UnitError, as_custom_error, quantity

FORMS = ("value", "expression", "points", "table")
THERMAL = ("activation_energy", "reference_temperature")
KEYS = (*FORMS, "unit", "argument_unit", "columns", "clip", "source", *THERMAL)
SAMPLED = ("points", "table")
ONLY_WITH = {"columns": ("table",), "argument_unit": SAMPLED}

_THERMAL_QUANTITIES = (quantity("molar energy", "nonnegative"), quantity("temperature", "positive"))


@dataclass(frozen=True)
class CurveOf:
    """How one curve of the case file is read: its quantity, its argument and how points are joined."""

    values: Quantity
    argument: Quantity
    variable: str = "x"
    method: Literal["monotone", "smooth", "linear"] = "monotone"
    beyond: Literal["linear", "constant"] = "linear"
    clip: tuple[float, float] | None = None
    per_argument: Quantity | None = None  # a plain quantity is then the slope of a line through zero
    thermal: bool = False  # whether it may have an activation energy

    @property
    def allowed(self) -> str:
        """The forms that a curve may take, for messages and the reference."""
        plain = self.per_argument or self.values
        unit = f", unit: {self.values.unit}" if self.values.unit else ""
        warm = f' | {{value: "{plain.example}", activation_energy: 25 kJ/mol}}' if self.thermal else ""
        return (
            f"{plain.example if not plain.unit else chr(34) + plain.example + chr(34)} | "
            f"{{expression: a formula of {self.variable}{unit}}} | "
            f"{{points: [[{self.variable}, value], ...]{unit}}} | {{table: file.csv{unit}}}{warm}"
        )

    def _validate(self, value: Any, info: core_schema.ValidationInfo) -> Curve:
        context = info.context or {}
        try:
            return self.read(value, float(context.get("temperature", ROOM_TEMPERATURE)))
        except BelowError as problem:
            raise as_custom_error(problem.error, problem.at) from None
        except UnitError as error:
            raise as_custom_error(error) from None

    def read(self, value: Any, temperature: float = ROOM_TEMPERATURE) -> Curve:
        """The curve that ``value`` (already parsed YAML) stands for; raises :class:`UnitError`."""
        if isinstance(value, Curve):
            return value
        if not isinstance(value, Mapping):
            return self._plain(value)
        form = self._form(value)
        clip = self._clip(value)
        source = value.get("source")
        if source is not None and not isinstance(source, str):
            raise BelowError(UnitError("is not text", "text"), "source")
        if form == "value":
            curve = self._constant(value, clip, source)
        elif form == "expression":
            curve = self._expression(value, temperature, clip, source)
        else:
            curve = self._points(value, form, clip, source)
        self._check_sign(curve, form)
        return replace(curve, arrhenius=self._arrhenius(value, temperature))

    def _constant(
        self, value: Mapping[Any, Any], clip: tuple[float, float] | None, source: str | None
    ) -> Curve:
        given, scale = value["value"], self._scale(value, "unit", self.values)
        if _is_number(given) and self.values.unit and scale is not None:
            given = f"{float(given) * scale!r} {self.values.unit}"
        try:
            return replace(self._plain(given), clip=clip, source=source)
        except UnitError as error:
            raise BelowError(error, "value") from None

    def _arrhenius(self, value: Mapping[Any, Any], temperature: float) -> Arrhenius | None:
        """The law of Arrhenius where an activation energy is given."""
        given: dict[str, float] = {}
        for key, kind in zip(THERMAL, _THERMAL_QUANTITIES, strict=True):
            if key not in value:
                continue
            if not self.thermal:
                allowed = "with diffusivities, conductivities and exchange current densities"
                raise BelowError(UnitError("does not go with this curve", allowed), key)
            try:
                given[key] = kind.read(value[key])
            except UnitError as error:
                raise BelowError(error, key) from None
        if not given:
            return None
        if "activation_energy" not in given:
            raise BelowError(UnitError("goes with activation_energy only", self.allowed), THERMAL[1])
        return Arrhenius(temperature=temperature, **given)

    def _plain(self, value: Any) -> Curve:
        if isinstance(value, list) or value is None:
            raise UnitError("is not a curve", self.allowed)
        try:
            if self.per_argument is not None:
                return LinearCurve(slope=self.per_argument.read(value))
            return ConstantCurve(value=self.values.read(value), clip=self.clip)
        except UnitError as error:
            raise UnitError(str(error), self.allowed, error.suggestion) from None

    def _form(self, value: Mapping[Any, Any]) -> str:
        for key in value:
            if key not in KEYS:
                raise BelowError(
                    UnitError("is not a key of a curve", ", ".join(KEYS), nearest(str(key), KEYS)), str(key)
                )
        forms = [form for form in FORMS if form in value]
        if len(forms) != 1:
            given = " and ".join(forms) or "none of them"
            raise UnitError(f"needs exactly one of {', '.join(FORMS)}, not {given}", self.allowed)
        for key, partners in ONLY_WITH.items():
            if key in value and forms[0] not in partners:
                raise BelowError(UnitError(f"goes with {' or '.join(partners)} only", self.allowed), key)
        return forms[0]

    def _clip(self, value: Mapping[Any, Any]) -> tuple[float, float] | None:
        given = value.get("clip")
        if given is None:
            return self.clip
        numbers = isinstance(given, list) and len(given) == 2 and all(_is_number(item) for item in given)
        if not numbers or not given[0] < given[1]:
            raise BelowError(UnitError("is not a range", "[low, high] with low < high"), "clip")
        return float(given[0]), float(given[1])

    def _scale(self, value: Mapping[Any, Any], key: str, kind: Quantity) -> float | None:
        unit = value.get(key)
        if unit is None:
            return None if kind.unit else 1.0
        if not isinstance(unit, str):
            raise BelowError(
                UnitError("is not a unit", f'a unit of {kind.name}, for example "{kind.unit}"'), key
            )
        try:
            return kind.factor(unit)
        except UnitError as error:
            raise BelowError(
                UnitError(str(error), f'a unit of {kind.name}, for example "{kind.unit}"', error.suggestion),
                key,
            ) from None

    def _expression(
        self,
        value: Mapping[Any, Any],
        temperature: float,
        clip: tuple[float, float] | None,
        source: str | None,
    ) -> Curve:
        text = value["expression"]
        if _is_number(text):
            text = repr(text)
        if not isinstance(text, str):
            raise BelowError(
                UnitError("is not a formula", allowed_in_expressions(self.variable)), "expression"
            )
        scale = self._scale(value, "unit", self.values)
        if scale is None:
            raise UnitError(
                "has no unit", f'unit: a unit of {self.values.name}, for example "{self.values.unit}"'
            )
        curve = ExpressionCurve(
            expression=text,
            variable=self.variable,
            scale=scale,
            unit=value.get("unit") or "",
            temperature=temperature,
            clip=clip,
            source=source,
        )
        try:
            values, slopes = curve(self._probes(curve)), curve.derivative(self._probes(curve))
            finite = bool(np.isfinite(values).all() and np.isfinite(slopes).all())
        except UnitError as error:
            raise BelowError(error, "expression") from None
        except (ArithmeticError, RecursionError, ValueError):
            finite = False
        if not finite:
            low, high = self._probes(curve)[[0, -1]]
            reason = f"has no finite value or slope everywhere between {self.variable} = {low:g} and {high:g}"
            raise BelowError(UnitError(reason, allowed_in_expressions(self.variable)), "expression")
        return curve

    def _points(
        self, value: Mapping[Any, Any], form: str, clip: tuple[float, float] | None, source: str | None
    ) -> Curve:
        rows = read_table(value["table"], value.get("columns")) if form == "table" else value["points"]
        if (
            not isinstance(rows, list)
            or len(rows) < 2
            or any(not isinstance(row, list) or len(row) != 2 for row in rows)
        ):
            raise BelowError(
                UnitError(
                    "needs two or more pairs", f"[[{self.variable}, value], [{self.variable}, value], ...]"
                ),
                form,
            )
        argument_scale = self._scale(value, "argument_unit", self.argument)
        scale = self._scale(value, "unit", self.values)
        x = [
            self._number(row[0], self.argument, argument_scale, "argument_unit", form, k, 0)
            for k, row in enumerate(rows)
        ]
        y = [self._number(row[1], self.values, scale, "unit", form, k, 1) for k, row in enumerate(rows)]
        if x[0] > x[-1]:
            x, y = x[::-1], y[::-1]
        if any(after <= before for before, after in pairwise(x)):
            raise BelowError(
                UnitError(
                    f"{self.variable} must rise (or fall) from point to point without repeats", self.allowed
                ),
                form,
            )
        return PointsCurve(
            x=tuple(x), y=tuple(y), method=self.method, beyond=self.beyond, clip=clip, source=source
        )

    def _number(
        self, item: Any, kind: Quantity, scale: float | None, unit_key: str, form: str, row: int, column: int
    ) -> float:
        at = (form, row, column) if form == "points" else (form,)
        if _is_number(item):
            if scale is None:
                raise BelowError(
                    UnitError(
                        f"has no unit: give {unit_key} beside it, or the unit in the text", kind.allowed
                    ),
                    *at,
                )
            return float(item) * scale
        try:
            return kind.read(item)
        except UnitError as error:
            raise BelowError(error, *at) from None

    def _probes(self, curve: Curve) -> Any:
        """Arguments at which a formula must be finite: inside 0..1 for a stoichiometry, else one unit."""
        low, high = curve.clip or ((0.05, 0.95) if self.variable == "x" else (0.0, 1.0))
        return np.linspace(low, high, 19)

    def _check_sign(self, curve: Curve, form: str) -> None:
        if self.values.sign == "any":
            return
        at = np.array(curve.x) if isinstance(curve, PointsCurve) else self._probes(curve)
        values = curve(at)
        wrong = values <= 0 if self.values.sign == "positive" else values < 0
        if wrong.any():
            bound = "greater than zero" if self.values.sign == "positive" else "zero or more"
            k = int(np.argmax(wrong))
            raise BelowError(
                UnitError(
                    f"must be {bound}; it is {values[k]:.4g} at {self.variable} = {at[k]:.4g}", self.allowed
                ),
                form,
            )

    def write(self, curve: Curve) -> Any:
        """What :meth:`read` turns back into an equal curve."""
        out: dict[str, Any] = {}
        if isinstance(curve, ConstantCurve | LinearCurve):
            out["value"] = self._write_plain(curve)
            if curve.source is None and curve.arrhenius is None:
                return out["value"]
        elif isinstance(curve, ExpressionCurve):
            out["expression"] = curve.expression
            if curve.unit:
                out["unit"] = curve.unit
        elif isinstance(curve, PointsCurve):
            out["points"] = [[x, y] for x, y in zip(curve.x, curve.y, strict=True)]
            if self.values.unit:
                out["unit"] = self.values.unit
            if self.argument.unit:
                out["argument_unit"] = self.argument.unit
        if curve.clip is not None and curve.clip != self.clip:
            out["clip"] = list(curve.clip)
        if curve.source is not None:
            out["source"] = curve.source
        if curve.arrhenius is not None:
            numbers = (curve.arrhenius.activation_energy, curve.arrhenius.reference_temperature)
            for key, kind, number in zip(THERMAL, _THERMAL_QUANTITIES, numbers, strict=True):
                out[key] = kind.write(number)
        return out

    def _write_plain(self, curve: ConstantCurve | LinearCurve) -> Any:
        if isinstance(curve, LinearCurve):
            return (self.per_argument or self.values).write(curve.slope)
        return self.values.write(curve.value) if self.values.unit else curve.value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        writer = core_schema.plain_serializer_function_ser_schema(self.write)
        return core_schema.with_info_plain_validator_function(self._validate, serialization=writer)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        thermal = dict(zip(THERMAL, _THERMAL_QUANTITIES, strict=True)) if self.thermal else {}
        plain = self.per_argument or self.values
        return curve_schema(plain, self.values, self.argument, thermal, self.allowed)


def _is_number(item: Any) -> bool:
    return isinstance(item, int | float) and not isinstance(item, bool)


def curve_of_x(
    name: str,
    sign: Literal["any", "nonnegative", "positive"] = "any",
    clip: tuple[float, float] | None = None,
    method: Literal["monotone", "smooth"] = "monotone",
    thermal: bool = False,
) -> CurveOf:
    """A curve of the stoichiometry x."""
    return CurveOf(quantity(name, sign), quantity("pure number"), method=method, clip=clip, thermal=thermal)


EXCHANGE_CURRENT_CLIP = (1e-3, 1.0 - 1e-3)
"""x beyond which an exchange current density is held constant: sqrt(x (1 - x)) has no slope at 0 and 1."""

PotentialOfX = Annotated[Curve, curve_of_x("potential")]
DiffusivityOfX = Annotated[Curve, curve_of_x("diffusivity", "positive", thermal=True)]
VolumeChangeOfX = Annotated[Curve, curve_of_x("pure number")]
LatticeChangeOfX = Annotated[Curve, curve_of_x("pure number", method="smooth")]
LatticeParameterOfX = Annotated[Curve, curve_of_x("lattice parameter", "positive", method="smooth")]
ConductivityOfX = Annotated[Curve, curve_of_x("conductivity", "positive", thermal=True)]
ExchangeCurrentOfX = Annotated[
    Curve, curve_of_x("current density", "positive", EXCHANGE_CURRENT_CLIP, thermal=True)
]
PressureOfTime = Annotated[
    Curve,
    CurveOf(quantity("pressure", "nonnegative"), quantity("time"), "t", method="linear", beyond="constant"),
]
ThicknessOfCharge = Annotated[
    Curve,
    CurveOf(
        quantity("length"),
        quantity("areal capacity"),
        "q",
        method="linear",
        per_argument=quantity("thickness per charge"),
    ),
]

PotentialOfY = Annotated[Curve, CurveOf(quantity("potential"), quantity("pure number"), "y")]
ExchangeCurrentOfY = Annotated[
    Curve,
    CurveOf(
        quantity("current density", "positive"), quantity("pure number"), "y", clip=EXCHANGE_CURRENT_CLIP
    ),
]
RelativeThicknessOfY = Annotated[Curve, CurveOf(quantity("pure number"), quantity("pure number"), "y")]
