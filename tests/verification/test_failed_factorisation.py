"""A trial step whose matrix is singular is a failed step, and nothing more: the next attempt begins with a new solver."""

from __future__ import annotations

import pytest
import support_coupled as sc
from dolfinx import fem

from ssbmech.solve.linear import Kind
from ssbmech.solve.system import SolveError


@pytest.mark.parametrize("kind", ["direct", "field_split"])
@pytest.mark.parametrize("failures", [1, 2, 3])
def test_solves_after_singular_matrices(failures: int, kind: Kind) -> None:
    """k x = 1 with k = 0, several times, then with k = 2.

    An interface that has come off everywhere while a current is imposed gives such matrices (V24). With the solver of the failed step
    MUMPS failed on the regular matrix, too, and from the third attempt on PETSc refused its own vectors.
    """
    tagged = sc.unit_cube(2)
    setting = sc.one_body(tagged, ["stoichiometry"])
    k, x = fem.Constant(tagged.mesh, 0.0), setting["stoichiometry"]
    row = sc.Added({"stoichiometry": (k * x.value - 1.0) * x.test * setting.dx("solid")})
    system = sc.solver_of(setting, [row], {}, {"stoichiometry": 1.0}, kind=kind)
    for _ in range(failures):
        with pytest.raises(SolveError):
            system.solve()
        system.restore()
    k.value = 2.0
    system.solve()
    assert x.value.x.array[: x.broken.owned] == pytest.approx(0.5, rel=1e-9)
