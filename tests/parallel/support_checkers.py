"""A block of cubes in which bodies meet at faces, edges and corners, and what can be counted on it without a solver."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from ssbmech_mesh.primitives import layered_block
from ssbmech_mesh.simplex import SimplexMesh

SIDE = 4.0
NAMES = ["CAM_1", "CAM_2", "CAM_3", "SE"]


def checkers(path: Path, n: int = 4) -> SimplexMesh:
    """The cube [0, 4]³ um with three particles: two that share a face, and a third that shares an edge with one of them."""
    block = layered_block(path, [SIDE, SIDE], [SIDE], ["all"], [n, n, n])
    x = block.nodes[block.cells].mean(axis=1)
    inside = [
        (x[:, 0] < 2) & (x[:, 1] < 2) & (x[:, 2] < 2),
        (x[:, 0] > 2) & (x[:, 1] < 2) & (x[:, 2] < 2),
        (x[:, 0] < 2) & (x[:, 1] > 2) & (x[:, 2] > 2),
    ]
    body = np.full(len(x), 3)
    for number, mask in enumerate(inside):
        body[mask] = number
    mesh = SimplexMesh(block.nodes, block.cells, body, list(NAMES))
    mesh.write(path)
    return mesh


@dataclass
class Counts:
    """Numbers of an independent count on the arrays of a mesh."""

    mesh: SimplexMesh

    def pairs(self, degree: int, bodies: set[int]) -> int:
        """Distinct (vertex or edge, body): the dof blocks of a broken Lagrange space on some of the bodies."""
        found: set[tuple[int, ...]] = set()
        for cell, body in zip(self.mesh.cells.tolist(), self.mesh.body.tolist(), strict=True):
            if body in bodies:
                found |= {(v, -1, body) for v in cell}
                if degree == 2:
                    found |= {(*sorted(edge), body) for edge in combinations(cell, 2)}
        return len(found)

    def interface(self) -> dict[tuple[int, int], tuple[int, float, np.ndarray]]:
        """(lower body, higher body) -> facets, area, and area vector that points from the lower to the higher one."""
        sides: dict[tuple[int, ...], list[int]] = {}
        for number, cell in enumerate(self.mesh.cells.tolist()):
            for facet in combinations(sorted(cell), self.mesh.dimension):
                sides.setdefault(facet, []).append(number)
        out: dict[tuple[int, int], tuple[int, float, np.ndarray]] = {}
        centre = self.mesh.nodes[self.mesh.cells].mean(axis=1)
        for facet, cells in sides.items():
            if len(cells) < 2 or self.mesh.body[cells[0]] == self.mesh.body[cells[1]]:
                continue
            low, high = sorted(cells, key=lambda c: int(self.mesh.body[c]))
            a, b, c = self.mesh.nodes[list(facet)]
            normal = 0.5 * np.cross(b - a, c - a)
            normal *= np.sign(normal @ (centre[high] - centre[low]))
            key = (int(self.mesh.body[low]), int(self.mesh.body[high]))
            number, area, vector = out.get(key, (0, 0.0, np.zeros(3)))
            out[key] = (number + 1, area + float(np.linalg.norm(normal)), vector + normal)
        return out
