"""``ssbmech transport``: what it takes, what it refuses, and with which words."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ssbmech.cli import app

MINIMAL = Path(__file__).parents[1] / "data" / "minimal_case.yaml"


@dataclass
class Request:
    """As the one of ssbmech.transport.run."""

    out: Path
    carriers: tuple[str, ...]
    boundary: str
    degree: int
    fields: bool
    picture: bool


class Called:
    """Takes the place of the work: what it was called with."""

    def __init__(self) -> None:
        self.name = ""
        self.arguments: tuple[Any, ...] = ()

    def named(self, name: str) -> Any:
        def work(*arguments: Any) -> None:
            self.name, self.arguments = name, arguments

        return work

    @property
    def request(self) -> Request:
        return next(a for a in self.arguments if isinstance(a, Request))


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Called:
    """The command without DOLFINx, in an empty folder."""
    record = Called()
    run, structure = ModuleType("ssbmech.transport.run"), ModuleType("ssbmech.transport.structure")
    for name in ("of_case", "of_run", "of_mesh", "of_image"):
        setattr(run, name, record.named(name))
    run.Request = Request  # type: ignore[attr-defined]
    structure.CARRIERS = ("ionic", "electronic")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ssbmech.transport.run", run)
    monkeypatch.setitem(sys.modules, "ssbmech.transport.structure", structure)
    monkeypatch.chdir(tmp_path)
    return record


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["transport", *map(str, arguments)])


def refused(result: Result) -> str:
    """What a refused call says; nothing may have been done."""
    said = result.output if "mistake" in result.output else result.stderr
    assert result.exit_code == 2, said
    assert "1 mistake; nothing was done." in said
    return said


def test_case(called: Called, tmp_path: Path) -> None:
    result = call(
        MINIMAL, "--set", "title=changed", "--carrier", "ionic", "--boundary", "linear", "--degree", 2
    )
    assert result.exit_code == 0, result.output
    assert called.name == "of_case"
    assert called.arguments[0].title == "changed"
    expected = Request(Path("runs/data-minimal_case-transport"), ("ionic",), "linear", 2, True, False)
    assert called.request == expected


def test_mesh(called: Called, tmp_path: Path) -> None:
    (tmp_path / "a.msh").touch()
    values = ["--ionic", "SE=2 mS/cm", "--electronic", "NMC=4 S/m", "--electronic", "C = 100 S/m"]
    contacts = ["--contact", "none", "--contact", "NMC|C=1 S/cm^2", "--contact", "C | C=perfect"]
    result = call("a.msh", *values, *contacts, "-o", "x", "--no-fields")
    assert result.exit_code == 0, result.output
    path, conductivities, given, request, everywhere = called.arguments
    assert (called.name, path, everywhere) == ("of_mesh", Path("a.msh"), 0.0)
    assert conductivities == {"ionic": {"SE": 0.2e6}, "electronic": {"NMC": 4e6, "C": 1e8}}
    assert given == {("NMC", "C"): 1e4, ("C", "C"): float("inf")}
    assert request == Request(Path("x"), ("ionic", "electronic"), "insulated", 1, False, False)


def test_image(called: Called, tmp_path: Path) -> None:
    (tmp_path / "a.npz").touch()
    labels = ["--label", "NMC=1", "--label", "SE=0,2", "--label", "pore=3", "--void", "pore"]
    result = call("a.npz", *labels, "--voxel-size", "0.4 um", "--edge", "1 um", "--ionic", "SE=1 S/m")
    assert result.exit_code == 0, result.output
    assert called.name == "of_image"
    assert called.arguments[0] == {
        "generator": "image",
        "file": "a.npz",
        "labels": {"NMC": [1.0], "SE": [0.0, 2.0], "pore": [3.0]},
        "void": ["pore"],
        "voxel_size": 0.4,
        "mesh_size": {"interface": 1.0, "bulk": 2.0},
    }


def test_run(called: Called, tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    for name in ("case.yaml", "fields.bp"):
        (tmp_path / "r" / name).touch()
    assert call("--run", "r", "--time", "2 min").exit_code == 0
    assert called.name == "of_run"
    assert (called.arguments[0], *called.arguments[2:]) == (Path("r"), 120.0, None)
    assert call("--run", "r", "--step", -1).exit_code == 0
    assert called.arguments[2:] == (None, -1)
    assert "by its time or its number" in refused(call("--run", "r", "--step", 1, "--time", "1 s"))
    said = refused(call("--run", "r", "--time", "5"))
    assert "--time: has no unit" in said and '"600 s"' in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "STRUCTURE: one structure is needed"),
        (["none.msh"], "STRUCTURE: does not exist"),
        (["a.msh", "--run", "."], "STRUCTURE: one structure is needed"),
        (["--run", "."], "--run: has no case.yaml"),
        (["a.msh"], "--ionic: nothing conducts"),
        (["a.msh", "--ionic", "SE"], "--ionic: is not NAME=VALUE"),
        (["a.msh", "--ionic", "SE=2 S/cm^2"], "'S/cm^2' is not a unit of conductivity"),
        (["a.msh", "--ionic", "SE=-1 S/m"], "--ionic: must be greater than zero"),
        (["a.msh", "--ionic", "SE=1 S/m", "--electronic", "SE=1 S/m"], "given twice"),
        (["a.msh", "--ionic", "SE=1 S/m", "--contact", "SE=1 S/m^2"], "--contact: needs two conductors"),
        (["a.msh", "--ionic", "SE=1 S/m", "--contact", "1 S/m"], "'S/m' is not a unit of areal conductance"),
        (["a.msh", "--ionic", "SE=1 S/m", "--edge", "1 um"], "--edge: belongs to an image"),
        (["a.msh", "--ionic", "SE=1 S/m", "--set", "title=x"], "--set: belongs to a case"),
        (["a.msh", "--ionic", "SE=1 S/m", "--step", "1"], "--step: belongs to --run"),
        (["a.msh", "--ionic", "SE=1 S/m", "--picture", "--no-fields"], "--picture: is made from the fields"),
        (["a.npz", "--ionic", "SE=1 S/m"], "--label: the phases of the image are missing"),
        (["a.npz", "--ionic", "SE=1 S/m", "--label", "SE=1"], "--edge: is missing"),
        (["a.npz", "--ionic", "SE=1 S/m", "--label", "SE=one", "--edge", "1 um"], "--label: is not a list"),
        (
            ["a.npz", "--ionic", "SE=1 S/m", "--label", "SE=1", "--edge", "1 um", "--void", "pore"],
            "--void: is no phase of the image",
        ),
        ([MINIMAL, "--ionic", "SE=1 S/m"], "--ionic: belongs to a mesh or an image"),
        ([MINIMAL, "--set", "cell.temperature=1"], "cell.temperature"),
        (["a.msh", "--ionic", "SE=1 S/m", "-o", "full"], "-o: holds transport.json"),
    ],
)
def test_refused(called: Called, tmp_path: Path, arguments: list[str], sentence: str) -> None:
    for name in ("a.msh", "a.npz"):
        (tmp_path / name).touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "transport.json").touch()
    assert sentence in refused(call(*arguments))
    assert called.name == ""


def test_overwrite(called: Called, tmp_path: Path) -> None:
    (tmp_path / "a.msh").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "transport.json").touch()
    assert call("a.msh", "--ionic", "SE=1 S/m", "-o", "full", "--overwrite").exit_code == 0
    assert called.name == "of_mesh"
