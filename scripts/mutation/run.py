"""Put every pending mutant of a session in place, run the tests that reach it, record what happened."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

from scripts.mutation.isolated import Order, in_child, session
from scripts.mutation.trace import Traced

# Tests that compare with a second formula: tried first, until a module has a record of its own.
ORACLES = (
    "test_it_is_the_derivative_of_the_smoothed_step",
    "test_gradients_equal_those_of_the_equations",
    "test_spiking_loops",
    "test_modules_of_torch",
    "test_at_the_end_of_its_range_a_cell_is_another",
    "test_convolution_is_its_formula",
    "test_pull_backs_are_adjoint",
    "test_stacks_against_the_equations",
    "test_an_operator_applied_to_a_tangent",
    "test_the_sum_of_two_tangents",
    "test_operators_compose",
    "test_reverse_equals_torch_with_detached_edges",
    "test_forward_equals_reverse_on_every_row",
    "test_blocks_change_no_bit",
    "test_under_a_readout",
    "test_what_does_not_fit_is_refused",
    "test_a_description_survives_json",
    "test_impossible_geometry_is_refused",
)
FIRST_FUNCTIONS, FIRST_SECONDS = 4, 0.7


def file_of(test: str) -> str:
    """The file of a node id."""
    return test.partition("::")[0]


def function_of(test: str) -> str:
    """A node id without its parameters."""
    return test.partition("[")[0]


class Choice:
    """The tests for a mutant, in two helpings: the test functions that killed most of its module so far, then more."""

    def __init__(self, traced: Traced, budget: float, only: Collection[str] = ()) -> None:
        self.traced, self.budget = traced, budget
        self.only = [test for test in traced.names if file_of(test) in only]
        self.kills: dict[str, Counter[str]] = defaultdict(Counter)

    def _in_turns(self, tests: Iterable[str], budget: float) -> list[str]:
        """The next cheapest test of every function, again and again, until the budget is spent."""
        seconds = self.traced.seconds
        groups = defaultdict(list)
        for test in sorted(tests, key=lambda n: (-seconds[n], n)):
            groups[function_of(test)].append(test)
        picked: list[str] = []
        while groups:
            for group in sorted(groups, key=lambda g: (seconds[groups[g][-1]], g)):
                if budget <= 0:
                    return picked
                picked.append(groups[group].pop())
                budget -= seconds[picked[-1]]
                if not groups[group]:
                    del groups[group]
        return picked

    def __call__(self, module: str, line: int) -> Iterable[list[str]]:
        """Yield lists of node ids, each in the order in which they are to run."""
        if self.only:
            yield self._blocks(self.only)
            return
        here, around = self.traced.reaching(module, line)
        kills = self.kills[module]
        groups = Counter(function_of(test) for test in here or around)

        def merit(group: str) -> tuple[int, int, int]:
            name = group.rpartition("::")[2]
            return -kills[group], ORACLES.index(name) if name in ORACLES else len(ORACLES), -groups[group]

        best = sorted(groups, key=merit)[:FIRST_FUNCTIONS]
        first = self._in_turns([t for t in here or around if function_of(t) in best], FIRST_SECONDS)
        yield self._blocks(first)
        more = self._in_turns(set(here) - set(first), self.budget)
        left = self.budget - sum(self.traced.seconds[n] for n in more)
        yield self._blocks(more + self._in_turns(set(around) - set(first), left))

    def _blocks(self, tests: list[str]) -> list[str]:
        """File by file (module fixtures are made once), cheap files and cheap tests first."""
        cost: dict[str, float] = defaultdict(float)
        for test in tests:
            cost[file_of(test)] += self.traced.seconds[test]
        return sorted(tests, key=lambda n: (cost[file_of(n)], file_of(n), self.traced.seconds[n]))


def judge(wanted: list[str], *, seconds: float) -> tuple[int | None, str]:
    """Run the tests in a child."""

    def work() -> tuple[int, str]:
        order = Order(wanted)
        code = session(dict.fromkeys(file_of(name) for name in wanted), order, "-x")
        return code, order.failed

    return in_child(work, seconds=seconds)


def diff(before: str, after: str) -> str:
    """The changed line: its number, ``- old``, ``+ new``."""
    a, b = before.split("\n"), after.split("\n")
    at = next(i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    return f"{at + 1}\n- {a[at].strip()}\n+ {b[at].strip()}"


Judge = Callable[
    [list[str], float], tuple[int | None, str]
]  # tests and seconds: exit code (None: too long), failed test


@contextmanager
def from_file(mutation: Any, operator: Any) -> Iterator[tuple[Judge, str] | None]:
    """Write a mutant into its file; its judge imports it."""
    with use_mutation(mutation.module_path, operator, mutation.occurrence) as (before, after):
        yield lambda wanted, seconds: judge(wanted, seconds=seconds), diff(before, after)


def run(db: Any, items: list[Any], choice: Choice, *, put: Any = from_file, prefix: str = "") -> None:
    """Judge `items` and store the results in the session; `prefix` marks a second run.

    `put` is a context manager that puts a mutant in place and gives its judge and its changed line, or None: left.
    """
    start, outcomes = time.monotonic(), Counter[str]()
    for i, item in enumerate(items, 1):
        (mutation,) = item.mutations
        module = Path(mutation.module_path).as_posix()
        operator = get_operator(mutation.operator_name)(**mutation.operator_args)
        code: int | None = 0
        said, count, line = "", 0, ""
        with put(mutation, operator) as placed:
            if placed is None:
                outcomes["left"] += 1
                continue
            for wanted in choice(module, mutation.start_pos[0]):
                if wanted and code == 0:
                    count += len(wanted)
                    code, said = placed[0](wanted, 20 + 10 * sum(choice.traced.seconds[n] for n in wanted))
            line = placed[1]
        if code != 0:
            choice.kills[module][function_of(said)] += 1
        outcome = TestOutcome.SURVIVED if code == 0 else TestOutcome.KILLED
        outcomes[outcome.value] += 1
        output = f"{count} tests" if code == 0 else prefix + said
        result = WorkResult(worker_outcome=WorkerOutcome.NORMAL, test_outcome=outcome, output=output, diff=line)
        db.set_result(item.job_id, result)
        if i % 25 == 0:
            print(f"{i} of {len(items)}: {dict(outcomes)} {time.monotonic() - start:.0f} s {module}", flush=True)
