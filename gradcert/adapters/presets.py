"""A claim from a preset: the conventions of a library's neuron, and the rule that its autograd computes on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from gradcert.certify.claims import Decorated, claim
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Preset
from gradcert.reference.numbers import Surrogate

# snnTorch resets a neuron whose potential, 0 at first, is above its threshold before the first step
WITHOUT = {"snnTorch": {"threshold": ("below 0",)}}
DRAWN = ("leak", "threshold", "beta", "rho")  # continuous: every case draws its own


def conventions(preset: Preset, *, keep: Iterable[str] = ()) -> dict[str, Any]:
    """Return a preset's cell as options of a claim, without the constants that cases draw.

    Parameters
    ----------
    keep : constants that are fixed all the same, such as ``("leak",)``.

    Examples
    --------
    >>> from gradcert.reference.networks import snntorch_leaky
    >>> options = conventions(snntorch_leaky(beta=0.9))
    >>> options["reset"], options["strict"], "leak" in options
    ('subtract_after_leak', True, False)
    """
    options = {f.name: getattr(preset.cell, f.name) for f in fields(preset.cell)}  # type: ignore[arg-type]
    unknown = sorted(set(keep) - set(options))
    if unknown:
        raise GradcertError(f"keep={', '.join(unknown)}", allowed=", ".join(n for n in DRAWN if n in options))
    plain = {k: v.to_dict() if isinstance(v, Surrogate) else v for k, v in options.items()}
    return {k: v for k, v in plain.items() if k not in DRAWN or k in keep}


def claimed(
    preset: Preset,
    *,
    rule: str | None = None,
    dtype: str = "float64",
    depths: tuple[int, ...] = (1, 2),
    keep: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
) -> Callable[[Decorated], Decorated]:
    """Decorate a subject with the claim that a preset makes.

    What the library does otherwise, and no convention of the cell says, the claim rules out (`WITHOUT`).

    Parameters
    ----------
    rule : instead of the preset's.
    dtype, depths : as for `gradcert.certify.claims.Claim`.
    keep : constants of the preset that are fixed (`conventions`).
    options : more conventions, or others.

    Examples
    --------
    >>> from gradcert.certify.claims.claim import claim_of
    >>> from gradcert.reference.networks import spikingjelly_lif
    >>> @claimed(spikingjelly_lif(detach_reset=True), options={"bias": False})
    ... def gradients(problem):
    ...     return {}
    >>> claim_of(gradients).rule, claim_of(gradients).options["bias"]
    ('bptt-detached-reset', False)
    """
    chosen = {**conventions(preset, keep=keep), **(options or {})}
    without = {} if "threshold" in chosen else WITHOUT.get(preset.source.split(" ")[0], {})
    named = {"rule": rule or preset.rule, "cells": (preset.cell.name,), "depths": depths, "dtype": dtype}
    return claim(**named, options=chosen, without=without)  # type: ignore[arg-type]
