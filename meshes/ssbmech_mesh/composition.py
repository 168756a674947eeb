"""From what the laboratory weighs to what the mesh needs: volume fractions."""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose, isfinite

from ssbmech_mesh.errors import MeshError


def volume_fractions(
    weight_percent: Mapping[str, float], density: Mapping[str, float], porosity: float = 0.0
) -> dict[str, float]:
    """Share of the total volume that each phase takes; with the pores they add up to one.

    weight_percent must add up to 100. Densities of the dense phases in any one unit (only ratios matter).
    porosity is the share of the total volume that is empty. Volume fraction of phase i: (1 - porosity)
    (w_i/rho_i) / sum_j (w_j/rho_j).
    """
    if not weight_percent:
        raise MeshError("weight_percent is empty; name each phase with its weight percent")
    for phase, weight in weight_percent.items():
        if not (isfinite(weight) and weight > 0.0):
            raise MeshError(
                f"weight_percent of {phase} is {weight}; it must be positive (leave absent phases out)"
            )
        if phase not in density:
            raise MeshError(f"density of {phase} is missing; it turns its weight percent into a volume")
        if not (isfinite(density[phase]) and density[phase] > 0.0):
            raise MeshError(f"density of {phase} is {density[phase]}; it must be positive")
    total = sum(weight_percent.values())
    if not isclose(total, 100.0, abs_tol=1e-6):
        raise MeshError(f"weight_percent adds up to {total:g}; it must add up to 100")
    if not 0.0 <= porosity < 1.0:
        raise MeshError(f"porosity is {porosity}; it is a share of the total volume, at least 0 and below 1")
    specific = {phase: weight / density[phase] for phase, weight in weight_percent.items()}
    whole = sum(specific.values())
    return {phase: (1.0 - porosity) * volume / whole for phase, volume in specific.items()}
