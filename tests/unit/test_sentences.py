"""Steps of the programme written as sentences: what they stand for, and what is said about the ones that are not understood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ssbmech.case import CaseError, case_from_data
from ssbmech.cli import app

MINIMAL = Path(__file__).parents[1] / "data" / "minimal_case.yaml"

MEANING: list[tuple[str, dict[str, Any]]] = [
    ("rest 1 h", {"rest": "3600.0 s"}),
    ("Rest for 10 min under 5 MPa", {"rest": "600.0 s", "load": {"pressure": "5.0 MPa"}}),
    ("press 60 s", {"press": "60.0 s"}),
    ("press to 370 MPa in 60 s", {"press": "60.0 s", "load": {"ramp_to": "370.0 MPa"}}),
    ("press at 5 MPa for 1 h", {"press": "3600.0 s", "load": {"pressure": "5.0 MPa"}}),
    (
        "press isostatically to 0.3 GPa in 1 min",
        {"press": "60.0 s", "load": {"ramp_to": "300.0 MPa", "isostatic": True}},
    ),
    ("release in 30 s", {"press": "30.0 s", "load": {"ramp_to": "0.0 MPa"}}),
    ("release to 5 MPa over 30 s", {"press": "30.0 s", "load": {"ramp_to": "5.0 MPa"}}),
    ("charge at C/10 to 4.3 V", {"charge": "0.1C", "until": {"voltage": "4.3 V"}}),
    ("charge at 0.5 C until 4.3 V vs Li+/Li", {"charge": "0.5C", "until": {"potential": "4.3 V"}}),
    (
        "discharge at 1C to 2.5 V or for 2 h",
        {"discharge": "1.0C", "until": {"voltage": "2.5 V", "time": "7200.0 s"}},
    ),
    ("charge at 1 mA/cm^2 to 80 %", {"charge": "10.0 A/m^2", "until": {"state_of_charge": 0.8}}),
    ("charge at C to x = 0.3", {"charge": "1.0C", "until": {"stoichiometry": 0.3}}),
    (
        "charge at 10 W/m^2 until 150 mAh/g",
        {"charge": "10.0 W/m^2", "until": {"specific_capacity": "150.0 mAh/g"}},
    ),
    ("discharge at 1 mW/cm^2 until 1C", {"discharge": "10.0 W/m^2", "until": {"current": "1.0C"}}),
    ("discharge at C/2 for 3 mAh/cm^2", {"discharge": "0.5C", "until": {"capacity": "3.0 mAh/cm^2"}}),
    (
        "charge at C/10 to 4.3 V at fixed gap",
        {"charge": "0.1C", "until": {"voltage": "4.3 V"}, "load": {"fixed_gap": True}},
    ),
    (
        "charge at C/10 to 4.3 V in a jig of 1e13 Pa/m",
        {"charge": "0.1C", "until": {"voltage": "4.3 V"}, "load": {"stiffness": "10.0 MPa/um"}},
    ),
    ("hold at 4.3 V until C/50", {"hold": "4.3 V", "until": {"current": "0.02C"}}),
    (
        "hold at 4.3 V vs. Li until 0.1 A/m^2 or for 2 h",
        {"hold_potential": "4.3 V", "until": {"current": "0.1 A/m^2", "time": "7200.0 s"}},
    ),
    (
        "repeat 3 times: charge at C/10 to 4.3 V; discharge at C/2 to 2.5 V",
        {
            "repeat": {
                "times": 3,
                "steps": [
                    {"charge": "0.1C", "until": {"voltage": "4.3 V"}},
                    {"discharge": "0.5C", "until": {"voltage": "2.5 V"}},
                ],
                "count_passes": False,
            }
        },
    ),
    (
        "repeat 2 times at C/10, 1C: discharge at the rate to 2.5 V",
        {
            "repeat": {
                "times": 2,
                "rates": ["0.1C", "1.0C"],
                "steps": [{"discharge": "rate", "until": {"voltage": "2.5 V"}}],
                "count_passes": False,
            }
        },
    ),
    (
        "repeat 30 times until 4.3 V: charge at C/10 for 10 min; rest 1 h",
        {
            "repeat": {
                "times": 30,
                "steps": [{"charge": "0.1C", "until": {"time": "600.0 s"}}, {"rest": "3600.0 s"}],
                "until": {"voltage": "4.3 V"},
                "count_passes": False,
            }
        },
    ),
]


def data(*programme: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(MINIMAL.read_text())
    return {**loaded, "programme": list(programme)}


@pytest.mark.parametrize(("sentence", "meaning"), MEANING, ids=[text for text, _ in MEANING])
def test_a_sentence_stands_for_a_mapping(sentence: str, meaning: dict[str, Any]) -> None:
    case = case_from_data(data(sentence), MINIMAL.parent)
    assert case.data()["programme"] == [meaning]
    assert case == case_from_data(case.data(), MINIMAL.parent)


WRONG: list[tuple[str, str, str, str]] = [
    # sentence, key, what is said, suggestion
    ("charg at C/10 to 4.3 V", "", "is not a step", "charge at C/10 to 4.3 V"),
    ("", "", "is not a step", ""),
    (
        "charge at C/10 too 4.3 V",
        "",
        'understood: "charge at C/10"; then expected "to"',
        "charge at C/10 to 4.3 V",
    ),
    ("charge at C/10 to 4.3", "", '"4.3" is not an end', ""),
    ("charge at fast to 4.3 V", "", '"fast" is not a current', ""),
    ("charge C/10 to 4.3 V", "", 'understood: "charge"; then expected "at"', ""),
    ("charge at C/0 to 4.3 V", "", "must be greater than zero", ""),
    ("charge at C/10 to 4.3 V or to 4.2 V", "", '"4.2 V" is a second voltage', ""),
    ("charge at C/10 to 4.3 V, rest 1 h", "", 'found ", rest 1 h"', ""),
    ("hold at C/10 until C/50", "", '"C/10" is not a potential', ""),
    ("press too 300 MPa in 60 s", "", 'expected "to"', "press to 300 MPa in 60 s"),
    ("press to 300 in 60 s", "", '"300" has no unit', ""),
    ("press isostatically 60 s", "", 'expected "to" or "at"', ""),
    ("release to 5 MPa", "", 'expected "in"', ""),
    ("rest", "", "lacks a time", ""),
    ("rest 1 V", "", "but of potential", ""),
    ("repeat 3: rest 1 h", "", 'expected a count, "3 times"', ""),
    ("repeat 3 times until 1 h: rest 1 h", "", "is not an end of a repeat", ""),
    (
        "repeat 2 times: rest 1 h; charg at C/10 to 4 V",
        ".repeat.steps[1]",
        "is not a step",
        "charge at C/10 to 4 V",
    ),
    ("hold at 4.3 V until 4.2 V", ".until.voltage", "does not go with hold", ""),
    ("charge at C/10 until C/50", ".until.current", "does not go with charge", ""),
    ("discharge at the rate to 3 V", ".discharge", "stands for an entry of rates", ""),
    ("repeat at 1C: charge at C/10 to 4 V", ".repeat.rates", "are used by none of the steps", ""),
    ("hold at 4.3 V", ".until", "is missing", ""),
    ("repeat 2 times", "", 'expected ":"', ""),
]


@pytest.mark.parametrize(("sentence", "key", "says", "suggestion"), WRONG, ids=[wrong[0] for wrong in WRONG])
def test_a_sentence_that_is_not_understood(sentence: str, key: str, says: str, suggestion: str) -> None:
    with pytest.raises(CaseError) as caught:
        case_from_data(data("rest 1 h", sentence), MINIMAL.parent)
    (problem,) = caught.value.problems
    assert problem.key == f"programme[1]{key}"
    assert says in problem.message
    assert problem.suggestion == suggestion
    assert problem.allowed


def test_a_mistake_in_a_sentence_ends_with_code_2(tmp_path: Path) -> None:
    text = MINIMAL.read_text()
    file = tmp_path / "case.yaml"
    file.write_text(text.replace("  - rest: 10 min\n", "  - rust 10 min\n"))
    line = 1 + file.read_text().splitlines().index("  - rust 10 min")
    result = CliRunner().invoke(app, ["check", str(file)])
    assert result.exit_code == 2
    assert f"case.yaml:{line}: programme[1]: is not a step" in " ".join(result.output.split())
    assert "did you mean: rest 10 min" in " ".join(result.output.split())


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"repeat": {"steps": ["rest 1 h"]}, "until": {"time": "1 h"}}, "programme[1].until", "does not go with repeat"),
    ({"repeat": {"steps": ["rest 1 h"]}, "load": {"fixed_gap": True}}, "programme[1].load", "does not go with repeat"),
    ({"repeat": {"steps": []}}, "programme[1].repeat.steps", "at least 1"),
    ({"repeat": {"steps": ["rest 1 h"], "times": 0}}, "programme[1].repeat.times", "greater than or equal to 1"),
    ({"repeat": {"rates": ["rate"], "steps": ["charge at the rate for 1 h"]}}, "programme[1].repeat.rates[0]", "the word rate itself"),
    ({"charge": "C/2", "until": {"time": "1 h"}, "load": {"ramp_to": "5 MPa"}}, "programme[1].load.ramp_to", "has no time"),
    ({"rest": "1 h", "load": {"fixed_gap": True, "isostatic": True}}, "programme[1].load.isostatic", "does not go with fixed_gap"),
    ({"charge": "C/2", "hold": "4 V"}, "programme[1]", "exactly one of"),
    ({"charge": "C/2", "until": {"state_of_charge": 1.5}}, "programme[1].until.state_of_charge", "less than or equal to 1"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "key", "says"), REFUSED, ids=[f"{key}: {says}" for _, key, says in REFUSED])
def test_what_does_not_go_together_is_refused(step: dict[str, Any], key: str, says: str) -> None:
    with pytest.raises(CaseError) as caught:
        case_from_data(data("rest 1 h", step), MINIMAL.parent)
    found = [problem for problem in caught.value.problems if problem.key == key]
    assert found, caught.value.problems
    assert says in str(found[0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"stack": {"sides": "free"}}, "stack.sides: free"),
        ({"numerics": {"kinematics": "finite_strain"}}, "finite_strain"),
    ],
)
def test_isostatic_needs_plates_and_small_strain(change: dict[str, Any], says: str) -> None:
    given = data("press isostatically to 300 MPa in 60 s")
    for block, values in change.items():
        given[block] = {**given.get(block, {}), **values}
    with pytest.raises(CaseError) as caught:
        case_from_data(given, MINIMAL.parent)
    assert any(p.key == "programme[0].load.isostatic" and says in str(p) for p in caught.value.problems)


@pytest.mark.parametrize(
    "step",
    ["charge at C/2 until 50 %", "hold at 4 V until C/50", "repeat at C/10: discharge at the rate to 3 V"],
)
def test_rates_and_states_of_charge_need_the_nominal_capacity(step: str) -> None:
    given = data(step)
    given["cell"] = {}
    with pytest.raises(CaseError, match=r"cell\.nominal_capacity: is missing; programme\[0\]"):
        case_from_data(given, MINIMAL.parent)


# the plan


def cycles_of(*programme: Any) -> list[int]:
    return [step.cycle for step in case_from_data(data(*programme), MINIMAL.parent).planned()]


CHARGE, DISCHARGE = "charge at C/2 to 4 V", "discharge at C/2 to 3 V"
HOLD, REST = "hold at 4 V until C/20", "rest 1 h"


def test_cycles_are_charges_and_discharges_one_after_the_other() -> None:
    assert cycles_of(REST, CHARGE, HOLD, REST, DISCHARGE, REST, CHARGE) == [0, 1, 1, 1, 1, 1, 2]
    assert cycles_of(CHARGE, CHARGE, DISCHARGE, DISCHARGE, CHARGE) == [1, 1, 1, 1, 2]
    assert cycles_of(DISCHARGE, CHARGE, DISCHARGE, CHARGE) == [1, 1, 2, 2]
    repeat = {"repeat": {"times": 2, "steps": [CHARGE, {"repeat": {"times": 2, "steps": [DISCHARGE, REST]}}]}}
    assert cycles_of(REST, repeat, CHARGE) == [0, *[1] * 5, *[2] * 5, 3]


def test_cycles_are_passes_where_a_repeat_says_so() -> None:
    pulses = {
        "repeat": {"times": 2, "count_passes": True, "steps": [DISCHARGE, REST, CHARGE, REST, DISCHARGE]}
    }
    assert cycles_of(CHARGE, pulses, CHARGE) == [1, *[2] * 5, *[3] * 5, 4]


def test_a_plan_has_every_pass_with_its_rate_key_and_load() -> None:
    repeat = {
        "repeat": {
            "rates": ["C/10", "1C"],
            "times": 2,
            "steps": ["charge at C/5 to 4 V under 5 MPa", "discharge at the rate to 3 V at fixed gap"],
            "until": {"state_of_charge": 0.9},
        }
    }
    planned = case_from_data(data(REST, repeat, REST), MINIMAL.parent).planned()
    assert [step.number for step in planned] == list(range(10))
    assert [step.step.c_rate for step in planned] == [None, 0.2, 0.1, 0.2, 0.1, 0.2, 1.0, 0.2, 1.0, None]
    assert planned[4].key == "programme[1].repeat.steps[1]"
    assert [step.load_from for step in planned] == [0, *range(1, 9), 8]
    assert [step.passes for step in planned] == [1, *[4] * 8, 1]
    loops = {loop for step in planned for loop in step.loops}
    assert [(loop.first, loop.end) for loop in loops] == [(1, 9)]
    assert planned[0].loops == planned[9].loops == ()
