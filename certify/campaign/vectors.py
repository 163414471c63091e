"""Golden vectors: problems with their answers in files, for implementations that nothing here can call.

A folder of three files. ``vectors.json`` says what the vectors are: claim, seed, profile, digests, and what each flag
means (its kind of defect, and what passing shows). ``vectors.jsonl`` holds one vector per line: a problem, the expected
outputs, loss and gradients with the largest admissible error of every entry, flags, the kinds of defects that it is
about, and the known-wrong programs that it catches. ``problems.jsonl`` holds the problems alone, one per line: what a
subject program reads. An answer is a line ``{"id": ..., "gradients": {...}}``, with ``loss`` and ``outputs`` if the
implementation has them: the line that a subject program writes; where no line has an id, they are taken in order.
Floats are the shortest decimals that read back to the same number.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.certify.campaign.asked import Progress, judge
from gradcert.certify.campaign.conclude import conclude
from gradcert.certify.certificates import (
    VERSION,
    Certificate,
    environment,
    parted,
    reference_digest,
    sha256,
    validated,
)
from gradcert.certify.claims import Claim, from_dict
from gradcert.certify.problems import Bounds, Case, Expected, Spec, plan, profile_named
from gradcert.certify.runs import Prepared, Run, prepare_all
from gradcert.certify.subjects import from_program
from gradcert.properties.numbers import Undecided
from gradcert.reference import outside
from gradcert.reference.checks import check_seed
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import PREFIX, problem_from_record
from gradcert.reference.outside import array, parse, record, text
from gradcert.reference.rules import Rule, check_feedback

SCHEMA = "gradcert-vectors-1"
FORM = "a folder that gradcert vectors wrote"
NOTES = {
    "exact": ("rounding", "Every entry has to agree to the last bit: the budget is zero."),
    "bounded": ("rounding", "Every entry has a budget for rounding, derived for this vector."),
    "tie": ("threshold", "A membrane potential equals its threshold: '>' and '>=' give other outputs."),
    "last": ("loss", "The loss counts at the last step alone; earlier steps reach it through time."),
    "deep": ("credit between layers", "More than one layer: the learning signal comes from above."),
    "sees own STATE": ("missing edge", "The gradient without (or with) a layer's own leak is far outside the budget."),
    "sees own RESET": ("missing edge", "The gradient without (or with) a layer's own reset is far outside the budget."),
    "sees own RECURRENT": ("missing edge", "The same for a layer's own lateral weights."),
    "sees own ADAPTATION": ("missing edge", "The same for a layer's own adaptive threshold."),
    "sees upper STATE": ("missing edge", "The same for the leak of the layers above a parameter."),
    "sees upper RESET": ("missing edge", "The same for the reset of the layers above a parameter."),
    "sees upper RECURRENT": ("missing edge", "The same for the lateral weights of the layers above a parameter."),
    "sees upper ADAPTATION": ("missing edge", "The same for the adaptive threshold of the layers above a parameter."),
}
SEEN = 100.0  # budgets by which dropping an edge has to show for the flag


def write(
    folder: Path,
    claim: Claim,
    *,
    profile: str = "default",
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> int:
    """Write the vectors of a claim into a folder; return how many there are.

    Parameters
    ----------
    profile, seed, jobs, progress : as for `gradcert.certify.certify`.

    Raises
    ------
    GradcertError : if no case of the claim is acceptable, or the folder cannot be written.
    """
    if claim.acceptance == "unbiased":
        raise GradcertError("vectors of an unbiased claim", allowed="exact, bounded, aligned: one answer to a vector")
    specs = plan(claim, profile)
    cases, records = [], []
    for number, prepared in enumerate(prepare_all(specs, claim, seed=seed, jobs=jobs), start=1):
        if prepared.case is not None:
            cases.append(prepared.case)
            records.append(validated(_record(prepared.case, prepared.variants), "vector", "a vector"))
        if progress is not None:
            progress(number, len(specs), specs[number - 1].id)
    if not cases:
        raise GradcertError(f"no acceptable case of {claim}", do="try another seed")
    lines = "".join(json.dumps(r, separators=(",", ":"), allow_nan=False) + "\n" for r in records)
    used = sorted({flag for case in cases for flag in flags(case)})
    head = {
        "schema": SCHEMA,
        "suite": VERSION,
        "claim": claim.to_dict(),
        "seed": seed,
        "profile": profile,
        "environment": environment(),
        "digests": {"reference": reference_digest(), "vectors": sha256(lines.encode())},
        "vectors": len(cases),
        "answer": 'a line per vector: {"id": ..., "gradients": {...}}, with "loss", "outputs" if any; or in order',
        "notes": {name: {"defect": NOTES[name][0], "text": NOTES[name][1]} for name in used},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "vectors.jsonl").write_text(lines, encoding="utf-8")
        (folder / "problems.jsonl").write_text("".join(c.problem.to_json() + "\n" for c in cases), encoding="utf-8")
        (folder / "vectors.json").write_text(json.dumps(head, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        raise GradcertError(f"{folder} cannot be written: {error.strerror}") from None
    return len(cases)


def flags(case: Case) -> list[str]:
    """Return what a vector is good for."""
    out = ["exact" if case.expected.exact else "bounded"]
    out += ["tie"] if case.facts.get("ties") else []
    out += ["last"] if case.spec.when == "last" else []
    out += ["deep"] if case.problem.network.depth > 1 else []
    return out + [f"sees {label}" for label, budgets in case.separates.items() if budgets > SEEN]


def _record(case: Case, variants: Iterable[tuple[str, bool | None]]) -> dict[str, Any]:
    def bounds(b: Bounds) -> dict[str, Any]:
        return {"value": b.value.tolist(), "budget": b.budget.tolist()}

    return {
        "id": case.id,
        "flags": flags(case),
        "defects": sorted({NOTES[flag][0] for flag in flags(case)}),
        "catches": [name for name, refuted in variants if refuted],
        "problem": case.problem.to_dict(),
        "expected": {
            "outputs": bounds(case.expected.outputs),
            "loss": bounds(case.expected.loss),
            "gradients": {name: bounds(b) for name, b in case.expected.gradients.items()},
        },
        "separates": {k: v if np.isfinite(v) else "inf" for k, v in case.separates.items()},
        "facts": dict(case.facts),
    }


def read(folder: Path, *, run: bool = False) -> tuple[dict[str, Any], Claim, list[Prepared]]:
    """Return the header, the claim and the cases of a folder of vectors, with the controls judged on them anew.

    Parameters
    ----------
    run : whether the files of cells that the folder names may be run.

    Raises
    ------
    GradcertError : if the folder holds no vectors, or they are not what the header says.
    """
    from gradcert.certify.judging import acceptance

    what = f"{folder}/vectors.json"
    if not (folder / "vectors.json").is_file():
        raise GradcertError(f"{folder} holds no vectors", do="gradcert vectors -o FOLDER")
    head = record(parse(outside.read(folder / "vectors.json", FORM), what), what, needs=("schema",))
    if head["schema"] != SCHEMA:
        raise GradcertError(f"{what} is of another kind", allowed=SCHEMA)
    head = record(head, what, needs=("claim", "seed", "profile", "digests"))
    data = outside.read(folder / "vectors.jsonl", FORM)
    if sha256(data) != record(head["digests"], "digests", needs=("vectors",))["vectors"]:
        raise GradcertError(f"{folder}/vectors.jsonl was changed: its digest is not the header's")
    check_seed(head["seed"])
    profile_named(head["profile"])
    claim = from_dict(head["claim"], run=run)
    cases: list[Case] = []
    out: list[Prepared] = []
    for number, line in enumerate(filter(str.strip, text(data, what).split("\n")), start=1):
        where = f"vector {number} of {folder}"
        entry = validated(parse(line, where), "vector", where)
        try:
            cases.append(_case(entry, claim, run=run))
            variants, sound = tuple(acceptance.variants(cases[-1], claim)), acceptance.sound(cases[-1], claim)
        except GradcertError as error:
            raise GradcertError(f"{where}: {error}") from None
        except (Undecided, ArithmeticError, KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise GradcertError(f"{where} does not fit together ({type(error).__name__}: {error})") from None
        out.append(Prepared(cases[-1], variants, sound))
    if len({case.id for case in cases}) != len(cases):
        raise GradcertError(f"{folder} with two vectors of one name", allowed="names that differ")
    return head, claim, out


def _row(claim: Claim) -> Rule:
    """Return the row that is claimed, or raise: vectors are of gradients."""
    rule = claim.claimed
    if not isinstance(rule, Rule):
        raise GradcertError(f"golden vectors of {rule.name}", allowed="a row of the rule table")
    return rule


def _case(entry: Mapping[str, Any], claim: Claim, *, run: bool) -> Case:
    problem = problem_from_record(entry["problem"], run=run)

    def bounds(spec: Mapping[str, Any], what: str, shape: tuple[int, ...]) -> Bounds:
        found = Bounds(array(spec["value"], what), array(spec["budget"], what))
        if found.value.shape != shape or found.budget.shape != shape or not (found.budget >= 0).all():
            raise GradcertError(f"{what} of shape {found.value.shape}", allowed=f"{shape}, and budgets >= 0")
        return found

    cell, depth, moment, family, index = parted(entry["id"])
    loss, _, when = moment.rpartition("-")
    wanted, shapes = entry["expected"], dict(problem.network.shapes())
    if problem.initial_gradient:
        shapes |= {f"{PREFIX}{name}": value.shape for name, value in problem.initial.items()}
    if set(wanted["gradients"]) != set(shapes):
        raise GradcertError(f"gradients {', '.join(wanted['gradients'])}", allowed=", ".join(shapes))
    expected = Expected(
        outputs=bounds(wanted["outputs"], "the expected outputs", problem.targets.shape),
        loss=bounds(wanted["loss"], "the expected loss", ()),
        gradients={name: bounds(b, name, shapes[name]) for name, b in wanted["gradients"].items()},
    )
    rule = _row(claim)
    check_feedback(problem.network, rule, problem.feedback)
    spec = Spec(cell, int(depth[:9]), loss, when, family, int(index[:9]))
    separates = {k: float(v) for k, v in entry["separates"].items()}
    return Case(spec, problem, rule, expected, separates, entry["facts"])


def answers(lines: Iterable[str], order: Sequence[str] = ()) -> dict[str, Mapping[str, Any]]:
    """Return answers by the id of their vector.

    Parameters
    ----------
    lines : the answers.
    order : the ids of all vectors: what lines without an id answer, where there are as many.

    Raises
    ------
    GradcertError : for a line that is no answer, or a second answer to one vector.

    Examples
    --------
    >>> sorted(answers(['{"id": "a", "gradients": {}}', "", '{"id": "b", "error": "too large"}']))
    ['a', 'b']
    >>> sorted(answers(['{"gradients": {}}', '{"gradients": {}}'], order=["a", "b"]))
    ['a', 'b']
    """
    said = []
    for number, line in enumerate((line for line in lines if line.strip()), start=1):
        said.append(record(parse(line, f"line {number} of the answers", nan=True), f"line {number} of the answers"))
    if len(said) == len(order) and not any("id" in each for each in said):
        return dict(zip(order, said, strict=True))
    out: dict[str, Mapping[str, Any]] = {}
    for number, each in enumerate(said, start=1):
        if not isinstance(each.get("id"), str):
            raise GradcertError(f"line {number} of the answers has no id", allowed='{"id": ..., "gradients": {...}}')
        if each["id"] in out:
            raise GradcertError(f"line {number} answers {each['id']} a second time", allowed="one answer per vector")
        out[each["id"]] = each
    return out


def strays(cases: Sequence[Prepared], given: Mapping[str, Any]) -> list[str]:
    """Return the ids of answers that belong to no vector."""
    known = {p.case.id for p in cases if p.case is not None}
    return sorted(set(given) - known)


def check(folder: Path, file: Path, *, run: bool = False) -> Certificate:
    """Judge a file of answers, as if a subject had given them; `run` as for `read`.

    Raises
    ------
    GradcertError : if the folder or the file is not what it should be.
    """
    started = time.perf_counter()
    head, claim, prepared = read(folder, run=run)
    data = outside.read(file, "a file of JSON lines")
    order = [entry.case.id for entry in prepared if entry.case is not None]
    given = answers(text(data, str(file)).split("\n"), order)
    if unknown := strays(prepared, given):
        raise GradcertError(f"{len(unknown)} answers belong to no vector, the first is {unknown[0]}")
    state = Run(None, claim, arrays=False)
    for entry in prepared:
        state.prepared.append(entry)
        if entry.case is not None:
            said = given.get(entry.case.id)
            judge(state, entry.case, from_program(said) if said is not None else None)
    if unanswered := sum(r.verdict == "blocked" for r in state.results):
        state.notes.append(f"{unanswered} vectors have no answer")
    state.notes.append("answers from a file: whether calling again gives the same was not asked")
    return conclude(
        state,
        subject=f"answers:{file}",
        replay=f"gradcert check {folder} {file}",
        digests={"subject": sha256(data), "reference": reference_digest()},
        steps=[],
        seed=head["seed"],
        profile=head["profile"],
        started=started,
    )
