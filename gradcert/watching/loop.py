"""The context manager: which steps are looked at, and what is said about them."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from gradcert.models.reading.network.passes import Run, row_of
from gradcert.models.reading.network.written import Written
from gradcert.models.reading.pytorch.held import at, kinds, peek, slots
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule
from gradcert.watching.causes.anomaly import first_infinite, not_finite
from gradcert.watching.gather import again, beginning, gathered, left_over
from gradcert.watching.judging import Judging, fits
from gradcert.watching.measured.evidence import Evidence
from gradcert.watching.measured.judgement import Judgement
from gradcert.watching.seen.applied import applied
from gradcert.watching.seen.calls import Calls
from gradcert.watching.seen.hooks import hooked, parts_hooked, read
from gradcert.watching.seen.recording import differences
from gradcert.watching.seen.results import terms_at
from gradcert.watching.seen.trees import leaves

DROPPED = "not counted: {} sequence{} from before .grad was set to zero, as the first pass of two that SAM takes"
MEMORY, STEPS = 50, 8  # steps of time, and of training, that are remembered before a judgement: what traces may hold


class Watch(Judging):
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
        super().__init__(rule=rule, every=every, loss=loss, output=output, feedback=feedback, folder=folder)
        axis = time is None or time == "inside" or (type(time) is int and time in (0, 1))
        fits("time", time, axis, "the axis of time, 0 or 1, or 'inside'", "time=1 for (batch, time, features)")
        if not any(True for _ in module.parameters()):
            raise GradcertError(
                f"watch of {type(module).__name__}, a module without parameters",
                allowed="what is trained: a module whose parameters get gradients",
                do="watch the module that holds them",
            )
        self.module, self.time, self.rate = module, time, rate
        self._calls = Calls(module, whole=time is not None)
        self._written: dict[Any, Written] = {}
        self._before: dict[str, Any] | None = None
        self._earlier: list[tuple[Any, dict[str, Any]]] = []
        self._back = 1
        self._direct = False  # whether the last call wrote weights and no optimiser did
        self._later = 0  # steps that the last call's optimiser took after the first one
        self._set()

    def __enter__(self) -> Watch:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Take the hooks away; warn where no step was ever said to be over."""
        self._calls.remove()
        if kind is None:
            self._ended()

    # a step is looked at if it is due, or soon before: what came before is a part of some causes
    def _soon(self, step: int) -> bool:
        return any(self._due(step + k) for k in range(1, self._back + 1))

    def _set(self) -> None:
        self._calls.clear()
        self._calls.on = self._due(self._count) or self._soon(self._count)
        self._calls.back = self._due(self._count)

    def step(self, x: Any = None, y: Any = None) -> Judgement | None:
        """Say that a step of training is over: after the last ``backward``, before clipping and the optimiser.

        Parameters
        ----------
        x, y : the batch. Inputs are seen by hooks; the target is needed where a `loss` was given: a list of one for
            each, of several micro-batches.

        Returns
        -------
        What was found; None where the step was not due.
        """
        given = {name: p.grad for name, p in self.module.named_parameters()}
        return self._judge(given, y, dict(self.module.named_parameters()))

    def call(self, function: Callable[..., Any], *args: Any, y: Any = None, **kwargs: Any) -> Any:
        """Call a trainer that owns loop, loss and optimiser; what it applied is judged.

        The training is that without a watch, bit by bit. Of a call that takes several steps of an optimiser, such as
        ``trainer.fit``, the first is judged: give the method that takes one batch to have every step judged.

        Parameters
        ----------
        function : such as ``trainer.train_sample``, called with what follows.
        y : the target as the `loss` of the watch takes it, where one was given; by default the last argument.

        Returns
        -------
        What the function returns.
        """
        if not callable(function):
            raise GradcertError(
                f"watching.call of {function!r}",
                allowed="a function and what it is called with",
                do="call(train, x, y)",
            )
        due, soon = self._due(self._count), self._soon(self._count)
        parameters = dict(self.module.named_parameters())
        there = {n: p for n, p in parameters.items() if not is_lazy(p)} if due or soon else {}
        weights = {n: p.detach().clone() for n, p in there.items()}
        if not due:
            result = function(*args, **kwargs)
            self._judge({}, None, weights)
            return result
        with applied(parameters, self._calls) as recorded:
            result = function(*args, **kwargs)
        given, self._later = recorded.given, recorded.later
        changed = any(not torch.equal(p.detach(), weights[n]) for n, p in there.items())
        self._direct = changed and not recorded.steps
        if self._direct and self.rate is not None:
            given, self._rounding = differences(weights, parameters, self.rate)
        elif not recorded.steps:
            given = {n: p.grad for n, p in parameters.items()}
        last = args[-1] if y is None and args and not self._later else y  # of many batches nobody knows the first
        self._judge(given, last, weights)
        self._later = 0
        return result

    def _judge(self, given: Mapping[str, Any], y: Any, parameters: Mapping[str, Any]) -> Judgement | None:
        step, found = self._count, None
        given = {name: g for name, g in given.items() if name not in self._frozen()}
        self._count += 1
        try:
            if self._due(step):
                self._calls.over = True
                with eagerly():
                    found = self._safely(step, lambda: self._judged(step, given, y, parameters))
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

    def _frozen(self) -> list[str]:
        """Return the parameters that are not trained, where others are: nobody asked for their gradients."""
        named = dict(self.module.named_parameters())
        asleep = [name for name, p in named.items() if not p.requires_grad and p.grad is None]
        return asleep if len(asleep) < len(named) and any(p.requires_grad for p in named.values()) else []

    def _judged(self, step: int, given: Mapping[str, Any], y: Any, parameters: Mapping[str, Any]) -> Judgement:
        begun = time.process_time()
        if self._direct and self.rate is None:
            raise GradcertError(
                "a trainer that writes weights directly", do="say its learning rate: watch(..., rate=0.1)"
            )
        if self._calls.refused is not None:
            raise self._calls.refused
        if self._calls.error is not None:
            raise self._calls.error
        if self._calls.went_on:
            raise GradcertError(
                "a call that takes several optimiser steps within one sequence: each has gradients of its own weights",
                do="sum the gradients of a sequence, step once, and give that to watching.call",
            )
        if self._later and self.loss is not None and y is None:
            raise GradcertError(
                f"a call that takes {self._later + 1} optimiser steps, of whose first batch the target is not known",
                do="call the method that takes one batch, watching.call(trainer.step, x, target), or leave loss= out",
            )
        if self.loss is not None and y is None:
            raise GradcertError("a loss without a target", do="step(x, y), or step(y=y): the input is seen by hooks")
        self._check_called()
        dropped = self._drop()
        parameters = self._check_order(given, parameters)
        if self.loss is None and self._calls.again and not any(s.arrived for s in self._calls.sequences):
            raise GradcertError(
                "a module inside torch.utils.checkpoint with use_reentrant=True: nothing comes back to the outputs that"
                " were seen",
                do="use_reentrant=False, which gives the same gradients, or say the loss: watch(..., loss=)",
            )
        self._check_follows()
        written = self._read(parameters)
        self._back = min(max(-(-MEMORY // len(self._calls.sequences[0].inputs)), 1), STEPS) if self.time is None else 1
        notes, before = [DROPPED.format(dropped, "s" * (dropped > 1))] * bool(dropped), self._before
        if any(s.made for s in self._calls.sequences) and (outside := [n for n in given if n not in written.acting]):
            given = {n: g for n, g in given.items() if n not in outside}
            before = before and {n: g for n, g in before.items() if n not in outside}
            notes.append(f"not judged, for the loop makes the first state of them: {', '.join(outside)}")
        evidence = self._evidence(written, self._calls.sequences, parameters, given, before, y)
        return self._found(step, evidence, self._notes(evidence) + notes, dtype_of(parameters), begun)

    def _check_called(self) -> None:
        """Raise for a step of which no call of the module was seen, and say why where that is known."""
        if self._calls.sequences:
            return
        if self._calls.transformed:
            raise GradcertError(
                "a module that is called inside torch.func (grad, vmap, functional_call), where hooks see no numbers",
                allowed="gradients that loss.backward() or torch.autograd.grad takes",
                do="take them so at the steps that are judged",
            )
        if self._calls.compiled:
            raise GradcertError(
                "a module that is called inside of what torch.compile compiles, where hooks do not run",
                allowed="what torch.compile returns of the module itself",
                do="watch that: net = torch.compile(net), in place of net.compile() and of compiling what calls net",
            )
        raise GradcertError(
            "a step in which the module was not called", do="call the module itself, so that its hooks run"
        )

    def _drop(self) -> int:
        """Leave out what was called before .grad was set to zero, as the first pass of two, and return how many.

        So it is where the parameters were others then: gradients that are accumulated are lost by the same, and kept
        aside, which is judged.
        """
        sequences = self._calls.sequences
        if all(s.spent for s in sequences) or not any(s.spent for s in sequences):
            return 0
        others = any(_changed(s.parameters, sequences[-1].parameters) for s in sequences if s.spent)
        return self._calls.forget_spent() if others else 0

    def _check_follows(self) -> None:
        """Raise for a state that is changed on the way in place, and where that begins the count of a claim anew."""
        if self._calls.in_place:
            raise GradcertError(
                "a state that is changed in place between two calls: what leads back to it as it was is not seen",
                do="make a new one: state = state * keep, torch.where(keep, state, 0)",
            )
        if self._calls.lost is not None:
            raise GradcertError(
                "a state that is changed between two calls, and is detached, all of it or in part: through what the"
                f" change leaves of it credit comes back times {self._calls.lost:.3g}",
                allowed="changes that autograd follows, such as a mask",
                do="change it without a detach; or detach it as it is, where the gradient is to end",
            )
        row = None if self.rule is None else row_of(self.rule)
        if row is not None and (row.chunk or row.window) and any(s.follows for s in self._calls.sequences):
            raise GradcertError(
                f"a state that is changed between two calls, and {row.name}, which counts steps from the first one",
                allowed="a rule without a number of steps",
                do="claim the rule without it, such as bptt, and say step() after the backward() of every chunk",
            )

    def _check_order(self, given: Mapping[str, Any], parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the parameters that the module was called with.

        Raises
        ------
        GradcertError : for a step that is said to be over before there are gradients, or after they were applied.
        """
        if given and all(g is None for g in given.values()):
            raise GradcertError("a step in which no parameter has a gradient", do="say step() after loss.backward()")
        now, sequences = dict(self.module.named_parameters()), self._calls.sequences
        called = [(n, p) for s in sequences for n, (p, _) in s.parameters.items()]
        # a trainer may put new parameters in their place afterwards
        if away := [n for n, p in called if now.get(n) is not p and not isinstance(p, torch.nn.Parameter)]:
            raise GradcertError(
                "a module that is called with other tensors in the place of its parameters, as"
                f" torch.func.functional_call does: {', '.join(dict.fromkeys(away))}",
                allowed="gradients of the module's own parameters",
                do="call the module itself at the steps that are judged, and take its parameters' gradients",
            )
        if all(parameters.get(n) is p for n, p in now.items()):  # else a trainer's, of before the call
            late = {n: (p, p.detach()) for n, p in now.items()}
        else:
            late = sequences[-1].parameters
        if changed := [n for s in sequences for n in _changed(s.parameters, late)]:
            raise GradcertError(
                f"parameters that changed since the module was called: {', '.join(dict.fromkeys(changed))}",
                allowed="the parameters that the gradients are of",
                do="say step() before the optimiser's step, and change no parameter between a call and its backward()",
            )
        found = {**parameters, **{n: then for n, (_, then) in sequences[-1].parameters.items()}}
        if made := [n for n in now if n not in found]:
            raise GradcertError(
                f"parameters that the first call of the module makes: {', '.join(made)}",
                allowed="parameters whose numbers before the step are known",
                do="call the module once before, or judge later steps",
            )
        return found

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
        found = gathered(
            written, self.output, sequences, own, given, before, self.loss, y, self.feedback, self._calls.backwards
        )
        told = first_infinite(self.module, found, self.output) if self.time is None and not_finite(given) else ""
        on, parts, elsewhere = hooked(self.module), parts_hooked(self.module), tuple(self._calls.elsewhere)
        emptied = self._calls.emptied
        return replace(found, hooked=on, parts=parts, backward=told, elsewhere=elsewhere, emptied=emptied)

    def _read(self, parameters: Mapping[str, Any]) -> Written:
        sequence = self._calls.sequences[0]
        x = sequence.inputs[0]
        began = sequence.began if self.time is not None or self._made(sequence.began) else None
        key = (tuple(x.shape), self.module.training, kinds(began))
        if key not in self._written:
            module = self.module if began is None else at(self.module, began)
            with torch.random.fork_rng(devices=[]):
                state = sequence.state if self.time is None else None
                try:
                    found = read(module, x, state, self.time, self.output)
                except Exception as error:
                    raise self._further(error) from error
            refuse_autocast(found)
            self._written[key] = found
        return self._written[key]

    def _further(self, error: Exception) -> Exception:
        """Return why a module is not read: it may be called with more than an input and its state."""
        sequence = self._calls.sequences[0]
        beside = [v for v in leaves(sequence.state) if isinstance(v, torch.Tensor)]
        returned = {tuple(v.shape) for v in sequence.outputs[0]}
        further = [v for v in beside if self.time is not None or tuple(v.shape) not in returned]
        if not beside and sequence.other:
            return GradcertError(
                f"a module that is called with a {' and a '.join(sequence.other)} beside its input: what is in there"
                " is not seen",
                allowed="a state of tensors, also in tuples, lists, dicts, named tuples and dataclasses",
                do="pass it as one of these, or keep it in the module",
            )
        if not further and isinstance(error, GradcertError) and "--" in (error.do or ""):  # options of other commands
            return GradcertError(error.given, allowed=error.allowed)
        if not further:
            return error
        shapes = ", ".join(f"{tuple(v.shape)} of {str(v.dtype).removeprefix('torch.')}" for v in further)
        return GradcertError(
            f"a module that is called with more than an input and a state that it returns: {shapes}",
            allowed="module(x), or module(x, state), whose state comes back from every call",
            do="make a mask or a length part of x, or apply it outside of the module",
        )

    def _made(self, began: Any) -> bool:
        """Return whether there is a tensor now where a module held none when a sequence began: it made a state."""
        places = slots(self.module) if began is not None else {}
        then = slots(at(self.module, began)) if began is not None else {}
        return any(isinstance(peek(s), torch.Tensor) and peek(then[p]) is None for p, s in places.items() if p in then)

    def _beside(self) -> list[str]:
        """Return what has to be said of derivatives that come back elsewhere than to the result that a loss reads."""
        sequences, out = self._calls.sequences, []
        if many := sum(s.follows for s in sequences):
            out.append(
                f"the state is changed between two calls, {many} time{'s' * (many > 1)}: what leads back through that"
                " is the loop's own, and is taken as it comes"
            )
        parts = [share for s in sequences for share in s.shares.values()]
        if parts:
            numbers = {f"{share:g}" if share is not None else "another number for every entry" for share in parts}
            out.append(
                f"the state that is handed on has its numbers and not its history, {len(parts)} times: credit through"
                f" it comes back times {' or '.join(sorted(numbers))}"
            )
        ends = [k + 1 < len(sequences) and sequences[k + 1].follows for k in range(len(sequences))]
        if self.loss is None and (places := terms_at(self.output, sequences, ends)):
            which = f"result{'s' * (len(places) > 1)} {', '.join(map(str, places))}"
            out.append(
                f"a derivative comes back to {which} too, as of a term of the loss about it, or of what the loop makes"
                " of a state: it is taken as given"
            )
        return out

    def _notes(self, evidence: Evidence) -> list[str]:
        out = []
        if not evidence.same:
            out.append(
                "the module's operations, run again, give other outputs than rounding explains: random numbers, another"
                " dtype inside, or a spike at its threshold"
            )
        if began := beginning(evidence, self._calls.sequences):
            how = ", as the sequence before left it: not reset" if left_over(evidence, self._calls.sequences) else ""
            out.append(f"the sequence began from a state that is not zero: {', '.join(began)}{how}")
        out += self._beside()
        if self._later:
            out.append(
                f"the call took {self._later + 1} optimiser steps, and the first is judged: give watching.call the"
                " method that takes one batch to have every step judged"
            )
        if frozen := self._frozen():
            out.append(f"not judged, for they are not trained (requires_grad is off): {', '.join(frozen)}")
        if self.loss is None:
            out.append("the derivative of the loss at the outputs is taken as given (pass loss= to judge it)")
        return out

    def _kept(self, judgement: Judgement, evidence: Evidence, dtype: str) -> str:
        """Write the first wrong step, as small as it still is wrong, and return the file's name."""
        from gradcert.watching.kept.smaller import shrunk
        from gradcert.watching.kept.writing import Failure, keep

        assert self.rule is not None and self._relative is not None
        reading = evidence.runs[0].written.reading  # type: ignore[attr-defined]
        model = {
            "name": type(self.module).__qualname__,
            "file": file_of(self.module),
            "time": self.time,
            "shape": list(reading.example.shape[1:]),
            "output": self.output,
        }
        first = self._calls.sequences[0].began if self.time is not None else None  # asked with the state of then
        module = self.module if first is None else at(self.module, first)
        failure = Failure(
            judgement, self.rule, evidence, self._previous, dtype, self._rounding, model, random=reading.random
        )
        return keep(shrunk(module, failure, self._relative, self.output), Path(self.folder))

    def _passed(self, evidence: Evidence) -> tuple[Run, ...]:
        written: Any = evidence.runs[0].written
        if any(len(sequences) > 1 for sequences, _ in self._earlier):
            return ()
        return tuple(again(written, s[0], weights)[0] for s, weights in reversed(self._earlier))

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


def _changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the parameters whose numbers are others; of each the tensor itself, and its numbers."""
    return [n for n, (_, old) in then.items() if n in now and not _alike(old, now[n][1])]


def _alike(a: Any, b: Any) -> bool:
    fits = a.shape == b.shape and a.dtype == b.dtype and a.device == b.device
    return fits and bool(((a == b) | ((a != a) & (b != b))).all())  # no number is no other one


def eagerly() -> Any:
    """Have the module run as it is written: torch.compile would remember how it was read, and run that in training."""
    stance = getattr(torch.compiler, "set_stance", None)  # PyTorch 2.6
    return nullcontext() if stance is None else stance("force_eager")


def refuse_autocast(written: Written) -> None:
    """Raise for a module part of which is computed in another dtype: what that may be off is not known here."""
    for dtype, place in written.reading.step.autocast.items():
        raise GradcertError(
            f"autocast inside the module changes the dtype to {dtype} at {place}",
            allowed="one dtype in the whole step, that of the parameters",
            do="take autocast out, or watch the module with it off: torch.autocast(..., enabled=False)",
        )


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
