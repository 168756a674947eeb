"""Lithium flux in an active material, as a charge flux [pA/µm²] in terms of x = c/c_max and s, the part of µ/F due to stress [V].

    J = −D(x) q ∇x − M ∇s,    q = F c_max,    µ/F = −U(x) + s

A stress-free body obeys J = −D ∇c exactly, whatever the mesh. The mobility M says how strongly stress drives lithium:

``from_open_circuit_potential``: M = D q/(−U'(x)), so that J = −M ∇(µ/F): the thermodynamically consistent choice. The slope is
floored at 1 mV per unit x, so that a plateau does not make the flux infinitely sensitive to stress.

``ideal_solution`` and ``dilute_solution``: M = D q x(1 − x) F/RT or D q x F/RT. This is what most of the literature uses; it
couples stress to flux many times more strongly (see e.g. X. Zhang, W. Shyy, A. M. Sastry, J. Electrochem. Soc. 154
(2007) A910, for the dilute form), and it is the form to take for materials with a plateau.
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
    stress_potential: Any,
    open_circuit_slope: Any,
    thermal_voltage: float,
) -> Any:
    """Charge flux J [pA/µm²] of lithium.

    Args:
        kind: how the mobility follows from the diffusivity.
        diffusivity: D(x) [µm²/s].
        charge_density: F c_max [pC/µm³].
        x: stoichiometry.
        stress_potential: s [V].
        open_circuit_slope: U'(x) [V].
        thermal_voltage: RT/F [V].
    """
    scale = diffusivity * charge_density
    if kind == "from_open_circuit_potential":
        slope = ufl.conditional(ufl.gt(-open_circuit_slope, _LEAST_SLOPE), -open_circuit_slope, _LEAST_SLOPE)
        mobility = scale / slope
    else:
        mobility = scale / thermal_voltage * (x * (1 - x) if kind == "ideal_solution" else x)
    return -scale * ufl.grad(x) - mobility * ufl.grad(stress_potential)
