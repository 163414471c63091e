"""The built-in cells as their users would write them, from the equations of their docstrings."""

from gradcert.models.equations import define
from gradcert.reference import Alif, Gru, Lif, Lstm, Refractory, Snu, Surrogate, Synaptic

DRIVE = {"a": "W @ x + H @ z_prev + b"}
FIRE = {"z": "spike(v - threshold)"}
MEMBRANE = {"v -> v": "state", "z -> v": "reset"}
PAIR = {"leak": 0.7, "threshold": 0.4}
TRIANGLE = Surrogate("triangle", scale=0.5)


def lif(v, *, edges=MEMBRANE, **constants):
    equations = {**DRIVE, "v": v, **FIRE}
    return define("lif_again", equations, edges=edges, constants={**PAIR, **constants}, surrogate=TRIANGLE)


def built_in(**options):
    return Lif(**PAIR, surrogate=TRIANGLE, recurrent=True, train=("leak", "threshold"), **options)


def gated(equations, edges):
    return define("gated_again", equations, edges=edges)()


def drives(gates):
    return {f"a{k}": f"W_{k} @ x + H_{k} @ z_prev + b_{k}" for k in gates}


BOTH = ("leak", "threshold")
ALIF = {"leak": 0.8, "threshold": 0.5, "beta": 0.3, "rho": 0.6}
ALIF_EDGES = {**MEMBRANE, "k -> k": "state", "z -> k": "adaptation"}
LSTM = {
    **drives("ifgo"),
    "i": "sigmoid(ai)",
    "f": "sigmoid(af)",
    "g": "tanh(ag)",
    "c": "f*c_prev + i*g",
    "o": "sigmoid(ao)",
    "z": "o*tanh(c)",
}
PEEPHOLES = {**LSTM, "i": "sigmoid(ai + p_i*c_prev)", "f": "sigmoid(af + p_f*c_prev)", "o": "sigmoid(ao + p_o*c)"}
GRU_AFTER = {
    **drives("ru"),
    "r": "sigmoid(ar)",
    "u": "sigmoid(au)",
    "q": "H_n @ z_prev + c_n",
    "an": "W_n @ x + b_n",
    "n": "tanh(an + r*q)",
    "z": "(1 - u)*n + u*z_prev",
}
GRU_BEFORE = {**GRU_AFTER, "q": "r*z_prev", "an": "W_n @ x + H_n @ q + b_n + c_n", "n": "tanh(an)"}


def alif(distance, scaling):
    equations = {
        **DRIVE,
        "k": "rho*k_prev + (1 - rho)*z_prev",
        "v": "leak*v_prev + (1 - leak)*a - (threshold + beta*k)*z_prev",
        "z": f"spike({distance})",
    }
    own = define("alif_again", equations, edges=ALIF_EDGES, constants=ALIF, surrogate=TRIANGLE, strict=True)
    gains = {"gain": "one_minus_leak", "adaptation_gain": "one_minus_rho", "reset": "adaptive_threshold"}
    theirs = Alif(**ALIF, **gains, scaling=scaling, surrogate=TRIANGLE, recurrent=True, train=tuple(ALIF))
    return own(train=tuple(ALIF)), theirs


def synaptic(current, v, *, more=None, **options):
    equations, constants = {**DRIVE, "i": current, "v": v, **FIRE}, {**PAIR, "rho": 0.6}
    edges, train = {**MEMBRANE, "i -> i": "state", **(more or {})}, ("leak", "rho", "threshold")
    own = define("synaptic_again", equations, edges=edges, constants=constants, surrogate=TRIANGLE, strict=True)
    return own(train=train), Synaptic(**constants, surrogate=TRIANGLE, recurrent=True, train=train, **options)


SCALED_ALIF = alif("(v - threshold - beta*k)/threshold", "threshold")

# name: the cell as equations, and the built-in one
CELLS = {
    "snu": (
        define(
            "snu_again",
            {"a": "W @ x + H @ z_prev + b + leak*v_prev*(1 - z_prev)", "v": "tanh(a)", **FIRE},
            edges={"v -> a": "state", "z -> a": "reset"},
            constants=PAIR,
            surrogate=TRIANGLE,
            strict=True,
        )(train=BOTH),
        Snu(**PAIR, transfer="tanh", surrogate=TRIANGLE, train=BOTH),
    ),
    "lif-before": (lif("leak*(v_prev - threshold*z_prev) + a")(train=BOTH), built_in(reset="subtract_before_leak")),
    "lif-after": (lif("leak*v_prev - threshold*z_prev + a")(train=BOTH), built_in(reset="subtract_after_leak")),
    "lif-hard": (
        lif("leak*(v_prev*(1 - z_prev) + reset_value*z_prev) + a", reset_value=0.25)(train=BOTH),
        built_in(reset="hard", reset_value=0.25),
    ),
    "lif-hard-with-input": (
        lif("(1 - z_prev)*(leak*v_prev + a) + reset_value*z_prev", reset_value=0.25)(train=BOTH),
        built_in(reset="hard_with_input", reset_value=0.25),
    ),
    "lif-none": (lif("leak*v_prev + a", edges={"v -> v": "state"})(train=BOTH), built_in(reset="none")),
    "lif-scaled-input": (
        lif("leak*(v_prev - threshold*z_prev) + (1 - leak)*a")(train=BOTH),
        built_in(reset="subtract_before_leak", gain="one_minus_leak"),
    ),
    "refractory": (
        define(
            "refractory_again",
            {
                **DRIVE,
                "v": "leak*(v_prev - threshold*z_prev) + a",
                "r1": "z_prev",
                "r2": "r1_prev",
                "s": "spike(v - threshold)",
                "z": "(1 - r1 - r2)*s",
            },
            edges={**MEMBRANE, "z -> r1": "reset", "r1 -> r2": "reset"},
            constants=PAIR,
            surrogate=TRIANGLE,
        )(train=BOTH),
        Refractory(**PAIR, surrogate=TRIANGLE, recurrent=True, train=BOTH),
    ),
    "synaptic-new": synaptic("rho*i_prev + a", "leak*v_prev + i - threshold*z_prev"),
    "synaptic-old": synaptic(
        "rho*i_prev + (1 - rho)*a",
        "leak*v_prev*(1 - z_prev) + (1 - leak)*i_prev",
        more={"i -> v": "state"},
        order="old",
        reset="hard",
        gain="one_minus_leak",
        current_gain="one_minus_rho",
    ),
    "alif": alif("v - threshold - beta*k", "none"),
    "lstm": (gated(LSTM, {"c -> c": "state"}), Lstm()),
    "lstm-peepholes": (
        gated(PEEPHOLES, {"c -> c": "state", "c -> i": "state", "c -> f": "state"}),
        Lstm(peepholes=True),
    ),
    "gru-after": (gated(GRU_AFTER, {"z -> z": "state"}), Gru(reset="after")),
    "gru-before": (
        gated(GRU_BEFORE, {"z -> z": "state", "z -> q": "recurrent"}),
        Gru(reset="before"),
    ),
}
