"""Proofs about the code of the bounds: the system, the recursion, windows, the a-priori sum, the certificate."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
import sympy

from gradcert.derivations.algebra.ring import Ring
from gradcert.derivations.parts.blocks import (
    INSIDE,
    Abstract,
    NormRecursion,
    block,
    entry,
    lifted,
    majorant,
    norm,
    push,
    run_system,
    step_of,
)
from gradcert.derivations.proving.notation import PARTS, sym
from gradcert.derivations.proving.proof import Result
from gradcert.derivations.proving.record import Equation
from gradcert.reference import RULES, Connection, Graph, Layer, Network, Population, Rnn, Rule, rule_named
from gradcert.reference.bounds import Injection, System, assemble

Skips = tuple[tuple[int, int], ...]
Case = tuple[int, int, int, Skips]
NAMES = ("ostl", "ostl-random", "e-prop-random", "osttp", "decolle", "tbptt")
#: (layers, layer of the parameters, T, pairs of layers between which there is a skip connection)
CASES: tuple[Case, ...] = (
    (1, 0, 3, ()),
    (2, 0, 3, ()),
    (2, 1, 3, ()),
    (3, 0, 2, ()),
    (3, 1, 2, ()),
    (3, 0, 2, ((0, 2),)),
    (4, 1, 1, ((0, 2), (1, 3))),
)
#: counts the kept steps on a path
AGE = sympy.Symbol("age")


def _rule(name: str) -> Rule:
    return rule_named(name, steps=2) if name == "tbptt" else RULES[name]


def _pieces(name: str, depth: int, steps: int, skips: Skips = ()) -> tuple[Network, Rule, Abstract]:
    rule = _rule(name)
    network = Network(layers=tuple(Layer(Rnn(), inputs=1, units=1) for _ in range(depth)))
    if skips:
        names = ["x", *(f"p{m}" for m in range(depth))]
        chain = [Connection(a, b) for a, b in pairwise(names)]
        over = [Connection(f"p{a}", f"p{b}") for a, b in skips]
        populations = tuple(Population(one, Rnn(), 1) for one in names[1:])
        network = Network(graph=Graph({"x": 1}, populations, (*chain, *over)))
    return network, rule, Abstract(depth, steps, ages=rule.window or 0, gap=rule.feedback == "random")


def system(name: str, *, depth: int, layer: int, steps: int, skips: Skips = ()) -> tuple[System, Abstract]:
    """Let the code build the system of one layer's parameters from matrices without entries."""
    network, rule, pieces = _pieces(name, depth, steps, skips)
    row = lifted([block("q", "", t) for t in range(steps)])
    signal = lifted([block("s", "", t) for t in range(steps)]) if rule.feedback in ("target", "local") else None
    return assemble(network, layer, rule, pieces, row, signal), pieces


def _sensitivities(
    pieces: Abstract, layer: int, rule: Rule | None, steps: int, skips: Skips = ()
) -> list[dict[int, Any]]:
    """Return d(output of layer m) at every step, written out: of the truth where `rule` is None, else of the rule."""
    state: dict[int, Any] = {}
    out = []
    for t in range(steps):
        z: dict[int, Any] = {}
        for m in range(layer, pieces.depth):

            def of(name: str, m: int = m, t: int = t) -> Any:
                return pieces.of(name, m, t)

            late = push(("z", "before"), t) if m == layer else 0
            kept = of("Jk") * state.get(m, sympy.S.Zero) + of("Ek") * late
            dropped = of("Jd") * state.get(m, sympy.S.Zero) + of("Ed") * late
            moved = AGE * kept if rule else kept + dropped
            if m == layer:
                read = [(of("F"), of("F'"), push(("v", "now"), t))]
            elif rule and rule.feedback == "direct" and m == pieces.depth - 1:
                read = [(of(f"B{layer}to"), of(f"B'{layer}to"), z[layer])]
            else:
                parts = ("G", "D") if pieces.gap and rule is None else ("G",)
                sources = [s for s in (m - 1, *(a for a, b in skips if b == m)) if s in z]

                def reads(mark: str, s: int, m: int = m, t: int = t, parts: tuple[str, ...] = parts) -> Any:
                    return sympy.Add(*(pieces.read(part + mark, m, s, t) for part in parts))

                read = [(reads("", s), reads("'", s), z[s]) for s in sources]
            window = rule.window if rule else None
            state[m] = _young(moved + sum(into * source for into, _, source in read), window)
            z[m] = _young(of("C") * state[m] + sum(past * source for _, past, source in read), window)
        out.append({m: value.subs(AGE, 1) for m, value in z.items()})
    return out


def _young(expression: Any, window: int | None) -> Any:
    """Drop the terms with as many kept steps as the window, or more: a path of w steps has w - 1 of them."""
    expanded = sympy.expand(expression)
    if window is None:
        return expanded.subs(AGE, 1)
    terms = sympy.Add.make_args(expanded)
    return sympy.Add(*(t for t in terms if sympy.Mul(*t.args_cnc()[0]).as_powers_dict()[AGE] < window))


def assembled(names: tuple[str, ...] = NAMES, cases: tuple[Case, ...] = CASES) -> Result:
    """Compare the error row of the code's system with truth minus rule, step by step."""
    failed, count = [], 0
    for name in names:
        for depth, layer, steps, skips in cases:
            found, pieces = system(name, depth=depth, layer=layer, steps=steps, skips=skips)
            rule, last = _rule(name), depth - 1
            truth = _sensitivities(pieces, layer, None, steps, skips)
            kept = _sensitivities(pieces, layer, rule, steps, skips)
            for t, error in enumerate(run_system(found, steps)):
                credit = block("q", "", t)
                own = rule.feedback in ("target", "local") and layer < last
                of_rule = block("s", "", t) * kept[t][layer] if own else credit * kept[t][last]
                count += 1
                if sympy.expand(error - credit * truth[t][last] + of_rule) != 0:
                    skipping = f", skipping {skips}" if skips else ""
                    failed.append(f"{name}, layer {layer + 1} of {depth}{skipping}, step {t + 1}")
    return Result("the code's system is truth minus rule", count, tuple(failed), 0.0)


def _abstract(steps: int, *, components: int = 2) -> tuple[System, Injection]:
    """Return a system of blocks without structure, and one parameter that acts through one port."""
    names: list[Any] = [(0, "kept", 0), (0, "dropped", 0)][:components]
    port = ("v", "now")

    def blocks(base: str, low: str = "") -> Any:
        return lifted([block(base, low, t) for t in range(steps)])

    transition = {(i, j): blocks("A", f"{a}{b}") for a, i in enumerate(names) for b, j in enumerate(names)}
    drive = {port: {i: blocks("F", f"{a}") for a, i in enumerate(names)}}
    error = {i: blocks("e", f"{a}") for a, i in enumerate(names)}
    found = System(tuple(names), (1,) * components, transition, drive, error, {port: blocks("e'")})
    scale = np.array([[norm(push(port, t))] for t in range(steps)], dtype=object)
    return found, Injection(((port, None),), scale)


def _recursion(steps: int, window: int, *, components: int = 2) -> Any:
    """Run the code of the recursion; return its bound on the error of all steps."""
    found, injection = _abstract(steps, components=components)
    recursion = NormRecursion(("w",), window=window, roundings=0)
    for t in range(steps):
        recursion.step(found, {"w": [injection]}, t)
    return sympy.expand(recursion.error["w"][0])


def online() -> list[Equation]:
    """Compare the recursion with the majorant of what the system computes exactly."""
    out = []
    for steps in (1, 2, 3):
        exact = run_system(_abstract(steps)[0], steps)
        left = _recursion(steps, 1)
        out.append(Equation(left, sum((majorant(e) for e in exact), sympy.S.Zero), f"bound after {steps} steps"))
    return out


def induction() -> list[Equation]:
    """Take one step of the code from an arbitrary state x and an arbitrary bound b so far."""
    found, injection = _abstract(1)
    recursion = NormRecursion(("w",), window=1, roundings=0)
    state = {i: sym("x", str(a)) for a, i in enumerate(found.components)}
    recursion.x["w"] = {i: np.array([x], dtype=object) for i, x in state.items()}
    recursion.error["w"] = np.array([sym("b")], dtype=object)
    recursion.step(found, {"w": [injection]}, 0)
    pushed = injection.scale[0, 0]
    out = []
    for i in found.components:
        new = sum(norm(entry(found.transition[i, j], 0)) * x for j, x in state.items())
        new += norm(entry(found.drive["v", "now"][i], 0)) * pushed
        out.append(Equation(recursion.x["w"][i][0], new, f"{state[i]} after the step"))
    error = sum(norm(entry(e, 0)) * state[i] for i, e in found.error.items())
    error += norm(entry(found.error_drive["v", "now"], 0)) * pushed
    return [
        *out,
        Equation(recursion.error["w"][0], sym("b") + error, "bound after the step"),
    ]


def _written_windowed(steps: int, window: int, *, components: int = 2) -> Any:
    """Return the statement of the windowed bound, products and sums written out."""
    found, injection = _abstract(steps, components=components)
    names = found.components
    a = [np.array([[entry(found.transition[i, j], t) for j in names] for i in names]) for t in range(steps)]
    f = [np.array([entry(found.drive["v", "now"][i], t) for i in names]) for t in range(steps)]
    e = [np.array([entry(found.error[i], t) for i in names]) for t in range(steps)]
    pushed = [injection.scale[t, 0] for t in range(steps)]
    x = np.full(len(names), sympy.S.Zero, dtype=object)
    total = sympy.S.Zero
    for start in range(0, steps, window):
        end = min(start + window, steps)
        for t in range(start, end):
            row = e[t]
            for s in reversed(range(start, t)):
                total += norm((row * f[s]).sum()) * pushed[s]
                row = row.dot(a[s])
            total += sum(norm(r) * v for r, v in zip(row, x, strict=True))
            total += norm(entry(found.error_drive["v", "now"], t)) * pushed[t]
        product_, new = np.array(sympy.eye(len(names)).tolist(), dtype=object), [sympy.S.Zero] * len(names)
        for s in reversed(range(start, end)):
            for i, value in enumerate(product_.dot(f[s])):
                new[i] += norm(value) * pushed[s]
            product_ = product_.dot(a[s])
        for i, j in product(range(len(names)), repeat=2):
            new[i] += norm(product_[i, j]) * x[j]
        x = np.array(new, dtype=object)
    return sympy.expand(total)


def windowed() -> list[Equation]:
    """Compare the code with the statement written out; the last block may be shorter."""
    cases = ((3, 2), (4, 2), (5, 2), (3, 3))
    return [Equation(_recursion(steps, w), _written_windowed(steps, w), f"T = {steps}, w = {w}") for steps, w in cases]


def _grouped(expression: Any, window: int) -> Any:
    """Return the sum over monomials of the norms of their parts, a part being the factors of one block of steps."""
    total = sympy.S.Zero
    for term in sympy.Add.make_args(sympy.expand(expression)):
        _, factors = term.args_cnc()
        parts: dict[int, Any] = {}
        for factor in factors:
            # the row e of a step and the Jacobian into it belong to the block that the step lies in
            number = step_of(factor) // window
            parts[number] = parts.get(number, sympy.S.One) * factor
        total += sympy.Mul(*(norm(part) for part in parts.values()))
    return total


def _larger(polynomial: Any, bound: Any) -> Any:
    """Replace every norm in a polynomial by something that is never smaller."""
    table = {s: bound(INSIDE[s]) for s in polynomial.free_symbols}
    return sympy.expand(polynomial.xreplace(table))


def _monotone(polynomial: Any) -> bool:
    """Return whether no coefficient is negative: then no variable can be made larger and the value smaller."""
    return all(c > 0 for c in Ring([polynomial])(polynomial).to_dict().values())


def order() -> Result:
    """Show that a windowed bound is monotone in its norms, and what it becomes when they are raised."""
    failed, count = [], 0
    cases = [(steps, w, 1, 2) for steps, w in ((3, 2), (4, 2), (3, 3), (4, 4))] + [(4, 4, 2, 1), (5, 4, 2, 1)]
    for steps, wide, narrow, components in cases:
        small, large = (_recursion(steps, w, components=components) for w in (wide, narrow))
        raised = _larger(small, majorant if narrow == 1 else lambda e, w=narrow: _grouped(e, w))
        count += 2
        if not _monotone(small):
            failed.append(f"T = {steps}, w = {wide}: a negative coefficient")
        if sympy.expand(raised - large) != 0:
            failed.append(f"T = {steps}: w = {wide} does not become w = {narrow}")
    return Result("wider windows are never worse", count, tuple(failed), 0.0)


def _constant(symbol: Any) -> Any:
    """Return the constant that bounds a norm at every step: the name without the step."""
    base, low, _ = PARTS[str(INSIDE[symbol])]
    return sym(base, low)


def series() -> list[Equation]:
    """Compare the recursion on constants with the sum of the statement, and with its closed form."""
    out = []
    n = sympy.Matrix(2, 2, [sym("A", low) for low in ("00", "01", "10", "11")])
    f, c = sympy.Matrix(2, 1, [sym("F", "0"), sym("F", "1")]), sympy.Matrix(1, 2, [sym("e", "0"), sym("e", "1")])
    d, u = sym("e'"), sym("u")
    for steps in (2, 3, 4):
        found = _recursion(steps, 1)
        raised = found.xreplace({s: _constant(s) for s in found.free_symbols})
        total = sympy.S.Zero
        for t in range(1, steps + 1):
            powers = sum((n**k for k in range(t - 1)), sympy.zeros(2, 2))
            total += (c * powers * f)[0] * u + d * u
        out.append(Equation(raised, total, f"T = {steps}: every norm replaced by its bound"))
    return out


def geometric() -> Result:
    """Show that (I - N) S = I - P is kept by S -> I + N S and P -> N P, for matrices of any size."""
    n, s, p = block("N"), block("S"), block("P")
    # (I - N)(I + N S), with (I - N) S = I - P put in: N commutes with I - N
    step = (1 - n) * (1 + n * s)
    moved = (1 - n) + n * ((1 - n) * s)
    failed = []
    if sympy.expand(step - moved) != 0:
        failed.append("N does not commute with I - N")
    if sympy.expand((1 - n) + n * (1 - p) - (1 - n * p)) != 0:
        failed.append("the step does not close")
    return Result("the sum of powers", 2, tuple(failed), 0.0)


def descent() -> list[Equation]:
    """Write the certificate for two tensors: margin, its worst case, and the cosine."""
    h1, h2, b1, b2 = sympy.symbols("|h₁| |h₂| b₁ b₂", nonnegative=True)
    d1, d2 = sympy.Symbol("h₁·(g₁−h₁)"), sympy.Symbol("h₂·(g₂−h₂)")
    margin = h1 * (h1 - b1) + h2 * (h2 - b2)
    inner = (h1**2 + d1) + (h2**2 + d2)
    squares = (h1**2 + h2**2) * (b1**2 + b2**2) - (h1 * b1 + h2 * b2) ** 2
    h, b, m = sympy.symbols("|h| b m", nonnegative=True)
    g = sympy.Symbol("|g|", nonnegative=True)
    return [
        Equation(inner - margin, (d1 + b1 * h1) + (d2 + b2 * h2), "h·g minus the margin"),
        Equation(squares, (h1 * b2 - h2 * b1) ** 2, "(|h| b)² minus (sum of |hₚ| bₚ)²"),
        Equation(m / (h * g) - m / (h * (h + b)), m * (h + b - g) / (h * g * (h + b)), "cosine minus its bound"),
    ]
