"""Isotropic linear elasticity of what is left of the strain without its stress-free parts.

    σ = λ tr(ε_e) I + 2 G ε_e [MPa],    ε_e = ε − ε_ch − ε_p

the additive split of small strain, ε_ch entering as a thermal strain does (S. Prussin, J. Appl. Phys. 32 (1961) 1876). In two dimensions
the body is in plane strain: ε_zz = 0 in total, the chemical strain and the stress have a z component.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ufl


@dataclass(frozen=True)
class IsotropicElasticity:
    """Elastic constants [MPa, -]."""

    youngs_modulus: float
    poisson_ratio: float

    @property
    def lame(self) -> float:
        """First Lamé constant λ [MPa]."""
        nu = self.poisson_ratio
        return self.youngs_modulus * nu / ((1 + nu) * (1 - 2 * nu))

    @property
    def shear_modulus(self) -> float:
        """G [MPa]."""
        return self.youngs_modulus / (2 * (1 + self.poisson_ratio))

    @property
    def bulk_modulus(self) -> float:
        """K [MPa]."""
        return self.youngs_modulus / (3 * (1 - 2 * self.poisson_ratio))

    def stress(self, elastic_strain: Any) -> Any:
        """Stress [MPa] (3x3) of an elastic strain (3x3)."""
        return self.lame * ufl.tr(elastic_strain) * ufl.Identity(3) + 2 * self.shear_modulus * elastic_strain

    def energy_density(self, elastic_strain: Any) -> Any:
        """½ σ : ε_e [MPa = pJ/µm³]."""
        return 0.5 * ufl.inner(self.stress(elastic_strain), elastic_strain)


def strain(displacement: Any) -> Any:
    """Symmetric gradient as a 3x3 tensor (plane strain in 2D)."""
    grad = ufl.grad(displacement)
    if displacement.ufl_shape[0] == 3:
        return ufl.sym(grad)
    return ufl.as_tensor(
        [
            [grad[0, 0], 0.5 * (grad[0, 1] + grad[1, 0]), 0],
            [0.5 * (grad[0, 1] + grad[1, 0]), grad[1, 1], 0],
            [0, 0, 0],
        ]
    )
