"""How much of a face conducts that is not bonded but pressed together, with hysteresis.

The share of the perfect conductance is f = X/(1 + X) with X = (p/p_0)^n: the contact conducts as p^n, in series with the perfect face.
The exponent says how the true area of contact grows with the pressure p:

    1/3     one elastic contact of round bodies (Hertz)
    1/2     one plastic contact: area ∝ p, resistance of a constriction ∝ area^(−1/2) (R. Holm, Electric Contacts, 4th ed., 1967)
    0.95    many plastic contacts of rough faces (M. G. Cooper, B. B. Mikic, M. M. Yovanovich, Int. J. Heat Mass Transfer 12 (1969) 279)
    1       as many contacts as there is pressure; the default

Plastic contacts do not shrink as they grew. Below the largest pressure p_max that the face has seen

    f = f(p_max) (p/p_max)^m

with the exponent m of unloading, 1/3 to 1/2 for contacts that recover elastically; without m the way back is the way there.

For exponents below 1 the slope at p = 0 is infinite. Powers y^n are therefore taken as y ((y + ε)/(1 + ε))^(n − 1), ε = 1e-6:
linear below ε with the slope ε^(n−1), and elsewhere off by a relative (1 − n) ε/y at most. At p = 0 nothing conducts: contact lost
is current lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import ufl

_LINEAR_BELOW = 1e-6
"""ε of the powers: a millionth of p_0, or of p_max."""

_NO_PRESSURE = 1e-12
"""In p_0; what divides is not smaller."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.ndarray | np.floating)


def larger(one: Any, other: Any) -> Any:
    """The larger of two values, numbers, arrays or UFL expressions."""
    if _is_number(one) and _is_number(other):
        return np.maximum(one, other)
    return ufl.conditional(ufl.gt(one, other), one, other)


def _power(base: Any, exponent: float) -> Any:
    if exponent == 1.0:
        return base
    return base * ((base + _LINEAR_BELOW) / (1.0 + _LINEAR_BELOW)) ** (exponent - 1.0)


@dataclass(frozen=True)
class ContactLaw:
    """Parameters of the law; its methods take numbers, arrays or UFL expressions.

    Attributes:
        pressure_scale: p_0, at which half of the perfect conductance is reached [MPa].
        exponent: n.
        unloading_exponent: m; None without hysteresis.
    """

    pressure_scale: float = 1.0
    exponent: float = 1.0
    unloading_exponent: float | None = None

    def pressed_share(self, pressure: Any, largest: Any = None) -> Any:
        """f in [0, 1).

        Args:
            pressure: p ≥ 0 [MPa].
            largest: p_max before, without p itself [MPa]; None where no law unloads.
        """
        if self.unloading_exponent is None or largest is None:
            return self._loading(pressure)
        peak = larger(larger(largest, pressure), _NO_PRESSURE * self.pressure_scale)
        return self._loading(peak) * _power(pressure / peak, self.unloading_exponent)

    def _loading(self, pressure: Any) -> Any:
        x = _power(pressure / self.pressure_scale, self.exponent)
        return x / (1.0 + x)

    def transmissivity(self, broken_fraction: Any, pressure: Any, largest: Any = None) -> Any:
        """a, the share of a face that conducts: the bonded share 1 − r fully, the broken share r as it is pressed together.

        The share is that of the bonds broken by energy, r, not the stiffness damage d, which depends on the arbitrary bonded
        stiffness and is close to 1 long before the bond has given way.
        """
        return (1 - broken_fraction) + broken_fraction * self.pressed_share(pressure, largest)
