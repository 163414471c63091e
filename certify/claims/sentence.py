"""A claim on one line: all that it says, and nothing that is as usual."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gradcert.certify.claims.extras import said_extra
from gradcert.certify.claims.forms import short_loss
from gradcert.certify.claims.layers import said_layers
from gradcert.certify.claims.losses import said_loss
from gradcert.certify.claims.networks import said_network
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import EXTRAS, readable
from gradcert.reference.published import read_rule, said

LISTED = {
    "masks": ("masks", " and "),
    "sizes": ("sizes", "-"),
    "parameters": ("about the gradients of", " and "),
    "untrained": ("not trained:", " and "),
}
NAMED = {"targets": "targets", "inputs": "inputs", "T": "T", "B": "B"}


def sentence(spec: Mapping[str, Any]) -> str:
    """Return the JSON form of a claim on one line, just made or read from a file; nothing that it names is looked up.

    Examples
    --------
    >>> spec = {"rule": "bptt", "cells": ["lif"], "depths": [1], "dtype": "float64", "acceptance": "exact",
    ...     "options": {}, "losses": ["squared_error"], "when": ["every"], "time": "mean", "batch": "sum",
    ...     "weights": True, "masks": ["output"], "readout": "integrator"}
    >>> sentence(spec)
    'bptt on lif, depth 1, float64, readout integrator, loss squared_error of every, mean over time, loss weights, \
masks output'
    """
    given, spec = spec, _as_read(spec)
    depths = ", ".join(map(str, spec["depths"]))
    options = "".join(f", {k} {_short(k, v)}" for k, v in sorted(spec["options"].items()))
    kind = "" if spec["acceptance"] == "exact" else f"{spec['acceptance']} "
    kind += "online " if spec.get("online") else ""
    cells = said_layers(spec["layers"], _short) if spec.get("layers") else "/".join(spec["cells"])
    rest = "".join(f", {part}" for part in (*_readout(spec), *_loss(spec), *_given(spec)))
    within = "".join(f", {k} {v}" for k, v in spec.get("within", {}).items())
    without = "".join(f", without {k} {' or '.join(v)}" for k, v in spec.get("without", {}).items())
    rule = spec["rule"]
    if settings := given.get("settings"):  # as the rule itself is called
        rule += f"({', '.join(f'{k}={said(v)}' for k, v in sorted(settings.items()))})"
    cells = said_network(spec["network"], _short) if spec.get("network") else cells
    depth = "" if spec.get("layers") or spec.get("network") else f", depth {depths}"
    return readable(f"{kind}{rule} on {cells}{depth}, {spec['dtype']}{options}{rest}{within}{without}")


def parts_of(spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return every part of a claim in its JSON form, those that are as usual too, as (name, text).

    Examples
    --------
    >>> parts_of({"rule": "bptt", "cells": ["lif"], "options": {"train": ["leak"]}, "within": {}, "readout": None})
    [('rule', 'bptt'), ('cells', 'lif'), ('options', 'train leak')]
    """
    out = []
    for name, given in spec.items():
        value = _as_read(given)
        if value in ([], {}, None, ()):
            continue
        if name == "network":
            said = said_network(value, _short)
        elif isinstance(value, Mapping):
            said = ", ".join(f"{k} {_short(k, v)}" for k, v in sorted(value.items()))
        else:
            said = (
                said_layers(value, _short)
                if name == "layers"
                else ", ".join(map(str, value))
                if isinstance(value, (list, tuple))
                else str(value)
            )
        out.append((name, readable(said)))
    return out


def _as_read(value: Any) -> Any:
    """Return a part of a claim as canonical JSON gives it back: what was read is said as it was when it was made.

    Examples
    --------
    >>> _as_read({"width": 1.0, "scale": [0.5, -0.0, True]})
    {'scale': [0.5, 0, True], 'width': 1}
    """
    if isinstance(value, Mapping):
        return {key: _as_read(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_as_read(one) for one in value]
    # from 1e21 on ECMAScript writes an exponent
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e21 else value


def _readout(spec: Mapping[str, Any]) -> Iterator[str]:
    if spec.get("readout"):
        own = spec.get("readout_options", {})
        yield f"readout {spec['readout']}" + "".join(f" {k} {_short(k, v)}" for k, v in sorted(own.items()))


def _loss(spec: Mapping[str, Any]) -> Iterator[str]:
    if loss := said_loss(spec, short_loss):
        yield f"loss {loss}"
    if spec.get("node", "z") != "z":
        yield f"output {spec['node']}"
    if spec.get("level"):
        yield f"level {spec['level']:g}"
    for term in spec.get("activity", ()):
        yield f"activity {term.get('kind', 'rate')} {_more(term)}".strip()
    for term in spec.get("local", ()):
        what = "in hidden layers the loss" if _is_local(spec) else "auxiliary loss in hidden layers"
        yield f"{what} {short_loss(term.get('kind', 'squared_error'))} {_more(term)}".strip()


def _more(term: Mapping[str, Any]) -> str:
    """Return what a term says beside its kind: numbers, and the layers or populations that it is about."""
    of = {k: " and ".join(map(str, v)) for k, v in term.items() if isinstance(v, list | tuple)}
    return " ".join(f"{k} {of.get(k) or _short(k, v)}" for k, v in term.items() if k != "kind" and v not in ([], ()))


def _is_local(spec: Mapping[str, Any]) -> bool:
    """Return whether hidden layers have nothing but losses of their own under the rule of a claim."""
    try:
        return read_rule(spec["rule"], spec.get("settings", {})).feedback == "local"
    except GradcertError:
        return False


def _given(spec: Mapping[str, Any]) -> Iterator[str]:
    if spec.get("initial", "zero") != "zero":
        nodes = " and ".join(spec.get("initial_nodes", ()))
        yield f"initial values {spec['initial']}" + (f" of {nodes}" if nodes else "")
    for name, word in NAMED.items():
        if spec.get(name) not in (None, "", "real"):
            yield f"{word} {spec[name]}"
    for name, word in (("weights", "loss weights"), ("begins", "beginnings inside a row")):
        if spec.get(name):
            yield word
    for name, (word, between) in LISTED.items():
        if spec.get(name):
            yield f"{word} {between.join(map(str, spec[name]))}"


def _short(option: str, value: Any) -> str:
    if isinstance(value, dict) and {"name", "formula"} & set(value):
        form = value.get("formula", value.get("name"))
        scales = ", ".join(f"{k}={v}" for k, v in value.items() if k not in ("name", "formula", "given"))
        given = f", taken as given from {value['given']}" if value.get("given") else ""
        return (f"{form}({scales})" if scales else str(form)) + given
    if option in EXTRAS and isinstance(value, dict):
        return said_extra(option, value)
    if isinstance(value, list):
        names = option == "train" and all(isinstance(v, str) for v in value)  # one value, not alternatives
        return (" and " if names else " or ").join(_short(option, v) for v in value) or "none"
    return str(value)
