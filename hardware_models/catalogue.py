"""Every pair of profile and rule that is described, and its program."""

from __future__ import annotations

import re
from dataclasses import replace

from gradcert.hardware_models.arithmetic import Format
from gradcert.hardware_models.chips import PROFILES, Profile, q_format
from gradcert.hardware_models.chips.reckon import reckon_eprop
from gradcert.hardware_models.description.program import Program
from gradcert.hardware_models.rules import RULES
from gradcert.reference.errors import GradcertError


def find_profile(name: str | Profile) -> Profile:
    """Return a profile by name, or by a weight format: the plain Q-format with weights in it.

    Examples
    --------
    >>> find_profile("s6q4").title
    'plain Q-format, 6-bit weights, nearest, ties to even'
    """
    if isinstance(name, Profile):
        return name
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
