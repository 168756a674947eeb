"""Oxidation of the electrolyte on the faces of an active material: its charge as history, its current in the rows of charge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import fem

from ssbmech.domain.interfaces import Pair
from ssbmech.materials.contact_law import ContactLaw
from ssbmech.materials.oxidation import OxidationLaw
from ssbmech.physics.cohesion import Cohesion
from ssbmech.physics.contact import interface_transmissivity
from ssbmech.physics.interface_points import InterfacePoints
from ssbmech.physics.setting import Energy, LocalState, Setting


class OxidationCharge(LocalState):
    """q [C/m² = pC/µm²], charge of oxidation per area of face, at the interface points of one pair; zero at first.

    Opening v q and film resistance ρ q are those of the beginning of a step: of first order in the time step.

    Attributes:
        law: of the reaction.
        charge, previous: q at the beginning of this step, and of the step before.
        new: q at the end of the step (UFL), set by the term.
    """

    def __init__(self, setting: Setting, pair: Pair, law: OxidationLaw) -> None:
        self.law = law
        self._points = InterfacePoints(setting, pair)
        self.charge: fem.Function = self._points.function("oxidation_charge")
        self.previous: fem.Function = self._points.function("previous_oxidation_charge")
        self.new: Any = None
        self._form: Any = None
        self._new: npt.NDArray[np.float64] | None = None

    def opening(self) -> Any:
        """Opening without stress [µm] in this step."""
        return self.law.volume_deficit * self.charge("+")

    def old_opening(self) -> Any:
        """The same in the step before."""
        return self.law.volume_deficit * self.previous("+")

    def resistance(self) -> Any:
        """Resistance of what has formed [ohm m²] in this step."""
        return self.law.film_resistivity * self.charge("+")

    def conclude(self) -> None:
        if self._form is None:
            self._form = self._points.compiled(self.new)
        self._new = self._points.values(self._form)

    def accept(self) -> None:
        assert self._new is not None
        self._points.write(self.previous, self._points.read(self.charge))
        self._points.write(self.charge, self._new)


@dataclass
class Oxidation:
    """∫ i (ψ⁺ + W − ψ⁻) dS: the current i that oxidises the electrolyte ('−') leaves through the active material ('+') to the collector.

    The row of lithium has no share in it: charge passed = lithium that left the active material + charge of oxidation.

    Attributes:
        history: q.
        contact: law of the transmissivity a; where the face is open nothing is oxidised. q is a mean over the whole face.
        cohesion: the interface's mechanics, None when the model has none.
    """

    setting: Setting
    pair: Pair
    history: OxidationCharge
    contact: ContactLaw
    cohesion: Cohesion | None = None

    def __post_init__(self) -> None:
        self.history.new = self.history.charge("+") + self.setting.time_step * self.current()

    def potential(self) -> Any:
        """φ_s − φ_e [V], the potential of the face against lithium."""
        phi, collector = self.setting["potential"].value, self.setting["collector_potential"].value
        return phi("+") + collector("+") - phi("-")

    def current(self) -> Any:
        """i [pA/µm²] per area of face at the end of the step."""
        traction = 0.0 if self.cohesion is None else self.cohesion.old_normal_traction()
        density = self.history.law.current(
            self.potential(), traction, self.history.charge("+"), self.setting.time_step
        )
        return interface_transmissivity(self.cohesion, self.contact) * density

    def residual(self) -> dict[str, ufl.Form]:
        psi, collector = self.setting["potential"].test, self.setting["collector_potential"].test
        dS, current = self.setting.dS(self.pair), self.current()
        return {
            "potential": current * (psi("+") - psi("-")) * dS,
            "collector_potential": current * collector("+") * dS,
        }

    def charge(self) -> ufl.Form:
        """∫ q dS at the end of the step [pC]."""
        return self.history.new * self.setting.dS(self.pair)

    def energies(self) -> list[Energy]:
        """The energy that the reaction takes up: electrical work, less its work against the traction."""
        dS = self.setting.dS(self.pair)
        out = [Energy("oxidation_energy", "power", self.current() * self.potential() * dS)]
        if self.cohesion is not None:
            out.append(Energy("oxidation_energy", "increment", -self.cohesion.opening_work() * dS))
        return out

    def states(self) -> list[LocalState]:
        return [self.history]
