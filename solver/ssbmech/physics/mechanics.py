"""Weak forms of mechanical equilibrium: bodies and the interfaces between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import ufl
from dolfinx import fem

from ssbmech.domain.interfaces import Pair
from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.materials.elastic import IsotropicElasticity, strain
from ssbmech.physics.setting import Energy, Setting


@dataclass
class Elasticity:
    """∫ σ(ε(u) − ε_ch(x) I) : ∇v dx over one phase (equilibrium ∇·σ = 0, small strain).

    Attributes:
        chemical_strain: object with ``ufl(x)``, the isotropic linear strain of the stoichiometry; None for a passive phase.
    """

    setting: Setting
    phase: str
    law: IsotropicElasticity
    chemical_strain: Any | None = None

    def chemical(self, x: Any) -> Any:
        """Chemical strain tensor (3x3)."""
        if self.chemical_strain is None:
            return ufl.zero(3, 3)
        return self.chemical_strain.ufl(x) * ufl.Identity(3)

    def _x(self, previous: bool) -> Any:
        if self.chemical_strain is None or "stoichiometry" not in self.setting:
            return None
        unknown = self.setting["stoichiometry"]
        return unknown.previous if previous else unknown.value

    def elastic_strain(self, previous: bool = False) -> Any:
        """ε − ε_ch (3x3) of the current or the previous state."""
        u = self.setting["displacement"]
        x = self._x(previous)
        total = strain(u.previous if previous else u.value)
        return total if x is None else total - self.chemical(x)

    def stress(self, previous: bool = False) -> Any:
        """σ [MPa] (3x3)."""
        return self.law.stress(self.elastic_strain(previous))

    def residual(self) -> dict[str, ufl.Form]:
        u = self.setting["displacement"]
        return {"displacement": ufl.inner(self.stress(), strain(u.test)) * self.setting.dx(self.phase)}

    def energies(self) -> list[Energy]:
        dx = self.setting.dx(self.phase)
        out = [Energy("elastic_energy", "stored", self.law.energy_density(self.elastic_strain()) * dx)]
        x, old = self._x(False), self._x(True)
        if x is not None:
            growth = self.chemical(x) - self.chemical(old)
            mean = 0.5 * (self.stress() + self.stress(previous=True))
            out.append(Energy("chemical_work", "increment", -ufl.inner(mean, growth) * dx))
        return out


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
