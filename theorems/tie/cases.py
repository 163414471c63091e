"""What the tie is run on: every cell of the library with its options, every row of the rule table, convolutions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gradcert.properties.numbers import RATIONALS
from gradcert.reference import CELLS, RULES, AvgPool, Conv2d, Integrator, Layer, Lif, Network, Rnn, Rule, Surrogate
from gradcert.reference import rule_named as row
from gradcert.theorems.tie.compare import Case

TRIANGLE = Surrogate("triangle", scale=0.5, width=4.0)
BOTH = ("leak", "threshold")
ALL = (*BOTH, "beta", "rho")
UNDER_A_READOUT = (
    "bptt",
    "tbptt",
    "ostl",
    "e-prop",
    "e-prop-random",
)  # rows for which a leaky readout is another matter
# Options that change which edges there are or what they carry. A cell of the registry that is not named here is run
# as it comes.
OPTIONS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "snu": ({"transfer": "tanh", "train": BOTH}, {"recurrent": False, "bias": False}),
    "ssnu": ({"transfer": "tanh", "train": BOTH}, {"recurrent": False}),
    "lif": (
        {"reset": "subtract_before_leak", "recurrent": True, "train": BOTH},
        {"reset": "subtract_after_leak", "gain": "one_minus_leak", "recurrent": True, "train": BOTH},
        {"reset": "hard", "recurrent": True, "reset_value": 0.25, "train": BOTH},
        {"reset": "hard", "gain": "one_minus_leak", "reset_value": 0.25, "rest": 0.375},
        {"reset": "hard_with_input", "recurrent": True, "reset_value": 0.25, "rest": 0.375},
        {"reset": "none", "recurrent": True},
    ),
    "alif": (
        {"recurrent": True, "resistance": 1.75, "train": ALL},
        {"reset": "adaptive_threshold", "gain": "one_minus_leak", "adaptation_gain": "one_minus_rho", "train": ALL},
        {"scaling": "threshold", "recurrent": True},
        {"scaling": "adaptive_threshold", "gain": "one_minus_leak", "adaptation_gain": "one_minus_rho"},
    ),
    "ltc": ({"train": ("threshold", "beta")},),
    "leaky_rnn": ({"train": ("rate",)},),
    "lstm": ({}, {"peepholes": True}),
    "gru": ({"reset": "after"}, {"reset": "before"}),
    "integrator": ({"gain": "one", "train": ("kappa",)}, {"gain": "one_minus_kappa"}),
}


def cells() -> dict[str, Any]:
    """Return label -> cell: every cell of the registry, every option that changes an edge.

    Examples
    --------
    >>> set(CELLS) <= {label.split()[0] for label in cells()}
    True
    """
    out: dict[str, Any] = {}
    for name, cell in CELLS.items():
        for options in OPTIONS.get(name, ({},)):
            label = " ".join([name, *(f"{key}={value}" for key, value in options.items() if key != "train")])
            out[label] = cell(**options)
    return out


def rows() -> dict[str, Rule]:
    """Return every row of the table; windows and chunks of 2 steps, which a sequence of 3 can see.

    Examples
    --------
    >>> rows()["tbptt"].window, rows()["snap-2"].reach
    (2, 2)
    """
    return {name: row(name, steps=2) if rule.window or rule.chunk else rule for name, rule in RULES.items()}


def stacks(cell: Any) -> tuple[Network, Network]:
    """Return two layers of a cell, and one under a leaky readout, whose state a rule may keep."""
    deep = Network(layers=(Layer(cell, inputs=1, units=2), Layer(cell, inputs=2, units=2)))
    readout = Layer(Integrator(train=("kappa",)), inputs=2, units=1)
    return deep, Network(layers=(Layer(cell, inputs=1, units=2), readout))


def convolution() -> Network:
    """Return shared weights, with lateral weights, under a pooling layer that leaves a column unread, and a readout."""
    shared: Any = Conv2d(in_channels=1, height=3, width=4, out_channels=1, kernel=(2, 2))
    pooled: Any = AvgPool(channels=1, height=2, width=3, kernel=(1, 2))
    flat = Rnn(activation="identity", recurrent=False, bias=False)
    return Network(
        layers=(
            Layer(Lif(train=BOTH, recurrent=True), inputs=12, units=6, synapses=(("W", shared),)),
            Layer(flat, inputs=6, units=2, synapses=(("W", pooled),)),
            Layer(Lif(reset="hard"), inputs=2, units=1),
        )
    )


def is_defined(rule: Rule, network: Network) -> bool:
    """Return whether the engines define a row on a network: direct feedback starts from one drive of the last layer."""
    last = network.layers[-1].cell
    return rule.feedback != "direct" or len({link.target for link in last.links if link.source == "x"}) == 1


def field_cases() -> Iterator[tuple[str, Case]]:
    """Yield (cell, case): every cell under every row, and under a readout; a convolution; two samples."""
    for label, cell in cells().items():
        deep, readout = stacks(cell)
        defined = {name: is_defined(rule, deep) for name, rule in rows().items()}
        for name, rule in rows().items():
            if defined[name]:
                yield label, Case(deep, rule, steps=3, seed=len(label))
        for name, rule in rows().items():
            if name in UNDER_A_READOUT or not defined[name]:
                yield label, Case(readout, rule, steps=3, seed=len(label))
    for rule in rows().values():
        if is_defined(rule, convolution()):
            yield "convolution", Case(convolution(), rule, steps=3)
    for name in ("bptt-detached-reset", "ostl-random", "osttp", "e-prop-random", "decolle", "snap-1", "tbptt"):
        yield "two samples", Case(stacks(Lif(recurrent=True, train=BOTH))[0], rows()[name], steps=3, batch=2)


def rational_cases() -> Iterator[tuple[str, Case]]:
    """Yield small cases in rationals, with true activations, where every walk is summed too."""
    lif = Lif(leak=0.5, threshold=0.25, surrogate=TRIANGLE, recurrent=True, train=("threshold",))
    top = Lif(leak=0.75, threshold=0.25, surrogate=TRIANGLE, reset="hard", recurrent=True)
    network = Network(layers=(Layer(lif, inputs=1, units=2), Layer(top, inputs=2, units=1)))
    for rule in rows().values():
        yield "rationals, all walks", Case(network, rule, steps=3, numbers=RATIONALS, walks=True)
