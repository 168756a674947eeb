"""Charge-transfer kinetics and the electrical side of contact.

Butler-Volmer kinetics of lithium between an active material and a single-ion conductor, positive while lithium leaves the
active material (charging):

    i = a i_0(x) [exp(α F η/RT) − exp(−(1 − α) F η/RT)],    η = φ_s − φ_e + µ/F

µ/F = −U_ocp(x) for a stress-free material, so that stress enters through µ alone. The contact transmissivity a multiplies the
current, not the potentials: a debonded, open face carries none.
"""

from __future__ import annotations

from typing import Any

import ufl

_LINEAR_BEYOND = 15.0
"""Argument beyond which exp() continues along its tangent: 0.77 V of overpotential at room temperature and α = 1/2.

A bad Newton iterate then leaves currents that the next iteration repairs, instead of some that overflow, or that shrink by no more
than a factor of e in an iteration."""


def guarded_exp(argument: Any) -> Any:
    """exp(z), continued linearly above z = 15 (e¹⁵ = 3·10⁶ times the exchange current: never reached by a solution)."""
    z = ufl.conditional(ufl.lt(argument, _LINEAR_BEYOND), argument, _LINEAR_BEYOND)
    return ufl.exp(z) * (
        1 + ufl.conditional(ufl.lt(argument, _LINEAR_BEYOND), 0.0, argument - _LINEAR_BEYOND)
    )


def butler_volmer(overpotential: Any, exchange: Any, alpha: float, thermal_voltage: float) -> Any:
    """Current density [pA/µm² = A/m²].

    Args:
        overpotential: η [V].
        exchange: exchange current density [A/m²].
        alpha: anodic transfer coefficient.
        thermal_voltage: RT/F [V].
    """
    anodic = guarded_exp(alpha / thermal_voltage * overpotential)
    cathodic = guarded_exp(-(1 - alpha) / thermal_voltage * overpotential)
    return exchange * (anodic - cathodic)


def transmissivity(broken_fraction: Any, contact_pressure: Any, pressure_scale: float) -> Any:
    """Share a of a face that conducts.

    The bonded share 1 − r conducts fully; the broken share conducts only while it is pressed together, p/(p + p_0): 0 when
    open, 1 under a pressure well above p_0 (assumed form; it has the right limits and one parameter). The share is that of the
    bonds broken by energy, r, not the stiffness damage d, which depends on the arbitrary bonded stiffness and is
    close to 1 long before the bond has given way.
    """
    closed = contact_pressure / (contact_pressure + pressure_scale)
    return (1 - broken_fraction) + broken_fraction * closed
