"""The command that shows a finding again: subject, interpreter, limits, profile, seed, what was claimed otherwise."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gradcert.certify.campaign.claimed import claimed
from gradcert.certify.claims import USUAL, Claim, files_of, said_loss
from gradcert.certify.subjects import Limits, Subject
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import file_of

PLAIN = {name: f"--{name}" for name in ("rule", "dtype", "acceptance", "readout", "node", "level", "targets")}
PLAIN |= {"inputs": "--inputs", "initial": "--initial", "T": "--T", "B": "--B"}
LISTS = {"cells": "--cells", "depths": "--depths", "initial_nodes": "--initial-nodes", "masks": "--masks"}
LISTS |= {"parameters": "--parameters", "untrained": "--untrained"}
PAIRS = {"options": "--options", "readout_options": "--readout-options", "within": "--within", "settings": "--settings"}
NOTHING: tuple[Any, ...] = (None, "", [], {})
LOSS = ("losses", "when", "time", "batch", "outputs")
LIMITS = Limits()


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
    words += ["--timeout", f"{who.limits.call:g}"] if who.limits.call != LIMITS.call else []
    words += ["--memory", str(who.limits.memory)] if who.limits.memory not in (LIMITS.memory, None) else []
    own = _own(subject, told)
    words += ["--run"] if own is not None and _elsewhere(own, subject) else []
    said, had = _compared(wanted, own)
    words += _differing(said, had, told=own is not None)
    gone = [name for name in had if name != "options" and had[name] != said[name] and said[name] in NOTHING]
    gone += [f"options.{key}" for key in had["options"] if key not in said["options"]]  # they are added, never taken
    line = f"{shlex.join(words)} {who.replay}"
    return f"{line}  # with {', '.join(gone)} taken out of the claim" if gone else line


def _elsewhere(own: Claim, subject: Any) -> bool:
    """Return whether a subject's own claim names files of cells beside its own file: they were allowed to run."""
    where = file_of(subject)
    mine = Path(where).resolve() if where else None
    return any(Path(file).resolve() != mine for file in files_of(own.to_dict()))


def _own(subject: Any, told: Mapping[str, Any] | None) -> Claim | None:
    try:
        return claimed(subject, told, run_cells=True)  # its cells' files were run already, or the claim was refused
    except GradcertError:
        return None


def _compared(wanted: Claim, own: Claim | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return all parts of the claim that was judged, and of what the subject claims by itself."""
    had = {"rule": wanted.rule, "cells": wanted.cells} if own is None else own.to_dict()
    return {**_listed(USUAL), **wanted.to_dict()}, {**_listed(USUAL), **_listed(had)}


def _listed(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in parts.items()}


def _with_options(name: str, own: Mapping[str, Any]) -> str:
    return f"{name}:{','.join(f'{k}={json.dumps(v)}' for k, v in own.items())}".rstrip(":")


def _differing(said: Mapping[str, Any], had: Mapping[str, Any], *, told: bool) -> Iterator[str]:
    """Yield the options that make the subject's own claim, if it told one, the one that was judged."""
    for name, flag in PLAIN.items():
        if (not told and name == "rule") or (said[name] != had[name] and said[name] not in NOTHING):
            yield from (flag, str(said[name]))
    for name, flag in LISTS.items():
        if name in ("cells", "depths") and (said["layers"] or said["network"]):
            continue
        if (not told and name == "cells") or said[name] != had[name]:
            for value in said[name]:
                yield from (flag, str(value))
    if said["layers"] and (not told or said["layers"] != had["layers"]):
        for layer in said["layers"]:
            yield from ("--layers", _with_options(layer["cell"], layer["options"]))
    if said["network"] and said["network"] != had["network"]:
        yield from ("--network", json.dumps(said["network"]))
    if any(said[name] != had[name] for name in LOSS):
        yield from ("--loss", said_loss(said) or "squared_error or cross_entropy of every or last")
    for name, flag in PAIRS.items():
        whole = (
            name in ("within", "settings") and said[name] != had[name]
        )  # in the place of the subject's own; others are added
        for key, value in said[name].items():
            if whole or had[name].get(key) != value:
                yield from (flag, f"{key}={json.dumps(value)}")
    if said["without"] != had["without"]:
        for axis, levels in said["without"].items():
            for level in levels:
                yield from ("--without", f"{axis}={level}")
    if said["activity"] != had["activity"]:
        for term in said["activity"]:
            own = {k: v for k, v in term.items() if k != "kind"}
            yield from ("--activity", _with_options(str(term.get("kind", "rate")), own))
    if said["local"] != had["local"]:
        for term in said["local"]:
            own = {k: v for k, v in term.items() if k != "kind"}
            yield from ("--local", _with_options(str(term.get("kind", "squared_error")), own))
    if said["sizes"] != had["sizes"]:
        yield from ("--sizes", ",".join(map(str, said["sizes"])))
    for name in ("weights", "begins", "online"):
        if bool(said[name]) != bool(had[name]):
            yield f"--{name}" if said[name] else f"--no-{name}"
