"""The certificate as JUnit XML: a test case per check, for the dashboards of continuous integration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from junitparser import Error, Failure, JUnitXml, Properties, Property, Skipped, TestCase, TestSuite

from gradcert.certify.certificates import CERTIFIED, REFUTED, CaseResult, Certificate, CheckResult, Finding, parted
from gradcert.certify.claims import sentence as sentence_of
from gradcert.certify.diagnosis import sentence
from gradcert.certify.repair import details, told
from gradcert.reference.networks import readable

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold
DECLARATION = b'<?xml version="1.0" encoding="utf-8"?>\n'


def write(certificate: Certificate) -> bytes:
    """Return the XML. Cases that were not run are skipped; a void or inconclusive run is an error of its own."""
    suite = TestSuite(_clean(certificate.subject))
    for name, value in (
        ("claim", sentence_of(certificate.claim)),
        ("verdict", certificate.verdict),
        ("reason", certificate.reason),
        ("identity", certificate.identity),
        ("seed", str(certificate.seed)),
        ("profile", certificate.profile),
        ("suite", f"gradcert {certificate.suite}"),
    ):
        suite.add_property(name, _clean(value))
    if certificate.repair:
        suite.add_property("repair", _clean(told(certificate)))
    shown = {finding.case for finding in certificate.findings if finding.check != "repeat"}
    for case in certificate.cases:
        suite.add_testcase(_case(case, certificate, first=case.id in shown))
    for check in certificate.checks:
        suite.add_testcase(_check(check, certificate))
    for finding in certificate.findings:
        if finding.check in ("repeat", "import"):
            suite.add_testcase(_alone(finding))
    if certificate.verdict not in (CERTIFIED, REFUTED):
        whole = TestCase("run", classname="gradcert", time=0.0)
        whole.result = [_result(Error, certificate.reason, certificate.verdict, "")]
        suite.add_testcase(whole)
    suite.update_statistics()
    if date := certificate.timing.get("date"):
        suite.timestamp = date.removesuffix("Z")
    xml = JUnitXml("gradcert")
    xml.add_testsuite(suite)
    xml.update_statistics()
    xml.time = suite.time = certificate.seconds  # more than the cases: imports, controls, the diagnosis
    out: bytes = xml.tostring()
    return out if out.startswith(b"<?xml") else DECLARATION + out


def _case(case: CaseResult, certificate: Certificate, *, first: bool) -> TestCase:
    cell, depth, *rest = parted(case.id)
    out = TestCase("/".join(rest), classname=f"{certificate.claim['rule']}.{readable(cell)}.{depth}")
    out.time = certificate.timing.get("cases", {}).get(case.id, 0.0)
    if case.worst is not None:
        about = Properties()
        about.add_property(Property("worst error in budgets", f"{case.worst:.3g}"))
        out.append(about)
    if case.verdict == "blocked":
        out.result = [Skipped("not run")]
    elif case.verdict == "failed":
        found = [f for f in certificate.findings if f.case == case.id and first]
        if found:
            out.result = [
                _result(Failure, f.cause or f.reason, f.check, text(f, repair=_repair(certificate))) for f in found
            ]
        else:
            wrong = sorted(n for n, e in case.parameters.items() if e["worst"] > 1)
            reason = (
                f"the gradient of {', '.join(wrong)} is outside its budget" if wrong else "see the first failed case"
            )
            out.result = [_result(Failure, reason, "gradient", "")]
    return out


def _repair(certificate: Certificate) -> str:
    return "; ".join([told(certificate), *details(certificate.repair, certificate.claim)])


def _check(check: CheckResult, certificate: Certificate) -> TestCase:
    group, name, *where = check.id.split("/")
    out = TestCase(readable("/".join((name, *where))), classname=f"{certificate.claim['rule']}.{group}", time=0.0)
    if check.verdict == "blocked":
        out.result = [Skipped(_clean(check.what))]
    elif check.verdict == "failed":
        found = [f for f in certificate.findings if f.check in (name, "call") and f.reason == check.what]
        out.result = [_result(Failure, check.what, name, text(found[0]) if found else "")]
    return out


def _alone(finding: Finding) -> TestCase:
    out = TestCase(finding.check, classname="gradcert", time=0.0)
    out.result = [
        _result(Failure if finding.check == "repeat" else Error, finding.reason, finding.check, text(finding))
    ]
    return out


def _result(kind: Any, message: str, type_: str, body: str) -> Any:
    found = kind(_clean(message), _clean(type_))
    found.text = _clean(body)
    return found


def text(finding: Finding, *, repair: str = "") -> str:
    """Return everything about a finding, as lines, and the repair of the subject, if one was looked for."""
    lines = [finding.reason]
    if finding.cause and finding.cause != finding.reason:
        lines.append(f"cause: {finding.cause}")
    if finding.case:
        lines.append(f"case: {readable(finding.case)}" + (f" (one of {finding.cases})" if finding.cases > 1 else ""))
    lines += where(finding.where)
    lines += [f"first: {sentence(finding.where['first'])}"] if "first" in finding.where else []
    if repair:
        lines.append(f"repair: {repair}")
    if finding.replay:
        lines.append(f"replay: {finding.replay}")
    return "\n".join(lines)


def where(entry: Mapping[str, Any]) -> list[str]:
    """Return the place of a finding, as lines.

    Examples
    --------
    >>> where({"array": "layers.0.b", "index": [1], "given": 1.0, "reference": 2.0, "budget": 0.0})
    ['layers.0.b[1]: returned 1, reference 2, budget 0']
    """
    if "index" in entry:
        at = ", ".join(map(str, entry["index"]))
        values = f"returned {entry['given']:.17g}, reference {entry['reference']:.17g}, budget {entry['budget']:.2g}"
        return [f"{entry['array']}[{at}]: {values}"]
    return [str(line) for line in entry.get("output", ())]


def _clean(value: str) -> str:
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", value)
