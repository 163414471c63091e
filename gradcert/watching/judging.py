"""What every way of watching shares: evidence becomes a judgement, and judgements a report. No framework is here."""

from __future__ import annotations

import json
import time
import traceback
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.models.reading.network.passes import AS_CODED, Run
from gradcert.reference.checks import check_size
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule, rule_named
from gradcert.watching import scalars
from gradcert.watching.causes.chunks import chunked, label_of
from gradcert.watching.causes.multiples import CLAIM
from gradcert.watching.causes.named import cause, decided, meant, nearest, rows, same_number
from gradcert.watching.causes.places import conventions
from gradcert.watching.causes.psi import given
from gradcert.watching.measured.comparing import agrees, distance
from gradcert.watching.measured.evidence import Evidence, Gradients
from gradcert.watching.measured.figures import descent, edges
from gradcert.watching.measured.judgement import FAILED, LIKE, NONE, Judgement, explained, table
from gradcert.watching.measured.told import silent
from gradcert.watching.measured.verdict import compared, least, measured

RULE = f"a row of the rule table by its name (gradcert rules), a gradcert.reference.Rule, or {AS_CODED!r}"
LOSS = "a function (outputs, target) -> number"
SPLIT = 10  # judgements from one in which dropped edges are told apart to the next: it costs as much as all the rest
OTHERS = ": what comes back to other results, as of a term about a state, is judged too"
NEAREST = 4  # rows of which a mistake is looked for, where nothing is claimed and no row fits


class NotJudged(UserWarning):
    """A step of training could not be judged; its words are in the report too."""


class NotWritten(UserWarning):
    """What was found could not be written to a file."""


def fits(name: str, value: Any, good: bool, allowed: str, do: str) -> None:
    """Refuse an option at once: what is wrong with it would be said at the first judgement else."""
    if not good:
        raise GradcertError(f"watch with {name}={value!r}", allowed=allowed, do=do)


class Judging(ABC):
    """Judges steps of training, as evidence of them comes.

    Attributes
    ----------
    judgements : what was found so far.
    """

    def __init__(
        self,
        *,
        rule: Rule | str | None,
        every: int,
        loss: Callable[..., Any] | None,
        output: int,
        feedback: Mapping[str, Array] | None,
        folder: str,
    ) -> None:
        check_size("judging every", every)
        if isinstance(rule, str) and rule != AS_CODED:
            rule_named(rule)
        fits("rule", rule, rule is None or isinstance(rule, (str, Rule)), RULE, 'rule="bptt"')
        fits("loss", loss, loss is None or callable(loss), LOSS, "pass the function that the training calls")
        fits(
            "output",
            output,
            hasattr(output, "__index__"),
            "which result, a whole number",
            "output=0" + OTHERS,
        )
        matrices = feedback is None or isinstance(feedback, Mapping)
        fits("feedback", feedback, matrices, "a mapping of names to matrices", "name each matrix as the rule does")
        self.rule, self.every, self.loss = rule, every, loss
        self.output, self.feedback, self.folder = output, feedback, folder
        self.judgements: list[Judgement] = []
        self._count = 0
        self._rounding = dict[str, float]()
        self._relative: dict[str, float] | None = None
        self._previous: tuple[Run, ...] = ()
        self._writers: list[tuple[Any, str]] = []

    def _due(self, step: int) -> bool:
        return step % self.every == 0

    def _safely(self, step: int, make: Callable[[], Judgement]) -> Judgement:
        """Return what is found; what goes wrong on the way to it is a judgement too, and the training goes on."""
        begun = time.process_time()
        try:
            with np.errstate(all="ignore"):  # what is not finite is said, and not warned of
                return make()
        except Exception as error:
            why = in_words(error)
        found = Judgement(step, FAILED, self._claim(), {}, (), why, seconds=time.process_time() - begun)
        if not any(j.cause == why for j in self.judgements if j.verdict == FAILED):
            warnings.warn(f"gradcert: {found.sentence()}", NotJudged, stacklevel=4)
        self.judgements.append(found)
        return found

    def _found(self, step: int, evidence: Evidence, notes: Sequence[str], dtype: str, begun: float) -> Judgement:
        """Judge a step, remember what was found, and hand it on.

        Parameters
        ----------
        dtype : of the parameters. `begun` : the processor's time when this began.
        """
        exact = evidence.gradients("bptt")
        made = (self._named if self.rule is None else self._claimed)(step, evidence, exact, dtype)
        if not evidence.same and made.verdict in ("wrong", "unnamed") and not explained(made):
            raise GradcertError(
                "a module whose outputs in the batch are not those of its operations, run again: nobody knows its"
                " gradients",
                allowed="a step that is a function of input, parameters and state, in the parameters' dtype",
                do="look for random numbers, another dtype inside, a state that is set between two calls",
            )
        if evidence.elsewhere and made.verdict in ("wrong", "unnamed") and not explained(made):
            raise GradcertError(
                "a loss about what the module keeps: credit enters it elsewhere than at its results, through"
                f" {', '.join(dict.fromkeys(evidence.elsewhere))}",
                allowed="a loss of what the module returns",
                do="have the module return what that term is about (hidden spikes, a rate); what comes back to a"
                " result is taken as given",
            )
        if made.verdict == "right" and (none := silent(evidence, exact)):
            raise GradcertError(
                f"a batch that tells nothing of {self._claim()}: the gradients of {', '.join(none)} are 0 everywhere,"
                " in BPTT too (does no spike arrive, or is the pseudo-derivative 0?)",
                allowed="a batch in which credit reaches the layers that have a past",
                do="look whether the network fires: its threshold, its weights, the width of the pseudo-derivative",
            )
        first = made.verdict == "wrong" and not any(j.file for j in self.judgements)
        file = self._kept(made, evidence, dtype) if first else ""
        rule = self.rule if self.rule is not None else made.rows[0] if made.rows else None
        drops = len(self.judgements) % SPLIT == 0 and any(o.dropped for o in made.parameters.values())
        wrong = max(run.misfired for run in evidence.runs)
        idle = [name for name in made.parameters if name in exact and not np.any(exact[name])]
        zeros = f"0 everywhere in this batch, so that nothing is told of it (no spike arrives?): {', '.join(idle)}"
        own = f"a spike of the model that its own equations do not have, {wrong:.2g} from the threshold"
        parts = evidence.parts if made.verdict in ("wrong", "unnamed") else ()
        looked = [*evidence.hooked, *parts]
        acting = f"there are hooks on {', '.join(looked)}: what they leave is what is judged"
        more = [*[zeros] * bool(idle), *[own] * (wrong > 1e-3), *[acting] * bool(looked)]
        told = given(evidence.runs[0].written.reading)  # type: ignore[attr-defined]
        found = replace(
            made,
            notes=(*notes, *more, *told, *made.notes),
            file=file,
            descent=descent(evidence, exact, made.parameters),
            edges=edges(evidence, rule) if rule is not None and drops else {},
            seen=self._seen_from(evidence, made, dtype) if len(self.judgements) % SPLIT == 0 else {},
            seconds=time.process_time() - begun,
        )
        self.judgements.append(found)
        for writer, prefix in self._writers:
            scalars.write(found, writer, prefix)
        return found

    def _claimed(self, step: int, evidence: Evidence, exact: Gradients, dtype: str) -> Judgement:
        rule = self.rule
        assert rule is not None
        claimed = evidence.gradients(rule)
        label = rule if isinstance(rule, str) else rule.name
        if self._relative is None:  # what explains most right ones, and costs nothing
            of = compared(evidence, claimed, exact, least(evidence, claimed, dtype, self._rounding))
            if all(o.right for o in of.values()) and not conventions(evidence, rule):
                return Judgement(step, "right", label, of)
        relative = self._relative or self._measured(evidence, rule, claimed, dtype)
        of = compared(evidence, claimed, exact, relative)
        if not all(o.right for o in of.values()) and self._relative is not None:
            relative = self._measured(evidence, rule, claimed, dtype)  # it was measured on another batch
            of = compared(evidence, claimed, exact, relative)
        self._relative = relative
        notes = tuple(f"the judgement rests on this: {said}" for said in decided(evidence, rule, claimed, relative))
        if all(o.right for o in of.values()):
            return Judgement(step, "right", label, of, notes=notes)
        self._previous = self._passed(evidence)
        said = cause(evidence, rule, claimed, relative, self._previous, dtype=dtype)
        return Judgement(step, "wrong", label, of, (), said if same_number(said, self.judgements) else "", notes)

    def _seen_from(self, evidence: Evidence, made: Judgement, dtype: str) -> dict[str, float]:
        """Return, of gradients that are right, by what share of itself each would have been wrong as a whole.

        One that was off before, by that much in the other direction, has to leave the larger of what it was held to and
        of what is measured on this batch.
        """
        if made.verdict != "right" or self.rule is None:
            return {}
        claimed = evidence.gradients(self.rule)
        here = compared(evidence, claimed, claimed, self._measured(evidence, self.rule, claimed, dtype))
        sizes = {n: float(np.abs(v).max(initial=0.0)) for n, v in claimed.items()}
        most = {n: max(of.allowed, here[n].allowed) + of.error for n, of in made.parameters.items()}
        return {n: most[n] / size for n, size in sizes.items() if size}

    def _named(self, step: int, evidence: Evidence, exact: Gradients, dtype: str) -> Judgement:
        order: list[Rule | str] = [*nearest(evidence)]
        best, centre = order[0], evidence.gradients(order[0])
        relative = self._relative or self._measured(evidence, best, centre, dtype)
        found = rows(evidence, relative)
        if not found and self._relative is not None:
            relative = self._measured(evidence, best, centre, dtype)  # it was measured on another batch
            found = rows(evidence, relative)
        self._relative = relative
        if found:
            of = compared(evidence, centre, exact, relative)
            return Judgement(step, "named", None, of, tuple(found), meant(evidence, found, order, relative))
        parts = sorted(chunked(evidence), key=lambda c: distance(c.gradients, evidence))
        same = [part for part in parts if agrees(part.gradients, evidence, relative)]
        if same:
            of = compared(evidence, same[0].gradients, exact, relative)
            names = [part.name for part in same]
            return Judgement(step, "named", None, of, tuple(names), meant(evidence, names, order, relative))
        near = next((part for part in parts if part.rule is not None), None)
        if near is not None and near.rule and distance(near.gradients, evidence) < distance(centre, evidence):
            order, best, centre = [near.rule, *order], near.rule, near.gradients
        nearby = f"{label_of(best)}, {distance(centre, evidence):.2g} of its norm away"
        said = f"{NONE}; the nearest is {nearby}"
        for row in order[:NEAREST]:  # one mistake may lead further from its row than to another one
            mine = evidence.gradients(row)
            why = cause(evidence, row, mine, relative, chunks=False, dtype=dtype)
            why = why.replace(CLAIM, f"the gradients of {label_of(row)}")
            if why and not (row != best and why.startswith(LIKE)):
                said = why
            if why and not why.startswith(LIKE):
                centre = mine
                break
        return Judgement(step, "unnamed", None, compared(evidence, centre, exact, relative), (), said)

    def _measured(self, evidence: Evidence, rule: Rule | str, centre: Gradients, dtype: str) -> dict[str, float]:
        """Return the allowance as a share of the largest entry."""
        return measured(evidence, rule, centre, dtype, self._rounding)

    @abstractmethod
    def _passed(self, evidence: Evidence) -> tuple[Run, ...]:
        """Return the passes of the sequences before, the last one first, where they are known."""

    @abstractmethod
    def _kept(self, judgement: Judgement, evidence: Evidence, dtype: str) -> str:
        """Write the first wrong step, and return the file's name."""

    @abstractmethod
    def _about(self) -> dict[str, str]:
        """Return what a page says of what was watched."""

    def _ended(self) -> None:
        """Warn where nothing was judged, or nobody ever said that a step is over: that is no good news."""
        if len(self.judgements) > 1 and all(j.verdict == FAILED for j in self.judgements):  # of one it was said
            last = self.judgements[-1]
            warnings.warn(
                "gradcert: nothing was judged in this training: there is no verdict. Of"
                f" {len(self.judgements)} looked at, {last.sentence()}",
                NotJudged,
                stacklevel=3,
            )
        if not self._count:
            warnings.warn(
                "gradcert: nothing was judged: say step() after every backward(), before the optimiser's step",
                NotJudged,
                stacklevel=3,
            )

    def __repr__(self) -> str:
        """Return the first line of the report."""
        return f"<watch: {self.report().partition(chr(10))[0]}; .report() says more>"

    def report(self) -> str:
        """Return what was found as a table."""
        return table(self.judgements)

    def to_dict(self) -> dict[str, Any]:
        """Return all judgements in JSON form."""
        return {"rule": self._claim(), "every": self.every, "judgements": [j.to_dict() for j in self.judgements]}

    def json(self, file: str) -> None:
        """Write all judgements as JSON; a number that is infinite is a null."""
        _write(file, json.dumps(self.to_dict(), indent=1, allow_nan=False))

    def html(self, file: str) -> None:
        """Write a page: the verdict, curves over the training, every judgement. One file, nothing fetched."""
        from gradcert.watching.page import page

        _write(file, page(self.judgements, self._about()))

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

    def _claim(self) -> str | None:
        return self.rule if isinstance(self.rule, str) or self.rule is None else self.rule.name


def _write(file: str, text: str) -> None:
    """Write a file; one that cannot be written is a warning: a training is not to end with it."""
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        why = error.strerror or type(error).__name__
        warnings.warn(f"gradcert: {file} is not written: {why}; name another one", NotWritten, stacklevel=3)


def in_words(error: Exception) -> str:
    """Return what went wrong: a sentence of ours, or what Python says and where."""
    if isinstance(error, GradcertError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
