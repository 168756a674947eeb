"""How a sphere lies in its box: where to put the seam of its parametrisation."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from ssbmech_mesh.simplex import Floats

_CANDIDATES = 256


def seam_rotation(
    center: Floats,
    radius: float,
    box: Floats,
    random: np.random.Generator,
    normal: Floats | None = None,
    offset: Floats | None = None,
) -> Floats | None:
    """Rotation vector that takes the seam of a sphere off the faces of the box and other cuts; None if nothing cuts it.

    normal (k, 3), offset (k,) in µm from the centre: of other planes that cut the sphere. A CAD kernel closes a sphere along a seam, a
    half circle from pole to pole. Where the seam almost grazes a cut, or a pole almost lies in it, the cut leaves
    faces too thin to mesh. Among random orientations, take the one whose seam stays farthest from every cutting
    plane or crosses it at the steepest angle.
    """
    axes = np.eye(3)
    planes = [(sign * axes[k], side) for k in range(3) for sign, side in _sides(center[k], box[k])]
    if normal is not None and offset is not None:
        planes += list(zip(normal, offset, strict=True))
    cutting = [(n, h / radius) for n, h in planes if abs(h) < radius]
    if not cutting:
        return None
    latitude = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 41)
    seam = np.stack([np.cos(latitude), np.zeros_like(latitude), np.sin(latitude)], axis=1)
    tangent = np.stack([-np.sin(latitude), np.zeros_like(latitude), np.cos(latitude)], axis=1)
    candidates = Rotation.random(_CANDIDATES, random_state=random)
    matrices = candidates.as_matrix()
    points, along = seam @ matrices.transpose(0, 2, 1), tangent @ matrices.transpose(0, 2, 1)
    score = np.full(_CANDIDATES, np.inf)
    clear = np.zeros((len(cutting), *points.shape[:2]))
    for k, (direction, height) in enumerate(cutting):
        away = np.abs(points @ direction - height)
        clear[k] = away
        score = np.minimum(score, np.maximum(away, np.abs(along @ direction)).min(axis=1))
        score = np.minimum(score, 2.0 * away[:, [0, -1]].min(axis=1))
    if len(cutting) > 1:  # the seam must miss the corners of the cut
        score = np.minimum(score, 2.0 * np.partition(clear, 1, axis=0)[1].min(axis=1))
    return np.asarray(candidates[int(np.argmax(score))].as_rotvec())


def _sides(place: float, side: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Outward sign and distance of the two faces of the box across one axis."""
    return (-1.0, float(place)), (1.0, float(side - place))
