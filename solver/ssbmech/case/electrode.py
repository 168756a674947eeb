"""Counter electrodes of the library: one file each in ``library/electrodes``, every value with source and confidence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydantic import Field

from ssbmech.case.base import Block
from ssbmech.case.curve_types import (
    ExchangeCurrentOfY,
    PotentialOfY,
    RelativeThicknessOfY,
    ThicknessOfCharge,
)
from ssbmech.case.curves import Curve
from ssbmech.case.errors import Problem
from ssbmech.case.material import Value
from ssbmech.case.stack import Lithiation
from ssbmech.case.units import VolumetricCapacity

RISE = 1e-3
"""V by which a potential may rise with y: rounding of a table."""

POTENTIALS = (-0.1, 3.5)
"""V against Li beyond which the potential of a counter electrode is a slip of the pen."""


class Electrode(Block):
    """A counter electrode."""

    title: str = Field(min_length=1)
    notes: list[str] = Field(default_factory=list)
    plated: bool = Field(
        default=False, description="lithium is plated as metal: there is no full, y may pass 1"
    )
    potential: Value[PotentialOfY]
    initial_lithiation: Value[Lithiation]
    exchange_current_density: Value[ExchangeCurrentOfY] | None = None
    thickness_change: Value[ThicknessOfCharge] | None = Field(default=None, description="of the charge")
    relative_thickness_change: Value[RelativeThicknessOfY] | None = Field(default=None, description="of y")
    capacity_per_volume: Value[VolumetricCapacity] | None = Field(
        default=None, description="of the dense active material without lithium"
    )

    def values(self) -> Iterator[tuple[str, Value[object]]]:
        """Key and value of everything that has a source of its own."""
        for key in type(self).model_fields:
            entry = getattr(self, key)
            if isinstance(entry, Value):
                yield key, entry


def varies(curve: Curve) -> bool:
    """Whether a curve of y is more than a constant."""
    return bool(np.ptp(curve(np.linspace(0.0, 1.0, 101))) > 0.0)


def electrode_problems(electrode: Electrode) -> Iterator[Problem]:
    """What cannot be true of a counter electrode."""
    y = np.linspace(0.0, 1.0, 201)
    potential = electrode.potential.value(y)
    if potential.min() < POTENTIALS[0] or potential.max() > POTENTIALS[1]:
        yield Problem(
            "potential",
            "is not that of a counter electrode",
            f"{potential.min():.3g} to {potential.max():.3g} V",
            "{:g} to {:g} V against Li".format(*POTENTIALS),
        )
    if (np.diff(potential) > RISE).any():
        k = int(np.argmax(np.diff(potential)))
        yield Problem(
            "potential",
            f"rises with lithium at y = {y[k]:.3g}: the electrode would not be stable",
            allowed="a potential that falls or stays",
        )
    given = [
        k for k in ("thickness_change", "relative_thickness_change") if getattr(electrode, k) is not None
    ]
    if len(given) != 1:
        yield Problem(
            "thickness_change",
            "is not said once",
            " and ".join(given) or "neither",
            "thickness_change or relative_thickness_change",
        )
    if electrode.relative_thickness_change is not None and electrode.capacity_per_volume is None:
        yield Problem(
            "capacity_per_volume",
            "is missing: relative_thickness_change needs it",
            allowed='for example "840 mAh/cm^3"',
        )
