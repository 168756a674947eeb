"""Sections of several runs side by side, and fields that only some runs have."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssbmech_post import make_report
from ssbmech_post.errors import RunFolderError
from ssbmech_post.render import PLASTIC_STRAIN, has_field, section_figure
from ssbmech_post.side_by_side import side_by_side


def shown(axes: Any) -> float:
    """Largest value in the shading of a panel."""
    values = [c.get_array() for c in axes.collections if c.get_array() is not None]
    return float(max(np.max(v) for v in values))


def test_panels_show_the_state_of_the_largest_charge(run_folder: Path, tmp_path: Path) -> None:
    """The second run is discharged after half of its time: its panel shows the middle state, with half the stress."""
    back = tmp_path / "back"
    shutil.copytree(run_folder, back)
    header, *rows = (back / "series.csv").read_text().splitlines()
    column = [name.split(" ")[0] for name in header.split(",")].index("specific_capacity")
    cells = [row.split(",") for row in rows]
    for number, row in enumerate(cells):
        row[column] = str(100.0 - abs(100.0 - 10.0 * number))
    (back / "series.csv").write_text("\n".join([header, *(",".join(row) for row in cells)]) + "\n")
    figure = side_by_side([(run_folder, "there"), (back, "and back")], columns=2)
    there, again, bar = figure.axes
    assert [there.get_title(), again.get_title()] == ["there", "and back"]
    assert shown(there) == pytest.approx(2 * shown(again), rel=1e-6)
    assert there.collections[-2].norm is again.collections[-2].norm
    assert "von Mises" in bar.get_ylabel()


def test_plastic_strain_is_drawn_where_a_run_has_it(
    run_folder: Path, builders: dict[str, Callable[..., Any]]
) -> None:
    assert not has_field(run_folder, PLASTIC_STRAIN)
    with pytest.raises(RunFolderError, match="has no field 'equivalent_plastic_strain'"):
        section_figure(run_folder, name=PLASTIC_STRAIN)
    make_report(run_folder)
    assert not (run_folder / "report" / "plastic_strain.png").exists()
    block = builders["particle_in_box"]()(1.0)
    block.fields[PLASTIC_STRAIN] = np.where(block.fields["body"] == 0, 0.02, 0.0)
    shutil.rmtree(run_folder / "fields.bp")
    builders["write_vtx"](run_folder / "fields.bp", [(36000.0, [block])])
    assert has_field(run_folder, PLASTIC_STRAIN)
    figure = section_figure(run_folder, name=PLASTIC_STRAIN)
    assert shown(figure.axes[0]) == pytest.approx(0.02)
    make_report(run_folder)
    assert (run_folder / "report" / "plastic_strain.png").is_file()
