"""The ``programme:`` block: what the cell goes through, step by step; :mod:`ssbmech.case.plan` lays it out in time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ssbmech.case.base import Block
from ssbmech.case.current import Current, CurrentOnly, CurrentOrPower
from ssbmech.case.sentences import read_sentence
from ssbmech.case.stack import Load
from ssbmech.case.units import ArealCapacity, Potential, SpecificCapacity, Time

Kind = Literal["press", "rest", "charge", "discharge", "hold", "repeat"]
KINDS = ("press", "rest", "charge", "discharge", "hold", "hold_potential", "repeat")

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class LoopEnd(Block):
    """What ends a repeat before its passes are done: reached in a charge, discharge or hold, coming from the side on which the
    repeat began. The step in which it is reached ends there too."""

    voltage: Potential | None = Field(default=None, description="of the cell")
    potential: Potential | None = Field(default=None, description="of the cathode against Li")
    state_of_charge: Share | None = Field(
        default=None,
        description="charge passed since the beginning of the run over the nominal capacity, plus cell.initial_state_of_charge",
    )
    stoichiometry: Share | None = Field(
        default=None, description="lithium in all active material over the sites for it"
    )

    def given(self) -> dict[str, Any]:
        """The limits that are set."""
        return {key: value for key in type(self).model_fields if (value := getattr(self, key)) is not None}


class Until(LoopEnd):
    """What ends a step; the first that is reached does. Located in time to 1e-6 of a time step."""

    current: CurrentOnly | None = Field(
        default=None,
        description="of a hold: it has fallen to this; of a power: it has grown (charge: fallen) to this",
    )
    capacity: ArealCapacity | None = Field(
        default=None, description="charge passed in this step, per cross-section"
    )
    specific_capacity: SpecificCapacity | None = Field(
        default=None, description="charge passed in this step, per mass of active material"
    )
    time: Time | None = Field(default=None, description="since the step began")


class Repeat(Block):
    """Steps that are run again and again. Its passes count as repeats of the same, not as new steps, for the default viscosity."""

    times: int = Field(
        default=1, ge=1, le=10_000, description="passes, of each of the rates if there are any"
    )
    rates: list[CurrentOrPower] = Field(
        default_factory=list,
        description="a list to work through: in the steps, `rate` stands for the one whose turn it is",
    )
    steps: list[Step] = Field(min_length=1, description="as in the programme, sentences and repeats too")
    until: LoopEnd = Field(default=LoopEnd(), description="ends the repeat early")
    count_passes: bool = Field(
        default=False,
        description="a cycle of the results is a pass; otherwise a charge and a discharge one after the other",
    )


class Step(Block):
    """One step: exactly one of press, rest, charge, discharge, hold, hold_potential and repeat; or a sentence.

    Sentences: "rest 1 h", "press to 370 MPa in 60 s", "charge at C/10 to 4.3 V", "discharge at 10 W/m^2 to 2.5 V or for 1 h",
    "hold at 4.3 V until C/50", "repeat 3 times: charge at C/10 to 4.3 V; discharge at C/2 to 2.5 V".
    """

    press: Time | None = Field(
        default=None, description="no current for this time, while the load is applied; the same as rest"
    )
    rest: Time | None = Field(default=None, description="no current for this time")
    charge: CurrentOrPower | None = Field(
        default=None, description="constant current or power that takes lithium out of the active material"
    )
    discharge: CurrentOrPower | None = Field(
        default=None, description="constant current or power that puts lithium into the active material"
    )
    hold: Potential | None = Field(default=None, description="constant voltage of the cell")
    hold_potential: Potential | None = Field(
        default=None, description="constant potential of the cathode against Li"
    )
    repeat: Repeat | None = Field(default=None, description="other steps, again and again")
    until: Until = Field(default=Until(), description="ends a charge, discharge or hold; at least one limit")
    load: Load | None = Field(
        default=None, description="from this step on; default that of the step before, which then goes on"
    )
    maximum_time_step: Time | None = Field(
        default=None, description="in this step, below that of numerics.time_step"
    )

    @model_validator(mode="before")
    @classmethod
    def _of_sentence(cls, given: Any) -> Any:
        return read_sentence(given) if isinstance(given, str) else given

    @property
    def kind(self) -> Kind:
        """Which of them; both holds are ``hold``."""
        kinds: tuple[Kind, ...] = ("press", "charge", "discharge", "repeat")
        for kind in kinds:
            if getattr(self, kind) is not None:
                return kind
        return "hold" if self.hold is not None or self.hold_potential is not None else "rest"

    @property
    def current(self) -> Current:
        """What drives a charge or discharge; nothing for the others."""
        return self.charge or self.discharge or Current()

    @property
    def duration(self) -> float | None:
        """Time after which a press or rest ends [s]; None for the others."""
        return self.press if self.press is not None else self.rest

    @property
    def c_rate(self) -> float | None:
        """Magnitude of the C-rate [1/h], where the step is given by one."""
        return self.current.c_rate

    @property
    def current_density(self) -> float | None:
        """Magnitude of the current density [pA/µm²], where the step is given by one."""
        return self.current.current_density

    @property
    def power_density(self) -> float | None:
        """Magnitude of the power density [pW/µm²], where the step is given by one."""
        return self.current.power_density

    @property
    def sign(self) -> int:
        """+1 on charge, -1 on discharge, 0 for the others."""
        return {"charge": 1, "discharge": -1}.get(self.kind, 0)

    def describe(self) -> str:
        """What the step does, in a few words."""
        if self.hold is not None:
            return f"hold {self.hold:g} V"
        if self.hold_potential is not None:
            return f"hold {self.hold_potential:g} V vs Li"
        current = self.current
        if current.c_rate is not None:
            return f"{self.kind} {current.c_rate:.4g}C"
        if current.current_density is not None:
            return f"{self.kind} {current.current_density:g} A/m^2"
        if current.power_density is not None:
            return f"{self.kind} {current.power_density:g} W/m^2"
        return f"{self.kind} {self.repeat.times} times" if self.repeat is not None else self.kind


Repeat.model_rebuild()


def walk(steps: list[Step], at: str = "programme", listed: bool = False) -> Iterator[tuple[str, Step, bool]]:
    """Every step of the file once, with its key and whether a repeat around it has rates."""
    for number, step in enumerate(steps):
        key = f"{at}[{number}]"
        yield key, step, listed
        if step.repeat is not None:
            yield from walk(step.repeat.steps, f"{key}.repeat.steps", listed or bool(step.repeat.rates))


def plain(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Dumped steps without their empty blocks."""
    for step in data:
        for block in (step, step.get("repeat", {})):
            if "until" in block and not block["until"]:
                del block["until"]
        if "repeat" in step:
            plain(step["repeat"]["steps"])
            if not step["repeat"]["rates"]:
                del step["repeat"]["rates"]
    return data
