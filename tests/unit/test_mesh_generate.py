"""From a block to files and a report: every part of a structure together, and what the report says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssbmech_mesh import MeshError, MeshReport, SimplexMesh, generate
from ssbmech_mesh.mesh_file import read_mesh_file, read_report

Made = tuple[MeshReport, SimplexMesh]

# Carbon, pores, grains and a separator at once, as coarse as it goes.
EVERYTHING: dict[str, Any] = {
    "generator": "composite",
    "box": [8.0, 8.0, 8.0],
    "particles": {
        "CAM": {
            "diameter": {"median": 4.0, "sigma": 0.1},
            "grains": {"texture": "random", "count": 6},
        }
    },
    "matrix": "SE",
    "volume_fraction": {"CAM": 0.4, "carbon": 0.06, "pore": 0.06},
    "additives": {"carbon": {"size": 1.2}},
    "pores": {"size": 1.4},
    "layers": {
        "separator": {"phase": "SE", "thickness": 1.0},
        "collector": {"phase": "Al", "thickness": 1.0},
    },
    "mesh_size": {"interface": 0.7, "bulk": 1.2},
}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Made:
    path = tmp_path_factory.mktemp("mesh") / "all.xdmf"
    report = generate(EVERYTHING, path)
    assert read_report(path) == json.loads(json.dumps(report.as_dict()))
    return report, read_mesh_file(path)


def test_volume_fractions_are_those_asked_for(everything: Made) -> None:
    """Of the composite, without the layers. Half a percent of the box is promised; the mesher drops thin pores and carbon."""
    report, mesh = everything
    assert report.volume_fraction["CAM"] == pytest.approx(0.4, abs=0.005)
    assert report.volume_fraction["carbon"] == pytest.approx(0.06, abs=0.01)
    assert set(report.volume_fraction) == {"CAM", "SE", "carbon"} == set(report.asked) - {"pore"}
    pores = 1.0 - sum(report.volume_fraction.values())
    assert pores == pytest.approx(0.06, abs=0.015)
    solid = float(mesh.volumes().sum())
    assert solid == pytest.approx(8.0 * 8.0 * (10.0 - 8.0 * pores), rel=1e-9)


def test_layers_lie_where_they_should(everything: Made) -> None:
    """The separator continues the matrix, the collector is a body of its own; the faces of both are planes of the mesh."""
    _, mesh = everything
    table = mesh.table
    assert table is not None and table.phases.count("SE") == 1
    assert mesh.nodes[:, 2].min() == 0.0 and mesh.nodes[:, 2].max() == pytest.approx(10.0, rel=1e-12)
    collector = mesh.body == mesh.names.index("Al")
    assert mesh.volumes()[collector].sum() == pytest.approx(64.0, rel=1e-12)
    heights = mesh.nodes[mesh.cells].mean(axis=1)[:, 2]
    assert np.array_equal(collector, heights > 9.0)
    above = np.sign(np.round(mesh.nodes[mesh.cells][:, :, 2] - 1.0, 12))
    # The face of the separator is one of the mesh: no cell has nodes on both sides of it.
    assert not np.any((above == -1).any(axis=1) & (above == 1).any(axis=1))
    low = heights < 1.0
    assert {mesh.names[k] for k in np.unique(mesh.body[low])} == {"SE"}


def test_grains_are_bodies_with_frames(everything: Made) -> None:
    report, mesh = everything
    table = mesh.table
    assert table is not None
    grains = table.grain >= 0
    assert report.grains == grains.sum() > 2 * report.particles
    frame = table.frame[grains]
    assert np.einsum("nki,nkj->nij", frame, frame) == pytest.approx(
        np.broadcast_to(np.eye(3), frame.shape), abs=1e-12
    )
    assert np.all(np.isnan(table.frame[~grains]))
    assert "CAM grain boundary" in report.interface_area and "CAM|SE" in report.interface_area


def test_no_pore_is_meshed_and_nothing_floats(everything: Made) -> None:
    report, mesh = everything
    assert "pore" not in mesh.names
    facet, sides = mesh.facets()
    inner = sides[sides[:, 1] >= 0]
    part = np.arange(len(mesh.cells))
    for _ in range(len(part)):  # smallest number of each part spreads over its facets
        low = part.copy()
        np.minimum.at(low, inner[:, 0], part[inner[:, 1]])
        np.minimum.at(low, inner[:, 1], part[inner[:, 0]])
        low = low[low]
        if np.array_equal(low, part):
            break
        part = low
    assert np.all(part == 0)
    assert report.quality.minimum_angle >= 12.0 - 1e-6 and len(facet)


def test_the_table_says_it_in_words(everything: Made) -> None:
    report, _ = everything
    text = report.table()
    assert "(asked 40.00)" in text and "CAM|SE" in text and "minimum angle" in text
    assert "note: the separator of SE and SE in the composite are one body" in text


def test_a_section_is_a_mesh_of_triangles(tmp_path: Path) -> None:
    plain = {key: value for key, value in EVERYTHING.items() if key not in ("additives", "pores", "layers")}
    block = plain | {"volume_fraction": {"CAM": 0.4}, "section": {"normal": "y", "position": 4.0}}
    report = generate(block, tmp_path / "section.msh")
    mesh = read_mesh_file(tmp_path / "section.msh")
    assert mesh.dimension == report.dimension == 2 and "triangles" in report.table()
    assert mesh.volumes().sum() == pytest.approx(64.0, rel=1e-12)
    assert not report.asked  # a plane has these fractions only on average


def test_fitted_and_lattice_mean_the_same_structure(tmp_path: Path) -> None:
    block = {
        "generator": "composite", "box": [8.0, 8.0, 8.0], "particles": {"CAM": {}}, "matrix": "SE",
        "arrangement": {"kind": "simple_cubic", "cells": [1, 1, 1]}, "volume_fraction": {"CAM": 0.3}, "boundary": "walls",
        "mesh_size": {"interface": 0.8, "bulk": 1.6},
    }  # fmt: skip
    radius = (0.3 * 512.0 * 3.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
    for mesher, volume, area in (("lattice", 2e-3, 0.04), ("fitted", 1e-6, 0.01)):
        report = generate(block | {"mesher": mesher}, tmp_path / f"{mesher}.msh")
        mesh = read_mesh_file(tmp_path / f"{mesher}.msh")
        assert mesh.names == ["CAM_001", "SE"]
        assert mesh.body_volumes()[0] == pytest.approx(0.3 * 512.0, rel=volume)
        assert report.interface_area["CAM|SE"] == pytest.approx(4.0 * np.pi * radius**2, rel=area)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"generator": "composit"}, "did you mean composite"),
        ({"matrx": "SE"}, "microstructure.matrx is unknown; did you mean matrix"),
        ({"box": [8.0, -8.0, 8.0]}, "microstructure.box.1"),
        ({"volume_fraction": {"CAM": 0.4}}, "carbon"),
        ({"volume_fraction": {"CAM": 0.9, "carbon": 0.06, "pore": 0.06}}, "below 1"),
        ({"mesh_size": {"interface": 0.7, "cells": 1000}}, "interface, an edge length, or cells"),
        ({"layers": {"separator": {"phase": "SE", "thickness": 0.01}}}, "thicker layer"),
    ],
)
def test_refusals(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    with pytest.raises(MeshError) as caught:
        generate({**EVERYTHING, **change}, tmp_path / "none.msh")
    assert says in str(caught.value)
    assert not (tmp_path / "none.msh").exists()
