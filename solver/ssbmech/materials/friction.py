"""Coulomb friction of the broken share of an interface, with elastic stick.

A point of an interface whose bond is broken to the fraction r carries, after G. Alfano and E. Sacco (Int. J. Numer. Meth. Engng
68 (2006) 542), the cohesive traction of its bonded share and friction on its broken share,

    t_s = (1 − d) K δ_s + r t_f,      t_f = K_t (δ_s − s),      |t_f| ≤ μ p,      ṡ = γ̇ t_f/|t_f|,  γ̇ ≥ 0

with the contact pressure p of the penalty and the slip s. An implicit step has the closed form of a radial return: t_f is the trial
traction (slip unchanged), shortened to μ p where it is longer.

The share is r, that of the fracture energy spent, not the stiffness damage d that Alfano and Sacco take. With a linear softening
the bonded share then carries (1 − r) S_0 and the broken one r µ p, whatever the bonded stiffness K, which is a numerical choice; weighted
by d, which is nearly 1 as soon as softening begins, a stiff bond under pressure would jump to S_0 + µ p. The transmissivity
of a face uses r for the same reason. What breaks during a step begins without friction traction, so that the mean over the broken
share starts from (r_n/r) t_f,n; the elastic energy that this loses counts as dissipated by friction.

The tangential stiffness K_t is a penalty like that of the contact: faces that stick slide by t_f/K_t, reversibly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ufl

_ON_THE_CONE = 1 + 1e-10
"""What slipped in the last step starts from the cone itself. That it exceeds the limit by rounding must not count as slip: Newton's
method would begin a step back without any tangential stiffness, and cycle."""

STICKING = 0.1
"""Default tangential stiffness of faces that stick over the contact stiffness. Stiffer than the bodies between its points, Newton's
method may alternate between slip to and fro."""


@dataclass(frozen=True)
class CoulombFriction:
    """Parameters of the law.

    Attributes:
        coefficient: μ.
        stiffness: K_t [MPa/µm].
    """

    coefficient: float
    stiffness: float

    def trial(self, sliding: Any, old_sliding: Any, slip: Any, kept: Any) -> Any:
        """Traction [MPa] of the broken share if nothing slips in the step.

        Args:
            sliding, old_sliding: δ_s now and at the beginning of the step [µm].
            slip: s at the beginning of the step [µm].
            kept: r_n/r, share of what is broken now that was broken before.
        """
        return self.stiffness * (sliding - old_sliding + kept * (old_sliding - slip))

    def _size(self, trial: Any) -> Any:
        # The floor, a traction after 1e-12 µm of sliding, keeps the root differentiable at rest.
        return ufl.sqrt(ufl.dot(trial, trial) + (1e-12 * self.stiffness) ** 2)

    def traction(self, trial: Any, pressure: Any) -> Any:
        """t_f [MPa]: the trial where it sticks, on the cone |t_f| = μ p where it slips."""
        limit, size = self.coefficient * pressure, self._size(trial)
        return ufl.conditional(ufl.gt(size, _ON_THE_CONE * limit), limit / size, 1.0) * trial

    def slipped(self, trial: Any, pressure: Any) -> Any:
        """|Δs| [µm], the slip of the step."""
        excess = (self._size(trial) - self.coefficient * pressure) / self.stiffness
        return ufl.conditional(ufl.gt(excess, 0), excess, 0.0)

    def energy(self, traction: Any) -> Any:
        """Recoverable energy per broken area [MPa µm]."""
        return ufl.dot(traction, traction) / (2 * self.stiffness)

    def dissipation(
        self, trial: Any, pressure: Any, broken: Any, old_resistance: Any, old_energy: Any, kept: Any
    ) -> Any:
        """Energy per area [MPa µm] dissipated in a step, never negative.

        The mean of the sliding resistance r μ p over the step times the slip: exact for a resistance that is constant or changes
        in proportion to the slip, also where a step reverses the sliding. To it comes the elastic energy lost with the share of
        the face that has just broken.

        Args:
            trial, pressure, kept: as above.
            broken: r at the end of the step.
            old_resistance: r μ p at its beginning [MPa].
            old_energy: r t_f²/2K_t at its beginning [MPa µm].
        """
        resistance = broken * self.coefficient * pressure
        sliding = 0.5 * (old_resistance + resistance) * self.slipped(trial, pressure)
        return sliding + (1 - kept) * old_energy
