"""What a verdict stands on, said once: a run demands it before it certifies, and a file is held to it afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

ONE = {"agree": "agrees", "are": "is", "have": "has"}  # of one case
ONLINE = "; online: causal, constant memory, every prefix, every reset"
# An edge counts as separated when dropping it moves the gradient this many budgets away.
# In 16 bits two are what tells: a neighbour's own rounding is one.
SEPARATION = {"float64": 1e4, "float32": 50.0, "float16": 2.0, "bfloat16": 2.0}
# notes that follow from the rest of a certificate: how each begins, or the whole of it
RESUMED = "resumed: "
GIVEN = "is code that was given: what it computes is what is claimed, and is taken as it is"
SCALE = "scale cases are held to a measured envelope: weaker evidence than a derived budget"
NONE_EXACT = "no exact cases: "
NOT_TO_THE_BIT = "outputs are judged to the last bit, gradients are not: "


def void(
    controls: Iterable[tuple[str, int]], separated: Mapping[str, Mapping[str, float]], dtype: str, *, ready: bool
) -> list[str]:
    """Return why what was asked proves nothing about a right gradient; nothing where it does.

    Parameters
    ----------
    controls : of each known-wrong variant its name, and on how many cases it was refuted.
    separated : as in `gradcert.certify.certificates.Certificate`.
    ready : whether there is any case at all.

    Examples
    --------
    >>> void([("without STATE", 0)], {"snu/1": {"own STATE": 7.0}}, "float64", ready=True)
    ["the control 'without STATE' passed on every case", 'the cases of snu/1 hardly see the edge own STATE']
    >>> void([], {}, "float64", ready=True)
    ['no control was tried: no known-wrong variant stands beside the cases']
    """
    tried = list(controls)
    out = [f"the control {name!r} passed on every case" for name, refuted in tried if not refuted]
    if ready and not tried:
        out.append("no control was tried: no known-wrong variant stands beside the cases")
    for group, labels in separated.items():
        weak = [name for name, budgets in labels.items() if 0 < budgets < SEPARATION[dtype]]
        out += [f"the cases of {group} hardly see the edge {name}" for name in weak]
    return out


def certified(passed: int, agreed: str, *, online: bool) -> str:
    """Return the reason of a certified run.

    Examples
    --------
    >>> certified(1, agreement("ostl", 1), online=False)
    '1 case agrees with ostl within its budgets, 1 of them to the last bit'
    """
    said = f"{passed} cases {agreed}"
    if passed == 1:
        verb, _, rest = agreed.partition(" ")
        said = f"1 case {ONE[verb]} {rest.replace('their', 'its')}"
    return f"{said}{ONLINE if online else ''}"


def agreement(rule: str, exact: int) -> str:
    """Return what was certified of every case of an exact claim, so many of them being exact."""
    bits = f", {exact} of them to the last bit" if exact else ""
    return f"agree with {rule} within their budgets{bits}"
