"""Materials of the library: one file each in ``library/materials``, every value with source, temperature and confidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import Field

from ssbmech.case.base import Block, Fraction
from ssbmech.case.curve_types import (
    ConductivityOfX,
    DiffusivityOfX,
    ExchangeCurrentOfX,
    PotentialOfX,
    VolumeChangeOfX,
)
from ssbmech.case.curves import ROOM_TEMPERATURE, CellVolumeCurve, Curve, LinearCurve
from ssbmech.case.lattice import Lattice
from ssbmech.case.phases import Mobility
from ssbmech.case.units import (
    Concentration,
    Density,
    MolarEnergyOrZero,
    MolarVolume,
    Potential,
    Pressure,
    Temperature,
    Toughness,
)
from ssbmech.constants import FARADAY
from ssbmech.materials.formula import molar_mass

T = TypeVar("T")
Source = Annotated[str, Field(min_length=8)]
Confidence = Literal["measured", "computed", "assumed"]

STRAINS = {
    "volume_change": "volume_change",
    "partial_molar_volume": "partial_molar_volume",
    "lattice": "volume_of_lattice",
}
"""Ways in which a material gives its strain, and the key of a phase for each; the first that is given is taken."""


class Value(Block, Generic[T]):
    """A value and how far it can be trusted."""

    value: T
    range: list[T] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="lowest and highest that is published or plausible",
    )
    source: Source = Field(description="where it comes from; of what is assumed, why this value")
    confidence: Confidence = Field(
        description="measured, computed (atomistic, or from other values), or assumed"
    )
    temperature: Temperature = Field(default=ROOM_TEMPERATURE, description="at which it holds")


class ThermalValue(Value[T], Generic[T]):
    """A value that depends on the temperature by the law of Arrhenius where an activation energy is known."""

    activation_energy: MolarEnergyOrZero | None = Field(
        default=None, description="value(T) = value exp(-E_a/R (1/T - 1/temperature)); left out: not known"
    )


class Carrier(Block):
    """The ion that is stored or conducted."""

    ion: str = Field(pattern=r"^[A-Z][a-z]?\d?[+-]$", description="such as Li+, Cl-, F-")
    per_formula: float | None = Field(
        default=None, gt=0.0, description="ions that a formula unit exchanges between x = 0 and x = 1"
    )


class Window(Block):
    """Stoichiometry in use: x between low and high, and x when the cell is assembled."""

    low: Fraction
    high: Fraction
    assembled: Fraction
    source: Source
    confidence: Confidence


class Material(Block):
    """An active material or an electrolyte."""

    title: str = Field(min_length=1)
    kind: Literal["active", "electrolyte"]
    formula: str = Field(
        description="composition that density belongs to: x = 1 of most cathodes, x = 0 of most anodes"
    )
    carrier: Carrier
    reference_electrode: str = Field(default="Li/Li+", description="that potentials are against")
    notes: list[str] = Field(default_factory=list)
    density: Value[Density]
    youngs_modulus: Value[Pressure]
    poisson_ratio: Value[Annotated[float, Field(gt=-1.0, lt=0.5)]]
    yield_strength: Value[Pressure] | None = None
    strength: Value[Pressure] | None = Field(
        default=None, description="of the material or its grain boundaries"
    )
    toughness: Value[Toughness] | None = Field(
        default=None, description="energy to crack a unit of area (G_c)"
    )
    interface_strength: Value[Pressure] | None = Field(
        default=None, description="of the bond between this electrolyte and an active material"
    )
    interface_toughness: Value[Toughness] | None = Field(default=None, description="of the same bond (G_c)")
    maximum_concentration: Value[Concentration] | None = Field(
        default=None, description="of the carrier at x = 1, per volume of the formula that density belongs to"
    )
    stoichiometry: Window | None = None
    open_circuit_potential: Value[PotentialOfX] | None = None
    diffusivity: ThermalValue[DiffusivityOfX] | None = None
    mobility: Mobility = "from_open_circuit_potential"
    volume_change: Value[VolumeChangeOfX] | None = Field(
        default=None, description="relative; this, partial_molar_volume or lattice"
    )
    partial_molar_volume: Value[MolarVolume] | None = None
    lattice: str | None = Field(default=None, description="name of lattice parameters of the library")
    exchange_current_density: ThermalValue[ExchangeCurrentOfX] | None = None
    ionic_conductivity: ThermalValue[ConductivityOfX] | None = None
    electronic_conductivity: ThermalValue[ConductivityOfX] | None = None
    oxidation_onset: Value[Potential] | None = Field(
        default=None, description="potential above which it is oxidised"
    )

    @property
    def molar_mass(self) -> float:
        """Of the formula [g/mol]; raises ValueError where it is none."""
        return molar_mass(self.formula)

    @property
    def capacity(self) -> float:
        """Charge between x = 0 and x = 1 per mass of the formula [mAh/g]."""
        return FARADAY / 3.6 * (self.carrier.per_formula or 0.0) / self.molar_mass

    def values(self) -> Iterator[tuple[str, Value[object]]]:
        """Key and value of everything that has a source of its own."""
        for key in type(self).model_fields:
            entry = getattr(self, key)
            if isinstance(entry, Value):
                yield key, entry

    def volume_curve(self) -> Curve | None:
        """Relative volume change of x as curve, whatever it is given by; None of an electrolyte."""
        if self.volume_change is not None:
            return self.volume_change.value
        if self.partial_molar_volume is not None and self.maximum_concentration is not None:
            slope = self.partial_molar_volume.value * self.maximum_concentration.value
            return LinearCurve(slope=slope)
        return self.lattice_volume()

    def lattice_volume(self) -> Curve | None:
        """Relative change of the cell volume from x = 1; None without lattice parameters."""
        if self.lattice is None:
            return None
        a, c = Lattice.model_validate(self.lattice).lengths()
        return CellVolumeCurve(a=a, c=c)
