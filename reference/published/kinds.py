"""The algorithms that a claim can name: how each is called, its settings, its draws, and its mean over them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcert.reference.engines import reverse
from gradcert.reference.errors import GradcertError
from gradcert.reference.estimators import ESTIMATORS, opzo, state_nodes, state_size
from gradcert.reference.networks import Network, Problem
from gradcert.reference.numbers import Array
from gradcert.reference.procedures import accumulate, fptt, online
from gradcert.reference.published import composite
from gradcert.reference.published.algorithm import Computed, Kind, Settings
from gradcert.reference.rules import RULES, rule_named

PROVIDED = ("numbers", "feedback", "rng", "signs", "chosen", "events")  # by the problem: no settings
RETURNS = ("weights", "gradients")
TRACES = "whose traces are of the one layer below, and of the lateral weights"  # why some are of stacks alone


def _given(problem: Problem) -> tuple[Network, Mapping[str, Array], Array, Array]:
    return problem.network, problem.parameters, problem.inputs, problem.targets


def _page(procedure: Callable[..., Any]) -> str:
    """Return the docstring of the file that a procedure is defined in."""
    return str(sys.modules[procedure.__module__].__doc__)


def _estimator(name: str, **more: Any) -> Kind:
    """Return the kind of a rule with a trace of its own, whose settings are the options of its function."""
    found = ESTIMATORS[name]
    parameters = inspect.signature(found.gradients).parameters.values()
    settings = {
        p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY and p.name not in PROVIDED
    }
    return Kind(
        name,
        found.title,
        {**settings, **more.pop("settings", {})},
        **{"compute": _called(name), "page": found.page, **more},
    )


def _called(name: str, *drawn: str) -> Callable[[Problem, Settings], Computed]:
    """Return how an estimator is called: with its settings, and with draws and feedback of the problem."""

    def compute(problem: Problem, settings: Settings) -> Computed:
        given: dict[str, Any] = {key: problem.drawn[key] for key in drawn}
        own = {k: v for k, v in settings.items() if k != "feedback"}
        if settings.get("feedback", "symmetric") not in ("symmetric", "direct"):
            raise GradcertError(f"{name} with feedback={settings['feedback']!r}", allowed="symmetric, direct")
        if settings.get("feedback") == "direct" or "feedback" in ESTIMATORS[name].needs:
            given["feedback"] = problem.feedback
        return ESTIMATORS[name].gradients(*_given(problem), numbers=problem.numbers, **own, **given)

    return compute


def _signs(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return np.asarray(2 * rng.integers(0, 2, size=shape) - 1)


def _uoro_signs(network: Network, shape: tuple[int, int], _: Settings, rng: np.random.Generator) -> Computed:
    return {"signs": _signs((*shape, state_size(network)), rng)}


def _kf_signs(network: Network, shape: tuple[int, int], _: Settings, rng: np.random.Generator) -> Computed:
    return {"signs": _signs((sum(bool(state_nodes(layer)) for layer in network.layers), *shape, 2), rng)}


def _normalised(name: str) -> Callable[[Problem, Settings], Computed]:
    def compute(problem: Problem, settings: Settings) -> Computed:
        chosen = settings["normalisers"]
        fixed = None if chosen == "paper" else tuple(problem.numbers.array(v)[()] for v in chosen)
        return ESTIMATORS[name].gradients(
            *_given(problem), numbers=problem.numbers, signs=problem.drawn["signs"], normalisers=fixed
        )

    return compute


def _chosen(_: Network, shape: tuple[int, int], settings: Settings, rng: np.random.Generator) -> Computed:
    return {"chosen": np.sort(rng.choice(shape[0], size=settings["k"], replace=False))}


def _sltt_mean(problem: Problem, settings: Settings) -> Computed:
    found = reverse.gradients(*_given(problem), rule=RULES["sltt"], numbers=problem.numbers)
    steps = len(problem.inputs)
    return found if settings["unbiased"] else {name: g * settings["k"] / steps for name, g in found.items()}


def _events(_: Network, shape: tuple[int, int], settings: Settings, rng: np.random.Generator) -> Computed:
    return {"events": np.asarray(rng.random(shape) < settings["rate"]).astype(int)}


def _etlp_mean(problem: Problem, settings: Settings) -> Computed:
    every = np.ones(problem.inputs.shape[:2], dtype=int)
    found = ESTIMATORS["etlp"].gradients(
        *_given(problem), numbers=problem.numbers, feedback=problem.feedback, events=every
    )
    rate = problem.numbers.array(settings["rate"])[()]
    return {name: rate * g for name, g in found.items()}


def _perturbed(network: Network, shape: tuple[int, int], _: Settings, rng: np.random.Generator) -> Computed:
    return {f"signs.{i}": _signs((*shape, layer.units), rng) for i, layer in enumerate(network.layers[:-1])}


def _opzo(problem: Problem, settings: Settings) -> Computed:
    signs = [problem.drawn[f"signs.{i}"] for i in range(problem.network.depth - 1)]
    return opzo.gradients(*_given(problem), numbers=problem.numbers, signs=signs, **settings)


def _fptt(problem: Problem, settings: Settings) -> Computed:
    own = {k: v for k, v in settings.items() if k != "returns"}
    seen: list[Computed] = []
    state = fptt(*_given(problem), numbers=problem.numbers, watch=seen.append, **own)
    return _returned(settings, state.weights, seen)


def _online(problem: Problem, settings: Settings) -> Computed:
    seen: list[Computed] = []
    rule = rule_named(settings["rule"])
    given: dict[str, Any] = {"numbers": problem.numbers, "feedback": problem.feedback}
    weights = online(*_given(problem), rule=rule, rate=settings["rate"], watch=seen.append, **given)
    return _returned(settings, weights, seen)


def _accumulate(problem: Problem, settings: Settings) -> Computed:
    rule = rule_named(settings["rule"])
    given: dict[str, Any] = {"numbers": problem.numbers, "feedback": problem.feedback}
    return accumulate(*_given(problem), rule=rule, rate=settings["rate"], **given)


def _returned(settings: Settings, weights: Computed, seen: list[Computed]) -> Computed:
    """Return the weights afterwards, or the gradients between, stacked along a first axis."""
    if settings["returns"] not in RETURNS:
        raise GradcertError(f"returns={settings['returns']!r}", allowed=", ".join(RETURNS))
    if settings["returns"] == "weights":
        return weights
    return {name: np.stack([g[name] for g in seen]) for name in weights}


def _feedback_of_row(settings: Settings) -> str:
    return rule_named(settings["rule"]).feedback


_FPTT = {"form": "paper", "parts": 2, "alpha": 0.5, "rate": 0.1, "beta": 0.5, "finish": True, "returns": "weights"}

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _estimator(
            "uoro",
            settings={"normalisers": "paper"},
            compute=_normalised("uoro"),
            draw=_uoro_signs,
            mean=RULES["rtrl"],
        ),
        _estimator(
            "kf-rtrl",
            settings={"normalisers": "paper"},
            compute=_normalised("kf-rtrl"),
            draw=_kf_signs,
            mean=RULES["ostl"],
        ),
        _estimator("otpe", stacks="whose traces are filtered by the leak of the one layer above"),
        _estimator(
            "s-tllr",
            settings={"feedback": "symmetric"},
            feedback=lambda s: str(s["feedback"]),
            stacks=TRACES,
        ),
        _estimator("ndot", stacks="whose traces decay by the membrane of the one layer below"),
        _estimator("ottt-code", stacks=TRACES),
        _estimator(
            "sltt-k", compute=_called("sltt-k", "chosen"), draw=_chosen, mean=_sltt_mean, least=lambda s: s["k"]
        ),
        _estimator(
            "opzo",
            compute=_opzo,
            draw=_perturbed,
            stacks="whose perturbation passes from each layer to the one above",
        ),
        _estimator("rate-based", stacks="whose credit passes from the rate of a layer to that of the one below"),
        _estimator(
            "etlp",
            compute=_called("etlp", "events"),
            draw=_events,
            mean=_etlp_mean,
            feedback=lambda _: "direct",
            stacks=TRACES,
        ),
        _estimator("tess", stacks=TRACES),
        _estimator("eventprop", stacks="whose adjoint is that of layers in a row"),
        _estimator("es-d-rtrl", stacks=TRACES),
        Kind(
            "rows",
            "Rows put together: another row in every layer, parameters without a trace",
            {"rows": [], "untraced": []},
            composite.compute,
            page=str(composite.__doc__),
        ),
        Kind(
            "fptt",
            "Forward propagation through time",
            _FPTT,
            _fptt,
            least=lambda s: s["parts"],
            weights=True,
            page=_page(fptt),
        ),
        Kind(
            "update-per-step",
            "A row of the table, the weights updated after every step (OTTT_O)",
            {"rule": "ottt", "rate": 0.1, "returns": "weights"},
            _online,
            page=_page(online),
            feedback=_feedback_of_row,
            weights=True,
        ),
        Kind(
            "update-per-sequence",
            "A row of the table, the weights updated once at the end (OTTT_A)",
            {"rule": "ottt", "rate": 0.1},
            _accumulate,
            page=_page(accumulate),
            feedback=_feedback_of_row,
            weights=True,
        ),
    )
}
