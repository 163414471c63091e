"""BPTT = RTRL = one sum over paths."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.derivative import differentiate
from gradcert.derivations.algebra.elementary import loss_value
from gradcert.derivations.algebra.symbols import SYMBOLS
from gradcert.derivations.figures import unrolled
from gradcert.derivations.parts import adjoints, graphs
from gradcert.derivations.parts.paths import paths, prove_path_sum
from gradcert.derivations.parts.width import step_for_every_width
from gradcert.derivations.proving.cases import variants
from gradcert.derivations.proving.common import cell_steps, combined, one_layer, prove_truncated, relative, slug, tensor
from gradcert.derivations.proving.mutation import describe, mutations
from gradcert.derivations.proving.notation import GREEK, code_step, node, sym
from gradcert.derivations.proving.proof import Result, problem, run
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import Layer, Lif, Loss, Network, Rnn, Snu, rule_named
from gradcert.reference.engines import forward, reverse
from gradcert.reference.networks import FORMS
from gradcert.reference.rules import RULES


def _local(label: str) -> Step:
    cell = variants()[label]

    def equations() -> list[Equation]:
        # the derivative is SymPy's, of the code's step; on the left stands what the code's factors return
        code = code_step(cell)
        out = []
        for key, factor in code.factors.items():
            source = key.source if hasattr(key, "source") else key.parameter
            out.append(Equation(factor, _partial(code, key), f"{describe(key)} = d{key.target}/d{source}"))
        return out

    def proof() -> Result:
        # the same by the ledger, which also sees a derivative that the code does not return at all
        p = problem(one_layer(cell, inputs=1, units=1), steps=1)
        ledger, _ = run("reverse", p, rule_named("bptt"), opaque=False)
        _, wrong = differentiate(ledger, p.free)
        return Result(label, len(ledger.factors), tuple(wrong), 0.0)

    return Step(
        f"paths.local-{slug(label)}",
        f"{label}: every local derivative that the cell's code returns is the derivative of the cell's own step, all "
        "other nodes held fixed. The activations are undefined functions, and so are their (pseudo-)derivatives.",
        equations=equations,
        proof=proof,
        code=(f"reference/networks/cells/{cell.name}.py:step", f"reference/networks/cells/{cell.name}.py:factors"),
        source="mathematics.md 0.3, 1.1-1.5",
        sizes="every size (the code is elementwise)",
    )


def _partial(code: Any, key: Any) -> Any:
    """Differentiate what the step computes for a node by the node before, or by the parameter."""
    expression = code.nodes[key.target]
    if hasattr(key, "parameter"):
        s = sym(GREEK.get(key.parameter, key.parameter))
        return sympy.diff(expression, s) + sympy.diff(code.nodes.get(f"+{key.target}", 0), s)
    return sympy.diff(expression, node(key.source, "t-1" if key.lag else "t"))


def _breaks(label: str) -> Step:
    cell = variants()[label]

    def proof() -> Result:
        found = list(mutations(cell))
        failed = tuple(f"{cell.name}, {m.rule}: breaking {describe(m.key)} is not named" for m in found if not m.named)
        return Result(f"{len(found)} broken local derivatives of {label}", len(found), failed, 0.0)

    return Step(
        f"paths.breaks-{slug(label)}",
        f"{label}: one term of one local derivative is left out, for each in turn; every time the proof fails, and its "
        "sentence names the cell, the rule and the edge. A proof that cannot fail proves nothing.",
        premises=(f"paths.local-{slug(label)}",),
        proof=proof,
        code=(f"reference/networks/cells/{cell.name}.py:factors", "derivations/proving/mutation.py"),
        source="mathematics.md 14.10",
        sizes="n = 2, T = 2, rule ostl",
    )


def _truncated(label: str) -> Step:
    cell = variants()[label]
    # (T, K): every step a border; a border inside and one at the end; a border inside and a part left over
    lengths = ((4, 1), (4, 2)) if len(cell.nodes) > 6 else ((4, 1), (4, 2), (5, 2), (5, 3))
    sizes = ", ".join(f"({t}, {k})" for t, k in lengths)
    return Step(
        f"paths.truncated.rows-{slug(label)}",
        f"{label}: both forms of truncation where the sequence is longer than the window. Chunks of K forget all that "
        "was before a border, a window of K slides; they agree for T ≤ K and for K = 1 alone. Chunks for every T: "
        "the first step of a chunk forgets arbitrary traces, the others are those of the exact row.",
        premises=("paths.sum",),
        proof=lambda: prove_truncated(cell, lengths),
        code=(
            "reference/engines/forward.py:Learner",
            "reference/engines/sweep.py:sweep",
            "reference/engines/paths.py",
        ),
        source="Williams & Peng 1990; mathematics.md 0.4",
        sizes=f"every T by induction for K = 1, 2, 3, and (T, K) = {sizes}; 2 layers of 1 unit",
    )


def _losses() -> list[Equation]:
    """Differentiate the value that the code computes by every output of two steps, two samples and two features."""
    place = list(np.ndindex(2, 2, 2))
    o, y = (np.empty((2, 2, 2), dtype=object) for _ in "oy")
    for t, b, k in place:
        low = f"{k + 1}{b + 1}"
        o[t, b, k], y[t, b, k] = sym("o", low, str(t + 1)), sym("y", low, str(t + 1))
    out = []
    for kind, when, time, batch in product(FORMS, ("every", "last"), ("sum", "mean"), ("sum", "mean")):
        loss = Loss(kind=kind, when=when, time=time, batch=batch)
        value, gradient = loss_value(loss, o, y), loss.gradient(o, y, SYMBOLS)
        for index in place:
            label = f"{kind.replace('_', ' ')}, {when}, time {time}, batch {batch}: dE/d{o[index]}"
            out.append(Equation(gradient[index], sympy.diff(value, o[index]), label))
    return out


def _path_sums() -> Result:
    results = []
    for cell in (Snu(transfer="tanh", train=("leak", "threshold")), Rnn(), Lif(recurrent=True, train=("threshold",))):
        p = problem(one_layer(cell, inputs=1), steps=3)
        for name in ("bptt", "rtrl"):
            results += [prove_path_sum(p, rule_named(name), engine) for engine in ("reverse", "forward")]
    return combined("sum over paths", results)


def _closed() -> Result:
    """Compare with SymPy's own derivative of the loss as one nested expression: no ledger, no names, no cuts."""
    from gradcert.derivations.proving.common import compare_gradients
    from gradcert.reference.engines import record

    results = []
    for cell, units, steps in ((Snu(train=("leak", "threshold")), 2, 2), (Rnn(), 1, 3), (Lif(recurrent=True), 1, 3)):
        p = problem(one_layer(cell, inputs=1, units=units), steps=steps)
        tape = record(p.network, p.parameters, p.inputs, numbers=SYMBOLS, initial=p.initial)
        value = p.network.loss.value(tape.outputs, p.targets, SYMBOLS)
        expected = {
            name: np.array([sympy.diff(value, s) for s in values.flat], dtype=object).reshape(values.shape)
            for name, values in p.parameters.items()
        }
        for engine in (reverse.gradients, forward.gradients):
            found = engine(
                p.network, p.parameters, p.inputs, p.targets, rule=RULES["bptt"], numbers=SYMBOLS, initial=p.initial
            )
            results.append(compare_gradients(f"{cell.name}, closed form", found, expected))
    return combined("closed form", results)


def _widths() -> list[Equation]:
    cells = (
        Rnn(bias=False),
        Snu(bias=False, transfer="tanh", train=("leak", "threshold")),
        Lif(bias=False, recurrent=True, train=("leak", "threshold")),
        Lif(bias=False, recurrent=True, reset="hard", train=("leak", "threshold")),
    )
    return [step_for_every_width(cell, weight) for cell in cells for weight in ("W", "H")]


def _example() -> Example:
    network = Network(layers=(Layer(Snu(), inputs=3, units=4), Layer(Snu(), inputs=4, units=2)))
    rng = np.random.default_rng(7)
    x, y = (rng.random((6, 2, 3)) < 0.5).astype(float) * 1.5, rng.random((6, 2, 2))
    parameters = network.parameters(seed=3, scale=2.0)
    back = reverse.gradients(network, parameters, x, y, rule=RULES["bptt"])
    ahead = forward.gradients(network, parameters, x, y, rule=RULES["rtrl"])
    rows = tuple(
        (
            tensor(name, 2),
            f"{np.linalg.norm(back[name]):.6f}",
            f"{np.linalg.norm(ahead[name]):.6f}",
            relative(ahead, back, name),
        )
        for name in back
    )
    text = (
        "Two SNU layers of 4 and 2 units, 6 steps, 2 samples. One engine runs backwards over a stored sequence, the "
        "other forwards with traces; they share no line of the recursion. What is left between them is rounding."
    )
    return Example(text, ("parameter", "norm, reverse", "norm, forward", "relative difference"), rows)


def _count() -> Figure:
    p = problem(one_layer(Snu(), inputs=1, units=1), steps=3)
    counts = {name: sum(1 for _ in paths(p, rule_named(name))) for name in ("bptt", "ottt", "sltt")}
    figure = unrolled(Snu(), rule_named("bptt"))
    words = ", ".join(f"{name} keeps {n}" for name, n in counts.items())
    return Figure(figure.svg, f"{figure.caption} With one unit and all parameters there are so many paths: {words}.")


DERIVATION = Derivation(
    name="paths",
    title="BPTT, RTRL and one sum over paths",
    motivation=(
        "A recurrent network is a feed-forward network in disguise: unroll it over time and every step becomes a "
        "layer. The gradient of the loss with respect to a weight is then a sum over all paths by which the weight "
        "reaches the loss, each path contributing the product of the local derivatives along it. This is the chain "
        "rule and nothing else.",
        "Everything that is called a learning rule in this project is a choice of which paths to sum, and every "
        "algorithm is a choice of the order of summation. Backwards from the loss, it is backpropagation through time; "
        "forwards from the weight, it is real-time recurrent learning. Both give the same number. The point of this "
        "chapter is to see that the two engines in reference/ do exactly this, for every cell.",
    ),
    statement=(
        "Let a layer's nodes at step t depend on each other along links within the step and on the nodes of step t−1 "
        "along links labelled STATE, RESET, RECURRENT or ADAPTATION. Then dE/dw is the sum, over all paths from a use "
        "of w to the loss, of the products of local derivatives; the reverse engine with the rule bptt and the forward "
        "engine with the rule rtrl compute it, for every real value of weights, inputs, states and constants, at the "
        "sizes given: squared error, a loss at every step or at the last, sums and means, one sample and two, two "
        "layers of one or two units. For every T: the forward engine by induction on those networks with the loss "
        "summed over all steps, the reverse engine within one layer (paths.reverse). Every width and every depth at "
        "once is not claimed here.",
    ),
    steps=(
        Step(
            "paths.loss",
            "The learning signal starts at the loss: what the code returns as dE/do is the derivative of the value "
            "that it returns as E, for both losses, sums and means over time and batch, and a loss at every step or at "
            "the last alone; by every output of every step and sample. E is the code's own, its exp and log included.",
            equations=_losses,
            code=("reference/networks/loss.py:gradient", "reference/networks/loss.py:value"),
            source="mathematics.md 14.4, T62",
            sizes="T = 2, two samples, two outputs",
        ),
        *(_local(label) for label in variants()),
        Step(
            "paths.sum",
            "Every path is walked on its own and its product formed, nothing shared and nothing stored; the sum of all "
            "of them is what the reverse and the forward engine return. This is the definition that both have to meet.",
            premises=("paths.loss", "paths.local-snu-transfer-tanh", "paths.local-rnn"),
            proof=_path_sums,
            code=("reference/engines/sweep.py:sweep", "reference/engines/forward.py:Learner"),
            source="mathematics.md 0.3",
            sizes="n_in = 1, n = 2, T = 3, one layer",
        ),
        Step(
            "paths.graphs",
            "Networks that are graphs of populations: a skip connection over a layer and a second input, feedback from "
            "a later population one step on, which makes one layer of both, connections that are two and three steps "
            "late, through registers, and all of it with spikes and a leaky readout. A layer is a strongly connected "
            "component; FEEDBACK and DELAY are edges with labels like the others. Both engines compute what the row "
            "says, its own edges in the layer of the parameter and its upper ones above, windows and chunks included.",
            premises=("paths.sum",),
            proof=graphs.rows,
            code=(
                "reference/networks/graph/circuit.py:Circuit",
                "reference/engines/sweep.py:spread",
                "reference/engines/forward.py:Learner",
            ),
            source="mathematics.md 0.3",
            sizes="three populations of one or two units, T = 3, 4; rows without feedback matrices",
        ),
        Step(
            "paths.graph-sums",
            "The same graphs once more by walking: every path from the loss back to a parameter, through skip "
            "connections, feedback and registers, whose edges the row keeps, its product formed on its own. Their sum "
            "is what both engines return.",
            premises=("paths.graphs",),
            proof=graphs.sums,
            code=("reference/engines/sweep.py:sweep", "reference/engines/forward.py:Learner"),
            source="mathematics.md 0.3",
            sizes="as paths.graphs, without windows",
        ),
        Step(
            "paths.reverse",
            "Every T for the reverse engine. One turn of its loop from arbitrary adjoints one step later, every local "
            "derivative a free symbol: the adjoint of a node is the sum over the links that leave it, those within the "
            "step and the kept ones into the next; for every set of edges that a row keeps, and at the border of a "
            "chunk. With the last step, where nothing comes after, this is an induction backwards in time. Gradients "
            "are sums over steps of what the adjoints meet.",
            premises=("paths.sum",),
            proof=adjoints.every_cell,
            code=("reference/engines/sweep.py:sweep", "reference/engines/sweep.py:_sweep_in_time"),
            source="mathematics.md 0.3",
            sizes="every T by induction; one layer, 1 → 2, one sample",
        ),
        Step(
            "paths.closed",
            "The same once more without any of this room's machinery: the loss as one nested SymPy expression, "
            "differentiated by SymPy, against the engines on plain symbols. The sizes are tiny, because the expression "
            "doubles with every step; it is a check of the proofs by a second way, not their replacement.",
            premises=("paths.loss",),
            proof=_closed,
            code=("reference/engines/reverse.py", "reference/engines/forward.py", "reference/engines/tape.py"),
            source="mathematics.md 0.3",
            sizes="SNU n = 2, T = 2; vanilla RNN and LIF n = 1, T = 3",
        ),
        Step(
            "paths.width",
            "One step for a layer of n units, n a symbol: the derivative of unit i's state in the direction of W_pq or "
            "H_pq. On the left SymPy differentiates the code's step, the sums over units resolved with Kronecker "
            "deltas; on the right stands the sum over edges, written here, with the local derivatives that the code "
            "returns. ε_jpq is the derivative of unit j's state one step before. That the engine forms this sum is "
            "ostl.jacobian, for two units.",
            premises=("paths.local-rnn", "paths.local-snu-transfer-tanh"),
            equations=_widths,
            code=(
                *(f"reference/networks/cells/{name}.py:step" for name in ("rnn", "lif")),
                *(f"reference/networks/cells/{name}.py:factors" for name in ("rnn", "lif")),
                "reference/networks/cells/snu_equations.py",
            ),
            source="mathematics.md 0.3, 4.1",
            sizes="every n and n_in",
        ),
        *(_breaks(label) for label in variants()),
        *cell_steps(
            "paths",
            ("bptt", "rtrl"),
            premises=("paths.loss", "paths.sum"),
            source="mathematics.md 0.3, 3; Werbos 1990; Williams & Zipser 1989",
        ),
        *cell_steps(
            "paths.cut",
            ("bptt-detached-reset", "tbptt", "tbptt-chunks"),
            premises=("paths.sum",),
            source="mathematics.md 0.4",
        ),
        *(_truncated(label) for label in variants()),
    ),
    example=_example,
    traps=(
        Trap(
            "T03",
            "H transposed in the Jacobian. The gradient has the right shape and the right size; only a "
            "non-symmetric H shows it (relative error .10 to .94).",
        ),
        Trap("T12", "The trace is read before it is updated: a lag of one step, error .64."),
        Trap("T21", "Traces carried over between sequences, or cleared between parts of one whose state goes on live."),
        Trap("T62", "A factor 1/T or 1/B, or sum for mean. Compare with T and B above 1."),
        Trap("T66", "The gradient of the total loss compared with that of the last step."),
        Trap(
            "T93",
            "Weights updated inside the window: RTRL then mixes Jacobians at different weights and equals BPTT "
            "at none of them.",
        ),
        Trap("T125", "A test with T = 1, a zero initial state or H = 0 cannot see the Jacobian at all."),
    ),
    snippet="""\
import numpy as np
from gradcert.reference import RULES, Layer, Network, Snu
from gradcert.reference.engines import forward, reverse

network = Network(layers=(Layer(Snu(), inputs=3, units=4),))
parameters = network.parameters(seed=0)
x, y = np.random.default_rng(0).random((6, 1, 3)), np.zeros((6, 1, 4))
back = reverse.gradients(network, parameters, x, y, rule=RULES["bptt"])
ahead = forward.gradients(network, parameters, x, y, rule=RULES["rtrl"])
print({name: abs(back[name] - ahead[name]).max() for name in back})
""",
    figures=(_count,),
    notation={
        "ε": "derivative of a unit's state by a weight, one step before",
        "p": "row of the weight that is moved",
        "q": "column of the weight that is moved",
        "H": "lateral weight, from the layer's output one step before",
        "K": "length of a window or of a chunk",
    },
)
