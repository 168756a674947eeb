"""Weak form of mechanical equilibrium in the bodies at finite strain."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import ufl

from ssbmech.materials.elastic import IsotropicElasticity
from ssbmech.materials.plasticity import FlowLaw
from ssbmech.physics.kinematics import deformation_gradient, padded
from ssbmech.physics.logarithmic_points import LogarithmicPoints
from ssbmech.physics.plastic_points import von_mises
from ssbmech.physics.setting import Energy
from ssbmech.physics.solid import BaseSolid


@dataclass
class FiniteStrainSolid(BaseSolid):
    """∫ P : ∂v/∂X dX over one phase, with the multiplicative split F = F_e F_p F_ch.

    F_ch is the stretch of the volume curve, J_ch = det F_ch = 1 + ΔV/V(x) exactly. The elastic energy per volume of the stress-free,
    lithiated material is

        W = K/2 [(J_e² − 1)/2 − ln J_e] + W_s,   J_e = J/J_ch,   b̄_e = J_e^(−2/3) F_e F_eᵀ,   P = J_ch [K/2 (J_e² − 1) I + s] F⁻ᵀ,

        elastic phase           W_s = G/2 (tr b̄_e − 3),   s = G dev b̄_e
        phase with a flow law   W_s = G |ε_e|²,           s = 2 G ε_e,       ε_e = dev(½ ln b̄_e)

    the first compressible neo-Hookean (J. C. Simo and T. J. R. Hughes, Computational Inelasticity, 1998, ch. 9), the second that of
    H. Hencky (Z. Tech. Phys. 9 (1928) 215). Both are isotropic linear elasticity for small strain; drawn by an elastic strain of 3 %
    they differ by 1.5 % in q. In logarithmic strain the return mapping of small strain holds without change and is exact for steps
    of any size that keep the directions and proportions of the strain (:class:`LogarithmicPoints`); where they turn, as in shear,
    its error is of first order in the step. Plastic flow bounds ε_e to q/(3 G). In elastic phases nothing bounds it, and the
    Hencky energy loses ellipticity (O. T. Bruhns, H. Xiao and A. Meyers, Proc. R. Soc. A 457 (2001) 2207; the smallest wave modulus
    falls to half of G at a stretch of e^0.4, to nothing near e^0.6); the neo-Hookean does not.

    Plastic flow keeps the volume. Yielding is judged by q of s, the stress per volume of stress-free material. The stress part of the
    chemical potential is s = ∂(J_ch W)/∂x / q at fixed F and F_p.

    ``law`` is isotropic, and ``chemical_strain`` has ``stretch(x)``, F_ch.
    """

    law: IsotropicElasticity
    points: LogarithmicPoints | None = field(init=False, default=None)

    def _make_points(self, flow: FlowLaw) -> None:
        self.points = points = LogarithmicPoints(self.setting, self.phase, flow)
        points.isochoric = self._isochoric()
        points.trial = von_mises(2 * self.law.shear_modulus * points.trial_strain(), self.law.shear_modulus)
        points.stiffness = 3 * self.law.shear_modulus
        points.kept = 1 - points.stiffness * points.growth() / points.trial

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

    def _left(self, previous: bool = False) -> Any:
        """b̄_e (3x3) of an elastic phase."""
        f = self._isochoric(previous)
        return f * ufl.transpose(f)

    def _elastic_strain(self, previous: bool = False) -> Any:
        """ε_e (3x3) of a phase with a flow law."""
        assert self.points is not None
        return self.points.elastic_strain if previous else self.points.kept * self.points.trial_strain()

    def strain(self) -> Any:
        """Green-Lagrange strain ½ (C − I) (3x3)."""
        f = self._f()
        return 0.5 * (ufl.transpose(f) * f - ufl.Identity(3))

    def volumetric_strain(self) -> Any:
        """Relative change of volume, J − 1."""
        return ufl.det(self._f()) - 1

    # -- stress ----------------------------------------------------------------------------------------------------

    def _deviator(self, previous: bool = False) -> Any:
        """s [MPa] per stress-free volume."""
        if self.points is None:
            return self.law.shear_modulus * ufl.dev(self._left(previous))
        return 2 * self.law.shear_modulus * self._elastic_strain(previous)

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
        if self.points is None:
            return 0.5 * self.law.shear_modulus * (ufl.tr(self._left(previous)) - 3)
        strain = self._elastic_strain(previous)
        return self.law.shear_modulus * ufl.inner(strain, strain)

    def energies(self) -> list[Energy]:
        dx = self.setting.dx(self.phase)
        ratio = self._chemical_ratio()
        stored = ratio * (self._shear_energy() + self._volume_energy())
        out = [Energy("elastic_energy", "stored", stored * dx)]
        if self.points is not None:
            out.append(Energy("plastic_dissipation", "increment", self._dissipation() * dx))
        x, old_x = self._x(False), self._x(True)
        if x is not None:
            out.append(Energy("chemical_work", "increment", self._chemical_work(x, old_x)))
        return out

    def _dissipation(self) -> Any:
        """½ (J_ch s:n + the same with s of the last step) Δp [MPa], n the direction of flow, carried back to the last configuration."""
        assert self.points is not None
        direction = 3 * self.law.shear_modulus * self.points.trial_strain() / self.points.trial
        back = self._isochoric(previous=True) * ufl.inv(self._isochoric())
        after = ufl.inner(self._deviator(), direction)
        before = ufl.inner(self._deviator(previous=True), back * direction * ufl.inv(back))
        power = self._chemical_ratio() * after + self._chemical_ratio(previous=True) * before
        return 0.5 * power * self.points.growth()

    def _chemical_work(self, x: Any, old: Any) -> ufl.Form:
        """∫ ∂(J_ch W)/∂x Δx dX by the trapezoidal rule."""
        power = None
        for value, previous in ((x, False), (old, True)):
            variable = ufl.variable(value)
            rate = ufl.diff(self._stretch(variable), variable) * ufl.inv(self._stretch(variable))
            part = self._lithium_power(rate, previous)
            power = part if power is None else power + part
        return -0.5 * (x - old) * power * self.setting.dx(self.phase)
