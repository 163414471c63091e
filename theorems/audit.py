"""What theorems assume beyond their statements, as Coq prints it: the axioms of the libraries, or nothing."""

from __future__ import annotations

import re

from gradcert.theorems.catalogue import THEOREMS
from gradcert.theorems.toolchain import SOURCES, Workshop

COMMITTED = SOURCES / "assumptions.txt"
HEAD = """\
What each theorem rests on at most, by Coq's Print Assumptions. Theorems of a file are asked about together, Flocq's
apart: "nothing" is exact, and of several axioms a theorem may need fewer.
"""


def audit(workshop: Workshop) -> str:
    """Return the text of ``coq/assumptions.txt``: axioms by theorem, then what each axiom says.

    Theorems of one file are asked about together, which is ten times faster: none of them rests on more than the tuple
    of all. Flocq's come apart from the algebra that they are about. The text says so.
    """
    groups = _groups()
    files = " ".join(dict.fromkeys(group[0].partition(".")[0] for group in groups))
    commands = [
        f"Definition group_{k} := ({', '.join(f'@{name}' for name in group)}).\nPrint Assumptions group_{k}."
        for k, group in enumerate(groups)
    ]
    return render(groups, workshop.coq("Audit", "\n".join([f"From Gradcert Require {files}.", *commands, ""])))


def _groups() -> list[list[str]]:
    """Return the theorems in the order of the catalogue, in groups that are asked about together."""
    groups: dict[tuple[str, bool], list[str]] = {}
    for theorem in THEOREMS:
        file, _, name = theorem.name.partition(".")
        groups.setdefault((file, name.startswith("flocq")), []).append(theorem.name)
    return list(groups.values())


def render(groups: list[list[str]], printed: str) -> str:
    r"""Return the audit's text for what Coq printed.

    Examples
    --------
    >>> text = render([["A.b"], ["A.c"]], "Closed under the global context\nAxioms:\nx : nat\n  -> nat\n")
    >>> print(text.removeprefix(HEAD).lstrip(), end="")
    A.b: nothing
    A.c: x
    <BLANKLINE>
    x : nat -> nat
    """
    blocks = re.split(r"^(?=Closed under the global context|Axioms:|Fetching opaque)", printed, flags=re.MULTILINE)
    blocks = [block for block in blocks if block.strip() and not block.startswith("Fetching")]
    if len(blocks) != len(groups):
        raise ValueError(f"{len(groups)} questions, {len(blocks)} answers")
    axioms: dict[str, str] = {}
    lines = []
    for group, block in zip(groups, blocks, strict=True):
        found = re.findall(r"^(\S+)\s*:\s*((?:.*)(?:\n[ \t]+.*)*)", block.removeprefix("Axioms:"), re.MULTILINE)
        axioms |= {axiom: " ".join(says.split()) for axiom, says in found}
        rests_on = ", ".join(sorted(axiom for axiom, _ in found)) or "nothing"
        lines += [f"{name}: {rests_on}" for name in group]
    return "\n".join([HEAD, *lines, "", *(f"{axiom} : {axioms[axiom]}" for axiom in sorted(axioms))]) + "\n"


def axioms_of(text: str) -> dict[str, tuple[str, ...]]:
    """Return theorem -> axioms of an audit's text."""
    pairs = (line.split(": ", 1) for line in text.removeprefix(HEAD).strip().partition("\n\n")[0].splitlines())
    return {name: () if found == "nothing" else tuple(found.split(", ")) for name, found in pairs}
