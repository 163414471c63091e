"""The faults, what names them, and one watched training with or without one."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch

import gradcert
from scripts.watch_faults import trainers

strange: Any = trainers  # written without types

EVERY = 50  # steps between judgements: within so many a fault has to be named
SINCE = 100  # the first step that may be wrong


@dataclass(frozen=True)
class Fault:
    """A mistake of a training loop.

    Attributes
    ----------
    what : in words. `loop` : ``traces``, eligibility traces by hand, or ``autograd``.
    named : what the sentence about it has to say.
    """

    what: str
    loop: str
    named: str


FAULTS = {
    "not reset": Fault("a trace that is not reset between batches", "traces", "before: not reset"),
    "no detach": Fault("a missing detach", "autograd", "bptt, not of bptt-detached-reset"),
    "decay": Fault("a wrong decay", "traces", "another decay than the forward pass has"),
    "no average": Fault("1 / T missing", "traces", "times 10, T: an average is missing"),
    "after the reset": Fault(
        "a pseudo-derivative evaluated after the reset", "traces", "taken at the potential after the reset"
    ),
    "late": Fault("a learning signal one step late", "traces", "with the learning signal one step late"),
    "accumulated": Fault("gradients accumulated over two calls", "traces", "not set to zero between two calls"),
    "zero": Fault("a layer whose gradients are silently zero", "traces", "zero everywhere for rec.weight"),
    "overflow": Fault("mixed precision, gradients above float16's range", "autograd", "not finite: "),
    "underflow": Fault("mixed precision, gradients below float16's range", "autograd", "below float16's range"),
}
CLAIMS = {"traces": "e-prop", "autograd": "bptt-detached-reset"}


@dataclass(frozen=True)
class Found:
    """What came of one training.

    Attributes
    ----------
    fault, loop, seed, since, steps, every : what was asked; without a fault it is "".
    judged, alarms : judgements, and those before the fault that were not right.
    at, sentence : the first judgement of something wrong at or after the fault, and its cause; None and "" where none.
    worst : the largest error over its budget among the judgements before the fault.
    curve : step and, by parameter, error over its budget.
    seconds : of processor time, training and judging together.
    """

    fault: str
    loop: str
    seed: int
    since: int
    steps: int
    every: int
    judged: int
    alarms: int
    at: int | None
    sentence: str
    worst: float
    curve: list[tuple[int, dict[str, float]]]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @property
    def named(self) -> bool:
        """Whether the fault was named by the first judgement after its start."""
        if self.at is None:
            return False
        return FAULTS[self.fault].named in self.sentence and 0 <= self.at - self.since < self.every


def watched(fault: str, loop: str, seed: int, *, steps: int, since: int, every: int = EVERY) -> Found:
    """Train, and watch.

    Parameters
    ----------
    fault : a key of `FAULTS`, or "" for the right twin, whose `since` is the end.
    """
    begun = time.process_time()
    torch.manual_seed(seed)
    net = strange.Net()
    kind = strange.EProp if loop == "traces" else strange.ByAutograd
    trainer = kind(net, fault=fault or None, since=since)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.05)
    with tempfile.TemporaryDirectory() as folder:
        with gradcert.watch(net, rule=CLAIMS[loop], every=every, loss=strange.mean_of_steps, folder=folder) as watching:
            for k in range(steps):
                x, y = strange.batch(seed * 10**6 + k)
                trainer.train_sample(x, y)
                watching.step(x, y)
                if not fault or k < since:  # the weights of a broken training are nobody's
                    optimiser.step()
    found = watching.judgements
    before, after = ([j for j in found if (j.step >= since) is late] for late in (False, True))
    wrong = next((j for j in after if j.verdict == "wrong"), None)
    return Found(
        fault,
        loop,
        seed,
        since,
        steps,
        every,
        len(found),
        sum(j.verdict != "right" for j in before),
        None if wrong is None else wrong.step,
        "" if wrong is None else wrong.cause,
        max((j.worst for j in before), default=0.0),
        [(j.step, {name: min(of.share, 1e9) for name, of in j.parameters.items()}) for j in found],
        time.process_time() - begun,
    )
