"""Charge transfer through a resistive film: the current density of every interface point, solved for before every assembly."""

from __future__ import annotations

from typing import Any

import ufl
from dolfinx import fem

from ssbmech.domain.interfaces import Pair
from ssbmech.materials.kinetics import film_step, solve_with_film
from ssbmech.physics.interface_points import InterfacePoints
from ssbmech.physics.setting import LocalState, Setting


class FilmPoints(LocalState):
    """The root j of j = BV(η − j R) at the interface points of one pair; no history.

    Attributes:
        overpotential, exchange, resistance: η [V], i_0 [A/m²] and R [ohm m²], UFL expressions on the interface.
    """

    def __init__(
        self, setting: Setting, pair: Pair, alpha: float, thermal_voltage: float, *given: Any
    ) -> None:
        self.overpotential, self.exchange, self.resistance = given
        self._alpha, self._thermal_voltage = alpha, thermal_voltage
        self._points = InterfacePoints(setting, pair)
        self._three = InterfacePoints(setting, pair, 3)
        self._form = self._three.compiled(ufl.as_vector([ufl.as_ufl(value) for value in given]))
        self._root: fem.Function = self._points.function("film_current")

    def density(self) -> Any:
        """j [A/m²] per area of contact."""
        return film_step(
            self._root("+"),
            self.overpotential,
            self.exchange,
            self.resistance,
            self._alpha,
            self._thermal_voltage,
        )

    def update(self) -> None:
        """Solve at all points."""
        overpotential, exchange, resistance = self._three.values(self._form).reshape(-1, 3).T
        root = solve_with_film(overpotential, exchange, resistance, self._alpha, self._thermal_voltage)
        self._points.write(self._root, root)
