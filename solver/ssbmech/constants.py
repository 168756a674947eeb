"""Physical constants (CODATA 2018) and the internal unit system.

Internally lengths are in µm, stresses in MPa, potentials in V, times in s and charges in pC; it follows that forces are
in µN, energies in pJ and currents in pA. Lithium is counted as charge: a concentration c [mol/m³] is the charge density
F c [pC/µm³], and a chemical potential µ [J/mol] is the potential µ/F [V]. Energies per volume are then MPa throughout.
"""

from __future__ import annotations

FARADAY = 96485.33212
"""Faraday constant [C/mol]."""

GAS_CONSTANT = 8.314462618
"""Molar gas constant [J/(mol K)]."""

CHARGE_DENSITY_PER_CONCENTRATION = FARADAY * 1e-6
"""Charge density [pC/µm³] of 1 mol/m³ of lithium."""

MAH_PER_CM2 = 36_000.0
"""Charge density [pC/µm² = C/m²] of 1 mAh/cm²."""


def thermal_voltage(temperature: float) -> float:
    """R T / F [V] at ``temperature`` [K]."""
    return GAS_CONSTANT * temperature / FARADAY
