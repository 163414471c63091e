"""A campaign says what it does, after its cases too: what takes seconds is not silent."""

import re
import time

from gradcert.certify.campaign import certify, vectors
from gradcert.certify.claims import Claim
from gradcert.certify.subjects import Limits
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
    prefixes = [what for what in whats if what.startswith("asked beside the cases: prefixes: ")]
    assert prefixes and all(re.search(r"/first-\d+$", what) for what in prefixes)  # each question is said
    assert whats[-1] == "refuted: a repair is looked for"
    assert any(what.startswith("asked beside the cases: ") for what in whats)
    assert all(0 <= done <= total for done, total, _ in told)


HANGS = """
import os, time
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

calls = 0

def gradients(problem):
    global calls
    calls += 1
    if LATE:
        open(__file__ + ".late", "w").close()
        time.sleep(60)
    return reverse.gradients(
        problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["bptt"]
    )
"""


def judged(folder, late, **parts):
    (folder / "late.py").write_text(HANGS.replace("LATE", late))
    told = []
    limits = Limits(call=0.5)
    made = certify(
        f"{folder}/late.py:gradients",
        rule="bptt",
        cells="rnn",
        depths=1,
        limits=limits,
        progress=lambda *a: told.append(a[2]),
        **parts,
    )
    assert made.verdict == "refuted" and made.findings[0].cause == "hung"
    return made, told


def test_a_subject_that_hangs_now_and_then_is_not_waited_for_longer_and_longer(tmp_path):
    """The long case gets many times the time of others: not where answers have failed to come in time."""
    made, told = judged(tmp_path, "not os.path.exists(__file__ + '.late') or len(problem.inputs) > 100")
    taken = made.timing["cases"]
    (long,) = (case.id for case in made.cases if case.family == "long")
    assert taken[long] < 3  # of 3.75 s that it would have, and more where others have the processor
    assert any(f"{long} (no answer " in what and "after 3 nothing more is asked" in what for what in told)


def test_many_calls_are_said_and_not_waited_for_together(tmp_path):
    began = time.monotonic()
    _, told = judged(tmp_path, "calls > 60 and len(problem.inputs) < 10", losses="squared_error", when="every")
    assert time.monotonic() - began < 30
    said = [what for what in told if what.startswith("asked beside the cases: calls: ")]
    assert said and all(re.search(r", calls \d+ to \d+$", what) for what in said)


def test_vectors_say_how_far_they_are(tmp_path):
    told = []
    claim = Claim(rule="bptt", cells=("rnn",), depths=(1,))
    number = vectors.write(tmp_path, claim, profile="quick", progress=lambda *a: told.append(a))
    assert [done for done, _, _ in told] == list(range(1, number + 1)) and told[-1][1] == number
