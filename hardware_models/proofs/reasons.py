"""What is not asked of a profile, and why: a proof that would be empty there says so instead of being left out."""

from __future__ import annotations

from dataclasses import dataclass

from gradcert.hardware_models.arithmetic import Rounding
from gradcert.hardware_models.catalogue import find_profile, program
from gradcert.hardware_models.chips import PROFILES, Profile


@dataclass(frozen=True)
class NotAsked:
    """A proof (its number), the profile, what of it is not asked, and why."""

    number: int
    profile: str
    what: str
    why: str


def not_asked(profile: str | None = None, rule: str | None = None) -> list[NotAsked]:
    """Return what is not asked of a profile, or of all; with a rule, also which claims are not about that rule.

    Examples
    --------
    >>> [n.number for n in not_asked("spinnaker")]
    [4, 5]
    >>> not_asked("spinnaker", "e-prop")[-1].number
    7
    """
    out = []
    for p in PROFILES.values() if profile is None else [find_profile(profile)]:
        out += [NotAsked(number, p.name, what, why) for number, what, why in _of(p)]
        if rule is not None and rule != "ottt" and program(p, p.rules[0]).is_fixed:
            step = program(p, rule)
            states = ", ".join(n.name for n in step.of_kind("state") if n.name not in ("v", "z"))
            why = "the whole step that is asked about is OTTT's; of other rules their trace and membrane units are"
            out.append(NotAsked(7, p.name, f"whole {rule} step; its registers {states} over all time", why))
    return out


def _of(p: Profile) -> list[tuple[int, str, str]]:
    floating = not program(p, p.rules[0]).is_fixed
    out = []
    if p.update == "probability":
        why = "an update is a probability: the trace's all-time error alone may exceed one"
        out.append((2, "update with operands in error", why))
        why = "a weight at its limit cannot step beyond: the mean of clamped weights is not the clamped mean"
        out.append((2, "mean weight at a limit", why))
    silent = {
        "probability": "every magnitude acts, with its probability: there is no smallest update",
        "window": "a window's sum is exact and rounded once: nothing small is lost step by step (proof 6)",
        "pulses": "the remainder is kept: nothing small is lost (proof 6)",
    }
    if p.update in silent:
        out.append((4, "smallest update that acts", silent[p.update]))
    elif not floating and p["update"].rounding is Rounding.STOCHASTIC:
        out.append((4, "smallest update that acts", "stochastic rounding: every update acts, with its probability"))
    if not any(n.kind == "random" for rule in p.rules for n in program(p, rule).nodes):
        out.append((5, "expectation over the generator's period", "no intermediate draws a word"))
    if p.update in ("value", "probability"):
        out.append((6, "accumulation conserves", "an update is applied in the step that makes it: nothing accumulates"))
    if floating:
        why = "no format bounds the values that errors are relative to; the ledger's enclosure bounds each run instead"
        out.append((7, "whole learning step", why))
    if p.name == "reckon":
        why = "the reference engine has no rule that updates before it propagates: there, only the direction is asked"
        out.append((8, "e-prop in the chip's own order", why))
    return out
