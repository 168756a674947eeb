"""Lithium flux in an active material, as a charge flux [pA/µm²] in terms of m = µ/F [V] and x = c/c_max.

``from_open_circuit_potential``: J = −M ∇m with M = D(x) q/(−U'(x)), q = F c_max. A stress-free body obeys J = −D ∇c exactly.
The slope is floored at 1 mV per unit x, so a plateau of the potential conducts no more than that.

``ideal_solution`` and ``dilute_solution``: J = −D ∇c − M ∇m_mech, m_mech = m + U(x) being the mechanical part of the potential and
M = D q x(1 − x) F/RT or D q x F/RT. This is what most of the literature uses; it couples stress to flux many times more
strongly (see e.g. X. Zhang, W. Shyy, A. M. Sastry, J. Electrochem. Soc. 154 (2007) A910, for the dilute form), and it is the
form to take for materials with a plateau.
"""

from __future__ import annotations

from typing import Any, Literal

import ufl

Mobility = Literal["from_open_circuit_potential", "ideal_solution", "dilute_solution"]

_LEAST_SLOPE = 1e-3
"""Floor of −dU/dx [V]."""


def lithium_flux(
    kind: Mobility,
    diffusivity: Any,
    charge_density: float,
    x: Any,
    potential: Any,
    open_circuit: Any,
    open_circuit_slope: Any,
    thermal_voltage: float,
) -> Any:
    """Charge flux J [pA/µm²] of lithium.

    Args:
        kind: how the mobility follows from the diffusivity.
        diffusivity: D(x) [µm²/s].
        charge_density: F c_max [pC/µm³].
        x: stoichiometry.
        potential: m = µ/F [V].
        open_circuit: U(x) [V].
        open_circuit_slope: U'(x) [V].
        thermal_voltage: RT/F [V].
    """
    scale = diffusivity * charge_density
    if kind == "from_open_circuit_potential":
        slope = ufl.conditional(ufl.gt(-open_circuit_slope, _LEAST_SLOPE), -open_circuit_slope, _LEAST_SLOPE)
        return -scale / slope * ufl.grad(potential)
    occupied = x * (1 - x) if kind == "ideal_solution" else x
    mechanical = ufl.grad(potential) + open_circuit_slope * ufl.grad(x)
    return -scale * ufl.grad(x) - scale * occupied / thermal_voltage * mechanical
