"""Composites and images in case files: what is read, what is refused before any work, and what it is generated from."""

# ruff: noqa: E501  # one row of the tables per mistake

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ssbmech.case import Case, CaseError, Problem, case_from_data, load_case
from ssbmech.case.yaml_reader import read_yaml
from ssbmech_mesh.specs import CompositeSpec, ImageSpec, read_spec

MINIMAL = Path(__file__).parents[1] / "data" / "minimal_case.yaml"
Data = dict[str, Any]

COMPOSITE: Data = {
    "generator": "composite",
    "box": ["10 um", "10 um", "12 um"],
    "particles": {
        "CAM": {
            "diameter": {"D10": "3 um", "D50": "4 um", "D90": "5 um"},
            "grains": {"texture": "radial", "diameter": "1.2 um", "misorientation": "10 deg"},
        }
    },
    "matrix": "SE",
    "composition": {"weight_percent": {"CAM": 60, "SE": 40}, "porosity": 0.05},
    "pores": {"size": "1 um"},
    "layers": {"separator": {"phase": "SE", "thickness": "2 um"}},
    "mesh_size": {"interface": "1 um"},
}


def with_structure(structure: Data, folder: Path) -> Data:
    data = copy.deepcopy(read_yaml(MINIMAL).data)
    data["mesh"]["microstructure"] = copy.deepcopy(structure)
    cohesion = {"stiffness": "1e15 Pa/m"}
    data["interfaces"] += [
        {"between": ["CAM", "CAM"], "cohesion": cohesion},
        {"between": ["CAM", "CAM"], "grain_boundary": True, "cohesion": cohesion},
    ]
    np.savez(folder / "image.npz", labels=np.arange(27).reshape(3, 3, 3) % 2, voxel_um=0.5)
    return data


@pytest.fixture
def composite(tmp_path: Path) -> Data:
    return with_structure(COMPOSITE, tmp_path)


@pytest.fixture
def image(tmp_path: Path) -> Data:
    block = {
        "generator": "image",
        "file": str(tmp_path / "image.npz"),
        "labels": {"CAM": [1], "SE": [0]},
        "crop": [["0 um", "0 um", "0 um"], ["1 um", "1 um", "1 um"]],
        "least_volume": {"CAM": "1 um^3"},
        "split": {"CAM": {"least_depth": "0.5 um"}},
        "mesh_size": {"cells": 5000},
    }
    return with_structure(block, tmp_path)


def put(data: Data, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    place: Any = data["mesh"]["microstructure"]
    for part in parents:
        place = place.setdefault(part, {})
    if value is None:
        place.pop(last)
    else:
        place[last] = value


def problems(data: Data, folder: Path) -> list[Problem]:
    with pytest.raises(CaseError) as caught:
        case_from_data(data, folder)
    return list(caught.value.problems)


def structure(case: Case) -> Any:
    assert case.mesh.microstructure is not None
    return case.mesh.microstructure


def test_a_composite_arrives_at_its_generator(composite: Data, tmp_path: Path) -> None:
    plain = structure(case_from_data(composite, tmp_path)).as_dict()
    spec = read_spec(CompositeSpec, plain)
    assert spec.box == (10.0, 10.0, 12.0)
    assert spec.particles["CAM"].diameter is not None and spec.particles["CAM"].diameter.D90 == 5.0
    assert spec.particles["CAM"].grains is not None and spec.particles["CAM"].grains.misorientation == 10.0
    assert spec.composition is not None and spec.composition.density == {"CAM": 4800.0, "SE": 1900.0}
    assert spec.layers.separator is not None and spec.layers.separator.thickness == 2.0


def test_an_image_arrives_at_its_generator(image: Data, tmp_path: Path) -> None:
    spec = read_spec(ImageSpec, structure(case_from_data(image, tmp_path)).as_dict())
    assert spec.file == tmp_path / "image.npz" and spec.crop == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert spec.split["CAM"].least_depth == 0.5 and spec.least_volume == {"CAM": 1.0}


def test_one_voxel_size_stands_for_three(image: Data, tmp_path: Path) -> None:
    put(image, "voxel_size", "0.5 um")
    assert structure(case_from_data(image, tmp_path)).voxel_size == [0.5, 0.5, 0.5]


def test_a_table_of_sizes_is_read(composite: Data, tmp_path: Path) -> None:
    (tmp_path / "sizes.csv").write_text("d, Q3\n2, 0\n4, 50\n6, 100\n")
    put(composite, "particles.CAM.diameter", {"distribution": "table", "table": "sizes.csv"})
    plain = structure(case_from_data(composite, tmp_path)).as_dict()
    assert plain["particles"]["CAM"]["diameter"]["table"] == [[2.0, 0.0], [4.0, 50.0], [6.0, 100.0]]


REFUSED = [
    ("generator", "composit", "mesh.microstructure.generator", "did you mean: composite"),
    ("generator", None, "mesh.microstructure.generator", "spheres, composite, image"),
    ("matrx", "SE", "mesh.microstructure.matrx", "did you mean: matrix"),
    ("matrix", "SEE", "mesh.microstructure.matrix", "did you mean: SE"),
    ("matrix", "CAM", "mesh.microstructure", "two roles"),
    ("box", ["10 um", "10 um"], "mesh.microstructure.box", "at least 3"),
    ("box", ["10 um", "10 um", "12 mV"], "mesh.microstructure.box[2]", "but of potential"),
    ("composition.weight_percent", {"CAM": 60, "SE": 30}, "mesh.microstructure.composition.weight_percent", "adds up to 90"),
    ("composition.weight_percent", {"CAM": 100}, "mesh.microstructure.composition.weight_percent", "CAM and SE"),
    ("composition.porosity", 0.0, "mesh.microstructure.pores", "nothing to fill"),
    ("particles.CAM.diameter", {"D10": "3 um", "D50": "4 um"}, "mesh.microstructure.particles.CAM.diameter", "exactly one way"),
    ("particles.CAM.diameter.D10", "4.5 um", "mesh.microstructure.particles.CAM.diameter", "not in order"),
    ("particles.CAM.diameter.D50", "40 um", "mesh.microstructure.particles.CAM.diameter", "does not fit into the box"),
    ("particles.CAM.diameter", None, "mesh.microstructure.particles.CAM.diameter", "is missing"),
    ("particles.CAM.diameter", {"table": "no.csv", "distribution": "table"}, "mesh.microstructure.particles.CAM.diameter.table", "cannot be read"),
    ("particles.CAM.shape", {"kind": "ellipsoid"}, "mesh.microstructure.particles.CAM.shape.aspect", "does not go with"),
    ("particles.CAM.grains.texture", "radical", "mesh.microstructure.particles.CAM.grains.texture", "did you mean: radial"),
    ("particles.CAM.grains.count", 20, "mesh.microstructure.particles.CAM.grains", "exactly one of diameter | count"),
    ("particles.CAM.grains.misorientation", "10 um", "mesh.microstructure.particles.CAM.grains.misorientation", "but of length"),
    ("particles.CAM.grains.texture", "single", "mesh.microstructure.particles.CAM.grains", "one crystal"),
    ("arrangement", {"kind": "simple_cubic"}, "mesh.microstructure.arrangement.cells", "does not go with kind simple_cubic"),
    ("arrangement", {"kind": "file", "file": "no.txt"}, "mesh.microstructure.arrangement.file", "does not exist"),
    ("mesh_size", {}, "mesh.microstructure.mesh_size", "exactly one of interface | cells"),
    ("mesh_size.bulk", "0.5 um", "mesh.microstructure.mesh_size.bulk", "below that at interfaces"),
    ("section", {"normal": "y", "position": "1 um"}, "stack.axis", "does not fit the section"),
    ("mesher", "fitted", "mesh.microstructure.mesher", "does not go with pores"),
    ("layers.separator.phase", "LLZO", "mesh.microstructure.layers.separator.phase", "not a phase"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "key", "says"), REFUSED)
def test_mistakes_in_a_composite(
    composite: Data, tmp_path: Path, path: str, value: Any, key: str, says: str
) -> None:
    put(composite, path, value)
    found = problems(composite, tmp_path)
    assert any(problem.key == key and says in str(problem) for problem in found), found


REFUSED_IMAGES = [
    ("file", "nothing.tif", "mesh.microstructure.file", "does not exist"),
    ("labels", {"CAMM": [1], "SE": [0]}, "mesh.microstructure.labels.CAMM", "did you mean: CAM"),
    ("thresholds", {"CAM": [0, 1]}, "mesh.microstructure", "exactly one of labels | thresholds"),
    ("void", ["pores"], "mesh.microstructure.void", "not a phase of the image"),
    ("split", {"SEE": {}}, "mesh.microstructure.split", "did you mean: SE"),
    ("axes", "xyzt", "mesh.microstructure.axes", "pattern"),
    ("crop", [["0 um", "0 um", "0 um"]], "mesh.microstructure.crop", "at least 2"),
    ("least_volume.CAM", "1 um", "mesh.microstructure.least_volume.CAM", "but of length"),
]


@pytest.mark.parametrize(("path", "value", "key", "says"), REFUSED_IMAGES)
def test_mistakes_with_an_image(
    image: Data, tmp_path: Path, path: str, value: Any, key: str, says: str
) -> None:
    put(image, path, value)
    found = problems(image, tmp_path)
    assert any(problem.key == key and says in str(problem) for problem in found), found


@pytest.mark.parametrize("grain_boundary", [False, True])
def test_laws_that_the_structure_is_certain_to_need(
    composite: Data, tmp_path: Path, grain_boundary: bool
) -> None:
    """Touching particles need a law of their own; grains take that of the particles where they have none."""
    composite["interfaces"] = [
        law
        for law in composite["interfaces"]
        if law["between"] != ["CAM", "CAM"] or law.get("grain_boundary", False) == grain_boundary
    ]
    if not grain_boundary:
        case_from_data(composite, tmp_path)
        return
    found = problems(composite, tmp_path)
    assert ["has no law where CAM meets CAM" in str(problem) for problem in found] == [True]


def test_one_particle_of_an_image_needs_no_law_between_particles(image: Data, tmp_path: Path) -> None:
    """Its grains have theirs; several values, or a split, make several particles."""
    image["interfaces"] = [
        law
        for law in image["interfaces"]
        if law["between"] != ["CAM", "CAM"] or law.get("grain_boundary", False)
    ]
    put(image, "labels", {"SE": [0]})
    put(image, "bodies", {"CAM": {"first": 1, "last": 1}})
    put(image, "split", None)
    case_from_data(image, tmp_path)
    put(image, "bodies", {"CAM": {"first": 1}})
    assert "has no law where CAM meets CAM" in str(problems(image, tmp_path)[0])


def test_pairs_are_told_apart_by_where_they_lie(composite: Data, tmp_path: Path) -> None:
    composite["interfaces"].append(composite["interfaces"][-1])
    assert "is the pair of interfaces[2] again" in str(problems(composite, tmp_path)[0])
    composite["interfaces"][-1] = {**composite["interfaces"][0], "grain_boundary": True}
    assert "lies between two phases" in str(problems(composite, tmp_path)[0])


def test_another_generator_takes_the_place_of_the_block(tmp_path: Path) -> None:
    """A case that extends one of spheres says only what its own generator needs."""
    block = {key: value for key, value in COMPOSITE.items() if key != "pores"}
    law = {"between": ["CAM", "CAM"], "cohesion": {"stiffness": "1e15 Pa/m"}}
    interfaces = [*read_yaml(MINIMAL).data["interfaces"], law]
    file = tmp_path / "case.yaml"
    over = {"extends": str(MINIMAL), "mesh": {"microstructure": block}, "interfaces": interfaces}
    file.write_text(yaml.safe_dump(over))
    assert structure(load_case(file)).generator == "composite"


def test_a_resolved_case_reads_back(composite: Data, image: Data, tmp_path: Path) -> None:
    for data in (composite, image):
        case = case_from_data(data, tmp_path)
        assert case_from_data(yaml.safe_load(case.dump()), tmp_path) == case


def test_hash_follows_the_image_and_not_its_place(image: Data, tmp_path: Path) -> None:
    before = case_from_data(image, tmp_path).hash()
    moved = tmp_path / "elsewhere.npz"
    moved.write_bytes((tmp_path / "image.npz").read_bytes())
    put(image, "file", str(moved))
    assert case_from_data(image, tmp_path).hash() == before
    moved.write_bytes(b"another image")
    assert case_from_data(image, tmp_path).hash() != before


@pytest.mark.parametrize(("name", "beside"), [("a.xdmf", "a.h5"), ("a.msh", "a.bodies.json")])
def test_hash_follows_what_belongs_to_a_mesh_file(
    composite: Data, tmp_path: Path, name: str, beside: str
) -> None:
    """The XDMF file is the same for two meshes of equal counts: the difference lies beside it."""
    composite["mesh"] = {"file": name}
    (tmp_path / name).write_text("light")
    (tmp_path / beside).write_text("heavy")
    before = case_from_data(composite, tmp_path).hash()
    (tmp_path / beside).write_text("other")
    assert case_from_data(composite, tmp_path).hash() != before
