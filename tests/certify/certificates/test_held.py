"""A certificate that contradicts itself is broken, however well it is sealed; one that gradcert wrote never does."""

import copy
import json
from pathlib import Path

import pytest

from gradcert.certify.campaign import verify
from gradcert.certify.campaign.conclude import control
from gradcert.certify.certificates import canonical, seal
from gradcert.certify.certificates.certificate import from_dict
from gradcert.certify.certificates.held import circumstances as held
from gradcert.certify.certificates.identity import identity
from gradcert.certify.certificates.identity import seal as sealed
from gradcert.certify.claims import AXES, Claim
from gradcert.certify.problems import Spec, plan
from gradcert.certify.problems.cases.circumstances import MANY, seen
from gradcert.certify.runs import Task, case_of, prepare

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "certificates"
FILES = sorted(FOLDER.glob("*.json"))


def with_verdict(verdict, *, counterexample=False):
    records = (json.loads(path.read_bytes()) for path in FILES)
    return next(r for r in records if r["verdict"] == verdict and (r.get("counterexample") or not counterexample))


CERTIFIED, REFUTED = with_verdict("certified"), with_verdict("refuted", counterexample=True)


def forged(record, change):
    """The bytes of a certificate that was changed, its identity and its seal made anew."""
    record = copy.deepcopy(record)
    change(record)
    record["identity"] = identity(record)
    record["seal"] = sealed(record)
    return canonical(record)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_gradcert_wrote_does_not_contradict_itself(path):
    assert seal.faults(path.read_bytes()) == []


def first_with_parameters(record):
    return next(case for case in record["cases"] if case["parameters"])


def a_note_less(record):
    record["notes"] = [note for note in record["notes"] if "to the last bit" not in note and "no exact" not in note]
    for case in record["cases"]:  # so that there is one to be missed
        case["exact"] = False


def a_case_less(record):
    gone = record["cases"].pop()
    record["counts"]["passed"] -= 1
    record["timing"]["cases"].pop(gone["id"], None)


def smaller(figures):
    """The figures of a parameter, its error left as it is."""
    figures["worst"] = figures["worst"] / 1e6


FORGERIES = {
    "a control that passed": (lambda r: r["controls"][0].update(refuted=0), "the control"),
    "no controls": (lambda r: r.update(controls=[]), "no control was tried"),
    "a control refuted too often": (lambda r: r["controls"][0].update(refuted=10**6), "more often than it was tried"),
    "more cases in the reason": (lambda r: r.update(reason="2200 cases agree"), "the reason is not that of its cases"),
    "a case less": (a_case_less, "the reason is not that of its cases"),
    "another budget": (
        lambda r: first_with_parameters(r).update(budget=1e-3),
        "the budget is not that of its parameters",
    ),
    "another worst error": (
        lambda r: first_with_parameters(r).update(worst=1e-30),
        "the worst error is not that of its parameters",
    ),
    "an error without budgets": (
        lambda r: first_with_parameters(r)["parameters"].update(
            {"layers.0.W": {"worst": 1e-30, "error": 1.0, "norm": 1.0, "budget": 1e-13}}
        ),
        "do not fit together",
    ),
    "no notes": (a_note_less, "and no note says so"),
    "no edges": (lambda r: r["separated"].clear(), "which edges the cases of"),
    "an edge that is hardly seen": (
        lambda r: next(iter(r["separated"].values())).update({"own STATE": 1.5}),
        "hardly see the edge",
    ),
    "no circumstances": (lambda r: r.pop("circumstances"), "nothing is said of circumstances"),
    "larger problems": (lambda r: r["circumstances"]["largest"].update(T=10**4), "the largest T and B"),
    "a check that failed": (
        lambda r: r.update(checks=[{"id": "online/memory", "verdict": "blocked", "what": "", "facts": {}}]),
        "the check online/memory has not passed",
    ),
}


def says_met(axis, name, *, of_case=True):
    """A level that is said to be met on the whole, and of the first case too."""

    def change(record):
        record["circumstances"]["levels"].setdefault(axis, {})[name] = "met"
        met = record["cases"][0]["facts"]["met"]
        met += [f"{axis}: {name}"] if of_case and f"{axis}: {name}" not in met else []

    return change


def every_level(record):
    for axis, names in record["circumstances"]["levels"].items():
        for name in names if axis not in ("T", "B", "sizes", "calls") else ():
            says_met(axis, name)(record)


def forgotten(record):
    """A level that a case meets, and of which it is said that none does."""
    axis, _, name = record["cases"][0]["facts"]["met"][0].partition(": ")
    record["circumstances"]["levels"][axis][name] = "the claim fixes it"


def largest(name, value):
    return lambda r: r["circumstances"]["largest"].update({name: value})


CIRCUMSTANCES = {
    "steps": (says_met("T", "hundreds"), "it is said to meet T: hundreds, with T "),
    "samples": (says_met("B", "1"), "it is said to meet B: 1, with B "),
    "units": (says_met("sizes", "tens"), "it is said to meet sizes: tens, with sizes "),
    "large inputs": (says_met("inputs", "above 1e6"), "it is said to meet inputs: above 1e6, with inputs "),
    "large targets": (says_met("targets", "above 1e5"), "it is said to meet targets: above 1e5, with targets "),
    "both signs, and one": (says_met("weights", "all negative"), "which no problem does"),
    "every level": (every_level, "which no problem does"),
    "many calls": (lambda r: r["circumstances"].update(calls=0), "it says of calls many: met, with 0 calls"),
    "a level of no case": (says_met("T", "elsewhere", of_case=False), "no case of it is said to meet it"),
    "a case less its level": (
        lambda r: r["cases"][0]["facts"].update(met=r["cases"][0]["facts"]["met"][1:]),
        "it is not said to meet T: ",
    ),
    "a level that is forgotten": (forgotten, "and a case of it is said to meet it"),
    "a circumstance that is none": (
        lambda r: r["cases"][0]["facts"]["met"].append("weather: fine"),
        "which is no circumstance of it",
    ),
    "smaller inputs": (largest("inputs", 1e-3), "the largest inputs are not those of the cases"),
    "larger targets": (largest("targets", 1e4), "the largest targets are not those of the cases"),
    "inputs of a case": (lambda r: r["cases"][0]["facts"].update(inputs=1e9), "the largest inputs are not those"),
    "pairs": (
        lambda r: r["circumstances"]["pairs"].update(met=r["circumstances"]["pairs"]["of"]),
        "pairs of circumstances were met, it says, and its cases meet",
    ),
    "possible pairs": (
        lambda r: r["circumstances"]["pairs"].update(of=10**6),
        "pairs of circumstances are possible, it says, and its levels make",
    ),
    "a control tried more often than there are cases": (
        lambda r: r["controls"][0].update(shown=1000, refuted=1000),
        "was tried 1000 times, it says, with ",
    ),
}
FORGERIES |= CIRCUMSTANCES


@pytest.mark.parametrize("name", FORGERIES)
def test_what_contradicts_itself_is_broken_under_a_fresh_seal(name):
    change, said = FORGERIES[name]
    assert seal.faults(forged(CERTIFIED, lambda _: None)) == []
    found = verify(forged(CERTIFIED, change))
    assert found.outcome == "broken" and said in "; ".join(found.reasons), found


def as_given(record):
    """The reference of a wrong array rewritten to what came back."""
    array = next(a for a in record["counterexample"]["arrays"] if "false" in json.dumps(a["ok"]))
    array["reference"] = array["given"]


def right_now(record):
    for array in record["counterexample"]["arrays"]:
        array["ok"] = json.loads(json.dumps(array["ok"]).replace("false", "true"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (right_now, "marks entries of"),
        (as_given, "marks entries of"),
        (lambda r: r.update(reason="gradient: it equals bptt"), "the reason is that of no finding"),
        (lambda r: r["findings"][0]["where"].update(given=0.5, reference=0.5), "is not that of its two values"),
        (lambda r: r["counterexample"].update(case="rnn/9/none"), "which is no case of it"),
    ],
)  # fmt: skip
def test_what_was_found_wrong_is_held_too(change, said):
    record = copy.deepcopy(REFUTED)
    record["findings"] = [f for f in record["findings"] if "given" in f["where"]] or record["findings"]
    found = verify(forged(record, change))
    assert found.outcome == "broken" and said in "; ".join(found.reasons), found


CLAIMS = {
    "stacks": Claim("bptt", ("rnn", "lif"), depths=(1, 3)),
    "a readout": Claim("bptt", "lif", depths=(2,), readout="integrator", losses="squared_error"),
    "layers": Claim("bptt", layers=["lif", "lif", "rnn"], losses="squared_error"),
    "a graph": Claim(
        "bptt",
        losses="squared_error",
        network={
            "inputs": [{"name": "x"}, {"name": "y"}],
            "populations": [{"name": "low", "cell": "lif"}, {"name": "out", "cell": "lif"}],
            "connections": [
                {"source": "x", "target": "low"},
                {"source": "y", "target": "out"},
                {"source": "low", "target": "out"},
            ],
        },
    ),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_what_follows_from_the_figures_of_a_case_is_what_its_problem_shows(name):
    claim = CLAIMS[name]
    told = claim.to_dict()
    for spec in plan(claim, "default")[::2]:
        if spec.family == "long" or (case := case_of(Task(spec, claim, 0))) is None:
            continue
        record = {"id": case.id, "facts": dict(case.facts)}
        assert list(held.cases({"claim": told, "cases": [record]})) == []
        known = {(axis, level) for axis, level, _ in held._shown(record, told)}
        assert {("T", "hundreds"), ("B", "more"), ("sizes", "one unit")} <= known
        assert name != "stacks" or {("sizes", level) for level in AXES["sizes"]} <= known
    assert (held.TENS, held.HUNDREDS, held.MANY) == (seen.TENS, seen.HUNDREDS, MANY)


def test_what_is_not_held_is_said():
    found = verify(forged(CERTIFIED, lambda _: None))
    assert found.outcome == "intact"
    assert any(reason.startswith("held against the rest of the file") for reason in found.reasons)
    assert any(reason.startswith("not held, as only --run finds it out") for reason in found.reasons)


def test_a_certificate_of_another_version_is_held_to_figures_and_not_to_words():
    def other(record):
        record.update(suite="0.0.1", reason=record["reason"].replace("agree", "concur"), notes=[])
        record.pop("circumstances")

    assert verify(forged(CERTIFIED, other)).outcome == "intact"

    def more(record):
        other(record)
        record.update(reason="2200 cases concur")

    assert verify(forged(CERTIFIED, more)).outcome == "broken"


def test_a_run_without_any_control_proves_nothing():
    claim = Claim("ostl", ("snu",), depths=(1,))
    prepared = prepare(Task(Spec("snu", 1, "squared_error", "every", "bounded", 0), claim, 0))
    bare = type(prepared)(prepared.case, (), prepared.sound)
    assert control([bare], claim)[2] == ["no control was tried: no known-wrong variant stands beside the cases"]


def test_show_and_from_dict_read_what_verify_takes():
    assert from_dict(CERTIFIED).verdict == "certified"
