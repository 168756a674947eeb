"""Case files: strict schema, units, loading, and messages that help.

``load_case(path)`` gives a :class:`Case` in internal units or raises :class:`CaseError` with everything that
is wrong.
"""

from ssbmech.case.curves import Curve
from ssbmech.case.errors import CaseError, Problem
from ssbmech.case.interfaces import Cohesion, Interface
from ssbmech.case.json_schema import json_schema
from ssbmech.case.load import case_from_data, load_case
from ssbmech.case.phases import Phase
from ssbmech.case.programme import Step
from ssbmech.case.schema import Case
from ssbmech.case.stack import Load

__all__ = [
    "Case",
    "CaseError",
    "Cohesion",
    "Curve",
    "Interface",
    "Load",
    "Phase",
    "Problem",
    "Step",
    "case_from_data",
    "json_schema",
    "load_case",
]
