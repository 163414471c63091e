"""A step that was kept, read back: networks, weights, sequences, gradients. All of it is data, none of it trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gradcert.models.reading.network.passes import AS_CODED, Columns, Run, passed
from gradcert.reference import outside
from gradcert.reference.checks import check_size
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import Network
from gradcert.reference.numbers import Array
from gradcert.reference.outside import array, parse, record
from gradcert.reference.rules import rule_named
from gradcert.watching.causes.places import places_from
from gradcert.watching.kept.networks import from_record
from gradcert.watching.kept.pulls import Pull, pull_from, pulled
from gradcert.watching.measured.evidence import Evidence

SCHEMA = "gradcert-watch-2"
FORM = f"a file that gradcert.watch wrote ({SCHEMA})"
LARGEST = 2**27  # numbers of one forward pass: nodes times units times steps times samples
UNFIT = (StopIteration, ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError)
NEEDS = (
    "claim",
    "model",
    "networks",
    "weights",
    "parameters",
    "pulls",
    "sequences",
    "given",
    "was",
    "previous",
    "judgement",
)


@dataclass(frozen=True)
class StoredNetworks:
    """Networks that were stored, and the maps from their gradients to the module's (`gradcert.watching.kept.pulls`)."""

    full: Network
    as_cut: Network
    pulls: tuple[Pull, ...]
    shapes: Mapping[str, tuple[int, ...]]
    coded: tuple[Pull, ...] | None = None  # with parameters cut where the module's own code cuts them; as `pulls` else

    def arrays(self, parameters: Mapping[str, Any], dtype: str = "float64") -> dict[str, Array]:
        """Return the networks' parameters, which were stored themselves."""
        return {name: value.astype(dtype) for name, value in parameters.items()}

    def pulled(
        self, gradients: Mapping[str, Array], parameters: Mapping[str, Any], *, coded: bool = False
    ) -> dict[str, Any]:
        """Return the gradients of the module's parameters."""
        pulls = self.coded if coded and self.coded is not None else self.pulls
        return pulled(pulls, gradients, self.shapes)


@dataclass(frozen=True)
class Stored:
    """A step that was kept.

    Attributes
    ----------
    record : its JSON form. `model` : what it says of the module. `was` : the sizes that it was shrunk from.
    rule, dtype, rounding : what was claimed, of parameters in which dtype, and what else may be off.
    parameters : of the module, by name.
    evidence : what the reference engine makes of it; ``previous`` : of the sequences before, the last one first.
    """

    record: dict[str, Any]
    model: dict[str, Any]
    was: dict[str, int]
    rule: str
    dtype: str
    rounding: dict[str, float]
    parameters: dict[str, Array]
    evidence: Evidence
    previous: tuple[Run, ...]


def kept(path: Path) -> dict[str, Any] | None:
    """Return what a file holds if that is a step that `gradcert.watch` kept; None for whatever else it holds."""
    try:
        found = parse(outside.read(path, FORM), str(path), nan=True)
    except GradcertError:
        return None
    ours = isinstance(found, dict) and str(found.get("schema", "")).startswith("gradcert-watch-")
    return found if ours else None


def read(path: Path) -> Stored:
    """Return the step of a file; nothing in it is run.

    Raises
    ------
    GradcertError : for a file that holds none, or a step that cannot be computed again.
    """
    return stored_from(parse(outside.read(path, FORM), str(path), nan=True), str(path))


def stored_from(given: Any, what: str = "a step that was kept") -> Stored:
    """Return a step from its JSON form; errors as for `read`."""
    if isinstance(given, Mapping) and given.get("schema") != SCHEMA:
        raise GradcertError(f"{what} of the form {str(given.get('schema'))[:40]!r}", allowed=FORM)
    if isinstance(given, Mapping) and "why_not" in given:
        raise GradcertError(f"{what} cannot be computed again: {str(given['why_not'])[:300]}")
    spec = record(given, what, needs=NEEDS)
    model = record(spec["model"], "the model", needs=("name", "file", "time", "shape", "output", "random", "by"))
    claim = record(spec["claim"], "the claim", needs=("rule", "dtype", "rounding", "feedback"))
    rule, dtype = claim["rule"], claim["dtype"]
    if rule != AS_CODED:
        rule_named(rule)
    if dtype not in ("float32", "float64"):
        raise GradcertError(f"parameters in {dtype!r}", allowed="float32, float64")
    rounding = {k: float(array(v, k)) for k, v in record(claim["rounding"], "rounding").items()}
    nets = record(spec["networks"], "the networks", needs=("full", "as_cut"))
    full, as_cut = from_record(nets["full"]), from_record(nets["as_cut"])
    parameters = _arrays(spec["parameters"], "parameters")
    weights = _weights(spec["weights"], full, as_cut)
    shapes = {name: value.shape for name, value in parameters.items()}
    sources = {name: value.shape for name, value in weights.items()}
    pulls, coded = _pulls(spec["pulls"], sources, shapes), spec.get("coded_pulls")
    own = None if coded is None else _pulls(coded, sources, shapes)
    networks = StoredNetworks(full, as_cut, pulls, shapes, own)
    given_ = _given(spec["given"], shapes)
    before = None if spec.get("before") is None else _given(spec["before"], shapes)
    feedback = _arrays(claim["feedback"], "feedback") if claim["feedback"] is not None else None
    evidence = _evidence(networks, weights, spec["sequences"], given_, before, feedback)
    evidence = replace(  # of no step before they were kept
        evidence,
        places=places_from(spec.get("places", []), full.depth),
        arrived=_arrived(spec.get("arrived", []), evidence.deltas),
        parameters={name: value for name, value in parameters.items() if name in given_},
        detached=_detached(spec.get("detached", []), evidence.deltas),
        shares=_shares(spec.get("shares", []), evidence.deltas),
        cuts=_cuts(spec.get("cuts", {}), shapes),
        emptied=_emptied(spec.get("emptied", [])),
    )
    previous = []
    for old in spec["previous"] if isinstance(spec["previous"], list) else ():
        held = record(old, "a sequence before", needs=("weights", "sequence"))
        previous.append(_sequence(networks, _weights(held["weights"], full, as_cut), held["sequence"])[0])
    was = record(spec["was"], "what it was shrunk from") and record(spec["was"], "its size", needs=("steps", "batch"))
    for size in was.values():
        check_size("a size", size)
    return Stored(spec, model, was, rule, dtype, rounding, parameters, evidence, tuple(previous))


def _pulls(given: Any, sources: Mapping[str, Any], shapes: Mapping[str, Any]) -> tuple[Pull, ...]:
    if not isinstance(given, list):
        raise GradcertError("maps of parameters that are no list")
    return tuple(pull_from(p, sources, shapes) for p in given)


def _cuts(given: Any, shapes: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = record(given, "where parameters are cut")
    if not all(name in shapes and isinstance(place, str) for name, place in found.items()):
        raise GradcertError("places where parameters are cut that do not fit", allowed="parameter: file and line")
    return found


def _emptied(given: Any) -> tuple[bool, ...]:
    if not isinstance(given, list) or not all(isinstance(one, bool) for one in given):
        raise GradcertError("whether .grad was empty, in another form", allowed="true or false of every backward pass")
    return tuple(given)


def _arrived(given: Any, deltas: tuple[Array, ...]) -> tuple[Array, ...]:
    found = tuple(array(d, "what came back") for d in given) if isinstance(given, list) else ()
    if found and [d.shape for d in found] != [d.shape for d in deltas]:
        raise GradcertError("what came back to the outputs does not fit", allowed="one number for every derivative")
    return found


def _shares(given: Any, deltas: tuple[Array, ...]) -> tuple[dict[int, float], ...]:
    found = []
    for of_one, delta in zip(given if isinstance(given, list) else [], deltas, strict=False):
        steps = record(of_one, "shares of credit")
        if not all(k.isdecimal() and 0 < int(k) < len(delta) for k in steps):
            raise GradcertError("shares of credit at steps that are none of the sequence", allowed="step: number")
        found.append({int(k): float(array(v, "a share of credit")) for k, v in steps.items()})
    if found and len(found) != len(deltas):
        raise GradcertError("shares of credit that do not fit", allowed="one record for every sequence")
    return tuple(found)


def _detached(given: Any, deltas: tuple[Array, ...]) -> tuple[tuple[int, ...], ...]:
    found = [steps if isinstance(steps, list) else [steps] for steps in given] if isinstance(given, list) else []
    fits = all(type(t) is int and 0 < t < len(d) for steps, d in zip(found, deltas, strict=False) for t in steps)
    if found and (len(found) != len(deltas) or not fits):
        raise GradcertError("steps that are none of the sequences", allowed="steps before which a state was cut off")
    return tuple(map(tuple, found))


def _arrays(given: Any, what: str) -> dict[str, Array]:
    return {name: array(value, f"{what}: {name}") for name, value in record(given, what).items()}


def _weights(given: Any, full: Network, as_cut: Network) -> dict[str, Array]:
    found = _arrays(given, "weights")
    for network in (full, as_cut):
        for name, shape in network.shapes().items():
            if name not in found or found[name].shape != shape:
                raise GradcertError(f"the weight {name} of its network is missing or misshapen", allowed=f"{shape}")
    return found


def _given(given: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array | None]:
    found = {k: None if v is None else array(v, k, null=True) for k, v in record(given, "gradients").items()}
    for name, value in found.items():
        if value is not None and value.shape != shapes.get(name):
            raise GradcertError(f"a gradient of {name} of shape {value.shape}", allowed=f"{shapes.get(name, 'none')}")
    return found


def _evidence(
    networks: StoredNetworks,
    weights: Mapping[str, Array],
    given: Any,
    gradients: Mapping[str, Array | None],
    before: Mapping[str, Array | None] | None,
    feedback: Mapping[str, Array] | None,
) -> Evidence:
    if not isinstance(given, list) or not given:
        raise GradcertError("a step without sequences", allowed="a list of them")
    runs, deltas = [], []
    for spec in given:
        run, delta = _sequence(networks, weights, spec)
        runs.append(run)
        deltas.append(delta)
    return Evidence(tuple(runs), tuple(deltas), gradients, before, feedback, None, True)


def _sequence(networks: StoredNetworks, weights: Mapping[str, Array], given: Any) -> tuple[Run, Array]:
    spec = record(given, "a sequence", needs=("inputs", "initial", "masks", "spikes", "delta"))
    inputs, delta = array(spec["inputs"], "inputs"), array(spec["delta"], "delta")
    if inputs.ndim != 3 or 0 in inputs.shape or inputs.shape[2] != networks.full.inputs:
        want = f"(time, batch, {networks.full.inputs})"
        raise GradcertError(f"inputs of shape {inputs.shape}", allowed=want)
    want_delta = (*inputs.shape[:2], networks.full.layers[-1].units)
    if delta.shape != want_delta:
        raise GradcertError(f"derivatives at the outputs of shape {delta.shape}", allowed=f"{want_delta}")
    columns = None if spec["spikes"] is None else _columns(spec["spikes"], networks, inputs.shape)
    initial, masks = _arrays(spec["initial"], "initial"), _arrays(spec["masks"], "masks")
    try:
        with np.errstate(all="ignore"):
            run = passed(networks, weights, inputs, initial=initial, masks=masks, columns=columns, arrays=weights)
            if run.size > LARGEST:
                raise GradcertError(f"a pass of {run.size} numbers", allowed=f"{LARGEST}")
            _ = run.full, run.as_cut  # now, where what does not fit is a sentence
    except UNFIT as error:
        raise GradcertError(f"a sequence that its network cannot run ({type(error).__name__}: {error})") from None
    return run, delta


def _columns(given: Any, networks: StoredNetworks, shape: tuple[int, ...]) -> Columns:
    """Return spikes: of every layer, of every node that fires."""
    layers = networks.full.layers
    if not isinstance(given, list) or len(given) != len(layers) or not all(isinstance(k, list) for k in given):
        raise GradcertError("spikes that are no lists", allowed=f"one for each of {len(layers)} layers")
    out = []
    for k, (layer, columns) in enumerate(zip(layers, given, strict=True)):
        found = tuple(array(column, f"the spikes of layer {k}") for column in columns)
        sizes = {layer.size(node) for node in layer.cell.nodes}
        if any(c.shape[:2] != shape[:2] or c.ndim != 3 or c.shape[2] not in sizes for c in found):
            raise GradcertError(f"spikes of layer {k} that do not fit", allowed=f"(time, batch, {sorted(sizes)})")
        out.append(found)
    return tuple(out)
