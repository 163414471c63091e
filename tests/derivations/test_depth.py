"""The example of the chapter on depth against the residual engine, and the numbers that its page quotes."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from shown import ASSETS, CLOSE, flat, grid, needs_node, shown

from gradcert.derivations.chapters import chapter, depth
from gradcert.derivations.reading.examples import example, network
from gradcert.derivations.reading.lesson import lesson
from gradcert.reference import RULES, Edge, Layer, Network, Snu
from gradcert.reference.engines import record, residual, reverse
from gradcert.reference.networks import Integrator

SETTINGS = grid(w1=(1.0, -1.4), u11=(0.9, -1.1), leak=(0.0, 0.8), h=(0.0, 1.2, -0.7), x2=(0.3,))
EVERY_PAIR = {"w1": 1.0, "u11": 0.9, "leak": 0.8, "h": 1.2, "x2": 0.3}  # no target is met at the last step


def pages(settings, *, assets=ASSETS):
    return shown("sums.js", "depth", settings, assets=assets)


def jacobian(layer, h, leak, t):
    """Return one step of the upper layer's memory, (units, units), from what it did."""
    z, v = layer.now["z"][:, 0], layer.now["v"][:, 0]
    psi = 1 - np.tanh(v - 0.5) ** 2
    inside = h * psi[t - 1] + leak * np.diag(1 - z[t - 1] - v[t - 1] * psi[t - 1])
    return (1 - v[t] ** 2)[:, None] * inside


def pairs_by_hand(spec, s):
    """Return OSTL's and the residual's terms, (weight, s, t), with the eligibility of the step that is asked for."""
    net, w, x, y = network(spec, s)
    low, high = record(net, w, x).layers
    steps, h = len(x), w["layers.1.H"]
    slope, psi = (
        [f(q.now["v"][:, 0]) for q in (low, high)] for f in (lambda v: 1 - v**2, lambda v: 1 - np.tanh(v - 0.5) ** 2)
    )
    credit = psi[1] * (high.now["z"][:, 0] - y[:, 0])
    found = {name: np.zeros((len(spec.weights), steps, steps)) for name in ("right", "judged", "fresh", "leak")}
    for k, (_, _, name, i, j) in enumerate(spec.weights):
        eps, e, fresh = np.zeros(2), [], []
        for t in range(steps):
            source = x[t, 0, j] if name == "W" else (low.now["z"][t - 1, 0, j] if t else 0.0)
            new = slope[0][t] * source * (np.arange(2) == i)
            eps = (jacobian(low, w["layers.0.H"], 0.8, t) @ eps if t else 0.0) + new
            e.append(psi[0][t] * eps)
            fresh.append(psi[0][t] * new)
        for at in range(steps):
            for t in range(at, steps):
                true, leaky = (
                    np.linalg.multi_dot([np.eye(2), *m, np.eye(2)])
                    for m in (
                        [jacobian(high, h, s["leak"], u) for u in range(t, at, -1)],
                        [s["leak"] * np.eye(2)] * (t - at),
                    )
                )
                up = slope[1][at][:, None] * w["layers.1.W"]
                found["right"][k, at, t] = credit[t] @ true @ up @ e[at]
                found["judged"][k, at, t] = credit[t] @ true @ up @ e[t]
                found["fresh"][k, at, t] = credit[t] @ true @ up @ fresh[at]
                found["leak"][k, at, t] = credit[t] @ leaky @ up @ e[at]
    return found


def late(terms):
    """Return the sum over pairs of two different steps."""
    return np.triu(terms, 1).sum(axis=(1, 2))


@needs_node
@pytest.mark.long(keep=1)
@pytest.mark.parametrize("s", [EVERY_PAIR, *SETTINGS[::5]], ids=str)
def test_the_page_has_the_residual_of_the_code_and_its_shares(s, assets=ASSETS):
    spec = example("depth")
    problem = network(spec, s)
    code = residual(*problem, rule=RULES["ostl"])
    right, by_hand = flat(spec, code.total), pairs_by_hand(spec, s)
    online, exact = (flat(spec, reverse.gradients(*problem, rule=RULES[k])) for k in ("ostl", "bptt"))
    alive = flat(spec, reverse.gradients(*problem, rule=upper_state()))
    _, found = pages([{**s, "weight": k} for k in range(len(spec.weights))], assets=assets)
    wrong = {name: late(terms) for name, terms in by_hand.items() if name != "right"}
    wrong["twice"] = right + online
    wrong["short"] = sum(by_hand["right"][:, t, t + 1] for t in range(2))
    assert np.abs(late(by_hand["right"]) - right).max() <= CLOSE
    for k, mine in enumerate(found):
        for value, key in (
            (right, "residual"),
            (online, "online"),
            (exact, "exact"),
            (exact, "both"),
            (alive, "alive"),
        ):
            assert abs(value[k] - mine[key]) <= CLOSE, key
        for t in range(3):
            for at in range(t + 1):
                assert abs(by_hand["right"][k, at, t] - mine[f"pair{at + 1}.{t + 1}"]) <= CLOSE
        for (_, kind), share in code.shares().items():
            assert abs(share - mine[f"share {kind}"]) <= 10 * CLOSE, kind
        for name, value in wrong.items():
            assert abs(value[k] - mine[f"m {name}"]) <= CLOSE, name
            if np.linalg.norm(right) > 0.01:
                size = np.linalg.norm(value - right) / np.linalg.norm(right)
                assert abs(size - mine[f"q {name}"]) <= 100 * CLOSE, name
        assert mine["upper"] <= CLOSE


def upper_state():
    """Return OSTL with the membrane of upper layers left in the graph."""
    return replace(RULES["ostl"], name="ostl, membranes above kept", upper=frozenset({Edge.STATE}))


WRONG = (
    ('q["a<z:reset"][i] * old[i]', 'q["a<z:reset"][i]'),
    ("part = edges(net, steps, s + 1)", "part = edges(net, steps, Math.max(s, 2))"),
    ('if (id === "twice") total', "total"),
)


@needs_node
@pytest.mark.long
def test_a_wrong_script_would_be_seen(tmp_path):
    text = (ASSETS / "sums.js").read_text(encoding="utf-8")
    for k, (before, after) in enumerate(WRONG):
        assert text.count(before) == 1
        folder = tmp_path / str(k)
        folder.mkdir()
        (folder / "sums.js").write_text(text.replace(before, after), encoding="utf-8")
        shutil.copy(ASSETS / "engine.js", folder)
        with pytest.raises(AssertionError):
            test_the_page_has_the_residual_of_the_code_and_its_shares(EVERY_PAIR, folder)


@needs_node
def test_what_the_page_says_of_some_settings():
    _, (begin, still, lateral) = pages([{}, {"leak": 0.0, "h": 0.0}, {"h": 0.0}])
    assert round(begin["error"], 2) == 0.34
    assert round(begin["alivegap"], 3) == 0.049
    assert round(begin["cosine"], 4) == 0.9586
    assert still["residual"] == 0
    assert still["error"] <= CLOSE
    assert all(still[f"pair{s}.{t}"] == 0 for t in (2, 3) for s in range(1, t))
    assert lateral["online"] < -CLOSE < CLOSE < lateral["exact"]
    worked = begin["cr0.3"] * begin["J 11"] + begin["cr1.3"] * begin["J 21"]
    assert abs(worked - begin["late0.2"]) <= CLOSE
    rows = chapter("depth").example().rows
    assert rows[0][:2] == ("OSTL", "0.61")


def test_the_table_of_rules_has_the_shares_of_the_lower_weights():
    """What is due to edges above is OSTL's residual in every row, so its share is at most their quotient."""
    network, w, x, y = depth._network()
    name, parts = "layers.0.W", {}
    for rule, _, _, printed in chapter("depth").example().rows:
        found = residual(network, w, x, y, rule=RULES[rule.lower()])
        total = found.total[name]
        above = sum(part[name] for (m, _), part in found.split.items() if m)
        parts[rule] = above, np.linalg.norm(total)
        shares = {f"{k.upper()} {('below', 'above')[m]}": (g[name] * total).sum() for (m, k), g in found.split.items()}
        percent = {label: round(100 * value / (total**2).sum()) for label, value in shares.items()}
        signed = {label: f"{value:+d}".replace("-", "−") for label, value in percent.items() if value}
        assert printed == ", ".join(f"{label} {value} %" for label, value in signed.items())
        assert np.abs(above - parts["OSTL"][0]).max() == 0
        due = sum(int(p.replace("−", "-")) for p in re.findall(r"above ([+−]\d+) %", printed)) / 100
        assert due <= parts["OSTL"][1] / parts[rule][1] + 0.015  # three roundings to a whole percent
    assert {rule for rule, (_, size) in parts.items() if size > parts["OSTL"][1]} == {"OTTT", "e-prop", "SLTT"}


def waiting(n, steps):
    """Return the sum over pairs of steps of n to the number of steps between them."""
    return sum((steps - k) * n**k for k in range(1, steps))


def test_the_answers_to_the_exercises():
    rng = np.random.default_rng(4)
    x, y = (rng.random((8, 1, 3)) < 0.5) * 1.0, rng.random((8, 1, 2))
    table, w, same, _ = depth._network()
    assert (x == same).all()
    fired = record(table, w, x).layers[0].now["z"].sum(axis=(0, 1)).astype(int)
    page = " ".join("\n".join(lesson("depth").texts()).split())
    assert f"whose five units fire at {', '.join(map(str, fired))} of the eight steps, lacks 52 % of" in page
    middles, found = [], {}
    for kappa, missing in ((0.5, 52), (0.9, 88)):
        net = Network(layers=(Layer(Snu(), inputs=3, units=5), Layer(Integrator(kappa=kappa), inputs=5, units=2)))
        assert (net.parameters(seed=15, scale=2.0)["layers.0.W"] == w["layers.0.W"]).all()
        found = {}
        for seed in range(200):
            problem = (net, net.parameters(seed=seed, scale=2.0), x, y)
            if record(*problem[:3]).layers[0].now["z"].sum() < 2:
                continue
            dropped = residual(*problem, rule=RULES["ostl"]).total
            exact = reverse.gradients(*problem, rule=RULES["bptt"])
            size, whole = (np.sqrt(sum((g[k] ** 2).sum() for k in g if k[7] == "0")) for g in (dropped, exact))
            found[seed] = size / whole
        assert round(100 * found[15]) == missing
        assert f"{missing} % " in page
        middles.append(round(100 * np.median(list(found.values()))))
    words = (
        "Over the {} of 200 draws of the weights with which the layer fires twice or more the medians are {} % and {} %"
    )
    assert words.format(len(found), *middles) in page
    assert waiting(0.5, 4) == 2.125
    for n, left in ((0.5, 0.5), (0.9, 0.1)):
        # the last steps lack n/(1 - n)^2 of T n/(1 - n) in all, and less than that share of the sum
        assert abs(2000 / (2000 + waiting(n, 2000)) - left) < 1 / (1 - n) / 2000


def stack(steps):
    """Return a problem with two layers of two SNUs, in which every unit fires at some steps and not at others."""
    layers = tuple(Layer(Snu(transfer="tanh", threshold=0.5), inputs=2, units=2) for _ in range(2))
    net, rng = Network(layers=layers), np.random.default_rng(1)
    x, y = rng.random((2, 4, 1, 2))
    problem = net, net.parameters(seed=37, scale=2.0), x[:steps], y[:steps]
    fired = [layer.now["z"].sum(axis=0) for layer in record(*problem[:3]).layers]
    assert all((0 < n).all() and (n < steps).all() for n in fired)
    return problem


def test_a_loss_at_the_first_step_leaves_nothing_out_and_one_at_the_last_does():
    net, w, x, y = stack(4)
    z = record(net, w, x).outputs
    sizes = []
    for judged in (0, 3):
        only = np.where(np.arange(4)[:, None, None] == judged, y, z)  # elsewhere the error is 0
        found = residual(net, w, x, only, rule=RULES["ostl"]).total
        sizes.append(max(abs(g).max() for g in found.values()))
    assert sizes[0] == 0 < 1e-3 < sizes[1]


def test_a_path_is_booked_to_the_edge_that_is_last_in_time():
    """Exercise 5: a rule that keeps RESET above drops the path RECURRENT, RESET, and books it to RECURRENT."""
    problem = stack(3)
    keeps = replace(RULES["ostl"], name="ostl, resets above kept", upper=frozenset({Edge.RESET}))
    found = residual(*problem, rule=keeps)
    assert {kind for (m, kind), share in found.shares().items() if share} == {"recurrent", "state"}
    total = {k: g + found.total[k] for k, g in reverse.gradients(*problem, rule=keeps).items()}
    exact = reverse.gradients(*problem, rule=RULES["bptt"])
    assert max(abs(total[k] - exact[k]).max() for k in exact) <= CLOSE
