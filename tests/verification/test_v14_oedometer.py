"""V14: a dense elastic-perfectly plastic electrolyte pressed in a die, unloaded, and the states of stress that are left.

Uniaxial strain, M = K + 4G/3: yield at σ_z = Y (1 − ν)/(1 − 2ν), then slope K, unloading with slope M until the shear stress has
turned round (R. Hill, The Mathematical Theory of Plasticity, 1950). The fields are uniform: any mesh gives them to solver tolerance.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support_inelastic import Specimen, block, square
from support_mechanics import SE

from ssbmech.materials.plasticity import FlowLaw

WALLS = (("x-", 0), ("x+", 0), ("y-", 1), ("y+", 1), ("z-", 2))
YIELD = 200.0
K, G = SE.bulk_modulus, SE.shear_modulus
M = K + 4 * G / 3


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("finite", [False, True])
def test_press_and_unload(shared_tmp_path: Path, degree: int, finite: bool) -> None:
    """Axial strain and lateral stress after each pressure, in one step each; tolerance 1e-8 of the numbers.

    With finite strain the same process differs by the strain, 2 %.
    """
    specimen = Specimen(
        block(shared_tmp_path),
        {"solid": {"law": SE, "flow": FlowLaw(YIELD)}},
        WALLS,
        degree,
        finite,
        pressed=["z+"],
        tolerance=1e-12,
    )
    shift, lateral = (
        specimen.probe(-specimen.setting["displacement"].value[2].dx(2)),
        specimen.probe(-specimen.solids["solid"].stress()[0, 0]),
    )
    tolerance = 0.05 if finite else 1e-8
    onset = YIELD * 0.63 / 0.26
    pressed = onset / M + (600.0 - onset) / K
    further = onset / M + (800.0 - onset) / K
    for pressure, strain, side in (
        (50.0, 50.0 / M, 50.0 * 0.37 / 0.63),
        (600.0, pressed, 400.0),
        (0.0, pressed - 600.0 / M, 400.0 - 600.0 * 0.37 / 0.63),
        (600.0, pressed, 400.0),
        (800.0, further, 600.0),
        (0.0, further - 800.0 / M, 600.0 - 800.0 * 0.37 / 0.63),
    ):
        specimen.pressure["z+"].value = pressure
        specimen.step()
        print(finite, degree, pressure, shift(), lateral())
        assert shift() == pytest.approx(strain, rel=tolerance)
        assert lateral() == pytest.approx(side, rel=tolerance)


def test_closed_form_gives_the_published_numbers() -> None:
    onset = YIELD * 0.63 / 0.26
    strain = onset / M + (600.0 - onset) / K
    assert (onset, strain) == pytest.approx((484.615384615, 0.0164706), rel=2e-6)
    assert strain - 600.0 / M == pytest.approx(0.00112, rel=1e-3)
    assert pytest.approx(47.619, rel=1e-5) == 400.0 - 600.0 * 0.37 / 0.63
    assert pytest.approx(130.159, rel=1e-5) == 600.0 - 800.0 * 0.37 / 0.63


def test_reverse_yield(shared_tmp_path: Path) -> None:
    """Pulled back by more than 2 Y (1 − ν)/(1 − 2ν) it yields the other way, with slope K again."""
    specimen = Specimen(
        block(shared_tmp_path),
        {"solid": {"law": SE, "flow": FlowLaw(YIELD)}},
        WALLS,
        pressed=["z+"],
        tolerance=1e-12,
    )
    shift = specimen.probe(-specimen.setting["displacement"].value[2].dx(2))
    limit = YIELD * 0.63 / 0.26
    for pressure in (600.0, -500.0):
        specimen.pressure["z+"].value = pressure
        specimen.step()
    strain = limit / M + (600.0 - limit) / K - 2 * limit / M - (600.0 + 500.0 - 2 * limit) / K
    assert shift() == pytest.approx(strain, rel=1e-8)


@pytest.mark.parametrize("finite", [False, True])
def test_plane_strain(shared_tmp_path: Path, finite: bool) -> None:
    """The same in two dimensions: the stress out of the plane, of which only the plastic history knows, is the lateral one."""
    cube, plane = (
        Specimen(
            tagged,
            {"solid": {"law": SE, "flow": FlowLaw(YIELD, 300.0)}},
            held,
            2,
            finite,
            [top],
            tolerance=1e-12,
        )
        for tagged, held, top in (
            (block(shared_tmp_path), WALLS, "z+"),
            (square(shared_tmp_path), (("x-", 0), ("x+", 0), ("y-", 1)), "y+"),
        )
    )
    for pressure in (600.0, 0.0):
        cube.pressure["z+"].value = plane.pressure["y+"].value = pressure
        cube.step()
        plane.step()
        found, expected = plane.solids["solid"].stress(), cube.solids["solid"].stress()
        assert plane.mean(found[2, 2]) == pytest.approx(cube.mean(expected[0, 0]), rel=1e-8)
        assert plane.mean(found[0, 0]) == pytest.approx(cube.mean(expected[0, 0]), rel=1e-8)
        assert plane.mean(plane.solids["solid"].plastic_strain()) > 0
