"""Tetrahedra from an image of body labels, with a dihedral angle that no cell goes below. Lengths in µm.

A lattice of Kuhn tetrahedra fills the box and is refined by bisection (Maubach, SIAM J. Sci. Comput. 16, 1995), which
stays conforming and repeats three shapes. Cells take the label of their centroid; then the nodes between bodies move
onto the smooth interface of the image. A move is made only as far as every dihedral angle stays above the floor.
The smooth image is the share of each label among the voxels around a point, weighted by a cubic B-spline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.simplex import Floats, Ints, SimplexMesh

_EDGES = list(combinations(range(4), 2))
_FACES = ((1, 3, 2), (0, 2, 3), (0, 3, 1), (0, 1, 2))
_SHIFT = 2**31  # an edge as one integer: smaller node * _SHIFT + larger node
_MOST_LABELS = 5  # of one node that are followed; more meet only in voxel noise
_CHUNK = 10_000  # points at a time, bounds the memory of their stencils to some 100 MB


@dataclass(frozen=True)
class LabelSizes:
    """Edge lengths in µm: at interfaces, far from them, growth per µm, and in thin necks of the given labels."""

    interface: float
    bulk: float
    growth: float = 0.4
    neck: float | None = None
    neck_labels: tuple[int, ...] = ()


def mesh_labels(
    labels: NDArray[np.integer],
    voxel: float,
    sizes: LabelSizes,
    *,
    kernel: float = 1.0,
    smallest_angle: float = 12.0,
    rounds: int = 14,
) -> SimplexMesh:
    """Mesh an image: labels (nx, ny, nz) of 1 to n, edge of a voxel and sizes in µm; label k is body k - 1.

    kernel: reach of the smoothing in voxels (1 to 2). smallest_angle: degrees; the lattice has 45, up to 20 is sensible.
    Raises MeshError for labels that are not 1 to n, and for bodies that no cell represents.
    """
    _check(labels, voxel, sizes, kernel, smallest_angle)
    box = np.array(labels.shape) * voxel
    nodes, cells = _lattice(box, np.maximum(1, np.ceil(box / sizes.bulk - 1e-9).astype(np.int64)))
    nodes, cells = _refine(nodes, cells, _size_at(labels, voxel, sizes))
    for axis in range(3):  # midpoints are exact only for powers of two
        nodes[np.abs(nodes[:, axis] - box[axis]) < 1e-9 * box[axis], axis] = box[axis]
    count = int(labels.max())
    mesh = SimplexMesh(
        nodes, cells, np.zeros(len(cells), np.int64), [f"body_{k + 1:03d}" for k in range(count)]
    )
    mesh.orient()
    field = _Field(labels.astype(np.int64), voxel, kernel)
    mesh.body = field.label(nodes[mesh.cells].mean(axis=1)) - 1
    _remove_spikes(mesh)
    missing = np.flatnonzero(np.bincount(mesh.body, minlength=count) == 0) + 1
    if len(missing):
        raise MeshError(
            f"labels without a cell: {missing.tolist()}; use a smaller interface size or despeckle"
        )
    _fit(mesh, field, box, smallest_angle, rounds)
    return mesh


def _check(
    labels: NDArray[np.integer], voxel: float, sizes: LabelSizes, kernel: float, smallest_angle: float
) -> None:
    if labels.ndim != 3 or not np.issubdtype(labels.dtype, np.integer):
        raise MeshError(f"labels must be a 3-D array of integers, not {labels.dtype} of shape {labels.shape}")
    present = np.unique(labels)
    if not np.array_equal(present, np.arange(1, len(present) + 1)):
        raise MeshError(f"labels must be 1 to n without gaps, found {present[:10].tolist()}; renumber them")
    if voxel <= 0.0 or not 0.0 < sizes.interface <= sizes.bulk or sizes.growth <= 0.0:
        raise MeshError("voxel, growth and sizes must be positive, and interface no larger than bulk")
    if sizes.neck is not None and not 0.0 < sizes.neck <= sizes.interface:
        raise MeshError("the size in necks must be positive and no larger than at interfaces")
    if not 1.0 <= kernel <= 3.0 or not 0.0 < smallest_angle <= 25.0:
        raise MeshError("kernel must be 1 to 3 voxels and smallest_angle above 0 and at most 25 degrees")


class _Field:
    """Shares of the labels around points, and their gradients; constant across the faces of the image."""

    def __init__(self, labels: Ints, voxel: float, kernel: float) -> None:
        self.labels, self.voxel, self.kernel = labels, voxel, kernel
        self.bias = np.zeros(int(labels.max()) + 1)

    def _stencil(self, points: Floats) -> tuple[Ints, Floats]:
        reach = 2.0 * self.kernel
        place = points / self.voxel - 0.5
        index = np.ceil(place - reach).astype(np.int64)[:, :, None] + np.arange(int(2 * reach) + 1)
        offset = (index - place[:, :, None]) / self.kernel
        i, j, k = np.moveaxis(np.clip(index, 0, np.array(self.labels.shape)[:, None] - 1), 1, 0)
        around = self.labels[i[:, :, None, None], j[:, None, :, None], k[:, None, None, :]]
        return around, np.asarray(offset, dtype=np.float64)

    def label(self, points: Floats) -> Ints:
        """The label with the largest share at each point, shape (P,)."""
        found = [self._label(points[s : s + _CHUNK]) for s in range(0, len(points), _CHUNK)]
        return np.concatenate(found)

    def _label(self, points: Floats) -> Ints:
        around, offset = self._stencil(points)
        around = around.reshape(len(points), -1)
        best = around[:, 0].copy()
        mixed = np.flatnonzero(np.any(around != around[:, :1], axis=1))
        weight = np.einsum("pi,pj,pk->pijk", *np.moveaxis(_spline(offset[mixed]), 1, 0))
        slot = np.arange(len(mixed))[:, None] * len(self.bias) + around[mixed]
        share = np.bincount(slot.ravel(), weights=weight.ravel(), minlength=len(mixed) * len(self.bias))
        best[mixed] = share.reshape(len(mixed), len(self.bias)).argmax(axis=1)
        return best

    def shares(self, points: Floats, ask: Ints) -> tuple[Floats, Floats]:
        """Shares (P, A) of labels ask (P, A) with their bias, and gradients (P, A, 3) in 1/µm."""
        share, gradient = np.zeros(ask.shape), np.zeros((*ask.shape, 3))
        for start in range(0, len(points), _CHUNK):
            part = slice(start, start + _CHUNK)
            around, offset = self._stencil(points[part])
            u, v, w = np.moveaxis(_spline(offset) / self.kernel, 1, 0)
            du, dv, dw = np.moveaxis(-_slope(offset) / (self.kernel**2 * self.voxel), 1, 0)
            for a in range(ask.shape[1]):
                mask = (around == ask[part, a][:, None, None, None]).astype(np.float64)
                along = np.einsum("pijk,pk->pij", mask, w)
                across = np.einsum("pij,pj->pi", along, v)
                share[part, a] = np.einsum("pi,pi->p", across, u)
                gradient[part, a, 0] = np.einsum("pi,pi->p", across, du)
                gradient[part, a, 1] = np.einsum("pij,pj,pi->p", along, dv, u)
                gradient[part, a, 2] = np.einsum("pij,pj,pi->p", np.einsum("pijk,pk->pij", mask, dw), v, u)
        return share + self.bias[ask], gradient


def _spline(t: Floats) -> Floats:
    t = np.abs(t)
    return np.where(t < 1.0, 2.0 / 3.0 - t**2 + t**3 / 2.0, np.where(t < 2.0, (2.0 - t) ** 3 / 6.0, 0.0))


def _slope(t: Floats) -> Floats:
    a = np.abs(t)
    size = np.where(a < 1.0, 1.5 * a**2 - 2.0 * a, np.where(a < 2.0, -((2.0 - a) ** 2) / 2.0, 0.0))
    return np.asarray(np.sign(t) * size)


def _size_at(labels: NDArray[np.integer], voxel: float, sizes: LabelSizes) -> Callable[[Floats], Floats]:
    """The wanted edge length as a function of points (P, 3), one value per voxel."""
    edge = ndimage.maximum_filter(labels, 3) != ndimage.minimum_filter(labels, 3)
    size = np.full(labels.shape, sizes.bulk)
    if edge.any():
        size = np.minimum(
            size, sizes.interface + sizes.growth * voxel * ndimage.distance_transform_edt(~edge)
        )
    if sizes.neck is not None:
        inside = np.isin(labels, sizes.neck_labels)
        # the edge replicated: a face of the box is no wall
        depth = ndimage.distance_transform_edt(np.pad(inside, 8, mode="edge"))[8:-8, 8:-8, 8:-8]
        ridge = inside & (depth == ndimage.maximum_filter(depth, 3))
        thin = ridge & (voxel * (2.0 * depth - 1.0) < 2.0 * sizes.interface)
        if thin.any():
            distance = ndimage.distance_transform_edt(~thin)
            size = np.minimum(size, sizes.neck + sizes.growth * voxel * distance)
    last = np.array(labels.shape) - 1

    def at(points: Floats) -> Floats:
        i, j, k = np.clip((points / voxel).astype(np.int64), 0, last).T
        return np.asarray(size[i, j, k])

    return at


def _lattice(box: Floats, count: Ints) -> tuple[Floats, Ints]:
    """A box of count (3,) bricks, six Kuhn tetrahedra each, all with their long diagonal along (1, 1, 1)."""
    axes = [np.arange(n + 1) for n in count]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3) * (box / count)
    corner = np.stack(np.meshgrid(*(a[:-1] for a in axes), indexing="ij"), axis=-1).reshape(-1, 3)
    stride = np.array([(count[1] + 1) * (count[2] + 1), count[2] + 1, 1])
    base = corner @ stride
    paths = [np.cumsum([0, *stride[list(order)]]) for order in permutations(range(3))]
    return nodes, np.concatenate([base[:, None] + path for path in paths])


def _edge_key(a: Ints, b: Ints) -> Ints:
    return np.asarray(np.minimum(a, b) * _SHIFT + np.maximum(a, b))


def _refine(nodes: Floats, cells: Ints, size: Callable[[Floats], Floats]) -> tuple[Floats, Ints]:
    """Bisect until the refinement edge of each cell is short enough and no node hangs."""
    kind = np.full(len(cells), 3)  # Maubach's tag: the edge to cut runs from corner 0 to corner `kind`
    keys: Ints = np.zeros(0, np.int64)
    middles: Ints = np.zeros(0, np.int64)
    while True:
        length = np.linalg.norm(nodes[cells[:, 0]] - nodes[cells[np.arange(len(cells)), kind]], axis=1)
        points = np.concatenate([nodes[cells], nodes[cells].mean(axis=1, keepdims=True)], axis=1)
        wanted = size(points.reshape(-1, 3)).reshape(-1, 5).min(axis=1)
        cut = length > 1.25 * wanted
        if not cut.any():
            return nodes, cells
        while cut.any():
            parent, tag = cells[cut], kind[cut]
            key = _edge_key(parent[:, 0], parent[np.arange(len(parent)), tag])
            fresh = np.setdiff1d(key, keys)
            middles = np.concatenate([middles, len(nodes) + np.arange(len(fresh))])
            keys = np.concatenate([keys, fresh])
            order = np.argsort(keys)
            keys, middles = keys[order], middles[order]
            nodes = np.concatenate([nodes, 0.5 * (nodes[fresh // _SHIFT] + nodes[fresh % _SHIFT])])
            children = _halves(parent, tag, middles[np.searchsorted(keys, key)])
            cells = np.concatenate([cells[~cut], *children])
            tag = np.where(tag == 1, 3, tag - 1)
            kind = np.concatenate([kind[~cut], tag, tag])
            cut = np.any([_contains(keys, _edge_key(cells[:, i], cells[:, j])) for i, j in _EDGES], axis=0)


def _halves(parent: Ints, tag: Ints, middle: Ints) -> tuple[Ints, Ints]:
    first, second = parent.copy(), parent.copy()
    for k in (1, 2, 3):
        now = tag == k
        first[now, k] = middle[now]
        second[now, :k] = parent[now, 1 : k + 1]
        second[now, k] = middle[now]
    return first, second


def _contains(keys: Ints, wanted: Ints) -> NDArray[np.bool_]:
    return np.asarray(keys[np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)] == wanted)


def _remove_spikes(mesh: SimplexMesh) -> None:
    """A cell with three or more facets towards one other body goes over to it."""
    _, sides = mesh.facets()
    sides = sides[sides[:, 1] >= 0]
    for _ in range(3):
        cell, other = sides.ravel(), mesh.body[sides[:, ::-1].ravel()]
        pair, count = np.unique(cell * len(mesh.names) + other, return_counts=True)
        cell, other = pair // len(mesh.names), pair % len(mesh.names)
        change = (count >= 3) & (other != mesh.body[cell])
        mesh.body[cell[change]] = other[change]


def _fit(mesh: SimplexMesh, field: _Field, box: Floats, floor: float, rounds: int) -> None:
    """Even out the nodes and move those between bodies onto the interface, in turns; steer volumes to the image's."""
    free = ~((mesh.nodes == 0.0) | (mesh.nodes == box))
    many, ask = _labels_of_nodes(mesh)
    between = np.zeros(len(mesh.nodes), dtype=bool)
    between[many] = True
    rank = np.ones(len(mesh.nodes), np.int64)
    rank[many] = np.minimum(np.sum(ask > 0, axis=1), 3)
    facet, pair = mesh.interfaces()
    inner, inner_count = _neighbours(_unique_edges(mesh.cells), free, np.ones_like(rank))
    outer, outer_count = _neighbours(_unique_edges(facet), free, rank)
    edges = mesh.nodes[mesh.cells[:, 1:]] - mesh.nodes[mesh.cells[:, :1]]
    length = np.full(len(mesh.nodes), np.inf)
    np.minimum.at(length, mesh.cells.ravel(), np.repeat(np.linalg.norm(edges, axis=2).min(axis=1), 4))
    target = np.bincount(field.labels.ravel())[1:] * field.voxel**3
    for turn in range(rounds):
        weight = 0.7 if turn < rounds - 3 else 0.3
        mean = (inner @ mesh.nodes) / np.maximum(inner_count, 1)[:, None]
        along = (outer @ mesh.nodes) / np.maximum(outer_count, 1)[:, None]
        step = np.where(between[:, None], weight * (along - mesh.nodes), 0.5 * (mean - mesh.nodes))
        step[(between & (outer_count < 2)) | (~between & (inner_count < 2))] = 0.0
        wanted = mesh.nodes + step * free
        wanted[many] = _onto_interface(field, wanted[many], ask, free[many], length[many])
        mesh.nodes = _guarded(mesh.nodes, wanted, mesh.cells, floor)
        if turn >= 3:
            area = np.bincount(pair.ravel(), np.repeat(mesh.facet_areas(facet), 2), len(mesh.names))
            shift = (target - mesh.body_volumes()) / np.maximum(area, 1e-300)
            steep = 4.0 / (3.0 * field.kernel * field.voxel)  # of the difference of two shares at a plane
            field.bias[1:] = np.clip(field.bias[1:] + 0.5 * steep * shift, -0.3, 0.3)


def _labels_of_nodes(mesh: SimplexMesh) -> tuple[Ints, Ints]:
    """Nodes of more than one body, and the labels (index + 1) of these, 0 where there are no more."""
    pair = np.unique(mesh.cells.ravel() * len(mesh.names) + np.repeat(mesh.body, 4))
    node, body = pair // len(mesh.names), pair % len(mesh.names)
    count = np.bincount(node, minlength=len(mesh.nodes))
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    many = np.flatnonzero(count > 1)
    ask = np.zeros((len(many), _MOST_LABELS), np.int64)
    for a in range(_MOST_LABELS):
        has = count[many] > a
        ask[has, a] = body[start[many[has]] + a] + 1
    return many, ask


def _unique_edges(simplices: Ints) -> Ints:
    pairs = combinations(range(simplices.shape[1]), 2)
    return np.asarray(
        np.unique(np.sort(np.concatenate([simplices[:, [i, j]] for i, j in pairs]), axis=1), axis=0)
    )


def _neighbours(edges: Ints, free: NDArray[np.bool_], rank: Ints) -> tuple[sparse.csr_matrix, Floats]:
    """Who follows whom: nodes on faces and lines follow only nodes on the same, so that these keep their shape."""
    both = np.concatenate([edges, edges[:, ::-1]])
    node, other = both[:, 0], both[:, 1]
    follows = (rank[other] >= rank[node]) & np.all(free[other] <= free[node], axis=1)
    node, other = node[follows], other[follows]
    matrix = sparse.csr_matrix((np.ones(len(node)), (node, other)), shape=(len(rank), len(rank)))
    return matrix, np.asarray(matrix.sum(axis=1)).ravel()


def _onto_interface(
    field: _Field, points: Floats, ask: Ints, free: NDArray[np.bool_], length: Floats
) -> Floats:
    """Two Gauss-Newton steps of least length to where the labels of a node have equal shares."""
    for _ in range(2):
        share, gradient = field.shares(points, ask)
        there = ask[:, 1:] > 0
        miss = np.where(there, share[:, 1:] - share[:, :1], 0.0)
        slope = np.where(there[..., None], (gradient[:, 1:] - gradient[:, :1]) * free[:, None, :], 0.0)
        value, vector = np.linalg.eigh(np.einsum("pai,paj->pij", slope, slope))
        known = value > np.maximum(0.05 * value[:, -1:], 5e-5 / field.voxel**2)  # else along the interface
        inverse = np.where(known, 1.0 / np.maximum(value, 1e-300), 0.0)
        right = np.einsum("pai,pa->pi", slope, miss)
        step = -np.einsum("pij,pj,pkj,pk->pi", vector, inverse, vector, right)
        far = np.linalg.norm(step, axis=1)
        points = points + step * np.minimum(1.0, 0.5 * length / np.maximum(far, 1e-300))[:, None] * free
    return points


def _worst_angles(nodes: Floats, cells: Ints) -> Floats:
    """The least of dihedral angles and of what they lack to 180 degrees, per cell; -1 where it is turned over."""
    p = nodes[cells]
    volume = np.einsum("ij,ij->i", np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), p[:, 3] - p[:, 0])
    normal = np.stack([np.cross(p[:, b] - p[:, a], p[:, c] - p[:, a]) for a, b, c in _FACES], axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-300)
    cosine = np.max([np.abs(np.einsum("ij,ij->i", normal[:, i], normal[:, j])) for i, j in _EDGES], axis=0)
    return np.where(volume > 0.0, np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))), -1.0)


def _guarded(nodes: Floats, wanted: Floats, cells: Ints, floor: float) -> Floats:
    """Go towards wanted places as far as no cell falls below the floor; ends, since nodes only go back."""
    places = wanted.copy()
    for attempt in range(len(nodes) + 5):
        bad = _worst_angles(places, cells) < floor
        if not bad.any():
            return places
        back = np.unique(cells[bad])
        places[back] = 0.5 * (places[back] + nodes[back]) if attempt < 4 else nodes[back]
    return nodes
