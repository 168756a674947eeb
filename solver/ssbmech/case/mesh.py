"""The ``mesh:`` block: a mesh file, or a microstructure to be generated."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ssbmech.case.base import Block
from ssbmech.case.microstructure import FilePath, Generated, LengthUnit, Spheres
from ssbmech.case.structures import Composite, ImageStructure

Microstructure = Annotated[Spheres | Composite | ImageStructure, Field(discriminator="generator")]

BESIDE = {".msh": ".bodies.json", ".xdmf": ".h5"}
"""Endings of the mesh files that `ssbmech_mesh` writes, and of what belongs to them and lies beside them."""


def generators() -> tuple[type[Generated], ...]:
    """The block of every generator."""
    return (Spheres, Composite, ImageStructure)


class Mesh(Block):
    """Where the mesh comes from; exactly one of file and microstructure."""

    file: FilePath | None = Field(
        default=None, description="gmsh .msh, our .xdmf, or whatever meshio reads, relative to this case file"
    )
    length_unit: LengthUnit = Field(default=1.0, description="unit of the coordinates in the file")
    microstructure: Microstructure | None = Field(default=None, description="a structure to be generated")
