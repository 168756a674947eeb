"""A tagged mesh of tetrahedra or triangles as plain arrays, and its way to and from gmsh files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import gmsh
import numpy as np
from numpy.typing import NDArray

from ssbmech_mesh.bodies import BodyTable
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.msh_file import write_msh
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
        key = _row_key(every, len(self.nodes))
        order = np.argsort(key, kind="stable")
        first = np.flatnonzero(np.diff(key[order], prepend=-1))
        count = np.diff(first, append=len(order))
        if count.max() > 2:
            raise MeshError("the mesh is not conforming: a facet belongs to more than two cells")
        facet = every[order[first]]
        sides = np.full((len(facet), 2), -1, dtype=np.int64)
        sides[:, 0] = order[first] // (d + 1)
        double = count == 2
        sides[double, 1] = order[first[double] + 1] // (d + 1)
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
        """Write gmsh 4.1 binary: a physical group per body, tag = index + 1, and one per named surface.

        Nodes that no cell uses are left out. What the bodies are (`table`) has no place in the format;
        `mesh_file.write_mesh` puts it beside the file.
        """
        check_names(self)
        write_msh(self, path)


def _row_key(rows: Ints, count: int) -> Ints:
    """One integer for each row of node numbers below count, in the order of the rows."""
    key = rows[:, 0]
    for column in rows.T[1:]:
        if (
            int(key.max(initial=0)) >= 2**62 // count
        ):  # would overflow: number the distinct beginnings instead
            key = np.unique(key, return_inverse=True)[1]
        key = key * count + column
    return np.asarray(key)


def check_names(mesh: SimplexMesh) -> None:
    """Raise where names could not be told apart or written, or where a body has no cell."""
    cells = np.bincount(mesh.body, minlength=len(mesh.names))
    if len(cells) > len(mesh.names):
        raise MeshError(f"cells are of body {len(cells) - 1}, but there are {len(mesh.names)} names")
    missing = [name for name, count in zip(mesh.names, cells, strict=True) if count == 0]
    if missing:
        raise MeshError(f"these bodies have no cell: {', '.join(missing)}; use a smaller mesh size")
    bare = [name for name, facet in mesh.surfaces.items() if len(facet) == 0]
    if bare:
        raise MeshError(f"these surfaces have no facet: {', '.join(bare)}")
    every = [*mesh.names, *mesh.surfaces]
    if len(set(every)) < len(every):
        double = sorted({name for name in every if every.count(name) > 1})
        raise MeshError(f"bodies and surfaces need names of their own; twice: {', '.join(double)}")
    phases = mesh.table.phases if mesh.table is not None else ()
    odd = [name for name in (*every, *dict.fromkeys(phases)) if not _is_name(name)]
    if odd:
        raise MeshError(
            f"{odd[0]!r} cannot be the name of a body, a phase or a surface: 1 to 120 bytes, printable, without double quotes and "
            "without spaces at the ends"
        )


def _is_name(name: str) -> bool:
    # gmsh ends a name at a double quote and cuts it at 127 bytes; XML has no control characters.
    return name == name.strip() != "" and name.isprintable() and '"' not in name and len(name.encode()) <= 120


def from_gmsh(dimension: int) -> SimplexMesh:
    """The mesh of the current gmsh model, nodes and cells in the order of their tags.

    Every physical group of the top dimension is a body.
    """
    tag, coordinates, _ = gmsh.model.mesh.getNodes()
    order = np.argsort(tag)
    index = np.full(int(tag.max()) + 1, -1, dtype=np.int64)
    index[tag[order].astype(np.int64)] = np.arange(len(tag))
    cells, cell_tags, names = _physical(dimension, index)
    surfaces, _, surface_names = _physical(dimension - 1, index)
    by_tag = np.argsort(np.concatenate(cell_tags), kind="stable")
    connectivity = np.concatenate(cells)[by_tag]
    body = np.repeat(np.arange(len(cells)), [len(c) for c in cells])[by_tag]
    used, connectivity = np.unique(connectivity, return_inverse=True)
    renumber = np.full(len(tag), -1, dtype=np.int64)
    renumber[used] = np.arange(len(used))
    named = {name: renumber[facet] for name, facet in zip(surface_names, surfaces, strict=True)}
    nodes = coordinates.reshape(-1, 3)[order[used]]
    return SimplexMesh(nodes, connectivity.reshape(-1, dimension + 1), body, names, named)


def _physical(dimension: int, index: Ints) -> tuple[list[Ints], list[Ints], list[str]]:
    """Cells (as nodes) and tags of the cells of every physical group of one dimension, and the names of the groups."""
    connectivity, tags, names = [], [], []
    for group_dimension, group in gmsh.model.getPhysicalGroups(dimension):
        parts, part_tags = [], []
        for entity in gmsh.model.getEntitiesForPhysicalGroup(group_dimension, group):
            tag, nodes = gmsh.model.mesh.getElementsByType(_GMSH_TYPE[dimension], int(entity))
            parts.append(index[nodes.astype(np.int64)].reshape(-1, dimension + 1))
            part_tags.append(tag.astype(np.int64))
        connectivity.append(np.concatenate(parts))
        tags.append(np.concatenate(part_tags))
        names.append(gmsh.model.getPhysicalName(group_dimension, group))
    return connectivity, tags, names


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
