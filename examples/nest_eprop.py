"""NEST's e-prop of 2025: ``eprop_iaf``, its siblings with adaptation and with a hard reset, and ``eprop_synapse``.

Here weights change at every spike that passes them, inside a sequence. What is claimed is the gradient of a sequence at
fixed weights, the limit of a small learning rate, and it is measured as that: every connection is there twice, as a
static synapse that carries the weight, and as an e-prop synapse that begins at 0 and learns at a rate of 2^-300. What
it learns is added to the weight and lost in rounding, so that the sequence runs at fixed weights; the synapse holds the
sum of all changes in full precision. Every sample is a simulation of its own.

Times, in steps: an input of step k reaches the neurons at 2 + k, the readouts at 3 + k. The learning window is open for
the steps that count.

Needs an environment of its own (``make peers``): ``--python .venv-peers-nest/bin/python``.
"""

import os
from pathlib import Path

import nest
import numpy as np
from nest_parts import COMMON, FAR, STEP, change, dense, force, potentials, pseudo_derivative, signals, spikes
from nest_parts import time_constant as tau

import gradcert

CELLS = os.path.relpath(Path(__file__).with_name("nest_cells.py"))
ETA = 2.0**-300
LEARNED = 2.0**-200  # an output below this is one of 0, of which the learning synapses made something
SYNAPSE = "eprop_synapse"


def gradients(problem, model, **others):
    """Return gradients and outputs, samples added up."""
    samples = [sample(problem, model, b, others) for b in range(problem.inputs.shape[1])]
    grads = {name: sum(found[name] for found, _ in samples) for name in problem.parameters}
    return None, grads, np.stack([outputs for _, outputs in samples], axis=1)


def sample(problem, model, b, others):
    """Return gradients and outputs of one sample."""
    cell, head = (layer.cell for layer in problem.network.layers)
    w, h, o = (problem.parameters.get(f"layers.{name}") for name in ("0.W", "0.H", "1.W"))
    steps = len(problem.inputs)

    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=STEP)
    optimizer = {"type": "gradient_descent", "batch_size": 1, "eta": ETA, "Wmin": -FAR, "Wmax": FAR}
    nest.SetDefaults(SYNAPSE, {"optimizer": optimizer})

    inputs = spikes(problem.inputs[:, b : b + 1], [1])
    neurons = nest.Create(model, len(w), {**recurrent(cell), "kappa": head.kappa, **others})
    readouts = nest.Create("eprop_readout", len(o), {**COMMON, "tau_m": tau(head.kappa)})
    connected = {"layers.0.W": (inputs, neurons, w), "layers.1.W": (neurons, readouts, o)}
    if h is not None:
        connected["layers.0.H"] = (neurons, neurons, h)
    for sources, targets, weights in connected.values():
        nest.Connect(sources, targets, "all_to_all", dense("static_synapse", weights))
        nest.Connect(sources, targets, "all_to_all", dense(SYNAPSE, 0 * weights))
    back = problem.feedback.get("layers.0.B", o).T
    nest.Connect(readouts, neurons, "all_to_all", dense("eprop_learning_signal_connection", back))
    counted = np.ones((steps, len(o))) if problem.network.loss.when == "every" else np.zeros((steps, len(o)))
    counted[-1] = 1
    closed = np.zeros((1, len(o)))
    signals(problem.targets[:, b], readouts, 3 * STEP)
    signals(np.concatenate([counted, closed]), readouts, 3 * STEP, port=1)
    recorder = nest.Create("multimeter", params={"interval": STEP, "record_from": ["V_m"]})
    nest.Connect(recorder, readouts)

    end = steps + 6  # the last learning signal has come in
    force(inputs, end)
    force(neurons, end)
    nest.Simulate((end + 2) * STEP)

    grads = {
        name: change(0 * weights, sources, targets, SYNAPSE, ETA)
        for name, (sources, targets, weights) in connected.items()
    }
    outputs = potentials(recorder, readouts, np.arange(steps) + 4)
    return grads, np.where(abs(outputs) < LEARNED, 0, outputs)


def recurrent(cell):
    """Return the parameters of recurrent neurons."""
    options = {**COMMON, "tau_m": tau(cell.leak), "V_th": cell.threshold, **pseudo_derivative(cell.surrogate)}
    options["t_ref"] = STEP * (cell.period + 1 if hasattr(cell, "period") else 0)
    if hasattr(cell, "beta"):
        options |= {"adapt_beta": cell.beta, "adapt_tau": tau(cell.rho)}
    return options


TRIANGLES = [{"name": "triangle", "scale": 0.3, "width": 1.0}, {"name": "triangle", "scale": 1.5, "width": 0.4}]
OTHERS = [{"name": "exponential", "scale": 2.0}, {"name": "fast_sigmoid", "slope": 3.0}, {"name": "atan", "scale": 2.0}]
LIF = {"recurrent": True, "bias": False, "strict": False, "gain": "one", "surrogate": TRIANGLES}


def claim(*cells, rule="e-prop", options=(), **others):
    """One recurrent population under leaky readouts, without biases; spikes come in."""
    return gradcert.claim(
        rule=rule,
        cells=cells,
        depths=(1,),
        inputs="spikes",
        losses="squared_error",
        readout="integrator",
        readout_options={"gain": "one", "bias": False},
        options=dict(options),
        without={"threshold": ("below 0",)},  # the neuron would fire before the first input
        **others,
    )


@claim("lif", options={**LIF, "reset": "subtract_before_leak", "surrogate": TRIANGLES + OTHERS})
def iaf(problem):
    """``eprop_iaf``, all four pseudo-derivatives."""
    return gradients(problem, "eprop_iaf")


@claim("refractory", options={**LIF, "reset": "subtract_before_leak", "period": [1, 2]})
def refractory(problem):
    """``eprop_iaf`` with a refractory period."""
    return gradients(problem, "eprop_iaf")


@claim(f"{CELLS}:AdaptiveNow")
def adaptive(problem):
    """``eprop_iaf_adapt`` with a refractory period."""
    return gradients(problem, "eprop_iaf_adapt")


@claim("lif", rule="e-prop-random", options={**LIF, "reset": "subtract_before_leak"})
def random(problem):
    """Learning signals over weights of their own."""
    return gradients(problem, "eprop_iaf")


@claim(f"{CELLS}:HardReset")
def hard_reset(problem):
    """``eprop_iaf_psc_delta``, of which the trace takes the reset for an input."""
    return gradients(problem, "eprop_iaf_psc_delta", V_reset=0.0)


# What is refuted


@claim("lif", options={**LIF, "reset": "subtract_after_leak"})
def documented_reset(problem):
    """``eprop_iaf`` as documented: v^t = alpha v^{t-1} + ... - z^{t-1} v_th."""
    return gradients(problem, "eprop_iaf")


@claim("lif", options={**LIF, "reset": "hard"})
def hard_reset_of_the_state(problem):
    """``eprop_iaf_psc_delta``, v' (1 - z') as what remains of the state."""
    return gradients(problem, "eprop_iaf_psc_delta", V_reset=0.0)
