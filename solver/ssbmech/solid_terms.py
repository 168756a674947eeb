"""From the mechanical laws of the phases of a case to terms of the weak form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssbmech.case.phases import Phase
from ssbmech.case.plasticity import Plasticity
from ssbmech.materials.chemical_strain import IsotropicChemicalStrain, LatticeChemicalStrain
from ssbmech.materials.elastic import IsotropicElasticity
from ssbmech.materials.hexagonal import HexagonalElasticity
from ssbmech.materials.plasticity import FlowLaw
from ssbmech.physics.finite_solid import FiniteStrainSolid
from ssbmech.physics.solid import SmallStrainSolid

if TYPE_CHECKING:
    from ssbmech.model import Model


def add_solids(model: Model) -> None:
    """The mechanics of every phase."""
    if "displacement" not in model.setting:
        return
    for name, phase in model.case.phases.items():
        elasticity, strain = _elasticity(model, phase), _chemical_strain(model, phase)
        flow = _flow(phase.plasticity, model.case.cell.temperature)
        if model.setting.finite_strain:
            assert isinstance(elasticity, IsotropicElasticity)
            model.solids[name] = FiniteStrainSolid(model.setting, name, elasticity, strain, flow)
        else:
            model.solids[name] = SmallStrainSolid(model.setting, name, elasticity, strain, flow)


def _flow(block: Plasticity | None, temperature: float) -> FlowLaw | None:
    if block is None:
        return None
    saturation, viscous = block.saturation, block.viscous
    return FlowLaw(
        yield_strength=block.yield_strength or 0.0,
        hardening_modulus=block.hardening_modulus,
        saturation_strength=saturation.strength if saturation is not None else 0.0,
        saturation_rate=1 / saturation.strain if saturation is not None else 0.0,
        reference_stress=viscous.reference_stress if viscous is not None else 0.0,
        reference_rate=viscous.rate_at(temperature) if viscous is not None else 1.0,
        exponent=viscous.exponent if viscous is not None else 1.0,
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
