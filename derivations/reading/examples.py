"""The examples of the pages: small networks of the reference engine, handed to the page's script as JSON.

A specification says which cells, weights and inputs there are, what the reader may change (`controls`), which rule is
shown beside which exact gradient, and which mistakes. Links are the cells' own. `network` builds the same problem for
gradcert's engines, so that a test can compare the two at any setting of the sliders.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Alif, Conv2d, Dense, Integrator, Layer, Lif, Lstm, Network, Rnn, Snu, Ssnu
from gradcert.reference.numbers import Surrogate
from gradcert.reference.rules import RULES, Rule

#: options of the cells that are drawn and computed; what is left is the cell's default
_CELLS = {"snu": Snu, "lif": Lif, "alif": Alif, "integrator": Integrator, "rnn": Rnn, "lstm": Lstm}


@dataclass(frozen=True)
class Control:
    """A slider: its name, its label, its range, and the numbers that it sets (paths into the specification)."""

    name: str
    sign: str
    value: float
    low: float = -2.0
    high: float = 2.0
    paths: tuple[str, ...] = ()
    step: float = 0.05


@dataclass(frozen=True)
class Spec:
    """An example.

    Attributes
    ----------
    name : also that of the chapter.
    layers : per layer its cell, per-unit constants, W and, where there are, H and b; ``shared`` where the rows of W
        are one kernel, each one input further.
    x, y : inputs and targets, step by step.
    controls : what the reader may move.
    rule, exact : names of rows of the rule table: what is computed forwards, and what backwards.
    weights : (label, layer, matrix, i, j) of every weight that can be chosen.
    mistakes : ids of the engine's mistakes, shown with their effect.
    cuts : (edge, what the box beside it says).
    reach : n of SnAp-n, else 0; a control may set it by the path ``rule.reach``.
    outputs : whether the output can be switched between step and sigmoid.
    parts : of FPTT, else 0.
    chosen : whether the reader chooses one weight to look at.
    kind : what the page computes beside kept edges, a name in `assets/sums.js`, `draws.js` or `means.js`, else empty.
    """

    name: str
    layers: tuple[Mapping[str, Any], ...]
    x: tuple[tuple[float, ...], ...]
    y: tuple[tuple[float, ...], ...]
    controls: tuple[Control, ...]
    weights: tuple[tuple[str, int, str, int, int], ...]
    rule: str = "bptt"
    exact: str = "bptt"
    mistakes: tuple[str, ...] = ()
    cuts: tuple[tuple[str, str], ...] = ()
    outputs: bool = False
    parts: int = 0
    reach: int = 0
    chosen: bool = True
    kind: str = ""


def cell(spec: Mapping[str, Any]) -> Any:
    """Return the cell of one layer of a specification."""
    p = spec["p"]
    options: dict[str, Any] = {"recurrent": "H" in spec, "bias": "b" in spec}
    if spec["cell"] == "integrator":
        return Integrator(kappa=p["kappa"], bias="b" in spec)
    if spec["cell"] == "rnn":
        return Rnn(**options)
    if spec["cell"] == "lstm":
        return Lstm(recurrent="H_i" in spec, bias=False)
    if spec["cell"] == "snu":
        options |= {"leak": p["leak"], "threshold": p["threshold"], "transfer": "tanh"}
        return Ssnu(**options) if p["output"] == "sigmoid" else Snu(**options)
    options |= {"leak": p["leak"], "threshold": p["threshold"], "strict": p["strict"]}
    if spec["cell"] == "lif":
        return Lif(reset=p["reset"], surrogate=Surrogate("sigmoid"), **options)
    return Alif(beta=p["beta"], rho=p["rho"], **options)


def network(spec: Spec, settings: Mapping[str, Any]) -> tuple[Network, dict[str, Any], Any, Any]:
    """Return network, parameters, inputs and targets of a specification at a reader's settings."""
    data = json.loads(script(spec))
    for control in spec.controls:
        for path in control.paths:
            *way, last = path.split(".")
            place = data
            for name in way:
                place = place[int(name)] if isinstance(place, list) else place[name]
            place[int(last) if isinstance(place, list) else last] = settings.get(control.name, control.value)
    layers: list[Layer] = []
    parameters: dict[str, Any] = {}
    for i, layer in enumerate(data["layers"]):
        inputs, units = layer["inputs"], layer["units"]
        trained = [k for k in layer if k[0] in "WHb"]
        parameters |= {f"layers.{i}.{k}": np.array(layer[k], dtype=float) for k in trained}
        if layer.get("shared"):  # the matrix is that of a kernel which every unit has, one input further
            kernel = (1, inputs - units + 1)
            row = Conv2d(in_channels=1, height=1, width=inputs, out_channels=1, kernel=kernel)
            layers.append(Layer(cell(layer), inputs=inputs, units=units, synapses=(("W", row),)))
            parameters[f"layers.{i}.W"] = parameters[f"layers.{i}.W"][None, None, :1, : kernel[1]]
        else:
            absent = tuple((i, j) for i, j in layer.get("absent", ()))
            lateral = (("H", Dense(inputs=units, units=units, absent=absent)),) if absent else ()
            layers.append(Layer(cell(layer), inputs=inputs, units=units, synapses=lateral))
    x, y = (np.array(data[k], dtype=float)[:, None, :] for k in "xy")
    return Network(layers=tuple(layers)), parameters, x, y


def rule_with(rule: Rule, *, without: tuple[str, ...] = ()) -> Rule:
    """Return a row of the table without some of its own edges."""
    kept = frozenset(e for e in rule.own if e.value not in without)
    return replace(rule, name=f"{rule.name} without {', '.join(without)}", own=kept) if without else rule


def _edges(edges: frozenset[Any]) -> list[str]:
    return sorted(e.value for e in edges)


def script(spec: Spec) -> str:
    """Return what the page's script reads."""
    layers = []
    for layer in spec.layers:
        built = cell(layer)
        first = layer[next(k.weight for k in built.links if k.source == "x" and k.weight)]
        layers.append(
            {
                **layer,
                "units": len(first),
                "inputs": len(first[0]),
                "nodes": list(built.nodes),
                "links": [
                    {"target": k.target, "source": k.source, "lag": k.lag, "edge": k.edge.value, "weight": k.weight}
                    for k in built.links
                ],
            }
        )
    rule, exact = RULES[spec.rule], RULES[spec.exact]
    return json.dumps(
        {
            "name": spec.name,
            "layers": layers,
            "x": spec.x,
            "y": spec.y,
            "controls": [{"name": c.name, "paths": c.paths, "value": c.value} for c in spec.controls],
            "rule": {
                "own": _edges(rule.own),
                "upper": _edges(rule.upper),
                "readout": _edges(rule.readout),
                "reach": spec.reach,
            },
            "exact": {"own": _edges(exact.own), "upper": _edges(exact.upper), "readout": []},
            "weights": [dict(zip(("label", "layer", "name", "i", "j"), w, strict=True)) for w in spec.weights],
            "mistakes": spec.mistakes,
            "parts": spec.parts,
            "kind": spec.kind,
        },
        ensure_ascii=False,
    )


def _matrix(name: str, layer: int, rows: int, columns: int) -> tuple[tuple[str, int, str, int, int], ...]:
    return tuple((f"{name}{i + 1}{j + 1}", layer, name, i, j) for i in range(rows) for j in range(columns))


_SNU = {"threshold": 0.5, "output": "step", "surrogate": "tanh", "strict": True}

_OSTL = Spec(
    name="ostl",
    layers=(
        {
            "cell": "snu",
            "p": {"leak": 0.8, "threshold": 0.5, "output": "step", "surrogate": "tanh", "strict": True},
            "W": [[1.0], [0.4]],
            "H": [[0.2, -0.5], [0.7, 0.1]],
        },
    ),
    x=((1.0,), (0.3,), (0.8,)),
    y=((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)),
    controls=(
        Control("w1", r"W_{11}", 1.0, paths=("layers.0.W.0.0",)),
        Control("h12", r"H_{12}", -0.5, paths=("layers.0.H.0.1",)),
        Control("leak", r"\text{leak }\lambda", 0.8, 0.0, 1.0, paths=("layers.0.p.leak",)),
        Control("x2", r"\text{input }x_1^2", 0.3, paths=("x.1.0",)),
    ),
    weights=(*_matrix("W", 0, 2, 1), *_matrix("H", 0, 2, 2)),
    rule="ostl",
    mistakes=("reset", "late", "lateral", "transfer", "memoryless"),
    cuts=(("reset", "leave the RESET edge out"),),
    outputs=True,
)

_EPROP = Spec(
    name="eprop",
    layers=(
        {
            "cell": "alif",
            "p": {"leak": 0.8, "threshold": 0.6, "beta": 0.8, "rho": 0.9, "surrogate": "triangle", "strict": True},
            "W": [[0.8], [1.2]],
            "H": [[0.0, 0.6], [0.6, 0.0]],
        },
        {"cell": "integrator", "p": {"kappa": 0.7}, "W": [[0.8, -0.4]]},
    ),
    x=((1.0,), (0.5,), (0.0,)),
    y=((0.3,), (0.6,), (0.3,)),
    controls=(
        Control("w1", r"W_{11}", 0.8, paths=("layers.0.W.0.0",)),
        Control("h12", r"H_{12}=H_{21}", 0.6, paths=("layers.0.H.0.1", "layers.0.H.1.0")),
        Control("beta", r"\text{strength }\beta", 0.8, 0.0, 1.0, paths=("layers.0.p.beta",)),
        Control("kappa", r"\text{readout }\kappa", 0.7, 0.0, 1.0, paths=("layers.1.p.kappa",)),
        Control("x2", r"\text{input }x_1^2", 0.5, paths=("x.1.0",)),
    ),
    weights=(*_matrix("W", 0, 2, 1), ("H12", 0, "H", 0, 1), ("H21", 0, "H", 1, 0)),
    rule="e-prop",
    exact="bptt-detached-reset",
    mistakes=("late", "rho", "sign", "adaptation", "reset-alive", "readout-cut", "filter"),
    cuts=(("adaptation", "cut ADAPTATION as well"),),
)

_OTTT = Spec(
    name="ottt",
    layers=(
        {
            "cell": "lif",
            "p": {
                "leak": 0.5,
                "threshold": 0.8,
                "reset": "subtract_before_leak",
                "surrogate": "sigmoid",
                "strict": False,
                "otherLeak": 0.9,
            },
            "W": [[0.9, 0.4], [0.5, -0.3]],
            "H": [[0.0, 0.0], [0.0, 0.0]],
            "b": [0.1, 0.2],
        },
    ),
    x=((1.0, 0.0), (0.5, 1.0), (1.0, 1.0)),
    y=((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)),
    controls=(
        Control("w1", r"W_{11}", 0.9, paths=("layers.0.W.0.0",)),
        Control("leak", r"\text{leak }\lambda", 0.5, 0.0, 1.0, paths=("layers.0.p.leak",)),
        Control("x2", r"\text{input }x_1^2", 0.5, paths=("x.1.0",)),
        Control("h12", r"H_{12}", 0.0, paths=("layers.0.H.0.1",)),
    ),
    weights=(*_matrix("W", 0, 2, 2), ("b1", 0, "b", 0, 0), ("b2", 0, "b", 1, 0)),
    rule="ottt",
    exact="bptt-detached-reset",
    mistakes=("decayed", "leak", "bias", "untraced"),
)

_FPTT = Spec(
    name="fptt",
    layers=({"cell": "rnn", "p": {}, "W": [[0.8], [-0.4]], "H": [[0.5, -0.3], [0.6, 0.2]]},),
    x=((1.0,), (0.3,), (-0.6,)),
    y=((0.9, 0.1), (0.2, -0.5), (-0.6, 0.4)),
    controls=(
        Control("w1", r"W_{11}\text{ at the start}", 0.8, paths=("layers.0.W.0.0",)),
        Control("x2", r"\text{input }x_1^2", 0.3, paths=("x.1.0",)),
    ),
    weights=(*_matrix("W", 0, 2, 1), *_matrix("H", 0, 2, 2)),
    parts=3,
)

_PATHS = replace(
    _FPTT,
    name="paths",
    controls=(*_FPTT.controls, Control("h12", r"H_{12}", -0.3, paths=("layers.0.H.0.1",))),
    mistakes=("transposed", "lateral", "stale"),
    cuts=(("recurrent", "cut the lateral arrows"),),
    parts=0,
)

_SNAP = Spec(
    name="snap",
    layers=(
        {
            "cell": "rnn",
            "p": {},
            "W": [[0.8], [-0.4], [0.6]],
            "H": [[0.5, 0.0, 0.7], [0.9, -0.3, 0.0], [0.0, 0.8, 0.4]],
            "absent": ((0, 1), (1, 2), (2, 0)),
        },
    ),
    x=((1.0,), (0.3,), (-0.6,)),
    y=((0.9, 0.1, -0.4), (0.2, -0.5, 0.3), (-0.6, 0.4, 0.5)),
    controls=(
        Control("n", r"n\text{ of SnAp-}n", 1, 1, 3, paths=("rule.reach",), step=1),
        Control("w1", r"W_{11}", 0.8, paths=("layers.0.W.0.0",)),
        Control("h11", r"H_{11}", 0.5, paths=("layers.0.H.0.0",)),
        Control("h21", r"H_{21}", 0.9, paths=("layers.0.H.1.0",)),
        Control("x2", r"\text{input }x_1^2", 0.3, paths=("x.1.0",)),
    ),
    weights=(
        *_matrix("W", 0, 3, 1),
        *((f"H{i + 1}{j + 1}", 0, "H", i, j) for i, j in ((0, 0), (0, 2), (1, 0), (1, 1), (2, 1), (2, 2))),
    ),
    rule="rtrl",
    mistakes=("lateral", "selfless", "wider", "mask-late", "mask-turned"),
    reach=1,
    kind="near",
)

_BOUNDS = Spec(
    name="bounds",
    layers=(
        {"cell": "snu", "p": {**_SNU, "leak": 0.9}, "W": [[1.0]]},
        {"cell": "snu", "p": {**_SNU, "leak": 0.9}, "W": [[0.5]]},
    ),
    x=((0.7,), (0.3,), (0.8,)),
    y=((0.0,), (1.0,), (0.0,)),
    controls=(
        Control("w1", r"\text{lower weight}", 1.0, paths=("layers.0.W.0.0",)),
        Control("w2", r"\text{upper weight}", 0.5, paths=("layers.1.W.0.0",)),
        Control("leak", r"\text{leak }\lambda", 0.9, 0.0, 1.0, paths=("layers.0.p.leak", "layers.1.p.leak")),
        Control("x2", r"\text{input }x^2", 0.3, paths=("x.1.0",)),
    ),
    weights=(("W1", 0, "W", 0, 0), ("W2", 1, "W", 0, 0)),
    rule="ostl",
    chosen=False,
    kind="bounds",
)

_DEPTH = Spec(
    name="depth",
    layers=(
        {"cell": "snu", "p": {**_SNU, "leak": 0.8}, "W": [[1.0], [0.4]], "H": [[0.2, -0.5], [0.7, 0.1]]},
        {"cell": "snu", "p": {**_SNU, "leak": 0.8}, "W": [[0.9, -0.5], [0.4, 0.8]], "H": [[0.0, 1.2], [1.2, 0.0]]},
    ),
    x=((1.0,), (0.3,), (0.8,)),
    y=((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)),
    controls=(
        Control("w1", r"W_{1,11}", 1.0, paths=("layers.0.W.0.0",)),
        Control("u11", r"W_{2,11}", 0.9, paths=("layers.1.W.0.0",)),
        Control("leak", r"\text{leak above }\lambda_2", 0.8, 0.0, 1.0, paths=("layers.1.p.leak",)),
        Control("h", r"H_{2,12}=H_{2,21}", 1.2, paths=("layers.1.H.0.1", "layers.1.H.1.0")),
        Control("x2", r"\text{input }x_1^2", 0.3, paths=("x.1.0",)),
    ),
    weights=tuple((f"{name}1,{i + 1}{j + 1}", 0, name, i, j) for _, _, name, i, j in _OSTL.weights),
    rule="ostl",
    kind="late",
)

_STLLR = Spec(
    name="stllr",
    layers=(
        {
            "cell": "lif",
            "p": {
                "leak": 0.5,
                "threshold": 0.8,
                "reset": "subtract_before_leak",
                "surrogate": "sigmoid",
                "strict": False,
                "lamp": 0.5,
                "lamq": 0.3,
                "apre": 1.0,
                "apost": -0.2,
            },
            "W": [[0.9], [0.5]],
            "H": [[0.0, 0.0], [0.0, 0.0]],
            "b": [0.1, 0.25],
        },
    ),
    x=((1.0,), (0.5,), (1.0,)),
    y=((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)),
    controls=(
        Control("w1", r"W_{11}", 0.9, paths=("layers.0.W.0.0",)),
        Control("h12", r"H_{12}", 0.0, paths=("layers.0.H.0.1",)),
        Control("apost", r"a_{\text{post}}", -0.2, -1.0, 1.0, paths=("layers.0.p.apost",)),
        Control("lamq", r"\lambda_q", 0.3, 0.0, 1.0, paths=("layers.0.p.lamq",)),
        Control("lamp", r"\lambda_p", 0.5, 0.0, 1.0, paths=("layers.0.p.lamp",)),
    ),
    weights=(*_matrix("W", 0, 2, 1), ("H12", 0, "H", 0, 1), ("b1", 0, "b", 0, 0), ("b2", 0, "b", 1, 0)),
    rule="ottt",
    exact="bptt-detached-reset",
    mistakes=("own", "factor", "swapped", "now"),
    kind="stllr",
)

_LIF = {"leak": 0.5, "threshold": 0.8, "reset": "subtract_before_leak", "surrogate": "sigmoid", "strict": False}

_RATES = Spec(
    name="rates",
    layers=(
        {"cell": "lif", "p": {**_LIF, "leak": 0.8}, "W": [[0.6]], "b": [0.1]},
        {"cell": "lif", "p": {**_LIF, "leak": 0.8}, "W": [[1.2]], "b": [0.15]},
    ),
    x=((1.0,), (0.7,), (0.9,)),
    y=((0.0,), (1.0,), (0.5,)),
    controls=(
        Control("w1", r"\text{lower weight}", 0.6, paths=("layers.0.W.0.0",)),
        Control("w2", r"\text{upper weight}", 1.2, paths=("layers.1.W.0.0",)),
        Control("leak", r"\text{leak }\lambda", 0.8, 0.0, 1.0, paths=("layers.0.p.leak", "layers.1.p.leak")),
        Control("x2", r"\text{input }x^2", 0.7, paths=("x.1.0",)),
    ),
    weights=(("W1", 0, "W", 0, 0), ("b1", 0, "b", 0, 0), ("W2", 1, "W", 0, 0), ("b2", 1, "b", 0, 0)),
    mistakes=("late", "one", "detached"),
    cuts=(("reset", "detach the reset"),),
    kind="rates",
)

_LOCAL = Spec(
    name="local",
    layers=(
        {"cell": "lif", "p": {**_LIF, "leak": 0.6, "G": [[0.8, -0.6]]}, "W": [[0.9], [0.6]], "b": [0.1, 0.25]},
        {"cell": "lif", "p": {**_LIF, "leak": 0.6}, "W": [[0.7, 0.5]], "b": [0.1]},
    ),
    x=((1.0,), (0.5,), (0.8,)),
    y=((0.0,), (1.0,), (0.0,)),
    controls=(
        Control("g1", r"\text{readout }G_{11}", 0.8, paths=("layers.0.p.G.0.0",)),
        Control("g2", r"\text{readout }G_{12}", -0.6, paths=("layers.0.p.G.0.1",)),
        Control("w1", r"W_{11}", 0.9, paths=("layers.0.W.0.0",)),
        Control("u1", r"\text{above, }U_{11}", 0.7, paths=("layers.1.W.0.0",)),
        Control("x2", r"\text{input }x_1^2", 0.5, paths=("x.1.0",)),
    ),
    weights=(*_matrix("W", 0, 2, 1), ("b1", 0, "b", 0, 0), ("b2", 0, "b", 1, 0), ("U11", 1, "W", 0, 0)),
    rule="decolle",
    exact="bptt-detached-reset",
    mistakes=("reset", "above", "redrawn", "mean"),
    kind="local",
)

_CONVOLUTION = Spec(
    name="convolution",
    layers=({"cell": "lif", "p": _LIF, "shared": True, "W": [[0.9, -0.4, 0.0], [0.0, 0.9, -0.4]]},),
    x=((1.0, 0.0, 0.4), (0.5, 1.0, 0.0), (0.8, 0.6, 1.0)),
    y=((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)),
    controls=(
        Control("k1", r"\text{kernel }W_1", 0.9, paths=("layers.0.W.0.0", "layers.0.W.1.1")),
        Control("k2", r"\text{kernel }W_2", -0.4, paths=("layers.0.W.0.1", "layers.0.W.1.2")),
        Control("leak", r"\text{leak }\lambda", 0.5, 0.0, 1.0, paths=("layers.0.p.leak",)),
        Control("x2", r"\text{pixel }x_2^2", 1.0, paths=("x.1.1",)),
    ),
    weights=(("W1", 0, "W", 0, 0), ("W2", 0, "W", 0, 1)),
    rule="ottt",
    exact="bptt-detached-reset",
    mistakes=("entry", "first", "mean", "flipped"),
    kind="shared",
)

_FIXEDPOINT = Spec(
    name="fixedpoint",
    layers=({"cell": "lif", "p": {**_LIF, "leak": 0.85, "bits": 2}, "W": [[0.9], [0.5]]},),
    x=((1.0,), (0.35,), (0.8,)),
    y=((0.0, 1.0), (1.0, 0.0), (0.0, 0.0)),
    controls=(
        Control("bits", r"\text{fraction bits}", 2, 0, 12, paths=("layers.0.p.bits",), step=1),
        Control("leak", r"\text{leak }\lambda", 0.85, 0.0, 1.0, paths=("layers.0.p.leak",)),
        Control("w1", r"W_{11}", 0.9, paths=("layers.0.W.0.0",)),
        Control("x2", r"\text{input }x_1^2", 0.35, paths=("x.1.0",)),
    ),
    weights=_matrix("W", 0, 2, 1),
    rule="ottt",
    exact="bptt-detached-reset",
    mistakes=("truncated", "order", "coarse", "narrow"),
    kind="rounded",
)

_COMPLEXITY = replace(
    _OSTL,
    name="complexity",
    controls=(
        Control("n", r"\text{units }n", 2, 1, 64, step=1),
        Control("m", r"\text{inputs }m", 1, 1, 64, step=1),
        Control("T", r"\text{steps }T", 3, 1, 500, step=1),
        Control("h12", r"H_{12}", -0.5, paths=("layers.0.H.0.1",)),
    ),
    mistakes=(),
    cuts=(("recurrent", "cut the lateral arrows"), ("reset", "cut the reset")),
    outputs=False,
    chosen=False,
    kind="counts",
)

_UNBIASED = replace(
    _PATHS,
    name="unbiased",
    controls=(
        Control("draw", r"\text{draw}", 6, 1, 64, step=1),
        Control("scale", r"r_0\text{ times}", 1.0, 0.2, 5.0),
        *_PATHS.controls,
    ),
    mistakes=("uniform", "reused", "shared", "half", "initial"),
    cuts=(),
    kind="unbiased",
)

_GATED = Spec(
    name="gated",
    layers=(
        {
            "cell": "lstm",
            "p": {},
            "W_i": [[0.8], [-0.4]],
            "W_f": [[0.5], [0.9]],
            "W_g": [[1.2], [-0.8]],
            "W_o": [[0.6], [1.1]],
            "H_i": [[0.7, -0.5], [0.3, 0.6]],
            "H_f": [[-0.4, 0.8], [0.5, 0.2]],
            "H_g": [[0.9, 0.6], [-0.7, 0.4]],
            "H_o": [[1.0, -1.4], [0.8, 1.2]],
        },
    ),
    x=((1.0,), (0.5,), (-0.6,)),
    y=((0.5, -0.2), (-0.3, 0.4), (0.4, -0.6)),
    controls=(
        Control("w1", r"W_{\mathsf g,11}", 1.2, paths=("layers.0.W_g.0.0",)),
        Control("ho12", r"H_{\mathsf o,12}", -1.4, paths=("layers.0.H_o.0.1",)),
        Control("hf12", r"H_{\mathsf f,12}", 0.8, paths=("layers.0.H_f.0.1",)),
        Control("x2", r"\text{input }x_1^2", 0.5, paths=("x.1.0",)),
    ),
    weights=(
        *((f"W{k}11", 0, f"W_{k}", 0, 0) for k in "ifgo"),
        *((f"H{k}12", 0, f"H_{k}", 0, 1) for k in "ifgo"),
    ),
    rule="ostl",
    mistakes=("two-term", "lateral", "order", "new-cell"),
    cuts=(("recurrent", "cut the lateral arrows"),),
    kind="gates",
)

_SAMPLED = Spec(
    name="sampled",
    layers=(
        {"cell": "lif", "p": _LIF, "W": [[0.9], [0.6]]},
        {"cell": "integrator", "p": {"kappa": 0.0}, "W": [[0.8, -0.5]]},
    ),
    x=((1.0,), (0.6,), (0.8,)),
    y=((0.2,), (1.0,), (-0.4,)),
    controls=(
        Control("kept", r"\text{steps drawn }K", 1, 1, 3, step=1),
        Control("draw", r"\text{draw}", 2, 1, 64, step=1),
        Control("alpha", r"\text{perturbation }\alpha", 0.5, 0.05, 2.0),
        Control("mu", r"\text{momentum }\mu", 0.5, 0.0, 0.95),
        Control("w1", r"W_{11}", 0.9, paths=("layers.0.W.0.0",)),
        Control("x2", r"\text{input }x_1^2", 0.6, paths=("x.1.0",)),
    ),
    weights=(*_matrix("W", 0, 2, 1), ("U11", 1, "W", 0, 0), ("U12", 1, "W", 0, 1)),
    rule="sltt",
    exact="sltt",
    mistakes=("short", "first", "through"),
    kind="sampled",
)

_OSTTP = Spec(
    name="osttp",
    layers=(
        {"cell": "snu", "p": {**_SNU, "leak": 0.8, "G": [[0.8, -0.6]]}, "W": [[1.0], [0.7]]},
        {"cell": "snu", "p": {**_SNU, "leak": 0.8}, "W": [[0.9, -0.5]]},
    ),
    x=((1.0,), (0.5,), (0.8,)),
    y=((0.0,), (1.0,), (0.6,)),
    controls=(
        Control("g1", r"\text{projection }B_{11}", 0.8, paths=("layers.0.p.G.0.0",)),
        Control("g2", r"\text{projection }B_{12}", -0.6, paths=("layers.0.p.G.0.1",)),
        Control("w1", r"W_{11}", 1.0, paths=("layers.0.W.0.0",)),
        Control("y2", r"\text{target }y_1^2", 1.0, paths=("y.1.0",)),
    ),
    weights=(*_matrix("W", 0, 2, 1), ("U11", 1, "W", 0, 0), ("U12", 1, "W", 0, 1)),
    rule="ostl",
    exact="bptt",
    mistakes=("error", "sign", "output", "reset"),
    kind="projected",
)

#: name -> example
EXAMPLES: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        _PATHS,
        _OSTL,
        _EPROP,
        _OTTT,
        _FPTT,
        _DEPTH,
        _BOUNDS,
        _STLLR,
        _RATES,
        _LOCAL,
        _CONVOLUTION,
        _FIXEDPOINT,
        _COMPLEXITY,
        _UNBIASED,
        _SAMPLED,
        _OSTTP,
        _SNAP,
        _GATED,
    )
}


def example(name: str) -> Spec:
    """Return an example.

    Examples
    --------
    >>> [c.name for c in example("ostl").controls]
    ['w1', 'h12', 'leak', 'x2']
    """
    if name not in EXAMPLES:
        raise GradcertError(f"the example {name!r} is unknown", allowed=", ".join(EXAMPLES))
    return EXAMPLES[name]
