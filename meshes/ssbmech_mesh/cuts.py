"""How a sphere lies in its box: where to put the seam of its parametrisation."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from ssbmech_mesh.simplex import Floats

_CANDIDATES = 256


def seam_rotation(center: Floats, radius: float, box: Floats, random: np.random.Generator) -> Floats | None:
    """Rotation vector that takes the seam of a sphere off the faces of the box; None if no face cuts it.

    A CAD kernel closes a sphere along a seam, a half circle from pole to pole. Where the seam almost grazes a
    face of the box, or a pole almost lies in it, the cut leaves faces too thin to mesh. Among random
    orientations, take the one whose seam stays farthest from every cutting face or crosses it at the steepest
    angle.
    """
    faces = [(axis, wall) for axis in range(3) for wall in (0.0, float(box[axis]))]
    cutting = [(axis, wall) for axis, wall in faces if abs(center[axis] - wall) < radius]
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
    for k, (axis, wall) in enumerate(cutting):
        away = np.abs(points[:, :, axis] + (center[axis] - wall) / radius)
        clear[k] = away
        score = np.minimum(score, np.maximum(away, np.abs(along[:, :, axis])).min(axis=1))
        score = np.minimum(score, 2.0 * away[:, [0, -1]].min(axis=1))
    if len(cutting) > 1:
        score = np.minimum(
            score, 2.0 * clear.max(axis=0).min(axis=1)
        )  # the seam must miss the corners of the cut
    return np.asarray(candidates[int(np.argmax(score))].as_rotvec())
