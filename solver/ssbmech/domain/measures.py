"""Measures of cells."""

from __future__ import annotations

from math import factorial

import numpy as np
import numpy.typing as npt
from dolfinx import mesh as dmesh

from ssbmech import compat


def cell_volumes(mesh: dmesh.Mesh) -> npt.NDArray[np.float64]:
    """(owned cells,) volumes of simplices [µm³] (areas in 2D)."""
    volumes: npt.NDArray[np.float64] = np.abs(np.linalg.det(_edges(mesh))) / factorial(mesh.topology.dim)
    return volumes


def squared_gradients(mesh: dmesh.Mesh) -> npt.NDArray[np.float64]:
    """(owned cells,) Σ_i |∇φ_i|² of the linear shape functions [1/µm²]: times the volume, the trace of the stiffness of a cell."""
    # Columns: of the corners but the first, whose gradient is minus their sum.
    gradients = np.linalg.inv(_edges(mesh))
    first = (gradients.sum(axis=2) ** 2).sum(axis=1)
    squares: npt.NDArray[np.float64] = (gradients**2).sum(axis=(1, 2)) + first
    return squares


def _edges(mesh: dmesh.Mesh) -> npt.NDArray[np.float64]:
    """(owned cells, dim, dim) rows: from the first corner to each of the others [µm]."""
    dim = mesh.topology.dim
    owned = mesh.topology.index_map(dim).size_local
    corners: npt.NDArray[np.float64] = mesh.geometry.x[compat.cell_nodes(mesh)[:owned]][:, :, :dim]
    return corners[:, 1:] - corners[:, :1]
