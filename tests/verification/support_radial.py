"""Independent reference: a sphere in concentric shells, reduced to the radius. Elastic or elastic-plastic, small or finite strain,
with a given stoichiometry or with the diffusion of lithium. Shares no code with the solver.

Staggered finite volumes in the undeformed radius R: displacements u at the faces of the cells, everything else in the cells, all
stationary points of the energy below, so that uniform swelling and constant pressure are reproduced without error.

Spherical symmetry leaves two stretches, λ_r = 1 + u' and λ_t = 1 + u/R, and one stress difference T = τ_r − τ_t; J2 yield is
|T| ≤ σ_y(p), and plastic flow is a radial logarithmic strain e_p with hoop parts −e_p/2, |de_p| = dp:

    small strain     h = ε_r − ε_t − (3/2) e_p,            T = 2 G h,                          σ_h = K (ε_r + 2 ε_t − 3 ε_ch)
    finite strain    h = ln(λ_r/λ_t) − (3/2) e_p,          T = 2 G h,                          τ_h = K/2 (J_e² − 1)

with J_e = λ_r λ_t²/J_ch, J_ch = 1 + ΔV/V(x), the energy W = K/2 [(J_e² − 1)/2 − ln J_e] + (2/3) G h² per stress-free volume, and first
Piola-Kirchhoff stresses P = J_ch τ/λ. A layer without a yield stress is neo-Hookean at finite strain, T = G (exp(4h/3) − exp(−2h/3)) with
the energy G/2 [exp(4h/3) + 2 exp(−2h/3) − 3] in place of (2/3) G h². Flow: dp/dt = a <(|T| − σ_y)/σ_0>^n, or |T| = σ_y(p) where a = 0;
σ_y = Y + H p + Q (1 − exp(−b p)).

Lithium: q dx/dt + Div J = 0, J = −(q D dx/dR + M ds/dR)/λ_r² (finite) or without λ_r (small), q s = ∂(J_ch W)/∂x at fixed stretches and
plastic strain; −3 σ_h ∂ε_ch/∂x for small strain. Time: backward Euler. Derivatives of the residual by complex steps, exact to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import solve_banded

Values = Any  # real or complex arrays, cells or faces last

_WIDTH = 3  # of the band: unknowns are u_0, x_0, u_1, x_1, ...
_STEP = 1e-30  # of the complex differences


@dataclass(frozen=True)
class Material:
    """Elasticity [MPa, -], plastic flow [MPa, -, 1/s] and swelling of one layer.

    Attributes:
        rate, drag, exponent: a, σ_0 and n of the viscous flow; a = 0 is flow independent of rate.
        swelling: ΔV/V(x), for complex arguments too; None is a passive layer.
    """

    youngs_modulus: float
    poisson_ratio: float
    yield_strength: float = np.inf
    linear_hardening: float = 0.0
    saturation: float = 0.0
    saturation_rate: float = 0.0
    rate: float = 0.0
    drag: float = 1.0
    exponent: float = 1.0
    swelling: Callable[[Values], Values] | None = None

    @property
    def shear(self) -> float:
        return self.youngs_modulus / (2 * (1 + self.poisson_ratio))

    @property
    def bulk(self) -> float:
        return self.youngs_modulus / (3 * (1 - 2 * self.poisson_ratio))

    def yield_stress(self, p: Values) -> Values:
        saturating = self.saturation * (1 - np.exp(-self.saturation_rate * p))
        return self.yield_strength + self.linear_hardening * p + saturating

    def yield_slope(self, p: Values) -> Values:
        return self.linear_hardening + self.saturation * self.saturation_rate * np.exp(
            -self.saturation_rate * p
        )


@dataclass(frozen=True)
class Layer:
    """A layer up to the undeformed radius ``outer`` [um]."""

    outer: float
    cells: int
    material: Material


@dataclass(frozen=True)
class Diffusion:
    """Lithium in the innermost layer.

    Attributes:
        charge_density: q [pC/um³].
        diffusivity: D(x) [um²/s].
        mobility: M(x)/q [um²/(V s)]; None: the stress does not drive lithium.
    """

    charge_density: float
    diffusivity: Callable[[Values], Values]
    mobility: Callable[[Values], Values] | None = None


class DivergenceError(RuntimeError):
    """Newton's method gave up."""


class RadialSphere:
    """The discrete sphere and its state.

    Attributes:
        u: displacement of the faces [um]; x: stoichiometry of the cells; e_p, p: plastic strains of the cells.
        dissipated, outer_work, chemical_work: sums over the steps [pJ], of the full sphere.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        finite: bool,
        inner: float = 0.0,
        start: float = 0.0,
        wall: float | None = None,
        diffusion: Diffusion | None = None,
    ) -> None:
        radii, owner, begin = [np.array([inner])], [], inner
        for number, layer in enumerate(layers):
            radii.append(np.linspace(begin, layer.outer, layer.cells + 1)[1:])
            owner += [number] * layer.cells
            begin = layer.outer
        self.R, self.layers = np.concatenate(radii), list(layers)
        self.finite, self.wall, self.diffusion = finite, wall, diffusion
        owners = np.array(owner)
        self.parts = [np.flatnonzero(owners == number) for number in range(len(layers))]
        left, right = self.R[:-1], self.R[1:]
        self.h, self.middle = right - left, 0.5 * (left + right)
        self.volume = (right**3 - left**3) / 3  # times 4 pi
        self.hoop = self.h * np.array([self.middle - self.h / 6, self.middle + self.h / 6])
        n = self.h.size
        self.u, self.x = np.zeros(n + 1), np.full(n, start)
        self.e_p, self.p, self.time = np.zeros(n), np.zeros(n), 0.0
        self.touching = False
        self.dissipated = self.outer_work = self.chemical_work = 0.0
        self.fields = self.local(self.u, self.x, 1.0)  # of the accepted state

    # -- local laws ------------------------------------------------------------------------------------------------

    def _difference(self, m: Material, h: Values) -> tuple[Values, Values]:
        """T(h) and its energy."""
        if not self.finite or np.isfinite(m.yield_strength):
            return 2 * m.shear * h, 2 / 3 * m.shear * h**2
        a, b = np.exp(4 * h / 3), np.exp(-2 * h / 3)
        return m.shear * (a - b), m.shear / 2 * (a + 2 * b - 3)

    def _flow(self, m: Material, h: Values, p: Values, dt: float) -> Values:
        """Signed plastic increment of a layer; ``h`` may be a batch of complex perturbations of one real state."""
        if not np.isfinite(m.yield_strength):
            return 0 * h
        real = h.reshape(-1, h.shape[-1])[0].real
        sign = np.where(real >= 0, 1.0, -1.0)
        over = sign * 2 * m.shear * real - m.yield_stress(p)
        flows = over > 0
        viscous = m.rate > 0

        def increment(y: Values) -> tuple[Values, Values]:
            if not viscous:
                return y, 1.0 + 0 * y
            return m.rate * dt * y**m.exponent, m.rate * dt * m.exponent * y ** (m.exponent - 1)

        def defect(y: Values, state: Values) -> tuple[Values, Values]:
            dp, slope = increment(y)
            stress = 2 * m.shear * (state - 1.5 * sign * dp)
            value = sign * stress - m.yield_stress(p + dp) - (m.drag * y if viscous else 0.0)
            rate = -(3 * m.shear + m.yield_slope(p + dp)) * slope - (m.drag if viscous else 0.0)
            return value, rate

        y = np.where(flows, over / m.drag, 0.0) if viscous else np.zeros_like(real)
        if viscous:  # never past the state without stress
            y = np.minimum(y, (np.abs(real) / 1.5 / (m.rate * dt)) ** (1 / m.exponent))
        for _ in range(200):
            value, rate = defect(y, real)
            change = np.where(flows, -value / np.where(flows, rate, 1.0), 0.0)
            y = np.maximum(y + change, 0.0)
            if np.all(np.abs(change) <= 1e-12 * np.abs(y) + 1e-16):
                break
        else:
            raise DivergenceError("plastic increment")
        value, rate = defect(y + 0 * h, h)
        exact = np.where(flows, y - value / np.where(flows, rate, 1.0), 0.0)
        return sign * np.where(flows, increment(np.where(flows, exact, 1.0))[0], 0.0)

    def local(self, u: Values, x: Values, dt: float) -> dict[str, Values]:
        """Stresses, plastic increment, energy and stress potential times q in the cells (last axis)."""
        g_r = (u[..., 1:] - u[..., :-1]) / self.h
        g_t = (self.hoop[0] * u[..., :-1] + self.hoop[1] * u[..., 1:]) / (2 * self.volume)
        names = ("P_r", "P_t", "T", "tau_h", "de_p", "energy", "potential", "J_ch")
        out = {name: np.zeros(g_r.shape, dtype=g_r.dtype) for name in names}
        for layer, cells in zip(self.layers, self.parts, strict=True):
            values = self._layer(layer.material, g_r[..., cells], g_t[..., cells], x[..., cells], cells, dt)
            for name, value in zip(names, values, strict=True):
                out[name][..., cells] = value
        out["stretch"] = 1 + g_r if self.finite else 1 + 0 * g_r
        return out

    def _layer(self, m: Material, g_r: Values, g_t: Values, x: Values, cells: Values, dt: float) -> Any:
        swelling, slope = 0 * x, 0 * x
        if m.swelling is not None:
            swelling = m.swelling(x)
            slope = m.swelling(x.real + 1j * _STEP).imag / _STEP + 0 * x
            # The slope's own derivative, for complex x: differences of the curve in the real direction.
            if np.iscomplexobj(x):
                wide = 1e-5
                curvature = (
                    m.swelling(x.real + wide) - 2 * m.swelling(x.real) + m.swelling(x.real - wide)
                ) / wide**2
                slope = slope.real + 1j * curvature * x.imag
        e_p, p = self.e_p[cells], self.p[cells]
        if self.finite:
            l_r, l_t = 1 + g_r, 1 + g_t
            h = np.log(l_r / l_t) - 1.5 * e_p
        else:
            h = g_r - g_t - 1.5 * e_p
        de_p = self._flow(m, h, p, dt)
        h = h - 1.5 * de_p
        T, sheared = self._difference(m, h)
        if self.finite:
            J_ch = 1 + swelling
            J_e = l_r * l_t**2 / J_ch
            tau_h = m.bulk / 2 * (J_e**2 - 1)
            energy = m.bulk / 2 * ((J_e**2 - 1) / 2 - np.log(J_e)) + sheared
            P_r, P_t = J_ch * (tau_h + 2 * T / 3) / l_r, J_ch * (tau_h - T / 3) / l_t
            return P_r, P_t, T, tau_h, de_p, J_ch * energy, slope * (energy - tau_h), J_ch
        strain = (1 + swelling) ** (1 / 3) - 1
        volumetric = g_r + 2 * g_t - 3 * strain
        tau_h = m.bulk * volumetric
        energy = m.bulk / 2 * volumetric**2 + sheared
        potential = -tau_h * slope * (1 + swelling) ** (-2 / 3)
        return tau_h + 2 * T / 3, tau_h - T / 3, T, tau_h, de_p, energy, potential, 1 + 0 * swelling

    # -- one step --------------------------------------------------------------------------------------------------

    def _pack(self, u: Values, x: Values) -> Values:
        z = np.empty(u.size + x.size)
        z[0::2], z[1::2] = u, x
        return z

    def _residual(
        self, z: Values, dt: float, given: Any, current: float, pressure: tuple[float, float]
    ) -> Values:
        u, x = z[..., 0::2], z[..., 1::2]
        f = self.local(u, x, dt)
        rows = np.zeros(z.shape, dtype=z.dtype)
        w = self.volume / self.h
        rows[..., 0:-2:2] += -f["P_r"] * w + f["P_t"] * self.hoop[0]
        rows[..., 2::2] += f["P_r"] * w + f["P_t"] * self.hoop[1]
        power = 2 if self.finite else 0
        R = self.R
        rows[..., -1] += pressure[1] * R[-1] ** 2 * (1 + u[..., -1] / R[-1]) ** power
        if R[0] > 0:
            rows[..., 0] -= pressure[0] * R[0] ** 2 * (1 + u[..., 0] / R[0]) ** power
        else:
            rows[..., 0] = u[..., 0]
        if self.touching:
            rows[..., -1] = u[..., -1] - self.wall
        if given is not None:
            rows[..., 1::2] = x - given
        else:
            rows[..., 1::2] = self._lithium_rows(f, x, dt, current)
        return rows

    def _lithium_rows(self, f: dict[str, Values], x: Values, dt: float, current: float) -> Values:
        """Balance of the cells over q; ``current`` is the insertion current over 4 pi [pA]."""
        assert self.diffusion is not None
        d, n = self.diffusion, self.parts[0].size
        rows = x - self.x
        xs, s = x[..., :n], f["potential"][..., :n] / d.charge_density
        gap = self.middle[1:n] - self.middle[: n - 1]
        face = 0.5 * (xs[..., 1:] + xs[..., :-1])
        metric = 0.5 * (f["stretch"][..., 1:n] ** -2 + f["stretch"][..., : n - 1] ** -2)
        flux = -d.diffusivity(face) * (xs[..., 1:] - xs[..., :-1]) / gap
        if d.mobility is not None:
            flux = flux - d.mobility(face) * (s[..., 1:] - s[..., :-1]) / gap
        flow = flux * metric * self.R[1:n] ** 2
        rows[..., :n] = (xs - self.x[:n]) * self.volume[:n] / dt
        rows[..., : n - 1] += flow
        rows[..., 1:n] -= flow
        rows[..., n - 1] -= current / d.charge_density
        return rows

    def _newton(self, z: Values, dt: float, given: Any, *load: Any) -> Values:
        size, width = z.size, 2 * _WIDTH + 1
        colour = np.zeros((width, size))
        for k in range(width):
            colour[k, k::width] = _STEP
        column = np.arange(size)
        scale, worst = None, np.inf
        for iteration in range(40):
            batch = self._residual(z[None, :] + 1j * colour, dt, given, *load)
            residual = batch[0].real
            band = np.zeros((width, size))
            for offset in range(-_WIDTH, _WIDTH + 1):  # row = column + offset
                row = column + offset
                inside = (row >= 0) & (row < size)
                band[_WIDTH + offset, inside] = batch[column[inside] % width, row[inside]].imag / _STEP
            if scale is None:
                scale = np.abs(band[_WIDTH]) + 1e-300
            change = solve_banded((_WIDTH, _WIDTH), band, -residual)
            # No iterate far from the last one: stretches stay positive, kinetics within their range.
            strain = np.abs(np.diff(change[0::2]) / self.h).max()
            free = given is None
            cut = min(1.0, 0.2 / max(strain, 0.2), 0.1 / max(float(np.abs(change[1::2]).max()) * free, 0.1))
            z = z + cut * change
            previous, worst = worst, float(np.abs(change).max())
            if not np.isfinite(worst):
                break
            if worst < 1e-13 or (worst < 1e-9 and worst > 0.2 * previous and iteration > 1):
                return z
        raise DivergenceError(f"last change {worst:.1e}")

    def step(
        self, dt: float, given: Any = None, current: float = 0.0, pressure: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        """One step of backward Euler, ending with ``given`` stoichiometry (of all cells) or after dt of ``current`` [pA]."""
        load = (dt, given, current / (4 * np.pi), pressure)
        z = self._pack(self.u, self.x)
        for _ in range(4):
            z_new = self._newton(z, *load)
            if self.wall is None:
                break
            if not self.touching and z_new[-1] > self.wall:
                self.touching = True
            elif self.touching and self.local(z_new[0::2], z_new[1::2], dt)["P_r"][-1] > 0:
                self.touching = False
            else:
                break
        self._accept(z_new[0::2].copy(), z_new[1::2].copy(), dt, pressure)

    def _accept(self, u: Values, x: Values, dt: float, pressure: tuple[float, float]) -> None:
        old, f = self.fields, self.local(u, x, dt)
        shell = 4 * np.pi * self.volume
        dp = np.abs(f["de_p"])
        self.dissipated += float((shell * f["J_ch"] * np.abs(f["T"]) * dp).sum())
        self.chemical_work += float((shell * 0.5 * (old["potential"] + f["potential"]) * (x - self.x)).sum())
        r_old, r_new = self.R + self.u, self.R + u
        for place, sign, value in ((0, 1.0, pressure[0]), (-1, -1.0, pressure[1])):
            grown = (r_new**3 - r_old**3) / 3 if self.finite else self.R**2 * (u - self.u)
            self.outer_work += float(sign * 4 * np.pi * value * grown[place])
        self.e_p, self.p = self.e_p + f["de_p"], self.p + dp
        self.u, self.x, self.time, self.fields = u, x, self.time + dt, f

    # -- what is looked at -------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Values]:
        """Local quantities of the accepted state, with Kirchhoff stresses per stress-free volume ``tau_r`` and ``tau_t``."""
        f = self.fields
        return {**f, "tau_r": f["tau_h"] + 2 * f["T"] / 3, "tau_t": f["tau_h"] - f["T"] / 3}

    def energy(self) -> float:
        """Elastic energy of the full sphere [pJ]."""
        return float((4 * np.pi * self.volume * self.state()["energy"]).sum())

    def content(self) -> float:
        """∫ x dV over the innermost layer [um³]."""
        cells = self.parts[0]
        return float((4 * np.pi * self.volume * self.x)[cells].sum())

    def traction(self, radius: float) -> float:
        """Cauchy (small strain: σ_r) radial stress at a face [MPa], from the balance of the material inside or the cells beside it."""
        face = int(np.argmin(np.abs(self.R - radius)))
        f = self.fields
        w = self.volume / self.h
        inside = f["P_r"][face - 1] * w[face - 1] + f["P_t"][face - 1] * self.hoop[1][face - 1]
        stretch = 1 + self.u[face] / self.R[face] if self.finite else 1.0
        return float(inside / self.R[face] ** 2 / stretch**2)
