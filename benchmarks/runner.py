"""Runs a case for a benchmark, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("solver", "meshes", "postprocessing")


def run_case(
    case: Path, out: Path, ranks: int, settings: Sequence[str] = (), checkout: Path = ROOT
) -> dict[str, Any]:
    """Run a case with the sources of a checkout into the folder ``out``; returns its summary.

    Raises:
        SystemExit: the run failed; with the end of what it said.
    """
    command = [sys.executable, "-m", "ssbmech.cli", "run", str(case), "-n", str(ranks), "-o", str(out)]
    command.append("--overwrite")
    for setting in settings:
        command += ["--set", setting]
    paths = [*(str(checkout / source) for source in SOURCES), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        raise SystemExit(f"{case} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return summary
