"""Subjects: code that claims to compute gradients, in a process of its own."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.certify.subjects import answers, drive, modules, program_files, serving, sources, worker
from gradcert.certify.subjects.answers import Answer
from gradcert.certify.subjects.learner import is_learner
from gradcert.certify.subjects.processes import FLUSH, Failure, Process
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Problem
from gradcert.reference.suggest import nearest

ROOMS = ("certify", "models", "reference", "properties", "hardware_models", "derivations")
# one thread: a subject's sums then have one order, and two workers do not fight over two cores
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
SHORT = 20  # steps that the time for one problem is meant for; a longer one gets more
ONE = "one line too many: a problem is answered with one"
FORM = "package.module:attribute or path/to/file.py:attribute"


@dataclass(frozen=True)
class Limits:
    """What a subject may use.

    Attributes
    ----------
    call : seconds for one problem of up to 20 steps; in proportion for longer ones.
    start : seconds for its imports.
    memory : MiB of data: of each process, and of all that the subject has started together, pages that they share
        and files in memory included; or None.
    processes : that the subject may have started at once.
    """

    call: float = 30.0
    start: float = 120.0
    memory: int | None = 8192
    processes: int = 64


class Subject:
    """A subject; every `Worker` of it is a fresh process.

    Parameters
    ----------
    what : ``package.module:attribute``, ``path/to/file.py:attribute``, a callable, a stepwise learner
        (`gradcert.certify.subjects.learner`), or the words of a command: a program in any language that
        answers one JSON line per problem with one JSON line (`answers.from_program`).
    python : the interpreter for a named subject.
    limits : time and memory.
    stepwise : whether a program is driven step by step (`drive`); Python's subjects tell themselves.
    replaced : path of a file -> what is loaded in place of its content, for a named subject; no file is touched.
    """

    def __init__(
        self,
        what: Any,
        *,
        python: str | None = None,
        limits: Limits = Limits(),
        stepwise: bool = False,
        replaced: Mapping[str, str] | None = None,
    ) -> None:
        self.python, self.limits, self.stepwise = python or sys.executable, limits, stepwise
        self.replaced = dict(replaced or {})
        self.callable: Callable[..., Any] | None = None
        self.program: tuple[str, ...] = ()
        if isinstance(what, str):
            self.name = _checked(what)
        elif callable(what) or is_learner(what):
            found = _importable(what)
            self.callable = None if found else what
            self.name = found or f"{what.__module__}:{getattr(what, '__qualname__', type(what).__name__)}"
        elif isinstance(what, (list, tuple)) and what and all(isinstance(w, str) and w.isprintable() for w in what):
            if shutil.which(what[0]) is None:
                raise GradcertError(f"the program {what[0]!r} does not start", allowed="a program that can be run")
            self.program = tuple(what)
            self.name = shlex.join(self.program)
        else:
            raise GradcertError(
                f"a subject of type {type(what).__name__}",
                allowed=f"a callable, a stepwise learner, a command of printable words, or {FORM}",
            )

    @property
    def replay(self) -> str:
        """How the command line names it."""
        return f"-- {self.name}" if self.program else shlex.quote(self.name)

    def made_of(self, worker: Worker | None) -> dict[str, Any]:
        """Return what the subject is made of: a program's files, or what a process of it has loaded (`sources.report`).

        Parameters
        ----------
        worker : the process; without one, a fresh one is asked. Empty where there is none to ask.
        """
        if self.program:
            return program_files.report(self.program, THREADS)
        if worker is not None:
            return dict(worker.sources())
        fresh = self.start()
        if not isinstance(fresh, Worker):
            return {}
        try:
            return dict(fresh.sources())
        finally:
            fresh.stop()

    def start(self, *, ordinary: bool = False, traced: bool = False, by: str = "") -> Worker | Failure:
        """Start a process and import the subject; options as for `begin`."""
        return self.begin(ordinary=ordinary, traced=traced, by=by).worker()

    def begin(self, *, ordinary: bool = False, traced: bool = False, by: str = "") -> Begun:
        """Start a process, and do not wait until the subject is imported.

        Parameters
        ----------
        ordinary : leave the threads as they are for everybody, instead of one.
        traced : have Python count what it allocates from before the subject is imported.
        by : the module whose ``serve`` answers, for a named subject; `serving` by default.
        """
        if serving.inside:
            raise GradcertError(
                f"{self.name} is judged while a subject is imported, or asked: its file judges it",
                do='put what is to run once under if __name__ == "__main__":',
            )
        threads = {} if ordinary else THREADS
        if self.callable is not None:
            process = Process.fork(partial(self._body, traced=traced))
            return Begun(process, lambda: Worker.of(process, self.limits))
        if self.program:
            process = _spawn(self.program, self.limits.memory, threads)
            options = {"stepwise": self.stepwise, "program": True}
            return Begun(process, lambda: Worker(process, self.limits, None, answers.from_program, **options))
        rooms = {
            name: str(Path(spec.origin).parent)
            for name in ("gradcert", *(f"gradcert.{r}" for r in ROOMS))
            if (spec := importlib.util.find_spec(name)) and spec.origin
        }
        words = (self.python, worker.__file__, self.name, json.dumps(rooms), json.dumps(self.limits.memory))
        words = (*words, *(("traced",) if traced else ()), *((f"by={by}",) if by else ()))
        words = (*words, *(("replaced",) if self.replaced else ()))
        first = json.dumps(self.replaced) if self.replaced else None
        process = _spawn(words, None, threads)
        return Begun(process, lambda: Worker.of(process, self.limits, first=first))

    def _body(self, requests: int, replies: int, *, traced: bool) -> None:
        if traced:
            worker.trace()
        worker.limit_memory(self.limits.memory)
        if (torch := sys.modules.get("torch")) is not None:
            torch.set_num_threads(1)  # OpenMP's threads do not survive a fork, and work for them would wait for ever
        sources.watch()
        pipes = os.fdopen(requests, "r"), os.fdopen(replies, "w")
        serving.serve(lambda: self.callable, *pipes, lambda: sources.report(self.name, self.callable))


@dataclass(frozen=True)
class Begun:
    """A process that has been started, and may still be importing the subject.

    Attributes
    ----------
    worker : waits until it has.
    """

    process: Process
    worker: Callable[[], Worker | Failure]


class Worker:
    """A running subject."""

    def __init__(
        self,
        process: Process,
        limits: Limits,
        claim: Mapping[str, Any] | None,
        read: Callable[[Mapping[str, Any]], Answer],
        *,
        stepwise: bool = False,
        program: bool = False,
    ) -> None:
        self.process, self.limits, self.claim, self.read = process, limits, claim, read
        self.stepwise, self.program = stepwise, program
        self.notes: list[str] = []
        self.spoken = False  # whether a line has come back
        self.names: dict[str, str] = {}  # id as the subject is told -> id of the case
        process.most, process.memory, process.hint = limits.processes, limits.memory, FLUSH if program else ""

    @classmethod
    def of(cls, process: Process, limits: Limits, *, first: str | None = None) -> Worker | Failure:
        """Wait for the subject to be imported, after a first line, if any."""
        reply = process.exchange(first, timeout=limits.start)
        if isinstance(reply, Failure):
            return Failure("import", f"the subject does not start: {reply.reason}", reply.output)
        said = answers.parsed(reply)
        if isinstance(said, str):
            return process.failure("import", "the subject does not start: it wrote into the protocol")
        if "failed" in said:
            process.kill()
            failure = answers.raised("import", "importing the subject raised", said["failed"])
            return replace(failure, reason=f"{failure.reason}{_beside(failure.reason)}")
        if said.get("cells"):
            modules.keep(said["cells"])
        worker = cls(process, limits, said.get("claim"), answers.from_worker, stepwise=bool(said.get("stepwise")))
        worker.notes = [str(note)[:500] for note in said.get("notes", ())]
        return worker

    def ask(self, problem: Problem, *, memory: str | None = None, times: int = 1, brief: bool = False) -> Answer:
        """Have one problem solved.

        Parameters
        ----------
        memory : how its arrays lie in memory (`gradcert.certify.claims.AXES`), for a callable of Python.
        times : how often; the last answer is returned.
        brief : whether a long problem, or many, get no more time than one short one.
        """
        if times > 1 and (self.stepwise or self.program):
            for _ in range(times - 1):
                if (answer := self.ask(problem, brief=brief)).failure is not None:
                    return answer
            return self.ask(problem, brief=brief)
        if self.stepwise:
            return drive.answered(self.play(problem, ask=[len(problem.inputs)]))
        asked = self.told(problem)
        more = {k: v for k, v in (("memory", memory), ("times", times)) if v not in (None, 1, "C order")}
        plain = self.program or not more
        line = asked.to_json() if plain else json.dumps({**asked.to_dict(), **more}, allow_nan=False)
        said = self.talk(line, patience=1.0 if brief else times * longer(problem))
        if isinstance(said, Failure):
            return Answer(failure=said)
        if self.program and said.get("id", asked.id) != asked.id:
            return Answer(failure=self._garbled(f"it answers {said['id']!r}, asked was {asked.id!r}"))
        return self.understood(said, problem)

    def coverage(self) -> Mapping[str, Any] | None:
        """Return which lines of the subject's own files never ran (`Coverage.record`), or None for another language."""
        if self.program:
            return None
        said = self.talk(json.dumps({"coverage": True}))
        return None if isinstance(said, Failure) or "files" not in said else said

    def ran(self, told: list[Any] | None = None) -> list[Any]:
        """Return which of the subject's own lines ran since this was asked last; or add what another process told.

        Empty for another language.
        """
        if self.program:
            return []
        said = self.talk(json.dumps({"coverage": "new" if told is None else told}))
        found = [] if isinstance(said, Failure) else said.get("new", [])
        return found if isinstance(found, list) else []

    def draws(self, problem: Problem, seeds: Sequence[int]) -> list[Answer]:
        """Have one problem solved with many seeds, up to the first failure."""
        if self.stepwise or self.program:
            found = []
            for seed in seeds:
                found.append(self.ask(replace(problem, seed=seed)))
                if found[-1].failure is not None:
                    break
            return found
        said = self.talk(json.dumps({**self.told(problem).to_dict(), "draws": list(seeds)}, allow_nan=False))
        if isinstance(said, Failure):
            return [Answer(failure=said)]
        many = said.get("draws")
        if isinstance(many, list) and len(many) == len(seeds) and all(isinstance(each, Mapping) for each in many):
            return [self.understood(each, problem) for each in many]
        return [self.understood(said, problem)]

    def play(self, problem: Problem, **options: Any) -> drive.Played:
        """Take a stepwise learner through a sequence; options as for `drive.play`."""
        problem = self.told(problem)
        options = {"outside": self.process.held, "binary": not self.program, **options}
        return drive.play(self.talk, lambda said: self.understood(said, problem), problem, **options)

    def sources(self) -> Mapping[str, Any]:
        """Return what the subject is made of, as far as its process has loaded it (`sources.report`); empty if lost."""
        if self.program:
            return {}
        said = self.talk(serving.SOURCES)
        return {} if isinstance(said, Failure) or not sources.valid(said) else said

    def measure(self) -> dict[str, int | None] | Failure:
        """Return what the learner's processes hold before a sequence, as in `drive.Played.measured`."""
        inside: dict[str, int | None] = {}
        if not self.program:
            said = self.talk('{"measure":true}')
            if isinstance(said, Failure):
                return said
            inside = dict(said["measured"])
        return drive.together(inside, self.process.held(False))

    def told(self, problem: Problem) -> Problem:
        """Return the problem under the name that the subject is told: a digest, that says nothing of the case."""
        name = opaque(problem)
        self.names[name] = problem.id
        return replace(problem, id=name)

    def talk(self, line: str, *, patience: float = 1.0) -> Mapping[str, Any] | Failure:
        """Send a line and return what came back within the time of so many calls."""
        if early := self.process.unasked():
            when = ONE if self.spoken else "before anything was asked"
            return self._garbled(f"it wrote {early[:60]!r}, {when}")
        reply = self.process.exchange(line, timeout=patience * self.limits.call)
        if isinstance(reply, Failure):
            return reply
        self.spoken = True
        said = answers.parsed(reply)
        return self._garbled(said) if isinstance(said, str) else said

    def understood(self, said: Mapping[str, Any], problem: Problem) -> Answer:
        """Return the answer that a reply to a problem holds."""
        try:
            answer = self.read(said).about(problem)
            if answer.failure is not None and answer.failure.limit and self.limits.memory is not None:
                reason = f"{answer.failure.reason}; {self.limits.memory} MiB are allowed"
                answer = replace(answer, failure=replace(answer.failure, reason=reason))
            return replace(answer, rewritten=tuple(map(self._renamed, answer.rewritten)))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            return Answer(failure=self._garbled(str(error)))

    def _renamed(self, text: str) -> str:
        """Return a sentence of the subject's process with the names that the judge gave to problems."""
        what, of, name = text.rpartition(" of ")
        return f"{what}{of}{self.names.get(name, name)}"

    def _garbled(self, why: str) -> Failure:
        people = "; what a program prints for people belongs on standard error"
        advice = people if self.program and not why.endswith((answers.NUMBERS, ONE)) else ""
        return self.process.failure("garbled", f"the answer is not the protocol's JSON: {why}{advice}")

    def stop(self) -> None:
        """End the process."""
        self.process.kill()


def longer(problem: Problem) -> float:
    """Return how many times the time for one problem a problem gets: more than once where it has many steps."""
    return max(1.0, len(problem.inputs) / SHORT)


def opaque(problem: Problem) -> str:
    """Return a name that is the same for the same network and arrays, and says nothing else.

    Examples
    --------
    >>> from gradcert.reference import Layer, Network, Rnn
    >>> network = Network(layers=(Layer(Rnn(), inputs=2, units=2),))
    >>> p = Problem(network, network.parameters(), np.ones((3, 1, 2)), np.zeros((3, 1, 2)), id="rnn/1/dyadic")
    >>> len(opaque(p)), opaque(p) == opaque(replace(p, id="")), opaque(p) == opaque(replace(p, inputs=p.inputs + 1))
    (16, True, False)
    """
    total = hashlib.sha256(json.dumps([problem.network.to_dict(), problem.dtype, problem.seed]).encode())
    for arrays in (problem.parameters, problem.feedback, {"inputs": problem.inputs, "targets": problem.targets}):
        for name, array in arrays.items():
            total.update(f"{name}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    if problem.data:
        total.update(json.dumps({k: v for k, v in problem.to_dict().items() if k in problem.data}).encode())
    return total.hexdigest()[:16]


def _spawn(words: Sequence[str], memory: int | None, threads: Mapping[str, str]) -> Process:
    try:
        return Process.spawn(words, environment={**os.environ, **threads}, memory=memory)
    except OSError as error:
        raise GradcertError(f"{words[0]} does not start: {error.strerror}", allowed="a program that runs") from None


def check_source(what: str, where: str, allowed: str) -> None:
    """Raise where the place of something, which ends in no ``.py``, is a file and no module: a notebook is not read."""
    if where.endswith(".ipynb"):
        do = "put it into a file .py, or call gradcert.certify in the notebook"
        raise GradcertError(f"{what}: notebooks are not read", allowed=allowed, do=do)
    if "/" in where or Path(where).is_file():
        raise GradcertError(f"{what}: {where} is no file .py", allowed=allowed)


def _checked(name: str) -> str:
    where, colon, attribute = name.rpartition(":")
    if not colon or not where or not attribute or not name.isprintable():
        program = "/" in name and not name.endswith(".py")
        lacking = (
            ": there is no such program" if program else ": what is it in the file?" if name.endswith(".py") else ""
        )
        raise GradcertError(
            f"the subject {name!r}{lacking}", allowed=f"{FORM}, or a program that can be run, behind --"
        )
    if not where.endswith(".py"):
        if ":" in where:
            raise GradcertError(
                f"the subject {name!r} has two colons", allowed=f"{FORM}: one colon, and a name behind it"
            )
        check_source(f"the subject {name!r}", where, FORM)
    if where.endswith(".py"):
        if not Path(where).is_file():
            there = {path.name: path for path in Path(where).parent.glob("*.py") if path.is_file()}
            near = nearest(Path(where).name, there)
            meant = f" (did you mean {str(there[near])!r}?)" if near else ""
            raise GradcertError(f"the subject {name!r}: there is no file {where}{meant}", allowed=FORM)
        return f"{where}:{attribute}"
    return name


def _importable(function: Callable[..., Any]) -> str | None:
    """Return the name under which a fresh process finds a function, or None for closures, lambdas and notebooks."""
    name, module = getattr(function, "__qualname__", ""), sys.modules.get(getattr(function, "__module__", "") or "")
    if not name or "<" in name or module is None:
        return None
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not function:
        return None
    try:
        path = inspect.getsourcefile(function)
    except TypeError:
        return None
    if module.__name__ != "__main__" and importlib.util.find_spec(module.__name__.partition(".")[0]) is not None:
        return f"{module.__name__}:{name}"
    return f"{path}:{name}" if path and path.endswith(".py") and Path(path).is_file() else None


def named(name: str, *, python: str | None, limits: Limits) -> Subject:
    """Return the subject that a certificate names: by module or file, or the words of a command."""
    try:
        return Subject(name, python=python, limits=limits)
    except GradcertError:
        try:
            words = shlex.split(name)
        except ValueError as error:
            raise GradcertError(f"the subject {name!r} ({error})", allowed=f"a command, or {FORM}") from None
        if ":" in name and len(words) == 1:
            raise
        return Subject(words, limits=limits)


def _beside(reason: str) -> str:
    """Return what to do about a package that is not found, and stands in this folder or in its ``src``."""
    missing = re.search(r"ModuleNotFoundError: No module named '(\w+)'$", reason)
    for place in (".", "src"):
        at = os.path.join(place, missing[1] if missing else "")
        if missing and (os.path.isfile(f"{at}.py") or os.path.isdir(at)):
            return f"; it is in this folder, and found with PYTHONPATH={place} before the command"
    return ""
