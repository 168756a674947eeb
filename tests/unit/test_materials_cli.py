"""`ssbmech materials list | show | plot | check` in this process: what they print, draw and return."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from ssbmech.case.material_library import material_names, read_material
from ssbmech.case.material_table import markdown
from ssbmech.cli import app
from ssbmech.materials_cli import panels

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "solver" / "ssbmech" / "library" / "materials"


def call(*words: str) -> Result:
    return CliRunner().invoke(app, ["materials", *words], env={"COLUMNS": "240"})


def test_list_names_them_all() -> None:
    result = call("list")
    assert result.exit_code == 0
    first = {line.split()[0] for line in result.stdout.splitlines() if line.strip()}
    assert set(material_names()) <= first


def test_show_gives_value_unit_source_temperature_and_confidence() -> None:
    result = call("show", "LGPS")
    assert result.exit_code == 0
    (line,) = [line for line in result.stdout.splitlines() if line.strip().startswith("ionic conductivity")]
    for piece in ("1.2 S/m", "0.5 S/m to 1.2 S/m", "300 K", "24 kJ/mol", "measured", "12 mS/cm"):
        assert piece in line
    potential = call("show", "LTVO").stdout
    assert "4.199 to 2.568 V (formula of x)" in potential
    assert "x = 0.98 as assembled" in potential


def test_unknown_names_get_the_nearest() -> None:
    for command in (["show", "NMC811"], ["plot", "NMC811", "-o", "x.png"], ["check", "NMC811"]):
        result = call(*command)
        assert result.exit_code == 2
        assert "did you mean: NCM811" in result.output


def test_check_tells_what_is_wrong(tmp_path: Path) -> None:
    assert call("check").exit_code == 0
    assert call("check").stdout.strip() == f"{len(material_names())} materials are in order"
    wrong = tmp_path / "wrong.yaml"
    text = (LIBRARY / "NCM811.yaml").read_text(encoding="utf-8")
    wrong.write_text(text.replace("49137 mol/m^3", "63104 mol/m^3"), encoding="utf-8")
    result = call("check", "LFP", str(wrong))
    assert result.exit_code == 2
    assert f"{wrong}:" in result.output and "is more than the crystal holds" in result.output
    assert "1 of 2 materials not in order" in result.output


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("NCM811", ["potential", "volume", "change of a and c", "diffusivity"]),
        ("LFP", ["potential", "volume", "diffusivity"]),
        ("Li6PS5Cl", ["ionic conductivity"]),
        ("CsSnCl3", ["ionic conductivity"]),
    ],
)
def test_plot_draws_what_there_is(name: str, labels: list[str], tmp_path: Path) -> None:
    drawn = [panel.y_label for panel in panels(read_material(name)[0])]
    assert len(drawn) == len(labels)
    assert all(text.startswith(label) for text, label in zip(drawn, labels, strict=True))
    result = call("plot", name, "-o", str(tmp_path / "picture.png"))
    assert result.exit_code == 0
    with Image.open(tmp_path / "picture.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 20  # lines, not an empty page


def test_curves_are_drawn_in_the_units_of_their_axes() -> None:
    potential, volume, lengths, diffusivity = panels(read_material("NCM811")[0])
    (_, _, volts), *_ = potential.curves
    assert 1.9 < volts.min() < volts.max() < 4.6 and potential.window == (0.22, 0.93)
    (_, _, percent), *_ = volume.curves
    assert percent.min() == pytest.approx(-6.0, abs=0.3)  # at x = 0.17
    assert [name for name, _, _ in lengths.curves] == ["a", "c"]
    assert diffusivity.curves[1][2][0] == pytest.approx(4e-15, rel=1e-12)  # m^2/s at 25 degC


def test_a_picture_that_cannot_be_written(tmp_path: Path) -> None:
    result = call("plot", "LFP", "-o", str(tmp_path / "picture.nothing"))
    assert result.exit_code == 2
    assert "cannot write" in result.output


def test_the_page_is_in_step_with_the_library() -> None:
    page = (ROOT / "docs" / "materials.md").read_text(encoding="utf-8")
    assert page == markdown(), "write it anew: ./ssbmech materials list --markdown > docs/materials.md"
