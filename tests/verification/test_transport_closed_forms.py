"""Effective transport of structures with closed forms: laminates, contacts, channels, islands; and its bounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import support_coupled as sc
import support_transport as st

from ssbmech.domain.mesh import TaggedMesh
from ssbmech.transport.structure import TransportError, structure_of_mesh
from ssbmech_mesh.primitives import layered_block

EXACT = 1e-9  # linear potentials are in the space; what is left is the linear solver's tolerance
HEIGHTS, VALUES = {"a": 2.0, "b": 5.0, "c": 1.0}, {"a": 2.0, "b": 0.5, "c": 4.0}  # um, S/m
CONTACTS = {("a", "b"): 1e5, ("b", "c"): 2e5}  # S/m^2


def laminate(folder: Path, dim: int = 3) -> TaggedMesh:
    lateral: list[float] = [3.0, 4.0][: dim - 1]
    cells = [*[2] * (dim - 1), [2, 3, 1]]
    return sc.written_mesh(
        folder,
        f"laminate{dim}",
        lambda path: layered_block(path, lateral, list(HEIGHTS.values()), list(HEIGHTS), cells),
    )


def series(contacts: bool) -> float:
    resistance = sum(HEIGHTS[n] * 1e-6 / VALUES[n] for n in HEIGHTS)
    resistance += sum(1.0 / g for g in CONTACTS.values()) if contacts else 0.0
    return sum(HEIGHTS.values()) * 1e-6 / resistance


PARALLEL = sum(HEIGHTS[n] * VALUES[n] for n in HEIGHTS) / sum(HEIGHTS.values())


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("contacts", [True, False])
def test_laminate(shared_tmp_path: Path, dim: int, degree: int, contacts: bool) -> None:
    """Across the layers they and their contacts are in series, along them in parallel: the bounds of Wiener."""
    structure = st.ionic(laminate(shared_tmp_path, dim), VALUES, CONTACTS if contacts else None)
    result = st.solved(structure, degree=degree).result
    expected = [PARALLEL] * (dim - 1) + [series(contacts)]
    assert np.diag(result.conductivity) == pytest.approx(expected, rel=EXACT)
    assert np.diag(result.by_energy) == pytest.approx(expected, rel=EXACT)
    assert result.wiener == pytest.approx((series(False), PARALLEL), rel=1e-12)
    assert result.tortuosity_factor == pytest.approx([PARALLEL / value for value in expected], rel=EXACT)
    assert [share.percolating for share in result.percolation] == [1.0] * dim
    if contacts:
        area = result.contacts["a | b"]
        assert area["area_um2"] == pytest.approx(12.0 if dim == 3 else 3.0, rel=1e-12)
        assert area["conductance_S_m2"] == pytest.approx(1e5, rel=1e-12)


def test_large_conductance_is_perfect_contact(shared_tmp_path: Path) -> None:
    structure = st.ionic(laminate(shared_tmp_path), VALUES, None, 1e13)
    assert st.solved(structure).result.conductivity[2, 2] == pytest.approx(series(False), rel=1e-6)


def test_no_contact_no_current(shared_tmp_path: Path) -> None:
    """Without a contact law bodies insulate each other: across there is no path, along all is as before."""
    result = st.solved(st.ionic(laminate(shared_tmp_path), VALUES, None, 0.0)).result
    assert result.conductivity[2, 2] == 0.0
    assert result.tortuosity_factor[2] is None
    assert result.conductivity[0, 0] == pytest.approx(PARALLEL, rel=EXACT)
    ends = (HEIGHTS["a"] + HEIGHTS["c"]) / sum(HEIGHTS.values())
    across = result.percolation[2]
    assert (across.percolating, across.one_sided) == (0.0, pytest.approx(ends, rel=1e-12))
    assert across.isolated == pytest.approx(1 - ends, rel=1e-12)
    assert result.percolation[0].percolating == 1.0


def test_two_carriers(shared_tmp_path: Path) -> None:
    """Each carrier has a network of its own; a layer of the other one insulates."""
    tagged = laminate(shared_tmp_path)
    structure = structure_of_mesh(
        tagged, {"ionic": {"a": 2e6, "c": 4e6}, "electronic": {"b": 0.5e6}}, None, 1e5
    )
    result = st.solved(structure, "electronic").result
    assert result.conductivity[0, 0] == pytest.approx(VALUES["b"] * HEIGHTS["b"] / 8.0, rel=EXACT)
    assert result.conductivity[2, 2] == 0.0
    assert result.wiener[0] == 0.0
    result = st.solved(structure, "ionic").result
    assert result.conductivity[1, 1] == pytest.approx((2.0 * 2.0 + 4.0 * 1.0) / 8.0, rel=EXACT)
    assert (result.parts, result.contacts) == (2, {})


def test_perfect_contact_of_bodies_with_resistance_is_refused(shared_tmp_path: Path) -> None:
    """a | b and b | c perfect would short a | c; here c meets both a and b."""
    nodes, cells = sc.cube_grid(2)
    middle = nodes[cells].mean(axis=1)
    region = np.where(middle[:, 2] < 0.5, 0, np.where(middle[:, 0] < 0.5, 1, 2))
    tagged = st.from_arrays(nodes, cells, region, ["a", "b", "c"])
    with pytest.raises(TransportError, match=r"[bc] and [bc] meet in faces with a contact resistance"):
        st.solved(st.ionic(tagged, {"a": 1.0, "b": 1.0, "c": 1.0}, {("b", "c"): 1e4}))


# -- pores, channels, islands ------------------------------------------------------------------------------------


def carved(n: int = 6) -> TaggedMesh:
    """A cube with pores (absent cells): a straight channel along z, a dead end, an island; all one region, and one in another.

    The channel takes 2 x 2 of the n x n columns, the dead end one column to half the height, the island one cube in the middle of
    a column, and ``other`` one whole column.
    """
    nodes, cells = sc.cube_grid(n)
    i, j, k = np.floor(nodes[cells].mean(axis=1) * n).astype(int).T
    channel = (i < 2) & (j < 2)
    dead_end = (i == 4) & (j == 0) & (k < n // 2)
    island = (i == 4) & (j == 2) & (k == 2)
    other = (i == 0) & (j == 4)
    kept = channel | dead_end | island | other
    used, renumbered = np.unique(cells[kept], return_inverse=True)
    region = np.where(other[kept], 1, 0)
    return st.from_arrays(nodes[used], renumbered.reshape(-1, 4), region, ["one", "other"])


def test_channel_dead_end_and_island() -> None:
    """The channel conducts as much as its cross-section; what is cut off takes no part and leaves the system solvable."""
    tagged = carved()
    solved = st.solved(st.ionic(tagged, {"one": 3.0}))
    result, cubes = solved.result, 24 + 3 + 1
    assert result.parts == 3
    # The box is that of the mesh: 5 x 5 x 6 cubes.
    assert result.conductivity[2, 2] == pytest.approx(3.0 * 4 / 25, rel=EXACT)
    along = result.percolation[2]
    assert along.percolating == pytest.approx(24 / cubes, rel=1e-12)
    assert along.one_sided == pytest.approx(3 / cubes, rel=1e-12)
    assert along.isolated == pytest.approx(1 / cubes, rel=1e-12)
    assert result.conductivity[0, 0] == 0.0
    assert result.fraction == pytest.approx(cubes / 150, rel=1e-12)
    assert result.tortuosity_factor[2] == pytest.approx(cubes / 24, rel=EXACT)
    # The island has no potential, the dead end that of its face.
    potential = solved.directions[2].potential.x.array
    part = solved.network.clusters.of_dof
    sizes = solved.network.clusters.volume
    held = np.append(sizes, 0.0)[part] == sizes.min()
    assert np.isnan(potential[held]).all()
    dead_end = np.isclose(np.append(sizes, 0.0)[part], 3 / 216)
    assert np.abs(potential[dead_end] - 1.0).max(initial=0.0) < 1e-9


def test_bodies_that_touch_nothing() -> None:
    """A second conductor as a channel of its own adds to the first."""
    result = st.solved(st.ionic(carved(), {"one": 3.0, "other": 5.0})).result
    assert result.conductivity[2, 2] == pytest.approx((3.0 * 4 + 5.0) / 25, rel=EXACT)


# -- tensors, boundaries, bounds ---------------------------------------------------------------------------------


def inclined(n: int, dim: int = 3) -> TaggedMesh:
    """Layers inclined by 45 degrees in the x-z plane, conforming in Kuhn's cut."""
    nodes, cells = sc.cube_grid(n, dim)
    middle = nodes[cells].mean(axis=1)
    layer = np.floor((middle[:, 0] - middle[:, -1]) * n / 2).astype(int) % 2
    return st.from_arrays(nodes, cells, layer, ["slow", "fast"])


def test_linear_boundary_full_tensor() -> None:
    """Inclined laminate: symmetric, a positive off-diagonal entry (current turns into the layers), above the insulated one."""
    structure = st.ionic(inclined(8), {"slow": 0.2, "fast": 2.0})
    linear = st.solved(structure, boundary="linear").result
    tensor = linear.conductivity
    assert tensor == pytest.approx(tensor.T, abs=1e-8)
    assert tensor == pytest.approx(linear.by_energy, abs=1e-8)
    along, across = 1.1, 2 / (1 / 0.2 + 1 / 2.0)
    assert 0.3 * (along - across) / 2 < tensor[0, 2] < (along - across) / 2
    assert abs(tensor[0, 1]) < 1e-2 * tensor[0, 2]
    insulated = st.solved(structure).result.conductivity
    assert insulated[0, 0] < tensor[0, 0] and insulated[2, 2] < tensor[2, 2]
    assert tensor[1, 1] == pytest.approx(along, rel=1e-9)  # along the layers
    assert np.linalg.eigvalsh(tensor).max() < 1.1 + 1e-9  # Wiener
    assert np.linalg.eigvalsh(tensor).min() > across - 1e-9


def test_linear_boundary_of_a_uniform_body() -> None:
    tensor = st.solved(
        st.ionic(inclined(2), {"slow": 0.7, "fast": 0.7}), boundary="linear"
    ).result.conductivity
    assert tensor == pytest.approx(0.7 * np.eye(3), abs=1e-9)


@pytest.mark.parametrize("dim", [2, 3])
def test_bounds_of_a_random_mixture(dim: int) -> None:
    """V21: every structure without contact resistance lies within Wiener's bounds, and contacts only lower it."""
    rng = np.random.default_rng(2)
    n = 8
    nodes, cells = sc.cube_grid(n, dim)
    index = np.floor(nodes[cells].mean(axis=1) * n).astype(int)
    region = (rng.random((n,) * dim) < 0.4).astype(int)[tuple(index.T)]
    tagged = st.from_arrays(nodes, cells, region, ["se", "cam"])
    values = {"se": 1.0, "cam": 21.6}
    result = st.solved(st.ionic(tagged, values)).result
    for value in np.diag(result.conductivity):
        assert result.wiener[0] < value < result.wiener[1]
    assert result.wiener[0] < result.hashin_shtrikman[0] < result.hashin_shtrikman[1] < result.wiener[1]
    before = np.diag(result.conductivity)
    for g in (1e9, 1e6, 1e3):  # S/m^2; 1 S/m over 1 um is 1e6 S/m^2
        now = np.diag(st.solved(st.ionic(tagged, values, {("se", "cam"): g})).result.conductivity)
        assert np.all(now < before)
        before = now
    # With surfaces that hardly conduct, each phase is a network of its own, with holes in place of the other.
    alone = [np.diag(st.solved(st.ionic(tagged, {n: v})).result.conductivity) for n, v in values.items()]
    least = np.diag(st.solved(st.ionic(tagged, values, {("se", "cam"): 1e-2})).result.conductivity)
    assert least == pytest.approx(alone[0] + alone[1], rel=1e-6)


def test_hashin_shtrikman_against_numbers() -> None:
    from ssbmech.transport.results import hashin_shtrikman, wiener

    # V21, matrix 1, 30 % of 21.6.
    assert hashin_shtrikman([0.7, 0.3], [1.0, 21.6], 3) == pytest.approx(
        (2.064293915040184, 5.659774820880248), rel=1e-12
    )
    assert wiener([0.7, 0.3], [1.0, 21.6]) == pytest.approx((1.4007782101167316, 7.18), rel=1e-12)
