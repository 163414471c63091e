"""Constants of the cells beside this file, which import them."""

MEMBRANE, SYNAPSE = 0.9, 0.8
