"""V16: effective conductivity of cubic arrays of spheres.

R. C. McPhedran and D. R. McKenzie, Proc. R. Soc. Lond. A 359 (1978) 45: multipole series; A. S. Sangani and A. Acrivos, Proc. R.
Soc. Lond. A 386 (1983) 263: its expansion in the volume fraction, for all three lattices.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import support_transport as st

from ssbmech.domain.mesh import cell_count

MATRIX = 1.0
# Simple cubic: multipoles to l = 59 with lattice sums of their own (matrix 1, spheres alpha).
SIMPLE_CUBIC = {
    (0.3, 0.0): 0.605661246497905,
    (0.3, 0.1): 0.6562897146333897,
    (0.3, 10.0): 1.887740057634673,
    (0.45, 0.0): 0.43271757245084674,
    (0.45, 10.0): 2.689695487399968,
    (0.45, 1000.0): 4.0595379497087585,
}
EXPANSION = {
    "sc": (1.305, 0.231, 0.405, 0.0723, 0.153, 0.0105),
    "bcc": (0.129, -0.413, 0.764, 0.257, 0.0113, 0.00562),
    "fcc": (0.0753, 0.697, -0.741, 0.0420, 0.0231, 9.14e-7),
}


def expansion(lattice: str, f: float, alpha: float) -> float:
    """Sangani and Acrivos (1983), matrix 1."""
    a1, a2, a3, a4, a5, a6 = EXPANSION[lattice]
    l1, l2, l3, l4, l5 = ((alpha - 1) / (alpha + 2 * i / (2 * i - 1)) for i in range(1, 6))
    d = -1 / l1 + f + a4 * l3 * f ** (14 / 3) + a5 * l4 * f**6 + a6 * l5 * f ** (22 / 3)
    d += a1 * l2 * f ** (10 / 3) * (1 + a2 * l3 * f ** (11 / 3)) / (1 - a3 * l2 * f ** (7 / 3))
    return 1 - 3 * f / d


def conductivity(
    folder: Path, lattice: str, f: float, alpha: float, size: float, degree: int = 2
) -> st.Solved:
    tagged = st.sphere_lattice(folder, lattice, f, size)
    conductors = {"matrix": MATRIX} | ({"sphere*": alpha} if alpha > 0.0 else {})
    return st.solved(st.ionic(tagged, conductors), degree=degree)


def test_expansion_against_table() -> None:
    # Of the same references: the expansion of the simple cubic array, to all digits.
    assert expansion("sc", 0.3, 10.0) == pytest.approx(1.887673018006228, rel=1e-14)
    assert expansion("sc", 0.45, 0.0) == pytest.approx(0.43344279392064067, rel=1e-14)


@pytest.mark.parametrize(("f", "alpha"), SIMPLE_CUBIC)
def test_v16_simple_cubic(shared_tmp_path: Path, f: float, alpha: float) -> None:
    """To 0.1 % with quadratic potentials on some thousand cells, in all three directions, energy and flux alike."""
    solved = conductivity(shared_tmp_path, "sc", f, alpha, 0.15)
    result = solved.result
    assert np.diag(result.conductivity) == pytest.approx(SIMPLE_CUBIC[f, alpha], rel=1e-3)
    assert result.closure < 1e-8  # of the linear solver
    assert result.electrode_balance < 1e-8
    assert result.fraction == pytest.approx(1.0 if alpha else 1 - f, rel=1e-9)
    low, high = result.hashin_shtrikman
    assert result.wiener[0] <= low < result.conductivity[0, 0] < high <= result.wiener[1]
    bulk = f * alpha + (1 - f)
    assert result.tortuosity_factor[0] == pytest.approx(bulk / SIMPLE_CUBIC[f, alpha], rel=1e-3)


@pytest.mark.parametrize("lattice", ["bcc", "fcc"])
@pytest.mark.parametrize("alpha", [0.0, 10.0])
def test_v16_other_lattices(shared_tmp_path: Path, lattice: str, alpha: float) -> None:
    """The expansion is good to better than 1e-4 at this volume fraction, as that of the simple cubic array is to 4e-5."""
    result = conductivity(shared_tmp_path, lattice, 0.3, alpha, 0.15).result
    assert np.diag(result.conductivity) == pytest.approx(expansion(lattice, 0.3, alpha), rel=1e-3)


@pytest.mark.parametrize(("degree", "order", "largest"), [(1, 1.8, 7e-3), (2, 2.5, 1e-4)])
def test_order(shared_tmp_path: Path, degree: int, order: float, largest: float) -> None:
    """From above, and with order 2: measured 2.2 with linear potentials; with quadratic ones 3.7 until the flat facets show."""
    exact, errors, cells = SIMPLE_CUBIC[0.3, 10.0], [], []
    for size in (0.2, 0.1):
        solved = conductivity(shared_tmp_path, "sc", 0.3, 10.0, size, degree)
        errors.append(float(solved.result.conductivity.trace()) / 3 / exact - 1)
        cells.append(cell_count(solved.network.structure.tagged))
    assert 0 < errors[1] < largest
    assert 3 * np.log(errors[0] / errors[1]) / np.log(cells[1] / cells[0]) > order
