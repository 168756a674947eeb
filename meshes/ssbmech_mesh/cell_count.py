"""The edge length for which a mesh has the number of cells that was asked for. Lengths in µm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ssbmech_mesh.gradation import Gradation, LabelSizes
from ssbmech_mesh.lattice import refined_lattice
from ssbmech_mesh.simplex import Floats, Ints

_CLOSE = 0.03  # of the number asked: ends the search
_TRIES = 16
_START = 3.0  # longest step, in edge lengths: the first guess must not make a mesh far too large


def lattice_with_cells(
    gradation: Gradation,
    box: Floats,
    sizes_of: Callable[[float], LabelSizes],
    asked: int,
    counted: NDArray[np.bool_],
    planes: Floats,
) -> tuple[LabelSizes, Floats, Ints]:
    """Sizes, nodes and cells of the lattice that comes nearest to the number of cells asked for.

    sizes_of: sizes for an interface size. counted: voxels whose cells count (pores do not). Steps of the lattice can leave a
    coarse mesh some ten per cent off. planes: see `refined_lattice`.
    """
    d = len(box)
    volume = float(np.prod(box))
    edge = _START * (volume * float(counted.mean()) / asked) ** (1.0 / d)
    low, high = 0.0, np.inf  # edges with too many cells and with too few
    best: tuple[float, LabelSizes, Floats, Ints] | None = None
    for _ in range(_TRIES):
        sizes = sizes_of(edge)
        nodes, cells = refined_lattice(box, sizes.bulk, gradation.size_at(sizes), planes)
        number = _inside(nodes, cells, gradation.voxel_size, counted)
        off = abs(np.log(number / asked))
        if best is None or off < best[0]:
            best = off, sizes, nodes, cells
        if off < _CLOSE:
            break
        low, high = (edge, high) if number > asked else (low, min(high, edge))
        guess = edge * float(np.clip((number / asked) ** (1.0 / d), 1.0 / _START, _START))
        inside = low < guess < high
        edge = guess if inside else float(np.sqrt(low * high))
    assert best is not None
    return best[1:]


def _inside(nodes: Floats, cells: Ints, voxel_size: Floats, counted: NDArray[np.bool_]) -> int:
    """Cells, at least one, whose centroid lies in one of the voxels."""
    voxel = (nodes[cells].mean(axis=1) / voxel_size).astype(np.int64)
    return max(1, int(counted[tuple(np.minimum(voxel, np.array(counted.shape) - 1).T)].sum()))
