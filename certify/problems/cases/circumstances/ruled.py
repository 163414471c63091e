"""Which levels a claim rules out for one of its cells, and why: by its own words, by its options, by what a cell is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from itertools import pairwise
from typing import Any

from gradcert.certify.claims import AXES, CLAIMED, Claim, fixed_sizes, from_dict, of_layer, unchecked
from gradcert.certify.problems.budget.stored import DECAYS
from gradcert.certify.problems.cases.families import families
from gradcert.certify.problems.cases.options import cell_options, turns
from gradcert.reference.networks import Layer, cell_named, cell_with
from gradcert.reference.numbers import FORMATS
from gradcert.reference.published import Algorithm

UNCLAIMED = "not claimed"
BEYOND_SPIKES = ("above 5", "above 1e6", "tiny", "subnormal", "a loud first step")
UNLAGGED = "no lateral weights"
UNBOUNDED = ("identity", "relu", "relu_off_at_zero")
LEAKS = tuple(name for name in DECAYS if name in ("leak", "kappa", "rate"))


def ruled_out(claim: Claim, cell: str) -> dict[tuple[str, str], str]:
    """Return (axis, level) -> why no case of this cell has to meet it.

    Examples
    --------
    >>> ruled_out(Claim(rule="bptt", cells="rnn", losses="squared_error"), "rnn")["targets", "soft"]
    'of a cross-entropy'
    """
    return dict(_ruled_out(json.dumps(claim.to_dict(), sort_keys=True), cell))


@lru_cache(maxsize=64)
def _ruled_out(key: str, cell: str) -> tuple[tuple[tuple[str, str], str], ...]:
    return tuple(_rules(from_dict(json.loads(key)), cell).items())


def _rules(claim: Claim, cell: str) -> dict[tuple[str, str], str]:
    if claim.members:  # a level is ruled out where no layer, or population, can show it
        each = [_rules(of_layer(claim, member), member["cell"]) for member in claim.members]
        both = {level: why for level, why in each[0].items() if all(level in other for other in each)}
        for axis, names in (("leak", LEAKS), ("threshold", ("threshold",))):  # trained, but one for a population
            mine = [m for m, rules in zip(claim.members, each, strict=True) if (axis, "one each") not in rules]
            if all(set(names) & set(m.get("shared") or ()) for m in mine):
                both[axis, "one each"] = "one number for a layer"
        if claim.network:
            late = any(c.get("lag") for c in claim.network["connections"])  # its weights are lateral ones
            found = {k: why for k, why in both.items() if not late or why != UNLAGGED}
            return {**found, **_of_graph(claim)}
        last = of_layer(claim, claim.layers[-1])
        logits, why = ("numbers", "logits beyond exp"), "outputs are bounded"
        if "cross_entropy" in claim.losses and not unbounded(last, claim.layers[-1]["cell"]):
            both[logits] = why
        if all(one["cell"] != next_one["cell"] for one, next_one in pairwise(claim.layers)):
            both["sizes", "layers alike"] = "no two layers of one kind"
        return both
    out: dict[tuple[str, str], str] = {
        (axis, level): "the claim says so" for axis, levels in claim.without.items() for level in levels
    }

    def rule(why: str, axis: str, *levels: str) -> None:
        for level in levels or AXES[axis]:
            out.setdefault((axis, level), why)

    kind: Any = cell_named(cell)
    own, given = {f.name for f in fields(kind)}, cell_options(claim, cell)
    fixed = {**given.alternatives, **given.fixed}
    spiking = "surrogate" in own
    if getattr(kind, "square", False):
        rule("the cell reads its input without weights", "sizes", "more inputs", "fewer inputs")
    usual = cell_with(kind, given.fixed)
    if "recurrent" not in given.alternatives and not any(k.weight is not None and k.lag for k in usual.links):
        rule(UNLAGGED, "weights", "lateral 0")
    if "bias" not in given.alternatives and not _biased(usual):
        rule("no biases", "biases", "not 0")
    if not spiking:
        rule("no spikes", "spikes")
        rule("no threshold to draw", "threshold")
    elif "threshold" in fixed or "threshold" not in own:
        rule("the threshold is fixed", "threshold")
    if getattr(usual, "registers", ()):
        rule("no spike follows a spike", "spikes", "adjacent", "always")
    whole = unchecked(claim, parameters=(), untrained=())  # of which one layer of several need not have any
    if all("dyadic" not in families(whole, cell, turn) for turn in range(turns(claim, cell))):
        rule("no potential is computed without rounding", "spikes", "at the threshold")
    if fixed.get("normalised"):
        rule("normalised over one unit a drive is constant", "sizes", "one unit")
    leaks = [name for name in LEAKS if name in own]
    if not leaks or all(name in fixed for name in leaks):
        rule("the leak is fixed" if leaks else "no leak", "leak")
    elif any(name in names for name in leaks for names in (_trained(fixed))):
        rule("a trained leak may be kept as its logit", "leak", "0", "1")
    for axis, names_ in (("leak", leaks), ("threshold", ["threshold"])):
        if not any(name in names for name in names_ for names in _trained(fixed)):
            rule("one number for a layer", axis, "one each")
    if "cross_entropy" not in claim.losses:
        rule("of a cross-entropy", "targets", "soft", "any sum", "one class")
    if claim.losses == ("cross_entropy",):
        rule("without a target a cross-entropy is 0", "targets", "all 0")
    if claim.when == ("last",):
        rule("the last step alone counts", "targets", "a step without")
    if claim.targets in ("one-hot", "classes"):
        rule(f"targets are {claim.targets}", "targets", "soft", "any sum", "all 0", "a step without", "above 1e5")
    if claim.losses == ("bernoulli",):
        rule("targets of a Bernoulli loss are 0 and 1", "targets", "all 0", "above 1e5")
    if not set(claim.when) & {"every"}:
        rule("one target a sequence counts", "targets", "a step without")
    _rule_format(claim, rule)
    if claim.inputs == "spikes":
        rule("inputs are 0 and 1", "inputs", "real", *BEYOND_SPIKES)
    for axis, value in (("T", claim.T), ("B", claim.B), ("sizes", claim.sizes)):
        if value:
            rule("the claim fixes it", axis)
    if claim.T:
        rule(f"the claim fixes {claim.T} steps", "inputs", "a loud first step")
    _rule_given(claim, rule)
    if isinstance(named := claim.claimed, Algorithm) and named.least > 1:
        few = [str(steps) for steps in (1, 2) if steps < named.least]
        rule(f"{claim.rule} takes {named.least} steps at least", "T", *few)
    if max(claim.depths) == 1:
        rule("one layer", "sizes", "layers alike")
    if "cross_entropy" not in claim.losses or not unbounded(claim, cell):
        why = "of a cross-entropy" if "cross_entropy" not in claim.losses else "outputs are bounded"
        rule(why, "numbers", "logits beyond exp")
    if spiking:
        rule("spikes do not saturate", "numbers", "saturated")
    elif cell == "integrator" or str(getattr(usual, "activation", "tanh")) in UNBOUNDED:
        rule("nothing saturates", "numbers", "saturated")
    return out


def _biased(cell: Any) -> bool:
    """Return whether a cell adds a vector: one that is no constant and no weight of a link, under whatever name."""
    others = {*cell.constants(), *getattr(cell, "train", ()), *(link.weight for link in cell.links)}
    return any(
        len(shape) == 1 and name not in others for name, shape in Layer(cell, inputs=3, units=3).shapes().items()
    )


def _rule_format(claim: Claim, rule: Callable[..., None]) -> None:
    """Rule out what numbers of 16 bits cannot hold, or cannot tell apart."""
    made = FORMATS[claim.dtype]
    if made.half:
        rule(f"after hundreds of roundings of {made.digits} digits nothing is to be seen", "T", "hundreds")
        rule(f"{made.digits} digits do not tell a large part from a small one", "weights", "large")
        rule(f"{made.digits} digits do not tell a large part from a small one", "inputs", "a loud first step")
        rule(
            f"{made.digits} digits do not tell a large part from a small one",
            "numbers",
            "saturated",
            "entries above 1000",
        )
    if made.half and made.held != claim.dtype:
        rule(f"logits that large are alike in {made.digits} digits", "numbers", "logits beyond exp")
    if claim.dtype == "float16":
        rule("float16 ends at 65504, and its smallest normal number is 6e-5", "inputs", "above 1e6", "tiny")
        rule("float16 ends at 65504, and its smallest normal number is 6e-5", "targets", "above 1e5")


def _of_graph(claim: Claim) -> dict[tuple[str, str], str]:
    """Return what is ruled out for a graph beside what its populations rule out."""
    out: dict[tuple[str, str], str] = {}
    if fixed_sizes(claim.network):
        out |= {("sizes", level): "the claim fixes it" for level in AXES["sizes"]}
    if any(s["kind"] not in ("dense", "sparse") for c in claim.network["connections"] for s in c["synapses"]):
        out |= {("inputs", level): "a shared weight reads an input" for level in ("above 5", "above 1e6", "tiny")}
    cells = {p["name"]: p for p in claim.network["populations"]}
    output = cells[claim.network["output"]]
    if "cross_entropy" in claim.losses and not unbounded(of_layer(claim, output), output["cell"]):
        out["numbers", "logits beyond exp"] = "outputs are bounded"
    return out


def _rule_given(claim: Claim, rule: Callable[..., None]) -> None:
    """Rule out the axes of what a claim does not name, and the levels that a loss cannot have."""
    for axis, named in zip(CLAIMED, (claim.initial != "zero", claim.weights, claim.begins, claim.masks), strict=True):
        if not named:
            rule(UNCLAIMED, axis)
    if claim.when == ("last",):
        rule("the last step alone counts", "loss weights", "padding")
    if claim.B == 1:
        rule("the claim fixes it", "initial", "one each")


def _trained(fixed: Any) -> list[tuple[str, ...]]:
    train = fixed.get("train", ())
    return (
        [tuple(t) if isinstance(t, (list, tuple)) else (t,) for t in train]
        if train and not isinstance(train[0], str)
        else [tuple(train)]
    )


def unbounded(claim: Claim, cell: str) -> bool:
    """Return whether the last layer's outputs can be of any size."""
    last = claim.readout or cell
    kind: Any = cell_named(str(last))
    own = {f.name for f in fields(kind)}
    if last == "integrator":
        return True
    options = claim.readout_options if claim.readout else claim.options
    default = "identity" if claim.readout else getattr(kind(), "activation", "")
    for name in ("activation", "output"):
        if name in own:
            value = options.get(name, default if name == "activation" else getattr(kind(), name))
            return all(v in UNBOUNDED for v in (value if isinstance(value, (list, tuple)) else (value,)))
    return False


def drawn_axes(claim: Claim, cell: str) -> dict[str, tuple[str, ...]]:
    """Return the axes of a covering array: levels that a draw can be made for and that are not ruled out."""
    out = ruled_out(claim, cell)
    axes = {
        axis: tuple(level for level in levels if (axis, level) not in out)
        for axis, levels in AXES.items()
        if axis != "calls"
    }
    axes["T"] = tuple(level for level in axes["T"] if level != "hundreds")  # a case of its own
    axes["spikes"] = tuple(level for level in axes["spikes"] if level != "at the threshold")  # the dyadic cases
    axes["numbers"] = tuple(level for level in axes["numbers"] if level != "entries above 1000")  # large inputs
    return {axis: levels for axis, levels in axes.items() if levels}
