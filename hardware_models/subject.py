"""Judging a fixed-point implementation, in C or RTL or anything else, bit for bit against its description."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.chips import Profile
from gradcert.hardware_models.description.compare import flatten, random_inputs, random_states
from gradcert.hardware_models.description.simulate import Simulator

Step = Callable[[Mapping[str, int], Mapping[str, int]], Mapping[str, int]]


@dataclass(frozen=True)
class FixedPointVerdict:
    """Steps run, intermediates compared, and the first difference: (step, name, expected, got) or None."""

    steps: int
    compared: tuple[str, ...]
    first: tuple[int, str, int, int] | None

    @property
    def conforms(self) -> bool:
        """Whether every compared integer was equal."""
        return self.first is None


def judge_fixed_point(
    subject: Step,
    profile: str | Profile,
    rule: str,
    *,
    steps: int = 200,
    seed: int = 0,
    inputs: int = 2,
    neurons: int = 2,
    outputs: int = 1,
) -> FixedPointVerdict:
    """Drive an implementation and its description with the same random steps and compare stored integers.

    Parameters
    ----------
    subject : called once per step with stored integers by name: the inputs (`x[0]`, `target[0]`, random words such as
        `W.word[0,1]`) and the states before the step (`v[0]`, `W[1,0]`); returns stored integers of whichever
        intermediates it has (`v.next[0]`, `W.next[1,0]`). Every returned name is compared; `compared` says which.
        Every fourth step starts from random states, which a run from reset would hardly reach.
    profile, rule, inputs, neurons, outputs : the description.
    steps, seed : how many random steps, from which seed.

    Examples
    --------
    >>> judge_fixed_point(lambda given, state: {}, "q-format", "ottt", steps=3).conforms
    True
    """
    described = program(profile, rule, inputs=inputs, neurons=neurons, outputs=outputs)
    simulator = Simulator(described)
    compared: dict[str, None] = {}
    first = None
    for index, one in enumerate(random_inputs(described, steps, seed)):
        if index % 4 == 0:
            simulator.state = random_states(described, seed + index)
        states = flatten(described, simulator.state)
        expected: dict[str, Any] = flatten(described, simulator.step(one))
        for name, got in subject(flatten(described, one), states).items():
            described.node(name.partition("[")[0])
            compared[name] = None
            if first is None and expected[name] != got:
                first = (index, name, int(expected[name]), int(got))
        if first is not None:
            return FixedPointVerdict(index + 1, tuple(compared), first)
    return FixedPointVerdict(steps, tuple(compared), None)
