"""What cannot be true of a material: more carrier than the crystal holds, volumes out of line, potentials that rise, slipped units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ssbmech.case.curves import Curve, PointsCurve
from ssbmech.case.errors import Problem, nearest
from ssbmech.case.material import STRAINS, Material, ThermalValue, Value, Window
from ssbmech.case.phases import stoichiometry_range
from ssbmech.materials.formula import atoms
from ssbmech.materials.lattice import lattice_names, read_lattice

AVOGADRO = 6.02214076e23

NEEDED = {
    "active": ("maximum_concentration", "stoichiometry", "open_circuit_potential", "diffusivity"),
    "electrolyte": ("ionic_conductivity",),
}
FOREIGN = {
    "active": ("ionic_conductivity", "oxidation_onset", "interface_strength", "interface_toughness"),
    "electrolyte": (*NEEDED["active"], *STRAINS, "exchange_current_density"),
}

# Internal units. Beyond these a value is a slip of units or of the pen; what is inside may still be wrong.
LIMITS: dict[str, tuple[float, float, str]] = {
    "density": (300.0, 25000.0, "0.3 to 25 g/cm^3"),
    "youngs_modulus": (1e3, 1.2e6, "1 to 1200 GPa"),
    "yield_strength": (0.1, 2e4, "0.1 MPa to 20 GPa"),
    "strength": (0.1, 2e4, "0.1 MPa to 20 GPa"),
    "toughness": (1e-3, 1e4, "1e-3 to 1e4 J/m^2"),
    "interface_strength": (0.01, 2e3, "0.01 MPa to 2 GPa"),
    "interface_toughness": (1e-3, 1e3, "1e-3 to 1e3 J/m^2"),
    "diffusivity": (1e-10, 1e4, "1e-22 to 1e-8 m^2/s"),
    "exchange_current_density": (1e-6, 1e4, "1e-6 to 1e4 A/m^2"),
    "ionic_conductivity": (1e-4, 1e8, "1e-10 to 100 S/m (1 S/cm)"),
    "electronic_conductivity": (1e-10, 1e14, "1e-16 to 1e8 S/m"),
    "open_circuit_potential": (-0.5, 5.5, "-0.5 to 5.5 V"),
    "oxidation_onset": (0.0, 6.0, "0 to 6 V"),
}
LARGEST_MOLAR_VOLUME = {"Li+": 13.1e-6, "Na+": 23.7e-6, "F-": 15e-6, "Cl-": 25e-6}
"""m³/mol by which a mole of the carrier can change the volume of its host: of the metal (Li 13.0, Na 23.7 cm³/mol), of the anion in
fluorides and chlorides (CuF2 against Cu 8.4, AgCl against Ag 15.4 cm³/mol) with a margin."""
OTHER_CARRIERS = 45e-6
RISE = 1e-3
"""V by which a potential may rise with x: rounding of a table."""


def material_problems(material: Material) -> Iterator[Problem]:
    """Everything about a material that cannot be."""
    yield from _check_keys(material)
    yield from _check_formula(material)
    for key, entry in material.values():
        yield from _check_value(key, entry, material.stoichiometry)
    yield from _check_elasticity(material)
    yield from _check_density(material)
    if material.kind == "active" and not any(getattr(material, key) is None for key in NEEDED["active"]):
        yield from _check_content(material)
        yield from _check_window(material)
        yield from _check_potential(material)
        yield from _check_volume(material)
    yield from _check_conduction(material)


def _check_keys(material: Material) -> Iterator[Problem]:
    kind = f"a material of kind {material.kind}"
    for key in NEEDED[material.kind]:
        if getattr(material, key) is None:
            yield Problem(key, f"is missing: {kind} needs it", allowed=", ".join(NEEDED[material.kind]))
    for key in FOREIGN[material.kind]:
        if getattr(material, key) is not None:
            yield Problem(key, f"does not belong to {kind}")
    if material.kind == "active":
        if not any(getattr(material, key) is not None for key in STRAINS):
            yield Problem(
                "volume_change", f"is missing: {kind} needs one of them", allowed=" | ".join(STRAINS)
            )
        if material.carrier.per_formula is None:
            yield Problem("carrier.per_formula", f"is missing: {kind} needs it", allowed="a number of ions")
    if material.lattice is not None and material.lattice not in lattice_names():
        hint = nearest(material.lattice, lattice_names())
        yield Problem("lattice", "is not in the library", material.lattice, ", ".join(lattice_names()), hint)


def _check_formula(material: Material) -> Iterator[Problem]:
    try:
        found = atoms(material.formula)
    except ValueError as error:
        yield Problem(
            "formula", str(error), material.formula, "such as LiNi0.8Co0.1Mn0.1O2 or Li8/7Ti2/7V4/7O2"
        )
        return
    element, count = material.carrier.ion.rstrip("0123456789+-"), material.carrier.per_formula
    if count is not None and count > found.get(element, count) * (1.0 + 1e-9):
        message = f"is more than the formula {material.formula} has"
        yield Problem("carrier.per_formula", message, count, f"at most {found[element]:.6g} {element}")


def _check_value(key: str, entry: Value[Any], window: Window | None) -> Iterator[Problem]:
    at, values = _sampled(entry.value, window)
    if key in LIMITS:
        low, high, allowed = LIMITS[key]
        wrong = ~((values >= low) & (values <= high))
        if wrong.any():
            k = int(np.argmax(wrong))
            where = f" at x = {at[k]:.3g}" if isinstance(entry.value, Curve) and len(values) > 1 else ""
            yield Problem(
                f"{key}.value", f"is out of any range{where}", f"{values[k]:.6g} (internal units)", allowed
            )
    if entry.range is not None:
        low, high = (float(_sampled(end, window)[1][0]) for end in entry.range)
        if not low < high:
            yield Problem(f"{key}.range", "is not a range", allowed="[lowest, highest]")
        elif isinstance(entry.value, int | float) and not low <= entry.value <= high:
            given = f"{entry.value:g} outside {low:g} to {high:g}"
            yield Problem(f"{key}.value", "is outside its own range", given, "a value inside the range")
    if not 100.0 <= entry.temperature <= 1000.0:
        yield Problem(
            f"{key}.temperature", "is out of any range", f"{entry.temperature:g} K", "100 to 1000 K"
        )
    energy = entry.activation_energy if isinstance(entry, ThermalValue) else None
    if energy is not None and not 1e3 <= energy <= 2e5:
        allowed = "1 to 200 kJ/mol (0.01 to 2 eV; 1 eV is 96.5 kJ/mol)"
        yield Problem(f"{key}.activation_energy", "is out of any range", f"{energy:g} J/mol", allowed)


def _sampled(value: Any, window: Window | None) -> tuple[Any, Any]:
    """Where a value is looked at, and what it is there: a curve over the stoichiometry window."""
    if not isinstance(value, Curve):
        return np.zeros(1), np.array([float(value)])
    at = np.linspace(window.low, window.high, 201) if window is not None else np.array([0.5])
    return at, value(at)


def _check_elasticity(material: Material) -> Iterator[Problem]:
    poisson, modulus = material.poisson_ratio.value, material.youngs_modulus.value
    if not 0.0 <= poisson <= 0.49:
        allowed = "0 to 0.49: nearer to 0.5 the bulk modulus E/(3 (1 - 2 nu)) is without bound; below 0 no electrode material is"
        yield Problem("poisson_ratio.value", "is not that of a battery material", poisson, allowed)
    for key in ("yield_strength", "strength"):
        entry = getattr(material, key)
        if entry is not None and entry.value > 0.1 * modulus:
            message = f"is more than a tenth of Young's modulus ({modulus:g} MPa), the strength of a perfect crystal"
            yield Problem(f"{key}.value", message, f"{entry.value:g} MPa", f"at most {0.1 * modulus:g} MPa")


def _check_density(material: Material) -> Iterator[Problem]:
    """Density against that of the crystal, three formula units in a hexagonal cell."""
    if material.lattice not in lattice_names() or not _is_formula(material):
        return
    entry = read_lattice(str(material.lattice))
    crystal = 3.0 * material.molar_mass / (AVOGADRO * entry.cell_volume()[-1] * 1e-24) * 1e3  # at x = 1
    if abs(material.density.value / crystal - 1.0) > 0.04:
        message = "is not that of the crystal with its lattice parameters"
        yield Problem(
            "density.value", message, f"{material.density.value:g} kg/m^3", f"{crystal:.0f} kg/m^3 within 4 %"
        )


def _is_formula(material: Material) -> bool:
    try:
        return material.molar_mass > 0.0
    except ValueError:
        return False


def _check_content(material: Material) -> Iterator[Problem]:
    """Concentration at x = 1 against what density, molar mass and formula have room for."""
    if not _is_formula(material) or material.carrier.per_formula is None:
        return
    assert material.maximum_concentration is not None
    held = material.carrier.per_formula * material.density.value / (material.molar_mass * 1e-3)
    given = material.maximum_concentration.value
    if abs(given / held - 1.0) > 0.02:
        what = "is more than the crystal holds" if given > held else "is less than the crystal holds at x = 1"
        allowed = (
            f"{held:.0f} mol/m^3 within 2 %: {material.carrier.per_formula:g} {material.carrier.ion} per formula, "
            f"{material.density.value:g} kg/m^3, {material.molar_mass:.2f} g/mol"
        )
        yield Problem("maximum_concentration.value", what, f"{given:g} mol/m^3", allowed)


def _check_window(material: Material) -> Iterator[Problem]:
    window, potential = material.stoichiometry, material.open_circuit_potential
    assert window is not None and potential is not None
    if not window.low < window.high or not window.low <= window.assembled <= window.high:
        ends = [window.low, window.assembled, window.high]
        yield Problem("stoichiometry", "is not in order", ends, "low <= assembled <= high")
    known = stoichiometry_range(potential.value)
    if isinstance(potential.value, PointsCurve) and (window.low < known[0] or window.high > known[1]):
        given = f"{window.low:g} to {window.high:g}"
        allowed = f"within {known[0]:g} to {known[1]:g}, where the potential has points"
        yield Problem("stoichiometry", "leaves the potential behind", given, allowed)


def _check_potential(material: Material) -> Iterator[Problem]:
    """The potential falls with x; where it has plateaus the mobility must not be taken from its slope."""
    window, potential = material.stoichiometry, material.open_circuit_potential
    assert window is not None and potential is not None
    x = np.linspace(window.low, window.high, 401)
    values = potential.value(x)
    rise = float(np.max(values - np.minimum.accumulate(values)))
    if rise > RISE:
        end = int(np.argmax(values - np.minimum.accumulate(values)))
        begin = int(np.argmin(values[: end + 1]))
        message = f"rises by {1e3 * rise:.3g} mV from x = {x[begin]:.3g} to {x[end]:.3g}: such a phase would fall apart"
        yield Problem("open_circuit_potential.value", message, allowed="a potential that falls with x")
    elif material.mobility == "from_open_circuit_potential":
        slope = potential.value.derivative(x)
        if float(slope.max()) >= 0.0:
            k = int(np.argmax(slope))
            message = f"does not fall at x = {x[k]:.3g}, where the mobility would be without bound"
            allowed = "a potential that falls everywhere, or mobility: ideal_solution"
            yield Problem("open_circuit_potential.value", message, f"slope {slope[k]:.3g} V", allowed)


def _check_volume(material: Material) -> Iterator[Problem]:
    """Volume change against the molar volume of the carrier, and against the lattice parameters."""
    window, key = material.stoichiometry, next((k for k in STRAINS if getattr(material, k) is not None), None)
    if key is None or material.lattice not in (None, *lattice_names()):
        return
    volume = material.volume_curve()
    assert volume is not None and window is not None and material.maximum_concentration is not None
    x = np.linspace(window.low, window.high, 201)
    change = volume(x)
    at = key if key == "lattice" else f"{key}.value"
    largest = LARGEST_MOLAR_VOLUME.get(material.carrier.ion, OTHER_CARRIERS)
    spread = float(change.max() - change.min())
    content = material.maximum_concentration.value * (window.high - window.low)
    molar = spread / content
    if float(change.min()) <= -1.0 or molar > largest:
        percent = "; is it in percent? 5 % is 0.05" if spread > 1.0 else ""
        message = f"is {1e6 * molar:.3g} cm^3 per mole of {material.carrier.ion}, more than a mole can take{percent}"
        allowed = (
            f"up to {1e6 * largest:.3g} cm^3/mol, here {largest * content:.3g} between the ends of the window"
        )
        yield Problem(at, message, f"{spread:.4g}", allowed)
        return
    cell = material.lattice_volume()
    if cell is None or key == "lattice":
        return
    own, crystal = (float(c(window.low) - c(window.high)) for c in (volume, cell))
    if abs(own - crystal) > 0.01:
        message = "is not that of the lattice parameters between the ends of the window"
        yield Problem(at, message, f"{own:.4g}", f"{crystal:.4g} within 0.01 (lattice: {material.lattice})")


def _check_conduction(material: Material) -> Iterator[Problem]:
    ionic, electronic = material.ionic_conductivity, material.electronic_conductivity
    if ionic is None:
        return
    if ionic.value.kind != "constant":
        yield Problem(
            "ionic_conductivity.value", "depends on x, which an electrolyte does not have", allowed="a value"
        )
    elif electronic is not None and float(electronic.value(0.5)) > 0.1 * float(ionic.value(0.5)):
        given = f"{float(electronic.value(0.5)):g} uS/m"
        allowed = "a tenth of ionic_conductivity at most, else it is a mixed conductor"
        yield Problem("electronic_conductivity.value", "is not that of an electrolyte", given, allowed)
