"""Judgements as scalars, for TensorBoard and whatever else has ``add_scalar(tag, value, step)``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradcert.reference.errors import GradcertError
from gradcert.watching.measured.judgement import FAILED, Judgement

MEASURES = ("cosine", "norm", "dropped")


def check_writer(writer: Any) -> None:
    """Raise unless a writer takes scalars."""
    if not callable(getattr(writer, "add_scalar", None)):
        raise GradcertError(
            f"a {type(writer).__name__} for a writer", allowed="what has add_scalar(tag, value, step): a SummaryWriter"
        )


def scalars(judgement: Judgement) -> Iterator[tuple[str, float]]:
    """Yield tag and value: ``right`` (1 or 0), ``cosine_at_least``; of a parameter error, cosine, norm, dropped.

    Examples
    --------
    >>> from gradcert.watching.measured.judgement import Of
    >>> list(scalars(Judgement(0, "right", "bptt", {"W": Of(1.0, 2.0, 0.5, None)})))
    [('right', 1.0), ('W/error_over_budget', 0.5), ('W/cosine', 0.5)]
    """
    if judgement.verdict == FAILED:
        return
    yield "right", float(judgement.verdict in ("right", "named"))
    if judgement.descent is not None:
        yield "cosine_at_least", judgement.descent
    for name, of in judgement.parameters.items():
        yield f"{name}/error_over_budget", of.share
        for measure in MEASURES:
            value = getattr(of, measure)
            if value is not None:
                yield f"{name}/{measure}", value


def write(judgement: Judgement, writer: Any, prefix: str) -> None:
    """Hand the scalars of a judgement to a writer."""
    for tag, value in scalars(judgement):
        writer.add_scalar(f"{prefix}/{tag}", value, judgement.step)
