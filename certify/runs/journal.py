"""A journal: what a campaign has done so far, so that a stopped one goes on where it was.

JSON lines. The first says of which run the rest are: suite, subject, claim, seed, profile, environment, and the digests
of the subject's files and of the reference. Each further line holds one prepared case, the digest of its problem, the
subject's answer to it, which of the subject's lines it was the first to run, and a seal: the SHA-256 of the line
before's seal and of the line itself. So a line belongs to its header and its place, and a line that was changed, moved,
or taken from the journal of another subject does not fit.
A seal is no signature: who writes a whole journal anew can write what he likes, which is why a run that went on from
one says so on its certificate.

Arrays travel as base64 of their bytes, so nothing is lost and nothing is unpickled; what follows from an answer is
judged anew, which is cheap.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gradcert.certify.certificates import canonical, sha256
from gradcert.certify.problems import Bounds, Case, Expected, Spec
from gradcert.certify.runs.prepare import Prepared, difference
from gradcert.certify.subjects import Answer, Failure, decoded, encoded, from_worker
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import problem_from_json
from gradcert.reference.numbers import Array
from gradcert.reference.outside import parse, read, record, text
from gradcert.reference.published import read_rule

KIND = "gradcert-journal-3"
FORM = "the journal of a run, as gradcert certify --resume writes it"
ENTRY = ("id", "spec", "variants", "sound", "case", "digest", "answer", "ran", "seal")


RAN = {"arc": 4, "entered": 3, "end": 7}  # how long what is told of each is


class Journal:
    """A file of a run's checks.

    Parameters
    ----------
    path : where; an existing file is read and appended to.
    header : what the run is of; a file of another run is refused.

    Raises
    ------
    GradcertError : if the file is none of ours, of another run, or was changed.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self.prepared: dict[str, Prepared] = {}
        self.answers: dict[str, Answer | None] = {}
        self.digests: dict[str, str] = {}
        self.ran: dict[str, list[Any]] = {}
        wanted = json.loads(json.dumps({"journal": KIND, **header}))
        first = json.dumps(wanted, sort_keys=True)
        self.seal = sha256(first.encode())
        lines = text(read(path, FORM), str(path)).split("\n") if path.exists() else []
        if not any(lines):
            self._write("w", first)
            return
        try:
            found = record(parse(lines[0], "its first line"), "its first line", needs=("journal",))
        except GradcertError:
            found = {}
        if found.get("journal") != KIND:
            raise GradcertError(f"{path} is no journal of a run", do="name another file for --resume")
        if names := difference(wanted, found):
            raise GradcertError(
                f"{path} belongs to another run: {', '.join(names)} differ",
                do="name another file for --resume, or remove it",
            )
        whole = lines[1:-1]  # what follows the last line break was being written when the run stopped
        for number, line in enumerate(whole, start=2):
            self._take(line, number)
        if lines[-1]:
            self._write("w", "\n".join([first, *whole]))

    def _take(self, line: str, number: int) -> None:
        """Read one line, if it is what was written."""
        what = f"line {number} of {self.path}"
        entry = record(parse(line, what, nan=True), what, needs=ENTRY)
        seal = entry.pop("seal")
        if seal != self._sealed(entry):
            raise GradcertError(f"{what} is not what this run wrote", do="name another file for --resume, or remove it")
        try:
            prepared, answer = _prepared(entry), None if entry["answer"] is None else _answer(entry["answer"])
            name = Spec(**entry["spec"]).id
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise GradcertError(f"{what} does not fit ({error})", allowed=FORM) from None
        if name != entry["id"] or (prepared.case is not None and _digest(prepared.case) != entry["digest"]):
            raise GradcertError(f"{what} is of another case than it says", allowed=FORM)
        if not isinstance(entry["ran"], list) or not all(_is_ran(one) for one in entry["ran"]):
            raise GradcertError(f"{what} does not fit: lines of the subject", allowed=FORM)
        self.prepared[name], self.answers[name], self.seal = prepared, answer, seal
        self.digests[name], self.ran[name] = entry["digest"], entry["ran"]

    def answer(self, case: Case) -> Answer | None:
        """Return the answer to a case that is written down, if it is that of the very problem."""
        return self.answers.get(case.id) if self.digests.get(case.id) == _digest(case) else None

    def _sealed(self, entry: Mapping[str, Any]) -> str:
        return sha256(f"{self.seal}\n{json.dumps(entry, sort_keys=True)}".encode())

    def add(self, spec: Spec, prepared: Prepared, answer: Answer | None, ran: list[Any]) -> None:
        """Write down a check that was done, and which lines of the subject it was the first to run."""
        entry = {
            "id": spec.id,
            "spec": asdict(spec if prepared.case is None else prepared.case.spec),
            "variants": [list(pair) for pair in prepared.variants],
            "sound": prepared.sound,
            "case": None if prepared.case is None else _case_record(prepared.case),
            "digest": "" if prepared.case is None else _digest(prepared.case),
            "answer": None if answer is None else _answer_record(answer),
            "ran": ran,
        }
        entry = json.loads(json.dumps(entry))
        self.seal = self._sealed(entry)
        self._write("a", json.dumps({**entry, "seal": self.seal}, separators=(",", ":")))

    def _write(self, how: str, line: str) -> None:
        try:
            with self.path.open(how, encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise GradcertError(f"{self.path} cannot be written: {error.strerror}") from None


def _is_ran(one: Any) -> bool:
    """Whether something is what `gradcert.certify.subjects.coverage` tells of a line, a function or a condition."""
    if not isinstance(one, list) or len(one) < 2 or not all(isinstance(word, str) for word in one[:2]):
        return False
    return RAN.get(one[0]) == len(one) and all(isinstance(number, int) for number in one[2:])


def _digest(case: Case) -> str:
    return sha256(canonical(case.problem.to_dict()))


def _bounds_record(bounds: Bounds) -> dict[str, Any]:
    parts = {"value": bounds.value, "budget": bounds.budget, "rounding": bounds.rounding}
    return {name: encoded(values) for name, values in parts.items() if values is not None}


def _bounds(spec: Mapping[str, Any]) -> Bounds:
    return Bounds(**{name: decoded(values) for name, values in spec.items()})


def _case_record(case: Case) -> dict[str, Any]:
    return {
        "problem": case.problem.to_json(),
        "rule": case.rule.name,
        "outputs": _bounds_record(case.expected.outputs),
        "loss": _bounds_record(case.expected.loss),
        "gradients": {name: _bounds_record(b) for name, b in case.expected.gradients.items()},
        "separates": dict(case.separates),
        "facts": dict(case.facts),
    }


def _prepared(entry: Mapping[str, Any]) -> Prepared:
    found = entry["case"]
    if found is None:
        return Prepared(None)
    expected = Expected(
        outputs=_bounds(found["outputs"]),
        loss=_bounds(found["loss"]),
        gradients={name: _bounds(b) for name, b in found["gradients"].items()},
    )
    spec = Spec(**entry["spec"])
    case = Case(
        spec,
        problem_from_json(found["problem"]),
        read_rule(found["rule"]),
        expected,
        found["separates"],
        found["facts"],
    )
    return Prepared(case, tuple((name, verdict) for name, verdict in entry["variants"]), entry["sound"])


def _array_record(value: Array | str) -> dict[str, Any]:
    return {"wrong": value} if isinstance(value, str) else encoded(value)


def _answer_record(answer: Answer) -> dict[str, Any]:
    if answer.failure is not None:
        return {"failure": asdict(answer.failure)}
    out: dict[str, Any] = {"changed": list(answer.changed), "rewritten": list(answer.rewritten)}
    out["gradients"] = {name: _array_record(value) for name, value in answer.gradients.items()}
    if answer.loss is not None:
        out["loss"] = _array_record(answer.loss)
    if answer.outputs is not None:
        out["outputs"] = _array_record(answer.outputs)
    return out


def _answer(spec: Mapping[str, Any]) -> Answer:
    return Answer(failure=Failure(**spec["failure"])) if "failure" in spec else from_worker(spec)
