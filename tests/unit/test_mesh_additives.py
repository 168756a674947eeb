"""Random domains: exact shares, mean chords, the law of the field, affinity to surfaces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from ssbmech_mesh.additives import add_domains, gaussian_field, mean_chord
from ssbmech_mesh.bodies import joined, plain_table
from ssbmech_mesh.connectivity import clusters
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.specs import AdditiveSpec
from ssbmech_mesh.structure import Structure

VOXEL = (0.1, 0.1, 0.125)


def matrix(shape: tuple[int, int, int] = (80, 80, 64)) -> Structure:
    return Structure(np.ones(shape, dtype=np.int32), VOXEL, plain_table(["SE"], ["SE"]), periodic=True)


def with_ball(radius: float = 2.0) -> Structure:
    """A particle at a vertical edge of the box, so across both periodic faces."""
    table = plain_table(["NCM", "SE"], ["NCM", "SE"])
    table.particle[0] = 0
    structure = matrix()
    axes = [(np.arange(n) + 0.5) * h for n, h in zip(structure.labels.shape, VOXEL, strict=True)]
    x, y = (np.minimum(a, side - a) for a, side in zip(axes[:2], structure.box[:2], strict=True))
    r2 = x[:, None, None] ** 2 + y[None, :, None] ** 2 + (axes[2] - 4.0) ** 2
    return Structure(np.where(r2 < radius**2, 1, 2).astype(np.int32), VOXEL, table, periodic=True)


@pytest.mark.parametrize(("share", "size"), [(0.05, 0.6), (0.3, 0.8), (0.6, 1.2)])
def test_share_and_chord(share: float, size: float) -> None:
    structure = add_domains(matrix(), "SE", "C", share, AdditiveSpec(size=size), seed=5)
    assert structure.bodies.names == ("SE", "C")
    inside = structure.labels == 2
    assert np.count_nonzero(inside) == round(share * inside.size)
    # 5 % is when the search for the correlation length ends.
    assert mean_chord(inside, VOXEL) == pytest.approx(size, rel=0.05)


def test_no_specks() -> None:
    structure = add_domains(matrix(), "SE", "C", 0.03, AdditiveSpec(size=0.4), seed=1)
    for label in (1, 2):
        cluster, number = clusters(structure.labels == label, True)
        assert np.bincount(cluster.ravel(), minlength=number + 1)[1:].min() >= 12


def test_mean_chord_of_slabs_and_balls() -> None:
    mask = np.zeros((40, 20, 20), dtype=bool)
    mask[10:30] = True
    # Two faces of 20 x 20 along x, none along y and z: 3 axes x 2 x volume over the crossings.
    assert mean_chord(mask, (0.5, 0.5, 0.5)) == pytest.approx(3 * 2 * 20 * 0.5 / 2)
    axis = np.arange(64) - 31.5
    ball = axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2 < 25.0**2
    assert mean_chord(ball, (1.0, 1.0, 1.0)) == pytest.approx(4.0 / 3.0 * 25.0, rel=0.01)  # 4 V / S


def test_field_has_unit_variance_and_the_asked_correlation() -> None:
    length = np.array([4.0, 4.0, 3.0])
    fields = [gaussian_field((64, 64, 48), length, True, seed) for seed in range(8)]
    variance = np.mean([field.var() + field.mean() ** 2 for field in fields])
    assert variance == pytest.approx(1.0, abs=0.05)  # some 3000 independent patches: 3 %
    for axis, step in ((0, 4), (2, 3)):  # one correlation length
        moved = [np.moveaxis(field, axis, 0) for field in fields]
        found = np.mean([np.mean(field[:-step] * field[step:]) for field in moved]) / variance
        assert found == pytest.approx(np.exp(-0.5), abs=0.03)
    # Across x the field continues, across z it does not; its variance at the ends of z is that inside.
    across = np.mean([np.mean(field[0] * field[-1]) for field in fields])
    assert across == pytest.approx(np.exp(-1.0 / 32.0), abs=0.15)
    assert abs(np.mean([np.mean(field[:, :, 0] * field[:, :, -1]) for field in fields])) < 0.2
    ends = np.mean([np.mean(field[:, :, [0, -1]] ** 2) for field in fields])
    assert ends == pytest.approx(1.0, abs=0.2)


def test_affinity_draws_domains_to_the_particle() -> None:
    structure = with_ball()
    particle = np.tile(structure.labels == 1, (3, 3, 1))
    distance = ndimage.distance_transform_edt(~particle, sampling=VOXEL)[80:160, 80:160]
    away = {}
    for affinity in (0.0, 0.5, 1.0):
        made = add_domains(structure, "SE", "C", 0.01, AdditiveSpec(size=0.8, affinity=affinity), seed=2)
        inside = made.labels == 3
        assert np.count_nonzero(inside) == round(0.01 * inside.size)
        assert np.all(structure.labels[inside] == 2)
        away[affinity] = distance[inside]
    assert away[1.0].max() <= 0.4 + max(VOXEL)  # half a size, and the layers that make the share exact
    assert away[1.0].mean() < 0.6 * away[0.5].mean() < 0.6 * away[0.0].mean()


def test_same_seed_same_domains() -> None:
    spec = AdditiveSpec(size=0.8)
    first, again, other = (add_domains(matrix(), "SE", "C", 0.1, spec, seed=s).labels for s in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("host", "phase", "share", "spec", "message"),
    [
        ("LPS", "C", 0.1, {"size": 0.8}, "no phase 'LPS'"),
        ("SE", "SE", 0.1, {"size": 0.8}, "there already"),
        ("SE", "C", 1.0, {"size": 0.8}, "between 0 and 1"),
        ("SE", "C", 0.1, {"size": 0.2}, "take smaller voxels"),
        ("SE", "C", 0.1, {"size": 5.0}, "at least twice that"),
        ("SE", "C", 0.1, {"size": 0.8, "affinity": 0.5}, "there are none"),
        ("SE", "C", 1e-6, {"size": 0.8}, "to give"),
    ],
)
def test_refusals(host: str, phase: str, share: float, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(MeshError, match=message):
        add_domains(matrix(), host, phase, share, AdditiveSpec(**spec))


def test_more_than_the_matrix_has_is_refused() -> None:
    both = joined(plain_table(["SE"], ["SE"]), plain_table(["Al"], ["Al"]))
    labels = np.ones((40, 40, 40), dtype=np.int32)
    labels[:, :, 20:] = 2
    with pytest.raises(MeshError, match="C takes 60 vol% of the box, and SE has 50 vol% to give"):
        add_domains(Structure(labels, VOXEL, both), "SE", "C", 0.6, AdditiveSpec(size=0.8))
