"""Lattice parameters of layered oxides as functions of their lithium content, from the files of ``library/lattice``.

Each file says where its numbers come from, how they were obtained, and how far they can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import sqrt

import yaml

_FOLDER = resources.files("ssbmech") / "library" / "lattice"


@dataclass(frozen=True)
class LatticeEntry:
    """Lattice parameters of one material in hexagonal axes (R-3m, three formula units in a cell).

    Attributes:
        name, formula: of the material.
        x: lithium per formula unit, rising.
        a, c: lattice parameters [Å].
        volume: of the cell [Å³], as the file has it.
        temperature: [K].
        source: authors, journal, year, DOI.
        method: how the numbers were obtained: tabulated, read off a figure, or constructed from end values.
        confidence: "measured", "read" or "assumed".
        error: reading error of a and c [Å].
        published: x, relative change of the volume from x = 1, and its tolerance, as published; what tests compare with.
    """

    name: str
    formula: str
    x: tuple[float, ...]
    a: tuple[float, ...]
    c: tuple[float, ...]
    volume: tuple[float, ...]
    temperature: float
    source: str
    method: str
    confidence: str
    error: tuple[float, float]
    published: tuple[tuple[float, float, float], ...]

    def cell_volume(self) -> tuple[float, ...]:
        """√3/2 a² c [Å³] at every x."""
        return tuple(0.5 * sqrt(3.0) * a**2 * c for a, c in zip(self.a, self.c, strict=True))


def lattice_names() -> tuple[str, ...]:
    """Names of the materials of the library."""
    return tuple(
        sorted(file.name.removesuffix(".yaml") for file in _FOLDER.iterdir() if file.name.endswith(".yaml"))
    )


@cache
def read_lattice(name: str) -> LatticeEntry:
    """The entry of a material; KeyError where there is none."""
    if name not in lattice_names():
        raise KeyError(name)
    data = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    x, a, c, volume = (tuple(float(v) for v in column) for column in zip(*data["points"], strict=True))
    return LatticeEntry(
        name,
        data["formula"],
        x,
        a,
        c,
        volume,
        float(data["temperature"]),
        data["source"],
        data["method"],
        data["confidence"],
        (float(data["error"]["a"]), float(data["error"]["c"])),
        tuple((float(p["x"]), float(p["change"]), float(p["tolerance"])) for p in data["published"]),
    )
