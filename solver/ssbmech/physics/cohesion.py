"""Weak form of the interfaces between bodies: bonded, softening, open, in contact."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import ufl
from dolfinx import fem

from ssbmech.domain.interfaces import Pair
from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.physics.setting import Energy, Setting


@dataclass
class Cohesion:
    """∫ t([u]) · [v] dS over the interfaces of one pair of phases, [u] = u⁻ − u⁺, n = n⁺ pointing from '+' to '−'.

    Attributes:
        damage: d at the beginning of the step, at the quadrature points of the interface mesh.
    """

    setting: Setting
    pair: Pair
    law: CohesiveLaw
    damage: fem.Function
    _parts: tuple[Any, Any] = field(init=False)

    def __post_init__(self) -> None:
        u = self.setting["displacement"]
        self._parts = (u.value("-") - u.value("+"), u.previous("-") - u.previous("+"))

    @property
    def jump(self) -> Any:
        return self._parts[0]

    @property
    def normal(self) -> Any:
        return self.setting.normal("+")

    @property
    def _weight(self) -> Any:
        return self.setting.step_weight(self.law.viscosity)

    def new_damage(self) -> tuple[Any, Any]:
        """Damage d and broken fraction r at the end of the step."""
        return self.law.update(self.jump, self.normal, self.damage("+"), self._weight)

    def traction(self) -> Any:
        """Traction [MPa] on the '+' side."""
        return self.law.traction(self.jump, self.normal, self.new_damage()[0])

    def contact_pressure(self) -> Any:
        return self.law.contact_pressure(self.jump, self.normal)

    def residual(self) -> dict[str, ufl.Form]:
        v = self.setting["displacement"].test
        return {"displacement": ufl.dot(self.traction(), v("-") - v("+")) * self.setting.dS(self.pair)}

    def energies(self) -> list[Energy]:
        dS = self.setting.dS(self.pair)
        damage, _ = self.new_damage()
        out = [Energy("interface_energy", "stored", self.law.energy(self.jump, self.normal, damage) * dS)]
        if self.law.breakable:
            fracture, viscous = self.law.dissipation(
                self.jump, self._parts[1], self.normal, self.damage("+"), self._weight
            )
            out.append(Energy("fracture_dissipation", "increment", fracture * dS))
            out.append(Energy("viscous_dissipation", "increment", viscous * dS))
        return out
