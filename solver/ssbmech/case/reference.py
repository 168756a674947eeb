"""The reference of the case file in Markdown, written from the schema itself."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ssbmech.case.curve_types import CurveOf
from ssbmech.case.microstructure import LengthUnitText
from ssbmech.case.schema import Case
from ssbmech.case.units import Quantity

_INTRODUCTION = """\
<!-- Written by `ssbmech schema --markdown`; a test keeps it in step with the schema. -->
# Case files

A case file is YAML. `ssbmech check case.yaml` reads one and says everything that is wrong with it; `ssbmech
schema` prints a JSON Schema with which editors complete and check while you type (for instance with `#
yaml-language-server: $schema=ssbmech.schema.json` as the first line, after `ssbmech schema -o
ssbmech.schema.json`).

**Quantities** are a number and a unit, `22.1 GPa`, `3.2e-14 m^2/s`; anything with the right dimension will
do. A quantity without its unit is refused. Pure numbers have none.

**Curves** (of the stoichiometry x, of the lithiation y of the counter electrode, of the time t in a step, of
the charge q passed) are one of

```yaml
diffusivity: 1e-14 m^2/s                                    # the same everywhere
open_circuit_potential: {expression: "4.1 - 0.5*x", unit: V}
volume_change: {points: [[0.3, -0.05], [0.7, -0.01], [1, 0]]}
exchange_current_density: {table: i0.csv, unit: A/m^2, columns: [x, i0]}
```

In a formula: numbers, the variable, `+ - * / ** ( )`, `exp log sqrt tanh sinh cosh tan sin cos asinh abs min
max`, and `pi`, `T` (K), `F` (C/mol), `R` (J/(mol K)); t is in s and q in mAh/cm^2. Points and tables of x and y are
joined by monotone cubics (PCHIP), those of lattice parameters by a smooth spline, and go straight on beyond
their ends; those of t and q are joined by straight lines, and beyond the ends a pressure is held while a
thickness goes straight on. Numbers in points take `unit` and, where the argument has a dimension,
`argument_unit`; or each carries its own unit: `["60 s", "5 MPa"]`. `clip: [lo, hi]` holds a curve constant
outside a range; exchange current densities are clipped to 0.001 ... 0.999 unless told otherwise. A table is a
text file with columns separated by comma, semicolon, tab or blanks.

A diffusivity, a conductivity or an exchange current density may have an `activation_energy`:
`{value: 4e-15 m^2/s, activation_energy: 25 kJ/mol}`, also beside `expression`, `points` or `table`, is
multiplied by exp(-E_a/R (1/T - 1/T_ref)) at T = `cell.temperature`; T_ref is `reference_temperature`, 298.15 K
unless told otherwise.

**Materials.** `material: NCM811` in a phase takes from the [library](materials.md) what the phase leaves out.

**Building on another file.** `extends: other.yaml` takes that file (relative to this one) and puts this one
over it: mappings merge, lists and values replace, `null` takes a key away. Of keys that exclude each other,
such as `pressure` and `fixed_gap`, the later choice replaces the earlier. `--set key.path=value` does the
same from the command line (`--set programme.1.charge=C/5`). File names are relative to the file they stand
in.

**Programmes.** A step is a block or a sentence, in any order:

```yaml
programme:
  - press isostatically to 370 MPa in 60 s      # or press to 370 MPa in 60 s: uniaxial, the sides stay
  - release isostatically to 5 MPa in 60 s
  - rest 10 min
  - charge at C/20 to 4.3 V vs Li               # without "vs Li" it is the voltage of the cell
  - discharge at C/20 to 2.5 V or for 30 h
  - repeat:
      times: 3
      steps:
        - charge at C/5 to 4.3 V
        - hold at 4.3 V until C/20
        - {discharge: C/2, until: {voltage: 2.5 V}, load: {fixed_gap: true}}
  - "repeat at C/10, C/2, 2C: charge at C/10 to 4.3 V; discharge at the rate to 2.5 V"
  - "repeat 50 times until 4.3 V: charge at C/10 for 10 min; rest 1 h"         # GITT
  - discharge at 10 W/m^2 to 20 %               # constant power, to a state of charge
```

A sentence that contains ": " has to be quoted in YAML. Its ends are "to", "until" or "for" a voltage, time,
capacity (mAh/g, mAh/cm^2), state of charge ("80 %"), lithium content ("x = 0.3") or, of a hold or a power,
current; several are joined by "or", and the first that is reached ends the step. "under 5 MPa", "at fixed gap"
and "in a jig of 1e13 Pa/m" set the load. Voltages and potentials are reached from below on charge and from
above on discharge. A limit that is passed by the jump of the voltage when the current sets in ends the step
within the smallest time step.

1C is the current that passes `cell.nominal_capacity` times the mass of the active material in an hour. The
**state of charge** is `cell.initial_state_of_charge` plus the charge passed since the beginning of the run
(positive on charge) over the nominal capacity: it counts charge, not lithium left in a particle, and may leave
the range from 0 to 1. The **stoichiometry** of `until` is all lithium in active material over all sites for it.
A **cycle** of the results is a charge and a discharge one after the other, holds and rests included: it begins
with the first current, and again whenever the direction of the first current returns after the opposite one;
steps before the first current are cycle 0. In a repeat with `count_passes: true` every pass is a cycle.

`source:`, free text, says where the numbers of a block come from. It may stand in every block of material
numbers.
"""


def markdown() -> str:
    """The whole reference."""
    blocks = "\n".join(line for block, places in _blocks() for line in _section(block, places))
    return f"{_INTRODUCTION}\n{blocks}".rstrip() + "\n"


def _blocks() -> list[tuple[type[BaseModel], list[str]]]:
    """Every block in the order of the file, with the places it stands in."""
    found: dict[type[BaseModel], list[str]] = {}

    def visit(block: type[BaseModel], place: str) -> None:
        known = block in found
        found.setdefault(block, []).append(place)
        if known:
            return
        for name, info in block.model_fields.items():
            for inner, suffix in _blocks_of(info.annotation):
                visit(inner, f"{place}.{name}{suffix}" if place else f"{name}{suffix}")

    visit(Case, "")
    return list(found.items())


def _blocks_of(annotation: Any) -> list[tuple[type[BaseModel], str]]:
    """The blocks inside an annotation, and how their place is written."""
    if get_origin(annotation) is Annotated:
        return _blocks_of(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [found for option in get_args(annotation) for found in _blocks_of(option)]
    if get_origin(annotation) in (list, dict):
        suffix = "[]" if get_origin(annotation) is list else ".NAME"
        return [(block, suffix) for block, _ in _blocks_of(get_args(annotation)[-1])]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [(annotation, "")]
    return []


def _section(block: type[BaseModel], places: list[str]) -> Iterator[str]:
    title = ", ".join(f"`{place}`" for place in dict.fromkeys(places) if place) or "Top level"
    if "generator" in block.model_fields:
        title += f" with generator {_of_type(block.model_fields['generator'].annotation)}"
    yield f"## {title}"
    yield ""
    yield (block.__doc__ or "").strip()
    yield ""
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    if block is Case:
        yield "| `extends` | file name |  | another case file that this one builds on |"
    for name, info in block.model_fields.items():
        if name == "source":
            continue
        cells = (f"`{name}`", _value(info), _default(info), info.description or "")
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _value(info: FieldInfo) -> str:
    parts = [info.annotation, *info.metadata]
    text = next(filter(None, map(_of_marker, parts)), "") or _of_type(info.annotation)
    bounds = [
        f"{sign} {getattr(item, name):g}"
        for item in info.metadata
        for name, sign in _SIGNS
        if hasattr(item, name)
    ]
    return text + (f", {' and '.join(bounds)}" if bounds else "")


_SIGNS = (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))


def _of_marker(item: Any) -> str:
    if isinstance(item, Quantity):
        return f"{item.name}, `{item.example}`"
    if isinstance(item, CurveOf):
        example = (item.per_argument or item.values).example
        return f"curve of {item.variable}: {item.values.name}, `{example}`"
    return str(getattr(item, "summary", ""))


def _of_type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        marker = next(filter(None, map(_of_marker, arguments[1:])), "")
        limits = [
            f"{s} {getattr(i, n):g}"
            for a in arguments[1:]
            for i in _constraints(a)
            for n, s in _SIGNS
            if hasattr(i, n)
        ]
        return marker or ", ".join(filter(None, [_of_type(arguments[0]), " and ".join(limits)]))
    if origin in (Union, types.UnionType):
        options = [_of_type(option) for option in arguments if option is not type(None)]
        return options[0] if len(set(options)) == 1 else "text, number or true/false"
    if origin is Literal:
        return " \\| ".join(
            f"`{str(value).lower() if value is True else value}`" for value in arguments
        ).replace("\\|", "|")
    if origin is list:
        return f"list of: {_of_type(arguments[0])}"
    if origin is dict:
        return f"mapping of names to: {_of_type(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "block"
    return {str: "text", int: "whole number", float: "number", bool: "`true` | `false`"}.get(
        annotation, "file name"
    )


def _constraints(item: Any) -> list[Any]:
    return list(getattr(item, "metadata", [])) or [item]


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    default = info.default
    if default is PydanticUndefined or default is None or isinstance(default, BaseModel):
        return ""
    marker = next((item for item in info.metadata if isinstance(item, Quantity | LengthUnitText)), None)
    if marker is not None:
        return f"`{marker.write(default)}`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return (
        f"`{default:g}`"
        if isinstance(default, float)
        else f"`{default}`"
        if isinstance(default, str | int)
        else "0"
    )
