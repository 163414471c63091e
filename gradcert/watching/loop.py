"""The context manager: which steps are looked at, and what is said about them."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from gradcert.models.reading.network import Written
from gradcert.models.reading.passes import AS_CODED, Run
from gradcert.models.reading.reader import read_network
from gradcert.reference.checks import check_size
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule, rule_named
from gradcert.watching import scalars
from gradcert.watching.calls import Calls
from gradcert.watching.causes import CLAIM, agrees, cause, distance, nearest, rows
from gradcert.watching.chunks import chunked, label_of
from gradcert.watching.evidence import Evidence, Gradients
from gradcert.watching.figures import descent, edges
from gradcert.watching.gather import again, beginning, gathered
from gradcert.watching.judgement import LIKE, NONE, Judgement, table
from gradcert.watching.recording import differences, recording
from gradcert.watching.verdict import compared, least, measured

SPLIT = 10  # judgements from one in which dropped edges are told apart to the next: it costs as much as all the rest
NEAREST = 4  # rows of which a mistake is looked for, where nothing is claimed and no row fits
MEMORY, STEPS = 50, 8  # steps of time, and of training, that are remembered before a judgement: what traces may hold


class Watch:
    """Watches a module (`gradcert.watching.watch`).

    Attributes
    ----------
    judgements : what was found so far.
    """

    def __init__(
        self,
        module: Any,
        *,
        rule: Rule | str | None = None,
        every: int = 50,
        loss: Callable[..., Any] | None = None,
        time: int | str | None = None,
        output: int = 0,
        feedback: Mapping[str, Array] | None = None,
        rate: float | None = None,
        folder: str = ".gradcert",
    ) -> None:
        check_size("judging every", every)
        if isinstance(rule, str) and rule != AS_CODED:
            rule_named(rule)
        self.module, self.rule, self.every, self.loss = module, rule, every, loss
        self.time, self.output, self.feedback, self.folder = time, output, feedback, folder
        self.rate, self._rounding = rate, dict[str, float]()
        self.judgements: list[Judgement] = []
        self._count = 0
        self._calls = Calls(module, whole=time is not None)
        self._written: dict[Any, Written] = {}
        self._relative: dict[str, float] | None = None
        self._before: dict[str, Any] | None = None
        self._previous: tuple[Run, ...] = ()
        self._earlier: list[tuple[Any, dict[str, Any]]] = []
        self._back = 1
        self._writers: list[tuple[Any, str]] = []
        self._set()

    def __enter__(self) -> Watch:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the hooks away."""
        self._calls.remove()

    # a step is looked at if it is due, or soon before: what came before is a part of some causes
    def _due(self, step: int) -> bool:
        return step % self.every == 0

    def _soon(self, step: int) -> bool:
        return any(self._due(step + k) for k in range(1, self._back + 1))

    def _set(self) -> None:
        self._calls.clear()
        self._calls.on = self._due(self._count) or self._soon(self._count)
        self._calls.back = self._due(self._count) and self.loss is None

    def step(self, x: Any = None, y: Any = None) -> Judgement | None:
        """Say that a step of training is over: after ``backward``, before the optimiser changes anything.

        Parameters
        ----------
        x, y : the batch. Inputs are seen by hooks; the target is needed where a `loss` was given.

        Returns
        -------
        What was found; None where the step was not due.
        """
        given = {name: p.grad for name, p in self.module.named_parameters()}
        return self._judge(given, y, dict(self.module.named_parameters()))

    def call(self, function: Callable[..., Any], *args: Any, y: Any = None, **kwargs: Any) -> Any:
        """Call a trainer that owns loop, loss and optimiser; what it would have applied is judged.

        Parameters
        ----------
        function : such as ``trainer.train_sample``, called with what follows.
        y : the target as the `loss` of the watch takes it, where one was given; by default the last argument.

        Returns
        -------
        What the function returns.
        """
        due, soon = self._due(self._count), self._soon(self._count)
        parameters = dict(self.module.named_parameters())
        weights = {n: p.detach().clone() for n, p in parameters.items()} if due or soon else {}
        if not due:
            result = function(*args, **kwargs)
            self._judge({}, None, weights)
            return result
        with recording(parameters) as recorded:
            result = function(*args, **kwargs)
        given = recorded.total()
        changed = any(not torch.equal(p.detach(), weights[n]) for n, p in parameters.items())
        if changed and not recorded.steps:
            if self.rate is None:
                raise GradcertError(
                    "a trainer that writes weights directly", do="say its learning rate: watch(..., rate=0.1)"
                )
            given, self._rounding = differences(weights, parameters, self.rate)
        elif not recorded.steps:
            given = {n: p.grad for n, p in parameters.items()}
        self._judge(given, args[-1] if y is None and args else y, weights)
        recorded.apply()
        return result

    def _judge(self, given: Mapping[str, Any], y: Any, parameters: Mapping[str, Any]) -> Judgement | None:
        step, found = self._count, None
        self._count += 1
        try:
            if self._due(step):
                found = self._judged(step, given, y, parameters)
                self.judgements.append(found)
                for writer, prefix in self._writers:
                    scalars.write(found, writer, prefix)
        finally:
            self._before = None
            if self._soon(step) and self._calls.sequences:
                self._earlier.append((self._calls.sequences, {n: p.detach().clone() for n, p in parameters.items()}))
                del self._earlier[: -self._back]
            else:
                self._earlier.clear()
            if self._due(self._count) and given:
                self._before = {n: None if g is None else g.detach().clone() for n, g in given.items()}
            self._set()
        return found

    def _judged(self, step: int, given: Mapping[str, Any], y: Any, parameters: Mapping[str, Any]) -> Judgement:
        begun = time.process_time()
        if self.loss is not None and y is None:
            raise GradcertError("a loss without a target", do="step(x, y)")
        if not self._calls.sequences:
            raise GradcertError(
                "a step in which the module was not called", do="call the module itself, so that its hooks run"
            )
        written = self._read(parameters)
        self._back = min(max(-(-MEMORY // len(self._calls.sequences[0].inputs)), 1), STEPS) if self.time is None else 1
        evidence = self._evidence(written, self._calls.sequences, parameters, given, self._before, y)
        notes = self._notes(evidence)
        exact = evidence.gradients("bptt")
        if self.rule is None:
            made = self._named(step, evidence, exact, parameters)
        else:
            made = self._claimed(step, evidence, exact, parameters, written, y)
        first = made.verdict == "wrong" and not any(j.file for j in self.judgements)
        file = self._kept(made, evidence, dtype_of(parameters)) if first else ""
        rule = self.rule if self.rule is not None else made.rows[0] if made.rows else None
        drops = len(self.judgements) % SPLIT == 0 and any(o.dropped for o in made.parameters.values())
        return replace(
            made,
            notes=(*notes, *made.notes),
            file=file,
            descent=descent(evidence, exact, made.parameters),
            edges=edges(evidence, rule) if rule is not None and drops else {},
            seconds=time.process_time() - begun,
        )

    def _evidence(
        self,
        written: Written,
        sequences: Any,
        parameters: Mapping[str, Any],
        given: Mapping[str, Any],
        before: Mapping[str, Any] | None,
        y: Any,
    ) -> Evidence:
        own = {n: p.detach() for n, p in parameters.items()}
        return gathered(written, self.output, sequences, own, given, before, self.loss, y, self.feedback)

    def _read(self, parameters: Mapping[str, Any]) -> Written:
        sequence = self._calls.sequences[0]
        x = sequence.inputs[0]
        key = (tuple(x.shape), self.module.training)
        if key not in self._written:
            with torch.random.fork_rng(devices=[]):
                state = sequence.state if self.time is None else None
                self._written[key] = read_network(self.module, x, state, self.time, self.output)
        return self._written[key]

    def _notes(self, evidence: Evidence) -> list[str]:
        out = []
        if not evidence.same:
            out.append(
                "the module's operations, run again, give other outputs than rounding explains: random numbers, another"
                " dtype inside, or a spike at its threshold"
            )
        if began := beginning(evidence):
            out.append(f"the sequence began from a state that is not zero: {', '.join(began)}")
        wrong = max(run.misfired for run in evidence.runs)
        if wrong > 1e-3:
            out.append(f"a spike of the module that its own equations do not have, {wrong:.2g} from the threshold")
        if self.loss is None:
            out.append("the derivative of the loss at the outputs is taken as given (pass loss= to judge it)")
        return out

    def _claimed(
        self, step: int, evidence: Evidence, exact: Gradients, parameters: Mapping[str, Any], written: Written, y: Any
    ) -> Judgement:
        rule = self.rule
        assert rule is not None
        claimed = evidence.gradients(rule)
        label = rule if isinstance(rule, str) else rule.name
        if self._relative is None:  # what explains most right ones, and costs nothing
            of = compared(evidence, claimed, exact, least(evidence, claimed, dtype_of(parameters), self._rounding))
            if all(o.right for o in of.values()):
                return Judgement(step, "right", label, of)
        relative = self._relative or self._measured(evidence, rule, claimed, parameters)
        of = compared(evidence, claimed, exact, relative)
        if not all(o.right for o in of.values()) and self._relative is not None:
            relative = self._measured(evidence, rule, claimed, parameters)  # it was measured on another batch
            of = compared(evidence, claimed, exact, relative)
        self._relative = relative
        if all(o.right for o in of.values()):
            return Judgement(step, "right", label, of)
        self._previous = ()
        if all(len(sequences) == 1 for sequences, _ in self._earlier):
            self._previous = tuple(again(written, s[0], weights)[0] for s, weights in reversed(self._earlier))
        return Judgement(step, "wrong", label, of, (), cause(evidence, rule, claimed, relative, self._previous))

    def _named(self, step: int, evidence: Evidence, exact: Gradients, parameters: Mapping[str, Any]) -> Judgement:
        order: list[Rule | str] = [*nearest(evidence)]
        best, centre = order[0], evidence.gradients(order[0])
        relative = self._relative or self._measured(evidence, best, centre, parameters)
        found = rows(evidence, relative)
        if not found and self._relative is not None:
            relative = self._measured(evidence, best, centre, parameters)  # it was measured on another batch
            found = rows(evidence, relative)
        self._relative = relative
        if found:
            return Judgement(step, "named", None, compared(evidence, centre, exact, relative), tuple(found))
        parts = sorted(chunked(evidence), key=lambda c: distance(c.gradients, evidence))
        same = [part for part in parts if agrees(part.gradients, evidence, relative)]
        if same:
            of = compared(evidence, same[0].gradients, exact, relative)
            return Judgement(step, "named", None, of, tuple(part.name for part in same))
        near = next((part for part in parts if part.rule is not None), None)
        if near is not None and near.rule and distance(near.gradients, evidence) < distance(centre, evidence):
            order, best, centre = [near.rule, *order], near.rule, near.gradients
        nearby = f"{label_of(best)}, {distance(centre, evidence):.2g} of its norm away"
        said = f"{NONE}; the nearest is {nearby}"
        for row in order[:NEAREST]:  # one mistake may lead further from its row than to another one
            mine = evidence.gradients(row)
            why = cause(evidence, row, mine, relative, chunks=False)
            why = why.replace(CLAIM, f"the gradients of {label_of(row)}")
            if why and not (row != best and why.startswith(LIKE)):
                said = why
            if why and not why.startswith(LIKE):
                centre = mine
                break
        return Judgement(step, "unnamed", None, compared(evidence, centre, exact, relative), (), said)

    def _measured(
        self, evidence: Evidence, rule: Rule | str, centre: Gradients, parameters: Mapping[str, Any]
    ) -> dict[str, float]:
        """Return the allowance as a share of the largest entry."""
        return measured(evidence, rule, centre, dtype_of(parameters), self._rounding)

    def _kept(self, judgement: Judgement, evidence: Evidence, dtype: str) -> str:
        """Write the first wrong step, as small as it still is wrong, and return the file's name."""
        from gradcert.watching.kept import Failure, keep
        from gradcert.watching.smaller import shrunk

        assert self.rule is not None and self._relative is not None
        reading = evidence.runs[0].written.reading  # type: ignore[attr-defined]
        model = {
            "name": type(self.module).__qualname__,
            "file": file_of(self.module),
            "time": self.time,
            "shape": list(reading.example.shape[1:]),
            "output": self.output,
        }
        failure = Failure(
            judgement, self.rule, evidence, self._previous, dtype, self._rounding, model, random=reading.random
        )
        return keep(shrunk(self.module, failure, self._relative, self.output), Path(self.folder))

    def report(self) -> str:
        """Return what was found as a table."""
        return table(self.judgements)

    def to_dict(self) -> dict[str, Any]:
        """Return all judgements in JSON form."""
        return {"rule": self._claim(), "every": self.every, "judgements": [j.to_dict() for j in self.judgements]}

    def json(self, file: str) -> None:
        """Write all judgements as JSON; a number that is infinite is a null."""
        Path(file).write_text(json.dumps(self.to_dict(), indent=1, allow_nan=False), encoding="utf-8")

    def html(self, file: str) -> None:
        """Write a page: the verdict, curves over the training, every judgement. One file, nothing fetched."""
        from gradcert.watching.page import page

        Path(file).write_text(page(self.judgements, self._about()), encoding="utf-8")

    def tensorboard(self, writer: Any, prefix: str = "gradcert") -> None:
        """Hand the scalars of all judgements, those to come included, to a writer.

        Parameters
        ----------
        writer : what has ``add_scalar(tag, value, step)``, such as a ``SummaryWriter``.
        prefix : what the tags begin with (`gradcert.watching.scalars.scalars`).
        """
        scalars.check_writer(writer)
        for judgement in self.judgements:
            scalars.write(judgement, writer, prefix)
        self._writers.append((writer, prefix))

    def _repr_html_(self) -> str:
        from gradcert.watching.page import fragment

        return fragment(self.judgements)

    def _about(self) -> dict[str, str]:
        """Return what a page says of what was watched."""
        first = next(iter(self.module.parameters()), None)
        dtype = "" if first is None else dtype_of({"": first})
        loss = "judged too" if self.loss is not None else "its derivative at the outputs is taken as given"
        return {
            "Model": type(self.module).__qualname__,
            "Claim": self._claim() or "none: which row is it?",
            "Judged": f"every {self.every} steps, of {self._count}; parameters in {dtype}; the loss: {loss}",
        }

    def _claim(self) -> str | None:
        return self.rule if isinstance(self.rule, str) or self.rule is None else self.rule.name


def dtype_of(parameters: Mapping[str, Any]) -> str:
    """Return the name of the parameters' dtype."""
    return str(next(iter(parameters.values())).dtype).removeprefix("torch.")


def file_of(module: Any) -> str:
    """Return the file that a module's class is written in, "" where there is none."""
    try:
        return Path(inspect.getsourcefile(type(module)) or "").name
    except (TypeError, OSError):
        return ""


__all__ = ["Watch"]
