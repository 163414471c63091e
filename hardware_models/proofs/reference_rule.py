"""Proof 8: what a description does to a weight is minus the learning rate times the reference engine's gradient.

The reverse engine of `reference/` runs on solver symbols, with the rule that the description names; so does the
description's real-valued rule, weights held, over the same steps. Spikes and slopes of the pseudo-derivative are
symbols that both share; membranes are compared where they become spikes. Equality of the polynomials is proved for all
inputs, targets, weights, spikes and slopes of a network of this size: sign, rate and every factor of the rule included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import z3

from gradcert.hardware_models.arithmetic import Format
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.cost.gradient_ledger import REFERENCE_RULE, network
from gradcert.hardware_models.cost.random_task import KEYS
from gradcert.hardware_models.description.program import Node, Program, elaborate
from gradcert.hardware_models.description.terms import real_step
from gradcert.hardware_models.proofs.printed import rational
from gradcert.hardware_models.rules import RULES
from gradcert.hardware_models.solver import ProofRecord, Verdict, all_refuted, prove
from gradcert.reference import rule_named
from gradcert.reference.engines import reverse
from gradcert.reference.numbers import Activation

Array = np.ndarray[Any, Any]
STEPS, INPUTS, NEURONS, OUTPUTS = 3, 1, 2, 1


@dataclass
class SymbolNumbers:
    """Solver terms in which a spike is a symbol and its slope another; `distances` keeps what each was made from."""

    name: str = "solver symbols"
    pi: Any = None
    distances: list[Array] = field(default_factory=list)
    _seen: dict[int, tuple[int, int]] = field(default_factory=dict)

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Return zeros."""
        return np.full(shape, 0, dtype=object)

    def array(self, values: Any) -> Array:
        """Return an object array."""
        return np.array(values, dtype=object)

    def apply(self, activation: Activation, x: Array) -> Array:
        """Return the spikes of the next step, a symbol each; what is no spike stays as it is."""
        if activation.step is None:
            return x
        t, flat = len(self.distances), x.reshape(-1)
        self.distances.append(flat)
        self._seen |= {term.get_id(): (t, i) for i, term in enumerate(flat)}
        return np.array([spike(t, i) for i in range(len(flat))], dtype=object).reshape(x.shape)

    def slope(self, activation: Activation, x: Array) -> Array:
        """Return the slope that belongs to the spike made from the same term."""
        if activation.step is None:
            return np.full(x.shape, 1, dtype=object)
        return np.array([slope(*self._seen[term.get_id()]) for term in x.ravel()], dtype=object).reshape(x.shape)

    def where(self, a: Array, relation: str, b: Any, then: Any, otherwise: Any) -> Array:
        """No rule here chooses."""
        raise AssertionError("a choice between terms")

    def exp(self, x: Array) -> Array:
        """No rule here has one."""
        raise AssertionError("a smooth function of terms")

    tanh = absolute = exp


def spike(t: int, i: int) -> Any:
    """Return the symbol of neuron i's spike at step t."""
    return z3.Real(f"z.{t}.{i}")


def slope(t: int, i: int) -> Any:
    """Return the symbol of the pseudo-derivative of neuron i at step t."""
    return z3.Real(f"psi.{t}.{i}")


def symbols(name: str, *shape: int) -> Array:
    """Return an object array of real variables, named as an elaborated description names them."""
    out = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        out[index] = z3.Real(f"{name}[{','.join(map(str, index))}]")
    return out


@dataclass(frozen=True)
class Sides:
    """Both sides: the engine's gradients and spike distances, the description's moves and distances."""

    gradients: dict[str, Any]
    moves: dict[str, Any]
    distances: list[tuple[Any, Any]]


def sides(p: Profile, rule: str, step: Program, *, sign: int = 1) -> Sides:
    """Run engine and description on the same symbols for `STEPS` steps; `sign` is that of all products (`_split`)."""
    flat = elaborate(step)
    shapes = {n.name: step.shape(n) for n in step.nodes if n.name in KEYS}
    weights = {name: symbols(name, *shape) for name, shape in shapes.items()}
    x, y = (symbols(n, STEPS, 1, size) for n, size in (("x", INPUTS), ("target", OUTPUTS)))
    numbers = SymbolNumbers()
    used = {KEYS[k]: v.copy() for k, v in weights.items()}
    if rule.startswith("e-prop"):  # no neuron is its own lateral neighbour there
        np.fill_diagonal(used[KEYS["H"]], 0)
    net = network(p, rule, inputs=INPUTS, neurons=NEURONS, outputs=OUTPUTS)
    found = reverse.gradients(net, used, x, y, rule=rule_named(REFERENCE_RULE[rule]), numbers=numbers)
    gradients = {}
    for name in weights:
        for index in np.ndindex(*shapes[name]):
            masked = name == "H" and rule.startswith("e-prop") and index[0] == index[1]
            gradients[f"{name}[{','.join(map(str, index))}]"] = 0 if masked else found[KEYS[name]][index]
    held = {f"{n}[{','.join(map(str, i))}]": w[i] for n, w in weights.items() for i in np.ndindex(*w.shape)}
    state = {n.name: rational(0) for n in flat.of_kind("state")} | {k: v for k, v in held.items() if k in flat.next}
    means = {k: v for label, v in held.items() if (k := label.replace("[", ".mean[")) in flat.next}
    state |= means
    frozen = set(held) | set(means) | {k for k in flat.next if ".dual[" in k}
    moves: dict[str, Any] = dict.fromkeys(held, rational(0))
    distances = []
    for t in range(STEPS):
        inputs = {f"x[{j}]": x[t, 0, j] for j in range(INPUTS)}
        inputs |= {f"target[{k}]": y[t, 0, k] for k in range(OUTPUTS)}
        inputs |= {k: v for k, v in held.items() if k not in flat.next} | {"window_end": rational(0)}
        given = {f"z.next[{i}]": spike(t, i) for i in range(NEURONS)}
        given |= {f"psi[{i}]": slope(t, i) for i in range(NEURONS)}
        # a window that goes on: what would be applied is read from `moved` at the last step
        given |= {n.name: rational(0) for n in flat.operations if ".apply" in n.name}
        given |= {n.name: _chosen(n) for n in flat.operations if n.kind == "select" and n.args[0].startswith("z[")}
        given |= _split(flat, sign)
        values = real_step(step, state=state, inputs=inputs, given=given)
        for label in held:
            moves[label] = _moved(p, label, values, moves[label], held[label])
        distances += [(values[f"distance[{i}]"], numbers.distances[t][i]) for i in range(NEURONS)]
        state = {s: state[s] if s in frozen else values[source] for s, source in flat.next.items()}
    return Sides(gradients, moves, distances)


def _split(flat: Program, sign: int) -> dict[str, Any]:
    """Return sign(a) = s and |a| = s a, where a description takes a product apart: s = 1 and s = -1 are all cases.

    (At zero both sides are zero.) Only where sign and size are of the same operand.
    """
    signs = {n.args[0]: n.name for n in flat.operations if n.kind == "sign"}
    out: dict[str, Any] = {}
    for node in flat.operations:
        if node.kind == "abs" and node.args[0] in signs:
            out[signs[node.args[0]]] = rational(sign)
            out[node.name] = lambda values, a=node.args[0]: sign * values[a]
    return out


def _chosen(node: Node) -> Callable[[Mapping[str, Any]], Any]:
    """Return a choice by a spike, 0 or 1, as a polynomial."""

    def choose(values: Mapping[str, Any]) -> Any:
        z, then, otherwise = (values[a] for a in node.args)
        return z * then + (1 - z) * otherwise

    return choose


def _moved(p: Profile, label: str, values: Mapping[str, Any], before: Any, weight: Any) -> Any:
    """Return by how much a weight has moved after this step, had it not been held."""
    if p.update == "window":
        return values[label.replace("[", ".moved[")] - weight
    if p.update == "pulses":
        return before + values[label.replace("[", ".pulses[")]
    return before + values[label.replace("[", ".next[")] - weight


def rate_of(p: Profile) -> Fraction:
    """Return the learning rate: 2**-rate, times one ulp where the update is the probability of a step of one ulp."""
    fmt = p["weight"].format
    unit = fmt.ulp if p.update == "probability" and isinstance(fmt, Format) else Fraction(1)
    return unit / 2**p.rate


def compared(p: Profile, rule: str, step: Program) -> list[Sides]:
    """Return both sides of a description of a rule; where it takes products apart, for each sign of them."""
    return [sides(p, rule, step, sign=sign) for sign in ((1, -1) if p.update == "probability" else (1,))]


def prove_rule(both: list[Sides], rate: Fraction) -> Verdict:
    """Prove every weight's move = -rate x gradient, and every spike's distance = the engine's, as polynomials."""
    claims = []
    for one in both:
        claims += [one.moves[k] == -rational(rate) * g for k, g in one.gradients.items()]
        claims += [a == b for a, b in one.distances]
    return prove(z3.And(*claims), seconds=10)


def uphill(p: Profile, step: Program) -> Program:
    """The twin: every weight moves the other way."""
    part = {"window": "moved", "pulses": "sum.added"}.get(p.update, "next")
    for name in KEYS:
        if any(n.name == f"{name}.{part}" for n in step.nodes):
            step = step.change(f"{name}.{part}", kind="add")
    return step


def check(p: Profile) -> list[ProofRecord]:
    """Compare every rule's description on the profile with the reference engine's rule."""
    return [_record(p, rule) for rule in p.rules]


def _record(p: Profile, rule: str) -> ProofRecord:
    described = RULES[rule](p, inputs=INPUTS, neurons=NEURONS, outputs=OUTPUTS)
    both, rate = compared(p, rule, described), rate_of(p)
    verdict = prove_rule(both, rate)
    twins = [prove_rule(compared(p, rule, uphill(p, described)), rate), prove_rule(both, 2 * rate)]
    order = " in the reference order" if (p.name, rule) == ("reckon", "e-prop") else ""
    claim = (
        f"{rule}{order} moves every weight by -{rate_of(p)} x the reference engine's gradient of "
        f"{REFERENCE_RULE[rule]}, in real numbers, all inputs, targets, weights, spikes and slopes; "
        f"{INPUTS} -> {NEURONS} -> {OUTPUTS}, {STEPS} steps, weights held"
    )
    seconds = verdict.seconds + sum(t.seconds for t in twins)
    says = {"rule": rule, "rate": rate_of(p)}
    return ProofRecord(
        8, claim, p.name, verdict.status, all_refuted(*(t.status for t in twins)), "not asked", seconds,
        "the twins: every weight moves uphill; twice the rate", "reference rule", says
    )  # fmt: skip
