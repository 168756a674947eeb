"""What contacts that conduct under pressure have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ssbmech.case.base import SourcedBlock
from ssbmech.case.units import Pressure

Exponent = Annotated[float, Field(gt=0.0, le=3.0)]


class ContactBlock(SourcedBlock):
    """A contact that conducts the share f = X/(1 + X), X = (p/p0)^n, of its conductance when pressed with p but not bonded."""

    contact_pressure_scale: Pressure = Field(
        default=1.0, description="p0, under which faces that are not bonded conduct half"
    )
    contact_exponent: Exponent = Field(
        default=1.0,
        description="n: 1/3 one elastic contact (Hertz), 1/2 one plastic contact, 0.95 rough faces, or fitted",
    )
    contact_unloading_exponent: Exponent | None = Field(
        default=None,
        description="m of f(p_max)*(p/p_max)^m below the largest pressure p_max so far; omitted: no hysteresis",
    )
