"""Proofs about the engines' own code: a rule's gradient minus the derivative of the loss expands to 0.

For one network, one rule and one engine, with every weight, input, target, initial state, leak and threshold a free
symbol and every activation undefined: a proof for every real value at that size.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.derivative import Local, differentiate, expressions, kept_derivative, loss_derivative
from gradcert.derivations.algebra.ledger import Ledger, Named
from gradcert.derivations.algebra.ring import Ring
from gradcert.derivations.algebra.symbols import SYMBOLS, symbols
from gradcert.reference.engines import forward, reverse
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import TEMPORAL, Network
from gradcert.reference.rules import Rule, feedback_shapes

ENGINES = {"reverse": reverse.gradients, "forward": forward.gradients}


@dataclass(frozen=True)
class Result:
    """What a proof found.

    Attributes
    ----------
    claim : in words.
    identities : number of polynomial identities that were checked.
    failed : local derivatives of the code that are wrong, as sentences that name the edge; then the names of the
        parameters whose identity does not hold.
    seconds : time taken.
    """

    claim: str
    identities: int
    failed: tuple[str, ...]
    seconds: float

    @property
    def proved(self) -> bool:
        """Whether there was something to prove and all of it held."""
        return self.identities > 0 and not self.failed


@dataclass(frozen=True)
class Problem:
    """A network of symbols: everything that an engine needs.

    Attributes
    ----------
    network : with plain cells.
    parameters, inputs, targets, initial : symbol arrays.
    """

    network: Network
    parameters: Mapping[str, Any]
    inputs: Any
    targets: Any
    initial: Mapping[str, Any]

    @property
    def free(self) -> frozenset[Any]:
        """The parameters' symbols."""
        return frozenset(s for values in self.parameters.values() for s in values.flat)


def problem(network: Network, *, steps: int, batch: int = 1) -> Problem:
    """Return a network's problem in free symbols.

    Examples
    --------
    >>> from gradcert.reference import Layer, Rnn
    >>> p = problem(Network(layers=(Layer(Rnn(), inputs=1, units=1),)), steps=2)
    >>> p.inputs.ravel(), sorted(map(str, p.free))
    (array([x[0,0,0], x[1,0,0]], dtype=object), ['H0[0,0]', 'W0[0,0]', 'b0[0]'])
    """
    parameters, initial = {}, {}
    for i, layer in enumerate(network.layers):
        for local, shape in layer.shapes().items():
            parameters[layer.full_name(i, local)] = symbols(f"{local}{i}", shape)
        for node in sorted({k.source for k in layer.cell.links if k.lag} - {"x"}):
            initial[layer.full_name(i, node)] = symbols(f"{node}{i}^init", (batch, layer.size(node)))
    x = symbols("x", (steps, batch, network.inputs))
    y = symbols("y", (steps, batch, network.layers[-1].units))
    return Problem(network, parameters, x, y, initial)


def named(network: Network, ledger: Ledger) -> Network:
    """Return the network with every cell writing the ledger."""
    cells = [replace(layer, cell=Named(layer.cell, i, ledger)) for i, layer in enumerate(network.layers)]
    return replace(network, layers=tuple(cells))


def feedback_symbols(network: Network, rule: Rule) -> dict[str, Any]:
    """Return free symbols for the feedback matrices of a rule."""
    shapes = feedback_shapes(network, rule)
    return {name: symbols(f"{name.split('.')[2]}{name.split('.')[1]}", shape) for name, shape in shapes.items()}


def run(engine: str, p: Problem, rule: Rule, *, opaque: bool = True) -> tuple[Ledger, dict[str, Any]]:
    """Run an engine on the symbols; return the ledger of its forward code and its gradients."""
    ledger = Ledger(opaque=opaque)
    feedback = feedback_symbols(p.network, rule)
    grads = ENGINES[engine](
        named(p.network, ledger),
        p.parameters,
        p.inputs,
        p.targets,
        rule=rule,
        numbers=SYMBOLS,
        feedback=feedback,
        initial=p.initial,
    )
    return ledger, grads


def output_symbols(network: Network, steps: int, batch: int, layer: int | None = None) -> Any:
    """Return the names of a layer's outputs (the last one's, unless told), (time, batch, units)."""
    layer = network.depth - 1 if layer is None else layer
    out = np.empty((steps, batch, network.layers[layer].units), dtype=object)
    for t, b, i in np.ndindex(out.shape):
        out[t, b, i] = sympy.Symbol(f"z{layer}^{t}[{b},{i}]")
    return out


def loss_slopes(p: Problem) -> dict[Any, Any]:
    """Return dE/d(output), differentiated by SymPy from the value of the loss that the code computes."""
    z = output_symbols(p.network, *p.inputs.shape[:2])
    value = p.network.loss.value(z, p.targets, SYMBOLS)
    return {s: sympy.diff(value, s) for s in z.flat}


def layer_slopes(p: Problem, rule: Rule, layer: int, feedback: Mapping[str, Any]) -> dict[Any, Any]:
    """Return what a rule takes for dE/d(output) where the parameters of a layer get their credit from.

    For most rules that is the loss at the last layer. A target projection declares what the credit of a hidden output
    is: the projected target of each counted step. A local loss is the network's loss at the fixed readout of the
    layer's own output, differentiated by SymPy from the value that the code computes.
    """
    steps, batch = p.inputs.shape[:2]
    loss = p.network.loss
    if layer == p.network.depth - 1 or rule.feedback not in ("target", "local"):
        return loss_slopes(p)
    z = output_symbols(p.network, steps, batch, layer)
    readout = feedback[f"layers.{layer}.B"]
    if rule.feedback == "local":
        value = loss.value(np.matmul(z, readout.T), p.targets, SYMBOLS)
        return {s: sympy.diff(value, s) for s in z.flat}
    out = {}
    for t, b, i in np.ndindex(z.shape):
        if loss.when == "every" or t == steps - 1:
            signal = sum(p.targets[t, b, k] * readout[k, i] for k in range(p.targets.shape[2]))
            out[z[t, b, i]] = sympy.sympify(signal) / loss.divisor(steps, batch)
    return out


def prove(p: Problem, rule: Rule, engine: str, *, opaque: bool = True) -> Result:
    """Prove that an engine's gradient of a rule is the derivative of the loss with the rule's edges cut.

    With local losses, that each layer's gradient is the derivative of the layer's own loss, with its edges cut.

    Raises
    ------
    GradcertError : for rules that are not a cut of edges (SnAp-n; see the derivation of their own).

    Examples
    --------
    >>> from gradcert.reference import Layer, Snu, rule_named
    >>> network = Network(layers=(Layer(Snu(), inputs=1, units=2),))
    >>> prove(problem(network, steps=2), rule_named("ostl"), "forward").proved
    True
    """
    if rule.reach is not None:
        raise GradcertError(f"the rule {rule.name!r} is no cut of edges", allowed="rules without reach")
    start = time.perf_counter()
    ledger, grads = run(engine, p, rule, opaque=opaque)
    locals_, wrong = differentiate(ledger, p.free)
    feedback = {**p.parameters, **feedback_symbols(p.network, rule)}
    slopes = [layer_slopes(p, rule, layer, feedback) for layer in range(p.network.depth)]
    extra = [s for v in feedback.values() for s in v.flat] + [*p.targets.flat, *(e for d in slopes for e in d.values())]
    ring = Ring([*expressions(locals_), *extra, *(e for g in grads.values() for e in map(sympy.sympify, g.flat))])
    definition = Definition(p, locals_, ring, feedback, slopes)
    missed, count = definition.mismatches(rule, grads)
    told = definition.explanations(rule, grads) if missed and not wrong else []
    failed = (*wrong, *told, *missed)
    sizes = f"T={p.inputs.shape[0]}, " + ", ".join(f"{la.cell.name} {la.inputs}->{la.units}" for la in p.network.layers)
    count += len(ledger.factors)
    return Result(f"{engine} engine, {rule.name}, {sizes}", count, failed, time.perf_counter() - start)


@dataclass(frozen=True)
class Definition:
    """What a rule is defined to compute, for one forward pass; see `derivative`."""

    p: Problem
    locals_: list[Local]
    ring: Ring
    feedback: Mapping[str, Any]
    slopes: list[dict[Any, Any]]

    def mismatches(self, rule: Rule, grads: Mapping[str, Any]) -> tuple[list[str], int]:
        """Return the entries of a gradient that are not the rule's, and the number of entries."""
        missed, count, ring = [], 0, self.ring
        for layer in range(self.p.network.depth):
            derivative = kept_derivative(self.p.network, self.locals_, ring, rule, layer, feedback=self.feedback)
            expected = loss_derivative(self.p.network, derivative, self.slopes[layer], ring)
            own = self.p.network.layers[layer]
            for name in (own.full_name(layer, local) for local in own.shapes()):
                values = self.p.parameters[name]
                for index, symbol in np.ndenumerate(values):
                    count += 1
                    if not ring.vanishes(ring(grads[name][index]) - expected.get(symbol, ring.zero)):
                        missed.append(f"{name}{list(index)}")
        return missed, count

    def explanations(self, rule: Rule, grads: Mapping[str, Any]) -> list[str]:
        """Return sentences that name one edge whose fate in the rule would have to change to meet a gradient."""
        out = []
        places = {"own": "the parameter's own layer", "upper": "the layers above"}
        for where, place in places.items():
            for edge in sorted(TEMPORAL):
                edges = getattr(rule, where)
                if not self.mismatches(replace(rule, **{where: edges ^ {edge}}), grads)[0]:
                    verb = "cuts" if edge in edges else "keeps"
                    cell = self.p.network.layers[0].cell.name
                    out.append(f"{cell}, {rule.name}: the engine {verb} the edge {edge.upper()} in {place}")
        return out
