"""Neurons of libraries that gradcert has no cell for, as equations with labelled edges (``gradcert.models.equations``).

Read from the code of snnTorch 1.0.0, SpikingJelly 2.0.0 and Norse 1.1.0. The subjects are in
``snntorch_two_states.py``, ``spikingjelly_qif.py``, ``norse_two_states.py`` and ``norse_adjoint.py``; they name a cell
by file and attribute.
"""

from gradcert.models.equations import define
from gradcert.reference.numbers import Surrogate

ATAN = Surrogate("atan", scale=2.0)  # snnTorch's default
SUPER_SPIKE = Surrogate("fast_sigmoid", slope=1.0)  # Norse's, as it computes it

# snntorch.Synaptic, reset "subtract": a synaptic current c, and a reset that is not leaked
Synaptic = define(
    "synaptic",
    {
        "a": "W @ x + b",
        "c": "rho*c_prev + a",
        "v": "leak*v_prev + c - threshold*z_prev",
        "z": "spike(v - threshold)",
    },
    edges={"c -> c": "state", "v -> v": "state", "z -> v": "reset"},
    constants={"leak": 0.9, "rho": 0.8, "threshold": 1.0},
    surrogate=ATAN,
    strict=True,
)

# snntorch.SLSTM, reset "subtract": an LSTM whose hidden state is a membrane potential, lateral weights included
Slstm = define(
    "slstm",
    {
        **{f"a{k}": f"W_{k} @ x + H_{k} @ v_prev + b_{k}" for k in "ifgo"},
        "i": "sigmoid(ai)",
        "f": "sigmoid(af)",
        "g": "tanh(ag)",
        "c": "f*c_prev + i*g",
        "o": "sigmoid(ao)",
        "v": "o*tanh(c) - threshold*z_prev",
        "z": "spike(v - threshold)",
    },
    edges={"c -> c": "state", "z -> v": "reset"},
    constants={"threshold": 0.125},
    surrogate=ATAN,
    strict=True,
)

# snntorch.RSynaptic, reset "subtract": the current takes the layer's own spikes, through weights, as well
RSynaptic = define(
    "rsynaptic",
    {
        "a": "W @ x + H @ z_prev + b",
        "c": "rho*c_prev + a",
        "v": "leak*v_prev + c - threshold*z_prev",
        "z": "spike(v - threshold)",
    },
    edges={"c -> c": "state", "v -> v": "state", "z -> v": "reset"},
    constants={"leak": 0.9, "rho": 0.8, "threshold": 1.0},
    surrogate=ATAN,
    strict=True,
)

# snntorch.Alpha: an exciting and an inhibiting current; the potential, tau times their sum, keeps nothing of itself.
# tau = log(rho) / (log(leak) - log(rho)) + 1, which is 2 for the decays below. Both documented and reset "zero":
ALPHA = {"leak": 0.25, "rho": 0.5, "tau": 2.0, "threshold": 1.0}
Alpha = define(
    "alpha",
    {
        "a": "W @ x + b",
        "e": "(rho*e_prev + a)*(1 - z_prev)",
        "i": "(leak*i_prev - a)*(1 - z_prev)",
        "v": "tau*(e + i)",
        "z": "spike(v - threshold)",
    },
    edges={"e -> e": "state", "i -> i": "state", "z -> e": "reset", "z -> i": "reset"},
    constants=ALPHA,
    surrogate=ATAN,
    strict=True,
)

# The same with reset "subtract", its default: each current is reset in a way of its own, and the potential is made of
# what they were before, and of the inhibiting current of the step before
AlphaSubtract = define(
    "alpha_subtract",
    {
        "a": "W @ x + b",
        "p": "rho*e_prev + a",
        "q": "leak*i_prev - a",
        "e": "p - threshold*z_prev",
        "i": "q*(1 - z_prev)",
        "v": "tau*(p + q) + i_prev*z_prev",
        "z": "spike(v - threshold)",
    },
    edges={
        "e -> p": "state",
        "i -> q": "state",
        "i -> v": "state",
        "z -> e": "reset",
        "z -> i": "reset",
        "z -> v": "reset",
    },
    constants=ALPHA,
    surrogate=ATAN,
    strict=True,
)

# spikingjelly QIFNode: v is above its reset value, from which it starts; rest and critical potential are below as well
Qif = define(
    "qif",
    {
        "a": "W @ x + b",
        "u": "v_prev*(1 - z_prev)",
        "v": "u + rate*(a + gain*(u - rest)*(u - critical))",
        "z": "spike(v - threshold)",
    },
    edges={"v -> u": "state", "z -> u": "reset"},
    constants={"rate": 0.5, "gain": 1.0, "rest": 0.125, "critical": 0.625, "threshold": 1.0},
    surrogate=Surrogate("sigmoid", scale=4.0),
    strict=False,
)

# norse lif_feed_forward_step: the current jumps before it charges the membrane, and decays after
NorseLif = define(
    "norse_lif",
    {
        "a": "W @ x + b",
        "i": "rho*i_prev + a",
        "v": "leak*v_prev*(1 - z_prev) + (1 - leak)*i",
        "z": "spike(v - threshold)",
    },
    edges={"i -> i": "state", "v -> v": "state", "z -> v": "reset"},
    constants={"leak": 0.9, "rho": 0.8, "threshold": 1.0},
    surrogate=SUPER_SPIKE,
    strict=True,
)

# norse li_feed_forward_step: the same without spikes
NorseLi = define(
    "norse_li",
    {"a": "W @ x + b", "i": "rho*i_prev + a", "z": "leak*z_prev + (1 - leak)*i"},
    edges={"i -> i": "state", "z -> z": "state"},
    constants={"leak": 0.9, "rho": 0.8},
)

# norse lsnn_step: the membrane charges from the old current; the threshold, which the library starts at its base, is
# threshold + k, and k decays and jumps by beta
NorseLsnn = define(
    "norse_lsnn",
    {
        "i": "W @ x + H @ z_prev + kappa*i_prev",
        "v": "leak*v_prev*(1 - z_prev) + (1 - leak)*i_prev",
        "k": "rho*(k_prev + beta*z_prev)",
        "z": "spike(v - threshold - k)",
    },
    edges={
        "i -> i": "state",
        "v -> v": "state",
        "z -> v": "reset",
        "i -> v": "state",
        "k -> k": "state",
        "z -> k": "adaptation",
    },
    constants={"leak": 0.5, "kappa": 0.75, "rho": 0.75, "beta": 0.5, "threshold": 0.25},
    surrogate=SUPER_SPIKE,
    strict=True,
)
