"""A subject in one process of pytest: what it claims, which checks that makes, its worker, the cases made ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import TYPE_CHECKING, Any

from gradcert.expected_failures import UNSTARTED

if TYPE_CHECKING:
    from gradcert.certify.certificates import Finding
    from gradcert.certify.claims import Claim
    from gradcert.certify.runs import Prepared, Run

ENOUGH = 12  # cases that are judged for a repair
ONLINE = ("online/causality", "online/memory", "online/prefix", "online/reset")  # of one that claims to be online


@dataclass(frozen=True, eq=False)
class Checks:
    """A subject and its claim, as given to `subject_tests`."""

    subject: Any
    options: Mapping[str, Any]
    profile: str | None
    seed: int
    python: str | None


@dataclass(eq=False)
class Session:
    """One subject in one process of pytest: its worker, and the cases that were made ready so far."""

    checks: Checks
    profile: str
    claim: Claim | None = None
    idle: Finding | None = None  # why the subject's process does not start
    told: Mapping[str, Any] | None = None  # the claim that the subject's process told
    subject: Any = None
    worker: Any = None
    specs: dict[str, Any] = field(default_factory=dict)
    prepared: dict[str, Prepared] = field(default_factory=dict)
    repair: float = 0.0  # seconds
    wanted: bool = True  # whether a repair is looked for if the present check fails
    mended: str | None = None  # what is known of it
    causes: Mapping[str, str] | None = None  # of its wrong answers, as `named` found them
    test: Sequence[str] = ()  # the words that run the present one again
    calls: int = 0  # that the present process has answered
    judged: dict[str, Run] = field(default_factory=dict)  # the cases that were asked
    variants: dict[str, Session] = field(default_factory=dict)  # the same with parameters of the test, each a subject

    def load(self) -> None:
        """Find out what is claimed, from the options or from the subject itself."""
        from gradcert.certify.campaign import claimed, stepwise
        from gradcert.certify.problems import plan
        from gradcert.certify.subjects import Subject

        self.subject = Subject(self.checks.subject, python=self.checks.python)
        options = dict(self.checks.options)
        declared = claimed(self.checks.subject, None, **options) if _complete(self.checks) else None
        if declared is None or declared.online:  # only the subject can tell what it claims, and whether it takes steps
            self.start()
            if self.idle is not None:
                return
        if declared is None:
            self.told = self.worker.claim
            declared = claimed(self.checks.subject, self.told, **options)
        if self.worker is not None:
            stepwise(self.subject, self.worker, declared)
        self.claim = declared
        self.specs = {spec.id: spec for spec in plan(declared, self.profile)}

    def start(self) -> None:
        """Start the subject's process, if there is none; where it does not start once, `idle` says why ever after."""
        from gradcert.certify.certificates import Finding
        from gradcert.certify.runs import tail
        from gradcert.certify.subjects import Worker

        if self.worker is None and self.idle is None:
            started = self.subject.start()
            if isinstance(started, Worker):
                self.worker, self.calls = started, 0
            else:
                check = "usage" if started.kind == "usage" else "import"
                self.idle = Finding(check, "", started.reason, where={"output": tail(started.output)})

    @property
    def ids(self) -> list[str]:
        """The names of all checks, sorted."""
        return self.ids_of(self.profile)

    def ids_of(self, profile: str) -> list[str]:
        """Return the names of all checks in a profile, sorted."""
        if self.claim is None:
            return [UNSTARTED]
        from gradcert.certify.campaign import beside
        from gradcert.certify.problems import plan

        # the known-wrong variants of an unbiased estimator are displacements of its draws, judged with each case
        controls = ["controls"] if self.claim.acceptance != "unbiased" else []
        # online has a test for each of its checks; where a subject is wrong, or after how many steps, is asked only to
        # say so
        whole = [name for name in beside(self.claim, profile) if name not in ("online", "where", "lengths")]
        cases = self.specs if profile == self.profile else [spec.id for spec in plan(self.claim, profile)]
        return [*sorted(cases), *controls, *whole, *(ONLINE if self.claim.online else ())]

    def given(self, values: Mapping[str, Any]) -> Session:
        """Return the session of the subject with parameters of its test: a subject, and a process, of its own."""
        if not values:
            return self
        key = ", ".join(f"{name}={value!r}" for name, value in sorted(values.items()))
        if key not in self.variants:
            from gradcert.certify.subjects import Subject

            function = self.checks.subject

            @wraps(function)
            def subject(problem: Any) -> Any:
                return function(problem, **values)

            subject.__qualname__ = f"{function.__qualname__}[{key}]"
            own: dict[str, Any] = {
                "worker": None,
                "idle": None,
                "calls": 0,
                "judged": {},
                "mended": None,
                "causes": None,
                "variants": {},
            }
            who = Subject(subject, python=self.checks.python)
            self.variants[key] = replace(self, checks=replace(self.checks, subject=subject), subject=who, **own)
        return self.variants[key]

    def ready(self, name: str) -> Prepared:
        """Return a case, made ready once."""
        from gradcert.certify.runs import Task, prepare

        assert self.claim is not None
        if name not in self.prepared:
            self.prepared[name] = prepare(Task(self.specs[name], self.claim, self.checks.seed))
        return self.prepared[name]

    def run(self) -> Run:
        """Return a campaign that uses the living worker."""
        from gradcert.certify.runs import Run

        assert self.claim is not None
        run = Run(self.subject, self.claim, worker=self.worker, profile=self.profile, planned=len(self.specs))
        run.calls = run.most_calls = self.calls
        return run

    def leave(self, run: Run) -> None:
        """Take over the process of a run."""
        self.worker, self.calls = run.worker, run.calls

    def ask(self, name: str) -> Run:
        """Have a case asked and judged; return the run of it alone."""
        from gradcert.certify.campaign import judge

        run, ready = self.run(), self.ready(name)
        assert ready.case is not None
        run.prepared.append(ready)
        judge(run, ready.case, run.ask(ready.case))
        self.leave(run)
        self.judged[name] = run
        return run

    def any_answer(self) -> Run | None:
        """Return the run of one case that has got an answer, or else of those that were asked; None for no case.

        Cases are asked until one is answered, and given up where the process is lost too often.
        """
        from gradcert.certify.runs.run import GONE, LOST

        names = [name for name in self.specs if self.ready(name).case is not None]
        names.sort(key=lambda name: name not in self.judged)
        lost, asked = 0, []
        for name in names:
            run = self.judged.get(name) or self.ask(name)
            if run.answers:
                return run
            asked.append(name)
            lost += any(answer.failure is not None and answer.failure.kind in GONE for _, answer, _ in run.failed)
            if lost >= LOST:
                break
        return self.joined(asked) if asked else None

    def whole(self) -> Run:
        """Return the run of all cases: those that no test has asked yet are asked now."""
        return self.joined([name for name in self.specs if self.ready(name).case is not None])

    def named(self) -> Mapping[str, str]:
        """Return what is wrong with the whole subject, check -> cause, as a campaign names it; looked for once.

        One case alone may fit many causes (in 4 steps, chunks of 4 are BPTT) or none (no enclosure follows a long one),
        and which cases have run depends on the profile, on ``-k`` and on the process of pytest-xdist. Nothing is
        returned of a check that no one cause explains: of two mistakes in two cells each case tells its own.
        """
        if self.causes is None:
            from gradcert.certify.campaign import BESIDE, EXPLAINED, beside, explained, explanation

            assert self.claim is not None
            run = self.whole()
            for name in ("more", "where", "lengths"):  # asked by a campaign for the sake of the cause
                if name in beside(self.claim, self.profile):
                    BESIDE[name](run, self.checks.seed)
            self.leave(run)
            wrong = [(case, answer) for case, answer, check in run.failed if check == "gradient"]
            cause, keys = explanation(run, wrong) if wrong else ("", ())
            found = {f.check: f.cause for f in explained(run, replay="", known={"gradient": cause})}
            named = EXPLAINED if keys else EXPLAINED - {"gradient"}
            self.causes = {check: cause for check, cause in found.items() if check in named and cause}
        return self.causes

    def joined(self, names: Sequence[str]) -> Run:
        """Return the run of some cases, which are asked where they have not been."""
        for name in names:
            if name not in self.judged:
                self.ask(name)
        out = self.run()
        for name in names:
            part = self.judged[name]
            for into, some in ((out.findings, part.findings), (out.results, part.results), (out.failed, part.failed)):
                into += some  # type: ignore[operator]
            out.answers += part.answers
            out.prepared += part.prepared
        return out

    def repaired(self, run: Run) -> str:
        """Return what is known of a repair of the subject, looked for once, where an answer is wrong.

        Parameters
        ----------
        run : the check that failed.
        """
        wrong = [case for case, _, check in run.failed if check != "call"]
        if not self.repair or not self.wanted or not wrong:
            return ""
        if self.mended is None:
            from gradcert.certify import certify
            from gradcert.certify.campaign import repaired
            from gradcert.certify.repair import details, line

            ids = [wrong[0].id, *self.judged, *sorted(self.specs)]
            names = [name for name in dict.fromkeys(ids) if name in self.specs][:ENOUGH]
            whole = self.joined([name for name in names if self.ready(name).case is not None])
            whole.failed = [failed for failed in whole.failed if failed[2] != "call"]
            specs = [self.specs[name] for name in names]
            found = repaired.look(whole, specs, certify, seed=self.checks.seed, seconds=self.repair)
            self.mended = "\n".join([line(found, whole.claim.rule), *details(found, whole.claim.to_dict())])
        return self.mended

    def stop(self) -> None:
        """End the subject's processes."""
        for variant in self.variants.values():
            variant.stop()
        if self.worker is not None:
            self.worker.stop()
            self.worker = None


def _complete(checks: Checks) -> bool:
    from gradcert.certify.claims import claim_of

    given = {name for name, value in checks.options.items() if value is not None}
    whole = "rule" in given and bool({"cells", "layers"} & given)
    return whole or "claim" in given or claim_of(checks.subject) is not None
