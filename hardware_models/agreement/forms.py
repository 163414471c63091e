"""Do all executable forms of a description agree? The table: profile, rule, steps, and each form against the simulator.

Independent steps from random states (every state of every size, ends of ranges included), every intermediate compared:
far more of the space than a run from reset would reach.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from gradcert.hardware_models.agreement.compare import FORMS, Difference, forms_of, lanes_difference
from gradcert.hardware_models.catalogue import program
from gradcert.hardware_models.chips import PROFILES
from gradcert.hardware_models.rtl.tools import missing

EQUAL = "equal"


@dataclass(frozen=True)
class Agreement:
    """One description: how many steps each form was compared on, and what came of it.

    `forms` maps a form to ``equal``, to the first difference, or to the reason why it was not asked.
    """

    profile: str
    rule: str
    steps: int
    forms: dict[str, str]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether every form that was asked is equal, and at least two were."""
        asked = [f for f in self.forms.values() if not f.startswith("not ")]
        return len(asked) > 1 and all(f == EQUAL for f in asked)


def richest(profile: str) -> str:
    """Return the rule that the table runs on a profile by default: the chip's own where it has one.

    Examples
    --------
    >>> richest("reckon"), richest("spinnaker")
    ('e-prop', 'e-prop')
    """
    return {"reckon": "e-prop", "spinnaker": "e-prop", "pcm": "e-prop"}.get(profile, "ottt")


def agreements(
    profile: str | None = None, *, rule: str | None = None, steps: int = 100_000, seed: int = 1
) -> Iterator[Agreement]:
    """Compare every form of a description with the NumPy simulator, profile by profile.

    Parameters
    ----------
    profile, rule : one profile, one rule; all profiles and `richest` rule of each, where not given. ``rule="all"``
        takes every rule.
    steps, seed : how many independent random steps, from which seed.

    Examples
    --------
    >>> [record.holds for record in agreements("brainscales2", steps=50)]
    [True]
    """
    for name in PROFILES if profile is None else [profile]:
        chosen = PROFILES[name].rules if rule == "all" and name in PROFILES else (rule or richest(name),)
        for one in chosen:
            described = program(name, one, inputs=1, neurons=1, outputs=1)
            started = time.perf_counter()
            outcome = {form: "not offered" for form in FORMS}
            for form in forms_of(described):
                absent = missing("iverilog", "vvp") if form == "RTL" else []
                if absent:
                    outcome[form] = f"not run: {', '.join(absent)} not installed"
                else:
                    outcome[form] = said(lanes_difference(described, steps, seed, form=form))
            yield Agreement(name, one, steps, outcome, time.perf_counter() - started)


def said(difference: Difference | None) -> str:
    """Return `equal`, or the first difference as a sentence."""
    if difference is None:
        return EQUAL
    return f"step {difference.step}, {difference.name}: {difference.one:g} against {difference.other:g}"
