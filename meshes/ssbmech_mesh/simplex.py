"""A tagged mesh of tetrahedra or triangles as plain arrays, and its way to and from gmsh files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import gmsh
import numpy as np
from numpy.typing import NDArray

from ssbmech_mesh.bodies import BodyTable
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.session import gmsh_model

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_GMSH_TYPE = {1: 1, 2: 2, 3: 4}  # dimension -> gmsh's number of its first-order simplex


@dataclass
class SimplexMesh:
    """First-order simplices, every one of which belongs to one named body.

    nodes: (N, 3) in µm. cells: (M, dimension + 1) indices of nodes. body: (M,) index into names.
    surfaces: name -> (F, dimension) indices of nodes, for the named surfaces (may be none). table: what the bodies are,
    in the order of names, where it is known.
    """

    nodes: Floats
    cells: Ints
    body: Ints
    names: list[str]
    surfaces: dict[str, Ints] = field(default_factory=dict)
    table: BodyTable | None = None

    @property
    def dimension(self) -> int:
        """3 for tetrahedra, 2 for triangles."""
        return int(self.cells.shape[1]) - 1

    def volumes(self) -> Floats:
        """Signed volume of every cell in µm^3 (area in µm^2 for triangles), shape (M,)."""
        corner = self.nodes[self.cells]
        edges = corner[:, 1:] - corner[:, :1]
        if self.dimension == 2:
            return np.asarray(0.5 * (edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]))
        return np.asarray(np.einsum("ij,ij->i", np.cross(edges[:, 0], edges[:, 1]), edges[:, 2]) / 6.0)

    def body_volumes(self) -> Floats:
        """Volume of every body in µm^3, shape (number of names,)."""
        return np.bincount(self.body, weights=self.volumes(), minlength=len(self.names)).astype(np.float64)

    def orient(self) -> None:
        """Make every signed volume positive, by exchanging two nodes of the cells where it is not."""
        wrong = self.volumes() < 0.0
        self.cells[wrong] = self.cells[wrong][:, [1, 0, *range(2, self.dimension + 1)]]

    def facets(self) -> tuple[Ints, Ints]:
        """Distinct facets (F, dimension) and the cells on their two sides (F, 2), -1 where there is none."""
        d = self.dimension
        local = np.array([[i for i in range(d + 1) if i != skip] for skip in range(d + 1)])
        every = np.sort(self.cells[:, local].reshape(-1, d), axis=1)
        owner = np.repeat(np.arange(len(self.cells)), d + 1)
        facet, inverse, count = np.unique(every, axis=0, return_inverse=True, return_counts=True)
        if count.max() > 2:
            raise MeshError("the mesh is not conforming: a facet belongs to more than two cells")
        order = np.argsort(inverse.ravel(), kind="stable")
        first = np.concatenate([[0], np.cumsum(count)[:-1]])
        sides = np.full((len(facet), 2), -1, dtype=np.int64)
        sides[:, 0] = owner[order[first]]
        double = count == 2
        sides[double, 1] = owner[order[first[double] + 1]]
        return facet, sides

    def interfaces(self) -> tuple[Ints, Ints]:
        """Facets between two bodies (F, dimension) and these two bodies (F, 2), the smaller index first."""
        facet, sides = self.facets()
        inner = sides[:, 1] >= 0
        pair = np.sort(self.body[sides[inner]], axis=1)
        differ = pair[:, 0] != pair[:, 1]
        return facet[inner][differ], pair[differ]

    def facet_areas(self, facet: Ints) -> Floats:
        """Area of given facets in µm^2 (length in µm for a mesh of triangles)."""
        corner = self.nodes[facet]
        if self.dimension == 2:
            return np.asarray(np.linalg.norm(corner[:, 1] - corner[:, 0], axis=1))
        normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        return np.asarray(0.5 * np.linalg.norm(normal, axis=1))

    def body_nodes(self) -> int:
        """Nodes, each counted once for every body it touches: the unknowns of a field that jumps there."""
        return len(np.unique(self.cells * len(self.names) + self.body[:, None]))

    def nodes_of(self, bodies: Ints) -> int:
        """The same count over some bodies only."""
        chosen = np.isin(self.body, bodies)
        return len(np.unique(self.cells[chosen] * len(self.names) + self.body[chosen][:, None]))

    def write(self, path: Path) -> None:
        """Write gmsh 4.1 binary: a physical group per body, tag = index + 1, and one per named surface."""
        missing = [name for k, name in enumerate(self.names) if not np.any(self.body == k)]
        if missing:
            raise MeshError(f"these bodies have no cell: {', '.join(missing)}; use a smaller mesh size")
        with gmsh_model("write"):
            _to_gmsh(self)
            gmsh.option.setNumber("Mesh.Binary", 1)
            gmsh.option.setNumber("Mesh.MshFileVersion", 4.1)
            gmsh.option.setNumber("Mesh.SaveAll", 0)
            path.parent.mkdir(parents=True, exist_ok=True)
            gmsh.write(str(path))


def _to_gmsh(mesh: SimplexMesh) -> None:
    d = mesh.dimension
    home = np.full(len(mesh.nodes), len(mesh.names), dtype=np.int64)
    # gmsh keeps each node with one entity
    np.minimum.at(home, mesh.cells.ravel(), np.repeat(mesh.body, d + 1))
    for k, name in enumerate(mesh.names):
        gmsh.model.addDiscreteEntity(d, k + 1)
        own = np.flatnonzero(home == k)
        gmsh.model.mesh.addNodes(d, k + 1, own + 1, mesh.nodes[own].ravel())
        gmsh.model.addPhysicalGroup(d, [k + 1], k + 1, name=name)
    for k in range(len(mesh.names)):
        own = np.flatnonzero(mesh.body == k)
        gmsh.model.mesh.addElementsByType(k + 1, _GMSH_TYPE[d], own + 1, (mesh.cells[own] + 1).ravel())
    element = len(mesh.cells) + 1
    for k, (name, facet) in enumerate(mesh.surfaces.items()):
        gmsh.model.addDiscreteEntity(d - 1, k + 1)
        tags = np.arange(element, element + len(facet))
        gmsh.model.mesh.addElementsByType(k + 1, _GMSH_TYPE[d - 1], tags, (facet + 1).ravel())
        gmsh.model.addPhysicalGroup(d - 1, [k + 1], k + 1, name=name)
        element += len(facet)


def from_gmsh(dimension: int) -> SimplexMesh:
    """The mesh of the current gmsh model; every physical group of the top dimension is a body."""
    tag, coordinates, _ = gmsh.model.mesh.getNodes()
    index = np.full(int(tag.max()) + 1, -1, dtype=np.int64)
    index[tag.astype(np.int64)] = np.arange(len(tag))
    cells, names = _physical(dimension, index)
    surfaces, surface_names = _physical(dimension - 1, index)
    connectivity = np.concatenate(cells)
    used, connectivity = np.unique(connectivity, return_inverse=True)
    renumber = np.full(len(tag), -1, dtype=np.int64)
    renumber[used] = np.arange(len(used))
    body = np.repeat(np.arange(len(cells)), [len(c) for c in cells])
    named = {name: renumber[facet] for name, facet in zip(surface_names, surfaces, strict=True)}
    nodes = coordinates.reshape(-1, 3)[used]
    return SimplexMesh(nodes, connectivity.reshape(-1, dimension + 1), body, names, named)


def _physical(dimension: int, index: Ints) -> tuple[list[Ints], list[str]]:
    connectivity, names = [], []
    for group_dimension, group in gmsh.model.getPhysicalGroups(dimension):
        parts = []
        for entity in gmsh.model.getEntitiesForPhysicalGroup(group_dimension, group):
            _, nodes = gmsh.model.mesh.getElementsByType(_GMSH_TYPE[dimension], int(entity))
            parts.append(index[nodes.astype(np.int64)].reshape(-1, dimension + 1))
        connectivity.append(np.concatenate(parts))
        names.append(gmsh.model.getPhysicalName(group_dimension, group))
    return connectivity, names


def read_msh(path: Path) -> SimplexMesh:
    """Read back what `SimplexMesh.write` wrote (or any gmsh mesh whose bodies are physical groups)."""
    if not path.is_file():
        raise MeshError(f"{path}: there is no such file")
    with gmsh_model("read"):
        gmsh.merge(str(path))
        dimension = gmsh.model.getDimension()
        if not gmsh.model.getPhysicalGroups(dimension):
            raise MeshError(
                f"{path}: has no physical groups of dimension {dimension}; bodies are told apart by them"
            )
        return from_gmsh(dimension)
