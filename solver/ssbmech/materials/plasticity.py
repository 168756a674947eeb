"""Plastic and viscoplastic flow: J2 with isotropic hardening, Perzyna, Norton.

The equivalent (von Mises) stress q = (3/2 s:s)^½ of the deviator s follows the equivalent plastic strain p and its rate,

    q = σ_y(p) + σ_v(ṗ)   while p grows, else q ≤ σ_y(p)
    σ_y(p) = Y + H p + Q (1 − e^(−b p))          linear and saturating hardening (E. Voce, J. Inst. Met. 74 (1948) 537)
    σ_v(ṗ) = σ_0 (ṗ/ε̇_0)^(1/n)                   overstress; 0 for rate-independent flow

which is ṗ = ε̇_0 ⟨(q − σ_y)/σ_0⟩^n (P. Perzyna, Adv. Appl. Mech. 9 (1966) 243) and, with Y = H = Q = 0, the creep law
ṗ = ε̇_0 (q/σ_0)^n (F. H. Norton, The Creep of Steel at High Temperatures, 1929). Flow is along the deviator and keeps the volume.

Backward Euler reduces a step to one scalar equation at every integration point (J. C. Simo and T. J. R. Hughes, Computational
Inelasticity, 1998, ch. 3): with the trial stress q_tr, at which p has not grown, and the shear stiffness 3 G,

    g(Δp) = q_tr − 3 G Δp − σ_y(p + Δp) − σ_v(Δp/dt) = 0.

It is solved at the points to rounding error. In the weak form stands Δp = root + g(root)/(−g'(root)), one Newton step from that root:
its value is the root, and its derivative by the fields is that of the implicit function, so that UFL finds the consistent tangent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import ufl

Floats = npt.NDArray[np.float64]

_ITERATIONS = 60
_CONVERGED = 1e-14
_AT_YIELD = 1e-12
"""Share of the yield stress by which it is exceeded before a point flows: after a plastic step all its points lie on the yield surface
to rounding, and the tangent of the next step must not be plastic at some of them by chance."""


@dataclass(frozen=True)
class FlowLaw:
    """Parameters of plastic flow.

    Attributes:
        yield_strength: Y [MPa], 0 for creep without a threshold.
        hardening_modulus: H [MPa].
        saturation_strength: Q [MPa].
        saturation_rate: b, per unit of plastic strain.
        reference_stress: σ_0 [MPa], 0 for rate-independent flow.
        reference_rate: ε̇_0 [1/s].
        exponent: n.
    """

    yield_strength: float
    hardening_modulus: float = 0.0
    saturation_strength: float = 0.0
    saturation_rate: float = 0.0
    reference_stress: float = 0.0
    reference_rate: float = 1.0
    exponent: float = 1.0

    @property
    def viscous(self) -> bool:
        return self.reference_stress > 0.0

    def strength(self, p: Any) -> Any:
        """σ_y [MPa] at an equivalent plastic strain, an array or a UFL expression."""
        exp = np.exp if isinstance(p, np.ndarray | float) else ufl.exp
        saturating = self.saturation_strength * (1 - exp(-self.saturation_rate * p))
        return self.yield_strength + self.hardening_modulus * p + saturating

    def _hardening(self, p: Any) -> Any:
        """dσ_y/dp [MPa]."""
        exp = np.exp if isinstance(p, np.ndarray | float) else ufl.exp
        saturating = self.saturation_strength * self.saturation_rate * exp(-self.saturation_rate * p)
        return self.hardening_modulus + saturating

    def _overstress(self, growth: Any, time_step: Any) -> Any:
        """σ_v [MPa] of a growth Δp > 0 in a time step [s]."""
        if not self.viscous:
            return 0.0
        return self.reference_stress * (growth / (self.reference_rate * time_step)) ** (1 / self.exponent)

    def increment(self, trial: Any, stiffness: Any, p: Any, root: Any, time_step: Any) -> Any:
        """Δp as a UFL expression.

        Args:
            trial: q_tr [MPa].
            stiffness: 3 G [MPa].
            p: equivalent plastic strain at the beginning of the step.
            root: Δp that :meth:`solve` found for the current fields.
            time_step: [s].
        """
        grows = ufl.gt(root, 0)
        growth = ufl.conditional(grows, root, 1.0)  # any positive number where nothing flows
        overstress = self._overstress(growth, time_step)
        excess = trial - stiffness * growth - self.strength(p + growth) - overstress
        slope = stiffness + self._hardening(p + growth) + overstress / (self.exponent * growth)
        return ufl.conditional(grows, growth + excess / slope, 0.0)

    def solve(self, trial: Floats, stiffness: Floats, p: Floats, time_step: float) -> Floats:
        """(points,) Δp ≥ 0, exact to rounding for steps of any size.

        Newton's method on the logarithm of g's terms as a function of ln Δp, which is increasing with a slope between 1/n and 1
        and, but for saturating hardening, convex; it starts at the smallest Δp that any one term alone allows.
        Arguments as for :meth:`increment`, (points,).
        """
        growth = np.zeros_like(trial)
        start = self.strength(p)
        flows = trial - start > _AT_YIELD * np.maximum(trial, start)
        over, k, p, start = (trial - start)[flows], stiffness[flows], p[flows], start[flows]
        y = np.log(over / k)
        if self.viscous:
            capacity = np.log(self.reference_rate * time_step)
            y = np.minimum(y, capacity + self.exponent * np.log(over / self.reference_stress))
        for _ in range(_ITERATIONS):
            dp = np.exp(y)
            viscous = self._overstress(dp, time_step)
            total = k * dp + viscous + (self.strength(p + dp) - start)
            slope = (k * dp + viscous / self.exponent + self._hardening(p + dp) * dp) / total
            change = np.log(total / over) / slope
            y = y - change
            if bool((np.abs(change) <= _CONVERGED * (1 + np.abs(y))).all()):
                break
        growth[flows] = np.exp(y)
        return growth
