"""The theorems: what each says in one sentence, which derivation it generalises, which rows of the table it is about.

The statements themselves are in `coq`. Everything that a source calls a Theorem or a Corollary is listed here; a test
compares, and another holds what each assumes against ``coq/assumptions.txt``.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradcert.reference import TEMPORAL, Rule
from gradcert.theorems.toolchain import SOURCES

EVERY = "every row"


@dataclass(frozen=True)
class Theorem:
    """One theorem.

    Attributes
    ----------
    name : ``File.theorem``.
    says : what it says, in one sentence.
    chapters : derivations that it generalises.
    about : rows of the rule table, or what of a row it is about: ``every row``, ``window``, ``chunk``, ``reach``,
        ``random``, ``direct``, ``target``, ``local``; empty for what is not about a row.
    """

    name: str
    says: str
    chapters: tuple[str, ...] = ()
    about: tuple[str, ...] = ()


def _file(file: str, *rows: tuple[str, str, str, str]) -> tuple[Theorem, ...]:
    return tuple(Theorem(f"{file}.{name}", says, tuple(c.split()), _about(about)) for name, says, c, about in rows)


def _about(words: str) -> tuple[str, ...]:
    return (EVERY,) if words == EVERY else tuple(words.split())


THEOREMS: tuple[Theorem, ...] = (
    *_file(
        "Tape",
        (
            "forward_is_reverse",
            "On every unrolled network, under every rule on labels, in every ring: forward accumulation is reverse"
            " accumulation.",
            "paths",
            EVERY,
        ),
        (
            "forward_is_path_sum",
            "Forward accumulation is the sum over the walks all of whose labels the rule keeps.",
            "paths",
            EVERY,
        ),
        ("reverse_is_path_sum", "So is reverse accumulation.", "paths", EVERY),
        (
            "restriction",
            "Any restriction of walks and what it leaves out add up to the whole.",
            "paths snap",
            "window chunk reach",
        ),
        ("two_rules", "Two rules differ by the walks of one that are not walks of the other.", "paths local", ""),
        (
            "rule_plus_residual",
            "Rule + residual = truth, where one sweep with two adjoints computes the residual.",
            "paths depth",
            EVERY,
        ),
        (
            "residual_is_path_sum",
            "The residual is the sum over walks of the truth that the rule drops, less those that the rule alone has.",
            "paths depth",
            EVERY,
        ),
        (
            "residual_of_a_cut",
            "Of a rule that only drops: the sum over the walks with a dropped label.",
            "paths",
            EVERY,
        ),
        (
            "reach_is_exact",
            "A rule that closes only nodes which feel nothing of the parameter changes nothing.",
            "snap",
            "reach",
        ),
        ("split_edges", "B and W - B in parallel in the place of W change no gradient.", "ostl", "random"),
        (
            "random_feedback",
            "A rule that sends credit through B errs by the walks that meet W - B or another dropped label.",
            "ostl",
            "random",
        ),
        (
            "absent_edges",
            "An edge that a rule drops is as good as absent: a network with feedback edges has, under the truth, the"
            " gradient of the network without.",
            "osttp eprop local",
            "direct target local",
        ),
        (
            "projected_feedback",
            "Gradient = rule + the walks that the rule drops - the walks through its own projection.",
            "osttp eprop local",
            "direct target local",
        ),
    ),
    *_file(
        "Ages",
        (
            "window_is_path_sum",
            "The programs run on polynomials, cut at degree w, sum the kept walks of fewer than w steps in time.",
            "paths",
            "window",
        ),
        ("window_forward_is_reverse", "Forward and reverse agree inside a window.", "paths", "window"),
        ("window_plus_beyond", "A window and what is beyond it are the rule without a window.", "paths", "window"),
        ("beyond_is_path_sum", "What is beyond is the kept walks of w steps or more.", "paths", "window"),
    ),
    *_file(
        "Layer",
        (
            "reverse_is_gradient",
            "One layer of every width and length: the reverse sweep is the sum over pairs of steps.",
            "ostl",
            "bptt rtrl",
        ),
        ("forward_is_gradient", "So is the trace of real-time recurrent learning.", "ostl", "bptt rtrl"),
        ("forward_is_reverse", "RTRL is BPTT.", "ostl", "bptt rtrl"),
    ),
    *_file(
        "Kept",
        (
            "rule_plus_residual",
            "J = K + D: the gradient is that of K plus the words with a dropped step.",
            "paths ottt",
            "ottt sltt bptt-detached-reset e-prop",
        ),
        ("residual_sweep", "One sweep computes that sum.", "paths", "ottt sltt bptt-detached-reset e-prop"),
        ("exact_rule", "A rule that drops nothing is exact.", "ostl", "bptt rtrl"),
    ),
    *_file(
        "Stack",
        (
            "ostl_exact",
            "OSTL is exact where no layer above has memory, for every depth and every widths.",
            "ostl depth",
            "ostl",
        ),
        ("stack_forward", "Traces carried up a stack give the gradient of its lowest layer.", "depth", "rtrl ostl"),
        (
            "stack_plus_residual",
            "Rule + residual = gradient in every layer of every stack, whatever Jacobians are kept.",
            "depth",
            EVERY,
        ),
        (
            "ostl_two_layers",
            "The residual of OSTL in two layers, in closed form: up, at least one step in time there, to the loss.",
            "ostl depth",
            "ostl",
        ),
    ),
    *_file(
        "StackTape",
        (
            "tape_is_stack",
            "A stack of layers is a tape: the programs compute its gradients, with the Jacobians that a rule keeps.",
            "depth",
            EVERY,
        ),
        ("tape_is_gradient", "With everything kept, the gradient.", "depth", "bptt rtrl"),
        ("tape_is_ostl", "With steps through time kept in one layer alone, OSTL for that layer.", "ostl", "ostl"),
        ("tape_ostl_exact", "OSTL on the tape is exact where no layer above has memory.", "ostl", "ostl"),
    ),
    *_file(
        "Ottt",
        (
            "ottt_is_gradient",
            "Where all units leak alike, credit times the presynaptic trace is the gradient along the leak.",
            "ottt",
            "ottt",
        ),
        ("bias_is_gradient", "The bias has a trace of its own, the discounted count of steps.", "ottt", "ottt"),
        (
            "per_synapse_is_gradient",
            "With a leak (and a diagonal reset) per unit, one trace per synapse gives the gradient.",
            "ottt eprop",
            "ottt e-prop rflo decolle",
        ),
    ),
    *_file(
        "Window",
        ("window_plus_beyond", "In one layer: window + beyond = gradient.", "paths", "tbptt"),
        ("window_sweep", "The sweep that looks ahead w - 1 steps computes the window.", "paths", "tbptt"),
        ("window_exact", "A window as long as the sequence is no window.", "paths", "tbptt"),
        ("chunk_flow", "Chunks drop the paths that enter a multiple of w, and no others.", "paths", "tbptt-chunks"),
    ),
    *_file(
        "Norms",
        ("entries_ge0", "The sum of the absolute entries is not negative,", "", ""),
        ("entries0", "is 0 for 0,", "", ""),
        ("entriesD", "obeys the triangle inequality,", "", ""),
        ("entriesM", "and is submultiplicative: the hypotheses of Bound can be met.", "bounds", ""),
    ),
    *_file(
        "Bound",
        ("trace_bound", "Under contraction a trace stays below f / (1 - a), for every T.", "bounds", "rtrl"),
        ("window_bound", "What a window leaves out decays as a^w.", "bounds", "tbptt"),
        (
            "rule_bound",
            "A rule that drops D errs per step by at most q d f / ((1 - k) (1 - a)).",
            "bounds",
            "ottt sltt bptt-detached-reset e-prop",
        ),
        ("ostl_bound", "OSTL in two layers errs geometrically in the upper layer's contraction.", "bounds", "ostl"),
        ("descent", "If the error of an estimate is shorter than the estimate, its negative descends.", "bounds", ""),
    ),
    *_file(
        "Unbiased",
        (
            "uoro_unbiased",
            "The mean of UORO over all signs is the gradient, with any even normalisers.",
            "unbiased",
            "",
        ),
        ("kf_unbiased", "The mean of KF-RTRL over all signs is the gradient of the layer.", "unbiased", ""),
    ),
    *_file(
        "Derivative",
        (
            "trace_is_differential",
            "Over the reals, the trace is the differential of the state of the unrolled network.",
            "ostl",
            "rtrl",
        ),
        (
            "reverse_is_derivative",
            "Over the reals, the loss is differentiable and the reverse sweep is its gradient.",
            "paths",
            "bptt",
        ),
    ),
    *_file(
        "Budget",
        ("value_rearranged", "Rearranging a polynomial changes neither its value,", "", ""),
        ("size_rearranged", "nor the sum of the absolute values of its monomials,", "", ""),
        ("grand_rearranged", "nor that sum with every atom at least 1.", "", ""),
        ("grown_gamma", "(1 + u)^n - 1 is at most n u / (1 - n u).", "", ""),
        ("in_order", "Rounding and underflow, in the given order: ((1 + u)^n - 1) M + (1 + u)^n low.", "", ""),
        ("no_underflow", "Without underflow: ((1 + u)^n - 1) M, the standard model.", "", ""),
        ("any_order", "In every order: ((1 + u)^n - 1) M + (1 + u)^n ((1 + eta)^k - 1) G.", "", ""),
        ("flocq_in_order", "Flocq's binary arithmetic with gradual underflow keeps the first bound,", "", ""),
        ("flocq_any_order", "and the second.", "", ""),
    ),
    *_file(
        "Lattice",
        ("value_multiple", "Every value is a multiple of 2^-lattice.", "fixedpoint", ""),
        (
            "lattice_exact",
            "Where the digits hold the lattice, nothing is rounded, with underflow too.",
            "fixedpoint",
            "",
        ),
    ),
    *_file(
        "Small",
        ("small_network", "On a small network the programs agree, as Coq itself computes (no extraction).", "", ""),
    ),
)


def about(rule: Rule) -> list[Theorem]:
    """Return the theorems about a row of the table.

    Examples
    --------
    >>> from gradcert.reference import RULES
    >>> "Stack.ostl_exact" in [theorem.name for theorem in about(RULES["ostl"])]
    True
    """
    words = {EVERY, rule.name.partition("(")[0], rule.feedback}
    words |= {option for option in ("window", "chunk", "reach") if getattr(rule, option) is not None}
    if rule.own == rule.upper == TEMPORAL and rule.feedback == "symmetric" and len(words) == 3:
        words |= {"bptt"}
    return [theorem for theorem in THEOREMS if words & set(theorem.about)]


def of_chapter(chapter: str) -> tuple[str, ...]:
    """Return the names of the theorems that generalise a derivation.

    Examples
    --------
    >>> of_chapter("unbiased")
    ('Unbiased.uoro_unbiased', 'Unbiased.kf_unbiased')
    """
    return tuple(theorem.name for theorem in THEOREMS if chapter in theorem.chapters)


def stated() -> list[str]:
    """Return ``File.theorem`` of everything that the sources call a Theorem or a Corollary."""
    import re

    found = []
    for path in sorted(SOURCES.glob("*.v")):
        text = path.read_text(encoding="utf-8")
        found += [f"{path.stem}.{name}" for name in re.findall(r"^(?:Theorem|Corollary) (\w+)", text, re.MULTILINE)]
    return found
