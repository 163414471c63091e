"""The tasks of C6: what is searched with is not what is tested on, and padded steps do not count."""

import numpy as np
import pytest

from gradcert.papers.claims import images, ottt_on_par
from gradcert.papers.claims.ottt_on_par import given, rules

COUNT, FIRST = 30, 18


def told(x):
    """The samples that a sequence was made of: the first input says which."""
    return set(np.rint(x[0].max(axis=-1)).astype(int).tolist())


@pytest.fixture
def drawn(monkeypatch):
    number = np.arange(10000, dtype=np.float32)
    pictures, labels = np.repeat(number[:, None], 784, axis=1), np.arange(10000) % 10
    monkeypatch.setattr(ottt_on_par, "mnist", lambda: (pictures, labels))
    monkeypatch.setattr(ottt_on_par, "fashion", lambda: (pictures, labels))
    x = np.broadcast_to(number[None, :COUNT, None], (29, COUNT, 12))
    counted = np.tril(np.ones((29, COUNT), np.float32))
    monkeypatch.setattr(ottt_on_par, "vowels", lambda: (x, counted, np.arange(COUNT) % 9, FIRST))


@pytest.mark.parametrize("task", ottt_on_par.MARGIN)
def test_a_search_learns_from_and_is_tried_on_other_samples_than_the_test(drawn, task):
    parts = {tuning: given(task, tuning=tuning) for tuning in (True, False)}
    searched = told(parts[True][1][0]) | told(parts[True][2][0])
    train, test = told(parts[False][1][0]), told(parts[False][2][0])
    assert not told(parts[True][1][0]) & told(parts[True][2][0])
    assert not train & test
    assert not searched & test
    for net, *both in parts.values():
        assert all(shown[0].shape[2] == net.layers[0].inputs for shown in both)


def test_the_forward_learner_is_left_out_under_convolutions_alone():
    assert {task: "ottt-o" in rules(task) for task in ottt_on_par.MARGIN} == {
        "static": True, "rows": True, "speech": True, "convolution": False
    }  # fmt: skip


@pytest.mark.parametrize("rule", ["ottt-a", "ottt-o", "bptt"])
def test_steps_that_do_not_count_change_nothing_that_is_learned(rule):
    """The same sequences, with other inputs where they are padded."""
    rng = np.random.default_rng(0)
    x, counted = rng.standard_normal((9, 12, 5)).astype(np.float32), np.ones((9, 12), np.float32)
    counted[6:] = 0
    other = np.where(counted[:, :, None] > 0, x, 3).astype(np.float32)
    labels, net = rng.integers(0, 3, 12), images.network(5, 8, 1, 0.9, classes=3)
    options = {"rule": rule, "seed": 0, "rate": 0.3, "epochs": 4, "batch": 6}
    one, two = (images.trained(net, (v, labels, counted), (v, labels, counted), **options) for v in (x, other))
    assert one["curve"] == two["curve"]
    whole = images.trained(net, (other, labels), (other, labels), **options)
    assert one["curve"] != whole["curve"]
