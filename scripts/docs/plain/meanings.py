"""What the letters of a rule's equations mean, page by page: a letter may stand for one thing here, another there."""

from __future__ import annotations

_STATE = {
    "h^t": "hidden state at step t: all numbers that are carried to the next step.",
    "J^t": "how the state at step t answers to that of the step before: the Jacobian of one step.",
    "D^t": "how the state at step t answers to the copy of the weight that is used there, the past held fixed.",
    "w": "any one weight.",
}
_CREDIT = {"q^t": "how the loss of step t answers to the hidden state of that step."}
_RULED = {
    "J^t": "how the state of a layer at step t answers to its state of the step before.",
    "eps^t": "state eligibility: how the state answers to the weight w, through all steps so far, inside the layer.",
    "e^t": "eligibility: how the output answers to the weight w, through all steps so far, inside the layer.",
    "w": "any one weight of the layer.",
}
_TRACED = {
    "xh_l^t": "trace of the outputs of layer l: those so far, each faded by the leak for every step since.",
    "g_l^t": "credit at the membrane of layer l.",
    "delta_l^t": "how the loss of step t answers to the outputs of layer l, within the step.",
    "grad W_l": "what is taken for the gradient of the weights of layer l.",
}
_DELTA = {key: _TRACED[key] for key in ("g_l^t", "delta_l^t", "grad W_l")}
_EPROP = {
    "L_i^t": "learning signal of unit i: the errors of the outputs at step t, through the feedback weights.",
    "B_ki": "feedback weight from output k to unit i; B has a row for each output and a column for each unit.",
    "w_ij": "weight from j to i, of the inputs or lateral.",
}
_EVENTS = {"y*^t": "target at step t.", "B_l": "fixed random matrix from the targets to the units of layer l."}


def _each(rules: tuple[str, ...], letters: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return the same letters for several rules."""
    return {rule: letters for rule in rules}


#: rule -> sign in plain letters -> what it means; what is in no entry is explained by the symbol table of the lessons
MEANINGS: dict[str, dict[str, str]] = {
    **_each(
        ("bptt", "rtrl", "bptt-detached-reset"),
        {
            **_STATE,
            "q^t": "credit: how the losses of step t and of all later steps answer to the state of step t.",
            "M^t": "influence: how the state at step t answers to the weight, through all steps so far.",
        },
    ),
    **_each(("tbptt", "tbptt-chunks"), {**_STATE, "K": "number of steps of a window or chunk."}),
    **_each(
        ("ostl", "ostl-random"),
        {
            "J_ij^t": "how the state of unit i at step t answers to that of unit j at the step before.",
            "a_i^t": "drive of unit i at step t: everything that arrives there, added up.",
            "g'": "slope of the transfer function g, which makes the state of the drive.",
            "h'_i^t": "slope of the output function h of unit i at step t, or its pseudo-derivative.",
            "eps_w^t": _RULED["eps^t"],
            "e_w^t": _RULED["e^t"],
            "L_l^t": "learning signal of layer l: how the loss of step t answers to its outputs, within the step.",
            "K": "number of layers; l counts them from the input.",
            "w_l": "any one weight of layer l.",
            "[i = j]": "1 where i is j, else 0.",
        },
    ),
    "osttp": {
        **_RULED,
        "Jv": "how the state answers to the state of the step before, its outputs held fixed.",
        "Jz": "how the state answers to the outputs of the step before.",
        "F^t": "how the state at step t answers to the copy of the weight that is used there, the past held fixed.",
        "L_l^t": "learning signal of layer l.",
        "K": "number of layers; l counts them from the input.",
        **_EVENTS,
    },
    **_each(
        ("e-prop", "e-prop-random", "e-prop-adaptive"),
        {
            "xh_j^t": "trace of input j, or of unit j for a lateral weight: what came so far, faded by the leak at "
            "every step since.",
            "epsa_ij^t": "trace of the adaptation: how the adaptation of unit i answers to the weight from j to i.",
            "e_ij^t": "eligibility: how the spike of unit i answers to the weight from j to i over the kept edges.",
            "eb_ij^t": "filtered eligibility: the eligibilities so far, each faded by the decay of the readout.",
            **_EPROP,
            "y*_k^t": "target of output k at step t.",
        },
    ),
    **_each(
        ("ottt",),
        {
            **_TRACED,
            "v_l^t": "membrane potentials of layer l, as they are compared with the threshold.",
            "bh^t": "trace of the constant 1, with which a bias is multiplied.",
        },
    ),
    "ottt-code": {
        "grad b": "what is taken for the gradient of a bias.",
        "g^t": "credit at the membrane, within the step.",
        "bh^t": "trace of the constant 1, which the code leaves out.",
    },
    "sltt": _DELTA,
    "sltt-k": {**_DELTA, "S": "set of the steps that are drawn.", "K": "number of the steps that are drawn, of T."},
    "rflo": {
        "m_ij^t": "trace of the weight from j to i.",
        "a": "the share of a unit's new value that is new; 1 - a is its leak.",
        "phi'_i": "slope of the activation of unit i at step t.",
        "h_j^t": "output of unit j.",
        **_EPROP,
        "y*_k^t": "target of output k at step t.",
    },
    **_each(
        ("snap-1", "snap-2"),
        {
            **_STATE,
            "M^t": "influence of the weights on the state, masked.",
            "mask_n": "1 for what a weight reaches within n steps, the step itself counted, else 0.",
            "pattern(D)": "1 where an entry of D can be other than 0, else 0.",
            "|J|": "the pattern of J.",
        },
    ),
    "decolle": {
        "P^t": "trace of the inputs, filtered twice.",
        "Q^t": "the same, filtered once.",
        "R^t": "what is left of the unit's own resets.",
        "al": "decay of the first trace per step.",
        "be": "decay of the second trace per step.",
        "gain": "factor of the inputs.",
        "r^t": "output of the layer's own readout.",
        "G": "weights of that readout: random, and never trained.",
        "err^t": "how the loss of the layer's own readout answers to its outputs.",
        "grad W_ij": "gradient of the layer's own loss by the weight from j to i.",
    },
    "uoro": {
        **_STATE,
        **_CREDIT,
        "A^t": "the state's side of the influence, one random number for each number of the state.",
        "B^t": "the weights' side of the influence, one random number for each weight.",
        "nu": "random signs.",
        "r0": "normaliser of what was carried.",
        "r1": "normaliser of what is new.",
        "estimate": "what one draw has in the place of the gradient.",
    },
    "kf-rtrl": {
        **{key: _STATE[key] for key in ("h^t", "J^t")},
        **_CREDIT,
        "A^t": "the state's side of the influence, a matrix of random numbers.",
        "u^t": "the weights' side of the influence, one random number for each input of the layer.",
        "n1": "first random sign.",
        "n2": "second random sign.",
        "p1": "normaliser of what was carried.",
        "p2": "normaliser of what is new.",
        "a^t": "inputs and outputs of the step before that the weights multiply at step t.",
        "dphi": "slopes of the activation at step t.",
        "estimate": "what one draw has in the place of the gradient.",
    },
    "otpe": {
        "E^t": "eligibility of the membrane, one number per synapse.",
        "dz^t": "eligibility of the output.",
        "Rh^t": "eligibility of the output, filtered with the leak of the next layer.",
        **{key: _TRACED[key] for key in ("g_l^t", "grad W_l")},
    },
    "s-tllr": {
        "e_ij^t": "eligibility of the synapse from j to i: a causal term and an acausal one.",
        "delta_i^t": "learning signal of unit i at step t.",
        "T_l": "first step whose loss counts.",
        "grad": "what the rule has in the place of the gradient of the weight from j to i.",
    },
    "ndot": {
        "ratio^t": "decay of the trace, from one membrane potential to the next.",
        **{key: _TRACED[key] for key in ("xh_l^t", "g_l^t", "grad W_l")},
    },
    "opzo": {
        "M_l": "feedback matrix of layer l, estimated.",
        "mu": "momentum: the share of the old matrix that stays at a step.",
        "n_l^t": "random signs by which the outputs of layer l are perturbed.",
        "o~^t": "output of the perturbed pass.",
        "alpha": "size of the perturbation.",
        "delta_l^t": "error that reaches layer l.",
        **{key: _TRACED[key] for key in ("xh_l^t", "grad W_l")},
    },
    "rate-based": {
        "r_l": "firing rates of layer l: means of the outputs over all steps.",
        "I_l": "constant currents into layer l.",
        "kappa^t": "how the potential at step t answers to a current that is larger by the same amount at every step.",
        "g_l": "how the loss of the rates answers to a constant current into layer l.",
        "grad W_l": _TRACED["grad W_l"],
        "E": "loss of the rates.",
    },
    "etlp": {
        "xh^t": "trace of the inputs: those so far, each faded by the leak for every step since.",
        "phi^t": "pseudo-derivatives of the layer at step t.",
        "A^t": "threshold at step t, the adaptation included.",
        "e_ij^t": "eligibility of the synapse from j to i.",
        "L_l^t": "learning signal of layer l.",
        "dw": "what a weight is moved by, up to the learning rate.",
        **_EVENTS,
    },
    "tess": {
        "q^t": "trace of the inputs.",
        "hpost^t": "trace of the unit's own slopes, up to the step before.",
        "dW": "what the weights are moved by, up to the learning rate.",
        "m": "modulation: the error of the layer's own readout, brought back to the units.",
        "err": "error of that readout.",
        "S_kj": "weight of unit j in output k of that readout: a square wave.",
        "f_k": "frequency of wave k.",
        "t_j": "place of unit j on the wave.",
        "dim": "number of units.",
    },
    "eventprop": {
        "lam_v": "adjoint of the membrane potential, which runs backwards in time.",
        "lam_i": "adjoint of the synaptic current.",
        "tau_m": "time constant of the membrane.",
        "tau_s": "time constant of the synapse.",
        "l": "loss of the whole run.",
        "w": "any one weight.",
        "v": "membrane potential; a prime is a slope in time.",
    },
    "es-d-rtrl": {
        "xh^t": "trace of what the weight multiplies.",
        "f^t": "trace of the unit: how its state answers to its drive, over the steps so far.",
        "D^t": "how a state answers to the same state of the step before.",
        "a^t": "drive of the unit.",
        "v^t": "state of the unit.",
        "L^t": "how the loss of step t answers to the state.",
        "c^t": "what makes up for the traces that begin at 0.",
        "alpha": "decay of both traces per step.",
    },
    "fptt": {
        "w_t": "weights with which part t begins, all of them as one vector; w without an index is what is moved.",
        "wbar_t": "running average of the weights before part t.",
        "ell_t": "loss of part t from the state in which the part before ended; grad is its gradient.",
        "G_t": "gradient of the part before, at the weights with which part t begins: the paper's linear term.",
        "Lam_t": "the linear term of the code, one number per weight.",
        "al": "strength of the regulariser.",
        "be": "share of the new weights in the code's average.",
    },
    "update-per-step": {"w^t": "weights after step t.", "rate": "learning rate."},
    "update-per-sequence": {"w": "weights.", "rate": "learning rate."},
}
