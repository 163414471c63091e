"""Every pair of profile and rule that is described, and its program."""

from __future__ import annotations

import re
from dataclasses import replace

from gradcert.hardware_models.arithmetic import Format, Rounding
from gradcert.hardware_models.chips import PROFILES, Profile, q_format
from gradcert.hardware_models.chips.reckon import reckon_eprop
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.rules import RULES
from gradcert.reference.errors import GradcertError

WORDS = {m.value.replace(", ", "-").replace(" ", "-"): m for m in Rounding if m is not Rounding.STOCHASTIC}


def find_profile(name: str | Profile) -> Profile:
    """Return a profile by name, or by a weight format: the plain Q-format with weights in it.

    Behind a comma stands what is stored otherwise than the profile has it: a role (`gradcert.hardware_models.profile`),
    its format, and behind a colon its rounding.

    Examples
    --------
    >>> find_profile("s6q4").title
    'plain Q-format, 6-bit weights, nearest, ties to even'
    >>> mine = find_profile("s6q4,trace=u8q4:floor")
    >>> mine.title, str(mine["trace"].format), mine["trace"].rounding.value
    ('plain Q-format, 6-bit weights, nearest, ties to even; trace u8q4, floor', 'u8q4', 'floor')
    """
    if isinstance(name, Profile):
        return name
    head, *changes = str(name).split(",")
    if changes:
        found = find_profile(head.strip())
        for change in changes:
            found = _stored(found, change.strip())
        return replace(found, name=str(name))
    if re.fullmatch(r"[su][0-9]+q-?[0-9]+", str(name)):
        fmt = Format.parse(name)
        if not fmt.signed or fmt.radix != fmt.width - 2:
            raise GradcertError(
                f"weights in {name}", allowed="signed, two bits before the point: s6q4, s8q6, s12q10", do="use one"
            )
        return replace(q_format(weight_bits=fmt.width), name=name)
    if name not in list(PROFILES):  # a list, in which anything can be looked for
        raise GradcertError(
            f"profile {name!r}", allowed=f"{', '.join(PROFILES)}, or a weight format such as s8q6",
            do="choose one of them",
        )  # fmt: skip
    return PROFILES[name]


def _stored(profile: Profile, change: str) -> Profile:
    """Return a profile in which a role is stored otherwise, ``trace=u8q4`` or ``trace=u8q4:floor``."""
    role, _, said = change.partition("=")
    text, colon, rounding = said.partition(":")
    old = profile.roles.get(role)
    if old is None or not isinstance(old.format, Format):
        fixed = [r for r, numeric in profile.roles.items() if isinstance(numeric.format, Format)]
        raise GradcertError(
            f"{change!r} of {profile.name}", allowed=f"{', '.join(fixed) or 'no role'}, as in trace=u8q4", do="name one"
        )
    if profile.name.startswith("reckon"):
        raise GradcertError(f"{change!r} of reckon", allowed="the chip as it is", do="change q-format")
    new = replace(old, format=Format.parse(text))
    if colon:
        if rounding not in WORDS:
            raise GradcertError(f"the rounding {rounding!r}", allowed=", ".join(WORDS), do="choose one of them")
        new = replace(new, rounding=WORDS[rounding], source=None, shared=())
    title = f"{profile.title}; {role} {new.format}" + (f", {new.rounding.value}" if colon else "")
    return replace(profile, roles={**profile.roles, role: new}, title=title)


def program(profile: str | Profile, rule: str, *, inputs: int = 2, neurons: int = 2, outputs: int = 1) -> Program:
    """Return one learning step of a rule on a profile.

    Examples
    --------
    >>> program("spinnaker", "ottt").name
    'spinnaker/ottt'
    """
    found = find_profile(profile)
    if rule not in found.rules:
        raise GradcertError(f"rule {rule!r} on {found.name}", allowed=", ".join(found.rules), do="choose one of them")
    if found.name == "reckon" and rule == "e-prop":
        return reckon_eprop(inputs=inputs, neurons=neurons, outputs=outputs)
    return RULES[rule](found, inputs=inputs, neurons=neurons, outputs=outputs)


def pairs(*, fixed: bool = False) -> list[tuple[str, str]]:
    """Return (profile, rule) for everything described; with `fixed`, fixed-point profiles only.

    Examples
    --------
    >>> len(pairs()) > len(pairs(fixed=True))
    True
    """
    return [(p.name, rule) for p in PROFILES.values() for rule in p.rules if not fixed or program(p, rule).is_fixed]
