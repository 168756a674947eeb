"""Composites on voxels: lattices with closed forms, listed particles, compositions, bodies, facts, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssbmech_mesh import arrangement
from ssbmech_mesh.arrangement import arrange
from ssbmech_mesh.composite import asked_fractions, build_composite, voxel_numbers
from ssbmech_mesh.dense import DensePacking, pack_spheres
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.facets import CONTACT, ContactLimits
from ssbmech_mesh.specs import CompositeSpec, read_spec

SIZES = {"D10": 3.0, "D50": 4.5, "D90": 6.5}
BASE: dict[str, Any] = {
    "generator": "composite",
    "box": [12.0, 12.0, 12.0],
    "particles": {"NCM": {"diameter": SIZES}},
    "matrix": "SE",
    "volume_fraction": {"NCM": 0.5},
    "mesh_size": {"interface": 1.0},
}


def block(**changes: Any) -> CompositeSpec:
    given = {key: value for key, value in {**BASE, **changes}.items() if value is not None}
    return read_spec(CompositeSpec, given)


def cap(radius: float, plane: float) -> float:
    return float(np.pi / 3.0 * (radius - plane) ** 2 * (2.0 * radius + plane))


LATTICES = [  # kind, atoms in a cell, neighbours and half their distance in edges of the cell, fraction
    ("simple_cubic", 1, ((6, 0.5),), np.pi / 6.0),  # just touching
    ("simple_cubic", 1, ((6, 0.5),), 0.62),
    ("body_centred", 2, ((8, np.sqrt(3.0) / 4.0), (6, 0.5)), np.pi * np.sqrt(3.0) / 8.0),
    ("body_centred", 2, ((8, np.sqrt(3.0) / 4.0), (6, 0.5)), 0.9),  # second neighbours touch too
    ("face_centred", 4, ((12, np.sqrt(2.0) / 4.0),), np.pi / np.sqrt(18.0)),
    ("face_centred", 4, ((12, np.sqrt(2.0) / 4.0),), 0.85),
]


@pytest.mark.parametrize(("kind", "atoms", "neighbours", "share"), LATTICES)
def test_lattices(kind: str, atoms: int, neighbours: tuple[tuple[int, float], ...], share: float) -> None:
    edge = 6.0
    spec = block(
        arrangement={"kind": kind},
        box=[edge, edge, 2 * edge],
        particles={"NCM": {}},
        volume_fraction={"NCM": share},
        mesh_size={"interface": 0.4},
    )
    made = arrange(spec, {"NCM": share}, 0.1)
    assert isinstance(made.packing, DensePacking)
    radius = float(made.packing.radii[0]) / edge
    lost = sum(n * cap(radius, h) for n, h in neighbours if radius > h)
    assert atoms * (4.0 / 3.0 * np.pi * radius**3 - lost) == pytest.approx(share, rel=1e-12)
    if share == pytest.approx(atoms * 4.0 / 3.0 * np.pi * neighbours[0][1] ** 3):
        assert radius == pytest.approx(neighbours[0][1], rel=1e-9)  # touching
    planes = made.packing.planes()
    contact = np.sqrt(radius**2 - (planes.offset[planes.kind == CONTACT] / edge) ** 2)
    expected = [np.sqrt(radius**2 - h**2) for _, h in neighbours if radius > 1.01 * h]
    found = np.unique(contact.round(9))
    np.testing.assert_allclose(np.sort(found), np.sort(expected), atol=1e-8)
    # Balls cut at the ends by 20,000 directions, the rest in closed form; cuts of 1e-3 radii between spheres that just touch.
    assert made.packing.volume_fraction == pytest.approx(share, abs=1e-3)
    structure = build_composite(spec)
    assert structure.fractions()["NCM"] == pytest.approx(
        share, abs=0.005
    )  # the promise, on voxels of 1/60 of the cell


def test_lattice_refusals() -> None:
    lattice = {"particles": {"NCM": {}}, "arrangement": {"kind": "face_centred"}}
    with pytest.raises(MeshError, match=r"above 96\.\d+ vol% the pores"):
        build_composite(block(**lattice, volume_fraction={"NCM": 0.98}))
    with pytest.raises(MeshError, match="no cubes fill"):
        build_composite(block(**lattice, box=[10.0, 10.0, 3.14159]))
    other = {**lattice, "arrangement": {"kind": "face_centred", "cells": [2, 3, 2]}}
    with pytest.raises(MeshError, match=r"the box is \[12\.0, 18\.0, 12\.0\]"):
        build_composite(block(**other))
    with pytest.raises(MeshError, match="leave it out"):
        build_composite(block(arrangement={"kind": "simple_cubic"}))


def test_listed_particles(tmp_path: Path) -> None:
    path = tmp_path / "dem.csv"
    path.write_text(
        "x,y,z,d,phase\n# a comment\n3, 6, 6, 4, NCM\n6.8, 6, 6, 4, NCM  # overlaps\n6,1,2,3,Si\n"
    )
    spec = block(
        particles={"NCM": {}, "Si": {}},
        volume_fraction=None,
        arrangement={"kind": "file", "file": path},
        boundary="walls",
        mesh_size={"interface": 0.5},
    )
    structure = build_composite(spec)
    assert structure.bodies.names == ("NCM_001", "NCM_002", "Si_001", "SE")
    np.testing.assert_allclose(structure.bodies.center[:3], [[3, 6, 6], [6.8, 6, 6], [6, 1, 2]])
    np.testing.assert_allclose(structure.bodies.radius[:3], [2.0, 2.0, 1.5])
    exact = [4.0 / 3.0 * np.pi * 8.0 - cap(2.0, 1.9)] * 2 + [4.0 / 3.0 * np.pi * 1.5**3 - cap(1.5, 1.0)]
    np.testing.assert_allclose(structure.volumes()[:3], exact, rtol=5e-3)  # voxels of a sixteenth of a radius
    assert structure.facts["spheres"]["largest_contact"] == pytest.approx(np.sqrt(4.0 - 1.9**2) / 2.0)
    assert structure.facts["spheres"]["contact_area"] == {"NCM|NCM": pytest.approx(np.pi * (4.0 - 1.9**2))}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 1 1 2 NCM\n13 1 1 2 NCM\n", r"1 centres lie outside .* \(row 2\).*enlarge or shift"),
        ("5 5 5 4 NCM\n5.5 5 5 2 NCM\n", "rows 1 and 2 one lies inside the other"),
        ("5 5 5 4\n", "a phase .NCM, Si. in the fifth column"),
        ("5 5 5 4 LFP\n", "the phase is 'LFP'"),
        ("5 5 5 -4 NCM\n", "the diameter positive"),
        ("5 5 5 4 NCM\na b c d NCM\n", ":2: a b c d are not four numbers"),
        ("# nothing\n", "has no rows"),
    ],
)
def test_listed_particles_that_cannot_be(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "dem.txt"
    path.write_text(text)
    spec = block(
        particles={"NCM": {}, "Si": {}}, volume_fraction=None, arrangement={"kind": "file", "file": path}
    )
    with pytest.raises(MeshError, match=message):
        build_composite(spec)


def test_weights_become_volume_fractions() -> None:
    composition = {"weight_percent": {"NCM": 70, "SE": 30}, "density": {"NCM": 4.78, "SE": 1.87}}
    share = (70 / 4.78) / (70 / 4.78 + 30 / 1.87)
    spec = block(volume_fraction=None, composition=composition)
    structure = build_composite(spec)
    assert structure.fractions()["NCM"] == pytest.approx(share, abs=0.005)
    assert structure.facts["volume_fraction_asked"]["NCM"] == pytest.approx(share, rel=1e-12)
    assert not any("pores" in note for note in structure.notes)
    porous = block(volume_fraction=None, composition={**composition, "porosity": 0.1})
    asked, notes = asked_fractions(porous)
    assert asked == {"NCM": pytest.approx(0.9 * share), "SE": pytest.approx(0.9 * (1 - share) + 0.1)}
    assert "SE stands for matrix and pores" in notes[0]
    voids = block(volume_fraction=None, composition={**composition, "porosity": 0.1}, pores={"size": 1.0})
    structure = build_composite(voids)
    assert structure.void == ("pore",)
    assert structure.fractions()["pore"] == pytest.approx(0.1, abs=1e-5)  # one voxel of 110,000
    assert structure.fractions()["SE"] == pytest.approx(0.9 * (1 - share), abs=0.005)


def test_two_populations_with_additives() -> None:
    spec = block(
        particles={
            "NCM": {"diameter": SIZES},
            "Si": {
                "diameter": {"median": 2.4, "sigma": 0.1},
                "shape": {"kind": "ellipsoid", "aspect": [1.2, 1.3]},
            },
        },
        volume_fraction={"NCM": 0.4, "Si": 0.15, "C": 0.03},
        additives={"C": {"size": 0.8, "affinity": 0.5}},
        mesh_size={"interface": 0.7},
    )
    structure = build_composite(spec)
    shares = structure.fractions()
    assert shares["NCM"] == pytest.approx(0.4, abs=0.005)
    assert shares["Si"] == pytest.approx(0.15, abs=0.005)
    assert shares["C"] == pytest.approx(0.03, abs=1e-5)
    sizes = structure.facts["diameters"]
    assert sizes["NCM"]["asked"] == SIZES
    for name, size in SIZES.items():
        assert sizes["NCM"]["achieved"][name] == pytest.approx(size, rel=0.1)  # some thirty particles
    assert sizes["Si"]["achieved"]["D50"] == pytest.approx(2.4, rel=0.03)
    assert structure.bodies.names[-2:] == ("SE", "C")
    particles = structure.bodies.particle
    assert len(np.unique(particles[particles >= 0])) == sizes["NCM"]["number"] + sizes["Si"]["number"]


def test_pieces_of_a_particle_are_named_with_letters(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_text("0.5 11.6 6 4\n6 6 6 3\n")
    structure = build_composite(
        block(
            volume_fraction=None,
            arrangement={"kind": "file", "file": path},
            particles={"NCM": {}},
            voxel_size=0.2,
        )
    )
    table = structure.bodies
    assert table.names == ("NCM_001a", "NCM_001b", "NCM_001c", "NCM_001d", "NCM_002", "SE")
    assert table.particle.tolist() == [0, 0, 0, 0, 1, -1]
    assert sorted(map(tuple, table.center[:4].round(9).tolist())) == [
        (0.5, -0.4, 6.0),
        (0.5, 11.6, 6.0),
        (12.5, -0.4, 6.0),
        (12.5, 11.6, 6.0),
    ]
    assert structure.volumes()[:4].sum() == pytest.approx(
        4.0 / 3.0 * np.pi * 8.0, rel=0.01
    )  # voxels of r / 10
    step = np.array(structure.voxel_size)
    for label in range(1, 6):
        at = (np.argwhere(structure.labels == label) + 0.5) * step
        assert np.all(np.linalg.norm(at - table.center[label - 1], axis=1) <= table.radius[label - 1])


def test_a_particle_that_touches_itself_across_the_faces() -> None:
    one = {"NCM": {"diameter": {"median": 4.2, "sigma": 0.0}}}
    spec = block(
        box=[4.0, 4.0, 6.0],
        particles=one,
        volume_fraction={"NCM": 0.4},
        contact={"smallest": 0.05},
        voxel_size=0.1,
    )
    structure = build_composite(spec)
    found = structure.facts["spheres"]
    radius = float(np.nanmax(structure.bodies.radius))
    assert found["contacts"] == 2 and radius > 2.0
    assert found["largest_contact"] == pytest.approx(np.sqrt(radius**2 - 4.0) / radius, rel=1e-9)
    assert structure.fractions()["NCM"] == pytest.approx(0.4, abs=0.005)


def test_same_seed_same_structure() -> None:
    additive = {"volume_fraction": {"NCM": 0.5, "C": 0.03}, "additives": {"C": {"size": 1.0}}}
    first, again, other = (build_composite(block(**additive, seed=seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.labels, again.labels) and first.facts == again.facts
    assert first.bodies.names == again.bodies.names
    assert first.labels.shape == other.labels.shape and not np.array_equal(first.labels, other.labels)


def test_voxels_suit_the_mesh_and_the_layers() -> None:
    assert voxel_numbers(block(mesh_size={"interface": 0.4})) == (120, 120, 120)
    assert voxel_numbers(block(voxel_size=0.5)) == (24, 24, 24)
    x, y, z = voxel_numbers(block(mesh_size={"cells": 100_000}))
    assert x * y * z == pytest.approx(600_000, rel=0.05)  # whole voxels along 84
    thick = {"separator": {"phase": "SE", "thickness": 5.0}, "collector": {"phase": "Al", "thickness": 0.5}}
    z = voxel_numbers(block(mesh_size={"interface": 1.2}, layers=thick))[2]
    for thickness in (5.0, 0.5):
        assert thickness / (12.0 / z) == pytest.approx(round(thickness / (12.0 / z)), abs=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"volume_fraction": {"NMC": 0.5}}, "Did you mean NCM"),
        ({"volume_fraction": {"NCM": 0.5, "C": 0.1}}, "C is no phase of the composite"),
        ({"volume_fraction": None}, "give microstructure.composition"),
        ({"volume_fraction": {"NCM": 0.97, "C": 0.04}, "additives": {"C": {"size": 1}}}, "adds up to 1.01"),
        ({"matrix": "NCM"}, "NCM is named twice"),
        ({"matrix": "pore"}, "the name of the voids"),
        ({"particles": {"NCM": {}}}, "diameter is missing"),
        ({"particles": {"NCM": {"diameter": {"median": 4}}}}, "sigma is missing"),
        ({"particles": {"NCM": {"diameter": {**SIZES, "sigma": 0.2}}}}, "cannot take sigma too"),
        ({"mesh_size": {"interface": 6.0}}, "voxels of 1.5 µm wide; take smaller"),
        ({"mesh_size": {"bulk": 1.0}}, "give mesh_size.interface or mesh_size.cells"),
        ({"voxel_size": 0.005}, "larger microstructure.voxel_size"),
        ({"volume_fraction": {"NCM": 0.9}}, "do not fit"),
        ({"pores": {"size": 1}}, "volume_fraction of pore is missing"),
        ({"arrangement": {"kind": "file"}}, "arrangement.file is missing"),
        ({"arrangement": {"kind": "random", "cells": [1, 1, 1]}}, "for lattices only"),
    ],
)
def test_refusals(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(MeshError, match=message):
        build_composite(block(**changes))


def test_weights_must_name_the_phases() -> None:
    composition = {"weight_percent": {"NCM": 70, "LPSCl": 30}, "density": {"NCM": 4.78, "LPSCl": 1.87}}
    with pytest.raises(
        MeshError, match=r"composition.weight_percent.LPSCl is no phase of the composite; it has NCM, SE"
    ):
        build_composite(block(volume_fraction=None, composition=composition))


def test_rims_are_closed_where_the_packing_needs_their_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_rims(*given: Any, limits: ContactLimits, **more: Any) -> DensePacking:
        if limits.rim > 0.0:
            raise MeshError("do not fit")
        return pack_spheres(*given, limits=limits, **more)

    spec = block(mesh_size={"interface": 0.6})
    spheres = build_composite(spec)
    exact, seen = (
        spheres.facts["spheres"]["contact_area"]["NCM|NCM"],
        spheres.facts["interface_area"]["NCM|NCM"],
    )
    assert seen == pytest.approx(exact, rel=0.25)  # contacts of four voxels across
    assert not any("closed" in note or "of the spheres" in note for note in spheres.notes)
    monkeypatch.setattr(arrangement, "pack_spheres", without_rims)
    closed = build_composite(spec)
    assert any("so these are closed" in note for note in closed.notes)
    assert any("µm² on the voxels instead of" in note for note in closed.notes)
    exact, seen = (
        closed.facts["spheres"]["contact_area"]["NCM|NCM"],
        closed.facts["interface_area"]["NCM|NCM"],
    )
    assert seen > 1.5 * exact
