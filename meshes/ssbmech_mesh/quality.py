"""Shape of tetrahedra and triangles: angles between facets, and gamma (inscribed over circumscribed radius)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np

from ssbmech_mesh.simplex import Floats, SimplexMesh


@dataclass(frozen=True)
class Quality:
    """Figures of a mesh: angles in degrees, gamma between 0 and 1 (regular), volumes in µm^3 (areas in µm^2).

    Angles are those between the facets of a cell: dihedral angles of tetrahedra, angles at the corners of triangles.
    """

    minimum_angle: float
    mean_minimum_angle: float
    maximum_angle: float
    cells_below_5_degrees: int
    cells_below_10_degrees: int
    minimum_gamma: float
    mean_gamma: float
    minimum_volume: float

    def as_dict(self) -> dict[str, float | int]:
        """The same as a plain dictionary."""
        return asdict(self)

    def table(self) -> str:
        """Lines of text, one figure each."""
        rows = [(key.replace("_", " "), value) for key, value in self.as_dict().items()]
        return "\n".join(f"{key:<30} {value:.4g}" for key, value in rows)


def dihedral_angles(mesh: SimplexMesh) -> Floats:
    """The six angles between the faces of every tetrahedron, degrees, shape (M, 6)."""
    corner = mesh.nodes[mesh.cells]
    normals = np.empty_like(corner)
    for i in range(4):
        p, q, r = (corner[:, j] for j in range(4) if j != i)
        normal = np.cross(q - p, r - p)
        outward = np.einsum("ij,ij->i", normal, p - corner[:, i]) > 0.0
        length = np.maximum(np.linalg.norm(normal, axis=1), 1e-300)
        normals[:, i] = np.where(outward, 1.0, -1.0)[:, None] * normal / length[:, None]
    cosine = [-np.einsum("ij,ij->i", normals[:, a], normals[:, b]) for a, b in combinations(range(4), 2)]
    return np.asarray(np.degrees(np.arccos(np.clip(np.stack(cosine, axis=1), -1.0, 1.0))))


def corner_angles(mesh: SimplexMesh) -> Floats:
    """The three angles of every triangle, degrees, shape (M, 3)."""
    corner = mesh.nodes[mesh.cells]
    ahead, behind = np.roll(corner, -1, axis=1) - corner, np.roll(corner, 1, axis=1) - corner
    across = np.linalg.norm(np.cross(ahead, behind), axis=2)
    return np.asarray(np.degrees(np.arctan2(across, np.einsum("mij,mij->mi", ahead, behind))))


def gamma(mesh: SimplexMesh) -> Floats:
    """d r / R of every cell (inscribed, circumscribed radius): 1 if regular, 0 if flat; shape (M,)."""
    if mesh.dimension == 2:
        half = np.radians(corner_angles(mesh)) / 2.0
        return np.asarray(8.0 * np.prod(np.sin(half), axis=1))
    corner = mesh.nodes[mesh.cells]
    a, b, c = (corner[:, i] - corner[:, 0] for i in (1, 2, 3))
    volume = np.abs(np.einsum("ij,ij->i", np.cross(a, b), c)) / 6.0
    faces = [np.cross(a, b), np.cross(b, c), np.cross(c, a), np.cross(b - a, c - a)]
    area = sum(0.5 * np.linalg.norm(face, axis=1) for face in faces)
    squares = [np.einsum("ij,ij->i", edge, edge)[:, None] for edge in (a, b, c)]
    centre = squares[0] * np.cross(b, c) + squares[1] * np.cross(c, a) + squares[2] * np.cross(a, b)
    around = np.linalg.norm(centre, axis=1) / np.maximum(12.0 * volume, 1e-300)
    return np.asarray(9.0 * volume / area / np.maximum(around, 1e-300))


def quality(mesh: SimplexMesh) -> Quality:
    """Measure a mesh."""
    angles = dihedral_angles(mesh) if mesh.dimension == 3 else corner_angles(mesh)
    shape = gamma(mesh)
    smallest = angles.min(axis=1)
    return Quality(
        minimum_angle=float(smallest.min()),
        mean_minimum_angle=float(smallest.mean()),
        maximum_angle=float(angles.max()),
        cells_below_5_degrees=int(np.sum(smallest < 5.0)),
        cells_below_10_degrees=int(np.sum(smallest < 10.0)),
        minimum_gamma=float(shape.min()),
        mean_gamma=float(shape.mean()),
        minimum_volume=float(mesh.volumes().min()),
    )
