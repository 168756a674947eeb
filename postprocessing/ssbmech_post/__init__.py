"""Curves, statistics and pictures from the folder that a run of `ssbmech` wrote.

Needs neither DOLFINx nor `ssbmech`: the files of a run folder (docs/run_folder.md) are the only contract.
"""

from __future__ import annotations

from ssbmech_post.cracks import CrackSection, crack_history
from ssbmech_post.errors import RunFolderError
from ssbmech_post.readers import (
    Particles,
    Series,
    read_cycles,
    read_particles,
    read_series,
    read_steps,
    read_summary,
)
from ssbmech_post.report import compare, make_report
from ssbmech_post.vtx import VtxFile, VtxStep, read_grid, read_vtx

__all__ = [
    "CrackSection",
    "Particles",
    "RunFolderError",
    "Series",
    "VtxFile",
    "VtxStep",
    "compare",
    "crack_history",
    "make_report",
    "read_cycles",
    "read_grid",
    "read_particles",
    "read_series",
    "read_steps",
    "read_summary",
    "read_vtx",
]
