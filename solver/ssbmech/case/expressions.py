"""Formulas of a case file: parsed against a whitelist, evaluated with numpy, with derivatives, or as UFL.

Nothing is ever handed to ``eval``: the text becomes a Python syntax tree, every node of which must be on the
list here, and the tree is walked with whatever numbers are put in. Those numbers may be arrays, :class:`Dual`
numbers or UFL expressions, so that value, derivative and weak form come from one text.
"""

from __future__ import annotations

import ast
import importlib
import math
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbmech.case.errors import nearest
from ssbmech.case.units import UnitError
from ssbmech.constants import FARADAY, GAS_CONSTANT

Array = NDArray[np.float64]
Functions = Mapping[str, Callable[..., Any]]

FUNCTIONS = ("exp", "log", "sqrt", "tanh", "sinh", "cosh", "tan", "sin", "cos", "asinh", "abs", "min", "max")
CONSTANTS = ("pi", "T", "F", "R")
LONGEST = 20_000
"""Characters; a formula beyond this is a mistake, and deep nesting would exhaust the stack."""

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def allowed_in_expressions(variable: str) -> str:
    """What a formula of ``variable`` may contain, for messages and the reference."""
    functions, constants = " ".join(FUNCTIONS), "pi, T (K), F (C/mol), R (J/(mol K))"
    return f"numbers, {variable}, + - * / ** ( ), {functions}, and the constants {constants}"


@lru_cache(maxsize=256)
def parse(text: str, variable: str) -> ast.expr:
    """The checked syntax tree of ``text``; raises :class:`UnitError` naming what is not allowed."""
    allowed = allowed_in_expressions(variable)
    if len(text) > LONGEST:
        raise UnitError(f"is longer than {LONGEST} characters", allowed)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        _check(tree, variable, allowed)
    except SyntaxError as error:
        raise UnitError(f"is not a formula: {error.msg}", allowed) from None
    except (RecursionError, MemoryError):
        raise UnitError("is nested too deeply", allowed) from None
    except ValueError as error:
        if isinstance(error, UnitError):
            raise
        raise UnitError(f"is not a formula: {error}", allowed) from None
    return tree


def _check(node: ast.expr, variable: str, allowed: str) -> None:
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            if isinstance(op, ast.BitXor):
                raise UnitError("uses ^, which is not a power here", allowed, "**")
            if type(op) not in _BINARY:
                raise UnitError(f"uses an operator that is not allowed: {type(op).__name__}", allowed)
            _check(left, variable, allowed)
            _check(right, variable, allowed)
        case ast.UnaryOp(op=ast.UAdd() | ast.USub(), operand=operand):
            _check(operand, variable, allowed)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            _check_call(name, len(arguments), allowed)
            for argument in arguments:
                _check(argument, variable, allowed)
        case ast.Name(id=name):
            names = (variable, *CONSTANTS)
            if name not in names:
                hint = nearest(name, names) or (variable if len(name) == 1 else "")
                raise UnitError(f"uses the unknown name {name!r}", allowed, hint)
        case ast.Constant(value=value) if isinstance(value, int | float) and not isinstance(value, bool):
            pass
        case _:
            raise UnitError(f"contains what is not allowed: {ast.unparse(node)[:60]}", allowed)


def _check_call(name: str, count: int, allowed: str) -> None:
    if name not in FUNCTIONS:
        known = {"ln": "log", "arcsinh": "asinh", "fabs": "abs", "pow": "**"}
        raise UnitError(
            f"uses the unknown function {name!r}", allowed, known.get(name) or nearest(name, FUNCTIONS)
        )
    if name in ("min", "max"):
        if count < 2:
            raise UnitError(f"{name} needs two or more arguments", allowed)
    elif count != 1:
        raise UnitError(f"{name} takes one argument, not {count}", allowed)


def evaluate(text: str, variable: str, value: Any, temperature: float, functions: Functions) -> Any:
    """The formula with ``value`` for its variable, by the arithmetic of ``value`` and the given functions."""
    names = {variable: value, "pi": math.pi, "T": temperature, "F": FARADAY, "R": GAS_CONSTANT}
    return _walk(parse(text, variable), names, functions)


def _walk(node: ast.expr, names: Mapping[str, Any], functions: Functions) -> Any:
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_walk(left, names, functions), _walk(right, names, functions))
        case ast.UnaryOp(op=op, operand=operand):
            inner = _walk(operand, names, functions)
            return -inner if isinstance(op, ast.USub) else inner
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return functions[name](*(_walk(argument, names, functions) for argument in arguments))
        case ast.Name(id=name):
            return names[name]
        case ast.Constant(value=value) if isinstance(value, int | float):
            return float(value)
    raise AssertionError(f"unchecked node {ast.dump(node)}")


class Dual:
    """A value with its derivative (forward automatic differentiation)."""

    __array_ufunc__ = None  # numpy must leave ``array * Dual`` to this class

    def __init__(self, value: Any, slope: Any) -> None:
        self.value = value
        self.slope = slope

    @staticmethod
    def of(item: Any) -> Dual:
        """``item`` itself, or a constant as a dual number."""
        return item if isinstance(item, Dual) else Dual(item, 0.0)

    def __add__(self, other: Any) -> Dual:
        other = Dual.of(other)
        return Dual(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other: Any) -> Dual:
        other = Dual.of(other)
        return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.slope)

    def __sub__(self, other: Any) -> Dual:
        return self + (-Dual.of(other))

    def __rsub__(self, other: Any) -> Dual:
        return Dual.of(other) + (-self)

    def __truediv__(self, other: Any) -> Dual:
        other = Dual.of(other)
        ratio = self.value / other.value
        return Dual(ratio, (self.slope - ratio * other.slope) / other.value)

    def __rtruediv__(self, other: Any) -> Dual:
        return Dual.of(other) / self

    def __pow__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            power = self.value**other.value
            return Dual(
                power, power * (other.slope * np.log(self.value) + other.value * self.slope / self.value)
            )
        if other == 0:
            return Dual(self.value**0, 0.0 * self.slope)
        return Dual(self.value**other, other * self.value ** (other - 1.0) * self.slope)

    def __rpow__(self, other: Any) -> Dual:
        power = other**self.value
        return Dual(power, power * np.log(other) * self.slope)

    __radd__ = __add__
    __rmul__ = __mul__


def _least(*items: Any) -> Any:
    value = items[0]
    for item in items[1:]:
        value = np.minimum(value, item)
    return value


def _greatest(*items: Any) -> Any:
    value = items[0]
    for item in items[1:]:
        value = np.maximum(value, item)
    return value


NUMPY: Functions = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tan": np.tan,
    "sin": np.sin,
    "cos": np.cos,
    "asinh": np.arcsinh,
    "abs": np.abs,
    "min": _least,
    "max": _greatest,
}

_SLOPES: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp,
    "log": lambda z: 1.0 / z,
    "sqrt": lambda z: 0.5 / np.sqrt(z),
    "tanh": lambda z: 1.0 - np.tanh(z) ** 2,
    "sinh": np.cosh,
    "cosh": np.sinh,
    "tan": lambda z: 1.0 + np.tan(z) ** 2,
    "sin": np.cos,
    "cos": lambda z: -np.sin(z),
    "asinh": lambda z: 1.0 / np.sqrt(1.0 + z * z),
    "abs": np.sign,
}


def _dual_function(name: str) -> Callable[[Any], Any]:
    function, slope = NUMPY[name], _SLOPES[name]

    def apply(argument: Any) -> Any:
        if not isinstance(argument, Dual):
            return function(argument)
        return Dual(function(argument.value), slope(argument.value) * argument.slope)

    return apply


def _dual_choice(name: str) -> Callable[..., Any]:
    def apply(*arguments: Any) -> Dual:
        best = Dual.of(arguments[0])
        for argument in arguments[1:]:
            other = Dual.of(argument)
            take = other.value < best.value if name == "min" else other.value > best.value
            best = Dual(np.where(take, other.value, best.value), np.where(take, other.slope, best.slope))
        return best

    return apply


DUAL: Functions = {name: _dual_function(name) for name in _SLOPES} | {
    name: _dual_choice(name) for name in ("min", "max")
}


def ufl_functions() -> Functions:
    """The same functions for UFL expressions (UFL is imported only now: checking a case needs none of it)."""
    ufl = importlib.import_module("ufl")

    def pick(compare: Callable[[Any, Any], Any]) -> Callable[..., Any]:
        def apply(*arguments: Any) -> Any:
            best = arguments[0]
            for argument in arguments[1:]:
                best = ufl.conditional(compare(argument, best), argument, best)
            return best

        return apply

    def asinh(z: Any) -> Any:
        # Through |z|, because z + sqrt(z^2 + 1) cancels for large negative z.
        size = abs(z)
        return ufl.sign(z) * ufl.ln(size + ufl.sqrt(size * size + 1.0))

    return {
        "exp": ufl.exp,
        "log": ufl.ln,
        "sqrt": ufl.sqrt,
        "tanh": ufl.tanh,
        "sinh": ufl.sinh,
        "cosh": ufl.cosh,
        "tan": ufl.tan,
        "sin": ufl.sin,
        "cos": ufl.cos,
        "asinh": asinh,
        "abs": abs,
        "min": pick(ufl.lt),
        "max": pick(ufl.gt),
    }
