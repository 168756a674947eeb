"""Crystal frames of grains: matrices (n, 3, 3) whose columns are a, c x a and c, orthonormal and right-handed."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from ssbmech_mesh.simplex import Floats


def random_frames(count: int, random: np.random.Generator) -> Floats:
    """Frames (count, 3, 3) spread evenly over all orientations."""
    return np.asarray(Rotation.random(count, random).as_matrix(), dtype=np.float64)


def radial_frames(radial: Floats, misorientation: float, random: np.random.Generator) -> Floats:
    """Frames (n, 3, 3) with a along radial (n, 3) and c normal to it, so that the (003) planes hold the radial direction.

    c is random about the radial direction. Each frame is then turned about a random axis by an angle
    of standard deviation `misorientation` (degrees, normal distribution about 0).
    """
    a = radial / np.linalg.norm(radial, axis=1)[:, None]
    # The axis least along a gives a normal of a; a full turn at random makes the choice irrelevant.
    least = np.eye(3)[np.argmin(np.abs(a), axis=1)]
    u = np.cross(a, least)
    u /= np.linalg.norm(u, axis=1)[:, None]
    v = np.cross(a, u)
    turn = random.uniform(0.0, 2.0 * np.pi, len(a))[:, None]
    c = np.cos(turn) * u + np.sin(turn) * v
    frames = np.stack([a, np.cross(c, a), c], axis=2)
    if misorientation > 0.0:
        axis = random.normal(size=a.shape)
        axis /= np.linalg.norm(axis, axis=1)[:, None]
        angle = np.radians(misorientation) * random.normal(size=(len(a), 1))
        frames = Rotation.from_rotvec(angle * axis).as_matrix() @ frames
    return np.asarray(frames, dtype=np.float64)
