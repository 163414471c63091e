"""Where ordinary cases fail, more of them are asked, and judged, before anything is said of why."""

import pytest

from gradcert.certify.campaign import certify, further
from gradcert.certify.campaign.more import FIRST, MORE
from gradcert.certify.claims import Claim
from gradcert.certify.problems import plan
from gradcert.reference import RULES, Floats
from gradcert.reference.engines import reverse

CLAIM = Claim(rule="bptt", cells="rnn", depths=1)


def right(problem):
    given = (problem.network, problem.parameters, problem.inputs, problem.targets)
    return reverse.gradients(*given, rule=RULES["bptt"], numbers=Floats(problem.dtype))


def doubled(problem):
    return {name: 2 * g for name, g in right(problem).items()}


def raising(problem):
    raise ValueError("no")


def numbered(found):
    return [c.id for c in found.cases if c.family in ("dyadic", "bounded") and int(c.id.rpartition("/")[2]) >= FIRST]


@pytest.mark.long
def test_more_is_asked_where_something_is_wrong():
    found = certify(doubled, claim=CLAIM)
    assert len(numbered(found)) == MORE
    assert found.reason.startswith("gradient: it equals bptt times 2")
    assert all(c.verdict == "failed" for c in found.cases if c.id in numbered(found))


@pytest.mark.long(keep=1)
@pytest.mark.parametrize("subject", [right, raising, doubled])
def test_nothing_more_is_asked_of_what_is_right_or_says_it_itself_or_in_a_quick_run(subject):
    profile = "quick" if subject is doubled else "default"
    assert numbered(certify(subject, claim=CLAIM, profile=profile)) == []


def test_they_take_alternatives_in_turn():
    specs = plan(Claim(rule="bptt", cells=("lif", "rnn"), depths=(1, 2)), "default")
    found = further(specs)
    assert {s.cell for s in found} == {"lif", "rnn"} and {s.depth for s in found} == {1, 2}
    assert not {s.id for s in found} & {s.id for s in specs}
    assert further([s for s in specs if s.family == "long"]) == []
