"""The counter electrode as a lumped layer, in a planar cell: lithiation, potential, kinetics, thickness and limits in closed form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc
from test_planar_cell import CAM_LENGTH, LENGTH, SIGMA, overpotential, planar_case, planar_mesh

from ssbmech.case.electrode_layer import read_electrode
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.evolution import Evolution
from ssbmech.solve.stepping import Accepted, StepFailedError, TimeStepper

CURRENT = 1.0  # A/m²
HOUR = 0.1  # mAh/cm² that 1 A/m² passes in an hour
SITES = CAM_LENGTH * 1e-4 * 50000e-6 * sc.FARADAY / 3.6  # mAh/cm², all of the cathode
CAM_SIGMA = 100.0  # S/m
ROUNDING = 1e-9  # V, MPa: Newton's method at a tolerance of 1e-10


def cell(counter: dict[str, Any], programme: list[dict[str, Any]], **stack: Any) -> dict[str, Any]:
    case = planar_case(programme=programme)
    case["stack"] = {"load": {"pressure": "10 MPa"}, "counter_electrode": counter} | stack
    case["numerics"]["time_step"] = {"initial": "600 s", "maximum": "1200 s"}
    return case


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> TaggedMesh:
    folder = sc.COMM.bcast(tmp_path_factory.mktemp("mesh") if sc.COMM.rank == 0 else None)
    return planar_mesh(folder)


Built = Callable[[dict[str, Any]], Evolution]


@pytest.fixture
def built(shared_tmp_path: Path, mesh: TaggedMesh) -> Built:
    def build(case: dict[str, Any]) -> Evolution:
        return Evolution(sc.model_of(shared_tmp_path, case, mesh))

    return build


def steps_of(evolution: Evolution) -> list[tuple[Accepted, dict[str, float], float]]:
    """Every accepted step, what is monitored at its end, and the stack pressure."""
    evolution.equilibrate()
    stepper = TimeStepper(evolution, evolution.control(), lambda line: None)
    return [
        (accepted, evolution.monitored(), evolution.stack_pressure())
        for accepted in stepper.run(evolution.segments())
    ]


def test_potential_and_kinetics_follow_the_lithiation(built: Built) -> None:
    """Cell voltage = V − U_a(y), V with the overpotential of the counter electrode at i0(y), y at the end of the step."""
    counter = {
        "potential": {"expression": "0.8 - 0.5*y**2", "unit": "V"},
        "capacity": "0.4 mAh/cm^2",
        "initial_lithiation": 0.1,
        "exchange_current_density": {"expression": "2 + 6*y", "unit": "A/m^2"},
        "anodic_transfer_coefficient": 0.3,
    }
    evolution = built(cell(counter, [{"charge": f"{CURRENT} A/m^2", "until": {"time": "2 h"}}]))
    drop = CURRENT * 1e-6 * (LENGTH / SIGMA + CAM_LENGTH / CAM_SIGMA)
    steps = steps_of(evolution)
    assert len(steps) > 5
    for accepted, now, _ in steps:
        y = 0.1 + HOUR * accepted.time / 3600.0 / 0.4
        # On charge lithium goes into the counter electrode: its reaction runs backwards.
        loss = -overpotential(-CURRENT, 2.0 + 6.0 * y, 0.3)
        assert now["potential"] == pytest.approx(
            3.8 + overpotential(CURRENT, 2.0, 0.5) + drop + loss, abs=ROUNDING
        )
        assert now["voltage"] == pytest.approx(now["potential"] - (0.8 - 0.5 * y**2), abs=1e-12)


def test_ends_when_full_and_when_empty(built: Built) -> None:
    """A charge ends at y = 1, the discharge after it at y = 0, to 1e-6 of y; the programme goes on in between."""
    counter = {
        "potential": {"points": [[0, 1.6], [1, 1.5]], "unit": "V"},
        "capacity": "0.2 mAh/cm^2",
        "initial_lithiation": 0.3,
    }
    programme = [
        {"charge": f"{CURRENT} A/m^2", "until": {"voltage": "5 V", "time": "30 h"}},
        {"discharge": f"{CURRENT} A/m^2", "until": {"time": "30 h"}},
    ]
    steps = steps_of(built(cell(counter, programme)))
    ends = [(accepted, now) for accepted, now, _ in steps if accepted.ended is not None]
    assert [accepted.ended for accepted, _ in ends] == ["counter electrode full", "counter electrode empty"]
    first, second = (accepted.time / 3600.0 * HOUR / 0.2 for accepted, _ in ends)
    assert first == pytest.approx(0.7, abs=1e-6)
    assert second - first == pytest.approx(1.0, abs=1e-6)


def test_no_step_begins_at_its_limit(built: Built) -> None:
    counter = {"potential": "1.5 V", "capacity": "0.05 mAh/cm^2", "initial_lithiation": 0.0}
    charge = {"charge": f"{CURRENT} A/m^2", "until": {"time": "5 h"}}
    with pytest.raises(
        StepFailedError, match=r"programme step 1 \(charge\): counter electrode full: no room for lithium"
    ):
        steps_of(built(cell(counter, [charge, charge])))
    with pytest.raises(
        StepFailedError, match=r"programme step 0 \(discharge\): counter electrode empty: no lithium left"
    ):
        steps_of(built(cell(counter, [{"discharge": f"{CURRENT} A/m^2", "until": {"time": "5 h"}}])))


def test_lithium_is_plated_without_limit_and_runs_out(built: Built) -> None:
    """A foil of 0.1 mAh/cm²: plating goes on past y = 1, stripping ends when all of it is gone."""
    counter = {"material": "lithium", "capacity": "0.1 mAh/cm^2"}
    programme = [
        {"charge": f"{CURRENT} A/m^2", "until": {"time": "1 h"}},
        {"discharge": f"{CURRENT} A/m^2", "until": {"time": "30 h"}},
    ]
    evolution = built(cell(counter, programme))
    steps = steps_of(evolution)
    ends = [accepted for accepted, _, _ in steps if accepted.ended is not None]
    assert [accepted.ended for accepted in ends] == ["time", "counter electrode empty"]
    assert ends[1].time - ends[0].time == pytest.approx(2 * 3600.0, rel=1e-6)
    assert evolution.counter.thickness_change(evolution.charge) == pytest.approx(-4.849779 * 0.1, rel=1e-6)


COMPLIANCE = 0.05  # um/MPa, of what is not meshed


def compliance() -> float:
    """Of the planar stack in uniaxial strain and of the faces in contact between its layers [µm/MPa]."""
    total = COMPLIANCE + 1e-6  # 1 nm under 1 GPa, the default
    for modulus, ratio, length in ((22.1e3, 0.37, LENGTH), (140e3, 0.3, CAM_LENGTH)):
        total += length * (1 + ratio) * (1 - 2 * ratio) / (modulus * (1 - ratio))
    return total


def in_gap(counter: dict[str, Any], load: dict[str, Any]) -> dict[str, Any]:
    programme = [
        {"rest": "1 s"},
        {"charge": f"{CURRENT} A/m^2", "until": {"time": "2 h"}, "load": load},
    ]
    return cell(counter | {"compliance": f"{COMPLIANCE} um/MPa"}, programme)


@pytest.mark.parametrize(
    "load", [{"fixed_gap": True}, {"stiffness": "1e13 Pa/m"}, {"pressure": "10 MPa"}], ids=str
)
def test_graphite_less_titanate_is_graphite(built: Built, load: dict[str, Any]) -> None:
    """ΔP = h [r(y) − r(y_0)] / compliance, and by subtraction of the cell with the zero-strain electrode the same."""
    changes = {}
    for name in ("graphite", "lto"):
        counter = {"material": name, "n_to_p_ratio": 0.4, "initial_lithiation": 0.1}
        steps = steps_of(built(in_gap(counter, load)))
        changes[name] = np.array([(accepted.time, pressure - 10.0) for accepted, _, pressure in steps])
    electrode, _ = read_electrode("graphite")
    assert electrode.relative_thickness_change is not None and electrode.capacity_per_volume is not None
    relative, capacity = electrode.relative_thickness_change.value, 0.4 * SITES
    height = 1e4 * capacity / electrode.capacity_per_volume.value
    time = changes["graphite"][:, 0]
    y = 0.1 + HOUR * np.maximum(time - 1.0, 0.0) / 3600.0 / capacity
    closed = height * (relative(y) - relative(0.1))
    if "pressure" in load:
        expected = np.zeros_like(closed)
    else:
        expected = closed / (compliance() + (0.1 if "stiffness" in load else 0.0))
    assert np.abs(closed).max() > 0.02  # um: there is something to see
    np.testing.assert_allclose(changes["graphite"][:, 1], expected, atol=1e-7)
    np.testing.assert_array_equal(changes["lto"][:, 0], time)
    np.testing.assert_allclose(changes["graphite"][:, 1] - changes["lto"][:, 1], expected, atol=1e-7)
