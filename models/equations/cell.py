"""From equations and labels to a cell of the engine's protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, make_dataclass, replace
from dataclasses import fields as fields_of
from functools import cache, cached_property
from typing import Any
from weakref import WeakValueDictionary

from gradcert.models.equations.equations import (
    ITSELF,
    ONE_TO_ONE,
    PREVIOUS,
    Equation,
    check_names,
    edge_name,
    label,
    read,
    tidy,
)
from gradcert.models.equations.expression import available, derivative, evaluate, parse, symbols
from gradcert.models.equations.trace import trace
from gradcert.reference.checks import check_numbers
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import AvgPool, Drive, Link, Nodes, Use
from gradcert.reference.networks.cells import options
from gradcert.reference.notebook import of_cell
from gradcert.reference.numbers import ACTIVATIONS, Activation, Array, Numbers, Surrogate, called, spike, surrogate_from


@dataclass(frozen=True)
class Recipe:
    """What a cell of one's own consists of.

    Attributes
    ----------
    equations : in the order of evaluation.
    edges : labels of the edges of lag 1, ``"v -> v": "state"``.
    constants : per-unit constants and their values, each of which may be trained.
    function : the step that the equations were traced from, if they were.
    """

    equations: tuple[Equation, ...]
    edges: Mapping[str, str]
    constants: Mapping[str, Any]
    function: Callable[..., Any] | None = None

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes."""
        return tuple(equation.node for equation in self.equations)

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the weights."""
        return tuple(weight for equation in self.equations for weight, _, _ in equation.weighted)

    @cached_property
    def spikes(self) -> bool:
        """Whether some node is a spike."""
        return any("spike(" in equation.rest for equation in self.equations)

    @cached_property
    def floors(self) -> bool:
        """Whether some node is a whole number of something."""
        return any("floor(" in equation.rest for equation in self.equations)

    @property
    def square(self) -> bool:
        """Whether the input is read without weights, which needs as many inputs as units."""
        return self.nodes[0] == ITSELF

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Parameters that are neither weights nor constants: biases, peephole weights; always trained."""
        known = {*self.nodes, *(f"{node}{PREVIOUS}" for node in self.nodes), *self.constants, "x"}
        out = [b for equation in self.equations for b in equation.biases]
        out += [s for equation in self.equations for s in symbols(equation.rest) if s not in known]
        return tuple(dict.fromkeys(out))

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Every link; one that the equations do not have is not there."""
        out = []
        for equation in self.equations:
            for weight, source, lag in equation.weighted:
                out.append(label(Link(equation.node, source, lag=lag, weight=weight), self.edges))
            for name in symbols(equation.rest):
                source, lag = (name.removesuffix(PREVIOUS), 1) if name.endswith(PREVIOUS) else (name, 0)
                if source in self.nodes and derivative(equation.rest, name) is not None:
                    out.append(label(Link(equation.node, source, lag=lag), self.edges))
        return tuple(out)

    @cached_property
    def uses(self) -> tuple[Use, ...]:
        """Where parameters and constants act."""
        out = []
        for equation in self.equations:
            out += [Use(equation.node, bias) for bias in equation.biases]
            acting = (*self.parameters, *self.constants)
            out += [Use(equation.node, name) for name in symbols(equation.rest) if name in acting]
        return tuple(out)


def define(
    name: str,
    equations: Mapping[str, Any] | Callable[..., Mapping[str, Any]],
    *,
    edges: Mapping[str, str],
    constants: Mapping[str, Any] | None = None,
    surrogate: Any = None,
    strict: bool = False,
    parameters: tuple[str, ...] | None = None,
    floor: Any = None,
) -> Any:
    """Return a cell class for a neuron model given as equations.

    Parameters
    ----------
    name : what it is called in networks and claims.
    equations : node -> expression, in the order of evaluation, the output ``z`` last. ``v_prev`` is node v one step
        before; ``W @ x`` and ``H @ z_prev`` are weighted sums (a node may add elementwise terms to them); ``x`` without
        weights is the input itself, one per unit. Functions are exp, tanh, sigmoid, relu, identity, abs, sqrt, cos,
        sin, floor, min and max of two, ``where(a < b, c, d)``, and spike, the step with a pseudo-derivative. At a tie
        min and max give all credit to their first argument, where to the branch that is taken; relu has the derivative
        1 at 0, relu_off_at_zero and abs have 0. A name that is nothing else is a trained per-unit parameter; one that
        is near to another name is refused. An expression may be SymPy's instead of text, with `weighted` for the sums;
        or all of them a function, ``step(prev, x, p, h)`` (`gradcert.models.equations.trace`).
    edges : ``"source -> target"`` of every dependence on the step before, and its label: ``state`` (a state variable
        to itself, or to another one of its unit), ``reset`` (a spike to its membrane potential), ``recurrent`` (the
        output back into the layer), ``adaptation`` (a spike to its threshold, or to what else it changes for a while);
        ``feedback_edge`` and ``delay`` are for graphs of populations. The label decides which rules keep the edge and
        nothing else. A weighted edge is called ``"H @ z -> a"``, and is recurrent unless something else is said.
    constants : per-unit constants and defaults; they are fields of the cell, and ``train`` may name them. Cases draw
        those that are called leak, threshold, beta, rho, kappa or rate.
    surrogate : of the spike, where there is one: a `Surrogate`, its name, or a mapping of name or formula and scales.
    strict : whether a unit at the very threshold does not spike.
    parameters : the trained per-unit parameters; where they are said, no other name is one.
    floor : what is taken for the derivative of ``floor(u)``, at u, as for neurons with several spikes a step; nothing
        (it has none but 0) where it is left out.

    Returns
    -------
    A frozen dataclass that `gradcert.reference.networks.Layer` takes, with the constants, ``surrogate``, ``strict``
    and ``train`` as fields.

    Raises
    ------
    GradcertError : for equations or labels that do not fit.

    Examples
    --------
    >>> Lif = define(
    ...     "my_lif",
    ...     {"a": "W @ x + b", "v": "leak*(v_prev - threshold*z_prev) + a", "z": "spike(v - threshold)"},
    ...     edges={"v -> v": "state", "z -> v": "reset"},
    ...     constants={"leak": 0.9, "threshold": 1.0},
    ... )
    >>> Lif(leak=0.5).nodes, [link.edge.value for link in Lif().links if link.lag]
    (('a', 'v', 'z'), ['state', 'reset'])
    >>> def step(prev, x, p, h):
    ...     v = p.leak * (prev.v - p.threshold * prev.z) + p.W @ x + p.b
    ...     return {"v": v, "z": h(v - p.threshold)}
    >>> edges = {"v -> v": "state", "z -> v": "reset"}
    >>> define("same", step, edges=edges, constants={"leak": 0.9, "threshold": 1.0})().nodes
    ('v', 'z')
    """
    _check_given(name, equations, edges, constants, parameters)
    if not isinstance(strict, bool):
        raise GradcertError(f"strict={strict!r}", allowed="True: above the threshold alone; False: also at it")
    surrogate, floor = (given if given is None else surrogate_from(given) for given in (surrogate, floor))
    for constant, value in (constants or {}).items():
        check_numbers(f"the constant {constant}", value)
    if not all(isinstance(word, str) for pair in edges.items() for word in pair):
        raise GradcertError("edges with a label that is no text", allowed="such as {'v -> v': 'state'}")
    step_function = equations if callable(equations) else None
    try:
        texts = trace(equations) if callable(equations) else {node: str(text) for node, text in equations.items()}
        recipe = Recipe(read(texts, constants or {}), tidy(edges), dict(constants or {}), step_function)
        check_names(recipe.equations, tuple(recipe.constants), parameters)
        if available():  # elsewhere the cell can be described, not computed
            check_labels(recipe)
            recipe = apart(recipe)
    except GradcertError as error:
        raise GradcertError(f"the cell {name!r}: {error.given}", allowed=error.allowed, do=error.do) from error
    reserved = {"surrogate", "strict", "train", "name", *recipe.weights} & {*recipe.constants}
    if reserved:
        raise GradcertError(f"a constant called {', '.join(sorted(reserved))}", allowed="other names")
    fields: list[tuple[str, Any, Any]] = [(k, Any, field(default=v)) for k, v in recipe.constants.items()]
    if recipe.spikes:
        fields.append(("surrogate", Surrogate, field(default=surrogate or Surrogate("sigmoid"))))
        fields.append(("strict", bool, field(default=strict)))
    if recipe.floors:
        fields.append(("floor", Any, field(default=floor)))
    fields.append(("train", tuple, field(default=())))

    def __post_init__(self: Any) -> None:
        options.check_trained(self.train, recipe.constants)

    def activations(self: Any) -> dict[str, Activation]:
        own = {"spike": spike(self.surrogate, strict=self.strict)} if recipe.spikes else {}
        own |= {"floor": _floor(self.floor)} if recipe.floors else {}
        return {**ACTIVATIONS, **own}

    def constant_values(self: Any) -> Mapping[str, Any]:
        return {constant: getattr(self, constant) for constant in recipe.constants}

    def step(self: Any, n: Numbers, p: Mapping[str, Array], drive: Drive, prev: Nodes) -> dict[str, Array]:
        return run(recipe, n, p, drive, prev, activations(self))

    def factors(self: Any, n: Numbers, p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[Link | Use, Any]:
        trained = (*recipe.parameters, *self.train)
        return differentiate(recipe, recipe.links, trained, n, p, prev, now, activations(self))

    body = {
        "name": name,
        "conventions": (options.strictness({}),) if recipe.spikes else (),
        "recipe": recipe,
        "_repr_html_": of_cell,
        "square": recipe.square,
        "own_synapses": staticmethod(lambda n: {ONE_TO_ONE: AvgPool(n, 1, 1, (1, 1))} if recipe.square else {}),
        "nodes": property(lambda self: recipe.nodes),
        "links": property(lambda self: recipe.links),
        "uses": property(lambda self: recipe.uses),
        "trained": property(lambda self: (*recipe.parameters, *self.train)),
        "constants": constant_values,
        "step": step,
        "activations": activations,
        "factors": factors,
        "__post_init__": __post_init__,
    }
    made = make_dataclass(name, fields, frozen=True, namespace=body)
    written = (name, tuple(texts.items()), tuple(edges.items()), tuple((constants or {}).items()))
    beside = (surrogate, strict, None if parameters is None else tuple(parameters), floor)
    key = repr((written, beside))
    _MADE[key] = made

    def reduced(self: Any) -> Any:  # another process has no module that a class made here could be found in
        return _again, (key, written, beside, {f.name: getattr(self, f.name) for f in fields_of(self)})

    made.__reduce__ = reduced  # type: ignore[method-assign,assignment]
    return made


_MADE: WeakValueDictionary[str, Any] = WeakValueDictionary()


def _again(key: str, written: tuple[Any, ...], beside: tuple[Any, ...], values: dict[str, Any]) -> Any:
    """Return a cell that came from another process: of the class that is here, or of one made the same way."""
    kind = _MADE.get(key)
    if kind is None:
        name, texts, edges, constants = written
        surrogate, strict, parameters, floor = beside
        rest = {"surrogate": surrogate, "strict": strict, "parameters": parameters, "floor": floor}
        kind = define(name, dict(texts), edges=dict(edges), constants=dict(constants), **rest)
    return kind(**values)


def _check_given(name: Any, equations: Any, edges: Any, constants: Any, parameters: Any) -> None:
    """Raise for arguments of `define` of another kind than it takes."""
    if not isinstance(name, str) or not name:
        raise GradcertError(f"a cell called {name!r}", allowed="a text", do='define("my_cell", equations, edges=...)')
    equation = "{'v': 'leak*v_prev + W @ x', 'z': 'spike(v - threshold)'}"
    for what, value, such in (
        ("equations", equations, f"{equation}, or a function of a step"),
        ("edges", edges, "{'v -> v': 'state'}"),
        ("constants", {} if constants is None else constants, "{'leak': 0.9}"),
    ):
        if not isinstance(value, Mapping) and not (what == "equations" and callable(value)):
            raise GradcertError(f"{what} of the cell {name!r} in a {type(value).__name__}", allowed=f"such as {such}")
    if isinstance(parameters, str) or not all(isinstance(p, str) for p in _listed(parameters)):
        raise GradcertError(f"parameters={parameters!r} of the cell {name!r}", allowed="names, such as ('b',)")


def _listed(given: Any) -> tuple[Any, ...]:
    """Return what somebody gave as a list; what is none, as what is no name."""
    return () if given is None else tuple(given) if isinstance(given, Iterable) else (given,)


@cache
def _floor(slope: Surrogate | None) -> Activation:
    """Return floor, with the derivative that is taken for it."""
    psi = spike(slope).derivative if slope is not None else lambda x, numbers: 0 * x
    label = "" if slope is None else f"[{slope.label}]"
    return Activation(f"floor{label}", lambda x, n: called(n, "floor")(x), psi, smooth=False, lipschitz=None)


def apart(recipe: Recipe) -> Recipe:
    """Return a recipe in which every weighted sum is one that the engine can add up.

    The engine adds every trained per-unit parameter of a node with a weighted sum to that sum, as its bias, and hands a
    sum one value of each source. So what stands beside a sum, `h*z_prev` in ``W @ x + h*z_prev + b``, becomes a node of
    its own, ``a_own`` beside ``a``; and of a source that is weighted both at this step and from the step before, the
    latter becomes ``a_late``. Edges that led to a node keep their labels.
    """
    found, edges = list[Equation](), dict(recipe.edges)

    def beside(node: str, word: str, weighted: tuple[Any, ...], rest: str, moved: Iterable[str]) -> str:
        new = f"{node}_{word}"
        while new in (*recipe.nodes, *recipe.parameters, *recipe.constants):
            new += "_"
        for source in moved:
            if (named := edges.pop(f"{source} -> {node}", None)) is not None:
                edges[f"{source} -> {new}"] = named
        found.append(Equation(new, weighted, (), rest))
        return new

    for equation in recipe.equations:
        rest, acting = equation.rest, symbols(equation.rest)
        if equation.weighted and {*acting} & {*recipe.parameters}:
            sources = {name.removesuffix(PREVIOUS) for name in acting}
            rest = f"+ {beside(equation.node, 'own', (), rest, sources)}"
        both = {s for _, s, lag in equation.weighted if lag and s != "x"} & {
            s for _, s, lag in equation.weighted if not lag
        }
        late = tuple(w for w in equation.weighted if w[1] in both and w[2])
        if late:
            moved = [f"{weight} @ {source}" for weight, source, _ in late]
            added = beside(equation.node, "late", late, "0", moved)
            rest = f"{rest} + {added}" if rest != "0" else f"+ {added}"
        kept = tuple(w for w in equation.weighted if w not in late)
        found.append(replace(equation, weighted=kept, rest=rest))
    return replace(recipe, equations=tuple(found), edges=edges)


def check_labels(recipe: Recipe) -> None:
    """Raise unless every edge of lag 1 has a label, and every label an edge."""
    named = {edge_name(link) for link in recipe.links if link.lag and link.source != "x"}
    unused = sorted(set(recipe.edges) - named)
    if unused:
        raise GradcertError(
            f"a label for {', '.join(unused)}, which no equation has", allowed=", ".join(sorted(named)) or "none"
        )


def values(p: Mapping[str, Array], prev: Nodes, now: Nodes) -> dict[str, Any]:
    """Return everything that an expression may name."""
    return {**p, **now, **{f"{node}{PREVIOUS}": value for node, value in prev.items()}}


def run(
    recipe: Recipe,
    n: Numbers,
    p: Mapping[str, Array],
    drive: Drive,
    prev: Nodes,
    activations: Mapping[str, Activation],
) -> dict[str, Array]:
    """Compute one step, node by node."""
    now: dict[str, Array] = {}
    for equation in recipe.equations:
        total: Any = None
        if equation.weighted:
            sources = {s: (prev if lag else now)[s] for _, s, lag in equation.weighted if s != "x"}
            total = drive(equation.node, **sources)
        if equation.rest != "0":
            rest = evaluate(parse(equation.rest), values(p, prev, now), n, activations)
            total = rest if total is None else total + rest
        now[equation.node] = total
    return now


def differentiate(
    recipe: Recipe,
    links: tuple[Link, ...],
    trained: tuple[str, ...],
    n: Numbers,
    p: Mapping[str, Array],
    prev: Nodes,
    now: Nodes,
    activations: Mapping[str, Activation],
) -> dict[Link | Use, Any]:
    """Return the local derivative of every unweighted link and of every trained use."""
    rest = {equation.node: equation.rest for equation in recipe.equations}
    given = values(p, prev, now)
    out: dict[Link | Use, Any] = {}
    for link in links:
        if link.weight is None:
            name = f"{link.source}{PREVIOUS}" if link.lag else link.source
            out[link] = evaluate(derivative(rest[link.target], name), given, n, activations)
    biases = {(equation.node, bias) for equation in recipe.equations for bias in equation.biases}
    for use in recipe.uses:
        if (use.target, use.parameter) in biases:
            out[use] = 1
        elif use.parameter in trained and (found := derivative(rest[use.target], use.parameter)) is not None:
            out[use] = evaluate(found, given, n, activations)
    return out
