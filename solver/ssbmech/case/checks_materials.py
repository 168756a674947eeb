"""Checks across phases and interfaces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ssbmech.case.errors import MISSING, Problem, nearest
from ssbmech.case.interfaces import Cohesion, Interface
from ssbmech.case.microstructure import Spheres
from ssbmech.case.phases import ChemicalStrain, Elasticity, Phase, stoichiometry_range
from ssbmech.case.schema import Case
from ssbmech.case.structures import Composite


def exactly_one(key: str, block: object, names: tuple[str, ...]) -> Iterator[Problem]:
    """A problem unless exactly one of the named keys of ``block`` is given."""
    given = [name for name in names if getattr(block, name) is not None]
    if len(given) != 1:
        got = " and ".join(given) if given else "none of them"
        yield Problem(key, f"needs exactly one of {' | '.join(names)}", allowed="one of them", value=got)


def unknown_phase(key: str, name: str, case: Case) -> Iterator[Problem]:
    if name not in case.phases:
        yield Problem(
            key, "is not a phase of this case", name, ", ".join(case.phases), nearest(name, case.phases)
        )


def check_phases(case: Case) -> Iterator[Problem]:
    """Phases: what lithium, strain and conduction need of each other."""
    owners: dict[str, str] = {}
    for name, phase in case.phases.items():
        key = f"phases.{name}"
        for number, region in enumerate(phase.regions):
            if region in owners:
                yield Problem(
                    f"{key}.regions[{number}]",
                    f"belongs to {owners[region]} already",
                    region,
                    "each region in one phase",
                )
            owners.setdefault(region, name)
        yield from _check_elasticity(f"{key}.elasticity", phase.elasticity)
        yield from _check_lithium(key, phase, case)
        yield from _check_crystal_axis(key, name, phase, case)
        if phase.chemical_strain is not None:
            yield from _check_strain(f"{key}.chemical_strain", phase.chemical_strain)
            if phase.lithium is None:
                yield Problem(
                    f"{key}.chemical_strain",
                    "needs lithium, whose content it follows",
                    allowed="a lithium block in the same phase",
                )
        conduction = phase.conduction
        if conduction is not None and phase.lithium is None and conduction.conductivity.kind != "constant":
            allowed = "a constant: the phase has no lithium and hence no x"
            yield Problem(f"{key}.conduction.conductivity", "depends on x", allowed=allowed)
        if conduction is not None and phase.lithium is not None and conduction.carrier == "ionic":
            allowed = "electronic: an active material conducts electrons"
            yield Problem(f"{key}.conduction.carrier", "does not fit a phase with lithium", "ionic", allowed)


def _check_elasticity(key: str, elasticity: Elasticity) -> Iterator[Problem]:
    yield from exactly_one(key, elasticity, ("youngs_modulus", "hexagonal"))
    if (elasticity.youngs_modulus is None) != (elasticity.poisson_ratio is None):
        yield Problem(
            f"{key}.poisson_ratio",
            "goes with youngs_modulus",
            MISSING if elasticity.poisson_ratio is None else elasticity.poisson_ratio,
            "both, or neither beside hexagonal",
        )
    crystal = elasticity.hexagonal
    if crystal is None:
        return
    # Born's conditions for a hexagonal crystal; c44 is greater than zero as all moduli are.
    plane = crystal.c11 > abs(crystal.c12)
    if not (plane and (crystal.c11 + crystal.c12) * crystal.c33 > 2.0 * crystal.c13**2):
        given = {name: f"{getattr(crystal, name):g} MPa" for name in ("c11", "c12", "c13", "c33")}
        allowed = "c11 > |c12| and (c11 + c12) c33 > 2 c13^2"
        yield Problem(f"{key}.hexagonal", "is not stable: some strain has no energy", given, allowed)


def _check_strain(key: str, strain: ChemicalStrain) -> Iterator[Problem]:
    ways = ("volume_change", "partial_molar_volume", "lattice", "volume_of_lattice")
    yield from exactly_one(key, strain, ways)
    for name in ("lattice", "volume_of_lattice"):
        lattice = getattr(strain, name)
        if lattice is None:
            continue
        given = [k for k in ("a", "c", "a_change", "c_change") if getattr(lattice, k) is not None]
        if given not in (["a", "c"], ["a_change", "c_change"]):
            allowed = "a and c, or a_change and c_change"
            yield Problem(f"{key}.{name}", "needs one pair of curves", given or MISSING, allowed)
            continue
        for name_of, curve in zip(given, lattice.lengths(), strict=True):
            least = float(np.min(curve(np.linspace(*stoichiometry_range(getattr(lattice, name_of)), 101))))
            if not least > 0.0:
                allowed = "a relative change above -1 (2 % is 0.02)"
                yield Problem(f"{key}.{name}.{name_of}", "leaves no length", allowed=allowed)


def _check_crystal_axis(key: str, name: str, phase: Phase, case: Case) -> Iterator[Problem]:
    """A direction, and bodies that have one where a law needs it, as far as the structure tells before it is built."""
    if phase.crystal_axis is not None:
        if not 0.0 < float(np.linalg.norm(phase.crystal_axis)) < np.inf:
            allowed = "a direction, for example [0, 0, 1]"
            yield Problem(f"{key}.crystal_axis", "is no direction", phase.crystal_axis, allowed)
        if not phase.anisotropic:
            allowed = "a law with axes (chemical_strain.lattice, lithium.diffusivity_along_c, elasticity.hexagonal), or no crystal_axis"
            yield Problem(f"{key}.crystal_axis", "is without effect", phase.crystal_axis, allowed)
        return
    structure = case.mesh.microstructure
    if not phase.anisotropic or structure is None:
        return
    if isinstance(structure, Composite):
        grains = {n for n, population in structure.particles.items() if population.grains is not None}
    else:
        grains = set() if isinstance(structure, Spheres) else set(structure.grains)
    if name not in grains:
        law = f"{key}.{phase.anisotropic[0]}"
        allowed = f"{key}.crystal_axis: [x, y, z], or grains of {name} in mesh.microstructure"
        yield Problem(law, "needs a crystal axis, and bodies of this phase have none", allowed=allowed)


def _check_lithium(key: str, phase: Phase, case: Case) -> Iterator[Problem]:
    lithium = phase.lithium
    if lithium is None:
        return
    count = sum(value is not None for value in (lithium.initial_stoichiometry, lithium.initial_potential))
    yield from exactly_one(f"{key}.lithium", lithium, ("initial_stoichiometry", "initial_potential"))
    if count == 1:
        try:
            x = lithium.initial_x(case.cell.temperature)
        except ValueError as error:
            allowed = "a potential that the open_circuit_potential has at one x, or initial_stoichiometry"
            yield Problem(
                f"{key}.lithium.initial_potential", str(error), f"{lithium.initial_potential} V", allowed
            )
        else:
            yield from _check_start(key, phase, x)
    if case.electrochemistry and phase.conduction is None:
        yield Problem(
            f"{key}.conduction",
            "is missing",
            allowed="{carrier: electronic, conductivity: ...}: electrons must reach an active material",
        )


def _check_start(key: str, phase: Phase, x: float) -> Iterator[Problem]:
    lithium = phase.lithium
    assert lithium is not None
    slope = float(lithium.open_circuit_potential.derivative(x))
    if lithium.mobility == "from_open_circuit_potential" and not slope < 0.0:
        allowed = "a potential that falls with x, or mobility: ideal_solution"
        yield Problem(
            f"{key}.lithium.open_circuit_potential",
            f"does not fall with x at the start (x = {x:.4g})",
            f"slope {slope:.3g} V",
            allowed,
        )
    strain = phase.chemical_strain
    if strain is not None and strain.volume_change is not None:
        at = np.linspace(*stoichiometry_range(strain.volume_change), 101)
        least = float(np.min(strain.volume_change(at)))
        if not least > -1.0:
            allowed = "a relative change dV/V, above -1 (5 % is 0.05)"
            yield Problem(
                f"{key}.chemical_strain.volume_change", f"goes down to {least:.3g}", allowed=allowed
            )


def check_interfaces(case: Case) -> Iterator[Problem]:
    """Interfaces: phases exist, each pair once, laws fit the pair."""
    seen: dict[tuple[frozenset[str], bool], int] = {}
    for number, interface in enumerate(case.interfaces):
        key = f"interfaces[{number}]"
        for end, name in enumerate(interface.between):
            yield from unknown_phase(f"{key}.between[{end}]", name, case)
        place = (interface.pair, interface.grain_boundary)
        if place in seen:
            yield Problem(
                f"{key}.between",
                f"is the pair of interfaces[{seen[place]}] again",
                interface.between,
                "each pair once, in any order",
            )
        seen.setdefault(place, number)
        if interface.grain_boundary and len(interface.pair) == 2:
            yield Problem(
                f"{key}.grain_boundary", "lies between two phases", interface.between, "twice the same phase"
            )
        yield from _check_cohesion(f"{key}.cohesion", interface.cohesion)
        if interface.oxidation is not None:
            yield from _check_oxidation(f"{key}.oxidation", interface, case)
        if all(name in case.phases for name in interface.between):
            yield from _check_currents(key, interface, case)


def _check_oxidation(key: str, interface: Interface, case: Case) -> Iterator[Problem]:
    if interface.charge_transfer is None:
        allowed = "charge_transfer beside it, which says how the contact conducts"
        yield Problem(key, "is no reaction of this interface", allowed=allowed)
    if case.numerics.kinematics == "finite_strain":
        yield Problem(
            key,
            "does not go with numerics.kinematics: finite_strain",
            allowed="no oxidation, or small_strain: the opening is counted along the faces of the mesh",
        )


def _check_cohesion(key: str, law: Cohesion) -> Iterator[Problem]:
    for mode in ("", "shear_"):
        strength, toughness = getattr(law, f"{mode}strength"), getattr(law, f"{mode}toughness")
        if (strength is None) != (toughness is None):
            missing, given = ("strength", "toughness") if strength is None else ("toughness", "strength")
            yield Problem(
                f"{key}.{mode}{missing}",
                f"is missing beside {mode}{given}",
                allowed="both, or neither for a bond that never breaks",
            )
        elif strength is not None and toughness is not None:
            first, last = strength / law.stiffness, 2.0 * toughness / strength
            if last <= first:
                least = strength**2 / (2.0 * law.stiffness)
                opening = f"opening at full strength {first:.3g} um, at failure {last:.3g} um"
                message = f"is used up before softening begins: {opening}"
                allowed = f"more than strength^2/(2 stiffness) = {least:.3g} J/m^2, or a higher stiffness"
                yield Problem(f"{key}.{mode}toughness", message, f"{toughness:g} J/m^2", allowed)
    if (law.strength is None) != (law.shear_strength is None) and (law.toughness is None) != (
        law.shear_toughness is None
    ):
        yield Problem(
            f"{key}.strength",
            "is given for one mode only",
            allowed="strength and toughness for both modes, or for neither",
        )
    if law.friction is not None and not (law.breakable or law.initially_open):
        yield Problem(
            f"{key}.friction",
            "is without effect: the bond never breaks, and only broken faces rub",
            allowed="strength and toughness beside it, or initially_open: true",
        )
    if law.initially_open and law.strength is not None:
        yield Problem(
            f"{key}.strength",
            "is without effect: faces that are initially_open have no bond",
            f"{law.strength:g} MPa",
            "no strength and toughness, or no initially_open",
        )
    if law.viscosity is not None and law.strength is None:
        yield Problem(
            f"{key}.viscosity",
            "is without effect: the bond never breaks",
            f"{law.viscosity:g} s",
            "strength and toughness beside it, or no viscosity",
        )


def _check_currents(key: str, interface: Interface, case: Case) -> Iterator[Problem]:
    one, other = (case.phases[name] for name in interface.between)
    if interface.charge_transfer is not None:
        active = [phase for phase in (one, other) if phase.lithium is not None]
        ionic = [
            phase
            for phase in (one, other)
            if phase.conduction is not None and phase.conduction.carrier == "ionic"
        ]
        if len(active) != 1 or len(ionic) != 1 or active[0] is ionic[0]:
            allowed = "one phase with lithium, the other with conduction of carrier ionic"
            yield Problem(
                f"{key}.charge_transfer", "is not possible between these", interface.between, allowed
            )
    if interface.lithium_transfer is not None and not (one.lithium and other.lithium):
        yield Problem(
            f"{key}.lithium_transfer",
            "is not possible between these",
            interface.between,
            "two phases with lithium",
        )
    if interface.contact_conductance is not None:
        carriers = [phase.conduction.carrier if phase.conduction else "none" for phase in (one, other)]
        if carriers[0] != carriers[1] or "none" in carriers:
            given = f"carriers {carriers[0]} and {carriers[1]}"
            yield Problem(
                f"{key}.contact_conductance",
                "is not possible between these",
                given,
                "two conductors of the same carrier",
            )
