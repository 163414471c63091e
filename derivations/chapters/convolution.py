"""Convolution and pooling: weights that many units share."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.symbols import symbols
from gradcert.derivations.figures import heat_map
from gradcert.derivations.proving.common import acronym, combined, compare_gradients, relative
from gradcert.derivations.proving.mutation import BrokenSynapse
from gradcert.derivations.proving.proof import Result, problem, prove
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, Layer, Lif, Network, Rnn, rule_named
from gradcert.reference.engines import Learner, reverse
from gradcert.reference.networks import AvgPool, Conv2d, Dense, Mean, Snu, Synapse

POOL = Rnn(activation="identity", recurrent=False, bias=False)


def convolutions() -> dict[str, Conv2d]:
    """Return label -> convolution: strides, paddings and kernels that differ between rows and columns.

    Examples
    --------
    >>> convolutions()["padded"].shape
    (2, 2, 2, 2)
    """
    image: dict[str, Any] = {"in_channels": 2, "height": 3, "width": 3, "out_channels": 2}
    return {
        "plain": Conv2d(**image, kernel=(2, 2)),
        "padded": Conv2d(**image, kernel=(2, 2), padding=(1, 1)),
        "stride and padding": Conv2d(**image, kernel=(2, 2), stride=(2, 1), padding=(1, 0)),
        "pixels left over": Conv2d(**image, kernel=(2, 2), stride=(2, 2)),
        "kernel of one row": Conv2d(**image, kernel=(1, 3), padding=(0, 1)),
        "dilated": Conv2d(**image, kernel=(2, 2), dilation=(2, 1), padding=(0, 1)),
        "depthwise": Conv2d(**image, kernel=(2, 2), groups=2),
    }


def synapses() -> dict[str, Any]:
    """Return label -> every synapse that the proofs run over, fixed and dense ones included."""
    others: dict[str, Any] = {
        "average pooling": AvgPool(channels=2, height=4, width=3, kernel=(2, 1)),
        "pooling, pixels left over": AvgPool(channels=2, height=3, width=3, kernel=(2, 2)),
        "pooling, overlapping and padded": AvgPool(
            channels=1, height=4, width=3, kernel=(2, 3), stride=(1, 2), padding=(1, 1)
        ),
        "mean over runs of units": Mean(units=4, size=2),
        "dense": Dense(inputs=3, units=2),
        "dense, absent connections": Dense(inputs=3, units=3, absent=((0, 0), (1, 1), (2, 2))),
    }
    return {**convolutions(), **others}


def _arrays(synapse: Any, batch: int = 2) -> tuple[Any, Any, Any]:
    """Return symbols for weight (None for a fixed map), input and credit."""
    weight = symbols("W", synapse.shape) if synapse.shape else None
    return weight, symbols("x", (batch, synapse.inputs)), symbols("g", (batch, synapse.units))


def _sum(conv: Conv2d, w: Any, x: Any, o: int, r: int, s: int) -> Any:
    """Return one output written out: the sum over channels and kernel entries that meet the image."""
    total, (below, beside) = sympy.S.Zero, conv.dilation
    reads, makes = conv.in_channels // conv.groups, conv.out_channels // conv.groups
    for c, i, j in np.ndindex(reads, *conv.kernel):
        channel = o // makes * reads + c
        row = r * conv.stride[0] - conv.padding[0] + i * below
        column = s * conv.stride[1] - conv.padding[1] + j * beside
        if 0 <= row < conv.height and 0 <= column < conv.width:
            total += w[o, c, i, j] * x[(channel * conv.height + row) * conv.width + column]
    return total


def _pooled(pool: AvgPool, x: Any, c: int, r: int, s: int) -> Any:
    (down, right), (top, left) = pool.stride or pool.kernel, pool.padding
    places = [(r * down - top + i, s * right - left + j) for i, j in np.ndindex(pool.kernel)]
    inside = [(i, j) for i, j in places if 0 <= i < pool.height and 0 <= j < pool.width]
    total = sum((x[(c * pool.height + i) * pool.width + j] for i, j in inside), sympy.S.Zero)
    return total / sympy.Integer(len(places))


def _maps() -> Result:
    results = []
    for label, conv in convolutions().items():
        w, x, _ = _arrays(conv)
        found = conv.apply(w, x)
        expected = np.empty(found.shape, dtype=object)
        places = list(np.ndindex(conv.out_channels, conv.out_height, conv.out_width))
        for b, (unit, (o, r, s)) in ((b, place) for b in range(2) for place in enumerate(places)):
            expected[b, unit] = _sum(conv, w, x[b], o, r, s)
        results.append(compare_gradients(label, {"y": found}, {"y": expected}))
    for label, pool in synapses().items():
        if isinstance(pool, AvgPool):
            _, x, _ = _arrays(pool)
            found = pool.apply(None, x)
            places = list(np.ndindex(pool.channels, pool.out_height, pool.out_width))
            expected = np.array([[_pooled(pool, row, *place) for place in places] for row in x])
            results.append(compare_gradients(label, {"y": found}, {"y": expected}))
        elif isinstance(pool, Mean):
            _, x, _ = _arrays(pool)
            size = pool.size or pool.units
            runs = [[u // size * size + i for i in range(size)] for u in range(pool.units)]
            expected = np.array([[sum(row[run]) / sympy.Integer(size) for run in runs] for row in x])
            results.append(compare_gradients(label, {"y": pool.apply(None, x)}, {"y": expected}))
    return combined("the maps", results)


def _corner() -> list[Equation]:
    """Show one output and one pixel of the padded convolution, for one channel."""
    conv = Conv2d(in_channels=1, height=3, width=3, out_channels=1, kernel=(2, 2), padding=(1, 1))
    w, x, g = _arrays(conv, batch=1)
    middle = 1 * conv.out_width + 1
    pixel = conv.pull_input(w, g)[0, 4]  # row 2, column 2 of the image, met by four outputs
    met = [(r, s) for r in (1, 2) for s in (1, 2)]
    share = sum(g[0, r * conv.out_width + s] * w[0, 0, 2 - r, 2 - s] for r, s in met)
    return [
        Equation(conv.apply(w, x)[0, 0], w[0, 0, 1, 1] * x[0, 0], "the output in the corner sees one pixel"),
        Equation(conv.apply(w, x)[0, middle], _sum(conv, w, x[0], 0, 1, 1), "one in the middle sees four"),
        Equation(pixel, share, "the credit of the pixel in the centre"),
    ]


def pull_backs(label: str, synapse: Synapse) -> Result:
    """Compare both pull-backs with SymPy's derivatives of <g, y>."""
    start = time.perf_counter()
    w, x, g = _arrays(synapse)
    y = synapse.apply(w, x)
    found = {"pull_input": synapse.pull_input(w, g)}
    expected = {"pull_input": _gradient(g, y, x)}
    if w is not None:
        found["pull_weight"], expected["pull_weight"] = synapse.pull_weight(g, x), _gradient(g, y, w)
    result = compare_gradients(label, found, expected)
    return Result(label, result.identities, result.failed, time.perf_counter() - start)


def _gradient(g: Any, y: Any, of: Any) -> Any:
    """Return the derivative of <g, y> by every symbol of an array."""
    place = {s: index for index, s in np.ndenumerate(of)}
    out = np.full(of.shape, sympy.S.Zero, dtype=object)
    for credit, value in zip(g.flat, y.flat, strict=True):
        for s in value.free_symbols & place.keys():
            out[place[s]] += credit * sympy.diff(value, s)
    return out


def tangents(label: str, synapse: Synapse) -> Result:
    """Compare what the forward engine uses with derivatives of y: push, and expand with fold."""
    w, x, g = _arrays(synapse, batch=1)
    y = synapse.apply(w, x)[0]
    moved = symbols("m", (1, synapse.inputs, 1))
    found = {"push": synapse.push(w, moved)[0, :, 0]}
    slope = [sum(sympy.diff(v, s) * m for s, m in zip(x.flat, moved.flat, strict=True)) for v in y]
    expected = {"push": np.array(slope, dtype=object)}
    if w is not None:
        rows = np.broadcast_to(synapse.expand(x), (1, synapse.units, synapse.columns))[0]
        found["expand, fold"], expected["expand, fold"] = synapse.fold(g[0][:, None] * rows), _gradient(g[0], y, w)
    return compare_gradients(label, found, expected)


def _every(proof: Any) -> Result:
    return combined("every synapse", [proof(label, synapse) for label, synapse in synapses().items()])


def _broken() -> Result:
    """Leave one term out of one map, for every synapse and map in turn; the proof has to fail and name both."""
    failed, count = [], 0
    for label, synapse in synapses().items():
        maps = [("pull_input", pull_backs, "pull_input"), ("push", tangents, "push")]
        if synapse.shape:
            maps += [("pull_weight", pull_backs, "pull_weight"), ("expand", tangents, "expand, fold")]
            maps += [("fold", tangents, "expand, fold")]
        for method, proof, name in maps:
            wrong: Any = BrokenSynapse(synapse, method)
            result = combined("broken", [proof(label, wrong)])
            count += 1
            if not result.failed or not all(f.startswith(f"{label}: {name}[") for f in result.failed):
                failed.append(f"{label}: breaking {method} is not named")
    return Result("broken maps", count, tuple(failed), 0.0)


def convolutional(cell: Any, *, pool: bool) -> Network:
    """Return convolution -> cell, pooling if wanted, dense -> cell: an image of 3 x 3 and a kernel of 2 x 2.

    Examples
    --------
    >>> from gradcert.reference import Lif
    >>> convolutional(Lif(), pool=True).shapes()["layers.0.W"]
    (2, 1, 2, 2)
    """
    conv = Conv2d(in_channels=1, height=3, width=3, out_channels=2, kernel=(2, 2))
    first = Layer(cell, inputs=9, units=8, synapses=(("W", conv),))
    if not pool:
        return Network(layers=(first, Layer(cell, inputs=8, units=1)))
    mean: Any = AvgPool(channels=2, height=2, width=2, kernel=(2, 2))
    return Network(layers=(first, Layer(POOL, inputs=8, units=2, synapses=(("W", mean),)), Layer(cell, 2, 1)))


def _network(names: tuple[str, ...], *, pool: bool) -> Result:
    results = []
    for cell in (Lif(train=("leak", "threshold")), Lif(reset="hard"), Snu(recurrent=False, transfer="tanh")):
        p = problem(convolutional(cell, pool=pool), steps=3 if cell.name == "lif" else 2)
        for name in names:
            for engine in ("reverse", "forward"):
                results.append(prove(p, rule_named(name), engine))
    return combined(f"{', '.join(names)} through a convolution", results)


def _storage() -> Result:
    """Look at the traces of a shared weight: one number per pixel, or one per synapse, and never one per entry."""
    conv = Conv2d(in_channels=1, height=3, width=3, out_channels=2, kernel=(2, 2))
    failed = []
    for cell, form, shape in ((Lif(), "outer", (1, 9)), (Lif(train=("leak",)), "rows", (1, 8, 4))):
        network = Network(layers=(Layer(cell, inputs=9, units=8, synapses=(("W", conv),)),))
        learner = Learner(network, network.parameters(seed=0), rule=RULES["ottt"], steps=2, batch=1)
        for _ in range(2):
            learner.step(np.ones((1, 9)), np.ones((1, 8)))
        trace = learner.traces[0][0, "W", 0]["v"]
        if trace.form != form or trace.array.shape != shape:
            failed.append(f"stored as {trace.form} {trace.array.shape}")
    return Result("9 pixels, 8 units of 4 weights", 2, tuple(failed), 0.0)


def _wrong_storage() -> Result:
    """Show what one trace per entry of the kernel would cost: the sum of products is not the product of sums."""
    conv = Conv2d(in_channels=1, height=3, width=3, out_channels=1, kernel=(2, 2))
    _, x, g = _arrays(conv, batch=1)
    exact = conv.pull_weight(g, x)
    shared = g.sum() * conv.expand(x)[0].sum(axis=0) / conv.units
    same = compare_gradients("one trace per entry", {"W": shared.reshape(conv.shape)}, {"W": exact})
    failed = () if len(same.failed) == exact.size else ("a trace per entry gives the gradient, and should not",)
    return Result("one trace per entry is another number", same.identities, failed, 0.0)


def _covariance() -> list[Equation]:
    """Write out what one trace per entry loses: how signal and trace vary together over the positions."""
    conv = Conv2d(in_channels=1, height=3, width=3, out_channels=1, kernel=(2, 2))
    _, x, g = _arrays(conv, batch=1)
    exact, rows, out = conv.pull_weight(g, x)[0, 0], conv.expand(x)[0], []
    mean_g, mean_x = g[0].sum() / sympy.Integer(conv.units), rows.sum(axis=0) / sympy.Integer(conv.units)
    for n, (i, j) in enumerate(np.ndindex(2, 2)):
        together = sum((g[0, p] - mean_g) * (rows[p, n] - mean_x[n]) for p in range(conv.units))
        out.append(Equation(exact[i, j] - g.sum() * mean_x[n], together, f"entry {i + 1}{j + 1}"))
    return out


def _example() -> Example:
    conv = Conv2d(in_channels=1, height=6, width=6, out_channels=3, kernel=(3, 3), padding=(1, 1))
    pool: Any = AvgPool(channels=3, height=6, width=6, kernel=(2, 2))
    layers = (
        Layer(Lif(leak=0.6), inputs=36, units=108, synapses=(("W", conv),)),
        Layer(POOL, inputs=108, units=27, synapses=(("W", pool),)),
        Layer(Lif(leak=0.6), inputs=27, units=4),
    )
    network = Network(layers=layers)
    rng = np.random.default_rng(1)
    w, x, y = network.parameters(seed=1, scale=2.0), (rng.random((10, 2, 36)) < 0.4) * 1.0, rng.random((10, 2, 4))
    exact = reverse.gradients(network, w, x, y, rule=RULES["bptt-detached-reset"])
    rows = []
    for name in ("ottt", "sltt", "ostl"):
        found = reverse.gradients(network, w, x, y, rule=RULES[name])
        a, b = found["layers.0.W"].ravel(), exact["layers.0.W"].ravel()
        cosine = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        rows.append(
            (acronym(name), relative(found, exact, "layers.0.W"), f"{cosine:.3f}", relative(found, exact, "layers.2.W"))
        )
    text = (
        "A 3 × 3 convolution of a 6 × 6 image, LIF, 2 × 2 pooling and a dense LIF layer, 10 steps, two samples, "
        "against BPTT with detached reset. The kernel has 27 weights and 108 units: what it gets is a sum over 36 "
        "positions."
    )
    return Example(text, ("rule", "kernel: error", "kernel: cosine", "dense W: error"), tuple(rows))


def _figure() -> Figure:
    """Draw how many positions of the output each pixel reaches through a 2 x 2 kernel."""
    conv = Conv2d(in_channels=1, height=5, width=5, out_channels=1, kernel=(2, 2))
    reached = conv.pull_input(np.ones(conv.shape), np.ones((1, conv.units)))[0].reshape(5, 5)
    caption = "How many outputs each pixel of a 5 × 5 image reaches: a kernel of 2 × 2."
    return heat_map(reached.tolist(), caption, rows="row", columns="col")


DERIVATION = Derivation(
    name="convolution",
    title="Convolution and pooling: shared weights",
    motivation=(
        "Online rules are usually written for a matrix: one weight, one synapse, one trace. In a convolution one "
        "weight is many synapses. Each of them has a history of its own, because each sees another pixel and feeds "
        "another membrane; they share nothing but the number.",
        "So a trace belongs to a synapse and not to a weight, and the gradient of a weight is the sum over its "
        "synapses of signal times trace. It is tempting to keep one trace per weight. That is another rule, and a "
        "wrong one.",
    ),
    statement=(
        "The code's convolution is the sum over channels and kernel entries that meet the image, for any stride, "
        "padding, dilation and groups; its two pull-backs are the derivatives of <g, y> by input and weight; what "
        "the forward engine uses, a push of tangents and an expansion into one row of weights per unit, folds to the "
        "same gradient. "
        "With them both engines compute the rows of the table for networks with convolutions and pooling.",
    ),
    steps=(
        Step(
            "convolution.map",
            "What the code computes for an output is the sum written out, pixel by pixel, with dilation and in groups "
            "of channels too; pooling is the mean of a window, zeros of the padding included, and rows and columns "
            "left over are not read; a mean over units is that of the run of units that each one is in.",
            equations=_corner,
            proof=_maps,
            code=("reference/networks/synapses/conv2d.py:apply", "reference/networks/synapses/avgpool.py:apply"),
            source="cross-correlation",
            sizes="3 × 3 pixels, 2 channels in and out; seven kernels, strides, paddings; three poolings, one mean",
        ),
        Step(
            "convolution.pull-backs",
            "The derivative of the sum of g y by the input and by the weight, by SymPy, is what the pull-backs return, "
            "summed over samples. For dense synapses too, and where connections are absent.",
            premises=("convolution.map",),
            proof=lambda: _every(pull_backs),
            code=(
                "reference/networks/synapses/conv2d.py:pull_input",
                "reference/networks/synapses/conv2d.py:pull_weight",
            ),
            source="the adjoint of a linear map",
            sizes="thirteen synapses, two samples",
        ),
        Step(
            "convolution.tangents",
            "Forwards: a tangent is pushed by the map itself, and the weights of each unit, one row per unit, fold to "
            "the shared weight by a sum over positions.",
            premises=("convolution.pull-backs",),
            proof=lambda: _every(tangents),
            code=("reference/networks/synapses/conv2d.py:expand", "reference/networks/synapses/conv2d.py:fold"),
            source="mathematics.md 14.1, T25",
            sizes="thirteen synapses",
        ),
        Step(
            "convolution.broken",
            "One term of one entry is left out of one map, for every synapse and map in turn; every time the proof "
            "fails and names the synapse and the map.",
            premises=("convolution.tangents",),
            proof=_broken,
            code=("derivations/proving/mutation.py:BrokenSynapse",),
            source="mathematics.md 14.10",
            sizes="thirteen synapses, up to five maps each",
        ),
        Step(
            "convolution.exact",
            "BPTT by the reverse engine and RTRL by the forward engine, through a convolution and two layers of "
            "neurons: the derivative of the loss, every kernel entry, input, state and constant a free symbol.",
            premises=("convolution.tangents", "paths.sum"),
            proof=lambda: _network(("bptt", "rtrl"), pool=False),
            code=("reference/engines/reverse.py", "reference/engines/forward.py"),
            source="mathematics.md 0.3",
            sizes="3 × 3 → 2 × 2 × 2 → 1, T = 3 (SNU: T = 2)",
        ),
        Step(
            "convolution.rules",
            "The same for OTTT, SLTT, OSTL and DECOLLE, with their edges cut.",
            premises=("convolution.exact", "ottt.trace", "ostl.jacobian"),
            proof=lambda: _network(("ottt", "sltt", "ostl", "decolle"), pool=False),
            code=("reference/engines/reverse.py", "reference/engines/forward.py"),
            source="mathematics.md 0.4",
            sizes="3 × 3 → 2 × 2 × 2 → 1, T = 3 (SNU: T = 2)",
        ),
        Step(
            "convolution.pooling",
            "And with a pooling layer between: it has no memory and no weight, and passes credit and tangents on.",
            premises=("convolution.exact",),
            proof=lambda: _network(("bptt", "ostl", "ottt"), pool=True),
            code=("reference/networks/synapses/avgpool.py",),
            source="mathematics.md 0.3",
            sizes="3 × 3 → 2 × 2 × 2 → 2 → 1, T = 3 (SNU: T = 2)",
        ),
        Step(
            "convolution.storage",
            "With one leak for the layer the trace is the filtered image, a number per pixel, and positions are summed "
            "when the signal is there. With a leak per unit there is one trace per synapse: positions times kernel.",
            premises=("convolution.tangents",),
            proof=_storage,
            code=("reference/engines/tangent.py:Tangent",),
            source="mathematics.md 14.1, T25",
            sizes="8 units of 4 weights",
        ),
        Step(
            "convolution.shared-trace",
            "One trace per kernel entry, the mean over positions, times the summed signal is not the gradient, for any "
            "entry: the sum of products is not the product of sums.",
            premises=("convolution.pull-backs",),
            proof=_wrong_storage,
            code=("reference/networks/synapses/conv2d.py:expand", "reference/networks/synapses/conv2d.py:pull_weight"),
            source="mathematics.md 14.1, T25",
            sizes="3 × 3 → 2 × 2",
        ),
        Step(
            "convolution.covariance",
            "What is lost by that is, for every entry, the sum over positions of signal times trace, each less its "
            "mean over the positions: nothing where either is the same everywhere.",
            premises=("convolution.shared-trace",),
            equations=_covariance,
            code=("reference/networks/synapses/conv2d.py:expand", "reference/networks/synapses/conv2d.py:pull_weight"),
            source="mathematics.md 14.1, T25",
            sizes="3 × 3 → 2 × 2",
        ),
    ),
    example=_example,
    traps=(
        Trap("T25", "Storage per parameter although a parameter reaches several units: convolution, batch norm."),
        Trap("T26", "Samples, or positions, summed in the trace before they meet their own signal."),
        Trap("T71", "Weight standardisation between trace and weight, its Jacobian ignored."),
        Trap("T67", "A skip connection counted once in the credit and twice in the trace."),
    ),
    snippet="""\
import numpy as np
from gradcert.reference import RULES, Layer, Lif, Network
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks import Conv2d

conv = Conv2d(in_channels=1, height=4, width=4, out_channels=2, kernel=(3, 3), padding=(1, 1))
layers = (Layer(Lif(), inputs=16, units=32, synapses=(("W", conv),)), Layer(Lif(), inputs=32, units=2))
network = Network(layers=layers)
w = network.parameters(seed=0, scale=2.0)
x, y = np.random.default_rng(0).random((5, 1, 16)), np.ones((5, 1, 2))
ahead = forward.gradients(network, w, x, y, rule=RULES["ottt"])
back = reverse.gradients(network, w, x, y, rule=RULES["ottt"])
print({name: abs(ahead[name] - back[name]).max() for name in back})
""",
    figures=(_figure,),
    notation={
        "g": "any credit at the output of a map",
        "y": "output of a map",
    },
)
