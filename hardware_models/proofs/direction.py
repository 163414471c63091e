"""Proof 8 for ReckOn's own order of e-prop, which no reference rule has: no weight ever moves uphill.

One input, neuron and output. The loss is the squared distance of the chip's hard sigmoid from its target. An output
weight may only fall where the output is too large; an input weight only where output weight and distance have one sign.
"""

from __future__ import annotations

from typing import Any

import z3

from gradcert.hardware_models.chips import PROFILES, Profile
from gradcert.hardware_models.chips.reckon import reckon_eprop
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.description.terms import int_step
from gradcert.hardware_models.solver import ProofRecord, Verdict, all_refuted, prove

MIDDLE, TOP = 1024, 2048  # the hard sigmoid: half the readout plus MIDDLE, cut to 0 .. TOP (hardware.md 1.1)


def prove_downhill(step: Program, *, second: bool = False) -> Verdict:
    """Prove for all states and inputs that W and Wo move by -1, 0 or 1 and never with the sign of the gradient."""
    terms = int_step(step)
    at = {name.partition("[")[0]: value for name, value in terms.values.items()}
    following = {name.partition("[")[0]: value for name, value in terms.next().items()}
    half = at["o.leaked"] / 2 + MIDDLE
    too_large = z3.If(half > TOP, TOP, z3.If(half < 0, 0, half)) - at["target"]
    # signs of products are taken from their factors: the products themselves have names
    products = [(at[a] * at[b], z3.Int(f"{a} {b}"), at[a], at[b]) for a, b in _pairs(step)]
    assume = list(terms.assume)
    for state in terms.program.of_kind("state"):
        value = terms.values[state.name]
        assume += [value >= state.bounds[0], value <= state.bounds[1]]
    claims = []
    for name, gradient_up, gradient_down in (
        ("Wo", too_large > 0, too_large < 0),
        ("W", z3.Or(z3.And(at["Wo"] > 0, too_large > 0), z3.And(at["Wo"] < 0, too_large < 0)),
         z3.Or(z3.And(at["Wo"] < 0, too_large > 0), z3.And(at["Wo"] > 0, too_large < 0))),
    ):  # fmt: skip
        move = following[name] - at[name]
        claims += [z3.Implies(gradient_up, move <= 0), z3.Implies(gradient_down, move >= 0), move <= 1, move >= -1]
    pairs = [(product, named) for product, named, _, _ in products]
    goal = z3.And(*claims)
    for _, named, a, b in products:
        assume += [z3.Implies(z3.And(a >= 0, b >= 0), named >= 0), z3.Implies(z3.And(a <= 0, b <= 0), named >= 0),
                   z3.Implies(z3.And(a >= 0, b <= 0), named <= 0),
                   z3.Implies(z3.And(a <= 0, b >= 0), named <= 0)]  # fmt: skip
    return prove(_named(goal, pairs), [_named(a, pairs) for a in assume], second=second)


def _named(term: Any, pairs: list[tuple[Any, Any]]) -> Any:
    for pair in reversed(pairs):  # outer products first: they contain the inner ones
        term = z3.substitute(term, pair)
    return term


def _pairs(step: Program) -> list[tuple[str, str]]:
    """Return the operands of every product of two variables, in order of operation, but for those with a sign."""
    kinds = {n.name: n.kind for n in step.nodes}
    plain = ("constant", "sign")
    both = [n.args for n in step.operations if n.kind == "mul" and not any(kinds[a] in plain for a in n.args)]
    return [(a, b) for a, b in both]


def uphill(step: Program, name: str) -> Program:
    """The twin: one weight moves the other way."""
    return step.change(f"{name}.moved", kind="add")


def check(p: Profile) -> list[ProofRecord]:
    """Prove the direction of ReckOn's own e-prop; other profiles have none but the reference rules."""
    if p is not PROFILES["reckon"]:
        return []
    step = reckon_eprop(inputs=1, neurons=1, outputs=1)
    verdict = prove_downhill(step)
    twins = [prove_downhill(uphill(step, name)) for name in ("W", "Wo")]
    claim = (
        "e-prop in the chip's own order, one input, neuron and output: no weight ever moves uphill, and none by more "
        "than one; all states, inputs and words"
    )
    seconds = verdict.seconds + sum(t.seconds for t in twins)
    twin = all_refuted(*(t.status for t in twins))
    return [ProofRecord(8, claim, p.name, verdict.status, twin, "not asked", seconds, kind="direction", says={})]
