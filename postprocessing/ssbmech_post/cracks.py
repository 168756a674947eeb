"""Area fraction of cracks in a cross-section, as image analysis of a polished section measures it.

A facet whose sides have parted by the gap g is a slit between two parallel planes. A section whose plane makes the angle θ with
the facet's cuts it along a line of length L and shows a dark band of the width g/sin θ, so that

    crack area fraction = Σ L g/sin θ / area of active material in the section

with the sections of the undeformed bodies, gaps not included. The mean over all parallel sections is the crack volume over the volume
of the active material (A. Delesse, 1847). An image resolves only bands that are wider than a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from ssbmech_post.errors import RunFolderError
from ssbmech_post.readers import read_stack_axis
from ssbmech_post.section import marching_tetrahedra
from ssbmech_post.vtx import FloatArray, VtxFile, VtxStep

_OFF_THE_MIDDLE = 1.2345e-6
"""Share of the box by which the default plane misses the middle, where nodes of structured meshes lie."""


@dataclass(frozen=True)
class CrackSection:
    """Cracks in one cross-section at one time.

    `time` in s, `material_area` of the cut active material in µm², `crack_area` in µm², `crack_length` of the
    visible cracks in µm, `widest` their largest width in µm.
    """

    time: float
    material_area: float
    crack_area: float
    crack_length: float
    widest: float

    @property
    def fraction(self) -> float:
        """Crack area over the area of the active material, nan where the section meets none."""
        return self.crack_area / self.material_area if self.material_area > 0.0 else float("nan")


def crack_history(
    run: Path,
    axis: int | None = None,
    position: float | None = None,
    resolution: float = 0.0,
    everything: bool = False,
    phases: Sequence[str] | None = None,
) -> list[CrackSection]:
    """Cracks in a cross-section at every saved state of a run.

    Args:
        run: the run folder.
        axis: normal of the section (0, 1, 2); by default the plane holds the stack axis, like the pictures of the report. A 2D
            mesh is its own section.
        position: of the plane along its normal [µm], the middle of the box by default.
        resolution: width of a pixel [µm]; narrower cracks are not seen.
        everything: count all interfaces; by default only the faces between grains of one particle.
        phases: whose area the cracks are compared to; by default the phases with lithium.

    Raises:
        RunFolderError: a file or field is missing, no such phase, or the plane meets no material.
    """
    with VtxFile(run / "fields.bp") as volume, VtxFile(run / "interface.bp") as interface:
        missing = {"crack_opening", "grain_boundary"} - set(interface.fields)
        if missing:
            raise RunFolderError(run / "interface.bp", f"has no field {', '.join(sorted(missing))}")
        bodies = volume.read(0, ("phase",))
        plane = _plane(bodies, run, axis, position)
        area = _material_area(bodies, plane, _phase_numbers(run, phases))
        if area == 0.0:
            raise RunFolderError(run, "the section meets no active material", "choose another position")
        return [
            _cracks(
                interface.read(k, ("crack_opening", "grain_boundary")), plane, area, resolution, everything
            )
            for k in range(len(interface.times))
        ]


@dataclass(frozen=True)
class _Plane:
    """A plane normal to a coordinate axis, or, of a 2D mesh, all of it (`axis` None)."""

    axis: int | None
    position: float


def _plane(step: VtxStep, run: Path, axis: int | None, position: float | None) -> _Plane:
    if step.dimension == 2:
        return _Plane(None, 0.0)
    if axis is None:
        stack = read_stack_axis(run, 3)
        axis = 3 - stack - (1 if stack == 0 else 0)
    low, high = step.points[:, axis].min(), step.points[:, axis].max()
    middle = float(low + (0.5 + _OFF_THE_MIDDLE) * (high - low))
    return _Plane(axis, middle if position is None else position)


def _phase_numbers(run: Path, phases: Sequence[str] | None) -> list[int]:
    """Numbers of the phases in `fields.bp`: their order in `case.yaml`."""
    path = run / "case.yaml"
    try:
        case: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        known: dict[str, Any] = case["phases"]
    except (OSError, yaml.YAMLError, TypeError, KeyError) as error:
        raise RunFolderError(path, f"does not say what the phases are: {error}") from None
    names = list(known)
    if phases is None:
        phases = [name for name in names if known[name].get("lithium") is not None]
        if not phases:
            raise RunFolderError(path, "has no phase with lithium", "say which phases crack: phases=[...]")
    unknown = [name for name in phases if name not in names]
    if unknown:
        raise RunFolderError(path, f"has no phase {unknown[0]!r}", "phases: " + ", ".join(names))
    return [names.index(name) for name in phases]


def _material_area(step: VtxStep, plane: _Plane, numbers: list[int]) -> float:
    simplices, owner = step.simplices()
    simplices = simplices[np.isin(np.rint(step.on_cells("phase"))[owner], numbers)]
    points = step.points
    if plane.axis is not None:
        distance = points[:, plane.axis] - plane.position
        pairs, share, simplices, _ = marching_tetrahedra(simplices, distance)
        points = points[pairs[:, 0]] + share[:, None] * (points[pairs[:, 1]] - points[pairs[:, 0]])
    corners = points[simplices]
    doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return float(0.5 * np.linalg.norm(doubled, axis=1).sum())


def _cracks(
    step: VtxStep, plane: _Plane, material: float, resolution: float, everything: bool
) -> CrackSection:
    opening = step.on_cells("crack_opening")
    counted = np.ones(len(opening), bool) if everything else step.on_cells("grain_boundary") > 0.5
    open_ = np.flatnonzero(counted & (opening > 0.0))
    corners, opening = step.points[step.cells[open_]], opening[open_]
    length, width, largest = _bands(corners, opening, plane.axis, plane.position)
    seen = (length > 0.0) & (width > resolution)
    area = np.minimum(length * width, largest)[seen].sum()
    widest = float(width[seen].max(initial=0.0))
    return CrackSection(step.time, material, float(area), float(length[seen].sum()), widest)


def _bands(
    corners: FloatArray, opening: FloatArray, axis: int | None, position: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Length and width of the bands that facets (n, corners, 3) show in a plane, and the largest area they can have, their own."""
    if axis is None:
        edge = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
        return np.asarray(edge), opening, np.full(len(opening), np.inf)
    distance = corners[:, :, axis] - position
    above = distance > 0.0
    # The corner that is alone on its side, and the points where the edges from it meet the plane.
    lone = np.argmax(above == (above.sum(axis=1) == 1)[:, None], axis=1)
    rows = np.arange(len(corners))
    ends = []
    for other in ((lone + 1) % 3, (lone + 2) % 3):
        start, end = distance[rows, lone], distance[rows, other]
        share = start / np.where(start == end, 1.0, start - end)
        ends.append(corners[rows, lone] + share[:, None] * (corners[rows, other] - corners[rows, lone]))
    cut = above.any(axis=1) & ~above.all(axis=1)
    length = np.where(cut, np.linalg.norm(ends[1] - ends[0], axis=1), 0.0)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    doubled = np.linalg.norm(normal, axis=1)
    sine = np.sqrt(np.clip(1.0 - (normal[:, axis] / doubled) ** 2, 1e-12, 1.0))
    return length, opening / sine, 0.5 * doubled


def fractions(history: Sequence[CrackSection]) -> NDArray[np.float64]:
    """Crack area fraction at every saved state."""
    return np.array([section.fraction for section in history])


def write_cracks(path: Path, boundaries: Sequence[CrackSection], every: Sequence[CrackSection]) -> None:
    """The crack area fractions at the saved states as a table: between grains, and of all interfaces."""
    lines = ["time [s],crack_area_fraction [-],crack_area_fraction_of_all_interfaces [-]"]
    lines += [
        f"{a.time:.12g},{a.fraction:.9g},{b.fraction:.9g}" for a, b in zip(boundaries, every, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
