"""The law of walls that meet: unilateral contact by a penalty, with Coulomb friction.

    p = K ⟨−g⟩                                   pressure of the gap g
    t = K_t (s − s_p), |t| ≤ µ p                 shear traction of the sliding s, of which s_p is slip

Slip goes along the traction and only where |t| = µ p (Coulomb); it is integrated by backward Euler, a return to the cone
|t| = µ p. Open walls carry nothing, and their slip follows the sliding. The penalty K is at the same time the stiffness of the
asperities; the walls penetrate by p/K. (P. Wriggers, Computational Contact Mechanics, 2nd ed., Springer 2006, chapters 5 and 6.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ON_THE_CONE = 1 + 1e-10
"""What slipped in the last step starts from the cone itself; that rounding puts it outside must not count as slip."""


@dataclass(frozen=True)
class WallResponse:
    """What the law gives at contact points.

    Attributes:
        pressure: (points,) p [MPa].
        shear: (points, dim) t [MPa].
        slip: (points, dim) s_p [µm] at the end of the step.
        slides: (points,) whether slip grows under pressure.
    """

    pressure: Floats
    shear: Floats
    slip: Floats
    slides: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class WallContactLaw:
    """Parameters of the law.

    Attributes:
        stiffness: K [MPa/µm].
        friction: µ [-], 0 for smooth walls; one, or (points,).
        shear_stiffness: K_t of walls that stick [MPa/µm]; without effect on smooth walls.
    """

    stiffness: float
    friction: float | Floats = 0.0
    shear_stiffness: float = 1.0

    def respond(self, gap: Floats, sliding: Floats, slip: Floats) -> WallResponse:
        """Pressure and shear traction.

        Args:
            gap: (points,) g [µm].
            sliding: (points, dim) tangential part of the jump [µm].
            slip: (points, dim) s_p at the beginning of the step [µm].
        """
        pressure = self.stiffness * np.maximum(-gap, 0.0)
        trial = self.shear_stiffness * (sliding - slip)
        size, limit = np.linalg.norm(trial, axis=1), self.friction * pressure
        slides = size > _ON_THE_CONE * limit
        share = np.where(slides, limit / np.where(slides, size, 1.0), 1.0)
        shear = share[:, None] * trial
        return WallResponse(
            pressure, shear, sliding - shear / self.shear_stiffness, slides & (pressure > 0.0)
        )

    def tangent(self, gap: Floats, sliding: Floats, slip: Floats, normal: Floats) -> Floats:
        """(points, dim, dim) derivative of the traction −p n + t by the jump [MPa/µm]; arguments as in :meth:`respond`.

        On the cone with e = t/|t|: −µ K e ⊗ n + µ p/|s − s_p| (I − n ⊗ n − e ⊗ e), which is not symmetric.
        """
        closed = gap < 0.0
        along = np.einsum("pi,pj->pij", normal, normal)
        out: Floats = self.stiffness * closed[:, None, None] * along
        if not np.any(self.friction):
            return out
        across = np.eye(normal.shape[1]) - along
        answer = self.respond(gap, sliding, slip)
        distance = np.linalg.norm(sliding - slip, axis=1)
        slides = answer.slides
        safe = np.where(slides, distance, 1.0)
        direction = (sliding - slip) / safe[:, None]
        turning = across - np.einsum("pi,pj->pij", direction, direction)
        cone = (self.friction * answer.pressure / safe)[:, None, None] * turning
        friction = np.broadcast_to(self.friction, gap.shape)
        cone -= self.stiffness * friction[:, None, None] * np.einsum("pi,pj->pij", direction, normal)
        sticks = (closed & ~slides)[:, None, None]
        out += np.where(sticks, self.shear_stiffness * across, np.where(slides[:, None, None], cone, 0.0))
        return out

    def stored(self, response: WallResponse) -> Floats:
        """(points,) recoverable energy per area [MPa µm]: of the pressure and of the shear traction."""
        shear = (response.shear**2).sum(axis=1)
        out: Floats = response.pressure**2 / (2 * self.stiffness) + shear / (2 * self.shear_stiffness)
        return out
