"""The ``phases:`` block: what each solid is made of."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field
from scipy.optimize import brentq

from ssbmech.case.base import Fraction, SourcedBlock
from ssbmech.case.curve_types import ConductivityOfX, DiffusivityOfX, PotentialOfX, VolumeChangeOfX
from ssbmech.case.curves import Curve, LinearCurve, PointsCurve, VolumeStrainCurve
from ssbmech.case.units import Concentration, Density, MolarVolume, Potential, Pressure

Region = Annotated[
    str, BeforeValidator(lambda tag: str(tag) if type(tag) is int else tag), Field(min_length=1)
]


class Elasticity(SourcedBlock):
    """Isotropic linear elasticity."""

    youngs_modulus: Pressure = Field(description="Young's modulus")
    poisson_ratio: float = Field(gt=-1.0, lt=0.5, description="Poisson's ratio")


class Lithium(SourcedBlock):
    """Storage and transport of lithium; a phase that has this block is an active material."""

    maximum_concentration: Concentration = Field(description="lithium concentration at x = 1")
    open_circuit_potential: PotentialOfX = Field(description="against Li, of the stoichiometry x")
    diffusivity: DiffusivityOfX = Field(description="chemical diffusivity of lithium, of x")
    mobility: Literal["from_open_circuit_potential", "ideal_solution", "dilute_solution"] = Field(
        default="from_open_circuit_potential", description="how the mobility follows from the diffusivity"
    )
    initial_stoichiometry: Fraction | None = Field(
        default=None, description="x at the start; this or initial_potential"
    )
    initial_potential: Potential | None = Field(
        default=None, description="open-circuit potential at the start against Li, solved for x"
    )

    def initial_x(self, temperature: float | None = None) -> float:
        """Stoichiometry at the start; where a potential is given, the x of that open-circuit potential.

        Raises ValueError when no x, or more than one, has that potential.
        """
        if self.initial_stoichiometry is not None:
            return self.initial_stoichiometry
        if self.initial_potential is None:
            raise ValueError("needs initial_stoichiometry or initial_potential")
        potential, target = self.open_circuit_potential, self.initial_potential
        if temperature is not None:
            potential = potential.at(temperature)
        x = np.linspace(*stoichiometry_range(potential), 2001)
        excess = potential(x) - target
        crossings = np.flatnonzero(np.sign(excess[:-1]) * np.sign(excess[1:]) < 0)
        exact = x[excess == 0.0]
        if len(crossings) + len(exact) != 1:
            spans = f"{np.nanmin(excess) + target:.4g} to {np.nanmax(excess) + target:.4g} V"
            many = ", ".join(f"{root:.4g}" for root in sorted([*x[crossings], *exact]))
            raise ValueError(
                f"{target:g} V is reached at x = {many}: give initial_stoichiometry instead"
                if many
                else f"no x has {target:g} V: the curve spans {spans}"
            )
        if len(exact):
            return float(exact[0])
        low, high = x[crossings[0]], x[crossings[0] + 1]
        return float(brentq(lambda at: float(potential(at)) - target, low, high, xtol=1e-14))


def stoichiometry_range(curve: Curve) -> tuple[float, float]:
    """Where in 0 < x < 1 a curve is known: between its points, inside its clip, else nearly everywhere."""
    if isinstance(curve, PointsCurve):
        return max(curve.x[0], 0.0), min(curve.x[-1], 1.0)
    return curve.clip or (1e-4, 1.0 - 1e-4)


class ChemicalStrain(SourcedBlock):
    """Isotropic strain of an active material with its lithium content."""

    volume_change: VolumeChangeOfX | None = Field(
        default=None, description="relative volume change dV/V, of x; this or partial_molar_volume"
    )
    partial_molar_volume: MolarVolume | None = Field(
        default=None, description="of lithium in the host: strain is this times (c - c_ref)/3"
    )
    reference_stoichiometry: Fraction | None = Field(
        default=None, description="x without stress; default the initial one"
    )

    def curve(self, lithium: Lithium, temperature: float | None = None) -> Curve:
        """Linear strain of x, zero at the reference stoichiometry."""
        reference = self.reference_stoichiometry
        if reference is None:
            reference = lithium.initial_x(temperature)
        if self.volume_change is not None:
            curve = self.volume_change if temperature is None else self.volume_change.at(temperature)
            return VolumeStrainCurve(volume_change=curve, reference=reference)
        if self.partial_molar_volume is None:
            raise ValueError("needs volume_change or partial_molar_volume")
        return LinearCurve(
            slope=self.partial_molar_volume * lithium.maximum_concentration / 3.0, zero=reference
        )


class Conduction(SourcedBlock):
    """Conduction of one kind of charge carrier."""

    carrier: Literal["electronic", "ionic"] = Field(description="what carries the charge")
    conductivity: ConductivityOfX = Field(description="constant, or of x in an active material")


class Phase(SourcedBlock):
    """One material, and the regions of the mesh that consist of it."""

    regions: list[Region] = Field(
        min_length=1,
        description="patterns (* ?) of physical names of the mesh, or tags; each region is a body",
    )
    density: Density | None = Field(default=None, description="needed where capacities per gram are used")
    elasticity: Elasticity
    lithium: Lithium | None = Field(default=None, description="makes the phase an active material")
    chemical_strain: ChemicalStrain | None = None
    conduction: Conduction | None = None

    def strain_curve(self, temperature: float | None = None) -> Curve | None:
        """Linear chemical strain of x, or None where the phase keeps its size."""
        if self.chemical_strain is None or self.lithium is None:
            return None
        return self.chemical_strain.curve(self.lithium, temperature)
