"""What gradients are instead: a row of the table, or the claimed ones after a mistake with a name.

Each candidate is computed by the reference engine on the same spikes; one that agrees in every parameter within the
allowance is the sentence. Candidates are few and of one mistake each: nothing is fitted but one number, which is asked
for last, computed with as it is said, and has to explain what an edge that is cut does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, product
from typing import Any

import numpy as np

from gradcert.models.reading.network.passes import AS_CODED, Run, row_of
from gradcert.reference.engines import Tape, tape_gradients
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Edge, Link, Use
from gradcert.reference.numbers import Array
from gradcert.reference.rules import RULES, Rule, check_feedback
from gradcert.watching.causes.accumulated import accumulated
from gradcert.watching.causes.altered import altered, entries, hooked
from gradcert.watching.causes.chunks import chunked, close, followed, label_of, like_bptt
from gradcert.watching.causes.infinite import infinite
from gradcert.watching.causes.losses import another
from gradcert.watching.causes.multiples import CLAIM, multiples, single
from gradcert.watching.causes.once import cut_once, in_part
from gradcert.watching.causes.places import as_said, coded, conventions, differences, lengths_apart, said_of_cuts
from gradcert.watching.causes.traces import otherwise
from gradcert.watching.measured.beside import both
from gradcert.watching.measured.comparing import (
    FITTED,
    agrees,
    allowed,
    differing,
    distance,
    explains,
    norm,
    of,
    residual,
)
from gradcert.watching.measured.evidence import Evidence, Gradients
from gradcert.watching.measured.judgement import LIKE, Judgement
from gradcert.watching.measured.verdict import measured

WHOLE = tuple(  # rows that are one thing at every length of a sequence; chunks are tried in every length
    n for n, r in RULES.items() if r.feedback == "symmetric" and not (r.reach or r.window or r.chunk) and n != "rtrl"
)
ROWS = (AS_CODED, *WHOLE, f"tbptt({RULES['tbptt'].window})")
NEAR = 0.2  # of the difference may be left by what is called most like
OTHER_LOSS = "of another loss than loss="
SHARE = re.compile(r"with the (.+ edges.*) times (\S+): another ")
SAME = 1e-3  # of a number that is fitted, by which it may be another one at another step
CHUNKS = re.compile(r"in chunks of (\d+) steps")


def rows(evidence: Evidence, relative: Mapping[str, float]) -> list[str]:
    """Return the rows of the table that the given gradients are."""
    out = []
    for name in ROWS:
        try:
            found = evidence.gradients(name)
        except GradcertError:  # a row that this network does not have
            continue
        if agrees(found, evidence, relative):
            out.append(name)
    return out


def nearest(evidence: Evidence) -> list[str]:
    """Return the rows by the distance of their gradients, the nearest first; of equal ones the first of the table."""
    found: list[tuple[float, str, Gradients]] = []
    for name in ROWS:
        try:
            mine = evidence.gradients(name)
        except GradcertError:  # a row that this network does not have
            continue
        if not any(close(mine, other) for _, _, other in found):
            found.append((distance(mine, evidence), name, mine))
    return [name for _, name, _ in sorted(found, key=lambda f: f[0])]


def cause(
    evidence: Evidence,
    rule: Rule | str,
    claimed: Gradients,
    relative: Mapping[str, float],
    previous: Sequence[Run] = (),
    *,
    chunks: bool = True,
    dtype: str = "",
) -> str:
    """Return the sentence about gradients that are not the claimed ones; "" where none is known.

    Parameters
    ----------
    chunks : whether to look for rows in chunks too. `dtype` : of the parameters.
    """
    given = evidence.given
    if told := infinite(evidence, claimed):
        return told
    all_of, best = residual(claimed, evidence), ("", float("inf"))
    for sentence, found in chain(_cut_parameters(evidence, rule), _called_otherwise(evidence, rule)):
        if explains(found, claimed, evidence, relative):
            return sentence
    for sentence, found in _kept(evidence, claimed):
        if explains(found, claimed, evidence, relative):
            return sentence
    if said := next(multiples(evidence, claimed, relative), ""):
        return said
    for sentence, found in _candidates(evidence, rule, claimed, previous, chunks):
        if explains(found, claimed, evidence, relative):
            where = _where(sentence, evidence, rule, relative)
            none = [n for n, v in claimed.items() if np.any(v) and not np.any(of(given, n))]
            bare = f"; no gradient comes to {', '.join(none)}" if where and none else ""
            return sentence + where + bare
        best = min(best, (sentence, residual(found, evidence)), key=lambda b: b[1])
    for sentence, found in _shares(evidence, rule):  # which are fitted: what they are near to says nothing
        if explains(found, claimed, evidence, relative):
            return sentence
    sizes = {n: float(np.abs(of(given, n)).max(initial=0.0)) for n in differing(claimed, evidence, relative)}
    silent = [n for n, size in sizes.items() if size <= allowed(relative, n, claimed[n])]
    if silent and len(silent) == len(sizes):
        but = " but for roundings" if any(sizes.values()) else " everywhere"
        return f"{CLAIM}, but zero{but} for {', '.join(silent)}"
    if said := single(evidence, claimed, relative) or next(altered(evidence, claimed, relative), ""):
        return said
    if dtype == "float64" and _single(evidence, rule, claimed):
        return f"{CLAIM} in float32 arithmetic, where the parameters are in float64"
    least = _halved(evidence, claimed)
    if least is not None:
        return f"{CLAIM} rounded to float16: entries below {least:.2g} are zero, below float16's range"
    wrong = differing(claimed, evidence, relative)
    if len(wrong) < len(claimed):
        several = (
            _kept(evidence, claimed),
            _candidates(evidence, rule, claimed, previous, chunks),
            _shares(evidence, rule),
        )
        for sentence, found in chain(*several):
            if explains(found, claimed, evidence, relative, wrong):
                return f"{sentence}, in {', '.join(wrong)} alone"
    if said := hooked(evidence, claimed, relative) or (entries(evidence, claimed, relative) if evidence.same else ""):
        return said
    if best[1] < NEAR * all_of:
        return f"{LIKE} {best[0]} (which leaves {100 * best[1] / all_of:.2g} % of the difference)"
    return ""


def _called_otherwise(evidence: Evidence, rule: Rule | str) -> Iterator[tuple[str, Gradients]]:
    """Yield a rule's gradients with an edge whose label is a convention under another one."""
    for difference, other in conventions(evidence, rule):
        said = f"{CLAIM}, if {difference.place} were called {other.upper()}: its label is a convention"
        yield said, as_said(evidence, rule, [difference])


def decided(evidence: Evidence, rule: Rule | str, claimed: Gradients, relative: Mapping[str, float]) -> list[str]:
    """Return which labels that are a convention a judgement depends on."""
    out = []
    for difference, _ in conventions(evidence, rule):
        other = as_said(evidence, rule, [difference])
        if any(np.abs(other[n] - v).max(initial=0.0) > 2 * allowed(relative, n, v) for n, v in claimed.items()):
            out.append(difference.text)
    return out


def _cut_parameters(evidence: Evidence, rule: Rule | str) -> Iterator[tuple[str, Gradients]]:
    """Yield a rule's gradients with parameters cut where the module's own code cuts them."""
    if evidence.cuts and rule != AS_CODED:
        yield f"{CLAIM}, but {said_of_cuts(evidence)}", evidence.gradients(rule, coded=True)


def _single(evidence: Evidence, rule: Rule | str, claimed: Gradients) -> bool:
    """Return whether gradients are the claimed ones in float32: numbers of it, within what its rounding explains."""
    there = [g for g in evidence.given.values() if g is not None]
    if not all(np.array_equal(g, g.astype("float32")) for g in there):
        return False
    return agrees(claimed, evidence, measured(evidence, rule, claimed, "float32", {}))


def _halved(evidence: Evidence, claimed: Gradients) -> float | None:
    """Return below what size entries are lost, if the given gradients are the claimed ones that went through float16.

    Those that are there are right to a rounding of float16, its subnormal numbers included; those that are lost are
    smaller than all of these. Half the smallest number of float16 is lost, 2^-25, at whatever scale was in use.
    """
    want = np.concatenate([np.abs(v).ravel() for v in claimed.values()])
    off = np.concatenate([np.abs(of(evidence.given, n) - v).ravel() for n, v in claimed.items()])
    there = np.concatenate([np.broadcast_to(of(evidence.given, n) != 0, v.shape).ravel() for n, v in claimed.items()])
    lost = ~there & (want > 0)
    if not lost.any() or not there.any():
        return None
    least, smallest = float(want[lost].max()), float(want[there].min())
    fits = off[there] <= want[there] * 2.0**-10 + smallest  # what is there is no smaller than half their spacing
    return least if least <= 1.01 * smallest and fits.all() else None


def _candidates(
    evidence: Evidence, rule: Rule | str, claimed: Gradients, previous: Sequence[Run], chunks: bool
) -> Iterator[tuple[str, Gradients]]:
    label = label_of(rule)
    yield from in_part(evidence, rule)
    yield from accumulated(evidence, rule)
    if evidence.unsaid:
        own = evidence.beside or ({},) * len(evidence.runs)
        every = tuple(both(b, u) for b, u in zip(own, evidence.unsaid, strict=True))
        found = replace(evidence, beside=every).gradients(rule)
        yield f"{CLAIM} and those of a term about another result, which loss= does not have", found
    if evidence.arrived:
        found = replace(evidence, deltas=evidence.arrived).gradients(rule)
        yield f"{CLAIM} {OTHER_LOSS}: {another(evidence.arrived, evidence.deltas)}", found
    yield from _other_rows(evidence, label)
    for steps in (1, -1):
        word = "late" if steps > 0 else "early"
        yield f"{CLAIM} with the learning signal one step {word}", evidence.late(steps).gradients(rule)
    yield (
        f"{CLAIM} with the pseudo-derivative taken at the potential after the reset",
        evidence.gradients(rule, lambda run, delta: _changed(run, delta, rule, evidence, _after_reset)),
    )
    yield from _toggled(evidence, rule)
    for what, found in otherwise(evidence, rule):
        yield f"{CLAIM} {what}", found
    for part in chunked(evidence, rule) if chunks else ():
        yield f"the gradients of {part.name}, not of {label}", part.gradients
    for which, carried in _carried(evidence, previous, rule):
        yield f"{CLAIM} with {which}: not reset", carried
    yield from cut_once(evidence, rule)


def same_number(said: str, judgements: Sequence[Judgement]) -> bool:
    """Return whether a number that edges are multiplied by is that of the steps before, where these had one too.

    A decay that is wrong is wrong in the same way at every step; another number at another step was fitted to what is
    no decay.
    """
    found = SHARE.search(said)
    for judgement in judgements if found else ():
        before = SHARE.search(judgement.cause)
        if found and before and found[1] == before[1]:
            return abs(float(found[2]) / float(before[2]) - 1) <= SAME
    return True


def _kept(evidence: Evidence, claimed: Gradients) -> Iterator[tuple[str, Gradients]]:
    """Yield the claimed gradients on top of those before, or of the share of them that clipping leaves.

    Where .grad was seen to be empty, what is left of them was kept elsewhere.
    """
    if evidence.before is None:
        return
    before = {n: of(evidence.before, n) for n in claimed}
    if evidence.emptied[:1] == (True,):
        yield from _remembered(evidence, claimed, before)
        return
    why = "it is not set to zero between two calls"
    yield f"{CLAIM} on top of what .grad held before: {why}", {n: v + before[n] for n, v in claimed.items()}
    size, share = norm(before), _part(evidence, claimed, before)
    if 0 < share < 1:
        said = (
            f"on top of what .grad held before times {share:.3g}, as clipping to a norm of {share * size:.3g} leaves it"
        )
        yield f"{CLAIM} {said}: {why}", {n: v + share * before[n] for n, v in claimed.items()}


def _part(evidence: Evidence, claimed: Gradients, way: Gradients) -> float:
    """Return the multiple of something that would have to be added to the claimed gradients."""
    more = sum(float(((of(evidence.given, n) - v) * way[n]).sum()) for n, v in claimed.items())
    size = norm(way)
    return more / size**2 if size else 0.0


def _remembered(evidence: Evidence, claimed: Gradients, before: Gradients) -> Iterator[tuple[str, Gradients]]:
    """Yield a momentum, and a running mean, of the gradients of the step before."""
    why = "the gradients of the step before, which .grad did not hold as the step began: the loop keeps them"
    apart = {n: before[n] - v for n, v in claimed.items()}
    share, mean = (float(f"{_part(evidence, claimed, way):.6g}") for way in (before, apart))
    yield f"{CLAIM} plus {share:g} times {why}", {n: v + share * before[n] for n, v in claimed.items()}
    yield f"{CLAIM} times {1 - mean:g} plus {mean:g} times {why}", {n: v + mean * apart[n] for n, v in claimed.items()}


def _shares(evidence: Evidence, rule: Rule | str) -> Iterator[tuple[str, Gradients]]:
    """Yield a rule's gradients with edges times a number, which is fitted."""
    for edge in (Edge.STATE, Edge.ADAPTATION, Edge.RESET):
        for layer in _layers_of(evidence):
            share, found = _share(evidence, rule, edge, layer)
            if share is not None:
                what = "decay" if edge is Edge.STATE else "strength"
                which = f"{edge.value} edges{_of_layer(layer)}"
                yield f"{CLAIM} with the {which} times {share:.6g}: another {what} than the forward pass has", found


def _layers_of(evidence: Evidence) -> tuple[int | None, ...]:
    """Return None, for all layers, and the number of each where there are several."""
    depth = evidence.runs[0].written.full.depth
    return (None, *range(depth if depth > 1 else 0))


def _of_layer(layer: int | None) -> str:
    return "" if layer is None else f" of layer {layer}"


def _toggled(evidence: Evidence, rule: Rule | str) -> Iterator[tuple[str, Gradients]]:
    """Yield the gradients of a rule that cuts a kind of edge, or keeps one that it cuts, everywhere or in one layer."""
    network, row = evidence.runs[0].written.full, row_of(rule)
    there = [edge for edge in Edge if any(k.lag and k.edge is edge for t in network.layers for k in t.cell.links)]
    for edge in there:
        for layer in _layers_of(evidence):

            def of_it(number: int, link: Link, edge: Edge = edge, layer: int | None = layer) -> bool:
                return link.edge is edge and layer in (None, number)

            if rule == AS_CODED or edge in row.own | row.upper:
                yield f"{CLAIM} without the {edge.value} edges{_of_layer(layer)}", followed(evidence, rule, row, of_it)
            elif like_bptt(row):

                def cut(number: int, link: Link, of_it: Any = of_it) -> bool:
                    return link.edge not in row.own and not of_it(number, link)

                all_kept = replace(row_of("bptt"), chunk=row.chunk)
                kept = followed(evidence, "bptt", all_kept, cut)
                yield f"{CLAIM} with the {edge.value} edges{_of_layer(layer)}, which {row.name} cuts", kept


def _where(sentence: str, evidence: Evidence, rule: Rule | str, relative: Mapping[str, float]) -> str:
    """Return what the module's own code does otherwise than a claim, with file and line."""
    if AS_CODED not in sentence.partition(", not of ")[0]:
        return ""
    found = CHUNKS.search(sentence)
    length = int(found[1]) if found else None
    said = _otherwise(evidence, rule, relative, length)
    if not said:
        parts = [coded(evidence, rule), *lengths_apart(rule, length)] if row_of(rule).feedback == "symmetric" else []
        said = "; ".join(part for part in parts if part)
    return f": {said}" if said else ""


def _otherwise(
    evidence: Evidence, rule: Rule | str, relative: Mapping[str, float], length: int | None, *, ends: bool = True
) -> str:
    """Return where code and a row differ; "" where the two are not that far apart in gradients.

    The row's gradients have to be those with every edge as it is said that the row has it, and the given ones those
    with the edges that differ the other way; what is cut within a step is a cut of the module's own, whose gradients
    they are.

    Parameters
    ----------
    length : of the chunks that the given gradients are in. `ends` : whether how far back credit goes is said too.
    """
    found, apart = differences(evidence, rule), lengths_apart(rule, length)
    if not found and not (ends and apart):
        return ""
    shut = [said_of_cuts(evidence)] if evidence.cuts else []
    if not close(as_said(evidence, rule, ()), evidence.gradients(rule), 1e-9):
        return ""
    if not any(d.place.edge == Edge.SPACE for d in found):
        other = as_said(evidence, rule, found, ends=replace(row_of("bptt"), chunk=length), coded=bool(shut))
        if not agrees(other, evidence, relative):
            return ""
    return "; ".join([d.text for d in found] + shut + (apart if ends else []))


def meant(evidence: Evidence, names: Sequence[str], order: Sequence[Rule | str], relative: Mapping[str, float]) -> str:
    """Return what is coded, where gradients are the module's own and no row of the table; "" where they are one.

    Parameters
    ----------
    names : what the gradients are. `order` : rows, the nearest first.
    """
    if not all(name.startswith(AS_CODED) for name in names):
        return ""
    chunks = CHUNKS.search(names[0])
    length = int(chunks[1]) if chunks else None
    known = [row for row in order if row != AS_CODED and like_bptt(row_of(row))]
    found = [(row, _otherwise(evidence, row, relative, length, ends=False)) for row in known]
    told = [f"{label_of(row)}, but {said}" for row, said in found if said]
    least = min((said.count(";") for said in told), default=0)
    return "; or ".join(said for said in told if said.count(";") == least) or coded(evidence)


def _other_rows(evidence: Evidence, label: str) -> Iterator[tuple[str, Gradients]]:
    """Yield the gradients of other rows, equal ones once."""
    found: list[tuple[list[str], Gradients]] = []
    for name in (n for n in ROWS if n != label):
        try:
            mine = evidence.gradients(name)
        except GradcertError:  # a row that this network does not have
            continue
        same = (names for names, other in found if close(mine, other))
        names = next(same, None)
        if names is None:
            found.append(([name], mine))
        else:
            names.append(name)
    for names, mine in found:
        yield f"the gradients of {' and '.join(names)}, not of {label}", mine


def _changed(run: Run, delta: Array, rule: Rule | str, evidence: Evidence, change: Any) -> dict[str, Array]:
    """Return a rule's gradient with other local derivatives: change(tape of a layer, factors) -> factors."""
    tape = run.as_cut if rule == AS_CODED else run.full
    row = row_of(rule)
    layers = tuple(replace(t, factors=change(t, {k: t.factors[k] for k in t.factors})) for t in tape.layers)
    feedback = check_feedback(run.written.full, row, evidence.feedback)
    other: Tape = replace(tape, layers=layers)
    return tape_gradients(other, np.zeros_like(delta), rule=row, feedback=feedback, delta=delta)


def _after_reset(tape: Any, factors: dict[Any, Any]) -> dict[Any, Any]:
    """Return factors whose spikes have the pseudo-derivative at v - threshold z."""
    cell = tape.layer.cell
    threshold = cell.constants().get("threshold")
    if threshold is None or "v" not in tape.now or "z" not in tape.now:
        return factors
    moved = {**tape.now, "v": tape.now["v"] - tape.p["threshold"] * tape.now["z"]}
    other = cell.factors(tape_numbers(tape), tape.p, tape.prev, moved)
    spikes = [k for k in other if isinstance(k, (Link, Use)) and k.target == "z"]
    return {**factors, **{k: np.broadcast_to(other[k], np.shape(tape.now["z"])) for k in spikes if k in factors}}


def tape_numbers(tape: Any) -> Any:
    """Return the number system of a layer's tape, of floats of its dtype."""
    from gradcert.reference.numbers import Floats

    return Floats(str(tape.x.dtype))


def _share(evidence: Evidence, rule: Rule | str, edge: Edge, layer: int | None) -> tuple[float | None, Gradients]:
    """Return the number by which an edge's derivatives (of one layer) would have to be multiplied, and what that gives.

    None where there is no such number: a factor that is negative is no decay, nor is one that explains little more
    than none at all: that is an edge which is cut, or left as it is.
    """

    def at(share: float) -> Gradients:
        def scale(tape: Any, factors: dict[Any, Any]) -> dict[Any, Any]:
            if layer is not None and not any(tape.layer is _layers(r, rule)[layer] for r in evidence.runs):
                return factors
            return {k: f * share if isinstance(k, Link) and k.lag and k.edge is edge else f for k, f in factors.items()}

        return evidence.gradients(rule, lambda run, delta: _changed(run, delta, rule, evidence, scale))

    # Gauss-Newton on one number: how the gradient moves with it says where the given ones would be met
    share, found = 1.0, at(1.0)
    cut, plain = at(0.0), residual(found, evidence)
    if not any(np.abs(a - b).max(initial=0.0) > 0 for a, b in zip(found.values(), cut.values(), strict=True)):
        return None, found
    for _ in range(8):
        step = 1e-4 * max(abs(share), 1e-2)
        ahead = at(share + step)
        slope = {n: (ahead[n] - v) / step for n, v in found.items()}
        square = sum(float((s**2).sum()) for s in slope.values())
        if not square:
            return None, found
        change = sum(float((slope[n] * (of(evidence.given, n) - v)).sum()) for n, v in found.items()) / square
        share = min(max(share + change, -0.5), 1.5)
        found = at(share)
        if abs(change) < 1e-9:
            break
    share = float(f"{share:.6g}")
    found = at(share)
    explains = residual(found, evidence) < FITTED * min(plain, residual(cut, evidence))
    return share if share > 0 and explains else None, found


def _layers(run: Run, rule: Rule | str) -> Any:
    return tuple(t.layer for t in (run.as_cut if rule == AS_CODED else run.full).layers)


def _carried(evidence: Evidence, previous: Sequence[Run], rule: Rule | str) -> Iterator[tuple[str, Gradients]]:
    """Yield a rule's gradients with traces of the sequences before, of one, two, ...: one tape, with edges over seams.

    Parameters
    ----------
    previous : the sequences before, the last one first.
    """
    if len(evidence.runs) != 1:
        return
    run = evidence.runs[0]
    depth = run.written.full.depth
    every = set(range(depth))

    def joined(done: Run, delta: Array, carrying: set[int], olds: Sequence[Run], anew: bool) -> dict[str, Array]:
        tapes = [r.as_cut if rule == AS_CODED else r.full for r in (*reversed(olds), done)]
        layers = [_one_tape([t.layers[i] for t in tapes], i in carrying, anew) for i in range(depth)]
        tape: Tape = replace(tapes[-1], layers=tuple(layers))
        none = sum(len(old.inputs) for old in olds)
        both = np.concatenate([np.zeros((none, *delta.shape[1:])), delta])
        row = row_of(rule)
        feedback = check_feedback(done.written.full, row, evidence.feedback)
        return tape_gradients(tape, np.zeros_like(both), rule=row, feedback=feedback, delta=both)

    def own(done: Run, delta: Array, olds: Sequence[Run], anew: bool) -> dict[str, Array]:
        by_layer = [joined(done, delta, {i}, olds, anew) for i in range(depth)]
        return {k: by_layer[int(k.split(".")[1])][k] for k in by_layer[0]} if depth > 1 else by_layer[0]

    # states begin anew; what they left in the recursion of a trace, the derivative at the last spike, may or may not
    for many, anew in product(range(1, len(previous) + 1), (False, True)):
        olds = previous[:many]
        if olds[-1].inputs.shape[1] != run.inputs.shape[1]:
            return
        before = "of the sequence before" if many == 1 else f"of the {many} sequences before"

        def with_traces(of: set[int], olds: Sequence[Run] = olds, anew: bool = anew) -> Gradients:
            return evidence.gradients(rule, lambda r, d: joined(r, d, of, olds, anew))

        if depth > 1:
            yield f"traces and learning signals {before}", with_traces(every)
        if run.written.full.graph is not None:  # whose parameters' layers their names do not tell
            continue
        mine = (olds, anew)
        yield f"the traces {before}", evidence.gradients(rule, lambda r, d, mine=mine: own(r, d, *mine))  # type: ignore[misc]
        for i in range(depth if depth > 1 else 0):
            yield f"the traces of layer {i} {before}", with_traces({i})


def _one_tape(tapes: Sequence[Any], carries: bool, anew: bool) -> Any:
    """Return the tapes of a layer over several sequences as one; edges go over the seams, or do not.

    Parameters
    ----------
    anew : whether the derivative at the output of the last step before a seam counts as 0.
    """
    last = tapes[-1]
    prev = {k: np.concatenate([t.prev[k] for t in tapes]) for k in last.prev}
    now = {k: np.concatenate([t.now[k] for t in tapes]) for k in last.now}
    factors = {k: _joined([t.factors[k] for t in tapes]) for k in last.factors}
    begins = np.zeros((sum(len(t.x) for t in tapes), last.x.shape[1]), dtype=bool)
    for seam in np.cumsum([len(t.x) for t in tapes[:-1]]):
        begins[seam] = not carries
        for k, factor in factors.items() if anew else ():
            if k.target == "z" and isinstance(k, Link) and not k.lag and np.ndim(factor) > 2:
                factor[seam - 1] = 0
    return replace(last, x=np.concatenate([t.x for t in tapes]), prev=prev, now=now, factors=factors, begins=begins)


def _joined(factors: Sequence[Any]) -> Any:
    return np.concatenate(factors) if np.ndim(factors[-1]) > 2 else factors[-1]
