"""Checks of mechanical laws: what a law needs, and laws that cannot work together."""

from __future__ import annotations

from collections.abc import Iterator

from ssbmech.case.errors import Problem
from ssbmech.case.phases import Phase
from ssbmech.case.plasticity import Plasticity
from ssbmech.case.schema import Case


def check_mechanics(case: Case) -> Iterator[Problem]:
    """Plastic flow, and what goes with finite strain."""
    finite = case.numerics.kinematics == "finite_strain"
    if case.numerics.displacement_degree == 2 and case.numerics.quadrature_degree < 2:
        yield Problem(
            "numerics.quadrature_degree",
            "is too low for quadratic displacements: elements would deform without stress",
            case.numerics.quadrature_degree,
            "2 or more",
        )
    points, least = case.numerics.interface_quadrature_degree, case.numerics.least_interface_quadrature_degree
    if points is not None and points < least:
        kind = "quadratic" if case.numerics.displacement_degree == 2 else "linear"
        yield Problem(
            "numerics.interface_quadrature_degree",
            f"is too low for {kind} displacements: faces would overlap between the points",
            points,
            f"{least} or more",
        )
    for name, phase in case.phases.items():
        key = f"phases.{name}"
        if phase.plasticity is not None:
            yield from _check_plasticity(f"{key}.plasticity", phase.plasticity)
            if phase.elasticity.hexagonal is not None:
                yield Problem(
                    f"{key}.plasticity",
                    "does not go with elasticity.hexagonal",
                    allowed="youngs_modulus and poisson_ratio: the return mapping is that of an isotropic material",
                )
        if finite:
            yield from _check_finite(key, phase)
    if finite:
        yield from _check_finite_interfaces(case)


def _check_plasticity(key: str, block: Plasticity) -> Iterator[Problem]:
    if block.yield_strength is None and block.viscous is None:
        yield Problem(key, "does not say when it flows", allowed="yield_strength, viscous, or both")
    if block.yield_strength is None and (block.hardening_modulus > 0.0 or block.saturation is not None):
        name = "hardening_modulus" if block.hardening_modulus > 0.0 else "saturation"
        yield Problem(
            f"{key}.{name}", "hardens what has no yield strength", allowed="with yield_strength only"
        )


def _check_finite(key: str, phase: Phase) -> Iterator[Problem]:
    """Laws of a phase that are written for small strain."""
    small = "numerics.kinematics: small_strain"
    if phase.elasticity.hexagonal is not None:
        yield Problem(
            f"{key}.elasticity.hexagonal",
            "does not go with numerics.kinematics: finite_strain",
            allowed=f"youngs_modulus and poisson_ratio, or {small}",
        )
    if phase.lithium is not None and phase.lithium.diffusivity_along_c is not None:
        yield Problem(
            f"{key}.lithium.diffusivity_along_c",
            "does not go with numerics.kinematics: finite_strain",
            allowed=f"diffusivity alone, or {small}",
        )
    strain = phase.chemical_strain
    if strain is not None and strain.lattice is not None and phase.plasticity is not None:
        yield Problem(
            f"{key}.chemical_strain.lattice",
            "does not go with plasticity under numerics.kinematics: finite_strain",
            allowed=f"volume_change or partial_molar_volume, or {small}",
        )


def _check_finite_interfaces(case: Case) -> Iterator[Problem]:
    for number, interface in enumerate(case.interfaces):
        if interface.cohesion.friction is not None:
            yield Problem(
                f"interfaces[{number}].cohesion.friction",
                "does not go with numerics.kinematics: finite_strain",
                allowed="no friction, or small_strain: sliding is taken as small",
            )
    if case.pore_walls is not None and case.pore_walls.friction is not None:
        yield Problem(
            "pore_walls.friction",
            "does not go with numerics.kinematics: finite_strain",
            allowed="no friction, or small_strain: sliding is taken as small",
        )
