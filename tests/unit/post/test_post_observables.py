"""Figures of pressiometry, parts of the voltage and distribution of the current: what they draw are the columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssbmech_post import RunFolderError, read_series
from ssbmech_post.observables import PARTS, current_distribution, facet_currents, pressiometry, voltage_parts
from ssbmech_post.vtx import VtxStep, read_vtx


def test_pressiometry_draws_pressure_and_its_slope(tables: Path) -> None:
    series = read_series(tables)
    _, change, slope = pressiometry(series).axes
    np.testing.assert_array_equal(change.lines[-1].get_ydata(), series["pressure_change"])
    np.testing.assert_array_equal(slope.lines[-1].get_ydata(), series["pressure_per_capacity"])
    assert slope.get_ylabel() == "dP/dQ (MPa/(mAh/cm²))"


def test_parts_are_stacked_up_to_their_sum(tables: Path) -> None:
    series = read_series(tables)
    upper, lower = voltage_parts(series).axes
    shown = {text for text in (area.get_label() for area in lower.collections) if not text.startswith("_")}
    assert shown == {"concentration", "charge transfer", "ionic"}  # no film: it is zero
    top = lower.collections[-2].get_paths()[0].vertices[:, 1].max()
    expected = 1e3 * np.nanmax(sum(series[name] for name, _, _ in PARTS if series.has(name)))
    assert top == pytest.approx(expected)
    rest = upper.lines[1].get_ydata()
    np.testing.assert_allclose(rest, series["open_circuit_potential"] - 0.62)


def test_current_is_weighed_by_area(run_folder: Path) -> None:
    series = read_series(run_folder)
    figure = current_distribution(run_folder, series)
    histogram = next(axes for axes in figure.axes if axes.patches)
    assert sum(bar.get_height() for bar in histogram.patches) == pytest.approx(100.0)
    density, area = facet_currents(read_vtx(run_folder / "interface.bp"))
    assert area.sum() == pytest.approx(4 * np.pi * 3.2**2, rel=0.6)  # a ball of cubes
    assert 0.25 <= density.min() < density.max() <= 0.5


def test_faces_without_charge_transfer_do_not_count() -> None:
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 2, 0]])
    cells = np.array([[0, 1, 2], [1, 3, 2], [2, 3, 4]])
    step = VtxStep(
        points,
        cells,
        5,
        0.0,
        {},
        {"current_density": np.array([1.0, 2.0, 9.0]), "charge_transfer": np.array([1.0, 1.0, 0.0])},
    )
    density, area = facet_currents(step)
    np.testing.assert_array_equal(density, [1.0, 2.0])
    np.testing.assert_allclose(area, [0.5, 0.5])
    step.cell_data["current_density"][:] = 0.0
    with pytest.raises(RunFolderError, match="no current"):
        facet_currents(step)
