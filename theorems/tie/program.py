"""The extracted programs: compiled with OCaml, asked in exact numbers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcert.reference import GradcertError
from gradcert.theorems.tie.graph import Graph, Label
from gradcert.theorems.toolchain import DRIVER, Workshop, digest

Immediate = dict[int, Any]  # place of a node -> immediate derivative
Keep = Callable[[Label], bool]


def build(workshop: Workshop) -> Path:
    """Compile the programs that Coq extracted, and their driver, once for its content; return the executable."""
    program = workshop.folder / f"tie-{digest([DRIVER.read_text(encoding='utf-8')])}"
    with workshop.alone():
        if program.is_file():
            return program
        if not (workshop.folder / "graph.ml").is_file():
            workshop.coq("Programs")
        shutil.copy(DRIVER, workshop.folder / "driver.ml")
        command = ["ocamlfind", "ocamlopt", "-w", "-a", "-package", "zarith", "-linkpkg", "graph.mli", "graph.ml"]
        done = subprocess.run(
            [*command, "driver.ml", "-o", "partial"], cwd=workshop.folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise GradcertError(f"OCaml does not compile the extracted programs: {done.stderr.strip()[:400]}")
        (workshop.folder / "partial").rename(program)
    return program


@dataclass(frozen=True)
class Question:
    """One network, and parameters with the rules that they are asked about.

    Attributes
    ----------
    graph : the network.
    parameters : (rule, immediate derivatives) of each.
    truth : what the rule is measured against.
    ticks : labels that take a step in time.
    window : walks of fewer steps in time than this; 0 for all.
    walks : whether to sum walk by walk too, which takes time exponential in the number of steps.
    prime : of the field; 0 for the rationals.
    """

    graph: Graph
    parameters: Sequence[tuple[Keep, Immediate]]
    truth: Keep
    ticks: frozenset[Label] = frozenset()
    window: int = 0
    walks: bool = False
    prime: int = 0

    def lines(self) -> list[str]:
        """Return the question as the driver reads it."""
        labels = sorted(self.graph.labels(), key=str)
        numbered = {label: k for k, label in enumerate(labels)}
        nodes = self.graph.nodes
        out = [f"{self.prime} {len(nodes)} {len(self.parameters)} {self.window} {int(self.walks)}"]
        out.append(_numbers(numbered[label] for label in labels if label in self.ticks))
        for place in reversed(range(len(nodes))):
            node = nodes[place]
            edges = (f"{place - 1 - source} {value} {numbered[label]}" for source, value, label in node.edges)
            out.append(" ".join([f"{node.credit} {numbered[node.site]}", *edges]))
        truth = _numbers(numbered[label] for label in labels if self.truth(label))
        for keep, immediate in self.parameters:
            uses = (f"{len(nodes) - 1 - place} {value}" for place, value in immediate.items())
            out += [truth, _numbers(numbered[label] for label in labels if keep(label)), " ".join(uses)]
        return out


def _numbers(values: Any) -> str:
    return " ".join(map(str, values))


def ask(program: Path, questions: Sequence[Question]) -> list[list[list[str]]]:
    """Return the answers: per question, per parameter, the numbers as they are written.

    In this order: forward, reverse, the truth, the residual; with `walks` also the sum over the walks of the rule, and
    over those in which truth and rule differ.
    """
    text = "\n".join(line for question in questions for line in question.lines()) + "\n"
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GradcertError(f"the extracted programs stopped: {done.stderr.strip()[:400]}")
    lines = iter(done.stdout.splitlines())
    return [[next(lines).split() for _ in question.parameters] for question in questions]
