"""From the mechanical laws of the phases of a case to terms of the weak form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssbmech.case.phases import Phase
from ssbmech.materials.chemical_strain import IsotropicChemicalStrain
from ssbmech.materials.elastic import IsotropicElasticity
from ssbmech.physics.solid import SmallStrainSolid

if TYPE_CHECKING:
    from ssbmech.model import Model


def add_solids(model: Model) -> None:
    """The mechanics of every phase."""
    if "displacement" not in model.setting:
        return
    for name, phase in model.case.phases.items():
        model.solids[name] = SmallStrainSolid(
            model.setting, name, _elasticity(phase), _chemical_strain(model, phase)
        )


def _elasticity(phase: Phase) -> IsotropicElasticity:
    return IsotropicElasticity(phase.elasticity.youngs_modulus, phase.elasticity.poisson_ratio)


def _chemical_strain(model: Model, phase: Phase) -> IsotropicChemicalStrain | None:
    """The stress-free strain of an active phase; None where lithium is not solved for, or does not strain it."""
    curve = phase.strain_curve(model.case.cell.temperature) if "stoichiometry" in model.setting else None
    return None if curve is None else IsotropicChemicalStrain(curve)
