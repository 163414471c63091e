"""Cases made ready: generated, and shown to the controls. All of a campaign's arithmetic that needs no subject.

One case is independent of another, so this is what runs in parallel, on processes or on a cluster. The subject is
asked by one process in one order, whatever the number of jobs: what it may keep between calls is then the same, and so
is every byte of the certificate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from gradcert.certify.certificates import environment, reference_digest
from gradcert.certify.claims import Claim
from gradcert.certify.judging import acceptance
from gradcert.certify.problems import Case, Spec, generate, long, make_case
from gradcert.certify.problems.cases import scale
from gradcert.certify.runs import executors
from gradcert.reference.errors import GradcertError
from gradcert.reference.networks import cell_named


@dataclass(frozen=True, eq=False)
class Prepared:
    """A case and how the controls fared on it.

    Attributes
    ----------
    case : the case, or None if no draw was acceptable.
    variants : (name, whether the judge refuted it, or None where it changes nothing) of every known-wrong variant.
    sound : whether the reference, run in the claimed dtype, stays inside the budget.
    """

    case: Case | None
    variants: tuple[tuple[str, bool | None], ...] = ()
    sound: bool = True


@dataclass(frozen=True)
class Task:
    """What a worker needs to prepare one case."""

    spec: Spec
    claim: Claim
    seed: int


def case_of(task: Task) -> Case | None:
    """Generate a case by its family; None where none can be drawn."""
    members = (member["cell"] for member in task.claim.members)
    for cell in (*task.claim.cells, *members, *([task.claim.readout] if task.claim.readout else [])):
        cell_named(cell, run=True)  # in a process of its own: the claim was made where this was allowed
    family = task.spec.family
    draw = {"scale": scale.generate, "circumstance": make_case, "long": long.generate}.get(family, generate)
    return draw(task.spec, task.claim, seed=task.seed)


def prepare(task: Task) -> Prepared:
    """Generate a case and judge the controls on it."""
    case = case_of(task)
    if case is None:
        return Prepared(None)
    return Prepared(case, shown(case, task.claim), acceptance.sound(case, task.claim))


def shown(case: Case, claim: Claim) -> tuple[tuple[str, bool | None], ...]:
    """Return the known-wrong variants of a case: truncations of the long one, none where little is to be seen."""
    if case.spec.family == "long":
        return tuple(long.controls(case))
    return () if case.spec.family == "circumstance" else tuple(acceptance.variants(case, claim))


def identified(task: Task) -> tuple[Mapping[str, Any], Prepared]:
    """Prepare a case and say what it was prepared with."""
    return suite(), prepare(task)


def suite() -> dict[str, Any]:
    """Return what decides the outcome of `prepare` here."""
    from gradcert.certify.certificates import VERSION

    return {"suite": VERSION, "reference": reference_digest(), "environment": environment()}


def prepare_all(
    specs: Sequence[Spec],
    claim: Claim,
    *,
    seed: int,
    jobs: int = 1,
    cluster: str | None = None,
    done: Mapping[str, Prepared] | None = None,
) -> Iterator[Prepared]:
    """Yield every case, in order, as soon as it is ready.

    Parameters
    ----------
    jobs : processes on this machine.
    cluster : address of a Dask scheduler, or None.
    done : cases that an interrupted run has prepared already.

    Raises
    ------
    GradcertError : if a worker of the cluster has another suite, reference or environment.
    """
    ready = done or {}
    wanted = [Task(spec, claim, seed) for spec in specs if spec.id not in ready]
    with ExitStack() as stack:
        if cluster is not None and wanted:
            fresh = _agreeing(stack.enter_context(executors.dask_cluster(cluster))(identified, wanted))
        elif jobs > 1 and len(wanted) > 1:
            fresh = stack.enter_context(executors.processes(min(jobs, len(wanted))))(prepare, wanted)
        else:
            fresh = map(prepare, wanted)
        for spec in specs:
            yield ready[spec.id] if spec.id in ready else next(fresh)


def _agreeing(shards: Iterator[tuple[Mapping[str, Any], Prepared]]) -> Iterator[Prepared]:
    """Pass shards on, as long as they come from the same suite as ours."""
    ours = suite()
    for theirs, shard in shards:
        if theirs != ours:
            names = ", ".join(difference(ours, theirs))
            raise GradcertError(
                f"a worker of the cluster differs from this machine in {names}",
                do="install the same versions everywhere; shards merge only when their identities agree",
            )
        yield shard


def difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return the names of entries that are not equal, nested ones with a dot.

    Examples
    --------
    >>> difference({"a": 1, "b": {"c": 2, "d": 3}}, {"a": 1, "b": {"c": 2, "d": 4}})
    ['b.d']
    """
    out = []
    for name in sorted({*ours, *theirs}):
        a, b = ours.get(name), theirs.get(name)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            out += [f"{name}.{inner}" for inner in difference(a, b)]
        elif a != b:
            out.append(name)
    return out
