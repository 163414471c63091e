"""The networks behind the tables of depth, bounds and rates: every layer fires; how their numbers go over draws."""

from dataclasses import replace

import numpy as np
import pytest

from gradcert.derivations.chapters import bounds, chapter, depth, rates
from gradcert.derivations.reading.citations import DOCS
from gradcert.derivations.reading.examples import example, network
from gradcert.derivations.reading.lesson import lesson
from gradcert.reference import RULES, Layer, Lif, Loss, Network, Snu
from gradcert.reference.bounds import Online, windowed
from gradcert.reference.engines import record, residual, reverse
from gradcert.reference.estimators import ndot, rate_based

LEAKS = (0.3, 0.6, 0.8, 0.9)
LABELS = ("constant input", "random spikes")
LOWER, UPPER = "layers.0.W", "layers.1.W"


def text(name):
    return " ".join("\n".join(lesson(name).texts()).split())


def depths(seed=15):
    """Return the problem of depth's table, built anew."""
    net, rng = Network(layers=(Layer(Snu(), inputs=3, units=5), Layer(Snu(), inputs=5, units=3))), of(4)
    return net, net.parameters(seed=seed, scale=2.0), (rng.random((8, 1, 3)) < 0.5) * 1.0, rng.random((8, 1, 3))


def bounded(leak=0.8, seed=4):
    """Return the problem of bounds' table at a leak, built anew."""
    layers = (Layer(Snu(leak=leak), inputs=3, units=4), Layer(Snu(leak=leak), inputs=4, units=3))
    net, rng = Network(layers=layers), of(4)
    return net, net.parameters(seed=seed, scale=2.0), (rng.random((6, 1, 3)) < 0.5) * 1.0, rng.random((6, 1, 3))


def rated(label, seed=25):
    """Return the problem of one row of rates' table, built anew."""
    net = Network(layers=(Layer(Lif(leak=0.5), inputs=4, units=6), Layer(Lif(leak=0.5), inputs=6, units=2)))
    x = of(8).random((24, 1, 4))
    x = np.repeat(x[:1], 24, axis=0) if label == "constant input" else (x < 0.5) * 1.0
    return net, net.parameters(seed=seed, scale=2.0), x, np.full((24, 1, 2), 0.5)


def of(seed):
    return np.random.default_rng(seed)


def fires(given):
    """Return at how many steps every unit fires, an array for each layer."""
    return [layer.now["z"][:, 0].sum(axis=0).astype(int) for layer in record(*given[:3]).layers]


def half_fires(layers, most=np.inf):
    """Say whether in every layer half of the units or more fire at two steps or more, and at `most` at the most."""
    return all(2 * ((counts >= 2) & (counts <= most)).sum() >= len(counts) for counts in layers)


def twice(problems):
    """Say whether in each of the problems every layer fires twice or more."""
    return all(counts.sum() >= 2 for given in problems for counts in fires(given))


def all_of(name, seed):
    """Return the problems behind a chapter's table with the weights of a seed."""
    if name == "depth":
        return [depths(seed)]
    return [bounded(leak, seed) for leak in LEAKS] if name == "bounds" else [rated(label, seed) for label in LABELS]


def listed(counts):
    return ", ".join(map(str, counts))


def cosine(a, b):
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


def off(found, exact):
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def percent(share):
    """Return two digits of a share, in percent."""
    return f"{float(f'{100 * share:.2g}'):g} %"


def same(given, other):
    """Say whether two problems are the same, to the last bit."""
    weights = given[1].keys() == other[1].keys() and all((given[1][k] == other[1][k]).all() for k in given[1])
    return given[0] == other[0] and weights and all((a == b).all() for a, b in zip(given[2:], other[2:], strict=True))


@pytest.mark.parametrize(("name", "seed", "most"), [("depth", 15, 8), ("bounds", 4, 6), ("rates", 25, 23)])
def test_the_seed_is_the_first_at_which_every_layer_fires(name, seed, most):
    """So a table of a network with a silent layer would not pass; nor does the seed that stood here before."""
    assert all(half_fires(fires(given), most) for given in all_of(name, seed))
    for earlier in range(seed):
        assert not all(half_fires(fires(given), most) for given in all_of(name, earlier))
    assert f"eed {seed} is the first from 0 at which" in text(name)
    assert f"seed {seed} for the weights" in chapter(name).example().text


def test_the_tables_are_of_these_networks_and_say_how_often_every_unit_fires():
    assert same(depth._network(), depths())
    assert all(same(bounds._problem(leak), bounded(leak)) for leak in LEAKS)
    net, w, inputs, y = rates._network()
    assert all(same((net, w, inputs[label], y), rated(label)) for label in LABELS)
    words = "The units of the lower layer fire at {} of the steps, those of the upper one at {}."
    for name, given in (("depth", depths()), ("bounds", bounded())):
        assert words.format(*map(listed, fires(given))) in chapter(name).example().text
    for leak in LEAKS:  # "at each leak the units fire as often as there"
        assert [c.tolist() for c in fires(bounded(leak))] == [c.tolist() for c in fires(bounded())]
    assert set(bounds.LEAKS) | {0.8} == set(LEAKS)
    words = "ith {} the units of the lower layer fire at {} of the steps, those of the upper at {}"
    for label in LABELS:
        assert words.format(label, *map(listed, fires(rated(label)))) in chapter("rates").example().text
    unit = Network(layers=(Layer(Lif(leak=0.8), inputs=4, units=6),))
    (counts,) = fires((unit, unit.parameters(seed=4, scale=2.0), (of(1).random((12, 1, 4)) < 0.5) * 1.0))
    assert half_fires([counts]) and f"They fire at {listed(counts)} of the 12 steps." in rates._figure().caption


@pytest.mark.parametrize("name", ["depth", "bounds", "rates"])
def test_every_layer_of_the_example_to_play_with_and_of_the_snippet_fires(name):
    assert all(counts.sum() for counts in fires(network(example(name), {})[:3]))
    ran = {}
    exec(compile(chapter(name).snippet, name, "exec"), ran)
    assert half_fires(fires((ran["network"], ran["w"], ran["x"])))


def test_a_silent_layer_would_be_seen():
    """The networks that stood on the pages before: nothing above the lowest layer fires, or nearly so."""
    before = [rated(label, seed=4) for label in LABELS]
    for (net, _, x, _), scale in ((depths(), 1.5), (bounded(), 0.6)):
        before.append((net, net.parameters(seed=3, scale=scale), x))
    for given, fired in zip(before, (0, 2, 0, 0), strict=True):
        assert fires(given)[1].sum() == fired
        assert not half_fires(fires(given))


def test_how_the_residual_goes_over_draws():
    found, cosines = {"ostl": [], "ottt": [], "sltt": []}, []
    for seed in range(200):
        given = depths(seed)
        if not twice([given]):
            continue
        exact = reverse.gradients(*given, rule=RULES["bptt"])[LOWER]
        for rule, sizes in found.items():
            sizes.append(np.linalg.norm(residual(*given, rule=RULES[rule]).total[LOWER]) / np.linalg.norm(exact))
        cosines.append(cosine(reverse.gradients(*given, rule=RULES["ostl"])[LOWER], exact))
    sizes, n = np.array(found["ostl"]), len(cosines)
    middle, low, high = (percent(v) for v in (np.median(sizes), *np.quantile(sizes, [0.05, 0.95])))
    page = text("depth")
    assert f"there are {n} with which every layer fires twice or more. OSTL misses {middle} in the median" in page
    assert f"nine draws of ten lie between {low} and {high}; in {(sizes > 1).sum()} the residual is longer" in page
    assert f"in {sum(c < 0 for c in cosines)} the cosine of OSTL's gradient with BPTT's is negative." in page
    others = [percent(np.median(found[rule])) for rule in ("ottt", "sltt")]
    assert "OTTT misses {} and SLTT {} in the median; ".format(*others) in page
    nearer = [int((sizes < found[rule]).sum()) for rule in ("ottt", "sltt")]
    assert f"nearer to BPTT than OTTT in {nearer[0]} of the {n}, and nearer than SLTT in {nearer[1]}." in page
    assert f"with other weights there it is anything between {percent(sizes.min())} and {percent(sizes.max())}" in page
    (here,) = (row[1] for row in chapter("depth").example().rows if row[0] == "OSTL")
    assert 0.58 < float(here) < 0.62 and "and on the one in" in page and "three fifths" in page
    traps = " ".join((DOCS / "mathematics" / "14-traps.md").read_text(encoding="utf-8").split())
    assert f"{float(here):.1f} in the lesson on depth (over {n} draws".replace("0.", ".") in traps
    assert f"median {np.median(sizes):.2f}".replace("0.", ".") in traps
    assert "The omitted part measures .03 to .6, and over 1 in other draws" in chapter("depth").traps[0].text


@pytest.mark.long
def test_how_the_bounds_go_over_draws():
    """The order holds in every draw; that a bound loses more with a longer leak does not, but for the a-priori one."""
    ratios = []
    for seed in range(200):
        if twice(all_of("bounds", seed)):
            ratios.append([list(bounds._found(leak, seed=seed).values()) for leak in (0.8, 0.3, 0.9)])
    ratios = np.array(ratios)
    n, (here, short, long) = len(ratios), ratios.swapaxes(0, 1)
    worth = here[:, :5]
    assert (worth[:, :-1] >= worth[:, 1:] * (1 - 1e-9)).all() and here.min() >= 1
    page = text("bounds")
    assert f"there are {n} with which every layer fires twice or more at each of the four leaks" in page
    middle = [f"{float(f'{v:.2g}'):g}" for v in np.median(here, axis=0)[1:]]
    words = (
        "OSTL's medians at the leak 0.8 are {} online, {}, {} and {} with windows of 2, 4 and 6, and {} componentwise;"
    )
    assert words.format(*middle) in page
    assert f"the last is above the online bound in {(here[:, 5] > here[:, 1]).sum()} of the {n}, " in page
    assert "and below the window of 6 in none." in page and (here[:, 5] >= here[:, 4]).all()
    rising = (long > short).sum(axis=0)
    assert f"From the leak 0.3 to 0.9 the a-priori ratio rises in all of the {n}, but" in page and rising[0] == n
    assert f"the online one in {rising[1]} and that of the window of 6 in {rising[4]}." in page


@pytest.mark.long
def test_how_the_bounds_go_with_the_length_of_the_sequence():
    net, rng = bounded()[0], of(4)
    x, y = (rng.random((24, 1, 3)) < 0.5) * 1.0, rng.random((24, 1, 3))
    found = {steps: [] for steps in (3, 6, 12, 24)}
    for seed in range(200):
        if not twice(all_of("bounds", seed)):
            continue
        w = net.parameters(seed=seed, scale=2.0)
        for steps, ratios in found.items():
            given = net, w, x[:steps], y[:steps]
            online = Online(net, w, rule=RULES["ostl"], steps=steps, batch=1)
            for t in range(steps):
                online.step(x[t], y[t])
            error = np.linalg.norm(residual(*given, rule=RULES["ostl"]).total[LOWER])
            wide = windowed(*given, rule=RULES["ostl"], window=steps).tensors[LOWER]
            ratios.append((online.bound().tensors[LOWER] / error, wide / error))
    for steps, ratios in found.items():
        online, wide = (f"{float(f'{v:.2g}'):,.6g}".replace(",", " ") for v in np.median(ratios, axis=0))
        assert f"| {steps} | {online} | {wide} |" in text("bounds")


def test_how_the_rules_of_rates_go_over_draws():
    found = {label: [] for label in LABELS}
    for seed in range(200):
        if not twice(all_of("rates", seed)):
            continue
        for label in LABELS:
            net, *given = rated(label, seed)
            rate, exact = (
                rate_based.gradients(net, *given),
                reverse.gradients(replace(net, loss=Loss(when="mean")), *given, rule=RULES["bptt"]),
            )
            follows = ndot.gradients(net, *given), reverse.gradients(net, *given, rule=RULES["ottt"])
            every = reverse.gradients(net, *given, rule=RULES["bptt"])
            angle = cosine(rate[UPPER], every[UPPER])
            errors = [off(rate[k], exact[k]) for k in (LOWER, UPPER)]
            found[label].append([*errors, off(*(g[UPPER] for g in follows)), angle])
            assert abs(rate["layers.1.b"] - exact["layers.1.b"]).max() < 1e-12
            if (seed, label) == (25, "constant input"):
                assert f"has the cosine {angle:.2f}".replace("-", "−") in text("rates")
    still, moving = (np.array(found[label]) for label in LABELS)
    lower, upper, follow = (" and ".join(percent(np.median(f[:, k])) for f in (still, moving)) for k in range(3))
    page, n = text("rates"), len(still)
    assert f"there are {n} with which every layer fires twice or more with both inputs" in page
    assert f"off by {lower} for the lower weights, and by {upper} for the upper ones;" in page
    assert f"NDOT's upper weights are off OTTT's by {follow}." in page
    assert f"negative in {(still[:, 3] < 0).sum()} and {(moving[:, 3] < 0).sum()} of the {n}." in page
