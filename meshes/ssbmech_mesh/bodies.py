"""What every body of a structure or a mesh is: phase, particle, grain, crystal frame. Lengths in µm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BodyTable:
    """Bodies of a structure or a mesh, one entry each.

    names, phases: of the bodies. particle (n,): number of the particle from 0, the same for all pieces and grains of it, -1 for
    what is no particle. grain (n,): number of the grain within its particle from 0, -1 without grains. center
    (n, 3), radius (n,): of the particle (µm; its volume's sphere), nan for what is none. frame (n, 3, 3): columns are the crystal
    axes a, c x a, c as unit vectors in the coordinates of the mesh; nan where a body has no crystal frame.
    """

    names: tuple[str, ...]
    phases: tuple[str, ...]
    particle: Ints
    grain: Ints
    center: Floats
    radius: Floats
    frame: Floats

    def __post_init__(self) -> None:
        n = len(self.names)
        shapes = {"particle": (n,), "grain": (n,), "center": (n, 3), "radius": (n,), "frame": (n, 3, 3)}
        wrong = [key for key, shape in shapes.items() if getattr(self, key).shape != shape]
        if len(self.phases) != n or wrong:
            raise ValueError(f"a table of {n} bodies has other lengths in {', '.join(wrong) or 'phases'}")

    def __len__(self) -> int:
        return len(self.names)

    def take(self, index: Ints) -> BodyTable:
        """The bodies at the given places, in that order."""
        return BodyTable(
            tuple(self.names[i] for i in index),
            tuple(self.phases[i] for i in index),
            self.particle[index],
            self.grain[index],
            self.center[index],
            self.radius[index],
            self.frame[index],
        )

    def renamed(self, names: tuple[str, ...]) -> BodyTable:
        """The same bodies under other names."""
        return replace(self, names=names)

    def of_phase(self, *phases: str) -> NDArray[np.bool_]:
        """(n,) which bodies are of one of the phases."""
        return np.array([phase in phases for phase in self.phases], dtype=bool)


def plain_table(names: list[str], phases: list[str]) -> BodyTable:
    """Bodies that are no particles: layers, a matrix, additives."""
    n = len(names)
    none = np.full(n, -1, dtype=np.int64)
    return BodyTable(
        tuple(names),
        tuple(phases),
        none,
        none.copy(),
        np.full((n, 3), np.nan),
        np.full(n, np.nan),
        np.full((n, 3, 3), np.nan),
    )


def joined(first: BodyTable, second: BodyTable) -> BodyTable:
    """One table after the other."""
    return BodyTable(
        first.names + second.names,
        first.phases + second.phases,
        np.concatenate([first.particle, second.particle]),
        np.concatenate([first.grain, second.grain]),
        np.concatenate([first.center, second.center]),
        np.concatenate([first.radius, second.radius]),
        np.concatenate([first.frame, second.frame]),
    )
