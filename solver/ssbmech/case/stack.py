"""The ``stack:`` block: platens, load and the rest of the cell; and ``electrons:``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ssbmech.case.base import Block, SourcedBlock
from ssbmech.case.contact import ContactBlock
from ssbmech.case.curve_types import (
    ExchangeCurrentOfY,
    PotentialOfY,
    PressureOfTime,
    RelativeThicknessOfY,
    ThicknessOfCharge,
)
from ssbmech.case.curves import Curve, LinearCurve
from ssbmech.case.units import (
    ArealCapacity,
    ArealConductance,
    Compliance,
    Length,
    PressureOrZero,
    StackStiffness,
    VolumetricCapacity,
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


Lithiation = Annotated[float, Field(ge=0.0, le=1.0)]


class CounterElectrode(SourcedBlock):
    """The other electrode, as a layer that is not meshed: one lithiation y, the same everywhere in it, that rises while the cell is
    charged, y = initial_lithiation + q / capacity with the charge q per cross-section of the meshed piece. So it has no diffusion and
    no ohmic drop of its own. A step of the programme ends when it is full (y = 1) or empty (y = 0). Without capacity there is no y:
    potential and exchange current density are constants and lithium never runs out."""

    name: str = Field(default="counter electrode", description="free text")
    material: str | None = Field(
        default=None,
        exclude=True,
        description="an electrode of the library (lithium, lithium_indium, graphite, lto, silicon, mxene) or a file like those (.yaml), "
        "which gives what this block leaves out",
    )
    potential: PotentialOfY = Field(description="against Li")
    capacity: ArealCapacity | None = Field(
        default=None, description="charge between y = 0 and y = 1; this or n_to_p_ratio"
    )
    n_to_p_ratio: Annotated[float, Field(gt=0.0)] | None = Field(
        default=None,
        description="capacity over that of the meshed cathode: its nominal capacity (cell.nominal_capacity), else all its sites",
    )
    initial_lithiation: Lithiation | None = Field(
        default=None, description="y when the cell is assembled; with a capacity"
    )
    plated: bool = Field(
        default=False, description="lithium is plated as metal: there is no full, y may pass 1"
    )
    exchange_current_density: ExchangeCurrentOfY | None = Field(
        default=None, description="per cross-section; omitted: no overpotential"
    )
    anodic_transfer_coefficient: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        default=0.5, description="of the reaction that takes lithium out of it"
    )
    thickness_change: ThicknessOfCharge | None = Field(
        default=None,
        description="of the charge q passed, positive when the cell is charged; of all that is not meshed; default none",
    )
    relative_thickness_change: RelativeThicknessOfY | None = Field(
        default=None, description="instead: of y, times thickness; only differences count"
    )
    thickness: Length | None = Field(
        default=None,
        description="that the relative change is of; default: the dense active material, capacity / capacity_per_volume",
    )
    capacity_per_volume: VolumetricCapacity | None = Field(
        default=None, description="of the dense active material without lithium"
    )
    compliance: Compliance = Field(default=0.0, description="of all that is not meshed")

    @property
    def thickness_curve(self) -> Curve:
        """Thickness change [µm] of the charge passed [mAh/cm²], positive on charge; zero where it is not given so."""
        return self.thickness_change if self.thickness_change is not None else LinearCurve(slope=0.0)


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
