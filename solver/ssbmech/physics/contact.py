"""Which share of a face conducts, with the largest pressure that broken faces remember."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import fem

from ssbmech.materials.contact_law import ContactLaw, larger
from ssbmech.physics.interface_points import InterfacePoints
from ssbmech.physics.setting import LocalState

if TYPE_CHECKING:
    from ssbmech.physics.cohesion import Cohesion

_BROKEN = 1e-12
"""A smaller broken fraction counts as none: pressure on a whole bond flattens nothing."""


class LargestPressure(LocalState):
    """The largest pressure p_max [MPa] that broken faces of one pair of phases have been pressed with, at the interface points.

    Attributes:
        value: p_max at the beginning of the step, zero at first; what the step adds stands in the form.
    """

    def __init__(self, cohesion: Cohesion) -> None:
        self._cohesion = cohesion
        self._points = InterfacePoints(cohesion.setting, cohesion.pair)
        self.value: fem.Function = self._points.function("largest_pressure")
        self._form: Any = None
        self._new: npt.NDArray[np.float64] | None = None

    def conclude(self) -> None:
        if self._form is None:
            _, broken = self._cohesion.new_damage()
            before = self.value("+")
            after = larger(before, self._cohesion.contact_pressure())
            self._form = self._points.compiled(ufl.conditional(ufl.gt(broken, _BROKEN), after, before))
        self._new = self._points.values(self._form)

    def accept(self) -> None:
        assert self._new is not None
        self._points.write(self.value, self._new)


def remember_pressure(cohesion: Cohesion | None, law: ContactLaw) -> None:
    """Have the faces keep their largest pressure where a law asks for it; called while terms are made."""
    if cohesion is not None and law.unloading_exponent is not None and cohesion.largest is None:
        cohesion.largest = LargestPressure(cohesion)


def interface_transmissivity(cohesion: Cohesion | None, law: ContactLaw) -> Any:
    """a of an interface; 1 where the model has no mechanics."""
    if cohesion is None:
        return 1.0
    _, broken = cohesion.new_damage()
    largest = cohesion.largest.value("+") if cohesion.largest is not None else None
    return law.transmissivity(broken, cohesion.contact_pressure(), largest)
