"""What OTTT's page says of its networks: every layer fires; how errors go over draws; moves; the slope of a rate."""

import re
from itertools import pairwise

import numpy as np
import pytest
from test_recomputed import plain_trace

from gradcert.derivations.chapters import chapter, ottt
from gradcert.derivations.reading.citations import DOCS
from gradcert.derivations.reading.examples import example, network
from gradcert.derivations.reading.lesson import lesson
from gradcert.reference import RULES, Layer, Lif, Network, Rnn
from gradcert.reference.engines import record, reverse
from gradcert.reference.procedures import online

PAGE = "\n".join(lesson("ottt").texts())
ONE_LINE = " ".join(PAGE.split())
MATHS = " ".join((DOCS / "mathematics" / "07-ottt-sltt.md").read_text(encoding="utf-8").split())
#: of each network its sizes and what else its cells are
NETWORKS = {
    "one layer": ((4, 6), {}),
    "two layers": ((4, 6, 5), {}),
    "three layers": ((4, 6, 5, 5), {}),
    "lateral weights": ((4, 6), {"recurrent": True}),
    "hard reset": ((4, 6), {"reset": "hard"}),
}


def problem(label, seed=16):
    """Return a problem of section 6 with its network built anew."""
    sizes, options = NETWORKS[label]
    cell = Lif(**{"leak": 0.5, "recurrent": False, **options})
    head = Layer(Rnn(recurrent=False, activation="identity"), inputs=sizes[-1], units=2)
    net = Network(layers=(*(Layer(cell, inputs=n, units=m) for n, m in pairwise(sizes)), head))
    rng = np.random.default_rng(1)
    return net, net.parameters(seed=seed, scale=2.0), (rng.random((20, 1, 4)) < 0.5) * 1.0, rng.random((20, 1, 2))


def fires(given):
    """Return the spikes of every unit, an array for each layer but the head."""
    return [layer.now["z"][:, 0].sum(axis=0).astype(int) for layer in record(*given[:3]).layers[:-1]]


def half_fires(layers):
    """Say whether in every layer half of the units or more fire at two steps or more."""
    return all(2 * (counts >= 2).sum() >= len(counts) for counts in layers)


def percent(share):
    return f"{share:.0%}".replace("%", " %")


def length(grads):
    return float(np.linalg.norm(np.concatenate([g.ravel() for g in grads])))


def test_every_layer_of_the_networks_fires_as_often_as_the_page_says():
    found = {}
    for label, (net, weights) in ottt.networks().items():
        given = problem(label)
        assert net == given[0]
        assert weights.keys() == given[1].keys()
        assert all((given[1][k] == weights[k]).all() for k in weights)
        assert all((a == b).all() for a, b in zip(ottt.sequence(), given[2:], strict=True))
        found[label] = fires(given)
        assert half_fires(found[label])
        assert ottt.spikes(net, weights) == [counts.tolist() for counts in found[label]]
    assert found.keys() == NETWORKS.keys()
    for seed in range(16):  # "Seed 16 is the first from 0"
        assert not all(half_fires(fires(problem(label, seed))) for label in NETWORKS)
    low, second, third = (", ".join(map(str, counts)) for counts in found["three layers"])
    assert [", ".join(map(str, counts)) for counts in found["two layers"]] == [low, second]
    lateral, hard = (", ".join(map(str, found[label][0])) for label in ("lateral weights", "hard reset"))
    assert f"fire at {low} steps in the lowest layer, at {second} in the second, at {third} in the third;" in ONE_LINE
    assert f"with lateral weights at {lateral}, with a hard reset at {hard}." in ONE_LINE
    caption = chapter("ottt").example().text
    assert f"The units of the lower layer fire at {low} of the steps, those of the upper one at {second}." in caption


def test_a_silent_layer_would_be_seen():
    """The networks that stood on the page before: seed 1, in which nothing above the lowest layer fires."""
    layers = fires(problem("three layers", seed=1))
    assert [counts.sum() > 0 for counts in layers] == [True, False, False]
    assert not half_fires(layers)
    exact = reverse.gradients(*problem("three layers", seed=1), rule=RULES["bptt-detached-reset"])
    assert not exact["layers.2.W"].any()
    for label in NETWORKS:
        exact = reverse.gradients(*problem(label), rule=RULES["bptt-detached-reset"])
        assert all(g.any() for g in exact.values())


def test_how_the_errors_go_over_many_draws():
    found, cosines = {label: [] for label in NETWORKS}, {"two layers": [], "three layers": []}
    here = {}
    for seed in range(200):
        for label in NETWORKS:
            given = problem(label, seed)
            if min(counts.sum() for counts in fires(given)) < 5:
                continue
            truth = RULES["bptt" if label == "one layer" else "bptt-detached-reset"]
            right = reverse.gradients(*given, rule=truth)["layers.0.W"]
            mine = reverse.gradients(*given, rule=RULES["ottt"])["layers.0.W"]
            mine = plain_trace(given) if label == "hard reset" else mine
            found[label].append(np.linalg.norm(mine - right) / np.linalg.norm(right))
            if seed == 16:
                here[label] = percent(found[label][-1])
            if label in cosines:
                cosines[label].append((mine * right).sum() / np.linalg.norm(mine) / np.linalg.norm(right))
    for label, words, before in (
        ("two layers", "two layers", "{} with two layers"),
        ("three layers", "three layers", "{} with three"),
        ("lateral weights", "one layer, lateral weights", "{} in one layer"),
        ("hard reset", "one layer, hard reset, plain trace", "{} in one layer"),
        ("one layer", "one layer, against a live reset", "{}"),
    ):
        values = found[label]
        low, high = (percent(q) for q in np.quantile(values, [0.05, 0.95]))
        middle = percent(np.median(values))
        assert f"| {words} | {len(values)} | {middle} | {low} and {high} | {here[label]} |" in PAGE
        assert f"{before.format(here[label])}; {middle} over {len(values)}" in MATHS
    two, three = cosines.values()
    assert f"is {np.median(two):.2f} with two layers and {np.median(three):.2f} with three" in ONE_LINE
    assert min(two) > 0
    assert f"in none of the {len(two)}, and in {sum(c < 0 for c in three)} of the {len(three)}." in ONE_LINE


@pytest.mark.parametrize("steps", [5, 20, 80])
def test_the_moves_of_ottt_a_and_ottt_o_part_as_the_table_says(steps):
    rates, row = (0.0001, 0.001, 0.01, 0.1), []
    for rate in rates:
        row.append(parting(steps, rate))
        assert row[-1] > (row[-2] if len(row) > 1 else 0)
    cells = [f"{100 * share:#.2g}".removesuffix(".") + " %" for share in row]
    assert f"| {steps} | {' | '.join(cells)} |" in PAGE
    assert 8 < row[1] / row[0] < 11  # "in proportion", while it is small
    if steps == 80:
        assert f"make it {row[0] / parting(5, rates[0]):.0f} times as large" in ONE_LINE


def parting(steps, rate):
    """Return the length of OTTT_O's move less OTTT_A's, over that of the latter: the median over 20 sequences."""
    net, w = ottt.networks()["one layer"]
    shares = []
    for seed in range(20):
        x, y = ottt.sequence(seed, steps)
        grads = reverse.gradients(net, w, x, y, rule=RULES["ottt"])
        after = online(net, w, x, y, rule=RULES["ottt"], rate=rate)
        off = [after[k] - w[k] + rate * grads[k] for k in w]
        shares.append(length(off) / rate / length(grads.values()))
    return float(np.median(shares))


def weighted(weights, leak):
    """Return the weighted rates of one unit and of its first input, at every step."""
    bits = (np.random.default_rng(0).random((20000, 2)) < 0.5) * 1.0
    v = z = unit = given = total = 0.0
    found = []
    for x, drive in zip(bits[:, 0], bits @ weights, strict=True):
        v = leak * (v - z) + drive
        z = float(v >= 1)
        unit, given, total = leak * unit + z, leak * given + x, leak * total + 1
        found.append((unit / total, given / total))
    return np.array(found)


def test_how_near_the_slope_of_a_network_of_rates_is():
    rows = re.findall(r"^\| ([\d.]+) \| (\S+), (\S+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE)
    assert [row[0] for row in rows] == ["1"] * 3 + ["0.5"] * 5
    slopes = []
    for leak, first, second, rate, slope in rows:
        lam, weights = float(leak), np.array([float(w.replace("−", "-")) for w in (first, second)])
        width = 0.05 if lam == 1 else 0.1
        seen = [weighted(weights + np.array((d, 0.0)), lam) for d in (width, 0.0, -width)]
        up, here, down = (f[-1] if lam == 1 else f.mean(axis=0) for f in seen)
        slopes.append((up[0] - down[0]) / (2 * width))
        assert (f"{here[0]:.2f}", f"{slopes[-1]:.2f}", f"{here[1]:.2f}") == (rate, slope, "0.50")
    assert (min(slopes[3:]), f"{max(slopes[3:]):.2f}") == (0, "0.81")
    assert "here between 0 and 0.81" in ONE_LINE
    assert "(the lesson measures 0 to .81 where the line says .50)" in MATHS


def test_while_no_spike_changes_the_last_term_takes_away_the_slope_of_the_first():
    """Move a weight by so little that every spike stays: the rate stays, and the last term moves by the first's."""
    rng = np.random.default_rng(3)
    bits = (rng.random((50, 2)) < 0.5) * 1.0
    for leak in (1.0, 0.5, 0.0):
        sides = []
        for move in (0.0, 1e-6):
            v = z = given = total = 0.0
            spikes = []
            for x in bits:
                v = leak * (v - z) + x @ (0.63 + move, 0.31)
                z = float(v >= 1)
                given, total = leak * given + x[0], leak * total + 1
                spikes.append(z)
            sides.append((spikes, (v - z) / total, given / total))
        (before, last, rate), (after, moved, _) = sides
        assert before == after
        assert 0 < sum(before) < len(before) or leak == 0
        # five roundings a step of numbers below 2, on two sides
        assert moved - last == pytest.approx(1e-6 * rate, abs=2 * len(bits) * 5 * 2 * 2.0**-53)


def test_without_a_leak_in_the_trace_the_product_with_the_rates_can_be_0():
    for leak, sums, rate in ((0.0, 1.0, 0.0), (0.5, 1.5, 1 / 3)):
        trace = found = held = total = 0.0
        for x in (1.0, 0.0):
            trace, held, total = leak * trace + x, leak * held + x, leak * total + 1
            found += trace
        assert found == sums
        assert held / total == rate  # of binary fractions, rounded once
    assert r"With $\lam=0$ an input 1, 0 has $\S{}=1$ and the rate 0." in ONE_LINE


def test_a_unit_of_the_example_is_silent_at_first_and_the_page_says_so():
    seen = []
    for settings in ({}, {"x2": 2.0}, {"leak": 0.9}):
        net, p, x, _ = network(example("ottt"), settings)
        seen.append(record(net, p, x).layers[0].now)
    fired = [now["z"][:, 0].T.tolist() for now in seen]
    assert fired == [[[1, 1, 1], [0, 0, 0]], [[1, 1, 1], [0, 1, 0]], [[1, 1, 1], [0, 0, 1]]]
    few = 3 * 6 * 2.0**-53  # of three steps, six roundings each of numbers below 1
    assert np.allclose(seen[0]["v"][:, 0, 1], (0.7, 0.5, 0.65), rtol=0, atol=few)
    words = "At the first settings unit 1 fires at every step and unit 2 at none"
    assert words in ONE_LINE
    assert r"(0.7, 0.5, 0.65). With the input $\x{1}{2}$ at 2 it fires at step 2, with the leak at 0.9 at" in ONE_LINE


def test_claim_c8_ran_ottt_a():
    """One gradient of a whole sequence, one update: as the page and the claim say."""
    claims = (DOCS / "claims_of_papers.md").read_text(encoding="utf-8")
    assert "120 updates of 100 samples by OTTT_A, one a sequence" in claims[claims.index("## C8 ") :]
    assert "In claim C8 too OTTT_A alone was run." in ONE_LINE
