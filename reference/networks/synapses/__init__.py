"""Synapses: linear maps with their pull-backs. A cell does not know which one it has."""

from typing import Any

from gradcert.reference.networks.synapses.avgpool import AvgPool
from gradcert.reference.networks.synapses.conv2d import Conv2d
from gradcert.reference.networks.synapses.dense import Dense
from gradcert.reference.networks.synapses.part import Part, Place
from gradcert.reference.networks.synapses.sparse import Sparse

SYNAPSES: dict[str, Any] = {"dense": Dense, "conv2d": Conv2d, "avgpool": AvgPool, "sparse": Sparse}

__all__ = ["SYNAPSES", "AvgPool", "Conv2d", "Dense", "Part", "Place", "Sparse"]
