"""Makes section.npz, the picture of electrons.yaml: a particle in electrolyte with pores, its top in the carbon layer of the collector.

Values: 0 electrolyte, 1 active material, 2 carbon, 3 pore.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

PIXELS, PIXEL_SIZE = 90, 0.1  # along each edge; µm
CENTRE, RADIUS = (4.5, 4.5), 3.3  # of the particle, µm
CARBON = 6.7  # height from which on there is carbon, µm
PORES = (  # centres and half axes, µm
    (0.9, 1.2, 0.5, 0.2),
    (1.5, 5.9, 0.3, 0.5),
    (2.6, 1.0, 0.3, 0.4),
    (4.6, 0.6, 0.7, 0.2),
    (6.7, 1.7, 0.4, 0.4),
    (8.2, 3.4, 0.3, 0.6),
    (8.1, 0.7, 0.4, 0.2),
    (0.6, 3.6, 0.2, 0.6),
    (8.3, 5.7, 0.3, 0.3),
)


def labels() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Values [y, x], y along the stack."""
    y, x = (np.indices((PIXELS, PIXELS)) + 0.5) * PIXEL_SIZE
    image = np.where(y > CARBON, 2, 0).astype(np.uint8)
    for along, height, a, b in PORES:
        image[((x - along) / a) ** 2 + ((y - height) / b) ** 2 < 1.0] = 3
    image[np.hypot(x - CENTRE[0], y - CENTRE[1]) < RADIUS] = 1
    return image


if __name__ == "__main__":
    file = Path(__file__).with_name("section.npz")
    np.savez_compressed(file, labels=labels(), voxel_um=PIXEL_SIZE)
    print(f"{file.name}: {file.stat().st_size} bytes")
