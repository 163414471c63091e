"""A claim: what a subject says that it computes. What it does not declare is not asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from gradcert.certify.claims import circumstances
from gradcert.certify.claims.algorithms import check_algorithm
from gradcert.certify.claims.aliases import set_aliases
from gradcert.certify.claims.extras import in_full
from gradcert.certify.claims.forms import given_losses, with_forms
from gradcert.certify.claims.given import check_given
from gradcert.certify.claims.keywords import check_keywords, checked
from gradcert.certify.claims.layers import set_layers
from gradcert.certify.claims.losses import check_losses, read_loss
from gradcert.certify.claims.networks import GRAPH, check_network, set_network
from gradcert.certify.claims.sentence import parts_of, sentence
from gradcert.certify.claims.surrogates import functions_of
from gradcert.certify.names import RENAMED, understood
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import (
    EXTRAS,
    KINDS,
    allow,
    cell_named,
    cell_with,
    check_options,
    file_of,
    option_names,
)
from gradcert.reference.notebook import card
from gradcert.reference.numbers import FORMATS, surrogate_from
from gradcert.reference.outside import record
from gradcert.reference.published import Algorithm, Claimed, kind_of, read_rule
from gradcert.reference.rules import Rule, rule_text

CLASSES = ("exact", "bounded", "aligned", "unbiased")
ATTRIBUTE = "__gradcert_claim__"

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@checked
@dataclass(frozen=True)
class Claim:
    """What is claimed.

    Initial values, loss weights, beginnings and masks that are claimed are in every problem (`gradcert.Problem`), as
    ones, zeros and the like where a case asks for nothing. A cell of somebody else's is ``path/to/file.py:attribute``,
    and its file is run: whoever writes a claim in Python names it. A claim that was read (`from_dict`) may name files
    only where that was allowed.

    Attributes
    ----------
    rule : a row of the rule table, such as ``ostl`` or ``tbptt(3)``, or an algorithm that is no row, such as ``otpe``
        or ``fptt`` (`gradcert.reference.published`). Where an algorithm is random its draws come with the problem
        (``problem.drawn``), and a claim of class ``unbiased`` is about its mean. A `gradcert.reference.Rule` of one's
        own is claimed by its edge sets.
    settings : of such an algorithm, where they are not as usual; ``fptt(parts=4)`` is the same.
    cells : cells of which stacks are built, one network per cell.
    depths : numbers of layers.
    dtype : the arithmetic of the whole computation: ``float64``, ``float32``, ``float16`` or ``bfloat16``.
    acceptance : when a gradient is accepted (`gradcert.certify.judging.acceptance`):
        ``exact``, every entry is inside its budget; ``bounded``, no entry is farther from BPTT than the bound proven
        for the rule, or, with ``within={"error": 0.2}``, no parameter's gradient is, in norm, by that part of BPTT's;
        ``aligned``, cosine, sign agreement and ratio of norms to the rule's gradient, layer by layer, are inside
        ``within={"cosine": 0.5, "signs": 0.6, "ratio": [0.1, 10]}``; ``unbiased``, the mean over the subject's own
        randomness is the rule's gradient. An unbiased subject takes its randomness from ``problem.seed``.
    within : what ``bounded`` and ``aligned`` are held to.
    online : whether the subject, a stepwise learner, is online: causal, with constant memory, consistent with every
        prefix, and fresh for every sequence (`gradcert.certify.runs.online`).
    options : conventions of the cells: fields of the cell records (``reset``, ``strict``, ``gain``, ``surrogate``,
        ``recurrent``, ``bias``, ``train``, a fixed ``leak`` or ``threshold``...). An option goes to every cell that has
        it. A list or tuple names alternatives, which the cases take in turn (``train`` is a tuple of names, and its
        alternatives are tuples of names); a surrogate is a name, a mapping with its name or ``formula`` and scales,
        or a function, which is taken as given (in a file: ``{"given": "mine.py:psi"}``).
    losses : in what form: ``squared_error``, ``cross_entropy``, ``bernoulli`` (`gradcert.reference.networks.Loss`); a
        formula of o and y, ``{"formula": "(o - y)^4 / c", "c": 4}``; or a function, with its derivative where that is
        written too: ``{"given": loss, "derivative": slope}``, in a file ``{"given": "mine.py:loss"}``.
    when : of what: the output at ``every`` step, at the ``last`` one, its ``sum``, ``mean`` or ``max`` over time, or
        the step of its ``first`` crossing of `level`.
    time, batch, outputs : reduced how: ``sum`` or ``mean``; ``pooled`` over the steps of all samples together.
    readout : None, or a cell for one more layer on top, such as ``rnn`` (without recurrence, identity: a linear
        readout).
    readout_options : its options.
    without : circumstances that the claim does not cover, axis -> levels, such as ``{"targets": ["soft"]}``
        (`gradcert.certify.claims.circumstances`). They are listed as ruled out.
    node : the node of the last layer that is the output: ``z``, the membrane potential ``v``.
    level : what ``when="first"`` waits for.
    targets : ``""`` for the usual ones: real for a squared error, one-hot for a cross-entropy, 0 and 1 for Bernoulli;
        ``real``; ``one-hot`` at every step; or ``classes``, one label for a whole sequence.
    inputs : ``real``, or ``spikes``: 0 and 1.
    activity : terms about what leaves the layers of the stack, each a mapping with ``kind`` (``rate``, ``l1``, ``l2``),
        ``strength``, ``target``, ``time``, ``batch`` (`gradcert.reference.networks.Activity`).
    local : losses of hidden layers' own, each a mapping with ``kind``, ``strength``, ``layers``
        (`gradcert.reference.networks.Local`). Under a rule with local feedback (``decolle``) they take the place of the
        output's loss in those layers; under any other row they are auxiliary losses, added to it, each at a fixed
        readout that comes with the problem (``problem.readouts``).
    initial : ``zero``, ``given`` (the states before the first step come with the problem), or ``trained`` (and have
        gradients, ``initial.layers.0.v``).
    initial_nodes : the nodes that it is about; the states, spikes left out, where there are none.
    weights, begins : whether problems have weights of the loss, and sequences that begin inside a row.
    masks : ``output`` (dropout: of what leaves a layer for the next one), and nodes with zoneout, such as ``v``.
    layers : instead of `cells` and `depths`, one stack of layers that differ, the lowest first, each a mapping with
        ``cell`` and ``options``; what `options` says is said of every layer that has it.
    parameters : the gradients that the claim is about, where it is not about all: ``W``, ``layers.0.W``, ``layers.1``.
    untrained : parameters that are there and have no gradient, by names of the same kinds.
    sizes, T, B : where the claim fixes them: inputs and units of every layer, steps, samples.
    network : instead of `cells` and `depths`, a graph of populations and connections: a `gradcert.reference.Graph`,
        or a mapping with ``inputs``, ``populations``, ``connections``, ``output`` (`gradcert.certify.claims.networks`).

    Examples
    --------
    >>> Claim(rule="ostl", cells=("snu",), depths=(1, 2)).dtype
    'float64'
    """

    rule: str
    cells: tuple[str, ...] = ()
    depths: tuple[int, ...] = (1, 2)
    dtype: str = "float64"
    acceptance: str = "exact"
    options: Mapping[str, Any] = field(default_factory=dict)
    losses: tuple[str, ...] = KINDS
    when: tuple[str, ...] = ("every", "last")
    time: str = "sum"
    batch: str = "sum"
    readout: str | None = None
    readout_options: Mapping[str, Any] = field(default_factory=dict)
    online: bool = False
    within: Mapping[str, Any] = field(default_factory=dict)
    without: Mapping[str, Any] = field(default_factory=dict)
    node: str = "z"
    level: float = 0.0
    outputs: str = "sum"
    targets: str = ""
    inputs: str = "real"
    activity: tuple[Mapping[str, Any], ...] = ()
    local: tuple[Mapping[str, Any], ...] = ()
    initial: str = "zero"
    initial_nodes: tuple[str, ...] = ()
    weights: bool = False
    begins: bool = False
    masks: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    T: int | None = None
    B: int | None = None
    layers: tuple[Mapping[str, Any], ...] = ()
    parameters: tuple[str, ...] = ()
    untrained: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    network: Any = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("activity", "local", "initial_nodes", "masks", "sizes", "parameters", "untrained"):
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(value) if isinstance(value, (list, tuple)) else (value,))
        set_layers(self)
        set_network(self)
        for name in ("cells", "depths", "losses", "when"):
            value = getattr(self, name)
            items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
            if not items and not (name == "cells" and self.members):
                what = "cells, layers or a network" if name == "cells" else name
                raise GradcertError(f"a claim without {what}", allowed="at least one")
            object.__setattr__(self, name, items)
        object.__setattr__(self, "losses", with_forms(self.losses))
        for name in ("options", "readout_options"):
            object.__setattr__(self, name, in_full(_mapping(name, getattr(self, name))))
        set_aliases(self)
        if isinstance(self.rule, (Mapping, Rule)):
            object.__setattr__(self, "rule", rule_text(self.rule))
        found = read_rule(self.rule, _mapping("settings", self.settings), run=True)
        if isinstance(found, Algorithm) and found.kind.name == "rows":
            object.__setattr__(self, "rule", found.name)
        elif isinstance(found, Algorithm):
            object.__setattr__(self, "rule", found.kind.name)
            object.__setattr__(self, "settings", dict(found.chosen))
        named = (*self.cells, *(member["cell"] for member in self.members))
        kinds = [cell_named(cell, run=True) for cell in (*named, *([self.readout] if self.readout else []))]
        _check("dtype", [self.dtype], FORMATS)
        _check("acceptance", [self.acceptance], CLASSES)
        check_within(self.acceptance, self.within)
        if type(self.online) is not bool:
            raise GradcertError(f"online={self.online!r}", allowed="true, false")
        for depth in self.depths:
            if type(depth) is not int or not 1 <= depth <= 8:
                raise GradcertError(f"depth {depth!r}", allowed="1 to 8 layers")
        cells, readout = kinds[: len(named)], kinds[len(named) :]
        for member, kind in zip(self.members, cells, strict=False):
            _check(_not_of([kind], "options"), member["options"], {*option_names(kind)})
            _check_values(member["options"], [kind], alternatives=True)
        given = _mapping("options", self.options)
        _check(_not_of(cells, "options"), given, {k for kind in cells for k in option_names(kind)})
        _check_values(self.options, cells, alternatives=True)
        given = _mapping("readout_options", self.readout_options)
        if given and not readout:
            raise GradcertError("readout_options without a readout", do="name its cell, such as readout='integrator'")
        _check(_not_of(readout, "readout_options"), given, {k for kind in readout for k in option_names(kind)})
        _check_values(given, readout, alternatives=False)
        object.__setattr__(self, "without", circumstances.check(self.without))
        check_network(self)
        if readout and self.readout_options:
            _made(readout[0], self.readout_options)
        for kind, own in self._with_options(cells):
            for chosen in _alternatives(own):
                _made(kind, chosen)
        last = cells[-1:] if self.layers else cells
        if self.network:
            last = [k for k, p in zip(cells, self.members, strict=True) if p["name"] == self.network["output"]]
        check_losses(self, [kind() for kind in readout or last])
        check_given(self, [kind() for kind in cells])
        if isinstance(found, Algorithm):
            check_algorithm(self, found)

    @property
    def claimed(self) -> Claimed:
        """The row, or the algorithm with its settings; for an unbiased claim of a random one, its mean."""
        found = read_rule(self.rule, self.settings, run=True)  # who made this claim was asked
        return found.average if isinstance(found, Algorithm) and self.acceptance == "unbiased" else found

    def _with_options(self, kinds: Iterable[Any]) -> list[tuple[Any, dict[str, Any]]]:
        """Return the cells, each with all options that are said of it."""
        own = [member["options"] for member in self.members] or [{}] * len(self.cells)
        pairs = ((kind, {**self.options, **more}) for kind, more in zip(kinds, own, strict=True))
        return [(kind, {k: v for k, v in said.items() if k in option_names(kind)}) for kind, said in pairs]

    @property
    def stacks(self) -> tuple[str, ...]:
        """What its networks are made of: its cells; all its layers, by a name for them together; a graph."""
        return self.cells or ((GRAPH,) if self.network else ("+".join(layer["cell"] for layer in self.layers),))

    @property
    def members(self) -> tuple[Mapping[str, Any], ...]:
        """The layers, or the populations, where the claim names each of them."""
        return tuple(self.network["populations"]) if self.network else self.layers

    @property
    def entrywise(self) -> bool:
        """Whether every entry is judged against the claimed row and its budget."""
        return self.acceptance == "exact"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; from ``online`` on, only what says something."""
        said = {f.name for f in fields(self) if f.name not in SILENT or getattr(self, f.name) != SILENT[f.name]}
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name in said}

    def __str__(self) -> str:
        """Return the claim on one line; alternatives of an option are joined by "or".

        Examples
        --------
        >>> triangle = {"name": "triangle", "scale": 0.3, "width": 1.0}
        >>> print(Claim(rule="ostl", cells="snu", options={"surrogate": [triangle, "tanh"], "train": ["leak"]}))
        ostl on snu, depth 1, 2, float64, surrogate triangle(scale=0.3, width=1) or tanh, train leak
        """
        return sentence(self.to_dict())

    def _repr_html_(self) -> str:
        """Return what a notebook shows: every part that says something."""
        return card(f"claim: {self}", parts_of(self.to_dict()))


@understood(RENAMED | {"limits": "within"})
def claim(*, rule: str | Rule, cells: Iterable[str] | str = (), **options: Any) -> Callable[[Decorated], Decorated]:
    """Decorate a subject with its claim; arguments as for `Claim`, and ``loss`` in words.

    Examples
    --------
    >>> @claim(rule="bptt", cells=("rnn",), depths=(1, 2), options={"activation": "tanh"})
    ... def gradients(problem):
    ...     return {}
    >>> claim_of(gradients).rule
    'bptt'
    """
    check_keywords("claim", options, ("loss", *(f.name for f in fields(Claim))))
    if "loss" in options:
        options = {**read_loss(options.pop("loss")), **options}
    whole = Claim(rule=rule, cells=cells, **options)  # type: ignore[arg-type]

    def decorate(subject: Decorated) -> Decorated:
        try:
            setattr(subject, ATTRIBUTE, whole)
        except (AttributeError, TypeError):
            raise GradcertError(
                f"a claim of {subject!r}, which can hold none",
                allowed="a function of a problem, or an object that is called or takes steps",
                do="write @gradcert.claim(...) above the function",
            ) from None
        return subject

    return decorate


def claim_of(subject: Any) -> Claim | None:
    """Return the claim that a subject was decorated with, if it was."""
    found = getattr(subject, ATTRIBUTE, None)
    return found if isinstance(found, Claim) else None


def files_of(spec: Mapping[str, Any]) -> list[str]:
    """Return the files that the cells and pseudo-derivatives of a claim in its JSON form would be read from.

    Examples
    --------
    >>> files_of({"rule": "bptt", "cells": ["lif", "mine.py:Leaky"]})
    ['mine.py']
    """
    names = [*_cells_of(spec), *functions_of(spec), *given_losses(spec.get("losses")), *_rule_of(spec)]
    return list(dict.fromkeys(where for name in names if (where := file_of(name)) is not None))


def from_dict(given: Any, *, run: bool = False, files: Iterable[str] = ()) -> Claim:
    """Read a claim from its JSON form.

    Parameters
    ----------
    run : whether the files that its cells name may be run.
    files : files that may be run anyway, such as the one that the subject itself is in.

    Raises
    ------
    GradcertError : for what is no claim, or one that names a file that may not be run.
    """
    spec = record(given, "the claim")
    for name in _cells_of(spec):
        where = file_of(name)
        if where is not None and not any(_same(where, file) for file in files):
            cell_named(name, run=run)  # says what to do where it may not be run
    for name in _rule_of(spec):
        if not any(_same(str(file_of(name)), file) for file in files):
            kind_of(name, run=run)  # the same
    for name in (*functions_of(spec), *given_losses(spec.get("losses"))):
        allow("function", name, run=run or any(_same(file_of(name) or "", file) for file in files))
    wrong = sorted(set(spec) - {f.name for f in fields(Claim)})
    if wrong or "rule" not in spec or not {"cells", "layers", "network"} & set(spec):
        if wrong:
            what = f"a claim with {' and '.join(map(repr, wrong))}"
            raise GradcertError(what, allowed=", ".join(f.name for f in fields(Claim)))
        missing = [] if "rule" in spec else ["a rule"]
        missing += [] if {"cells", "layers", "network"} & set(spec) else ["cells, layers or a network"]
        raise GradcertError(
            f"a claim without {', and without '.join(missing)}", do='such as rule = "bptt", cells = "lif"'
        )
    return Claim(**spec)


def _rule_of(spec: Mapping[str, Any]) -> list[str]:
    """Return a rule that is a function in a file, without its settings."""
    rule = spec.get("rule")
    name = rule.partition("(")[0] if isinstance(rule, str) else ""
    return [name] if (file_of(name) or "").endswith(".py") else []


def _cells_of(spec: Mapping[str, Any]) -> list[Any]:
    cells, layers, network = spec.get("cells"), spec.get("layers"), spec.get("network")
    populations = network.get("populations") if isinstance(network, Mapping) else None
    members = (*(layers or ()), *(populations if isinstance(populations, (list, tuple)) else ()))
    own = [member.get("cell") if isinstance(member, Mapping) else member for member in members]
    return [*own, *(cells if isinstance(cells, (list, tuple)) else [cells]), spec.get("readout")]


def _same(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


def check_within(acceptance: str, within: Mapping[str, Any]) -> None:
    """Raise unless the limits are what the class needs.

    Examples
    --------
    >>> check_within("aligned", {"cosine": 0.5})
    Traceback (most recent call last):
    gradcert.reference.errors.GradcertError: an aligned claim with limits cosine; allowed: cosine, signs and ratio: ...
    """
    _mapping("within", within)
    for name, value in within.items():
        numbers = value if name == "ratio" and isinstance(value, (list, tuple)) else (value,)
        if any(isinstance(n, bool) or not isinstance(n, (int, float)) for n in numbers):
            raise GradcertError(f"the limit {name}={value!r}", allowed="numbers")
    if acceptance == "aligned":
        if set(within) != {"cosine", "signs", "ratio"}:
            raise GradcertError(
                f"an aligned claim with limits {', '.join(within) or 'for nothing'}",
                allowed="cosine, signs and ratio: never cosine alone",
                do='within={"cosine": 0.5, "signs": 0.6, "ratio": [0.1, 10]}',
            )
        ratio = within["ratio"]
        low, high = ratio if isinstance(ratio, (list, tuple)) and len(ratio) == 2 else (0.0, 0.0)
        if not 0 < float(within["cosine"]) <= 1 or not 0 <= float(within["signs"]) <= 1 or not 0 < low <= 1 <= high:
            raise GradcertError(
                f"within {dict(within)}", allowed="0 < cosine <= 1, 0 <= signs <= 1, 0 < low <= 1 <= high"
            )
    elif acceptance == "bounded":
        if set(within) - {"error"} or not 0 < float(within.get("error", 1)) < float("inf"):
            raise GradcertError(f"a bounded claim with limits {dict(within)}", allowed="none, or error > 0")
    elif within:
        raise GradcertError(f"an {acceptance} claim with limits", allowed="none: its budget is derived")


def _mapping(what: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise GradcertError(f"{what} in a {type(value).__name__}", allowed="a mapping of names to values")
    return value


def _check_values(options: Mapping[str, Any], kinds: Iterable[Any], *, alternatives: bool) -> None:
    """Raise unless every option, or alternative of one, is one that the cells take."""
    for kind in kinds:
        own = option_names(kind)
        for name, value in options.items():
            if name not in own:
                continue
            many = alternatives and isinstance(value, (list, tuple)) and not _one(name, value)
            for each in value if many else (value,):
                try:
                    check_options(cell_with(kind, {name: _option(name, each)}))
                except (TypeError, KeyError, AttributeError) as error:
                    raise GradcertError(
                        f"the option {name}={each!r} ({error})", allowed="what the cell takes"
                    ) from None


def _alternatives(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return every choice among the alternatives of options, as far as they can be told apart: turn by turn."""
    many = {k: v for k, v in options.items() if isinstance(v, (list, tuple)) and v and not _one(k, v)}
    turns = math.lcm(*(len(v) for v in many.values()))
    return [{**options, **{k: v[turn % len(v)] for k, v in many.items()}} for turn in range(min(turns, 64))]


def _made(kind: Any, options: Mapping[str, Any]) -> None:
    """Raise unless a cell takes options together."""
    cell_with(kind, {name: _option(name, value) for name, value in options.items()})


def _one(name: str, value: Iterable[Any]) -> bool:
    """Return whether a list is one value, the names of trained parameters, rather than alternatives."""
    return name == "train" and all(isinstance(v, str) for v in value)


def _option(name: str, value: Any) -> Any:
    if name == "surrogate" and isinstance(value, (str, Mapping)):
        return surrogate_from(value)
    if name in EXTRAS:
        return value
    return tuple(value) if isinstance(value, list) else value


def _not_of(kinds: Iterable[Any], what: str) -> str:
    names = list(dict.fromkeys(str(kind.name) for kind in kinds))
    return f"{' and '.join(names)} {'takes' if len(names) == 1 else 'take'} no such {what}"


def _check(what: str, given: Iterable[str], allowed: Iterable[str]) -> None:
    known = list(allowed)  # in which anything can be looked for
    wrong = [g for g in given if g not in known]
    if wrong:
        raise GradcertError(f"{what}: {', '.join(map(repr, wrong))}", allowed=", ".join(sorted(known)))


def _plain(value: Any) -> Any:
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


# what a part is where nothing is said of it
USUAL: dict[str, Any] = {
    f.name: f.default_factory() if callable(f.default_factory) else f.default for f in fields(Claim)
}
SILENT = {name: USUAL[name] for name in list(USUAL)[list(USUAL).index("online") :]}  # left out where they say nothing
