"""Every cell against its equations written a second time in scalars; then every factor dropped once, and seen."""

from itertools import combinations

import pytest
import scalar_oracle
from balls import BALLS, BITS, agree, precision, size
from cell_nets import CELLS, absent_removed, problem, stack

from gradcert.reference import RULES, Edge, Link, Network, Rule
from gradcert.reference.engines import reverse
from gradcert.reference.networks.network import Layer

# the rows whose learning signal is exact backpropagation within a step and which have no window
RULE_NAMES = ("bptt", "bptt-detached-reset", "ostl", "e-prop", "ottt", "sltt")


def engine(case, rule):
    return reverse.gradients(*case.arguments, rule=RULES[rule], numbers=BALLS)


def oracle(case, rule, **options):
    widen = absent_removed(case.network)
    return scalar_oracle.gradients(*case.arguments, RULES[rule], widen=widen, **options)


def differing(mine, theirs):
    assert mine.keys() == theirs.keys()
    return {name for name in mine if not agree(mine[name], theirs[name])}


@pytest.mark.long(keep=4)
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("name", CELLS)
def test_gradients_equal_those_of_the_equations(name, depth):
    case = problem(stack(name, depth))
    with precision(BITS):
        for rule in RULE_NAMES:
            theirs = oracle(case, rule)
            mine = engine(case, rule)
            if rule == "bptt":
                # nothing here may agree because it is zero
                assert all(size(g) > 0 for g in mine.values())
            assert differing(mine, theirs) == set(), rule


@pytest.mark.parametrize("name", ["ltc", "ltc-feed-forward"])
def test_the_reset_of_the_liquid_neuron_may_end_a_step_or_begin_the_next(name):
    case = problem(stack(name, 2))
    equations = {**scalar_oracle.EQUATIONS, "ltc": scalar_oracle.ltc_as_published}
    with precision(BITS):
        theirs = oracle(case, "bptt", equations=equations)
        assert differing(engine(case, "bptt"), theirs) == set()


def labels(name):
    return tuple(edge for edge in Edge if edge in {link.edge for link in CELLS[name].links if link.lag})


SUBSETS = [(name, frozenset(own)) for name in CELLS for n in range(5) for own in combinations(labels(name), n)]


@pytest.mark.long(keep=18)
@pytest.mark.parametrize(("name", "own"), SUBSETS, ids=lambda v: v if isinstance(v, str) else "-".join(sorted(v)))
def test_any_set_of_edges_may_be_kept(name, own):
    """Own edges from one subset, upper edges from another: what the first lacks of the cell's labels."""
    upper = frozenset(labels(name)) - own
    case = problem(stack(name, 2), steps=3)
    rule = Rule("cut", "a set of edges", own, upper)
    with precision(BITS):
        mine = reverse.gradients(*case.arguments, rule=rule, numbers=BALLS)
        theirs = scalar_oracle.gradients(*case.arguments, rule, widen=absent_removed(case.network))
        assert differing(mine, theirs) == set()
        whole = engine(case, "bptt")
        assert differing(mine, whole) != set()  # the case feels the cut


class Broken:
    """A cell with one local derivative missing."""

    def __init__(self, cell, key):
        self.cell, self.key = cell, key

    def __getattr__(self, name):
        return getattr(self.cell, name)

    def factors(self, n, p, prev, now):
        out = self.cell.factors(n, p, prev, now)
        return {**out, self.key: out[self.key] * 0}


def keys_of(name):
    """Every factor of a cell, and whether the weighted links are complete."""
    cell = CELLS[name]
    used = [use for use in cell.uses if use.parameter in cell.trained]
    return [*(link for link in cell.links if link.weight is None), *used]


FACTORS = [(name, key) for name in CELLS for key in keys_of(name)]


@pytest.fixture(scope="module")
def truth():
    """The oracle's gradient of one hidden layer, computed once per cell."""
    known = {}

    def of(name):
        if name not in known:
            case = problem(stack(name, 1), steps=5)
            with precision(BITS):
                known[name] = case, oracle(case, "bptt")
        return known[name]

    return of


def label(value):
    if isinstance(value, str):
        return value
    return f"{value.source}-{value.target}" if isinstance(value, Link) else f"{value.parameter}-{value.target}"


@pytest.mark.parametrize(("name", "key"), FACTORS, ids=label)
def test_a_missing_factor_is_seen(truth, name, key):
    case, theirs = truth(name)
    hidden, readout = case.network.layers
    broken = Layer(Broken(hidden.cell, key), inputs=hidden.inputs, units=hidden.units, synapses=hidden.synapses)
    network = Network(layers=(broken, readout), loss=case.network.loss)
    with precision(BITS):
        mine = reverse.gradients(network, case.parameters, case.inputs, case.targets, rule=RULES["bptt"], numbers=BALLS)
        assert differing(mine, theirs) != set()


@pytest.mark.parametrize("name", CELLS)
def test_the_factors_are_those_of_the_links_and_of_the_trained_parameters(name):
    case = problem(stack(name, 1))
    with precision(BITS):
        layer = case.network.layers[0]
        zeros = {node: BALLS.zeros((2, layer.units)) for node in layer.cell.nodes}
        constants = {k: BALLS.array(v) for k, v in layer.cell.constants().items()}
        p = {**constants, **{k: case.parameters[f"layers.0.{k}"] for k in layer.shapes()}}
        assert set(layer.cell.factors(BALLS, p, zeros, zeros)) == set(keys_of(name))
