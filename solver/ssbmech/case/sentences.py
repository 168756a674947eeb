"""Steps of the programme written as sentences, turned into the mapping that a case file would have in their place.

sentence  := rest | press | release | drive | hold | repeat
rest      := "rest" ["for"] TIME {load}
press     := "press" ["isostatically"] ("to" PRESSURE "in" TIME | "at" PRESSURE "for" TIME | ["for"] TIME {load})
release   := "release" ["isostatically"] ["to" PRESSURE] "in" TIME
drive     := ("charge" | "discharge") "at" (CURRENT | POWER | "the rate") {end} {load}
hold      := "hold" "at" VOLTAGE ["vs Li"] {end} {load}
end       := ["or"] ("to" | "until" | "for") (VOLTAGE ["vs Li"] | TIME | CURRENT | CAPACITY | SHARE "%" | "x =" NUMBER)
load      := "under" PRESSURE | "at fixed gap" | "in a jig of" STIFFNESS
repeat    := "repeat" [COUNT "times"] ["at" CURRENT {"," CURRENT}] ["until" end] ":" sentence {";" sentence}
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ssbmech.case.current import LISTED, CurrentText
from ssbmech.case.errors import nearest
from ssbmech.case.units import NUMBER, UnitError, as_custom_error, quantity

FORMS: dict[str, str] = {
    "rest": '"rest 1 h"',
    "press": '"press to 370 MPa in 60 s", "press isostatically to 370 MPa in 60 s", "press at 5 MPa for 60 s", "press 60 s"',
    "release": '"release to 5 MPa in 60 s", "release in 60 s"',
    "charge": '"charge at C/10 to 4.3 V", "charge at 10 W/m^2 to 4.3 V vs Li or for 2 h", "charge at 1C to 80 %"',
    "discharge": '"discharge at 1C to 2.5 V", "discharge at 1 A/m^2 for 10 min", "discharge at the rate to 2.5 V"',
    "hold": '"hold at 4.3 V until C/50", "hold at 4.3 V vs Li until C/50 or for 2 h"',
    "repeat": '"repeat 3 times: charge at C/10 to 4.3 V; discharge at C/2 to 2.5 V", '
    '"repeat at C/10, 1C: charge at C/10 to 4.3 V; discharge at the rate to 2.5 V", '
    '"repeat 30 times until 4.3 V: charge at C/10 for 10 min; rest 1 h"',
}
"""Examples of what may follow each verb."""

PATTERN = rf"^\s*({'|'.join(f'[{v[0]}{v[0].upper()}]{v[1:]}' for v in FORMS)})\b"
"""Of a sentence, for editors."""

_LOADS = 'with a load: "... under 5 MPa", "... at fixed gap", "... in a jig of 1e13 Pa/m"'
_ENDS = 'a voltage, time, current, capacity, state of charge or lithium content: "4.3 V", "1 h", "C/50", "150 mAh/g", "80 %", "x = 0.3"'
_PHRASE = re.compile(r".+?(?=\s+(?:to|or|for|until|under|at|in)\b|\s*[,;:]|\s*$)", re.IGNORECASE)
_AMOUNT = re.compile(rf"(?:{NUMBER})?\s*C\s*/\s*{NUMBER}|{NUMBER}\s*[^\s,;:]+|C(?=\s|$|[,;:])")
_AGAINST_LITHIUM = re.compile(r"\s*(?:vs\.?|against)\s+Li[^\s,;:]*", re.IGNORECASE)
_CONTENT = re.compile(rf"x\s*=?\s*({NUMBER})", re.IGNORECASE)
_SHARE = re.compile(rf"({NUMBER})\s*%(?:\s*(?:SOC|state of charge))?", re.IGNORECASE)

_END_KINDS: tuple[tuple[str, str], ...] = (
    ("voltage", "potential"),
    ("time", "time"),
    ("specific_capacity", "specific capacity"),
    ("capacity", "areal capacity"),
)
_ENDS_OF_REPEATS = ("voltage", "potential", "state_of_charge", "stoichiometry")


def read_sentence(text: str) -> dict[str, Any]:
    """The mapping that a sentence stands for; raises pydantic's custom error with what was understood and what could follow."""
    reader = _Reader(text)
    try:
        verb = reader.word(*FORMS)
        if verb is None:
            first = re.split(r"[\s:]", reader.text, maxsplit=1)[0]
            near = nearest(first, FORMS)
            suggestion = (near + reader.text[len(first) :]) if near else ""
            verbs = "a sentence that begins with " + ", ".join(FORMS) + ", for example " + FORMS["charge"]
            raise UnitError("is not a step", f"{verbs}; or a mapping with one of them as a key", suggestion)
        reader.verb = verb
        step = _VERBS[verb](reader, verb)
        reader.end()
    except UnitError as error:
        raise as_custom_error(error) from None
    return step


class _Reader:
    """A sentence and how far it has been understood."""

    def __init__(self, text: str) -> None:
        self.text = " ".join(text.split())
        self.at = 0
        self.verb = ""

    @property
    def rest(self) -> str:
        return self.text[self.at :].lstrip()

    def word(self, *options: str) -> str | None:
        """The option that comes next, if one does; punctuation counts as a word."""
        for option in sorted(options, key=len, reverse=True):
            gap = r"\b" if option[-1].isalnum() else ""
            match = re.match(rf"\s*{re.escape(option)}{gap}", self.text[self.at :], re.IGNORECASE)
            if match:
                self.at += match.end()
                return option
        return None

    def expect(self, *options: str) -> str:
        found = self.word(*options)
        if found is None:
            raise self.error(options)
        return found

    def phrase(self, what: str, reads: Callable[[str], object]) -> str:
        """The number and unit that come next, or, where that does not read, the text up to the next keyword."""
        for pattern in (_AMOUNT, _PHRASE):
            match = pattern.match(self.rest)
            if match is None:
                continue
            text = match[0].strip()
            try:
                reads(text)
            except UnitError as error:
                reason = f'"{text}" {error}'
                continue
            self.at = len(self.text) - len(self.rest) + match.end()
            return text
        raise self.error((), reason if self.rest else f"lacks {what}")

    def amount(self, kind: str) -> str:
        """A quantity of this kind, as text."""
        return self.phrase(f"a {kind}", quantity(kind).read)

    def current(self) -> str:
        if self.word("the rate", LISTED):
            return LISTED
        return self.phrase("a current", CurrentText().read)

    def against_lithium(self) -> bool:
        """Whether "vs Li" comes next."""
        match = _AGAINST_LITHIUM.match(self.text[self.at :])
        self.at += match.end() if match else 0
        return match is not None

    def end(self) -> None:
        if self.rest:
            ends = ("to", "until", "for", "or") if self.verb in ("charge", "discharge", "hold") else ()
            raise self.error((*ends, "under", "at fixed gap", "in a jig of"))

    def error(self, options: tuple[str, ...], reason: str = "") -> UnitError:
        """Says what was understood, what may follow, and the nearest sentence where a word is misspelt."""
        understood = self.text[: self.at].strip()
        so_far = f'understood: "{understood}"; then ' if understood else ""
        rest = self.rest
        expected = " or ".join(f'"{option}"' for option in options)
        what = reason or (
            f'expected {expected}, found "{rest}"' if rest else f"expected {expected}, found the end"
        )
        first = rest.split(" ", 1)[0] if rest else ""
        near = nearest(first, options) if first else ""
        suggestion = f"{understood} {near}{rest[len(first) :]}".strip() if near and near != first else ""
        return UnitError(f"is not understood: {so_far}{what}", f"{FORMS[self.verb]}; {_LOADS}", suggestion)


def _rest(reader: _Reader, verb: str) -> dict[str, Any]:
    reader.word("for")
    return {"rest": reader.amount("time"), **_loads(reader)}


def _press(reader: _Reader, verb: str) -> dict[str, Any]:
    isostatic = {"isostatic": True} if reader.word("isostatically") else {}
    how = reader.word("to", "at", "for")
    if how in ("to", "at"):
        pressure = reader.amount("pressure")
        reader.expect(*(("in", "over", "within") if how == "to" else ("for",)))
        load = {"ramp_to" if how == "to" else "pressure": pressure, **isostatic}
        return {"press": reader.amount("time"), "load": load}
    if isostatic or not (how or reader.rest[:1].isdigit()):
        raise reader.error(("to", "at") if isostatic else ("to", "at", "for", "isostatically"))
    return {"press": reader.amount("time"), **_loads(reader)}


def _release(reader: _Reader, verb: str) -> dict[str, Any]:
    isostatic = {"isostatic": True} if reader.word("isostatically") else {}
    pressure = reader.amount("pressure") if reader.word("to") else "0 MPa"
    reader.expect("in", "over", "within")
    return {"press": reader.amount("time"), "load": {"ramp_to": pressure, **isostatic}}


def _drive(reader: _Reader, verb: str) -> dict[str, Any]:
    reader.expect("at")
    return {verb: reader.current(), **_ends(reader), **_loads(reader)}


def _hold(reader: _Reader, verb: str) -> dict[str, Any]:
    reader.expect("at")
    volts = reader.amount("potential")
    key = "hold_potential" if reader.against_lithium() else "hold"
    return {key: volts, **_ends(reader), **_loads(reader)}


def _repeat(reader: _Reader, verb: str) -> dict[str, Any]:
    block: dict[str, Any] = {}
    if count := re.match(r"\s*(\d+)\s+times?\b", reader.text[reader.at :], re.IGNORECASE):
        reader.at += count.end()
        block["times"] = int(count[1])
    if reader.word("at"):
        block["rates"] = [reader.current()]
        while reader.word(","):
            block["rates"].append(reader.current())
    if not block:
        raise reader.error((), 'expected a count, "3 times", or rates, "at C/10, 1C"')
    ends = _ends(reader, _ENDS_OF_REPEATS)
    reader.expect(":")
    sentences = [text.strip() for text in reader.rest.split(";")]
    reader.at = len(reader.text)
    return {"repeat": {**block, "steps": [text for text in sentences if text], **ends}}


_VERBS: dict[str, Callable[[_Reader, str], dict[str, Any]]] = {
    "rest": _rest,
    "press": _press,
    "release": _release,
    "charge": _drive,
    "discharge": _drive,
    "hold": _hold,
    "repeat": _repeat,
}


def _ends(reader: _Reader, allowed: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The ``until`` of the ends that follow, if any do."""
    found: dict[str, Any] = {}
    while reader.word("or to", "or until", "or for", "or", "to", "until", "for"):
        begin = reader.at
        text = reader.phrase("an end: " + _ENDS, _end)
        key, value = _end(text)
        if key == "voltage" and reader.against_lithium():
            key = "potential"
        wrong = "a second " + key.replace("_", " ") if key in found else ""
        if allowed is not None and key not in allowed:
            wrong = f"not an end of a {reader.verb}"
        if wrong:
            reader.at = begin
            raise reader.error((), f'"{text}" is {wrong}')
        found[key] = value
    return {"until": found} if found else {}


def _end(text: str) -> tuple[str, Any]:
    """Key of ``until`` and its value; raises :class:`UnitError`."""
    if content := _CONTENT.fullmatch(text):
        return "stoichiometry", float(content[1])
    if share := _SHARE.fullmatch(text):
        return "state_of_charge", float(f"{float(share[1]) / 100:.14g}")
    for key, kind in _END_KINDS:
        try:
            quantity(kind).read(text)
        except UnitError:
            continue
        return key, text
    try:
        CurrentText(drives=False).read(text)
    except UnitError:
        raise UnitError("is not an end: " + _ENDS, _ENDS) from None
    return "current", text


def _loads(reader: _Reader) -> dict[str, Any]:
    """The ``load`` that follows, if one does."""
    if reader.word("under"):
        return {"load": {"pressure": reader.amount("pressure")}}
    if reader.word("at fixed gap", "at a fixed gap"):
        return {"load": {"fixed_gap": True}}
    if reader.word("in a jig of"):
        return {"load": {"stiffness": reader.amount("stack stiffness")}}
    return {}
