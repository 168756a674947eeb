"""Weak form of mechanical equilibrium in the bodies at finite strain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ufl

from ssbmech.materials.elastic import IsotropicElasticity
from ssbmech.physics.kinematics import deformation_gradient, padded
from ssbmech.physics.plastic_points import PlasticPoints, von_mises
from ssbmech.physics.setting import Energy
from ssbmech.physics.solid import BaseSolid


@dataclass
class FiniteStrainSolid(BaseSolid):
    """∫ P : ∂v/∂X dX over one phase, with the multiplicative split F = F_e F_p F_ch.

    F_ch is the stretch of the volume curve, J_ch = det F_ch = 1 + ΔV/V(x) exactly. The elastic energy per volume of the stress-free,
    lithiated material is compressible neo-Hookean (J. C. Simo and T. J. R. Hughes, Computational Inelasticity, 1998, ch. 9),

        W = K/2 [(J_e² − 1)/2 − ln J_e] + G/2 (tr b̄_e − 3),   J_e = J/J_ch,   b̄_e = J_e^(−2/3) F_e F_eᵀ,
        P = J_ch [K/2 (J_e² − 1) I + s] F⁻ᵀ,   s = G dev b̄_e,

    which for small strain is isotropic linear elasticity with the same constants. Plastic flow keeps the volume; its radial return is
    that of Simo and Hughes, box 9.1, with the history C_p⁻¹ − I, F̄ C_p⁻¹ F̄ᵀ being the trial b̄_e. The trace of b̄_e follows from
    det b̄_e = 1. Yielding is judged by q of s, the stress per volume of stress-free material.

    The stress part of the chemical potential is s = ∂(J_ch W)/∂x / q at fixed F and F_p.

    ``law`` is isotropic, and ``chemical_strain`` has ``stretch(x)``, F_ch.
    """

    law: IsotropicElasticity

    def _describe(self, points: PlasticPoints) -> None:
        trial = self._elastic_left()
        points.trial = von_mises(self.law.shear_modulus * ufl.dev(trial), self.law.shear_modulus)
        points.stiffness = self.law.shear_modulus * ufl.tr(trial)
        mean = self._mean_left(self._deviator() / self.law.shear_modulus)
        inverse = ufl.inv(self._isochoric())
        left = self._deviator() / self.law.shear_modulus + mean * ufl.Identity(3)
        points.new_tensor = inverse * left * ufl.transpose(inverse) - ufl.Identity(3)

    # -- kinematics ------------------------------------------------------------------------------------------------

    def _f(self, previous: bool = False) -> Any:
        u = self.setting["displacement"]
        return deformation_gradient(u.previous if previous else u.value)

    def _stretch(self, x: Any) -> Any:
        """F_ch (3x3)."""
        return self.chemical_strain.stretch(x)  # type: ignore[union-attr]

    def _mechanical(self, previous: bool = False) -> Any:
        """F F_ch⁻¹."""
        x = self._x(previous)
        f = self._f(previous)
        return f if x is None else f * ufl.inv(self._stretch(x))

    def _chemical_ratio(self, previous: bool = False) -> Any:
        """J_ch."""
        x = self._x(previous)
        return 1.0 if x is None else ufl.det(self._stretch(x))

    def _volume_ratio(self, previous: bool = False) -> Any:
        """J_e."""
        return ufl.det(self._mechanical(previous))

    def _isochoric(self, previous: bool = False) -> Any:
        f = self._mechanical(previous)
        return ufl.det(f) ** (-1.0 / 3.0) * f

    def _elastic_left(self, previous: bool = False) -> Any:
        """b̄_e (3x3) of the history: the trial of the current step, or the state at the end of the last one."""
        f = self._isochoric(previous)
        inner = ufl.Identity(3)
        if self.points is not None:
            inner = inner + self.points.tensor
        return f * inner * ufl.transpose(f)

    def strain(self) -> Any:
        """Green-Lagrange strain ½ (C − I) (3x3)."""
        f = self._f()
        return 0.5 * (ufl.transpose(f) * f - ufl.Identity(3))

    def volumetric_strain(self) -> Any:
        """Relative change of volume, J − 1."""
        return ufl.det(self._f()) - 1

    # -- stress ----------------------------------------------------------------------------------------------------

    def _mean_left(self, deviator: Any) -> Any:
        """tr(b̄_e)/3 of a deviator d of b̄_e: the root of det(d + m I) = 1 near 1, three Newton steps from its expansion."""
        a, c = 0.5 * ufl.inner(deviator, deviator), ufl.det(deviator)
        m = 1 + (a - c) / 3
        for _ in range(3):
            m = m - (m**3 - a * m + c - 1) / (3 * m**2 - a)
        return m

    def _deviator(self, previous: bool = False) -> Any:
        """s [MPa] per stress-free volume."""
        trial = self.law.shear_modulus * ufl.dev(self._elastic_left(previous))
        if self.points is None or previous:
            return trial
        return (1 - self.points.stiffness * self.points.growth() / self.points.trial) * trial

    def _mean_stress(self, previous: bool = False) -> Any:
        """K/2 (J_e² − 1) [MPa]."""
        return 0.5 * self.law.bulk_modulus * (self._volume_ratio(previous) ** 2 - 1)

    def stress(self, previous: bool = False) -> Any:
        """Cauchy stress [MPa] (3x3)."""
        kirchhoff = self._deviator(previous) + self._mean_stress(previous) * ufl.Identity(3)
        return kirchhoff / self._volume_ratio(previous)

    # -- weak form -------------------------------------------------------------------------------------------------

    def residual(self) -> dict[str, ufl.Form]:
        spatial = padded(ufl.grad(self.setting["displacement"].test)) * ufl.inv(self._f())
        ratio = self._chemical_ratio()
        kirchhoff = self._deviator() + self._mean_stress() * ufl.Identity(3)
        return {"displacement": ratio * ufl.inner(kirchhoff, spatial) * self.setting.dx(self.phase)}

    def stress_work(self, weight: Any) -> ufl.Form:
        """−∫ ∂(J_ch W)/∂x w dX, the work of the stress per lithium added; at small strain ∫ σ : ∂ε_ch/∂x w dx.

        In an elastic phase it is taken at the vertices, as the storage of lithium is.
        """
        variable = ufl.variable(self.setting["stoichiometry"].value)
        rate = ufl.diff(self._stretch(variable), variable) * ufl.inv(self._stretch(variable))
        dx = self.setting.dx_nodal(self.phase) if self.points is None else self.setting.dx(self.phase)
        return self._lithium_power(rate, previous=False) * weight * dx

    def _lithium_power(self, rate: Any, previous: bool) -> Any:
        """J_ch (M : L − W tr L) with L = ∂F_ch/∂x F_ch⁻¹ and the Mandel stress M = F_eᵀ τ F_e⁻ᵀ."""
        ratio = self._chemical_ratio(previous)
        fe = self._mechanical(previous)
        deviator, mean = self._deviator(previous), self._mean_stress(previous)
        mandel = ufl.transpose(fe) * deviator * ufl.transpose(ufl.inv(fe))
        energy = self._shear_energy(previous) + self._volume_energy(previous)
        return ratio * (ufl.inner(mandel, rate) + (mean - energy) * ufl.tr(rate))

    # -- energies --------------------------------------------------------------------------------------------------

    def _volume_energy(self, previous: bool = False) -> Any:
        ratio = self._volume_ratio(previous)
        return 0.5 * self.law.bulk_modulus * (0.5 * (ratio**2 - 1) - ufl.ln(ratio))

    def _shear_energy(self, previous: bool = False) -> Any:
        trace = ufl.tr(self._elastic_left(previous))
        if self.points is not None and not previous:
            trace = 3 * self._mean_left(self._deviator() / self.law.shear_modulus)
        return 0.5 * self.law.shear_modulus * (trace - 3)

    def energies(self) -> list[Energy]:
        dx = self.setting.dx(self.phase)
        ratio = self._chemical_ratio()
        stored = ratio * (self._shear_energy() + self._volume_energy())
        out = [Energy("elastic_energy", "stored", stored * dx)]
        if self.points is not None:
            old = self._deviator(previous=True)
            before = von_mises(old, self.law.shear_modulus)
            after = von_mises(self._deviator(), self.law.shear_modulus)
            spent = 0.5 * (ratio * after + self._chemical_ratio(previous=True) * before)
            out.append(Energy("plastic_dissipation", "increment", spent * self.points.growth() * dx))
        x, old_x = self._x(False), self._x(True)
        if x is not None:
            out.append(Energy("chemical_work", "increment", self._chemical_work(x, old_x)))
        return out

    def _chemical_work(self, x: Any, old: Any) -> ufl.Form:
        """∫ ∂(J_ch W)/∂x Δx dX by the trapezoidal rule."""
        power = None
        for value, previous in ((x, False), (old, True)):
            variable = ufl.variable(value)
            rate = ufl.diff(self._stretch(variable), variable) * ufl.inv(self._stretch(variable))
            part = self._lithium_power(rate, previous)
            power = part if power is None else power + part
        return -0.5 * (x - old) * power * self.setting.dx(self.phase)
