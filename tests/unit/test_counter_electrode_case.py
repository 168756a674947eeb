"""Counter electrodes in case files: the library and its sources, own keys on top, and what goes with what."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from ssbmech.case import Case, CaseError, Problem, case_from_data, load_case
from ssbmech.case.electrode_layer import electrode_names, read_electrode
from ssbmech.case.material_library import file_of
from ssbmech.case.stack import CounterElectrode
from ssbmech.cli import app
from ssbmech.stack.counter import EMPTY, FULL, CounterExhaustedError, counter_layer

MINIMAL = Path(__file__).parents[1] / "data" / "minimal_case.yaml"
UNIT = 36_000.0  # pC, of 1 mAh/cm² on 1 µm²


def with_counter(**counter: Any) -> Case:
    """The minimal case with another counter electrode, given as a whole."""
    data = yaml.safe_load(MINIMAL.read_text())
    data["stack"]["counter_electrode"] = counter
    return case_from_data(data, MINIMAL.parent)


def counter_of(**counter: Any) -> CounterElectrode:
    return with_counter(**counter).stack.counter_electrode


def problem_of(**counter: Any) -> Problem:
    with pytest.raises(CaseError) as caught:
        with_counter(**counter)
    return caught.value.problems[0]


def test_the_library_says_where_everything_comes_from() -> None:
    assert electrode_names() == ("graphite", "lithium", "lithium_indium", "lto", "mxene", "silicon")
    for name in electrode_names():
        electrode, _ = read_electrode(name)
        assert {"potential", "initial_lithiation", "exchange_current_density"} <= dict(
            electrode.values()
        ).keys()
        for _, entry in electrode.values():
            assert len(entry.source) >= 8 and entry.confidence in ("measured", "computed", "assumed")


def test_numbers_that_are_known_from_elsewhere() -> None:
    read = {name: read_electrode(name)[0] for name in electrode_names()}
    plated = read["lithium"].thickness_change
    assert plated is not None
    # 6.941 g/mol over 0.534 g/cm³, times 3.6 C/mAh over F (V13)
    assert float(plated.value(6.0)) == pytest.approx(29.098676906932717, rel=1e-6)
    relative = {name: e.relative_thickness_change for name, e in read.items() if e.relative_thickness_change}
    swelling = {name: float(entry.value(1.0) - entry.value(0.0)) for name, entry in relative.items()}
    assert swelling["graphite"] == pytest.approx(0.131, abs=2e-4)  # LiC6
    assert swelling["silicon"] == pytest.approx(2.9)  # Li15Si4
    assert swelling["lto"] == swelling["mxene"] == 0.0
    # Stage 2 (LiC12): the layers swell little between y = 0.3 and 0.5, and fast on either side.
    slope = relative["graphite"].value.derivative(np.array([0.1, 0.35, 0.9]))
    assert slope[1] < 0.5 * slope[0] and slope[1] < 0.5 * slope[2]
    middle = {name: float(e.potential.value(0.5)) for name, e in read.items()}
    assert middle["lithium"] == 0.0 and middle["lithium_indium"] == 0.62
    assert middle["lto"] == pytest.approx(1.55, abs=1e-9)
    assert 0.08 < middle["graphite"] < 0.15


def test_the_case_wins_and_its_source_says_so() -> None:
    counter = counter_of(material="graphite", capacity="2 mAh/cm^2", potential="0.1 V", thickness="60 um")
    assert (counter.name, counter.capacity, counter.thickness) == ("graphite, staged", 2.0, 60.0)
    assert float(counter.potential(0.3)) == 0.1
    assert counter.initial_lithiation == 0.02
    assert counter.source is not None and counter.source.startswith(
        "graphite of the library: potential measured: C.-H. Chen"
    )
    assert counter.source.endswith("| but potential of the case")
    replaced = counter_of(material="graphite", capacity="2 mAh/cm^2", thickness_change="1 um/(mAh/cm^2)")
    assert replaced.relative_thickness_change is None
    assert float(replaced.thickness_curve(2.0)) == 2.0


def test_the_resolved_case_reads_back() -> None:
    case = with_counter(material="silicon", n_to_p_ratio=1.2)
    text = case.dump()
    assert "material:" not in text.split("counter_electrode:")[1].split("programme")[0]
    assert case_from_data(yaml.safe_load(text)) == case


def test_an_electrode_of_a_file(tmp_path: Path) -> None:
    text = file_of("lto", "electrodes").read_text()
    (tmp_path / "mine.yaml").write_text(text.replace("1.556", "1.600"))
    counter = counter_of(material=str(tmp_path / "mine.yaml"), capacity="1 mAh/cm^2")
    assert float(counter.potential(0.5)) == pytest.approx(1.594, abs=1e-6)
    (tmp_path / "rising.yaml").write_text(text.replace("0.012*y", "0.5*(1 - y)"))
    with pytest.raises(CaseError) as caught:
        counter_of(material=str(tmp_path / "rising.yaml"), capacity="1 mAh/cm^2")
    assert "rises with lithium" in str(caught.value) and "rising.yaml" in str(caught.value)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    # counter electrode, key of the problem, what is said about it
    ({"material": "grafite"}, "material", "is not in the library"),
    ({"material": 3}, "material", "is not the name of an electrode"),
    ({"material": "nowhere.yaml"}, "material", "does not exist"),
    ({"material": "graphite"}, "capacity", "potential depends on y"),
    ({"potential": {"expression": "1 - y", "unit": "V"}}, "capacity", "potential depends on y"),
    ({"potential": "1 V", "capacity": "1 mAh/cm^2"}, "initial_lithiation", "is missing"),
    ({"potential": "1 V", "initial_lithiation": 0.5}, "capacity", "initial_lithiation is a share of it"),
    ({"potential": "1 V", "initial_lithiation": 1.5}, "initial_lithiation", "less than or equal to 1"),
    ({"potential": "1 V", "capacity": "1 mAh"}, "capacity", "but of"),
    ({"potential": "1 V", "thickness": "5 um"}, "thickness", "goes with relative_thickness_change only"),
    ({"material": "lto", "n_to_p_ratio": 1.0, "capacity": "1 mAh/cm^2"}, "n_to_p_ratio", "beside capacity"),
    ({"material": "lto", "capacity": "1 mAh/cm^2", "capacity_per_volume": None}, "thickness", "is missing"),
    ({"material": "lithium", "capacity": "1 mAh/cm^2", "potential": {"expression": "1 - y", "unit": "V"}}, "plated", "depends on y"),
    ({"material": "lto", "n_to_p_ratio": 1.0, "anodic_transfer_coefficient": 1.0}, "anodic_transfer_coefficient", "less than 1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("counter", "key", "said"), WRONG, ids=[f"{k}-{n}" for n, (_, k, _) in enumerate(WRONG)]
)
def test_mistakes(counter: dict[str, Any], key: str, said: str) -> None:
    problem = problem_of(**counter)
    assert problem.key == f"stack.counter_electrode.{key}"
    assert said in str(problem)


def test_a_wrong_name_ends_with_two_and_the_nearest(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(MINIMAL)])
    assert result.exit_code == 0
    path = tmp_path / "case.yaml"
    path.write_text(f"extends: {MINIMAL}\nstack: {{counter_electrode: {{material: silicone}}}}\n")
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 2
    with pytest.raises(CaseError, match="did you mean: silicon"):
        load_case(path)


def test_thickness_follows_from_the_capacity() -> None:
    """1 mAh/cm² of graphite of 840.5 mAh/cm³ is 11.9 µm, and +13.1 % of that from y = 0 to 1; n/p refers to the cathode."""
    layer = counter_layer(
        counter_of(material="graphite", n_to_p_ratio=1.25, initial_lithiation=0.0), UNIT, 0.8 * UNIT, 298.15
    )
    assert layer.capacity == pytest.approx(1.0)
    assert layer.thickness == pytest.approx(1e4 / 840.5)
    swelling = layer.thickness_change(UNIT)
    assert layer.lithiation(UNIT) == pytest.approx(1.0)
    assert swelling == pytest.approx(layer.thickness * 0.131, rel=1e-3)
    given = counter_layer(
        counter_of(material="graphite", capacity="1 mAh/cm^2", initial_lithiation=0.0, thickness="60 um"),
        UNIT,
        0.0,
        298.15,
    )
    assert given.thickness_change(UNIT) == pytest.approx(swelling * 60.0 / layer.thickness)


def test_kinetics_follow_the_lithiation() -> None:
    layer = counter_layer(counter_of(material="graphite", capacity="1 mAh/cm^2"), UNIT, 0.0, 298.15)
    assert layer.exchange(0.48 * UNIT) == pytest.approx(50.0)  # 100 sqrt(y (1 - y)) at y = 0.5
    assert layer.thickness_change(0.48 * UNIT) > 0.0


def test_limits() -> None:
    layer = counter_layer(counter_of(material="lto", capacity="1 mAh/cm^2"), UNIT, 0.0, 298.15)
    assert (layer.limits(1.0), layer.limits(-1.0), layer.limits(0.0)) == ({FULL: 1.0}, {EMPTY: 0.0}, {})
    assert layer.monitored(0.17 * UNIT) == pytest.approx({FULL: 0.2, EMPTY: 0.2})
    layer.require_room(0.5 * UNIT, 1.0)
    with pytest.raises(CounterExhaustedError, match="full: no room"):
        layer.require_room(0.97 * UNIT, 1.0)
    layer.require_room(0.97 * UNIT, -1.0)
    with pytest.raises(CounterExhaustedError, match="empty: no lithium left"):
        layer.require_room(-0.03 * UNIT, -1.0)
    foil = counter_layer(counter_of(material="lithium", capacity="1 mAh/cm^2"), UNIT, 0.0, 298.15)
    assert (foil.limits(1.0), foil.limits(-1.0)) == ({}, {EMPTY: 0.0})
    unlimited = counter_layer(counter_of(material="lithium"), UNIT, 0.0, 298.15)
    assert unlimited.limits(-1.0) == unlimited.monitored(0.0) == {}
    assert math.isnan(unlimited.lithiation(5.0)) and unlimited.potential(5.0) == 0.0
