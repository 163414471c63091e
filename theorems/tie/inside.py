"""The tie without extraction: a recorded network as a Coq source, whose numbers Coq itself computes and compares."""

from __future__ import annotations

from typing import Any

from gradcert.theorems.tie.compare import Prepared

HEAD = """Require Import List QArith Qcanon Bool.
From Gradcert Require Import Graph.
Import ListNotations.
Open Scope nat_scope.
Definition q (a : Z) (b : positive) : Qc := Q2Qc (a # b).
Definition of (labels : list nat) (l : nat) : bool := existsb (Nat.eqb l) labels.
Definition equal (l r : list Qc) : bool := forallb (fun p => Qc_eq_bool (fst p) (snd p)) (combine l r).
Definition four g truth rule F :=
  [forward Qc 0 Qcplus Qcmult nat rule g F; reverse Qc 0 Qcplus Qcmult nat rule g F;
   forward Qc 0 Qcplus Qcmult nat truth g F; residual Qc 0 Qcplus Qcmult Qcopp nat truth rule g F]%Qc.
"""


def source(prepared: Prepared) -> str:
    """Return a theorem that says: on this network the programs give the numbers of the engines, parameter by parameter.

    Parameters
    ----------
    prepared : a case in rationals, without a window or a reach (`compare.prepare`); keep it small.
    """
    question = prepared.question
    nodes, labels = question.graph.nodes, sorted(question.graph.labels(), key=str)
    number = {label: k for k, label in enumerate(labels)}

    def those(keep: Any) -> str:
        return _list(str(number[label]) for label in labels if keep(label))

    network = []
    for place in reversed(range(len(nodes))):
        edges = (f"Edge {place - 1 - s} {_rational(x)} {number[label]}" for s, x, label in nodes[place].edges)
        network.append(f"Node {_list(edges)} {_rational(nodes[place].credit)} {number[nodes[place].site]}")
    claims = []
    for (name, index), (keep, immediate) in zip(prepared.keys, question.parameters, strict=True):
        uses = _list(_rational(immediate.get(place, 0)) for place in reversed(range(len(nodes))))
        engine = _list(_rational(prepared.engines[which][name][index]) for which in prepared.engines)
        claims.append(f"equal (four network (of {those(question.truth)}) (of {those(keep)}) {uses}) {engine}")
    return "\n".join(
        [
            HEAD,
            f"Definition network : tape Qc nat := {_list(network)}.",
            f"Theorem as_the_engines : {_list(claims)} = {_list('true' for _ in claims)}.",
            "Proof. vm_compute; reflexivity. Qed.",
            "",
        ]
    )


def _list(words: Any) -> str:
    return "[" + ";\n  ".join(words) + "]"


def _rational(value: Any) -> str:
    over, _, under = str(value).partition("/")
    return f"(q ({over}) {under or 1})"
