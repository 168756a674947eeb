"""The quick cases through the command line on 2 ranks: they end, they balance, and they show what their READMEs say.

Each case is run once; the pressures are compared on a smaller packing and up to 120 mAh/g, where the interface is half broken.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssbmech.case import load_case

ROOT = Path(__file__).parents[2]
CASES = ROOT / "cases"
QUICK = (
    "ncm811_lpscl/quick",
    "ltvo_lpscl/quick",
    "tomography/quick",
    "pores_lpscl/case",
    "friction/case",
    "mechanisms/all",
    "library/case",
    "cccv/case",
    "gitt/case",
    "rate_test/case",
    "counter_electrodes/graphite",
    "oxidation/zero_strain",
    "collector_contact/titanium",
)
LONGER = (
    "lco_lpscl/quick",
    "counter_electrodes/lithium",
    "counter_electrodes/lto",
    "counter_electrodes/silicon",
    "oxidation/sulfide",
    "oxidation/halide",
    "blend/case",
    "counter_electrodes/lithium_jig",
    "counter_electrodes/lithium_pressure",
    "collector_contact/carbon",
    "irregular_ncm811/case",
    "polycrystal_ncm811/case",
    "polycrystal_ncm811/random",
    "polycrystal_ncm811/single",
    "polycrystal_ncm811/hexagonal",
    "section_ncm811/case",
    "mechanisms/base",
    "mechanisms/crystals",
    "mechanisms/cracks",
    "mechanisms/plastic",
    "mechanisms/viscous",
    "mechanisms/finite",
    "mechanisms/friction",
    "mechanisms/walls",
    "mechanisms/electrons",
    "mechanisms/all_finite",
    "lithium_layer/case",
    "silicon_lpscl/case",
    "cracking/random",
    "cracking/radial",
    "cracking/single",
    "cracking/random_3d",
    "cracking/radial_3d",
    "cracking/single_3d",
)
STUDIES = [
    *QUICK,
    *(pytest.param(case, marks=(pytest.mark.slow, pytest.mark.timeout(7200))) for case in LONGER),
]
ALL = sorted(path.relative_to(CASES) for path in CASES.glob("*/*.yaml"))

# Two and a half minutes in all on two idle cores; the limit leaves room for busy ones.
pytestmark = pytest.mark.timeout(1200)


@dataclass(frozen=True)
class Result:
    """What a run left."""

    summary: dict[str, Any]
    series: dict[str, list[float]]
    particles: list[dict[str, str]]

    def headline(self, name: str) -> float:
        return float(self.summary["headline"][name])


Run = Callable[..., Result]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a case on 2 ranks, with overrides, without pictures; the same run is made once only."""
    done: dict[tuple[str, ...], Result] = {}
    launcher = ("OMPI_COMM", "PMI", "PMIX", "PRTE", "SLURM_", "HYDRA", "MPI_LOCAL")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(launcher)}
    packages = (str(ROOT / name) for name in ("solver", "meshes", "postprocessing"))
    environment["PYTHONPATH"] = os.pathsep.join(packages)

    def call(case: str, *overrides: str) -> Result:
        key = (case, *overrides)
        if key not in done:
            out = tmp_path_factory.mktemp("run") / "out"
            settings = [part for text in ("output.report=false", *overrides) for part in ("--set", text)]
            command = [sys.executable, "-m", "ssbmech.cli", "run", str(CASES / f"{case}.yaml"), "-n", "2"]
            command += ["-o", str(out), *settings]
            ended = subprocess.run(
                command, env=environment, capture_output=True, encoding="utf-8", check=False
            )
            assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
            done[key] = _read(out)
        return done[key]

    return call


def _read(out: Path) -> Result:
    names, rows = _table(out / "series.csv")
    series = {name: [float(row[k]) for row in rows] for k, name in enumerate(names)}
    columns, lines = _table(out / "particles.csv")
    particles = [dict(zip(columns, line, strict=True)) for line in lines]
    return Result(json.loads((out / "summary.json").read_text(encoding="utf-8")), series, particles)


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Names of the columns without units, and the rows."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return [name.split(" [")[0] for name in header], rows


def _pressed(pressure: float) -> tuple[str, ...]:
    """Overrides: a small packing under a pressure [MPa], charged to 120 mAh/g."""
    ramp = f'programme.0.load={{pressure: {{points: [["0 s", "0 MPa"], ["60 s", "{pressure} MPa"]]}}}}'
    end = "programme.2.until={specific_capacity: 120 mAh/g}"
    box = "mesh.microstructure.box=[9 um, 9 um, 9 um]"
    return ramp, f"programme.1.load={{pressure: {pressure} MPa}}", end, box


@pytest.mark.parametrize("case", ALL, ids=str)
def test_every_case_file_is_in_order(case: Path) -> None:
    assert load_case(CASES / case).title


@pytest.mark.parametrize("case", STUDIES)
def test_balances(run: Run, case: str) -> None:
    """Lithium content against charge passed, and energy; at the end and, for lithium, in every step."""
    result = run(case)
    assert result.summary["finished"]
    assert abs(result.summary["balance"]["lithium"]) <= 1e-8
    assert abs(result.summary["balance"]["charge"]) <= 1e-8
    assert abs(result.summary["balance"]["energy"]) <= 0.01
    assert max(map(abs, result.series["lithium_balance_error"])) <= 1e-8
    assert abs(result.series["mechanical_balance_error"][-1]) <= 0.01


@pytest.mark.parametrize("case", STUDIES)
def test_headline_figures_are_those_of_the_case_file(run: Run, case: str) -> None:
    expected = load_case(CASES / f"{case}.yaml").expected
    assert expected
    result = run(case)
    for name, figure in expected.items():
        assert result.headline(name) == pytest.approx(figure.value, rel=figure.tolerance), name


def test_ncm811_shrinks_and_debonds_under_constant_pressure(run: Run) -> None:
    result = run("ncm811_lpscl/quick")
    assert result.headline("end_potential_V") == pytest.approx(4.3, abs=1e-6)
    assert result.headline("pressure_MPa") == pytest.approx(5.0, abs=1e-9)
    assert -0.08 < result.headline("mean_volumetric_strain") < -0.04
    delaminated = result.series["delaminated_fraction"]
    assert all(b >= a - 1e-12 for a, b in pairwise(delaminated))
    assert delaminated[-1] > 0.5


def test_fixed_gap_tells_the_materials_apart(run: Run) -> None:
    """NCM811 lowers the pressure, LTVO hardly moves it (signs: Song et al. 2021, figure 10e)."""
    small = _pressed(5)[2:]
    ncm811 = run("ncm811_lpscl/quick_gap", *small).headline("pressure_change_MPa")
    assert ncm811 < -0.05
    assert abs(run("ltvo_lpscl/quick").headline("pressure_change_MPa")) < 0.2 * abs(ncm811)


@pytest.mark.slow
def test_lithium_cobalt_oxide_raises_the_pressure(run: Run) -> None:
    """It expands on charge, against the sign of the others."""
    assert run("lco_lpscl/quick").headline("pressure_change_MPa") > 0.2


@pytest.mark.slow
def test_pressure_of_graphite_by_subtraction(run: Run) -> None:
    """ΔP(NCM811|graphite) − ΔP(NCM811|Li4Ti5O12) is that of graphite: to that of lithium as their thicknesses in a linear stack."""
    cells = {name: run(f"counter_electrodes/{name}").series for name in ("graphite", "lithium", "lto")}

    def at(name: str, column: str) -> float:
        """Where all three have passed 0.1 mAh/cm²."""
        return float(np.interp(0.1, cells[name]["areal_capacity"], cells[name][column]))

    change = {name: at(name, "pressure_change") for name in cells}
    thickness = {name: at(name, "rest_thickness_change") for name in cells}
    assert change["lto"] < 0.0 < change["graphite"] < change["lithium"]
    assert thickness["lto"] == 0.0
    assert thickness["lithium"] == pytest.approx(0.4849779, rel=1e-3)  # 4.849779 um per mAh/cm²
    by_subtraction = (change["graphite"] - change["lto"]) / (change["lithium"] - change["lto"])
    assert by_subtraction == pytest.approx(
        thickness["graphite"] / thickness["lithium"], rel=2e-3
    )  # 2e-5 found


@pytest.mark.slow
def test_delamination_falls_with_stack_pressure(run: Run) -> None:
    low, middle, high = (
        run("ncm811_lpscl/quick", *_pressed(p)).headline("delaminated_fraction") for p in (0.5, 5, 50)
    )
    assert low > middle > high
    assert low > 1.1 * high


def test_ltvo_stays_bonded(run: Run) -> None:
    assert run("ltvo_lpscl/quick").headline("active_fraction") > 0.99
    assert run("ncm811_lpscl/quick").headline("active_fraction") < 0.5


def test_lithium_reaches_grains_without_electrolyte(run: Run) -> None:
    """A particle of grains on a coarse mesh: those inside have no other way than the grain boundaries, and follow."""
    mesh = "mesh.microstructure.mesh_size={interface: 1 um, bulk: 2 um}"
    grains = "mesh.microstructure.particles.NCM811.grains={texture: random, count: 30}"
    end = "programme.2.until={specific_capacity: 30 mAh/g}"
    result = run("polycrystal_ncm811/case", mesh, grains, end)
    rows = [row for row in result.particles if row["body"].startswith("NCM811")]
    last = [row for row in rows if row["step"] == rows[-1]["step"]]
    inside = [float(row["mean_stoichiometry"]) for row in last if float(row["interface_area"]) == 0.0]
    outside = [float(row["mean_stoichiometry"]) for row in last if float(row["interface_area"]) > 0.0]
    assert inside and outside
    assert max(inside) < 0.9084 - 0.02  # all have lost lithium
    assert min(inside) > min(outside)  # to those outside
    assert abs(result.summary["balance"]["lithium"]) <= 1e-8


def test_all_mechanisms_act_together(run: Run) -> None:
    """Boundaries between crystals crack and close again, broken faces rub, the electrolyte flows, and each dissipates."""
    result = run("mechanisms/all")
    cracks = result.series["grain_boundary_crack_volume"]
    assert max(cracks) > 0.05
    assert 0.0 < cracks[-1] < 0.5 * max(cracks)
    for name in ("friction_dissipation", "plastic_dissipation", "fracture_dissipation"):
        spent = result.series[name]
        assert spent[-1] > 0.0 and all(b >= a - 1e-12 for a, b in pairwise(spent)), name
    assert result.series["maximum_plastic_strain"][-1] > 0.005


def test_walls_of_pores_bear(run: Run) -> None:
    """They meet under pressure, part again in places on release, and never overlap by more than the case allows."""
    result = run("pores_lpscl/case")
    contact = result.series["wall_contact_fraction"]
    assert contact[0] == 0.0
    assert max(contact) > 0.04
    assert 0.1 * max(contact) < contact[-1] < 0.5 * max(contact)
    block = load_case(CASES / "pores_lpscl/case.yaml").pore_walls
    assert block is not None
    assert max(result.series["wall_penetration"]) < block.penetration_tolerance
    assert max(result.series["contact_energy"]) > 0.0


def test_constant_current_and_voltage_close(run: Run) -> None:
    """Formation and two cycles: capacities add up to the lithium that has moved, and a cell without side reactions repeats itself."""
    result = run("cccv/case")
    cycles = result.summary["cycles"]
    assert [row["cycle"] for row in cycles] == [1, 2, 3]
    net = sum(row["charge_capacity"] - row["discharge_capacity"] for row in cycles)
    turned = sum(row["charge_capacity"] + row["discharge_capacity"] for row in cycles)
    assert abs(net - result.headline("capacity_mAh_g")) < 1e-8 * turned
    assert cycles[2]["coulombic_efficiency"] == pytest.approx(1.0, abs=1e-4)
    assert cycles[1]["held_charge_share"] > 0.005
    assert result.summary["end_reason"] == "time"


def test_rates_lower_the_capacity(run: Run) -> None:
    """C/10 to 2C: less at every rate, and all of it back at C/10."""
    cycles = run("rate_test/case").summary["cycles"]
    assert [row["discharge_rate"] for row in cycles] == pytest.approx([0.1, 0.2, 0.5, 1.0, 2.0, 0.1])
    capacities = [row["discharge_capacity"] for row in cycles]
    assert all(b < a for a, b in pairwise(capacities[:5]))
    assert capacities[4] < 0.86 * capacities[0]
    assert capacities[5] == pytest.approx(capacities[0], rel=2e-3)


def test_pulses_end_at_the_voltage(run: Run) -> None:
    """GITT ends in a pulse at 4.3 V, with fewer passes than allowed."""
    result = run("gitt/case")
    assert result.summary["end_reason"] == "potential of the repeat"
    assert result.headline("end_potential_V") == pytest.approx(4.3, abs=1e-6)
    assert result.series["programme_step"][-1] < 3 + 2 * 40 - 1


def test_titanium_remembers_the_pressure(run: Run) -> None:
    """Resistance at every pulse: 1/(G f), f = X/(1 + X), X = (p/p0)^n, and f(p_max) (p/p_max)^m after it."""
    series = run("collector_contact/titanium").series
    read = [
        (p, voltage / i)
        for p, voltage, i in zip(
            series["pressure"], series["contact_overpotential"], series["current_density"], strict=True
        )
        if i > 0.0
    ]

    def share(p: float) -> float:
        x = (p / 1190.0) ** 1.21
        return x / (1.0 + x)

    most = 0.0
    for p, resistance in read:
        most = max(most, p)
        expected = 1e-5 / (share(most) * (p / most) ** 0.4)
        assert resistance == pytest.approx(expected, rel=1e-3)  # the platen's 0.1 kPa
    assert most == pytest.approx(70.0, rel=1e-6)
    assert read[0][1] > 15 * read[-1][1]
