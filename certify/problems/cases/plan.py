"""Which cases a claim gets: every cell, depth, loss and moment, in every family that applies."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gradcert.certify.claims import Claim
from gradcert.certify.problems.cases.case import Spec
from gradcert.certify.problems.cases.circumstances.rows import alone as lone_row
from gradcert.certify.problems.cases.circumstances.rows import impossible, rows
from gradcert.certify.problems.cases.circumstances.ruled import drawn_axes
from gradcert.certify.problems.cases.families import FAMILIES, families
from gradcert.certify.problems.cases.options import turns
from gradcert.certify.problems.cases.scale import KINDS
from gradcert.reference.errors import GradcertError
from gradcert.reference.numbers import FORMATS
from gradcert.reference.published import Algorithm


@dataclass(frozen=True)
class Profile:
    """How much is done.

    Attributes
    ----------
    each : cases of a family for one combination of cell, depth, loss and moment.
    combinations : None for all, or how many combinations of loss and moment per cell and depth.
    repeats : cases that are run again, in reverse order.
    reach : further problems that may be tried to reach lines of the subject that never ran.
    calls : that one process has to answer before the end.
    strength : of the circumstances: 1 for every level, 2 for every pair of levels, 0 for what the families meet.
    scale : whether there are scale cases too.
    questions : smaller problems that a refuted subject is asked, in search of a counterexample.
    """

    each: int
    combinations: int | None
    repeats: int
    questions: int
    strength: int = 0
    calls: int = 0
    reach: int = 0
    scale: bool = False


ALIGNED = 5  # cases of a family for one combination, of a claim about a direction


PROFILES = {
    "quick": Profile(1, 2, 2, 0),
    "default": Profile(1, None, 4, 150, strength=1, calls=160, reach=8),
    "thorough": Profile(5, None, 12, 500, strength=2, calls=400, reach=40, scale=True),
}


def profile_named(name: str) -> Profile:
    """Return a profile.

    Examples
    --------
    >>> profile_named("quick").each
    1
    """
    if name not in list(PROFILES):  # a list, in which anything can be looked for
        raise GradcertError(f"the profile {name!r} is unknown", allowed=", ".join(PROFILES))
    return PROFILES[name]


def plan(claim: Claim, profile: str = "default") -> tuple[Spec, ...]:
    """Return the specs of all cases, in order.

    Examples
    --------
    >>> [spec.id for spec in plan(Claim(rule="bptt", cells="rnn", depths=1, losses="squared_error"), "quick")]
    ['rnn/1/squared_error-every/bounded/0', 'rnn/1/squared_error-last/bounded/0']
    """
    chosen, out = profile_named(profile), []
    each = chosen.each * (2 if FORMATS[claim.dtype].half else 1)  # in 16 bits, of usual sizes and of the fewest units
    if claim.acceptance == "aligned" and chosen.strength:  # which is asked in no other circumstances
        each = max(each, ALIGNED)
    for cell in claim.stacks:
        fit = _families(claim, cell)
        every = [name for name in FAMILIES if any(name in names for names in fit)]
        for depth in claim.depths:
            pairs = [(loss, when) for loss in claim.losses for when in claim.when]
            few = 2 if claim.acceptance == "unbiased" else chosen.combinations
            if few is not None:  # the first and the last: both losses, both moments
                pairs = list(dict.fromkeys([pairs[0], pairs[-1]]))[:few]
            for number, (loss, when) in enumerate(pairs):
                for family in every:  # every family sees every alternative
                    for index in range(each):
                        turn = number * each + index + depth - 1  # another one for another depth
                        spec = Spec(cell, depth, loss, when, family, index, turn)
                        applies = family in fit[turn % len(fit)]
                        out.append(spec if applies else replace(spec, family="bounded", instead=family))
            stacks = claim.entrywise and not isinstance(claim.claimed, Algorithm) and not claim.network
            if chosen.scale and stacks and not FORMATS[claim.dtype].half:
                for index in range(len(KINDS)):  # every loss and moment in turn
                    loss, when = pairs[(index + depth) % len(pairs)]
                    out.append(Spec(cell, depth, loss, when, "scale", index, index + depth - 1))
        out += circumstances(claim, cell, chosen.strength)
    return tuple(out)


def _families(claim: Claim, cell: str) -> list[tuple[str, ...]]:
    """Return the families that make sense for a cell, for each of the claim's alternatives in turn."""
    if claim.acceptance == "unbiased":  # a mean is never exact
        return [("bounded",)]
    return [families(claim, cell, turn) for turn in range(turns(claim, cell))]


def alone(claim: Claim, cell: str, axis: str, level: str, *, loss: str, depth: int) -> dict[str, str] | None:
    """Return a row of levels in which one alone is unusual; None where it cannot be drawn for."""
    axes = {**drawn_axes(claim, cell), "depth": tuple(map(str, claim.depths)), "loss": claim.losses}
    fixed = {"T": claim.T, "B": claim.B, "sizes": claim.sizes}
    number = axis in fixed and not fixed[axis] and level.split(" ")[0].isdigit()  # of steps, samples, units
    if level not in axes.get(axis, ()) and not number:
        return None
    for others in ({"loss": loss, "depth": str(depth)}, {"loss": loss}, {}):
        if (row := lone_row(axes, {axis: level, **others})) is not None and impossible(row) is None:
            return row
    return None


def circumstances(claim: Claim, cell: str, strength: int, *, first: int = 0, salt: str = "0") -> list[Spec]:
    """Return the specs that meet every level (1) or pair of levels (2) of a cell's circumstances, and the long case.

    A claim of an estimate, or of an alignment, is not asked in all of them: what it promises is about the ordinary.
    """
    if not strength or claim.acceptance not in ("exact", "bounded"):
        return []
    axes = {**drawn_axes(claim, cell), "depth": tuple(map(str, claim.depths)), "loss": claim.losses}
    out = []
    together = ("loss", "targets") if strength == 1 else ()
    for index, row in enumerate(rows(axes, strength, salt=salt, together=together), start=first):
        when = claim.when[index % len(claim.when)]
        # where one step counts alone there is no other without a target, no padding, and no second sequence
        elsewhere = row.get("targets") == "a step without" or row.get("begins") in ("inside", "adjacent")
        if "every" in claim.when and (elsewhere or row.get("loss weights") == "padding"):
            when = "every"
        out.append(
            Spec(cell, int(row["depth"]), row["loss"], when, "circumstance", index, index, levels=tuple(row.items()))
        )
    long = claim.entrywise and not isinstance(claim.claimed, Algorithm) and not FORMATS[claim.dtype].half
    if long and "hundreds" not in claim.without.get("T", ()) and not first and claim.T is None:
        when = "last" if "last" in claim.when else claim.when[0]
        depths = sorted(claim.depths) if strength > 1 else [min(claim.depths)]
        out += [Spec(cell, depth, claim.losses[0], when, "long", turn=depth - 1) for depth in depths]
    return out
