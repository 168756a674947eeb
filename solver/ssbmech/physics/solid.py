"""Weak form of mechanical equilibrium in the bodies at small strain: elastic, plastic, viscoplastic."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import ufl

from ssbmech.materials.elastic import strain
from ssbmech.materials.plasticity import FlowLaw
from ssbmech.physics.plastic_points import PlasticPoints, von_mises
from ssbmech.physics.setting import Energy, LocalState, Setting


@dataclass
class BaseSolid(ABC):
    """What the mechanics of a phase have in common at small and at finite strain.

    Attributes:
        law: elasticity.
        chemical_strain: stress-free strain of a stoichiometry; None for a passive phase.
        flow: flow law; None for an elastic phase.
        points: plastic history; None for an elastic phase.
    """

    setting: Setting
    phase: str
    law: Any
    chemical_strain: Any | None = None
    flow: FlowLaw | None = None
    points: PlasticPoints | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.flow is not None:
            self._make_points(self.flow)

    @abstractmethod
    def _make_points(self, flow: FlowLaw) -> None:
        """Make the plastic points and tell them of trial stress, stiffness and new history."""

    def _x(self, previous: bool) -> Any:
        """Stoichiometry that strains the phase, None where nothing does."""
        if self.chemical_strain is None or "stoichiometry" not in self.setting:
            return None
        unknown = self.setting["stoichiometry"]
        return unknown.previous if previous else unknown.value

    def plastic_strain(self) -> Any:
        """Equivalent plastic strain p at the end of the step; 0 for an elastic phase."""
        return self.points.equivalent_strain() if self.points is not None else 0.0

    def states(self) -> list[LocalState]:
        return [self.points] if self.points is not None else []


@dataclass
class SmallStrainSolid(BaseSolid):
    """∫ σ : ∇v dx over one phase (equilibrium ∇·σ = 0), σ the stress of the elastic strain ε(u) − ε_ch(x) − ε_p.

    With a flow law the plastic strain ε_p is a history variable at the integration points (isotropic elasticity only). Plastic flow
    keeps the volume, which linear tetrahedra cannot follow: they lock. Quadratic ones with four points follow it (figures in
    ``tests/verification/test_plastic_locking.py``). The mean stress is integrated at the same points: taken at the
    centroid alone, as selective reduced integration (B-bar) would, it loses the second order of the element.

    ``law`` has ``stress(elastic_strain)`` and ``energy_density(elastic_strain)``, ``chemical_strain`` has ``tensor(x)``.
    """

    def _make_points(self, flow: FlowLaw) -> None:
        self.points = points = PlasticPoints(self.setting, self.phase, flow)
        trial = self._trial()
        points.trial = von_mises(trial, self.law.shear_modulus)
        points.stiffness = 3 * self.law.shear_modulus
        points.new_tensor = points.tensor + 1.5 * points.growth() / points.trial * trial

    # -- strain and stress -----------------------------------------------------------------------------------------

    def strain(self) -> Any:
        """Total strain ε (3x3)."""
        return strain(self.setting["displacement"].value)

    def volumetric_strain(self) -> Any:
        """Relative change of volume, tr ε."""
        return ufl.tr(self.strain())

    def _mechanical_strain(self, previous: bool = False) -> Any:
        """ε − ε_ch (3x3)."""
        u = self.setting["displacement"]
        x = self._x(previous)
        total = strain(u.previous if previous else u.value)
        return total if x is None else total - self.chemical_strain.tensor(x)  # type: ignore[union-attr]

    def _trial(self) -> Any:
        """Deviator of the stress [MPa] at which nothing has flowed in the step."""
        assert self.points is not None
        return 2 * self.law.shear_modulus * (ufl.dev(self._mechanical_strain()) - self.points.tensor)

    def _deviator(self, previous: bool = False) -> Any:
        """Deviator of the stress [MPa] of a phase with a flow law."""
        assert self.points is not None
        if previous:
            elastic = ufl.dev(self._mechanical_strain(previous=True)) - self.points.tensor
            return 2 * self.law.shear_modulus * elastic
        points = self.points
        return (1 - points.stiffness * points.growth() / points.trial) * self._trial()

    def _mean_stress(self, previous: bool = False) -> Any:
        """σ_h [MPa] of a phase with a flow law."""
        return self.law.bulk_modulus * ufl.tr(self._mechanical_strain(previous))

    def stress(self, previous: bool = False) -> Any:
        """σ [MPa] (3x3) of the current or the previous state."""
        if self.points is None:
            return self.law.stress(self._mechanical_strain(previous))
        return self._deviator(previous) + self._mean_stress(previous) * ufl.Identity(3)

    # -- weak form -------------------------------------------------------------------------------------------------

    def residual(self) -> dict[str, ufl.Form]:
        test = strain(self.setting["displacement"].test)
        return {"displacement": ufl.inner(self.stress(), test) * self.setting.dx(self.phase)}

    def stress_work(self, weight: Any) -> ufl.Form:
        """∫ σ : ∂ε_ch/∂x w dx, the work of the stress per lithium added.

        In an elastic phase it is taken at the vertices, as the storage of lithium is.
        """
        assert self.chemical_strain is not None
        variable = ufl.variable(self.setting["stoichiometry"].value)
        rate = ufl.diff(self.chemical_strain.tensor(variable), variable)
        dx = self.setting.dx_nodal(self.phase) if self.points is None else self.setting.dx(self.phase)
        return ufl.inner(self.stress(), rate) * weight * dx

    # -- energies --------------------------------------------------------------------------------------------------

    def energies(self) -> list[Energy]:
        out = self._elastic() if self.points is None else self._inelastic(self.points)
        x, old = self._x(False), self._x(True)
        if x is None:
            return out
        growth = self.chemical_strain.tensor(x) - self.chemical_strain.tensor(old)  # type: ignore[union-attr]
        mean = 0.5 * (self.stress() + self.stress(previous=True))
        work = -ufl.inner(mean, growth) * self.setting.dx(self.phase)
        return [*out, Energy("chemical_work", "increment", work)]

    def _elastic(self) -> list[Energy]:
        density = self.law.energy_density(self._mechanical_strain())
        return [Energy("elastic_energy", "stored", density * self.setting.dx(self.phase))]

    def _inelastic(self, points: PlasticPoints) -> list[Energy]:
        """Elastic energy, and the work σ : Δε_p of plastic flow, all of which counts as dissipated."""
        dx = self.setting.dx(self.phase)
        s, mean = self._deviator(), self._mean_stress()
        stored = ufl.inner(s, s) / (4 * self.law.shear_modulus) + mean**2 / (2 * self.law.bulk_modulus)
        flowed = points.new_tensor - points.tensor
        spent = ufl.inner(0.5 * (s + self._deviator(previous=True)), flowed) * dx
        return [
            Energy("elastic_energy", "stored", stored * dx),
            Energy("plastic_dissipation", "increment", spent),
        ]
