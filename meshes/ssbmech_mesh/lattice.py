"""A lattice of Kuhn simplices that fills a box, refined by bisection: triangles or tetrahedra. Lengths in µm.

Bisection (Maubach, SIAM J. Sci. Comput. 16, 1995) stays conforming and repeats few shapes: right isosceles triangles, and
three tetrahedra with dihedral angles of at least 45 degrees where the bricks of the lattice are cubes.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, pairwise, permutations, product

import numpy as np
from numpy.typing import NDArray

from ssbmech_mesh.simplex import Floats, Ints

_SHIFT = 2**31  # an edge as one integer: smaller node * _SHIFT + larger node
_SLACK = 1.25  # longest edge over the wanted one that is not cut: the mean edge comes near the wanted one


def refined_lattice(
    box: Floats, coarsest: float, size: Callable[[Floats], Floats], planes: Floats | None = None
) -> tuple[Floats, Ints]:
    """Nodes (N, d) and simplices (M, d + 1) of the box [0, box], d = 2 or 3, positively oriented.

    coarsest: edge of the bricks before refinement (µm). size: wanted edge length at points (P, d). planes: across the
    last axis, that no simplex crosses. Nodes on the faces of the box and on planes are there to the last bit.
    """
    nodes, cells = _refine(*_lattice(_axes(box, coarsest, planes)), size)
    for axis in range(len(box)):  # midpoints are exact only for powers of two
        nodes[np.abs(nodes[:, axis] - box[axis]) < 1e-9 * box[axis], axis] = box[axis]
    edges = nodes[cells[:, 1:]] - nodes[cells[:, :1]]
    wrong = np.linalg.det(edges) < 0.0
    cells[wrong, :2] = cells[wrong, 1::-1]
    return nodes, cells


def edge_keys(simplices: Ints) -> Ints:
    """Every edge of every simplex as one integer, shape (edges per simplex, M)."""
    pairs = combinations(range(simplices.shape[1]), 2)
    return np.stack([_edge_key(simplices[:, i], simplices[:, j]) for i, j in pairs])


def unique_edges(simplices: Ints) -> Ints:
    """Distinct edges (E, 2), the smaller node first."""
    key = np.unique(edge_keys(simplices))
    return np.stack([key // _SHIFT, key % _SHIFT], axis=1)


def _edge_key(a: Ints, b: Ints) -> Ints:
    return np.asarray(np.minimum(a, b) * _SHIFT + np.maximum(a, b))


def _bricks(box: Floats, edge: float) -> Ints:
    """How many bricks along each axis come nearest to cubes of this edge, in number first, then in shape."""
    exact = box / edge
    either = np.stack([np.floor(exact + 1e-9), np.ceil(exact - 1e-9)])
    choices = np.array(list(product(*np.maximum(either, 1.0).T)))
    number = np.abs(np.log(choices / np.maximum(exact, 1.0)).sum(axis=1))
    shape = np.abs(np.log(choices / exact)).max(axis=1)
    return np.asarray(choices[np.lexsort((shape, np.round(number, 9)))[0]].astype(np.int64))


def _axes(box: Floats, edge: float, planes: Floats | None) -> list[Floats]:
    """Coordinates of the faces of the bricks along each axis."""
    count = _bricks(box, edge)
    axes = [side / n * np.arange(n + 1) for side, n in zip(box, count, strict=True)]
    if planes is None or len(planes) == 0:
        return axes
    ends = np.concatenate([[0.0], planes, box[-1:]])
    parts = [np.linspace(low, high, max(1, round((high - low) / edge)) + 1) for low, high in pairwise(ends)]
    axes[-1] = np.concatenate([parts[0], *(part[1:] for part in parts[1:])])
    return axes


def _lattice(axes: list[Floats]) -> tuple[Floats, Ints]:
    """Bricks between coordinates, d! Kuhn simplices each, all with their longest edge along (1, …, 1)."""
    d = len(axes)
    count = np.array([len(a) - 1 for a in axes])
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, d)
    corner = np.stack(np.meshgrid(*(np.arange(n) for n in count), indexing="ij"), axis=-1).reshape(-1, d)
    stride = np.append(np.cumprod((count + 1)[:0:-1])[::-1], 1)
    base = corner @ stride
    paths = [np.cumsum([0, *stride[list(order)]]) for order in permutations(range(d))]
    return nodes, np.concatenate([base[:, None] + path for path in paths])


def _refine(nodes: Floats, cells: Ints, size: Callable[[Floats], Floats]) -> tuple[Floats, Ints]:
    """Bisect until the refinement edge of each cell is short enough and no node hangs."""
    d = cells.shape[1] - 1
    kind: Ints = np.full(len(cells), d)  # Maubach's tag: the edge to cut runs from corner 0 to corner `kind`
    fresh: NDArray[np.bool_] = np.ones(len(cells), dtype=bool)  # cells whose size was not looked at
    at_node = size(nodes)
    while True:
        look = np.flatnonzero(fresh)
        some = cells[look]
        length = np.linalg.norm(nodes[some[:, 0]] - nodes[some[np.arange(len(some)), kind[look]]], axis=1)
        wanted = np.minimum(at_node[some].min(axis=1), size(nodes[some].mean(axis=1)))
        cut = np.zeros(len(cells), dtype=bool)
        cut[look] = length > _SLACK * wanted
        if not cut.any():
            return nodes, cells
        fresh[:] = False
        nodes, cells, kind, fresh = _closure(nodes, cells, kind, fresh, cut)
        at_node = np.concatenate([at_node, size(nodes[len(at_node) :])])


def _closure(
    nodes: Floats, cells: Ints, kind: Ints, fresh: NDArray[np.bool_], cut: NDArray[np.bool_]
) -> tuple[Floats, Ints, Ints, NDArray[np.bool_]]:
    """Cut the given cells, and others until no node hangs."""
    keys: Ints = np.zeros(0, np.int64)
    middles: Ints = np.zeros(0, np.int64)
    while cut.any():
        parent, tag = cells[cut], kind[cut]
        key = _edge_key(parent[:, 0], parent[np.arange(len(parent)), tag])
        new = np.setdiff1d(key, keys)
        middles = np.concatenate([middles, len(nodes) + np.arange(len(new))])
        keys = np.concatenate([keys, new])
        order = np.argsort(keys, kind="stable")
        keys, middles = keys[order], middles[order]
        nodes = np.concatenate([nodes, 0.5 * (nodes[new // _SHIFT] + nodes[new % _SHIFT])])
        children = _halves(parent, tag, middles[np.searchsorted(keys, key)])
        cells = np.concatenate([cells[~cut], *children])
        tag = np.where(tag == 1, cells.shape[1] - 1, tag - 1)
        kind = np.concatenate([kind[~cut], tag, tag])
        fresh = np.concatenate([fresh[~cut], np.ones(2 * len(tag), dtype=bool)])
        cut = _hanging(cells, keys, len(nodes))
    return nodes, cells, kind, fresh


def _halves(parent: Ints, tag: Ints, middle: Ints) -> tuple[Ints, Ints]:
    first, second = parent.copy(), parent.copy()
    for k in range(1, parent.shape[1]):
        now = tag == k
        first[now, k] = middle[now]
        second[now, :k] = parent[now, 1 : k + 1]
        second[now, k] = middle[now]
    return first, second


def _hanging(cells: Ints, keys: Ints, nodes: int) -> NDArray[np.bool_]:
    """Cells that have one of the edges."""
    end = np.zeros(nodes, dtype=np.int8)
    end[keys // _SHIFT] = 1
    end[keys % _SHIFT] = 1
    maybe = np.flatnonzero(end[cells].sum(axis=1) >= 2)
    wanted = edge_keys(cells[maybe])
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    hanging = np.zeros(len(cells), dtype=bool)
    hanging[maybe] = np.any(keys[place] == wanted, axis=0)
    return hanging
