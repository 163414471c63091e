"""The order of a graph: strongly connected components, who computes first within a step, what nothing reaches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gradcert.reference.errors import GradcertError

Pairs = Iterable[tuple[str, str]]  # (source, target)


def components(names: Sequence[str], pairs: Pairs) -> tuple[tuple[str, ...], ...]:
    """Return the strongly connected components, each before those that it reaches; ties in the order of the names.

    Examples
    --------
    >>> components(("a", "b", "c"), [("a", "b"), ("b", "c"), ("c", "b")])
    (('a',), ('b', 'c'))
    """
    pairs = list(pairs)
    reached = {name: reach([name], pairs) for name in names}
    parts: list[tuple[str, ...]] = []
    for name in names:
        if not any(name in part for part in parts):
            parts.append(tuple(n for n in names if n in reached[name] and name in reached[n]))
    heads = [part[0] for part in parts]
    of = {name: part[0] for part in parts for name in part}
    between = [(of[a], of[b]) for a, b in pairs if of[a] != of[b]]
    by_head = dict(zip(heads, parts, strict=True))
    return tuple(by_head[head] for head in ordered_within(heads, between))


def ordered_within(names: Sequence[str], pairs: Pairs) -> tuple[str, ...]:
    """Return the names so that each comes after those that it reads; ties in the order of the names.

    Raises
    ------
    GradcertError : for a cycle, naming the members of one.

    Examples
    --------
    >>> ordered_within(("a", "b", "c"), [("c", "a")])
    ('b', 'c', 'a')
    """
    left = [(a, b) for a, b in pairs if a in names and b in names]
    waiting, out = list(names), list[str]()
    while waiting:
        free = next((n for n in waiting if not any(b == n and a in waiting for a, b in left)), None)
        if free is None:
            raise GradcertError(
                f"a cycle within one step: {' -> '.join(_cycle(waiting, left))}",
                do="give one of its connections a lag of 1 or more",
            )
        waiting.remove(free)
        out.append(free)
    return tuple(out)


def _cycle(waiting: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return a cycle among names each of which reads another of them."""
    path = [waiting[0]]
    while path.count(path[-1]) < 2:
        path.append(next(a for a, b in pairs if b == path[-1] and a in waiting))
    return path[path.index(path[-1]) :][::-1]


def reach(start: Iterable[str], pairs: Sequence[tuple[str, str]]) -> set[str]:
    """Return what is reached from some names, themselves included."""
    found = set(start)
    while new := {b for a, b in pairs if a in found} - found:
        found |= new
    return found


def check_reached(populations: Sequence[str], inputs: Sequence[str], pairs: Pairs, output: str) -> None:
    """Raise unless an input reaches every population and every population, and input, reaches the output."""
    pairs = list(pairs)
    unheard = [name for name in populations if name not in reach(inputs, pairs)]
    if unheard:
        raise GradcertError(
            f"no input reaches {', '.join(unheard)}", allowed="populations that an input reaches", do="connect them"
        )
    back = reach([output], [(b, a) for a, b in pairs])
    idle = [name for name in (*inputs, *populations) if name not in back]
    if idle:
        raise GradcertError(
            f"{', '.join(idle)} does not reach the output {output!r}", do="connect it, or leave it out: nothing learns"
        )
