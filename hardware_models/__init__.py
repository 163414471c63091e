"""Bit-accurate models of on-chip learning: what a learning rule becomes in fixed point.

What lives here: fixed-point arithmetic, one declarative description per rule and profile (from which the NumPy
simulator, the Fraction oracle, solver terms, Verilog and the real-valued rule are derived), proofs with broken twins,
searches against every printed claim, RTL checks and the gradient ledger.

What it may import: `gradcert.reference`, NumPy; z3, cvc5, ml_dtypes, cocotb and matplotlib only where they are used.

Everything is resolved on first use, so that importing the room needs none of the extras.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcert.hardware_models.agreement.faults import fault_table
    from gradcert.hardware_models.agreement.forms import agreements
    from gradcert.hardware_models.api import check, describe, profiles, sweep
    from gradcert.hardware_models.attacks.search import attack
    from gradcert.hardware_models.catalogue import program
    from gradcert.hardware_models.cost.gradient_ledger import BUILT_IN, Ledger, ledger
    from gradcert.hardware_models.cost.own_task import Own, read_network
    from gradcert.hardware_models.rtl.harness import follow, read_harness
    from gradcert.hardware_models.subject import judge_fixed_point

_HOME = {
    "BUILT_IN": "cost.gradient_ledger",
    "Ledger": "cost.gradient_ledger",
    "Own": "cost.own_task",
    "agreements": "agreement.forms",
    "attack": "attacks.search",
    "check": "api",
    "describe": "api",
    "fault_table": "agreement.faults",
    "follow": "rtl.harness",
    "judge_fixed_point": "subject",
    "ledger": "cost.gradient_ledger",
    "profiles": "api",
    "program": "catalogue",
    "read_harness": "rtl.harness",
    "read_network": "cost.own_task",
    "sweep": "api",
}

__all__ = [
    "BUILT_IN",
    "Ledger",
    "Own",
    "agreements",
    "attack",
    "check",
    "describe",
    "fault_table",
    "follow",
    "judge_fixed_point",
    "ledger",
    "profiles",
    "program",
    "read_harness",
    "read_network",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
