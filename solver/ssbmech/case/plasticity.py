"""The ``plasticity:`` block of a phase: plastic and viscous flow."""

from __future__ import annotations

from pydantic import Field

from ssbmech.case.base import SourcedBlock
from ssbmech.case.curves import ROOM_TEMPERATURE, Arrhenius
from ssbmech.case.units import MolarEnergyOrZero, Pressure, PressureOrZero, Rate, Temperature


class Saturation(SourcedBlock):
    """Hardening that ends (Voce): strength (1 - exp(-p/strain)) on top of the yield strength."""

    strength: Pressure = Field(description="by which the yield strength rises in the end")
    strain: float = Field(gt=0.0, description="equivalent plastic strain that brings 63 % of it")


class ViscousFlow(SourcedBlock):
    """Rate of flow: reference_rate (stress/reference_stress)^exponent.

    The stress is the von Mises stress, or its excess over the yield strength where there is one.
    """

    reference_stress: Pressure
    reference_rate: Rate = Field(description="of the equivalent plastic strain, at reference_stress")
    exponent: float = Field(ge=1.0, description="of the stress")
    activation_energy: MolarEnergyOrZero = Field(default=0.0, description="of the rate (Arrhenius)")
    reference_temperature: Temperature = Field(
        default=ROOM_TEMPERATURE, description="at which reference_rate holds"
    )

    def rate_at(self, temperature: float) -> float:
        """Reference rate [1/s] at a temperature [K]."""
        law = Arrhenius(self.activation_energy, self.reference_temperature, temperature)
        return self.reference_rate * law.factor


class Plasticity(SourcedBlock):
    """Flow under shear (J2), which keeps the volume. With yield_strength alone it does not depend on the rate.

    With viscous as well it is that of Perzyna, with viscous alone the creep of Norton.
    """

    yield_strength: Pressure | None = Field(
        default=None, description="in uniaxial tension; this, viscous, or both"
    )
    hardening_modulus: PressureOrZero = Field(
        default=0.0, description="rise of the yield strength per equivalent plastic strain"
    )
    saturation: Saturation | None = Field(default=None, description="hardening that ends, besides")
    viscous: ViscousFlow | None = None
