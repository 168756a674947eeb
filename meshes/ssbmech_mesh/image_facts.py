"""What an image says about a microstructure: shares, sizes, areas, percolation, as plain numbers for a report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ssbmech_mesh.image_phases import PhaseImage
from ssbmech_mesh.segmentation import Bodies, interface_areas, percolation, touching_pairs
from ssbmech_mesh.simplex import Floats


def image_facts(read: PhaseImage, phases: PhaseImage, bodies: Bodies) -> dict[str, Any]:
    """Facts ready for JSON; lengths in µm, areas in µm² (in a section lengths in µm), volumes in µm³ (µm²).

    read: phases as read and cropped; phases: as meshed. `interface_area` by stereology (`crofton_areas`), also of
    a phase with itself where its particles touch. `bodies`: how many a phase has; `touches_box`: how many of these reach a face of the
    image, which may have cut them. Diameters are those of the ball (the disc) of the same volume (area), their quantiles by
    volume over all bodies of a phase that has several. `coordination`: mean number of others of its phase that a body touches.
    """
    flat = 1 in phases.values.shape
    count = np.bincount(bodies.phase, minlength=len(phases.names))
    several = [k for k in range(len(phases.names)) if count[k] > 1]
    one, two, _ = touching_pairs(bodies.labels, phases.voxel_size)
    same = bodies.phase[one - 1] == bodies.phase[two - 1]
    return {
        "voxels_read": list(read.values.shape),
        "voxel_size_read": list(read.voxel_size),
        "voxels": list(phases.values.shape),
        "voxel_size": list(phases.voxel_size),
        "volume_fraction_read": read.fractions(),
        "volume_fraction": phases.fractions(),
        "bodies": {name: int(n) for name, n in zip(phases.names, count, strict=True)},
        "touches_box": {
            phases.names[k]: int(np.count_nonzero(bodies.border & (bodies.phase == k))) for k in several
        },
        "diameter_quantiles": {
            phases.names[k]: _quantiles(bodies.diameter[bodies.phase == k], bodies.volume[bodies.phase == k])
            for k in several
        },
        "coordination": {
            phases.names[k]: float(np.count_nonzero(same & (bodies.phase[one - 1] == k)) / count[k])
            for k in several
        },
        "interface_length" if flat else "interface_area": _areas(phases, bodies, flat),
        "percolation": {name: _percolation(found) for name, found in percolation(phases).items()},
    }


def isolation_notes(facts: dict[str, Any], void: tuple[str, ...]) -> list[str]:
    """Sentences on solid phases that do not join both ends of the stack, or of which a part reaches neither."""
    flat = "interface_length" in facts
    notes = ["a section shows less of how a phase hangs together than there is in space"] if flat else []
    for name, found in facts["percolation"].items():
        if name in void:
            continue
        if found["spanning"] == 0.0:
            notes.append(f"{name} does not reach from one end of the stack to the other")
        count = found["isolated_clusters"]
        if count:
            share, largest = 100.0 * found["isolated"], 100.0 * found["largest_isolated"]
            notes.append(
                f"{share:.2g} % of {name} reaches neither end of the stack, in {count} cluster{'s' * (count > 1)} (the largest "
                f"{largest:.2g} %); a least_volume for it removes small ones"
            )
    return notes


def _areas(phases: PhaseImage, bodies: Bodies, flat: bool) -> dict[str, float]:
    """Keyed "phase|phase". A section is given the thickness of its pixels, for which the formula is most exact."""
    depth = 1.0
    if flat:
        x, _, z = phases.voxel_size
        depth = float(np.sqrt(x * z))
        phases = replace(phases, voxel_size=(x, depth, z))
    return {f"{a}|{b}": area / depth for (a, b), area in interface_areas(phases, bodies.labels).items()}


def _quantiles(diameter: Floats, volume: Floats) -> dict[str, float]:
    """D10, D50, D90: 10, 50 and 90 % of the volume lie in smaller bodies, each counted at its middle."""
    order = np.argsort(diameter)
    share = (np.cumsum(volume[order]) - 0.5 * volume[order]) / volume.sum()
    return {f"D{p}": float(np.interp(p / 100.0, share, diameter[order])) for p in (10, 50, 90)}


def _percolation(found: Any) -> dict[str, float | int]:
    shares = found.isolated_shares
    return {
        "clusters": found.clusters,
        "spanning": found.spanning,
        "one_end": found.one_end,
        "isolated": found.isolated,
        "isolated_clusters": len(shares),
        "largest_isolated": float(shares.max(initial=0.0)),
    }
