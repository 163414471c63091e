"""The command that shows a finding again: subject, interpreter, limits, profile, seed, what was claimed otherwise."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from gradcert.certify.campaign.claimed import claimed
from gradcert.certify.claims import Claim
from gradcert.certify.subjects import Limits, Subject
from gradcert.reference.errors import GradcertError

PLAIN = {"rule": "--rule", "dtype": "--dtype", "acceptance": "--acceptance"}
USUAL = Limits()


def again(
    who: Subject,
    wanted: Claim,
    *,
    subject: Any,
    told: Mapping[str, Any] | None,
    profile: str = "default",
    seed: int = 0,
) -> str:
    """Return the command line that judges a subject as it was judged.

    Parameters
    ----------
    subject, told : what was given, and the claim that its process told: what the subject claims by itself is not said.
    """
    words = ["gradcert", "certify", "--seed", str(seed)]
    words += ["--profile", profile] if profile != "default" else []
    words += ["--python", who.python] if who.python != sys.executable else []
    words += ["--timeout", f"{who.limits.call:g}"] if who.limits.call != USUAL.call else []
    words += ["--memory", str(who.limits.memory)] if who.limits.memory not in (USUAL.memory, None) else []
    own = _own(subject, told)
    words += _differing(wanted, own)
    line = f"{shlex.join(words)} {who.replay}"
    left = _unsaid(wanted, own)
    return f"{line}  # with {', '.join(left)} in the claim" if left else line


def _own(subject: Any, told: Mapping[str, Any] | None) -> Claim | None:
    try:
        return claimed(subject, told, run_cells=True)  # its cells' files were run already, or the claim was refused
    except GradcertError:
        return None


def _differing(wanted: Claim, own: Claim | None) -> Iterator[str]:
    """Yield the options that make the subject's own claim the one that was judged."""
    said, had = wanted.to_dict(), own.to_dict() if own is not None else Claim(wanted.rule, wanted.cells).to_dict()
    for name, flag in PLAIN.items():
        if (own is None and name == "rule") or said[name] != had[name]:
            yield from (flag, str(said[name]))
    for name in ("cells", "depths"):
        if (own is None and name == "cells") or said[name] != had[name]:
            for value in said[name]:
                yield from (f"--{name}", str(value))
    options, limits = had.get("options", {}), had.get("within", {})
    for key, value in said.get("options", {}).items():  # added to the subject's own
        if key not in options or options[key] != value:
            yield from ("--options", f"{key}={json.dumps(value)}")
    for key, value in said.get("within", {}).items():  # in the place of the subject's own
        if said["within"] != limits:
            yield from ("--within", f"{key}={json.dumps(value)}")
    for axis, levels in said.get("without", {}).items():
        for level in levels:
            if said.get("without") != had.get("without"):
                yield from ("--without", f"{axis}={level}")
    if wanted.online != bool(had.get("online", False)):
        yield "--online" if wanted.online else "--no-online"


def _unsaid(wanted: Claim, own: Claim | None) -> list[str]:
    """Return what no option of the command line says: a claim that was given in Python."""
    said, had = wanted.to_dict(), own.to_dict() if own is not None else Claim(wanted.rule, wanted.cells).to_dict()
    names = ("losses", "when", "time", "batch", "readout", "readout_options")
    left = [f"{name}={json.dumps(said[name])}" for name in names if said[name] != had[name]]
    gone = [f"options.{key}" for key in had["options"] if key not in said["options"]]
    gone += [name for name in ("within", "without") if had.get(name) and not said.get(name)]
    return [*left, *(f"no {name}" for name in gone)]
