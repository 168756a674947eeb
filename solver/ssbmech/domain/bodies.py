"""Bodies and phases: every region of the mesh is one body, and every body is made of one phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from ssbmech.domain.mesh import TaggedMesh

Ints = npt.NDArray[np.int32]


class RegionError(ValueError):
    """Regions of the mesh and phases of the case do not match."""


@dataclass(frozen=True)
class Body:
    """One particle, grain, layer or the electrolyte."""

    number: int
    name: str
    phase: str


@dataclass(frozen=True)
class Bodies:
    """All bodies of a mesh.

    Attributes:
        bodies: the bodies, ``bodies[i].number == i``.
        phases: names of the phases, in the order of the case.
        cell_body: (owned + ghost cells,) body of every cell.
        cell_phase: (owned + ghost cells,) index into ``phases``.
        particle: (bodies,) number of the particle that a body is a piece or a grain of, -1 for none or unknown.
    """

    bodies: tuple[Body, ...]
    phases: tuple[str, ...]
    cell_body: Ints
    cell_phase: Ints
    particle: npt.NDArray[np.int64]

    def of_phases(self, names: Sequence[str]) -> npt.NDArray[np.bool_]:
        """(bodies,) mask of the bodies made of one of the phases ``names``."""
        return np.array([body.phase in names for body in self.bodies], dtype=bool)


def assign_bodies(tagged: TaggedMesh, patterns: Mapping[str, Sequence[str]]) -> Bodies:
    """Give every region of the mesh to the phase whose pattern matches its name.

    Args:
        tagged: the mesh.
        patterns: phase -> glob patterns over region names.

    Raises:
        RegionError: a region without or with two phases, or a phase without a region.
    """
    phases = tuple(patterns)
    bodies = []
    for number, region in enumerate(tagged.regions):
        matches = [phase for phase in phases if any(fnmatchcase(region, p) for p in patterns[phase])]
        if len(matches) != 1:
            what = "no phase" if not matches else "the phases " + " and ".join(matches)
            raise RegionError(
                f"region '{region}' of the mesh matches {what}; phases.<name>.regions must name each region once. "
                f"Regions of the mesh: {_shorten(tagged.regions)}"
            )
        bodies.append(Body(number, region, matches[0]))
    empty = [phase for phase in phases if not any(body.phase == phase for body in bodies)]
    if empty:
        raise RegionError(
            f"phases.{empty[0]}.regions {list(patterns[empty[0]])} match no region of the mesh: {_shorten(tagged.regions)}"
        )
    phase_of_body = np.array([phases.index(body.phase) for body in bodies], dtype=np.int32)
    table = tagged.table
    particle = table.particle if table is not None else np.full(len(bodies), -1, dtype=np.int64)
    return Bodies(tuple(bodies), phases, tagged.cell_region, phase_of_body[tagged.cell_region], particle)


def _shorten(names: Sequence[str], limit: int = 8) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown}, ... ({len(names)} in all)"
