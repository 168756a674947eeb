"""Structures from images: known bodies, sections, particles told apart already, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.image_structure import build_from_image
from ssbmech_mesh.meshing import mesh_structure
from ssbmech_mesh.quality import quality
from ssbmech_mesh.simplex import SimplexMesh
from ssbmech_mesh.specs import ImageSpec, MeshSizeSpec, read_spec
from ssbmech_mesh.structure import Structure

REAL = Path(os.environ.get("SSBMECH_IMAGES", Path(__file__).parents[3] / "shared/data/images"))
MADE_UP = Path(__file__).parents[2] / "cases/tomography/electrode.npz"
CUBE = (24, 20, 28)
LABELS = {"SE": [0], "CAM": [1], "pore": [2]}


def built(file: Path, **keys: Any) -> Structure:
    given = {"generator": "image", "file": str(file), "mesh_size": {"interface": 1.0}} | keys
    return build_from_image(read_spec(ImageSpec, given))


def saved(folder: Path, values: Any, voxel: float = 0.5) -> Path:
    """An image [x, y, z] (or [x, z]) as NPZ, slices first."""
    np.savez(folder / "image.npz", labels=np.asarray(values).T, voxel_um=voxel)
    return folder / "image.npz"


def balls(*those: tuple[float, float, float, float], shape: tuple[int, int, int] = CUBE) -> Any:
    """Ones in balls (x, y, z, radius) in voxels, zeros around."""
    x, y, z = (np.indices(shape) + 0.5).astype(float)
    values = np.zeros(shape, dtype=np.uint8)
    for a, b, c, r in those:
        values[(x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 <= r**2] = 1
    return values


def test_particles_and_the_rest(tmp_path: Path) -> None:
    """Two balls that touch, one that a face cuts in half, a void slab, a speck, a closed pore."""
    values = balls((8, 8, 8, 5.5), (16, 12, 13, 5.5), (8, 10, 28, 5.0))
    values[:, :, :1] = 2
    clean = values.copy()
    values[20, 4, 4] = 1
    values[16, 12, 13] = values[3, 16, 20] = 2
    structure = built(
        saved(tmp_path, values), labels=LABELS, void=["pore"], fill_closed=["pore"],
        least_volume={"CAM": 0.2}, split={"CAM": {"least_depth": 0.3}},
    )  # fmt: skip
    table = structure.bodies
    assert table.names == ("SE", "CAM_001", "CAM_002", "CAM_003", "pore")
    assert table.phases == ("SE", "CAM", "CAM", "CAM", "pore")
    assert table.particle.tolist() == [-1, 0, 1, 2, -1]
    assert structure.void == ("pore",)
    np.testing.assert_array_equal(structure.phase_image()[0], clean)
    # centroids of balls on voxel corners are exact up to the neck, where one voxel layer may go to either side
    np.testing.assert_allclose(table.center[1:3], [[4, 4, 4], [8, 6, 6.5]], atol=0.1)
    half = np.count_nonzero(balls((8, 10, 28, 5.0))) * 0.125
    assert structure.volumes()[3] == half
    assert table.radius[3] == pytest.approx(np.cbrt(half * 0.75 / np.pi), rel=1e-12)
    assert np.isnan(table.center[[0, 4]]).all() and np.isnan(table.frame).all()
    facts = json.loads(json.dumps(structure.facts))
    assert facts["bodies"] == {"SE": 1, "CAM": 3, "pore": 1}
    assert facts["touches_box"] == {"CAM": 1}
    assert facts["coordination"] == {"CAM": pytest.approx(2 / 3)}
    assert facts["volume_fraction"] == pytest.approx(structure.fractions())
    assert facts["image"]["volume_fraction"]["pore"] == np.count_nonzero(values == 2) / values.size
    assert facts["percolation"]["pore"]["one_end"] == 1.0
    # the Crofton estimate of these coarse balls is good to a few percent (test_mesh_segmentation)
    cap = 5.5 - np.sqrt(8**2 + 4**2 + 5**2) / 2  # what the two balls cut off each other, in voxels
    outline = 2 * np.pi * 2.5**2 + 2 * (4 * np.pi * 2.75**2 - 2 * np.pi * 5.5 * cap / 4)
    assert facts["interface_area"]["SE|CAM"] == pytest.approx(outline, rel=0.06)
    assert 0.0 < facts["interface_area"]["CAM|CAM"] < 6.0
    notes = " ".join(structure.notes)
    assert "closed pore filled: 0.25 µm³ of pore" in notes
    assert "below least_volume given to their surroundings: 0.125 µm³ of CAM" in notes
    assert "CAM does not percolate" in notes
    assert "% of CAM is isolated: 1 cluster reaches neither end" in notes


def test_crop_and_resample_come_first(tmp_path: Path) -> None:
    values = np.zeros(CUBE, dtype=np.uint8)
    values[4:8] = 1
    file = saved(tmp_path, values)
    structure = built(
        file, labels={"SE": [0], "CAM": [1]}, crop=[[1, 0, 0], [6, 10, 14]], resample=1.0, split={"CAM": {}}
    )
    assert structure.labels.shape == (5, 10, 14) and structure.voxel_size == (1.0, 1.0, 1.0)
    assert structure.facts["image"]["volume_fraction"] == pytest.approx({"SE": 0.6, "CAM": 0.4}, abs=1e-12)
    assert structure.fractions() == pytest.approx({"SE": 0.6, "CAM": 0.4}, abs=1e-12)
    assert structure.bodies.center[1] == pytest.approx(
        [2.0, 5.0, 7.0], abs=1e-12
    )  # from the corner of the crop


def test_grey_values(tmp_path: Path) -> None:
    """A ramp resampled as grey: its thresholds stay where they were."""
    ramp = np.broadcast_to(np.linspace(0, 100, 40)[:, None, None], (40, 8, 8))
    structure = built(saved(tmp_path, ramp), thresholds={"SE": [0, 30], "CAM": [30, 100]}, resample=0.25)
    assert structure.labels.shape == (80, 16, 16)
    assert structure.fractions()["SE"] == pytest.approx(0.3, abs=1 / 80)


def test_values_that_are_particles(tmp_path: Path) -> None:
    """Particle 7 has a rest of two voxels at particle 5; a pore inside particle 9 is filled and becomes its."""
    values = np.zeros((20, 12, 12), dtype=np.int16)
    values[2:8, 2:10, 2:10], values[8:14, 2:10, 2:10], values[15:19, 2:10, 2:10] = 5, 7, 9
    values[2, 2, 2:4] = 8
    values[17, 5, 5] = 1
    file = saved(tmp_path, values)
    keys = {"labels": {"SE": [0], "pore": [1]}, "fill_closed": ["pore"], "void": ["pore"]}
    structure = built(file, bodies={"CAM": {"first": 2}}, **keys)
    assert structure.bodies.names == ("SE", "CAM_001", "CAM_002", "CAM_003", "CAM_004")
    assert structure.void == ()  # none is left
    assert structure.labels[17, 5, 5] == structure.labels[16, 5, 5]
    assert sorted(structure.volumes()[1:] / 0.125) == [2, 4 * 64, 6 * 64 - 2, 6 * 64]
    merged = built(file, bodies={"CAM": {"first": 2, "last": 9, "least_volume": 1.0}}, **keys)
    assert sorted(merged.volumes()[1:] / 0.125) == [4 * 64, 6 * 64, 6 * 64]
    assert merged.bodies.particle.tolist() == [-1, 0, 1, 2]
    with pytest.raises(MeshError, match=r"value 9 \(8.85 % of the voxels\) belong to no phase"):
        built(file, bodies={"CAM": {"first": 2, "last": 8}}, **keys)
    with pytest.raises(MeshError, match="no value of the image lies between 10 and 20; it has values 0"):
        built(file, bodies={"CAM": {"first": 10, "last": 20}}, **keys)
    with pytest.raises(MeshError, match="CAM stands in bodies"):
        built(file, bodies={"CAM": {"first": 2}}, split={"CAM": {}}, **keys)


@pytest.mark.parametrize("axes", ["zyx", "yzx"])
def test_section(tmp_path: Path, axes: str) -> None:
    """A disc in a plane; the rows of the image are the stack axis, the second of the section."""
    x, z = np.indices((60, 90)) + 0.5
    disc = ((x - 20) ** 2 + (z - 30) ** 2 <= 16.0**2).astype(np.uint8)
    disc[50:53] = 1
    structure = built(
        saved(tmp_path, disc, 0.25),
        axes=axes,
        labels={"SE": [0], "CAM": [1]},
        split={"CAM": {"smoothing": 0.5}},
    )
    assert structure.labels.shape == (60, 90, 1) and structure.voxel_size == (0.25, 0.25, 1.0)
    table = structure.bodies
    assert table.names == ("SE", "CAM_001", "CAM_002")
    # 812 pixels lie in the disc, 1 % more than its area
    assert structure.volumes()[1] == 812 * 0.25**2 == pytest.approx(np.pi * 4.0**2, rel=0.01)
    assert table.radius[1] == pytest.approx(4.0, rel=0.005)
    np.testing.assert_allclose(table.center[1], [5.0, 7.5, 0.0], atol=1e-9)
    facts = structure.facts
    length = 2 * np.pi * 4.0 + 2 * 90 * 0.25
    assert facts["interface_length"]["SE|CAM"] == pytest.approx(length, rel=0.03)
    assert facts["percolation"]["CAM"]["isolated"] == pytest.approx(812 / (812 + 270), rel=1e-12)
    assert facts["percolation"]["CAM"]["spanning"] == pytest.approx(270 / (812 + 270), rel=1e-12)
    assert any("hang together less" in note for note in structure.notes)
    with pytest.raises(MeshError, match="section already"):
        built(
            tmp_path / "image.npz", labels={"SE": [0], "CAM": [1]}, section={"normal": "y", "position": 0.0}
        )


def plain(folder: Path) -> Path:
    values = balls((8, 8, 8, 5.5))
    values[20, 4, 4] = 3
    return saved(folder, values)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"labels": {"SE": [0], "CAM": [1]}}, r"value 3 \(0.00744 % of the voxels\) belong to no phase; add to one of SE, CAM"),
        ({"labels": {"SE": [0, 3], "CAM": [1]}, "split": {"CAN": {}}}, "split names the phase 'CAN'.* did you mean CAM"),
        ({"labels": {"SE": [0, 3], "CAM": [1]}, "void": ["pores"]}, "void names the phase 'pores'; the image has SE, CAM"),
        ({"labels": {"SE": [0, 3], "CAM": [1]}, "least_volume": {"cam": 1.0}}, "least_volume names .*'cam'.*mean CAM"),
        ({"labels": {"SE": [0, 3], "CAM": [1]}, "fill_closed": ["Se"]}, "fill_closed names .*'Se'.*mean SE"),
        ({"labels": {"SE": [0, 3], "CAM": [1]}, "grains": {"CAM": {"texture": "single"}}}, r"add it to split.*\{CAM: \{\}\}"),
        ({"labels": {"SE": [0, 3], "CAM": [1]}, "void": ["CAM", "SE"]}, "some phase must be solid"),
        ({"labels": {"SE": [0], "CAM": [1], "C": [3], "B": [4]}}, r"nothing of B is in the image, which has values 0 \("),
        ({"labels": {"SE": [0], "CAM": [1], "C": [3]}, "least_volume": {"C": 1.0}}, "nothing is left of C.*lower least_volume"),
        ({"labels": {"SE": [0], "CAM": [1], "C": [3]}, "least_volume": {"C": 1e9, "SE": 1e9, "CAM": 1e9}}, "nothing is left: every"),
        ({"labels": {"SE": [0, 3], "CAM": [1]}, "voxel_size": 0.4}, "leave voxel_size out"),
        ({"labels": {"SE": [0, 3], "CAM": [1]}, "crop": [[0, 0, 0], [12, 11, 14]]}, r"must lie in .*\[12.0, 10.0, 14.0\]"),
        ({"labels": {"SE": [0, 3], "CAM": [1]}, "crop": [[0, 0, 0], [0.5, 0.5, 14]]}, "several along two axes"),
        ({"thresholds": {"SE": [0, 2], "CAM": [1, 3]}}, "overlap"),
        ({"thresholds": {"SE": [2, 0], "CAM": [2, 3]}}, "low < high"),
        ({"thresholds": {"SE": [0, 3]}, "bodies": {"CAM": {"first": 3}}}, "give labels, not thresholds"),
        ({}, "no phases are named"),
    ],
)  # fmt: skip
def test_refusals(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(MeshError, match=message):
        built(plain(tmp_path), **keys)


def test_missing_voxel_size_says_where_to_give_it(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", balls((8, 8, 8, 5.5)))
    with pytest.raises(MeshError, match=r"mesh\.microstructure\.voxel_size"):
        built(tmp_path / "a.npy", labels={"SE": [0], "CAM": [1]})


def check_mesh(structure: Structure, size: MeshSizeSpec) -> SimplexMesh:
    """Volume fractions within 1 % of the box, areas within 10 % of the stereological estimate, angles as promised."""
    mesh, _ = mesh_structure(structure, size)
    table = mesh.table
    assert table is not None
    d = mesh.dimension
    box = float(np.prod(structure.box[:d]))
    for phase, share in structure.fractions().items():
        meshed = float(mesh.body_volumes()[table.of_phase(phase)].sum()) / box
        assert meshed == pytest.approx(0.0 if phase in structure.void else share, abs=0.01), phase
    facet, pair = mesh.interfaces()
    phases = np.array(table.phases)[pair]
    for pair_name, estimate in structure.facts["interface_area" if d == 3 else "interface_length"].items():
        one, two = pair_name.split("|")
        if not {one, two} & set(structure.void):
            chosen = np.all(np.sort(phases, axis=1) == sorted((one, two)), axis=1)
            assert mesh.facet_areas(facet)[chosen].sum() == pytest.approx(estimate, rel=0.1), pair_name
    report = quality(mesh)
    assert report.minimum_angle > 5.0
    assert report.cells_below_10_degrees <= 0.001 * len(mesh.cells)
    return mesh


def test_mesh_of_the_made_up_image() -> None:
    """Pores are left empty, particles touch each other. An eighth of the image, since edges of 0.8 µm give many cells."""
    structure = built(
        MADE_UP, crop=[[0, 0, 0], [8, 8, 8]], labels={"SE": [0], "CAM": [1], "pore": [2]}, void=["pore"],
        least_volume={"SE": 1.0, "CAM": 1.0, "pore": 1.0},
        split={"CAM": {"least_depth": 0.2, "smoothing": 0.25, "least_volume": 5.0}},
    )  # fmt: skip
    mesh = check_mesh(structure, MeshSizeSpec(interface=0.7, bulk=1.4))
    assert mesh.table is not None
    assert "pore" not in mesh.table.phases
    assert len(mesh.names) == len(structure.bodies) - 1


@pytest.mark.skipif(not (REAL / "nrel_nmc1cal_crop_a.npz").exists(), reason="the real images are not here")
def test_mesh_of_a_real_electrode() -> None:
    structure = built(
        REAL / "nrel_nmc1cal_crop_a.npz", crop=[[0, 0, 0], [15.9, 15.9, 15.9]], labels={"NMC": [1], "SE": [0, 2]},
        least_volume={"NMC": 1.0, "SE": 1.0}, split={"NMC": {"least_depth": 0.4, "smoothing": 0.4, "least_volume": 5.0}},
    )  # fmt: skip
    mesh = check_mesh(structure, MeshSizeSpec(interface=1.2, bulk=2.4))
    assert mesh.names == list(structure.bodies.names)


@pytest.mark.skipif(
    not (REAL / "eth_nmc_2000bar_slice115.npz").exists(), reason="the real images are not here"
)
def test_mesh_of_a_real_section() -> None:
    structure = built(
        REAL / "eth_nmc_2000bar_slice115.npz", dataset="labels", crop=[[0, 0, 0], [40, 0, 40]], axes="yzx",
        labels={"NMC": [1], "SE": [0]}, least_volume={"NMC": 1.0, "SE": 1.0},
        split={"NMC": {"least_depth": 0.4, "smoothing": 0.4, "least_volume": 5.0}},
    )  # fmt: skip
    mesh = check_mesh(structure, MeshSizeSpec(interface=0.6, bulk=1.8))
    assert mesh.dimension == 2
