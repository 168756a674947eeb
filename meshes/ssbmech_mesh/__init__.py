"""Microstructures of composite electrodes as tagged meshes; needs gmsh, not DOLFINx."""

from __future__ import annotations

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.generate import generate
from ssbmech_mesh.report import MeshReport
from ssbmech_mesh.simplex import SimplexMesh, read_msh

__all__ = ["MeshError", "MeshReport", "SimplexMesh", "generate", "read_msh"]
