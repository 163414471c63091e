"""Synapses: linear maps with their pull-backs. A cell does not know which one it has."""

from typing import Any

from gradcert.reference.networks.synapses.avgpool import AvgPool
from gradcert.reference.networks.synapses.conv2d import Conv2d
from gradcert.reference.networks.synapses.dense import Dense
from gradcert.reference.networks.synapses.maxpool import MaxPool
from gradcert.reference.networks.synapses.mean import Mean
from gradcert.reference.networks.synapses.part import Part, Place
from gradcert.reference.networks.synapses.repeat import Repeat
from gradcert.reference.networks.synapses.sparse import Sparse
from gradcert.reference.networks.synapses.windows import Tap

SYNAPSES: dict[str, Any] = {
    "dense": Dense,
    "conv2d": Conv2d,
    "avgpool": AvgPool,
    "maxpool": MaxPool,
    "sparse": Sparse,
    "tap": Tap,
    "mean": Mean,
    "repeat": Repeat,
}

__all__ = ["SYNAPSES", "AvgPool", "Conv2d", "Dense", "MaxPool", "Mean", "Part", "Place", "Repeat", "Sparse", "Tap"]
