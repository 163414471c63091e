"""Norms, whatever a decomposition returns; norms of blocks; what is added up and what is not."""

import numpy as np
import pytest

from gradcert.reference.bounds import Bound, descent
from gradcert.reference.bounds.majorants import Majorant, block_size, identity, matrix
from gradcert.reference.bounds.norms import frobenius, norm, outward, spectral
from gradcert.reference.bounds.record import size
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
    rest = np.array([[0.0, 2.0], [1.0, 0.5]])
    both = Majorant(np.array([-3.0, 1.0]), np.array([1.0, 2.0]), 2.5, rest)
    assert np.allclose(both.entries(), rest + np.diag([3, 2]), rtol=gamma(10), atol=0)
    assert np.array_equal(identity(2).entries(), np.eye(2)) and np.array_equal(matrix(-rest).entries(), rest)
    scaled = both.scaled(np.array([-2.0, 0.5]), np.array([1.0, 4.0]))
    assert np.allclose(scaled.low, [-3, 0.5], rtol=2.0**-52) and np.allclose(scaled.high, [6, 8], rtol=2.0**-52)
    assert np.allclose(scaled.rest, rest * [[2.0], [4.0]], rtol=gamma(10), atol=0)
    assert 2.5 * 4 <= scaled.norm <= 2.5 * 4 * ROOM
    weight = np.array([[1.0, -2.0], [0.0, 1.0]])
    through = both.through(weight)
    assert through.low is None and np.allclose(through.rest, abs(weight) @ (rest + np.diag([3, 2])), rtol=gamma(20))
    length = (2.5 + 3) * np.linalg.norm(weight, 2)
    assert length <= through.norm <= length * ROOM


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
