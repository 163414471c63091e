"""What a run produces: findings, and a certificate that says what was claimed, checked, and with which evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from typing import Any

from gradcert.certify.certificates import told
from gradcert.certify.certificates.identity import identity
from gradcert.certify.certificates.shapes import check_shapes
from gradcert.certify.claims import sentence
from gradcert.reference.notebook import card
from gradcert.reference.printable import legible

SCHEMA = "gradcert-certificate-1"
CERTIFIED, REFUTED, INCONCLUSIVE = "certified", "refuted", "inconclusive"
# fields that a certificate has where they say something
OPTIONAL = ("counterexample", "checks", "resumed", "sources", "circumstances", "repair", "timing")
TEXTS = ("id", "family", "verdict", "digest")  # of a case: "inf" is a number elsewhere
COLOURS = {CERTIFIED: "#1a7f4b", REFUTED: "#c02f3a", INCONCLUSIVE: "#9a6700"}
EXIT = {CERTIFIED: 0, REFUTED: 1, INCONCLUSIVE: 3}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    check : ``import``, ``call``, ``structure``, ``inputs``, ``repeat``, ``outputs``, ``loss``, ``gradient``, or a check
        of the subject as a whole (`CheckResult`).
    case : id of the first case that shows it, or "".
    reason : what was seen, one sentence.
    cause : what it is, as far as the diagnosis can tell.
    where : parameter, index, both values, budget, error in budgets.
    cases : how many cases show it.
    replay : a command that shows it again.
    """

    check: str
    case: str
    reason: str
    cause: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    cases: int = 1
    replay: str = ""

    def __post_init__(self) -> None:
        _legible(self)


@dataclass(frozen=True)
class CaseResult:
    """What happened on one case.

    Attributes
    ----------
    id : the case.
    family, exact : its family; whether every gradient had to agree to the last bit.
    verdict : ``passed``, ``failed``, or ``blocked`` when there was no answer to judge.
    worst : largest error of a gradient in units of its budget.
    budget : norm of the budget relative to the gradient's.
    facts : figures of the case.
    digest : SHA-256 of the problem.
    parameters : name -> worst, error, norm, budget, as in `gradcert.certify.figures.by_parameter`.
    """

    id: str
    family: str
    exact: bool
    verdict: str
    worst: float | None
    budget: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    parameters: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class CheckResult:
    """One check of the subject as a whole, rather than of an answer.

    Attributes
    ----------
    id : such as ``online/memory/snu/2``.
    verdict : ``passed``, ``failed`` or ``blocked``.
    what : what was seen, in one sentence.
    facts : figures.
    """

    id: str
    verdict: str
    what: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _legible(self)


@dataclass(frozen=True)
class Control:
    """A known-wrong variant of the reference, judged like a subject: how many cases could show it, how many did."""

    name: str
    shown: int
    refuted: int


@dataclass(frozen=True)
class Certificate:
    """The record of a run.

    What a subject says stands in a certificate, so every text in it is made printable when it is made.

    Attributes
    ----------
    verdict : ``certified``, ``refuted`` or ``inconclusive``.
    reason : the verdict in one sentence.
    subject, claim, seed, profile : what was asked.
    findings : what is wrong; empty when certified.
    cases : every case.
    controls : every control.
    separated : cell and depth -> edge -> by how many budgets the best case separates it.
    notes : what a reader should know, such as a family that does not apply.
    worst : largest error of a gradient in units of its budget, over all cases that were judged.
    environment : versions.
    seconds : wall-clock time; with `timing` the one field that differs between two runs.
    suite : version of gradcert.
    digests : ``subject`` and ``reference``: SHA-256 of their files.
    figures : what a report shows beyond this: ``alignment``, ``graph``, ``steps`` (`gradcert.certify.figures`).
    counterexample : the smallest problem found on which the subject is wrong (`gradcert.certify.counterexample`), or
        None.
    checks : of the subject as a whole, where the claim asks for them: what "online" means, or the mean over draws.
    sources : what the subject is made of: ``interpreter``, ``threads``, ``packages`` (distribution -> version),
        ``files`` (name -> SHA-256), and what is ``unseen``; empty where no process of it could be asked.
    resumed : how many answers were not given in this run, but read from the journal of one that was stopped.
    circumstances : which levels of which axes the cases met, the largest T, B and all sizes
        (`gradcert.certify.problems.cases.circumstances`).
    repair : of a refuted subject: an edit of its source that makes it right (`gradcert.certify.repair`); empty where
        nobody asked. How far the search comes is a matter of time: two runs may differ in it.
    timing : ``date``, when the run ended (UTC, ISO 8601), and ``cases``, seconds of each from question to verdict;
        empty in certificates of gradcert 0.1.
    """

    verdict: str
    reason: str
    subject: str
    claim: Mapping[str, Any]
    seed: int
    profile: str
    findings: tuple[Finding, ...]
    cases: tuple[CaseResult, ...]
    controls: tuple[Control, ...]
    separated: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...]
    worst: float | None
    environment: Mapping[str, str]
    seconds: float
    suite: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    counterexample: Mapping[str, Any] | None = None
    checks: tuple[CheckResult, ...] = ()
    sources: Mapping[str, Any] = field(default_factory=dict)
    resumed: int = 0
    circumstances: Mapping[str, Any] = field(default_factory=dict)
    repair: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _legible(self)

    @property
    def exit_code(self) -> int:
        """The exit status of the command line: 0 certified, 1 refuted, 3 inconclusive."""
        return EXIT[self.verdict]

    @property
    def counts(self) -> dict[str, int]:
        """How many cases passed, failed and were blocked."""
        return {v: sum(c.verdict == v for c in self.cases) for v in ("passed", "failed", "blocked")}

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, with its identity; infinities as strings; ``checks`` where there are any."""
        record = {"schema": SCHEMA, **_plain(self), "counts": self.counts}
        for name in ("checks", "sources", "resumed", "circumstances", "repair", "timing"):
            if not record[name]:
                del record[name]
        return {**record, "identity": identity(record)}

    @property
    def identity(self) -> str:
        """SHA-256 of everything that was asked: see `gradcert.certify.certificates.identity`."""
        return str(self.to_dict()["identity"])

    def summary(self) -> str:
        """Return what the command line shows: verdict, claim, findings, evidence, and what the words mean."""
        return told.summary(self)

    def html(self, path: str | PathLike[str] | None = None) -> str:
        """Return the page for people, one file without a network; write it where a path is given."""
        return told.told(self, "html", path)

    def junit(self, path: str | PathLike[str] | None = None) -> str:
        """Return JUnit XML, a test for every case; write it where a path is given."""
        return told.told(self, "junit", path)

    def markdown(self, path: str | PathLike[str] | None = None) -> str:
        """Return a summary in Markdown; write it where a path is given."""
        return told.told(self, "markdown", path)

    def badge(self, path: str | PathLike[str] | None = None) -> str:
        """Return an SVG that names rule and verdict; write it where a path is given."""
        return told.told(self, "badge", path)

    def _repr_html_(self) -> str:
        """Return what a notebook shows; ``html`` is the whole page."""
        counts = ", ".join(f"{n} {verdict}" for verdict, n in self.counts.items() if n)
        caught = sum(control.refuted > 0 for control in self.controls)
        facts = [("subject", self.subject), ("claim", sentence(self.claim)), ("cases", counts)]
        facts += [(f.check, f.cause or f.reason) for f in self.findings]
        facts += [("worst", "" if self.worst is None else f"{self.worst:.2g} of the budget")]
        facts += [("controls", f"{caught} of {len(self.controls)} known-wrong variants refuted")]
        facts += [("date", str(self.timing.get("date", ""))), ("identity", self.identity)]
        return card(f"{self.verdict.upper()}: {self.reason}", facts, colour=COLOURS[self.verdict])


def parted(case: str) -> list[str]:
    """Return the parts of a case's id, cell, depth, loss, family, number: a cell may be in a file of some folder.

    Examples
    --------
    >>> parted("snu/1/squared_error-every/dyadic/0")[:2], parted("cells/mine.py:Leaky/2/huber-last/long/1")[:2]
    (['snu', '1'], ['cells/mine.py:Leaky', '2'])
    """
    return case.rsplit("/", 4)


def from_dict(record: Mapping[str, Any]) -> Certificate:
    """Read a certificate back from its JSON form.

    Raises
    ------
    GradcertError : if it does not fit the schema, or its arrays do not fit each other.
    """
    from gradcert.certify.certificates.schema import validated

    validated(record, "certificate", "the certificate")
    check_shapes(record)
    given = {f.name: record[f.name] for f in fields(Certificate) if f.name not in OPTIONAL}
    given["counterexample"] = record.get("counterexample")  # certificates of 0.1 before it have none
    given["resumed"] = record.get("resumed", 0)
    given["circumstances"] = record.get("circumstances", {})
    given["repair"] = record.get("repair", {})
    given["timing"] = record.get("timing", {})
    given["checks"] = tuple(CheckResult(**{**c, "facts": _numbers(c["facts"])}) for c in record.get("checks", ()))
    given["sources"] = record.get("sources", {})
    given["findings"] = tuple(Finding(**{**f, "where": _numbers(f["where"])}) for f in record["findings"])
    given["cases"] = tuple(CaseResult(**{**_numbers(c), **{k: c[k] for k in TEXTS}}) for c in record["cases"])
    given["controls"] = tuple(Control(**c) for c in record["controls"])
    given["notes"] = tuple(record["notes"])
    for name in ("separated", "worst", "figures"):
        given[name] = _numbers(given[name])
    return Certificate(**given)


def _legible(record: Any) -> None:
    """Make every text of a frozen record printable."""
    for f in fields(record):
        object.__setattr__(record, f.name, legible(getattr(record, f.name)))


def _numbers(value: Any) -> Any:
    """Turn the strings that stand for what JSON cannot say back into numbers."""
    if isinstance(value, Mapping):
        return {k: _numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    return float(value) if value in ("inf", "-inf", "nan") else value


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return value
