"""Microstructures of composite electrodes as tagged meshes; needs gmsh, not DOLFINx."""

from __future__ import annotations
