"""``gradcert rules``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gradcert.commands.complete import names
from gradcert.commands.pages import AS_JSON, shown

if TYPE_CHECKING:
    from gradcert.reference.networks import Edge
    from gradcert.reference.published import Kind
    from gradcert.reference.rules import Rule

EPILOG = """\b
Examples:
  gradcert rules          the table
  gradcert rules ostl     one row, its equations and the theorems about it
  gradcert rules otpe     a rule that is no row

\b
STATE: a state variable to itself.   RESET: a spike to its membrane potential.
RECURRENT: through lateral weights.  ADAPTATION: a spike to its own threshold.
A rule that keeps all edges everywhere, with symmetric feedback, is exact."""

THEOREMS = 'Theorems, for every size (the documentation\'s page "What is proved")'
FEEDBACK = {
    "symmetric": "through the transposed weights",
    "random": "layer by layer, through fixed matrices in the place of the weights",
    "direct": "from the drive of the last layer, through one matrix per layer, fixed within a sequence",
    "target": "the target, through one fixed matrix per layer",
    "local": "from a loss of the layer's own, through a fixed readout",
}


@click.command("rules", epilog=EPILOG)
@click.argument("name", required=False, shell_complete=names("RULES"))
@AS_JSON
def command(name: str | None, as_json: bool) -> None:
    """Show the rules: which edges a row of the table keeps, and where its learning signal comes from; or one of them.

    NAME is a row, such as ostl, snap-3 or tbptt(4): its edges, its feedback, what it leaves out, its equations, and the
    theorems that Coq has checked about it for every size; or a rule that is none, such as otpe or fptt: its settings,
    what a claim of it is held to, and its equations.
    """
    from gradcert.reference.errors import GradcertError
    from gradcert.reference.published import KINDS, Algorithm, read_rule
    from gradcert.reference.rules import RULES

    if name is None:
        rows = [row(rule) for rule in RULES.values()]
        shown(
            {
                "rows": rows,
                "with a trace or draws of their own": [
                    own(k) for k in KINDS.values() if not k.weights and k.name != "rows"
                ],
                "that change weights inside a sequence": [own(k) for k in KINDS.values() if k.weights],
            },
            as_json=as_json,
        )
        return
    try:
        rule = read_rule(name, run=True)  # who names a file here may have read it
    except GradcertError as error:
        raise click.UsageError(str(error)) from None
    shown(algorithm(rule.kind) if isinstance(rule, Algorithm) else record(rule), as_json=as_json)


def kept(edges: frozenset[Edge]) -> str:
    """Return a set of edges in words."""
    from gradcert.reference.networks import TEMPORAL, Edge

    if edges == TEMPORAL:
        return "all"
    if edges == TEMPORAL - {Edge.RESET}:
        return "all but RESET"
    return ", ".join(edge.name for edge in Edge if edge in edges) or "none"


def above(rule: Rule) -> str:
    """Return the edges kept in the layers above, in words."""
    if rule.feedback == "target":
        return "-"
    return f"{kept(rule.upper)}; readout: {kept(rule.readout)}" if rule.readout else kept(rule.upper)


def cut(rule: Rule) -> str:
    """Return what else restricts paths, in words."""
    cuts = {"window": "steps back", "chunk": "steps a chunk", "reach": "steps of reach"}
    return ", ".join(f"{getattr(rule, k)} {text}" for k, text in cuts.items() if getattr(rule, k) is not None)


def row(rule: Rule) -> dict[str, Any]:
    """Return the line of a row in the listing."""
    return {
        "rule": rule.name,
        "own layer": kept(rule.own),
        "layers above": above(rule),
        "feedback": rule.feedback,
        "cut": cut(rule),
        "exact": rule.exact,
        "source": rule.source,
    }


def own(kind: Kind) -> dict[str, Any]:
    """Return the line of a rule that is no row."""
    settings = ", ".join(f"{name}={said(value)}" for name, value in kind.settings.items())
    return {"rule": kind.name, "what it is": kind.title, "settings": settings, "claims": claims(kind)}


def claims(kind: Kind) -> str:
    """Return how a claim of a rule that is no row is judged."""
    if kind.draw is None:
        return "exact" if not kind.weights else "exact: weights afterwards, or gradients between"
    exact = "" if "normalisers" not in kind.settings else " with fixed normalisers"
    return f"exact{exact}, its draws being given" + ("; unbiased" if kind.mean is not None else "")


def record(rule: Rule) -> dict[str, Any]:
    """Return everything about a row: those theorems that are about every row come last.

    Examples
    --------
    >>> from gradcert.reference.rules import RULES
    >>> found = record(RULES["ostl"])
    >>> found["own layer"], found["exact"]
    ('all', 'one layer with memory; or no memory above it')
    """
    from gradcert.theorems.catalogue import EVERY, about

    theorems = sorted(about(rule), key=lambda t: EVERY in t.about)
    return {
        "name": rule.name,
        "title": f"{rule.title} ({rule.source})" if rule.source else rule.title,
        "own layer": kept(rule.own),
        "layers above": above(rule),
        "feedback": f"{rule.feedback}: {FEEDBACK[rule.feedback]}",
        "cut": cut(rule),
        "leaves out": rule.drops or dropped(rule),
        "exact": rule.exact or exact(rule),
        "cost of a step": cost(rule),
        THEOREMS: [{"theorem": t.name, "says": t.says} for t in theorems],
        "page": rule.page if rule.drops or not rule.page else f"Of the row that it was made from:\n\n{rule.page}",
    }


def dropped(rule: Rule) -> str:
    """Return what a rule of one's own leaves out, by its edge sets, feedback and cuts.

    Examples
    --------
    >>> from gradcert.reference.rules import rule_named
    >>> dropped(rule_named("edges(own state reset recurrent adaptation feedback delay, above none, readout state)"))
    'in the layers above: all (of a readout all but STATE)'
    """
    from gradcert.reference.networks import TEMPORAL

    own, upper = TEMPORAL - rule.own, TEMPORAL - rule.upper
    out = [f"in the own layer: {kept(own)}"] if own else []
    if upper and rule.feedback != "target":
        less = ", ".join(edge.name for edge in sorted(rule.readout - rule.upper))
        out.append(f"in the layers above: {kept(upper)}" + (f" (of a readout all but {less})" if less else ""))
    cuts = {"window": "paths of more steps than {}", "chunk": "time across multiples of {} steps",
            "reach": "units that are not reached in {} steps"}  # fmt: skip
    out += [text.format(getattr(rule, name)) for name, text in cuts.items() if getattr(rule, name) is not None]
    feedback = {"symmetric": "", "target": "the error of hidden layers", "local": "the losses of the other layers"}
    out.append(feedback.get(rule.feedback, "the transposed weights, whose place fixed matrices take"))
    return "; ".join(filter(None, out)) or "nothing"


def exact(rule: Rule) -> str:
    """Return where a rule of one's own is BPTT by its edge sets alone; empty where more than edges is left out."""
    cut = any(getattr(rule, name) is not None for name in ("window", "chunk", "reach"))
    if cut or rule.feedback != "symmetric":
        return ""
    return "always" if dropped(rule) == "nothing" else "networks without the edges that it leaves out there"


def cost(rule: Rule) -> str:
    """Return the cost of a step of a layer of n units; empty where the edge sets do not give it.

    A trace that stays with its unit is a number per weight; edges between the units of a layer, RECURRENT and FEEDBACK,
    make it one per weight and unit. Nothing is said of rules that carry traces up into the layers above, or cut time.

    Examples
    --------
    >>> from gradcert.reference.rules import rule_named
    >>> cost(rule_named("edges(own state reset, above none)")), cost(rule_named("ostl - state"))
    ('time n^2, memory n^2', 'time n^4 (n^2 without lateral weights), memory n^3 (n^2 without lateral weights)')
    """
    from gradcert.reference.networks import Edge

    if rule.time:
        return f"time {rule.time}, memory {rule.memory}"
    if rule.upper or any(getattr(rule, name) is not None for name in ("window", "chunk", "reach")):
        return ""
    if rule.own & {Edge.RECURRENT, Edge.FEEDBACK}:
        return "time n^4 (n^2 without lateral weights), memory n^3 (n^2 without lateral weights)"
    return "time n^2, memory n^2" if rule.own or rule.readout else "time n^2, memory 0"


def algorithm(kind: Kind) -> dict[str, Any]:
    """Return everything about a rule that is no row."""
    from gradcert.reference.estimators import ESTIMATORS

    found = ESTIMATORS.get(kind.name)
    more = (
        {}
        if found is None
        else {
            "needs": ", ".join(found.needs),
            "leaves out": found.drops,
            "exact": found.exact,
            "cost of a step": f"time {found.time}, memory {found.memory}",
        }
    )
    return {
        "name": kind.name,
        "title": kind.title + (f" ({found.source})" if found is not None and found.source else ""),
        "settings": {name: said(value) for name, value in kind.settings.items()},
        "claims": claims(kind),
        **more,
        "page": kind.page,
    }


def said(value: Any) -> str:
    """Return a setting as it is written."""
    from gradcert.reference.published import said

    return said(value)
