"""Linear elasticity of a hexagonal crystal, isotropic about its c axis.

With the unit vector n along c (A. J. M. Spencer, in: Continuum Theory of the Mechanics of Fibre-Reinforced Composites, Springer 1984),

    σ = λ tr(ε) I + 2 μ_T ε + α [(n·ε n) I + tr(ε) n⊗n] + 2 (μ_L − μ_T) [n⊗(ε n) + (ε n)⊗n] + β (n·ε n) n⊗n

    λ = C12,  μ_T = (C11 − C12)/2,  μ_L = C44,  α = C13 − C12,  β = C11 + C33 − 2 C13 − 4 C44

(J. F. Nye, Physical Properties of Crystals, Oxford 1985, for the constants). No direction of the plane is preferred, so n alone orients it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ufl


@dataclass(frozen=True)
class HexagonalElasticity:
    """Elastic constants C_ij [MPa] about ``axis``, a unit vector of three components."""

    c11: float
    c12: float
    c13: float
    c33: float
    c44: float
    axis: Any

    def stress(self, elastic_strain: Any) -> Any:
        """Stress [MPa] (3x3) of an elastic strain (3x3)."""
        shear = 0.5 * (self.c11 - self.c12)
        alpha = self.c13 - self.c12
        beta = self.c11 + self.c33 - 2 * self.c13 - 4 * self.c44
        n, one = self.axis, ufl.Identity(3)
        trace, pulled = ufl.tr(elastic_strain), ufl.dot(elastic_strain, n)
        along = ufl.dot(n, pulled)
        isotropic = (self.c12 * trace + alpha * along) * one + 2 * shear * elastic_strain
        axial = (alpha * trace + beta * along) * ufl.outer(n, n)
        return isotropic + axial + 2 * (self.c44 - shear) * (ufl.outer(n, pulled) + ufl.outer(pulled, n))

    def energy_density(self, elastic_strain: Any) -> Any:
        """½ σ : ε_e [MPa = pJ/µm³]."""
        return 0.5 * ufl.inner(self.stress(elastic_strain), elastic_strain)
