"""Curves: numpy, derivative, integral and UFL agree with independent results."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import CubicSpline, PchipInterpolator

from ssbmech.case.curve_types import CurveOf, curve_of_x
from ssbmech.case.curves import Curve, PointsCurve, VolumeStrainCurve
from ssbmech.case.expressions import FUNCTIONS
from ssbmech.case.tables import BelowError, read_table
from ssbmech.case.units import UnitError, quantity
from ssbmech.constants import FARADAY, GAS_CONSTANT

OCP = (
    "-0.8090*x + 4.4875 - 0.0428*tanh(18.5138*(x-0.5542)) - 17.7326*tanh(15.7890*(x-0.3117))"
    " + 17.5842*tanh(15.9308*(x-0.3120))"
)
POTENTIAL = curve_of_x("potential")
NUMBER = curve_of_x("pure number")
X = [0.2, 0.35, 0.4, 0.6, 0.95, 1.0]
Y = [-0.07, -0.03, -0.025, -0.01, -0.001, 0.0]
INSIDE = np.linspace(0.05, 0.95, 181)


def ocp(x: Any) -> Any:
    tanh = np.tanh
    return (
        -0.8090 * x
        + 4.4875
        - 0.0428 * tanh(18.5138 * (x - 0.5542))
        - 17.7326 * tanh(15.7890 * (x - 0.3117))
        + 17.5842 * tanh(15.9308 * (x - 0.3120))
    )


def points(**more: Any) -> Curve:
    return NUMBER.read({"points": [[x, y] for x, y in zip(X, Y, strict=True)], **more})


def ufl_values(curve: Curve, at: np.ndarray, order: int = 0) -> np.ndarray:
    """The UFL form of a curve, or a derivative of it, evaluated by UFL itself at numbers."""
    ufl = pytest.importorskip("ufl")
    cell = ufl.triangle
    element = pytest.importorskip("basix.ufl").element("Lagrange", "triangle", 1)
    domain = ufl.Mesh(pytest.importorskip("basix.ufl").element("Lagrange", "triangle", 1, shape=(2,)))
    assert cell is not None
    u = ufl.Coefficient(ufl.FunctionSpace(domain, element))
    x = ufl.variable(u)
    form = curve.ufl(x)
    for _ in range(order):
        form = ufl.diff(form, x)
    form = ufl.algorithms.apply_derivatives.apply_derivatives(
        ufl.algorithms.apply_algebra_lowering.apply_algebra_lowering(form)
    )
    return np.array([form((0.0, 0.0), {u: float(value)}) for value in at])


def test_expression_against_numpy() -> None:
    curve = POTENTIAL.read({"expression": OCP, "unit": "V"})
    assert curve(INSIDE) == pytest.approx(ocp(INSIDE), rel=1e-14)
    step = 1e-6
    slopes = (ocp(INSIDE + step) - ocp(INSIDE - step)) / (2 * step)
    assert curve.derivative(INSIDE) == pytest.approx(slopes, rel=1e-6, abs=1e-7)


def test_scalars_and_shapes_are_kept() -> None:
    curve = POTENTIAL.read({"expression": OCP, "unit": "V"})
    assert float(curve(0.5)) == pytest.approx(ocp(0.5))
    assert curve(np.full((2, 3), 0.5)).shape == (2, 3)
    assert POTENTIAL.read("3 V")(np.zeros(4)).tolist() == [3.0] * 4
    assert POTENTIAL.read("3 V").derivative(np.zeros((2, 2))).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert POTENTIAL.read("3 V").integral(0.0, np.zeros(0)).shape == (0,)


def test_units_scale_a_formula() -> None:
    curve = POTENTIAL.read({"expression": "1000*x", "unit": "mV"})
    assert float(curve(0.5)) == pytest.approx(0.5)
    assert float(
        curve_of_x("diffusivity").read({"expression": "1e-10", "unit": "cm^2/s"})(0.5)
    ) == pytest.approx(0.01)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_with_its_derivative_and_ufl_form(name: str) -> None:
    argument = "(0.3 + 0.5*x)"
    text = f"{name}({argument}, 0.5, 0.9 - x)" if name in ("min", "max") else f"{name}({argument})"
    curve = NUMBER.read({"expression": f"x*{text} + x**2 - 2**x + 1/(1 + x) + x**x"})
    reference: Any = {"asinh": np.arcsinh, "min": np.minimum, "max": np.maximum}.get(name) or getattr(
        np, name
    )

    def by_hand(x: Any) -> Any:
        z = 0.3 + 0.5 * x
        value = reference(reference(z, 0.5), 0.9 - x) if name in ("min", "max") else reference(z)
        return x * value + x**2 - 2**x + 1 / (1 + x) + x**x

    at = np.array([0.11, 0.37, 0.62, 0.93])
    assert curve(at) == pytest.approx(by_hand(at), rel=1e-13)
    slopes = (by_hand(at + 1e-6) - by_hand(at - 1e-6)) / 2e-6
    assert curve.derivative(at) == pytest.approx(slopes, rel=1e-7)
    assert ufl_values(curve, at) == pytest.approx(by_hand(at), rel=1e-13)
    assert ufl_values(curve, at, order=1) == pytest.approx(curve.derivative(at), rel=1e-11)


def test_negative_arguments() -> None:
    curve = NUMBER.read({"expression": "abs(x - 0.5) + asinh(100*(x - 0.5)) + tan(x - 0.5)"})
    at = np.array([0.1, 0.3, 0.8])
    expected = np.abs(at - 0.5) + np.arcsinh(100 * (at - 0.5)) + np.tan(at - 0.5)
    assert curve(at) == pytest.approx(expected)
    assert ufl_values(curve, at) == pytest.approx(expected)
    assert ufl_values(curve, at, order=1) == pytest.approx(curve.derivative(at))


def test_constants_and_temperature() -> None:
    curve = POTENTIAL.read({"expression": "R*T/F*x + 0*pi", "unit": "V"}, temperature=350.0)
    assert float(curve(1.0)) == pytest.approx(GAS_CONSTANT * 350.0 / FARADAY)
    assert float(curve.at(300.0)(1.0)) == pytest.approx(GAS_CONSTANT * 300.0 / FARADAY)


def test_points_are_pchip() -> None:
    curve, reference = points(), PchipInterpolator(X, Y)
    inside = np.linspace(X[0], X[-1], 401)
    assert curve(inside) == pytest.approx(reference(inside), abs=1e-15)
    assert curve.derivative(inside) == pytest.approx(reference.derivative()(inside), abs=1e-13)
    expected = [float(reference.integrate(0.3, x)) for x in inside]
    assert curve.integral(0.3, inside) == pytest.approx(expected, abs=1e-15)


def test_smooth_points_are_a_natural_spline() -> None:
    curve = PointsCurve(x=tuple(X), y=tuple(Y), method="smooth")
    spline = CubicSpline(X, Y, bc_type="natural")
    inside = np.linspace(X[0], X[-1], 97)
    # Both evaluate the same cubics; 1e-14 is the rounding of values of 0.1.
    np.testing.assert_allclose(curve(inside), spline(inside), rtol=0, atol=1e-14)
    np.testing.assert_allclose(ufl_values(curve, inside), spline(inside), rtol=0, atol=1e-14)


def test_smooth_points_have_no_kink_in_their_slope() -> None:
    """The second derivative, by UFL, is continuous at every point and at the ends; that of PCHIP jumps."""
    smooth = PointsCurve(x=tuple(X), y=tuple(Y), method="smooth")
    monotone = PointsCurve(x=tuple(X), y=tuple(Y))
    eps = 1e-9
    around = np.array([[x - eps, x + eps] for x in X]).reshape(-1)

    def jumps(curve: Curve) -> np.ndarray:
        return np.abs(np.diff(ufl_values(curve, around, 2).reshape(-1, 2), axis=1)[:, 0])

    assert jumps(smooth).max() < 1e-5  # third derivative, about 100 here, times 2 eps, and rounding
    assert jumps(monotone).max() > 0.1


def test_points_go_straight_on_beyond_the_ends() -> None:
    curve, slope = points(), PchipInterpolator(X, Y).derivative()
    assert float(curve(0.1)) == pytest.approx(Y[0] - 0.1 * float(slope(X[0])))
    assert float(curve(1.5)) == pytest.approx(Y[-1] + 0.5 * float(slope(X[-1])))
    assert float(curve.derivative(1.5)) == pytest.approx(float(slope(X[-1])))


def test_two_points_make_a_line_and_falling_x_is_turned_round() -> None:
    curve = NUMBER.read({"points": [[1.0, 3.0], [0.0, 1.0]]})
    assert curve([-1.0, 0.25, 2.0]).tolist() == pytest.approx([-1.0, 1.5, 5.0])


@pytest.mark.parametrize("order", [0, 1])
def test_ufl_of_points(order: int) -> None:
    at = np.array([0.0, 0.15, 0.2, 0.3, 0.35, 0.5, 0.77, 0.99, 1.2])
    expected = points()(at) if order == 0 else points().derivative(at)
    assert ufl_values(points(), at, order) == pytest.approx(expected, abs=1e-12)


def test_ufl_of_points_has_a_second_derivative() -> None:
    at = np.array([0.1, 0.27, 0.5, 0.8, 1.3])
    second = PchipInterpolator(X, Y).derivative(2)
    expected = [0.0 if not X[0] < x < X[-1] else float(second(x)) for x in at]
    assert ufl_values(points(), at, 2) == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("order", [0, 1])
def test_ufl_of_the_open_circuit_potential(order: int) -> None:
    curve = POTENTIAL.read({"expression": OCP, "unit": "V"})
    expected = curve(INSIDE) if order == 0 else curve.derivative(INSIDE)
    assert ufl_values(curve, INSIDE, order) == pytest.approx(expected, rel=1e-10)


def test_integral_of_a_formula() -> None:
    curve = POTENTIAL.read({"expression": OCP, "unit": "V"})
    quad = pytest.importorskip("scipy.integrate").quad
    ends = np.array([0.2, 0.5, 0.9])
    expected = [quad(ocp, 0.4, end, epsabs=1e-13, epsrel=1e-13)[0] for end in ends]
    assert curve.integral(0.4, ends) == pytest.approx(expected, rel=1e-11)
    assert curve.integral(ends, 0.4) == pytest.approx([-value for value in expected], rel=1e-11)
    assert float(curve.integral(0.4, 0.4)) == 0.0


def test_clip_keeps_an_exchange_current_finite() -> None:
    curve = curve_of_x("current density", "positive", (1e-3, 1 - 1e-3)).read(
        {"expression": "4*sqrt(x*(1 - x))", "unit": "A/m^2"}
    )
    at = np.array([-0.2, 0.0, 1e-3, 0.5, 1.0, 1.3])
    edge = 4 * math.sqrt(1e-3 * (1 - 1e-3))
    assert curve(at) == pytest.approx([edge, edge, edge, 2.0, edge, edge])
    assert ufl_values(curve, at) == pytest.approx(curve(at))
    assert curve.derivative(np.array([-0.2, 0.5, 1.3])).tolist() == pytest.approx([0.0, 0.0, 0.0])
    assert np.isfinite(ufl_values(curve, at, order=1)).all()
    assert float(curve.integral(-1.0, 0.0)) == pytest.approx(edge, rel=1e-9)


def test_clip_of_a_curve_in_the_file() -> None:
    curve = points(clip=[0.4, 0.9])
    assert float(curve(0.0)) == float(points()(0.4))
    assert NUMBER.write(curve)["clip"] == [0.4, 0.9]


def test_volume_strain() -> None:
    volume = points()
    strain = VolumeStrainCurve(volume_change=volume, reference=0.9)
    at = np.array([0.25, 0.5, 0.9])
    expected = np.cbrt((1 + volume(at)) / (1 + volume(0.9))) - 1
    assert strain(at) == pytest.approx(expected, abs=1e-16)
    assert float(strain(0.9)) == 0.0
    assert strain.derivative(at) == pytest.approx((strain(at + 1e-6) - strain(at - 1e-6)) / 2e-6, rel=1e-6)
    assert ufl_values(strain, at) == pytest.approx(expected, abs=1e-13)
    assert ufl_values(strain, at, order=1) == pytest.approx(strain.derivative(at), rel=1e-9)


def test_pressure_of_time_is_linear_and_held() -> None:
    kind = CurveOf(quantity("pressure"), quantity("time"), "t", method="linear", beyond="constant")
    curve = kind.read({"points": [["0 s", "0 MPa"], ["1 min", "5 MPa"], ["2 min", "2 MPa"]]})
    assert curve([-1.0, 30.0, 60.0, 90.0, 1000.0]).tolist() == pytest.approx([0.0, 2.5, 5.0, 3.5, 2.0])
    assert curve.derivative([-1.0, 30.0, 90.0, 1000.0]).tolist() == pytest.approx([0.0, 5 / 60, -3 / 60, 0.0])
    assert ufl_values(curve, np.array([-1.0, 30.0, 90.0, 1000.0])) == pytest.approx([0.0, 2.5, 3.5, 2.0])
    assert kind.read(kind.write(curve)) == curve
    same = kind.read({"points": [[0, 0], [1, 50], [2, 20]], "unit": "bar", "argument_unit": "min"})
    assert isinstance(same, PointsCurve)
    assert same.y == pytest.approx((0.0, 5.0, 2.0))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"expression": "__import__('os').system('true')", "unit": "V"}, "not allowed"),
        ({"expression": "x.real", "unit": "V"}, "not allowed"),
        ({"expression": "[x][0]", "unit": "V"}, "not allowed"),
        ({"expression": "lambda x: x", "unit": "V"}, "not allowed"),
        ({"expression": "x if x else 1", "unit": "V"}, "not allowed"),
        ({"expression": "exp(x=1)", "unit": "V"}, "not allowed"),
        ({"expression": "x // 2", "unit": "V"}, "FloorDiv"),
        ({"expression": "x^2", "unit": "V"}, "^"),
        ({"expression": "ln(x)", "unit": "V"}, "unknown function 'ln'"),
        ({"expression": "eval(x)", "unit": "V"}, "unknown function 'eval'"),
        ({"expression": "y + 1", "unit": "V"}, "unknown name 'y'"),
        ({"expression": "True", "unit": "V"}, "not allowed"),
        ({"expression": "'x'", "unit": "V"}, "not allowed"),
        ({"expression": "1j*x", "unit": "V"}, "not allowed"),
        ({"expression": "exp(x, 2)", "unit": "V"}, "one argument"),
        ({"expression": "min(x)", "unit": "V"}, "two or more"),
        ({"expression": "x +", "unit": "V"}, "is not a formula"),
        ({"expression": "", "unit": "V"}, "is not a formula"),
        ({"expression": "9**9**9**9", "unit": "V"}, "no finite value"),
        ({"expression": "1/(x - x)", "unit": "V"}, "no finite value"),
        ({"expression": "log(-x)", "unit": "V"}, "no finite value"),
        ({"expression": "(" * 5000 + "x" + ")" * 5000, "unit": "V"}, "nested too deeply|not a formula"),
        ({"expression": "x + " * 10000 + "x", "unit": "V"}, "longer than"),
        ({"expression": "x"}, "has no unit"),
        ({"expression": "x", "unit": "MPa"}, "is not a unit of potential but of pressure"),
        ({"expression": "x", "unit": 3}, "is not a unit"),
        ({"expression": "x", "unit": "V", "colums": 1}, "is not a key of a curve"),
        ({"expression": "x", "points": [[0, 1], [1, 2]], "unit": "V"}, "exactly one"),
        ({"expression": "x", "unit": "V", "columns": [0, 1]}, "goes with table only"),
        ({"unit": "V"}, "exactly one"),
        ({"points": [[0, 1]], "unit": "V"}, "two or more pairs"),
        ({"points": [[0, 1], [1, 2, 3]], "unit": "V"}, "two or more pairs"),
        ({"points": [[0, 1], [0, 2]], "unit": "V"}, "must rise"),
        ({"points": [[0, 1], [1, 2], [0.5, 3]], "unit": "V"}, "must rise"),
        ({"points": [[0, 1], [1, 2]]}, "has no unit"),
        ({"points": [[0, "1 V"], [1, "2 MPa"]]}, "but of pressure"),
        ({"points": [[0, 1], [1, 2]], "unit": "V", "clip": [1, 0]}, "is not a range"),
        ({"points": [[0, 1], [1, 2]], "unit": "V", "source": 3}, "is not text"),
        ({"table": "nowhere.csv", "unit": "V"}, "cannot be read"),
        ("3 MPa", "but of pressure"),
        (3, "has no unit"),
        ([1, 2], "is not a curve"),
    ],
)
def test_what_is_refused(given: Any, says: str) -> None:
    with pytest.raises((UnitError, BelowError)) as caught:
        POTENTIAL.read(given)
    assert any(part in str(caught.value) for part in says.split("|"))


def test_a_value_below_zero_is_refused_where_it_makes_no_sense() -> None:
    with pytest.raises(BelowError, match="greater than zero"):
        curve_of_x("diffusivity", "positive").read({"points": [[0, -1], [1, 1]], "unit": "m^2/s"})


@pytest.mark.parametrize(
    "text",
    [
        "x,V\n0,4.3\n1,3.5\n",
        "x;V\n0;4.3\n1;3.5\n",
        "# note\nx\tV\n0\t4.3\n1\t3.5\n",
        "0 4.3\n1 3.5\n",
        "\ufeffx, V\n0, 4.3\n\n1, 3.5\n",
    ],
)
def test_tables(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ocp.csv"
    file.write_text(text, encoding="utf-8")
    assert read_table(str(file)) == [[0.0, 4.3], [1.0, 3.5]]


def test_columns_of_a_table(tmp_path: Path) -> None:
    file = tmp_path / "ocp.csv"
    file.write_text("Q,x,V\n1,0,4.3\n2,1,3.5\n")
    assert read_table(str(file), ["x", "V"]) == [[0.0, 4.3], [1.0, 3.5]]
    assert read_table(str(file), [1, 0]) == [[0.0, 1.0], [1.0, 2.0]]
    with pytest.raises(BelowError, match="not a column") as caught:
        read_table(str(file), ["x", "v"])
    assert caught.value.error.suggestion == "V"
    file.write_text("x,V\n0,4.3\n1,oops\n")
    with pytest.raises(BelowError, match="data row 2"):
        read_table(str(file))
    file.write_text("")
    with pytest.raises(BelowError, match="is empty"):
        read_table(str(file))


def test_written_curves_read_back_equal() -> None:
    for given in (
        "3.7 V",
        {"expression": OCP, "unit": "mV", "source": "somewhere"},
        {"points": [[0.1, 4.2], [0.5, 3.9], [0.9, 3.3]], "unit": "V", "clip": [0.2, 0.8]},
    ):
        curve = POTENTIAL.read(given)
        assert POTENTIAL.read(POTENTIAL.write(curve)) == curve
