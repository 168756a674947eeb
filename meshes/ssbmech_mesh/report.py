"""What came out of a generator, against what was asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ssbmech_mesh.quality import Quality
from ssbmech_mesh.simplex import Floats


@dataclass(frozen=True)
class MeshReport:
    """Figures of a generated mesh. Lengths in µm, areas in µm^2, by phase where there is a mapping.

    nodes counts each place once; body_nodes counts a node once for every body it touches, as fields that jump
    at interfaces do. particles counts whole particles, bodies their pieces and the matrix.
    """

    cells: int
    nodes: int
    body_nodes: dict[str, int]
    particles: int
    bodies: int
    volume_fraction_asked: dict[str, float]
    volume_fraction: dict[str, float]
    diameter_quantiles: dict[str, float]
    smallest_gap: float
    interface_area: float
    quality: Quality
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Nested plain dictionaries, ready for JSON."""
        return asdict(self)

    def table(self) -> str:
        """Text for a log: one figure a line."""
        shares = [
            f"{name} {100 * got:.2f} vol% (asked {100 * self.volume_fraction_asked[name]:.2f})"
            for name, got in self.volume_fraction.items()
        ]
        sizes = ", ".join(f"{name} {value:.2f}" for name, value in self.diameter_quantiles.items())
        lines = [
            f"{self.cells} tetrahedra, {self.nodes} nodes",
            f"{self.particles} particles in {self.bodies - 1} pieces",
            "; ".join(shares),
            f"diameters (µm): {sizes}; smallest gap {self.smallest_gap:.3f} µm",
            f"interface {self.interface_area:.1f} µm^2; {self.seconds:.1f} s",
            self.quality.table(),
        ]
        return "\n".join(lines)


def size_quantiles(diameters: Floats) -> dict[str, float]:
    """The limits, and D10, D50 and D90: 10, 50 and 90 % of the particles' volume lie below (µm)."""
    ordered = np.sort(diameters)
    volume = ordered**3
    below = (np.cumsum(volume) - 0.5 * volume) / volume.sum()
    named = {f"D{percent}": float(np.interp(percent / 100.0, below, ordered)) for percent in (10, 50, 90)}
    return {"minimum": float(ordered[0]), **named, "maximum": float(ordered[-1])}
