"""The equation of one node as `gradcert.models.equations.define` takes it; what it has no words for is refused."""

from __future__ import annotations

from functools import cache
from typing import Any, Protocol

import numpy as np

from gradcert.models.equations.expression import derivative, parse
from gradcert.models.equations.expression import evaluate as evaluate_cell
from gradcert.models.reading.terms import LARGER, Term, uncut
from gradcert.models.reading.text import STEPS, Style, expression
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import ACTIVATIONS, FLOAT64

REDUCED = ("mean", "sum", "var", "std", "reduce_sum")


class Cell(Protocol):
    """The cell that an equation belongs to, while it is written (`gradcert.models.reading.network.layer.CellWriter`).

    Attributes
    ----------
    reading, number : what is read, and the layer.
    names : node -> its name in the equations. `statics` : a fixed value -> its name.
    threshold : what spikes are compared with, once one was seen. `kinds` : of spikes, so far.
    steps : kinds that are plain comparisons beside spikes.
    newest : the name of the weight that was written last.
    """

    reading: Any
    number: int
    names: dict[int, str]
    statics: dict[int, str]
    threshold: float | None
    kinds: set[int]
    steps: frozenset[int]
    newest: str

    def node(self, k: int, lag: int) -> str:
        """Return the name of a node, of this step or of the one before."""

    def weight(self, term: Term, source: str) -> str:
        """Return a weighted sum of something with a name."""

    def outside(self, term: Term) -> str:
        """Return what stands for a value from outside the layer."""

    def weight_outside(self, term: Term, source: Term) -> str:
        """Return the weighted sum of something from outside the layer."""

    def opposite(self, term: Term) -> Term | None:
        """Return the fixed value that another one is 1 less of, so that both are one parameter."""

    def again(self, term: Term) -> str:
        """Return another name of a fixed value, which is a parameter of its own."""

    def negate(self, name: str) -> None:
        """Let a weight be the opposite of what it is made of."""


def text_of(term: Term, how: Style, cell: Cell) -> str:
    """Return an equation as `define` takes it."""
    prepared = _prepared(term, how, cell)
    return expression(prepared, how)


def _prepared(term: Term, how: Style, cell: Cell) -> Term:
    """Replace what `expression` writes otherwise than `define` reads: spikes' thresholds, sources of weights."""
    terms = cell.reading.chosen.terms
    if term.op in ("mix", "cat", "stack", "random"):
        what = str(term.data[0]) if term.op == "mix" else term.op
        if term.op == "random":
            raise GradcertError(
                f"random numbers{f' at {term.where}' * bool(term.where)} in layer {cell.number}",
                allowed="masks of what leaves a layer (dropout)",
                do="read it with them off (eval), or draw them outside and give them with the input",
            )
        if what.startswith("function "):
            raise GradcertError(
                f"{what} at {term.where} in layer {cell.number}",
                allowed="an autograd.Function of one tensor, unit by unit, that is 0 below a level and 1 above it;"
                " its other arguments numbers or fixed tensors of one number",
                do="subtract the threshold before it, and give it nothing else to train",
            )
        if what.startswith("batch normalisation"):
            raise GradcertError(
                f"{what} at {term.where}, in layer {cell.number}: what a sample gets depends on the others",
                allowed="batch normalisation by its running figures",
                do="put that layer alone into eval, module.bn.eval(), also while training; or read the module in eval",
            )
        allowed = "weights, and functions of one unit: sums, products, tanh, sigmoid, exp, relu"
        if what in REDUCED:
            allowed = "those over the last axes of a sample: its units, or the pixels of every channel"
        raise GradcertError(f"{what} at {term.where or 'the step'} in layer {cell.number}", allowed=allowed)
    if term.op == "fn" and term.data != LARGER and not _known(term.data):
        raise GradcertError(
            f"{term.data} at {term.where} in layer {cell.number}",
            allowed="tanh, sigmoid, exp, relu, whole powers, what own cells have",
        )
    if term.op == "x" or (term.op == "node" and term.data[0] not in cell.names):
        return terms.make("named", (), cell.outside(term), term.shape)
    if term.op == "linear":
        source = uncut(term.args[1])
        own = source.op == "named" or (source.op == "node" and source.data[0] in cell.names)
        if not own:
            return terms.make("named", (), cell.weight_outside(term, source), term.shape)
        name = source.data if source.op == "named" else cell.node(*source.data)
        return terms.make("named", (), cell.weight(term, name), term.shape)
    if term.op == "drive":
        added: list[Term] = []
        for sign, part in zip(term.data, term.args, strict=True):
            made = part if part.op == "static" else _prepared(part, how, cell)
            if sign < 0:  # of minus the weight
                cell.negate(cell.newest)
            if part.op == "static" and any(made is other for other in added):  # a bias that is added twice
                made = terms.make("named", (), cell.again(part), part.shape)
            if not any(made is other for other in added):  # what several connections feed is there once
                added.append(made)
        return terms.make("drive", tuple(added), tuple(1 for _ in added), term.shape)
    if term.op == "spike" and term.data in cell.steps:  # a choice, such as whether a counter has run out
        step = STEPS[cell.reading.psi[term.data][1]]
        return terms.make("fn", (_prepared(term.args[0], how, cell),), step, term.shape)
    if term.op == "spike":
        cell.kinds.add(term.data)
        return terms.make("spike", (_argument(term.args[0], how, cell),), term.data, term.shape)
    if term.op == "cut":
        return _prepared(term.args[0], how, cell)
    if term.op == "static" and (other := cell.opposite(term)) is not None:
        return terms.one_minus(other)
    parts = tuple(_prepared(part, how, cell) for part in term.args)
    return terms.make(term.op, parts, term.data, term.shape, term.where) if parts else term


@cache
def _known(function: str) -> bool:
    """Return whether cells of one's own have a function and its derivative."""
    text = f"{function}(q)"
    try:
        for expression_ in (parse(text), derivative(text, "q")):
            evaluate_cell(expression_, {"q": np.ones(1)}, FLOAT64, ACTIVATIONS)
    except (GradcertError, KeyError):
        return False
    return True


def _argument(term: Term, how: Style, cell: Cell) -> Term:
    """Return a spike's argument with its threshold under that name."""
    terms = cell.reading.chosen.terms
    named = terms.make("named", (), "threshold", term.shape)
    if term.op == "sub":
        left, right = term.args
        if right.op == "number" and cell.threshold in (None, right.data):
            cell.threshold = right.data
            return terms.make("sub", (_prepared(left, how, cell), named), None, term.shape)
        if right.op == "add" and right.args[1].op == "number" and cell.threshold in (None, right.args[1].data):
            cell.threshold = right.args[1].data
            sum_of = terms.make("add", (_prepared(right.args[0], how, cell), named), None, term.shape)
            return terms.make("sub", (_prepared(left, how, cell), sum_of), None, term.shape)
        if cell.statics.get(id(right)) == "threshold":
            return terms.make("sub", (_prepared(left, how, cell), named), None, term.shape)
    cell.threshold = 1.0 if cell.threshold is None else cell.threshold
    return _prepared(term, how, cell)
