"""The ``programme:`` block: what the cell goes through, step by step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, PrivateAttr
from pydantic_core import CoreSchema, core_schema

from ssbmech.case.base import Block
from ssbmech.case.stack import Load
from ssbmech.case.units import (
    NUMBER,
    ArealCapacity,
    Potential,
    SpecificCapacity,
    Time,
    UnitError,
    as_custom_error,
    quantity,
)

KINDS = ("press", "rest", "charge", "discharge")


@dataclass(frozen=True)
class Current:
    """A constant current: a C-rate [1/h] or a current density [A/m² of the cross-section]; one of the two."""

    c_rate: float | None = None
    current_density: float | None = None


class _CurrentText:
    """Reads "C/10", "0.5C" and "1 A/m^2"."""

    summary = "C-rate or current density, `C/10`"
    allowed = 'a C-rate or a current density of the cross-section, for example "C/10", "0.5C", "1 A/m^2"'
    _over = re.compile(rf"\s*({NUMBER})?\s*C\s*/\s*({NUMBER})\s*")
    _times = re.compile(rf"\s*({NUMBER})?\s*C\s*")

    def read(self, value: Any) -> Current:
        """The current that the text stands for; raises :class:`UnitError`."""
        if isinstance(value, Current):
            return value
        if not isinstance(value, str):
            raise UnitError("is not a current", self.allowed)
        if over := self._over.fullmatch(value):
            divisor = float(over[2])
            rate = float(over[1] or 1.0) / divisor if divisor else 0.0
        elif times := self._times.fullmatch(value):
            rate = float(times[1] or 1.0)
        else:
            try:
                return Current(current_density=quantity("current density", "positive").read(value))
            except UnitError as error:
                raise UnitError(str(error), self.allowed, error.suggestion) from None
        if not rate > 0:
            raise UnitError("must be greater than zero: charge and discharge say the direction", self.allowed)
        return Current(c_rate=rate)

    def write(self, current: Current) -> str:
        """Text that :meth:`read` turns back into exactly ``current``."""
        if current.c_rate is not None:
            return f"{current.c_rate!r}C"
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
        return {"type": "string", "pattern": pattern, "description": self.allowed, "examples": examples}


CurrentOrRate = Annotated[Current, _CurrentText()]


class Until(Block):
    """What ends a step; the first that is reached does."""

    voltage: Potential | None = Field(default=None, description="of the cell")
    potential: Potential | None = Field(default=None, description="of the cathode against Li")
    capacity: ArealCapacity | None = Field(
        default=None, description="charge passed in this step, per cross-section"
    )
    specific_capacity: SpecificCapacity | None = Field(
        default=None, description="charge passed in this step, per mass of active material"
    )
    time: Time | None = Field(default=None, description="since the step began")

    def given(self) -> dict[str, float]:
        """The limits that are set."""
        return {key: value for key in type(self).model_fields if (value := getattr(self, key)) is not None}


class Step(Block):
    """One step: exactly one of press, rest, charge and discharge."""

    press: Time | None = Field(
        default=None, description="no current for this time, while the load is applied; the same as rest"
    )
    rest: Time | None = Field(default=None, description="no current for this time")
    charge: CurrentOrRate | None = Field(
        default=None, description="constant current that takes lithium out of the active material"
    )
    discharge: CurrentOrRate | None = Field(
        default=None, description="constant current that puts lithium into the active material"
    )
    until: Until = Field(default=Until(), description="ends a charge or discharge; at least one limit")
    load: Load | None = Field(
        default=None, description="from this step on; default that of the step before, which then goes on"
    )
    maximum_time_step: Time | None = Field(
        default=None, description="in this step, below that of numerics.time_step"
    )

    _load_from: int | None = PrivateAttr(default=None)

    @property
    def kind(self) -> Literal["rest", "charge", "discharge", "press"]:
        """Which of the four."""
        kinds: tuple[Literal["press", "charge", "discharge"], ...] = ("press", "charge", "discharge")
        for kind in kinds:
            if getattr(self, kind) is not None:
                return kind
        return "rest"

    @property
    def _current(self) -> Current:
        return self.charge or self.discharge or Current()

    @property
    def duration(self) -> float | None:
        """Time after which a press or rest ends [s]; None for the others."""
        return self.press if self.press is not None else self.rest

    @property
    def c_rate(self) -> float | None:
        """Magnitude of the C-rate [1/h], where the step is given by one."""
        return self._current.c_rate

    @property
    def current_density(self) -> float | None:
        """Magnitude of the current density [pA/µm²], where the step is given by one."""
        return self._current.current_density

    @property
    def sign(self) -> int:
        """+1 on charge, -1 on discharge, 0 without current."""
        return {"charge": 1, "discharge": -1}.get(self.kind, 0)

    @property
    def load_from(self) -> int | None:
        """Number of the step that set :attr:`load`, and at whose beginning the load's t is 0."""
        return self._load_from

    def with_load(self, load: Load | None, since: int) -> Step:
        """The step under a load that step ``since`` has set."""
        step = self.model_copy(update={"load": load})
        step._load_from = since
        return step


def resolve_loads(steps: list[Step], first: Load | None) -> list[Step]:
    """The steps with the load law each is under; ``first`` holds until a step says otherwise."""
    current, since, resolved = first, 0, []
    for number, step in enumerate(steps):
        if step.load is not None:
            current, since = step.load, number
        resolved.append(step.with_load(current, since))
    return resolved
