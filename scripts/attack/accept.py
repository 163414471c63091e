"""``python -m scripts.attack.accept``: right implementations before the judge, seed after seed.

A seed takes the next claim of a list that goes through cells, rules, readouts, losses and dtypes. Its cases are
prepared once, with their controls, and every right way to compute the gradient is judged on them, in this process.
Nothing may be refuted; no run may be void; no case may be missing.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.certify.campaign.conclude import control
from gradcert.certify.claims import Claim
from gradcert.certify.judging import acceptance
from gradcert.certify.problems import Case, plan
from gradcert.certify.runs import Task, prepare
from gradcert.certify.selftest.judge import claim_of
from gradcert.certify.subjects import Answer
from gradcert.reference.numbers import FORMATS
from scripts.attack.torch_ways import TORCH_WAYS, fits
from scripts.attack.ways import WAYS, members

TRIANGLE = {"name": "triangle", "scale": 0.3, "width": 1.0}
EXACT = {"name": "triangle", "scale": 1.0, "width": 1.0}
LEAKY = {"readout": "integrator"}
HEAD = {"readout": "rnn"}
# Ways that run a program for every parameter: they answer the short cases of a claim, once.
SLOW = ("complex_step", "dual_numbers", "rationals", "rtrl", "torch_forward_mode", "triple_loop")
SHORT = 20
OWN: tuple[Claim, ...] = (
    Claim(rule="bptt", cells="lif", **LEAKY, options={"recurrent": True, "train": ("leak", "threshold")}),
    Claim(rule="bptt", cells="lif", options={"surrogate": EXACT, "recurrent": True}, **HEAD),
    Claim(rule="ottt", cells="lif", options={"leak": 0.75, "recurrent": False, "surrogate": EXACT}),
    Claim(rule="bptt", cells="snu", options={"transfer": ["relu", "tanh"]}),
    Claim(rule="ostl", cells="snu", options={"surrogate": TRIANGLE}),
    Claim(rule="e-prop", cells="alif", options={"surrogate": TRIANGLE, "recurrent": True}, **LEAKY),
    Claim(rule="bptt", cells="leaky_rnn", **LEAKY),
    Claim(rule="bptt", cells="rnn", options={"activation": "relu"}, **HEAD),
    Claim(rule="bptt", cells="rnn"),
    Claim(rule="tbptt(3)", cells="rnn"),
    Claim(rule="rflo", cells="leaky_rnn", depths=1),
    Claim(rule="bptt", cells="lstm", depths=1),
    Claim(rule="bptt", cells="gru", depths=1),
    Claim(rule="bptt", cells="ltc", depths=1),
    Claim(rule="ostl-random", cells="lif", options={"recurrent": True}),
    Claim(rule="bptt", cells="lif", options={"leak": 0.9, "threshold": 1.0}, time="mean", batch="mean"),
    Claim(rule="ostl", cells="lif", acceptance="bounded"),
    Claim(rule="bptt", cells="lif", acceptance="bounded", within={"error": 1e-5}),
)


def claims(dtypes: Sequence[str] = ("float64", "float32")) -> list[tuple[Claim, dict[str, Any]]]:
    """Return every claim with the ways that are its own, each in every dtype."""
    found: dict[str, tuple[Claim, dict[str, Any]]] = {}
    for name, entry in members().items():
        claim = claim_of(entry)
        if claim is not None and claim.acceptance == "exact":
            _, ways = found.setdefault(str(claim.to_dict()), (claim, {}))
            ways[name] = entry.gradients
    listed = [*found.values(), *((claim, {}) for claim in OWN)]
    # in the place of float64 a claim's own dtype: a way that is right in float32 alone is claimed so
    return [
        (claim if dtype == "float64" else replace(claim, dtype=dtype), ways)
        for claim, ways in listed
        for dtype in dtypes
    ]


def answers(case: Case, own: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the gradient of one case, computed in every way."""
    for name, way in WAYS.items():
        yield name, lambda way=way: way(case.problem, case.rule)
    if fits(case.problem, case.rule):
        for name, way in TORCH_WAYS.items():
            yield name, lambda way=way: way(case.problem)
    for name, gradients in own.items():
        quick = name not in SLOW or (case.spec.turn == 0 and len(case.problem.inputs) <= SHORT)
        if case.spec.family != "scale" and quick:
            yield f"gallery: {name}", lambda gradients=gradients: gradients(case.problem)


def judged(claim: Claim, own: dict[str, Any], profile: str, seed: int) -> tuple[Counter[str], list[str]]:
    """Return counts of one seed, and what went wrong."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    prepared = []
    for spec in plan(claim, profile):
        ready = prepare(Task(spec, claim, seed))
        prepared.append(ready)
        if ready.case is None:
            wrong.append(f"inconclusive: {spec.id}: no acceptable draw")
            continue
        counts["cases"] += 1
        counts["replaced"] += bool(ready.case.spec.instead)
        counts["exact"] += ready.case.expected.exact
        for name, compute in answers(ready.case, own):
            counts["answers"] += 1
            with np.errstate(all="ignore"):
                answer = _answer(compute())
            for finding in acceptance.first_wrong(ready.case, answer, claim):
                where = finding.where
                counts["refuted"] += 1
                far = where.get("error in budgets", where.get("relative error"))
                wrong.append(f"refuted: {name}: {ready.case.id}: {finding.reason} ({far})")
    _, _, void = control(prepared, claim)
    counts["void"] = bool(void)
    counts["inconclusive"] = any(p.case is None for p in prepared)
    return counts, wrong + [f"void: {reason}" for reason in void]


def _answer(given: Any) -> Answer:
    """Return gradients, or (loss, gradients, outputs), as the answer of a subject."""
    loss, gradients, outputs = given if isinstance(given, tuple) else (None, given, None)
    arrays = {name: np.asarray(value) for name, value in gradients.items()}
    return Answer(gradients=arrays, loss=_array(loss), outputs=_array(outputs))


def _array(value: Any) -> Any:
    return None if value is None else np.asarray(value)


def main() -> int:
    """Judge and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="default", choices=("quick", "default", "thorough"))
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--dtypes", nargs="+", default=("float64", "float32"), choices=tuple(FORMATS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    every = claims(options.dtypes)
    total: Counter[str] = Counter()
    said: list[dict[str, Any]] = []
    started = time.perf_counter()
    for seed in range(options.first, options.first + options.seeds):
        claim, own = every[seed % len(every)]
        counts, wrong = judged(claim, own, options.profile, seed)
        total += counts
        total["seeds"] += 1
        for line in wrong:
            print(f"seed {seed}: {claim}: {line}", flush=True)
        said += [{"seed": seed, "claim": claim.to_dict(), "said": line} for line in wrong]
        names = ("seeds", "cases", "exact", "replaced", "answers", "refuted", "void", "inconclusive")
        figures = {name: total[name] for name in names} | {"claims": min(options.seeds, len(every))}
        if options.out is not None:
            record = {"profile": options.profile, "first": options.first, **figures, "wrong": said}
            options.out.write_text(json.dumps({**record, "seconds": round(time.perf_counter() - started)}, indent=1))
    print(figures, f"{time.perf_counter() - started:.0f} s")
    return int(bool(said))


if __name__ == "__main__":
    raise SystemExit(main())
