"""NEST's e-prop with update intervals: ``eprop_iaf_bsshslm_2020``, its adaptive sibling, readout and synapse.

Every sample is an update interval, the batch is NEST's own (``batch_size`` intervals, then one step of gradient
descent), and the gradient is what that step takes from the weights. The network is that of NEST's examples: inputs, one
recurrent population, readouts with ``regular_spike_arrival=False`` (their input times 1 - kappa, as the synapse's
filter has it), learning signals over the readout's weights, transposed, or over random ones.

Times, in steps: an input of step k leaves its generator at 1 + k, reaches the recurrent neurons at 2 + k, the readouts
at 3 + k; the error is there at 4 + k and back at 5 + k. That is why an interval begins with `SILENT` steps without
input here. A spike in its first step is dropped by the synapse; one in its second changes the weight before the
learning signal of the last step before has come in (`second_step` claims that it does not, and is refuted). Silent
steps count in the firing rate, whose target and coefficient are converted.

``t_ref`` of n steps keeps a neuron from spiking for n - 1 steps.

Needs an environment of its own (``make peers``): ``--python .venv-peers-nest/bin/python``.
"""

import os
from pathlib import Path

import nest
import numpy as np
from nest_parts import (
    COMMON,
    ETA,
    FAR,
    STEP,
    change,
    dense,
    force,
    potentials,
    pseudo_derivative,
    signals,
    spikes,
    time_constant,
)

import gradcert

CELLS = os.path.relpath(Path(__file__).with_name("nest_cells.py"))
SILENT = 2  # steps
SYNAPSE = "eprop_synapse_bsshslm_2020"
FEEDBACK = "eprop_learning_signal_connection_bsshslm_2020"
LOSSES = {"squared_error": "mean_squared_error", "cross_entropy": "cross_entropy"}


def gradients(problem, silent=SILENT, arrival=False, **changed):
    """Return gradients and outputs."""
    cell, head = (layer.cell for layer in problem.network.layers)
    w, h, o = (problem.parameters.get(f"layers.{name}") for name in ("0.W", "0.H", "1.W"))
    steps, batch, _ = problem.inputs.shape
    interval = steps + silent
    window = steps if problem.network.loss.when == "every" else 1

    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=STEP, eprop_update_interval=interval * STEP, eprop_learning_window=window * STEP)
    optimizer = {"type": "gradient_descent", "batch_size": batch, "eta": ETA, "Wmin": -FAR, "Wmax": FAR}
    average = problem.network.loss.time == "mean"
    nest.SetDefaults(SYNAPSE, {"optimizer": optimizer, "average_gradient": average})

    starts = 1 + silent + interval * np.arange(batch)
    inputs = spikes(problem.inputs, starts)
    neurons = recurrent(cell, len(w), **{**regulariser(problem, interval), **changed})
    kappa = {"tau_m": time_constant(head.kappa), "regular_spike_arrival": arrival}
    loss = LOSSES[problem.network.loss.kind]
    readouts = nest.Create("eprop_readout_bsshslm_2020", len(o), {**COMMON, **kappa, "loss": loss})

    filtered = {"tau_m_readout": kappa["tau_m"]}
    nest.Connect(inputs, neurons, "all_to_all", dense(SYNAPSE, w, **filtered))
    if h is not None:
        nest.Connect(neurons, neurons, "all_to_all", dense(SYNAPSE, h, **filtered))
    nest.Connect(neurons, readouts, "all_to_all", dense(SYNAPSE, o, **filtered))
    back = problem.feedback.get("layers.0.B", o).T
    nest.Connect(readouts, neurons, "all_to_all", dense(FEEDBACK, back))
    targets = np.concatenate([np.zeros((silent, *problem.targets.shape[1:])), problem.targets])
    signals(targets.swapaxes(0, 1).reshape(batch * interval, -1), readouts, 4 * STEP)
    if loss == "cross_entropy":  # each divides by the sum of all
        shared = {"synapse_model": "rate_connection_delayed", "delay": STEP, "receptor_type": 1}
        nest.Connect(readouts, readouts, {"rule": "all_to_all", "allow_autapses": False}, shared)
    recorder = nest.Create("multimeter", params={"interval": STEP, "record_from": ["V_m"]})
    nest.Connect(recorder, readouts)

    end = interval * batch + 3 + (interval == 2)  # not at the first step of an interval, where a spike is dropped
    force(inputs, end)
    force(neurons, end)
    nest.Simulate((end + 5) * STEP)

    out = {"layers.0.W": change(w, inputs, neurons, SYNAPSE), "layers.1.W": change(o, neurons, readouts, SYNAPSE)}
    if h is not None:
        out["layers.0.H"] = change(h, neurons, neurons, SYNAPSE)
    times = (np.arange(steps)[:, None] + starts + 3).ravel()
    return None, out, potentials(recorder, readouts, times).reshape(problem.targets.shape)


def recurrent(cell, units, **others):
    """Return the recurrent neurons, adaptive where the cell has a beta."""
    options = {**COMMON, "tau_m": time_constant(cell.leak), "V_th": cell.threshold, **pseudo_derivative(cell.surrogate)}
    gain = getattr(cell, "gain", "one_minus_leak")
    options |= {
        "regular_spike_arrival": gain == "one",
        "t_ref": STEP * (cell.period + 1 if hasattr(cell, "period") else 0),
    }
    model = "eprop_iaf_bsshslm_2020"
    if hasattr(cell, "beta"):
        model = "eprop_iaf_adapt_bsshslm_2020"
        options |= {"adapt_beta": cell.beta, "adapt_tau": time_constant(cell.rho)}
    return nest.Create(model, units, {**options, **others})


def regulariser(problem, interval):
    """Return coefficient and target rate, in spikes a second, of an interval that has silent steps as well."""
    if not problem.network.loss.activity:
        return {}
    (term,) = problem.network.loss.activity
    longer = interval / len(problem.inputs)
    return {"c_reg": term.strength * longer**2, "f_target": 1000 / STEP * term.target / longer}


TRIANGLES = [{"name": "triangle", "scale": 0.3, "width": 1.0}, {"name": "triangle", "scale": 1.5, "width": 0.4}]
OTHERS = [{"name": "exponential", "scale": 2.0}, {"name": "fast_sigmoid", "slope": 3.0}, {"name": "atan", "scale": 2.0}]
NEURON = {"recurrent": True, "bias": False, "strict": False, "gain": ["one", "one_minus_leak"]}


def claim(*cells, rule="e-prop", options=(), losses="squared_error", without=(), readout_options=None, **others):
    """One recurrent population under leaky readouts, without biases; spikes come in, batches are averaged."""
    return gradcert.claim(
        rule=rule,
        cells=cells,
        depths=(1,),
        inputs="spikes",
        batch="mean",
        losses=losses,
        readout="integrator",
        readout_options=readout_options or {"gain": "one_minus_kappa", "bias": False},
        options=dict(options),
        # a neuron whose threshold is below 0 fires in silent steps
        without={"threshold": ("below 0",), **dict(without)},
        **others,
    )


LIF = {**NEURON, "reset": "subtract_after_leak", "surrogate": TRIANGLES}
ALIF = {**NEURON, "surrogate": TRIANGLES}  # reset by the threshold, adaptation by 1: the cell's own defaults
RATE = ({"kind": "rate", "target": 0.2, "strength": 0.5, "batch": "mean"},)
# error = softmax - target: of targets that sum to one; exp is not shifted
CLASSES = {"targets": ("any sum", "all 0", "a step without"), "numbers": ("logits beyond exp",)}


@claim("lif", options={**LIF, "surrogate": TRIANGLES + OTHERS})
def iaf(problem):
    """``eprop_iaf_bsshslm_2020``, all four pseudo-derivatives."""
    return gradients(problem)


@claim("lif", options=LIF, losses="cross_entropy", without=CLASSES)
def classification(problem):
    """The same with ``loss="cross_entropy"``."""
    return gradients(problem)


@claim("refractory", options={**LIF, "period": [1, 2]})
def refractory(problem):
    """With a refractory period, in which the pseudo-derivative is 0."""
    return gradients(problem)


@claim("alif", options=ALIF)
def adaptive(problem):
    """``eprop_iaf_adapt_bsshslm_2020``."""
    return gradients(problem)


@claim(f"{CELLS}:Adaptive", activity=RATE)
def regularised(problem):
    """The adaptive neuron with a refractory period and the regulariser of firing rates."""
    return gradients(problem)


@claim("lif", rule="e-prop-random", options=LIF)
def random(problem):
    """Learning signals over weights of their own."""
    return gradients(problem)


@claim("lif", options=LIF, time="mean")
def averaged(problem):
    """``average_gradient=True``."""
    return gradients(problem)


# What is refuted


@claim("lif", options=LIF)
def second_step(problem):
    """Inputs from the second step of an interval on."""
    return gradients(problem, silent=1)


@claim("lif", options=LIF)
def first_step(problem):
    """Inputs from the first step of an interval on."""
    return gradients(problem, silent=0)


@claim("lif", options=LIF, readout_options={"gain": "one", "bias": False})
def default_readout(problem):
    """Readouts with ``regular_spike_arrival=True``, their default."""
    return gradients(problem, arrival=True)


@claim("refractory", options={**LIF, "period": 2})
def documented_refractory(problem):
    """``t_ref`` of two steps: not able to spike for that time after the time step of a spike."""
    return gradients(problem, t_ref=2 * STEP)


@claim("alif", options={**ALIF, "scaling": "threshold"})
def documented_triangle(problem):
    """The piecewise linear pseudo-derivative as documented: gamma / v_th max(0, 1 - beta |v - v_th| / v_th)."""
    return gradients(problem)


@claim("lif", options={**LIF, "surrogate": {"name": "atan", "scale": 2.0}})
def documented_atan(problem):
    """The derivative of an arctan as documented: gamma / pi / (1 + (beta pi (v - v_th))^2)."""
    return gradients(problem, surrogate_gradient_height=np.pi, surrogate_gradient_width=1.0)


@claim("lif", options=LIF, time="mean", when="every", activity=RATE)
def averaged_regulariser(problem):
    """``average_gradient=True`` with the regulariser, which is a mean over time already."""
    return gradients(problem)
