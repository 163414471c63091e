"""Golden vectors: problems with their answers in files, for implementations that nothing here can call.

A folder of three files. ``vectors.json`` says what the vectors are: claim, seed, profile, digests, and what each flag
means (its kind of defect, and what passing shows). ``vectors.jsonl`` holds one vector per line: a problem, the expected
outputs, loss and gradients with the largest admissible error of every entry, and flags. ``problems.jsonl`` holds the
problems alone, one per line: what a subject program reads. An answer is a line ``{"id": ..., "gradients": {...}}``,
with ``loss`` and ``outputs`` if the implementation has them: the line that a subject program writes; where no line has
an id, they are taken in order. Floats are the shortest decimals that read back to the same number.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np

from gradcert.certify.campaign.campaign import judge
from gradcert.certify.campaign.conclude import conclude
from gradcert.certify.certificates import VERSION, Certificate, environment, published, reference_digest, sha256
from gradcert.certify.claims import Claim, from_dict
from gradcert.certify.problems import Bounds, Case, Expected, Spec, plan
from gradcert.certify.runs import Prepared, Run, prepare_all
from gradcert.certify.subjects import from_program, parsed
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import problem_from_json
from gradcert.reference.rules import rule_named

SCHEMA = "gradcert-vectors-1"
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


def write(folder: Path, claim: Claim, *, profile: str = "default", seed: int = 0, jobs: int = 1) -> int:
    """Write the vectors of a claim into a folder; return how many there are.

    Raises
    ------
    GradcertError : if no case of the claim is acceptable, or the folder cannot be written.
    """
    if claim.acceptance == "unbiased":
        raise GradcertError("vectors of an unbiased claim", allowed="exact, bounded, aligned: one answer to a vector")
    specs = plan(claim, profile)
    ready = prepare_all(specs, claim, seed=seed, jobs=jobs)
    cases = [prepared.case for prepared in ready if prepared.case is not None]
    if not cases:
        raise GradcertError(f"no acceptable case of {claim}", do="try another seed")
    records = [_record(case) for case in cases]
    for record in records:
        jsonschema.validate(record, published("vector"))
    text = "".join(json.dumps(record, separators=(",", ":"), allow_nan=False) + "\n" for record in records)
    used = sorted({flag for case in cases for flag in flags(case)})
    head = {
        "schema": SCHEMA,
        "suite": VERSION,
        "claim": claim.to_dict(),
        "seed": seed,
        "profile": profile,
        "environment": environment(),
        "digests": {"reference": reference_digest(), "vectors": sha256(text.encode())},
        "vectors": len(cases),
        "answer": 'a line per vector: {"id": ..., "gradients": {...}}, with "loss", "outputs" if any; or in order',
        "notes": {name: {"defect": NOTES[name][0], "text": NOTES[name][1]} for name in used},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "vectors.jsonl").write_text(text, encoding="utf-8")
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


def _record(case: Case) -> dict[str, Any]:
    def bounds(b: Bounds) -> dict[str, Any]:
        return {"value": b.value.tolist(), "budget": b.budget.tolist()}

    return {
        "id": case.id,
        "flags": flags(case),
        "problem": case.problem.to_dict(),
        "expected": {
            "outputs": bounds(case.expected.outputs),
            "loss": bounds(case.expected.loss),
            "gradients": {name: bounds(b) for name, b in case.expected.gradients.items()},
        },
        "separates": {k: v if np.isfinite(v) else "inf" for k, v in case.separates.items()},
        "facts": dict(case.facts),
    }


def read(folder: Path) -> tuple[dict[str, Any], Claim, list[Prepared]]:
    """Return the header, the claim and the cases of a folder of vectors, with the controls judged on them anew.

    Raises
    ------
    GradcertError : if the folder holds no vectors, or they are not what the header says.
    """
    from gradcert.certify.judging import acceptance

    try:
        head = json.loads((folder / "vectors.json").read_text(encoding="utf-8"))
        data = (folder / "vectors.jsonl").read_bytes()
    except (OSError, ValueError) as error:
        raise GradcertError(f"{folder} holds no vectors ({error})", do="gradcert vectors -o FOLDER") from None
    if not isinstance(head, dict) or head.get("schema") != SCHEMA:
        raise GradcertError(f"{folder}/vectors.json is of another kind", allowed=SCHEMA)
    if sha256(data) != head["digests"]["vectors"]:
        raise GradcertError(f"{folder}/vectors.jsonl was changed: its digest is not the header's")
    claim = from_dict(head["claim"])
    records = [json.loads(line) for line in data.splitlines()]
    for record in records:
        jsonschema.validate(record, published("vector"))
    cases = [_case(record, claim) for record in records]
    return head, claim, [Prepared(c, tuple(acceptance.variants(c, claim)), acceptance.sound(c, claim)) for c in cases]


def _case(record: Mapping[str, Any], claim: Claim) -> Case:
    def bounds(spec: Mapping[str, Any]) -> Bounds:
        return Bounds(np.asarray(spec["value"], dtype=float), np.asarray(spec["budget"], dtype=float))

    cell, depth, moment, family, index = record["id"].split("/")
    loss, _, when = moment.rpartition("-")
    wanted = record["expected"]
    expected = Expected(
        outputs=bounds(wanted["outputs"]),
        loss=bounds(wanted["loss"]),
        gradients={name: bounds(b) for name, b in wanted["gradients"].items()},
    )
    spec = Spec(cell, int(depth), loss, when, family, int(index))
    separates = {k: float(v) for k, v in record["separates"].items()}
    problem = problem_from_json(json.dumps(record["problem"]))
    return Case(spec, problem, rule_named(claim.rule), expected, separates, record["facts"])


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
    lines = [line for line in lines if line.strip()]
    if len(lines) == len(order) and (found := _in_order(lines, order)) is not None:
        return found
    out: dict[str, Mapping[str, Any]] = {}
    for number, line in enumerate(lines, start=1):
        try:
            said = json.loads(line)
        except ValueError as error:
            raise GradcertError(f"line {number} of the answers is not JSON ({error})") from None
        if not isinstance(said, dict) or not isinstance(said.get("id"), str):
            raise GradcertError(f"line {number} of the answers has no id", allowed='{"id": ..., "gradients": {...}}')
        if said["id"] in out:
            raise GradcertError(f"line {number} answers {said['id']} a second time", allowed="one answer per vector")
        out[said["id"]] = said
    return out


def _in_order(lines: Sequence[str], order: Sequence[str]) -> dict[str, Mapping[str, Any]] | None:
    """Return answers that have no id by their place; None if a line is no answer, or has an id."""
    said = [parsed(line) for line in lines]
    if any(answer is None or "id" in answer for answer in said):
        return None
    return {name: answer for name, answer in zip(order, said, strict=True) if answer is not None}


def strays(cases: Sequence[Prepared], given: Mapping[str, Any]) -> list[str]:
    """Return the ids of answers that belong to no vector."""
    known = {p.case.id for p in cases if p.case is not None}
    return sorted(set(given) - known)


def check(folder: Path, file: Path) -> Certificate:
    """Judge a file of answers, as if a subject had given them.

    Parameters
    ----------
    folder : the vectors.
    file : the answers, one line each.

    Raises
    ------
    GradcertError : if either cannot be read, or an answer belongs to no vector.
    """
    started = time.perf_counter()
    head, claim, prepared = read(folder)
    try:
        data = file.read_bytes()
        order = [entry.case.id for entry in prepared if entry.case is not None]
        given = answers(data.decode("utf-8").splitlines(), order)
    except (OSError, UnicodeDecodeError) as error:
        raise GradcertError(f"{file} cannot be read ({error})", allowed="a file of JSON lines") from None
    if unknown := strays(prepared, given):
        raise GradcertError(f"{len(unknown)} answers belong to no vector, the first is {unknown[0]}")
    run = Run(None, claim, arrays=False)
    for entry in prepared:
        run.prepared.append(entry)
        if entry.case is not None:
            said = given.get(entry.case.id)
            judge(run, entry.case, from_program(said) if said is not None else None)
    if unanswered := sum(r.verdict == "blocked" for r in run.results):
        run.notes.append(f"{unanswered} vectors have no answer")
    run.notes.append("answers from a file: whether calling again gives the same was not asked")
    return conclude(
        run,
        subject=f"answers:{file}",
        replay=f"gradcert check {folder} {file}",
        digests={"subject": sha256(data), "reference": reference_digest()},
        steps=[],
        seed=head["seed"],
        profile=head["profile"],
        started=started,
    )
