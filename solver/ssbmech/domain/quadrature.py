"""Variables at the quadrature points of the cells of some bodies, and the values of UFL expressions there."""

from __future__ import annotations

from typing import Any

import basix.ufl
import numpy as np
import numpy.typing as npt
from dolfinx import fem
from dolfinx import mesh as dmesh

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]


class CellPoints:
    """The quadrature points of some owned cells of this rank.

    Functions made here are coefficients of forms that use the quadrature of the same degree. They are not exchanged between ranks:
    volume integrals run over owned cells only.

    Args:
        mesh: the mesh.
        cells: (n,) local numbers of owned cells.
        degree: quadrature degree.
    """

    def __init__(self, mesh: dmesh.Mesh, cells: Ints, degree: int) -> None:
        self.mesh, self.cells, self.degree = mesh, cells, degree
        element = self._element(1)
        self._points = element.custom_quadrature()[0]
        self._spaces = {1: fem.functionspace(mesh, element)}

    def _element(self, size: int) -> Any:
        shape = () if size == 1 else (size,)
        return basix.ufl.quadrature_element(
            self.mesh.topology.cell_name(), value_shape=shape, degree=self.degree, scheme="default"
        )

    def function(self, name: str, size: int = 1) -> fem.Function:
        """A variable with ``size`` components at every point, zero at first."""
        if size not in self._spaces:
            self._spaces[size] = fem.functionspace(self.mesh, self._element(size))
        return fem.Function(self._spaces[size], name=name)

    def _rows(self, size: int) -> npt.NDArray[np.int64]:
        """(points, size) positions in the array of a function of ``size`` components."""
        blocks = np.asarray(self._spaces[size].dofmap.list[self.cells].reshape(-1, 1), dtype=np.int64)
        return blocks * size + np.arange(size, dtype=np.int64)

    def read(self, function: fem.Function) -> Floats:
        """(points, components) values of a function at the points of the cells."""
        size = int(function.function_space.dofmap.bs)
        values: Floats = function.x.array[self._rows(size)]
        return values

    def write(self, function: fem.Function, values: Floats) -> None:
        """Set a function at the points of the cells; ``values`` is (points, components)."""
        size = int(function.function_space.dofmap.bs)
        function.x.array[self._rows(size)] = values

    def expression(self, expression: Any) -> fem.Expression:
        """An expression, scalar or vector, compiled for evaluation at the points; collective."""
        return fem.Expression(expression, self._points)

    def evaluate(self, expression: fem.Expression) -> Floats:
        """(points, components) values of a compiled expression at the current fields."""
        points = self.cells.size * self._points.shape[0]
        if points == 0:
            return np.zeros((0, int(np.prod(expression.ufl_expression.ufl_shape, dtype=int))))
        values: Floats = expression.eval(self.mesh, self.cells).reshape(points, -1)
        return values
