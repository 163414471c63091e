"""Trainers that own loop, loss and optimiser, as subjects: what a call would have applied is the answer.

    def build(inputs=6, hidden=12, outputs=3):
        net = Net(inputs, hidden, outputs)
        return net, Trainer(net)

    gradients = trainer(build, call=lambda t, x, y: t.train_sample(x, y), labels=True, rule="e-prop",
                        loss="cross_entropy of every, mean over time and batch")

The network is read, which says what its parameters are of a problem's; the trainer is left as it is.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from gradcert.certify.claims import Claim, check_names, from_dict, made
from gradcert.certify.subjects.modules import keep
from gradcert.models.modules.asked import ModuleSubject, Put, cast, computing
from gradcert.models.modules.errors import UnreadError
from gradcert.models.modules.spelled import sizes_of
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Problem
from gradcert.reference.published import Algorithm, read_rule
from gradcert.watching.seen.recording import differences, recording

LIVES = "a trainer and its network live from problem to problem, as they do from batch to batch"
WRITES = "weights are written directly: gradients are differences over the rate, in float64, judged as float32"


class TrainerSubject(ModuleSubject):
    """A trainer as a subject (`trainer`)."""

    def __init__(
        self,
        build: Callable[..., Any],
        call: Callable[..., Any],
        *,
        labels: bool,
        rate: float | None,
        given: Callable[[Any, Mapping[str, Any]], object] | None,
        claim: Mapping[str, Any],
        **how: Any,
    ) -> None:
        check_names("trainer", claim)

        @functools.wraps(build)
        def network(*args: Any, **named: Any) -> Any:
            return _pair(build, build(*args, **named))[0]

        network.__signature__ = inspect.signature(build)  # type: ignore[attr-defined]
        super().__init__(network, **how)
        self.pair, self.call, self.labels, self.rate, self.given = build, call, labels, rate, given
        self.claim = {**({"targets": "classes"} if labels else {}), **({"dtype": "float32"} if rate else {}), **claim}
        if isinstance(read_rule(self.claim.get("rule", "bptt"), self.claim.get("settings", {})), Algorithm):
            self.how = replace(self.how, builtin=True)
        self._alive: dict[tuple[int, ...], tuple[Any, Any]] = {}

    @functools.cached_property
    def claimed(self) -> Claim:
        """What is claimed: what was read of the network, and what was said of the trainer."""
        keep(self.told.cells)
        spec = {**self.told.spec, "rule": self.told.spec["rule"] or self.claim.get("rule", "")}
        return made(from_dict(spec), self.claim)  # type: ignore[return-value]

    @property
    def __gradcert_claim__(self) -> Any:
        return self.claimed

    @property
    def __gradcert_notes__(self) -> tuple[str, ...]:
        return (LIVES, *([WRITES] if self.rate else []), *self.told.notes)

    def __call__(self, problem: Problem) -> dict[str, Any]:
        """Return the gradients that a trainer would have applied.

        Raises
        ------
        UnreadError : for a problem that the trainer cannot be given.
        """
        beside = {**problem.feedback, **problem.drawn}
        if problem.data or (beside and self.given is None):
            what = ", ".join([*problem.data, *beside])
            raise UnreadError(f"a trainer that is given {what}", do="say how it takes them: trainer(given=...)")
        sizes = sizes_of(problem.network)
        read, values = self.reader.read(sizes)
        dtype = torch.float64 if self.rate else getattr(torch, problem.dtype)
        if sizes not in self._alive:
            with computing(dtype):
                self._alive[sizes] = _pair(self.pair, self.pair(**{**self.build.given, **self.build.sizes, **values}))
        net, trainer = self._alive[sizes]
        cast(net, dtype)
        put = Put.of(read, net, problem, dtype)
        x, y = (torch.tensor(v, dtype=dtype) for v in (problem.inputs, problem.targets))
        with computing(dtype):
            if self.given is not None:
                self.given(trainer, {k: torch.tensor(v, dtype=dtype) for k, v in beside.items()})
            found = self._applied(net, trainer, x, y[0].argmax(-1) if self.labels else y)
        return put.pulled(found, problem)

    def _applied(self, net: Any, trainer: Any, x: Any, y: Any) -> Mapping[str, Any]:
        """Call the trainer once, and return what it would have applied, by parameter."""
        parameters = dict(net.named_parameters())
        before = {name: p.detach().clone() for name, p in parameters.items()}
        with recording(parameters) as recorded:
            self.call(trainer, x, y)
        if recorded.steps:
            return recorded.total()
        if all(torch.equal(p.detach(), before[name]) for name, p in parameters.items()):
            return {name: p.grad for name, p in parameters.items()}
        if self.rate is None:
            raise UnreadError("a trainer that writes weights directly", do="say its learning rate: trainer(rate=0.1)")
        return differences(before, parameters, self.rate)[0]


def _pair(build: Callable[..., Any], found: Any) -> tuple[Any, Any]:
    """Return network and trainer."""
    if not isinstance(found, tuple) or len(found) != 2 or not isinstance(found[0], torch.nn.Module):
        raise GradcertError(
            f"{getattr(build, '__name__', 'build')} returns a {type(found).__name__}", allowed="(network, trainer)"
        )
    return found


def trainer(
    build: Callable[..., Any],
    *,
    call: Callable[..., Any],
    labels: bool = False,
    rate: float | None = None,
    given: Callable[[Any, Mapping[str, Any]], object] | None = None,
    example: tuple[int, ...] | None = None,
    state: Callable[[Any], Any] | None = None,
    time: int | None = None,
    **claim: Any,
) -> TrainerSubject:
    """Turn a trainer that owns its loop, loss and optimiser into a subject.

    Parameters
    ----------
    build : sizes -> (network, trainer); its whole-number arguments are the sizes of the network, where they are.
    call : (trainer, x, y) -> anything: how a batch is handed over; x is (time, batch, inputs), y the targets of all
        steps, (time, batch, outputs), or with `labels` one label for each sequence, (batch,).
    labels : whether targets are labels.
    rate : the learning rate of a trainer that writes weights itself, once for a sequence.
    given : (trainer, arrays by name) -> anything: hands over what a rule needs beside the batch, its fixed matrices of
        feedback and its draws, such as ``layers.0.B`` (`gradcert.Problem`).
    example, state, time : as for `gradcert.adapters.torch.module`.
    claim : what is claimed beside the network: ``rule``, ``loss`` and other parts (`gradcert.certify`).

    Returns
    -------
    A subject. Steps of an optimiser are put off while it is asked: what they would have applied is the answer, the sum
    of them where there is one at every time step.

    Examples
    --------
    >>> class Trainer:
    ...     def __init__(self, net):
    ...         self.net, self.optimiser = net, torch.optim.SGD(net.parameters(), lr=0.1)
    ...     def train(self, x, y):
    ...         h = x.new_zeros(x.shape[1], 4)
    ...         for x_t, y_t in zip(x, y):
    ...             h = self.net(x_t, h)
    ...             (((h - y_t) ** 2).sum() / 2).backward(retain_graph=True)
    ...         self.optimiser.step()
    ...         self.optimiser.zero_grad()
    >>> def build():
    ...     net = torch.nn.RNNCell(3, 4)
    ...     return net, Trainer(net)
    >>> trainer(build, call=Trainer.train, loss="squared_error of every").told.spec["rule"]
    'bptt'
    """
    how = {"example": example, "state": state, "time": time}
    return TrainerSubject(build, call, labels=labels, rate=rate, given=given, claim=claim, **how)
