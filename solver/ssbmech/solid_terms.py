"""From the mechanical laws of the phases of a case to terms of the weak form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssbmech.case.phases import Phase
from ssbmech.materials.chemical_strain import IsotropicChemicalStrain, LatticeChemicalStrain
from ssbmech.materials.elastic import IsotropicElasticity
from ssbmech.materials.hexagonal import HexagonalElasticity
from ssbmech.physics.solid import SmallStrainSolid

if TYPE_CHECKING:
    from ssbmech.model import Model


def add_solids(model: Model) -> None:
    """The mechanics of every phase."""
    if "displacement" not in model.setting:
        return
    for name, phase in model.case.phases.items():
        model.solids[name] = SmallStrainSolid(
            model.setting, name, _elasticity(model, phase), _chemical_strain(model, phase)
        )


def _elasticity(model: Model, phase: Phase) -> IsotropicElasticity | HexagonalElasticity:
    crystal = phase.elasticity.hexagonal
    if crystal is not None:
        return HexagonalElasticity(
            crystal.c11, crystal.c12, crystal.c13, crystal.c33, crystal.c44, model.crystal_axis
        )
    return IsotropicElasticity(*phase.elasticity.isotropic())


def _chemical_strain(model: Model, phase: Phase) -> IsotropicChemicalStrain | LatticeChemicalStrain | None:
    """The stress-free strain of an active phase; None where lithium is not solved for, or does not strain it."""
    if "stoichiometry" not in model.setting:
        return None
    temperature = model.case.cell.temperature
    curve, lattice = phase.strain_curve(temperature), phase.lattice_strain(temperature)
    if lattice is not None:
        return LatticeChemicalStrain(*lattice, model.crystal_axis)
    return None if curve is None else IsotropicChemicalStrain(curve)
