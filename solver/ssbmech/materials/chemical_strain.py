"""Stress-free (chemical) strain of an active material as a function of its stoichiometry, dimensionless.

The analogue of thermal strain (S. Prussin, J. Appl. Phys. 32 (1961) 1876), here with the measured curve in place of a constant partial
molar volume: of the volume of the cell, or of the lattice parameters a(x) and c(x) of a layered oxide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ufl


@dataclass(frozen=True)
class IsotropicChemicalStrain:
    """ε_ch = ε(x) I.

    Attributes:
        curve: object with ``ufl(x)``, the linear strain, (1 + ΔV/V(x))^(1/3) − 1 of a volume curve.
    """

    curve: Any

    def tensor(self, x: Any) -> Any:
        """Strain (3x3) at a stoichiometry."""
        return self.curve.ufl(x) * ufl.Identity(3)

    def stretch(self, x: Any) -> Any:
        """Stretch I + ε_ch (3x3); its determinant is the ratio of the volumes."""
        return ufl.Identity(3) + self.tensor(x)


@dataclass(frozen=True)
class LatticeChemicalStrain:
    """ε_ch = ε_a(x) (I − n⊗n) + ε_c(x) n⊗n, the strain of a crystal with lattice parameters a(x), c(x) and c axis n.

    Attributes:
        a, c: objects with ``ufl(x)``, the strains a(x)/a(x_ref) − 1 and c(x)/c(x_ref) − 1.
        axis: n, unit vector of three components.
    """

    a: Any
    c: Any
    axis: Any

    def tensor(self, x: Any) -> Any:
        """Strain (3x3) at a stoichiometry."""
        along = ufl.outer(self.axis, self.axis)
        return self.a.ufl(x) * (ufl.Identity(3) - along) + self.c.ufl(x) * along

    def stretch(self, x: Any) -> Any:
        """Stretch I + ε_ch (3x3); its determinant is the ratio of the volumes a²c."""
        return ufl.Identity(3) + self.tensor(x)
