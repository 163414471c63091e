"""Norms, whatever a decomposition returns; norms of blocks; what is added up and what is not."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from gradcert.reference import RULES, Layer, Network, Rnn, record
from gradcert.reference.bounds import Bound, descent, entries
from gradcert.reference.bounds.majorants import Majorant, block_size, identity, matrix
from gradcert.reference.bounds.norms import frobenius, norm, outward, spectral
from gradcert.reference.bounds.record import size
from gradcert.reference.bounds.recorded import roundings
from gradcert.reference.engines import tape_residual
from gradcert.reference.engines.majorant import gamma

ROOM = 1 + gamma(10**4)  # outward by some 10 roundings and by those of a matrix of 20 entries, several times over


def test_of_every_shape():
    """One matrix or many at once; of no rows or no columns, nothing; of what is no number, infinity."""
    rng = np.random.default_rng(0)
    many = rng.standard_normal((2, 3, 4, 5))
    found = spectral(many)
    assert found.shape == (2, 3)
    for index in np.ndindex(2, 3):
        exact = np.linalg.norm(many[index], 2)
        assert exact <= found[index] <= exact * ROOM
        assert frobenius(many)[index] == pytest.approx(np.linalg.norm(many[index]), rel=gamma(10**3))
    for empty in ((3, 0), (0, 3), (2, 0, 4)):
        assert spectral(np.zeros(empty)).shape == empty[:-2] and not spectral(np.zeros(empty)).any()
    assert spectral(np.array([[np.inf, 0.0], [0.0, 1.0]])) == np.inf
    assert np.array_equal(spectral(np.full((3, 2, 2), np.inf)), [np.inf] * 3)
    pair = np.stack([many, abs(many)])
    assert (norm(pair, 10**9) >= spectral(many) + gamma(10**9) * np.sqrt((many**2).sum(axis=(-2, -1)))).all()
    assert outward(2.0, 0) > 2


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("factor", [0.5, 1 - 2.0**-20, 1 + 2.0**-20, 2.0])
def test_a_decomposition_that_has_not_converged(which, factor, monkeypatch):
    """U, S or V too short or too long, or turned: the residue makes up for it, and covers no more than it has to."""
    rng = np.random.default_rng(1)
    honest = np.linalg.svd

    def poor(a, full_matrices):
        parts = list(honest(a, full_matrices=full_matrices))
        parts[which] = parts[which] * factor
        return tuple(parts)

    def turned(a, full_matrices):
        u, s, v = honest(a, full_matrices=full_matrices)
        u[..., :, 0] = u[..., :, 1]
        return u, s, v

    for _ in range(20):
        a = rng.standard_normal((4, 3))
        exact = np.linalg.norm(a, 2)
        monkeypatch.setattr(np.linalg, "svd", poor)
        found = float(spectral(a))
        # |A| + |E| as the norms of a product of factors: each at most `larger` times what it is
        larger, gap = max(factor, 1), abs(1 - factor)
        assert exact <= found <= exact * larger * (np.sqrt(1 + 3**0.5 * abs(factor**2 - 1)) + 3**0.5 * gap) * ROOM
        monkeypatch.setattr(np.linalg, "svd", turned)
        assert exact <= float(spectral(a))
        monkeypatch.setattr(np.linalg, "svd", honest)


def test_a_matrix_of_blocks_is_no_longer_than_the_matrix_of_their_norms():
    a, b = matrix(np.array([[3.0, 0.0], [0.0, 1.0]])), matrix(np.array([[4.0, 0.0], [0.0, 2.0]]))
    for blocks, exact in (([[a, b]], 5), ([[a], [b]], 5), ([[a, None], [None, b]], 4), ([[a]], 3), ([[None]], 0)):
        assert exact <= block_size(blocks) <= exact * ROOM
    assert identity(3).size() <= ROOM and block_size([[None, None]]) == 0


def test_the_entries_of_a_majorant():
    assert Majorant(None, None).entries().shape == (0, 0) and Majorant(None, None).size() == 0
    rest = np.array([[0.0, 2.0], [1.0, 0.5]])
    both = Majorant(np.array([-3.0, 1.0]), np.array([1.0, 2.0]), 2.5, rest)
    assert np.allclose(both.entries(), rest + np.diag([3, 2]), rtol=gamma(10), atol=0)
    assert np.array_equal(identity(2).entries(), np.eye(2)) and np.array_equal(matrix(-rest).entries(), rest)
    # the smaller of two bounds: max |diagonal| + |rest|, and the norm of what every entry can be at most
    sizes = [Majorant(both.low, both.high, length, rest).size() for length in (0.5, 10.0)]
    assert sizes == [pytest.approx(v, rel=gamma(200)) for v in (3.5, np.linalg.norm(both.entries(), 2))]
    scaled = both.scaled(np.array([-2.0, 0.5]), np.array([1.0, 4.0]))
    assert np.allclose(scaled.low, [-3, 0.5], rtol=2.0**-52, atol=0)
    assert np.allclose(scaled.high, [6, 8], rtol=2.0**-52, atol=0)
    assert np.allclose(scaled.rest, rest * [[2.0], [4.0]], rtol=gamma(10), atol=0)
    assert 2.5 * 4 <= scaled.norm <= 2.5 * 4 * ROOM
    weight = np.array([[1.0, -2.0], [0.0, 1.0]])
    through = both.through(weight)
    assert through.low is None
    assert np.allclose(through.rest, abs(weight) @ (rest + np.diag([3, 2])), rtol=gamma(20), atol=0)
    length = (2.5 + 3) * np.linalg.norm(weight, 2)
    assert length <= through.norm <= length * ROOM


@dataclass(frozen=True)
class Met:
    """How many roundings a number has met on its longest way; the number itself is positive, and not looked at."""

    count: int = 0

    def __add__(self, other):
        return self if isinstance(other, int) else Met(max(self.count, other.count) + 1)

    def __mul__(self, other):
        if isinstance(other, int):  # 0 or 1
            return self if other else 0
        return Met(self.count + other.count + 1)

    def __sub__(self, other):
        return self + other

    def __abs__(self):
        return self

    def __neg__(self):
        return self

    __radd__, __rmul__ = __add__, __mul__


@dataclass(frozen=True)
class Counting:
    """As much of a number system as a residual asks for."""

    def absolute(self, x):
        return abs(x)

    def zeros(self, shape):
        return np.zeros(shape, dtype=int).astype(object)


def met(values):
    """Fresh counts in place of the numbers of a tape; a factor of 1 stays what it is."""
    return {
        k: np.full(np.shape(v), Met(), dtype=object) if np.ndim(v) else v if isinstance(v, int) else Met()
        for k, v in values.items()
    }


def test_the_roundings_allowed_for_are_no_fewer_than_there_are():
    """The residual in absolute values, run on counts: sums over 8 numbers, one upon the other at every step."""
    network = Network(layers=(Layer(Rnn(), inputs=8, units=8), Layer(Rnn(), inputs=8, units=8)))
    rng, p = np.random.default_rng(0), network.parameters(seed=1)
    x, y = rng.standard_normal((2, 12, 1, 8))
    tape = record(network, p, x)
    counted = replace(
        tape,
        numbers=Counting(),
        layers=tuple(
            replace(t, p=met(t.p), x=met({0: t.x})[0], prev=met(t.prev), now=met(t.now), factors=met(t.factors))
            for t in tape.layers
        ),
    )
    given = {"rule": RULES["sltt"], "feedback": {}, "absolute": True}
    total = tape_residual(counted, met({0: y})[0], **given).total["layers.0.W"]
    most = max(v.count for v in total.flat if isinstance(v, Met))
    floats = tape_residual(tape, y, **given).total["layers.0.W"]
    room = entries(network, p, x, y, rule=RULES["sltt"])["layers.0.W"] / floats
    assert room.min() >= 1 + 2 * gamma(most)
    assert roundings(network, 12) >= most - 12  # but for the sum over the steps
    assert most > 12 * 8


def test_all_tensors_together():
    gradients = {"a": np.full((2, 2), 1.5), "b": np.array([4.0])}
    assert 5 <= size(gradients) <= 5 * ROOM and size({}) == 0


def test_what_is_not_certified_has_no_angle():
    estimate = {"a": np.array([3.0, 4.0]), "b": np.array([0.0])}
    wide, narrow = (descent(estimate, Bound({"a": b, "b": 0.0})) for b in (6.0, 2.0))
    assert (wide.holds, wide.cosine, narrow.holds) == (False, 0.0, True)
    assert (wide.margin, narrow.margin) == pytest.approx((25 - 30, 25 - 10), rel=gamma(10**3))
    assert (narrow.cosine, narrow.norm, narrow.bound) == pytest.approx((15 / (5 * 7), 5, 2), rel=gamma(10**3))
    assert not descent(estimate, Bound({"a": 2.0, "b": 0.0}), rounding={"a": 3.0}).holds
    nothing = descent({"a": np.zeros(2)}, Bound({"a": 0.0}))
    assert (nothing.holds, nothing.margin, nothing.cosine) == (False, 0, 0)
    # what is claimed is on the safe side of what is so
    assert (narrow.margin < 15, narrow.cosine < 15 / 35, narrow.norm < 5, narrow.bound > 2) == (True,) * 4
