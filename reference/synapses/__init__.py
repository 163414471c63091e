"""Synapses: linear maps with their pull-backs. A cell does not know which one it has."""

from typing import Any

from gradcert.reference.synapses.dense import Dense

SYNAPSES: dict[str, Any] = {"dense": Dense}

__all__ = ["SYNAPSES", "Dense"]
