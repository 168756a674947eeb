"""Weak forms of mechanical equilibrium in the bodies, small strain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ufl

from ssbmech.materials.elastic import strain
from ssbmech.physics.setting import Energy, Setting


@dataclass
class SmallStrainSolid:
    """∫ σ(ε(u) − ε_ch(x)) : ∇v dx over one phase (equilibrium ∇·σ = 0, small strain).

    Attributes:
        law: elasticity with ``stress(elastic_strain)`` and ``energy_density(elastic_strain)``.
        chemical_strain: object with ``tensor(x)``, the stress-free strain at a stoichiometry; None for a passive phase.
    """

    setting: Setting
    phase: str
    law: Any
    chemical_strain: Any | None = None

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
        return total if x is None else total - self.chemical_strain.tensor(x)  # type: ignore[union-attr]

    def stress(self, previous: bool = False) -> Any:
        """σ [MPa] (3x3)."""
        return self.law.stress(self.elastic_strain(previous))

    def residual(self) -> dict[str, ufl.Form]:
        u = self.setting["displacement"]
        return {"displacement": ufl.inner(self.stress(), strain(u.test)) * self.setting.dx(self.phase)}

    def stress_work(self, weight: Any) -> ufl.Form:
        """∫ σ : ∂ε_ch/∂x w dx, the work of the stress per lithium added, at the vertices, as the storage of lithium is."""
        assert self.chemical_strain is not None
        variable = ufl.variable(self.setting["stoichiometry"].value)
        rate = ufl.diff(self.chemical_strain.tensor(variable), variable)
        return ufl.inner(self.stress(), rate) * weight * self.setting.dx_nodal(self.phase)

    def energies(self) -> list[Energy]:
        dx = self.setting.dx(self.phase)
        out = [Energy("elastic_energy", "stored", self.law.energy_density(self.elastic_strain()) * dx)]
        x, old = self._x(False), self._x(True)
        if x is not None:
            growth = self.chemical_strain.tensor(x) - self.chemical_strain.tensor(old)  # type: ignore[union-attr]
            mean = 0.5 * (self.stress() + self.stress(previous=True))
            out.append(Energy("chemical_work", "increment", -ufl.inner(mean, growth) * dx))
        return out
