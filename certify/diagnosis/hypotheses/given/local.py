"""Losses of hidden layers' own: not read, without their strength, of another form; auxiliary ones that stay put."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from gradcert.certify.diagnosis.hypotheses.hypothesis import Gradient, Hypothesis, of_layer, of_run
from gradcert.certify.diagnosis.unrolled import Bench
from gradcert.reference.engines import arriving, tape_gradients
from gradcert.reference.networks import Local, with_loss
from gradcert.reference.numbers import Array

Credit = dict[int, Array]


def make(bench: Bench) -> Iterator[Hypothesis]:
    """Yield other losses of hidden layers."""
    own = bench.network.loss.local
    if not own:
        return
    auxiliary = bench.rule.feedback != "local"
    name, words = ("auxiliary losses", "auxiliary losses") if auxiliary else ("local losses", "layers' own losses")
    without = "no auxiliary losses" if auxiliary else "the output's loss in every hidden layer"
    yield of_run("given", f"{name} not read", without, partial(_other, own=()))
    plain = tuple(replace(one, strength=1) for one in own)
    yield of_run("given", f"{name} unscaled", f"{words} without their strength", partial(_other, own=plain))
    scaled = tuple(replace(one, kind=str(bench.network.loss.kind)) for one in own)
    form = (
        "auxiliary losses of the form of the output's"
        if auxiliary
        else "the output's loss in every hidden layer, with the strength of their own"
    )
    yield of_run("given", f"{name} of the output's form", form, partial(_other, own=scaled))
    if auxiliary:
        label = "auxiliary losses that act in their own layer alone, and not below"
        yield Hypothesis("given", "auxiliary losses not below", label, _own_alone)
        label = "hidden layers that learn from auxiliary losses alone: the output's loss is not passed down"
        yield Hypothesis("given", "auxiliary losses alone", label, _alone)


def _other(bench: Bench, own: tuple[Local, ...]) -> Bench | None:
    return bench.again(network=with_loss(bench.network, local=own))


def _parts(bench: Bench) -> tuple[Credit, Credit]:
    """Return what the loss says without auxiliary losses, and what these say, by layer."""
    network = with_loss(bench.tape.network, local=())
    plain = arriving(replace(bench.tape, network=network), bench.targets)
    said = [m for m, whole in bench.credit.items() if m not in plain or whole is not plain[m]]
    both = {m: bench.credit[m] - plain[m] if m in plain else bench.credit[m] for m in said}
    return plain, {m: g for m, g in both.items() if m < bench.network.depth - 1}


def _with(bench: Bench, credit: Credit) -> Gradient:
    last = bench.network.depth - 1
    silent = {last: 0 * bench.credit[last]}
    return tape_gradients(bench.tape, bench.targets, rule=bench.rule, feedback=bench.feedback, delta=silent | credit)


def _own_alone(bench: Bench) -> Gradient | None:
    if bench.rule.feedback not in ("symmetric", "random"):
        return None  # nothing goes down from layer to layer
    plain, own = _parts(bench)
    out = _with(bench, plain)
    for m, credit in own.items():
        found = of_layer(bench, _with(bench, {m: credit}), m)
        out |= {name: out[name] + g for name, g in found.items()}
    return out


def _alone(bench: Bench) -> Gradient | None:
    plain, own = _parts(bench)
    return _with(bench, own) | of_layer(bench, _with(bench, plain), bench.network.depth - 1)
