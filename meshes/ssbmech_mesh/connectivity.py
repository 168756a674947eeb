"""What touches what in a packing: contacts, areas, percolation. Lengths in µm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label as label_voxels
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ssbmech_mesh.dense import DenseLabels, DensePacking
from ssbmech_mesh.distribution import volume_quantiles
from ssbmech_mesh.facets import CONTACT, WALL
from ssbmech_mesh.irregular import sample_grid
from ssbmech_mesh.simplex import Floats, Ints

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Percolation:
    """Clusters of one phase between the faces z = 0 and z = Lz; shares are of the volume of the phase.

    through: a cluster reaches from face to face; percolating: share in such clusters; low, high: share in clusters that
    reach z = 0, z = Lz; isolated: share in clusters that reach neither face, and their number.
    """

    through: bool
    percolating: float
    low: float
    high: float
    isolated: float
    clusters: int
    isolated_clusters: int


@dataclass(frozen=True)
class PackingReport:
    """Figures of a dense packing; areas in µm^2, diameters in µm. Facets on walls count as neither kind of area."""

    particles: int
    bodies: int
    volume_fraction: float
    coordination: float
    contacts: int
    contact_area: float
    matrix_area: float
    largest_contact: float
    smallest_contact: float
    scale: float
    diameter_quantiles: dict[str, float]
    particle_clusters: Percolation
    matrix_clusters: Percolation

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)


def packing_report(packing: DensePacking, voxels: int = 64) -> PackingReport:
    """The report; the matrix is followed on voxels, this many along the longest side of the box."""
    planes = packing.planes()
    measured = packing.measures()
    count = len(packing.radii)
    touch = planes.kind == CONTACT
    i, j = planes.owner[touch], planes.other[touch]
    radius = np.sqrt(packing.radii[i] ** 2 - planes.offset[touch] ** 2)
    share = radius / np.minimum(packing.radii[i], packing.radii[j])
    wall = planes.kind == WALL
    bottom = planes.owner[wall & (planes.normal[:, 2] < -0.5)]
    top = planes.owner[wall & (planes.normal[:, 2] > 0.5)]
    labels = DenseLabels(packing)
    return PackingReport(
        particles=count,
        bodies=len(labels.bodies()[0]),
        volume_fraction=float(measured.volume.sum() / np.prod(packing.box)),
        coordination=float(len(i) / count),
        contacts=len(i) // 2,
        contact_area=0.5 * float(measured.facet_area[touch].sum()),
        matrix_area=float(measured.free_area.sum()),
        largest_contact=float(share.max(initial=0.0)),
        smallest_contact=float(share.min(initial=1.0)) if len(share) else 0.0,
        scale=packing.scale,
        diameter_quantiles=volume_quantiles(2.0 * packing.radii),
        particle_clusters=_percolation(_clusters(i, j, count), measured.volume, bottom, top),
        matrix_clusters=matrix_percolation(labels.label, packing.box, packing.periodic, voxels),
    )


def matrix_percolation(
    label: Callable[[Floats], Ints], box: tuple[float, float, float], periodic: bool, voxels: int = 64
) -> Percolation:
    """Clusters of label 0 on voxels that share faces, across periodic faces too. label: points (n, 3) to bodies (n,)."""
    points = sample_grid(box, voxels)
    shape = tuple(len(np.unique(points[:, axis])) for axis in range(3))
    return voxel_percolation((label(points) == 0).reshape(shape), periodic)


def voxel_percolation(mask: Mask, periodic: bool) -> Percolation:
    """Clusters of the voxels of a mask, joined by faces, across the lateral faces too if periodic; z is the last axis."""
    cluster, count = clusters(mask, periodic)
    size = np.bincount(cluster.ravel(), minlength=count + 1)[1:].astype(np.float64)
    ends = [np.unique(cluster[:, :, k][cluster[:, :, k] > 0]).astype(np.int64) - 1 for k in (0, -1)]
    return _percolation(np.arange(count), size, *ends)


def clusters(mask: Mask, periodic: bool) -> tuple[NDArray[np.int32], int]:
    """Number of the cluster of every voxel of the mask from 1, 0 outside it, and how many there are."""
    cluster, count = label_voxels(mask, output=np.int32)
    first, second = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for low, high in ((cluster[0], cluster[-1]), (cluster[:, 0], cluster[:, -1])) if periodic else ():
        both = (low > 0) & (high > 0)
        first.append(low[both].astype(np.int64) - 1)
        second.append(high[both].astype(np.int64) - 1)
    joined = _clusters(np.concatenate(first), np.concatenate(second), count)
    new = np.concatenate([[0], joined + 1]).astype(np.int32)
    return new[cluster], int(new.max())


def _clusters(i: Ints, j: Ints, count: int) -> Ints:
    """Cluster (count,) of every node of the graph with edges i, j."""
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _percolation(cluster: Ints, volume: Floats, bottom: Ints, top: Ints) -> Percolation:
    if len(cluster) == 0:
        return Percolation(False, 0.0, 0.0, 0.0, 0.0, 0, 0)
    share = np.bincount(cluster, volume) / volume.sum()
    low, high = np.zeros(len(share), dtype=bool), np.zeros(len(share), dtype=bool)
    low[cluster[bottom]] = True
    high[cluster[top]] = True
    alone = ~(low | high)
    return Percolation(
        through=bool((low & high).any()),
        percolating=float(share[low & high].sum()),
        low=float(share[low].sum()),
        high=float(share[high].sum()),
        isolated=float(share[alone].sum()),
        clusters=len(share),
        isolated_clusters=int(alone.sum()),
    )
