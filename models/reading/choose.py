"""Which values get an equation of their own: weighted sums, membrane potentials, spikes, outputs, and states.

A state that is a function of such values at the same step (``u = v - theta z``) gets none: where the next step reads
it, that function of the values of the step before stands instead. A spike that a step computes anew from what the step
before left (a reset by `mem - threshold`) is the spike of the step before.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gradcert.models.reading.lowering import Lowering
from gradcert.models.reading.spikes import COMPARISON
from gradcert.models.reading.terms import LARGER, Term, Terms, below, dynamic, uncut
from gradcert.reference.errors import GradcertError


@dataclass
class Chosen:
    """The values with an equation.

    Attributes
    ----------
    terms, updates, outputs : what is read, after spikes of the step before were found out.
    order : the chosen terms. `equations` : term -> what it is, where ``node`` is one of `order` and a lag.
    membranes, thresholds : spike -> the potential that it compares; the moving threshold, where it has one.
    weighted : weighted sum as an equation has it, by its id -> as the program has it.
    """

    terms: Terms
    updates: dict[int, Term]
    outputs: tuple[Term, ...]
    order: list[Term] = field(default_factory=list)
    equations: dict[int, Term] = field(default_factory=dict)
    membranes: dict[int, Term] = field(default_factory=dict)
    thresholds: dict[int, Term] = field(default_factory=dict)
    weighted: dict[int, Term] = field(default_factory=dict)

    def number(self, term: Term) -> int:
        """Return the place of a chosen term in the order."""
        return next(k for k, t in enumerate(self.order) if t is term)

    def has(self, term: Term) -> bool:
        """Return whether a term is chosen."""
        return any(t is term for t in self.order)


def choose(lowered: Lowering, *, late: bool = False) -> Chosen:
    """Choose the values and write their equations; a sum that several equations read is a value of its own.

    Parameters
    ----------
    late : let weights read, of what is a function of the states alone, its value of the step before.
    """
    terms, updates, outputs = _retimed(lowered, late=late)
    chosen: tuple[Term, ...] = ()
    out, live = _written(lowered, Chosen(terms, updates, outputs), chosen)
    while shared := _shared(out, live):  # of what is not chosen yet: it ends
        chosen += shared
        out, live = _written(lowered, Chosen(terms, updates, outputs), chosen)
    _sorted(out)
    return out


def _written(lowered: Lowering, out: Chosen, shared: tuple[Term, ...]) -> tuple[Chosen, dict[int, Term]]:
    """Return values with equations, not in order yet, and every term that reaches an output; `shared` are chosen."""
    live, outputs = _live(out), out.outputs
    for term in shared:
        _add(out, term)
    fired = [t for t in live.values() if t.op == "spike"]
    silent = {k for k, kind in enumerate(lowered.kinds) if kind.name == COMPARISON}
    for spike in fired:
        if spike.data in silent and any(t.data not in silent for t in fired):
            _add(out, spike)  # a comparison beside spikes: what it compares is no potential
        else:
            _add_spike(out, spike, live)
    for term in outputs:
        _add(out, uncut(term))
    for term in [t for t in live.values() if t.op == "fn" and t.data == LARGER]:
        _add(out, term)  # else the largest of n would be one formula, whose derivatives are n formulas as long
    for term in [t for t in live.values() if t.op == "linear"]:
        _add(out, core) if (core := uncut(term.args[1])).op != "prev" else None
    _reread(out, live)
    _settle(out, live)
    todo = list(out.order)
    while todo:  # equations find weighted sums and their sources, which get equations too
        term = todo.pop(0)
        if id(term) not in out.equations:
            before = len(out.order)
            out.equations[id(term)] = Writing(out).equation(term)
            todo += out.order[before:]
    return out, live


def _shared(out: Chosen, live: dict[int, Term]) -> tuple[Term, ...]:
    """Return sums with a weighted sum that stands in several equations: as far as they are the same in all."""
    seen: dict[int, set[int]] = {}
    for term in out.order:
        for part in below(out.equations[id(term)]).values():
            if id(part) in out.weighted and part.args[0].op != "number":
                seen.setdefault(id(part), set()).add(id(term))
    readers: dict[int, list[Term]] = {}
    for term in live.values():
        for part in {id(a): a for a in term.args}.values():
            readers.setdefault(id(part), []).append(term)
    found: dict[int, Term] = {}
    for k in [k for k, equations in seen.items() if len(equations) > 1]:
        sum_ = out.weighted[k]
        while len(above := readers.get(id(sum_), [])) == 1 and above[0].op in ("add", "sub"):
            (sum_,) = above
        if id(sum_) in live and not out.has(sum_):
            found[id(sum_)] = sum_
    return tuple(found.values())


def _add(out: Chosen, term: Term) -> None:
    if not out.has(term) and term.op not in ("x", "number", "static"):
        out.order.append(term)


def _live(out: Chosen) -> dict[int, Term]:
    """Return every term that reaches an output, in this step or a later one."""
    seen: dict[int, Term] = {}
    todo = list(out.outputs)
    while todo:
        term = todo.pop()
        if id(term) not in seen:
            seen[id(term)] = term
            todo += term.args
            if term.op == "prev":
                todo.append(out.updates[term.data])
    return seen


def _retimed(lowered: Lowering, *, late: bool = False) -> tuple[Terms, dict[int, Term], tuple[Term, ...]]:
    """Let spikes that are computed anew from what the step before left be states of their own."""
    terms, updates, outputs = lowered.terms, dict(lowered.updates), list(lowered.outputs)
    live = _live(Chosen(terms, updates, tuple(outputs)))
    swap = _compared_alone(lowered, live)
    if swap:
        first = lowered.became
        updates = {k: _swapped(u, swap, terms, first) for k, u in updates.items()}
        outputs = [_swapped(o, swap, terms, first) for o in outputs]
        live = _live(Chosen(terms, updates, tuple(outputs)))
        swap = {}
    for spike in [t for t in live.values() if t.op == "spike"]:
        shifted = _shift(spike, updates, terms)
        if shifted is not None and id(shifted) in live and shifted is not spike:
            slot = len(lowered.slots)
            lowered.slots.append((f"spike{slot}", None))
            lowered.anew[slot] = lowered.place(lowered.stands.get(id(spike), spike))
            updates[slot] = shifted
            swap[id(spike)] = terms.make("prev", data=slot, shape=spike.shape)
    weighted = [uncut(t.args[1]) for t in live.values() if late and t.op == "linear"]
    for source in {id(c): c for c in weighted}.values():
        shifted = _shift(source, updates, terms) if source.op not in ("prev", "x") and id(source) not in swap else None
        if shifted is not None and dynamic(source):
            slot = len(lowered.slots)
            lowered.slots.append((f"late{slot}", None))
            lowered.anew[slot] = lowered.place(source)
            updates[slot] = shifted
            swap[id(source)] = terms.make("prev", data=slot, shape=source.shape)
    if not swap:
        return terms, updates, tuple(outputs)
    done: dict[int, Term] = {}
    updates = {k: _swapped(u, swap, terms, done) for k, u in updates.items()}
    outputs = [_swapped(o, swap, terms, done) for o in outputs]
    lowered.became.update({k: done.get(id(t), t) for k, t in lowered.became.items()})
    lowered.became.update({k: t for k, t in done.items() if k not in lowered.became})
    return terms, updates, tuple(outputs)


def _compared_alone(lowered: Lowering, live: dict[int, Term]) -> dict[int, Term]:
    """Return comparison without a derivative -> the spike that compares the same, in its step or the next one.

    Through a comparison nothing comes back: it stands there as that spike, cut.
    """
    terms, out = lowered.terms, {}
    spikes = [t for t in live.values() if t.op == "spike"]
    silent = {k for k, kind in enumerate(lowered.kinds) if kind.name == COMPARISON}
    for term in [t for t in spikes if t.data in silent]:
        strict = lowered.kinds[term.data].strict
        shifted = _shift(term.args[0], lowered.updates, terms)
        for other in [t for t in spikes if t.data not in silent and lowered.kinds[t.data].strict == strict]:
            if other.args[0] is term.args[0]:
                out[id(term)] = other
            elif shifted is not None and other.args[0] is shifted:
                out[id(term)] = terms.make("spike", term.args, other.data, term.shape, other.where)
                lowered.stands[id(out[id(term)])] = term
    return out


def _shift(term: Term, updates: dict[int, Term], terms: Terms) -> Term | None:
    """Return a term with every state replaced by its new value; None if it reads the input or a weighted sum."""
    if term.op == "prev":
        return updates[term.data]
    if term.op in ("x", "random", "linear", "mix"):
        return None
    if not term.args:
        return term
    parts = [_shift(a, updates, terms) for a in term.args]
    if any(p is None for p in parts):
        return None
    return terms.make(term.op, tuple(p for p in parts if p is not None), term.data, term.shape, term.where)


def _swapped(term: Term, swap: dict[int, Term], terms: Terms, done: dict[int, Term]) -> Term:
    if id(term) in swap:
        return swap[id(term)]
    if id(term) not in done:
        parts = tuple(_swapped(a, swap, terms, done) for a in term.args)
        same = all(a is b for a, b in zip(parts, term.args, strict=True))
        done[id(term)] = term if same else terms.make(term.op, parts, term.data, term.shape, term.where)
    return done[id(term)]


def _add_spike(out: Chosen, spike: Term, live: dict[int, Term]) -> None:
    """Choose a spike, the potential in its argument, and a moving threshold."""
    readers: dict[int, set[int]] = {}
    for term in live.values():
        if term.op != "spike":
            for part in term.args:
                readers.setdefault(id(uncut(part)), set()).add(id(term))
    held = {id(uncut(u)) for u in out.updates.values()} | {id(uncut(o)) for o in out.outputs}

    def descend(term: Term, above: Term | None) -> tuple[Term, Term | None]:
        moving = [a for a in term.args if dynamic(a)]
        others = readers.get(id(term), set()) - ({id(above)} if above else set())
        if id(term) in held or others or term.op not in ("add", "sub", "mul", "div"):
            return term, None
        if len(moving) == 1 and term.op != "add":
            return descend(uncut(moving[0]), term)
        if term.op == "sub" and len(moving) == 2:
            return descend(moving[0], term)[0], descend(moving[1], term)[0]
        if term.op == "add" and len(moving) == 1 and any(a.op == "number" for a in term.args):
            return descend(uncut(moving[0]), term)
        return term, None

    potential, threshold = descend(spike.args[0], None)
    out.membranes[id(spike)] = potential
    _add(out, potential if potential.op != "prev" else spike)
    if threshold is not None:
        out.thresholds[id(spike)] = threshold
        if threshold.op not in ("prev", "spike"):
            _add(out, threshold)
    _add(out, spike)


def _reread(out: Chosen, live: dict[int, Term]) -> None:
    """Choose what is read of a state, not what is written, where its new value is made of itself and of a spike.

    So it is with a threshold that moves after the spike (b <- rho b + z): b of a step is rho b' + z', as the field
    writes it, and what else is made of b and of values of its step needs no state of its own.
    """
    ends = {id(uncut(o)) for o in out.outputs}
    for term in [t for t in live.values() if t.op == "prev"]:
        core = uncut(out.updates[term.data])
        if out.has(core) or id(core) in ends or retimes(out, core):
            continue
        found, todo, fits = {}, [core], True
        while todo and fits:
            part = todo.pop()
            if out.has(part) or part.op == "prev":
                found[id(part)] = part
                fits = part is term or _of_spikes(part)
            else:
                fits = part.op not in ("x", "random", "linear", "mix", "cat", "stack", "spike", "drive")
                todo += part.args
        if fits and id(term) in found and len(found) > 1:
            out.order.append(term)


def _of_spikes(term: Term) -> bool:
    """Return whether a term is a spike, or a product, sum or difference of spikes and numbers."""
    term = uncut(term)
    if term.op in ("mul", "add", "sub", "neg"):
        return all(a.op == "number" or _of_spikes(a) for a in term.args)
    return term.op == "spike"


def _settle(out: Chosen, live: dict[int, Term]) -> None:
    """Give a state an equation unless it is a function of chosen values of its step."""
    again = True
    while again:
        again = False
        for term in list(live.values()):
            if term.op == "prev":
                core = uncut(out.updates[term.data])
                if core.op not in ("number", "static") and not out.has(core) and not retimes(out, core):
                    out.order.append(core)
                    again = True


def retimes(out: Chosen, term: Term) -> bool:
    """Return whether a term is a function of chosen values of the same step, and of one at least."""
    found, todo = False, [term]
    while todo:
        part = todo.pop()
        if out.has(part) and part.op != "drive":
            found = True
        elif part.op == "linear" and out.has(uncut(part.args[1])):
            found = True
        elif part.op in ("x", "prev", "random", "linear", "mix", "cat", "stack"):
            return False
        else:
            todo += part.args
    return found


class Writing:
    """Writes the equation of one chosen term; weighted sums and their sources become chosen on the way."""

    def __init__(self, out: Chosen) -> None:
        self.out, self.terms = out, out.terms

    def equation(self, term: Term) -> Term:
        """Return the equation."""
        if term.op == "drive":
            return self._drive_equation(term)
        return self._write(term, 0, top=True)

    def _node(self, term: Term, lag: int) -> Term:
        return self.terms.make("node", (), (self.out.number(term), lag), term.shape)

    def _write(self, term: Term, lag: int, *, top: bool = False) -> Term:
        if not top and self.out.has(term):
            if lag > 1:
                raise GradcertError(f"a value that goes back {lag} steps at {term.where}", do="keep it in a state")
            return self._node(term, lag)
        if term.op == "prev":
            return self._write(self.out.updates[term.data], lag + 1)
        if term.op in ("add", "sub"):
            return self._sum(term, lag, top=top)
        if term.op == "linear":
            return self._sum(term, lag, top=top)
        if not term.args:
            return term
        parts = tuple(self._write(a, lag) for a in term.args)
        return self.terms.make(term.op, parts, term.data, term.shape, term.where)

    def _sum(self, term: Term, lag: int, *, top: bool) -> Term:
        """Write a sum: its weighted sums and their biases become one, with an equation of its own beside others."""
        mine, rest = [], []
        for sign, leaf, at in self._leaves(term, lag, 1, top=top):
            alone = self.out.has(leaf) and not (top and leaf is term)
            # what is fixed has no opposite, so that it is a sum of its own where it is subtracted
            if leaf.op == "linear" and not alone and (sign > 0 or leaf.args[0].op != "number"):
                mine.append((sign, self._late(leaf, at)))
            else:
                rest.append((sign, leaf, at))
        if not mine:
            parts = tuple(self._write(a, lag) for a in term.args)
            return self.terms.make(term.op, parts, term.data, term.shape, term.where)
        biases = [leaf for leaf in rest if leaf[0] > 0 and leaf[1].op == "static"]
        mine += [(sign, leaf) for sign, leaf, _ in biases]
        rest = [leaf for leaf in rest if leaf not in biases]
        signs = tuple(s for s, _ in mine)
        drive = self.terms.make("drive", tuple(t for _, t in mine), signs, term.shape, term.where)
        if not rest and top:
            return self._drive_equation(drive)
        if not self.out.has(drive):
            self.out.order.append(drive)
        total = self._node(drive, 0)
        for sign, part, at in rest:
            written = self._write(part, at)
            total = self.terms.binary("add" if sign > 0 else "sub", total, written, term.shape, term.where)
        return total

    def _late(self, term: Term, lag: int) -> Term:
        """Return a weighted sum of an earlier step as one of what its source was then: weights stay as they are."""
        for _ in range(lag):
            source = self.terms.make("late", term.args[1:], None, term.args[1].shape)
            term = self.terms.make("linear", (term.args[0], source), term.data, term.shape, term.where)
        return term

    def _leaves(self, term: Term, lag: int, sign: int, *, top: bool = False):  # type: ignore[no-untyped-def]
        """Yield the terms of a sum: sign, term, lag."""
        if not top and self.out.has(term):
            yield sign, term, lag
        elif term.op in ("add", "sub"):
            yield from self._leaves(term.args[0], lag, sign)
            yield from self._leaves(term.args[1], lag, sign if term.op == "add" else -sign)
        elif term.op == "neg":
            yield from self._leaves(term.args[0], lag, -sign)
        else:
            yield sign, term, lag

    def _drive_equation(self, drive: Term) -> Term:
        parts = []
        for part in drive.args:
            if part.op == "linear":
                weight, source = part.args
                made = self.terms.make("linear", (weight, self._source(source)), part.data, part.shape, part.where)
                self.out.weighted[id(made)] = part
                part = made
            parts.append(part)
        return self.terms.make("drive", tuple(parts), drive.data, drive.shape, drive.where)

    def _source(self, source: Term) -> Term:
        """Return what a weight multiplies: the input, or a chosen value of this step or the one before."""
        core, lag, cuts = source, 0, []
        while core.op in ("prev", "cut", "late") and not self.out.has(core):
            if core.op == "cut":
                cuts.append(core)
                core = core.args[0]
            elif core.op == "late":
                core, lag = core.args[0], lag + 1
            else:
                core, lag = self.out.updates[core.data], lag + 1
        if core.op == "x" and not lag:
            found = core
        elif core.op == "x":
            raise GradcertError("a weighted sum of the input of the step before", do="keep its result as the state")
        elif lag <= 1:
            _add(self.out, core)
            found = self._node(core, lag)
        else:
            raise GradcertError(f"a value that goes back {lag} steps at {source.where}", do="keep it in a state")
        for cut in cuts:
            found = self.terms.make("cut", (found,), None, cut.shape, cut.where)
        return found


def _sorted(out: Chosen) -> None:
    """Bring the chosen terms into an order of computation."""
    needs = {k: _same_step(out.equations[id(t)]) for k, t in enumerate(out.order)}
    order: list[int] = []

    def visit(k: int, path: tuple[int, ...]) -> None:
        if k in path:
            raise GradcertError(f"a loop within one step at {out.order[k].where}", do="read one time step per call")
        if k not in order:
            for other in sorted(needs[k]):
                visit(other, (*path, k))
            order.append(k)

    for k in range(len(out.order)):
        visit(k, ())
    place = {old: new for new, old in enumerate(order)}
    terms = out.terms
    swap: dict[int, Term] = {}
    equations = {id(t): _renumbered(out.equations[id(t)], place, terms, swap) for t in out.order}
    out.order, out.equations = [out.order[k] for k in order], equations


def _same_step(term: Term) -> set[int]:
    if term.op == "node":
        return {term.data[0]} if term.data[1] == 0 else set()
    return {k for part in term.args for k in _same_step(part)}


def _renumbered(term: Term, place: dict[int, int], terms: Terms, done: dict[int, Term]) -> Term:
    if id(term) not in done:
        if term.op == "node":
            done[id(term)] = terms.make("node", (), (place[term.data[0]], term.data[1]), term.shape)
        else:
            parts = tuple(_renumbered(a, place, terms, done) for a in term.args)
            done[id(term)] = terms.make(term.op, parts, term.data, term.shape, term.where)
    return done[id(term)]
