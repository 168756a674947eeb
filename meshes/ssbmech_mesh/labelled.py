"""Simplices from an image of body labels, with an angle that no cell goes below. Lengths in µm.

A lattice of Kuhn simplices is refined by bisection (lattice.py); its cells take the label of their centroid in the
smooth image (shares.py); then the nodes between bodies move onto the interface of that image, only as far as every
angle stays above the floor (fit.py). Images of one layer of voxels give triangles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.fit import fit, shortest_edges
from ssbmech_mesh.gradation import Gradation, LabelSizes
from ssbmech_mesh.lattice import refined_lattice
from ssbmech_mesh.shares import LabelShares
from ssbmech_mesh.simplex import Floats, Ints, SimplexMesh

SMOOTHING = 0.5  # width of the weights of the smooth image in edge lengths
_CRUMB = 8  # cells; smaller parts of a body that has a larger one are not worth a mesh
_FLOOR = {2: 20.0, 3: 12.0}  # degrees; the lattices have 45


_FIRST_ROUNDS = (5, 4, 4)


def mesh_labels(
    labels: NDArray[np.integer],
    voxel_size: tuple[float, float, float],
    sizes: LabelSizes,
    *,
    smoothing: float = SMOOTHING,
    smallest_angle: float | None = None,
    rounds: int = 18,
) -> SimplexMesh:
    """Mesh an image: labels (nx, ny, nz) of 1 to n, edges of a voxel and sizes in µm; label k is body k - 1.

    With nz = 1 the mesh has triangles, in the plane z = 0. smallest_angle: degrees between facets; 12 for
    tetrahedra, 20 for triangles if not given. smoothing: width of the weights by which the image is
    smoothed, in edge lengths of the mesh (B-splines with a standard deviation of 0.58 widths; a width is 1 to 2.8
    voxels, whatever is asked). Raises MeshError for labels that are
    not 1 to n, and for bodies that no cell represents.
    """
    check_sizes(sizes)
    field, gradation, box = prepared(labels, voxel_size)
    nodes, cells = refined_lattice(box, sizes.bulk, gradation.size_at(sizes))
    mesh = labelled_lattice(nodes, cells, field, smoothing)
    missing = np.flatnonzero(np.bincount(mesh.body, minlength=len(mesh.names)) == 0) + 1
    if len(missing):
        raise MeshError(
            f"labels without a cell: {missing.tolist()}; use a smaller interface size or despeckle"
        )
    return fitted(mesh, field, labels, smallest_angle=smallest_angle, smoothing=smoothing, rounds=rounds)


def prepared(
    labels: NDArray[np.integer],
    voxel_size: tuple[float, float, float],
    family: Ints | None = None,
    planes: Floats | None = None,
) -> tuple[LabelShares, Gradation, Floats]:
    """The smooth image, what its sizes need, and the box; in the plane if the image has one layer.

    family (n + 1,), planes: labels that stand together, and faces of flat layers, see LabelShares.
    """
    if labels.ndim != 3 or not np.issubdtype(labels.dtype, np.integer):
        raise MeshError(f"labels must be a 3-D array of integers, not {labels.dtype} of shape {labels.shape}")
    present = np.unique(labels)
    if not np.array_equal(present, np.arange(1, len(present) + 1)):
        raise MeshError(f"labels must be 1 to n without gaps, found {present[:10].tolist()}; renumber them")
    if len(voxel_size) != 3 or not (np.isfinite(voxel_size).all() and min(voxel_size) > 0.0):
        raise MeshError(f"voxel_size must be three positive lengths, not {voxel_size}")
    d = 2 if labels.shape[2] == 1 else 3
    image = labels[:, :, 0] if d == 2 else labels
    edges = np.array(voxel_size[:d])
    return LabelShares(image, edges, family, planes), Gradation(image, edges), np.array(image.shape) * edges


def check_sizes(sizes: LabelSizes) -> None:
    """Raises MeshError for sizes that make no mesh."""
    if not 0.0 < sizes.interface <= sizes.bulk or not sizes.growth > 0.0:
        raise MeshError(
            "growth and sizes must be positive, and interface no larger than bulk, not "
            f"{sizes.growth:g}, {sizes.interface:g} and {sizes.bulk:g}"
        )
    if sizes.neck is not None and not sizes.neck > 0.0:
        raise MeshError(f"the size in necks over their width must be positive, not {sizes.neck:g}")


def labelled_lattice(
    nodes: Floats, cells: Ints, field: LabelShares, smoothing: float = SMOOTHING
) -> SimplexMesh:
    """Cells of the label of their centroid, without spikes and crumbs; nodes are (N, d)."""
    names = [f"body_{k:03d}" for k in range(1, field.shift.shape[1])]
    mesh = SimplexMesh(nodes, cells, np.zeros(len(cells), np.int64), names)
    scale = smoothing * shortest_edges(mesh)[cells].min(axis=1)
    mesh.body = field.label(nodes[cells].mean(axis=1), scale) - 1
    _tidy(mesh, field.family[1:])
    return mesh


def fitted(
    mesh: SimplexMesh,
    field: LabelShares,
    labels: NDArray[np.integer],
    *,
    smallest_angle: float | None = None,
    smoothing: float = SMOOTHING,
    rounds: int = 18,
) -> SimplexMesh:
    """The labelled lattice (its nodes move) fitted to its image, with nodes of three coordinates."""
    d = mesh.dimension
    floor = _FLOOR[d] if smallest_angle is None else smallest_angle
    if not 0.0 < floor <= 25.0:
        raise MeshError(f"smallest_angle must be above 0 and at most 25 degrees, not {floor:g}")
    voxel = float(np.prod(field.voxel_size))
    target = np.asarray(np.bincount(labels.ravel(), minlength=len(mesh.names) + 1)[1:] * voxel, np.float64)
    box = np.array(labels.shape[:d]) * field.voxel_size
    for first in (*_FIRST_ROUNDS, 0):
        fit(mesh, field, box, target, floor=floor, smoothing=smoothing, rounds=first or rounds)
        if first:
            relabel(mesh, field, smoothing)
    mesh.nodes = np.pad(mesh.nodes, ((0, 0), (0, 3 - d)))
    return mesh


def relabel(mesh: SimplexMesh, field: LabelShares, smoothing: float) -> None:
    """Give cells all of whose nodes lie on interfaces to the body that has their centroid now.

    Such a cell keeps the node that should be on the interface from going there: it would be flat.
    """
    pair = np.unique(mesh.cells * len(mesh.names) + mesh.body[:, None])
    between = np.bincount(pair // len(mesh.names), minlength=len(mesh.nodes)) > 1
    doubt = np.flatnonzero(between[mesh.cells].all(axis=1))
    scale = smoothing * shortest_edges(mesh)[mesh.cells[doubt]].min(axis=1)
    before = mesh.body.copy()
    mesh.body[doubt] = field.label(mesh.nodes[mesh.cells[doubt]].mean(axis=1), scale) - 1
    _tidy(mesh, field.family[1:])
    lost = np.bincount(mesh.body, minlength=len(mesh.names)) == 0
    mesh.body = np.where(lost[before], before, mesh.body)


def connected(count: int, sides: Ints) -> Ints:
    """Number of the connected part of every cell (count,), for cells that are joined in pairs (F, 2)."""
    graph = sparse.coo_matrix(
        (np.ones(len(sides), np.int8), (sides[:, 0], sides[:, 1])), shape=(count, count)
    )
    return np.asarray(sparse.csgraph.connected_components(graph, directed=False)[1], dtype=np.int64)


def _tidy(mesh: SimplexMesh, family: Ints) -> None:
    """Cells with all facets but one towards one other body go over to it; so do crumbs to the body they touch most.

    Bodies of one family (bodies,) count as one first, so that the surface of grains has no grooves.
    """
    _, sides = mesh.facets()
    sides = sides[sides[:, 1] >= 0]
    for kin in [family] * 3 + [np.arange(len(family))] * 3:
        cell, body, count = _contacts(np.arange(len(mesh.cells)), mesh, sides)
        abroad = kin[body] != kin[mesh.body[cell]]
        cell, body, count = cell[abroad], body[abroad], count[abroad]
        _, where = np.unique(cell * len(family) + kin[body], return_inverse=True)
        many = np.bincount(where, count)[where] >= mesh.dimension
        order = np.flatnonzero(many)[
            np.argsort(count[many], kind="stable")
        ]  # the most touched comes last and stays
        mesh.body[cell[order]] = body[order]
    for _ in range(2):
        part = connected(len(mesh.cells), sides[mesh.body[sides[:, 0]] == mesh.body[sides[:, 1]]])
        size, home = np.bincount(part), np.zeros(int(part.max()) + 1, np.int64)
        home[part] = mesh.body
        largest = np.zeros(len(mesh.names), np.int64)
        np.maximum.at(largest, home, size)
        crumb = (size < _CRUMB) & (size < largest[home])
        which, body, count = _contacts(part, mesh, sides)
        order = np.lexsort((body, -count, which))
        which, first = np.unique(which[order], return_index=True)
        home[which] = np.where(crumb[which], body[order][first], home[which])
        mesh.body = home[part]


def _contacts(part: Ints, mesh: SimplexMesh, sides: Ints) -> tuple[Ints, Ints, Ints]:
    """Parts of the mesh, another body they touch, and by how many facets."""
    differ = sides[mesh.body[sides[:, 0]] != mesh.body[sides[:, 1]]]
    pair = part[differ.ravel()] * len(mesh.names) + mesh.body[differ[:, ::-1].ravel()]
    pair, count = np.unique(pair, return_counts=True)
    return pair // len(mesh.names), pair % len(mesh.names), count
