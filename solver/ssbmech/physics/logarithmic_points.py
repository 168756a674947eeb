"""Plastic flow at finite strain: logarithmic elastic strain at the integration points, and the exponential map."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import fem

from ssbmech.materials.logarithm import SYMMETRIC, TWICE, components, logarithm, power, tensors
from ssbmech.materials.plasticity import FlowLaw
from ssbmech.physics.plastic_points import PlasticPoints, symmetric
from ssbmech.physics.setting import Setting

Floats = npt.NDArray[np.float64]

_UPPER = np.triu_indices(6)
_PLACE = {
    pair: k
    for k, (i, j) in enumerate(zip(*_UPPER, strict=True))
    for pair in ((int(i), int(j)), (int(j), int(i)))
}
"""Where the entries of the symmetric derivative (6x6) of the logarithm stand in its upper triangle."""


class LogarithmicPoints(PlasticPoints):
    """Local state of a phase that flows at finite strain, with ``tensor`` = C_p⁻¹ − I, F̄ C_p⁻¹ F̄ᵀ being the trial b̄_e.

    In the elastic logarithmic strain ε_e = ½ ln b̄_e the step is that of small strain, and flow along the deviator of ε_e for a step
    is the exponential of it (G. Weber and L. Anand, Comput. Methods Appl. Mech. Eng. 79 (1990) 173; J. C. Simo, ibid. 99 (1992) 61):

        ε_e = k ε_tr,   k = 1 − 3 G Δp/q_tr,   b̄_e = b̄_tr^k,   C_p⁻¹ = F̄⁻¹ b̄_tr^k F̄⁻ᵀ.

    UFL has no logarithm of a tensor. It is computed at the points; in the weak form stands its tangent there,
    ε_tr = ½ [ln b̄_0 + D ln(b̄_0)(b̄ − b̄_0)], whose value and derivative by the fields are those of the logarithm itself.

    Attributes:
        isochoric: F̄ (3x3) of the current fields, UFL, det F̄ = 1; set by the solid.
        kept: k, UFL; set by the solid.
    """

    def __init__(self, setting: Setting, phase: str, flow: FlowLaw) -> None:
        super().__init__(setting, phase, flow)
        self._constant: fem.Function = self._points.function(f"logarithm_{phase}", 6)
        self._slope: fem.Function = self._points.function(f"logarithm_slope_{phase}", _UPPER[0].size)
        self._elastic: fem.Function = self._points.function(f"elastic_strain_{phase}", 6)
        self.isochoric: Any = None
        self.kept: Any = None
        self._gradient: fem.Expression | None = None
        self._known: tuple[Floats, Floats] | None = None

    @property
    def elastic_strain(self) -> Any:
        """dev ε_e (3x3) at the beginning of the step."""
        return symmetric(self._elastic)

    def trial_strain(self) -> Any:
        """dev ε_tr (3x3) of the current fields."""
        f = self.isochoric
        left = f * (ufl.Identity(3) + self.tensor) * ufl.transpose(f)
        parts = [float(TWICE[k]) * left[i, j] for k, (i, j) in enumerate(SYMMETRIC)]
        values = [
            self._constant[k] + sum(self._slope[_PLACE[k, m]] * part for m, part in enumerate(parts))
            for k in range(6)
        ]
        return 0.5 * ufl.dev(symmetric(values))

    def update(self) -> None:
        """Compute the logarithm and solve the flow law at all points."""
        self._linearise()
        super().update()

    def accept(self) -> None:
        """Make the state at the end of the step the history."""
        super().accept()
        strain = 0.5 * self._linearise()
        strain[:, :3] -= strain[:, :3].mean(axis=1, keepdims=True)
        self._points.write(self._elastic, strain)

    def _end(self) -> list[Any]:
        return [self.kept]

    def _new_tensor(self, values: Floats) -> Floats:
        old = self._points.read(self._tensor)
        f, trial = self._trial_left()
        inverse = np.linalg.inv(f)
        new = inverse @ power(trial, values[:, 0]) @ inverse.transpose(0, 2, 1)
        flows = self._points.read(self._root) > 0
        return np.where(flows, components(new - np.eye(3)), old)

    def _trial_left(self) -> tuple[Floats, Floats]:
        """F̄ and the trial b̄_e (points, 3, 3)."""
        if self._gradient is None:
            f = self.isochoric
            self._gradient = self._points.expression(
                ufl.as_vector([f[i, j] for i in range(3) for j in range(3)])
            )
        f = self._points.evaluate(self._gradient).reshape(-1, 3, 3)
        inner = np.eye(3) + tensors(self._points.read(self._tensor))
        return f, f @ inner @ f.transpose(0, 2, 1)

    def _linearise(self) -> Floats:
        """Put the tangent of the logarithm at the current fields into the weak form; (points, 6) its value."""
        _, left = self._trial_left()
        if self._known is not None and np.array_equal(
            left, self._known[0]
        ):  # residual and Jacobian of an iterate
            return self._known[1]
        value, slope = logarithm(left)
        start = (slope @ (TWICE * components(left))[:, :, None])[:, :, 0]
        self._points.write(self._constant, value - start)
        self._points.write(self._slope, slope[:, _UPPER[0], _UPPER[1]])
        self._known = left, value
        return value
