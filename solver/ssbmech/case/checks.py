"""What no single block can know: checks across the case, each ending in a :class:`Problem`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ssbmech.case.errors import MISSING, Problem, nearest
from ssbmech.case.interfaces import Cohesion, Interface
from ssbmech.case.microstructure import Spheres
from ssbmech.case.phases import Phase, stoichiometry_range
from ssbmech.case.programme import KINDS, Step
from ssbmech.case.schema import Case
from ssbmech.case.stack import Load

Check = Callable[[Case], Iterator[Problem]]


def problems(case: Case) -> list[Problem]:
    """Everything that is wrong with a case whose blocks are each in order."""
    return [problem for check in CHECKS for problem in check(case)]


def exactly_one(key: str, block: object, names: tuple[str, ...]) -> Iterator[Problem]:
    """A problem unless exactly one of the named keys of ``block`` is given."""
    given = [name for name in names if getattr(block, name) is not None]
    if len(given) != 1:
        got = " and ".join(given) if given else "none of them"
        yield Problem(key, f"needs exactly one of {' | '.join(names)}", allowed="one of them", value=got)


def _unknown_phase(key: str, name: str, case: Case) -> Iterator[Problem]:
    if name not in case.phases:
        yield Problem(key, "is not a phase of this case", name, ", ".join(case.phases), nearest(name, case.phases))


def check_mesh(case: Case) -> Iterator[Problem]:
    """Mesh: one origin, the file exists, the structure names phases of the case."""
    mesh = case.mesh
    yield from exactly_one("mesh", mesh, ("file", "microstructure"))
    if mesh.file is not None and not mesh.file.is_file():
        there = [path.name for path in mesh.file.parent.iterdir()] if mesh.file.parent.is_dir() else []
        allowed = "an existing mesh file, relative to the case file"
        yield Problem("mesh.file", "does not exist", str(mesh.file), allowed, nearest(mesh.file.name, there))
    if "length_unit" in mesh.model_fields_set and mesh.file is None:
        yield Problem("mesh.length_unit", "goes with file only", allowed="a microstructure is generated in the units it gives")
    if mesh.microstructure is not None:
        yield from _check_spheres(mesh.microstructure, case)


def _check_spheres(spheres: Spheres, case: Case) -> Iterator[Problem]:
    key = "mesh.microstructure"
    yield from _unknown_phase(f"{key}.particles", spheres.particles, case)
    yield from _unknown_phase(f"{key}.matrix", spheres.matrix, case)
    if spheres.particles == spheres.matrix:
        yield Problem(f"{key}.matrix", "is the phase of the particles too", spheres.matrix, "another phase")
    yield from exactly_one(key, spheres, ("composition", "volume_fraction"))
    if spheres.composition is not None:
        weights, at = spheres.composition.weight_percent, f"{key}.composition"
        if set(weights) != {spheres.particles, spheres.matrix}:
            names = f"{spheres.particles} and {spheres.matrix}"
            yield Problem(f"{at}.weight_percent", "must name the particles and the matrix", sorted(weights), names)
        elif abs(sum(weights.values()) - 100.0) > 1e-6:
            yield Problem(f"{at}.weight_percent", f"adds up to {sum(weights.values()):g}", weights, "weights that add up to 100")
        for name in weights:
            if name in case.phases and name not in spheres.composition.density:
                yield Problem(f"{at}.density", f"has none for {name}, and neither has phases.{name}.density", allowed="a density for each")
    size, diameter = spheres.mesh_size, spheres.diameter
    if diameter.minimum > diameter.maximum:
        yield Problem(f"{key}.diameter.minimum", "is above the maximum", f"{diameter.minimum:g} um", f"up to {diameter.maximum:g} um")
    if diameter.median is not None and not diameter.minimum <= diameter.median <= diameter.maximum:
        allowed = f"{diameter.minimum:g} to {diameter.maximum:g} um"
        yield Problem(f"{key}.diameter.median", "is outside the limits", f"{diameter.median:g} um", allowed)
    if diameter.maximum >= min(spheres.box):
        allowed = f"below the shortest edge of the box, {min(spheres.box):g} um"
        yield Problem(f"{key}.diameter.maximum", "does not fit into the box", f"{diameter.maximum:g} um", allowed)
    if size.bulk is not None and size.bulk < size.interface:
        yield Problem(f"{key}.mesh_size.bulk", "is below that at interfaces", f"{size.bulk:g} um", f"{size.interface:g} um or more")


def check_phases(case: Case) -> Iterator[Problem]:
    """Phases: what lithium, strain and conduction need of each other."""
    owners: dict[str, str] = {}
    for name, phase in case.phases.items():
        key = f"phases.{name}"
        for number, region in enumerate(phase.regions):
            if region in owners:
                yield Problem(f"{key}.regions[{number}]", f"belongs to {owners[region]} already", region, "each region in one phase")
            owners.setdefault(region, name)
        yield from _check_lithium(key, phase, case)
        if phase.chemical_strain is not None:
            yield from exactly_one(f"{key}.chemical_strain", phase.chemical_strain, ("volume_change", "partial_molar_volume"))
            if phase.lithium is None:
                yield Problem(f"{key}.chemical_strain", "needs lithium, whose content it follows", allowed="a lithium block in the same phase")
        conduction = phase.conduction
        if conduction is not None and phase.lithium is None and conduction.conductivity.kind != "constant":
            allowed = "a constant: the phase has no lithium and hence no x"
            yield Problem(f"{key}.conduction.conductivity", "depends on x", allowed=allowed)
        if conduction is not None and phase.lithium is not None and conduction.carrier == "ionic":
            allowed = "electronic: an active material conducts electrons"
            yield Problem(f"{key}.conduction.carrier", "does not fit a phase with lithium", "ionic", allowed)


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
            yield Problem(f"{key}.lithium.initial_potential", str(error), f"{lithium.initial_potential} V", allowed)
        else:
            yield from _check_start(key, phase, x)
    if case.electrochemistry and phase.conduction is None:
        yield Problem(f"{key}.conduction", "is missing", allowed="{carrier: electronic, conductivity: ...}: electrons must reach an active material")


def _check_start(key: str, phase: Phase, x: float) -> Iterator[Problem]:
    lithium = phase.lithium
    assert lithium is not None
    slope = float(lithium.open_circuit_potential.derivative(x))
    if lithium.mobility == "from_open_circuit_potential" and not slope < 0.0:
        allowed = "a potential that falls with x, or mobility: ideal_solution"
        yield Problem(f"{key}.lithium.open_circuit_potential", f"does not fall with x at the start (x = {x:.4g})", f"slope {slope:.3g} V", allowed)
    strain = phase.chemical_strain
    if strain is not None and strain.volume_change is not None:
        at = np.linspace(*stoichiometry_range(strain.volume_change), 101)
        least = float(np.min(strain.volume_change(at)))
        if not least > -1.0:
            allowed = "a relative change dV/V, above -1 (5 % is 0.05)"
            yield Problem(f"{key}.chemical_strain.volume_change", f"goes down to {least:.3g}", allowed=allowed)


def check_interfaces(case: Case) -> Iterator[Problem]:
    """Interfaces: phases exist, each pair once, laws fit the pair."""
    seen: dict[frozenset[str], int] = {}
    for number, interface in enumerate(case.interfaces):
        key = f"interfaces[{number}]"
        for end, name in enumerate(interface.between):
            yield from _unknown_phase(f"{key}.between[{end}]", name, case)
        if interface.pair in seen:
            yield Problem(f"{key}.between", f"is the pair of interfaces[{seen[interface.pair]}] again", interface.between, "each pair once, in any order")
        seen.setdefault(interface.pair, number)
        yield from _check_cohesion(f"{key}.cohesion", interface.cohesion)
        if all(name in case.phases for name in interface.between):
            yield from _check_currents(key, interface, case)


def _check_cohesion(key: str, law: Cohesion) -> Iterator[Problem]:
    for mode in ("", "shear_"):
        strength, toughness = getattr(law, f"{mode}strength"), getattr(law, f"{mode}toughness")
        if (strength is None) != (toughness is None):
            missing, given = ("strength", "toughness") if strength is None else ("toughness", "strength")
            yield Problem(f"{key}.{mode}{missing}", f"is missing beside {mode}{given}", allowed="both, or neither for a bond that never breaks")
        elif strength is not None and toughness is not None:
            first, last = strength / law.stiffness, 2.0 * toughness / strength
            if last <= first:
                least = strength**2 / (2.0 * law.stiffness)
                message = f"is used up before softening begins: opening at full strength {first:.3g} um, at failure {last:.3g} um"
                allowed = f"more than strength^2/(2 stiffness) = {least:.3g} J/m^2, or a higher stiffness"
                yield Problem(f"{key}.{mode}toughness", message, f"{toughness:g} J/m^2", allowed)
    if (law.strength is None) != (law.shear_strength is None) and (law.toughness is None) != (law.shear_toughness is None):
        yield Problem(f"{key}.strength", "is given for one mode only", allowed="strength and toughness for both modes, or for neither")


def _check_currents(key: str, interface: Interface, case: Case) -> Iterator[Problem]:
    one, other = (case.phases[name] for name in interface.between)
    if interface.charge_transfer is not None:
        active = [phase for phase in (one, other) if phase.lithium is not None]
        ionic = [phase for phase in (one, other) if phase.conduction is not None and phase.conduction.carrier == "ionic"]
        if len(active) != 1 or len(ionic) != 1 or active[0] is ionic[0]:
            allowed = "one phase with lithium, the other with conduction of carrier ionic"
            yield Problem(f"{key}.charge_transfer", "is not possible between these", interface.between, allowed)
    if interface.contact_conductance is not None:
        carriers = [phase.conduction.carrier if phase.conduction else "none" for phase in (one, other)]
        if carriers[0] != carriers[1] or "none" in carriers:
            given = f"carriers {carriers[0]} and {carriers[1]}"
            yield Problem(f"{key}.contact_conductance", "is not possible between these", given, "two conductors of the same carrier")


def check_electrochemistry(case: Case) -> Iterator[Problem]:
    """What solving for lithium and charge needs."""
    electrons = case.electrons
    if electrons is not None and (electrons.path == "wired") != (electrons.conductance is not None):
        allowed = "a conductance with path wired, none with path resolved"
        yield Problem("electrons.conductance", f"does not go with path {electrons.path}", electrons.conductance or MISSING, allowed)
    if "mechanics" not in case.numerics.physics:
        yield Problem("numerics.physics", "leaves out mechanics", case.numerics.physics, "[mechanics] or [mechanics, electrochemistry]")
    if not case.electrochemistry:
        return
    if electrons is None:
        yield Problem("electrons", "is missing", allowed="{path: wired, conductance: 1e11 S/m^3} or {path: resolved}")
    if "counter_electrode" not in case.stack.model_fields_set:
        yield Problem("stack.counter_electrode", "is missing", allowed="at least {potential: 0.62 V}, against Li")
    if not case.active_materials:
        yield Problem("phases", "have no active material", allowed="a lithium block in one phase, or numerics.physics: [mechanics]")
    carriers = {phase.conduction.carrier for phase in case.phases.values() if phase.conduction is not None}
    if "ionic" not in carriers:
        yield Problem("phases", "have no ionic conductor", allowed="conduction with carrier ionic in one phase, or numerics.physics: [mechanics]")
    if not any(interface.charge_transfer is not None for interface in case.interfaces):
        yield Problem("interfaces", "have no charge_transfer", allowed="one between an active material and an ionic conductor")


def check_stack(case: Case) -> Iterator[Problem]:
    """Stack: platen, faces and loads."""
    stack = case.stack
    ends = {stack.collector, stack.separator}
    if stack.collector == stack.separator:
        yield Problem("stack.separator", "is the face of the collector too", stack.separator, "the opposite face")
    if stack.platen not in ends:
        yield Problem("stack.platen", "is neither collector nor separator", stack.platen, f"{stack.collector} or {stack.separator}")
    for name in ("collector", "separator"):
        face = getattr(stack, name)
        if len(face) == 2 and face[1] in "+-" and face[0] in "xyz" and face[0] != stack.axis:
            yield Problem(f"stack.{name}", "is not at an end of the axis", face, f"{stack.axis}-, {stack.axis}+ or a named surface of the mesh")
    if stack.load is not None:
        yield from _check_load("stack.load", stack.load)


def _check_load(key: str, load: Load) -> Iterator[Problem]:
    yield from exactly_one(key, load, ("pressure", "fixed_gap", "stiffness"))


def check_programme(case: Case) -> Iterator[Problem]:
    """Programme: every step is one thing, ends, and has a load and a current that are defined."""
    for number, step in enumerate(case.programme):
        key = f"programme[{number}]"
        yield from exactly_one(key, step, KINDS)
        if "load" in step.model_fields_set and step.load_from == number and step.load is not None:
            yield from _check_load(f"{key}.load", step.load)
        if step.load is None:
            allowed = "a load in this step or in stack, for example {pressure: 5 MPa} or {fixed_gap: true}"
            yield Problem(f"{key}.load", "is missing", allowed=allowed)
        yield from _check_end(key, step, case)


def _check_end(key: str, step: Step, case: Case) -> Iterator[Problem]:
    if step.sign == 0:
        if step.until.given():
            yield Problem(f"{key}.until", f"does not go with {step.kind}, which ends after its time", sorted(step.until.given()), "no until")
        return
    if not case.electrochemistry:
        yield Problem(f"{key}.{step.kind}", "needs electrochemistry", allowed="press and rest, or electrochemistry in numerics.physics")
        return
    limits = step.until.given()
    if not limits:
        allowed = "until with at least one of " + ", ".join(type(step.until).model_fields)
        yield Problem(f"{key}.until", "is missing", allowed=allowed)
    per_mass = []
    if step.c_rate is not None:
        per_mass.append(f"{key}.{step.kind}")
        if case.cell.nominal_capacity is None:
            yield Problem("cell.nominal_capacity", f"is missing; {key}.{step.kind} is a C-rate", allowed='for example "200 mAh/g", or a current density')
    if "specific_capacity" in limits:
        per_mass.append(f"{key}.until.specific_capacity")
    if per_mass:
        for name in case.active_materials:
            if case.phases[name].density is None:
                yield Problem(f"phases.{name}.density", f"is missing; {per_mass[0]} is per mass", allowed='for example "4.78 g/cm^3"')


def check_time_step(case: Case) -> Iterator[Problem]:
    """Time steps: minimum <= initial <= maximum."""
    step = case.numerics.time_step
    if not step.minimum <= step.initial <= step.maximum:
        given = f"minimum {step.minimum:g} s, initial {step.initial:g} s, maximum {step.maximum:g} s"
        yield Problem("numerics.time_step", "is not in order", given, "minimum <= initial <= maximum")
    for number, each in enumerate(case.programme):
        if each.maximum_time_step is not None and each.maximum_time_step < step.minimum:
            key = f"programme[{number}].maximum_time_step"
            yield Problem(key, "is below numerics.time_step.minimum", f"{each.maximum_time_step:g} s", f"{step.minimum:g} s or more")


CHECKS: tuple[Check, ...] = (
    check_mesh,
    check_phases,
    check_interfaces,
    check_electrochemistry,
    check_stack,
    check_programme,
    check_time_step,
)
