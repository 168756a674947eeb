"""Transport of labelled images: a smooth mesh of the image against finite volumes on its voxels.

The finite volumes are written here (two-point fluxes between voxels, faces held at a potential) and share nothing with the
solver. On its own voxels the method is some per cent low where passages are a voxel or two wide, so the limit of fine voxels is
taken by Richardson's extrapolation from whole and halved voxels (its error goes down with their size: measured on 1, 2 and 3).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
import support_transport as st
from petsc4py import PETSc
from scipy import ndimage

from ssbmech.domain.mesh import TaggedMesh, read_mesh
from ssbmech_mesh import generate

IMAGES = Path(os.environ.get("SSBMECH_IMAGES", Path(__file__).parents[3] / "shared/data/images"))
CROP = IMAGES / "nrel_nmc1cal_crop_a.npz"
"""X-ray tomography of a calendered NMC111 electrode (NREL, MATBOX library); not part of the repository."""
VOXEL = 0.398  # um
# Finite volumes on its 96^3 voxels, conductivity 1, along the axes of the array.
WHOLE_CROP = {"NMC": (0.15466, 0.22615, 0.23314), "SE": (0.24173, 0.30622, 0.31587)}

Mask = npt.NDArray[np.bool_]


def voxel_conductivity(phase: Mask, axis: int, refine: int = 1) -> float:
    """Of the phase with conductivity 1, along an axis, each voxel cut into ``refine`` a side."""
    phase = np.moveaxis(phase, axis, 0)
    for k in range(3):
        phase = np.repeat(phase, refine, k)
    clusters, _ = ndimage.label(phase)
    ends = np.unique(np.concatenate([clusters[0].ravel(), clusters[-1].ravel()]))
    phase = np.isin(clusters, ends[ends > 0])
    number = np.full(phase.shape, -1, dtype=np.int32)
    size = int(phase.sum())
    number[phase] = np.arange(size, dtype=np.int32)
    one, other = [], []
    for k in range(3):
        low, high = (
            np.take(number, np.arange(number.shape[k])[s], axis=k) for s in (slice(-1), slice(1, None))
        )
        both = (low >= 0) & (high >= 0)
        one.append(low[both])
        other.append(high[both])
    i, j = np.concatenate(one), np.concatenate(other)
    first, last = number[0][phase[0]], number[-1][phase[-1]]
    diagonal = np.bincount(i, minlength=size) + np.bincount(j, minlength=size).astype(float)
    diagonal[first] += 2
    diagonal[last] += 2
    off = sp.coo_array((-np.ones(i.size), (i, j)), shape=(size, size))
    system = (off + off.T + sp.diags_array(diagonal)).tocsr()
    right = np.zeros(size)
    right[first] = 2.0
    potential = _solve(system, right)
    return float(2.0 * potential[last].sum() / number.shape[0])


def _solve(system: Any, right: Any) -> Any:
    matrix = PETSc.Mat().createAIJ(
        size=system.shape, csr=(system.indptr.astype(PETSc.IntType), system.indices.astype(PETSc.IntType), system.data),
        comm=PETSc.COMM_SELF,
    )  # fmt: skip
    x, b = matrix.createVecs()
    b.array[:] = right
    solver = PETSc.KSP().create(PETSc.COMM_SELF)
    solver.setOperators(matrix)
    solver.setType("cg")
    solver.getPC().setType("gamg")
    solver.setTolerances(rtol=1e-8)
    solver.solve(b, x)
    return x.array.copy()


def limit(phase: Mask, axis: int) -> float:
    """The voxel structure's conductivity in the limit of fine voxels."""
    return 2 * voxel_conductivity(phase, axis, 2) - voxel_conductivity(phase, axis)


def meshed(folder: Path, labels: npt.NDArray[np.uint8], edge: float) -> TaggedMesh:
    """A mesh of the image, axes as in the array, edges in voxels."""
    path = folder / "image.xdmf"
    if st.COMM.rank == 0:
        np.savez(folder / "image.npz", labels=labels)
        size = {"interface": edge * VOXEL, "bulk": 2 * edge * VOXEL}
        block = {
            "generator": "image",
            "file": str(folder / "image.npz"),
            "axes": "xyz",
            "voxel_size": VOXEL,
            "labels": {"NMC": [1], "SE": [0, 2]},
            "mesh_size": size,
        }
        generate(block, path)
    st.COMM.barrier()
    return read_mesh(st.COMM, path)


def part_of_the_crop() -> npt.NDArray[np.uint8]:
    """32 voxels a side of the crop, or of a made-up image with domains of the same size."""
    if CROP.is_file():
        with np.load(CROP) as data:
            return np.asarray(data["labels"][24:56, 24:56, 24:56], dtype=np.uint8)
    field = ndimage.gaussian_filter(np.random.default_rng(4).normal(size=(32, 32, 32)), 2.5)
    return np.asarray(field > np.median(field), dtype=np.uint8)


def test_image(shared_tmp_path: Path) -> None:
    """Within 10 % of the voxels' own conductivity (measured: 2 to 4 % above): the mesh is smooth where voxels are stairs."""
    labels = part_of_the_crop()
    tagged = meshed(shared_tmp_path, labels, 2.5)
    for carrier, phase in {"NMC": labels == 1, "SE": labels != 1}.items():
        result = st.solved(st.ionic(tagged, {carrier: 1.0}), degree=2).result
        expected = [limit(phase, axis) for axis in range(3)] if st.COMM.rank == 0 else None
        assert np.diag(result.conductivity) == pytest.approx(st.COMM.bcast(expected), rel=0.1)
        assert result.fraction == pytest.approx(phase.mean(), rel=2e-3)
        assert result.closure < 1e-8


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not CROP.is_file(), reason="the image is not part of the repository")
def test_whole_crop(shared_tmp_path: Path) -> None:
    """The reference crop to 10 %, by Richardson's extrapolation (order 2) from edges of 4 and 2.5 voxels."""
    with np.load(CROP) as data:
        labels = np.asarray(data["labels"], dtype=np.uint8)
    assert voxel_conductivity(labels == 1, 0) == pytest.approx(WHOLE_CROP["NMC"][0], rel=1e-4)
    meshes = {edge: meshed(shared_tmp_path, labels, edge) for edge in (4.0, 2.5)}
    for carrier, expected in WHOLE_CROP.items():
        coarse, fine = (
            np.diag(st.solved(st.ionic(tagged, {carrier: 1.0}), degree=2).result.conductivity)
            for tagged in meshes.values()
        )
        assert fine - (coarse - fine) / ((4.0 / 2.5) ** 2 - 1) == pytest.approx(expected, rel=0.1)
