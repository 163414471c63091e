"""One vocabulary; the names that parts of a claim had before are understood, and answered with a sentence."""

import pytest
from click.testing import CliRunner

from gradcert.certify.campaign import certify
from gradcert.certify.claims import Claim, claim
from gradcert.cli import gradcert
from gradcert.pytest_plugin import subject_tests
from gradcert.reference.errors import GradcertError


def nothing(problem):
    return {}


@pytest.mark.parametrize(("old", "now", "value"), [("cell", "cells", "snu"), ("depth", "depths", 1)])
def test_an_old_name_is_understood_and_answered(old, now, value):
    given = {"rule": "ostl", "cells": "snu", old: value}
    given.pop(now if now == "cells" else "", None)
    with pytest.warns(FutureWarning, match=f"^{old} is called {now}, everywhere$"):
        found = certify(nothing, profile="quick", **given)
    assert found.verdict == "refuted"
    with pytest.warns(FutureWarning, match=f"^{old} is called {now}"):
        subject_tests(nothing, **given)


def test_a_decorator_understands_it_too():
    with pytest.warns(FutureWarning, match="cell is called cells"):
        claim(rule="ostl", cell="snu")(nothing)
    with pytest.warns(FutureWarning, match="limits is called within"):
        claim(rule="bptt", cells="snu", acceptance="bounded", limits={"error": 0.2})(nothing)


def test_both_names_at_once_are_an_error():
    with pytest.raises(GradcertError, match="depths alone, which is what depth is called now"):
        certify(nothing, rule="ostl", cells="snu", depths=1, depth=2)


def test_what_never_was_a_name_is_an_error():
    with pytest.raises(TypeError, match="celll"):
        certify(nothing, rule="ostl", celll="snu")


def test_the_command_line_understands_and_says_it():
    done = CliRunner().invoke(gradcert, ["certify", "no_such.py:f", "--rule", "ostl", "--cell", "snu", "--depth=1"])
    assert done.exit_code == 2
    assert "note: --cell is called --cells" in done.output
    assert "note: --depth is called --depths" in done.output


def test_words_of_a_program_are_left_alone():
    done = CliRunner().invoke(
        gradcert, ["certify", "--rule", "rtrl", "--cells", "rnn", "--", "no-such-program", "--cell"]
    )
    assert "is called" not in done.output


def test_a_claim_in_a_file_has_the_same_names():
    assert {"rule", "cells", "depths", "dtype", "options"} <= set(Claim(rule="ostl", cells="snu").to_dict())
