"""Lithium flux in an active material, as a charge flux [pA/µm²] in terms of x = c/c_max and s, the part of µ/F due to stress [V].

    J = −D(x) q ∇x − M ∇s,    q = F c_max,    µ/F = −U(x) + s

A stress-free body obeys J = −D ∇c exactly, whatever the mesh. The mobility M says how strongly stress drives lithium:

``from_open_circuit_potential``: M = D q/(−U'(x)), so that J = −M ∇(µ/F): the thermodynamically consistent choice. The slope is
floored at 1 mV per unit x, so that a plateau does not make the flux infinitely sensitive to stress.

``ideal_solution`` and ``dilute_solution``: M = D q x(1 − x) F/RT or D q x F/RT. This is what most of the literature uses; it
couples stress to flux many times more strongly (see e.g. X. Zhang, W. Shyy, A. M. Sastry, J. Electrochem. Soc. 154
(2007) A910, for the dilute form), and it is the form to take for materials with a plateau.

In a layered oxide lithium is fast in the a-b plane and slow along the c axis n: D = D_ab (I − n⊗n) + D_c n⊗n takes the place of the scalar,
and M follows D (the factor between them is a scalar). In a plane mesh n keeps its component normal to the plane while gradients have
none; the flux in the plane then is that of the block of D in the plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import ufl

Mobility = Literal["from_open_circuit_potential", "ideal_solution", "dilute_solution"]

_LEAST_SLOPE = 1e-3
"""Floor of −dU/dx [V]."""


@dataclass(frozen=True)
class Diffusivity:
    """D(x), a scalar or a tensor about a crystal axis.

    Attributes:
        in_plane: curve of D_ab [µm²/s]; of D, where there is no other.
        along_axis: curve of D_c [µm²/s], None for isotropic diffusion.
        axis: n, unit vector of three components; needed with ``along_axis``.
    """

    in_plane: Any
    along_axis: Any | None = None
    axis: Any | None = None

    def times(self, x: Any, gradient: Any) -> Any:
        """D(x) g of a gradient g with as many components as the mesh has dimensions."""
        if self.along_axis is None:
            return self.in_plane.ufl(x) * gradient
        assert self.axis is not None
        n = ufl.as_vector([self.axis[i] for i in range(gradient.ufl_shape[0])])
        across, along = self.in_plane.ufl(x), self.along_axis.ufl(x)
        return across * gradient + (along - across) * ufl.dot(n, gradient) * n


def lithium_flux(
    kind: Mobility,
    diffusivity: Diffusivity,
    charge_density: float,
    x: Any,
    gradient: Any,
    stress_gradient: Any,
    open_circuit_slope: Any,
    thermal_voltage: float,
) -> Any:
    """Charge flux J [pA/µm²] of lithium.

    Args:
        kind: how the mobility follows from the diffusivity.
        diffusivity: D(x) [µm²/s].
        charge_density: F c_max [pC/µm³].
        x: stoichiometry.
        gradient, stress_gradient: ∇x [1/µm] and ∇s [V/µm].
        open_circuit_slope: U'(x) [V].
        thermal_voltage: RT/F [V].
    """
    if kind == "from_open_circuit_potential":
        slope = ufl.conditional(ufl.gt(-open_circuit_slope, _LEAST_SLOPE), -open_circuit_slope, _LEAST_SLOPE)
        sensitivity = 1 / slope
    else:
        sensitivity = (x * (1 - x) if kind == "ideal_solution" else x) / thermal_voltage
    force = gradient + sensitivity * stress_gradient
    return -charge_density * diffusivity.times(x, force)
