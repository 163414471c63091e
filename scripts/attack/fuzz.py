"""Fuzzing: files and messages of every kind, changed by Hypothesis, and handed to whoever reads them.

``python scripts/attack/fuzz.py [--inputs N] [--kind KIND]`` makes N inputs of every kind and prints what came of them.
An input may be read or be refused with the one error type. What may not happen: any other exception (the command line
would end with status 4), code that runs (a canary file that a cell's name or an equation points to), a character in
what is printed that a terminal would obey, a page that grows with the input.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import datetime
import io
import json
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gradcert.reference.errors import GradcertError

PAGE = 400_000  # characters of what is printed for one small document
CANARY = "import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\nclass Cell: pass\n"
TOKENS = ['"', "[" * 2000, "{", "}", ",", '{"a":1,"a":2}', "1e999", "-", "NaN", "\\ud800", "\x00", "9" * 5000, "\n"]
ESCAPES = "\x1b]0;title\x07\x1b[2J\x00\u2028\u202e\x9b31m\r"


@dataclass
class Ground:
    """Where the inputs are made: a folder, a canary, and one right document of every kind."""

    folder: Path
    bases: dict[str, Any] = field(default_factory=dict)

    @property
    def cell(self) -> str:
        """A cell whose file says that it ran."""
        return f"{self.folder}/canary.py:Cell"

    @property
    def ran(self) -> bool:
        """Whether the canary's file was run."""
        return (self.folder / "canary.ran").exists()


def hostile(ground: Ground) -> st.SearchStrategy[Any]:
    """Return values that do not belong where they are put."""
    code = f"__import__('pathlib').Path({str(ground.folder / 'canary.ran')!r}).touch()"
    deep: Any = 1.0
    for _ in range(60):
        deep = [deep]
    fixed: list[Any] = [None, True, -1, 0, 1, 2**53, 10**30, 10**400, 1e308, 5e-324, float("nan"), float("inf"), -0.0]
    odd: list[Any] = [0.5, "", "1.0", "a" * 5000, ESCAPES, "\ud800", "inf", "9**9**9**9", "tbptt( 3 )", "lif", "bptt"]
    nest: list[Any] = [[], {}, [[]], [[1.0], [1.0, 2.0]], [None], ["1"], deep, {"name": []}, {ESCAPES: ESCAPES}]
    fixed = [*fixed, *odd, *nest, ground.cell, code, f"0*[{code}]", "../../etc/passwd"]
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    nested = st.recursive(
        plain, lambda s: st.lists(s, max_size=3) | st.dictionaries(st.text(max_size=5), s, max_size=3), max_leaves=5
    )
    return st.sampled_from(fixed) | nested


@st.composite
def changed(draw: Any, base: Any, values: st.SearchStrategy[Any]) -> Any:
    """Return a document with one to three entries replaced, removed or added."""
    root = [copy.deepcopy(base)]
    for _ in range(draw(st.integers(1, 3))):
        holder: Any = root
        key: Any = 0
        for turn in draw(st.lists(st.integers(0, 40), min_size=0, max_size=7)):
            inner = holder[key]
            if not isinstance(inner, (dict, list)) or not inner:
                break
            holder, key = (
                inner,
                (sorted(inner, key=str)[turn % len(inner)] if isinstance(inner, dict) else turn % len(inner)),
            )
        what = draw(st.integers(0, 9))
        if what == 0 and holder is not root:
            del holder[key]
        elif what == 1 and isinstance(holder[key], dict):
            holder[key][draw(st.text(max_size=6)) or ESCAPES] = copy.deepcopy(draw(values))
        elif what == 2 and isinstance(holder[key], list):
            holder[key].append(copy.deepcopy(draw(values)))
        else:
            holder[key] = copy.deepcopy(draw(values))
    return root[0]


@st.composite
def text_of(draw: Any, base: Any, values: st.SearchStrategy[Any]) -> str:
    """Return JSON of a changed document; one in four is torn as text too."""
    found = json.dumps(draw(changed(base, values)))
    if draw(st.integers(0, 3)) == 0:
        at, size = draw(st.integers(0, len(found))), draw(st.integers(0, 30))
        token = draw(st.sampled_from(TOKENS))
        found = found[:at] + token + found[at + size * draw(st.integers(0, 1)) :]
    return found


# ---- what reads them; every reader returns what would be printed -----------------------------------------------------
def read_certificate(ground: Ground, text: str) -> str:
    """Verify it, compare it with the right one, and write it in every form."""
    from rich.console import Console

    from gradcert.certify.campaign import runs, verify
    from gradcert.certify.certificates import differences, seal, shown, summary
    from gradcert.certify.certificates.certificate import from_dict
    from gradcert.certify.report import html, junit, terminal

    data = text.encode("utf-8", "surrogatepass")
    out = list(verify(data).reasons)
    record = seal.read(data)
    found = differences(ground.bases["certificate"], record)
    out += [*summary(ground.bases["certificate"], record), *(f"{d.where}{shown(d.was)}{shown(d.now)}" for d in found)]
    from gradcert.reference.printable import legible

    out += legible(list(runs(data)))
    page, certificate = io.StringIO(), from_dict(record)
    terminal.write(certificate, Console(file=page, width=120))
    return "\n".join([*out, page.getvalue(), junit.write(certificate).decode(), html.write(certificate)])


def read_counterexample(ground: Ground, text: str) -> str:
    """Read it, compute its reference anew, and show it."""
    from gradcert.certify.counterexample.replay import case_of, read
    from gradcert.certify.report.counterexample import given

    path = ground.folder / "counterexample.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    stored = read(path)
    case = case_of(stored)
    return "\n".join(map(str, given(case.problem.to_dict())))


def read_journal(ground: Ground, text: str) -> str:
    """Go on from it; its line is sealed anew, or the seal alone would refuse it."""
    from gradcert.certify.certificates import sha256
    from gradcert.certify.runs import Journal
    from gradcert.certify.runs.journal import KIND

    path, first = ground.folder / "journal.jsonl", ground.bases["header"]
    lines = [json.dumps({"journal": KIND, **first}, sort_keys=True)]
    with contextlib.suppress(ValueError, TypeError, RecursionError, AttributeError):
        entry = json.loads(text)  # sealed anew: the seal alone would refuse it
        entry.pop("seal", None)
        entry["seal"] = sha256(f"{sha256(lines[0].encode())}\n{json.dumps(entry, sort_keys=True)}".encode())
        text = json.dumps(entry)
    path.write_bytes(("\n".join([*lines, text, ""])).encode("utf-8", "surrogatepass"))
    return str(sorted(Journal(path, first).prepared))


def read_vectors(ground: Ground, text: str) -> str:
    """Read a folder whose one vector it is."""
    from gradcert.certify.campaign import vectors
    from gradcert.certify.certificates import sha256

    folder = ground.folder / "vectors"
    folder.mkdir(exist_ok=True)
    data = (text.replace("\n", " ") + "\n").encode("utf-8", "surrogatepass")
    head = copy.deepcopy(ground.bases["head"])
    head["digests"]["vectors"] = sha256(data)
    (folder / "vectors.json").write_text(json.dumps(head))
    (folder / "vectors.jsonl").write_bytes(data)
    return str(vectors.read(folder)[1])


def read_head(ground: Ground, text: str) -> str:
    """Read a folder whose header it is."""
    from gradcert.certify.campaign import vectors

    folder = ground.folder / "head"
    folder.mkdir(exist_ok=True)
    (folder / "vectors.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    (folder / "vectors.jsonl").write_bytes(ground.bases["vectors"])
    return str(vectors.read(folder)[1])


def judged(ground: Ground, answer: Any) -> str:
    """Judge an answer, and return what is said about it."""
    from gradcert.certify.judging import CHECKS
    from gradcert.certify.report import text

    case = ground.bases["case"]
    found = next((wrong for check in CHECKS if (wrong := check(case, answer))), [])
    return "\n".join(text(f) for f in found)


def read_answers(ground: Ground, text: str) -> str:
    """Judge a file of answers."""
    from gradcert.certify.campaign.vectors import answers
    from gradcert.certify.subjects import from_program

    said = answers(text.split("\n"), [ground.bases["case"].id])
    return "\n".join(judged(ground, from_program(each)) for each in said.values())


def worker(text: Callable[[], str], *, program: bool) -> Any:
    """Return a running subject that says a text, without a process."""
    from gradcert.certify.subjects import Failure, Limits, Worker, from_program, from_worker

    class Process:
        most = 0

        def exchange(self, line: str | None, *, timeout: float) -> str:
            return text().encode("utf-8", "replace").decode().replace("\n", " ")

        def unasked(self) -> str:
            return ""

        def held(self, first: bool) -> dict[str, int | None]:
            return {}

        def failure(self, kind: str, reason: str) -> Failure:
            return Failure(kind, reason, ESCAPES)

    return Worker(Process(), Limits(), None, from_program if program else from_worker, program=program)  # type: ignore[arg-type]


def read_message(ground: Ground, text: str, *, program: bool) -> str:
    """Judge the reply of a subject to a whole problem."""
    return judged(ground, worker(lambda: text, program=program).ask(ground.bases["case"].problem))


def read_steps(ground: Ground, text: str) -> str:
    """Judge a learner that gives this reply to one of its messages."""
    from gradcert.certify.subjects import drive

    turn, right = [0], ["{}", '{"changed": [], "output": [[0.0]]}', ground.bases["last"]]

    def say() -> str:
        turn[0] += 1
        return text if turn[0] == ground.bases["turn"] else right[min(turn[0] - 1, 1)]

    problem = ground.bases["case"].problem
    ground.bases["turn"] = ground.bases["turn"] % (len(problem.inputs) + 2) + 1
    played = worker(say, program=False).play(problem, ask=[len(problem.inputs)], measure=[1])
    return judged(ground, drive.answered(played)) + str(played.measured)


def read_problem(_: Ground, text: str) -> str:
    """Read a problem."""
    from gradcert.reference.networks import problem_from_json

    return problem_from_json(text.encode("utf-8", "surrogatepass")).id.encode("unicode_escape").decode()


def read_claim(_: Ground, text: str) -> str:
    """Read a claim, plan its cases, and choose their options."""
    from gradcert.certify.claims import from_dict
    from gradcert.certify.problems import plan
    from gradcert.certify.problems.cases.options import chosen_options
    from gradcert.reference.outside import parse

    claim = from_dict(parse(text, "the claim"))
    for spec in plan(claim, "quick"):
        chosen_options(claim, spec.cell, spec.turn)
    return json.dumps(str(claim))


def read_equations(_: Ground, text: str) -> str:
    """Make a cell of equations."""
    from gradcert.models.equations import define
    from gradcert.reference.outside import parse, record

    spec = record(parse(text, "the cell"), "the cell", needs=("equations", "edges", "constants"))
    parts = [record(spec[name], name) for name in ("equations", "edges", "constants")]
    return str(define("mine", parts[0], edges=parts[1], constants=parts[2])().nodes)


def read_nir(_: Ground, text: str) -> str:
    """Put what a file could hold into the nodes of a graph: `nir` itself is not what is tested."""
    from types import SimpleNamespace

    import nir
    import numpy as np

    from gradcert.models.nir import read

    one = np.ones(3)
    kinds: dict[str, Callable[[], Any]] = {
        "Input": lambda: nir.Input({"input": np.array([2])}),
        "Output": lambda: nir.Output({"output": np.array([3])}),
        "Affine": lambda: nir.Affine(np.ones((3, 2)), one),
        "LIF": lambda: nir.LIF(one, one, one, one),
    }
    try:
        spec, nodes = json.loads(text), {}
        for name, entry in spec["nodes"].items():
            nodes[name] = kinds[entry["type"]]()
            for key, value in entry.items():
                if key != "type":
                    with contextlib.suppress(ValueError, OverflowError):
                        value = np.array(value)
                    setattr(nodes[name], key, value)
        graph = SimpleNamespace(nodes=nodes, edges=[tuple(edge) for edge in spec["edges"]])
        step = spec["dt"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise GradcertError("no graph that could be built") from None
    return str(read(graph, dt=step).notes)


def toml_of(value: Any) -> str:
    """Return a value of JSON as TOML: a day is one, what TOML has no word for is a text."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_of, value))}]"
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return value
    return "''" if value is None else json.dumps(value)


def toml_file(ground: Ground, text: str) -> Path:
    """Write a changed document as TOML; as it is, where it is no JSON any more."""
    path = ground.folder / "by_hand.toml"
    try:
        record = json.loads(text)
        lines = [f"{json.dumps(k)} = {toml_of(v)}" for k, v in record.items()]
    except (ValueError, AttributeError, RecursionError):
        lines = [text]
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    return path


def read_expected(ground: Ground, text: str) -> str:
    """The file of expected failures that the pytest plugin reads."""
    import pytest

    from gradcert.expected_failures import read

    try:
        found = read(toml_file(ground, text), today=datetime.date(2026, 1, 1))
    except pytest.UsageError as error:
        if not str(error).isprintable():
            raise
        raise GradcertError(str(error)) from None
    return "\n".join(f"{entry.id} {entry.sentence}" for entry in found)


def read_design(ground: Ground, text: str) -> str:
    """The file that says which signals of a design are followed."""
    from gradcert.hardware_models.rtl.harness import read_harness

    harness = read_harness(toml_file(ground, text))
    return f"{harness.top} {dict(harness.signals)} {dict(harness.inputs)} {dict(harness.reset)} {dict(harness.tie)}"


READERS: dict[str, Callable[[Ground, str], str]] = {
    "certificate": read_certificate,
    "counterexample": read_counterexample,
    "journal": read_journal,
    "vectors, a line": read_vectors,
    "vectors, the header": read_head,
    "answers": read_answers,
    "message of a program": lambda g, t: read_message(g, t, program=True),
    "message of a worker": lambda g, t: read_message(g, t, program=False),
    "messages of a stepwise learner": read_steps,
    "problem": read_problem,
    "claim": read_claim,
    "equations": read_equations,
    "NIR": read_nir,
    "expected failures": read_expected,
    "design": read_design,
}
LIF = {"a": "W @ x + b", "v": "leak*(v_prev - threshold*z_prev) + a", "z": "spike(v - threshold)"}


def prepared(folder: Path) -> Ground:
    """Make one right document of every kind."""
    import numpy as np

    from gradcert.certify import certify
    from gradcert.certify.campaign import vectors
    from gradcert.certify.certificates import seal
    from gradcert.certify.claims import Claim
    from gradcert.certify.subjects import encoded
    from gradcert.reference import RULES
    from gradcert.reference.engines import reverse

    (folder / "canary.py").write_text(CANARY)
    ground = Ground(folder)

    def gradients(problem: Any) -> Any:
        given = (problem.network, problem.parameters, problem.inputs, problem.targets)
        return reverse.gradients(*given, rule=RULES["sltt"])

    claim = Claim(rule="bptt", cells=("rnn",), depths=(1,), losses=("squared_error",), when=("every",))
    certificate = certify(gradients, claim=claim, resume=folder / "first.jsonl")
    record = json.loads(seal.write(certificate))
    record["counterexample"]["problem"]["network"]["layers"][0]["options"]["activation"] = "tanh"
    base = ground.bases
    base["certificate"] = record
    base["counterexample"] = {"subject": "x.py:f", "counterexample": record["counterexample"]}
    header, entry = (folder / "first.jsonl").read_text().splitlines()[:2]
    base["header"] = {k: v for k, v in json.loads(header).items() if k != "journal"}
    base["journal"] = json.loads(entry)
    vectors.write(folder / "right", claim, profile="quick")
    base["vectors"] = (folder / "right" / "vectors.jsonl").read_bytes()
    base["head"] = json.loads((folder / "right" / "vectors.json").read_text())
    base["vectors, the header"] = base["head"]
    base["vectors, a line"] = json.loads(base["vectors"].splitlines()[0])
    case = vectors.read(folder / "right")[2][0].case
    assert case is not None
    base["case"], base["turn"] = case, 1
    found = gradients(case.problem)
    listed = {"id": case.id, "loss": 1.0, "gradients": {k: v.tolist() for k, v in found.items()}}
    base["answers"] = base["message of a program"] = {**listed, "error": None, "outputs": [[[0.0]]]}
    sent = {"changed": [], "rewritten": [], "gradients": {k: encoded(v) for k, v in found.items()}}
    base["message of a worker"] = {**sent, "loss": encoded(np.ones(1)), "outputs": {"wrong": "none"}}
    base["last"] = json.dumps(sent)
    raised = {"kind": "E", "message": "m", "traceback": ["line"]}
    base["messages of a stepwise learner"] = {**sent, "measures": True, "output": [[0.0]], "measured": {"arrays": 1}}
    base["messages of a stepwise learner"]["raised"] = raised
    base["problem"] = case.problem.to_dict()
    base["claim"] = {
        **claim.to_dict(),
        "cells": ["lif", "rnn"],
        "options": {"surrogate": ["atan", {"name": "tanh"}], "leak": 0.5},
    }
    base["claim"] |= {"readout": "rnn", "within": {}, "online": False}
    edges, constants = {"v -> v": "state", "z -> v": "reset"}, {"leak": 0.5, "threshold": 1.0}
    base["equations"] = {"equations": LIF, "edges": edges, "constants": constants}
    three = [1.0, 1.0, 1.0]
    lif = {"type": "LIF", **{k: three for k in ("tau", "r", "v_leak", "v_threshold", "v_reset")}}
    nodes = {"in": {"type": "Input"}, "w": {"type": "Affine", "weight": [[1.0, 1.0]] * 3, "bias": three}, "n": lif}
    nodes["out"] = {"type": "Output"}
    base["NIR"] = {"nodes": nodes, "edges": [["in", "w"], ["w", "n"], ["n", "out"]], "dt": 0.5}
    known = {"id": "a.py::test[x]", "reason": "known", "link": "https://example.org", "expires": "2999-01-01"}
    base["expected failures"] = {"expected": [known, {**known, "id": "b"}]}
    (folder / "design.v").write_text("module top; endmodule")
    base["design"] = {
        "description": {"unit": "profile_trace", "profile": "reckon"},
        "design": {"top": "top", "sources": ["design.v"], "clock": "clk"},
        "inputs": {"spike": "pre", "e.leaked.word": "rnd"},
        "signals": {"e": "trace"},
        "reset": {"signal": "rst", "active": 1, "cycles": 2},
        "step": {"cycles": 1, "preload": 0, "tie": {"enable": 1}},
    }
    return ground


@dataclass
class Outcome:
    """What came of the inputs of one kind."""

    inputs: int = 0
    read: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)


def fuzz(ground: Ground, kind: str, inputs: int) -> Outcome:
    """Make inputs of one kind and hand them over."""
    out = Outcome()
    reader, values = READERS[kind], hostile(ground)
    reader(ground, json.dumps(ground.bases[kind]))  # the right document is read: else nothing below would mean much

    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(text_of(ground.bases[kind], values))
    def one(text: str) -> None:
        out.inputs += 1
        try:
            shown = reader(ground, text)
            if not isinstance(shown, str):
                raise TypeError(f"a reader that shows a {type(shown).__name__}")
            out.read += 1
        except GradcertError as error:
            shown = str(error)
            out.refused += 1
        except Exception as error:
            what = f"{type(error).__name__}: {ascii(str(error))[:200]} at {_where(error)}"
            out.faults.append(f"{what} from {ascii(text)[:300]}")
            return
        if ground.ran:
            out.faults.append(f"code ran: {ascii(text)[:300]}")
            (ground.folder / "canary.ran").unlink()
        if obeyed := {c for c in shown if not c.isprintable() and c != "\n"}:
            out.faults.append(f"printed {sorted(map(ascii, obeyed))}: {ascii(text)[:300]}")
        if len(shown) > PAGE:
            out.faults.append(f"a page of {len(shown)} characters: {ascii(text)[:300]}")

    one()
    return out


def _where(error: BaseException) -> str:
    """Return the last line of ours that an error came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if any(f"/{room}/" in f.filename for room in ("certify", "reference", "models"))]
    last = (ours or list(frames))[-1]
    return f"{last.filename}:{last.lineno}"


def main() -> None:
    """Fuzz every kind and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--inputs", type=int, default=10_000)
    options.add_argument("--kind", choices=list(READERS), action="append")
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        ground = prepared(Path(folder))
        for kind in chosen.kind or READERS:
            started = time.perf_counter()
            found = fuzz(ground, kind, chosen.inputs)
            bad += len(found.faults)
            seconds = time.perf_counter() - started
            counts = f"{found.inputs:8}{found.read:8} read{found.refused:8} refused{len(found.faults):5} faults"
            print(f"{kind:32}{counts}{seconds:7.0f} s", flush=True)
            for line in list(dict.fromkeys(found.faults))[:6]:
                print(f"    {line}", flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
