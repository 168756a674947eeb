"""Checks of the programme: every step is one thing, ends, and has a load and a current that are defined."""

from __future__ import annotations

from collections.abc import Iterator

from ssbmech.case.checks_materials import exactly_one
from ssbmech.case.errors import Problem
from ssbmech.case.programme import KINDS, Step, walk
from ssbmech.case.schema import Case
from ssbmech.case.stack import LOADS, Load


def check_load(key: str, load: Load, case: Case) -> Iterator[Problem]:
    """A load is one thing, and isostatic only where plates can press the sides."""
    stack = case.stack
    yield from exactly_one(key, load, LOADS)
    if load.isostatic is None:
        return
    if load.kind != "pressure":
        allowed = "isostatic with pressure or ramp_to"
        yield Problem(f"{key}.isostatic", f"does not go with {load.kind}", allowed=allowed)
    if case.numerics.kinematics == "finite_strain":
        allowed = "numerics.kinematics: small_strain; the areas that the plates press are those of the mesh"
        yield Problem(f"{key}.isostatic", "does not go with finite_strain", allowed=allowed)
    if stack.sides != "roller":
        yield Problem(
            f"{key}.isostatic",
            f"does not go with stack.sides: {stack.sides}",
            allowed="stack.sides: roller; the plates that press the sides are plane and smooth, as rollers are",
        )


def check_programme(case: Case) -> Iterator[Problem]:
    """Programme: every step is one thing, ends, and has a load and a current that are defined."""
    if case.stack.load is not None and case.stack.load.ramp_to is not None:
        yield Problem(
            "stack.load.ramp_to", "belongs to a press or rest, whose time it takes", allowed="pressure"
        )
    for key, step, listed in walk(case.programme):
        yield from exactly_one(key, step, KINDS)
        if step.load is not None:
            yield from check_load(f"{key}.load", step.load, case)
            if step.load.ramp_to is not None and step.duration is None:
                allowed = "pressure; or the ramp in a press or rest"
                yield Problem(
                    f"{key}.load.ramp_to", f"does not go with {step.kind}, which has no time", allowed=allowed
                )
        if step.repeat is not None:
            yield from _check_repeat(key, step)
        else:
            yield from _check_end(key, step, case)
        yield from _check_listed(key, step, listed)
        yield from _check_capacities(key, step, case)
    without = {planned.key: None for planned in case.planned() if planned.load is None}
    for key in without:
        allowed = "a load in this step or in stack, for example {pressure: 5 MPa} or {fixed_gap: true}"
        yield Problem(f"{key}.load", "is missing", allowed=allowed)


def _check_repeat(key: str, step: Step) -> Iterator[Problem]:
    repeat = step.repeat
    assert repeat is not None
    if step.until.given():
        yield Problem(
            f"{key}.until", "does not go with repeat", allowed="repeat.until, or until in its steps"
        )
    for name in ("load", "maximum_time_step"):
        if getattr(step, name) is not None:
            yield Problem(f"{key}.{name}", "does not go with repeat", allowed=f"{name} in its steps")
    uses = any(inner.current.listed for _, inner, _ in walk(repeat.steps))
    if repeat.rates and not uses:
        allowed = (
            'in one of its steps, for example "discharge at the rate to 2.5 V" or {discharge: rate, ...}'
        )
        yield Problem(f"{key}.repeat.rates", "are used by none of the steps", allowed=allowed)
    for number, rate in enumerate(repeat.rates):
        if rate.listed:
            yield Problem(f"{key}.repeat.rates[{number}]", "is the word rate itself", allowed="C/10, 1 A/m^2")


def _check_listed(key: str, step: Step, listed: bool) -> Iterator[Problem]:
    if step.current.listed and not listed:
        allowed = "a current; or rates in a repeat around this step"
        yield Problem(
            f"{key}.{step.kind}",
            "stands for an entry of rates, and no repeat around it has them",
            "rate",
            allowed,
        )


def _check_end(key: str, step: Step, case: Case) -> Iterator[Problem]:
    limits = step.until.given()
    if step.kind in ("press", "rest"):
        if limits:
            message = f"does not go with {step.kind}, which ends after its time"
            yield Problem(f"{key}.until", message, sorted(limits), "no until")
        return
    if not case.electrochemistry:
        name = "hold_potential" if step.hold_potential is not None else step.kind
        allowed = "press and rest, or electrochemistry in numerics.physics"
        yield Problem(f"{key}.{name}", "needs electrochemistry", allowed=allowed)
        return
    refused: tuple[str, ...] = ("voltage", "potential") if step.kind == "hold" else ()
    if step.sign and step.power_density is None:
        refused = ("current",)
    for name in refused:
        if name in limits:
            held = "it is held" if step.kind == "hold" else "it is constant"
            allowed = ", ".join(n for n in type(step.until).model_fields if n not in refused)
            yield Problem(f"{key}.until.{name}", f"does not go with {step.kind}: {held}", allowed=allowed)
    if not limits:
        allowed = "until with at least one of " + ", ".join(
            n for n in type(step.until).model_fields if n not in refused
        )
        yield Problem(f"{key}.until", "is missing", allowed=allowed)


def _check_capacities(key: str, step: Step, case: Case) -> Iterator[Problem]:
    """What is per nominal capacity or per mass needs both."""
    rates, masses = [], []
    if step.c_rate is not None:
        rates.append(f"{key}.{step.kind} is a C-rate")
    limits = step.until.given()
    if "current" in limits and limits["current"].c_rate is not None:
        rates.append(f"{key}.until.current is a C-rate")
    at = f"{key}.until"
    if step.repeat is not None:
        limits, at = step.repeat.until.given(), f"{key}.repeat.until"
        rates += [f"{key}.repeat.rates[{n}] is a C-rate" for n, r in enumerate(step.repeat.rates) if r.c_rate]
    if "state_of_charge" in limits:
        rates.append(f"{at}.state_of_charge is a share of it")
    if "specific_capacity" in limits:
        masses.append(f"{at}.specific_capacity is per mass")
    if rates and case.cell.nominal_capacity is None:
        allowed = 'for example "200 mAh/g", or a current density'
        yield Problem("cell.nominal_capacity", f"is missing; {rates[0]}", allowed=allowed)
    masses += [
        text.replace("is a C-rate", "is per mass").replace("a share of it", "per mass") for text in rates
    ]
    if masses:
        for name in case.active_materials:
            if case.phases[name].density is None:
                yield Problem(
                    f"phases.{name}.density", f"is missing; {masses[0]}", allowed='for example "4.78 g/cm^3"'
                )


def check_time_step(case: Case) -> Iterator[Problem]:
    """Time steps: minimum <= initial <= maximum."""
    step = case.numerics.time_step
    if not step.minimum <= step.initial <= step.maximum:
        given = f"minimum {step.minimum:g} s, initial {step.initial:g} s, maximum {step.maximum:g} s"
        yield Problem("numerics.time_step", "is not in order", given, "minimum <= initial <= maximum")
    for key, each, _ in walk(case.programme):
        if each.maximum_time_step is not None and each.maximum_time_step < step.minimum:
            yield Problem(
                f"{key}.maximum_time_step",
                "is below numerics.time_step.minimum",
                f"{each.maximum_time_step:g} s",
                f"{step.minimum:g} s or more",
            )
