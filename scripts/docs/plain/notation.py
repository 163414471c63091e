"""What letters mean on the pages of the mathematics and of the cells, where no equation of the page says it.

A page lists what it uses; its script shows an entry under the pointer wherever the letter stands (`assets/letters.js`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from scripts.docs.plain.meanings import MEANINGS

#: section 0.2 of the mathematics: what every page there means, unless it has another entry for the letter
NOTATION: dict[str, str] = {
    "t": "time step, 1 to T.",
    "T": "number of steps.",
    "l": "layer, 1 to K, counted from the input.",
    "K": "number of layers.",
    "i": "a unit of the layer.",
    "j": "what a weight comes from: an input, or a unit.",
    "n": "number of units of a layer.",
    "x^t": "input of the layer at step t; in an upper layer the output of the layer below at the same step.",
    "v^t": "state (membrane potential) at step t, as it is compared with the threshold.",
    "z^t": "output at step t: 0 or 1 of a spiking unit, between them of a graded one.",
    "o^t": "output of the network at step t.",
    "y*^t": "target at step t.",
    "W_ij": "weight from j to i.",
    "H_ij": "lateral weight from unit j, one step ago, to unit i, now.",
    "b_i": "bias of unit i.",
    "W_o": "weights of the readout.",
    "b_o": "bias of the readout.",
    "th": "threshold that the state is compared with; the base threshold of a unit that adapts.",
    "A^t": "threshold at step t, the adaptation included.",
    "psi^t": "slope of the output at step t; for a spiking unit, a pseudo-derivative in its place.",
    "lam": "leak: the share of the state that survives a step, between 0 and 1.",
    "beta": "strength of the adaptation.",
    "rho": "decay of the adaptation per step.",
    "kap": "decay of the readout per step.",
    "J^t": "how the state at step t answers to that of the step before, inside the layer.",
    "Jv": "how the state answers to the state of the step before, its outputs held fixed.",
    "Jz": "how the state answers to the outputs of the step before, its state held fixed.",
    "F^t": "how the state at step t answers to the copy of the weight that is used there, the past held fixed.",
    "eps^t": "state eligibility: how the state answers to the weight, through all steps so far, inside the layer.",
    "e^t": "eligibility: how the output answers to the weight, through all steps so far, inside the layer.",
    "xh^t": "trace of the inputs: those so far, each faded by the leak for every step since.",
    "L^t": "learning signal: how the loss of step t answers to the outputs, within the step.",
    "B_l": "feedback matrix, of layer l where it has an index.",
    "E": "loss of the whole sequence; with a step, of that step.",
    "delta_l^t": "how the loss of step t answers to the outputs of layer l, within the step.",
    "g_l^t": "credit at the membrane of layer l, within the step.",
    "w": "any one weight.",
    "d": "differential: dv/dw is how v answers to w, over all paths.",
    "R": "residual: the part of the gradient that the rule leaves out.",
}
_GATES = {
    "i": "input gate, between 0 and 1.",
    "f": "forget gate, between 0 and 1: how much of the cell state survives a step.",
    "g": "candidate: what may come into the cell state.",
    "o": "output gate, between 0 and 1: how much of the cell state is shown.",
}
_NAMES = {"i": "input gate", "f": "forget gate", "g": "candidate", "o": "output gate"}
_GRU = {"r": "reset gate", "u": "update gate", "n": "candidate"}
_CURRENT = {"I^t": "what arrives at step t: inputs, lateral spikes, bias."}
_LIQUID = {
    "k^t": "gate of the membrane, between 0 and 1: one over its time constant.",
    "r^t": "decay of the adaptation at step t, between 0 and 1.",
    "b^t": "adaptation at step t.",
}
_STATE = {
    "h^t": "hidden state at step t: all numbers that are carried to the next step.",
    "D^t": "how the state at step t answers to the copy of the weight that is used there, the past held fixed.",
    "M^t": "influence: how the state at step t answers to the weight, through all steps so far.",
    "q^t": "how the loss of step t answers to the hidden state of that step.",
}
#: page of the mathematics -> section, or "" for the whole page -> sign -> what it means; None: nothing here
MATHEMATICS: dict[str, dict[str, dict[str, str | None]]] = {
    "00": {"": {"a": "share of a unit's new value that is new; 1 - a is its leak."}},
    "01": {
        "": {"g_l^t": None, "g": "transfer function from drive to state.", **_CURRENT},
        "1.1": {"vr": "value to which a hard reset sets the potential.", "tau": "time constant of the membrane."},
        "1.2": {
            "a^t": "adaptation at step t.",
            "b^t": "adaptation at step t, as Yin et al. write it.",
            "b0": "base threshold, as Yin et al. write it.",
            "u^t": "membrane potential after the reset.",
            "R": "resistance: factor of the current.",
            "tau_m": "time constant of the membrane.",
            "tau_adp": "time constant of the adaptation.",
        },
        "1.3": {
            **_LIQUID,
            "b0": "base threshold.",
            "m^t": "membrane potential before the reset.",
            "u^t": "membrane potential after the reset.",
            "Wr": "lateral weights.",
            "Wm": "weights of the gate of the membrane.",
            "Wa": "weights of the decay of the adaptation.",
            "k_o^t": "gate of the readout.",
        },
        "1.4": {
            "a^t": "drive at step t: everything that arrives, and what is left of the state.",
            "h": "output function.",
        },
        "1.5": {
            **_GATES,
            "a": "share of a unit's new value that is new; 1 - a is its leak.",
            "phi": "activation, as tanh.",
            "h^t": "output at step t.",
            "c^t": "cell state at step t.",
            "r": "reset gate of a GRU.",
            "z": "update gate of a GRU: how much of the old output stays.",
            "n": "candidate of a GRU.",
            "k": "how a GRU's output answers to the argument of its candidate.",
            "cn": "second bias of a GRU's candidate, on the lateral side.",
            **{
                f"U{k}": f"lateral weights of the {says}." for k, says in {**_NAMES, **_GRU, "z": "update gate"}.items()
            },
            **{
                f"{k}{gate}": f"{says} of the candidate."
                for k, says in (("W", "weights"), ("b", "bias"))
                for gate in "gn"
            },
        },
        "1.7": {
            "i^t": "synaptic current at step t.",
            "c^t": "what comes to the membrane at step t.",
            "rho": "decay of the synaptic current per step.",
            "eps_i": "trace of the current.",
            "eps_v": "trace of the membrane potential.",
        },
        "1.8": {
            **{f"r_{k}^t": f"register: whether the unit spiked {k} step{'s' * (k > 1)} ago." for k in (1, 2)},
            "r_P^t": "register: whether the unit spiked P steps ago.",
            "P": "length of the refractory period in steps.",
        },
    },
    "02": {
        "": {
            "x": "distance of the state to the threshold, v - A.",
            "al": "setting of the function in its line: its steepness, or its size.",
            "gam": "setting of the function in its line: its size.",
            "k": "setting of the function in its line: its slope, or its value below the threshold.",
            "w": "setting of the function in its line: half its width.",
            "c": "setting of the function in its line: its value outside.",
            "B": "setting of the function in its line: where it begins.",
            "h": "setting of the function in its line: size of its negative sides.",
            "s": "setting of the function in its line: its width; before a bracket, the logistic function.",
            "B_l": None,
            "n": None,
        }
    },
    "03": {
        "": {
            **_STATE,
            "A^t": "the state's side of the influence: random numbers.",
            "B^t": "the weights' side of the influence: random numbers.",
            "B_l": None,
            "nu": "random signs.",
            **{f"r{k}": "normaliser of UORO, a positive number." for k in (0, 1)},
            **{f"p{k}": "normaliser of KF-RTRL, a positive number." for k in (1, 2)},
            **{f"n{k}": "random sign of KF-RTRL." for k in (1, 2)},
            "u^t": "the weights' side of the influence in KF-RTRL.",
            "d": None,
            "mask_n": "1 for the entries that a weight reaches within n steps, the step itself counted, else 0.",
            "phi'": "slope of the activation.",
            "P": "number of weights.",
            "i": None,
            "g_l^t": None,
        }
    },
    "04": {
        "": {
            **MEANINGS["ostl"],
            **{
                f"eps_{k}^t": f"state eligibility of {k}: how the state answers to it." for k in ("W", "H", "th", "lam")
            },
            "e_th^t": "eligibility of the threshold.",
            "g": "transfer function from drive to state.",
            "g_l^t": None,
            "B_k": "fixed matrix in the place of the weights of layer k.",
            "R_1": "residual of the first layer: the part of the gradient that the rule leaves out.",
            "J_2^t": "how the state of the upper layer answers to that of the step before.",
        },
        "4.4": {
            "s^t": "state of the layer at step t.",
            "c^t": "cell state of an LSTM.",
            "h^t": "output of an LSTM or GRU.",
            "o": "output gate of an LSTM.",
            "Uo": "lateral weights of the output gate.",
        },
    },
    "05": {"": {**MEANINGS["osttp"], "g_l^t": None}},
    "06": {
        "": {
            **MEANINGS["e-prop"],
            "xh_in^t": "trace of the inputs.",
            "xh_rec^t": "trace of the outputs, up to the step before.",
            "zbar_i^t": "outputs of unit i so far, each faded by the decay of the readout.",
            "D_i^t": "how the loss answers to the spike of unit i over all edges but that of its adaptation.",
            "f_mean": "mean firing rate.",
            "f_target": "firing rate that the units are to have.",
            "psi^t": NOTATION["psi^t"],
        }
    },
    "07": {
        "": {
            **MEANINGS["ottt"],
            "tau": "time constant of the membrane.",
            "ttr_i^t": "trace of the threshold: how the state answers to it.",
            "ltr_i^t": "trace of the leak: how the state answers to it.",
            "zh_l^t": "trace of the outputs of the layer, up to the step before.",
            "ratio^t": "decay of the trace, from one membrane potential to the next.",
            "rho": None,
            "L^t": None,
        },
        "7.1": {
            "L": "sum of the weights of a firing rate.",
            "a": "weighted firing rates of the layer.",
            "a_in": "weighted firing rates of the inputs.",
            "rho^t": "how much the credit of a unit varies in time, relative to its constant part.",
            "eta": "bound on how much the credit varies.",
            "S_j": "sum of the trace of input j over all steps.",
            "l": "a unit of the layer.",
        },
    },
    "08": {
        "": {
            **MEANINGS["fptt"],
            "t": "a part of the sequence.",
            "rho": None,
            "beta": None,
            "E": None,
            "L^t": None,
            "e^t": None,
            "j": None,
        }
    },
    "09": {
        "": {
            **{key: says for key, says in MEANINGS["otpe"].items() if not key.startswith("grad")},
            "E": None,
            "I": "what arrives at the unit.",
            "lam_up": "leak of the next layer.",
            "psibar^t": "running mean of the slopes.",
            "xhh": "trace of the inputs, filtered once more with the leak of the next layer.",
        }
    },
    "10": {
        "": {
            **{key: None for key in ("n", "H_ij", "B_l", "R", "g_l^t", "E", "beta", "kap")},
            "lp": "decay of the causal trace per step, in S-TLLR.",
            "lq": "decay of the acausal trace per step, in S-TLLR.",
            "a_pre": "weight of the causal term.",
            "a_post": "weight of the acausal term.",
            **{key: MEANINGS["decolle"][key] for key in ("P^t", "Q^t", "R^t", "G")},
            "kappa^t": MEANINGS["rate-based"]["kappa^t"],
        }
    },
    "12": {
        "": {
            "lp": "decay of the causal trace of S-TLLR per step.",
            "lq": "decay of its acausal trace per step.",
            "a_pre": "weight of the causal term of S-TLLR.",
            "a_post": "weight of its acausal term.",
            "lam_up": "leak of the next layer.",
            "Lam": MEANINGS["fptt"]["Lam_t"],
        }
    },
    "14": {
        "": {"g_l^t": None, "L^t": None},
        "14.5": {"E": "eligibility of the membrane in OTPE, one number per synapse."},
        "14.7": {"z": "update gate of a GRU."},
    },
}

_DRIVE = "drive: everything that arrives at the unit at step t."
_UNIT: dict[str, str] = {
    "a^t": _DRIVE,
    "v^t": NOTATION["v^t"],
    "x^t": "inputs of the layer at step t.",
    "z^t": "outputs of the layer at step t.",
    "W": "weights of the inputs.",
    "H": "lateral weights, from the outputs of the step before.",
    "b": "bias.",
    "step": "1 where what it is of is above 0, else 0, and at 0 what the option strict says; its slope is the cell's "
    "pseudo-derivative.",
    "sigmoid": "the logistic function, between 0 and 1.",
    "lam": NOTATION["lam"],
    "th": NOTATION["th"],
}


def _gated(gates: dict[str, str], drives: str) -> dict[str, str]:
    """Return what is indexed by a gate: weights, bias and drive."""
    out: dict[str, str] = {}
    for gate, says in gates.items():
        out |= {f"W_{gate}": f"weights of the inputs in the {says}.", f"H_{gate}": f"lateral weights of the {says}."}
        out |= {f"b_{gate}": f"bias of the {says}."}
        out |= {f"a_{gate}^t": f"drive of the {says}."} if gate in drives else {}
    return out


#: cell -> sign in plain letters -> what it means; an entry that the cell's equations do not use is not shown
CELLS: dict[str, dict[str, str]] = {
    "refractory": {f"r_{k}^t": f"register: whether the unit spiked {k} step{'s' * (k > 1)} ago." for k in (1, 2)},
    "synaptic": {
        "i^t": "synaptic current: the drives so far, each faded by its own decay.",
        "rho": "decay of the synaptic current per step.",
    },
    "alif": {
        "k^t": "adaptation: a slow memory of the unit's own spikes.",
        "rho": NOTATION["rho"],
        "beta": "strength of the adaptation: how much it raises the threshold.",
        "R": "resistance: factor of the drive.",
    },
    "ltc": {
        **_LIQUID,
        "u^t": "membrane potential after the reset.",
        "q^t": "the same potential, as the gates see it.",
        "a_k^t": "argument of the membrane's gate.",
        "a_r^t": "argument of the decay.",
        **{
            f"W_m,{k}": f"weights of {says} in the membrane's gate."
            for k, says in (("I", "the drive"), ("u", "the state"))
        },
        **{f"W_a,{k}": f"weights of {says} in the decay." for k, says in (("I", "the drive"), ("b", "the adaptation"))},
        "b_m": "bias of the membrane's gate.",
        "b_a": "bias of the decay.",
        "bias": "bias of the drive.",
        "beta": "strength of the adaptation: how much it raises the threshold.",
    },
    "leaky_rnn": {"rate": "share of a unit's new value that is new."},
    "integrator": {"kappa": "decay of the output per step, between 0 and 1."},
    "lstm": {
        **{f"{gate}^t": says for gate, says in _GATES.items()},
        "c^t": "cell state: what is kept, a number for every unit.",
        **_gated(_NAMES, "ifgo"),
    },
    "gru": {
        "r^t": "reset gate, between 0 and 1.",
        "u^t": "update gate, between 0 and 1: how much of the old output stays.",
        "n^t": "candidate: what the new output is drawn to.",
        "q^t": "what the candidate hears of the outputs of the step before.",
        "c_n": "second bias of the candidate, on the lateral side.",
        **_gated(_GRU, "run"),
    },
}


def of_page(name: str, section: str = "") -> dict[str, str]:
    """Return the letters of a page of the mathematics by the number in its name, or those of one section alone."""
    own = MATHEMATICS.get(name[:2], {}).get(section, {})
    entries = own if section or name[:2] not in MATHEMATICS else {**own, **_others(NOTATION, own)}
    return {sign: says for sign, says in entries.items() if says is not None}


def _others(shared: dict[str, str], own: Mapping[str, str | None]) -> dict[str, str]:
    """Return the shared entries of letters that have no entry of their own, at whatever step."""
    known = {sign.partition("^")[0] for sign in own}
    return {sign: says for sign, says in shared.items() if sign.partition("^")[0] not in known}


def of_cell(name: str) -> dict[str, str]:
    """Return the letters of a cell, its own first."""
    own = CELLS.get(name, {})
    gated = ("a^t", "W", "H", "b") if name in ("lstm", "gru") else ()  # theirs have an index each
    return own | {key: says for key, says in _others(_UNIT, own).items() if key not in gated}


#: what stands as an index in the equations of rules, and alone in their sums; a rule that counts parts has no steps
INDICES: dict[str, str] = {
    "t": "time step.",
    "i": "a unit of the layer.",
    "j": "what a weight comes from: an input, or a unit.",
    "n": "number of units of a layer.",
}
OTHERS = {
    "fptt": "t",
    "tess": "t",
    "eventprop": "tij",
    "snap-1": "in",
    "snap-2": "in",
}  # where such a letter is something else


def of_rule(name: str, letters: Mapping[str, str], text: str) -> dict[str, str]:
    """Return the letters of a rule's page, and the indices that its text uses."""
    used = set(re.findall(r"(?<![A-Za-z])[a-z](?![A-Za-z])|(?<=[_^(])[a-z]{1,3}(?![a-z])", text))
    shown = {key for key in INDICES if any(key in word for word in used) and key not in OTHERS.get(name, "")}
    return {**letters, **{key: says for key, says in _others(INDICES, letters).items() if key in shown}}


SURROGATES: dict[str, str] = {
    "psi": "what stands in the place of the slope of the step.",
    "x": "distance of the state to the threshold; positive above it.",
    "scale": "setting of the function: its steepness, or its size.",
    "slope": "setting of the function: its steepness.",
    "width": "setting of the function: half its width.",
    "outside": "setting of the function: its value outside of its width.",
    "above": "setting of the function: where it begins.",
    "below": "setting of the function: its value below the threshold.",
    "height": "setting of the function: its size.",
    "side": "setting of the function: size of its negative sides.",
    "sigma": "setting of the function: its width.",
}
LOSSES: dict[str, str] = {
    "o_k": "output k of the network.",
    "y_k": "target of output k.",
    "k": "an output.",
    "j": "an output.",
    "i": "a unit.",
    "t": "time step.",
    "o^t": "output of the network at step t.",
    "w^t": "weight of the loss at step t; 0 where the step does not count.",
    "s": "the logistic function, between 0 and 1.",
    "z_i^t": "output of unit i at step t.",
    "r_i": "firing rate of unit i: the weighted mean of its outputs.",
    "strength": "factor of the term.",
    "target": "rate that the units are to have.",
}
