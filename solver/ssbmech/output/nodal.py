"""Cell values as nodal means, for files that hold nodal fields."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from dolfinx import la

Floats = npt.NDArray[np.float64]


def nodal_means(space: Any, volume: Floats, values: Floats, components: int = 1) -> Floats:
    """(local dofs * components,) volume-weighted means of cell values over the cells of a body around each node; collective.

    Args:
        space: broken linear space that all cells belong to, or its vector form.
        volume: (owned cells,).
        values: (owned cells, components), or (owned cells,) for one.
    """
    imap, table = space.dofmap.index_map, np.asarray(space.dofmap.list)[: volume.size]
    dofs, corners = table.reshape(-1), table.shape[1]
    total, weight = la.vector(imap, components), la.vector(imap, 1)
    size = weight.array.size
    weighted = np.repeat(volume[:, None] * values.reshape(volume.size, -1), corners, axis=0)
    sums = [np.bincount(dofs, weights=column, minlength=size) for column in weighted.T]
    total.array[:] = np.stack(sums, axis=1).reshape(-1)
    weight.array[:] = np.bincount(dofs, weights=np.repeat(volume, corners), minlength=size)
    for v in (total, weight):
        v.scatter_reverse(la.InsertMode.add)
        v.scatter_forward()
    return np.asarray(total.array / np.repeat(np.where(weight.array > 0, weight.array, 1.0), components))
