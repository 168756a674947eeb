"""Lithium across the faces between active bodies: grain boundaries, and particles that touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ufl

from ssbmech.domain.interfaces import Pair
from ssbmech.materials.contact_law import ContactLaw
from ssbmech.physics.cohesion import Cohesion
from ssbmech.physics.contact import interface_transmissivity, remember_pressure
from ssbmech.physics.kinematics import area_stretch
from ssbmech.physics.lithium import Lithium
from ssbmech.physics.setting import Energy, Setting


@dataclass
class LithiumTransfer:
    """∫ a g [µ/F][w] dS: lithium flows down the jump of its chemical potential.

    Linear in the jump, as the irreversible thermodynamics of a thin layer gives it (H. B. Callen, Thermodynamics, 2nd ed.,
    ch. 14), so the dissipation a g [µ/F]² is never negative. Lithium passes as an atom: no charge is counted. With g → ∞ the
    bodies share one chemical potential; a face that opens passes nothing (a = 0).

    Attributes:
        lithium: of the phases on the '+' and the '−' side.
        conductance: g of a face that passes lithium fully [pA/(V µm²) = S/m²].
        contact: law of the transmissivity a.
    """

    setting: Setting
    pair: Pair
    lithium: tuple[Lithium, Lithium]
    conductance: float
    contact: ContactLaw
    cohesion: Cohesion | None = None

    def __post_init__(self) -> None:
        remember_pressure(self.cohesion, self.contact)

    def transmissivity(self) -> Any:
        return interface_transmissivity(self.cohesion, self.contact)

    def jump(self) -> Any:
        """[µ/F] = µ⁺/F − µ⁻/F, with µ/F = −U(x) + s [V]."""
        x, s = self.setting["stoichiometry"].value, self.setting["stress_potential"].value
        plus, minus = self.lithium
        return s("+") - plus.open_circuit.ufl(x("+")) - s("-") + minus.open_circuit.ufl(x("-"))

    def current(self) -> Any:
        """Lithium from '+' to '−', counted as charge [pA/µm²]."""
        return self.transmissivity() * area_stretch(self.setting) * self.conductance * self.jump()

    def residual(self) -> dict[str, ufl.Form]:
        w = self.setting["stoichiometry"].test
        return {"stoichiometry": self.current() * (w("+") - w("-")) * self.setting.dS(self.pair)}

    def energies(self) -> list[Energy]:
        return [
            Energy(
                "diffusion_dissipation", "power", self.current() * self.jump() * self.setting.dS(self.pair)
            )
        ]
