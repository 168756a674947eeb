"""Makes electrode.npz: a made-up segmented tomogram of irregular particles that touch, with a few pores and noise.

Values: 0 electrolyte, 1 active material, 2 pore. The same seed gives the same image.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.stats import qmc

VOXELS, VOXEL_SIZE = 64, 0.25  # along each edge; µm
DISTANCE = 4.4  # between two centres at least, µm
ACTIVE, PORES = 0.477, 0.03  # shares of the volume
SEED = 4


def labels() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Values [x, y, z]."""
    random = np.random.default_rng(SEED)
    edge = VOXELS * VOXEL_SIZE
    # centres also outside, for particles that a face cuts
    outside = edge + 2.0 * DISTANCE
    centres = qmc.PoissonDisk(3, radius=DISTANCE / outside, rng=random).fill_space() * outside - DISTANCE
    size = np.exp(0.2 * random.standard_normal(len(centres)))
    places = (np.indices((VOXELS,) * 3).reshape(3, -1).T + 0.5) * VOXEL_SIZE
    # distance to the nearest centre in sizes of the particle; the roughness makes them irregular
    level = np.full(len(places), np.inf)
    for centre, own in zip(centres, size, strict=True):
        level = np.minimum(level, np.linalg.norm(places - centre, axis=1) / own)
    level += 0.6 * DISTANCE * _noise(random, 1.2).ravel()
    active = (level <= np.quantile(level, ACTIVE)).reshape((VOXELS,) * 3)
    pores = np.where(active, -np.inf, _noise(random, 0.75))
    image = active.astype(np.uint8)
    image[pores >= np.quantile(pores, 1.0 - PORES)] = 2
    # faults of the segmentation: 2 in 1000 voxels take the next value
    wrong = random.random(image.shape) < 0.002
    image[wrong] = (image[wrong] + 1) % 3
    return image


def _noise(random: np.random.Generator, width: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """A random field of standard deviation 0.1, smooth over `width` (µm)."""
    field = ndimage.gaussian_filter(random.standard_normal((VOXELS,) * 3), width / VOXEL_SIZE, mode="wrap")
    return np.asarray(0.1 * field / field.std())


if __name__ == "__main__":
    file = Path(__file__).with_name("electrode.npz")
    stored = np.ascontiguousarray(labels().transpose(2, 1, 0))  # slices first: z, y, x
    np.savez_compressed(file, labels=stored, voxel_um=VOXEL_SIZE)
    shares = np.bincount(stored.ravel()) / stored.size
    print(f"{file.name}: {shares} of 0, 1 and 2, {file.stat().st_size} bytes")
