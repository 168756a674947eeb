"""Area fraction of cracks in a section against flat cracks of known opening."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ssbmech_post import RunFolderError, crack_history

SIDE, GAP = 4.0, 0.02  # um
Builders = dict[str, Callable[..., Any]]
CASE = "phases:\n  SE: {}\n  CAM: {lithium: {maximum_concentration: 1}}\nstack: {axis: z}\n"


def split_cube(
    folder: Path, make: Builders, side_of: Callable[[NDArray[np.float64]], Any], boundary: float = 1.0
) -> Path:
    """A cube of active material in two grains, parted by GAP; `boundary` marks the crack as one between grains.

    `side_of` tells the grain from the middle of a cell.
    """
    points, cells = make["tetrahedra"](4, SIDE)
    body = np.asarray(side_of(points[cells].mean(axis=1)), dtype=np.int64)
    nodes, tets, of_node = make["broken"](points, cells, body)
    fields = {"phase": np.ones(len(nodes)), "body": of_node.astype(float)}
    block = make["one_block"](nodes, tets, fields)
    make["write_vtx"](folder / "fields.bp", [(t, [block]) for t in (0.0, 10.0)])
    faces = cells[:, [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]]
    distinct, where = np.unique(np.sort(faces.reshape(-1, 3), axis=1), axis=0, return_inverse=True)
    parted = np.zeros((len(distinct), 2), bool)
    parted[where.ravel(), np.repeat(body, 4)] = True
    own = points[distinct[parted.all(axis=1)]].reshape(-1, 3)  # every facet has its own nodes, as in a run
    facets = np.arange(len(own)).reshape(-1, 3)
    steps = []
    for time, gap in ((0.0, 0.0), (10.0, GAP)):
        values = {"crack_opening": np.full(len(own), gap), "grain_boundary": np.full(len(own), boundary)}
        steps.append((time, [make["one_block"](own, facets, values)]))
    make["write_vtx"](folder / "interface.bp", steps)
    (folder / "case.yaml").write_text(CASE)
    return folder


@pytest.fixture
def upright(tmp_path: Path, builders: Builders) -> Path:
    """The crack lies in the plane x = SIDE/2."""
    return split_cube(tmp_path, builders, lambda x: x[:, 0] > SIDE / 2)


@pytest.fixture
def inclined(tmp_path: Path, builders: Builders) -> Path:
    """The crack lies in the plane x = z."""
    return split_cube(tmp_path, builders, lambda x: x[:, 0] > x[:, 2])


@pytest.mark.parametrize("axis", [None, 1, 2])
def test_flat_crack_across_a_cube(upright: Path, axis: int | None) -> None:
    """Any section that holds the crack's normal shows a line of the cube's side: fraction gap/side."""
    whole, cracked = crack_history(upright, axis)
    assert (whole.time, cracked.time) == (0.0, 10.0)
    assert whole.fraction == 0.0
    assert cracked.material_area == pytest.approx(SIDE**2, rel=1e-12)
    assert cracked.crack_length == pytest.approx(SIDE, rel=1e-12)
    assert cracked.fraction == pytest.approx(GAP / SIDE, rel=1e-12)
    assert cracked.widest == pytest.approx(GAP, rel=1e-12)


def test_section_that_does_not_meet_the_crack(upright: Path) -> None:
    assert crack_history(upright, 0, position=0.3 * SIDE)[-1].fraction == 0.0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_inclined_crack(inclined: Path, axis: int) -> None:
    """At 45 degrees a crack looks wider, or its line is longer: both give its volume over that of the cube, gap sqrt(2)/side."""
    cracked = crack_history(inclined, axis)[-1]
    assert cracked.fraction == pytest.approx(np.sqrt(2) * GAP / SIDE, rel=1e-12)
    across = axis == 1
    assert cracked.crack_length == pytest.approx(SIDE * (np.sqrt(2) if across else 1.0), rel=1e-12)
    assert cracked.widest == pytest.approx(GAP * (1.0 if across else np.sqrt(2)), rel=1e-12)


def test_narrow_cracks_are_not_seen(inclined: Path) -> None:
    """A pixel wider than the crack hides it; the apparent width counts."""
    assert crack_history(inclined, 1, resolution=1.1 * GAP)[-1].fraction == 0.0
    assert crack_history(inclined, 2, resolution=1.1 * GAP)[-1].fraction > 0.0
    assert crack_history(inclined, 2, resolution=1.5 * GAP)[-1].crack_length == 0.0


def test_only_grain_boundaries_unless_asked(tmp_path: Path, builders: Builders) -> None:
    run = split_cube(tmp_path, builders, lambda x: x[:, 0] > SIDE / 2, boundary=0.0)
    assert crack_history(run, 1)[-1].fraction == 0.0
    assert crack_history(run, 1, everything=True)[-1].fraction == pytest.approx(GAP / SIDE, rel=1e-12)


def test_mean_over_sections_is_the_volume_fraction(run_folder: Path, builders: Builders) -> None:
    """Delesse's principle on a closed, rugged surface; facets parallel to the sections show in none and are left out."""
    positions = np.linspace(0.0, 10.0, 122)[1:-1] + 1e-4
    shown = []
    for z in positions:
        try:
            shown.append(crack_history(run_folder, 2, float(z), everything=True)[-1].crack_area)
        except RunFolderError:  # above and below the particle
            shown.append(0.0)
    block = builders["particle_in_box"]()(1.0)
    ball = block.cells[block.fields["body"][block.cells[:, 0]] == 1]
    faces = np.sort(ball[:, [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]].reshape(-1, 3), axis=1)
    distinct, count = np.unique(faces, axis=0, return_counts=True)
    corners = block.points[distinct[count == 1]]
    normal = 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normal, axis=1)
    slanted = np.abs(normal[:, 2]) < 0.999 * area
    # In this file the opening of a facet is that at its first corner.
    opening = 0.01 * np.clip(corners[:, 0, 2] / 10.0, 0.0, 1.0)
    volume = (opening * area)[slanted].sum()
    assert np.mean(shown) * 10.0 == pytest.approx(volume, rel=1e-2)  # 120 sections through cells of 1.25 um


def test_flat_mesh_is_its_own_section(tmp_path: Path, builders: Builders) -> None:
    points = np.array(
        [[0.0, 0, 0], [1, 0, 0], [1, 2, 0], [0, 2, 0], [1, 0, 0], [3, 0, 0], [3, 2, 0], [1, 2, 0]]
    )
    cells = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    block, write = builders["one_block"], builders["write_vtx"]
    write(tmp_path / "fields.bp", [(0.0, [block(points, cells, {"phase": np.ones(8)})])])
    line = {"crack_opening": np.full(2, GAP), "grain_boundary": np.ones(2)}
    write(tmp_path / "interface.bp", [(0.0, [block(points[[1, 2]], np.array([[0, 1]]), line)])])
    (tmp_path / "case.yaml").write_text(CASE)
    assert crack_history(tmp_path)[-1].fraction == pytest.approx(GAP * 2.0 / 6.0, rel=1e-12)


def test_what_is_wrong_is_said(upright: Path) -> None:
    with pytest.raises(RunFolderError, match="no phase 'NCM'"):
        crack_history(upright, phases=["NCM"])
    with pytest.raises(RunFolderError, match="meets no active material"):
        crack_history(upright, phases=["SE"])
    with pytest.raises(RunFolderError, match="meets no active material"):
        crack_history(upright, 0, position=2 * SIDE)
    (upright / "case.yaml").write_text("phases: {SE: {}}\n")
    with pytest.raises(RunFolderError, match="no phase with lithium"):
        crack_history(upright)
