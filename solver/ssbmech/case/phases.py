"""The ``phases:`` block: what each solid is made of."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field
from scipy.optimize import brentq

from ssbmech.case.base import Fraction, SourcedBlock
from ssbmech.case.curve_types import ConductivityOfX, DiffusivityOfX, PotentialOfX, VolumeChangeOfX
from ssbmech.case.curves import (
    CellVolumeCurve,
    Curve,
    LengthStrainCurve,
    LinearCurve,
    PointsCurve,
    VolumeStrainCurve,
)
from ssbmech.case.lattice import Lattice, or_name
from ssbmech.case.plasticity import Plasticity
from ssbmech.case.units import Concentration, Density, ElasticConstant, MolarVolume, Potential, Pressure

Region = Annotated[
    str, BeforeValidator(lambda tag: str(tag) if type(tag) is int else tag), Field(min_length=1)
]

Mobility = Literal["from_open_circuit_potential", "ideal_solution", "dilute_solution"]


class Hexagonal(SourcedBlock):
    """Elastic constants of a crystal about its c axis, isotropic in the a-b plane (C14 of a rhombohedral crystal is left out)."""

    c11: Pressure = Field(description="C11 = C22, stretch in the a-b plane")
    c12: ElasticConstant = Field(description="C12, between two directions of the plane")
    c13: ElasticConstant = Field(description="C13 = C23, between the plane and c")
    c33: Pressure = Field(description="C33, stretch along c")
    c44: Pressure = Field(description="C44 = C55, shear along the plane")

    def aggregate(self) -> tuple[float, float]:
        """Young's modulus [MPa] and Poisson's ratio of an isotropic polycrystal: mean of the Voigt and Reuss bounds.

        R. Hill, Proc. Phys. Soc. A 65 (1952) 349; for hexagonal crystals J. P. Watt and L. Peselnick, J. Appl. Phys. 51 (1980) 1525.
        """
        c11, c12, c13, c33, c44 = self.c11, self.c12, self.c13, self.c33, self.c44
        c66 = 0.5 * (c11 - c12)
        square = (c11 + c12) * c33 - 2.0 * c13**2
        bulk_voigt = (2.0 * (c11 + c12) + 4.0 * c13 + c33) / 9.0
        bulk_reuss = square / (c11 + c12 + 2.0 * c33 - 4.0 * c13)
        shear_voigt = (c11 + c12 + 2.0 * c33 - 4.0 * c13 + 12.0 * (c44 + c66)) / 30.0
        shear_reuss = 2.5 * square * c44 * c66 / (3.0 * bulk_voigt * c44 * c66 + square * (c44 + c66))
        bulk, shear = 0.5 * (bulk_voigt + bulk_reuss), 0.5 * (shear_voigt + shear_reuss)
        poisson = (3.0 * bulk - 2.0 * shear) / (6.0 * bulk + 2.0 * shear)
        return 2.0 * shear * (1.0 + poisson), poisson


class Elasticity(SourcedBlock):
    """Linear elasticity: isotropic (youngs_modulus and poisson_ratio), or about the crystal axis (hexagonal)."""

    youngs_modulus: Pressure | None = Field(
        default=None, description="Young's modulus; this with poisson_ratio, or hexagonal"
    )
    poisson_ratio: float | None = Field(default=None, gt=-1.0, lt=0.5, description="Poisson's ratio")
    hexagonal: Hexagonal | None = Field(default=None, description="elastic constants of a crystal")

    def isotropic(self) -> tuple[float, float]:
        """Young's modulus [MPa] and Poisson's ratio; of crystals those of their aggregate."""
        if self.hexagonal is not None:
            return self.hexagonal.aggregate()
        if self.youngs_modulus is None or self.poisson_ratio is None:
            raise ValueError("needs youngs_modulus and poisson_ratio, or hexagonal")
        return self.youngs_modulus, self.poisson_ratio


class Lithium(SourcedBlock):
    """Storage and transport of lithium; a phase that has this block is an active material."""

    maximum_concentration: Concentration = Field(description="lithium concentration at x = 1")
    open_circuit_potential: PotentialOfX = Field(description="against Li, of the stoichiometry x")
    diffusivity: DiffusivityOfX = Field(
        description="chemical diffusivity of lithium, of x; in the a-b plane where there is another along c"
    )
    diffusivity_along_c: DiffusivityOfX | None = Field(
        default=None, description="along the c axis of the crystal; left out: the same in all directions"
    )
    mobility: Mobility = Field(
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
    """Strain of an active material with its lithium content: isotropic, or along the crystal axes (lattice)."""

    volume_change: VolumeChangeOfX | None = Field(
        default=None,
        description="relative volume change dV/V, of x; this, partial_molar_volume, lattice or volume_of_lattice",
    )
    partial_molar_volume: MolarVolume | None = Field(
        default=None, description="of lithium in the host: strain is this times (c - c_ref)/3"
    )
    lattice: Lattice | None = Field(
        default=None,
        description="a(x) and c(x), or the name of a material of the library: each grain strains along its own axes",
        json_schema_extra=or_name,
    )
    volume_of_lattice: Lattice | None = Field(
        default=None,
        description="the same, but only the volume a^2 c counts: particles whose grains are not resolved",
        json_schema_extra=or_name,
    )
    reference_stoichiometry: Fraction | None = Field(
        default=None, description="x without stress; default the initial one"
    )

    def _reference(self, lithium: Lithium, temperature: float | None) -> float:
        if self.reference_stoichiometry is not None:
            return self.reference_stoichiometry
        return lithium.initial_x(temperature)

    def curve(self, lithium: Lithium, temperature: float | None = None) -> Curve:
        """Isotropic linear strain of x, zero at the reference stoichiometry."""
        reference = self._reference(lithium, temperature)
        volume: Curve | None = self.volume_change
        if self.volume_of_lattice is not None:
            a, c = self.volume_of_lattice.lengths()
            volume = CellVolumeCurve(a=a, c=c)
        if volume is not None:
            volume = volume if temperature is None else volume.at(temperature)
            return VolumeStrainCurve(volume_change=volume, reference=reference)
        if self.partial_molar_volume is None:
            raise ValueError("needs volume_change, partial_molar_volume or volume_of_lattice")
        return LinearCurve(
            slope=self.partial_molar_volume * lithium.maximum_concentration / 3.0, zero=reference
        )

    def lattice_curves(self, lithium: Lithium, temperature: float | None = None) -> tuple[Curve, Curve]:
        """Strains of x along a and c, zero at the reference stoichiometry."""
        if self.lattice is None:
            raise ValueError("needs lattice")
        reference = self._reference(lithium, temperature)
        a, c = self.lattice.lengths()
        if temperature is not None:
            a, c = a.at(temperature), c.at(temperature)
        return LengthStrainCurve(length=a, reference=reference), LengthStrainCurve(
            length=c, reference=reference
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
    material: str | None = Field(
        default=None,
        exclude=True,
        description="a material of the library (`ssbmech materials list`) or a file like those (.yaml), which gives what this "
        "block leaves out; plasticity only where the block is there, if empty",
    )
    density: Density | None = Field(default=None, description="needed where capacities per gram are used")
    elasticity: Elasticity
    plasticity: Plasticity | None = Field(default=None, description="omitted: elastic")
    lithium: Lithium | None = Field(default=None, description="makes the phase an active material")
    chemical_strain: ChemicalStrain | None = None
    conduction: Conduction | None = None
    crystal_axis: list[float] | None = Field(
        default=None,
        min_length=3,
        max_length=3,
        description="direction of the c axis in bodies for which the mesh has no crystal frame",
    )

    @property
    def anisotropic(self) -> list[str]:
        """Keys of the laws that need a crystal axis."""
        strain, lithium = self.chemical_strain, self.lithium
        needed = {
            "elasticity.hexagonal": self.elasticity.hexagonal is not None,
            "chemical_strain.lattice": strain is not None and strain.lattice is not None,
            "lithium.diffusivity_along_c": lithium is not None and lithium.diffusivity_along_c is not None,
        }
        return [key for key, given in needed.items() if given]

    def strain_curve(self, temperature: float | None = None) -> Curve | None:
        """Isotropic linear chemical strain of x; None where the phase keeps its size or strains along its crystal axes."""
        strain = self.chemical_strain
        if strain is None or self.lithium is None or strain.lattice is not None:
            return None
        return strain.curve(self.lithium, temperature)

    def lattice_strain(self, temperature: float | None = None) -> tuple[Curve, Curve] | None:
        """Strains of x along a and c of the crystal, or None where the phase has no lattice parameters."""
        strain = self.chemical_strain
        if strain is None or self.lithium is None or strain.lattice is None:
            return None
        return strain.lattice_curves(self.lithium, temperature)
