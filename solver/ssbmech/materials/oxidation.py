"""Oxidation of the solid electrolyte where it touches an active material.

The electrolyte loses electrons to the active material and lithium to itself: no lithium enters or leaves the active material. Per area of
contact the current density is that of Tafel, and where the film that it leaves has to be crossed, limited by the film:

    i_T = i_0 10^((φ_s − φ_e − U_on − t_n v)/b),        1/i = 1/i_T + q/k

with the charge q that has passed (C/m²), the onset potential U_on against lithium at which i_T = i_0, the Tafel slope b per decade, and
k of parabolic growth, q² = 2 k t (C. Wagner, Z. Phys. Chem. B 21 (1933) 25). The products need less room than the electrolyte did: a
volume deficit v q per area opens the face without stress, and because the shrinking works against the normal traction t_n,
tension hinders it (t_n v is the work per charge). The film has the resistance R = R_0 + ρ q.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import ufl

from ssbmech.materials.kinetics import guarded_exp


@dataclass(frozen=True)
class OxidationLaw:
    """Parameters of the reaction.

    Attributes:
        onset: U_on [V against lithium].
        tafel_slope: b [V per decade].
        current_density: i_0 at the onset [A/m²].
        volume_deficit: v [µm/(C/m²) = µm³/pC], positive where the products need less room.
        film_resistivity: ρ [ohm m²/(C/m²)].
        parabolic_constant: k [(C/m²)²/s]; None where the film does not slow the reaction.
    """

    onset: float
    tafel_slope: float
    current_density: float
    volume_deficit: float = 0.0
    film_resistivity: float = 0.0
    parabolic_constant: float | None = None

    def current(self, potential: Any, traction: Any, charge: Any, time_step: Any) -> Any:
        """i [A/m²] per area of contact, at the end of a backward-Euler step (UFL).

        With the limit of the film, q at the end of the step is that of i itself: the root of a quadratic equation, stable for steps of any
        length. The exponential goes on along its tangent from 6.5 decades above i_0.

        Args:
            potential: φ_s − φ_e at the end of the step [V].
            traction: t_n at the beginning of the step [MPa].
            charge: q at the beginning of the step [C/m²].
            time_step: [s].
        """
        drive = (potential - self.onset - traction * self.volume_deficit) / self.tafel_slope
        tafel = self.current_density * guarded_exp(np.log(10.0) * drive)
        k = self.parabolic_constant
        if k is None:
            return tafel
        slowed = 1 + tafel * charge / k
        return 2 * tafel / (slowed + ufl.sqrt(slowed**2 + 4 * tafel**2 * time_step / k))
