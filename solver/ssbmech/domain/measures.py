"""Volumes of cells."""

from __future__ import annotations

from math import factorial

import numpy as np
import numpy.typing as npt
from dolfinx import mesh as dmesh

from ssbmech import compat


def cell_volumes(mesh: dmesh.Mesh) -> npt.NDArray[np.float64]:
    """(owned cells,) volumes of simplices [µm³] (areas in 2D)."""
    dim = mesh.topology.dim
    owned = mesh.topology.index_map(dim).size_local
    corners = mesh.geometry.x[compat.cell_nodes(mesh)[:owned]][:, :, :dim]
    edges = corners[:, 1:] - corners[:, :1]
    volumes: npt.NDArray[np.float64] = np.abs(np.linalg.det(edges)) / factorial(dim)
    return volumes
