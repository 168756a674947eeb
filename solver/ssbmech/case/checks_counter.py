"""Checks of the counter electrode: what its keys need of each other."""

from __future__ import annotations

from collections.abc import Iterator

from ssbmech.case.electrode import varies
from ssbmech.case.errors import Problem
from ssbmech.case.schema import Case
from ssbmech.case.stack import CounterElectrode

_KEY = "stack.counter_electrode"
_CAPACITY = 'capacity: "3 mAh/cm^2" or n_to_p_ratio: 1.1'


def check_counter_electrode(case: Case) -> Iterator[Problem]:
    """Counter electrode: one capacity where there is a lithiation, one thickness change."""
    counter = case.stack.counter_electrode
    sized = counter.capacity is not None or counter.n_to_p_ratio is not None
    if counter.capacity is not None and counter.n_to_p_ratio is not None:
        yield Problem(f"{_KEY}.n_to_p_ratio", "is given beside capacity", counter.n_to_p_ratio, "one of them")
    if counter.n_to_p_ratio is not None and not case.electrochemistry:
        yield Problem(
            f"{_KEY}.n_to_p_ratio",
            "needs electrochemistry",
            counter.n_to_p_ratio,
            "capacity, or electrochemistry in numerics.physics",
        )
    if sized and counter.initial_lithiation is None:
        yield Problem(f"{_KEY}.initial_lithiation", "is missing", allowed="a number from 0 to 1")
    if not sized:
        yield from _check_unsized(counter)
    if counter.plated and varies(counter.potential):
        yield Problem(f"{_KEY}.plated", "has a potential that depends on y", True, "a constant potential")
    yield from _check_thickness(counter)


def _check_unsized(counter: CounterElectrode) -> Iterator[Problem]:
    """Nothing can depend on a lithiation that there is not."""
    if counter.initial_lithiation is not None:
        yield Problem(
            f"{_KEY}.capacity",
            "is missing: initial_lithiation is a share of it",
            allowed=_CAPACITY,
        )
    for key in ("potential", "exchange_current_density"):
        curve = getattr(counter, key)
        if curve is not None and varies(curve):
            yield Problem(f"{_KEY}.capacity", f"is missing: {key} depends on y", allowed=_CAPACITY)
    if counter.relative_thickness_change is not None and varies(counter.relative_thickness_change):
        yield Problem(
            f"{_KEY}.capacity",
            "is missing: relative_thickness_change depends on y",
            allowed=_CAPACITY,
        )


def _check_thickness(counter: CounterElectrode) -> Iterator[Problem]:
    relative = counter.relative_thickness_change
    if relative is None:
        if counter.thickness is not None:
            yield Problem(
                f"{_KEY}.thickness", "goes with relative_thickness_change only", f"{counter.thickness:g} um"
            )
        return
    if counter.thickness_change is not None:
        yield Problem(
            f"{_KEY}.thickness_change",
            "is given beside relative_thickness_change",
            allowed="one of them",
        )
    if counter.thickness is None and counter.capacity_per_volume is None:
        yield Problem(
            f"{_KEY}.thickness",
            "is missing: relative_thickness_change is relative to it",
            allowed='for example "80 um", or capacity_per_volume',
        )
