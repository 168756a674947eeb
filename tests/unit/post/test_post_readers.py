"""Tables of a run folder: values, units, and what is said when something is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssbmech_post import RunFolderError, read_particles, read_series, read_summary
from ssbmech_post.readers import read_stack_axis


def test_series_has_values_and_units(tables: Path) -> None:
    series = read_series(tables)
    assert len(series) == 21
    assert series.units["pressure_change"] == "MPa"
    assert series.units["step"] == "-"
    np.testing.assert_allclose(series["pressure_change"], -2.0 * np.linspace(0, 1, 21) ** 2, atol=1e-11)


def test_particles_by_step_and_as_matrix(tables: Path) -> None:
    particles = read_particles(tables)
    assert particles.units["volume"] == "um^3"
    last = particles.at(20)
    assert last.text("body")[:2] == ("NCM811_001", "NCM811_002")
    strain = particles.matrix("volumetric_strain")
    assert strain.shape == (21, 24)
    np.testing.assert_array_equal(strain[-1], last["volumetric_strain"])


def test_half_a_line_is_not_a_row(tables: Path) -> None:
    path = tables / "series.csv"
    path.write_text(path.read_text() + "21,1,400")
    assert len(read_series(tables)) == 21


def test_an_empty_entry_is_not_a_number(tmp_path: Path) -> None:
    (tmp_path / "series.csv").write_text("step,time [s],voltage [V]\n0,0,\n1,2,3.5\n")
    series = read_series(tmp_path)
    assert np.isnan(series["voltage"][0])
    assert series.has("voltage")
    assert not series.has("voltage", "potential")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("step,time [s]\n", "no rows"),
        ("step,voltage [V]\n0,1\n", "no column 'time'"),
        ("step,time [s]\n0,1,2\n", "line 2 has 3 entries"),
        ("step,time [s]\n0,soon\n", "'soon' is not a number"),
        ("step,time (s)\n0,1\n", "'time (s)' is not 'name [unit]'"),
        ("step,time [s],time [s]\n0,1,1\n", "'time' appears twice"),
    ],
)
def test_malformed_tables_are_explained(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "series.csv").write_text(content)
    with pytest.raises(RunFolderError) as error:
        read_series(tmp_path)
    assert said in str(error.value)
    assert "series.csv" in str(error.value)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"series\.csv: does not exist"):
        read_series(tmp_path)
    with pytest.raises(RunFolderError, match=r"summary\.json: does not exist"):
        read_summary(tmp_path)
    (tmp_path / "summary.json").write_text('{"title": ')
    with pytest.raises(RunFolderError, match=r"summary\.json: line 1"):
        read_summary(tmp_path)


def test_an_unknown_column_names_the_nearest(tables: Path) -> None:
    with pytest.raises(RunFolderError, match="did you mean 'pressure_change'"):
        read_series(tables)["presure_change"]


def test_stack_axis_comes_from_the_case(tables: Path) -> None:
    assert read_stack_axis(tables, 3) == 2
    (tables / "case.yaml").write_text("stack: {axis: x}\n")
    assert read_stack_axis(tables, 3) == 0
    (tables / "case.yaml").write_text("stack: {}\n")
    assert read_stack_axis(tables, 2) == 1
