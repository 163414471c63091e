"""JUnit XML, read back by another parser than the one that wrote it."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from gradcert.certify.campaign.campaign import certify
from gradcert.certify.certificates.certificate import CaseResult, Finding
from gradcert.certify.report import junit
from gradcert.reference import RULES
from gradcert.reference.engines import reverse

OPTIONS = {"cells": "snu", "depths": 1, "profile": "quick"}


def ostl(problem):
    return reverse.gradients(problem.network, problem.parameters, problem.inputs, problem.targets, rule=RULES["ostl"])


@pytest.fixture(scope="module")
def certified():
    return certify(ostl, rule="ostl", **OPTIONS)


@pytest.fixture(scope="module")
def refuted():
    return certify(ostl, rule="sltt", **OPTIONS)


def parse(certificate):
    return ElementTree.fromstring(junit.write(certificate))


def test_a_test_per_case(certified):
    (suite,) = parse(certified)
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == (str(len(certified.cases)), "0", "0")
    names = [f"{t.get('classname')}/{t.get('name')}" for t in suite.findall("testcase")]
    assert len(set(names)) == len(names)
    assert names[0].startswith("ostl.snu.1/")
    properties = {p.get("name"): p.get("value") for p in suite.find("properties")}
    assert properties["identity"] == certified.identity
    assert properties["verdict"] == "certified"


def test_failures_say_why(refuted):
    (suite,) = parse(refuted)
    failed = [t for t in suite.findall("testcase") if t.find("failure") is not None]
    assert len(failed) == refuted.counts["failed"] == int(suite.get("failures")) > 0
    (told,) = [t.find("failure") for t in failed if t.find("failure").text]
    assert told.get("message").startswith("it equals ostl") or "sltt with" in told.get("message")
    assert "replay: gradcert certify" in told.text


def test_what_did_not_run_is_no_success(certified):
    blocked = replace(certified.cases[0], verdict="blocked", worst=None)
    (suite,) = parse(replace(certified, cases=(blocked,), verdict="inconclusive", reason="nothing ran"))
    assert suite.get("skipped") == "1"
    assert suite.get("errors") == "1"


def test_text_that_xml_cannot_hold(certified):
    wrong = Finding("call", certified.cases[0].id, 'it raised "\x00\ud800]]><b>&"', cause="raised")
    case = CaseResult(certified.cases[0].id, "dyadic", False, "failed", None, 0.0)
    (suite,) = parse(replace(certified, cases=(case,), findings=(wrong,), verdict="refuted"))
    assert "]]><b>&" in suite.find("testcase/failure").text
