"""Neurons of libraries that gradcert has no cell for, as equations with labelled edges (``gradcert.models.equations``).

Read from the code of snnTorch 1.0.0 and Norse 1.1.0. The subjects are in ``snntorch_two_states.py`` and
``norse_two_states.py``; they name a cell by file and attribute.
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
