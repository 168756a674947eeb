"""Contact between the current collector and the electrode, whose conductance follows the stack pressure.

Per area the contact conducts g = G f(P) with the law f of :mod:`ssbmech.materials.contact_law`: a rigid metal such as titanium
touches with its asperities (p_0 of tens of MPa), soft carbon everywhere (p_0 near zero). P is the stack pressure at the beginning of a
time step, the mean over the platen: of first order in the time step.

Where electrons are resolved, the electronic conductors on the face exchange ∫ g φ ψ ds with the collector (φ = 0). Where they are
wired, the unmeshed carbon has a potential w of its own against the collector, and A g w = ∫ g_w (φ − w) dx is the equation of that
number: a resistance 1/(A g) in series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import ufl
from dolfinx import fem

from ssbmech.materials.contact_law import ContactLaw
from ssbmech.physics.setting import Energy, Setting

_LEAST_SHARE = 1e-4
"""Of G is left when nothing presses: without any, the electrode would have no potential."""


@dataclass
class CollectorContact:
    """∫ g φ ψ ds over the electronic conductors on the collector, or A g w ω for the carbon of a wired electrode.

    Attributes:
        face, area: of the collector; cross-section of the box [µm²].
        phases: electronic conductors.
        active_volume: of the wired phases [µm³], over which the equation of w is spread; None where electrons are resolved.
        conductance: G of the perfect contact [S/m²].
        law: f.
        value: g of the current step [S/m²]; G before the first pressure is known.
        largest: the largest pressure so far [MPa].
    """

    setting: Setting
    face: str
    area: float
    phases: Sequence[str]
    active_volume: float | None
    conductance: float
    law: ContactLaw
    value: fem.Constant = field(init=False)
    largest: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.value = fem.Constant(self.setting.mesh, self.conductance)

    def follow(self, pressure: float) -> None:
        """Take over the stack pressure [MPa] at the end of a step for the next one."""
        pressed = max(pressure, 0.0)
        share = float(self.law.pressed_share(pressed, self.largest))
        self.value.value = self.conductance * max(share, _LEAST_SHARE)
        self.largest = max(self.largest, pressed)

    @property
    def resistance(self) -> float:
        """1/g [ohm m²]."""
        return 1.0 / float(self.value.value)

    def _product(self, other: Any) -> ufl.Form:
        """∫ g (drop) other."""
        if self.active_volume is None:
            return (
                self.value * self.setting["potential"].value * other * self.setting.ds(self.face, self.phases)
            )
        density = self.area / self.active_volume * self.value * self.setting["wire_potential"].value * other
        return sum(density * self.setting.dx(phase) for phase in self.phases)

    def residual(self) -> dict[str, ufl.Form]:
        row = "potential" if self.active_volume is None else "wire_potential"
        return {row: self._product(self.setting[row].test)}

    def energies(self) -> list[Energy]:
        row = "potential" if self.active_volume is None else "wire_potential"
        return [Energy("ohmic_dissipation", "power", self._product(self.setting[row].value))]
