"""The options that say what is claimed, for every command that takes a claim, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from gradcert.commands.common import named, ruled_out
from gradcert.commands.complete import levels, names, of
from gradcert.commands.losses import forms
from gradcert.reference.numbers import FORMATS

OPTIONS = (
    click.option("--claim", "file", metavar="FILE", type=click.Path(exists=True, dir_okay=False),
                 help="The whole claim, in TOML (the documentation's page \"Claims\"), or a certificate's; other "
                      "options replace parts."),
    click.option("--rule", metavar="NAME", shell_complete=names("RULES"),
                 help="Rule that is claimed; see gradcert rules."),
    click.option("--settings", metavar="NAME=VALUE", multiple=True,
                 help="Setting of a rule that is no row, such as parts=4 of fptt; values are JSON."),
    click.option("--cells", metavar="NAME", multiple=True, shell_complete=names("CELLS"),
                 help="Cell; repeat for several; see gradcert cells."),
    click.option("--layers", metavar="CELL[:NAME=VALUE,...]", multiple=True,
                 help="Layer of a stack whose layers differ, lif:recurrent=true; repeat, the lowest first."),
    click.option("--network", metavar="JSON",
                 help="Graph of populations and connections, in the place of cells; easier in a file, --claim."),
    click.option("--depths", metavar="N", type=click.IntRange(1, 8), multiple=True, help="Number of layers; repeat."),
    click.option("--dtype", type=click.Choice(list(FORMATS)), help="Arithmetic that is claimed."),
    click.option("--options", metavar="NAME=VALUE", multiple=True, help="Convention of the cell; values are JSON."),
    click.option("--readout", metavar="NAME", shell_complete=names("CELLS"),
                 help="Cell of one more layer on top, such as integrator."),
    click.option("--readout-options", metavar="NAME=VALUE", multiple=True, help="Its conventions."),
    click.option("--loss", metavar="WORDS", shell_complete=of(forms),
                 help="Form, of what, and how it is reduced: 'cross_entropy of sum, mean over batch'."),
    click.option("--node", metavar="NAME", help="Node of the last layer that is the output: z, v."),
    click.option("--level", metavar="NUMBER", type=float, help="What a loss of the first crossing waits for."),
    click.option("--activity", metavar="KIND[:NAME=VALUE,...]", multiple=True,
                 help="Term about activity, rate:target=0.2,strength=0.1; l1, l2; repeat."),
    click.option("--local", metavar="FORM[:NAME=VALUE,...]", multiple=True,
                 help="Loss of hidden layers' own, cross_entropy:strength=0.5: auxiliary, or decolle's; repeat."),
    click.option("--targets", type=click.Choice(["real", "one-hot", "classes"]), help="classes: a label a sequence."),
    click.option("--inputs", type=click.Choice(["real", "spikes"]), help="spikes: 0 and 1."),
    click.option("--initial", type=click.Choice(["zero", "given", "trained"]), help="States before the first step."),
    click.option("--initial-nodes", metavar="NODE", multiple=True, help="Which of them; repeat."),
    click.option("--weights/--no-weights", default=None, help="Weights of the loss, (time, batch); 0 is padding."),
    click.option("--begins/--no-begins", default=None, help="Sequences that begin inside a row."),
    click.option("--masks", metavar="output|NODE", multiple=True, help="Dropout of outputs, zoneout; repeat."),
    click.option("--parameters", metavar="NAME", multiple=True,
                 help="Gradient that the claim is about, where not all: W, layers.0.W, layers.1; repeat."),
    click.option("--untrained", metavar="NAME", multiple=True, help="Parameter that has no gradient; repeat."),
    click.option("--sizes", metavar="N,N,...", help="Inputs and units of every layer, where they are fixed."),
    click.option("--T", "T", metavar="T", type=click.IntRange(1), help="Number of steps, where it is fixed."),
    click.option("--B", "B", metavar="B", type=click.IntRange(1), help="Number of samples, where it is fixed."),
    click.option("--acceptance", type=click.Choice(["exact", "bounded", "aligned", "unbiased"]),
                 help="Class of the claim."),
    click.option("--within", metavar="NAME=VALUE", multiple=True, help="Limit of a bounded or aligned claim; JSON."),
    click.option("--without", metavar="AXIS=LEVEL", multiple=True, shell_complete=of(levels),
                 help="Circumstance that the claim rules out, targets=soft; repeat."),
    click.option("--online/--no-online", default=None,
                 help="Claim to be online: the subject takes one step at a time."),
)  # fmt: skip


def claim_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a claim; the command gets them as keyword arguments, for `parts`."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def parts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a claim as parts of one (`gradcert.certify.claims.Parts`).

    Raises
    ------
    GradcertError : for a value that cannot be read.

    Examples
    --------
    >>> parts({"rule": "bptt", "cells": (), "sizes": "3,4", "activity": ("rate:target=0.2",), "file": None})
    {'rule': 'bptt', 'activity': [{'kind': 'rate', 'target': 0.2}], 'sizes': [3, 4]}
    """
    plain = ("rule", "dtype", "readout", "loss", "node", "level", "targets", "inputs", "initial", "weights", "begins",
             "T", "B", "acceptance", "online", "cells", "depths", "initial_nodes", "masks", "parameters",
             "untrained")  # fmt: skip
    out = {name: given[name] for name in plain if given.get(name) not in (None, ())}
    for name in ("options", "readout_options", "within", "settings"):
        out[name] = named(given.get(name, ()), f"--{name.replace('_', '-')}")
    out["without"] = ruled_out(given.get("without", ()))
    out["activity"] = [_term(text, "--activity") for text in given.get("activity", ())] or None
    out["local"] = [_term(text, "--local") for text in given.get("local", ())] or None
    out["layers"] = [_layer(text) for text in given.get("layers", ())] or None
    out["network"] = _network(given["network"]) if given.get("network") else None
    out["sizes"] = _sizes(given["sizes"]) if given.get("sizes") else None
    out["claim"] = Path(given["file"]) if given.get("file") else None
    return {name: value for name, value in out.items() if value is not None}


def _term(text: str, option: str) -> dict[str, Any]:
    end = text.find("}") + 1 if text.startswith("{") else 0  # a formula of one's own, which may have a colon in it
    kind, _, rest = text[end:].partition(":")
    kind = text[:end] + kind
    return {"kind": kind, **(named(tuple(rest.split(",")), option) or {})} if rest else {"kind": kind}


def _layer(text: str) -> dict[str, Any]:
    path, colon, rest = text.rpartition(":")
    if not colon or "=" not in rest:  # a cell alone, which may be path/to/file.py:attribute
        return {"cell": text, "options": {}}
    return {"cell": path, "options": named(tuple(rest.split(",")), "--layers") or {}}


def _network(text: str) -> dict[str, Any]:
    from gradcert.reference.outside import parse, record

    return dict(record(parse(text, "--network"), "--network"))


def _sizes(text: str) -> list[int]:
    from gradcert.reference.errors import GradcertError

    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise GradcertError(
            f"--sizes {text}", allowed="whole numbers with commas between them, such as 3,4,2"
        ) from None
