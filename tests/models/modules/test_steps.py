"""Step functions of JAX (strange_jax.py), certified by an interpreter that has JAX, which the judge need not have."""

from pathlib import Path

import pytest

from gradcert import certify
from gradcert.reference import GradcertError

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[3]
PYTHON = ROOT / ".venv-peers-jax" / "bin" / "python"
pytestmark = pytest.mark.skipif(not PYTHON.is_file(), reason="needs JAX in .venv-peers-jax: make peers")
STATE = "--state (2,4),(2,4)"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def judged(name, *words, **claimed):
    subject = " ".join([f"{HERE / 'strange_jax.py'}:{name}", *words]).strip()
    return certify(subject, python=str(PYTHON), profile=claimed.pop("profile", "quick"), **claimed)


def lif(name="lif", params="params", **claimed):
    return judged(name, f"--params {params}", "--example x=(2,3)", STATE, **claimed)


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.long)])
def test_a_lif_with_a_custom_jvp_computes_what_its_cuts_are(dtype):
    done = lif(dtype=dtype)
    assert done.verdict == "certified", done.reason
    assert done.claim["rule"] == "bptt-detached-reset" and "sizes" not in done.claim


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "rule", "cause"),
    [
        ("lif", "bptt", "bptt without RESET, which is bptt-detached-reset"),
        ("forgets", "bptt-detached-reset", "bptt-detached-reset with RESET, which is bptt"),
        ("decays", "bptt-detached-reset", "with the factor of v<-v' = 0.8"),
    ],
)
def test_a_planted_mistake_is_named(name, rule, cause):
    done = lif(name, rule=rule)
    assert done.verdict == "refuted" and cause in done.reason, done.reason


@pytest.mark.long
def test_a_leak_behind_a_sigmoid_and_a_pseudo_derivative_of_its_own():
    done = lif("learns", "trained")
    assert done.verdict == "certified", done.reason
    assert "where(abs(x) < 0.5" in str(done.claim["options"]["surrogate"])


@pytest.mark.long
def test_the_example_is_certified_at_every_size_and_refuted_as_what_it_cuts():
    subject = f"{ROOT / 'examples' / 'read_jax.py'}:step --params make --example x=(8,12) --state zeros"
    done = certify(subject, python=str(PYTHON), profile="default")
    assert done.verdict == "certified", done.reason
    assert done.claim["rule"] == "bptt-detached-reset" and not done.claim.get("sizes")
    done = certify(subject, python=str(PYTHON), profile="quick", rule="bptt")
    assert done.verdict == "refuted" and "bptt without RESET" in done.reason


@pytest.mark.long
def test_a_cell_of_flax():
    done = judged("gru", "--example x=(2,3)", rule="bptt")
    assert done.verdict == "certified", done.reason
    assert not done.claim.get("sizes") and any("made with key 0" in note for note in done.notes)


@pytest.mark.long
def test_sizes_and_samples_that_are_fixed_are_said():
    done = judged("fixed", "--params params", "--example x=(2,3)", "--state (2,4)")
    assert done.verdict == "certified", done.reason
    assert list(done.claim["sizes"]) == [3, 4] and done.claim["B"] == 2
    assert any("judged at sizes 3, 4 alone: its parameters or its code have no other" in note for note in done.notes)
    assert any("judged with 2 samples" in note for note in done.notes)
    done = judged("rnn", "--params square", "--example x=(2,4)", "--state (2,4)")
    assert done.verdict == "certified", done.reason
    assert any("two of its sizes are one in the example" in note for note in done.notes)


@pytest.mark.long(keep=2)
@pytest.mark.parametrize(
    ("name", "words", "sentence"),
    [
        ("lif", "", 'no example input; to fix it: pass its shape, with the batch first: --example "x='),
        ("gru", "--params params", "no example input"),
        ("lif", "--example x=3 --params params", "--example '3'; allowed: shapes"),
        ("lif", "--example x=(2,3) --params nothing", "--params nothing, which strange_jax.py has not"),
        ("lif", "--example x=(2,3) --params small", "building small.* raised ValueError: no file of weights"),
        ("no_step", "--example x=(2,3) --params params --state (2,4)", "no state like the one that went in"),
        ("DRAW", "--example x=(2,3)", "a Generator; allowed: a step function, or a module of flax"),
        ("lif", "--example", "--example behind .*; allowed: --params, --example, --state, --order, each with a value"),
    ],
)
def test_what_is_no_step_is_one_sentence(name, words, sentence):
    with pytest.raises(GradcertError, match=sentence) as error:
        judged(name, words)
    assert "Traceback" not in str(error.value) and len(str(error.value).splitlines()) == 1


def test_without_jax_the_interpreter_is_named(tmp_path):
    bare = tmp_path / "bare.py"
    bare.write_text("import jax.nothing_of_it\n")
    with pytest.raises(GradcertError, match=r"is not installed in .*; or say another interpreter.*--python PATH"):
        certify(f"{bare}:step --example x=(2,3)", python=str(PYTHON))
