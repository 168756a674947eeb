"""What drives a charge or discharge: a C-rate, a current density or a power density."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from ssbmech.case.units import NUMBER, UnitError, as_custom_error, quantity

LISTED = "rate"
"""Stands for the entry of ``repeat.rates`` whose turn it is."""


@dataclass(frozen=True)
class Current:
    """A C-rate [1/h], a current density or a power density [A/m², W/m² of the cross-section]; one of the three, all positive.

    ``listed`` marks the word ``rate``, which a repeat with ``rates`` replaces.
    """

    c_rate: float | None = None
    current_density: float | None = None
    power_density: float | None = None
    listed: bool = False


@dataclass(frozen=True)
class CurrentText:
    """Reads "C/10", "0.5C", "1 A/m^2" and, where it may, "10 W/m^2" and "rate"."""

    drives: bool = True
    """Whether it drives a step, and then may be a power or the rate of a list."""

    _over = re.compile(rf"\s*({NUMBER})?\s*C\s*/\s*({NUMBER})\s*")
    _times = re.compile(rf"\s*({NUMBER})?\s*C\s*")
    _power = re.compile(rf"\s*{NUMBER}\s*\w*W\b.*")

    @property
    def summary(self) -> str:
        """For the reference."""
        return (
            "C-rate, current or power density, `C/10`" if self.drives else "C-rate or current density, `C/50`"
        )

    @property
    def allowed(self) -> str:
        """For messages."""
        if not self.drives:
            return 'a C-rate or a current density of the cross-section, for example "C/50", "0.1 A/m^2"'
        return (
            "a C-rate, or a current or power density of the cross-section, for example "
            '"C/10", "0.5C", "1 A/m^2", "10 W/m^2"; in a repeat with rates "rate"'
        )

    def read(self, value: Any) -> Current:
        """The current that the text stands for; raises :class:`UnitError`."""
        if isinstance(value, Current):
            return value
        if not isinstance(value, str):
            raise UnitError("is not a current", self.allowed)
        if self.drives and value.strip() == LISTED:
            return Current(listed=True)
        if over := self._over.fullmatch(value):
            divisor = float(over[2])
            rate = float(over[1] or 1.0) / divisor if divisor else 0.0
        elif times := self._times.fullmatch(value):
            rate = float(times[1] or 1.0)
        else:
            return self._density(value)
        if not rate > 0:
            raise UnitError("must be greater than zero: charge and discharge say the direction", self.allowed)
        return Current(c_rate=rate)

    def _density(self, value: str) -> Current:
        power = self.drives and self._power.fullmatch(value) is not None
        try:
            number = quantity("areal power" if power else "current density", "positive").read(value)
        except UnitError as error:
            raise UnitError(str(error), self.allowed, error.suggestion) from None
        return Current(power_density=number) if power else Current(current_density=number)

    def write(self, current: Current) -> str:
        """Text that :meth:`read` turns back into exactly ``current``."""
        if current.listed:
            return LISTED
        if current.c_rate is not None:
            return f"{current.c_rate!r}C"
        if current.power_density is not None:
            return f"{current.power_density!r} W/m^2"
        return f"{current.current_density!r} A/m^2"

    def _validate(self, value: Any) -> Current:
        try:
            return self.read(value)
        except UnitError as error:
            raise as_custom_error(error) from None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        writer = core_schema.plain_serializer_function_ser_schema(self.write)
        return core_schema.no_info_plain_validator_function(self._validate, serialization=writer)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        pattern = rf"^\s*({NUMBER})?\s*C\s*(/\s*{NUMBER})?\s*$|^\s*{NUMBER}\s*[^\s\d.C].*$"
        examples = ["C/10", "0.5C", "1 A/m^2"]
        if self.drives:
            pattern += rf"|^\s*{LISTED}\s*$"
            examples.append("10 W/m^2")
        return {"type": "string", "pattern": pattern, "description": self.allowed, "examples": examples}


CurrentOrPower = Annotated[Current, CurrentText()]
CurrentOnly = Annotated[Current, CurrentText(drives=False)]


def with_rate(current: Current | None, rate: Current | None) -> Current | None:
    """The current, or the rate of the list where it is the word ``rate``."""
    if current is None or not current.listed or rate is None:
        return current
    return replace(rate)
