"""Nodes of a labelled lattice moved onto the smooth interfaces of its image, never past a least angle. Lengths in µm."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ssbmech_mesh.lattice import unique_edges
from ssbmech_mesh.shares import LabelShares
from ssbmech_mesh.simplex import Floats, Ints, SimplexMesh

_MOST_LABELS = 5  # of one node that are followed; more meet only in voxel noise
_CHUNK = 16_384  # cells at a time: their normals stay in the cache
_STILL = 3e-4  # moves below this share of the shortest edge are not made
_OUTER_ROUNDS = 6  # the last ones, in which surfaces of families have precedence
_GAIN = 0.8  # of the steering; above one it would swing
_WEAK = 1e-4  # squared slope (1 at a plane interface) under which an interface has no side
_HALVINGS = 4  # of a move that makes a cell too flat, before it is given up


def fit(
    mesh: SimplexMesh,
    field: LabelShares,
    box: Floats,
    target: Floats,
    *,
    floor: float,
    smoothing: float,
    rounds: int,
) -> None:
    """Even out the nodes and move those between bodies onto the interface, in turns; steer volumes to the target.

    mesh has nodes of (N, d) and body k of label k + 1. target (bodies,): µm^3, µm^2 for d = 2. floor: degrees that angles keep
    from 0 and from 180. smoothing: width of the weights of the image in edge lengths. Sets mesh.nodes and the shift of the field.
    """
    free = ~((mesh.nodes == 0.0) | (mesh.nodes == box))
    flat = field.levels.on_plane(mesh.nodes)
    free[flat, -1] = False
    groups = _nodes_between(mesh, flat, field.levels.alone)
    rank = np.ones(len(mesh.nodes), np.int64)
    for group in groups:
        rank[group.nodes] = min(group.labels.shape[1], 3)
    between = rank > 1
    facet, pair = mesh.interfaces()
    inner = _averages(unique_edges(mesh.cells), free, np.ones_like(rank), ~between)
    outer = _averages(unique_edges(facet), free, rank, between)
    length = shortest_edges(mesh)
    scale = smoothing * length
    for turn in range(rounds):
        weight = 0.7 if turn < rounds - 3 else 0.3
        step = weight * (outer @ mesh.nodes) + 0.5 * (inner @ mesh.nodes)
        wanted = mesh.nodes + step * free
        for group in groups:
            at = group.nodes
            skin_first = turn % 2 == 1 or turn >= rounds - _OUTER_ROUNDS
            wanted[at] = _onto_interface(
                field, wanted[at], group.labels, free[at], length[at], scale[at], skin_first
            )
        still = np.linalg.norm(wanted - mesh.nodes, axis=1) < _STILL * length
        wanted[still] = mesh.nodes[still]
        mesh.nodes = _guarded(mesh.nodes, wanted, mesh.cells, floor)
        if turn >= 3:
            _steer(mesh, field, mesh.facet_areas(facet), pair, target)


def _steer(mesh: SimplexMesh, field: LabelShares, area: Floats, pair: Ints, target: Floats) -> None:
    """Shift the interfaces of families whose volume is off, and within them those of bodies whose volume is."""
    family = field.family[1:]
    missing = target - _body_volumes(mesh)
    among = family[pair[:, 0]] == family[pair[:, 1]]
    count = int(family.max()) + 1
    outer = np.bincount(family[pair[~among]].ravel(), np.repeat(area[~among], 2), count)
    inner = np.bincount(pair[among].ravel(), np.repeat(area[among], 2), len(mesh.names))
    of_family = np.bincount(family, missing, count)
    field.shift[0, 1:] += _GAIN * (of_family / np.maximum(outer, 1e-300))[family]
    field.shift[1, 1:] += np.where(inner > 0.0, _GAIN * missing / np.maximum(inner, 1e-300), 0.0)


@dataclass(frozen=True)
class _Between:
    """Nodes (n,) of the same number of labels, and these (n, labels)."""

    nodes: Ints
    labels: Ints


def _nodes_between(mesh: SimplexMesh, flat: NDArray[np.bool_], layer: NDArray[np.bool_]) -> list[_Between]:
    """Nodes of more than one body; for those on a plane (N,) labels that are a layer (n + 1,) do not count."""
    pair = np.unique(mesh.cells * len(mesh.names) + mesh.body[:, None])
    node, body = pair // len(mesh.names), pair % len(mesh.names)
    counted = ~(flat[node] & layer[body + 1])
    node, body = node[counted], body[counted]
    count = np.bincount(node, minlength=len(mesh.nodes))
    start = np.cumsum(count) - count
    groups = []
    for number in range(2, _MOST_LABELS + 1):
        nodes = np.flatnonzero(count == number if number < _MOST_LABELS else count >= number)
        if len(nodes):
            groups.append(_Between(nodes, body[start[nodes][:, None] + np.arange(number)] + 1))
    return groups


def _averages(
    edges: Ints, free: NDArray[np.bool_], rank: Ints, moving: NDArray[np.bool_]
) -> sparse.csr_matrix:
    """Matrix from nodes to the way to the mean of their neighbours, zero for nodes with less than two or not moving.

    Nodes on faces and lines follow only nodes on the same, so that these keep their shape.
    """
    both = np.concatenate([edges, edges[:, ::-1]])
    node, other = both[:, 0], both[:, 1]
    follows = moving[node] & (rank[other] >= rank[node]) & np.all(free[other] <= free[node], axis=1)
    node, other = node[follows], other[follows]
    count = np.bincount(node, minlength=len(rank))
    enough = count[node] >= 2
    node, other = node[enough], other[enough]
    diagonal = np.flatnonzero(count >= 2)
    entries = np.concatenate([1.0 / count[node], np.full(len(diagonal), -1.0)])
    place = (np.concatenate([node, diagonal]), np.concatenate([other, diagonal]))
    return sparse.csr_matrix((entries, place), shape=(len(rank), len(rank)))


def shortest_edges(mesh: SimplexMesh) -> Floats:
    """Shortest edge at each node (N,)."""
    edges = unique_edges(mesh.cells)
    size = np.linalg.norm(mesh.nodes[edges[:, 1]] - mesh.nodes[edges[:, 0]], axis=1)
    length = np.full(len(mesh.nodes), np.inf)
    for end in edges.T:
        np.minimum.at(length, end, size)
    return length


def _onto_interface(
    field: LabelShares,
    points: Floats,
    labels: Ints,
    free: NDArray[np.bool_],
    length: Floats,
    scale: Floats,
    skin_first: bool,
) -> Floats:
    """Two Gauss-Newton steps of least length to where the labels (P, A) have equal shares.

    skin_first: nodes where families meet find only the surface between these, wherever it is cut by the one within a family.
    """
    _, within = field.partners(labels)
    ignored = within & ~within.all(axis=1, keepdims=True) & skin_first
    for _ in range(2):
        miss, slope = field.differences(points, labels, scale)
        slope *= free[:, None, :] * ~ignored[:, :, None]
        if labels.shape[1] == 2:
            steep = np.einsum("pi,pi->p", slope[:, 0], slope[:, 0])
            step = (
                -slope[:, 0] * np.where(steep > _WEAK, miss[:, 0] / np.maximum(steep, 1e-300), 0.0)[:, None]
            )
        else:
            value, vector = np.linalg.eigh(np.einsum("pai,paj->pij", slope, slope))
            known = value > np.maximum(0.05 * value[:, -1:], _WEAK)  # else along the interface
            inverse = np.where(known, 1.0 / np.maximum(value, 1e-300), 0.0)
            along = np.einsum("pkj,pak,pa->pj", vector, slope, miss)
            step = -np.einsum("pij,pj->pi", vector, inverse * along)
        far = np.linalg.norm(step, axis=1)
        points = points + step * np.minimum(1.0, 0.5 * length / np.maximum(far, 1e-300))[:, None] * free
    return points


def _guarded(nodes: Floats, wanted: Floats, cells: Ints, floor: float) -> Floats:
    """Go towards wanted places as far as no cell falls below the floor; ends, since nodes only go back.

    Only cells of nodes that moved since the last look are looked at.
    """
    places = wanted.copy()
    changed = np.any(wanted != nodes, axis=1)
    for attempt in range(len(nodes) + _HALVINGS + 1):
        look = cells[np.any(changed[cells], axis=1)]
        bad = look[_too_flat(places, look, floor)]
        if len(bad) == 0:
            return places
        back = np.zeros(len(nodes), dtype=bool)
        back[bad.ravel()] = True
        changed = back & np.any(places != nodes, axis=1)
        places[changed] = 0.5 * (places[changed] + nodes[changed]) if attempt < _HALVINGS else nodes[changed]
    return nodes


def _too_flat(nodes: Floats, cells: Ints, floor: float) -> NDArray[np.bool_]:
    """Cells with an angle nearer than floor (degrees) to 0 or to 180, or turned over."""
    coordinates = np.ascontiguousarray(nodes.T)
    limit = float(np.cos(np.radians(floor))) ** 2
    flat = np.zeros(len(cells), dtype=bool)
    for start in range(0, len(cells), _CHUNK):
        corner = coordinates[:, cells[start : start + _CHUNK].T]
        volume, normals = _normals(corner)
        square = [np.einsum("ip,ip->p", n, n) for n in normals]
        bad = volume <= 0.0
        for i, j in combinations(range(len(normals)), 2):
            product = np.einsum("ip,ip->p", normals[i], normals[j])
            bad |= product * product > limit * square[i] * square[j]
        flat[start : start + _CHUNK] = bad
    return flat


def _body_volumes(mesh: SimplexMesh) -> Floats:
    """As SimplexMesh.body_volumes, faster."""
    coordinates = np.ascontiguousarray(mesh.nodes.T)
    volume = np.zeros(len(mesh.cells))
    for start in range(0, len(mesh.cells), _CHUNK):
        corner = coordinates[:, mesh.cells[start : start + _CHUNK].T]
        edge = corner[:, 1:] - corner[:, :1]
        if len(corner) == 2:
            six = edge[0, 0] * edge[1, 1] - edge[1, 0] * edge[0, 1]
        else:
            six = np.einsum("ip,ip->p", _cross(edge[:, 0], edge[:, 1]), edge[:, 2])
        volume[start : start + _CHUNK] = six
    total = np.bincount(mesh.body, volume, minlength=len(mesh.names))
    return np.asarray(total / factorial(mesh.dimension), dtype=np.float64)


def _normals(corner: Floats) -> tuple[Floats, list[Floats]]:
    """Volume times d! of simplices with corners (d, d + 1, P), and what encloses the same angles as their facets' normals."""
    a, b = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    if len(corner) == 2:
        return a[0] * b[1] - a[1] * b[0], [a, b, b - a]
    c = corner[:, 3] - corner[:, 0]
    three = [_cross(b, c), _cross(c, a), _cross(a, b)]
    return np.einsum("ip,ip->p", a, three[0]), [*three, three[0] + three[1] + three[2]]


def _cross(a: Floats, b: Floats) -> Floats:
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
