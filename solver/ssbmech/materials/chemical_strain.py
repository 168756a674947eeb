"""Stress-free (chemical) strain of an active material as a function of its stoichiometry."""

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
