"""Pictures and the page of the report."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from ssbmech_post import RunFolderError, compare, figures, make_report, read_particles, read_series, read_vtx
from ssbmech_post.render import duration, section_figure
from ssbmech_post.section import colour_range
from ssbmech_post.style import DPI, pretty
from ssbmech_post.view3d import particle_cells, surface

ALL = {
    "voltage.png", "pressure.png", "interfaces.png", "cracks.png", "particle_strain.png", "state_of_charge.png", "energies.png",
    "section.png", "section_history.png", "particles_3d.png", "pressiometry.png", "voltage_parts.png", "current_distribution.png",
}  # fmt: skip


def drawn_share(path: Path) -> float:
    """Share of the pixels that are not white."""
    return float((imread(path)[:, :, :3].min(axis=2) < 0.98).mean())


def test_report_has_every_picture(run_folder: Path) -> None:
    began = time.monotonic()
    written = make_report(run_folder)
    assert time.monotonic() - began < 60.0
    assert {path.name for path in written} == ALL | {"index.md"}
    for path in written[:-1]:
        image = imread(path)
        assert min(image.shape[:2]) > 300
        assert drawn_share(path) > 0.01, path
        assert len(np.unique(image[:, :, :3] @ [1.0, 1e3, 1e6])) > 20, path
    for name in ("section.png", "particles_3d.png"):
        assert drawn_share(run_folder / "report" / name) > 0.1
    page = (run_folder / "report" / "index.md").read_text()
    assert "# Synthetic charge" in page
    assert "| Delaminated CAM\\|SE area | 60 % |" in page
    assert all(f"]({name})" in page for name in ALL)
    assert "Left out" not in page


def test_curve_pictures_have_the_size_asked_for(tables: Path) -> None:
    make_report(tables)
    assert imread(tables / "report" / "voltage.png").shape[:2] == (round(3.5 * DPI), round(4.8 * DPI))


def test_what_is_missing_costs_its_picture_only(tables: Path) -> None:
    (tables / "particles.csv").unlink()
    (tables / "report").mkdir()
    (tables / "report" / "section.png").write_bytes(b"of an earlier run")
    names = {path.name for path in make_report(tables)}
    lost = {
        "particle_strain.png", "cracks.png", "section.png", "section_history.png", "particles_3d.png",
        "current_distribution.png",
    }  # fmt: skip
    assert names == (ALL - lost) | {"index.md"}
    page = (tables / "report" / "index.md").read_text()
    for name in lost:
        assert f"- `{name}`:" in page
    assert "particles.csv: does not exist" in page
    assert not (tables / "report" / "section.png").exists()


def test_mechanics_alone_is_drawn_against_time(tmp_path: Path) -> None:
    (tmp_path / "series.csv").write_text(
        "step,time [s],voltage [V],specific_capacity [mAh/g],pressure_change [MPa]\n0,0,nan,nan,0\n1,3600,nan,nan,1\n"
    )
    assert {p.name for p in make_report(tmp_path)} == {"pressure.png", "index.md"}
    values, label = figures.abscissa(read_series(tmp_path))
    assert label == "Time (h)"
    np.testing.assert_allclose(values, [0.0, 1.0])
    assert "no values of voltage" in (tmp_path / "report" / "index.md").read_text()


def test_without_series_there_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"is .* the output folder of a run"):
        make_report(tmp_path)


def test_a_drawing_process_that_dies_does_not_end_the_report(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    names = {path.name for path in make_report(run_folder)}
    assert names == (ALL - {"particles_3d.png"}) | {"index.md"}
    page = (run_folder / "report" / "index.md").read_text()
    assert "OpenGL could not draw: the drawing process ended with code 1 (install Xvfb" in page


def test_curves_are_the_columns(tables: Path) -> None:
    series, particles = read_series(tables), read_particles(tables)
    upper = figures.pressure(series).axes[0]
    np.testing.assert_array_equal(upper.lines[-1].get_ydata(), series["pressure_change"])
    fractions = {line.get_label(): line.get_ydata() for line in figures.interfaces(series).axes[0].lines}
    np.testing.assert_array_equal(fractions["delaminated"], 100.0 * series["delaminated_fraction"])
    strain = figures.particle_strain(particles, series).axes[0]
    mean = next(line for line in strain.lines if line.get_label() == "mean (by volume)").get_ydata()
    last = particles.at(20)
    assert mean[-1] == pytest.approx(100 * np.average(last["volumetric_strain"], weights=last["volume"]))


def test_comparison(tables: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    shutil.copytree(tables, second)
    path = compare([tables, second], ["5 MPa", "50 MPa"])
    assert path == tmp_path / "comparison.png"
    assert drawn_share(path) > 0.02
    elsewhere = compare([tables], ["one"], tmp_path / "pictures" / "c.png")
    assert elsewhere.is_file()
    with pytest.raises(ValueError, match="one label for each run"):
        compare([tables, second], ["one"])


def test_section_of_a_2d_mesh(tables: Path, builders: dict[str, Callable[..., Any]]) -> None:
    line = np.linspace(0.0, 4.0, 5)
    points = np.stack([*(a.ravel() for a in np.meshgrid(line, line, indexing="ij")), np.zeros(25)], -1)
    i = (np.arange(4)[:, None] * 5 + np.arange(4)).ravel()
    cells = np.concatenate([np.stack([i, i + 5, i + 6], -1), np.stack([i, i + 6, i + 1], -1)])
    body = (points[cells].mean(axis=1)[:, 0] > 2.0).astype(np.int64)
    nodes, cells, of_node = builders["broken"](points, cells, body)
    fields = {
        "displacement": np.stack([0.01 * of_node, 0 * of_node, 0 * of_node], -1),
        "von_mises_stress": nodes[:, 1],
        "body": of_node.astype(float),
    }
    (tables / "case.yaml").write_text("stack: {axis: y}\n")
    builders["write_vtx"](tables / "fields.bp", [(5.0, [builders["one_block"](nodes, cells, fields)])])
    figure = section_figure(tables)
    assert figure.axes[0].get_title() == "t = 5 s, displacement × 10"
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("x (µm)", "y (µm)")
    make_report(tables)
    assert "2D mesh: there is no 3D view" in (tables / "report" / "index.md").read_text()


def test_the_particles_are_what_holds_lithium(run_folder: Path) -> None:
    step = read_vtx(run_folder / "fields.bp")
    expected = np.flatnonzero(step.on_cells("body") == 1)
    np.testing.assert_array_equal(particle_cells(step), expected)
    for name in ("stoichiometry", "phase"):
        del step.point_data[name]
    np.testing.assert_array_equal(particle_cells(step), expected)
    del step.point_data["body"]  # then pieces of the mesh are bodies
    np.testing.assert_array_equal(particle_cells(step), expected)
    skin = surface(step.cells[expected])
    edges = np.sort(skin[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] % 2 == 0).all()  # closed


def test_words_and_ranges() -> None:
    assert [duration(s) for s in (0.0, 95.0, 600.0, 36000.0)] == ["0 s", "95 s", "10 min", "10 h"]
    assert pretty("um^2") == "µm²"
    spiked = np.concatenate([np.linspace(0.0, 80.0, 1000), [1e5]])
    assert colour_range(spiked) == (0.0, 80.0)
    assert colour_range(np.linspace(-10.0, 10.0, 101))[0] == -10.0
    assert colour_range(np.array([np.nan])) == (0.0, 1.0)
