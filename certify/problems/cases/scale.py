"""Scale cases: long, wide, faint, loud, with leaks near 0 and 1, and with subnormal inputs.

They are too large for an enclosure; the reference is evaluated in extended precision, and the allowance is an envelope
that is measured (`gradcert.certify.problems.budget.envelope`), which is weaker evidence, and said to be. What they find
is what small cases cannot: drift over many steps, overflow in a softmax, ``inf * 0`` in a saturated derivative, and
sums that lose their small terms.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import numpy as np

from gradcert.certify.claims import Claim
from gradcert.certify.problems.budget.envelope import Run, envelope
from gradcert.certify.problems.budget.stored import DECAYS
from gradcert.certify.problems.cases.bounded import Bounded
from gradcert.certify.problems.cases.case import Case, Spec
from gradcert.certify.problems.cases.circumstances.generate import facts, floats
from gradcert.certify.problems.cases.circumstances.seen import met
from gradcert.certify.problems.cases.draw import draw, latency, spiking
from gradcert.certify.problems.cases.generate import generate as generate_small
from gradcert.certify.problems.cases.generate import least_steps
from gradcert.certify.problems.cases.options import cells_of
from gradcert.reference.numbers import Array
from gradcert.reference.rules import Rule

KINDS = ("long", "wide", "loud", "leaky", "faint", "subnormal")
WIDE = {1: (16, 32), 2: (16, 32, 24), 3: (8, 16, 24, 16)}
STEPS = {"long": 200, "wide": 16, "leaky": 40}  # otherwise 8
LOUD = 2.0**10  # of inputs: every smooth function is saturated; a softmax without a shift overflows
FAINT = 2.0**-40  # of inputs and targets; their product with anything is still normal
NEAR = 2.0**-20  # how far leaks are from 0 and 1
TRIES = 20
FEWEST = {"long": 0.02, "wide": 0.02}  # spikes per unit and step, where there have to be any


class Scale(Bounded):
    """Numbers as in bounded cases, at another scale."""

    def __init__(self, claim: Claim, least_steps: int, attempt: int = 0, *, kind: str = "long") -> None:
        super().__init__(claim, least_steps, attempt)
        self.kind, self.claim = kind, claim
        self.steps, self.batch = max(STEPS.get(kind, 8), least_steps), 4 if kind == "wide" else 2
        self.sizes = WIDE if kind == "wide" else None

    @staticmethod
    def applies(claim: Claim, cell: str, turn: int = 0) -> bool:
        """Return False: they are planned apart, for thorough runs."""
        return False

    def constant(self, name: str, rng: np.random.Generator, *, spiking: bool) -> float:
        """Constants of bounded cases, but for leaks where they are what is extreme."""
        if self.kind == "leaky" and name in DECAYS:
            return float(rng.choice([NEAR, 1 - NEAR]))
        return super().constant(name, rng, spiking=spiking)

    def signal(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Normal around 0.4, scaled."""
        tiny = float(np.finfo(self.claim.dtype).tiny) / 8
        factor = {"loud": LOUD, "faint": FAINT, "subnormal": tiny}.get(self.kind, 1.0)
        return factor * super().signal(shape, rng)


def generate(spec: Spec, claim: Claim, *, seed: int = 0) -> Case | None:
    """Return the case of a spec: finite, decided, and with a gradient; a small one where no draw is.

    Examples
    --------
    >>> case = generate(Spec("rnn", 1, "squared_error", "every", "scale", 1), Claim(rule="bptt", cells="rnn"))
    >>> case.facts["kind"], case.problem.parameters["layers.0.H"].shape
    ('wide', (32, 32))
    """
    rng = np.random.default_rng([seed, zlib.crc32(spec.id.encode())])
    rule, kind = claim.claimed, KINDS[spec.index]
    assert isinstance(rule, Rule), rule  # an algorithm has no scale cases (`plan`)
    least = least_steps(rule, latency(claim, spec))
    for attempt in range(TRIES):
        family = Scale(claim, least, attempt, kind=kind)
        scale = 1.5 + 0.25 * (attempt % 5) if any(map(spiking, cells_of(claim, spec.cell))) else 0.8
        problem = draw(spec, claim, rule, family, rng, scale=scale)
        found = envelope(problem, rule, claim.dtype, rng)
        if found is None or not _worth(found[1], kind):
            continue
        tape, gradients = floats(problem, rule)
        told: dict[str, Any] = facts(problem, tuple(met(problem, tape, gradients)))
        told |= {"kind": kind, "evidence": "measured envelope", "draws": attempt + 1}
        return Case(spec, problem, rule, found[0], {}, told)
    return generate_small(replace(spec, family="bounded", instead="scale"), claim, seed=seed)


def _worth(run: Run, kind: str) -> bool:
    """Return whether there is something to see: a gradient, and spikes where the numbers are ordinary.

    Where everything is saturated the gradient may be zero; that it is a number at all is what is seen then.
    """
    size = sum(float(np.abs(np.asarray(g, dtype=float)).max()) for g in run.gradients.values())
    rates = [float((margin > 0).mean()) for margin in run.margins.values()]
    return (size > 0 or kind == "loud") and all(rate >= FEWEST.get(kind, 0.0) for rate in rates)
