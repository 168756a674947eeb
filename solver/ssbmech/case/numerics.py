"""The ``cell:``, ``numerics:``, ``output:`` and ``expected:`` blocks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ssbmech.case.base import Block
from ssbmech.case.curves import ROOM_TEMPERATURE
from ssbmech.case.units import SpecificCapacity, Temperature, Time

Physics = Literal["mechanics", "electrochemistry"]


class Cell(Block):
    """The cell as a whole."""

    nominal_capacity: SpecificCapacity | None = Field(
        default=None, description="what 1C means; needed where a C-rate is used"
    )
    initial_state_of_charge: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="from which state_of_charge counts; 0: as assembled, discharged",
    )
    temperature: Temperature = Field(default=ROOM_TEMPERATURE, description="uniform and constant")


class TimeStep(Block):
    """Adaptive time steps."""

    initial: Time = Field(default=1.0, description="at the start of every programme step")
    minimum: Time = Field(default=1e-4, description="a step that fails at this size ends the run")
    maximum: Time = 1200.0
    growth: float = Field(default=1.6, gt=1.0, description="factor after an easy step")
    shrink: float = Field(default=0.5, gt=0.0, lt=1.0, description="factor after a failed step")
    target_iterations: int = Field(
        default=8, ge=1, description="a step that needs no more Newton iterations than this is easy"
    )


class Newton(Block):
    """Newton iterations of a time step."""

    maximum_iterations: int = Field(default=25, ge=1)
    tolerance: float = Field(
        default=1e-8, gt=0.0, lt=1.0, description="of the residual of every field, relative"
    )


class Numerics(Block):
    """How the equations are solved."""

    kinematics: Literal["small_strain", "finite_strain"] = Field(
        default="small_strain",
        description="finite_strain: for swelling of more than some percent (silicon, tin, plated lithium)",
    )
    displacement_degree: Literal[1, 2] | None = Field(
        default=None,
        description="of the displacement's elements; default 2 where a phase flows plastically, else 1",
    )
    quadrature_degree: int = Field(default=2, ge=1, le=10)
    interface_quadrature_degree: int | None = Field(
        default=None,
        ge=1,
        le=10,
        description="of the points where interfaces open, touch and conduct; default 4 with quadratic displacements, else 2",
    )
    time_step: TimeStep = TimeStep()
    newton: Newton = Newton()
    linear_solver: Literal["auto", "direct", "field_split"] = Field(
        default="auto", description="auto: direct for small problems"
    )
    direct_limit: int = Field(default=10_000, ge=0, description="auto: direct below this many unknowns")
    petsc_options: dict[str, str | int | float | bool] = Field(
        default_factory=dict,
        description="last word over the chosen linear solver; without the prefix ssbmech_",
    )
    physics: list[Physics] = Field(
        default_factory=list, description="default: mechanics, and electrochemistry when some phase conducts"
    )

    @property
    def least_interface_quadrature_degree(self) -> int:
        """That of as many points as the jump has values on a facet: between fewer, faces would overlap and nothing feel it."""
        return 2 * (self.displacement_degree or 1)


class Output(Block):
    """What a run writes besides its series."""

    fields_every: int = Field(
        default=5,
        ge=0,
        description="steps between writes of the fields; 0: only the first and the last state",
    )
    report: bool = Field(default=True, description="make pictures at the end")


class Expected(Block):
    """A headline figure that a test compares with."""

    value: float
    tolerance: float = Field(ge=0.0, description="relative")
