"""Complexity: counts of the code's own arrays and products, beside the tables of the papers."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.counting import K, M, N, backward, backwards, measure, polynomial, stacked
from gradcert.derivations.figures import heat_map
from gradcert.derivations.proving.common import RAISED, acronym
from gradcert.derivations.proving.proof import Result
from gradcert.derivations.proving.record import Derivation, Equation, Example, Figure, Step, Trap
from gradcert.reference import RULES, Layer, Lif, Network, Rnn, Snu, record

FULL, PLAIN = Snu(bias=False), Snu(recurrent=False, bias=False)
#: cell, rule, degrees in n and m, memory and leading products as typed by hand, order in the papers' tables (m = n)
TABLE: tuple[tuple[str, Any, str, tuple[int, int], Any, int, int], ...] = (
    ("SNU, lateral H", FULL, "rtrl", (4, 1), N**2 * M + N**3, 3, 4),
    ("SNU, lateral H", FULL, "ostl", (4, 1), N**2 * M + N**3, 3, 4),
    ("SNU without H", PLAIN, "ostl", (2, 1), N * M, 2, 2),
    ("SNU, lateral H", FULL, "e-prop", (2, 1), N * M + N**2, 2, 2),
    ("LIF without H", Lif(bias=False), "ottt", (2, 1), M, 1, 2),
    ("LIF without H", Lif(bias=False), "sltt", (2, 1), sympy.Integer(0), 0, 2),
)
#: products of one step, term by term, in the order of TABLE
PRODUCTS: tuple[Any, ...] = (
    N**4 + M * N**3 + 3 * N**3 + M * N**2 + 5 * N**2 + M * N + 15 * N,
    N**4 + M * N**3 + 2 * N**3 + M * N**2 + 3 * N**2 + M * N + 11 * N,
    3 * M * N + 12 * N,
    3 * N**2 + 3 * M * N + 10 * N,
    2 * M * N + M + 7 * N + 2,
    2 * M * N + 5 * N + 1,
)


@cache
def _memory(index: int) -> Any:
    _, cell, rule, degrees, *_ = TABLE[index]
    return polynomial(cell, RULES[rule], "memory", degrees=degrees)


@cache
def _products(index: int) -> Any:
    _, cell, rule, degrees, *_ = TABLE[index]
    return polynomial(cell, RULES[rule], "products", degrees=degrees)


def _called(row: tuple[Any, ...]) -> str:
    """Return what a row of the table is about."""
    return f"{acronym(row[2])}, {row[0]}"


def _memories() -> list[Equation]:
    return [
        Equation(_memory(i), row[4], f"{row[0]}, {acronym(row[2])}: numbers in traces") for i, row in enumerate(TABLE)
    ]


def _every_product() -> list[Equation]:
    return [Equation(_products(i), PRODUCTS[i], f"{_called(row)}: products of a step") for i, row in enumerate(TABLE)]


def _backwards() -> list[Equation]:
    """Compare what a step more costs the reverse engine, and that it costs the same however long the sequence is."""
    found = backwards(FULL, RULES["bptt"], degrees=(2, 1))
    lengths = {steps: backward(FULL, RULES["bptt"], units=3, inputs=2, steps=steps) for steps in (1, 4, 9)}
    same = [Equation(sympy.Integer(n), found.subs({N: 3, M: 2}), f"after T = {t}") for t, n in lengths.items()]
    return [Equation(found, 3 * N**2 + 2 * N * M + 7 * N, "BPTT: products of a step"), *same]


def _orders() -> Result:
    failed, count = [], 0
    for i, (*_, memory, time) in enumerate(TABLE):
        for what, found, order in (("memory", _memory(i), memory), ("time", _products(i), time)):
            count += 1
            degree = sympy.Poly(found.subs(M, N), N).degree() if found != 0 else 0
            if degree != order:
                failed.append(f"{_called(TABLE[i])}: {what} has degree {degree} in n, the table says {order}")
    return Result("orders", count, tuple(failed), 0.0)


def _sparse() -> list[Equation]:
    """Compare dense SnAp-1 with OSTL: the mask saves no memory in the dense form of storage."""
    n = 4
    found = measure(Rnn(bias=False), RULES["snap-1"], units=n, inputs=2).memory
    needed = n * (2 + n)
    stored = n * n * (2 + n)
    return [
        Equation(sympy.Integer(found), sympy.Integer(stored), "SnAp-1 as stored by the engine, n = 4, m = 2"),
        Equation(sympy.Integer(stored), sympy.Integer(n * needed), "n times what its mask leaves"),
    ]


def _time() -> Result:
    """Check that the reverse engine's tape grows with T, and the forward engine's traces do not."""
    failed, count = [], 0
    for steps in (3, 6, 12):
        network = Network(layers=(Layer(FULL, inputs=2, units=3),))
        tape = record(network, network.parameters(), np.ones((steps, 1, 2)))
        stored = sum(v.size for v in tape.layers[0].now.values())
        traces = measure(FULL, RULES["ostl"], units=3, inputs=2, warm=steps - 1).memory
        count += 2
        if stored != 3 * 3 * steps:
            failed.append(f"the tape holds {stored} node values at T = {steps}")
        if traces != 3 * 3 * (2 + 3):
            failed.append(f"the traces hold {traces} numbers at T = {steps}")
    return Result("T", count, tuple(failed), 0.0)


@cache
def in_layers(rule: str, what: str) -> Any:
    """Return what the engine carries (`memory`) or forms (`products`) in K layers of n units with n inputs each."""
    return stacked(FULL, RULES[rule], what, degrees=(3 if what == "memory" else 4, 2))


def _layers() -> list[Equation]:
    """Compare stacks with polynomials typed by hand; `sum` stands for layer k, which carries those of k layers."""
    below = sympy.expand(sympy.summation(2 * N**3 * sympy.Symbol("k"), (sympy.Symbol("k"), 1, K)))
    return [
        Equation(in_layers("ostl", "memory"), 2 * K * N**3, "OSTL, K layers: numbers in traces"),
        Equation(in_layers("rtrl", "memory"), below, "RTRL, K layers: numbers in traces"),
        Equation(
            in_layers("ostl", "products"),
            2 * K * N**4 + 3 * K * N**3 + (5 * K - 1) * N**2 + 11 * K * N,
            "OSTL, K layers: products of a step",
        ),
        Equation(
            in_layers("rtrl", "products"),
            (3 * K**2 - K) * (N**4 + N**3) + 2 * N**3 + (8 * K - 2) * N**2 + 15 * K * N,
            "RTRL, K layers: products of a step",
        ),
    ]


def _written(polynomial: Any) -> str:
    """Return a polynomial as the pages write it."""
    raised = re.sub(r"\*\*(\d+)", lambda m: m[1].translate(RAISED), str(polynomial))
    return raised.replace("*", "").replace("-", "−")


def _example() -> Example:
    rows = []
    for i, (_, _, rule, _, _, memory, time) in enumerate(TABLE):
        orders = ("n" if memory == 1 else f"n**{memory}", f"n**{time}")
        printed = ", ".join(map(_written, orders))
        if rule == "sltt":
            printed = f"n, {_written('n**2')} (n: the activity of the step itself)"
        rows.append((_called(TABLE[i]), _written(_memory(i)), _written(_products(i)), printed))
    text = (
        "One layer of n units with m inputs: numbers held in eligibility traces and products formed in one step, "
        "counted "
        "in the running code and interpolated. The last column is the papers' table (memory, time) for m = n. "
        "Where the "
        "code forms products with zeros, they are counted."
    )
    return Example(text, ("rule and cell", "memory", "products per step", "orders in the papers"), tuple(rows))


def _figure() -> Figure:
    sizes, names = (2, 3, 4, 6), ("rtrl", "ostl", "e-prop", "ottt", "sltt")
    values = [
        [float(np.log2(1 + measure(FULL, RULES[name], units=n, inputs=n).products)) for n in sizes] for name in names
    ]
    caption = (
        f"log2 of the products per step of an SNU layer with H. Rows: {', '.join(names)}; columns: n = m = 2, 3, 4, 6."
    )
    return heat_map(values, caption, rows="rule", columns="n")


DERIVATION = Derivation(
    name="complexity",
    title="Complexity, counted in the running code",
    motivation=(
        "Tables of complexity are copied from paper to paper, and the cell that they are about is left behind: OSTL is "
        "listed at n^2 and at n^4, and both are right, for different networks. Here nothing is copied. The traces have "
        "shapes, the scalars can count, and a polynomial is fixed by a few of its values.",
    ),
    statement=(
        "With n units and m inputs the forward engine stores n^2 m + n^3 numbers for OSTL and RTRL with lateral "
        "weights, "
        "n m for OSTL without, n m + n^2 for e-prop, m for OTTT and none for SLTT, independently of T; the "
        "products per "
        "step have the orders of the papers' tables.",
    ),
    steps=(
        Step(
            "complexity.memory",
            "The number of entries of all traces, interpolated from the code's own array shapes on "
            "a grid of sizes and confirmed beyond it, is the polynomial typed here.",
            premises=("ostl.storage", "ottt.storage"),
            equations=_memories,
            code=("reference/engines/forward.py:Learner", "reference/engines/tangent.py"),
            source="mathematics.md 11",
            sizes="polynomials of degree ≤ 4 in n, 1 in m: grid of 5 × 2 and one point beyond",
        ),
        Step(
            "complexity.products",
            "The products that the code forms in one step, counted by numbers that count, are the polynomials typed "
            "here: the forward pass, the local derivatives, one step of all traces, and the update.",
            premises=("complexity.memory",),
            equations=_every_product,
            code=("reference/engines/forward.py:Learner.step",),
            source="mathematics.md 11",
            sizes="polynomials of degree ≤ 4 in n, 1 in m: grid of 5 × 2 and one point beyond",
        ),
        Step(
            "complexity.orders",
            "Memory and products per step have, for m = n, the degrees of the papers' tables: n^3 and "
            "n^4 for OSTL with H, n^2 and n^2 without and for e-prop, n and n^2 for OTTT. SLTT carries "
            "nothing; the n that tables give it is the activity of the step itself.",
            premises=("complexity.products",),
            proof=_orders,
            code=("reference/engines/forward.py",),
            source="S-TLLR's comparison table (third party); mathematics.md 11",
        ),
        Step(
            "complexity.sequence",
            "The tape of the reverse engine grows with T, three numbers per unit and step; the "
            "traces of the forward engine do not grow.",
            proof=_time,
            code=("reference/engines/tape.py", "reference/engines/forward.py"),
            source="mathematics.md 11",
            sizes="T = 3, 6, 12",
        ),
        Step(
            "complexity.backward",
            "A step more of the sequence costs the reverse engine, forwards and backwards together, the products typed "
            "here, whatever the length.",
            premises=("complexity.sequence",),
            equations=_backwards,
            code=("reference/engines/reverse.py", "reference/engines/sweep.py:sweep"),
            source="mathematics.md 11",
            sizes="polynomials of degree ≤ 2 in n, 1 in m: grid of 3 × 2 and one point beyond; T = 1, 3, 4, 9",
        ),
        Step(
            "complexity.snap",
            "The engine stores SnAp-1 in a dense array and masks it: n times what the mask leaves. The "
            "published cost assumes sparse storage, and the engine makes no claim to it.",
            equations=_sparse,
            code=("reference/engines/forward.py:Learner._masked",),
            source="arXiv 2006.07232; mathematics.md 3",
            sizes="n = 4, m = 2",
        ),
        Step(
            "complexity.layers",
            "K layers cost K times as much under OSTL. Under RTRL layer k also carries the traces of the layers below: "
            "K(K+1)/2 times the memory, and products of order K^2 n^4, counted in running stacks of layers.",
            premises=("complexity.memory", "complexity.products"),
            equations=_layers,
            code=("reference/engines/forward.py:Learner.step",),
            sizes="polynomials of degree ≤ 4 in n, 2 in K: grid of 5 × 3 and one point beyond",
            source="mathematics.md 4.5, 11",
        ),
    ),
    example=_example,
    traps=(
        Trap("T24", "The n^2 of a diagonal recursion claimed for a rule with lateral weights."),
        Trap("T25", "Rows stored where a parameter reaches several units: cheap, and wrong."),
        Trap("T94", "RFLO's or e-prop's cost quoted for SnAp-1, or the other way round."),
    ),
    snippet="""\
from gradcert.derivations.algebra.counting import polynomial
from gradcert.reference import RULES, Snu

print(polynomial(Snu(bias=False), RULES["ostl"], "memory", degrees=(4, 1)))
print(polynomial(Snu(bias=False), RULES["e-prop"], "products", degrees=(2, 1)))
""",
    figures=(_figure,),
    notation={
        "K": "number of layers",
        "m": "number of inputs of a layer",
    },
)
