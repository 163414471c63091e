"""Traps T84 to T94 of mathematics.md 14.6: the RTRL family."""

from __future__ import annotations

from functools import partial
from typing import Any

from gradcert.properties.gallery import claims
from gradcert.properties.gallery.build import bug, row_of
from gradcert.properties.gallery.causes import CAUSES
from gradcert.properties.gallery.entry import Entry
from gradcert.properties.gallery.literal import influence

CLASS = "RTRL family"
LONG = {"steps": (3, 4)}


def uoro(problem: Any, seed: int, *, fault: str = "") -> Any:
    """Return one UORO draw."""
    return influence.uoro(problem, influence.draw(problem, seed, fault=fault), fault=fault)


def kf_rtrl(problem: Any, seed: int, *, fault: str = "") -> Any:
    """Return one KF-RTRL draw."""
    return influence.kf_rtrl(problem, influence.draw_signs(problem, seed, fault=fault), fault=fault)


def _random(
    trap: str,
    name: str,
    title: str,
    *,
    fault: str,
    kind: str = "uoro",
    enumerable: bool = True,
    beyond: str = "",
) -> Entry:
    one, every = (uoro, influence.outcomes) if kind == "uoro" else (kf_rtrl, influence.sign_outcomes)
    return Entry(
        name=f"{trap}_{name}",
        title=title,
        gradients=None,
        claim={**claims.RATE, "losses": ("squared_error",), "options": {"recurrent": True}},
        traps=(trap,),
        bug_class=CLASS,
        cause=CAUSES.get(f"{trap}_{name}", ()),
        estimate=partial(one, fault=fault),
        outcomes=partial(every, fault=fault) if enumerable else None,
        limits={"units": (2, 3), **LONG},
        beyond=beyond,
    )


_snap = partial(bug, CLASS, influence.snap, claims.SNAP_1, limits={**LONG, "units": (2, 3)})

ENTRIES: tuple[Entry, ...] = (
    _random("T84", "uniform_noise", "noise uniform on an interval", fault="T84", enumerable=False),
    _random("T85", "noise_of_one_step", "one noise for all steps", fault="T85 steps"),
    _random("T86", "normaliser_on_one_factor", "r0 on one factor only", fault="T86", enumerable=False),
    _random(
        "T86",
        "normaliser_not_inverted",
        "r0 not inverted on the other factor",
        fault="T86 inverse",
        enumerable=False,
        beyond="it varies so much that no number of draws which certify allows decides: inconclusive",
    ),
    _random("T87", "no_guard", "no guard where J A = 0 at the first step", fault="T87", enumerable=False),
    _random("T88", "fixed_start", "fixed non-zero initial factors", fault="T88"),
    _random("T90", "sign_per_entry", "KF-RTRL's sign drawn per entry", fault="T90 entries", kind="kf"),
    _random(
        "T90", "normaliser_on_one_side", "KF-RTRL's p1 on one side only", fault="T90 side", kind="kf", enumerable=False
    ),
    _snap(
        "T91",
        "diagonal_excluded",
        "SnAp without the diagonal of H",
        fault="T91 diagonal",
    ),
    _snap("T91", "one_step_further", "SnAp-2 sold as SnAp-1", fault="T91 late"),
    _snap("T91", "mask_of_values", "the mask from current values", fault="T91 values"),
    bug(
        CLASS,
        partial(influence.snap, n=2),
        claims.SNAP_2,
        "T91",
        "one_step_short",
        "SnAp-1 sold as SnAp-2",
        fault="T91 early",
        limits={**LONG, "units": (2, 3)},
    ),
    _snap("T92", "mask_shifted", "a mask in another order of units"),
    _snap("T94", "immediate_only", "a trace without recurrence sold as SnAp-1"),
    bug(
        CLASS,
        row_of("e-prop"),
        {**claims.OSTL_SNU, "rule": "snap-1", "options": {"recurrent": True}},
        "T94",
        "e_prop_as_snap",
        "e-prop's trace sold as SnAp-1",
        fault="",
    ),
)
