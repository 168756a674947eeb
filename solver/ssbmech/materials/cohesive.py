"""The one traction law of an interface: bonded, softening, open, closed again.

With the opening δ_n (along the normal), the sliding δ_s (vector), and the bonded stiffness K,

    t_n = (1 − d) K ⟨δ_n⟩ − p,     p = ⟨λ − K_c δ_n⟩   (contact, no adhesion needed; λ = 0 for a mere penalty)
    t_s = (1 − d) K δ_s

with the multiplier λ of :mod:`ssbmech.physics.contact_multiplier`, to which :mod:`ssbmech.materials.friction` adds what the broken
share carries by friction. Here 1 − d stands for 1 − d + ρ d with a residual stiffness fraction ρ (default 1e-6): a particle that has
come off everywhere still has a place. Its traction is below a thousandth of a MPa for any gap that occurs.

The damage d follows the bilinear law in the effective opening λ = (⟨δ_n⟩² + |δ_s|²)^½: it starts at δ_0 = T_0/K and the
bond is gone at δ_f = 2 G_c/T_0, so that a fully opened interface has dissipated G_c. Under mixed mode, with the mode
mixity B = |δ_s|²/λ², the bond starts to soften when (⟨t_n⟩/T_0)² + (|t_s|/S_0)² = 1, that is at δ_0⁻² = (1 − B) δ_0I⁻² + B δ_0II⁻²
(P. P. Camanho and C. G. Dávila, NASA/TM-2002-211737), and G_c = G_Ic + (G_IIc − G_Ic) B^η, δ_f = 2 G_c/(K δ_0)
(M. L. Benzeggagh and M. Kenane, Compos. Sci. Technol. 56 (1996) 439).

The broken-bond fraction r = (λ − δ_0)/(δ_f − δ_0) in [0, 1] is the share of G_c that has been spent, and
d = r δ_f/(r δ_f + (1 − r) δ_0). Damage never heals. With a viscosity τ the fraction follows its equilibrium value with a
delay, τ ṙ = ⟨r_eq − r⟩ (G. Duvaut and J. L. Lions, 1972), which carries a run over a snap-back; τ = 0 is the rate-independent law.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ufl

RELATIVE_VISCOSITY = 2e-4
"""τ by default, as a share of the duration of the programme step: the same delay in charge at every rate (docs/model.md)."""


@dataclass(frozen=True)
class CohesiveLaw:
    """Parameters of the law.

    Attributes:
        stiffness, contact_stiffness: K, K_c [MPa/µm].
        strength, shear_strength: T_0 in mode I and II [MPa]; ``None`` for a bond that never breaks.
        toughness, shear_toughness: G_c in mode I and II [MPa µm = J/m²].
        mode_mixity_exponent: η of Benzeggagh and Kenane.
        viscosity: τ [s]; ``None`` for ``RELATIVE_VISCOSITY`` times the duration of the programme step.
        residual_stiffness: ρ, share of K that is left when the bond is gone.
    """

    stiffness: float
    contact_stiffness: float
    strength: float | None = None
    toughness: float | None = None
    shear_strength: float | None = None
    shear_toughness: float | None = None
    mode_mixity_exponent: float = 1.45
    viscosity: float | None = 0.0
    residual_stiffness: float = 1e-6

    @property
    def breakable(self) -> bool:
        return self.strength is not None

    def opening(self, jump: Any, normal: Any) -> tuple[Any, Any]:
        """Normal opening (positive when the sides part) and sliding vector [µm].

        Args:
            jump: displacement of the far side minus that of the near side.
            normal: unit normal that points from the near to the far side.
        """
        normal_opening = ufl.dot(jump, normal)
        return normal_opening, jump - normal_opening * normal

    def effective(self, jump: Any, normal: Any) -> tuple[Any, Any]:
        """Effective opening λ [µm] and mode mixity B."""
        opening, sliding = self.opening(jump, normal)
        tension = ufl.conditional(ufl.gt(opening, 0), opening, 0)
        shear2 = ufl.dot(sliding, sliding)
        # The floor keeps the square root differentiable at rest; it is nine orders below any opening that matters.
        lam2 = tension**2 + shear2 + (1e-9 * self._onset_opening) ** 2
        return ufl.sqrt(lam2), shear2 / lam2

    @property
    def _onset_opening(self) -> float:
        return (self.strength or 1.0) / self.stiffness

    def _limits(self, mixity: Any) -> tuple[Any, Any, Any]:
        """δ_0, δ_f [µm] and G_c [MPa µm] at a mode mixity."""
        assert self.strength is not None and self.toughness is not None
        assert self.shear_strength is not None and self.shear_toughness is not None
        one = self.strength / self.stiffness
        if self.strength == self.shear_strength and self.toughness == self.shear_toughness:
            return one, 2 * self.toughness / self.strength, self.toughness
        two = self.shear_strength / self.stiffness
        weight = mixity**self.mode_mixity_exponent
        onset = 1 / ufl.sqrt((1 - mixity) / one**2 + mixity / two**2)
        toughness = self.toughness + (self.shear_toughness - self.toughness) * weight
        return onset, 2 * toughness / (self.stiffness * onset), toughness

    def broken_fraction(self, damage: Any, mixity: Any) -> Any:
        """r of a damage d; an interface without a breakable bond is either whole (0) or open from the start (1)."""
        if not self.breakable:
            return damage
        onset, final, _ = self._limits(mixity)
        return damage * onset / (final - damage * (final - onset))

    def update(self, jump: Any, normal: Any, old_damage: Any, weight: Any) -> tuple[Any, Any]:
        """Damage d and broken fraction r at the end of a step.

        Args:
            jump: current displacement jump [µm].
            normal: unit normal.
            old_damage: d at the beginning of the step.
            weight: dt/(dt + τ), 1 for the rate-independent law.
        """
        if not self.breakable:
            return old_damage, old_damage
        lam, mixity = self.effective(jump, normal)
        onset, final, _ = self._limits(mixity)
        old = self.broken_fraction(old_damage, mixity)
        target = (lam - onset) / (final - onset)
        target = ufl.conditional(ufl.gt(target, 1), 1.0, target)
        grown = ufl.conditional(ufl.gt(target, old), old + weight * (target - old), old)
        grown_damage = grown * final / (grown * final + (1 - grown) * onset)
        return ufl.conditional(ufl.gt(target, old), grown_damage, old_damage), grown

    def _bonded(self, damage: Any) -> Any:
        return (1 - damage + self.residual_stiffness * damage) * self.stiffness

    def traction(self, jump: Any, normal: Any, damage: Any, multiplier: Any = 0.0) -> Any:
        """Traction [MPa] that the near side feels; ``multiplier`` is λ [MPa]."""
        opening, sliding = self.opening(jump, normal)
        bonded = self._bonded(damage)
        tension = bonded * ufl.conditional(ufl.gt(opening, 0), opening, 0.0)
        return (tension - self.contact_pressure(jump, normal, multiplier)) * normal + bonded * sliding

    def contact_pressure(self, jump: Any, normal: Any, multiplier: Any = 0.0) -> Any:
        """Pressure p [MPa] between closed faces, zero when open."""
        opening, _ = self.opening(jump, normal)
        pressure = multiplier - self.contact_stiffness * opening
        # At zero opening the tangent is that of closed faces: without it the unloaded state, where all stacks begin, would have none.
        return ufl.conditional(ufl.ge(pressure, 0), pressure, 0.0)

    def energy(self, jump: Any, normal: Any, damage: Any, multiplier: Any = 0.0) -> Any:
        """Recoverable energy per area [MPa µm]; of the contact (p² − λ²)/2K_c, whose derivative by the opening is −p."""
        opening, sliding = self.opening(jump, normal)
        tension = ufl.conditional(ufl.gt(opening, 0), opening, 0.0)
        bond = 0.5 * self._bonded(damage) * (tension**2 + ufl.dot(sliding, sliding))
        pressure = self.contact_pressure(jump, normal, multiplier)
        return bond + (pressure**2 - multiplier**2) / (2 * self.contact_stiffness)

    def dissipation(
        self, jump: Any, normal: Any, old_jump: Any, old_normal: Any, old_damage: Any, weight: Any
    ) -> tuple[Any, Any]:
        """Energies per area [MPa µm] spent in a step: in fracture, G_c Δr, and by the viscosity.

        The driving force of r is G_c (λ/λ_r)², λ_r being the opening at which the rate-independent law has the fraction r. What
        exceeds G_c is the work of the viscosity; it is integrated by the trapezoidal rule over the step. Without viscosity nothing
        exceeds it but by the finite step, in which a bond may break and open further.
        """
        lam, mixity = self.effective(jump, normal)
        old_lam, _ = self.effective(old_jump, old_normal)
        onset, final, toughness = self._limits(mixity)
        old = self.broken_fraction(old_damage, mixity)
        _, new = self.update(jump, normal, old_damage, weight)
        growth = new - old
        if self.viscosity == 0.0:
            return toughness * growth, 0.0 * growth
        excess_new = (lam / (onset + new * (final - onset))) ** 2
        excess_old = (old_lam / (onset + old * (final - onset))) ** 2
        excess_old = ufl.conditional(ufl.gt(excess_old, 1), excess_old, 1.0)
        return toughness * growth, toughness * growth * (0.5 * (excess_new + excess_old) - 1)
