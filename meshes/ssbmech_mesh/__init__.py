"""Microstructures of composite electrodes as tagged meshes; needs gmsh, not DOLFINx."""

from __future__ import annotations

from ssbmech_mesh.bodies import BodyTable
from ssbmech_mesh.composite import build_composite
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.generate import generate, structure_of
from ssbmech_mesh.grains import split_grains
from ssbmech_mesh.image_structure import build_from_image
from ssbmech_mesh.layers import add_layers
from ssbmech_mesh.mesh_file import read_mesh_file, write_mesh
from ssbmech_mesh.meshing import mesh_structure
from ssbmech_mesh.report import MeshReport
from ssbmech_mesh.simplex import SimplexMesh, read_msh
from ssbmech_mesh.specs import CompositeSpec, ImageSpec, MeshSizeSpec, read_spec
from ssbmech_mesh.structure import Structure

__all__ = [
    "BodyTable",
    "CompositeSpec",
    "ImageSpec",
    "MeshError",
    "MeshReport",
    "MeshSizeSpec",
    "SimplexMesh",
    "Structure",
    "add_layers",
    "build_composite",
    "build_from_image",
    "generate",
    "mesh_structure",
    "read_mesh_file",
    "read_msh",
    "read_spec",
    "split_grains",
    "structure_of",
    "write_mesh",
]
