"""Circumstances: what a case meets by its own figures, and what is said of all of them together.

T, B, sizes and the largest input and target of a case stand on its facts, so that the levels that follow from these are
known; of the others (weights, spikes, memory, ...) only which cannot be together. `seen` of the room of problems says
what a level means; a test holds this to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise
from typing import Any

from gradcert.certify.certificates.suite import VERSION

Record = Mapping[str, Any]
Level = tuple[str, str]

TENS, HUNDREDS, MANY = 10, 100, 150  # units, steps, calls of one process
RELATIVE = ("square", "more inputs", "fewer inputs")
# axis -> levels of which a problem meets one at most
ONE_OF = {
    "samples": ("different", "equal"),
    "weights": ("of both signs", "all positive", "all negative"),
    "biases": ("not 0", "0"),
    "inputs": ("real", "0 and 1", "all 0"),
    "memory": ("C order", "Fortran order", "strided", "read-only"),
    "targets": ("ordinary", "soft", "any sum", "all 0"),
}
# levels that need a second step, or a second sample
STEPS = {"inputs": ("a silent step",), "targets": ("a step without",), "spikes": ("adjacent", "a step without")}
SAMPLES = {"samples": ("equal", "one silent")}


def cases(record: Record) -> Iterator[str]:
    """Yield what cases are said to meet, and do not by their own figures."""
    for case in record["cases"]:
        if case["facts"].get("met"):  # of a case in which nothing is to be seen, nothing is said
            yield from (f"{case['id']}: {what}" for what in _case(case, record["claim"]))


def _case(case: Record, claim: Record) -> Iterator[str]:
    facts, met = case["facts"], _by_axis(case["facts"]["met"])
    for axis, level, shown in _shown(case, claim):
        if shown != (level in met[axis]):
            said = "it is said to meet" if not shown else "it is not said to meet"
            figure = "ties" if axis == "spikes" else axis
            value = "-".join(map(str, facts["sizes"])) if figure == "sizes" else facts[figure]
            yield f"{said} {axis}: {level}, with {figure} {value}"
    for axis, names in ONE_OF.items():
        if len(both := [name for name in names if name in met[axis]]) > 1:
            yield f"it is said to meet {axis}: {both[0]} and {both[1]}, which no problem does"
    for figure, needs in (("T", STEPS), ("B", SAMPLES)):
        alone = [f"{axis}: {name}" for axis, names in needs.items() for name in names if name in met[axis]]
        if facts[figure] == 1 and alone:
            yield f"it is said to meet {alone[0]}, with {figure} 1"


def _shown(case: Record, claim: Record) -> Iterator[tuple[str, str, bool]]:
    """Yield (axis, level, whether a case meets it) where its figures say so."""
    facts = case["facts"]
    steps, batch = int(facts["T"]), int(facts["B"])
    long = str(steps) if steps <= 2 else "odd" if steps % 2 else "even"
    yield from (("T", level, level == long) for level in ("1", "2", "odd", "even"))
    yield "T", "hundreds", steps >= HUNDREDS
    many = str(batch) if batch <= 2 else "more"
    yield from (("B", level, level == many) for level in ("1", "2", "more"))
    yield from (("sizes", level, shown) for level, shown in _sizes([int(n) for n in facts["sizes"]], claim))
    if "inputs" in facts:
        size = float(facts["inputs"])
        yield from (
            ("inputs", "all 0", size == 0),
            ("inputs", "above 5", size > 5),
            ("inputs", "above 1e6", size > 1e6),
        )
    if "targets" in facts:
        size, every = float(facts["targets"]), case["id"].rsplit("/", 4)[2].endswith("-every")
        # where the last step alone counts, what is larger may stand before it
        if every or size <= 1e5:
            yield "targets", "above 1e5", size > 1e5
        if every or size == 0:
            yield "targets", "all 0", size == 0
    if "ties" in facts:
        yield "spikes", "at the threshold", facts["ties"] > 0


def _sizes(sizes: list[int], claim: Record) -> Iterator[tuple[str, bool]]:
    """Yield (level, whether sizes show it), of inputs and layers, or populations; what cannot be told is left out."""
    shapes, whole = _shapes(sizes, claim)
    found = {"square" if a == b else "more inputs" if a > b else "fewer inputs" for a, b in shapes}
    yield from ((level, level in found) for level in RELATIVE if whole or level in found)
    yield "one unit", any(units == 1 for units in sizes[1:])
    if (tens := max((max(pair) for pair in shapes), default=0) >= TENS) or max(sizes) < TENS or whole:
        yield "tens", tens
    if not claim.get("network"):
        yield "one input", sizes[0] == 1
    same = _alike(sizes, claim)
    if same is not None:
        yield "layers alike", same


def _shapes(sizes: list[int], claim: Record) -> tuple[list[tuple[int, int]], bool]:
    """Return (inputs, units) of layers, or of connections between populations, and whether that is all of them."""
    network = claim.get("network")
    if not network:
        return list(pairwise(sizes)), True
    known = {p["name"]: units for p, units in zip(network["populations"], sizes[1:], strict=True)}
    known |= {i["name"]: i["size"] for i in network["inputs"] if "size" in i}
    if len(network["inputs"]) == 1:
        known[network["inputs"][0]["name"]] = sizes[0]
    ends = [(c["source"].partition(".")[0], c["target"]) for c in network["connections"]]
    shapes = [(known[a], known[b]) for a, b in ends if a in known]
    return shapes, len(shapes) == len(ends)


def _alike(sizes: list[int], claim: Record) -> bool | None:
    """Return whether a layer is like the next one; None where that takes more than sizes."""
    if claim.get("network"):
        return None if len(set(sizes[1:])) < len(sizes) - 1 else False
    found = any(a == b == c for a, b, c in zip(sizes, sizes[1:], sizes[2:], strict=False))
    unlike = any(claim.get(part) for part in ("readout", "layers", "masks"))  # of which a layer may be another cell
    return None if found and unlike else found


def summary(record: Record) -> Iterator[str]:
    """Yield what is said of circumstances on the whole, and is not that of the cases."""
    found = record.get("circumstances")
    facts = [case["facts"] for case in record["cases"] if case["verdict"] != "blocked"]
    facts = [each for each in facts if "met" in each]
    if not found:
        if facts and record["suite"] == VERSION:
            yield "nothing is said of circumstances"
        return
    yield from _largest(found["largest"], facts)
    levels, met = found["levels"], {text for each in facts for text in each["met"]}
    if strangers := sorted(text for text in met if _level(text)[1] not in levels.get(_level(text)[0], ())):
        yield f"a case is said to meet {strangers[0]}, which is no circumstance of it"
    for axis, names in levels.items():
        for name, what in names.items():
            if axis == "calls":
                continue
            shown = f"{axis}: {name}" in met
            if what == "met" and not shown:
                yield f"it says that {axis} {name} was met, and no case of it is said to meet it"
            # what is handed over in another language has no such arrays, however the case was drawn
            elif shown and what != "met" and (axis != "memory" or what == "not met"):
                yield f"it says of {axis} {name}: {what}, and a case of it is said to meet it"
    yield from _calls(found, ran=bool(facts))
    yield from _pairs(found, facts)


def _largest(largest: Record, facts: list[Record]) -> Iterator[str]:
    if any(largest[k] != max((each[k] for each in facts), default=0) for k in ("T", "B")):
        yield "the largest T and B are not those of the cases"
    if sorted(map(tuple, largest["sizes"])) != sorted({tuple(each["sizes"]) for each in facts}):
        yield "the sizes are not those of the cases"
    for name in ("inputs", "targets"):
        of_cases = [float(each[name]) for each in facts if name in each]
        if (name in largest) != bool(of_cases) or (of_cases and float(largest[name]) != max(of_cases)):
            yield f"the largest {name} are not those of the cases"


def _calls(found: Record, *, ran: bool) -> Iterator[str]:
    said = found["levels"].get("calls", {})
    for name, so in (("first", ran), ("many", found["calls"] > MANY)):
        if said.get(name) in ("met", "not met") and (said[name] == "met") != so:
            yield f"it says of calls {name}: {said[name]}, with {found['calls']} calls of one process"


def _pairs(found: Record, facts: list[Record]) -> Iterator[str]:
    """Yield where more pairs are counted than cases can show: those that cannot be, or are ruled out, do not count."""
    pairs = found["pairs"]
    if pairs["met"] > pairs["of"]:
        yield "more pairs of circumstances were met than there are"
    met = {pair for each in facts for pair in _crossed(_level(text) for text in each["met"])}
    if pairs["met"] > len(met):
        yield f"{pairs['met']} pairs of circumstances were met, it says, and its cases meet {len(met)}"
    wanted = [
        (axis, name)
        for axis, names in found["levels"].items()
        for name, what in names.items()
        if axis != "calls" and what in ("met", "not met")
    ]
    if pairs["of"] > (most := len(_crossed(wanted))):
        yield f"{pairs['of']} pairs of circumstances are possible, it says, and its levels make {most}"


def _crossed(levels: Any) -> set[tuple[Level, Level]]:
    """Return the pairs of levels of two axes."""
    return {(a, b) for a, b in combinations(sorted(set(levels)), 2) if a[0] != b[0]}


def _level(text: str) -> Level:
    axis, _, level = text.partition(": ")
    return axis, level


def _by_axis(texts: list[str]) -> defaultdict[str, set[str]]:
    out: defaultdict[str, set[str]] = defaultdict(set)
    for axis, level in map(_level, texts):
        out[axis].add(level)
    return out
