"""The geometry on which a network conducts: as meshed, or displaced by a saved displacement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import factorial

import basix.ufl
import numpy as np
import numpy.typing as npt

from ssbmech import compat
from ssbmech.domain.broken import BrokenSpace
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.physics.setting import Setting

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Geometry:
    """Places of the corners of the cells: the mesh, moved by the displacement of the setting if it has one.

    Attributes:
        tagged: the mesh.
        setting: with the linear displacement of a saved state, if there is one.
    """

    tagged: TaggedMesh
    setting: Setting

    @cached_property
    def corners(self) -> Floats:
        """(owned + ghost cells, dim + 1, dim) [µm]."""
        mesh, dim = self.tagged.mesh, self.tagged.dim
        corners = mesh.geometry.x[compat.cell_nodes(mesh)][:, :, :dim]
        if "displacement" in self.setting:
            u = self.setting["displacement"]
            corners = corners + u.value.x.array.reshape(-1, dim)[u.broken.space.dofmap.list]
        return np.asarray(corners)

    @cached_property
    def volumes(self) -> Floats:
        """(owned cells,) [µm³], in 2D of a slice 1 µm thick."""
        owned = self.tagged.mesh.topology.index_map(self.tagged.dim).size_local
        edges = self.corners[:owned, 1:] - self.corners[:owned, :1]
        return np.asarray(np.abs(np.linalg.det(edges)) / factorial(self.tagged.dim))

    def positions(self, broken: BrokenSpace, degree: int) -> Floats:
        """(owned + ghost dofs, dim) places of the dofs of a Lagrange space; the origin for the void dof."""
        dim = self.tagged.dim
        shape = {3: "tetrahedron", 2: "triangle"}[dim]
        points = basix.ufl.element("Lagrange", shape, degree).basix_element.points
        weights = np.concatenate([1.0 - points.sum(axis=1, keepdims=True), points], axis=1)
        dofs = np.asarray(broken.space.dofmap.list)
        carried = broken.body_of_dof[dofs[:, 0]] >= 0
        out = np.zeros((broken.body_of_dof.size, dim))
        out[dofs[carried]] = np.einsum("pk,ckd->cpd", weights, self.corners[carried])
        return out

    @cached_property
    def lower(self) -> Floats:
        """(dim,) lower ends of the box [µm]: the faces, each moved by its mean displacement along its normal."""
        return np.array([self._end(axis, "-") for axis in range(self.tagged.dim)])

    @cached_property
    def lengths(self) -> Floats:
        """(dim,) edge lengths of the box [µm]."""
        return np.array([self._end(axis, "+") for axis in range(self.tagged.dim)]) - self.lower

    def _end(self, axis: int, sign: str) -> float:
        plane = (self.tagged.lower if sign == "-" else self.tagged.upper)[axis]
        if "displacement" not in self.setting:
            return float(plane)
        mesh, dim = self.tagged.mesh, self.tagged.dim
        facets = self.tagged.faces["xyz"[axis] + sign]
        to_cells = mesh.topology.connectivity(dim - 1, dim)
        to_facets = mesh.topology.connectivity(dim, dim - 1).array.reshape(-1, dim + 1)
        cells = to_cells.array[to_cells.offsets[facets]]
        opposite = np.argmax(to_facets[cells] == facets[:, None], axis=1)  # facet k lies opposite corner k
        on_face = np.arange(dim + 1)[None] != opposite[:, None]
        corners = self.corners[cells][on_face].reshape(-1, dim, dim)
        area = _simplex_area(mesh.geometry.x[compat.cell_nodes(mesh)[cells]][on_face].reshape(-1, dim, 3))
        sums = np.array([(area * corners[:, :, axis].mean(axis=1)).sum(), area.sum()])
        total = mesh.comm.allreduce(sums)
        return float(total[0] / total[1]) if total[1] > 0.0 else float(plane)


def _simplex_area(corners: Floats) -> Floats:
    """Areas of triangles (n, 3, 3), or lengths of segments (n, 2, 3)."""
    first = corners[:, 1] - corners[:, 0]
    if corners.shape[1] == 2:
        return np.asarray(np.linalg.norm(first, axis=1))
    return np.asarray(0.5 * np.linalg.norm(np.cross(first, corners[:, 2] - corners[:, 0]), axis=1))
