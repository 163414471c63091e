"""Figures of a certificate: what a report shows beyond the verdict. One figure per file; none decides anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gradcert.certify.figures.alignment import alignment
from gradcert.certify.figures.atlas import atlas
from gradcert.certify.figures.graph import graph
from gradcert.certify.judging import by_parameter
from gradcert.certify.problems import Case
from gradcert.certify.runs import steps
from gradcert.certify.subjects import Answer
from gradcert.reference.published import Algorithm, Claimed


def collect(
    cases: Iterable[Case],
    answers: Iterable[tuple[Case, Answer]],
    wrong: Sequence[tuple[Case, Answer]],
    steps: list[dict[str, Any]],
    *,
    claimed: Claimed,
    refuted: bool,
) -> dict[str, Any]:
    """Return all figures of a campaign.

    Parameters
    ----------
    cases, answers : all cases, and those that were answered.
    wrong : those whose gradient was refuted.
    steps : as from `steps`, which needs the subject while it runs.
    claimed : the claimed row or algorithm.
    refuted : whether anything at all was refuted.
    """
    if isinstance(claimed, Algorithm):  # the figures are about rows and their edges
        return {"alignment": [], "graph": [], "steps": steps}
    answered = list(answers)
    return {
        "alignment": alignment(answered),
        "graph": graph(cases, answered if wrong else [], claimed, refuted=refuted),
        "steps": steps,
    }


__all__ = ["alignment", "atlas", "by_parameter", "collect", "graph", "steps"]
