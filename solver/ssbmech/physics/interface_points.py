"""Variables at the quadrature points of the interfaces of one pair of phases, and the values of UFL expressions there."""

from __future__ import annotations

from typing import Any

import basix.ufl
import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import fem, la

from ssbmech import compat
from ssbmech.domain.interfaces import Pair
from ssbmech.physics.setting import Setting

Floats = npt.NDArray[np.float64]


class InterfacePoints:
    """The quadrature points of one pair, with ``size`` numbers at each (a vector where that is the dimension of the space).

    Functions made here live on the interface mesh and stand in forms restricted to its '+' side, like the damage.
    """

    def __init__(self, setting: Setting, pair: Pair, size: int = 1) -> None:
        interface = setting.interface_mesh
        assert interface is not None
        self._setting, self._pair, self._interface = setting, pair, interface
        self._space = interface.space
        if size > 1:
            element = basix.ufl.blocked_element(interface.space.ufl_element(), shape=(size,))
            self._space = fem.functionspace(interface.mesh, element)
        one = 1.0 + 0.0 * setting.time_step
        weights = self._assembled(self.compiled(one if size == 1 else ufl.as_vector([one] * size)))
        self._rows = np.flatnonzero(weights > 0)
        self._weights = weights[self._rows]

    def function(self, name: str) -> fem.Function:
        """A variable at the points, zero at first."""
        return fem.Function(self._space, name=name)

    def compiled(self, expression: Any) -> Any:
        """What :meth:`values` takes; collective."""
        q = ufl.TestFunction(self._space)("+")
        return compat.form(
            ufl.inner(expression, q) * self._setting.dS(self._pair), self._interface.entity_maps
        )

    @staticmethod
    def _assembled(form: Any) -> Floats:
        vector = fem.assemble_vector(form)
        vector.scatter_reverse(la.InsertMode.add)
        return np.array(vector.array)

    def values(self, form: Any) -> Floats:
        """(numbers,) values at the current fields, in the order of :meth:`read`; collective."""
        values: Floats = self._assembled(form)[self._rows] / self._weights
        return values

    def read(self, function: fem.Function) -> Floats:
        """(numbers,) copy of a variable."""
        values: Floats = function.x.array[self._rows]
        return values

    def write(self, function: fem.Function, values: Floats) -> None:
        """Set a variable; ``values`` as :meth:`read` gives them."""
        function.x.array[self._rows] = values
