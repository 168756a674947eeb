"""The command line: exit codes, messages, and one message from many ranks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ssbmech.cli import default_folder
from ssbmech.launch import launched_rank, launched_ranks

ROOT = Path(__file__).parents[2]
MINIMAL = ROOT / "tests" / "data" / "minimal_case.yaml"

Call = Callable[..., subprocess.CompletedProcess[str]]

# Takes the place of the solver, so that only the command line is tested: every interpreter loads it at its start.
FAKE_RUN = """
import os, sys, time, types

class RegionError(ValueError):
    pass

class SolveError(RuntimeError):
    pass

RegionError.__module__ = "ssbmech.domain.bodies"
SolveError.__module__ = "ssbmech.solve.system"

def run_case(case, out, overwrite):
    from mpi4py import MPI
    comm, what = MPI.COMM_WORLD, os.environ.get("FAKE", "ok")
    if what == "all":
        raise RuntimeError("everything broke")
    if what == "one":
        if comm.rank == comm.size - 1:
            raise RuntimeError("this rank broke")
        comm.Barrier()
    if what == "region":
        raise RegionError("no region is called CAM_*")
    if what == "solve":
        raise SolveError("no convergence")
    if what == "module":
        raise ModuleNotFoundError("No module named 'dolfinx'")
    if comm.rank == 0:
        print("ran", comm.size, case.title, out, overwrite)
    return 0

module = types.ModuleType("ssbmech.run")
module.run_case = run_case
sys.modules["ssbmech.run"] = module
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables of a user's shell in which the solver is replaced (without those of an MPI that runs these tests)."""
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "sitecustomize.py").write_text(FAKE_RUN)
    launcher = ("OMPI_", "PMI", "PMIX", "PRTE", "SLURM_", "HYDRA", "MPI_LOCAL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(launcher)}
    kept |= {
        name: value for name, value in os.environ.items() if name.startswith(("OMPI_ALLOW", "OMPI_MCA_btl"))
    }
    folders = [str(tmp_path / "fake"), *(str(ROOT / name) for name in ("solver", "meshes", "postprocessing"))]
    return kept | {"PYTHONPATH": os.pathsep.join(folders), "COLUMNS": "200"}


@pytest.fixture
def call(environment: dict[str, str], tmp_path: Path) -> Call:
    """Calls the command line in an empty folder."""
    folder = tmp_path / "here"
    folder.mkdir()

    def run(
        *arguments: object, before: tuple[str, ...] = (), **variables: str
    ) -> subprocess.CompletedProcess[str]:
        command = [*before, sys.executable, "-m", "ssbmech.cli", *map(str, arguments)]
        env = environment | variables
        return subprocess.run(
            command, env=env, cwd=folder, capture_output=True, encoding="utf-8", check=False, timeout=120
        )

    return run


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.yaml"
    text = MINIMAL.read_text().replace("poisson_ratio: 0.37", "poison_ratio: 0.37")
    file.write_text(text.replace("conductivity: 2 mS/cm", "conductivity: 2 mS"))
    return file


def test_check(call: Call, bad: Path) -> None:
    good = call("check", MINIMAL)
    assert good.returncode == 0
    assert "is in order: A small case" in good.stdout
    assert "x = 0.9, 3.568 V vs Li" in good.stdout
    refused = call("check", bad)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert "phases.SE.elasticity.poison_ratio: is not a key that belongs here" in refused.stderr
    assert "did you mean: poisson_ratio" in refused.stderr
    assert "2 mistakes; nothing was done." in refused.stderr
    assert "Traceback" not in refused.stderr


def test_check_with_overrides_and_resolved(call: Call, tmp_path: Path) -> None:
    shown = call("check", MINIMAL, "--resolved", "--set", "title=changed", "--set", "cell.temperature=310 K")
    assert shown.returncode == 0
    file = tmp_path / "resolved.yaml"
    file.write_text(shown.stdout)
    again = call("check", file, "--resolved")
    assert again.stdout == shown.stdout
    assert "temperature: 310.0 K" in again.stdout
    assert call("check", MINIMAL, "--set", "cell.temperatur=3 K").returncode == 2


def test_schema(call: Call, tmp_path: Path) -> None:
    printed = call("schema")
    assert printed.returncode == 0
    assert json.loads(printed.stdout)["title"] == "ssbmech case file"
    assert call("schema", "-o", tmp_path / "s.json").returncode == 0
    assert json.loads((tmp_path / "s.json").read_text()) == json.loads(printed.stdout)
    lost = call("schema", "-o", tmp_path / "no" / "s.json")
    assert lost.returncode == 2
    assert "cannot write" in lost.stderr
    assert call("schema", "--markdown").stdout == (ROOT / "docs" / "case_file.md").read_text(encoding="utf-8")


def test_doctor(call: Call) -> None:
    told = call("doctor")
    assert told.returncode in (0, 1)
    assert "DOLFINx" in told.stdout
    assert "mpi4py" in told.stdout or "MPI" in told.stdout


def test_usage_errors(call: Call) -> None:
    assert call("runn", MINIMAL).returncode == 2
    assert call("run").returncode == 2
    assert call("run", MINIMAL, "-n", "0").returncode == 2
    assert call("run", MINIMAL, "-n", "two").returncode == 2


def test_run_refuses_bad_input_before_any_work(call: Call, bad: Path, tmp_path: Path) -> None:
    for arguments in (
        (bad,),
        (bad, "-n", "2"),
        (tmp_path / "none.yaml",),
        (MINIMAL, "--set", "stack.axis=w"),
    ):
        refused = call("run", *arguments)
        assert refused.returncode == 2
        assert "nothing was done" in refused.stderr
        assert "ran" not in refused.stdout
        assert "Traceback" not in refused.stderr
    assert list((tmp_path / "here").iterdir()) == []


def test_run_on_one_rank(call: Call) -> None:
    done = call("run", MINIMAL)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "ran 1 A small case runs/data-minimal_case False\n"
    named = call("run", MINIMAL, "-o", "elsewhere", "--set", "title=t", "--overwrite")
    assert named.stdout == "ran 1 t elsewhere True\n"


def test_an_existing_folder_is_not_overwritten(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "here" / "out"
    out.mkdir()
    assert call("run", MINIMAL, "-o", "out").returncode == 0
    (out / "series.csv").write_text("precious")
    refused = call("run", MINIMAL, "-o", "out")
    assert refused.returncode == 2
    assert "exists and is not empty" in refused.stderr
    assert "--overwrite" in refused.stderr
    assert call("run", MINIMAL, "-o", "out", "--overwrite").stdout.endswith("True\n")
    assert call("run", MINIMAL, "-o", "out/series.csv").returncode == 2
    assert (out / "series.csv").read_text() == "precious"


def test_failures(call: Call) -> None:
    broken = call("run", MINIMAL, FAKE="all")
    assert broken.returncode == 1
    assert "RuntimeError: everything broke" in broken.stderr
    failed = call("run", MINIMAL, FAKE="solve")
    assert (failed.returncode, failed.stderr) == (1, "the run failed: no convergence\n")
    region = call("run", MINIMAL, FAKE="region")
    assert (region.returncode, region.stderr) == (2, "no region is called CAM_*\n")
    module = call("run", MINIMAL, FAKE="module")
    assert module.returncode == 1
    assert "ssbmech doctor" in module.stderr


def test_run_on_two_ranks(call: Call) -> None:
    done = call("run", MINIMAL, "-n", "2", "-o", "out", "--set", "title=two words")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "ran 2 two words out False\n"
    same = call(
        "run", MINIMAL, "-o", "out", before=("mpirun", "-n", "2"), OMPI_MCA_rmaps_base_oversubscribe="1"
    )
    assert same.stdout == "ran 2 A small case out False\n", same.stderr


def test_two_ranks_refuse_with_one_message(call: Call, bad: Path) -> None:
    mpirun = ("mpirun", "-n", "2")
    refused = call("run", bad, before=mpirun)
    assert refused.returncode == 2
    assert refused.stderr.count("poison_ratio: is not a key") == 1
    clash = call("run", MINIMAL, "-n", "3", before=mpirun)
    assert clash.returncode == 2
    assert clash.stderr.count("does not fit the 2 ranks") == 1


@pytest.mark.parametrize(("what", "code"), [("all", 1), ("one", 1), ("region", 2)])
def test_two_ranks_fail_with_one_message(call: Call, what: str, code: int) -> None:
    failed = call("run", MINIMAL, "-n", "2", FAKE=what)
    assert failed.returncode == code, failed.stderr
    text = {
        "all": "everything broke",
        "one": "RuntimeError: this rank broke",
        "region": "no region is called",
    }[what]
    told = [line for line in failed.stderr.splitlines() if text in line and "raise" not in line]
    assert len(told) == 1, failed.stderr


def test_report_needs_a_folder(call: Call) -> None:
    refused = call("report", "nowhere")
    assert refused.returncode == 2
    assert "nowhere is not a folder" in refused.stderr


def test_mesh_of_a_case_that_has_a_file(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.msh").write_text("")
    file = tmp_path / "case.yaml"
    file.write_text(f"extends: {MINIMAL}\nmesh: {{file: a.msh}}\n")
    refused = call("mesh", file)
    assert refused.returncode == 2
    assert "the mesh of this case is the file" in refused.stderr


@pytest.mark.parametrize(
    ("name", "beside"), [("a.xdmf", "a.h5"), ("a.msh", "a.bodies.json"), ("a.msh", "a.png")]
)
def test_mesh_overwrites_nothing_beside_it(call: Call, tmp_path: Path, name: str, beside: str) -> None:
    (tmp_path / beside).write_text("mine")
    refused = call("mesh", MINIMAL, "-o", tmp_path / name, "--preview")
    assert refused.returncode == 2
    assert f"{beside} exists" in refused.stderr
    assert (tmp_path / beside).read_text() == "mine" and not (tmp_path / name).exists()


def test_default_folder() -> None:
    assert default_folder(Path("cases/ncm811_lpscl/quick.yaml")) == Path("runs/ncm811_lpscl-quick")


def test_launchers_are_recognised() -> None:
    assert launched_ranks({}) is None
    assert launched_rank({"SLURM_PROCID": "3"}) == 0
    assert launched_ranks({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}) is None
    assert launched_ranks({"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "2"}) == 4
    assert launched_rank({"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "2"}) == 2
    assert launched_rank({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}) == 1
    assert launched_ranks({"PMI_SIZE": "8", "PMI_RANK": "7"}) == 8
