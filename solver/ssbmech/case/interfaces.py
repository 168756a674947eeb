"""The ``interfaces:`` block: what happens where two bodies meet, by pair of phases."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ssbmech.case.base import Fraction, Name, SourcedBlock
from ssbmech.case.contact import ContactBlock
from ssbmech.case.curve_types import ExchangeCurrentOfX
from ssbmech.case.units import (
    ArealConductance,
    ArealResistanceOrZero,
    CurrentDensity,
    FilmResistivityOrZero,
    InterfaceStiffness,
    Length,
    ParabolicConstant,
    Potential,
    Pressure,
    TafelSlope,
    ThicknessPerChargeOrZero,
    TimeOrZero,
    Toughness,
)

LEAST_PRESSURE = 1000.0
"""MPa; pressed together by this much, faces with the default contact stiffness overlap by the tolerance at most."""


def _same_as(key: str) -> Any:
    """A default taken from another key of the same block, which stands before it."""
    return lambda given: given.get(key)


def _contact_stiffness(given: dict[str, Any]) -> Any:
    """The default contact stiffness; None where one of the keys that it follows from is wrong itself."""
    stiffness, tolerance = given.get("stiffness"), given.get("penetration_tolerance")
    return None if stiffness is None or tolerance is None else max(stiffness, LEAST_PRESSURE / tolerance)


class Friction(SourcedBlock):
    """Coulomb friction of broken faces that are pressed together: they stick, or slip under mu times the pressure."""

    coefficient: float = Field(gt=0.0, description="mu, the same at rest and in motion")
    stiffness: InterfaceStiffness | None = Field(
        default=None, description="of faces that stick, tangential; default contact_stiffness/10"
    )


class Cohesion(SourcedBlock):
    """Traction law: bonded, softening, open, closed again. Without strength it never breaks."""

    stiffness: InterfaceStiffness = Field(description="of the bond, normal and shear")
    penetration_tolerance: Length = Field(
        default=1e-3,
        description="largest overlap of faces in contact, where contact_stiffness alone would allow more; default 1 nm",
    )
    contact_stiffness: InterfaceStiffness = Field(
        default_factory=_contact_stiffness,
        description="of faces in contact; default stiffness, or 1 GPa/penetration_tolerance where that is more",
    )
    strength: Pressure | None = Field(
        default=None, description="largest normal traction; omitted with toughness: never breaks"
    )
    toughness: Toughness | None = Field(default=None, description="energy to open a unit of area (G_c)")
    shear_strength: Pressure | None = Field(
        default_factory=_same_as("strength"), description="default strength"
    )
    shear_toughness: Toughness | None = Field(
        default_factory=_same_as("toughness"), description="default toughness"
    )
    mode_mixity_exponent: float = Field(default=1.45, gt=0.0, description="exponent of Benzeggagh and Kenane")
    viscosity: TimeOrZero | None = Field(
        default=None,
        description="relaxation time of damage; 0 s is rate-independent; default 2e-4 of the duration of the programme step, "
        "or of a full charge at its current if that is shorter",
    )
    initially_open: bool = Field(default=False, description="faces that touch but do not stick")
    friction: Friction | None = Field(
        default=None, description="of what is broken; without it faces are smooth"
    )

    @property
    def breakable(self) -> bool:
        """Whether the bond can break at all."""
        return self.strength is not None and not self.initially_open


class ChargeTransfer(ContactBlock):
    """Butler-Volmer kinetics between an active material and an ionic conductor."""

    exchange_current_density: ExchangeCurrentOfX = Field(
        description="of x; evaluated at x clipped to 0.001 .. 0.999 unless clip says otherwise"
    )
    anodic_transfer_coefficient: Fraction = Field(
        default=0.5, description="alpha; the cathodic one is 1 - alpha"
    )
    film_resistance: ArealResistanceOrZero = Field(
        default=0.0,
        description="of a film between the two from the start, which the current crosses: eta loses R j",
    )


class ContactConductance(ContactBlock):
    """Conductance between two conductors of the same carrier."""

    conductance: ArealConductance = Field(description="of the bonded face")


class LithiumTransfer(ContactBlock):
    """Passage of lithium between two bodies of active material, driven by the jump of its chemical potential."""

    conductance: ArealConductance = Field(
        description="current density per jump of the potential, of the bonded face"
    )


class Oxidation(SourcedBlock):
    """Oxidation of the electrolyte by the active material: its charge adds to that of the lithium, at small strain only.

    Opening and film resistance follow the charge at the beginning of each time step.
    """

    onset_potential: Potential = Field(description="against Li, at which it has its current_density")
    tafel_slope: TafelSlope = Field(description="per decade of the current")
    current_density: CurrentDensity = Field(description="at the onset, per area of contact")
    volume_deficit: ThicknessPerChargeOrZero = Field(
        default=0.0,
        description="volume that the products need less than the electrolyte did, as a thickness; opens the face",
    )
    film_resistivity: FilmResistivityOrZero = Field(
        default=0.0, description="resistance that the charge of oxidation adds to film_resistance"
    )
    parabolic_constant: ParabolicConstant | None = Field(
        default=None, description="k of growth limited by the film, q^2 = 2 k t; omitted: no such limit"
    )


class Interface(SourcedBlock):
    """Laws of every face between two phases."""

    between: list[Name] = Field(
        min_length=2,
        max_length=2,
        description="two phases, in any order; twice the same for particle to particle",
    )
    grain_boundary: bool = Field(
        default=False,
        description="between grains of one particle; without such an entry they follow the particles",
    )
    cohesion: Cohesion
    charge_transfer: ChargeTransfer | None = None
    oxidation: Oxidation | None = Field(
        default=None, description="of the electrolyte, beside charge_transfer"
    )
    contact_conductance: ContactConductance | None = None
    lithium_transfer: LithiumTransfer | None = Field(default=None, description="between active materials")

    @property
    def pair(self) -> frozenset[str]:
        """The phases, without order (one name where a phase meets itself)."""
        return frozenset(self.between)
