"""Chemical formulas: atoms in a formula unit, and the molar mass."""

from __future__ import annotations

import re
from fractions import Fraction

# Standard atomic weights [g/mol], conventional values: T. Prohaska et al., Pure Appl. Chem. 94 (2022) 573 (IUPAC 2021).
ATOMIC_WEIGHTS = {
    "H": 1.008, "Li": 6.94, "B": 10.81, "C": 12.011, "N": 14.007, "O": 15.999, "F": 18.998403162, "Na": 22.98976928,
    "Mg": 24.305, "Al": 26.9815384, "Si": 28.085, "P": 30.973761998, "S": 32.06, "Cl": 35.45, "K": 39.0983, "Ca": 40.078,
    "Sc": 44.955907, "Ti": 47.867, "V": 50.9415, "Cr": 51.9961, "Mn": 54.938043, "Fe": 55.845, "Co": 58.933194,
    "Ni": 58.6934, "Cu": 63.546, "Zn": 65.38, "Ga": 69.723, "Ge": 72.630, "Br": 79.904, "Sr": 87.62, "Y": 88.905838,
    "Zr": 91.224, "Nb": 92.90637, "Mo": 95.95, "Ru": 101.07, "Ag": 107.8682, "In": 114.818, "Sn": 118.710, "Sb": 121.760,
    "Te": 127.60, "I": 126.90447, "Cs": 132.90545196, "Ba": 137.327, "La": 138.90547, "Ce": 140.116, "Er": 167.259,
    "Ta": 180.94788, "W": 183.84, "Pb": 207.2, "Bi": 208.98040,
}  # fmt: skip

_ELEMENT = re.compile(r"([A-Z][a-z]?)(\d+/\d+|\d+\.?\d*|\.\d+)?")


def atoms(formula: str) -> dict[str, float]:
    """Atoms of each element in a formula unit, such as Li8/7Ti2/7V4/7O2 or CsSn0.95Y0.05Cl3.05.

    Raises ValueError for text that is not a formula (brackets are not read).
    """
    found: dict[str, float] = {}
    at = 0
    for match in _ELEMENT.finditer(formula):
        if match.start() != at:
            break
        element, count = match[1], match[2] or "1"
        if element not in ATOMIC_WEIGHTS:
            raise ValueError(f"{element} is not an element that has an atomic weight here")
        number = float(Fraction(count)) if "/" not in count or int(count.split("/")[1]) else 0.0
        if number <= 0.0:
            raise ValueError(f"{element}{count} is not a number of atoms")
        found[element] = found.get(element, 0.0) + number
        at = match.end()
    if at != len(formula) or not found:
        raise ValueError("is not a formula: element symbols with numbers, without brackets")
    return found


def molar_mass(formula: str) -> float:
    """Mass of a mole of formula units [g/mol]."""
    return sum(number * ATOMIC_WEIGHTS[element] for element, number in atoms(formula).items())
