"""Layers, plane sections and the facts of structures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ssbmech_mesh.bodies import plain_table
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.facts import described, structure_facts
from ssbmech_mesh.layers import add_layers, height_of_voxels
from ssbmech_mesh.section import section
from ssbmech_mesh.specs import LayerSpec, LayersSpec, SectionSpec
from ssbmech_mesh.structure import Structure


def ball(step: float = 0.1, radius: float = 2.0) -> Structure:
    """A particle in the middle of a box of 5 x 6 x 7 µm."""
    number = [round(side / step) for side in (5.0, 6.0, 7.0)]
    x, y, z = (((np.arange(n) + 0.5) * step - 0.5 * n * step) for n in number)
    r2 = x[:, None, None] ** 2 + y[None, :, None] ** 2 + z[None, None, :] ** 2
    table = plain_table(["NCM_001", "SE"], ["NCM", "SE"])
    table.particle[0], table.center[0], table.radius[0] = 0, (2.5, 3.0, 3.5), radius
    table.frame[0] = np.eye(3)
    labels = np.where(r2 < radius**2, 1, 2).astype(np.int32)
    return Structure(labels, (step, step, step), table)


def layers(**given: tuple[str, float]) -> LayersSpec:
    made: dict[str, Any] = {key: LayerSpec(phase=p, thickness=t) for key, (p, t) in given.items()}
    return LayersSpec(**made)


def test_layers_are_exact() -> None:
    structure = ball()
    made = add_layers(structure, layers(separator=("SE", 1.2), collector=("Al", 0.5)))
    assert made.box == pytest.approx((5.0, 6.0, 8.7), rel=1e-12)
    assert made.composite == pytest.approx((1.2, 8.2), rel=1e-12)
    assert made.bodies.names == ("NCM_001", "SE", "Al")
    assert np.all(made.labels[:, :, :12] == 2) and np.all(made.labels[:, :, -5:] == 3)
    assert np.array_equal(made.labels[:, :, 12:-5], structure.labels)
    np.testing.assert_allclose(made.bodies.center[0], (2.5, 3.0, 4.7))
    assert made.notes == ("the separator of SE and SE in the composite are one body",)
    assert made.facts["layers"]["collector"] == {
        "body": "Al",
        "phase": "Al",
        "asked": 0.5,
        "achieved": pytest.approx(0.5),
    }


def test_layers_that_are_bodies_of_their_own() -> None:
    made = add_layers(ball(), layers(separator=("Li", 0.3), collector=("Li", 0.2)))
    assert made.bodies.names == ("NCM_001", "SE", "Li", "Li_collector")
    assert made.bodies.phases[2:] == ("Li", "Li")
    # The particle's phase is no body that a layer could continue.
    made = add_layers(ball(), layers(separator=("NCM", 0.3)))
    assert made.bodies.names == ("NCM_001", "SE", "NCM") and made.bodies.particle.tolist() == [0, -1, -1]


def test_layers_of_part_of_a_voxel() -> None:
    made = add_layers(ball(), layers(separator=("SE", 0.33)))
    assert made.facts["layers"]["separator"]["achieved"] == pytest.approx(0.3)
    assert any("0.3 µm thick instead of 0.33 µm" in note for note in made.notes)
    with pytest.raises(MeshError, match="less than a voxel"):
        add_layers(ball(), layers(separator=("SE", 0.04)))
    with pytest.raises(MeshError, match="is a void"):
        add_layers(replace(ball(), void=("SE",)), layers(separator=("SE", 0.5)))
    structure = ball()
    assert add_layers(structure, LayersSpec()) is structure


def test_height_of_voxels_divides_composite_and_layers() -> None:
    # 16 µm in voxels of 0.3 would be 53; 50 of 0.32 also fit 4.8, 64 of 0.25 would fit 5.0.
    assert height_of_voxels(16.0, LayersSpec(), 0.3) == 53
    assert height_of_voxels(16.0, layers(separator=("SE", 4.8)), 0.3) == 50
    assert height_of_voxels(16.0, layers(separator=("SE", 5.0), collector=("Al", 0.5)), 0.3) == 64


@pytest.mark.parametrize(("normal", "width", "middle"), [("x", 6.0, 2.5), ("y", 5.0, 3.0)])
@pytest.mark.parametrize("away", [0.05, 1.25])
def test_section_of_a_ball_is_a_disc(normal: Any, width: float, middle: float, away: float) -> None:
    made = section(ball(), SectionSpec(normal=normal, position=middle + away))
    assert made.labels.shape == (round(width / 0.1), 70, 1)
    assert made.box[:2] == pytest.approx((width, 7.0), rel=1e-12)
    area = np.count_nonzero(made.labels == 1) * 0.01
    assert area == pytest.approx(np.pi * (4.0 - away**2), rel=0.02)  # pixels of a twentieth of the radius
    assert made.bodies.names == ("NCM_001", "SE")
    side = away if normal == "x" else -away
    np.testing.assert_allclose(made.bodies.center[0], (width / 2.0, 3.5, -side), atol=1e-9)
    at = (np.argwhere(made.labels[:, :, 0] == 1) + 0.5) * 0.1
    np.testing.assert_allclose(at.mean(axis=0), (width / 2.0, 3.5), atol=1e-9)
    assert np.linalg.det(made.bodies.frame[0]) == pytest.approx(1.0)


def test_section_turns_frames_and_leaves_out_what_it_misses() -> None:
    beside = section(ball(), SectionSpec(normal="x", position=0.2))
    assert beside.bodies.names == ("SE",)
    middle = section(ball(), SectionSpec(normal="y", position=3.0))
    # c was along z, which is the second axis now; a along x stays; b leaves against the normal.
    np.testing.assert_allclose(middle.bodies.frame[0], [[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    with pytest.raises(MeshError, match="outside the box, 0 to 5"):
        section(ball(), SectionSpec(normal="x", position=5.1))
    assert section(ball(), SectionSpec(normal="x", position=5.0)).labels.shape == (60, 70, 1)


def test_parts_of_a_particle_are_bodies_in_the_plane() -> None:
    table = plain_table(["NCM_001", "NCM_002", "SE"], ["NCM", "NCM", "SE"])
    table.particle[:2] = (0, 1)
    labels = np.full((6, 8, 10), 3, dtype=np.int32)
    labels[:, 1:3, 2:8] = labels[:, 5:7, 2:8] = 1
    labels[0, 1:7, 2:8] = 1  # they hang together there
    labels[5, 7, 9] = 2
    structure = Structure(labels, (1.0, 1.0, 1.0), table, composite=(2.0, 8.0))
    made = section(structure, SectionSpec(normal="x", position=3.5))
    assert made.bodies.names == ("NCM_001_1", "NCM_001_2", "SE")
    assert made.bodies.particle.tolist() == [0, 0, -1]
    assert [np.count_nonzero(made.labels == k) for k in (1, 2, 3)] == [12, 12, 56]
    facts = made.facts["section"]
    assert (facts["normal"], facts["position"], facts["composite"]) == ("x", 3.5, (2.0, 8.0))
    assert facts["volume_fraction"] == {"NCM": 0.5, "SE": 0.5} and facts["bodies"] == {"NCM": 2, "SE": 1}
    joined = section(structure, SectionSpec(normal="x", position=0.5))
    assert joined.bodies.names == ("NCM_001", "SE")  # matrix on both sides of the particle stays one body


def slabs(normal: int, periodic: bool) -> Structure:
    """Particle, matrix, particle, matrix in slabs of unequal width."""
    table = plain_table(["A_001", "A_002", "SE"], ["A", "A", "SE"])
    table.particle[:2] = (0, 1)
    line = np.repeat([1, 3, 2, 3], [3, 2, 4, 3])
    shape = [1, 1, 1]
    shape[normal] = -1
    labels = np.broadcast_to(line.reshape(shape), (12, 12, 12)).astype(np.int32)
    return Structure(labels.copy(), (0.5, 0.5, 0.5), table, periodic=periodic)


def test_percolation_of_slabs() -> None:
    along = structure_facts(slabs(0, True))
    assert along["volume_fraction"] == pytest.approx({"A": 7 / 12, "SE": 5 / 12})
    assert along["percolation"]["SE"]["clusters"] == 2 and along["percolation"]["SE"]["spanning"] == 1.0
    across = structure_facts(slabs(2, True))["percolation"]
    assert across["A"]["spanning"] == across["SE"]["spanning"] == 0.0
    assert across["A"]["low_end"] == pytest.approx(3 / 7) and across["A"]["isolated"] == pytest.approx(4 / 7)
    assert across["SE"]["high_end"] == pytest.approx(0.6) and across["SE"]["isolated_clusters"] == 1
    notes = described(slabs(2, True)).notes
    assert "SE does not percolate: no cluster reaches from one end of the stack to the other" in notes
    assert "40 % of SE is isolated: 1 cluster reaches neither end of the stack" in notes
    assert described(slabs(0, True)).notes == ()
    assert described(slabs(2, True), scattered=("A", "SE")).notes == ()


def test_clusters_and_contacts_across_periodic_faces() -> None:
    structure = slabs(0, False)
    labels = structure.labels.copy()
    labels[-3:] = 1  # the last slab of the matrix becomes the other half of the first particle
    halves = replace(structure, labels=labels)
    assert structure_facts(halves)["percolation"]["A"]["clusters"] == 2
    assert structure_facts(replace(halves, periodic=True))["percolation"]["A"]["clusters"] == 1
    labels = labels.copy()
    labels[-3:] = 3
    labels[3:5] = 1
    touching = structure_facts(replace(structure, labels=labels))
    assert touching["coordination"] == {"A": 1.0} and touching["particles"] == {"A": 2}
    # Planes normal to an axis: 36 µm² each, 1.4 % as `crofton_areas` says; particle on particle once, on the matrix once.
    assert touching["interface_area"]["A|A"] == pytest.approx(36.0, rel=0.025)
    assert touching["interface_area"]["A|SE"] == pytest.approx(36.0, rel=0.025)


def test_facts_are_of_the_composite_without_layers() -> None:
    made = add_layers(ball(), layers(separator=("SE", 2.0), collector=("Al", 1.0)))
    assert structure_facts(made)["volume_fraction"] == structure_facts(ball())["volume_fraction"]
    assert structure_facts(made)["box"] == pytest.approx([5.0, 6.0, 7.0])
    flat = structure_facts(section(made, SectionSpec(normal="x", position=2.5)))
    assert flat["volume_fraction"]["NCM"] == pytest.approx(np.pi * 4.0 / 42.0, rel=0.02)
    assert flat["interface_length"] == {"NCM|SE": pytest.approx(4.0 * np.pi, rel=0.03)}  # 2.5 % for a sphere
    assert flat["percolation"]["SE"]["spanning"] == 1.0


def test_missed_fractions_are_said() -> None:
    notes = described(ball(), {"NCM": 0.3, "SE": 0.84}).notes
    assert [note for note in notes if "instead of" in note] == [
        "NCM takes 15.98 vol% on the voxels instead of 30 vol%"
    ]
