"""The record of a fixed-point run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gradcert.certify.certificates import EXIT
from gradcert.hardware_models.subject import FixedPointVerdict
from gradcert.reference.printable import legible

SIZES = {"inputs": 2, "neurons": 2, "outputs": 1}
STEPS = {"quick": 200, "default": 2_000, "thorough": 20_000}  # by the profile of a campaign


@dataclass(frozen=True)
class FixedPointCertificate:
    """The record of a run.

    Attributes
    ----------
    verdict, reason : ``certified``, ``refuted`` or ``inconclusive``, and why in one sentence.
    subject, profile, rule, sizes, seed, steps : what was judged against what.
    result : the comparison; None where the subject did not answer.
    causes : single faults that explain every answer.
    seconds : wall-clock time.
    notes : what a reader should know.
    asked : how many steps were asked for; `steps` is how many there were, of RTL fewer.
    """

    verdict: str
    reason: str
    subject: str
    profile: str
    rule: str
    sizes: Mapping[str, int]
    seed: int
    steps: int
    result: FixedPointVerdict | None = None
    causes: tuple[str, ...] = ()
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    asked: int = STEPS["default"]

    def __post_init__(self) -> None:
        for name in ("reason", "causes", "notes"):  # a subject's words may stand in them
            object.__setattr__(self, name, legible(getattr(self, name)))

    @property
    def exit_code(self) -> int:
        """0 certified, 1 refuted, 3 inconclusive."""
        return EXIT[self.verdict]

    @property
    def replay(self) -> str:
        """The command that shows it again; a number of steps that no profile has is rounded up to one that has."""
        enough = (name for name, steps in STEPS.items() if steps >= self.asked)
        thorough = next(enough, "thorough")
        profile = "" if thorough == "default" else f"--profile {thorough}"
        sizes = " ".join(f"--options {k}={v}" for k, v in self.sizes.items() if v != SIZES.get(k))
        words = [
            "gradcert certify --fixed-point",
            self.profile,
            "--rule",
            self.rule,
            sizes,
            profile,
            f"--seed {self.seed}",
        ]
        return " ".join(w for w in (*words, self.subject) if w)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        names = ("verdict", "reason", "subject", "profile", "rule", "seed", "steps", "replay", "seconds")
        out: dict[str, Any] = {name: getattr(self, name) for name in names}
        out |= {"sizes": dict(self.sizes), "causes": list(self.causes), "notes": list(self.notes)}
        if self.result is not None:
            first = self.result.first
            out["wrong"] = self.result.wrong
            out["compared"] = list(self.result.compared)
            out["missing"] = list(self.result.missing)
            out["differences"] = dict(self.result.differences)
            out["overflows"] = dict(self.result.overflows or {})
            out["first"] = first and {
                "step": first.step, "name": first.name, "expected": first.expected, "got": first.got,
                "expected_value": float(first.expected_value), "got_value": float(first.got_value),
            }  # fmt: skip
        return out
