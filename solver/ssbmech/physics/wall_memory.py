"""What pairs of wall points remember from step to step."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from ssbmech.domain.wall_pairs import WallPairs

Floats = npt.NDArray[np.float64]


@dataclass
class WallMemory:
    """What pairs remember; (pairs, ...) each.

    Attributes:
        multiplier: λ of the current solve [MPa].
        start: λ with which the step began, and begins again if it is rejected [MPa].
        old_multiplier, old_pressure: λ and p of the last accepted state [MPa].
        slip, shear: of the last accepted state [µm], [MPa].
        renewed: 1 for pairs that were none in the last accepted state, else 0.
    """

    multiplier: Floats
    start: Floats
    old_multiplier: Floats
    old_pressure: Floats
    renewed: Floats
    slip: Floats
    shear: Floats

    @classmethod
    def blank(cls, pairs: int, dim: int) -> WallMemory:
        return cls(*(np.zeros(pairs) for _ in range(5)), *(np.zeros((pairs, dim)) for _ in range(2)))

    def columns(self) -> Floats:
        """(pairs, 5 + 2 dim) all of it side by side."""
        return np.column_stack([getattr(self, f.name) for f in fields(self)])

    @classmethod
    def from_columns(cls, columns: Floats, dim: int) -> WallMemory:
        multiplier, start, old_multiplier, old_pressure, renewed = np.ascontiguousarray(columns[:, :5].T)
        slip, shear = columns[:, 5 : 5 + dim].copy(), columns[:, 5 + dim :].copy()
        return cls(multiplier, start, old_multiplier, old_pressure, renewed, slip, shear)


@dataclass(frozen=True)
class AcceptedContact:
    """Contact in the last accepted state: its pairs, and on them traction [MPa] and stored energy [MPa µm]."""

    pairs: WallPairs
    traction: Floats
    stored: Floats
