"""Multipliers that keep the overlap of faces in contact below a tolerance: the augmented Lagrangian of unilateral contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from dolfinx import fem
from mpi4py import MPI

from ssbmech.physics.interface_points import InterfacePoints
from ssbmech.physics.setting import LocalState

if TYPE_CHECKING:
    from ssbmech.physics.cohesion import Cohesion

Floats = npt.NDArray[np.float64]


def augmented(multiplier: Floats, opening: Floats, stiffness: float, tolerance: float) -> Floats:
    """(points,) λ for the next solve.

    Where faces overlap by more than the tolerance, or press on each other across a gap of more than it, λ becomes the pressure
    p = ⟨λ − K_c δ⟩; where they are open, 0.

    Args:
        multiplier: (points,) λ of the last solve [MPa].
        opening: (points,) δ, negative where faces overlap [µm].
        stiffness: K_c [MPa/µm].
        tolerance: [µm].
    """
    pressure = np.maximum(multiplier - stiffness * opening, 0.0)
    follows = (np.abs(opening) > tolerance) | (pressure == 0.0)
    return np.where(follows, pressure, multiplier)


class ContactMultiplier(LocalState):
    """λ of the contact pressure p = ⟨λ − K_c δ⟩ of one pair of phases [MPa] (J. C. Simo and T. A. Laursen, Comput. Struct. 42 (1992) 97).

    A solve keeps λ. Where its result exceeds the tolerance, λ takes over the pressure and the solve is repeated from there (Uzawa), so
    that in the end K_c has to carry only what the tolerance allows. As long as the penalty alone is enough, λ stays zero. What is
    beyond half the tolerance when a step is accepted is taken over for the next one, so that repeated solves are rare.

    Attributes:
        value: λ of the current solve.
        previous: λ at the end of the last step.
    """

    def __init__(self, cohesion: Cohesion, tolerance: float) -> None:
        self._comm = cohesion.setting.mesh.comm
        self._points = InterfacePoints(cohesion.setting, cohesion.pair)
        self.value: fem.Function = self._points.function("contact_multiplier")
        self.previous: fem.Function = self._points.function("previous_contact_multiplier")
        self._stiffness, self._tolerance = cohesion.law.contact_stiffness, tolerance
        self._opening = self._points.compiled(cohesion.law.opening(cohesion.jump, cohesion.normal)[0])
        self._start = self._points.read(self.value)

    def augment(self) -> bool:
        """Take over the pressure where the tolerance is exceeded; whether any λ of a closed point changed, on any rank."""
        old = self._points.read(self.value)
        opening = self._points.values(self._opening)
        new = augmented(old, opening, self._stiffness, self._tolerance)
        self._points.write(self.value, new)
        # An open point whose λ goes to zero was and stays without pressure.
        return bool(self._comm.allreduce(bool(((new != old) & (new > 0.0)).any()), MPI.LOR))

    def accept(self) -> None:
        """λ becomes history; that of the next step starts with half the tolerance to spare."""
        old = self._points.read(self.value)
        self._points.write(self.previous, old)
        opening = self._points.values(self._opening)
        self._start = augmented(old, opening, self._stiffness, 0.5 * self._tolerance)
        self.restore()

    def restore(self) -> None:
        """Back to the beginning of the step."""
        self._points.write(self.value, self._start)
