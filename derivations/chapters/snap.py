"""SnAp-n: the pattern, and equality with RTRL at the diameter."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.ledger import Ledger
from gradcert.derivations.algebra.symbols import SYMBOLS
from gradcert.derivations.figures import heat_map
from gradcert.derivations.proving.cases import variants
from gradcert.derivations.proving.common import acronym, at_rest, combined, compare_gradients, one_layer, relative
from gradcert.derivations.proving.induction import entry
from gradcert.derivations.proving.notation import matrix
from gradcert.derivations.proving.proof import Problem, Result, named, problem, run
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, TEMPORAL, Layer, Network, Rnn, Snu, rule_named
from gradcert.reference.engines import Learner, reachable, record, reverse
from gradcert.reference.networks import Dense, rnn

#: every unit hears the one before it: 0 -> 1 -> 2 -> 0
RING = tuple((i, j) for i in range(3) for j in range(3) if j != (i - 1) % 3)


def _ring(cell: Any, *, units: int = 3, inputs: int = 1) -> Network:
    absent = tuple((i, j) for i in range(units) for j in range(units) if j != (i - 1) % units)
    lateral = Dense(inputs=units, units=units, absent=absent)
    return Network(layers=(Layer(cell, inputs=inputs, units=units, synapses=(("H", lateral),)),))


def _recursion(p: Problem, n: int, *, early: bool = False) -> dict[str, Any]:
    """Return SnAp-n of a vanilla RNN by its definition: M = mask * (J M + D), the mask from a boolean power.

    With `early` the mask is applied before D is added, M = mask * (J M) + D: the same.
    """
    tape = record(named(p.network, Ledger()), p.parameters, p.inputs, numbers=SYMBOLS, initial=p.initial)
    layer = tape.layers[0]
    synapse = layer.layer.synapse("H")
    units, steps = layer.layer.units, p.inputs.shape[0]
    h = matrix(synapse.effective(layer.p["H"]))
    reach = np.eye(units, dtype=bool)
    connected = np.array([[e != 0 for e in row] for row in h.tolist()])
    for _ in range(n - 1):
        reach = reach | (connected @ reach)
    delta = p.network.loss.gradient(tape.outputs, p.targets, SYMBOLS)[:, 0]
    out = np.zeros((units, units), dtype=object)
    for row, column in np.ndindex(units, units):
        m = sympy.zeros(units, 1)
        total = sympy.S.Zero
        for t in range(steps):
            slope = layer.factors[rnn.OUTPUT][t, 0]
            fresh = sympy.zeros(units, 1)
            fresh[row] = layer.prev["z"][t, 0, column]
            moved, fresh = sympy.diag(*slope) * h * m, sympy.diag(*slope) * fresh
            masked = moved if early else moved + fresh
            masked = sympy.Matrix(units, 1, [masked[k] if reach[k, row] else 0 for k in range(units)])
            m = masked + fresh if early else masked
            total += sum(delta[t, k] * m[k] for k in range(units))
        out[row, column] = total
    return {"layers.0.H": synapse.effective(out)}


def _definition() -> Result:
    results = []
    for network in (one_layer(Rnn(bias=False), inputs=1, units=3), _ring(Rnn(bias=False))):
        p = problem(network, steps=4)
        for n in (1, 2):
            for engine in ("reverse", "forward"):
                _, found = run(engine, p, rule_named(f"snap-{n}"))
                expected = _recursion(p, n, early=engine == "forward")  # before or after D is added
                results.append(compare_gradients(f"SnAp-{n}, {engine}", {"layers.0.H": found["layers.0.H"]}, expected))
    return combined("the definition", results)


def _engines() -> Result:
    results = []
    for label, cell in variants().items():
        p = problem(one_layer(cell, inputs=1), steps=2 if len(cell.nodes) > 8 else 3)
        for name in ("snap-1", "snap-2"):
            _, back = run("reverse", p, RULES[name])
            _, ahead = run("forward", p, RULES[name])
            results.append(compare_gradients(f"{label}: {name}", back, ahead))
    return combined("two engines", results)


def _diameter() -> Result:
    results, failed = [], []
    for units in (3, 4):
        p = at_rest(problem(_ring(Rnn(bias=False), units=units), steps=units + 1))
        _, exact = run("reverse", p, RULES["bptt"])
        # a ring of n units has diameter n - 1; the parameter's own unit counts as the first step
        _, enough = run("forward", p, rule_named(f"snap-{units}"))
        results.append(compare_gradients(f"ring of {units}, SnAp-{units}", enough, exact))
        _, short = run("forward", p, rule_named(f"snap-{units - 1}"))
        if compare_gradients("", short, exact).proved:
            failed.append(f"ring of {units}: SnAp-{units - 1} is exact, and should not be")
    for cell in (Rnn(), Snu(transfer="tanh", train=("threshold",))):
        p = problem(one_layer(cell, inputs=1, units=3), steps=3)
        _, exact = run("reverse", p, RULES["bptt"])
        results.append(compare_gradients(f"dense {cell.name}, SnAp-2", run("forward", p, RULES["snap-2"])[1], exact))
    total = combined("at the diameter", results)
    return Result(total.claim, total.identities + 2, (*total.failed, *failed), total.seconds)


def _patterns() -> Result:
    """Compare the code's masks with the pattern of the derivative itself: which entries are not identically 0."""
    failed, count = [], 0
    for n in (1, 2, 3):
        layer = _ring(Rnn(bias=False), units=4).layers[0]
        mask = reachable(layer, TEMPORAL, "H", n)
        for row, unit in np.ndindex(mask.shape):
            count += 1
            distance = (unit - row) % 4
            if bool(mask[row, unit]) != (distance < n):
                failed.append(f"SnAp-{n}: row {row}, unit {unit}")
    return Result("masks of a ring", count, tuple(failed), 0.0)


def _one() -> list[Equation]:
    """Compare SnAp-1's trace of a vanilla RNN with the diagonal recursion."""
    p = problem(one_layer(Rnn(bias=False)), steps=3)
    learner = Learner(
        named(p.network, Ledger()),
        p.parameters,
        rule=RULES["snap-1"],
        steps=3,
        batch=1,
        numbers=SYMBOLS,
        initial=p.initial,
    )
    h = p.parameters["layers.0.H"]
    held = np.zeros((2, 2), dtype=object)
    out = []
    for t in range(3):
        learner.step(p.inputs[t], p.targets[t])
        step = learner.before[0]
        for i, j in np.ndindex(2, 2):
            held[i, j] = step.factors[rnn.OUTPUT][0, i] * (h[i, i] * held[i, j] + step.prev["z"][0, j])
            if t == 1:
                found = entry(learner.traces[0][0, "H", 0]["z"], 0, i, i, j)
                out.append(Equation(found, held[i, j], f"m_{i + 1}{j + 1} at t = 2"))
    found = learner.traces[0][0, "H", 0]["z"]
    out += [Equation(entry(found, 0, 1 - i, i, j), 0, f"other units, m_{i + 1}{j + 1}") for i, j in np.ndindex(2, 2)]
    return out


def _example() -> Example:
    network = _ring(Rnn(), units=6, inputs=2)
    rng = np.random.default_rng(0)
    w = network.parameters(seed=0, scale=1.5)
    x, y = rng.standard_normal((15, 1, 2)), rng.standard_normal((15, 1, 6))
    exact = reverse.gradients(network, w, x, y, rule=RULES["bptt"])
    rows = []
    for n in (1, 2, 3, 4, 5, 6):
        found = reverse.gradients(network, w, x, y, rule=rule_named(f"snap-{n}"))
        entries = int(reachable(network.layers[0], TEMPORAL, "H", n).sum())
        rows.append((acronym(f"snap-{n}"), f"{entries} of 36", relative(found, exact, "layers.0.H")))
    text = "A ring of six units, 15 steps: the mask grows by one diagonal per n, and at n = 6 nothing is left out."
    return Example(text, ("rule", "(row, unit) pairs kept", "H: relative difference from BPTT"), tuple(rows))


def _figure() -> Figure:
    layer = _ring(Rnn(), units=6).layers[0]
    values = [
        [float(sum(bool(reachable(layer, TEMPORAL, "H", n)[r, u]) for n in (1, 2, 3))) for u in range(6)]
        for r in range(6)
    ]
    return heat_map(
        values, "Ring of six: entries kept by SnAp-1 (darkest), SnAp-2 and SnAp-3.", rows="row", columns="unit"
    )


DERIVATION = Derivation(
    name="snap",
    title="SnAp-n: patterns and the diameter",
    motivation=(
        "RTRL's influence matrix is mostly far-away influence: unit i's dependence on a weight that feeds unit k, many "
        "synapses away. SnAp-n keeps an entry only if the unit can be reached from the weight within n steps. The mask "
        "belongs to the graph, not to the numbers in it, so a sparse network has a sparse, exact-looking "
        "learning rule.",
        "n = 1 is a diagonal recursion, and often mistaken for e-prop or RFLO, which delete the recurrence before "
        "differentiating. At the diameter of the graph nothing is masked any more.",
    ),
    statement=(
        "Both engines compute M = mask_n * (J M + D) with mask_1 the pattern of D and mask_(k+1) that of mask_k + |J| "
        "mask_k. If every unit can be reached from every other within n − 1 steps, SnAp-n is RTRL; for a dense layer "
        "SnAp-2 already is. One step less, and it is not.",
    ),
    steps=(
        Step(
            "snap.patterns",
            "In a ring a weight into unit r reaches unit u after u − r steps: the code's mask has these "
            "entries and no others.",
            proof=_patterns,
            code=("reference/engines/structure.py:reachable",),
            source="arXiv 2006.07232; mathematics.md 3",
            sizes="a ring of 4, n = 1, 2, 3",
        ),
        Step(
            "snap.definition",
            "The recursion written down from its definition, mask and all, against both engines: the mask applied "
            "after D is added for the one, before for the other.",
            premises=("snap.patterns", "paths.local-rnn"),
            proof=_definition,
            code=("reference/engines/paths.py:masked_gradients", "reference/engines/forward.py"),
            source="mathematics.md 3",
            sizes="dense and ring of 3, n = 1, 2, T = 4",
        ),
        Step(
            "snap.one",
            "For a vanilla RNN SnAp-1 is the diagonal recursion m = φ'(H_ii m + z_j), H_ii included; what the "
            "mask forbids is 0 in the engine's trace.",
            premises=("snap.definition",),
            equations=_one,
            code=("reference/engines/forward.py:Learner",),
            source="mathematics.md 3",
            sizes="n = 2, T = 2",
        ),
        Step(
            "snap.engines",
            "For every cell the masked adjoints of the reverse engine and the masked traces of the forward "
            "engine give the same gradient, although one confines credit and the other influence.",
            premises=("snap.definition",),
            proof=_engines,
            code=("reference/engines/paths.py", "reference/engines/forward.py"),
            source="mathematics.md 3",
            sizes="n = 2, T = 3 (2 for cells of many gates)",
        ),
        Step(
            "snap.diameter",
            "Ring of 3 and of 4: SnAp-n is BPTT at n = 3 and 4 and not at n = 2 and 3. Dense layers: at n = 2.",
            premises=("snap.definition", "ostl.one-layer"),
            proof=_diameter,
            code=("reference/engines/forward.py",),
            source="mathematics.md 3, 12.9",
            sizes="T = n + 1",
        ),
    ),
    example=_example,
    traps=(
        Trap("T24", "The full J replaced by its diagonal and still called exact."),
        Trap(
            "T91",
            "The mask taken from current values instead of structure; applied after the gradient of the step was "
            "formed; off by one; the diagonal of H excluded. Applied before D is added it is the same: D lies inside "
            "every mask.",
        ),
        Trap("T92", "A permutation of units or a block layout that breaks the mask."),
        Trap("T94", "An RFLO or e-prop trace sold as SnAp-1: the diagonal of J includes H_ii."),
    ),
    snippet="""\
import numpy as np
from gradcert.reference import RULES, Layer, Network, Rnn, rule_named
from gradcert.reference.engines import forward

network = Network(layers=(Layer(Rnn(), inputs=2, units=5),))
w, x, y = network.parameters(seed=0), np.ones((7, 1, 2)), np.zeros((7, 1, 5))
exact = forward.gradients(network, w, x, y, rule=RULES["rtrl"])["layers.0.H"]
for n in (1, 2):
    found = forward.gradients(network, w, x, y, rule=rule_named(f"snap-{n}"))["layers.0.H"]
    print(n, abs(found - exact).max())
""",
    figures=(_figure,),
    notation={
        "r": "the unit that a weight feeds",
        "u": "a unit that it reaches",
        "D": "immediate derivative of the state",
        "H": "lateral weight",
        "J": "one-step Jacobian of the state",
        "M": "influence matrix: derivative of the state by the parameters",
        "m": "derivative of a unit's state by a weight",
        "φ": "activation; φ' its derivative",
    },
)
