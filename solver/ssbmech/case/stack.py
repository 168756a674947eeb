"""The ``stack:`` block: platens, load and the rest of the cell; and ``electrons:``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ssbmech.case.base import Block, SourcedBlock
from ssbmech.case.contact import ContactBlock
from ssbmech.case.curve_types import PressureOfTime, ThicknessOfCharge
from ssbmech.case.curves import Curve, LinearCurve
from ssbmech.case.units import (
    ArealConductance,
    Compliance,
    CurrentDensity,
    Potential,
    PressureOrZero,
    StackStiffness,
    VolumetricConductance,
)

LOADS = ("pressure", "ramp_to", "fixed_gap", "stiffness")


class Load(Block):
    """What the stack is pressed by; exactly one of pressure, ramp_to, fixed_gap and stiffness."""

    pressure: PressureOfTime | None = Field(
        default=None, description="of the time t since the step began; held after the last point"
    )
    ramp_to: PressureOrZero | None = Field(
        default=None,
        description="from the present pressure, evenly over the time of the press or rest, then held",
    )
    fixed_gap: Literal[True] | None = Field(default=None, description="the platens stay where they are")
    stiffness: StackStiffness | None = Field(
        default=None, description="of the jig, per area; from the pressure at the start of the step on"
    )

    isostatic: Literal[True] | None = Field(
        default=None,
        description="with pressure or ramp_to: plane plates press the sides by the same pressure; "
        "under the next other load they stay where they are",
    )

    @property
    def kind(self) -> Literal["pressure", "fixed_gap", "stiffness"]:
        """What the platen does; a ramp is a pressure."""
        if self.pressure is not None or self.ramp_to is not None:
            return "pressure"
        return "fixed_gap" if self.fixed_gap else "stiffness"


class CounterElectrode(SourcedBlock):
    """The other electrode, as a layer that is not meshed."""

    name: str = Field(default="counter electrode", description="free text")
    potential: Potential = Field(description="against Li")
    exchange_current_density: CurrentDensity | None = Field(
        default=None, description="omitted: no overpotential"
    )
    thickness_change: ThicknessOfCharge = Field(
        default=LinearCurve(slope=0.0),
        description="of the charge q passed, positive when the cell is charged; of all that is not meshed",
    )
    compliance: Compliance = Field(default=0.0, description="of all that is not meshed")

    @property
    def thickness_curve(self) -> Curve:
        """Thickness change [µm] of the charge passed [mAh/cm²], positive on charge."""
        return self.thickness_change


class CollectorContact(ContactBlock):
    """Contact of the electrode with the current collector, pressed by the stack pressure at the beginning of each time step."""

    conductance: ArealConductance = Field(description="of the perfect contact, under a very high pressure")


def _face(side: str) -> Any:
    """The default face: the end of the axis of the stack."""
    return lambda given: f"{given.get('axis', 'z')}{side}"


class Stack(Block):
    """How the meshed piece sits in the cell."""

    axis: Literal["x", "y", "z"] = Field(
        default="z", description="along which the stack is pressed and the current flows"
    )
    collector: str = Field(
        default_factory=_face("+"),
        description="face of the current collector: x- ... z+, or a named surface of the mesh",
    )
    separator: str = Field(default_factory=_face("-"), description="face of the separator")
    platen: str = Field(
        default_factory=lambda given: given.get("collector", "z+"),
        description="which of the two moves; default the collector",
    )
    sides: Literal["roller", "free"] = Field(default="roller", description="all other faces of the box")
    load: Load | None = Field(default=None, description="for every step until one says otherwise")
    counter_electrode: CounterElectrode = Field(
        default_factory=lambda: CounterElectrode.model_validate({"name": "none", "potential": "0 V"}),
        description="needed with electrochemistry",
    )
    collector_contact: CollectorContact | None = Field(
        default=None, description="omitted: the collector touches perfectly"
    )


class Electrons(SourcedBlock):
    """How electrons reach the active material."""

    path: Literal["wired", "resolved"] = Field(
        description="wired: by carbon that is not meshed; resolved: through conductors in contact"
    )
    conductance: VolumetricConductance | None = Field(
        default=None, description="from active material to collector, per volume; wired only"
    )
