r"""One symbol table for all pages: how a symbol is set, and the sentence that a reader sees who touches it.

A symbol is a TeX macro named like its key: ``\v{i}{t}`` sets v with its indices, and says "state of unit i" under the
pointer. `tests/derivations/test_lessons.py` holds every page to it: no letter that is not here, none before it is
defined, no letter twice on one page.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Symbol:
    r"""How a symbol is set and what it means.

    Attributes
    ----------
    tex : TeX, with ``#1``, ``#2`` where its indices go.
    sign : the symbol as a reader sees it beside its sentence, in macros.
    says : one sentence; formulas stand between dollar signs.
    code : its name in the code, or empty.
    """

    tex: str
    sign: str
    says: str
    code: str = ""


#: letters that are written without a macro: indices and sizes
LETTERS: dict[str, str] = {
    "t": "time step, $1$ to $T$. As a superscript it is a label, never a power.",
    "s": "an earlier step, $s\\le t$.",
    "T": "number of steps.",
    "l": "layer, $1$ to $K$, counted from the input.",
    "K": "number of layers.",
    "N": "number of units of a layer, on a page where $n$ counts something else.",
    "i": "a unit of the layer.",
    "j": "a unit that feeds it. In $W_{ij}$ the signal goes from $j$ to $i$.",
    "p": "row of the weight in question: the unit that it feeds.",
    "q": "column of the weight in question: what it comes from.",
    "k": "an output of the network.",
    "n": "number of units of a layer.",
    "m": "number of inputs of a layer.",
    "P": "number of parts that a sequence is cut into.",
    "r": "a part of the sequence, $1$ to $P$.",
    "c": "a chunk of the sequence.",
    "d": "total derivative: all paths.",
    "X": "any matrix.",
    "Y": "another matrix.",
}


def _s(tex: str, sign: str, says: str, code: str = "") -> Symbol:
    return Symbol(tex, sign, says, code)


SYMBOLS: dict[str, Symbol] = {
    # the network
    "x": _s(
        "x_{#1}^{#2}",
        r"\x{j}{t}",
        "input $j$ of the layer at step $t$. In an upper layer: the output of the layer below at the same step.",
        "x",
    ),
    "y": _s("y_{#1}^{#2}", r"\y{k}{t}", "target of output $k$ at step $t$.", "targets"),
    "a": _s("a_{#1}^{#2}", r"\a{i}{t}", "drive of unit $i$ at step $t$: everything that arrives there, added up.", "a"),
    "v": _s(
        "v_{#1}^{#2}",
        r"\v{i}{t}",
        "state (membrane potential) of unit $i$ at step $t$, as it is compared with the threshold.",
        "v",
    ),
    "z": _s(
        "z_{#1}^{#2}",
        r"\z{i}{t}",
        "output of unit $i$ at step $t$: 0 or 1 for a spiking unit, between 0 and 1 for a graded one.",
        "z",
    ),
    "o": _s("o_{#1}^{#2}", r"\o{k}{t}", "output $k$ of the network at step $t$, a leaky sum of spikes.", "z"),
    "W": _s("W_{#1}", r"\W{ij}", "weight from input $j$ to unit $i$.", "W"),
    "H": _s("H_{#1}", r"\H{ij}", "lateral weight from unit $j$, one step ago, to unit $i$, now.", "H"),
    "b": _s("b_{#1}", r"\b{i}", "bias of unit $i$, the same number at every step.", "b"),
    "pr": _s(
        r"\pi_{#1}^{#2}", r"\pr{k}{t}", "share that softmax gives output $k$ at step $t$: positive, all add up to 1."
    ),
    "Wo": _s("U_{#1}", r"\Wo{ki}", "weight from unit $i$ to output $k$ of the network.", "layers.1.W"),
    "lam": _s(r"\lambda", r"\lam", "leak: the share of the state that survives a step, between 0 and 1.", "leak"),
    "thr": _s(
        r"\theta",
        r"\thr",
        "threshold that the state is compared with; of a unit that adapts, the base threshold, to which the adaptation "
        "is added.",
        "threshold",
    ),
    "g": _s(
        "g",
        r"\g",
        "transfer function from drive to state, applied to each unit alone. In the example: tanh.",
        "transfer",
    ),
    "gp": _s("g'(a_{#1}^{#2})", r"\gp{i}{t}", "slope of the transfer function $g$ of unit $i$ at step $t$."),
    "h": _s("h", r"\h", "output function, applied to each unit alone: a step (spiking) or a sigmoid (graded)."),
    "hp": _s(
        r"\psi_{#1}^{#2}",
        r"\hp{i}{t}",
        "slope of the output of unit $i$ at step $t$. For a spiking unit, a pseudo-derivative stands in its place.",
        "surrogate",
    ),
    "hr": _s(
        r"\chi_{#1}^{#2}",
        r"\hr{i}{t}",
        "slope of the output of unit $i$ at step $t$ as its reset takes it, where that is another than $\\psi_i^t$.",
    ),
    "E": _s("E", r"\E", r"loss of the whole sequence, $E=\sum_t E^t$.", "loss"),
    "Et": _s("E^{#1}", r"\Et{t}", "loss of step $t$. It looks at the outputs of the network at step $t$ alone."),
    "w": _s("w", r"\w", "any one weight of the layer, the same number at every step."),
    # derivatives
    "dk": _s(
        r"\hat d",
        r"\dk",
        "derivative over the edges that the rule keeps, and over no others; $d$ is that over all of them.",
    ),
    "ep": _s(
        r"\varepsilon_{#1}^{#2}",
        r"\ep{i}{t}",
        "state eligibility $dv_i^t/dw$: how the state of unit $i$ now answers to $w$, through all steps so far, inside "
        "the layer.",
    ),
    "e": _s(
        "e_{#1}^{#2}",
        r"\e{i}{t}",
        "eligibility: how the output of unit $i$ now answers to the weight, through all steps so far, inside the layer "
        "and over the edges that the rule keeps.",
    ),
    "L": _s(
        "L_{#1}^{#2}",
        r"\L{i}{t}",
        "learning signal of unit $i$ at step $t$: how the loss of step $t$ answers to its output, through the layers "
        "above at step $t$ alone.",
    ),
    "J": _s(
        "J_{#1}^{#2}",
        r"\J{ij}{t}",
        "how $v_i^t$ answers to $v_j^{t-1}$, through all edges inside the layer: one step of its memory.",
        "across",
    ),
    "F": _s(
        "F_{#1}^{#2}",
        r"\F{i}{t}",
        "immediate effect: how $v_i^t$ answers to the copy of $w$ that is used at step $t$, the past held fixed.",
    ),
    "same": _s("[#1{=}#2]", r"\same{i}{j}", "1 if $i=j$, else 0."),
    "cr": _s(
        r"\bar v_{#1}^{#2}",
        r"\cr{i}{t}",
        "backward credit $dE/dv_i^t$: how the whole future loss answers to the state now. BPTT computes it backwards.",
    ),
    "R": _s("R", r"\R", "residual: the part of the gradient that the rule leaves out."),
    # depth
    "down": _s(
        r"\bar z_{#1}^{#2}",
        r"\down{1}{s}",
        "credit that comes down to the lower outputs of step $s$: how the losses of this and of all later steps answer "
        "to them through the layer above.",
    ),
    "late": _s(
        "r_{#1}^{#2}",
        r"\late{2}{s}",
        "late credit: how the losses of later steps answer to the state of step $s$, over the paths that the rule "
        "drops.",
    ),
    "kc": _s("k^{#1}", r"\kc{s}", "kept credit at step $s$: over paths all of whose edges the rule keeps."),
    "Jk": _s(r"\hat J^{#1}", r"\Jk{t}", "the part of $J^t$ that the rule keeps: its edges, and no others."),
    # e-prop
    "A": _s("A_{#1}^{#2}", r"\A{i}{t}", "threshold of unit $i$ at step $t$, the adaptation included."),
    "k": _s(
        r"\alpha_{#1}^{#2}",
        r"\k{i}{t}",
        "adaptation of unit $i$ at step $t$: a slow memory of its own spikes.",
        "k",
    ),
    "bet": _s(r"\beta", r"\bet", "strength of the adaptation: how much it raises the threshold.", "beta"),
    "roh": _s(r"\rho", r"\roh", "decay of the adaptation per step, between 0 and 1.", "rho"),
    "kap": _s(r"\kappa", r"\kap", "decay of the readout per step, between 0 and 1.", "kappa"),
    "per": _s(r"\tau", r"\per", "length of the refractory period: the steps after a spike in which a unit is silent."),
    "may": _s(
        r"\phi_{#1}^{#2}",
        r"\may{i}{t}",
        "0 while unit $i$ is in its refractory period, else 1.",
    ),
    "mo": _s(r"\bar o_{#1}", r"\mo{k}", "mean of output $k$ over all steps."),
    "frt": _s("f^*", r"\frt", "firing rate that the units are to have."),
    "reg": _s(r"\nu", r"\reg", "coefficient of the term of the loss about firing rates."),
    "rew": _s("R^{#1}", r"\rew{t}", "reward that follows the action of step $t$."),
    "val": _s("V^{#1}", r"\val{t}", "value: what the network guesses at step $t$ of the rewards to come."),
    "disc": _s(r"\gamma", r"\disc", "discount: how much less a reward counts for every step that it is later."),
    "vco": _s("c_V", r"\vco", "coefficient of the term of the loss about the value."),
    "tde": _s(r"\Delta^{#1}", r"\tde{t}", "surprise: reward and next value, faded, less the value that was guessed."),
    "xh": _s(
        r"\hat x_{#1}^{#2}",
        r"\xh{j}{t}",
        "trace of input $j$: the inputs so far, each faded by the leak for every step since.",
    ),
    "zh": _s(
        r"\hat z_{#1}^{#2}",
        r"\zh{j}{t}",
        "trace of the outputs of unit $j$, up to the step before $t$, each faded by the leak.",
    ),
    "ea": _s(
        r"\varepsilon_{#1}^{#2}",
        r"\ea{ij}{t}",
        "trace of the adaptation: how $\\alpha_i^t$ answers to the weight from $j$ to $i$.",
    ),
    "eb": _s(
        r"\bar e_{#1}^{#2}", r"\eb{ij}{t}", "filtered eligibility: the eligibilities so far, each faded by $\\kappa$."
    ),
    "eij": _s(
        "e_{#1}^{#2}",
        r"\eij{ij}{t}",
        "eligibility of the synapse from $j$ to $i$: how the spike of $i$ answers to the weight over the edges that "
        "e-prop keeps.",
    ),
    "B": _s(
        "B_{#1}",
        r"\B{ki}",
        "feedback weight from output $k$ to unit $i$: the readout's own weight $U_{ki}$, or a fixed random number.",
        "feedback",
    ),
    "dec": _s(r"\delta", r"\dec", "decay of a weight at every update, a small positive share."),
    "Lf": _s(
        "L_{#1}^{#2}",
        r"\Lf{i}{t}",
        "learning signal of unit $i$: the errors of the outputs at step $t$, through the feedback weights.",
    ),
    # OTTT
    "bh": _s(r"\hat b^{#1}", r"\bh{t}", "trace of the constant 1, which is what a bias is multiplied with."),
    "c": _s(
        "c_{#1}^{#2}",
        r"\c{i}{t}",
        "credit at the membrane of unit $i$: slope of its output times how the loss of step $t$ answers to it, within "
        "the step.",
    ),
    "lat": _s(
        r"\hat\lambda_{#1}^{#2}", r"\lat{i}{t}", "trace of the leak of unit $i$: how its state answers to the leak."
    ),
    "tht": _s(
        r"\hat\theta_{#1}^{#2}",
        r"\tht{i}{t}",
        "trace of the threshold of unit $i$: how its state answers to the threshold, through the resets so far.",
    ),
    "syn": _s(
        "I_{#1}^{#2}", r"\syn{i}{t}", "synaptic current into unit $i$: its drives so far, each faded by $\\kappa$."
    ),
    "syd": _s(r"\kappa", r"\syd", "decay of the synaptic current per step, between 0 and 1.", "rho"),
    "xs": _s(
        r"\tilde x_{#1}^{#2}",
        r"\xs{j}{t}",
        "trace of input $j$ in the synaptic current: the inputs so far, each faded by $\\kappa$ for every step since.",
    ),
    "cb": _s(
        r"\bar c_{#1}",
        r"\cb{i}",
        "constant credit of unit $i$, the same at every step: that of a loss of the rates, its slope by the rate of "
        "the unit over the threshold.",
    ),
    "hb": _s(r"\bar\psi_{#1}", r"\hb{j}", "constant around which the slopes of unit $j$ vary in time, positive."),
    "vhp": _s(
        r"\zeta", r"\vhp", "bound on how much the slopes of a unit vary in time, relative to their constant part."
    ),
    "can": _s(
        r"\chi_{#1}",
        r"\can{j}",
        "how much cancels in what comes down to unit $j$: the sum of the sizes over the size of the sum, $1$ or more.",
    ),
    "lamu": _s(r"\lambda^{+}", r"\lamu", "leak of the layer above, between 0 and 1.", "leak"),
    "eup": _s(
        r"\tilde e_{#1}^{#2}",
        r"\eup{ij}{t}",
        "eligibility for the layer above: how the outputs of unit $i$ so far answer to $W_{ij}$, each faded by the "
        "leak of that layer, as its membrane fades them.",
    ),
    "Ws": _s(r"\hat W_{#1}", r"\Ws{ij}", "the weight that acts, made from the trained one by standardisation."),
    "wm": _s(r"\bar W_{#1}", r"\wm{i}", "mean of the weights of unit $i$."),
    "nrm": _s("N_{#1}", r"\nrm{i}", "what the weights of unit $i$ are divided by, less their mean."),
    "gain": _s(r"\gamma_{#1}", r"\gain{i}", "gain of unit $i$, a trained factor of all its weights."),
    "Lam": _s(r"\Omega", r"\Lam", r"sum of the weights of a firing rate, $\sum_t\lambda^{T-t}$."),
    "rate": _s(
        r"\bar z_{#1}",
        r"\rate{i}",
        "weighted firing rate of unit $i$: its spikes, each weighted by the leak, over the sum of the weights.",
    ),
    "ratein": _s(r"\bar x_{#1}", r"\ratein{j}", "weighted rate of input $j$, with the same weights."),
    "S": _s("S_{#1}", r"\S{j}", "sum of the traces of input $j$ over all steps."),
    "vary": _s(
        r"\eta", r"\vary", "bound on how much the credit of a unit varies in time, relative to its constant part."
    ),
    # bounds
    "upk": _s(
        "U^{#1}",
        r"\upk{t}",
        "how the upper state answers to the weight through what goes up at step $t$: the part that the rule has.",
    ),
    "Dr": _s("D^{#1}", r"\Dr{t}", "how the upper state answers to the weight through what went up before step $t$."),
    "xb": _s(r"\xi^{#1}", r"\xb{t}", "bound on $\\lvert\\ep{1}{t}\\rvert$, carried from step to step."),
    "ub": _s(r"\omega^{#1}", r"\ub{t}", "bound on $\\lvert\\upk{t}\\rvert$."),
    "db": _s(r"\delta^{#1}", r"\db{t}", "bound on $\\lvert\\Dr{t}\\rvert$, carried from step to step."),
    "bnd": _s("B^{#1}", r"\bnd{t}", "bound on the residual of the steps up to $t$."),
    "Nm": _s("N_{#1}", r"\Nm{l}", "largest $\\lvert\\J{l}{t}\\rvert$ of layer $l$ at any step, or a bound on it."),
    "tg": _s(r"\mathbf g_{#1}", r"\tg{p}", "gradient of BPTT for tensor $p$."),
    "est": _s(r"\mathbf h_{#1}", r"\est{p}", "what the rule has for tensor $p$."),
    "tb": _s("b_{#1}", r"\tb{p}", "bound on $\\lvert\\tg{p}-\\est{p}\\rvert$."),
    # S-TLLR
    "lamp": _s(r"\lambda_p", r"\lamp", "decay of the causal trace per step, between 0 and 1.", "lp"),
    "lamq": _s(r"\lambda_q", r"\lamq", "decay of the acausal trace per step, between 0 and 1.", "lq"),
    "apre": _s(r"a_{\text{pre}}", r"\apre", "weight of the causal term; usually 1.", "a_pre"),
    "apost": _s(
        r"a_{\text{post}}", r"\apost", "weight of the acausal term; negative punishes, positive rewards.", "a_post"
    ),
    "ph": _s(
        r"\hat\psi_{#1}^{#2}",
        r"\ph{i}{t}",
        "acausal trace of unit $i$: its slopes before step $t$, each faded by $\\lambda_q$ for every step since.",
    ),
    "upd": _s(
        r"\Delta_{#1}", r"\upd{ij}", "what S-TLLR has in the place of the gradient of the weight from $j$ to $i$."
    ),
    "first": _s("t_0", r"\first", "first step whose loss counts.", "first_step"),
    # rates
    "cur": _s(
        "I_{#1}^{#2}", r"\cur{i}{t}", "current into unit $i$ at step $t$: all that arrives there, the bias included."
    ),
    "mr": _s("r_{#1}", r"\mr{i}", "firing rate of unit $i$: the mean of its outputs over all steps."),
    "mx": _s(r"\bar x_{#1}", r"\mx{j}", "mean of input $j$ over all steps."),
    "my": _s(r"\bar y_{#1}", r"\my{k}", "mean of target $k$ over all steps."),
    "kp": _s(
        r"\kappa_{#1}^{#2}",
        r"\kp{i}{t}",
        "how $v_i^t$ answers to a current into unit $i$ that is larger by the same amount at every step.",
    ),
    "Er": _s(r"\bar E", r"\Er", "loss of the rates: that of one step, at the mean output and the mean target.", "loss"),
    "gc": _s(r"\gamma_{#1}", r"\gc{i}", r"how the loss of the rates answers to a constant current into unit $i$."),
    "ra": _s(
        r"\rho_{#1}^{#2}", r"\ra{j}{t}", "ratio of the potential of unit $j$ after the reset to that of one step ago."
    ),
    # local losses
    "Gl": _s(
        "G_{#1}", r"\Gl{ki}", "weight of unit $i$ in output $k$ of the layer's own readout: random, and never trained."
    ),
    "lr": _s("r_{#1}^{#2}", r"\lr{k}{t}", "output $k$ of the layer's own readout at step $t$."),
    "Eloc": _s(r"\tilde E^{#1}", r"\Eloc{t}", "loss of the layer's own readout at step $t$; without a step, of all."),
    "lc": _s(
        r"\tilde c_{#1}^{#2}", r"\lc{i}{t}", "how the layer's own loss of step $t$ answers to the output of unit $i$."
    ),
    "sq": _s(
        "S_{#1}", r"\sq{ki}", "square wave $k$ at unit $i$, $1$ or $-1$, over the number of units: TESS's readout."
    ),
    # convolution
    "Wpq": _s("W_{#1}", r"\Wpq{pq}", "weight of the synapse of entry $q$ at position $p$, as if it were its own."),
    "cm": _s(r"\bar c^{#1}", r"\cm{t}", "mean of the credits over all positions."),
    "xm": _s(r"\bar x_{#1}^{#2}", r"\xm{q}{t}", "mean over all positions of the trace that entry $q$ meets there."),
    # fixed point
    "ulp": _s("u", r"\ulp", "unit of the number format: the distance of two numbers that a register can hold."),
    "qr": _s("q_{#1}^{#2}", r"\qr{j}{t}", "trace of input $j$ as the register holds it, rounded after every step."),
    "dl": _s(
        r"\delta^{#1}", r"\dl{t}", "rounding error of step $t$: what the register holds minus what was to be held."
    ),
    "er": _s(r"\epsilon^{#1}", r"\er{t}", "error of the trace at step $t$: rounded minus exact."),
    "dlam": _s(r"\Delta", r"\dlam", "error of the leak: the one in the register minus the one that is meant."),
    "xmax": _s(r"x_{\max}", r"\xmax", "largest size that an input can have."),
    "fr": _s("f", r"\fr", "what is left of a value above the next lower multiple of the unit, in units; $0\\le f<1$."),
    "dc": _s(r"\delta_c", r"\dc", "error of the credit."),
    # complexity
    "mem": _s("M_{#1}", r"\mem{}", "numbers that a rule carries from step to step beside the network's own state."),
    "pro": _s("C_{#1}", r"\pro{}", "products that the code forms in one step, the forward pass included."),
    # SnAp
    "infl": _s(
        "M_{#1}^{#2}",
        r"\infl{i}{t}",
        "influence of the weight on unit $i$: how its output at step $t$ answers to the weight, over the paths that "
        "the rule keeps.",
    ),
    "mk": _s(r"\mathcal M_{#1}", r"\mk{ip}", "mask: 1 if unit $i$ is near unit $p$, which the weight feeds, else 0."),
    # UORO and KF-RTRL
    "nz": _s(r"\nu_{#1}^{#2}", r"\nz{i}{t}", "random sign, $1$ or $-1$ with equal chance, independent of all others."),
    "Ac": _s("A_{#1}^{#2}", r"\Ac{i}{t}", "the state's side of the influence, one random number per unit."),
    "Br": _s("B_{#1}^{#2}", r"\Br{}{t}", "the weight's side of the influence, one random number per weight."),
    "rn": _s(
        "r_{#1}^{#2}",
        r"\rn{0}{t}",
        "normaliser: a positive number that is given to one factor and taken from the other.",
    ),
    "gh": _s(r"\hat g", r"\gh", "what one draw has in the place of the gradient of the weight."),
    "Ak": _s(
        r"\tilde A_{#1}^{#2}",
        r"\Ak{ik}{t}",
        "the state's side in KF-RTRL: unit $i$, and the unit $k$ that the weight feeds.",
    ),
    "uk": _s("u_{#1}^{#2}", r"\uk{j}{t}", "the weight's side in KF-RTRL: one random number per input of the layer."),
    "pn": _s("p_{#1}^{#2}", r"\pn{1}{t}", "normaliser of KF-RTRL."),
    # OSTTP
    "eo": _s(r"\delta^{#1}", r"\eo{t}", "errors of the outputs at step $t$, as a vector."),
    "Lp": _s(
        r"\tilde L_{#1}^{#2}",
        r"\Lp{i}{t}",
        "signal of hidden unit $i$: the targets of the step, through the fixed matrix.",
    ),
    # SLTT-K, ETLP and OPZO
    "kn": _s("K", r"\kn", "number of steps that are drawn, out of $T$."),
    "dr": _s("D", r"\dr", "set of the steps that are drawn."),
    "tk": _s("g^{#1}", r"\tk{t}", "what step $t$ adds to the gradient when no path through time is kept."),
    "ev": _s(r"\chi^{#1}", r"\ev{t}", "event: 1 if the rule updates at step $t$, else 0."),
    "prob": _s(r"\rho", r"\prob", "probability of an event, the same at every step."),
    "op": _s(r"\tilde o_{#1}^{#2}", r"\op{k}{t}", "output $k$ of the pass in which the hidden units are perturbed."),
    "pert": _s(r"\alpha", r"\pert", "size of the perturbation, positive.", "alpha"),
    "mom": _s(r"\mu", r"\mom", "momentum: the share of the old feedback matrix that stays at a step.", "momentum"),
    # gated cells
    "gany": _s(r"\mathsf k", r"\gany", "any of the gates."),
    "gin": _s(r"\mathsf i", r"\gin", "input gate, between 0 and 1: how much of what may come in comes in.", "i"),
    "gfo": _s(r"\mathsf f", r"\gfo", "forget gate, between 0 and 1: how much of the cell state survives a step.", "f"),
    "gca": _s(r"\mathsf g", r"\gca", "candidate: what may come into the cell state.", "g"),
    "gou": _s(r"\mathsf o", r"\gou", "output gate, between 0 and 1: how much of the cell state is shown.", "o"),
    "cs": _s("c^{#1}", r"\cs{t}", "cell state: what is kept, a number for every unit; 0 before the first step.", "c"),
    "Jl": _s(r"J_{#1}", r"\Jl{\text{cz}}", "how the first of its two indices answers to the second, in one step."),
    "Fl": _s(r"F_{#1}", r"\Fl{\text{c}}", "immediate effect of the copy of the weight that is used at step $t$."),
    "gre": _s(r"\mathsf r", r"\gre", "reset gate of a GRU, between 0 and 1.", "r"),
    "gup": _s(r"\mathsf u", r"\gup", "update gate of a GRU, between 0 and 1: how much of the old output stays.", "u"),
    "gcn": _s(r"\mathsf n", r"\gcn", "candidate of a GRU: what the new output is drawn to.", "n"),
    "bc": _s(r"c_{\mathsf n}", r"\bc", "second bias of a GRU's candidate, on the lateral side.", "c_n"),
    "kg": _s(r"k", r"\kg", "how the new output answers to the argument of the candidate."),
    # FPTT
    "wr": _s("w_{#1}", r"\wr{r}", "weights with which part $r$ begins, all of them as one vector.", "weights"),
    "wb": _s(r"\bar w_{#1}", r"\wb{r}", "running average of the weights before part $r$.", "average"),
    "G": _s("G_{#1}", r"\G{r}", "gradient of the part before, at the weights with which part $r$ begins.", "pull"),
    "La": _s(
        r"\Lambda_{#1}",
        r"\La{r}",
        "linear term of the code's objective before part $r$, one number per weight.",
        "pull",
    ),
    "loss": _s(r"\ell_{#1}", r"\loss{r}", "loss of part $r$ from the state in which the part before ended."),
    "grad": _s(r"\nabla\ell_{#1}", r"\grad{r}", "gradient of the loss of part $r$: plain BPTT inside the part."),
    "str": _s(r"\mu", r"\str", "strength of the regulariser ($\\alpha$ in the papers).", "alpha"),
    "share": _s(r"\beta", r"\share", "share of the new weights in the code's running average.", "beta"),
    "step": _s(r"\eta", r"\step", "learning rate of a step of gradient descent.", "rate"),
    "orc": _s("q_{#1}^{#2}", r"\orc{k}{r}", "share of class $k$ in the oracle of part $r$: a number that is given."),
    "curv": _s("c", r"\curv", "curvature of a quadratic loss: its second derivative, a positive number."),
    "Q": _s("Q_{#1}", r"\Q{r}", "what is minimised in part $r$: its loss and the regulariser."),
    "nd": _s(
        r"\mathcal N(#1;#2)",
        r"\nd{0}{0.3}",
        "normal density around the first number, of the standard deviation that stands second, at $v_i^t-A_i^t$.",
    ),
    "u": _s(r"u_{#1}^{#2}", r"\u{i}{t}", "membrane potential after the reset.", "u"),
    "gk": _s("k_{#1}^{#2}", r"\gk{i}{t}", "gate of the membrane, between 0 and 1: one over its time constant.", "k"),
    "gr": _s(r"\gamma_{#1}^{#2}", r"\gr{i}{t}", "gate of the adaptation, between 0 and 1.", "r"),
    "bb": _s(r"b_{#1}^{#2}", r"\bb{i}{t}", "adaptation of the threshold of unit $i$.", "b"),
}

#: macros that only colour: the edges, each with one colour everywhere, and what a rule drops
COLOURS: dict[str, str] = {
    "st": "state",
    "rs": "reset",
    "rc": "recurrent",
    "ad": "adaptation",
    "lost": "lost",
}


def macros() -> dict[str, str]:
    r"""Return the KaTeX macros of the table.

    Examples
    --------
    >>> macros()["\\v"]
    '\\htmlData{s=v}{v_{#1}^{#2}}'
    """
    out = {f"\\{key}": f"\\htmlData{{s={key}}}{{{s.tex}}}" for key, s in SYMBOLS.items()}
    return out | {f"\\{key}": f"\\htmlClass{{c-{name}}}{{#1}}" for key, name in COLOURS.items()}
