"""Charge-transfer kinetics, with or without a resistive film.

Butler-Volmer kinetics of lithium between an active material and a single-ion conductor, positive while lithium leaves the
active material (charging):

    i = a j,    j = i_0(x) [exp(α F η_r/RT) − exp(−(1 − α) F η_r/RT)],    η_r = η − j R,    η = φ_s − φ_e + µ/F

µ/F = −U_ocp(x) for a stress-free material, so that stress enters through µ alone. The contact transmissivity a
(:mod:`ssbmech.materials.contact_law`) multiplies the current, not the potentials: a debonded, open face carries none. R is the
resistance of a film on the part of the face that is in contact, j the current density there.

With a film j follows from a scalar equation with one root, j − BV(η − j R) being increasing in j. :func:`solve_with_film` finds it;
in the weak form stands one Newton step from there, :func:`film_step`, whose derivative is the consistent tangent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import ufl

Floats = npt.NDArray[np.float64]

_LINEAR_BEYOND = 15.0
"""Argument beyond which exp() continues along its tangent: 0.77 V of overpotential at room temperature and α = 1/2.

A bad Newton iterate then leaves currents that the next iteration repairs, instead of some that overflow, or that shrink by no more
than a factor of e in an iteration."""


_ITERATIONS = 100
"""Of the root with a film at most; bisection alone would end after 50."""


def guarded_exp(argument: Any) -> Any:
    """exp(z), continued linearly above z = 15 (e¹⁵ = 3·10⁶ times the exchange current: never reached by a solution)."""
    if isinstance(argument, np.ndarray):
        return np.exp(np.minimum(argument, _LINEAR_BEYOND)) * (1 + np.maximum(argument - _LINEAR_BEYOND, 0.0))
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


def _slope(overpotential: Any, exchange: Any, alpha: float, thermal_voltage: float) -> Any:
    """Derivative of :func:`butler_volmer` by the overpotential [A/(m² V)]."""
    a, c = alpha / thermal_voltage, (1 - alpha) / thermal_voltage
    if isinstance(overpotential, np.ndarray):
        anodic, cathodic = (np.minimum(z, _LINEAR_BEYOND) for z in (a * overpotential, -c * overpotential))
        return exchange * (a * np.exp(anodic) + c * np.exp(cathodic))
    exponentials = []
    for z in (a * overpotential, -c * overpotential):
        exponentials.append(ufl.exp(ufl.conditional(ufl.lt(z, _LINEAR_BEYOND), z, _LINEAR_BEYOND)))
    return exchange * (a * exponentials[0] + c * exponentials[1])


def film_step(
    root: Any, overpotential: Any, exchange: Any, resistance: Any, alpha: float, thermal_voltage: float
) -> Any:
    """j as a UFL expression: one Newton step from the root that :func:`solve_with_film` found for the current fields.

    Args:
        root: j [A/m²].
        overpotential: η [V].
        exchange: i_0 [A/m²].
        resistance: R [ohm m²].
        alpha, thermal_voltage: α and RT/F [V].
    """
    reaction = overpotential - root * resistance
    excess = root - butler_volmer(reaction, exchange, alpha, thermal_voltage)
    slope = 1 + resistance * _slope(reaction, exchange, alpha, thermal_voltage)
    return root - excess / slope


def solve_with_film(
    overpotential: Floats, exchange: Floats, resistance: Floats, alpha: float, thermal_voltage: float
) -> Floats:
    """(points,) j [A/m²] to rounding; arguments as for :func:`film_step`, (points,).

    Newton's method for the overpotential of the reaction, h(η_r) = η_r + R BV(η_r) − η = 0, increasing with its root between 0 and η; a
    step that leaves the bracket becomes a bisection.
    """
    low, high = np.minimum(overpotential, 0.0), np.maximum(overpotential, 0.0)
    at = 0.5 * (low + high)
    for _ in range(_ITERATIONS):
        excess = at + resistance * butler_volmer(at, exchange, alpha, thermal_voltage) - overpotential
        low, high = np.where(excess < 0.0, at, low), np.where(excess > 0.0, at, high)
        new = at - excess / (1.0 + resistance * _slope(at, exchange, alpha, thermal_voltage))
        new = np.where((new > low) & (new < high), new, 0.5 * (low + high))
        new = np.where(excess == 0.0, at, new)
        done = np.abs(new - at) <= 1e-15 * np.abs(new)
        at = new
        if bool(done.all()):
            break
    density: Floats = butler_volmer(at, exchange, alpha, thermal_voltage)
    return density
