"""Which cells, at which sizes, the proofs run over: every registered cell, every option that changes a derivative."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import sympy

from gradcert.derivations.proving.proof import Problem, problem
from gradcert.reference.networks import CELLS, Integrator, Layer, Loss, Network, with_loss
from gradcert.reference.rules import RULES, Rule, rule_named

# Constants that no option trains are free symbols as well.
_FREE = sympy.symbols("v_r v_rest λ θ R")

# Options to run through, cell by cell; a cell that is not named here runs with its defaults. `train` is filled in.
_OPTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "snu": ({"transfer": "tanh"}, {"recurrent": False, "bias": False}),
    "ssnu": ({"transfer": "tanh"}, {"recurrent": False}),
    "lif": (
        {"reset": "subtract_before_leak", "recurrent": True},
        {"reset": "subtract_after_leak", "gain": "one_minus_leak", "recurrent": True},
        {"reset": "hard", "recurrent": True, "reset_value": _FREE[0]},
        {"reset": "hard", "gain": "one_minus_leak", "reset_value": _FREE[0], "rest": _FREE[1]},
        {"reset": "hard_with_input", "recurrent": True, "reset_value": _FREE[0], "rest": _FREE[1]},
        {"reset": "none", "recurrent": True},
        # one number for the whole layer: traces stay factorised
        {"leak": _FREE[2], "threshold": _FREE[3], "recurrent": True, "train": ()},
    ),
    "refractory": ({"reset": "subtract_before_leak", "period": 1},),
    "synaptic": (
        {"order": "new", "reset": "subtract_after_leak"},
        {"order": "old", "reset": "hard", "reset_value": _FREE[0], "gain": "one_minus_leak"},
    ),
    "alif": (
        {"recurrent": True, "resistance": _FREE[4]},
        {
            "reset": "adaptive_threshold",
            "gain": "one_minus_leak",
            "adaptation_gain": "one_minus_rho",
            "resistance": _FREE[4],
        },
        # psi of e-prop and of LightALIF: the distance to the threshold is divided before psi is taken
        {"scaling": "threshold", "recurrent": True},
        {
            "scaling": "adaptive_threshold",
            "gain": "one_minus_leak",
            "adaptation_gain": "one_minus_rho",
            "recurrent": True,
        },
    ),
    "lstm": ({}, {"peepholes": True}),
    "gru": ({"reset": "after"}, {"reset": "before"}),
    "integrator": ({"gain": "one"}, {"gain": "one_minus_kappa"}),
}


def trainable(cell: Any) -> tuple[str, ...]:
    """Return the per-unit constants that a cell class can train."""
    import sys

    if "train" not in {f.name for f in fields(cell)}:
        return ()
    return tuple(getattr(sys.modules[cell.__module__], "PARAMETERS", ())) or _shared_parameters(cell)


def _shared_parameters(cell: Any) -> tuple[str, ...]:
    # a cell whose equations live in a shared module names its trainable constants there
    return tuple(name for name in cell().constants() if _accepts(cell, name))


def _accepts(cell: Any, name: str) -> bool:
    try:
        cell(train=(name,))
    except ValueError:
        return False
    return True


def variants() -> dict[str, Any]:
    """Return label -> cell, with everything trained that can be.

    Examples
    --------
    >>> variants()["rnn"].name
    'rnn'
    """
    out: dict[str, Any] = {}
    cells: dict[str, Any] = dict(CELLS)
    for name, cell in cells.items():
        train = trainable(cell)
        for options in _OPTIONS.get(name, ({},)):
            label = name + "".join(f" {k}={v}" for k, v in options.items())
            out[label] = cell(**{**({"train": train} if train else {}), **options})
    return out


def rules() -> dict[str, Rule]:
    """Return the rows of the table that are cuts of edges; a window or chunk of 2 steps, so that T = 3 sees it."""
    out = {}
    for name, rule in RULES.items():
        if rule.reach is None:
            row = rule_named(name, steps=2) if rule.window or rule.chunk else rule
            out[row.name] = row
    return out


def deep(cell: Any, *, inputs: int = 2, units: int = 2) -> Network:
    """Return two layers of a cell: everything that can happen in a layer and between two."""
    return Network(layers=(Layer(cell, inputs=inputs, units=units), Layer(cell, inputs=units, units=units)))


def problems(cell: Any) -> list[Problem]:
    """Return the problems that every row is proved on.

    Two layers of the cell and one under a leaky readout, one sample, the loss summed over all steps; then two layers of
    one unit with two samples, the loss a mean over steps and samples, and the loss of the last step alone.

    Cells of many gates take two steps and one input where the others take three and two: their polynomials have 10^6
    terms otherwise, and length is the business of the induction.
    """
    small = len(cell.nodes) > 8
    return [
        problem(deep(cell, inputs=1 if small else 2), steps=2 if small else 3),
        problem(under_readout(cell), steps=3),
        *reduced(cell),
    ]


def reduced(cell: Any) -> list[Problem]:
    """Return the problems with two samples: a loss that is a mean, and a loss at the last step."""
    network = deep(cell, inputs=1, units=1)
    return [
        problem(with_loss(network, time="mean", batch="mean"), steps=2, batch=2),
        problem(with_loss(network, when="last"), steps=2, batch=2),
    ]


def counts_every_step(p: Problem) -> bool:
    """Return whether a problem's loss is the plain sum that the induction over time is about."""
    return p.network.loss == Loss()


def applicable(rule: Rule, network: Network) -> bool:
    """Return whether the engine takes a rule for a network; direct feedback needs one weighted input at the top."""
    inputs = [link for link in network.layers[-1].cell.links if link.source == "x"]
    return rule.feedback != "direct" or len(inputs) == 1


def under_readout(cell: Any) -> Network:
    """Return one layer under a leaky readout, whose state a rule may keep although it cuts other upper layers."""
    return Network(layers=(Layer(cell, inputs=1, units=2), Layer(Integrator(train=("kappa",)), inputs=2, units=1)))
