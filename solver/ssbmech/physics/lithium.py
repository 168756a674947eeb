"""Weak forms of lithium in an active material: conservation, and the part of the chemical potential that is due to stress.

Lithium is counted as charge: q = F c_max [pC/µm³]. The chemical potential is µ/F = −U(x) + s [V]; its stress part s is the nodal
unknown, not µ itself. The steep U(x) then never enters a gradient of nodal values, and ordinary diffusion is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ufl

from ssbmech.materials.mobility import Diffusivity, Mobility, lithium_flux
from ssbmech.physics.kinematics import referred_gradient
from ssbmech.physics.setting import Energy, Setting, Solid


@dataclass
class Lithium:
    """Two rows for one active phase, backward Euler in time.

    Conservation (row ``stoichiometry``):   ∫ q (x − x_old)/dt w − J·∇w dx = (interface flux)
    Stress part (row ``stress_potential``):  ∫ [s + (σ : ∂ε_ch/∂x)/q] z dx = 0

    µ = −F U_ocp(x) − σ : ∂ε_ch/∂c (F. C. Larché and J. W. Cahn, Acta Metall. 21 (1973) 1051); isotropic: −F U − Ω σ_h. The storage term
    and, in elastic phases, the stress row are integrated at the vertices, so that their mass matrices are diagonal: no overshoots
    on coarse meshes, and the amount of lithium is the sum over the nodes exactly.

    Attributes:
        charge_density: q [pC/µm³].
        open_circuit, diffusivity: curves of x [V], [µm²/s].
        solid: mechanics of the same phase, None when stress is not part of the model.
        diffusivity_along_axis: curve of D_c along ``axis`` [µm²/s], None for isotropic diffusion; ``diffusivity`` is then D_ab.
        axis: unit vector along the c axis of the crystal.
    """

    setting: Setting
    phase: str
    charge_density: float
    open_circuit: Any
    diffusivity: Any
    mobility: Mobility
    thermal_voltage: float
    solid: Solid | None = None
    diffusivity_along_axis: Any | None = None
    axis: Any | None = None

    def _open_circuit(self, x: Any) -> tuple[Any, Any]:
        variable = ufl.variable(x)
        value = self.open_circuit.ufl(variable)
        slope = ufl.diff(value, variable) if getattr(value, "ufl_shape", None) is not None else 0.0
        return value, slope

    def flux(self) -> Any:
        """J [pA/µm²] per area of the mesh; at finite strain that of the deformed body, referred to it."""
        x, s = self.setting["stoichiometry"].value, self.setting["stress_potential"].value
        _, slope = self._open_circuit(x)
        diffusivity = Diffusivity(self.diffusivity, self.diffusivity_along_axis, self.axis)
        gradient, stress_gradient = (
            referred_gradient(self.setting, value, per_volume=False) for value in (x, s)
        )
        return lithium_flux(
            self.mobility,
            diffusivity,
            self.charge_density,
            x,
            gradient,
            stress_gradient,
            slope,
            self.thermal_voltage,
        )

    def chemical_potential(self) -> Any:
        """µ/F = −U(x) + s [V]."""
        value, _ = self._open_circuit(self.setting["stoichiometry"].value)
        return self.setting["stress_potential"].value - value

    def residual(self) -> dict[str, ufl.Form]:
        x, s = self.setting["stoichiometry"], self.setting["stress_potential"]
        nodal, dx = self.setting.dx_nodal(self.phase), self.setting.dx(self.phase)
        storage = self.charge_density * (x.value - x.previous) / self.setting.time_step * x.test * nodal
        stress = s.value * s.test * self._stress_measure()
        if self.solid is not None and self.solid.chemical_strain is not None:
            stress += self.solid.stress_work(s.test / self.charge_density)
        return {
            "stoichiometry": storage - ufl.dot(self.flux(), ufl.grad(x.test)) * dx,
            "stress_potential": stress,
        }

    def _stress_measure(self) -> Any:
        """At the vertices, as the stress is; or at the integration points, where a plastic history keeps the stress there.

        Stress from inside the cells with a mass lumped at the vertices would be off by O(h) at the surface of a particle.
        """
        plastic = self.solid is not None and bool(self.solid.states())
        return self.setting.dx(self.phase) if plastic else self.setting.dx_nodal(self.phase)

    def content(self, previous: bool = False) -> ufl.Form:
        """Lithium in the phase [pC]."""
        x = self.setting["stoichiometry"]
        return self.charge_density * (x.previous if previous else x.value) * self.setting.dx_nodal(self.phase)

    def energies(self) -> list[Energy]:
        x = self.setting["stoichiometry"]
        nodal, dx = self.setting.dx_nodal(self.phase), self.setting.dx(self.phase)
        mean = 0.5 * (self._open_circuit(x.value)[0] + self._open_circuit(x.previous)[0])
        stored = -mean * self.charge_density * (x.value - x.previous) * nodal
        return [
            Energy("chemical_energy", "increment", stored),
            Energy(
                "diffusion_dissipation",
                "power",
                -ufl.dot(self.flux(), ufl.grad(self.chemical_potential())) * dx,
            ),
        ]
