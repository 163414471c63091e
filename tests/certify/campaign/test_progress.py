"""A campaign says what it does, after its cases too: what takes seconds is not silent."""

from gradcert.certify.campaign import certify, vectors
from gradcert.certify.claims import Claim
from gradcert.reference import RULES
from gradcert.reference.engines import reverse


def sltt(problem):
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return reverse.gradients(*given, rule=RULES["sltt"])


def test_every_part_of_a_campaign_is_said():
    told = []
    made = certify(
        sltt, rule="bptt", cells="rnn", depths=1, profile="quick", repair=0.01, progress=lambda *a: told.append(a)
    )
    assert made.verdict == "refuted"
    whats = [what for _, _, what in told]
    wrong = sum(case.verdict != "passed" for case in made.cases)
    assert wrong and whats[-3:-1] == [f"{wrong} wrong: a small counterexample", f"{wrong} wrong: the cause"]
    assert whats[-1] == "refuted: a repair is looked for"
    assert any(what.startswith("asked beside the cases: ") for what in whats)
    assert all(0 <= done <= total for done, total, _ in told)


def test_vectors_say_how_far_they_are(tmp_path):
    told = []
    claim = Claim(rule="bptt", cells=("rnn",), depths=(1,))
    number = vectors.write(tmp_path, claim, profile="quick", progress=lambda *a: told.append(a))
    assert [done for done, _, _ in told] == list(range(1, number + 1)) and told[-1][1] == number
